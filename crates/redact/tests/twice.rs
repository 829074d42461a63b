//! A text that is redacted twice, by a layer and by the log that it writes to, keeps its marks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;

use lastbyte_redact::{Key, Redactor, Style};

#[test]
fn what_is_redacted_already_stays_as_it_is() {
    let key = Key::new("thirty bytes that nobody knows").unwrap();
    let redactors = [Redactor::new(), Redactor::builder().style(Style::Pseudonym(key)).build()];
    let mut lines = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("cases/dev.jsonl.gz")[..])
        .read_to_string(&mut lines)
        .unwrap();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = line["text"].as_str().unwrap();
        for redactor in &redactors {
            let once = redactor.redact(text);
            assert_eq!(redactor.redact(&once), once, "{text}");
        }
    }
    for text in [
        "git clone https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/o/r.git",
        "postgres://john@example.com:hunter22x@db/x",
        "ftp://13812345678@host/",
    ] {
        let once = redactors[1].redact(text);
        assert!(once != text && redactors[1].redact(&once) == once, "{text}: {once}");
    }
    // The mark of a number is no word that tells what another one is.
    for text in [
        "13812345678 2026-11-26 14:00:00 ok",
        "IDs: 13812345678, 3758096384, 2147483648",
        "13812345678,1764167527",
        r#"[{"phone":"13812345678","bytes":4155552671}]"#,
        r#"passport="E12345678901", card=4111111111111111, ticket="E12345678""#,
        r#"passport="440308199901101512", ticket="E12345678""#,
    ] {
        for redactor in &redactors {
            let once = redactor.redact(text);
            assert!(once != text && redactor.redact(&once) == once, "{text}: {once}");
            let twice = redactor.redact_json(&once);
            assert_eq!(redactor.redact_json(&twice), twice, "{text}");
        }
    }
    // What only looks like a mark is none.
    for text in ["[SECRET:3f9a01bc2]", "[SECRET:3f9a01bc2233]", "[SECRET:3F9A01BC22]", "secret:3f9a01bc22"] {
        assert_ne!(redactors[0].redact(text), text);
    }
}
