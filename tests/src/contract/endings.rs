use http::{Method, header};
use http_body::Body;
use lastbyte::core::{Cause, Ending, EndingHandle, FailureKind, Phase, Scope, Verdict};

use crate::answers::{self, DONE, HEL, LO, ROLE, STOP, STREAM, WHOLE};
use crate::body::{Item, Manner, data};
use crate::chat::{ChatError, Reply};
use crate::read::{Came, Hand, read, read_as_hyper};
use crate::rig::Rig;
use crate::subject::Does;

fn truncated(cause: Cause) -> Ending {
    Ending::Truncated { cause, by_caller: false }
}

pub(super) async fn every_way_to_end_is_told_once(rig: Rig) {
    let error = || Item::Error(ChatError(1).into());
    let is_complete: fn(&Ending) -> bool = |ending| matches!(ending, Ending::Complete { .. });
    let ways: Vec<(Vec<Item>, fn(&Ending) -> bool)> = vec![
        (STREAM.iter().map(data).chain([Item::End]).collect(), is_complete),
        (vec![data(HEL), data(STOP), Item::End], is_complete),
        (vec![data(HEL), data(STOP), error()], is_complete),
        (vec![data(HEL), Item::End], |ending| *ending == truncated(Cause::Eof)),
        (vec![data(HEL), data(DONE), Item::End], |ending| *ending == truncated(Cause::Eof)),
        (vec![data(HEL), error()], |ending| *ending == truncated(Cause::Reset)),
        (vec![data(HEL), data("data: {"), Item::End], |ending| *ending == truncated(Cause::HalfEvent)),
        (vec![data(HEL), data("data: {\"error\":{\"message\":\"m\"}}\n\n"), Item::End], |ending| {
            matches!(ending, Ending::Failed { kind: FailureKind::Event { .. } })
        }),
        (vec![data(HEL), data("data: no\n\n"), Item::End], |ending| {
            *ending == Ending::Failed { kind: FailureKind::Garbage }
        }),
    ];
    let scope = if rig.stack.does(Does::Retries) { Scope::Answer } else { Scope::Attempt };
    for (items, is) in ways {
        let shown = format!("{items:?}");
        let items = std::sync::Mutex::new(Some(items));
        rig.chat.script(move |_| answers::stream_of(items.lock().unwrap().take().expect("one attempt")));
        let answer = rig.send(rig.request()).await.unwrap();
        let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
        assert_eq!(handle.scope(), scope);
        let mut told = handle.ending().cloned();
        let mut hand = Hand::new(answer);
        while !matches!(hand.poll(), Came::End) {
            let now = handle.ending().cloned();
            assert!(told.is_none() || told == now, "{shown}: told {told:?}, then {now:?}");
            told = now;
        }
        drop(hand);
        let ending = handle.ending().unwrap();
        assert!(is(ending), "{shown}: {ending:?}");
        assert!(told.is_none() || told.as_ref() == Some(ending));
        for each in rig.stack.endings() {
            assert!(each.ending().is_some(), "{shown}: an attempt or an answer that has no ending");
        }
    }
}

pub(super) async fn a_200_that_breaks_is_no_success(rig: Rig) {
    let chat = rig.chat.clone();
    let (answer, feed) = tokio::join!(rig.send(rig.request()), async {
        let feed = chat.asked().await.head(answers::stream_head(), Manner::Chunked);
        feed.data(HEL);
        feed
    });
    let answer = answer.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    assert_eq!((answer.status().as_u16(), handle.ending()), (200, None), "its head says nothing");
    feed.end();
    read(answer).await;
    assert_eq!(handle.ending().unwrap().verdict(), Verdict::Failure);
}

