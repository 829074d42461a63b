use std::time::Duration;

use lastbyte_store::{
    AnswerId, Batch, Claimed, End, Lease, NewAnswer, Opened, State, StoreError, WriteError,
};

use crate::board::{Board, Changes};
use crate::disk::{Disk, EventRow};
use crate::events::{MAX_BLOB, MAX_NUMBER, pack, row_id};
use crate::live::Live;
use crate::op::{Asker, Judged, Op, Tell};

/// What was asked and refused, or done, unless SQLite fails: then nothing of the transaction is done.
type Verdict<T, E> = sqlx::Result<Result<T, E>>;

/// Many askers' writes, committed as one. Each is judged by the answers as those before it leave them, and one
/// that is refused has written nothing, so it is no harm to its neighbours.
pub(crate) struct Transaction<'a> {
    disk: &'a mut Disk,
    board: &'a Board,
    /// The last number that was given away. It may run ahead of the file's, where a transaction has failed.
    last: &'a mut i64,
    now: i64,
    durable: bool,
    /// How many more answers may run.
    room: usize,
    begun: bool,
    changes: Changes,
    rows: Vec<EventRow>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(
        disk: &'a mut Disk,
        board: &'a Board,
        last: &'a mut i64,
        now: i64,
        durable: bool,
        room: usize,
    ) -> Self {
        Self {
            disk,
            board,
            last,
            now,
            durable,
            room,
            begun: false,
            changes: Changes::default(),
            rows: Vec::new(),
        }
    }

    /// Judges one, and says why the transaction cannot go on, where it cannot.
    pub(crate) async fn judge(&mut self, op: Op) -> (Option<Box<dyn Tell>>, Option<sqlx::Error>) {
        fn told<T: Send + 'static, E: From<StoreError> + Send + 'static>(
            to: Asker<T, E>,
            verdict: Verdict<T, E>,
        ) -> (Option<Box<dyn Tell>>, Option<sqlx::Error>) {
            let (what, failed) = match verdict {
                Ok(what) => (what, None),
                // Told like all others of the transaction, by why it failed.
                Err(error) => (Err(StoreError::unavailable("the transaction failed").into()), Some(error)),
            };
            (Some(Box::new(Judged { to, what })), failed)
        }
        match op {
            Op::Open(new, to) => told(to, self.open(new).await),
            Op::Sent(lease, to) => told(to, self.sent(lease).await),
            Op::Append(lease, batch, to) => told(to, self.append(lease, batch).await),
            Op::End(lease, last, end, to) => told(to, self.end(lease, last, end).await),
            Op::Release(lease, to) => told(to, self.release(lease).await),
            Op::Relinquish(lease, to) => told(to, self.relinquish(lease).await),
            Op::Renew(lease, to) => told(to, self.renew(lease).await),
            Op::Claim(id, to) => told(to, self.claim(self.current(id)).await),
            Op::ClaimAny(except, to) => {
                let found = self.find(|live| !except.contains(&live.id));
                told(to, self.claim(found).await)
            }
            Op::Seize(id, last, end, to) => told(to, self.seize(id, last, end).await),
            Op::Attend(id, to) => told(to, self.attend(id).await),
            Op::Close => (None, None),
        }
    }

    /// Commits it. Only then is anything of it known to others.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        if !self.rows.is_empty() {
            self.begin().await?;
            self.disk.insert_events(std::mem::take(&mut self.rows)).await?;
        }
        if self.begun {
            self.disk.commit().await?;
        }
        self.board.publish(self.changes);
        Ok(())
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        if !self.begun {
            self.disk.begin(self.durable).await?;
            self.begun = true;
        }
        Ok(())
    }

    /// A number that nobody has had.
    async fn next(&mut self) -> sqlx::Result<i64> {
        if *self.last >= MAX_NUMBER {
            return Err(sqlx::Error::Protocol("the file has given away all its numbers".to_owned()));
        }
        *self.last += 1;
        self.begin().await?;
        self.disk.count(*self.last).await?;
        Ok(*self.last)
    }

    /// The answer that runs in the slot of `id`, whichever it is.
    fn neighbour(&self, id: AnswerId) -> Option<Live> {
        match self.changes.slots.get(&id.slot) {
            Some(change) => change.clone(),
            None => self.board.live().get(&id.slot).cloned(),
        }
    }

    /// The answer of this name, if it runs.
    fn current(&self, id: AnswerId) -> Option<Live> {
        self.neighbour(id).filter(|live| live.id == id && !live.is_expired(self.now))
    }

    fn leased(&self, lease: Lease) -> Result<Live, WriteError> {
        self.current(lease.id).filter(|live| live.fence == lease.fence).ok_or(WriteError::Fenced)
    }

    /// Any answer that nobody has a lease on.
    fn find(&self, wanted: impl Fn(&Live) -> bool) -> Option<Live> {
        let free = |live: &&Live| !live.is_leased(self.now) && !live.is_expired(self.now) && wanted(live);
        let changed = self.changes.slots.values().flatten().find(free).cloned();
        changed.or_else(|| {
            let live = self.board.live();
            let mut others = live.values().filter(|live| !self.changes.slots.contains_key(&live.id.slot));
            others.find(free).cloned()
        })
    }

    fn change(&mut self, live: Live, is_news: bool) {
        if is_news {
            self.changes.news.push(live.id);
        }
        self.changes.slots.insert(live.id.slot, Some(live));
    }

    fn remove(&mut self, id: AnswerId) {
        self.changes.news.push(id);
        self.changes.slots.insert(id.slot, None);
    }

    async fn open(&mut self, new: NewAnswer) -> Verdict<Opened, StoreError> {
        match self.neighbour(new.id) {
            Some(live) if !live.is_expired(self.now) => return Ok(Ok(Opened::Exists(live.record(self.now)))),
            Some(live) => {
                self.begin().await?;
                self.disk.bury(live.number, live.id, &live.tenant, live.expires() + live.ttl).await?;
                self.remove(live.id);
            }
            None => match self.disk.find(new.id.slot).await? {
                Some(stored) if stored.is_kept(self.now) => return Ok(Ok(Opened::Exists(stored.record))),
                Some(stored) => {
                    self.begin().await?;
                    let forgotten = stored.expires.unwrap_or(0) + stored.ttl;
                    self.disk.bury(stored.number, stored.record.id, &stored.record.tenant, forgotten).await?;
                }
                None => {}
            },
        }
        if self.room == 0 {
            return Ok(Err(StoreError::Full));
        }
        if (new.request.len() + new.tenant.len()) as u64 > MAX_BLOB {
            return Ok(Err(StoreError::unavailable("the request is larger than a row can be")));
        }
        let number = self.next().await?;
        let mut live = Live::new(number, &new, self.now);
        if live.state != State::Claimed {
            live.state = State::Sent;
        }
        self.disk.insert(&live, new.request).await?;
        self.room -= 1;
        let lease = live.lease();
        self.change(live, true);
        Ok(Ok(Opened::New(lease)))
    }

    async fn sent(&mut self, lease: Lease) -> Verdict<(), WriteError> {
        let mut live = match self.leased(lease) {
            Ok(live) => live,
            Err(refused) => return Ok(Err(refused)),
        };
        live.renew(self.now);
        if live.state == State::Claimed {
            live.state = State::Sent;
        }
        self.begin().await?;
        self.disk.update(&live).await?;
        self.change(live, false);
        Ok(Ok(()))
    }

    async fn append(&mut self, lease: Lease, batch: Batch) -> Verdict<(), WriteError> {
        let judged = self.leased(lease).and_then(|live| {
            let is_new = batch.follows(live.events)?;
            if is_new && !live.has_room(&batch) {
                return Err(WriteError::TooLarge);
            }
            Ok((live, is_new))
        });
        let (mut live, is_new) = match judged {
            Ok(judged) => judged,
            Err(refused) => return Ok(Err(refused)),
        };
        live.renew(self.now);
        let is_news = is_new && !batch.events.is_empty();
        let more = is_new && live.take(&batch);
        if is_news {
            self.push(&live, &batch);
        }
        if more {
            self.begin().await?;
            self.disk.update(&live).await?;
        } else if !is_news {
            self.begin().await?;
            self.disk.touch(&live).await?;
        }
        self.change(live, is_news);
        Ok(Ok(()))
    }

    /// Has the events written that `live` has taken in from `batch`.
    fn push(&mut self, live: &Live, batch: &Batch) {
        if !batch.events.is_empty() {
            self.rows.push(EventRow {
                id: row_id(live.number, live.events),
                written: self.now,
                total: live.event_bytes,
                data: pack(&batch.events),
            });
        }
    }

    async fn end(&mut self, lease: Lease, last: Batch, end: End) -> Verdict<(), WriteError> {
        let live = match self.leased(lease) {
            Ok(live) => live,
            Err(refused) => return self.repeated(lease, refused).await,
        };
        let is_new = match last.follows(live.events) {
            Ok(is_new) => is_new,
            Err(refused) => return Ok(Err(refused)),
        };
        if !end.state.is_ended() {
            return Ok(Err(WriteError::OutOfOrder));
        }
        let last = if is_new { last } else { Batch::default() };
        if !live.has_room_at_all(&last) || end.detail.len() as u64 > MAX_BLOB {
            return Ok(Err(WriteError::TooLarge));
        }
        self.finish(live, last, end).await.map(Ok)
    }

    /// An end that is there already was asked for again: nobody had told its writer.
    async fn repeated(&mut self, lease: Lease, refused: WriteError) -> Verdict<(), WriteError> {
        let found = self.disk.find(lease.id.slot).await?.filter(|stored| {
            let record = &stored.record;
            stored.is_kept(self.now) && record.id == lease.id && record.fence == lease.fence
        });
        Ok(found.map(drop).ok_or(refused))
    }

    async fn finish(&mut self, mut live: Live, last: Batch, end: End) -> sqlx::Result<()> {
        live.take(&last);
        live.changed = self.now;
        live.leased_until = 0;
        live.state = end.state;
        self.push(&live, &last);
        self.begin().await?;
        self.disk.end(&live, &end.detail).await?;
        self.remove(live.id);
        Ok(())
    }

    async fn release(&mut self, lease: Lease) -> Verdict<(), WriteError> {
        let live = match self.leased(lease) {
            Ok(live) => live,
            Err(refused) => return Ok(Err(refused)),
        };
        self.begin().await?;
        self.disk.forget(live.number).await?;
        self.remove(live.id);
        Ok(Ok(()))
    }

    async fn relinquish(&mut self, lease: Lease) -> Verdict<(), WriteError> {
        let mut live = match self.leased(lease) {
            Ok(live) => live,
            Err(refused) => return Ok(Err(refused)),
        };
        live.relinquish(self.now);
        self.begin().await?;
        self.disk.touch(&live).await?;
        self.change(live, true);
        Ok(Ok(()))
    }

    async fn renew(&mut self, lease: Lease) -> Verdict<Option<Duration>, WriteError> {
        let mut live = match self.leased(lease) {
            Ok(live) => live,
            Err(refused) => return Ok(Err(refused)),
        };
        live.renew(self.now);
        self.begin().await?;
        self.disk.touch(&live).await?;
        let attended = live.attended.ago(self.now);
        self.change(live, false);
        Ok(Ok(attended))
    }

    async fn attend(&mut self, id: AnswerId) -> Verdict<(), StoreError> {
        if let Some(live) = self.current(id) {
            live.attended.now(self.now);
            self.begin().await?;
            self.disk.attend(live.number, self.now).await?;
        }
        Ok(Ok(()))
    }

    async fn claim(&mut self, found: Option<Live>) -> Verdict<Option<Claimed>, StoreError> {
        let Some(mut live) = found.filter(|live| !live.is_leased(self.now)) else {
            return Ok(Ok(None));
        };
        let fence = self.next().await?;
        live.hand_over(fence, self.now);
        self.disk.update(&live).await?;
        let request = self.disk.request(live.number).await?;
        let claimed = Claimed { lease: live.lease(), record: live.record(self.now), request };
        self.change(live, false);
        Ok(Ok(Some(claimed)))
    }

    async fn seize(&mut self, id: AnswerId, last: Batch, end: End) -> Verdict<bool, StoreError> {
        let Some(mut live) = self.current(id).filter(|_| end.state.is_ended()) else {
            return Ok(Ok(false));
        };
        if !live.has_room_at_all(&last) || end.detail.len() as u64 > MAX_BLOB {
            return Ok(Err(StoreError::unavailable("the last events are larger than a row can be")));
        }
        live.fence = self.next().await? as u64;
        self.finish(live, last, end).await.map(|()| Ok(true))
    }
}
