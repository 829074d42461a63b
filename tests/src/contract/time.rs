use std::time::Duration;

use futures_util::poll;
use tokio::time::{Instant, advance};
use tower::{Service, ServiceExt};

use crate::answers::{self, HEL, LO, ROLE, STOP, STREAM};
use crate::body::{Item, Manner, data};
use crate::chat::Reply;
use crate::read::{Came, Hand, read};
use crate::rig::Rig;

/// Longer than every limit of every layer.
const LATE: Duration = Duration::from_secs(3600);

pub(super) async fn data_that_is_there_is_not_thrown_away_for_a_late_poll(rig: Rig) {
    let chat = rig.chat.clone();
    let (answer, feed) = tokio::join!(rig.send(rig.request()), async {
        let feed = chat.asked().await.head(answers::stream_head(), Manner::Chunked);
        feed.data(HEL);
        feed
    });
    let mut hand = Hand::new(answer.unwrap());
    assert_eq!(hand.data(), HEL);
    // The timers are set, and the reader does not come back for an hour.
    assert!(matches!(hand.poll(), Came::Waits { .. }));
    feed.data(LO);
    feed.data(STOP);
    feed.end();
    advance(LATE).await;
    assert_eq!(hand.data(), LO);
    assert_eq!(hand.data(), STOP);
    assert!(matches!(hand.poll(), Came::End));
}

pub(super) async fn a_head_that_is_there_is_not_thrown_away_for_a_late_poll(rig: Rig) {
    let mut service = rig.service.clone();
    let mut call = Box::pin(service.ready().await.unwrap().call(rig.request()));
    assert!(poll!(&mut call).is_pending());
    let feed = rig.chat.asked().await.head(answers::stream_head(), Manner::Chunked);
    feed.data(STREAM.concat());
    feed.end();
    advance(LATE).await;
    let answer = call.await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(read(answer).await.text(), STREAM.concat());
}

pub(super) async fn an_upstream_that_falls_silent_is_ended(rig: Rig) {
    let silences: [fn() -> Reply; 4] = [
        || Reply::Silence,
        || answers::stream_of(Vec::new()),
        || answers::stream_of(vec![data(ROLE)]),
        || answers::stream_of(vec![data(HEL)]),
    ];
    for silence in silences {
        rig.chat.script(move |_| silence());
        let started = Instant::now();
        let answer = rig.send(rig.request()).await.unwrap();
        let read = read(answer).await;
        assert!(
            read.error.is_some() || read.status().is_server_error(),
            "silence is not the end of an answer"
        );
        let code = read.error.as_ref().map_or("", |error| error.ending().code());
        let told = code.ends_with("timeout") || read.text().contains("timeout");
        assert!(told, "{code}: {}", read.text());
        assert!(started.elapsed() <= Duration::from_secs(601), "{:?}", started.elapsed());
        rig.chat.alive.assert_nothing("the silence was ended");
    }
}

pub(super) async fn a_slow_answer_that_moves_is_not_ended(rig: Rig) {
    let pause = || Item::Wait(Duration::from_secs(45));
    rig.chat.script(move |_| {
        let begin = [pause(), data(HEL)];
        let middle = (0..10).flat_map(|_| [pause(), data(LO)]);
        let end = [pause(), data(STOP), Item::End];
        answers::stream_of(begin.into_iter().chain(middle).chain(end).collect())
    });
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert!(read.error.is_none(), "{:?}", read.error);
    let text = read.text().replace(": ping\n", "");
    assert_eq!(text, [HEL.to_owned(), LO.repeat(10), STOP.to_owned()].concat());
}
