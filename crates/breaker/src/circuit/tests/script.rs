use super::*;

/// What happens to a call, in the order of time.
pub(super) struct Script {
    pub(super) circuit: Circuit,
    /// When, what, and to which call: `None` for one that comes.
    pub(super) due: Vec<(Duration, usize, Event)>,
    pub(super) open: Vec<Option<Ticket>>,
    pub(super) start: Instant,
    pub(super) opened: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    Come(Fate),
    Alive,
    End(Verdict),
}

/// What becomes of a call behind its admission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    pub(super) alive: Option<Duration>,
    pub(super) end: Option<(Duration, Verdict)>,
}

impl Script {
    pub(super) fn new(policy: Policy) -> Self {
        let (circuit, start) = circuit(policy);
        Self { circuit, due: Vec::new(), open: Vec::new(), start, opened: None }
    }

    pub(super) fn call(&mut self, at: Duration, fate: Fate) {
        self.due.push((at, usize::MAX, Event::Come(fate)));
    }

    /// Plays until `end`; every millisecond in which something happens is a look at the state, too.
    pub(super) fn run(&mut self, end: Duration) {
        self.due.sort_by_key(|(at, ..)| *at);
        let mut due: std::collections::BTreeMap<(Duration, u64), (usize, Event)> = self
            .due
            .drain(..)
            .enumerate()
            .map(|(order, (at, call, event))| ((at, order as u64), (call, event)))
            .collect();
        let mut order = due.len() as u64;
        while let Some(((at, _), (call, event))) = due.pop_first() {
            if at > end {
                break;
            }
            let now = self.start + at;
            match event {
                Event::Come(fate) => {
                    if let Ok(ticket) = self.circuit.admit(now, true) {
                        let call = self.open.len();
                        self.open.push(Some(ticket));
                        let mut later = |by: Duration, event| {
                            due.insert((at + by, order), (call, event));
                            order += 1;
                        };
                        if let Some(by) = fate.alive {
                            later(by, Event::Alive);
                        }
                        if let Some((by, verdict)) = fate.end {
                            later(by, Event::End(verdict));
                        }
                    }
                }
                Event::Alive => {
                    if let Some(ticket) = &mut self.open[call] {
                        self.circuit.alive(ticket, now);
                    }
                }
                Event::End(verdict) => {
                    if let Some(ticket) = self.open[call].take() {
                        self.circuit.end(ticket, verdict, now);
                    }
                }
            }
            if self.circuit.state() == State::Open {
                self.opened.get_or_insert(at);
            }
        }
    }
}

pub(super) const GOOD: Fate = Fate { alive: Some(S), end: Some((Duration::from_secs(20), Verdict::Success)) };
pub(super) const STALLED: Fate = Fate { alive: None, end: Some((Duration::from_secs(60), Verdict::Failure)) };

pub(super) fn failing(after: Duration) -> Fate {
    Fate { alive: None, end: Some((after, Verdict::Failure)) }
}
