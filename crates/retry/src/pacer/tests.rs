//! What holds whatever happens, over random histories; and the bounds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::queue::{Queue, Waiter};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many callers of a tenant come, with so much patience in milliseconds.
    Comes(u64, u8, u64),
    /// So many milliseconds pass.
    Passes(u64),
    /// The n-th of the open tickets is told something.
    Accepted(usize),
    Refused(usize, Option<u64>),
    /// Refused, and it comes again.
    Again(usize, Option<u64>),
    Limits(usize, u64),
    Ended(usize),
    /// Its caller is gone without a word.
    Lost(usize),
    /// The n-th of those who wait leaves.
    Leaves(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let wait = || proptest::option::of(0..3_000u64);
    prop_oneof![
        3 => (0..4u64, 1..40u8, 0..30_000u64).prop_map(|(tenant, many, ms)| Step::Comes(tenant, many, ms)),
        6 => (0..400u64).prop_map(Step::Passes),
        3 => any::<usize>().prop_map(Step::Accepted),
        2 => (any::<usize>(), wait()).prop_map(|(n, wait)| Step::Refused(n, wait)),
        3 => (any::<usize>(), wait()).prop_map(|(n, wait)| Step::Again(n, wait)),
        1 => (any::<usize>(), 0..5u64).prop_map(|(n, left)| Step::Limits(n, left)),
        3 => any::<usize>().prop_map(Step::Ended),
        1 => any::<usize>().prop_map(Step::Lost),
        1 => any::<usize>().prop_map(Step::Leaves),
    ]
}

/// A history, and what must be true of it.
struct Model {
    pacer: Pacer,
    now: Instant,
    /// The latest time that any refusal has named.
    stopped: Instant,
    open: Vec<Ticket>,
    /// Who waits in each line, in order, and how often each was refused.
    lines: HashMap<u64, Vec<(WaiterId, u32)>>,
    seen: HashSet<WaiterId>,
}

impl Model {
    fn new() -> Self {
        let now = Instant::now();
        let pacer = Pacer::new(now, 1);
        Self { pacer, now, stopped: now, open: Vec::new(), lines: HashMap::new(), seen: HashSet::new() }
    }

