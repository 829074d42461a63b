use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body;
use lastbyte::core::Ending;

use crate::answers::{self, DIALECTS, DONE, HEL, LO, ROLE, STOP, STREAM};
use crate::body::{Item, Manner, data};
use crate::chat::{ChatError, Reply};
use crate::read::{read, read_as_hyper};
use crate::rig::Rig;
use crate::subject::Does;

pub(super) async fn a_whole_stream_comes_out_byte_for_byte(rig: Rig) {
    let mut random = fastrand::Rng::with_seed(rig.seed);
    for round in 0..6 {
        let (_, path, text) = DIALECTS[round % 3];
        let pieces = answers::cut(text.as_bytes(), &mut random);
        let ends = [Manner::Chunked, Manner::Ending, Manner::Long(text.len() as u64)];
        let manner = ends[random.usize(..3)];
        let shown = format!("{manner:?} {pieces:?}");
        let pieces = std::sync::Mutex::new(Some(pieces));
        rig.chat.script(move |_| {
            let pieces = pieces.lock().unwrap().take().expect("it is whole the first time");
            let items = pieces.into_iter().map(Item::Data).chain([Item::End]).collect();
            Reply::Answer(answers::stream_head(), manner, items)
        });
        let answer = rig.send(answers::request(&rig.chat, path, true)).await.unwrap();
        let read = if random.bool() { read(answer).await } else { read_as_hyper(answer).await };
        assert_eq!(read.text(), text, "{shown}");
        assert!(read.error.is_none() && matches!(read.ending(), Ending::Complete { .. }), "{shown}");
    }
}

pub(super) async fn chunks_of_whole_events_come_out_as_they_went_in(rig: Rig) {
    let chunks = [ROLE.to_owned(), HEL.to_owned(), [LO, STOP].concat(), DONE.to_owned()];
    let sent = chunks.clone();
    rig.chat.script(move |_| answers::stream(&sent));
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!(read.chunks, chunks.map(Bytes::from));
}

