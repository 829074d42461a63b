//! Passwords in URLs.

use lastbyte_redact::Redactor;

use super::{all, random};

#[test]
fn a_password_in_a_url_ends_at_its_host() {
    let long = random(700);
    for (text, stands, value) in [
        ("postgres://app:p%40ss%2Fw0rd@db:5432/prod", "p%40ss%2Fw0rd", "p@ss/w0rd"),
        ("postgres://a%40b%2Fc:S3cr3t@db/prod", "S3cr3t", "S3cr3t"),
        ("postgres://app:p@ss@db/prod?x=a@b", "p@ss", "p@ss"),
        ("smtp://li@example.com:S3cr3t@mail", "S3cr3t", "S3cr3t"),
        ("redis://u:pa$s{w*o[rd@h", "pa$s{w*o[rd", "pa$s{w*o[rd"),
        (r#"{"url":"https:\/\/u:S3cr3t@h\/p"}"#, "S3cr3t", "S3cr3t"),
        (r#""{\"url\":\"https:\\/\\/u:S3cr3t@h\\/p\"}""#, "S3cr3t", "S3cr3t"),
        ("to=https%3A%2F%2Fu%3AS3cr3t%40h%2Fp", "S3cr3t", "S3cr3t"),
        ("连接https://u:密码1@主机，谢谢", "密码1", "密码1"),
        (&format!("redis://u:{long}@h"), &long, &long[..512]),
        (&format!("redis://{}:S3cr3t@h", "u".repeat(88)), "S3cr3t", "S3cr3t"),
    ] {
        assert_eq!(all(text), [(stands.to_owned(), value.to_owned())], "{text}");
    }
    for len in 80..110 {
        let text = format!("see redis://{}:S3cr3tPw@h", "u".repeat(len));
        let redacted = Redactor::new().redact(&text).into_owned();
        assert!(redacted.starts_with("see redis://") && redacted.ends_with("[SECRET]@h"), "{redacted}");
    }
    let endless = format!("redis://u:{} after", "aB1".repeat(3000));
    assert_eq!(Redactor::new().redact(&endless), "redis://u:[SECRET] after");
    for text in [
        "https://user:${PASSWORD}@h",
        "https://user:$PASSWORD@h",
        "https://user:{password}@h",
        "https://user:***@h",
        "https://user:[SECRET]@h",
        "https://user:<password>@h",
        "https://user:@h",
        "http://localhost:8080，联系li@example.com",
        "http://localhost:8080/a@b",
        "http://localhost:8080?a@b",
        "http://localhost:8080#a@b",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}
