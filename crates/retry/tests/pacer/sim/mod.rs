//! A simulated world for the pacer: callers, processes, a network, an upstream with a limit. No time passes
//! but its own, and each run is a function of its seed.

mod outcome;
mod rows;
mod scenario;
mod upstream;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use lastbyte_retry::{Arrival, Pacer, Ticket, Told, WaiterId};
use tokio::time::Instant;

pub(crate) use outcome::{Caller, Outcome, Request, quantile};
pub(crate) use rows::{Row, herds, pistol};
pub(crate) use scenario::Scenario;
pub(crate) use upstream::Limit;
use upstream::{Offer, Upstream};

enum Event {
    Comes(usize),
    Reaches(usize, Option<Ticket>),
    Head(usize),
    Ends(usize),
    Refused(usize, Option<f64>),
    /// It has waited for itself alone.
    Returns(usize),
    Wakes(usize),
    Changes(Limit),
}

/// A gateway: its pacer, and who waits there.
struct Process {
    pacer: Pacer,
    waiting: HashMap<WaiterId, usize>,
    /// The last timer it has set; earlier ones are void.
    timer: u64,
}

struct World<'a> {
    scenario: &'a Scenario,
    random: fastrand::Rng,
    epoch: Instant,
    now: f64,
    /// Nanoseconds, and a number that keeps the order of what happens at once.
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: HashMap<u64, Event>,
    next: u64,
    processes: Vec<Process>,
    /// The ticket that each caller has now.
    tickets: Vec<Option<Ticket>>,
    upstream: Upstream,
    out: Outcome,
}

/// Plays a scenario to its end.
pub(crate) fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let epoch = Instant::now();
    let process = |number| Process {
        pacer: Pacer::new(epoch, seed * 100 + number as u64),
        waiting: HashMap::new(),
        timer: 0,
    };
    let callers = scenario.arrivals.iter().map(|at| Caller { came: *at, ..Caller::default() });
    let mut world = World {
        scenario,
        random: fastrand::Rng::with_seed(seed),
        epoch,
        now: 0.0,
        queue: BinaryHeap::new(),
        events: HashMap::new(),
        next: 0,
        processes: (0..scenario.processes).map(process).collect(),
        tickets: scenario.arrivals.iter().map(|_| None).collect(),
        upstream: Upstream::new(scenario.limit, scenario.retry_after),
        out: Outcome { patience: scenario.patience, callers: callers.collect(), requests: Vec::new() },
    };
    for (caller, at) in scenario.arrivals.iter().enumerate() {
        world.at(*at, Event::Comes(caller));
    }
    for (at, limit) in &scenario.changes {
        world.at(*at, Event::Changes(*limit));
    }
    while let Some(Reverse((at, id))) = world.queue.pop() {
        world.now = at as f64 / 1e9;
        if let Some(event) = world.events.remove(&id) {
            world.handle(id, event);
        }
    }
    world.out
}

