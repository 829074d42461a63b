//! Rules of the user's own.

#![allow(clippy::unwrap_used)]

use lastbyte_redact::{Alphabet, Builder, Key, Own, OwnError, Redactor, Rule, Style};

fn builder() -> Builder {
    let rules = [
        Own::prefix("ACME_KEY", "acme_", Alphabet::ALNUM, 20..=40),
        Own::prefix("STAFF", "EMP-", Alphabet::DIGITS, 6..=6),
        Own::prefix("TICKET", "#", Alphabet::DIGITS, 5..=9),
        Own::prefix("PATH", "s3://", Alphabet::URL.with("./"), 4..=200),
        Own::pattern("CASE", r"(?i)case[ -]?[0-9]{4}(/[0-9]{2,4})?"),
        Own::pattern("WARD", r"[一二三四五六七八九]号病房\p{Han}床"),
    ];
    rules.into_iter().fold(Redactor::builder(), |builder, rule| builder.own(rule.unwrap()).unwrap())
}

/// What the text becomes; and the same in two pieces, however they are cut, and in single characters.
#[track_caller]
fn redacted(redactor: &Redactor, text: &str) -> String {
    let whole = redactor.redact(text).into_owned();
    for (cut, _) in text.char_indices() {
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for piece in [&text[..cut], &text[cut..]] {
            stream.push(piece, &mut out);
            assert!(whole.starts_with(&out), "{out:?} left early of {whole:?}");
        }
        stream.finish(&mut out);
        assert_eq!(out, whole, "cut at {cut}");
    }
    let (mut stream, mut out) = (redactor.stream(), String::new());
    text.bytes().for_each(|byte| stream.push_bytes(&[byte], &mut out));
    stream.finish(&mut out);
    assert_eq!(out, whole, "byte by byte");
    whole
}

