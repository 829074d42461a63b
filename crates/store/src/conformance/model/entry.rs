//! What an answer has to be, as simply as it can be said.

use std::time::SystemTime;

use bytes::Bytes;

use super::clock::{Known, Last, Moment};
use crate::{AnswerId, Batch, Claimed, End, Lease, Look, NewAnswer, Page, Record, State};

/// What a write has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Ok,
    TooLarge,
    OutOfOrder,
}

/// What has become of the newest lease, beside the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Writes,
    Relinquished,
    /// Its holder has gone with the store. When others may go on is for the store to say, up to its end.
    Crashed,
}

/// An answer that is there.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) new: NewAnswer,
    pub(super) fence: u64,
    pub(super) events: Vec<Bytes>,
    /// Whether the newest lease wrote the end, and not somebody who seized it.
    pub(super) ended_by_lease: bool,
    pub(super) attended: bool,
    state: State,
    attempts: u32,
    head: Option<Bytes>,
    end: Option<Bytes>,
    holder: Holder,
    renewed: Last,
    changed: Last,
    /// `changed` as it was before the claim, while nothing surely was said since.
    found: Option<Last>,
    created: Option<SystemTime>,
}

impl Entry {
    pub(super) fn new(now: Moment, new: NewAnswer, fence: u64) -> Self {
        Self {
            state: new.state,
            new,
            fence,
            events: Vec::new(),
            ended_by_lease: false,
            attended: false,
            attempts: 0,
            head: None,
            end: None,
            holder: Holder::Writes,
            renewed: Last::surely(now),
            changed: Last::surely(now),
            found: None,
            created: None,
        }
    }

    pub(super) fn lease(&self) -> Lease {
        Lease { id: self.new.id, fence: self.fence }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state.is_ended()
    }

    /// Whether the newest lease has a holder who may go on using it.
    pub(super) fn has_writer(&self) -> bool {
        !self.is_ended() && self.holder == Holder::Writes
    }

    pub(super) fn is_there(&self, now: Moment) -> Known {
        self.changed.is_within(self.new.ttl, now)
    }

    pub(super) fn is_leased(&self, now: Moment) -> Known {
        let in_time = self.renewed.is_within(self.new.lease, now);
        match self.holder {
            _ if self.is_ended() => Known::No,
            Holder::Relinquished => Known::No,
            Holder::Crashed if in_time == Known::Yes => Known::Maybe,
            Holder::Writes | Holder::Crashed => in_time,
        }
    }

    pub(super) fn sent(&mut self, now: Moment) {
        if self.state == State::Claimed {
            self.state = State::Sent;
        }
        self.maybe_renewed(now);
    }

    pub(super) fn renew(&mut self, now: Moment) {
        self.renewed = Last::surely(now);
        self.changed = Last::surely(now);
        self.found = None;
    }

    /// Something came from the writer that a store may take for a sign of life, or not.
    pub(super) fn maybe_renewed(&mut self, now: Moment) {
        self.renewed.maybe(now);
        self.changed.maybe(now);
    }

    /// Reading is no change; a store that takes it for one keeps the answer a little longer.
    pub(super) fn maybe_attended(&mut self, now: Moment) {
        self.changed.maybe(now);
    }

    pub(super) fn append(&mut self, now: Moment, batch: &Batch) -> Expect {
        match self.follows(batch) {
            None => Expect::OutOfOrder,
            Some(true) if self.bytes_with(batch) > self.new.max_bytes => Expect::TooLarge,
            Some(true) => {
                self.write(batch);
                self.renew(now);
                Expect::Ok
            }
            Some(false) => {
                self.maybe_renewed(now);
                Expect::Ok
            }
        }
    }

    pub(super) fn end(&mut self, now: Moment, batch: &Batch, end: &End) -> Expect {
        match self.follows(batch) {
            None => return Expect::OutOfOrder,
            Some(true) => self.write(batch),
            Some(false) => {}
        }
        self.close(now, end);
        self.ended_by_lease = true;
        Expect::Ok
    }

    pub(super) fn seize(&mut self, now: Moment, batch: &Batch, end: &End) {
        self.write(batch);
        self.close(now, end);
    }

    pub(super) fn relinquish(&mut self, now: Moment) {
        self.holder = Holder::Relinquished;
        self.changed = self.found.unwrap_or(self.changed);
        self.changed.maybe(now);
    }

    pub(super) fn crash(&mut self) {
        if self.holder == Holder::Writes {
            self.holder = Holder::Crashed;
        }
    }

