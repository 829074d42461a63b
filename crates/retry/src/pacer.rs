mod flight;
mod heard;
mod law;
mod limit;
mod limits;
mod meter;
mod queue;
mod ramp;
mod rate;
mod slots;
mod strays;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

use flight::Flight;
use law::{Law, Ready};
use limit::Launch;
use queue::{Queue, Waiter};

pub use heard::Told;
pub use limits::{Allowance, Limits};
pub use queue::WaiterId;

/// One queue, and one learnt limit, for all that a process asks of an upstream.
///
/// When hundreds of callers are refused, each of them on its own asks again and again: most of what they
/// send is refused, and the capacity that is there goes to whoever happens to ask at the right moment. Here
/// they wait in one place. Each of them passes through it, at its first attempt too, and is let go when
/// there is a good chance that it is taken; each refusal is heard by all. What that is worth, and why the
/// law is as it is, is told in `docs/pacing.md`.
///
/// - An upstream that refuses nobody is not held back: no steady stream of callers waits, nor one that
///   grows. Five hundred that come out of nothing are let go within a quarter of a second.
/// - Nobody asks before the time that a refusal named (ten minutes at most). Without one, all wait a moment.
///   Then one asks first. A single refusal among many launches that are taken is not heard
///   ([`Ticket::is_stray`]): slowing down does not help against it.
/// - Then callers go at a learnt rate a little below the limit, or, where the number of streams is what is
///   limited, as streams end. Neither is configured, nor which of them it is.
/// - The tenants take turns, and within a tenant it is first come, first served. Who was refused goes to
///   the front. Where a launch is likely to be refused, it is one of the first eight that goes which was
///   refused least, since attempts are few.
/// - Whose turn would come too late is told at once, with a time to come back.
/// - Several processes need not talk: each finds a share.
///
/// It is a plain value that is told the time. After everything that it is told, and when the time has come
/// that [`poll`](Self::poll) has named, whoever drives it calls `poll`. A caller that was let go holds a
/// [`Ticket`] and says how it went ([`told`](Self::told)), to the end of its stream. A ticket that is lost
/// is forgotten after a quarter of an hour; until then it counts as a stream.
///
/// ```
/// use std::time::Duration;
///
/// use lastbyte_retry::{Arrival, Pacer, Told};
/// use tokio::time::Instant;
///
/// let start = Instant::now();
/// let patience = Duration::from_secs(20);
/// let mut pacer = Pacer::new(start, 1);
/// let Arrival::Go(mut ticket) = pacer.arrive(start, 7, start + patience) else { panic!("nobody was refused") };
/// pacer.told(start, &mut ticket, Told::Refused { retry_after: Some(Duration::from_secs(2)) });
///
/// // It comes again, and waits with the others for the time that was named.
/// let Arrival::Wait(place) = pacer.again(start, ticket, start + patience) else { panic!("it is too early") };
/// let wake = pacer.poll(start).wake.expect("somebody waits");
/// assert!(pacer.poll(start + Duration::from_secs(1)).released.is_empty());
/// let (released, _ticket) = pacer.poll(start + Duration::from_millis(2_201)).released.remove(0);
/// assert!(released == place && wake > start);
/// ```
///
/// What is said costs O(log n), `poll` the same for each that it lets go. Four times a second it also looks
/// at all that wait.
#[derive(Debug)]
pub struct Pacer {
    law: Law,
    queue: Queue,
    flight: Flight,
    swept: Instant,
}

/// Leave to ask the upstream once. Whoever has it says how it went.
#[derive(Debug)]
pub struct Ticket {
    launch: Launch,
    minute: u64,
    tenant: u64,
    /// The turn its tenant used up; `None`: nobody waited.
    turn: Option<u64>,
    refused: u32,
    stray: bool,
    open: bool,
}

impl Ticket {
    /// Whether its refusal was a stray among many launches that are taken. Then whoever holds it waits as
    /// long as was named, or as it likes, for itself alone, and [arrives](Pacer::arrive) anew.
    pub fn is_stray(&self) -> bool {
        self.stray
    }

    pub(crate) fn launched_at(&self) -> Instant {
        self.launch.at
    }
}

/// What becomes of a caller that comes.
#[derive(Debug)]
pub enum Arrival {
    /// It may ask now.
    Go(Ticket),
    /// It waits. [`Pacer::poll`] lets it go, or says that it waits in vain.
    Wait(WaiterId),
    /// Its turn would come too late, or too many wait.
    TooLate {
        /// When those who wait now will have been served, as far as that can be told.
        come_back: Duration,
    },
}

/// What has become of those who wait.
#[derive(Debug, Default)]
pub struct Polled {
    /// These may ask now.
    pub released: Vec<(WaiterId, Ticket)>,
    /// These would wait in vain: they are out of the queue, and should come back after so long.
    pub too_late: Vec<(WaiterId, Duration)>,
    /// When to call again, unless there is something to tell before. `None`: nobody waits.
    pub wake: Option<Instant>,
}

/// How often it is looked for those who wait in vain.
const SWEEP: Duration = Duration::from_millis(250);

/// A turn that was promised is taken back only where it would come after twice the time that is left:
/// predictions are rough, and who has waited should not lose its place to one.
const DOUBT: f64 = 0.5;

