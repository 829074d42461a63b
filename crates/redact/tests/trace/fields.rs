//! Fields: by their names, by their types, in events and in spans.

use std::error::Error;
use std::fmt;

use lastbyte_redact::trace::RedactLayer;
use lastbyte_redact::{Alphabet, Own, Redactor};
use serde_json::json as value;
use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{Out, human, json, objects, under, written};

/// Must not be read.
struct Untouchable;

impl fmt::Debug for Untouchable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("somebody looked")
    }
}

#[test]
fn values_of_denied_names_are_not_looked_at() {
    let emit = || {
        tracing::info!(password = ?Untouchable, api_key = 5, session.token = true, token_count = 7);
        let span = tracing::info_span!("span", "x-api-key" = ?Untouchable, cookie = tracing::field::Empty);
        span.record("cookie", tracing::field::debug(Untouchable));
        span.in_scope(|| tracing::info!("in it"));
    };
    let output = objects(&written(json(), emit));
    let secret = "[SECRET]";
    let fields = value!({"password": secret, "api_key": secret, "session.token": secret, "token_count": 7});
    assert_eq!(output[0]["fields"], fields);
    assert_eq!(output[1]["spans"][0], value!({"x-api-key": secret, "cookie": secret, "name": "span"}));
    let output = written(human(), emit);
    assert!(output.contains("password=[SECRET] api_key=[SECRET] session.token=[SECRET] token_count=7"));
}

#[test]
fn names_of_ones_own_can_be_denied() {
    let output = written(human().with_denied(["patient-name"]), || {
        tracing::info!(patient_name = ?Untouchable, "in");
    });
    assert!(output.contains("patient_name=[SECRET]"), "{output}");
    let layer = human().with_denied(["message"]).with_only(["status"]);
    let output = written(layer, || tracing::info!(status = 200, error_message = "told", "a story"));
    assert!(output.ends_with(": message=[SECRET] status=200 error_message=[REDACTED]\n"), "{output}");
}

#[test]
fn a_list_of_allowed_names_keeps_all_others_out() {
    let emit = || {
        let span = tracing::info_span!("span", tenant = "a", story = ?Untouchable);
        span.in_scope(|| tracing::info!(status = 200, who = ?Untouchable, password = "x", "a message"));
    };
    let only = ["tenant", "Status", "password"];
    let output = objects(&written(json().with_only(only), emit));
    let fields = value!({"message": "a message", "status": 200, "who": "[REDACTED]", "password": "[SECRET]"});
    assert_eq!(output[0]["fields"], fields);
    assert_eq!(output[0]["spans"][0], value!({"tenant": "a", "story": "[REDACTED]", "name": "span"}));
    let output = objects(&written(json().with_only(only).without_others(), emit));
    assert_eq!(output[0]["fields"], value!({"message": "a message", "status": 200, "password": "[SECRET]"}));
    assert_eq!(output[0]["spans"][0], value!({"tenant": "a", "name": "span"}));
}

#[test]
fn numbers_stay_numbers_unless_they_are_values() {
    let output = objects(&written(json(), || {
        tracing::info!(a = 13_812_345_678_u64, b = 200, c = -1.5, d = f64::NAN, e = true, f = u128::MAX);
        tracing::info!(a = 13_812_345_678_f64, b = &b"\xff"[..], c = &b"call 13812345678"[..]);
    }));
    let fields = &output[0]["fields"];
    assert_eq!(fields["a"], "[PHONE]");
    assert_eq!((&fields["b"], &fields["c"], &fields["d"]), (&value!(200), &value!(-1.5), &value!("NaN")));
    assert!(fields["e"] == true && fields["f"].is_number());
    let fields = value!({"a": "[PHONE]", "b": "<1 bytes>", "c": "call [PHONE]"});
    assert_eq!(output[1]["fields"], fields);
}

#[test]
fn a_name_that_comes_twice_loses_no_value() {
    let output = objects(&written(json(), || tracing::info!(a = 1, a = "li.wei@example.com", a = 3)));
    assert_eq!(output[0]["fields"], value!({"a": 1, "a_again": "[EMAIL]", "a_again_again": 3}));
    let output = objects(&written(json(), || {
        tracing::info_span!("span", name = "x").in_scope(|| tracing::info!("now"));
    }));
    assert_eq!(output[0]["span"], value!({"name_again": "x", "name": "span"}));
}

#[test]
fn rules_of_ones_own_hold_in_messages_fields_and_spans() {
    let rule = Own::prefix("STAFF", "EMP-", Alphabet::DIGITS, 6..=6).unwrap();
    let layer = RedactLayer::new(Redactor::builder().own(rule).unwrap().build());
    let output = written(layer.without_time(), || {
        let span = tracing::info_span!("span", of = "EMP-004217");
        span.in_scope(|| tracing::info!(to = "EMP-004217", "from EMP-004217"));
    });
    assert_eq!(output.matches("[STAFF]").count(), 3, "{output}");
    assert!(!output.contains("004217"), "{output}");
}

