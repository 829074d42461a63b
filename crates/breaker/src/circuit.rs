//! The state machine of one upstream: a plain value that is told the time.

use std::time::Duration;

use lastbyte_core::{Verdict, far};
use tokio::time::Instant;

use crate::policy::{FIRST_SHARE, Over, Policy};
use crate::runs::Runs;
use crate::state::{Mode, State, Status};
use crate::undecided::{Since, Undecided};
use crate::window::{CountWindow, Mark, Outcomes, TimeWindow, Window};

mod probes;
#[cfg(test)]
mod tests;
mod ticket;

use probes::Probes;
use ticket::Stage;
pub(crate) use ticket::{Refused, Ticket};

#[derive(Debug)]
pub(crate) struct Circuit {
    policy: Policy,
    mode: Mode,
    phase: Phase,
    /// Grows with each change of state: what was admitted before it tells nothing of now.
    generation: u64,
    /// The generation of the probes that closed it: their endings still count.
    probed: Option<u64>,
    calls: u64,
    outcomes: Window,
    speed: Window,
    undecided: Undecided,
    runs: Option<Runs>,
    /// How often it opened without having been closed for good.
    again: u32,
    random: fastrand::Rng,
    refused: u64,
    opened: u64,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen(Probes),
    Closing { since: Instant, credit: f64 },
}

impl Circuit {
    pub(crate) fn new(policy: Policy, mode: Mode, now: Instant, seed: u64) -> Self {
        let window = || match policy.over {
            Over::Time(length) => Window::Time(TimeWindow::over(now, length)),
            Over::Calls(calls) => Window::Count(CountWindow::new(calls.get().min(Over::MOST) as usize)),
        };
        Self {
            mode,
            phase: Phase::Closed,
            generation: 0,
            probed: None,
            calls: 0,
            outcomes: window(),
            speed: window(),
            undecided: Undecided::until(now, policy.slow_first_event),
            runs: policy.in_a_row.map(|failures| Runs::new(failures.get())),
            again: 0,
            random: fastrand::Rng::with_seed(seed),
            refused: 0,
            opened: 0,
            policy,
        }
    }

    /// Whether a call may go; `stream` where it has to show its first event in time.
    pub(crate) fn admit(&mut self, now: Instant, stream: bool) -> Result<Ticket, Refused> {
        self.catch_up(now);
        let refused = match self.mode {
            Mode::Closed => None,
            Mode::Open => Some(self.policy.open_for),
            Mode::Auto | Mode::Observe => self.refuse(now),
        };
        if let Some(after) = refused {
            self.refused += 1;
            if self.mode != Mode::Observe {
                return Err(Refused { after });
            }
            return Ok(self.ticket(stream, Since::default(), Stage::Unseen));
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            probes.begin(self.calls, now, stream);
            return Ok(self.ticket(stream, Since::default(), Stage::Undecided));
        }
        let since = self.undecided.begin(stream);
        Ok(self.ticket(stream, since, Stage::Undecided))
    }

