//! Colours and escapes between a word that announces a secret and the secret do not hide it.

use lastbyte_redact::Redactor;

#[test]
fn a_pair_is_seen_through_colours_and_escapes() {
    let redactor = Redactor::new();
    for text in [
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter2x",
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"hunter2x\"",
        "\u{1b}[32m INFO\u{1b}[0mpassword=hunter2x",
        "password: \u{1b}[33mhunter2x\u{1b}[0m",
        "password\u{1b}[0m = \u{1b}[33m \u{1b}[1mhunter2x",
        "password=\"\u{1b}[33mhunter2x\u{1b}[0m\"",
        "Authorization: Bearer \u{1b}[33mhunter2x",
        "Authorization: Bearer\u{1b}[0m hunter2x",
        "https://user:\u{1b}[33mhunter2x@db.internal/",
        "password=\thunter2x",
        "password\t=\thunter2x",
        "password:\nhunter2x",
        r"password=\thunter2x",
        r"password:\nhunter2x",
        r"user=bob\npassword=hunter2x",
        r"user=bob\\npassword=hunter2x",
        r"user=bob\tpassword:\t hunter2x",
        "next=%2Flogin%3Fpassword%3Dhunter2x",
        r"a?user=bob\u0026password\u003dhunter2x",
        "{&quot;password&quot;:&quot;hunter2x&quot;}",
        r"https:\/\/user:hunter2x@db.internal\/",
    ] {
        let redacted = redactor.redact(text);
        assert!(redacted.contains("[SECRET]"), "{text:?}");
        assert!(!redacted.contains("hunter"), "{text:?} leaks: {redacted:?}");
    }
}

/// As `Debug` and JSON have them, which are logged and shown as text.
#[test]
fn a_colour_may_be_an_escape() {
    let redactor = Redactor::new();
    for escape in [r"\u001b", r"\u001B", r"\\u001b", r"\u{1b}", r"\x1b"] {
        for (text, redacted) in [
            ("{\"log\":\"^[33m13812345678^[0m\"}", "{\"log\":\"^[33m[PHONE]^[0m\"}"),
            ("^[31mpassword^[0m=hunter2x", "^[31mpassword^[0m=[SECRET]"),
            ("^[3mpassword^[0m^[2m=^[0m^[1;31mhunter2x", "^[3mpassword^[0m^[2m=^[0m^[1;31m[SECRET]"),
            ("from ^[1mli.wei@example.com^[0m", "from ^[1m[EMAIL]^[0m"),
            ("^[32mINFO^[0m ^[2m203.119.26.7^[0m", "^[32mINFO^[0m ^[2m[IP]^[0m"),
            ("^[31mred^[0m 31m13812345678 ^", "^[31mred^[0m 31m13812345678 ^"),
        ] {
            let [text, expected] = [text, redacted].map(|text| text.replace('^', escape));
            assert_eq!(redactor.redact(&text), expected, "{text}");
        }
    }
    assert_eq!(redactor.redact(r"\x1c[33m13812345678"), r"\x1c[33m13812345678");
}

#[test]
fn a_colour_within_quotes_is_no_part_of_the_secret() {
    let hit = |text: &str| Redactor::new().find(text)[0].canonical.clone();
    assert_eq!(hit("password=\"\u{1b}[33mhunter2x\u{1b}[0m\""), hit("password=\"hunter2x\""));
}

#[test]
fn a_name_on_the_next_line_is_no_secret() {
    let redactor = Redactor::new();
    for text in
        ["password:\n  user: bob1", "Password:\nuse12=ab", r"password:\nuser1: bob", "token:\nnothing"]
    {
        assert_eq!(redactor.redact(text), text);
    }
}
