use super::{canonical, is_secret_under};

#[test]
fn a_string_under_a_name_is_judged_as_a_whole() {
    for (name, value) in [
        ("password", "letmein"),
        ("PASSWORD", "letmein"),
        ("db_password", "päß"),
        ("dbPassword", "$ecret99"),
        ("db.password ", "hunter2"),
        ("密码", "张伟的密码"),
        ("token", "abcd1234"),
        ("apiKey", "tvly-prod-abcdefgh"),
        ("authorization", "Token 9944b09199c62bcf9418"),
        (&format!("{}password", "x_".repeat(100)), "letmein"),
        ("token", &"ab12".repeat(100_000)),
    ] {
        assert!(is_secret_under(name, value), "{name}: {value}");
    }
    for (name, value) in [
        ("password", ""),
        ("password", "null"),
        ("password", "None"),
        ("password", "must be long"),
        ("password", "[SECRET]"),
        ("password", "[SECRET:3f9a01bc22]"),
        ("password", "${DB_PASSWORD}"),
        ("password", "$DB_PASSWORD"),
        ("password", "********"),
        ("password", "<password>"),
        ("password", "{{ password }}"),
        ("password", "%s"),
        ("password", "/run/secrets/db"),
        ("token", "none"),
        ("token", "12"),
        ("token", "has expired at 12:30, log in again"),
        ("token", "YOUR_API_TOKEN_HERE"),
        ("token_count", "abcd1234abcd1234"),
        ("nopassword", "letmein"),
        ("user", "letmein"),
        ("", "letmein"),
    ] {
        assert!(!is_secret_under(name, value), "{name}: {value}");
    }
}

#[test]
fn a_string_is_the_same_secret_as_in_a_text() {
    assert_eq!(canonical("p%40ss%21\u{200b}１"), "p@ss!1");
    assert_eq!(canonical(&"a".repeat(600)).len(), 512);
}
