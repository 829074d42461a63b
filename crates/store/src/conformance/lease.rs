//! Who may write: leases, and the fences that make a newer one the only one.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{join, join_all};

use super::Bench;
use super::kit::{
    REQUEST, answer, batch, claim_all, end, events, known, long, open, refused, step_back, texts,
};
use crate::{Batch, Journal, Lease, NewAnswer, State};

/// An answer of two events, whose lease has run out.
async fn lapsed(bench: &dyn Bench, journal: &Arc<dyn Journal>) -> Lease {
    let answer = NewAnswer { lease: bench.unit(), ..answer(bench) };
    let lease = open(journal, &answer).await;
    let head = Some(Bytes::from_static(b"head"));
    journal.append(lease, Batch { head, attempts: 1, ..batch(1, ["a", "b"]) }).await.unwrap();
    bench.pass(bench.unit() * 5 / 4).await;
    lease
}

pub(super) async fn who_claims_goes_on_where_the_other_stopped(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let old = lapsed(bench, &ours).await;
    let before = known(&theirs, old.id).await;
    assert!(!before.leased);
    let claimed = theirs.claim(old.id).await.unwrap().unwrap();
    assert_eq!(claimed.lease.id, old.id);
    assert!(claimed.lease.fence > old.fence);
    assert_eq!(claimed.record.fence, claimed.lease.fence);
    assert_eq!(claimed.request, REQUEST);
    let (fence, leased) = (claimed.record.fence, claimed.record.leased);
    assert_eq!(claimed.record, crate::Record { fence, leased, ..before });
    theirs.append(claimed.lease, batch(3, ["c"])).await.unwrap();
    theirs.end(claimed.lease, batch(4, ["d"]), end(State::Complete)).await.unwrap();
    assert_eq!(texts(&events(&ours, old.id).await), ["a", "b", "c", "d"]);
}

pub(super) async fn a_claim_leaves_the_state_as_it_was(bench: &dyn Bench) {
    let journal = bench.journal().await;
    for state in [State::Claimed, State::Sent] {
        let answer = NewAnswer { state, ..answer(bench) };
        let old = open(&journal, &answer).await;
        journal.relinquish(old).await.unwrap();
        let claimed = journal.claim(answer.id).await.unwrap().unwrap();
        assert_eq!(claimed.record.state, state);
        let record = known(&journal, answer.id).await;
        assert_eq!((record.state, record.leased, record.fence), (state, true, claimed.lease.fence));
        journal.sent(claimed.lease).await.unwrap();
    }
}

pub(super) async fn a_lease_that_ran_out_and_was_not_claimed_may_write(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let lease = lapsed(bench, &journal).await;
    journal.append(lease, batch(3, ["c"])).await.unwrap();
    let lease = lapsed(bench, &journal).await;
    journal.renew(lease).await.unwrap();
    let lease = lapsed(bench, &journal).await;
    journal.end(lease, batch(3, ["c"]), end(State::Complete)).await.unwrap();
    assert_eq!(known(&journal, lease.id).await.state, State::Complete);
}

pub(super) async fn an_old_lease_can_do_nothing(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let old = lapsed(bench, &ours).await;
    let new = theirs.claim(old.id).await.unwrap().unwrap().lease;
    for last in 2..4 {
        let before = known(&theirs, old.id).await;
        refused!(Fenced, ours.append(old, batch(last + 1, ["x"])));
        refused!(Fenced, ours.append(old, batch(1, ["a", "b"])));
        refused!(Fenced, ours.append(old, Batch { attempts: 9, ..batch(last + 1, []) }));
        refused!(Fenced, ours.end(old, batch(last + 1, ["x"]), end(State::Failed)));
        refused!(Fenced, ours.sent(old));
        refused!(Fenced, ours.renew(old));
        refused!(Fenced, ours.relinquish(old));
        refused!(Fenced, ours.release(old));
        // A number that was never given out is none.
        refused!(Fenced, ours.append(Lease { fence: new.fence + 1, ..new }, batch(last + 1, ["x"])));
        refused!(Fenced, ours.append(Lease { fence: u64::MAX, ..new }, batch(last + 1, ["x"])));
        let after = known(&theirs, old.id).await;
        assert_eq!(after, crate::Record { leased: after.leased, ..before });
        theirs.append(new, batch(last + 1, ["c"])).await.unwrap();
    }
    theirs.end(new, batch(5, []), end(State::Complete)).await.unwrap();
    refused!(Fenced, ours.end(old, batch(5, []), end(State::Complete)));
    assert_eq!(texts(&events(&ours, old.id).await), ["a", "b", "c", "c"]);
}

