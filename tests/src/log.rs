//! Somebody who reads what is logged, so that it is made.

use std::fmt::Debug;
use std::sync::Once;

use lastbyte::redact::tower::TARGET;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// From now on all lines of [`TARGET`] are read, in all threads.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where another one listens already, it reads them.
        let _ = tracing::subscriber::set_global_default(Reader);
    });
}

struct Reader;

impl Subscriber for Reader {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields;

impl Visit for Fields {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        std::hint::black_box(format!("{value:?}"));
    }
}
