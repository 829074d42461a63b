//! What a reader has of an answer.

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{BoxError, Cause, Ending};
use serde_json::{Value, json};

use crate::support::*;

const MAIL: &str = "li.wei@example.com";
const CHAT: &str = PATHS[0];

fn ok(text: impl Into<Bytes>) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(text.into()))
}

fn delta(choice: usize, text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": choice, "delta": {"content": text}}]}))
}

/// The stand-in that somebody's request has in its place.
fn standin(body: &[u8]) -> String {
    said(CHAT, body)
}

#[tokio::test]
async fn an_event_without_a_stand_in_passes_byte_for_byte() {
    // What could begin one waits for the next event, and goes as it came.
    let text = concat!(
        "\u{feff}: hello\n\n",
        "id: 1\ndata: {\"choices\" : [{\"index\":0,\"delta\":{\"content\":\"the E\"}}]}\n\n",
        ": ping\r\n",
        "retry: 5\r\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"mail \\u0045\"}}]}\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"MAIL_12\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"phone \",\"role\":\"assistant\"}}],\"x\":1.0}\r\r",
        "data: not json\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
    );
    let text = text.replace("data: not json\n\n", "");
    for size in [1, 7, 30, text.len()] {
        let sent: Vec<_> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let (answer, _) = send(&layer(), says(CHAT, MAIL), move |_, _| stream(sent.clone())).await;
        let (came, error) = read(answer).await;
        assert_eq!((came.as_str(), error.is_none()), (text.as_str(), true), "in chunks of {size}");
    }
}

#[tokio::test]
async fn an_event_that_is_rewritten_keeps_all_else() {
    let api = |_: &_, body: &Bytes| {
        let standin = standin(body);
        let (one, two) = standin.split_at(9);
        stream([
            format!(
                "id: 1\nevent: message\ndata: {{\"choices\" : [{{\"index\":0,\"delta\":{{\"content\":\"a {one}\"}}}}] }}\r\n\r\n"
            ),
            format!(
                "id: 2\ndata: {{\"choices\":[\ndata: {{\"index\":0,\"delta\":{{\"content\":\"{two} b\"}}}}]}}\nretry: 7\n\n"
            ),
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned(),
        ])
    };
    let (answer, _) = send(&layer(), says(CHAT, MAIL), api).await;
    let expected = concat!(
        "id: 1\nevent: message\ndata: {\"choices\" : [{\"index\":0,\"delta\":{\"content\":\"a li.wei@example.com\"}}] }\r\n\r\n",
        "id: 2\ndata: {\"choices\":[ {\"index\":0,\"delta\":{\"content\":\" b\"}}]}\nretry: 7\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    );
    assert_eq!(read(answer).await.0, expected);
}

#[tokio::test]
async fn a_first_event_of_several_lines_keeps_its_byte_order_mark() {
    let api = |_: &_, body: &Bytes| {
        let delta = json!({"index": 0, "delta": {"content": standin(body)}, "finish_reason": "stop"});
        stream([format!("\u{feff}data: {{\"choices\":[\ndata: {delta}]}}\n\n")])
    };
    let (answer, _) = send(&layer(), says(CHAT, MAIL), api).await;
    let delta = json!({"index": 0, "delta": {"content": MAIL}, "finish_reason": "stop"});
    let expected = format!("\u{feff}data: {{\"choices\":[ {delta}]}}\n\n");
    assert_eq!(read(answer).await.0, expected);
}

#[tokio::test]
async fn choices_reasoning_and_tool_calls_are_texts_of_their_own() {
    let api = |_: &_, body: &Bytes| {
        let standin = standin(body);
        let mut parts = Vec::new();
        for (at, _) in standin.char_indices() {
            let piece = &standin[at..=at];
            parts.push(delta(0, piece) + &delta(1, piece));
            let call = |index: usize| json!({"index": index, "function": {"name": "f", "arguments": if at == 0 { format!("\"{piece}") } else { piece.to_owned() }}});
            let delta =
                json!({"reasoning_content": piece, "refusal": piece, "tool_calls": [call(3), call(1)]});
            parts.push(format!("data: {}\n\n", json!({"choices": [{"delta": delta, "index": 5}]})));
        }
        let ends: Vec<_> =
            [0, 1, 5].map(|index| json!({"index": index, "delta": {}, "finish_reason": "stop"})).into();
        parts.push(format!("data: {}\n\n", json!({"choices": ends})));
        stream(parts)
    };
    let (answer, _) = send(&layer(), says(CHAT, MAIL), api).await;
    let mut texts = [const { String::new() }; 6];
    for line in read(answer).await.0.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        for choice in event["choices"].as_array().unwrap() {
            let delta = &choice["delta"];
            let mut add = |at: usize, text: &Value| texts[at].push_str(text.as_str().unwrap_or_default());
            if let Some(at) = choice["index"].as_u64().filter(|at| *at < 2) {
                add(at as usize, &delta["content"]);
            }
            add(2, &delta["reasoning_content"]);
            add(3, &delta["refusal"]);
            add(4, &delta["tool_calls"][0]["function"]["arguments"]);
            add(5, &delta["tool_calls"][1]["function"]["arguments"]);
        }
    }
    assert_eq!(texts, [MAIL, MAIL, MAIL, MAIL, &format!("\"{MAIL}"), &format!("\"{MAIL}")]);
}