pub(super) async fn the_end_is_seen_where_the_last_frame_says_so(rig: Rig) {
    // hyper drops such a body without asking for its end.
    let stream = || -> Vec<Item> { STREAM.iter().map(data).chain([Item::End]).collect() };
    for manner in [Manner::Ending, Manner::Long(STREAM.concat().len() as u64)] {
        rig.chat.script(move |_| Reply::Answer(answers::stream_head(), manner, stream()));
        let read = read_as_hyper(rig.send(rig.request()).await.unwrap()).await;
        assert!(matches!(read.ending(), Ending::Complete { .. }), "a stream: {:?}", read.ending());
    }
    rig.chat.script(|_| answers::framed(answers::head(200, &[("content-type", "application/json")]), WHOLE));
    let whole = answers::request(&rig.chat, "/v1/chat/completions", false);
    let read = read_as_hyper(rig.send(whole).await.unwrap()).await;
    assert!(matches!(read.ending(), Ending::Complete { .. }), "a whole answer: {:?}", read.ending());
    assert_eq!(read.text(), WHOLE);
}

pub(super) async fn an_empty_body_has_ended_before_it_is_read(rig: Rig) {
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 200), (Method::POST, 401)]
    {
        rig.chat.script(move |_| Reply::Answer(answers::head(status, &[]), Manner::Ending, vec![Item::End]));
        let mut request = rig.request();
        *request.method_mut() = method;
        *request.uri_mut() = "/v1/models".parse().unwrap();
        request.extensions_mut().clear();
        let answer = rig.send(request).await.unwrap();
        let handle = answer.extensions().get::<EndingHandle>().unwrap();
        assert!(handle.ending().is_some(), "{status}: hyper never polls it");
        assert!(answer.body().is_end_stream() && !answer.headers().contains_key(header::TRANSFER_ENCODING));
    }
}

pub(super) async fn an_empty_stream_is_not_a_whole_answer(rig: Rig) {
    for manner in [Manner::Chunked, Manner::Ending, Manner::Long(0)] {
        rig.chat.script(move |_| Reply::Answer(answers::stream_head(), manner, vec![Item::End]));
        let read = read_as_hyper(rig.send(rig.request()).await.unwrap()).await;
        assert!(read.error.is_some() || read.status().is_server_error(), "{manner:?}: it looks whole");
        assert_eq!(read.ending(), truncated(Cause::Eof));
        assert_eq!(rig.chat.calls().len() % rig.stack.attempts(), 0);
    }
}

pub(super) async fn content_is_told_when_it_came(rig: Rig) {
    let chat = rig.chat.clone();
    let (answer, feed) = tokio::join!(rig.send(rig.request()), async {
        let feed = chat.asked().await.head(answers::stream_head(), Manner::Chunked);
        feed.data([ROLE, HEL].concat());
        feed
    });
    let answer = answer.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    let mut hand = Hand::new(answer);
    hand.next_data().await;
    assert_eq!((handle.phase(), handle.ending()), (Phase::Stream, None));
    feed.data([LO, STOP].concat());
    feed.end();
    while !matches!(hand.poll(), Came::End) {}
    assert!(matches!(handle.ending(), Some(Ending::Complete { .. })));
}

pub(super) async fn an_answer_that_nobody_reads_has_an_ending(rig: Rig) {
    for items in [vec![HEL], vec![HEL, LO, STOP]] {
        rig.chat.script(move |_| answers::stream_of(items.iter().map(data).collect()));
        let answer = rig.send(rig.request()).await.unwrap();
        let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
        assert_eq!(handle.ending(), None);
        drop(answer);
        assert_eq!(handle.ending(), Some(&Ending::Abandoned));
        assert!(rig.stack.endings().iter().all(|each| each.ending().is_some()));
    }
}

pub(super) async fn an_ending_known_further_in_is_the_one_that_is_told(rig: Rig) {
    // Somebody further in watches: what it says counts, whatever the bytes look like from here.
    rig.chat.script(|_| {
        let (mut reporter, handle) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
        reporter.advance(Phase::Stream);
        reporter.report(Ending::Interrupted);
        let mut head = answers::stream_head();
        head.extensions_mut().insert(handle);
        Reply::Answer(head, Manner::Chunked, STREAM.iter().map(data).chain([Item::End]).collect())
    });
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!(read.ending(), Ending::Interrupted);
    assert_eq!(read.error.expect("an interrupted answer is no whole one").ending(), &Ending::Interrupted);
}