    fn waiting(&self) -> Vec<WaiterId> {
        let mut all: Vec<_> = self.lines.values().flatten().map(|(id, _)| *id).collect();
        all.sort_by_key(|id| format!("{id:?}"));
        all
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Comes(tenant, many, ms) => {
                for _ in 0..many {
                    let deadline = self.now + Duration::from_millis(ms);
                    let arrival = self.pacer.arrive(self.now, tenant, deadline);
                    self.arrived(arrival, |line, id| line.push((id, 0)));
                }
            }
            Step::Passes(ms) => self.now += Duration::from_millis(ms),
            Step::Leaves(n) => {
                let all = self.waiting();
                if let Some(id) = all.get(n % all.len().max(1)) {
                    assert!(self.pacer.leave(*id));
                    assert!(!self.pacer.leave(*id));
                    self.gone(*id);
                }
            }
            Step::Again(n, wait) => {
                if let Some(mut ticket) = self.take(n) {
                    self.refuse(&mut ticket, wait);
                    if ticket.is_stray() {
                        return;
                    }
                    let refused = ticket.refused;
                    let arrival = self.pacer.again(self.now, ticket, self.now + SECOND * 20);
                    self.arrived(arrival, |line, id| line.insert(0, (id, refused)));
                }
            }
            Step::Refused(n, wait) => {
                if let Some(mut ticket) = self.take(n) {
                    self.refuse(&mut ticket, wait);
                    // Told again, it counts for nothing.
                    let flying = self.pacer.flight.count();
                    self.pacer.told(self.now, &mut ticket, Told::Ended);
                    assert_eq!(self.pacer.flight.count(), flying);
                }
            }
            Step::Accepted(n) => self.tell(n, Told::Accepted),
            Step::Limits(n, remaining) => {
                let allowance = Allowance { limit: 60, remaining, reset: SECOND * 3 };
                self.tell(n, Told::Limits(Limits { requests: Some(allowance), tokens: Some(allowance) }));
            }
            Step::Ended(n) => {
                self.tell(n, Told::Ended);
                self.take(n);
            }
            Step::Lost(n) => {
                self.take(n);
            }
        }
        self.poll();
    }

    fn take(&mut self, n: usize) -> Option<Ticket> {
        let at = n % self.open.len().max(1);
        (at < self.open.len()).then(|| self.open.swap_remove(at))
    }

    fn tell(&mut self, n: usize, told: Told) {
        let at = n % self.open.len().max(1);
        if let Some(ticket) = self.open.get_mut(at) {
            self.pacer.told(self.now, ticket, told);
        }
    }

    fn refuse(&mut self, ticket: &mut Ticket, wait: Option<u64>) {
        let retry_after = wait.map(Duration::from_millis);
        self.pacer.told(self.now, ticket, Told::Refused { retry_after });
        if !ticket.is_stray() {
            self.stopped = self.stopped.max(self.now + retry_after.unwrap_or_default());
        }
    }

    fn arrived(&mut self, arrival: Arrival, add: impl FnOnce(&mut Vec<(WaiterId, u32)>, WaiterId)) {
        match arrival {
            Arrival::Go(ticket) => {
                assert!(self.waiting().is_empty(), "somebody was overtaken by one who had just come");
                self.launched(ticket);
            }
            Arrival::Wait(id) => {
                assert!(self.seen.insert(id), "a place was given twice");
                add(self.lines.entry(id.tenant()).or_default(), id);
            }
            Arrival::TooLate { .. } => {}
        }
    }

    fn launched(&mut self, ticket: Ticket) {
        assert!(self.now >= self.stopped, "asked {:?} too early", self.stopped - self.now);
        self.open.push(ticket);
    }

    fn gone(&mut self, id: WaiterId) {
        let line = self.lines.get_mut(&id.tenant()).unwrap();
        let at = line.iter().position(|(other, _)| *other == id).expect("it did not wait");
        line.remove(at);
    }

    fn poll(&mut self) {
        let polled = self.pacer.poll(self.now);
        for (id, _) in polled.too_late {
            self.gone(id);
        }
        for (id, ticket) in polled.released {
            let line = &self.lines[&id.tenant()];
            let at = line.iter().position(|(other, _)| *other == id).expect("it did not wait");
            // First come, first served; only who was refused more often may be passed over.
            assert!(at < 8 && line[..at].iter().all(|(_, refused)| *refused > line[at].1), "{line:?}");
            self.gone(id);
            self.launched(ticket);
        }
        let waiting = self.waiting().len();
        assert_eq!(self.pacer.waiting(), waiting);
        assert_eq!(polled.wake.is_some(), waiting > 0);
        assert!(polled.wake.is_none_or(|wake| wake > self.now), "it wants to be called at once");
        assert!(self.pacer.flight.count() >= self.open.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_is_lost_doubled_overtaken_or_let_go_too_early(steps in proptest::collection::vec(step(), 1..200)) {
        let mut model = Model::new();
        for step in steps {
            model.play(step);
        }
        // Left alone, everybody is let go or told.
        for _ in 0..600 {
            model.play(Step::Passes(100));
        }
        prop_assert_eq!(model.pacer.waiting(), 0);
    }

    #[test]
    fn two_tenants_that_wait_are_served_in_turns(
        lines in proptest::collection::vec(1..30usize, 2..6),
        order in any::<u64>(),
    ) {
        let mut queue = Queue::default();
        let mut left: BTreeMap<u64, usize> = (0u64..).zip(lines.iter().copied()).collect();
        let mut comers: Vec<u64> =
            left.iter().flat_map(|(tenant, count)| std::iter::repeat_n(*tenant, *count)).collect();
        fastrand::Rng::with_seed(order).shuffle(&mut comers);
        for tenant in comers {
            queue.push(tenant, Waiter { deadline: Instant::now(), refused: 0 });
        }
        let mut served: BTreeMap<u64, usize> = BTreeMap::new();
        while let Some(next) = queue.pop(false) {
            *served.entry(next.id.tenant()).or_default() += 1;
            *left.get_mut(&next.id.tenant()).unwrap() -= 1;
            // As long as both wait, neither is ahead of the other by more than one.
            let waiting: Vec<usize> = left
                .iter()
                .filter(|(_, left)| **left > 0)
                .map(|(tenant, _)| served.get(tenant).copied().unwrap_or_default())
                .collect();
            let spread = waiting.iter().max().zip(waiting.iter().min()).map_or(0, |(most, least)| most - least);
            prop_assert!(spread <= 1, "{:?}", waiting);
        }
        prop_assert!(left.values().all(|left| *left == 0));
    }
}

/// A pacer that the upstream has stopped for five minutes.
fn stopped() -> (Pacer, Instant) {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, 1);
    let Arrival::Go(mut ticket) = pacer.arrive(now, 0, now) else { panic!("nothing is known yet") };
    pacer.told(now, &mut ticket, Told::Refused { retry_after: Some(SECOND * 300) });
    (pacer, now)
}