#[tokio::test]
async fn what_was_held_leaves_before_a_broken_end() {
    let text = "a li.wei@example.com";
    for events in 1..22 {
        for how in 0..3 {
            let api = move |_: &_, body: &Bytes| {
                let masked = said(CHAT, body);
                let pieces = cut(&masked, 0..masked.len());
                let mut parts: Vec<_> = pieces.iter().take(events).map(|piece| ok(delta(0, piece))).collect();
                match how {
                    0 => {}
                    1 => parts.push(ok("data: {\"choices\":[{\"ind")),
                    _ => parts.push(Err("reset".into())),
                }
                chunks("text/event-stream", parts)
            };
            let (answer, seen) = send(&layer(), says(CHAT, text), api).await;
            let masked = said(CHAT, &seen.unwrap().1);
            let (came, error) = read(answer).await;
            assert!(matches!(error.unwrap().ending(), Ending::Truncated { .. }));
            assert_eq!(came.matches("\"content\"").count(), events.min(masked.len()), "{came}");
            let whole = came.strip_suffix("data: {\"choices\":[{\"ind").unwrap_or(&came);
            assert_eq!(whole != came, how == 1);
            let shown = if events >= masked.len() { text } else { &masked[..events] };
            assert_eq!(joined(whole).0, shown);
        }
    }
}

