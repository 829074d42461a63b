//! What the chat API sees of a request.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{REFUSED_BY, Resume, Tenant};
use lastbyte_redact::mask::Unreadable;
use serde_json::{Value, json};

use crate::support::*;

pub(crate) const MAIL: &str = "li.wei@example.com";
const CHAT: &str = PATHS[0];

/// The body as the chat API sees it, and as a reader has it back.
pub(crate) async fn seen(path: &str, body: &str) -> (String, String) {
    let echo = |_: &_, body: &Bytes| {
        head("application/json")
            .body(Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync())
            .unwrap()
    };
    let (answer, seen) = send(&layer(), post(path, body.to_owned()), echo).await;
    (String::from_utf8(seen.unwrap().1.to_vec()).unwrap(), read(answer).await.0)
}

#[tokio::test]
async fn what_somebody_said_is_masked_and_nothing_else() {
    let chat = json!({
        "model": MAIL, "seed": 13812345678_u64, "user": MAIL, "metadata": {"of": MAIL}, "stop": [MAIL], "unknown": {"a": [[MAIL]]},
        "tools": [{"function": {"name": "f", "description": MAIL}}],
        "messages": [
            {"role": "system", "content": MAIL, "name": MAIL},
            {"role": "user", "content": [
                {"type": "text", "text": MAIL},
                {"type": "image_url", "image_url": {"url": format!("https://{MAIL}/a.png"), "detail": MAIL}},
                {"type": "input_audio", "input_audio": {"data": "QWxhZGRpbjpvcGVuMTM4MTIzNDU2Nzg=", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,MTM4MTIzNDU2Nzg=", "file_id": MAIL}},
            ]},
            {"role": "assistant", "reasoning_content": MAIL, "tool_calls": [
                {"id": MAIL, "type": "function", "function": {"name": "f", "arguments": format!("{{\"to\":\"{MAIL}\"}}")}},
            ]},
            {"role": "tool", "tool_call_id": MAIL, "content": format!("{{\"mail\":\"{MAIL}\"}}")},
        ],
    });
    let responses = json!({
        "model": MAIL, "instructions": MAIL, "previous_response_id": MAIL, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": MAIL}, {"type": "input_image", "image_url": MAIL}]},
            {"type": "function_call", "call_id": MAIL, "name": "f", "arguments": format!("{{\"to\":\"{MAIL}\"}}")},
            {"type": "function_call_output", "call_id": MAIL, "output": MAIL},
            {"type": "reasoning", "id": MAIL, "encrypted_content": MAIL, "summary": [{"type": "summary_text", "text": MAIL}]},
        ],
    });
    let messages = json!({
        "model": MAIL, "system": [{"type": "text", "text": MAIL}], "metadata": {"user_id": MAIL}, "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": MAIL},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": format!("by {MAIL}")}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "13812345678"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": MAIL, "signature": MAIL},
                {"type": "tool_use", "id": MAIL, "name": "f", "input": {"id": MAIL, "url": MAIL, "phone": 13812345678_u64}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": MAIL, "content": MAIL}]},
        ],
    });
    for (path, body, masked, stays) in
        [(PATHS[0], chat, 10, 7), (PATHS[1], responses, 5, 7), (PATHS[2], messages, 8, 4)]
    {
        let body = body.to_string();
        let (seen, back) = seen(path, &body).await;
        assert_eq!(seen.matches("EMAIL_").count(), masked, "{seen}");
        assert_eq!(seen.matches(MAIL).count(), stays, "{seen}");
        serde_json::from_str::<Value>(&seen).unwrap();
        if path == PATHS[2] {
            assert!(
                seen.contains("\"phone\":\"PHONE_") && seen.contains("\"data\":\"13812345678\""),
                "{seen}"
            );
            assert_eq!(back, body.replace(":13812345678", ":\"13812345678\""));
        } else {
            assert_eq!(back, body);
        }
    }
}

