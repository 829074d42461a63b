//! The seam, event by event.

use bytes::Bytes;
use lastbyte_core::{Dialect, Resume};
use lastbyte_retry::splice::{Continuation, Mismatch, Settings, Splice, Strategy, Way, WhyNot};
use serde_json::json;

use crate::provider::{Part, Provider, question};
use crate::{Break, CONTINUATIONS, DIALECTS, checker, key, read_text, text};

const REQUEST: &[u8] = br#"{"messages":[{"role":"user","content":"Hi"}]}"#;

fn splice(strategy: Strategy, continuation: Continuation) -> Splice {
    let settings = Settings { strategy, continuation, ..Settings::default() };
    Splice::new(settings, Dialect::OpenAiChat, true)
}

fn forward(splice: &mut Splice, bytes: &str) -> String {
    let forwarded = splice.forward(Bytes::copy_from_slice(bytes.as_bytes()));
    assert_eq!(forwarded.failed, None);
    String::from_utf8(forwarded.bytes.to_vec()).unwrap()
}

fn chunk(id: &str, text: &str) -> String {
    format!(
        "data: {{\"id\":\"{id}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    )
}

#[test]
fn what_comes_first_and_what_needs_no_change_keeps_its_bytes() {
    let odd = "\u{feff}: hi\r\nid: 7\r\ndata:{ \"id\" : \"a\",\r\ndata:  \"choices\":[{\"delta\":{\"content\":\"Hel\"}}] }\r\n\r\n\
               retry: 10\n\ndata: {\"choices\":[]}\n\n: bye\n";
    let mut splice = splice(Strategy::Replay, Continuation::None);
    let whole: String = odd.split_inclusive('\n').map(|part| forward(&mut splice, part)).collect();
    assert_eq!(whole, odd);
    splice.plan(REQUEST).unwrap();
    assert_eq!(forward(&mut splice, &chunk("a", "Hel")), "");
    // From an upstream that repeats its id, as a cache does.
    let rest = ": ping\n".to_owned() + &chunk("a", "lo") + ": ping\n";
    assert_eq!(forward(&mut splice, &rest), rest);
}

#[test]
fn only_what_has_to_change_is_changed() {
    let mut splice = splice(Strategy::Replay, Continuation::None);
    forward(
        &mut splice,
        "data: {\"id\":\"a\",\"created\":1,\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"Gr\"}}]}\n\n",
    );
    splice.plan(REQUEST).unwrap();
    let joined = forward(
        &mut splice,
        "event: chunk\nid: 9\ndata: {\"created\":2.0, \"new\":[1e3, \"\\u00fc\"],\"id\":\"b\",\ndata: \"choices\":[{\"y\":null,\"delta\":\
         {\"content\":\"Gr\\u00fc\\u00dfe\"}}] }\n\n",
    );
    assert_eq!(
        joined,
        "event: chunk\ndata: {\"created\":1,\"new\":[1e3, \"\\u00fc\"],\"id\":\"a\",\"choices\":[{\"y\":null,\"delta\":\
         {\"content\":\"üße\"}}],\"model\":\"m\"}\n\n"
    );
}

#[test]
fn line_ends_and_marks_of_another_stream_do_not_end_up_in_the_middle() {
    let mut splice = splice(Strategy::Replay, Continuation::None);
    forward(&mut splice, &chunk("a", "Hel"));
    splice.plan(REQUEST).unwrap();
    let crlf = |id: &str, text: &str| chunk(id, text).replace('\n', "\r\n");
    let stream = format!("\u{feff}{}{}{}", crlf("b", "Hel"), crlf("b", "lo"), crlf("a", "!"));
    for size in [1, 7, 10_000] {
        let mut joined = String::new();
        for part in stream.as_bytes().chunks(size) {
            joined
                .push_str(std::str::from_utf8(&splice.forward(Bytes::copy_from_slice(part)).bytes).unwrap());
        }
        assert_eq!(joined, chunk("a", "lo") + &crlf("a", "!"), "in pieces of {size}");
        splice = self::splice(Strategy::Replay, Continuation::None);
        forward(&mut splice, &chunk("a", "Hel"));
        splice.plan(REQUEST).unwrap();
    }
}

#[test]
fn every_attempt_that_told_its_usage_is_in_the_sum() {
    for (dialect, continuation) in CONTINUATIONS {
        let mut provider = Provider::new(dialect, continuation, text("one two three four"));
        provider.usage_in_chunks = true;
        let read = read_text(&provider, Strategy::Continue, &[4, 3]);
        assert_eq!((read.ways, read.failed), (vec![Way::Continue; 2], None));
        let usage = checker::read(dialect, &read.bytes).usage;
        // The prompts had 7, 8 and 9 tokens. Four, three and so many chunks as came in the end were produced;
        // Anthropic tells one token at each start, and the rest at the end of the last: its first attempts break
        // behind one piece and behind none.
        let echo = continuation == Continuation::Mistral;
        let expected = match dialect {
            Dialect::Anthropic => json!({"input_tokens": 24, "output_tokens": 7}),
            _ if echo => json!({"prompt_tokens": 24, "completion_tokens": 14, "total_tokens": 38}),
            _ => json!({"prompt_tokens": 24, "completion_tokens": 9, "total_tokens": 33}),
        };
        assert_eq!(usage, expected, "{dialect:?} {continuation:?}");
    }
    let provider = Provider::new(Dialect::OpenAiResponses, Continuation::None, text("one two three four"));
    let read = read_text(&provider, Strategy::Replay, &[6]);
    // What broke told nothing.
    let usage = checker::read(Dialect::OpenAiResponses, &read.bytes).usage;
    assert_eq!(usage, json!({"input_tokens": 8, "output_tokens": 6, "total_tokens": 14}));
}

#[test]
fn a_call_that_broke_is_replayed_under_its_first_id() {
    let call = |name: &str| Part::Call { name: name.into(), arguments: "{\"city\":\"Köln\"}".into() };
    for dialect in DIALECTS {
        let provider = Provider::new(dialect, Continuation::None, vec![call("first"), call("second")]);
        for at in 1..16 {
            let read = read_text(&provider, Strategy::Replay, &[at]);
            assert_eq!((read.failed, read.why_not), (None, None), "{dialect:?} {at}");
            let said = checker::read(dialect, &read.bytes);
            let (arguments, names) = match dialect {
                Dialect::OpenAiChat => {
                    (["0:call 0 arguments", "0:call 1 arguments"], ["0:call 0 name", "0:call 1 name"])
                }
                Dialect::Anthropic => (["0:partial_json", "1:partial_json"], ["0:name", "1:name"]),
                Dialect::OpenAiResponses => {
                    (["0:function_call_arguments", "1:function_call_arguments"], ["", ""])
                }
            };
            assert_eq!(arguments.map(|key| said.text(key)), ["{\"city\":\"Köln\"}"; 2], "{dialect:?} {at}");
            if dialect != Dialect::OpenAiResponses {
                assert_eq!(names.map(|key| said.text(key)), ["first", "second"]);
            }
            if dialect == Dialect::OpenAiChat {
                assert_eq!(
                    said.text("0:call 0 id").len(),
                    "call_0_0".len(),
                    "one id: {}",
                    said.text("0:call 0 id")
                );
            }
        }
    }
}

#[test]
fn another_answer_fails_where_it_parts_and_what_came_before_is_kept() {
    for dialect in DIALECTS {
        let first = Provider::new(dialect, Continuation::None, text("Hello, world"));
        for other in ["Hello, moon", "Help", "Hell", "hello, world", ""] {
            let second = Provider::new(dialect, Continuation::None, text(other));
            let settings = Settings { strategy: Strategy::Replay, ..Settings::default() };
            let mut splice = Splice::new(settings, dialect, true);
            let asked = question().to_string().into_bytes();
            let begin = first.answer(&asked, 0, &[1]).begin;
            let shown = begin[..begin.len() - 2].concat();
            splice.forward(shown.into());
            splice.plan(&asked).unwrap();
            let answer = second.answer(&asked, 1, &[2]);
            let forwarded = splice.forward([answer.begin, answer.end].concat().concat().into());
            assert_eq!(forwarded.failed, Some(Mismatch::Diverged), "{dialect:?} {other:?}");
            let bytes = String::from_utf8(forwarded.bytes.to_vec()).unwrap();
            assert!(bytes.is_empty() || bytes.ends_with("{\"type\":\"ping\"}\n\n"), "{bytes}");
            // It stays so, and the strategy has nothing left.
            assert_eq!(splice.forward(Bytes::from("data: {}\n\n")).failed, Some(Mismatch::Diverged));
            assert_eq!(splice.plan(&asked).unwrap_err(), WhyNot::RuledOut);
        }
    }
}

#[test]
fn the_events_before_a_mismatch_are_forwarded() {
    let mut splice = splice(Strategy::Continue, Continuation::Vllm);
    forward(&mut splice, &chunk("a", "Hello"));
    splice.plan(REQUEST).unwrap();
    let reasons = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"Hm\"}}]}\n\n";
    let forwarded = splice.forward(Bytes::from(chunk("b", ", ") + reasons + &chunk("b", "world")));
    assert_eq!(forwarded.failed, Some(Mismatch::Reasoned));
    assert_eq!(forwarded.bytes, chunk("a", ", "));
}

#[test]
fn an_upstream_that_does_not_repeat_the_prefix_as_it_should_is_not_trusted() {
    let mut splice = splice(Strategy::Continue, Continuation::Mistral);
    forward(&mut splice, &chunk("a", "Hello "));
    splice.plan(REQUEST).unwrap();
    assert_eq!(forward(&mut splice, &chunk("b", "Hel")), "");
    let forwarded = splice.forward(Bytes::from(chunk("b", " world")));
    assert_eq!((forwarded.bytes, forwarded.failed), (Bytes::new(), Some(Mismatch::NoEcho)));
}

#[test]
fn a_continuation_may_call_a_tool_and_may_not_have_a_second_choice() {
    let mut one = splice(Strategy::Continue, Continuation::Vllm);
    forward(&mut one, &chunk("a", "Let me look. "));
    one.plan(REQUEST).unwrap();
    let call = "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\
                \"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n";
    assert_eq!(forward(&mut one, call), call);
    assert_eq!(one.plan(REQUEST).unwrap_err(), WhyNot::ToolCall);

    let mut two = splice(Strategy::Continue, Continuation::Vllm);
    forward(&mut two, &chunk("a", "Hello"));
    two.plan(REQUEST).unwrap();
    let second = chunk("b", "!").replace("\"index\":0", "\"index\":1");
    assert_eq!(two.forward(Bytes::from(second)).failed, Some(Mismatch::Choice));
}

#[test]
fn a_restart_is_told_once_with_the_first_event_and_then_the_answer_is_as_it_came() {
    let mut splice = splice(Strategy::Restart, Continuation::None);
    forward(&mut splice, &chunk("a", "Hello"));
    assert_eq!(splice.plan(REQUEST).unwrap().way, Way::Restart);
    // It broke before it had said anything: the reader has not been told yet.
    assert_eq!(splice.plan(REQUEST).unwrap().body, REQUEST);
    let told = "event: restart\ndata: {\"type\":\"restart\"}\n\n".to_owned();
    assert_eq!(forward(&mut splice, &chunk("b", "Good")), told.clone() + &chunk("b", "Good"));
    assert_eq!(forward(&mut splice, &chunk("b", " day")), chunk("b", " day"));
    // The second one breaks too.
    assert_eq!(splice.plan(REQUEST).unwrap().way, Way::Restart);
    assert_eq!(forward(&mut splice, &chunk("c", "Hi")), told + &chunk("c", "Hi"));

    for dialect in DIALECTS {
        let provider = Provider::new(dialect, Continuation::None, text("one two three"));
        let read = read_text(&provider, Strategy::Auto, &[6, 5, 1]);
        assert_eq!(read.ways[..2], [Way::Restart; 2], "{dialect:?}");
        let said = checker::read(dialect, &read.bytes);
        assert_eq!(
            (said.restarts, said.text(key(dialect))),
            (2 + usize::from(read.ways[2] == Way::Restart), "one two three")
        );
    }
}

#[test]
fn an_end_mark_without_an_end_is_not_shown() {
    let mut splice = splice(Strategy::Continue, Continuation::Vllm);
    let done = "data: [DONE]\n\n";
    assert_eq!(forward(&mut splice, &(chunk("a", "Hello") + done)), chunk("a", "Hello"));
    splice.plan(REQUEST).unwrap();
    let stop = "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(forward(&mut splice, done), "");
    assert_eq!(forward(&mut splice, &(stop.to_owned() + done)), stop.to_owned() + done);
}

#[test]
fn choices_that_were_finished_are_not_finished_again() {
    let stop = "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let second = |text: &str| chunk("a", text).replace("\"index\":0", "\"index\":1");
    let mut splice = splice(Strategy::Replay, Continuation::None);
    forward(&mut splice, &(chunk("a", "one") + &second("t") + stop));
    splice.plan(REQUEST).unwrap();
    assert_eq!(forward(&mut splice, &(chunk("a", "one") + stop)), "");
    assert_eq!(forward(&mut splice, "data: [DONE]\n\n"), "");
    let rest = second("wo") + &stop.replace("\"index\":0", "\"index\":1") + "data: [DONE]\n\n";
    assert_eq!(forward(&mut splice, &second("t")), "");
    assert_eq!(forward(&mut splice, &rest), rest);

    // More of a choice that has ended is another answer.
    let mut splice = self::splice(Strategy::Replay, Continuation::None);
    forward(&mut splice, &(chunk("a", "one") + &second("t") + stop));
    splice.plan(REQUEST).unwrap();
    assert_eq!(splice.forward(chunk("a", "one more").into()).failed, Some(Mismatch::Diverged));
}