    pub(super) fn claim(&mut self, now: Moment, claimed: &Claimed) {
        assert_eq!(claimed.lease.id, self.new.id);
        assert!(claimed.lease.fence > self.fence, "{claimed:?} after {}", self.fence);
        assert_eq!(claimed.request, self.new.request);
        self.fence = claimed.lease.fence;
        self.holder = Holder::Writes;
        let found = self.changed;
        self.renew(now);
        self.found = Some(found);
        self.agree(now, &Record { leased: true, ..claimed.record.clone() });
    }

    /// Asserts that a record is as it has to be.
    pub(super) fn agree(&mut self, now: Moment, record: &Record) {
        let created = *self.created.get_or_insert(record.created);
        let leased = match self.is_leased(now) {
            Known::Yes => true,
            Known::No => false,
            Known::Maybe => record.leased,
        };
        // Who fences a writer off gives it a number that nobody has been told.
        let exact = self.ended_by_lease || self.has_writer();
        assert!(record.fence >= self.fence);
        let fence = if exact { self.fence } else { record.fence };
        let expected = Record {
            id: self.new.id,
            tenant: self.new.tenant.clone(),
            fingerprint: self.new.fingerprint,
            state: self.state,
            fence,
            leased,
            events: self.events.len() as u64,
            bytes: self.bytes(),
            attempts: self.attempts,
            created,
            head: self.head.clone(),
            end: self.end.clone(),
        };
        assert_eq!(*record, expected);
    }

    /// Asserts that a page is one that may be read.
    pub(super) fn agree_on_page(&mut self, now: Moment, after: u64, max_bytes: usize, page: &Page) {
        self.agree(now, &page.record);
        let rest = self.events.get(after as usize..).unwrap_or_default();
        assert!(rest.starts_with(&page.events), "after {after}: {:?} of {rest:?}", page.events);
        assert!(!page.events.is_empty() || rest.is_empty(), "nothing after {after}");
        let bytes: usize = page.events.iter().map(Bytes::len).sum();
        assert!(page.events.len() <= 1 || bytes <= max_bytes, "{bytes} bytes of {max_bytes}");
    }

    /// Whether a batch is new (`true`), or there already (`false`).
    fn follows(&self, batch: &Batch) -> Option<bool> {
        let next = self.events.len() as u64 + 1;
        if batch.first == next {
            return Some(true);
        }
        let behind = batch.first.saturating_add(batch.events.len() as u64);
        (1..next).contains(&batch.first).then_some(())?;
        (behind <= next).then_some(false)
    }

    fn write(&mut self, batch: &Batch) {
        self.events.extend(batch.events.iter().cloned());
        self.attempts = self.attempts.max(batch.attempts);
        if batch.head.is_some() {
            self.head = batch.head.clone();
        }
        if !self.events.is_empty() {
            self.state = State::Streaming;
        }
    }

    fn close(&mut self, now: Moment, end: &End) {
        self.state = end.state;
        self.end = Some(end.detail.clone());
        self.changed = Last::surely(now);
    }

    fn bytes(&self) -> u64 {
        let head = self.head.as_ref().map_or(0, Bytes::len);
        (head + self.events.iter().map(Bytes::len).sum::<usize>()) as u64
    }

    fn bytes_with(&self, batch: &Batch) -> u64 {
        let before = if batch.head.is_some() { self.head.as_ref().map_or(0, Bytes::len) } else { 0 };
        self.bytes() - before as u64 + batch.bytes()
    }
}

/// An answer that was there.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) id: AnswerId,
    /// Whose it was, and since when it is not there; `None` where it was released.
    expired: Option<Entry>,
}

impl Past {
    pub(super) fn released(id: AnswerId) -> Self {
        Self { id, expired: None }
    }

    pub(super) fn expired(entry: Entry) -> Self {
        Self { id: entry.new.id, expired: Some(entry) }
    }

    /// Asserts that what is said of it is right; `alone`: no other has taken its place.
    pub(super) fn agree(&self, now: Moment, alone: bool, look: &Look) {
        assert!(!matches!(look, Look::Known(_)), "{} is gone, and is {look:?}", self.id);
        let Some(entry) = &self.expired else { return };
        match (entry.changed.is_within(entry.new.ttl * 2, now), look) {
            (Known::No, Look::Expired { .. }) => assert!(!alone, "{} is remembered for too long", self.id),
            (Known::Yes, Look::Unknown) => panic!("{} is forgotten too soon", self.id),
            (_, Look::Expired { tenant }) => assert_eq!(*tenant, entry.new.tenant),
            _ => {}
        }
    }
}
