//! A place to write to, and what can be read in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::RedactLayer;
use serde_json::Value;
use tracing::Subscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};

#[derive(Clone, Default)]
pub(crate) struct Out(Arc<Mutex<Vec<u8>>>);

impl Out {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Out {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

pub(crate) fn human() -> RedactLayer {
    RedactLayer::new(Redactor::new()).without_time()
}

pub(crate) fn json() -> RedactLayer {
    human().with_json()
}

/// What a layer writes while `work` is done.
pub(crate) fn written(layer: RedactLayer, work: impl FnOnce()) -> String {
    let out = Out::default();
    by(layer.with_writer(out.clone()), work);
    out.text()
}

pub(crate) fn by(layer: impl Layer<Registry> + Send + Sync + 'static, work: impl FnOnce()) {
    under(tracing_subscriber::registry().with(layer), work);
}

pub(crate) fn under(subscriber: impl Subscriber + Send + Sync + 'static, work: impl FnOnce()) {
    tracing::subscriber::with_default(subscriber, work);
}

/// The objects of an output in lines of JSON.
pub(crate) fn objects(output: &str) -> Vec<Value> {
    assert!(output.is_empty() || output.ends_with('\n'), "{output:?}");
    let parse = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let objects: Vec<Value> = output.lines().map(parse).collect();
    assert!(objects.iter().all(Value::is_object), "{output}");
    objects
}