pub(super) async fn what_is_leased_is_not_claimed(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    let before = known(&ours, answer.id).await;
    assert!(ours.claim(answer.id).await.unwrap().is_none());
    assert!(theirs.claim(answer.id).await.unwrap().is_none());
    assert!(claim_all(&theirs, &[]).await.iter().all(|claimed| claimed.lease.id != answer.id));
    assert_eq!(known(&ours, answer.id).await, before);
    ours.append(lease, batch(1, ["a"])).await.unwrap();
}

pub(super) async fn of_many_who_claim_at_once_one_wins(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for _ in 0..8 {
        let answer = answer(bench);
        let old = open(&ours, &answer).await;
        ours.relinquish(old).await.unwrap();
        let journals = [&ours, &theirs].into_iter().cycle().take(16);
        let claimed = join_all(journals.map(|journal| journal.claim(answer.id))).await;
        let won: Vec<_> = claimed.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(won.len(), 1, "{won:?}");
        ours.append(won[0].lease, batch(1, ["a"])).await.unwrap();
    }
}

pub(super) async fn fences_only_grow(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let mut lease = open(&journal, &answer).await;
    for _ in 0..5 {
        journal.relinquish(lease).await.unwrap();
        let new = journal.claim(answer.id).await.unwrap().unwrap().lease;
        assert!(new.fence > lease.fence, "{new:?} after {lease:?}");
        refused!(Fenced, journal.renew(lease));
        lease = new;
    }
}

