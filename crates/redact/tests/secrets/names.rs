//! Names of secrets, and what joins their values to them.

use super::{all, is, random};

#[test]
fn more_names_are_known() {
    for name in [
        "PGPASSWORD=",
        "SSHPASS=",
        "dbpassword=",
        "newpassword=",
        "confirmpassword=",
        "userpassword: ",
        "storepass=",
        "rootpw: ",
        "bindpw: ",
        "password_confirmation=",
        "user[password_confirmation]=",
        "passwordConfirm: ",
        "password_new=",
        "passphrase=",
        "--passphrase ",
        "passwordRepeat: ",
        "keystorepass: ",
        "ＰＡＳＳＷＯＲＤ=",
        "ｐａｓｓｗｏｒｄ：",
        "password\u{200b}=",
        "pass\u{200b}word: ",
        "密 码：",
        "密码改为",
        "密码重置为：",
    ] {
        is(&format!("{name}hunter2x9"), "hunter2x9");
    }
    for name in [
        "AZURE_OPENAI_KEY=",
        "OPENAI_KEY=",
        "AZURE_STORAGE_KEY=",
        "subscription_key: ",
        "subscriptionKey=",
        "JWT_KEY=",
        "AES_KEY=",
        "MASTER_KEY=",
        "SECRET_KEY_BASE=",
        "apitoken=",
        "sessiontoken=",
        "jwtsecret=",
        "X-Functions-Key: ",
        "GH_PAT=",
        "//r.example/:_auth=",
        "JSESSIONID=",
        "?sv=1&sig=",
        "?sig=",
        "X-Amz-Signature=",
        "{\"passwordConfirmation\":\"\",\"authorization\":\"",
    ] {
        is(&format!("{name}{}", random(24)), &random(24));
    }
    for text in [
        "nopassword=hunter2x9",
        "information: hunter2x9abcdef12",
        "database=hunter2x9abcdef12",
        "signature=hunter2x9abcdef12",
        "require_auth=hunter2x9abcdef12",
        "sig = hunter2x9abcdef12",
        "CLIENT_AUTH=hunter2x9abcdef12",
        "config=hunter2x9abcdef12",
        "public_key=hunter2x9abcdef12",
        "primary_key=hunter2x9abcdef12",
        "compass=hunter2x9",
        "encompass=hunter2x9",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn a_password_is_told_in_sentences_and_commands() {
    for (before, behind) in [
        ("Mein Passwort lautet ", "."),
        ("Das Passwort ist ", ", gut"),
        ("Das Kennwort lautet: ", ""),
        ("Mon mot de passe est ", "."),
        ("Mi contraseña es ", "."),
        ("The password was ", "."),
        ("Invalid password \"", "\""),
        ("ALTER USER joe WITH PASSWORD '", "';"),
        ("IDENTIFIED BY '", "';"),
        ("New-User -Password ", " -Force"),
        ("ENV DB_PASSWORD ", "\nRUN x"),
        ("machine h login u password ", "\n"),
        ("<wsse:Password Type=\"x\">", "</wsse:Password>"),
        ("<add key=\"password\" value=\"", "\"/>"),
    ] {
        is(&format!("{before}hunter2x9{behind}"), "hunter2x9");
    }
    for text in [
        "Das Passwort ist falsch.",
        "Le mot de passe est requis",
        "the password was changed 12 times",
        "Invalid password \"field\"",
        "unexpected token '12abcdef9'",
        "a stand by 'hunter2x9'",
        "password reset2023",
        "the login page password hunter",
        "non-password hunter2x9",
        "<option value=\"hunter2x9abc\">",
        "resource \"random_password\" \"hunter2x9\"",
        "t(\"password.label\")",
        "getItem(\"password\")",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}
