//! Random operations against a simple model.
//!
//! Where it depends on the clock whether something has happened, and the store's clock runs by itself, the model
//! goes by what the store says; on a clock that only [`Bench::pass`] moves, it knows.

use std::sync::Arc;

use fastrand::Rng;

use super::Bench;
use crate::{AnswerId, Batch, Claimed, Journal, Lease, NewAnswer, Opened, Slot, State, WriteError};

mod clock;
mod compare;
mod entry;
mod random;

use clock::{Clock, Known, Moment};
use entry::{Entry, Expect, Past};

const DRIVERS: usize = 3;
const KEYS: usize = 2;

/// Random operations by several drivers against a simple model; the same for the same seed.
pub async fn check_model(bench: &dyn Bench, seed: u64, steps: usize) {
    let mut world = World::new(bench, seed);
    world.meet().await;
    for _ in 0..steps {
        world.step().await;
        world.compare().await;
    }
}

/// One key, and what stood there.
struct Key {
    slot: Slot,
    entry: Option<Entry>,
    past: Vec<Past>,
}

impl Key {
    /// A key that nobody has used, not in an earlier run either.
    fn new() -> Self {
        Self { slot: Slot(fastrand::u128(..)), entry: None, past: Vec::new() }
    }
}

struct World<'a> {
    bench: &'a dyn Bench,
    seed: u64,
    rng: Rng,
    clock: Clock,
    journals: Vec<Arc<dyn Journal>>,
    keys: Vec<Key>,
    /// All that were given out, most of them old.
    leases: Vec<Lease>,
    trace: Vec<String>,
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the store and the model differ with seed {}, after:", self.seed);
            for line in self.trace.iter().rev().take(30).rev() {
                eprintln!("  {line}");
            }
        }
    }
}

