//! The writer behind other subscribers.

use std::io::Write as _;

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::{LONGEST_LINE, RedactWriter};
use tracing_subscriber::fmt::MakeWriter as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{Out, objects, under};

/// What comes out when this is written in pieces of so many bytes.
fn through(is_json: bool, text: &[u8], size: usize) -> String {
    let out = Out::default();
    let writer = match is_json {
        true => RedactWriter::json(Redactor::new(), out.clone()),
        false => RedactWriter::text(Redactor::new(), out.clone()),
    };
    let mut writer = writer.make_writer();
    for piece in text.chunks(size) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    drop(writer);
    out.text()
}

#[test]
fn values_and_characters_may_be_cut_over_writes() {
    let text = "打13812345678，\u{1b}[0m13812345679\n找 li.wei@example.com\n";
    let expected = "打[PHONE]，\u{1b}[0m[PHONE]\n找 [EMAIL]\n";
    for size in 1..=text.len() {
        assert_eq!(through(false, text.as_bytes(), size), expected, "{size}");
    }
}

#[test]
fn names_and_values_in_colours_are_as_good_as_without() {
    let out = Out::default();
    let writer = RedactWriter::text(Redactor::new(), out.clone());
    let layer = tracing_subscriber::fmt::layer().with_ansi(true).without_time().with_writer(writer);
    under(tracing_subscriber::registry().with(layer), || {
        tracing::info!(ssn = 536_904_399, neg = -13_812_345_678_i64, tel = "555 1234", "numbers");
        tracing::info!(ssn = "536904399", passport = "E12345678", "texts");
    });
    let output = out.text();
    for value in ["536904399", "13812345678", "555 1234", "E12345678"] {
        assert!(!output.contains(value), "{value}: {output:?}");
    }
}

#[test]
fn what_is_no_text_is_replaced() {
    for size in 1..8 {
        assert_eq!(through(false, b"a\xffb\xe4\xb8", size), "a\u{fffd}b\u{fffd}", "{size}");
        assert_eq!(through(true, b"\"a\xff\"\n", size), "\"a\u{fffd}\"\n", "{size}");
    }
}

#[test]
fn lines_of_json_stay_json() {
    let text = concat!(
        r#"{"uid":13812345678,"n":5,"body":"{\"to\":\"\\u00313812345679\"}","a":"打13812345670"}"#,
        "\n",
        r#"{"quote":"\"13812345671\"\n13812345672"}"#,
        "\n",
    );
    let whole = through(true, text.as_bytes(), text.len());
    let lines = objects(&whole);
    assert_eq!((&lines[0]["uid"], &lines[0]["n"]), (&"[PHONE]".into(), &5.into()));
    assert_eq!(lines[0]["a"], "打[PHONE]");
    assert_eq!(lines[1]["quote"], "\"[PHONE]\"\n[PHONE]");
    assert!(!whole.contains("3812345"), "{whole}");
    for size in 1..=text.len() {
        assert_eq!(through(true, text.as_bytes(), size), whole, "{size}");
    }
}

#[test]
fn a_line_without_an_end_is_not_held_for_ever() {
    let long = format!("{{\"a\":\"13812345678 {}\"}}\n{{\"b\":1}}\n", "x".repeat(LONGEST_LINE));
    for size in [1000, LONGEST_LINE - 1, long.len()] {
        let output = through(true, long.as_bytes(), size);
        let lines = objects(&output);
        assert_eq!(lines.len(), 2, "{size}");
        assert!(lines[0]["redacted"].is_string() && lines[1]["b"] == 1);
    }
}
