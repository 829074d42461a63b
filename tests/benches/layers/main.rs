//! What the layers cost: time and heap, for each call, each frame and each event, beside a bare service and
//! beside what else there is.
//!
//! `cargo xtask bench layers` prints the report. `-- --write FILE` keeps it too, `-- frames events` measures
//! only these of `calls`, `frames` and `events`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by panicking")]

mod calls;
mod events;
mod frames;
mod report;
mod requests;
mod rounds;

use std::time::Duration;

use report::Report;
use requests::Answer;

#[global_allocator]
static HEAP: densa_alloc::CountingAllocator = densa_alloc::CountingAllocator::system();

const STREAM: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without the flag that `cargo bench` gives it only has to run.
    let (rounds, time) = if arguments.iter().any(|argument| argument == "--bench") {
        (40, Duration::from_millis(4))
    } else {
        (1, Duration::ZERO)
    };
    let named: Vec<&String> = ["calls", "frames", "events"]
        .iter()
        .filter_map(|kind| arguments.iter().find(|argument| *argument == kind))
        .collect();
    let wanted = |kind: &str| named.is_empty() || named.iter().any(|name| *name == kind);
    assert!(densa_alloc::is_active());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let opaque = requests::parse(&runtime, "/v1/audio/speech");
    let chat = requests::parse(&runtime, "/v1/chat/completions");
    // Timers need it; nothing ever waits.
    let _entered = runtime.enter();

    let mut report = Report::new(rounds);
    for (request, content_type, text, kind) in [
        (&opaque, "audio/mpeg", "la", "not a chat answer"),
        (&chat, "text/event-stream", STREAM, "a stream of three events in one frame"),
    ]
    .into_iter()
    .filter(|_| wanted("calls"))
    {
        for (extensions, waits) in [(true, false), (false, false), (true, true)] {
            let answer = Answer { content_type, text, extensions, waits };
            let table = rounds::run(calls::subjects(request, answer), rounds, time);
            report.calls(kind, answer, &table);
        }
    }
    for scanned in [false, true].into_iter().filter(|_| wanted("frames")) {
        for waits in [false, true] {
            let kind = frames::Kind { scanned, waits };
            report.frames(kind, &rounds::run(frames::subjects(kind), rounds, time));
        }
    }
    for shape in events::shapes().into_iter().filter(|_| wanted("events")) {
        report.events(&shape, &rounds::run(events::subjects(&shape), rounds, time));
    }
    if wanted("events") {
        report.huge(&events::huge(rounds.min(5), time));
    }

    let text = report.text();
    print!("{text}");
    if let Some(at) = arguments.iter().position(|argument| argument == "--write") {
        std::fs::write(&arguments[at + 1], text).unwrap();
    }
}
