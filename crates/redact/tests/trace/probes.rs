//! Values on all ways into a log, that must not come out of it.

use std::error::Error;
use std::fmt;

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::RedactWriter;
use serde_json::Value;
use tracing_subscriber::Layer as _;

use super::support::{Out, by, human, json, objects, written};

/// Each way, and what must not be seen of it. One secret in two fields is left out: no way of looking at values sees
/// it.
const PROBES: [(&str, &str); 19] = [
    ("message", "13800001111"),
    ("str field", "wang.fang@example.com"),
    ("debug struct, number", "13800002222"),
    ("debug struct, mail", "debug.mail@example.com"),
    ("span field at its creation", "13800003333"),
    ("span field recorded later", "later.mail@example.com"),
    ("parent span", "13800004444"),
    ("error", "13800005555"),
    ("source of an error", "source.mail@example.com"),
    ("second line of an error", "13800006666"),
    ("log record", "13800007777"),
    ("escaped digits", r"\u0031\u0033\u0038\u0030\u0030\u0030\u0030\u0038\u0038\u0038\u0038"),
    ("escaped digits, decoded", "13800008888"),
    ("password, first part", "kept-"),
    ("password, behind the quote", "very-"),
    ("password, second line", "close-2"),
    ("zero-width joint", "13800009999"),
    ("u64", "13900001111"),
    ("behind a control character", "13900002222"),
];

#[derive(Debug)]
#[expect(dead_code, reason = "its Debug form is what is logged")]
struct Person {
    number: &'static str,
    joined: &'static str,
    mail: Option<&'static str>,
}

#[derive(Debug)]
struct Fault(&'static str, Option<Box<Fault>>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|fault| fault as _)
    }
}

fn emit() {
    let parent = tracing::info_span!("parent", caller = 13_800_004_444_u64);
    let _parent = parent.enter();
    let span = tracing::info_span!("request", phone = "13800003333", mail = tracing::field::Empty, steps = 3);
    let _span = span.enter();
    span.record("mail", "later.mail@example.com");

    tracing::info!("打13800001111找她");
    tracing::info!(from = "wang.fang@example.com", "a mail");
    let person = Person {
        number: "13800002222",
        joined: "138\u{200b}0000\u{200b}9999",
        mail: Some("debug.mail@example.com"),
    };
    tracing::info!(?person, "a person");
    let source = Fault("no such user: source.mail@example.com", None);
    let fault = Fault("cannot call 13800005555\nnor 13800006666", Some(Box::new(source)));
    tracing::error!(error = &fault as &dyn Error, "a fault");
    tracing::error!(%fault, ?fault);
    log::info!(target: "other::crate", "dialled 13800007777");
    tracing::info!(body = r#"{"to":"\u0031\u0033\u0038\u0030\u0030\u0030\u0030\u0038\u0038\u0038\u0038"}"#);
    tracing::info!(pw = "kept-\"very-\nclose-2");
    tracing::info!(text = "138\u{200b}0000\u{200b}9999");
    tracing::info!(uid = 13_900_001_111_u64);
    tracing::info!(raw = "\u{1}13900002222", nul = ?"\x0013900002222");
}

fn with_log(work: impl FnOnce()) {
    // There is one logger in a program; another test may have set it.
    let _ = tracing_log::LogTracer::init();
    work();
}

/// The text without what joins: a reader does not see that.
fn unjoined(text: &str) -> String {
    text.replace('\u{200b}', "").replace("\\u{200b}", "").replace("\\u200b", "")
}

fn leaks(output: &str) -> Vec<&'static str> {
    let output = unjoined(output);
    PROBES.into_iter().filter(|(_, value)| output.contains(value)).map(|(name, _)| name).collect()
}

/// All strings and numbers, and what they are when they are read as JSON again.
fn readings(value: &Value, depth: usize, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| readings(item, depth, out)),
        Value::Object(fields) => fields.values().for_each(|field| readings(field, depth, out)),
        Value::String(text) => {
            out.push(text.clone());
            for again in [text.clone(), format!("\"{text}\"")] {
                if let Ok(value) = serde_json::from_str(&again)
                    && depth > 0
                {
                    readings(&value, depth - 1, out);
                }
            }
        }
        other => out.push(other.to_string()),
    }
}

fn leaks_of_json(output: &str) -> Vec<&'static str> {
    let mut all = vec![output.to_owned()];
    objects(output).iter().for_each(|object| readings(object, 2, &mut all));
    leaks(&all.join("\n"))
}

fn all_is_there(output: &str, events: usize) {
    assert_eq!(output.lines().count(), events, "{output}");
    for kept in ["a mail", "a person", "a fault", "steps", "parent", "request", "dialled", "打", "找她"] {
        assert!(output.contains(kept), "{kept}: {output}");
    }
}

const EVENTS: usize = 11;

#[test]
fn nothing_leaks_into_lines_for_people() {
    for has_colours in [false, true] {
        let output = written(human().with_colours(has_colours), || with_log(emit));
        assert_eq!(leaks(&output), [""; 0], "{output}");
        all_is_there(&output, EVENTS);
        assert_eq!(output.contains('\u{1b}'), has_colours);
    }
}

#[test]
fn nothing_leaks_into_json_decoded_twice() {
    let output = written(json(), || with_log(emit));
    assert_eq!(leaks_of_json(&output), [""; 0], "{output}");
    all_is_there(&output, EVENTS);
}

#[test]
fn the_probes_are_seen_where_nobody_redacts() {
    let out = Out::default();
    by(tracing_subscriber::fmt::layer().json().with_writer(out.clone()), || with_log(emit));
    assert!(leaks_of_json(&out.text()).len() >= 16, "{:?}", leaks_of_json(&out.text()));
}

/// A password that is none by its looks is named by its field alone, and a writer does not see fields.
#[test]
fn a_writer_behind_the_lines_of_another_layer_stops_what_rules_can_find() {
    let layer = || tracing_subscriber::fmt::layer().with_target(false);
    for has_colours in [false, true] {
        let out = Out::default();
        let writer = RedactWriter::text(Redactor::new(), out.clone());
        by(layer().with_ansi(has_colours).with_writer(writer).boxed(), || with_log(emit));
        let found = leaks(&out.text());
        assert!(found.iter().all(|name| name.starts_with("password, ")), "{found:?} {}", out.text());
    }
    let out = Out::default();
    let writer = RedactWriter::json(Redactor::new(), out.clone());
    by(layer().json().with_writer(writer).boxed(), || with_log(emit));
    let found = leaks_of_json(&out.text());
    assert!(found.iter().all(|name| name.starts_with("password, ")), "{found:?} {}", out.text());
}

#[test]
fn a_password_that_a_message_names_does_not_leak() {
    for layer in [human(), json()] {
        let output = written(layer, || tracing::info!("她说密码：Hu8-tao9-Shu，别告诉别人"));
        assert!(!output.contains("Hu8") && output.contains("她说密码"), "{output}");
    }
}
