use futures_util::poll;
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};

use crate::alive::What;
use crate::answers::{self, STREAM};
use crate::boxed::boxed;
use crate::read::read;
use crate::rig::Rig;

/// Fails first, so that an attempt which a layer makes by itself is looked at too.
fn fails_first(rig: &Rig) {
    let odd = rig.stack.attempts() > 1;
    rig.chat.script(move |call| {
        if odd && call.number == 0 { answers::status(503, &[]) } else { answers::stream(STREAM) }
    });
}

pub(super) async fn what_was_made_ready_is_what_is_called(rig: Rig) {
    fails_first(&rig);
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    let mut clone = service.clone();
    let answer = service.call(rig.request()).await.unwrap();
    assert_eq!(read(answer).await.text(), STREAM.concat());
    rig.assert_clean();
    let answer = clone.ready().await.unwrap().call(rig.request()).await.unwrap();
    assert_eq!(read(answer).await.text(), STREAM.concat());
    let answer = service.ready().await.unwrap().call(rig.request()).await.unwrap();
    assert_eq!(read(answer).await.text(), STREAM.concat());
}

pub(super) async fn a_clone_has_to_become_ready_itself(rig: Rig) {
    let places = || rig.chat.alive.count(What::Place);
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    assert_eq!(places(), 1);
    let mut clone = service.clone();
    assert_eq!(places(), 1, "a clone has reserved nothing");
    clone.ready().await.unwrap();
    assert_eq!(places(), 2, "and does it for itself");
    drop(service);
    assert_eq!(places(), 1);
    drop(clone);
    assert_eq!(places(), 0);
}

pub(super) async fn a_ready_service_that_is_dropped_gives_its_place_back(rig: Rig) {
    let service = rig.stack.around(boxed(ConcurrencyLimit::new(rig.chat.service(), 1)));
    let mut first = service.clone();
    first.ready().await.unwrap();
    let mut second = service.clone();
    assert!(poll!(std::pin::pin!(second.ready())).is_pending(), "there is one place");
    drop(first);
    assert!(poll!(std::pin::pin!(second.ready())).is_ready());
}

pub(super) async fn a_limit_further_in_is_kept(rig: Rig) {
    let service = rig.stack.around(boxed(ConcurrencyLimit::new(rig.chat.service(), 1)));
    fails_first(&rig);
    for _ in 0..3 {
        let mut clone = service.clone();
        let answer = clone.ready().await.unwrap().call(rig.request()).await.unwrap();
        assert_eq!(read(answer).await.text(), STREAM.concat());
    }
}

pub(super) async fn a_service_that_is_not_ready_is_waited_for(rig: Rig) {
    rig.chat.script(|_| answers::stream(STREAM));
    rig.chat.open(false);
    let mut service = rig.service.clone();
    let mut waiting = Box::pin(async move {
        service.ready().await.unwrap();
        service
    });
    assert!(poll!(&mut waiting).is_pending());
    // A timer that is far away: only the wake-up can be what ends the wait.
    let opened = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        rig.chat.open(true);
    };
    let (mut service, ()) = futures_util::future::join(waiting, opened).await;
    assert_eq!(read(service.call(rig.request()).await.unwrap()).await.text(), STREAM.concat());
}

pub(super) async fn services_that_are_ready_and_idle_take_nothing_from_others(rig: Rig) {
    rig.chat.script(|_| answers::stream(STREAM));
    let mut idle = vec![rig.service.clone(); 100];
    for service in &mut idle {
        service.ready().await.unwrap();
    }
    let answer = rig.send(rig.request()).await.unwrap();
    assert_eq!(read(answer).await.text(), STREAM.concat());
}
