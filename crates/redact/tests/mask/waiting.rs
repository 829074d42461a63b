//! What waits in an answer, for what, and how long.

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::support::*;

const MAIL: &str = "li.wei@example.com";
const CHAT: &str = PATHS[0];

fn chat(choice: usize, delta: Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": choice, "delta": delta}]}))
}

/// What has come so far of an answer that has these events, and then falls silent.
async fn so_far(path: &str, sent: &[String]) -> String {
    let sent = sent.to_vec();
    let (answer, _) = send(&layer(), says(path, MAIL), move |_, _| stalls(sent.clone())).await;
    let (mut body, mut came) = (answer.into_body(), String::new());
    while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
        came.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    came
}

#[tokio::test]
async fn what_waits_leaves_where_another_text_of_its_choice_begins() {
    let thought = "so I give the email";
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}}]});
    for deltas in [
        vec![json!({"reasoning_content": thought}), json!({"content": "yes"})],
        // With all fields each time.
        vec![
            json!({"reasoning_content": "", "content": ""}),
            json!({"reasoning_content": thought, "content": ""}),
            json!({"reasoning_content": "", "content": "yes"}),
        ],
        vec![json!({"content": "我把结果写成text"}), call("")],
        vec![json!({"content": thought}), call("{")],
        vec![json!({"content": "an ID"}), json!({"reasoning": "yes"}), json!({"content": "yes"})],
    ] {
        let sent: Vec<_> = deltas.into_iter().map(|delta| chat(0, delta)).collect();
        assert_eq!(so_far(CHAT, &sent).await, sent.concat());
        // In two choices one goes on while the other waits.
        let two =
            [sent.clone(), vec![chat(1, json!({"content": "I"})), chat(0, json!({"content": "!"}))]].concat();
        assert_eq!(so_far(CHAT, &two).await, sent.concat());
    }
    let block = |kind: &str, rest: Value| {
        let mut event = json!({"type": kind, "index": u8::from(kind.ends_with("start"))});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let sent = [
        block("content_block_delta", json!({"delta": {"type": "thinking_delta", "thinking": thought}})),
        block("content_block_start", json!({"content_block": {"type": "text", "text": ""}})),
    ];
    assert_eq!(so_far(PATHS[2], &sent).await, sent.concat());
}

#[tokio::test]
async fn texts_that_go_on_side_by_side_wait_each_for_itself() {
    // Two tool calls, and an answer beside its reasoning, piece by piece.
    let api = |_: &_, body: &Bytes| {
        let standin = said(CHAT, body);
        let pieces = cut(&standin, (0..standin.len()).step_by(5));
        let call = |index: usize, piece: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
        let said = pieces.iter().map(|piece| chat(0, json!({"content": piece, "reasoning": piece})));
        let called = pieces.iter().flat_map(|piece| [chat(0, call(0, piece)), chat(0, call(1, piece))]);
        stream(said.chain(called).collect::<Vec<_>>())
    };
    let layer = layer();
    let (answer, _) = send(&layer, says(CHAT, MAIL), api).await;
    let (came, _) = read(answer).await;
    assert_eq!((came.matches(MAIL).count(), layer.totals().restored), (4, 4), "{came}");
}

#[tokio::test]
async fn a_stream_that_waits_too_long_ends_the_text_it_waits_for_and_no_other() {
    // One choice may be in the middle of a stand-in, and another goes on and on, and ends each event with the half of one.
    let filler = "x".repeat(1_000);
    let api = move |_: &_, body: &Bytes| {
        let standin = said(CHAT, body);
        let (one, two) = standin.split_at(9);
        let more = (0..100).map(|_| chat(1, json!({"content": format!("{two} {filler} {one}")})));
        let ends = [chat(1, json!({"content": two})), chat(0, json!({"content": two}))];
        stream([chat(0, json!({"content": one}))].into_iter().chain(more).chain(ends).collect::<Vec<_>>())
    };
    let layer = layer();
    let (answer, _) = send(&layer, says(CHAT, MAIL), api).await;
    let (came, _) = read(answer).await;
    assert_eq!((came.matches(MAIL).count(), layer.totals().restored), (100, 100));
}
