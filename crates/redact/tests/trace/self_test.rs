//! Who else reads what is logged.

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::{RedactWriter, SelfTest, self_test};
use tracing::span::{Attributes, Id};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::support::{Out, by, human, json, under};

fn found(subscriber: impl Subscriber + Send + Sync + 'static) -> SelfTest {
    let mut found = None;
    under(subscriber, || found = Some(self_test()));
    found.unwrap()
}

#[test]
fn layers_that_redact_are_alone() {
    let out = Out::default();
    let subscriber = tracing_subscriber::registry()
        .with(human().with_writer(out.clone()))
        .with(json().with_writer(out.clone()));
    let found = found(subscriber);
    assert_eq!(found, SelfTest { layers: 2, raw: 0, caught: 0 });
    assert!(found.is_clean());
    assert_eq!(out.text(), "", "the canary is not written by them");
}

#[test]
fn a_second_layer_that_prints_is_found() {
    for is_json in [false, true] {
        let (ours, theirs) = (Out::default(), Out::default());
        let other = fmt::layer().with_writer(theirs.clone());
        let other = if is_json { other.json().boxed() } else { other.boxed() };
        let subscriber = tracing_subscriber::registry().with(human().with_writer(ours)).with(other);
        let found = found(subscriber);
        assert_eq!((found.layers, found.raw), (1, 1));
        assert!(!found.is_clean());
        assert!(theirs.text().contains("another layer prints values"), "{}", theirs.text());
    }
}

#[test]
fn a_second_layer_with_a_writer_that_redacts_is_told_apart() {
    let other = fmt::layer().with_writer(RedactWriter::text(Redactor::new(), Out::default()));
    let json = fmt::layer().json().with_writer(RedactWriter::json(Redactor::new(), Out::default()));
    let ours = human().with_writer(Out::default());
    let found = found(tracing_subscriber::registry().with(ours).with(other).with(json.boxed()));
    assert_eq!(found, SelfTest { layers: 1, raw: 0, caught: 2 });
    assert!(found.is_clean());
}

#[test]
fn a_writer_that_redacts_is_enough() {
    let out = Out::default();
    let alone = fmt::layer().with_writer(RedactWriter::text(Redactor::new(), out.clone()));
    let found = found(tracing_subscriber::registry().with(alone));
    assert_eq!(found, SelfTest { layers: 0, raw: 0, caught: 1 });
    assert!(found.is_clean());
    assert_eq!(found.to_string(), "nobody prints raw values");
    let text = out.text();
    assert!(text.contains("a writer redacts this line") && !text.contains("another layer"), "{text}");
}

#[test]
fn a_layer_that_reads_spans_alone_is_found() {
    struct OfSpans;
    impl<S: Subscriber> Layer<S> for OfSpans {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            let mut text = String::new();
            attributes.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                text.push_str(&format!("{value:?}"));
            });
            assert_ne!(text, "");
        }
    }
    let ours = human().with_writer(Out::default());
    let found = found(tracing_subscriber::registry().with(ours).with(OfSpans));
    assert_eq!(found, SelfTest { layers: 1, raw: 1, caught: 0 });
}

#[test]
fn where_no_layer_sees_the_canary_nothing_is_known() {
    let ours = human().with_writer(Out::default());
    let filtered = found(tracing_subscriber::registry().with(ours.with_filter(LevelFilter::OFF)));
    assert_eq!(filtered, SelfTest { layers: 0, raw: 0, caught: 0 });
    assert!(!filtered.is_clean());
    let ours = human().with_writer(Out::default());
    let least = found(tracing_subscriber::registry().with(ours.with_filter(LevelFilter::ERROR)));
    assert!(least.is_clean());
}

#[test]
fn a_test_does_not_count_what_the_one_before_it_saw() {
    by(human().with_writer(Out::default()), || {
        assert_eq!(self_test(), self_test());
        tracing::event!(Level::ERROR, "something else");
        assert!(self_test().is_clean());
    });
}
