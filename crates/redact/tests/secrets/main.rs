//! Keys, tokens and passwords, and what only looks like them.

#![allow(clippy::unwrap_used)]

mod headers;
mod names;
mod pem;
mod url;
mod values;

use lastbyte_redact::{Redactor, Rule};

/// All secrets of a text: as they stand, and as they are meant. They are the same in single characters.
#[track_caller]
fn all(text: &str) -> Vec<(String, String)> {
    let redactor = Redactor::builder().rules([Rule::Secret]).build();
    let (mut stream, mut out) = (redactor.stream(), String::new());
    text.chars().for_each(|ch| stream.push(ch.encode_utf8(&mut [0; 4]), &mut out));
    stream.finish(&mut out);
    assert_eq!(out, redactor.redact(text), "in pieces");
    let hits = redactor.find(text);
    hits.into_iter().map(|hit| (text[hit.range].to_owned(), hit.canonical)).collect()
}

#[track_caller]
fn is(text: &str, value: &str) {
    assert_eq!(all(text), [(value.to_owned(), value.to_owned())], "{text}");
}

/// Characters as a key has them. Keys are put together here, so that nothing in this file looks like one.
fn random(len: usize) -> String {
    "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0".chars().cycle().take(len).collect()
}

#[test]
fn keys_of_providers_are_found_in_all_surroundings() {
    for (prefix, len) in [
        ("sk-", 32),
        ("sk-proj-", 48),
        ("sk-ant-api03-", 95),
        ("ghp_", 36),
        ("hf_", 34),
        ("AIza", 35),
        ("LTAI", 20),
        ("xoxb-", 48),
        ("npm_", 36),
        ("glpat-", 20),
    ] {
        let key = format!("{prefix}{}", random(len));
        for (before, behind) in [
            ("", ""),
            ("密钥是", "，泄露了"),
            ("“", "”"),
            ("\"", "\""),
            ("\\\"", "\\\""),
            ("Bearer ", "\","),
            ("key=", "&x=1"),
            ("(", ")."),
            ("\\n", "\\nafter"),
            ("\u{1b}[0m", "\u{1b}[0m"),
        ] {
            is(&format!("{before}{key}{behind}"), &key);
        }
        for joint in ["\u{200b}", "\u{feff}", "\\n"] {
            let (head, tail) = key.split_at(prefix.len() + 9);
            let split = format!("{head}{joint}{tail}");
            assert_eq!(all(&format!("密钥 {split} 泄露")), [(split, key.clone())], "{joint:?}");
        }
    }
}