pub(super) async fn who_renews_or_writes_keeps_an_answer(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = NewAnswer { lease: unit * 4, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    for step in 0..4 {
        bench.pass(unit * 2).await;
        if step % 2 == 0 {
            assert_eq!(ours.renew(lease).await.unwrap(), None);
        } else {
            let first = known(&ours, answer.id).await.events + 1;
            ours.append(lease, batch(first, ["a"])).await.unwrap();
        }
        assert!(theirs.claim(answer.id).await.unwrap().is_none(), "it was kept at step {step}");
        assert!(known(&theirs, answer.id).await.leased);
    }
    bench.pass(unit * 5).await;
    assert!(!known(&theirs, answer.id).await.leased);
    // The new lease lasts as long.
    let new = theirs.claim(answer.id).await.unwrap().unwrap();
    bench.pass(unit * 2).await;
    assert!(ours.claim(answer.id).await.unwrap().is_none());
    bench.pass(unit * 3).await;
    assert!(ours.claim(answer.id).await.unwrap().unwrap().lease.fence > new.lease.fence);
}

pub(super) async fn what_is_relinquished_may_be_claimed_at_once(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    ours.relinquish(lease).await.unwrap();
    let record = known(&theirs, answer.id).await;
    assert_eq!((record.leased, record.state, record.events), (false, State::Streaming, 1));
    let new = theirs.claim(answer.id).await.unwrap().unwrap().lease;
    assert!(known(&ours, answer.id).await.leased);
    refused!(Fenced, ours.append(lease, batch(2, ["b"])));
    refused!(Fenced, ours.relinquish(lease));
    theirs.append(new, batch(2, ["b"])).await.unwrap();
}

pub(super) async fn any_answer_without_a_writer_is_found(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let (free, relinquished) = (lapsed(bench, &ours).await, open(&ours, &answer(bench)).await);
    ours.relinquish(relinquished).await.unwrap();
    let (leased, ended) = (open(&ours, &answer(bench)).await, open(&ours, &answer(bench)).await);
    ours.end(ended, batch(1, []), end(State::Complete)).await.unwrap();
    let released = open(&ours, &answer(bench)).await;
    ours.release(released).await.unwrap();
    let all = [free, relinquished, leased, ended, released].map(|lease| lease.id);

    // There may be some of others, from checks before.
    let ours_of = |claimed: Vec<crate::Claimed>| -> Vec<_> {
        claimed.into_iter().filter(|claimed| all.contains(&claimed.lease.id)).collect()
    };
    let found = ours_of(claim_all(&theirs, &[free.id]).await);
    assert_eq!(found.iter().map(|claimed| claimed.lease.id).collect::<Vec<_>>(), [relinquished.id]);
    assert!(found[0].lease.fence > relinquished.fence);
    assert_eq!(found[0].request, REQUEST);
    let found = ours_of(claim_all(&theirs, &[relinquished.id, leased.id]).await);
    assert_eq!(found.iter().map(|claimed| claimed.lease.id).collect::<Vec<_>>(), [free.id]);
    assert_eq!((found[0].record.events, found[0].record.state), (2, State::Streaming));
    refused!(Fenced, ours.append(free, batch(3, ["c"])));
    theirs.append(found[0].lease, batch(3, ["c"])).await.unwrap();
}

pub(super) async fn of_many_who_claim_any_none_get_the_same(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let mut free = Vec::new();
    for _ in 0..8 {
        let lease = open(&ours, &answer(bench)).await;
        ours.relinquish(lease).await.unwrap();
        free.push(lease.id);
    }
    // Ours have long leases and are not found again, others' may be.
    let mut claimed = Vec::new();
    for journals in [[&ours, &theirs]; 50] {
        let two = join_all(journals.map(|journal| journal.claim_any(&[]))).await;
        claimed.extend(two.into_iter().filter_map(Result::unwrap).map(|claimed| claimed.lease.id));
    }
    claimed.retain(|id| free.contains(id));
    claimed.sort_unstable();
    free.sort_unstable();
    assert_eq!(claimed, free);
}

pub(super) async fn the_writer_hears_how_long_ago_somebody_attended(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let unit = bench.unit();
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    assert_eq!(ours.renew(lease).await.unwrap(), None);
    theirs.attend(answer.id).await.unwrap();
    bench.pass(unit * 2).await;
    let ago = ours.renew(lease).await.unwrap().unwrap();
    assert!(ago >= unit && ago < long(bench), "some {:?}, not {ago:?}", unit * 2);
    theirs.attend(answer.id).await.unwrap();
    let ago = ours.renew(lease).await.unwrap().unwrap();
    assert!(ago < unit, "just now, not {ago:?}");
    assert_eq!(known(&ours, answer.id).await.state, State::Claimed);
}

pub(super) async fn who_claims_knows_all_that_was_written_before(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for at in 0..16 {
        let answer = answer(bench);
        let old = open(&ours, &answer).await;
        ours.relinquish(old).await.unwrap();
        let claims = async {
            if at % 2 == 0 {
                step_back().await;
            }
            theirs.claim(answer.id).await.unwrap()
        };
        // Whether who has given its lease back may write, until another has it, is for the store to say.
        let (wrote, claimed) = join(ours.append(old, batch(1, ["a"])), claims).await;
        let written = u64::from(wrote.is_ok());
        match claimed {
            Some(claimed) => assert_eq!(claimed.record.events, written, "{wrote:?}"),
            None => assert_eq!(written, 1, "it was given back, and cannot be claimed"),
        }
        assert_eq!(known(&theirs, answer.id).await.events, written);
    }
}