#[test]
fn values_are_found_in_all_surroundings_and_spellings() {
    let redactor = builder().build();
    for (text, expected) in [
        ("acme_Ab12Cd34Ef56Gh78Ij90", "[ACME_KEY]"),
        ("键acme_Ab12Cd34Ef56Gh78Ij90。", "键[ACME_KEY]。"),
        ("token=acme_Ab12Cd34Ef56Gh78Ij90&x", "token=[ACME_KEY]&x"),
        ("\"acme_Ab12Cd34Ef56Gh78Ij90\"", "\"[ACME_KEY]\""),
        (r"a\nacme_Ab12Cd34Ef56Gh78Ij90\nb", r"a\n[ACME_KEY]\nb"),
        ("\u{1b}[1macme_Ab12Cd34Ef56Gh78Ij90\u{1b}[0m", "\u{1b}[1m[ACME_KEY]\u{1b}[0m"),
        ("EMP-004217, EMP-004217. ＥＭＰ－００４２１７", "[STAFF], [STAFF]. [STAFF]"),
        ("EM\u{200b}P-0042%31%37 \\u0045MP-004217", "[STAFF] [STAFF]"),
        ("see #12345, issue#12345 and #1234", "see [TICKET], issue[TICKET] and #1234"),
        ("at s3://bucket/a-b/c.txt. Next", "at [PATH]. Next"),
        ("Case 1234/05, CASE-1234: case1234/5", "[CASE], [CASE]: [CASE]/5"),
        ("他住三号病房甲床。", "他住[WARD]。"),
        ("13812345678 EMP-004217 a@b.com", "[PHONE] [STAFF] [EMAIL]"),
    ] {
        assert_eq!(redacted(&redactor, text), expected, "{text}");
    }
    for text in [
        "acme_tooShort1",
        "xacme_Ab12Cd34Ef56Gh78Ij90",
        "acme_Ab12Cd34Ef56Gh78Ij90Kl12Mn34Op56Qr78St90Uv",
        "TEMP-004217",
        "EMP-00421",
        "EMP-0042178",
        "emp-004217",
        "lowercase 1234",
        "case 123",
        "号病房",
    ] {
        assert_eq!(redacted(&redactor, text), text);
    }
    let json = r#"{"a":["acme_Ab12Cd34Ef56Gh78Ij90",1],"EMP-004217":"\u0045MP-004217"}"#;
    assert_eq!(redactor.redact_json(json), r#"{"a":["[ACME_KEY]",1],"[STAFF]":"[STAFF]"}"#);
}

#[test]
fn the_rest_of_a_long_match_goes_with_it() {
    let redactor = Redactor::builder().own(Own::pattern("LONG", "long:[a-z0-9]+").unwrap()).unwrap().build();
    for len in [Own::LONGEST - 6, Own::LONGEST - 5, Own::LONGEST - 4, 3 * Own::LONGEST] {
        assert_eq!(
            redacted(&redactor, &format!("a long:{} b", "x1".repeat(len)[..len].to_owned())),
            "a [LONG] b",
            "{len}"
        );
    }
}

#[test]
fn they_are_found_without_any_other_rule() {
    let own = Own::prefix("STAFF", "EMP-", Alphabet::DIGITS, 6..=6).unwrap();
    let redactor = Redactor::builder().own(own).unwrap().rules([]).build();
    assert_eq!(redacted(&redactor, "13812345678 EMP-004217 a@b.com"), "13812345678 [STAFF] a@b.com");
}

#[test]
fn the_first_of_two_that_fit_is_taken_and_before_the_built_in_ones() {
    let rule = |label, prefix| Own::prefix(label, prefix, Alphabet::ALNUM, 10..=80).unwrap();
    let redactor =
        Redactor::builder().own(rule("ONE", "sk-")).unwrap().own(rule("TWO", "sk-")).unwrap().build();
    assert_eq!(redacted(&redactor, "sk-Ab12Cd34Ef56Gh78Ij90"), "[ONE]");
}

#[test]
fn pseudonyms_are_of_the_label_and_the_tenant() {
    let key = Key::new("sixteen bytes of key").unwrap();
    let of = |key: &Key, label: &str, text: &str| {
        let own = Own::prefix(label, "EMP-", Alphabet::DIGITS, 6..=6).unwrap();
        let builder = Redactor::builder().own(own).unwrap();
        redacted(&builder.style(Style::Pseudonym(key.clone())).build(), text)
    };
    let mark = of(&key, "STAFF", "EMP-004217");
    assert!(mark.starts_with("[STAFF:") && mark.len() == "[STAFF:3f9a01bc22]".len(), "{mark}");
    assert_eq!(of(&key, "STAFF", "ＥＭＰ－００４２１７"), mark);
    assert_eq!(of(&key, "STAFF", "EMP-004217."), format!("{mark}."));
    assert_ne!(of(&key, "STAFF", "EMP-004218"), mark);
    assert_ne!(of(&key.for_tenant("other"), "STAFF", "EMP-004217"), mark);
    assert_ne!(of(&key, "OTHER", "EMP-004217")["[OTHER".len()..], mark["[STAFF".len()..]);
}

#[test]
fn a_hit_tells_the_label() {
    let hit = builder().build().find("by EMP-004217").remove(0);
    let Rule::Own(label) = hit.rule else { panic!("{hit:?}") };
    assert_eq!((label.as_str(), hit.rule.label(), hit.canonical.as_str()), ("STAFF", "STAFF", "EMP-004217"));
}

#[test]
fn what_is_no_rule_is_an_error() {
    let prefix =
        |label: &str, prefix: &str, length| Own::prefix(label, prefix, Alphabet::ALNUM, length).unwrap_err();
    for label in ["", "staff", "STAFF-ID", "员工", "A_LABEL_OF_17_CHR"] {
        assert_eq!(prefix(label, "EMP-", 6..=6), OwnError::Label(label.to_owned()));
    }
    for rule in Rule::ALL {
        assert_eq!(prefix(rule.label(), "EMP-", 6..=6), OwnError::Taken(rule.label().to_owned()));
    }
    for begins in ["", "a b", "\"", "50%", "a&b", "\\n", "员", &"a".repeat(Own::LONGEST_PREFIX + 1)] {
        assert_eq!(prefix("STAFF", begins, 6..=6), OwnError::Prefix(begins.to_owned()));
    }
    #[allow(clippy::reversed_empty_ranges)]
    for length in [0..=6, 7..=6, 1..=2, 6..=Own::LONGEST - 1, 6..=usize::MAX] {
        let (least, most) = (*length.start(), *length.end());
        let begins = if least == 1 { "ab" } else { "EMP-" };
        assert_eq!(prefix("STAFF", begins, length), OwnError::Length(least, most));
    }
    let pattern = |pattern: &str| Own::pattern("STAFF", pattern).unwrap_err();
    for wide in ["", ".*", "a*", "(abcdef)?", "abc", ".{4,}", "[^ ]{4,}", "[a-z0-9]{8,}", "\\S{4}"] {
        assert_eq!(pattern(wide), OwnError::TooWide, "{wide}");
    }
    assert_eq!(pattern("[a&&b]bcd"), OwnError::Nothing);
    for wrong in ["(abc", "[a-", r"\bcase", r"\w{30}", "(a|b)*a(a|b){20}", "a{100000}"] {
        assert!(matches!(pattern(wrong), OwnError::Pattern(_)), "{wrong}: {:?}", pattern(wrong));
    }
    assert_eq!(Own::pattern("staff", "EMP-[0-9]{6}").unwrap_err(), OwnError::Label("staff".to_owned()));
}

#[test]
fn there_are_so_many_rules_and_one_of_a_label() {
    let rule = |at: usize| Own::prefix(&format!("R{at}"), "EMP-", Alphabet::DIGITS, 6..=6).unwrap();
    let full = (0..Own::MOST).fold(Redactor::builder(), |builder, at| builder.own(rule(at)).unwrap());
    assert_eq!(full.clone().own(rule(Own::MOST)).unwrap_err(), OwnError::TooMany);
    assert_eq!(full.own(rule(3)).unwrap_err(), OwnError::Taken("R3".to_owned()));
}