#[test]
fn a_chunk_whose_log_probabilities_cannot_be_cut_with_its_text_is_not_cut() {
    let with = |text: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"logprobs\":{{\"content\":[1]}}}}]}}\n\n"
        )
    };
    let mut splice = splice(Strategy::Replay, Continuation::None);
    forward(&mut splice, &with("Hel"));
    splice.plan(REQUEST).unwrap();
    let mut same = forward(&mut splice, &with("Hel"));
    same += &forward(&mut splice, &with("lo"));
    assert_eq!(same, with("lo"));

    let mut splice = self::splice(Strategy::Replay, Continuation::None);
    forward(&mut splice, &with("Hel"));
    splice.plan(REQUEST).unwrap();
    assert_eq!(splice.forward(with("Hello").into()).failed, Some(Mismatch::Unread));
}

#[test]
fn an_answer_that_grows_beyond_what_is_kept_goes_on_to_its_end() {
    let whole = "one two three ".repeat(200);
    let whole = whole.trim_end();
    let mut ways = CONTINUATIONS.map(|(dialect, way)| (dialect, way, Strategy::Continue)).to_vec();
    ways.extend(DIALECTS.map(|dialect| (dialect, Continuation::None, Strategy::Replay)));
    for (dialect, continuation, strategy) in ways {
        let provider = Provider::new(dialect, continuation, text(whole));
        let settings = Settings { strategy, continuation, max_kept: 1000, ..Settings::default() };
        let at = [Break::Events(20)];
        let read = crate::read(&provider, settings, &at, &[3, 4], &[1 << 20]);
        assert_eq!((read.failed, read.why_not, read.ways.len()), (None, None, 1), "{dialect:?} {strategy:?}");
        assert_eq!(checker::read(dialect, &read.bytes).text(key(dialect)), whole);
        let again = [Break::Events(20), Break::Events(500)];
        let read = crate::read(&provider, settings, &again, &[3, 4], &[1 << 20]);
        assert_eq!(read.why_not, Some(WhyNot::TooLong));
    }
}

