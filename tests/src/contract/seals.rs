use std::time::Duration;

use lastbyte::core::{BodyError, Cause, Dialect, Ending};
use serde_json::Value;

use crate::alive::What;
use crate::answers::{self, DIALECTS, HEL, LO, ROLE, STOP};
use crate::body::{Item, Manner, data};
use crate::chat::{ChatError, Reply};
use crate::read::{Came, Hand, read};
use crate::rig::Rig;

pub(super) async fn a_broken_end_is_told_in_the_readers_format(rig: Rig) {
    for (dialect, path, text) in DIALECTS {
        // Cut behind its first content: everything up to the second last event.
        let content = text.find("你好").expect("content");
        let end = content + text[content..].find("\n\n").expect("an event ends") + 2;
        let begun = text[..end].to_owned();
        let sent = [begun.clone(), "data: {\"half".to_owned()];
        rig.chat.script(move |_| answers::stream(&sent));
        let read = read(rig.send(answers::request(&rig.chat, path, true)).await.unwrap()).await;
        let text = read.text();
        let event = text.strip_prefix(&begun).expect("what was whole is there, and half an event is not");
        let data = match dialect {
            Dialect::OpenAiChat => event.strip_prefix("data: "),
            _ => event.strip_prefix("event: error\ndata: "),
        };
        let data = data.and_then(|data| data.strip_suffix("\n\n")).expect("one event");
        let json: Value = serde_json::from_str(data).expect("of JSON in one line");
        assert_eq!(
            (&json["error"]["type"], &json["error"]["code"]),
            (&"server_error".into(), &"stream_truncated".into())
        );
        assert_eq!(json["type"] == "error", dialect == Dialect::Anthropic);
        assert!(read.error.expect("the transport fails").is_told());
    }
}

pub(super) async fn between_the_error_event_and_the_error_there_is_a_turn(rig: Rig) {
    let ways: [fn() -> Item; 2] = [|| Item::End, || Item::Error(ChatError(1).into())];
    for way in ways {
        rig.chat.script(move |_| answers::stream_of(vec![data(HEL), way()]));
        let mut hand = Hand::new(rig.send(rig.request()).await.unwrap());
        assert_eq!(hand.data(), HEL);
        assert!(!hand.is_end_stream());
        let event = hand.data();
        assert!(event.starts_with(b"data: {\"error\""), "{event:?}");
        assert!(!hand.is_end_stream());
        // hyper throws a frame away that an error follows in the same turn.
        let mut turns = 0;
        let error = loop {
            match hand.poll() {
                Came::Waits { woken } => {
                    assert!(woken, "the reader has to come back by itself");
                    turns += 1;
                }
                Came::Failed(error) => break error,
                other => panic!("{other:?}"),
            }
        };
        assert!((1..4).contains(&turns), "{turns} turns");
        assert!(error.is_told());
        assert!(matches!(hand.poll(), Came::End));
    }
}

pub(super) async fn a_reader_who_was_told_is_not_told_again(rig: Rig) {
    let told = || BodyError::new(Ending::Truncated { cause: Cause::Idle, by_caller: false }).told();
    rig.chat.script(move |_| answers::stream_of(vec![data(HEL), Item::Error(told().into())]));
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!(read.text(), HEL, "somebody further in has sent the event");
    let error = read.error.expect("the transport fails");
    assert!(error.is_told());
    assert_eq!(error.ending().code(), "idle_timeout");
}

pub(super) async fn what_is_put_between_events_stands_between_events(rig: Rig) {
    let silence = || Item::Wait(Duration::from_secs(25));
    let (half, rest) = LO.split_at(30);
    rig.chat.script(move |_| {
        let items = vec![
            data([ROLE, HEL].concat()),
            silence(),
            data(half),
            silence(),
            data(rest),
            data(STOP),
            Item::End,
        ];
        Reply::Answer(answers::stream_head(), Manner::Chunked, items)
    });
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert!(read.error.is_none());
    let text = read.text();
    let ping = ": ping\n";
    assert!(text.contains(ping), "25 seconds of silence are not kept alive");
    assert_eq!(text.replace(ping, ""), [ROLE, HEL, LO, STOP].concat());
    assert!(text.contains(LO), "something stands inside an event: {text}");
}

pub(super) async fn while_the_reader_is_told_nothing_is_held_further_in(rig: Rig) {
    rig.chat.script(|_| answers::stream_of(vec![data(HEL), Item::Error(ChatError(1).into())]));
    let mut hand = Hand::new(rig.send(rig.request()).await.unwrap());
    assert_eq!(hand.data(), HEL);
    assert!(hand.data().starts_with(b"data: {\"error\""));
    let held = [What::Call, What::Body].map(|what| rig.chat.alive.count(what));
    assert_eq!(held, [0, 0], "the answer is broken and the reader is being told");
}
