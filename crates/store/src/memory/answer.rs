use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{AnswerId, Batch, Claimed, End, Lease, NewAnswer, Page, Record, State, WriteError};

/// What an answer takes beside its bytes: this struct and its places in the queues, rounded up. With it there is no crowding in any number of empty answers.
const ANSWER_COST: u64 = 1024;

/// What an event takes beside its bytes: a [`Bytes`].
const EVENT_COST: u64 = size_of::<Bytes>() as u64;

/// One answer, told the time by its caller, who sees to it that the lease is its newest.
#[derive(Debug)]
pub(super) struct Answer {
    id: AnswerId,
    tenant: String,
    fingerprint: [u8; 32],
    request: Bytes,
    state: State,
    fence: u64,
    lease: Duration,
    leased_until: Instant,
    ttl: Duration,
    expires: Instant,
    /// When it was to expire before it was claimed, while its new writer has said nothing.
    found: Option<Instant>,
    max_bytes: u64,
    bytes: u64,
    attempts: u32,
    created: SystemTime,
    head: Option<Bytes>,
    events: Vec<Bytes>,
    end: Option<Bytes>,
    attended: Option<Instant>,
    /// Wakes those who wait for a change; each of them holds it, too.
    pub(super) changed: Arc<Notify>,
}

impl Answer {
    pub(super) fn new(now: Instant, new: NewAnswer) -> Self {
        let mut answer = Self {
            id: new.id,
            tenant: new.tenant,
            fingerprint: new.fingerprint,
            request: new.request,
            state: if new.state == State::Sent { State::Sent } else { State::Claimed },
            fence: 1,
            lease: new.lease,
            leased_until: now,
            ttl: new.ttl,
            expires: now,
            found: None,
            max_bytes: new.max_bytes,
            bytes: 0,
            attempts: 0,
            created: SystemTime::now(),
            head: None,
            events: Vec::new(),
            end: None,
            attended: None,
            changed: Arc::default(),
        };
        answer.renew(now);
        answer
    }

    /// What an answer costs that has nothing but its request.
    pub(super) fn first_cost(new: &NewAnswer) -> u64 {
        ANSWER_COST + (new.tenant.len() + new.request.len()) as u64
    }

    /// How many bytes it has and takes.
    pub(super) fn cost(&self) -> u64 {
        let told = self.tenant.len() + self.request.len() + self.end.as_ref().map_or(0, Bytes::len);
        ANSWER_COST + told as u64 + self.bytes + EVENT_COST * self.events.len() as u64
    }

    pub(super) fn id(&self) -> AnswerId {
        self.id
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state.is_ended()
    }

    pub(super) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn leased_until(&self) -> Instant {
        self.leased_until
    }

    pub(super) fn is_leased(&self, now: Instant) -> bool {
        !self.is_ended() && now < self.leased_until
    }

    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    pub(super) fn ttl(&self) -> Duration {
        self.ttl
    }

    pub(super) fn into_tenant(self) -> String {
        self.tenant
    }

    /// The right to write it: [`WriteError::Fenced`] where `lease` is not its newest, or it has ended.
    pub(super) fn check(&self, lease: Lease) -> Result<(), WriteError> {
        if lease.id == self.id && lease.fence == self.fence && !self.is_ended() {
            Ok(())
        } else {
            Err(WriteError::Fenced)
        }
    }