#[test]
fn a_takeover_goes_on_from_the_events_that_were_shown() {
    let provider = Provider::new(Dialect::OpenAiChat, Continuation::Vllm, text("one two three"));
    let asked = question().to_string().into_bytes();
    let begin = provider.answer(&asked, 0, &[2]).begin;
    let numbered = |(number, event): (usize, &Bytes)| {
        Bytes::from([format!("id: {number}\n").as_bytes(), event].concat())
    };
    let events: Vec<Bytes> = begin[..4].iter().enumerate().map(numbered).collect();
    let resume = Resume { text: "one tw".into(), events: events.clone() };
    let mut splice = splice(Strategy::Auto, Continuation::Vllm);
    splice.resume(&resume);
    let next = splice.plan(&asked).unwrap();
    assert_eq!(next.way, Way::Continue);
    let answer = provider.answer(&next.body, 1, &[3]);
    let rest = splice.forward([answer.begin, answer.end].concat().concat().into());
    let whole = [events.concat(), rest.bytes.to_vec()].concat();
    let said = checker::read(Dialect::OpenAiChat, &whole);
    assert_eq!((said.text("0:content"), said.roles), ("one two three", 1));
}

#[test]
fn a_takeover_knows_that_an_answer_was_begun_again() {
    let told = "event: restart\ndata: {\"type\":\"restart\"}\n\n".to_owned();
    let events = [chunk("a", "Hello"), told, chunk("b", "Good ")].map(Bytes::from).to_vec();
    let mut splice = splice(Strategy::Replay, Continuation::None);
    splice.resume(&Resume { text: String::new(), events });
    splice.plan(REQUEST).unwrap();
    assert_eq!(forward(&mut splice, &chunk("c", "Good day")), chunk("b", "day"));
}