#[tokio::test]
async fn arguments_of_tools_stay_json_and_their_names_tell_what_they_are() {
    let arguments =
        r#"{"password": "let\"me\\in", "phone": 13812345678, "n": 5, "to": ["li.wei@example.com"]}"#;
    let body =
        json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}]});
    let (seen, back) = seen(PATHS[0], &body.to_string()).await;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    let seen = seen["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let parsed: Value = serde_json::from_str(seen).unwrap();
    for (value, label) in
        [(&parsed["password"], "SECRET_"), (&parsed["phone"], "PHONE_"), (&parsed["to"][0], "EMAIL_")]
    {
        assert!(value.as_str().unwrap().starts_with(label), "{seen}");
    }
    assert!(seen.contains(r#""n": 5, "to": ["#), "{seen}");
    let back: Value = serde_json::from_str(&back).unwrap();
    let back = back["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(back, arguments.replace("13812345678", "\"13812345678\""));
}

#[tokio::test]
async fn a_value_is_masked_wherever_it_stands_once_it_is_known_to_be_one() {
    let body = json!({"messages": [
        {"role": "user", "content": "try hunter22 again"},
        {"role": "user", "content": "password: hunter22"},
        {"role": "user", "content": "not hunter222 nor xhunter22, HUNTER22"},
    ]});
    let (seen, back) = seen(PATHS[0], &body.to_string()).await;
    assert_eq!(seen.matches("SECRET_").count(), 2, "{seen}");
    assert!(seen.contains("not hunter222 nor xhunter22, HUNTER22"), "{seen}");
    assert_eq!(back, body.to_string());
}

#[tokio::test]
async fn a_value_is_known_where_json_has_escaped_it() {
    for (value, results) in [
        (r"C0rp\admin!9", &[r#"{"login":"C0rp\\admin!9"}"#][..]),
        ("Zq8/kk+Tr4w", &[r#"{"login":"Zq8/kk+Tr4w"}"#, r#"{"login":"Zq8\/kk+Tr4w"}"#]),
        ("Zü8kk+Tr4w", &[r#"{"login":"Z\u00fc8kk+Tr4w"}"#]),
    ] {
        for result in results {
            let body = json!({"messages": [
                {"role": "user", "content": format!("password: {value} ")},
                {"role": "tool", "tool_call_id": "c", "content": result},
                {"role": "tool", "tool_call_id": "d", "content": format!("it is {value} here")},
            ]});
            let (seen, back) = seen(CHAT, &body.to_string()).await;
            let seen: Value = serde_json::from_str(&seen).unwrap();
            let text = |at: usize| seen["messages"][at]["content"].as_str().unwrap();
            assert_eq!(
                text(0).strip_prefix("password: "),
                text(2).strip_prefix("it is ").map(|text| &text[..20])
            );
            let result = text(1).strip_prefix(r#"{"login":""#).unwrap().strip_suffix(r#""}"#).unwrap();
            // The same value: the first six digits are.
            assert_eq!((result.len(), &result[..13]), (19, &text(0)[10..23]), "{seen}");
            assert_eq!(back, body.to_string());
        }
    }
}

#[tokio::test]
async fn what_is_not_a_value_stays_byte_for_byte() {
    let plain = "{ \"messages\" : [{\"content\":\"caf\\u00e9 \\/ EMAIL_0123456789ab\"}], \"n\":1.50 }";
    let (request, seen) = (post(PATHS[0], plain), |_: &_, _: &_| stream(["x"]));
    let (_, seen) = send(&layer(), request, seen).await;
    let (head, body) = seen.unwrap();
    assert_eq!(body, plain);
    assert!(!head.headers.contains_key("accept-encoding"), "nothing has to be restored");
    let with = plain.replace("1.50 }", "1.50,\"user\" :\"li.wei@example.com\"  }");
    let (_, seen) = send(&layer(), post(PATHS[0], with.clone()), |_, _| stream(["x"])).await;
    let body = String::from_utf8(seen.unwrap().1.to_vec()).unwrap();
    let standin = body.split('"').find(|text| text.starts_with("EMAIL_")).unwrap();
    assert_eq!(body, with.replace(MAIL, standin));
}

#[tokio::test]
async fn headers_tell_of_the_body_that_is_sent() {
    let mut request = says(PATHS[0], MAIL);
    for (name, value) in
        [("content-length", "77"), ("content-digest", "sha-256=:x:"), ("accept-encoding", "gzip, br")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (_, seen) = send(&layer(), request, |_, _| stream(["x"])).await;
    let (head, body) = seen.unwrap();
    assert_eq!(head.headers["content-length"], body.len().to_string());
    assert_eq!(head.headers["accept-encoding"], "identity");
    assert!(!head.headers.contains_key("content-digest"));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_or_passes_as_it_is() {
    let gzip = |mut request: Request<Full<Bytes>>| {
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        request
    };
    let text = "x".repeat(1_000);
    let unreadable: [(Request<Full<Bytes>>, StatusCode, &str); 5] = [
        (gzip(post(PATHS[0], MAIL)), StatusCode::UNSUPPORTED_MEDIA_TYPE, MAIL),
        (post(PATHS[1], MAIL), StatusCode::BAD_REQUEST, MAIL),
        (post(PATHS[2], "{\"messages\":[]} {}"), StatusCode::BAD_REQUEST, "{\"messages\":[]} {}"),
        (post(PATHS[0], &b"{\"user\":\"\xff\"}"[..]), StatusCode::BAD_REQUEST, "{\"user\":\""),
        (post(PATHS[0], text.clone()), StatusCode::PAYLOAD_TOO_LARGE, &text),
    ];
    for (request, status, sent) in unreadable {
        let layer = layer().with_max_body(999);
        let again = request.clone();
        let (answer, seen) = send(&layer, request, |_, _| panic!("it was sent")).await;
        assert_eq!((answer.status(), seen.is_none()), (status, true));
        assert_eq!(answer.headers()[REFUSED_BY], "redact");
        assert!(read(answer).await.0.contains("masked before"));
        assert_eq!((layer.totals().refused, layer.totals().passed), (1, 0));

        let layer = layer.with_unreadable(Unreadable::Pass);
        let (answer, seen) = send(&layer, again, |_, _| stream(["x"])).await;
        assert!(seen.unwrap().1.starts_with(sent.as_bytes()) && answer.status() == StatusCode::OK);
        assert_eq!((layer.totals().refused, layer.totals().passed), (1, 1));
    }
}

#[tokio::test]
async fn other_requests_pass() {
    for request in [
        Request::get(PATHS[0]).body(Full::from(MAIL)).unwrap(),
        post("/v1/embeddings", MAIL),
        post(PATHS[0], ""),
    ] {
        let is_empty = request.method() == "POST" && request.uri().path() == PATHS[0];
        let (_, seen) = send(&layer(), request, |_, _| stream(["x"])).await;
        assert_eq!(seen.unwrap().1, if is_empty { "" } else { MAIL });
    }
}

#[tokio::test]
async fn two_tenants_have_different_stand_ins_and_one_has_the_same_again() {
    let layer = layer();
    let mut seen = Vec::new();
    for tenant in [1, 2, 1] {
        let mut request = says(PATHS[0], MAIL);
        request.extensions_mut().insert(Tenant(tenant));
        seen.push(send(&layer, request, |_, _| stream(["x"])).await.1.unwrap().1);
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn an_answer_that_is_taken_over_is_told_to_the_chat_api_as_it_said_it() {
    let text = "password: abc\\9z, mail to li.wei@example.com now, now";
    let shown = "the abc\\9z of li.wei@example.com";
    for path in PATHS {
        // The reader had it in pieces, and arguments of a tool too.
        let arguments = json!({"to": shown}).to_string();
        let events =
            events(path, &cut(shown, (0..shown.len()).step_by(5)), &cut(&arguments, 0..arguments.len()));
        let mut request = says(path, text);
        let resume = Resume {
            text: shown.to_owned(),
            events: events.iter().map(|event| event.clone().into()).collect(),
        };
        request.extensions_mut().insert(resume);
        let (_, seen) = send(&layer(), request, |_, _| stream(["x"])).await;
        let (head, body) = seen.unwrap();
        let masked = said(path, &body);
        let resume = head.extensions.get::<Resume>().unwrap();
        let standin = |label: &str| {
            masked[masked.find(label).unwrap()..]
                .split(',')
                .next()
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .to_owned()
        };
        let expected = format!("the {} of {}", standin("SECRET_"), standin("EMAIL_"));
        assert_eq!(resume.text, expected);
        let all: String =
            resume.events.iter().map(|event| String::from_utf8(event.to_vec()).unwrap()).collect();
        assert_eq!(joined(&all), (expected.clone(), json!({"to": expected}).to_string()));
        assert_eq!(resume.events.len(), events.len());
    }
}
