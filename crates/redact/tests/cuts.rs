//! However a text is cut, what comes out is the same, and nothing leaves early.

#![allow(clippy::unwrap_used)]

mod support;

use lastbyte_redact::{Key, Redactor, Rule, Style};
use proptest::prelude::*;

fn lines() -> Vec<String> {
    support::lines("dev").into_iter().map(|line| line.text).collect()
}

/// Cuts a text into pieces of 1 to `most` bytes, to the next character. Small numbers, so that a run can be repeated.
fn cut(text: &str, most: u64, random: &mut u64) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut end = (at + 1 + ((*random >> 33) % most) as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        pieces.push(text[at..end].to_owned());
        at = end;
    }
    pieces
}

/// What comes out in pieces. After each of them it is the beginning of what comes out of the whole.
fn in_pieces(redactor: &Redactor, pieces: &[String], whole: &str) -> String {
    let (mut stream, mut out) = (redactor.stream(), String::new());
    for piece in pieces {
        stream.push(piece, &mut out);
        assert!(whole.starts_with(&out), "{out:?} left before it was known that {whole:?} comes out");
    }
    stream.finish(&mut out);
    out
}

#[test]
fn lines_in_pieces_come_out_like_the_whole() {
    let redactor = Redactor::new();
    let mut random = 1;
    for (number, line) in lines().iter().enumerate() {
        let whole = redactor.redact(line);
        for most in [1, 8, 40] {
            let pieces = cut(line, most, &mut random);
            assert_eq!(
                in_pieces(&redactor, &pieces, &whole),
                whole,
                "line {number} in pieces of {most}: {pieces:?}"
            );
        }
    }
}

#[test]
fn nothing_is_held_longer_than_it_could_be_a_value() {
    let redactor = Redactor::new();
    for line in lines().iter().step_by(16) {
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for (at, ch) in line.char_indices() {
            let so_far = &line[..at + ch.len_utf8()];
            stream.push(&line[at..so_far.len()], &mut out);
            let mut fresh = redactor.stream();
            fresh.push(so_far, &mut String::new());
            // What is held for long may be looked at a little later.
            let late = if fresh.held() > 128 || stream.held() > 128 { stream.held() / 8 } else { 0 };
            assert!(stream.held() <= fresh.held() + late, "{so_far:?}: {} {}", stream.held(), fresh.held());
        }
    }
}

#[test]
fn plain_words_leave_when_they_end() {
    let (mut stream, mut out) = (Redactor::new().stream(), String::new());
    for ch in "The answer, as it comes: piece by piece, 一个字一个字地。It is long.".chars() {
        stream.push(ch.encode_utf8(&mut [0; 4]), &mut out);
        if ch == ' ' || ch == ',' || ch == '。' {
            assert!(stream.held() <= 1, "{out:?}");
        }
    }
}

#[test]
fn a_long_word_that_is_no_value_leaves_when_it_ends() {
    let (mut stream, mut out) = (Redactor::new().stream(), String::new());
    for ch in "aGVsbG8gd29ybGQg".repeat(12).chars() {
        stream.push(ch.encode_utf8(&mut [0; 4]), &mut out);
    }
    assert!(stream.held() > 128, "it may become text with a value in it");
    stream.push(" ", &mut out);
    assert!(stream.held() <= 1, "{}", stream.held());
}

#[test]
fn what_is_redacted_stays_as_it_is_when_it_is_redacted_again() {
    let redactor = Redactor::new();
    let mut changed = Vec::new();
    for line in lines() {
        let once = redactor.redact(&line).into_owned();
        if redactor.redact(&once) != once {
            changed.push(once);
        }
    }
    assert!(changed.is_empty(), "{}: {:#?}", changed.len(), &changed[..changed.len().min(10)]);
}

#[test]
fn lines_that_follow_each_other_come_out_like_the_whole() {
    let redactor = Redactor::builder().rules(Rule::ALL).build();
    let mut random = 2;
    for lines in lines().chunks(50) {
        let text = lines.join("\n");
        let whole = redactor.redact(&text);
        for most in [3, 200] {
            let pieces = cut(&text, most, &mut random);
            assert_eq!(in_pieces(&redactor, &pieces, &whole), whole);
        }
    }
}

