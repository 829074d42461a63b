//! Where values without quotes end, and which of them are none.

use super::{all, is};

#[test]
fn signs_within_a_password_do_not_end_it() {
    for value in [
        "aB3&kL9mQz",
        "foo&Bar9912",
        "kq;7XzPmw",
        "Tz4]w2xHn",
        "M$kzZNAHvBm%m!mz",
        "x9,Y\"q'R7`w",
        "p9)Y(q{R}7w",
        "a1>b2<C3w",
        "&J9kGz!L4d",
        "w}9=T&k;2",
    ] {
        for (before, behind) in
            [("password: ", ""), ("DB_PASSWORD=", "\nnext"), ("密码：", " 请"), ("{\"m\":\"password=", "\"}")]
        {
            if behind.starts_with('"') && value.contains('"') {
                continue;
            }
            is(&format!("{before}{value}{behind}"), value);
        }
    }
    is("my password is M$kzZNAHvBm%m!mz", "M$kzZNAHvBm%m!mz");
    is("my password is QiwYQtXoVvqWvkXY.", "QiwYQtXoVvqWvkXY");
}

#[test]
fn what_follows_a_password_ends_it() {
    for (before, behind) in [
        ("https://h/?password=", "&x=1"),
        ("https://h/?password=", "&amp;user=1"),
        ("jdbc:x;password=", ";encrypt=true"),
        ("user=bob,password=", ",user=bob"),
        ("{user:bob,password:", ",token:x}"),
        ("connect(password=", ").cursor()"),
        ("connect(password=", ")"),
        ("[password=", "], and"),
        ("<password>", "</password>"),
        ("password: ", "<br/>next"),
        ("password: ", "&lt;/b&gt;"),
        ("\"password=", "\"+x"),
        ("'password=", "',"),
        ("{\"msg\":\"password=", "\",\"n\":1}"),
        ("{\\\"msg\\\":\\\"password=", "\\\",\\\"n\\\":1}"),
        ("[\"--password=", "\",\"run\"]"),
        ("密码：", "，请重置"),
        ("密码：", ",请重置"),
        ("密码是", "）。"),
    ] {
        is(&format!("{before}Zx81!ab99{behind}"), "Zx81!ab99");
    }
}

#[test]
fn a_password_may_begin_with_any_sign() {
    for (before, value) in [
        ("AWS_SECRET_ACCESS_KEY=", "/WmpfS6AkNDl/jYV7glrDzci5TTA5EWc9/+06+hN"),
        ("DB_PASSWORD=", "/Kx92mQpLz"),
        ("password: ", "[Kx9mQ2zz"),
        ("password: ", "(Kx9!mQ2zz"),
        ("password: ", "%Kx9mQ2%"),
        ("password=", ":rr#7LBA!EU"),
        ("\"password\": \"", "your-dog"),
    ] {
        is(&format!("{before}{value}{}", if before.ends_with('"') { "\"" } else { "" }), value);
    }
    for text in [
        "PWD=/tmp/tmp.Ab1Cd2Ef3G",
        "OLDPWD=/Kx92mQpLz",
        "password: /srv/user1234/secrets",
        "password: /run/secrets/db",
        "password: [A-Za-z0-9]{8,} and more",
        "password: (see below)",
        "password: [redacted]",
        "password: {{ .Values.password }}",
        "password=%PASSWORD%",
        "password=%DB_PASSWORD_1%",
        "password=<your password>",
        "password: one,two,three and four",
        "\"password\": \"your-password\"",
        "\"token\": \"your_api_token_here\"",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn calls_and_types_are_no_passwords() {
    for text in [
        "let password = String::new();",
        "password = input(\"Password: \")",
        "password: Optional[str] = None",
        "const token = localStorage.getItem('token');",
        "$password = $_POST['password'];",
        "TOKEN => Ok(KeyClass::Number),",
        "pw = pw[:-1]",
        "secrets: &ConnectionSecrets,",
        "pub colon_token: Option<Token![:]>,",
        "let password = os.environ['DB_PASSWORD']",
        "password = get_password()",
        "secret: self.or1_token.clone(),",
        "let password = percent_decode(pwd.as_bytes()).decode_utf8_lossy();",
        "fn login(password: &str, n: u8)",
        "$this->password->value",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn a_value_is_found_within_what_wraps_it() {
    for (before, behind) in [
        ("password=SecretStr('", "')"),
        ("password: SecretString(\"", "\")"),
        ("password: Some(SecretString(\"", "\"))"),
        ("let password = SecretString::from(\"", "\");"),
        ("password = Optional(\"", "\")"),
        ("[\"password\"]=>\n  string(9) \"", "\""),
        ("password: !!str ", ""),
        ("password: !!str \"", "\""),
        ("password = \"\"\"", "\"\"\""),
        ("password = b\"", "\""),
        ("password=r'", "'"),
        ("client.setPassword(\"", "\");"),
    ] {
        is(&format!("{before}hunter2x9{behind}"), "hunter2x9");
    }
}
