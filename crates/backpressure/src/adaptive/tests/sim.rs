//! A simulated world for the limit: callers that come by themselves, a queue in front of the limit, and an
//! upstream. No time passes but its own, and each run is a function of its seed.

mod scenario;
mod upstream;

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::adaptive::{Adaptive, Admission, Outcome};
use tokio::time::Instant;

pub(crate) use scenario::{Load, Scenario};
pub(crate) use upstream::Kind;
use upstream::{Said, Upstream};

/// Who decides how many streams there may be.
#[derive(Debug)]
pub(crate) enum Control {
    Fixed(usize),
    Adaptive(Box<Adaptive>),
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) came: usize,
    pub(crate) done: usize,
    pub(crate) refusals: usize,
    /// Gave up in the queue; gave up on a first event; failed or refused too often.
    pub(crate) left: usize,
    pub(crate) late: usize,
    pub(crate) failed: usize,
    /// How long each waited for its place.
    pub(crate) waits: Vec<f64>,
    /// When, and the limit then; once a second.
    pub(crate) limits: Vec<(f64, usize)>,
}

impl Outcomes {
    /// Every fifth second's limit.
    pub(crate) fn some_limits(&self) -> Vec<usize> {
        self.limits.iter().step_by(5).map(|(_, limit)| *limit).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Comes,
    /// It is told that it is refused.
    Refused(usize),
    Returns(usize),
    First(usize, u32),
    /// It gives up on its first event.
    Late(usize, u32),
    Fails(usize, u32),
    /// The next stream to end may have got its work done.
    Work(u64),
    Second,
    Gap,
    Changes(Kind),
    Shifts(f64),
    Wakes,
}

#[derive(Debug)]
struct Call {
    came: f64,
    attempt: u32,
    admission: Option<Admission>,
    length: f64,
    /// It is under way, and streams.
    active: bool,
    streams: bool,
}

/// A time in the queue of events, and a number that keeps the order of what happens at once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct At(f64, u64);

impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    pub(crate) control: Control,
    /// Who comes when, and for how long, is the same under every control.
    arrivals: fastrand::Rng,
    random: fastrand::Rng,
    epoch: Instant,
    now: f64,
    queue: BinaryHeap<(Reverse<At>, usize)>,
    events: Vec<Event>,
    calls: Vec<Call>,
    waiting: VecDeque<usize>,
    under_way: usize,
    upstream: Upstream,
    /// By the work at which each stream ends.
    ends: BinaryHeap<Reverse<(At, usize, u32)>>,
    timer: u64,
    first_event: f64,
    woken_for: Option<Instant>,
    out: Outcomes,
}

/// Plays a scenario to its end.
pub(crate) fn run(scenario: &Scenario, control: Control, seed: u64) -> Outcomes {
    let mut world = World {
        scenario,
        control,
        arrivals: fastrand::Rng::with_seed(seed),
        random: fastrand::Rng::with_seed(seed + 1_000),
        epoch: Instant::now(),
        now: 0.0,
        queue: BinaryHeap::new(),
        events: Vec::new(),
        calls: Vec::new(),
        waiting: VecDeque::new(),
        under_way: 0,
        upstream: Upstream::new(scenario.kind),
        ends: BinaryHeap::new(),
        timer: 0,
        first_event: scenario.first_event,
        woken_for: None,
        out: Outcomes::default(),
    };
    for _ in 0..scenario.herd {
        world.at(0.0, Event::Comes);
    }
    world.next_comes();
    world.at(0.5, Event::Second);
    world.at(0.1, Event::Gap);
    for (at, kind) in &scenario.changes {
        world.at(*at, Event::Changes(*kind));
    }
    for (at, first_event) in &scenario.shifts {
        world.at(*at, Event::Shifts(*first_event));
    }
    while let Some((Reverse(At(at, _)), event)) = world.queue.pop() {
        world.now = at;
        let event = world.events[event];
        world.happens(event);
        world.admit();
        if at > scenario.lasts && world.under_way == 0 && world.waiting.is_empty() {
            break;
        }
    }
    world.out
}