impl<'a> World<'a> {
    fn new(bench: &'a dyn Bench, seed: u64) -> Self {
        Self {
            bench,
            seed,
            rng: Rng::with_seed(seed),
            clock: Clock::new(),
            journals: Vec::new(),
            keys: (0..KEYS).map(|_| Key::new()).collect(),
            leases: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Everybody opens the store.
    async fn meet(&mut self) {
        self.journals.clear();
        for _ in 0..DRIVERS {
            self.journals.push(self.bench.journal().await);
        }
    }

    async fn step(&mut self) {
        let at = self.rng.usize(..KEYS);
        let journal = self.journals[self.rng.usize(..DRIVERS)].clone();
        let now = self.clock.now();
        match self.rng.u32(..100) {
            0..14 => self.open(at, &journal).await,
            14..74 => {
                let old = self.rng.u32(..4) == 0;
                match self.keys[at]
                    .entry
                    .as_ref()
                    .filter(|entry| !old && entry.has_writer())
                    .map(Entry::lease)
                {
                    Some(lease) => self.write(at, &journal, lease, now).await,
                    None => self.write_fenced(&journal).await,
                }
            }
            74..78 => self.claim(at, &journal).await,
            78..82 => self.claim_any(&journal).await,
            82..84 => self.seize(at, &journal, now).await,
            84..86 => self.end_again(at, &journal, now).await,
            86..88 => self.attend(at, &journal).await,
            88..99 => self.pass().await,
            _ => self.crash().await,
        }
    }

    async fn open(&mut self, at: usize, journal: &Arc<dyn Journal>) {
        let now = self.clock.now();
        let unit = self.bench.unit();
        let new = NewAnswer {
            id: AnswerId { slot: self.keys[at].slot, generation: self.rng.u64(..) },
            tenant: format!("tenant {at}"),
            fingerprint: std::array::from_fn(|_| self.rng.u8(..)),
            request: self.bytes(20),
            state: if self.rng.bool() { State::Claimed } else { State::Sent },
            // Never a whole number of the steps in which time passes: nothing falls on the edge.
            lease: unit * self.rng.u32(1..4) + unit / 8,
            ttl: unit * self.rng.u32(4..8) + unit / 8,
            max_bytes: self.rng.u64(20..100),
        };
        let id = new.id;
        self.trace.push(format!("open {id} lease {:?} ttl {:?}", new.lease, new.ttl));
        let opened = journal.open(new.clone()).await.unwrap();
        match (opened, &mut self.keys[at].entry) {
            (Opened::Exists(record), Some(entry)) => entry.agree(self.clock.now(), &record),
            (Opened::New(lease), None) => {
                assert_eq!(lease.id, id);
                self.keys[at].entry = Some(Entry::new(now, new, lease.fence));
                self.leases.push(lease);
            }
            (opened, entry) => panic!("{opened:?} and not {entry:?}"),
        }
    }

    /// A write of whoever has the newest lease.
    async fn write(&mut self, at: usize, journal: &Arc<dyn Journal>, lease: Lease, now: Moment) {
        let Some(mut entry) = self.keys[at].entry.take() else { return };
        let id = lease.id;
        let kind = self.rng.u32(..60);
        let batch = self.batch(&entry);
        self.trace.push(format!("write {kind} {lease:?} {batch:?}"));
        match kind {
            0..6 => {
                journal.sent(lease).await.unwrap();
                entry.sent(now);
            }
            6..40 => {
                let expected = entry.append(now, &batch);
                agree_on_write(expected, journal.append(lease, batch).await);
                if expected != Expect::Ok {
                    entry.maybe_renewed(now);
                }
            }
            40..46 => {
                let end = self.end();
                let expected = entry.end(now, &batch, &end);
                agree_on_write(expected, journal.end(lease, batch, end).await);
                if expected != Expect::Ok {
                    entry.maybe_renewed(now);
                }
            }
            46..48 => {
                journal.release(lease).await.unwrap();
                self.keys[at].past.push(Past::released(id));
                return;
            }
            48..52 => {
                journal.relinquish(lease).await.unwrap();
                entry.relinquish(now);
            }
            _ => {
                assert_eq!(journal.renew(lease).await.unwrap().is_some(), entry.attended);
                entry.renew(now);
            }
        }
        self.keys[at].entry = Some(entry);
    }

    /// A write under a lease that is not the newest of an answer that is there.
    async fn write_fenced(&mut self, journal: &Arc<dyn Journal>) {
        let newest: Vec<_> =
            self.keys.iter().filter_map(|key| key.entry.as_ref().map(Entry::lease)).collect();
        let old: Vec<_> = self.leases.iter().filter(|lease| !newest.contains(lease)).copied().collect();
        let Some(lease) = self.rng.choice(old) else { return };
        let kind = self.rng.u32(..6);
        let batch = Batch { first: self.rng.u64(1..5), events: vec![self.bytes(5)], head: None, attempts: 9 };
        let end = self.end();
        self.trace.push(format!("fenced {kind} {lease:?}"));
        let got = match kind {
            0 => journal.sent(lease).await,
            1 => journal.append(lease, batch).await,
            2 => journal.end(lease, batch, end).await,
            3 => journal.release(lease).await,
            4 => journal.relinquish(lease).await,
            _ => journal.renew(lease).await.map(|_| ()),
        };
        assert!(matches!(got, Err(WriteError::Fenced)), "{got:?} for {lease:?}");
    }

    async fn claim(&mut self, at: usize, journal: &Arc<dyn Journal>) {
        let now = self.clock.now();
        let key = &self.keys[at];
        let past = key.past.get(self.rng.usize(..8)).map(|past| past.id);
        let Some(id) = past.or(key.entry.as_ref().map(|entry| entry.new.id)) else { return };
        self.trace.push(format!("claim {id}"));
        match journal.claim(id).await.unwrap() {
            Some(claimed) => self.claimed(now, &claimed),
            None => self.nothing_to_claim(&[], Some(id)),
        }
    }

    async fn claim_any(&mut self, journal: &Arc<dyn Journal>) {
        let mut except: Vec<_> =
            self.keys.iter().filter_map(|key| Some(key.entry.as_ref()?.new.id)).collect();
        except.retain(|_| self.rng.u32(..4) == 0);
        self.trace.push(format!("claim any but {except:?}"));
        loop {
            let now = self.clock.now();
            let Some(claimed) = journal.claim_any(&except).await.unwrap() else { break };
            let id = claimed.lease.id;
            assert!(!except.contains(&id), "{id} was not asked for");
            if self.keys.iter().any(|key| key.slot == id.slot) {
                return self.claimed(now, &claimed);
            }
            // Another check's, or an earlier run's.
            except.push(id);
        }
        self.nothing_to_claim(&except, None);
    }

    fn claimed(&mut self, now: Moment, claimed: &Claimed) {
        let then = self.clock.now();
        let entries = self.keys.iter_mut().filter_map(|key| key.entry.as_mut());
        let Some(entry) = entries.into_iter().find(|entry| entry.new.id == claimed.lease.id) else {
            panic!("{claimed:?} is not there");
        };
        assert!(!entry.is_ended(), "{claimed:?} has ended");
        assert_ne!(entry.is_leased(then), Known::Yes, "{claimed:?} has a writer");
        entry.claim(now, claimed);
        self.leases.push(claimed.lease);
    }

    fn nothing_to_claim(&self, except: &[AnswerId], only: Option<AnswerId>) {
        let now = self.clock.now();
        for entry in self.keys.iter().filter_map(|key| key.entry.as_ref()) {
            let id = entry.new.id;
            let asked = !except.contains(&id) && only.is_none_or(|only| only == id);
            let free = !entry.is_ended() && entry.is_leased(now) == Known::No;
            // What expires just now need not be found.
            let there = entry.is_there(now) == Known::Yes;
            assert!(!(asked && free && there), "{id} can be claimed, and was not found");
        }
    }

    async fn seize(&mut self, at: usize, journal: &Arc<dyn Journal>, now: Moment) {
        let Some(mut entry) = self.keys[at].entry.take() else { return };
        let (batch, end) = (self.batch(&entry), self.end());
        self.trace.push(format!("seize {} {batch:?}", entry.new.id));
        let seized = journal.seize(entry.new.id, batch.clone(), end.clone()).await.unwrap();
        assert_eq!(seized, !entry.is_ended());
        if seized {
            entry.seize(now, &batch, &end);
        }
        self.keys[at].entry = Some(entry);
    }

    /// The end, once more, by whoever wrote it, or by whoever was fenced off before.
    async fn end_again(&mut self, at: usize, journal: &Arc<dyn Journal>, now: Moment) {
        let end = self.end();
        let Some(entry) = self.keys[at].entry.as_mut().filter(|entry| entry.is_ended()) else { return };
        let lease = entry.lease();
        let batch = Batch { first: entry.events.len() as u64 + 1, ..Batch::default() };
        self.trace.push(format!("end again {lease:?}"));
        let others = [
            journal.sent(lease).await,
            journal.append(lease, batch.clone()).await,
            journal.relinquish(lease).await,
            journal.release(lease).await,
            journal.renew(lease).await.map(|_| ()),
        ];
        let all_fenced = others.iter().all(|got| matches!(got, Err(WriteError::Fenced)));
        assert!(all_fenced, "{others:?} of an answer that has ended");
        let got = journal.end(lease, batch, end).await;
        if entry.ended_by_lease {
            got.unwrap();
            entry.maybe_renewed(now);
        } else {
            assert!(matches!(got, Err(WriteError::Fenced)), "{got:?}");
        }
    }

    async fn attend(&mut self, at: usize, journal: &Arc<dyn Journal>) {
        let now = self.clock.now();
        let Some(entry) = &mut self.keys[at].entry else { return };
        self.trace.push(format!("attend {}", entry.new.id));
        journal.attend(entry.new.id).await.unwrap();
        entry.attended = true;
        entry.maybe_attended(now);
    }

    async fn pass(&mut self) {
        let time = self.bench.unit() / 4 * self.rng.u32(1..8);
        self.trace.push(format!("pass {time:?}"));
        self.bench.pass(time).await;
        self.clock.pass(time);
    }

    async fn crash(&mut self) {
        self.trace.push("crash".to_owned());
        self.journals.clear();
        self.bench.crash().await;
        self.meet().await;
        for key in &mut self.keys {
            if self.bench.is_durable() {
                key.entry.iter_mut().for_each(Entry::crash);
            } else {
                *key = Key::new();
            }
        }
    }
}

fn agree_on_write(expected: Expect, got: Result<(), WriteError>) {
    let same = match &got {
        Ok(()) => expected == Expect::Ok,
        Err(WriteError::TooLarge) => expected == Expect::TooLarge,
        Err(WriteError::OutOfOrder) => expected == Expect::OutOfOrder,
        Err(_) => false,
    };
    assert!(same, "{got:?} and not {expected:?}");
}