#[tokio::test]
async fn what_waits_leaves_with_the_end_of_its_text() {
    let block = |kind: &str, rest: Value| {
        let mut event = json!({"type": kind, "index": 0, "output_index": 0});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let finish =
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    let responses = block("response.output_text.delta", json!({"delta": "the E"}));
    let messages = block("content_block_delta", json!({"delta": {"type": "text_delta", "text": "the E"}}));
    let nothing = json!({});
    for (path, begins, ends) in [
        (CHAT, delta(0, "the E"), finish),
        (CHAT, delta(0, "the E"), "data: [DONE]\n\n".to_owned()),
        (CHAT, delta(0, "the E"), delta(0, "nd")),
        (PATHS[1], responses.clone(), block("response.output_text.done", json!({"text": "the E"}))),
        (PATHS[1], responses, block("response.failed", nothing.clone())),
        (PATHS[2], messages.clone(), block("content_block_stop", nothing.clone())),
        (PATHS[2], messages, block("message_stop", nothing)),
    ] {
        let sent = vec![begins.clone(), ends.clone()];
        let (answer, _) = send(&layer(), says(path, MAIL), move |_, _| stalls(sent.clone())).await;
        let (mut body, mut came) = (answer.into_body(), String::new());
        while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
            came.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
        let is_cut = path == CHAT && ends.contains("DONE") || ends.contains("response.failed");
        assert!(came == [begins.as_str(), &ends].concat() || is_cut && came == begins, "{ends}: {came}");
    }
}

#[tokio::test]
async fn a_text_in_pieces_is_read_like_the_whole() {
    // In the middle of a word a stand-in is one in capitals only.
    let api = |_: &_, body: &Bytes| {
        let standin = standin(body);
        stream([delta(0, "x"), delta(0, &standin.to_lowercase()), delta(0, "x"), delta(0, &standin)])
    };
    let (answer, seen) = send(&layer(), says(CHAT, MAIL), api).await;
    let standin = standin(&seen.unwrap().1).to_lowercase();
    assert_eq!(joined(&read(answer).await.0).0, format!("x{standin}x{MAIL}"));
}

#[tokio::test]
async fn a_stream_that_waits_too_long_goes_on_as_it_came() {
    // One choice may be in the middle of a stand-in, and another goes on and on.
    let filler = "x".repeat(1_000);
    let more = filler.clone();
    let api = move |_: &_, body: &Bytes| {
        let standin = standin(body);
        let begins = [delta(0, &standin[..9])];
        let goes_on = (0..100).map(|_| delta(1, &more));
        stream(begins.into_iter().chain(goes_on).chain([delta(0, &standin[9..])]).collect::<Vec<_>>())
    };
    let layer = layer();
    let (answer, seen) = send(&layer, says(CHAT, MAIL), api).await;
    let mut body = Box::pin(answer.into_body());
    let mut first = 0;
    while first == 0 {
        first = body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert!((64 << 10..70 << 10).contains(&first), "{first}");
    let standin = standin(&seen.unwrap().1);
    let mut rest = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        rest.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    assert!(rest.contains(&standin[9..]) && rest.matches(&filler).count() > 30);
    drop(body);
    assert_eq!(layer.totals().restored, 0);
}

#[tokio::test]
async fn more_texts_than_are_told_apart_are_lost_for_nobody() {
    let api = |_: &_, _: &_| stream((0..600).map(|choice| delta(choice, "E")).collect::<Vec<_>>());
    let (answer, _) = send(&layer(), says(CHAT, MAIL), api).await;
    let expected: String = (0..600).map(|choice| delta(choice, "E")).collect();
    assert_eq!(read(answer).await.0, expected);
}

#[tokio::test]
async fn an_event_over_the_cap_ends_the_answer() {
    let api = |_: &_, _: &_| stream([delta(0, "a"), delta(0, &"x".repeat(3_000)), delta(0, "b")]);
    let (answer, _) = send(&layer().with_max_event(2_000), says(CHAT, MAIL), api).await;
    let (came, error) = read(answer).await;
    let too_large = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
    assert_eq!((came, error.unwrap().ending()), (delta(0, "a"), &too_large));
}

#[tokio::test]
async fn trailers_come_behind_all_that_was_held() {
    let trailers: HeaderMap = [("x-checksum".parse().unwrap(), "7".parse().unwrap())].into_iter().collect();
    let sent = trailers.clone();
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"E\"},\"finish_reason\":\"stop\"}]}\n\nid: 9";
    let api =
        move |_: &_, _: &_| chunks("text/event-stream", vec![ok(end), Ok(Frame::trailers(sent.clone()))]);
    let (answer, _) = send(&layer(), says(CHAT, MAIL), api).await;
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), end);
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_restored_whole() {
    for status in [200, 400] {
        let api = move |_: &_, body: &Bytes| {
            let standin = standin(body);
            let arguments = json!({"to": standin}).to_string();
            let message = json!({"content": standin, "tool_calls": [{"function": {"arguments": arguments}}]});
            let (choice, error) = (json!({"message": message}), json!(format!("{standin}?")));
            let json = format!("{{ \"n\" : 1.0, \"choices\":[{choice}],\"error\":{error} }}");
            let builder = head("application/json; charset=utf-8").status(status);
            let builder = builder.header("content-length", json.len()).header("etag", "x");
            builder.body(Full::from(json).map_err(|never| match never {}).boxed_unsync()).unwrap()
        };
        let value = r#"password: "a\u0022\\b9c!""#;
        let (answer, _) = send(&layer(), says(CHAT, value), api).await;
        assert!(!answer.headers().contains_key("content-length") && !answer.headers().contains_key("etag"));
        assert_eq!(answer.body().size_hint().exact(), None);
        let (came, error) = read(answer).await;
        assert!(error.is_none() && came.starts_with("{ \"n\" : 1.0, \"choices\":["), "{came}");
        let came: Value = serde_json::from_str(&came).unwrap();
        let message = &came["choices"][0]["message"];
        assert_eq!(
            (message["content"].as_str(), came["error"].as_str()),
            (Some(value), Some(&*format!("{value}?")))
        );
        let arguments = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({"to": value}));
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_passes_and_is_counted() {
    let body = "x".repeat(3_000);
    for (kind, encoding) in [
        ("application/json", "identity"),
        ("application/json", "gzip"),
        ("text/plain", "identity"),
        ("text/event-stream", "br"),
    ] {
        let layer = layer().with_max_answer(2_000);
        let sent = body.clone();
        let api = move |_: &_, _: &_| {
            let body = Full::from(sent.clone()).map_err(|never| match never {}).boxed_unsync();
            head(kind).header("content-encoding", encoding).body(body).unwrap()
        };
        let (answer, _) = send(&layer, says(CHAT, MAIL), api).await;
        assert_eq!(read(answer).await.0, body);
        assert_eq!(layer.totals().unread, 1, "{kind} {encoding}");
    }
}

#[tokio::test]
async fn stand_ins_that_a_model_made_up_or_broke_are_counted() {
    let layer = layer();
    let api = |_: &_, body: &Bytes| {
        let standin = standin(body);
        let broken =
            [&standin[..standin.len() - 1], "x EMAIL_00000000000f, ", &standin.to_lowercase()].concat();
        stream([
            delta(0, &broken),
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned(),
        ])
    };
    let (answer, seen) = send(&layer, says(CHAT, MAIL), api).await;
    let standin = standin(&seen.unwrap().1);
    let expected = format!("{}x EMAIL_00000000000f, {MAIL}", &standin[..standin.len() - 1]);
    assert_eq!(joined(&read(answer).await.0).0, expected);
    let totals = layer.totals();
    assert_eq!((totals.masked, totals.values, totals.restored, totals.lost), (1, 1, 1, 2));
}

#[tokio::test]
async fn stand_ins_of_a_dialogue_that_the_api_keeps_are_counted() {
    let kept = "EMAIL_0123456789ab";
    for (names, lost) in [
        (json!({}), 0),
        (json!({"previous_response_id": "resp_1"}), 1),
        (json!({"conversation": {"id": "conv_1"}}), 1),
        (json!({"previous_response_id": null}), 0),
    ] {
        for stream in [false, true] {
            let mut body = json!({"model": "m", "input": "what is my mail?", "stream": stream});
            body.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
            let answer = if stream {
                events(PATHS[1], &cut(kept, [9]), &[]).concat()
            } else {
                json!({"output": [{"content": [{"type": "output_text", "text": kept}]}]}).to_string()
            };
            let (layer, sent) = (layer(), answer.clone());
            let api = move |_: &_, _: &_| {
                let kind = if stream { "text/event-stream" } else { "application/json" };
                chunks(kind, vec![ok(sent.clone())])
            };
            let (answered, seen) = send(&layer, post(PATHS[1], body.to_string()), api).await;
            assert_eq!(seen.unwrap().1, body.to_string());
            assert_eq!(read(answered).await.0, answer);
            let totals = layer.totals();
            assert_eq!((totals.masked, totals.lost, totals.unread), (0, lost, 0), "{body}");
        }
    }
}
