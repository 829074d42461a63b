use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{AnswerId, Batch, Lease, NewAnswer, Record, State};

use crate::clock::{millis, time};
use crate::events::{MAX_BLOB, MAX_EVENTS};

/// An answer that has not ended, but for its request and its events. All of them are in memory, so a write is
/// judged without asking the file; the process has that alone.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// Its number in this file.
    pub(crate) number: i64,
    pub(crate) id: AnswerId,
    pub(crate) tenant: Arc<str>,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) state: State,
    pub(crate) fence: u64,
    /// How long a lease lasts, in milliseconds.
    pub(crate) lease: i64,
    pub(crate) ttl: i64,
    pub(crate) max_bytes: u64,
    pub(crate) created: i64,
    pub(crate) changed: i64,
    /// What `changed` was before it was claimed, while its new writer has said nothing.
    pub(crate) found: Option<i64>,
    /// Until when it is leased. Not in the file: nobody's lease outlives the process that gave it.
    pub(crate) leased_until: i64,
    pub(crate) events: u64,
    pub(crate) event_bytes: u64,
    pub(crate) attempts: u32,
    pub(crate) head: Option<Bytes>,
    pub(crate) attended: Attended,
}

/// When somebody attended an answer last; shared by all copies of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attended(Arc<AtomicI64>);

impl Attended {
    pub(crate) fn now(&self, now: i64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// One that was written down: a time, or none.
    pub(crate) fn at(time: Option<i64>) -> Self {
        Self(Arc::new(AtomicI64::new(time.unwrap_or(0))))
    }

    pub(crate) fn ago(&self, now: i64) -> Option<Duration> {
        let then = self.0.load(Ordering::Relaxed);
        (then != 0).then(|| Duration::from_millis(now.saturating_sub(then).max(0) as u64))
    }
}

impl Live {
    pub(crate) fn new(number: i64, new: &NewAnswer, now: i64) -> Self {
        let lease = millis(new.lease);
        Self {
            number,
            id: new.id,
            tenant: new.tenant.as_str().into(),
            fingerprint: new.fingerprint,
            state: new.state,
            fence: number as u64,
            lease,
            ttl: millis(new.ttl),
            max_bytes: new.max_bytes,
            created: now,
            changed: now,
            found: None,
            leased_until: now + lease,
            events: 0,
            event_bytes: 0,
            attempts: 0,
            head: None,
            attended: Attended::default(),
        }
    }

    pub(crate) fn lease(&self) -> Lease {
        Lease { id: self.id, fence: self.fence }
    }

    pub(crate) fn is_leased(&self, now: i64) -> bool {
        now < self.leased_until
    }

    pub(crate) fn expires(&self) -> i64 {
        // Not while it is leased, however short its life.
        (self.changed + self.ttl).max(self.leased_until)
    }

    pub(crate) fn is_expired(&self, now: i64) -> bool {
        now >= self.expires()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.event_bytes + self.head.as_ref().map_or(0, |head| head.len() as u64)
    }

    pub(crate) fn record(&self, now: i64) -> Record {
        Record {
            id: self.id,
            tenant: self.tenant.as_ref().to_owned(),
            fingerprint: self.fingerprint,
            state: self.state,
            fence: self.fence,
            leased: self.is_leased(now),
            events: self.events,
            bytes: self.bytes(),
            attempts: self.attempts,
            created: time(self.created),
            head: self.head.clone(),
            end: None,
        }
    }

    /// Its writer has been heard.
    pub(crate) fn renew(&mut self, now: i64) {
        self.changed = now;
        self.found = None;
        self.leased_until = now + self.lease;
    }

    /// It is given back. Who claims it and gives it back has changed nothing, however often.
    pub(crate) fn relinquish(&mut self, now: i64) {
        self.changed = self.found.unwrap_or(now);
        self.leased_until = 0;
    }

    /// Hands it to somebody else, under a number that is larger than all before.
    pub(crate) fn hand_over(&mut self, fence: i64, now: i64) {
        self.fence = fence as u64;
        let found = self.changed;
        self.renew(now);
        self.found = Some(found);
    }

    /// Whether there is room for the batch, in the answer and in a row.
    pub(crate) fn has_room(&self, batch: &Batch) -> bool {
        let head = batch.head.as_ref().or(self.head.as_ref()).map_or(0, |head| head.len() as u64);
        let events: u64 = batch.events.iter().map(|event| event.len() as u64).sum();
        head + self.event_bytes + events <= self.max_bytes && self.has_room_at_all(batch)
    }

    /// Whether there is room for the batch in a row, however large the answer may be.
    pub(crate) fn has_room_at_all(&self, batch: &Batch) -> bool {
        batch.bytes() + 4 * batch.events.len() as u64 <= MAX_BLOB
            && self.events + batch.events.len() as u64 <= MAX_EVENTS
    }

    /// Takes the batch in, behind what is there. Whether more than events has changed.
    pub(crate) fn take(&mut self, batch: &Batch) -> bool {
        self.events += batch.events.len() as u64;
        self.event_bytes += batch.events.iter().map(|event| event.len() as u64).sum::<u64>();
        if !batch.events.is_empty() {
            self.state = State::Streaming;
        }
        let more = batch.head.is_some() || batch.attempts > self.attempts;
        if let Some(head) = &batch.head {
            self.head = Some(head.clone());
        }
        self.attempts = self.attempts.max(batch.attempts);
        more
    }
}
