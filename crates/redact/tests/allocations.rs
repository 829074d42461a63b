//! What is logged every time must cost next to nothing: an event with nothing to redact takes nothing from the heap.

use std::io::sink;
use std::time::Duration;

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::RedactLayer;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

#[global_allocator]
static HEAP: densa_alloc::CountingAllocator = densa_alloc::CountingAllocator::system();

fn clean() {
    tracing::info!(
        status = 200,
        path = "/v1/chat/completions",
        took = ?Duration::from_millis(1280),
        id = "018f3a2b-5c1d-7e4f-9a0b-c2d3e4f50617",
        时间 = 0.5,
        "回答已经结束, an answer has ended at 2026-01-31T10:20:30.123456Z"
    );
}

#[test]
fn an_event_without_a_value_takes_nothing_from_the_heap() {
    assert!(densa_alloc::is_active());
    for layer in [RedactLayer::new(Redactor::new()), RedactLayer::new(Redactor::new()).with_json()] {
        let subscriber = registry().with(layer.with_writer(sink).boxed());
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", tenant = "acme", attempt = 1).entered();
            // The first makes the buffers.
            clean();
            let ((), heap) = densa_alloc::measure(clean);
            assert_eq!((heap.allocs, heap.reallocs), (0, 0));
            let ((), heap) = densa_alloc::measure(|| tracing::info!(from = "li.wei@example.com", "a hit"));
            assert!(heap.allocs > 0, "it is counted");
        });
    }
}