#[test]
fn a_takeover_can_do_with_the_text_alone_where_one_text_is_an_answer() {
    for (dialect, continuation, goes_on) in [
        (Dialect::OpenAiChat, Continuation::Vllm, true),
        (Dialect::Anthropic, Continuation::Anthropic, true),
        (Dialect::OpenAiResponses, Continuation::None, false),
    ] {
        let provider = Provider::new(dialect, continuation, text("one two three"));
        let settings = Settings { continuation, ..Settings::default() };
        let mut splice = Splice::new(settings, dialect, false);
        splice.resume(&Resume { text: "one two ".into(), events: Vec::new() });
        let next = splice.plan(question().to_string().as_bytes());
        assert_eq!(next.is_ok(), goes_on, "{dialect:?}");
        let Ok(next) = next else { continue };
        let answer = provider.answer(&next.body, 5, &[3]);
        let rest = splice.forward([answer.begin, answer.end].concat().concat().into());
        let rest = String::from_utf8(rest.bytes.to_vec()).unwrap();
        assert!(rest.contains("\"th\"") && rest.contains("\"ree\""), "{rest}");
        assert!(!rest.contains("\" th") && !rest.contains("role") && !rest.contains("start"), "{rest}");
    }
}

#[test]
fn a_message_whose_text_had_ended_gets_what_follows_in_a_block_of_its_own() {
    let anthropic = Settings { continuation: Continuation::Anthropic, ..Settings::default() };
    let events = |index: u64, text: &str| {
        let start = json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
        let delta = json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}});
        let stop = json!({"type": "content_block_stop", "index": index});
        [start, delta, stop]
            .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
    };
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n";
    let end = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let tool = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\
                \"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
    let [begin, text, stop] = events(0, "one");
    for (shown, rest, texts) in [
        // The block was open: it goes on.
        (format!("{start}{begin}{text}"), events(0, " two").concat(), ["one two", "", ""]),
        // It was closed.
        (format!("{start}{begin}{text}{stop}"), events(0, " two").concat(), ["one", " two", ""]),
        // Nothing follows, or something else does: what was open is closed.
        (format!("{start}{begin}{text}"), String::new(), ["one", "", ""]),
        (format!("{start}{begin}{text}"), tool.to_owned(), ["one", "", "f"]),
    ] {
        let mut splice = Splice::new(anthropic, Dialect::Anthropic, false);
        let mut whole = forward(&mut splice, &shown);
        splice.plan(REQUEST).unwrap();
        whole += &forward(&mut splice, &format!("{start}{rest}{end}"));
        let said = checker::read(Dialect::Anthropic, whole.as_bytes());
        assert_eq!([said.text("0:text"), said.text("1:text"), said.text("1:name")], texts);
        assert_eq!(said.usage, json!({"input_tokens": 2, "output_tokens": 2}));
    }
}

#[test]
fn a_response_whose_last_event_says_something_else_is_not_taken() {
    let provider = Provider::new(Dialect::OpenAiResponses, Continuation::None, text("Hello, world"));
    let asked = question().to_string().into_bytes();
    for (of, with) in [
        ("\"text\":\"Hello, world\"", "\"text\":\"Hello, moon\""),
        ("\"type\":\"message\"", "\"type\":\"reasoning\""),
    ] {
        let settings = Settings { strategy: Strategy::Replay, ..Settings::default() };
        let mut splice = Splice::new(settings, Dialect::OpenAiResponses, false);
        splice.forward(provider.answer(&asked, 0, &[3]).begin[..6].concat().into());
        splice.plan(&asked).unwrap();
        let answer = provider.answer(&asked, 1, &[3]);
        let stream = [answer.begin, answer.end].concat().concat();
        let stream = String::from_utf8(stream).unwrap().replace(of, with);
        assert_eq!(splice.forward(stream.into()).failed, Some(Mismatch::Diverged), "{with}");
    }
}