/// Texts of what values are made of.
fn parts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[0-9]{1,12}",
        "[a-zA-Z0-9]{1,40}",
        prop::sample::select(vec![
            " ",
            "-",
            ".",
            "@",
            "+86",
            "(",
            ")",
            ":",
            "=",
            "\"",
            "\\n",
            "\\u0031",
            "%40",
            "&#64;",
            "\u{200b}",
            "\u{1b}[0m",
            "\n",
            "/",
            "：",
            "，",
            "密码",
            "password",
            "Bearer ",
            "sk-",
            "eyJ",
            "://",
            " is ",
            "--password ",
            "<password>",
            "pass => ",
            "为",
            "redis://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
            "https:\\/\\/u:p@h",
            "\n> MIIEvQIBADANBgkq",
            "a@b.com",
            "13812345678",
            "张伟",
            "京A",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "４１１１",
            "一三八",
            "2001:db8::",
            "\u{3000}",
            "aWQ9NjQyODE1MTk1MzA3MjI2ODE2",
            "DE89",
            "\\\"",
            "[EMAIL]",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_in_pieces_comes_out_like_the_whole(text in parts(), most in 1_u64..20, seed: u64, all: bool) {
        let rules = if all { Rule::ALL.to_vec() } else { Rule::DEFAULT.to_vec() };
        let redactor = Redactor::builder().rules(rules).build();
        let whole = redactor.redact(&text);
        let mut random = seed;
        let pieces = cut(&text, most, &mut random);
        prop_assert_eq!(in_pieces(&redactor, &pieces, &whole), whole);
    }

    #[test]
    fn hits_stand_in_order_and_what_is_between_stays(text in parts()) {
        let redactor = Redactor::builder().style(Style::Pseudonym(Key::new("sixteen bytes of key").unwrap())).build();
        let (mut expected, mut at) = (String::new(), 0);
        for hit in redactor.find(&text) {
            prop_assert!(hit.range.start >= at && hit.range.end > hit.range.start);
            expected.push_str(&text[at..hit.range.start]);
            redactor.mark(&hit, &mut expected);
            at = hit.range.end;
        }
        expected.push_str(&text[at..]);
        prop_assert_eq!(redactor.redact(&text), expected);
    }

    #[test]
    fn json_stays_json(text in parts(), number in any::<u64>()) {
        let json = serde_json::json!({ text.clone(): [text, number], "card": 4_111_111_111_111_111_u64 }).to_string();
        let redacted = Redactor::new().redact_json(&json).into_owned();
        let value: serde_json::Value = serde_json::from_str(&redacted).unwrap();
        prop_assert_eq!(&value["card"], "[CARD]");
    }
}

#[test]
fn a_private_key_that_never_ends_is_held_no_longer_than_its_bound() {
    // A character, or what looks like the last line, over the end of the 64 KiB that follow the first 4 KiB.
    let over = |n: usize| format!("{}-----END{}", "A".repeat(n), "B".repeat(60_000));
    for tail in ["é".repeat(60_000), format!("A{}", "é".repeat(60_000)), over(64_560), over(64_580)] {
        let text = format!("-----BEGIN {} KEY-----\n{}{tail}", "PRIVATE", "A".repeat(5_000));
        let redactor = Redactor::new();
        let whole = redactor.redact(&text);
        let (mut stream, mut out) = (redactor.stream(), String::new());
        let mut random = 3;
        for piece in cut(&text, 500, &mut random) {
            stream.push(&piece, &mut out);
            assert!(stream.held() < 8_192, "{} bytes are held", stream.held());
        }
        stream.finish(&mut out);
        assert_eq!(out, whole);
    }
}

#[test]
fn a_long_user_in_a_url_comes_out_like_the_whole() {
    let redactor = Redactor::new();
    for length in 84..100 {
        for behind in ["：a@b.com", ":a@b.com", "%3Aa@b.com"] {
            let text = format!("redis://{}{behind}", "u".repeat(length));
            let pieces: Vec<_> = text.chars().map(String::from).collect();
            assert_eq!(in_pieces(&redactor, &pieces, &text), redactor.redact(&text), "{text}");
        }
    }
}
