use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{
    AnswerId, Batch, BoxFuture, Claimed, End, Journal, Lease, Look, NewAnswer, Opened, Page, Slot, State,
    StoreError, WriteError,
};

use crate::call::Call;
use crate::lane::WITHIN;
use crate::redis::{Redis, Shared, millis};
use crate::reply::Parts;
use crate::script::{ATTEND, CLAIM, HOLD, LOOK, OPEN, READ, Step, WRITE};

/// Who opens, claims, seizes or releases: it is told from others where it asks a second time because the reply was
/// lost.
fn caller() -> Bytes {
    format!("{:032x}", fastrand::u128(..)).into()
}

fn number(number: impl ToString) -> Bytes {
    number.to_string().into()
}

impl Shared {
    /// A step on an answer.
    fn step(&self, step: &'static std::sync::LazyLock<Step>, id: AnswerId, more: Vec<Bytes>) -> Call {
        let mut args = vec![self.names.channel(id.slot).into(), format!("{:016x}", id.generation).into()];
        args.extend(more);
        Call::new(step, self.names.answer(id.slot), args, WITHIN)
    }

    /// Writes events, and perhaps the end.
    async fn write(
        &self,
        (mode, id, fence): (&'static str, AnswerId, Bytes),
        batch: Batch,
        end: Option<End>,
    ) -> Result<(), WriteError> {
        let size: usize = batch.events.iter().map(Bytes::len).sum();
        let (state, detail) = match end {
            Some(end) => (end.state.as_str(), end.detail),
            None => ("", Bytes::new()),
        };
        let events = batch.events.len();
        let mut args = vec![
            mode.into(),
            fence,
            number(batch.first),
            number(size),
            number(batch.attempts),
            number(u8::from(batch.head.is_some())),
            batch.head.unwrap_or_default(),
            state.into(),
            detail,
        ];
        args.extend(batch.events);
        let call = self.step(&WRITE, id, args);
        let reply = match mode {
            "append" => self.ask(id.slot, call).await?,
            _ => self.ask_safely(id.slot, call).await?,
        };
        self.wrote(id, reply)?;
        self.count_events(events);
        Ok(())
    }

    /// What came of a write. Tells the index of the lease, where it is time to.
    fn wrote(&self, id: AnswerId, reply: redis::Value) -> Result<Parts, WriteError> {
        let mut parts = Parts::of(reply)?;
        match &parts.bytes()?[..] {
            b"ok" => {}
            b"fenced" => return Err(WriteError::Fenced),
            b"large" => return Err(WriteError::TooLarge),
            b"order" => return Err(WriteError::OutOfOrder),
            _ => return Err(StoreError::corrupt("Redis: an unknown reply").into()),
        }
        let lease = parts.number()?;
        if lease > 0 {
            // Where it is not told it is told with the next third of the lease.
            self.tell(id.slot.0, self.mark(id, Duration::from_millis(lease)));
        }
        Ok(parts)
    }

    /// Sent, renewed, relinquished or released.
    async fn hold(&self, mode: &'static str, lease: Lease) -> Result<Parts, WriteError> {
        let call = self.step(&HOLD, lease.id, vec![mode.into(), number(lease.fence), caller()]);
        let reply = match mode {
            "sent" => self.ask_safely(lease.id.slot, call).await?,
            _ => self.ask(lease.id.slot, call).await?,
        };
        self.wrote(lease.id, reply)
    }

    async fn open(&self, answer: NewAnswer) -> Result<Opened, StoreError> {
        let id = answer.id;
        // First of all: one that is in the index and not there costs a look, one that is there and not in the
        // index is found by nobody.
        self.ask(id.slot, self.mark(id, answer.lease)).await?;
        let state = if answer.state == State::Sent { "sent" } else { "claimed" };
        let args = vec![
            caller(),
            answer.tenant.into(),
            Bytes::copy_from_slice(&answer.fingerprint),
            answer.request,
            state.into(),
            millis(answer.lease).into(),
            millis(answer.ttl).into(),
            number(answer.max_bytes),
        ];
        let mut parts = Parts::of(self.ask_safely(id.slot, self.step(&OPEN, id, args)).await?)?;
        if &parts.bytes()?[..] == b"new" {
            return Ok(Opened::New(Lease { id, fence: parts.number()? }));
        }
        let record = parts.record(id.slot)?;
        if record.id != id {
            self.tell(id.slot.0, self.unmark(id, None));
        }
        Ok(Opened::Exists(record))
    }

    /// Claims one, or says why not.
    pub(crate) async fn claim(&self, id: AnswerId) -> Result<Claim, StoreError> {
        let reply = self.ask_safely(id.slot, self.step(&CLAIM, id, vec![caller()])).await?;
        let mut parts = Parts::of(reply)?;
        Ok(match &parts.bytes()?[..] {
            b"ok" => {
                let record = parts.record(id.slot)?;
                let request = parts.maybe()?.unwrap_or_default();
                // Where it is not told, it finds the answer too early, and is told then.
                let _ = self.ask(id.slot, self.mark(id, parts.millis()?)).await;
                Claim::Ours(Box::new(Claimed { lease: Lease { id, fence: record.fence }, record, request }))
            }
            b"held" => Claim::Held(parts.millis()?),
            b"ended" => Claim::Ended,
            _ => Claim::Gone,
        })
    }

    /// Whether steps can be done at all.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.look(AnswerId { slot: Slot(0), generation: 0 }).await.map(drop)
    }