impl World<'_> {
    fn at(&mut self, at: f64, event: Event) -> u64 {
        self.next += 1;
        self.queue.push(Reverse((nanos(at.max(self.now)), self.next)));
        self.events.insert(self.next, event);
        self.next
    }

    fn time(&self, at: f64) -> Instant {
        self.epoch + Duration::from_nanos(nanos(at))
    }

    /// One way through the network: 10 ms, give or take 2.
    fn way(&mut self) -> f64 {
        (0.010 + 0.002 * self.normal()).abs()
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.random.f64(), self.random.f64());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    fn handle(&mut self, id: u64, event: Event) {
        match event {
            Event::Comes(caller) => self.comes(caller),
            Event::Reaches(caller, ticket) => self.reaches(caller, ticket),
            Event::Head(caller) => {
                self.out.callers[caller].first_event = Some(self.now);
                self.tell(caller, Told::Accepted);
            }
            Event::Ends(caller) => {
                self.out.callers[caller].done = Some(self.now);
                self.tell(caller, Told::Ended);
            }
            Event::Refused(caller, retry_after) => self.refused(caller, retry_after),
            Event::Returns(caller) => self.arrives(caller),
            Event::Wakes(process) if self.processes[process].timer == id => self.poll(process),
            Event::Wakes(_) => {}
            Event::Changes(limit) => self.upstream.change(limit),
        }
    }

    fn comes(&mut self, caller: usize) {
        // Rounded, as all times are.
        self.out.callers[caller].came = self.now;
        if self.scenario.direct {
            return self.send(caller, None);
        }
        self.arrives(caller);
    }

    fn arrives(&mut self, caller: usize) {
        let tenant = (caller / self.scenario.processes) as u64 % self.scenario.tenants;
        let (now, deadline) = (self.time(self.now), self.deadline(caller));
        let arrival = self.process(caller).pacer.arrive(now, tenant, deadline);
        self.arrived(caller, arrival);
    }

    /// The last moment at which its turn is of use to a caller.
    fn deadline(&self, caller: usize) -> Instant {
        let left = (self.scenario.patience - self.scenario.answer()).max(0.0);
        self.time(self.out.callers[caller].came + left)
    }

    fn process(&mut self, caller: usize) -> &mut Process {
        let process = caller % self.scenario.processes;
        &mut self.processes[process]
    }

    fn arrived(&mut self, caller: usize, arrival: Arrival) {
        match arrival {
            Arrival::Go(ticket) => self.send(caller, Some(ticket)),
            Arrival::Wait(id) => {
                self.process(caller).waiting.insert(id, caller);
            }
            Arrival::TooLate { come_back } => self.too_late(caller, come_back),
        }
        self.poll(caller % self.scenario.processes);
    }

    fn too_late(&mut self, caller: usize, come_back: Duration) {
        self.out.callers[caller].too_late = Some((self.now, come_back.as_secs_f64()));
    }

    fn send(&mut self, caller: usize, ticket: Option<Ticket>) {
        let now = self.now;
        self.out.callers[caller].requests += 1;
        self.out.callers[caller].launched.get_or_insert(now);
        let way = self.way();
        self.at(now + way, Event::Reaches(caller, ticket));
    }

    fn reaches(&mut self, caller: usize, ticket: Option<Ticket>) {
        self.tickets[caller] = ticket;
        let scenario = self.scenario;
        let stream = scenario.stream * (scenario.sigma * self.normal() - scenario.sigma.powi(2) / 2.0).exp();
        let mut offer = self.upstream.offer(self.now, scenario.head + stream);
        let before = self.out.requests.last().map_or(0.0, |request| request.at);
        let is_stray = scenario.stray.is_some_and(|at| before < at && self.now >= at);
        if is_stray || (scenario.strays > 0.0 && self.random.f64() < scenario.strays) {
            offer = Offer::Refused { retry_after: scenario.retry_after };
        }
        self.out.requests.push(Request { at: self.now, taken: matches!(offer, Offer::Taken { .. }) });
        let back = self.now + self.way();
        match offer {
            Offer::Taken { queued } => {
                let head = back + scenario.head.max(queued);
                self.at(head, Event::Head(caller));
                self.at(head + stream, Event::Ends(caller));
            }
            Offer::Refused { retry_after } => {
                self.at(back + scenario.refusal, Event::Refused(caller, retry_after));
            }
        }
    }

    fn refused(&mut self, caller: usize, retry_after: Option<f64>) {
        self.tell(caller, Told::Refused { retry_after: retry_after.map(Duration::from_secs_f64) });
        let ticket = self.tickets[caller].take();
        match ticket.filter(|_| self.out.callers[caller].requests < self.scenario.attempts) {
            Some(ticket) if ticket.is_stray() => {
                // As `Backoff` waits where no time is named.
                let most = f64::from(2u32.pow(self.out.callers[caller].requests - 1));
                let wait = retry_after.unwrap_or(most * self.random.f64());
                self.at(self.now + wait, Event::Returns(caller));
            }
            Some(ticket) => {
                let (now, deadline) = (self.time(self.now), self.deadline(caller));
                let arrival = self.process(caller).pacer.again(now, ticket, deadline);
                self.arrived(caller, arrival);
            }
            None => self.out.callers[caller].given_up = true,
        }
    }

    fn tell(&mut self, caller: usize, told: Told) {
        let now = self.time(self.now);
        if let Some(mut ticket) = self.tickets[caller].take() {
            self.process(caller).pacer.told(now, &mut ticket, told);
            self.tickets[caller] = Some(ticket);
            self.poll(caller % self.scenario.processes);
        }
    }

    fn poll(&mut self, process: usize) {
        let now = self.time(self.now);
        let polled = self.processes[process].pacer.poll(now);
        for (id, ticket) in polled.released {
            if let Some(caller) = self.processes[process].waiting.remove(&id) {
                self.send(caller, Some(ticket));
            }
        }
        for (id, come_back) in polled.too_late {
            if let Some(caller) = self.processes[process].waiting.remove(&id) {
                self.too_late(caller, come_back);
            }
        }
        self.processes[process].timer = 0;
        if let Some(wake) = polled.wake {
            // Timers are late by up to a millisecond, as tokio's are.
            let at = (wake - self.epoch).as_nanos().div_ceil(1_000_000) as f64 / 1e3;
            self.processes[process].timer = self.at(at, Event::Wakes(process));
        }
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}