#[test]
fn one_tenant_cannot_take_all_places() {
    let (mut pacer, now) = stopped();
    let deadline = now + SECOND * 600;
    let mut fill = |tenant, tries: usize| {
        (0..tries).filter(|_| matches!(pacer.arrive(now, tenant, deadline), Arrival::Wait(_))).count()
    };
    assert_eq!(fill(1, 20_000), 5_000);
    assert_eq!(fill(2, 20_000), 2_500);
    assert_eq!(fill(3, 10), 10);
    let many: usize = (4..20_000).map(|tenant| fill(tenant, 2)).sum();
    assert!(many > 2_000, "{many}");
    assert!(pacer.waiting() <= Pacer::MAX_WAITING);
}

#[test]
fn tenants_that_left_leave_nothing_behind() {
    let (mut pacer, now) = stopped();
    for tenant in 0..100_000 {
        let Arrival::Wait(id) = pacer.arrive(now, tenant, now + SECOND * 600) else {
            panic!("there is room")
        };
        assert!(pacer.leave(id));
    }
    assert_eq!(pacer.waiting(), 0);
    assert!(format!("{:?}", pacer.queue).len() < 200, "{:?}", pacer.queue);
}

#[test]
fn who_would_wait_in_vain_is_told_at_once_with_the_time() {
    let (mut pacer, now) = stopped();
    let Arrival::TooLate { come_back } = pacer.arrive(now, 1, now + SECOND * 60) else { panic!("it fits") };
    assert!((SECOND * 300..SECOND * 331).contains(&come_back), "{come_back:?}");
}

#[test]
fn a_tenant_that_was_refused_has_its_turn_back() {
    let now = Instant::now();
    let waiter = Waiter { deadline: now, refused: 0 };
    let mut queue = Queue::default();
    for tenant in [1, 1, 2, 3] {
        queue.push(tenant, waiter);
    }
    let first = queue.pop(false).unwrap();
    assert_eq!(first.id.tenant(), 1);
    queue.push_front(1, waiter, Some(first.turn));
    let order: Vec<u64> = std::iter::from_fn(|| queue.pop(false)).map(|served| served.id.tenant()).collect();
    assert_eq!(order, [1, 2, 3, 1]);
}

#[test]
fn who_was_refused_least_asks_where_it_is_risky() {
    let now = Instant::now();
    let mut queue = Queue::default();
    let places: Vec<WaiterId> =
        [2, 1, 1, 0].map(|refused| queue.push(1, Waiter { deadline: now, refused })).into();
    assert_eq!(queue.pop(true).map(|served| served.id), Some(places[3]));
    assert_eq!(queue.pop(true).map(|served| served.id), Some(places[1]));
    assert_eq!(queue.pop(false).map(|served| served.id), Some(places[0]));
}

#[test]
fn a_time_beyond_all_reason_stops_everybody_for_ten_minutes() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start, 1);
    let Arrival::Go(mut ticket) = pacer.arrive(start, 1, start) else { panic!("nothing is known yet") };
    pacer.told(start, &mut ticket, Told::Refused { retry_after: Some(Duration::MAX) });
    let Arrival::Wait(_) = pacer.arrive(start, 1, start + SECOND * 3_600) else { panic!("it is patient") };
    assert!(pacer.poll(start + SECOND * 599).released.is_empty());
    assert_eq!(pacer.poll(start + SECOND * 661).released.len(), 1);
}