    /// Wakes those who wait for a change. Nobody begins to while the table is locked.
    pub(super) fn tell(&self) {
        if Arc::strong_count(&self.changed) > 1 {
            self.changed.notify_waiters();
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if self.state == State::Claimed {
            self.state = State::Sent;
        }
        self.renew(now);
    }

    pub(super) fn append(&mut self, now: Instant, batch: Batch) -> Result<(), WriteError> {
        if batch.follows(self.events())? {
            if self.bytes_with(&batch) > self.max_bytes {
                return Err(WriteError::TooLarge);
            }
            self.write(batch);
        }
        self.renew(now);
        Ok(())
    }

    pub(super) fn end(&mut self, now: Instant, last: Batch, end: End) -> Result<(), WriteError> {
        let is_new = last.follows(self.events())?;
        if !end.state.is_ended() {
            return Err(WriteError::OutOfOrder);
        }
        if is_new {
            self.write(last);
        }
        self.close(now, end);
        Ok(())
    }

    /// Whether this end was written under `lease`: no later lease has been given out then, and none will be.
    pub(super) fn was_ended_by(&self, lease: Lease) -> bool {
        self.is_ended() && lease.id == self.id && lease.fence == self.fence
    }

    pub(super) fn seize(&mut self, now: Instant, last: Batch, end: End) {
        self.write(last);
        self.close(now, end);
        self.fence += 1;
    }

    pub(super) fn renew(&mut self, now: Instant) {
        self.leased_until = later(now, self.lease);
        // Not while it is leased, however short its life.
        self.expires = later(now, self.ttl.max(self.lease));
        self.found = None;
    }

    pub(super) fn relinquish(&mut self, now: Instant) {
        self.leased_until = now;
        // Who claims it and gives it back has changed nothing, however often.
        self.expires = self.found.unwrap_or_else(|| later(now, self.ttl));
    }

    pub(super) fn claim(&mut self, now: Instant) -> Claimed {
        self.fence += 1;
        let found = self.expires;
        self.renew(now);
        self.found = Some(found);
        let lease = Lease { id: self.id, fence: self.fence };
        Claimed { lease, record: self.record(now), request: self.request.clone() }
    }

    pub(super) fn attend(&mut self, now: Instant) {
        self.attended = Some(now);
    }

    /// How long ago somebody attended it.
    pub(super) fn attended(&self, now: Instant) -> Option<Duration> {
        self.attended.map(|then| now.saturating_duration_since(then))
    }

    pub(super) fn record(&self, now: Instant) -> Record {
        Record {
            id: self.id,
            tenant: self.tenant.clone(),
            fingerprint: self.fingerprint,
            state: self.state,
            fence: self.fence,
            leased: self.is_leased(now),
            events: self.events(),
            bytes: self.bytes,
            attempts: self.attempts,
            created: self.created,
            head: self.head.clone(),
            end: self.end.clone(),
        }
    }

    pub(super) fn page(&self, now: Instant, after: u64, max_bytes: usize) -> Page {
        let after = usize::try_from(after).unwrap_or(usize::MAX).min(self.events.len());
        let mut bytes = 0;
        let mut events = Vec::new();
        for event in &self.events[after..] {
            bytes += event.len();
            if bytes > max_bytes && !events.is_empty() {
                break;
            }
            events.push(event.clone());
        }
        Page { record: self.record(now), events }
    }

    fn bytes_with(&self, batch: &Batch) -> u64 {
        // A head takes the place of the one before.
        let replaced = batch.head.as_ref().and(self.head.as_ref()).map_or(0, Bytes::len);
        self.bytes - replaced as u64 + batch.bytes()
    }

    fn write(&mut self, batch: Batch) {
        self.bytes = self.bytes_with(&batch);
        self.events.extend(batch.events);
        self.attempts = self.attempts.max(batch.attempts);
        if batch.head.is_some() {
            self.head = batch.head;
        }
        if !self.events.is_empty() {
            self.state = State::Streaming;
        }
    }

    fn close(&mut self, now: Instant, end: End) {
        self.state = end.state;
        self.end = Some(end.detail);
        self.request = Bytes::new();
        self.leased_until = now;
        self.expires = later(now, self.ttl);
    }
}

/// So much later; where the clock does not reach so far, as good as never.
pub(super) fn later(now: Instant, time: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    now.checked_add(time).unwrap_or_else(|| now + NEVER)
}
