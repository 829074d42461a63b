//! What the checks have in common.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::Bench;
use crate::{AnswerId, Batch, Claimed, End, Journal, Lease, Look, NewAnswer, Opened, Record, Slot, State};

/// Says which check it was, where one panics.
pub(super) struct Named(pub(super) String);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the store failed at: {}", self.0);
        }
    }
}

/// Asserts that a write was refused for this reason.
macro_rules! refused {
    ($reason:ident, $write:expr) => {
        let got = $write.await;
        assert!(
            matches!(got, Err($crate::WriteError::$reason)),
            "{} has to be {}, and gave {got:?}",
            stringify!($write),
            stringify!($reason),
        );
    };
}

pub(super) use refused;

pub(super) const TENANT: &str = "a tenant: \u{e9}\u{4e2d}";
pub(super) const REQUEST: &[u8] = b"{\"a\":\"request\"}\r\n\0\xff";

/// Longer than any check takes.
pub(super) fn long(bench: &dyn Bench) -> Duration {
    bench.unit() * 1000
}

/// An answer under a key that nobody else has, with a lease and a life that last. The keys are random, for a
/// store may still have those of an earlier run.
pub(super) fn answer(bench: &dyn Bench) -> NewAnswer {
    NewAnswer {
        id: AnswerId { slot: Slot(fastrand::u128(..)), generation: fastrand::u64(..) },
        tenant: TENANT.to_owned(),
        fingerprint: std::array::from_fn(|at| at as u8 * 8),
        request: Bytes::from_static(REQUEST),
        state: State::Claimed,
        lease: long(bench),
        ttl: long(bench),
        max_bytes: 1 << 24,
    }
}

/// The same key, asked for anew.
pub(super) fn again(answer: &NewAnswer) -> NewAnswer {
    let id = AnswerId { slot: answer.id.slot, generation: answer.id.generation.wrapping_add(1) };
    NewAnswer { id, ..answer.clone() }
}

pub(super) async fn open(journal: &Arc<dyn Journal>, answer: &NewAnswer) -> Lease {
    match journal.open(answer.clone()).await.unwrap() {
        Opened::New(lease) => {
            assert_eq!(lease.id, answer.id);
            lease
        }
        Opened::Exists(record) => panic!("the key is free, and has {record:?}"),
    }
}

/// Opens, and finds that there is one.
pub(super) async fn exists(journal: &Arc<dyn Journal>, answer: &NewAnswer) -> Record {
    match journal.open(answer.clone()).await.unwrap() {
        Opened::New(lease) => panic!("the key is taken, and was given away by {lease:?}"),
        Opened::Exists(record) => record,
    }
}

pub(super) async fn known(journal: &Arc<dyn Journal>, id: AnswerId) -> Record {
    match journal.look(id).await.unwrap() {
        Look::Known(record) => {
            assert_eq!(record.id, id);
            record
        }
        other => panic!("{id} is there, and is {other:?}"),
    }
}

/// Nothing of the answer can be read; whether anybody remembers it is open.
pub(super) async fn gone(journal: &Arc<dyn Journal>, id: AnswerId) {
    let look = journal.look(id).await.unwrap();
    assert!(!matches!(look, Look::Known(_)), "{id} is gone, and is {look:?}");
    assert!(journal.read(id, 0, 1000).await.unwrap().is_none(), "{id} is gone, and can be read");
}

/// All its events.
pub(super) async fn events(journal: &Arc<dyn Journal>, id: AnswerId) -> Vec<Bytes> {
    let mut events = Vec::new();
    loop {
        let page = journal.read(id, events.len() as u64, 1 << 16).await.unwrap().unwrap();
        if page.events.is_empty() {
            assert_eq!(page.record.events, events.len() as u64);
            return events;
        }
        events.extend(page.events);
        assert!(events.len() as u64 <= page.record.events, "more events than there are");
    }
}

/// Events of these texts, the first of which has the number `first`.
pub(super) fn batch<const N: usize>(first: u64, events: [&str; N]) -> Batch {
    let events = events.iter().map(|event| Bytes::copy_from_slice(event.as_bytes())).collect();
    Batch { first, events, head: None, attempts: 0 }
}

pub(super) fn texts(events: &[Bytes]) -> Vec<&str> {
    events.iter().map(|event| std::str::from_utf8(event).unwrap()).collect()
}

pub(super) fn end(state: State) -> End {
    End { state, detail: Bytes::from_static(b"how it ended\0\xff") }
}

/// Lets the others go first.
pub(super) async fn step_back() {
    let mut been = false;
    poll_fn(|cx| {
        if been {
            return Poll::Ready(());
        }
        been = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Claims all that nobody writes, one after the other.
pub(super) async fn claim_all(journal: &Arc<dyn Journal>, except: &[AnswerId]) -> Vec<Claimed> {
    let mut except = except.to_vec();
    let mut all = Vec::new();
    while let Some(claimed) = journal.claim_any(&except).await.unwrap() {
        let id = claimed.lease.id;
        assert!(!except.contains(&id), "{id} was not asked for");
        assert_eq!(claimed.record.id, id);
        assert_eq!(claimed.record.fence, claimed.lease.fence);
        assert!(!claimed.record.state.is_ended());
        except.push(id);
        all.push(claimed);
    }
    all
}
