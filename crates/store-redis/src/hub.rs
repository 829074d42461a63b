//! Who follows which answer, and what was last heard of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lastbyte_store::{AnswerId, Slot};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// How long an answer is listened to that nobody follows any more. A follower reads between two waits, and comes
/// back: the others cost a subscription each meanwhile.
const LINGER: Duration = Duration::from_secs(10);

/// How long nothing is heard of an answer before it is looked at: messages of Redis may get lost.
const SILENCE: Duration = Duration::from_secs(1);

/// The most answers that are listened to. Who follows one more asks once a second instead.
const MOST: usize = 65_536;

/// What was heard of the answer of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Which answer it is. `None`: there is none.
    pub(crate) generation: Option<u64>,
    pub(crate) events: u64,
    pub(crate) ended: bool,
    /// When its lease ends, by our clock. `None`: it has, by that of Redis.
    pub(crate) leased_until: Option<Instant>,
}

impl Known {
    /// Nothing is there.
    pub(crate) const GONE: Self = Self { generation: None, events: 0, ended: true, leased_until: None };

    pub(crate) fn new(generation: u64, events: u64, ended: bool, left: Duration) -> Self {
        let now = Instant::now();
        // In what no clock can say it does not end.
        let until = now.checked_add(left).unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        Self { generation: Some(generation), events, ended, leased_until: (!left.is_zero()).then_some(until) }
    }

    /// What a message says: `GENERATION EVENTS ENDED LEASE`.
    pub(crate) fn heard(message: &str) -> Option<Self> {
        let mut words = message.split(' ');
        let generation = u64::from_str_radix(words.next()?, 16).ok()?;
        let events = words.next()?.parse().ok()?;
        let ended = words.next()? == "1";
        Some(Self::new(generation, events, ended, Duration::from_millis(words.next()?.parse().ok()?)))
    }

    fn is_news(&self, id: AnswerId, after: u64) -> bool {
        self.generation != Some(id.generation)
            || self.ended
            || self.events > after
            || self.leased_until.is_none()
    }
}

#[derive(Debug)]
struct Seat {
    known: watch::Sender<Option<Known>>,
    followers: usize,
    /// Since when nobody has followed it.
    idle: Instant,
    /// When something was last heard of it, or asked.
    heard: Instant,
    /// How often, so that an older look does not undo what a later message said.
    times: u64,
    /// Whether messages come.
    listened: bool,
    /// Whether somebody looks at it now.
    looking: bool,
}

#[derive(Debug, Default)]
struct Seats {
    all: HashMap<Slot, Seat>,
    /// Those that nobody listens to yet.
    new: Vec<Slot>,
    /// Those that have to be looked at.
    unsure: Vec<Slot>,
}

/// What followers and the listener share.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    seats: Mutex<Seats>,
    /// There is something to do for the listener.
    pub(crate) news: Notify,
}