    /// A call that was not known to be a stream turns out to be one.
    pub(crate) fn streams(&mut self, ticket: &mut Ticket, now: Instant) {
        self.catch_up(now);
        if ticket.stream || ticket.stage != Stage::Undecided {
            return;
        }
        ticket.stream = true;
        if ticket.generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::HalfOpen(probes) => probes.streams(ticket.number),
            _ if self.undecided.end(ticket.since, false) => self.undecided.put(ticket.since),
            _ => self.speed.bad(now),
        }
        self.judge(now);
    }

    /// The first event came.
    pub(crate) fn alive(&mut self, ticket: &mut Ticket, now: Instant) {
        self.catch_up(now);
        if ticket.stage == Stage::Undecided {
            self.success(ticket, now);
        }
    }

    /// It has ended.
    pub(crate) fn end(&mut self, mut ticket: Ticket, verdict: Verdict, now: Instant) {
        self.catch_up(now);
        match (ticket.stage, verdict) {
            (Stage::Unseen, _) | (Stage::Alive(_), Verdict::Success | Verdict::Neutral) => {}
            (Stage::Undecided, Verdict::Success) => self.success(&mut ticket, now),
            (Stage::Undecided, Verdict::Neutral) => self.nothing(&ticket, now),
            (Stage::Undecided | Stage::Alive(_), Verdict::Failure) => self.failure(&ticket, now),
        }
    }

    /// The time passes: calls grow old, what was open long enough lets probes through.
    pub(crate) fn catch_up(&mut self, now: Instant) {
        let slow = self.undecided.advance(now);
        for _ in 0..slow {
            self.speed.bad(now);
        }
        if let Phase::HalfOpen(probes) = &mut self.phase
            && probes.are_slow(now, self.policy.slow_first_event)
        {
            self.open(now);
        }
        match &self.phase {
            Phase::Open { until } if now >= *until => {
                self.turn(Phase::HalfOpen(Probes::default()), now);
            }
            Phase::Closing { since, .. } if now >= far(*since, self.policy.ramp()) => {
                // No new generation: what is under way counts on.
                self.phase = Phase::Closed;
                self.again = 0;
            }
            _ => {}
        }
        if slow > 0 {
            self.judge(now);
        }
    }

    pub(crate) fn state(&self) -> State {
        match (self.mode, &self.phase) {
            (Mode::Open, _) | (_, Phase::Open { .. }) => State::Open,
            (_, Phase::Closed) => State::Closed,
            (_, Phase::HalfOpen(_)) => State::HalfOpen,
            (_, Phase::Closing { .. }) => State::Closing,
        }
    }

    pub(crate) fn status(&mut self, now: Instant) -> Status {
        self.catch_up(now);
        let Outcomes { good, bad } = self.outcomes.outcomes(now);
        let open_for = match self.phase {
            Phase::Open { until } => Some(until.saturating_duration_since(now)),
            _ => None,
        };
        Status {
            state: self.state(),
            mode: self.mode,
            successes: good,
            failures: bad,
            undecided: self.undecided.count(),
            slow: self.speed.outcomes(now).bad,
            open_for,
            refused: self.refused,
            opened: self.opened,
        }
    }

    /// Another mode; it begins afresh, closed, unless it only begins or ends to observe.
    pub(crate) fn set_mode(&mut self, mode: Mode, now: Instant) {
        let judges = |mode| matches!(mode, Mode::Auto | Mode::Observe);
        if judges(mode) != judges(self.mode) {
            self.again = 0;
            self.turn(Phase::Closed, now);
        }
        self.mode = mode;
    }

    /// Another policy; it begins afresh, closed.
    pub(crate) fn set_policy(&mut self, policy: Policy, now: Instant) {
        let (generation, calls) = (self.generation + 1, self.calls);
        let (refused, opened) = (self.refused, self.opened);
        let seed = self.random.u64(..);
        *self = Self { generation, calls, refused, opened, ..Self::new(policy, self.mode, now, seed) };
    }

    /// How long a call has to stay away, where it may not go now.
    fn refuse(&mut self, now: Instant) -> Option<Duration> {
        let ramp = self.policy.ramp();
        let after = match &mut self.phase {
            Phase::Closed => return None,
            Phase::Open { until } => until.saturating_duration_since(now),
            Phase::HalfOpen(probes) if probes.under_way() < self.policy.probes as usize => return None,
            // The probes will have told by then, or it is open again.
            Phase::HalfOpen(_) => self.policy.slow_first_event.min(self.policy.open_for),
            Phase::Closing { since, credit } => {
                let gone = now.saturating_duration_since(*since).as_secs_f64() / ramp.as_secs_f64();
                *credit += FIRST_SHARE + (1.0 - FIRST_SHARE) * gone;
                if *credit >= 1.0 {
                    *credit -= 1.0;
                    return None;
                }
                far(*since, ramp).saturating_duration_since(now)
            }
        };
        // Those who are refused together do not come back together.
        Some(after + after.mul_f64(self.random.f64() / 5.0))
    }

    fn ticket(&mut self, stream: bool, since: Since, stage: Stage) -> Ticket {
        let number = self.calls;
        self.calls += 1;
        let run = match &mut self.runs {
            Some(runs) if stage == Stage::Undecided => runs.begin(),
            _ => 0,
        };
        let probe = matches!(self.phase, Phase::HalfOpen(_));
        Ticket { generation: self.generation, number, run, since, stream, probe, stage }
    }

    /// Whether what becomes of a call says something of now.
    fn counts(&self, ticket: &Ticket) -> bool {
        ticket.generation == self.generation || ticket.probe && self.probed == Some(ticket.generation)
    }

    fn success(&mut self, ticket: &mut Ticket, now: Instant) {
        if !self.counts(ticket) {
            ticket.stage = Stage::Unseen;
            return;
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            probes.alive(ticket.number);
            if probes.alive >= self.policy.probes {
                self.probed = Some(self.generation);
                let closing = Phase::Closing { since: now, credit: 1.0 - FIRST_SHARE };
                self.turn(closing, now);
            }
            ticket.stage = Stage::Alive(Mark::default());
            return;
        }
        self.decided(ticket, now);
        ticket.stage = Stage::Alive(self.outcomes.good(now));
        if let Some(runs) = self.runs.as_mut().filter(|_| ticket.generation == self.generation) {
            runs.good(ticket.run);
        }
        self.judge(now);
    }

    fn nothing(&mut self, ticket: &Ticket, now: Instant) {
        if ticket.generation != self.generation {
            return;
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            // Its place is free again: it is neither a success nor a failure.
            probes.leave(ticket.number);
            return;
        }
        self.undecided.end(ticket.since, ticket.stream);
        let row = self.runs.as_mut().is_some_and(|runs| runs.neutral(ticket.run));
        self.judge_row(row, now);
    }

    fn failure(&mut self, ticket: &Ticket, now: Instant) {
        if !self.counts(ticket) {
            return;
        }
        if let Phase::HalfOpen(_) = self.phase {
            self.open(now);
            return;
        }
        match ticket.stage {
            Stage::Alive(mark) if ticket.generation == self.generation => self.outcomes.correct(mark, now),
            Stage::Alive(_) => self.outcomes.bad(now),
            _ => {
                if ticket.generation == self.generation {
                    self.undecided.end(ticket.since, ticket.stream);
                }
                self.outcomes.bad(now);
            }
        }
        let row = match &mut self.runs {
            Some(runs) if ticket.generation == self.generation => runs.bad(ticket.run),
            _ => false,
        };
        self.judge_row(row, now);
    }

    fn judge_row(&mut self, row: bool, now: Instant) {
        if row && self.judges() {
            self.open(now);
        } else {
            self.judge(now);
        }
    }

    /// A call is alive: is that in time?
    fn decided(&mut self, ticket: &Ticket, now: Instant) {
        if ticket.generation == self.generation
            && self.undecided.end(ticket.since, ticket.stream)
            && ticket.stream
        {
            self.speed.good(now);
        }
    }

    fn judges(&self) -> bool {
        matches!(self.mode, Mode::Auto | Mode::Observe)
            && matches!(self.phase, Phase::Closed | Phase::Closing { .. })
    }

    /// Opens where too much of what is known is bad.
    fn judge(&mut self, now: Instant) {
        if !self.judges() {
            return;
        }
        let (outcomes, speed) = (self.outcomes.outcomes(now), self.speed.outcomes(now));
        // Failures end in milliseconds and successes in tens of seconds: without the undecided, five
        // failures in a hundred calls would be all that is known for a while.
        let all = outcomes.all() + self.undecided.count();
        let enough = self.policy.enough();
        let failing = all >= enough && self.policy.failure_rate.is_reached(outcomes.bad, all);
        // Slowness is known at a fixed age: with the undecided in it, a stall under steady arrivals would
        // never open anything.
        let all = speed.all();
        let slow = all >= enough && self.policy.slow_rate.is_reached(speed.bad, all);
        if failing && outcomes.bad > 0 || slow && speed.bad > 0 {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        let Policy { open_for, max_open_for, .. } = self.policy;
        let length = open_for.saturating_mul(1 << self.again.min(16)).min(max_open_for);
        let length = length + length.mul_f64(self.random.f64() / 5.0);
        self.again += 1;
        self.opened += 1;
        self.turn(Phase::Open { until: far(now, length) }, now);
    }

    fn turn(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.generation += 1;
        if !matches!(self.phase, Phase::Closing { .. }) {
            self.probed = None;
        }
        self.undecided.advance(now);
        self.undecided.clear();
        self.outcomes.clear();
        self.speed.clear();
        if let Some(runs) = &mut self.runs {
            runs.clear();
        }
    }

    /// Whether there is anything to forget with it.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.mode != Mode::Auto || !matches!(self.phase, Phase::Closed)
    }
}