impl World<'_> {
    fn at(&mut self, at: f64, event: Event) {
        let number = self.events.len();
        self.events.push(event);
        self.queue.push((Reverse(At(at, number as u64)), number));
    }

    fn instant(&self) -> Instant {
        self.epoch + Duration::from_secs_f64(self.now)
    }

    /// The next caller; at the rate of the moment.
    fn next_comes(&mut self) {
        let scenario = self.scenario;
        let mut at = self.now;
        let most = scenario.most_per_second();
        loop {
            at += -(1.0 - self.arrivals.f64()).ln() / most;
            if at > scenario.lasts {
                return;
            }
            if self.arrivals.f64() * most < scenario.per_second(at) {
                return self.at(at, Event::Comes);
            }
        }
    }

    fn limit(&mut self) -> usize {
        let now = self.instant();
        match &mut self.control {
            Control::Fixed(limit) => *limit,
            Control::Adaptive(adaptive) => adaptive.limit(now),
        }
    }

    fn admit(&mut self) {
        let patience = self.now - self.scenario.patience;
        while let Some(call) = self.waiting.front().copied() {
            if self.calls[call].came < patience {
                self.waiting.pop_front();
                self.out.left += 1;
                continue;
            }
            if self.under_way >= self.limit() {
                break;
            }
            self.waiting.pop_front();
            self.send(call);
        }
        if let Control::Adaptive(adaptive) = &self.control
            && !self.waiting.is_empty()
            && adaptive.rises_at() != self.woken_for
        {
            self.woken_for = adaptive.rises_at();
            if let Some(rises) = self.woken_for {
                let at = rises.saturating_duration_since(self.epoch).as_secs_f64() + 1e-6;
                self.at(at.max(self.now), Event::Wakes);
            }
        }
    }

    fn send(&mut self, number: usize) {
        let now = self.instant();
        self.under_way += 1;
        let call = &mut self.calls[number];
        call.attempt += 1;
        call.active = true;
        let attempt = call.attempt;
        if attempt == 1 {
            self.out.waits.push(self.now - call.came);
        }
        if let Control::Adaptive(adaptive) = &mut self.control {
            call.admission = Some(adaptive.admitted(now, 1));
        }
        if self.random.f64() < self.scenario.strays {
            return self.at(self.now + 0.05, Event::Refused(number));
        }
        self.at(self.now + self.scenario.deadline, Event::Late(number, attempt));
        match self.upstream.call(self.now, number) {
            Said::Refused => self.at(self.now + 0.05, Event::Refused(number)),
            Said::Waits => {}
            Said::Taken(crowd) => self.taken(number, crowd),
        }
        self.work_changes();
    }

    fn taken(&mut self, number: usize, crowd: f64) {
        let attempt = self.calls[number].attempt;
        if self.random.f64() < self.scenario.failures {
            let after = self.random.f64() * 0.5;
            return self.at(self.now + after, Event::Fails(number, attempt));
        }
        let normal: f64 = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
        let first = self.first_event * crowd * (normal * self.scenario.jitter).exp();
        self.at(self.now + first, Event::First(number, attempt));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Comes => {
                let length = self.scenario.length(self.arrivals.f64());
                self.calls.push(Call {
                    came: self.now,
                    attempt: 0,
                    admission: None,
                    length,
                    active: false,
                    streams: false,
                });
                self.out.came += 1;
                self.waiting.push_back(self.calls.len() - 1);
                // A herd does not bring others.
                if self.out.came > self.scenario.herd {
                    self.next_comes();
                }
            }
            Event::Refused(call) => {
                self.out.refusals += 1;
                self.ended(call, Outcome::Refused);
                if self.calls[call].attempt < 3 {
                    let after = 0.5 + self.random.f64() * 0.5;
                    self.at(self.now + after, Event::Returns(call));
                } else {
                    self.out.failed += 1;
                }
            }
            Event::Returns(call) => self.waiting.push_front(call),
            Event::First(call, attempt) if self.is(call, attempt) => {
                let now = self.instant();
                self.calls[call].streams = true;
                if let (Control::Adaptive(adaptive), Some(admission)) =
                    (&mut self.control, &mut self.calls[call].admission)
                {
                    adaptive.first_event(admission, now);
                }
                let work = self.upstream.work(self.now) + self.calls[call].length;
                self.ends.push(Reverse((At(work, call as u64), call, attempt)));
                self.work_changes();
            }
            Event::Late(call, attempt) if self.is(call, attempt) => {
                self.out.late += 1;
                self.gone(call, Outcome::Failure);
            }
            Event::Fails(call, attempt) if self.is(call, attempt) => {
                self.out.failed += 1;
                self.gone(call, Outcome::Failure);
            }
            Event::Work(timer) if timer == self.timer => {
                while let Some(Reverse((At(work, _), call, _))) = self.ends.peek().copied() {
                    if work > self.upstream.work(self.now) + 1e-9 {
                        break;
                    }
                    self.ends.pop();
                    self.out.done += 1;
                    self.gone(call, Outcome::Success);
                }
                self.work_changes();
            }
            Event::Second => {
                let limit = self.limit();
                self.out.limits.push((self.now, limit));
                self.at(self.now + 1.0, Event::Second);
            }
            Event::Gap => self.gap(),
            Event::Changes(kind) => {
                self.upstream.work(self.now);
                self.upstream.kind = kind;
            }
            Event::Shifts(first_event) => self.first_event = first_event,
            _ => {}
        }
    }

    /// One of the streams shows how fast it is.
    fn gap(&mut self) {
        let now = self.instant();
        let took = 0.02 / self.upstream.speed() * (0.5 + self.random.f64());
        if let Control::Adaptive(adaptive) = &mut self.control
            && let Some(Reverse((_, call, _))) = self.ends.peek()
            && let Some(admission) = &self.calls[*call].admission
        {
            adaptive.gap(admission, Duration::from_secs_f64(took), now);
        }
        self.at(self.now + 0.1, Event::Gap);
    }

    fn is(&self, call: usize, attempt: u32) -> bool {
        let call = &self.calls[call];
        call.active && call.attempt == attempt && !call.streams
    }

    fn gone(&mut self, call: usize, outcome: Outcome) {
        self.ended(call, outcome);
        if let Some(next) = self.upstream.gone(self.now, call) {
            self.taken(next, 1.0);
        }
        self.work_changes();
    }

    fn ended(&mut self, call: usize, outcome: Outcome) {
        let now = self.instant();
        self.under_way -= 1;
        self.calls[call].active = false;
        let admission = self.calls[call].admission.take();
        if let (Control::Adaptive(adaptive), Some(admission)) = (&mut self.control, admission) {
            adaptive.ended(admission, outcome, now);
            assert_eq!(adaptive.in_flight(), self.under_way);
            let limit = adaptive.limit(now);
            assert!((1..=self.scenario.max).contains(&limit), "{limit}");
        }
    }

    /// The speed is another one: the next end is at another time.
    fn work_changes(&mut self) {
        self.timer += 1;
        let work = self.upstream.work(self.now);
        if let Some(Reverse((At(end, _), ..))) = self.ends.peek() {
            let after = (end - work).max(0.0) / self.upstream.speed();
            self.at(self.now + after, Event::Work(self.timer));
        }
    }
}