/// One who follows. It leaves by being dropped.
struct Follower<'a> {
    hub: &'a Hub,
    slot: Slot,
    known: watch::Receiver<Option<Known>>,
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        if let Some(seat) = self.hub.lock().all.get_mut(&self.slot) {
            seat.followers = seat.followers.saturating_sub(1);
            seat.idle = Instant::now();
        }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what [`Journal::changed`](lastbyte_store::Journal::changed) waits for.
    pub(crate) async fn changed(&self, id: AnswerId, after: u64, wait: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(wait).unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        let Some(mut follower) = self.follow(id.slot) else {
            return sleep(wait.min(SILENCE)).await;
        };
        loop {
            let known = *follower.known.borrow_and_update();
            if known.is_some_and(|known| known.is_news(id, after)) || Instant::now() >= deadline {
                return;
            }
            let until =
                known.and_then(|known| known.leased_until).map_or(deadline, |until| until.min(deadline));
            tokio::select! {
                _ = follower.known.changed() => {}
                () = sleep_until(until) => if until < deadline {
                    // As far as we know its lease has ended. Only Redis can say so.
                    self.doubt(id.slot);
                }
            }
        }
    }

    fn follow(&self, slot: Slot) -> Option<Follower<'_>> {
        let mut seats = self.lock();
        let Seats { all, new, .. } = &mut *seats;
        if all.len() >= MOST && !all.contains_key(&slot) {
            return None;
        }
        let now = Instant::now();
        let seat = all.entry(slot).or_insert_with(|| {
            new.push(slot);
            self.news.notify_one();
            Seat {
                known: watch::Sender::new(None),
                followers: 0,
                idle: now,
                heard: now,
                times: 0,
                listened: false,
                looking: false,
            }
        });
        seat.followers += 1;
        Some(Follower { hub: self, slot, known: seat.known.subscribe() })
    }

    /// Nothing is known any more of the answer of a slot, until it was looked at.
    fn doubt(&self, slot: Slot) {
        let mut seats = self.lock();
        let Seats { all, unsure, .. } = &mut *seats;
        let Some(seat) = all.get_mut(&slot) else { return };
        if seat.known.send_replace(None).is_some() {
            unsure.push(slot);
            self.news.notify_one();
        }
    }

    /// A message came.
    pub(crate) fn hear(&self, slot: Slot, known: Known) {
        if let Some(seat) = self.lock().all.get_mut(&slot) {
            seat.times += 1;
            seat.heard = Instant::now();
            seat.known.send_replace(Some(known));
        }
    }

    /// It was looked at, and had been heard of so often before. `None`: the look has failed.
    pub(crate) fn looked(&self, slot: Slot, times: u64, known: Option<Known>) {
        let mut seats = self.lock();
        let Some(seat) = seats.all.get_mut(&slot) else { return };
        seat.looking = false;
        if let Some(known) = known
            && seat.times == times
        {
            seat.known.send_if_modified(|before| {
                let moved =
                    before.is_none_or(|before| Known { leased_until: known.leased_until, ..before } != known);
                *before = Some(known);
                moved || known.leased_until.is_none()
            });
        }
    }

    /// Those to listen to from now on.
    pub(crate) fn take_new(&self) -> Vec<Slot> {
        std::mem::take(&mut self.lock().new)
    }

    /// Messages come of these. What came before has to be looked at.
    pub(crate) fn listened(&self, slots: &[Slot]) {
        let mut seats = self.lock();
        let Seats { all, unsure, .. } = &mut *seats;
        for slot in slots {
            if let Some(seat) = all.get_mut(slot) {
                seat.listened = true;
                unsure.push(*slot);
            }
        }
    }

    /// Nobody can listen to these yet: they are looked at, and listened to once that can be.
    pub(crate) fn unheard(&self, slots: &[Slot]) {
        self.lock().unsure.extend(slots);
    }

    /// No messages come any more.
    pub(crate) fn deaf(&self) {
        let mut seats = self.lock();
        let Seats { all, new, .. } = &mut *seats;
        for seat in all.values_mut() {
            seat.listened = false;
        }
        *new = all.keys().copied().collect();
    }

    /// Those to be looked at, and how often each was heard of.
    pub(crate) fn take_unsure(&self) -> Vec<(Slot, u64)> {
        let mut seats = self.lock();
        let Seats { all, unsure, .. } = &mut *seats;
        let now = Instant::now();
        let found = std::mem::take(unsure).into_iter().filter_map(|slot| {
            let seat = all.get_mut(&slot).filter(|seat| !seat.looking)?;
            (seat.heard, seat.looking) = (now, true);
            Some((slot, seat.times))
        });
        found.collect()
    }

    /// Notes whom nothing was heard of for a while, and gives those that nobody follows any more.
    pub(crate) fn sweep(&self) -> Vec<Slot> {
        let mut seats = self.lock();
        let Seats { all, unsure, .. } = &mut *seats;
        let now = Instant::now();
        let is_over = |seat: &Seat| seat.followers == 0 && now.duration_since(seat.idle) > LINGER;
        let gone = all.extract_if(|_, seat| is_over(seat)).filter(|(_, seat)| seat.listened);
        let gone = gone.map(|(slot, _)| slot).collect();
        let silent =
            all.iter().filter(|(_, seat)| seat.followers > 0 && now.duration_since(seat.heard) > SILENCE);
        unsure.extend(silent.map(|(slot, _)| *slot));
        gone
    }
}
