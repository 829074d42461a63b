//! Lines: one for each event, whatever is in it.

use proptest::prelude::*;

use super::support::{human, json, objects, written};

#[test]
fn no_value_begins_a_line_or_speaks_to_the_terminal() {
    let evil = "a\n2026-11-26T00:00:00Z  INFO forged\r\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{0}\u{7f}";
    let emit = || {
        let span = tracing::info_span!("span", evil);
        span.in_scope(|| tracing::info!(text = evil, shown = %evil, debug = ?evil, "{evil}"));
    };
    for layer in [human(), human().with_colours(true), json()] {
        let output = written(layer.with_denied([]), emit);
        assert_eq!(output.matches('\n').count(), 1, "{output:?}");
        for bad in ['\r', '\u{9b}', '\u{2028}', '\u{202e}', '\0', '\u{7f}'] {
            assert!(!output.contains(bad), "{output:?}");
        }
        assert!(!output.contains("\u{1b}[2J"));
    }
    let output = objects(&written(json(), emit));
    assert_eq!(output[0]["fields"]["text"], evil);
}

#[test]
fn the_time_comes_first_unless_it_is_left_out() {
    let redactor = lastbyte_redact::Redactor::new();
    let layer = lastbyte_redact::trace::RedactLayer::new(redactor.clone());
    let output = written(layer.with_json(), || tracing::info!("now"));
    let time = objects(&output)[0]["timestamp"].as_str().unwrap().to_owned();
    assert_eq!((time.len(), time.ends_with('Z')), ("2026-11-26T11:52:00.123456Z".len(), true));
    let layer = lastbyte_redact::trace::RedactLayer::new(redactor);
    let output = written(layer, || tracing::info!("now"));
    assert!(humantime_shaped(output.split(' ').next().unwrap()), "{output}");
}

fn humantime_shaped(time: &str) -> bool {
    time.starts_with("20") && time.ends_with('Z') && time.as_bytes()[10] == b'T'
}

#[test]
fn a_value_that_is_too_long_is_cut_and_shows_no_half_of_another_one() {
    let text = format!("{}13812345678 tail", "word ".repeat(20));
    for longest in [100, 103, 110, 111] {
        let output = written(human().with_longest_value(longest), || tracing::info!(text));
        assert!(!output.contains("tail") && !output.contains("138"), "{longest}: {output}");
        assert!(output.ends_with("…\"\n"), "{longest}: {output}");
    }
    let output = written(human().with_longest_value(116), || tracing::info!(text));
    assert!(output.ends_with("[PHONE] tail\"\n"), "{output}");
}

proptest! {
    #[test]
    fn every_line_of_json_is_json(
        message in any::<String>(),
        text in any::<String>(),
        shape in any::<Option<Vec<String>>>(),
        (number, big, float) in (any::<i64>(), any::<u128>(), any::<f64>()),
        near in "[\"\\\\{}\\[\\]:,a1\u{1b}\n-]{0,24}",
        phone in 13_000_000_000_u64..20_000_000_000,
    ) {
        let output = written(json(), || {
            let span = tracing::info_span!("span", text, late = tracing::field::Empty);
            span.record("late", &near);
            let _span = span.enter();
            tracing::info!(text, near, ?shape, "{message}");
            tracing::info!(number, big, float, phone, shown = %near);
            tracing::info!(bytes = text.as_bytes());
        });
        prop_assert_eq!(objects(&output).len(), 3);
        let output = written(human(), || tracing::info!(text, near, ?shape, "{message}"));
        prop_assert_eq!(output.chars().filter(|ch| ch.is_control()).count(), 1);
    }
}