#[test]
fn passwords_end_where_they_end() {
    for (text, value) in [
        (r#"{"password":"Q6VX8TSUq6O#ea","n":1}"#, "Q6VX8TSUq6O#ea"),
        (r#"{\"password\":\"Q6VX8TSUq6O#ea\",\"n\":1}"#, "Q6VX8TSUq6O#ea"),
        ("密码：Zx81!ab99 请重置", "Zx81!ab99"),
        ("密码是Zx81!ab99，请重置", "Zx81!ab99"),
        ("password=Zx81!ab99&next=1", "Zx81!ab99"),
        ("DB_PASSWORD='Zx81!ab99'", "Zx81!ab99"),
        ("dbPassword: Some(\"Zx81!ab99\")", "Zx81!ab99"),
        ("password=Zx81!ab99.", "Zx81!ab99"),
        ("postgres://app:S3cr3tPw@db:5432/prod", "S3cr3tPw"),
        ("redis://:S3cr3tPw@h:6379", "S3cr3tPw"),
        ("authorization: Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE="),
        ("Authorization: Bearer aB3dE5gH7jK9mN1pQ3sT5vW7", "aB3dE5gH7jK9mN1pQ3sT5vW7"),
    ] {
        is(text, value);
    }
    let escaped = r#"ab\"cd9"#;
    assert_eq!(all(&format!(r#"{{"password":"{escaped}","n":1}}"#)), [(escaped.into(), "ab\"cd9".into())]);
}

/// In full width.
fn wide(text: &str) -> String {
    text.chars().map(|ch| char::from_u32(ch as u32 + 0xfee0).unwrap()).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn a_secret_is_the_same_whatever_stands_behind_it_and_in_all_spellings() {
    let jwt = format!("eyJ{0}.eyJ{0}.{0}", random(24));
    let secrets = [
        ("", format!("sk-proj-{}", random(48))),
        ("", format!("glpat-{}", random(20))),
        ("", format!("SG.{}.{}", random(22), random(43))),
        ("", jwt),
        ("Bearer ", random(32)),
        ("password=", "Zx81!ab99".to_owned()),
        ("api_key: ", random(24)),
    ];
    for (name, secret) in &secrets {
        let behind = [
            "", ".", ",", "...", ". And", ", and", ") and", "\"", "'", "]", "`", "，", "。", "）", "”",
            ": and",
        ];
        let spelled = [
            secret.clone(),
            wide(secret),
            percent(secret),
            format!("{}\u{200b}{}", &secret[..7], &secret[7..]),
        ];
        for text in &spelled {
            for behind in behind {
                let text = format!("{name}{text}{behind}");
                assert_eq!(all(&text).iter().map(|hit| &hit.1).collect::<Vec<_>>(), [secret], "{text}");
            }
        }
        for behind in [".", "．", "%2E", "\\u002e"] {
            let text = format!("{name}{secret}{behind} And");
            let hits = all(&text);
            assert!(*name == "password=" || *name == "api_key: " || hits[0].1 == *secret, "{text}: {hits:?}");
        }
    }
    let quoted = all(&format!("{{\"password\":\"{}\"}}", secrets[5].1));
    assert_eq!(quoted[0].1, secrets[5].1);
}

#[test]
fn all_of_a_long_secret_is_hidden_whatever_it_is_made_of() {
    let part = random(600);
    for (name, secret, behind) in [
        ("password=", format!("{part}!#/(ä密"), " after"),
        ("password=", format!("{part}{}", percent("!a\"b")), "&x=1"),
        ("\"password\":\"", format!("{part} with \\\"blanks\\\" and, signs!"), "\",\"x\":1"),
        ("\\\"password\\\":\\\"", format!("{part} with blanks, signs!"), "\\\",\\\"x\\\":1"),
        ("redis://u:", format!("{}!*,%40{part}", random(4090)), "@h"),
        ("Bearer ", random(4090) + &wide("Ab12+/==") + &percent("Cd34"), ", and"),
        ("", format!("sk-{}", random(4090)) + "\u{200b}" + &wide("Ab12_"), "，"),
        ("", format!("sk-{}", random(4090)) + &"\u{200b}".repeat(2000) + "Ab12", "，"),
    ] {
        let text = format!("{name}{secret}{behind}");
        all(&text);
        assert_eq!(Redactor::new().redact(&text), format!("{name}[SECRET]{behind}"), "{text}");
    }
}

#[test]
fn a_key_of_every_kind_is_found() {
    let hex = |len: usize| "0a1b2c3d4e5f6789".chars().cycle().take(len).collect::<String>();
    let capitals = |len: usize| "A1B2C3D4E5F6G7H8".chars().cycle().take(len).collect::<String>();
    let uuid = || format!("{}-{}-{}-{}-{}", hex(8), hex(4), hex(4), hex(4), hex(12));
    for key in [
        format!("AGE-SECRET-KEY-1{}", capitals(58)),
        format!("ALTAK{}", random(21)),
        format!("bce-v3/ALTAK-{}/{}", random(21), hex(40)),
        format!("STS.N{}", random(24)),
        format!("AKLT{}", random(40)),
        format!("ms-{}", uuid()),
        format!("sk-lf-{}", uuid()),
        format!("pat_{}", random(64)),
        format!("app-{}", random(24)),
        format!("{}.{}", hex(32), random(16)),
        format!("qyapi.weixin.qq.com/cgi-bin/webhook/send?key={}", uuid()),
        format!("open.feishu.cn/open-apis/bot/v2/hook/{}", uuid()),
        format!("NRAK-{}", capitals(27)),
        format!("rubygems_{}", hex(48)),
        format!("sntrys_eyJ{}=_{}", random(60), random(43)),
        format!("shpss_{}", hex(32)),
        format!("glptt-{}", hex(40)),
        format!("esecret_{}", random(30)),
        format!("sk_{}", hex(48)),
        format!("1234567890:AA{}-{}", random(16), random(16)),
        format!("MT{}.{}.{}", random(22), random(6), random(38)),
        format!("hooks.slack.com/services/T{0}/B{0}/{1}", capitals(8), random(24)),
        format!("secret_{}", random(43)),
    ] {
        for (before, behind) in [("", ""), ("密钥是", "，泄露了"), ("key ", " is out."), ("https://", "\"")]
        {
            let text = format!("{before}{key}{behind}");
            let hits = all(&text);
            assert!(hits.iter().any(|hit| hit.0 == key), "{text}: {hits:?}");
        }
    }
    for text in [
        "app-configuration-of-the-service",
        "ms-vscode-remote.remote-containers-extension",
        "dataset-2026-11-26-full-and-final-version",
        "secret_santa_2026_party_planning_committee_list",
        "1234567890:the colon of a time and what it says",
        "pat_on_the_back_for_everyone_in_the_whole_team_2026",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn the_check_sum_of_a_token_confirms_it_and_a_wrong_one_does_not_save_it() {
    // As zlib's CRC-32 gives it.
    let (random, sum) = (random(30), "4N2q2A");
    let why = |token: String| Redactor::new().find(&token).remove(0).why;
    assert_eq!(why(format!("ghp_{random}{sum}")), "token of GitHub, check sum");
    assert_eq!(why(format!("ghp_{random}{}", "0mLq18")), "token of GitHub");
}

#[test]
fn a_password_is_known_by_its_name_in_several_languages() {
    for before in [
        "pass=",
        "DB_PASS=",
        "dbPass: ",
        "\"pass\": \"",
        "MYSQL_PWD=",
        "passwd: ",
        "Passwort: ",
        "Kennwort:",
        "contraseña: ",
        "CONTRASEÑA=",
        "contrasena=",
        "mot de passe : ",
        "Mot de passe: ",
        "mot_de_passe=",
        "senha: ",
        "пароль: ",
        "密码：",
        "密码是",
        "密码为",
        "密码为：",
        "登录密码 = ",
        "口令＝",
        "管理员口令：",
        "密碼：",
        "パスワード：",
        "비밀번호: ",
        "password2=",
        "password_1: ",
        "password => ",
        ":password => \"",
        "password := \"",
        "config[\"password\"] = \"",
        "**Password:** ",
        "**密码**：",
        "<password>",
        "<param name=\"password\">",
        "my password is ",
        "The password is: ",
        "--password ",
        "--password=",
        "const PASSWORD: &str = \"",
        "password%3D",
        "密码：`",
        "The password is `",
    ] {
        for value in ["Zx81!ab99", "hunter22a"] {
            let behind = before.chars().last().filter(|ch| "\"`".contains(*ch));
            let behind = behind.map_or_else(|| " and".to_owned(), String::from);
            is(&format!("{before}{value}{behind}"), value);
        }
    }
    for before in [
        "api 密钥：",
        "密钥为",
        "访问密钥是",
        "私钥：",
        "API key: ",
        "AccountKey=",
        "appSecret=",
        "--api-key ",
        "令牌=",
    ] {
        is(&format!("{before}{} and", random(24)), &random(24));
    }
    is("密码是Zx81!ab99请重置", "Zx81!ab99");
    is("密码：小明Zx81", "小明Zx81");
    for text in [
        "compass=Zx81!ab99",
        "bypass: Zx81!ab99",
        "pass=1234 fail=2",
        "pass: 120ms",
        "{\"pass\":\"failed\"}",
        "{\"pass\":\"yes\"}",
        "tests pass: all of them",
        "my password is required",
        "The password is too short",
        "The token is expired since 12:30",
        "password is 8 characters or more",
        "--password required",
        "--verbose Zx81!ab99",
        "</password>Zx81!ab99",
        "密码为空",
        "密码为必填项且长度不少于8位",
        "密码：至少8位",
        "密码为什么不对",
        "口令是错的",
        "as long as it is 1234567a",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "sk-learn and risk-adjusted-return-model-2026",
        "password: required field, must be long",
        "password=，怎么处理",
        "password=; see",
        "密码错误三次将锁定账户",
        "Bearer realm=\"api\"",
        "Bearer ${API_KEY}",
        "Authorization: Bearer <token>",
        "Bearer token is missing",
        "the bearer of bad news",
        "Basic authentication of users",
        "prompt_tokens=1381 max_token=4096",
        "etag=873c5fe2fc23a2573be3d219ef843a6f",
        "0192f3c4-7b1e-7cc0-8a53-2f1d3a5b7c9d",
        "https://example.com:8080/a@b",
        "std::fs::File",
        "PWD=/srv/app/current",
        "let password = config.password;",
        "password=args.password",
        "password: Option<String>,",
        "password=${DB_PASSWORD}",
        r#"{"password":"must be long"}"#,
        "postgresql://<user>:<password>@db.example.com:5432/app?sslmode=require",
        "https://<user>:<token>@github.com/org/repo.git",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn a_password_in_quotes_is_one_wherever_the_sentence_begins() {
    for text in [
        "The password is \"hunter2abc\" and then it goes on and on for a while, you see.",
        "Please note that the password is 'correct horse battery 9' until the end of the month.",
        "We started it with --password \"correct horse battery staple and one 7\" as it was said.",
    ] {
        assert_eq!(all(text).len(), 1, "{text}");
    }
}

#[test]
fn the_rest_of_a_very_long_password_goes_with_it() {
    for (before, behind) in [("password=", " after"), ("{\"password\":\"", "\"}"), ("api_key=", "&x=1")] {
        let text = format!("{before}{}{behind}", random(600));
        assert_eq!(Redactor::new().redact(&text), format!("{before}[SECRET]{behind}"));
    }
}

#[test]
fn a_row_of_names_ends_in_one_value() {
    is("token:token:token:token:Zx81ab99cd", "Zx81ab99cd");
    is("password=token:Zx81ab99", "token:Zx81ab99");
    is("token=password:Zx81!ab99", "Zx81!ab99");
    assert_eq!(all(&"token:".repeat(300)), []);
}
