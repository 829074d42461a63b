//! What is gone: released, expired, or in whose place there is another.

use bytes::Bytes;

use super::Bench;
use super::kit::{TENANT, again, answer, batch, claim_all, end, events, gone, known, open, refused, texts};
use crate::{Lease, Look, NewAnswer, State};

pub(super) async fn who_releases_an_answer_frees_its_key(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for written in [false, true] {
        let answer = answer(bench);
        let lease = open(&ours, &answer).await;
        if written {
            ours.append(lease, batch(1, ["a"])).await.unwrap();
        }
        ours.release(lease).await.unwrap();
        gone(&theirs, answer.id).await;
        refused!(Fenced, ours.append(lease, batch(1, ["a"])));
        refused!(Fenced, ours.release(lease));
        refused!(Fenced, ours.renew(lease));
        assert!(theirs.claim(answer.id).await.unwrap().is_none());
        assert!(!theirs.seize(answer.id, batch(1, []), end(State::Dead)).await.unwrap());
        let next = again(&answer);
        let next_lease = open(&theirs, &next).await;
        theirs.append(next_lease, batch(1, ["new"])).await.unwrap();
        // The name of the one before is none of this one's.
        gone(&ours, answer.id).await;
        for fence in [lease.fence, next_lease.fence] {
            refused!(Fenced, ours.append(Lease { fence, ..lease }, batch(2, ["x"])));
            refused!(Fenced, ours.release(Lease { fence, ..lease }));
        }
        assert_eq!(texts(&events(&ours, next.id).await), ["new"]);
    }
}