#[test]
#[cfg(feature = "own-regex")]
fn an_expression_may_ask_for_the_end_of_a_value() {
    let rule = Own::pattern("STAFF", "EMP-[0-9]{6}$").unwrap();
    let redactor = Redactor::builder().own(rule).unwrap().build();
    for layer in [RedactLayer::new(redactor.clone()), RedactLayer::new(redactor.clone()).with_json()] {
        let output = written(layer.without_time(), || {
            let span = tracing::info_span!("span", of = "EMP-004217");
            span.in_scope(|| tracing::info!(to = "EMP-004217", "from EMP-004217"));
        });
        assert!(!output.contains("004217"), "{output}");
    }
}

#[test]
fn a_name_tells_what_a_value_is() {
    let output = written(human(), || tracing::info!(passport = "E12345678", ticket = "E12345678"));
    assert!(output.contains("passport=\"[ID]\" ticket=\"E12345678\""), "{output}");
}

#[test]
fn a_field_that_is_recorded_again_is_replaced() {
    let emit = || {
        let span = tracing::info_span!("span", a = 1, b = tracing::field::Empty, c = "x");
        span.record("b", "li.wei@example.com").record("a", 13_812_345_678_u64);
        span.record("b", 2);
        span.in_scope(|| tracing::info!("now"));
    };
    let output = written(human(), emit);
    assert!(output.contains(" span{a=[PHONE] c=\"x\" b=2}: "), "{output}");
    let output = objects(&written(json(), emit));
    assert_eq!(output[0]["spans"][0], value!({"a": "[PHONE]", "c": "x", "b": 2, "name": "span"}));
}

#[test]
fn spans_are_written_from_the_outermost() {
    let emit = || {
        let _outer = tracing::info_span!("outer", a = 1).entered();
        let _middle = tracing::info_span!("middle").entered();
        let _inner = tracing::info_span!("inner", b = 2).entered();
        tracing::info!(target: "here", "now");
    };
    assert_eq!(written(human(), emit), " INFO outer{a=1}:middle:inner{b=2}: here: now\n");
    let output = objects(&written(json(), emit));
    let names: Vec<_> = output[0]["spans"].as_array().unwrap().iter().map(|span| &span["name"]).collect();
    assert_eq!(names, ["outer", "middle", "inner"]);
    assert_eq!(output[0]["span"], value!({"b": 2, "name": "inner"}));
}

#[test]
fn of_very_many_spans_the_innermost_are_written() {
    let emit = || {
        let spans: Vec<_> = (0..70).map(|at| tracing::info_span!("s", at).entered()).collect();
        tracing::info!("deep");
        // The innermost is left first.
        spans.into_iter().rev().for_each(drop);
    };
    let output = objects(&written(json(), emit));
    let spans = output[0]["spans"].as_array().unwrap();
    assert_eq!((spans.len(), &spans[0]["name"]), (65, &value!("…")));
    assert_eq!((&spans[1]["at"], &spans[64]["at"]), (&value!(6), &value!(69)));
    assert!(written(human(), emit).contains(" …:s{at=6}:s{at=7}:"));
}

#[test]
fn two_layers_keep_their_spans_apart() {
    let (people, machines) = (Out::default(), Out::default());
    let subscriber = tracing_subscriber::registry()
        .with(human().with_only(["a"]).without_others().with_writer(people.clone()))
        .with(json().with_writer(machines.clone()));
    under(subscriber, || {
        tracing::info_span!("span", a = 1, b = "li.wei@example.com").in_scope(|| tracing::info!("now"));
    });
    assert!(people.text().contains("span{a=1}: "), "{}", people.text());
    let output = objects(&machines.text());
    assert_eq!(output[0]["spans"][0], value!({"a": 1, "b": "[EMAIL]", "name": "span"}));
}

#[test]
fn records_of_the_log_crate_have_their_own_target() {
    let _ = tracing_log::LogTracer::init();
    let emit = || log::warn!(target: "other::13812345678", "dialled");
    assert_eq!(written(human(), emit), " WARN other::[PHONE]: dialled\n");
    let output = objects(&written(json(), emit));
    let object = value!({"level": "WARN", "target": "other::[PHONE]", "fields": {"message": "dialled"}});
    assert_eq!(output, [object]);
}

#[test]
fn a_value_may_log_when_it_is_recorded() {
    struct Talkative;
    impl fmt::Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("inner, of li.wei@example.com");
            f.write_str("talks")
        }
    }
    let output = written(human(), || {
        let span = tracing::info_span!("span", a = tracing::field::Empty);
        let _span = span.enter();
        span.record("a", tracing::field::debug(Talkative));
        tracing::info!(before = 1, who = ?Talkative, after = 2);
    });
    let lines: Vec<_> = output.lines().collect();
    // The one within an event is kept back by `tracing` itself, as long as the subscriber is not the global one.
    assert_eq!(lines.len(), 2, "{output}");
    assert!(lines[0].ends_with("inner, of [EMAIL]") && lines[1].ends_with("before=1 who=talks after=2"));
}

#[test]
fn a_chain_of_errors_that_has_no_end_is_cut() {
    #[derive(Debug)]
    struct Ring;
    impl fmt::Display for Ring {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("13812345678")
        }
    }
    impl Error for Ring {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    let output = written(human(), || tracing::info!(error = &Ring as &dyn Error));
    assert_eq!(output.matches("[PHONE]").count(), 16, "{output}");
    assert!(output.ends_with(": …\n") && !output.contains("138"));
}