impl Pacer {
    /// The most callers that wait, as many as the gateway's streams at once: nobody else can be inside. A
    /// tenant may use as many places as are still free, so there is always one for another.
    pub const MAX_WAITING: usize = 10_000;

    /// A pacer that knows nothing yet. The seed is for the small random waits on top of named ones.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            law: Law::new(now, fastrand::Rng::with_seed(seed)),
            queue: Queue::default(),
            flight: Flight::new(now),
            swept: now,
        }
    }

    /// A caller of `tenant` comes. A turn later than `deadline` is of no use to it.
    pub fn arrive(&mut self, now: Instant, tenant: u64, deadline: Instant) -> Arrival {
        if let Some(ticket) = self.go(now, tenant, None, 0) {
            return Arrival::Go(ticket);
        }
        let wait = self.law.outlook(now).wait(self.queue.ahead(tenant));
        // Who already has as many places as are free gets no more (Choudhury and Hahne 1998).
        let is_full = self.queue.of(tenant) >= Self::MAX_WAITING - self.queue.len();
        if is_full || far(now, wait) > deadline {
            return Arrival::TooLate { come_back: wait };
        }
        Arrival::Wait(self.queue.push(tenant, Waiter { deadline, refused: 0 }))
    }

    /// A caller comes again, with the ticket of the attempt that was refused or failed: to the front of its
    /// tenant's line.
    pub fn again(&mut self, now: Instant, mut ticket: Ticket, deadline: Instant) -> Arrival {
        self.told(now, &mut ticket, Told::Failed);
        let Ticket { tenant, turn, refused, .. } = ticket;
        if let Some(ticket) = self.go(now, tenant, turn, refused) {
            return Arrival::Go(ticket);
        }
        let wait = self.law.outlook(now).wait(0);
        if self.queue.len() >= Self::MAX_WAITING || far(now, wait) > deadline {
            return Arrival::TooLate { come_back: wait };
        }
        Arrival::Wait(self.queue.push_front(tenant, Waiter { deadline, refused }, turn))
    }

    /// A waiting caller leaves: the line closes up. `false`: it did not wait any more.
    pub fn leave(&mut self, id: WaiterId) -> bool {
        self.queue.remove(id)
    }

    /// How an attempt goes. After a refusal, a failure or the end of its stream the ticket is used up, and
    /// nothing that is said of it counts.
    pub fn told(&mut self, now: Instant, ticket: &mut Ticket, told: Told) {
        if !ticket.open {
            return;
        }
        match told {
            Told::Accepted => return self.law.taken(now, &ticket.launch),
            Told::Limits(limits) => return self.law.limits(now, &ticket.launch, &limits),
            Told::Refused { .. } | Told::Failed | Told::Ended => {}
        }
        ticket.open = false;
        self.flight.end(ticket.minute);
        match told {
            Told::Refused { retry_after } => {
                ticket.refused += 1;
                ticket.stray = self.law.refused(now, &ticket.launch, retry_after);
            }
            _ => self.law.ended(now, self.flight.count()),
        }
    }

    /// Lets go who may ask now.
    pub fn poll(&mut self, now: Instant) -> Polled {
        let mut polled = Polled::default();
        if self.queue.len() > 0 && now >= self.swept + SWEEP {
            self.swept = now;
            polled.too_late = self.sweep(now);
        }
        while self.queue.len() > 0 {
            match self.law.ready(now, self.flight.count()) {
                Ready::At(at) => {
                    polled.wake = Some(at.min(self.swept + SWEEP));
                    return polled;
                }
                Ready::Now { risky } => {
                    let Some(served) = self.queue.pop(risky) else { break };
                    let ticket = self.launch(now, served.id.tenant(), Some(served.turn), served.refused);
                    polled.released.push((served.id, ticket));
                }
            }
        }
        self.law.nobody_waits();
        polled
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many a second are let go, where refusals have taught a rate.
    pub fn rate(&self) -> Option<f64> {
        self.law.rate()
    }

    /// How many streams at a time are held to be the upstream's limit, where it seems to be one of streams.
    pub fn window(&self) -> Option<u64> {
        self.law.window()
    }

    /// Lets a caller go at once where nobody waits and it may.
    fn go(&mut self, now: Instant, tenant: u64, turn: Option<u64>, refused: u32) -> Option<Ticket> {
        if self.queue.len() > 0 {
            return None;
        }
        match self.law.ready(now, self.flight.count()) {
            Ready::Now { .. } => Some(self.launch(now, tenant, turn, refused)),
            Ready::At(_) => None,
        }
    }

    fn launch(&mut self, now: Instant, tenant: u64, turn: Option<u64>, refused: u32) -> Ticket {
        let launch = self.law.launched(now, self.flight.count());
        let minute = self.flight.begin(now);
        Ticket { launch, minute, tenant, turn, refused, stray: false, open: true }
    }

    /// Takes out who waits in vain.
    fn sweep(&mut self, now: Instant) -> Vec<(WaiterId, Duration)> {
        let outlook = self.law.outlook(now);
        let is_lost = |ahead, deadline| far(now, outlook.wait(ahead).mul_f64(DOUBT)) > deadline;
        let lost = self.queue.remove_lost(is_lost);
        lost.into_iter().map(|(id, ahead)| (id, outlook.wait(ahead))).collect()
    }
}