    async fn look(&self, id: AnswerId) -> Result<Look, StoreError> {
        let mut parts = Parts::of(self.ask(id.slot, self.step(&LOOK, id, Vec::new())).await?)?;
        Ok(match &parts.bytes()?[..] {
            b"known" => Look::Known(parts.record(id.slot)?),
            b"expired" => Look::Expired { tenant: parts.text()? },
            _ => Look::Unknown,
        })
    }

    async fn read(&self, id: AnswerId, after: u64, max_bytes: usize) -> Result<Option<Page>, StoreError> {
        let from = format!("{}-0", after.saturating_add(1));
        let call = self.step(&READ, id, vec![number(after), from.into(), number(max_bytes)]);
        let mut parts = Parts::of(self.ask(id.slot, call.reading(id, after, max_bytes)).await?)?;
        if &parts.bytes()?[..] != b"page" {
            return Ok(None);
        }
        Ok(Some(Page { record: parts.record(id.slot)?, events: parts.list()?.rest()? }))
    }
}

/// What came of a claim.
pub(crate) enum Claim {
    /// It is ours to write.
    Ours(Box<Claimed>),
    /// Somebody writes it, and for so long at least.
    Held(Duration),
    /// There is nothing to write any more.
    Ended,
    /// There is none, or not yet.
    Gone,
}

/// All of one slot are in order where they have the same connection.
fn not_in_index(shared: &Shared, id: AnswerId) {
    shared.tell(id.slot.0, shared.unmark(id, None));
}

impl Journal for Redis {
    fn open(&self, answer: NewAnswer) -> BoxFuture<'_, Result<Opened, StoreError>> {
        Box::pin(self.shared.open(answer))
    }

    fn sent(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move { self.shared.hold("sent", lease).await.map(drop) })
    }

    fn append(&self, lease: Lease, batch: Batch) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.shared.write(("append", lease.id, number(lease.fence)), batch, None))
    }

    fn end(&self, lease: Lease, last: Batch, end: End) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.shared.write(("end", lease.id, number(lease.fence)), last, Some(end)).await?;
            not_in_index(&self.shared, lease.id);
            Ok(())
        })
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.shared.hold("release", lease).await?;
            not_in_index(&self.shared, lease.id);
            Ok(())
        })
    }

    fn relinquish(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.shared.hold("relinquish", lease).await?;
            let now = self.shared.mark(lease.id, Duration::ZERO);
            // Where it is not told, the answer is found when its lease would have ended.
            let _ = self.shared.ask(lease.id.slot, now).await;
            Ok(())
        })
    }

    fn renew(&self, lease: Lease) -> BoxFuture<'_, Result<Option<Duration>, WriteError>> {
        Box::pin(async move {
            let attended = self.shared.hold("renew", lease).await?.maybe_number()?;
            Ok(attended.map(Duration::from_millis))
        })
    }

    fn claim(&self, id: AnswerId) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move {
            Ok(match self.shared.claim(id).await? {
                Claim::Ours(claimed) => Some(*claimed),
                Claim::Held(_) | Claim::Ended | Claim::Gone => None,
            })
        })
    }

    fn claim_any<'a>(&'a self, except: &'a [AnswerId]) -> BoxFuture<'a, Result<Option<Claimed>, StoreError>> {
        Box::pin(self.shared.claim_any(except))
    }

    fn seize(&self, id: AnswerId, last: Batch, end: End) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            match self.shared.write(("seize", id, caller()), last, Some(end)).await {
                Ok(()) => {
                    not_in_index(&self.shared, id);
                    Ok(true)
                }
                Err(WriteError::Store(error)) => Err(error),
                Err(_) => Ok(false),
            }
        })
    }

    fn look(&self, id: AnswerId) -> BoxFuture<'_, Result<Look, StoreError>> {
        Box::pin(self.shared.look(id))
    }

    fn read(
        &self,
        id: AnswerId,
        after: u64,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>> {
        Box::pin(self.shared.read(id, after, max_bytes))
    }

    fn changed(&self, id: AnswerId, after: u64, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.hub.changed(id, after, wait).await;
            Ok(())
        })
    }

    fn attend(&self, id: AnswerId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.ask(id.slot, self.shared.step(&ATTEND, id, Vec::new())).await.map(drop)
        })
    }
}
