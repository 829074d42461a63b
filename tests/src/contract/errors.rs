use bytes::Bytes;
use http::header;
use lastbyte::core::{BodyError, Dialect, Ending, EndingHandle, REFUSED_BY, Refusal, RefusedBy};
use serde_json::Value;
use tower::ServiceExt;

use crate::answers::{self, DIALECTS, HEL, ROLE};
use crate::body::{Item, data};
use crate::chat::{ChatError, Reply};
use crate::read::read;
use crate::rig::Rig;
use crate::subject::Does;

pub(super) async fn an_error_of_the_service_comes_out_as_it_is(rig: Rig) {
    rig.chat.script(|call| Reply::Error(ChatError(call.number)));
    let error = rig.send(rig.request()).await.err();
    let calls = rig.chat.calls().len();
    assert_eq!(calls, rig.stack.attempts_without_a_head());
    assert_eq!(error, Some(ChatError(calls - 1)), "the last one");
}

pub(super) async fn an_error_while_becoming_ready_comes_out_as_it_is(rig: Rig) {
    let chat = rig.chat.clone();
    if rig.stack.does(Does::Retries) {
        rig.chat.script(move |_| {
            chat.break_down(ChatError(8));
            answers::status(503, &[])
        });
        assert_eq!(rig.send(rig.request()).await.err(), Some(ChatError(8)), "before the second attempt");
    } else {
        chat.break_down(ChatError(8));
    }
    let mut service = rig.service.clone();
    assert_eq!(service.ready().await.err(), Some(ChatError(8)));
}

pub(super) async fn an_answer_of_a_layers_own_is_an_error_of_the_chat_api(rig: Rig) {
    let silence: fn() -> Reply = || Reply::Silence;
    let ways = [
        (Does::Seals, (|| Reply::Panic) as fn() -> Reply),
        (Does::Retries, || answers::stream([ROLE])),
        (Does::Limits, silence),
    ];
    let mut some = false;
    for (_, way) in ways.into_iter().filter(|(does, _)| rig.stack.does(*does)) {
        rig.chat.script(move |_| way());
        for (dialect, path, _) in DIALECTS {
            // Where no stream was asked for the head is held to the end.
            let answer = rig.send(answers::request(&rig.chat, path, false)).await.unwrap();
            assert!(answer.status().is_server_error(), "{}", answer.status());
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
            assert!(answer.headers().contains_key("x-lastbyte-attempts"));
            let exact = http_body::Body::size_hint(answer.body()).exact();
            let read = read(answer).await;
            // Whoever rewrites it does not know before.
            let is_rewritten = rig.stack.does(Does::Rewrites) && exact.is_none();
            assert!(
                is_rewritten || exact == Some(read.bytes().len() as u64),
                "its length is known: {exact:?}"
            );
            let ending = read.ending();
            let is_refusal = matches!(ending, Ending::Refused { .. });
            assert_eq!(read.head.headers.contains_key(REFUSED_BY), is_refusal, "{ending:?}");
            let json: Value = serde_json::from_slice(&read.bytes()).unwrap();
            for member in ["message", "type", "code"] {
                assert!(json["error"][member].as_str().is_some_and(|text| !text.is_empty()), "{json}");
            }
            let is_anthropic = dialect == Dialect::Anthropic;
            assert_eq!(json["type"], if is_anthropic { Value::from("error") } else { Value::Null });
            some = true;
        }
    }
    assert!(some, "a layer that answers nothing itself is exempt by name");
}

pub(super) async fn a_refusal_further_in_comes_out_as_it_is(rig: Rig) {
    let refusal = Refusal::new(http::StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Breaker, "open", "no")
        .retry_after(Some(std::time::Duration::from_secs(3)));
    rig.chat.script(move |_| {
        let (parts, bytes) = refusal.clone().into_response::<Bytes>().into_parts();
        answers::framed(http::Response::from_parts(parts, ()), bytes)
    });
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!((read.status().as_u16(), rig.chat.calls().len()), (503, 1), "what we refuse stays refused");
    let headers = &read.head.headers;
    assert_eq!(
        (&headers[REFUSED_BY], &headers["retry-after"]),
        (&"breaker".parse().unwrap(), &"3".parse().unwrap())
    );
    assert!(!headers.contains_key("x-should-retry"), "whoever calls may come back");
    assert_eq!(read.ending(), Ending::Refused { by: RefusedBy::Breaker });
    assert!(read.text().contains("\"open\""));
}

pub(super) async fn an_error_of_a_body_keeps_its_source_and_is_wrapped_once(rig: Rig) {
    rig.chat.script(|_| answers::stream_of(vec![data(HEL), Item::Error(ChatError(5).into())]));
    let broke = read(rig.send(rig.request()).await.unwrap()).await;
    let error = broke.error.expect("it broke");
    assert!(matches!(error.ending(), Ending::Truncated { .. }), "{error:?}");
    let source = std::error::Error::source(&error).expect("its source");
    assert_eq!(source.downcast_ref(), Some(&ChatError(5)));

    // One that somebody has boxed on its way is found in there.
    rig.chat.script(|_| {
        let known = axum::Error::new(BodyError::new(Ending::Interrupted).told());
        answers::stream_of(vec![data(HEL), Item::Error(known.into())])
    });
    let told = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!((told.text().as_str(), told.ending()), (HEL, Ending::Interrupted), "the reader was told");
    assert!(told.error.is_some_and(|error| error.is_told()));

    // One that is known further in already stays the one it is.
    let known = || BodyError::new(Ending::Interrupted);
    rig.chat.script(move |_| answers::stream_of(vec![data(HEL), Item::Error(known().into())]));
    let answer = rig.send(rig.request()).await.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    let error = read(answer).await.error.expect("it broke");
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
    assert_eq!((error.ending(), handle.ending()), (&Ending::Interrupted, Some(&Ending::Interrupted)));
}