pub(super) async fn pieces_of_events_come_out_as_they_went_in_where_nothing_is_added(rig: Rig) {
    let text = STREAM.concat();
    let (first, second) = text.split_at(ROLE.len() + 9);
    let chunks = [Bytes::copy_from_slice(first.as_bytes()), Bytes::copy_from_slice(second.as_bytes())];
    let sent = chunks.clone();
    rig.chat.script(move |_| answers::stream(&sent));
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!(read.chunks.concat(), text.as_bytes());
    if !rig.stack.does(Does::Seals) && !rig.stack.does(Does::Rewrites) {
        assert_eq!(read.chunks, chunks);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Marker(u8);

pub(super) async fn a_head_comes_out_with_its_headers_and_extensions(rig: Rig) {
    for content_type in ["text/event-stream", "audio/mpeg"] {
        rig.chat.script(move |_| {
            let mut head =
                answers::head(203, &[("content-type", content_type), ("x-two", "a"), ("x-two", "b")]);
            *head.version_mut() = http::Version::HTTP_2;
            head.extensions_mut().insert(Marker(3));
            Reply::Answer(head, Manner::Chunked, STREAM.iter().map(data).chain([Item::End]).collect())
        });
        let mut request = rig.request();
        if content_type == "audio/mpeg" {
            *request.uri_mut() = "/v1/audio/speech".parse().unwrap();
            request.extensions_mut().clear();
        }
        let answer = rig.send(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (203, http::Version::HTTP_2));
        let two: Vec<_> = answer.headers().get_all("x-two").iter().collect();
        assert_eq!(two, ["a", "b"]);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type);
        assert_eq!(answer.extensions().get(), Some(&Marker(3)));
    }
}

pub(super) async fn an_event_stream_loses_its_length(rig: Rig) {
    let length = STREAM.concat().len() as u64;
    rig.chat.script(move |_| {
        let (mut parts, ()) = answers::stream_head().into_parts();
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
        for digest in ["etag", "digest", "content-digest", "repr-digest", "content-md5"] {
            parts.headers.insert(digest, HeaderValue::from_static("x"));
        }
        let items = STREAM.iter().map(data).chain([Item::End]).collect();
        Reply::Answer(http::Response::from_parts(parts, ()), Manner::Long(length), items)
    });
    let answer = rig.send(rig.request()).await.unwrap();
    if rig.stack.does(Does::Judges) {
        assert!(!answer.headers().contains_key(header::CONTENT_LENGTH), "it may still become another one");
        assert_eq!(answer.body().size_hint().exact(), None);
        assert!(!answer.body().is_end_stream());
    } else {
        assert_eq!(answer.body().size_hint().exact(), Some(length));
    }
    let digests = ["etag", "digest", "content-digest", "repr-digest", "content-md5"];
    let kept = digests.iter().filter(|digest| answer.headers().contains_key(**digest)).count();
    let changes = rig.stack.does(Does::Seals) || rig.stack.does(Does::Rewrites);
    assert_eq!(kept, if changes { 0 } else { 5 });
    assert_eq!(read_as_hyper(answer).await.text(), STREAM.concat());
}

fn trailers() -> HeaderMap {
    [(header::HeaderName::from_static("x-checksum"), HeaderValue::from_static("7"))].into_iter().collect()
}

pub(super) async fn trailers_come_out_last(rig: Rig) {
    // With and without the blank line that would end the last event.
    for text in [STREAM.concat(), STREAM.concat().trim_end().to_owned()] {
        let sent = text.clone();
        rig.chat
            .script(move |_| answers::stream_of(vec![data(&sent), Item::Trailers(trailers()), Item::End]));
        for hyper in [false, true] {
            let answer = rig.send(rig.request()).await.unwrap();
            let read = if hyper { read_as_hyper(answer).await } else { read(answer).await };
            assert_eq!((read.text(), read.trailers.as_ref()), (text.clone(), Some(&trailers())));
            assert!(matches!(read.ending(), Ending::Complete { .. }));
        }
    }
}

pub(super) async fn trailers_do_not_make_a_broken_stream_whole(rig: Rig) {
    // hyper writes a proper end behind trailers, and does not ask for more.
    rig.chat.script(|_| answers::stream_of(vec![data(HEL), Item::Trailers(trailers()), Item::End]));
    let read = read_as_hyper(rig.send(rig.request()).await.unwrap()).await;
    assert!(read.error.is_some(), "trailers came instead: {:?}", read.trailers);
    assert!(matches!(read.ending(), Ending::Truncated { .. }));
}

pub(super) async fn a_broken_stream_ends_with_an_error_and_without_an_end_mark(rig: Rig) {
    let reset = || Item::Error(ChatError(1).into());
    let ways: [(&str, fn() -> Vec<Item>); 5] = [
        ("a clean cut", || vec![Item::End]),
        ("half an event", || vec![data("data: {\"cho"), Item::End]),
        ("an error event", || {
            vec![data("data: {\"error\":{\"message\":\"m\",\"code\":\"c\"}}\n\n"), Item::End]
        }),
        ("garbage", || vec![data("data: <html>\n\n"), Item::End]),
        ("an end mark without a finish", || vec![data(DONE), Item::End]),
    ];
    for manner in [Manner::Chunked, Manner::Ending] {
        for (name, way) in ways {
            rig.chat.script(move |_| {
                let items = [data(ROLE), data(HEL)].into_iter().chain(way()).collect();
                Reply::Answer(answers::stream_head(), manner, items)
            });
            for hyper in [false, true] {
                let answer = rig.send(rig.request()).await.unwrap();
                let read = if hyper { read_as_hyper(answer).await } else { read(answer).await };
                let text = read.text();
                assert!(read.error.is_some(), "{name}: it looks whole: {text}");
                assert!(text.starts_with(&[ROLE, HEL].concat()), "{name}: {text}");
                let forged = text.contains("[DONE]") && name != "an end mark without a finish";
                assert!(!forged && !text.contains("<html>"), "{name}: {text}");
                assert!(!matches!(read.ending(), Ending::Complete { .. }), "{name}");
            }
        }
        rig.chat.script(move |_| {
            Reply::Answer(answers::stream_head(), manner, vec![data(ROLE), data(HEL), reset()])
        });
        assert!(read_as_hyper(rig.send(rig.request()).await.unwrap()).await.error.is_some(), "a reset");
    }
}

pub(super) async fn a_body_need_not_be_sync_nor_unpin(rig: Rig) {
    // What the layers meet is neither, so that this compiles is the proof.
    fn only_send<B: Body + Send + 'static>(body: B) -> B {
        body
    }
    rig.chat.script(|_| answers::stream(STREAM));
    let answer = rig.send(rig.request()).await.unwrap().map(only_send);
    assert_eq!(read(answer).await.text(), STREAM.concat());
}