pub(super) async fn what_has_ended_expires(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = NewAnswer { ttl: unit * 4, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    bench.pass(unit * 2).await;
    ours.end(lease, batch(2, ["b"]), end(State::Complete)).await.unwrap();
    // Behind its last change, not its first.
    bench.pass(unit * 5 / 2).await;
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a", "b"]);
    bench.pass(unit * 5 / 2).await;
    assert_eq!(theirs.look(answer.id).await.unwrap(), Look::Expired { tenant: TENANT.to_owned() });
    gone(&ours, answer.id).await;
    refused!(Fenced, ours.append(lease, batch(3, ["c"])));
    assert!(!theirs.seize(answer.id, batch(3, []), end(State::Dead)).await.unwrap());
    bench.pass(unit * 2).await;
    assert_eq!(ours.look(answer.id).await.unwrap(), Look::Expired { tenant: TENANT.to_owned() });
    bench.pass(unit * 2).await;
    assert_eq!(theirs.look(answer.id).await.unwrap(), Look::Unknown);
    gone(&ours, answer.id).await;
}

pub(super) async fn what_nobody_writes_expires_too(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = NewAnswer { lease: unit, ttl: unit * 4, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    bench.pass(unit * 5).await;
    assert_eq!(theirs.look(answer.id).await.unwrap(), Look::Expired { tenant: TENANT.to_owned() });
    assert!(theirs.claim(answer.id).await.unwrap().is_none());
    assert!(claim_all(&theirs, &[]).await.iter().all(|claimed| claimed.lease.id != answer.id));
    refused!(Fenced, ours.append(lease, batch(2, ["b"])));
    refused!(Fenced, ours.renew(lease));
    gone(&ours, answer.id).await;
}

pub(super) async fn what_is_written_or_renewed_does_not_expire(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = NewAnswer { ttl: unit * 4, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    for _ in 0..3 {
        bench.pass(unit * 2).await;
        ours.renew(lease).await.unwrap();
    }
    bench.pass(unit * 2).await;
    ours.append(lease, batch(2, ["b"])).await.unwrap();
    bench.pass(unit * 2).await;
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a", "b"]);
    assert_eq!(known(&theirs, answer.id).await.state, State::Streaming);
    ours.append(lease, batch(3, ["c"])).await.unwrap();
    let page = theirs.read(answer.id, 0, 1000).await.unwrap().unwrap();
    assert_eq!(texts(&page.events), ["a", "b", "c"]);
}

pub(super) async fn what_is_leased_does_not_expire(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = NewAnswer { ttl: unit, lease: unit * 5, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    bench.pass(unit * 2).await;
    assert!(known(&theirs, answer.id).await.leased);
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    bench.pass(unit * 2).await;
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a"]);
    ours.renew(lease).await.unwrap();
    bench.pass(unit * 2).await;
    ours.end(lease, batch(2, ["b"]), end(State::Complete)).await.unwrap();
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a", "b"]);
    // Then its own life counts.
    bench.pass(unit * 3 / 2).await;
    gone(&theirs, answer.id).await;
}

pub(super) async fn what_is_claimed_and_given_back_expires_as_if_it_had_not_been(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    for is_written in [false, true] {
        let answer = NewAnswer { lease: unit, ttl: unit * 6, ..answer(bench) };
        let lease = open(&ours, &answer).await;
        ours.relinquish(lease).await.unwrap();
        for _ in 0..2 {
            bench.pass(unit * 2).await;
            let claimed = theirs.claim(answer.id).await.unwrap().unwrap();
            if is_written {
                theirs.append(claimed.lease, batch(claimed.record.events + 1, ["a"])).await.unwrap();
            }
            theirs.relinquish(claimed.lease).await.unwrap();
        }
        bench.pass(unit * 3).await;
        if is_written {
            assert_eq!(known(&ours, answer.id).await.events, 2);
        } else {
            gone(&ours, answer.id).await;
        }
    }
}

pub(super) async fn the_key_of_what_has_expired_is_free(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    // Once while it is still known to have been there, and once when it is not.
    for waits in [5, 9] {
        let first = NewAnswer { ttl: unit * 4, ..answer(bench) };
        let old = open(&ours, &first).await;
        ours.end(old, batch(1, ["old", "and", "more"]), end(State::Complete)).await.unwrap();
        bench.pass(unit * waits).await;
        let then = NewAnswer { request: Bytes::from_static(b"another"), ..again(&first) };
        let new = open(&theirs, &then).await;
        theirs.append(new, batch(1, ["new"])).await.unwrap();
        if waits < 8 {
            assert_eq!(ours.look(first.id).await.unwrap(), Look::Expired { tenant: TENANT.to_owned() });
        }
        gone(&ours, first.id).await;
        assert!(!ours.seize(first.id, batch(1, []), end(State::Dead)).await.unwrap());
        assert!(ours.claim(first.id).await.unwrap().is_none());
        refused!(Fenced, ours.append(old, batch(2, ["x"])));
        refused!(Fenced, ours.end(old, batch(2, ["x"]), end(State::Complete)));
        let record = known(&ours, then.id).await;
        assert_eq!((record.state, record.events, record.end), (State::Streaming, 1, None));
        assert_eq!(texts(&events(&ours, then.id).await), ["new"]);
        theirs.relinquish(new).await.unwrap();
        let claimed = ours.claim(then.id).await.unwrap().unwrap();
        assert_eq!(claimed.request, then.request);
    }
}

pub(super) async fn a_name_that_was_never_given_reads_nothing_of_the_one_that_was(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    let other = again(&answer).id;
    gone(&journal, other).await;
    journal.attend(other).await.unwrap();
    assert_eq!(journal.renew(lease).await.unwrap(), None, "another one was attended");
    journal.relinquish(lease).await.unwrap();
    assert!(journal.claim(other).await.unwrap().is_none());
    assert!(!journal.seize(other, batch(1, []), end(State::Dead)).await.unwrap());
    let claimed = journal.claim(answer.id).await.unwrap().unwrap();
    refused!(Fenced, journal.append(Lease { id: other, ..claimed.lease }, batch(2, ["b"])));
    journal.append(claimed.lease, batch(2, ["b"])).await.unwrap();
}
