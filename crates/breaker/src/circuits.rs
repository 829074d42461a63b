use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lastbyte_core::{PerKey, Verdict};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::circuit::{Circuit, Refused, Ticket};
use crate::policy::Policy;
use crate::state::{Mode, State, Status};

/// The circuits of one [`BreakerLayer`](crate::BreakerLayer), to look at and to change while it runs.
#[derive(Clone, Debug)]
pub struct Circuits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: PerKey<Keyed>,
    settings: Mutex<Settings>,
    changes: watch::Sender<u64>,
}

/// What new circuits are made with.
#[derive(Debug)]
struct Settings {
    policy: Policy,
    mode: Mode,
    random: fastrand::Rng,
}

/// One circuit, and those who watch it.
#[derive(Debug)]
pub(crate) struct Keyed {
    circuit: Mutex<Circuit>,
    state: watch::Sender<State>,
    /// Told of every change of any of them.
    changes: watch::Sender<u64>,
}

impl Circuits {
    pub(crate) fn new(policy: Policy, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let settings = Mutex::new(Settings { policy, mode: Mode::Auto, random });
        Self(Arc::new(Shared { all: PerKey::default(), settings, changes: watch::Sender::new(0) }))
    }

    /// All there are, with the name of each: by [`UpstreamKey`](lastbyte_core::UpstreamKey), or else by host.
    pub fn status(&self) -> Vec<(Box<str>, Status)> {
        let all = self.0.all.all().into_iter();
        all.map(|(name, keyed)| (name, keyed.with(|circuit, now| circuit.status(now)))).collect()
    }

    /// Changes who decides, for all that there are and will be.
    pub fn set_mode(&self, mode: Mode) {
        self.settings().mode = mode;
        self.each(|circuit, now| circuit.set_mode(mode, now));
    }

    /// Changes who decides for one of them. `false` where there is none of that name: it is made by its
    /// first call.
    pub fn set_mode_of(&self, name: &str, mode: Mode) -> bool {
        let keyed = self.0.all.get(name);
        keyed.map(|keyed| keyed.with(|circuit, now| circuit.set_mode(mode, now))).is_some()
    }

    /// Changes the policy of all that there are and will be. They begin afresh, closed where nobody has
    /// forced them open.
    pub fn set_policy(&self, policy: Policy) {
        self.settings().policy = policy;
        self.each(|circuit, now| circuit.set_policy(policy, now));
    }

    /// Follows the state of one of them, made where there is none. An open circuit becomes half-open with
    /// the first call or look at it behind its time, and is told of then.
    pub fn watch(&self, name: &str) -> watch::Receiver<State> {
        self.of(name).state.subscribe()
    }

    /// Grows with every change of state of any of them: a reason to look at [`Self::status`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    pub(crate) fn of(&self, name: &str) -> Arc<Keyed> {
        let make = || {
            let mut settings = self.settings();
            let seed = settings.random.u64(..);
            let circuit = Circuit::new(settings.policy, settings.mode, Instant::now(), seed);
            Keyed {
                state: watch::Sender::new(circuit.state()),
                circuit: Mutex::new(circuit),
                changes: self.0.changes.clone(),
            }
        };
        self.0.all.of(name, make, |keyed| keyed.lock().is_worth_keeping())
    }

    fn each(&self, change: impl Fn(&mut Circuit, Instant)) {
        for (_, keyed) in self.0.all.all() {
            keyed.with(&change);
        }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyed {
    pub(crate) fn admit(&self, stream: bool) -> Result<Ticket, Refused> {
        self.with(|circuit, now| circuit.admit(now, stream))
    }

    pub(crate) fn streams(&self, ticket: &mut Ticket) {
        self.with(|circuit, now| circuit.streams(ticket, now));
    }

    pub(crate) fn alive(&self, ticket: &mut Ticket) {
        self.with(|circuit, now| circuit.alive(ticket, now));
    }

    pub(crate) fn end(&self, ticket: Ticket, verdict: Verdict) {
        self.with(|circuit, now| circuit.end(ticket, verdict, now));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Circuit, Instant) -> T) -> T {
        let now = Instant::now();
        let mut circuit = self.lock();
        let before = circuit.state();
        let done = act(&mut circuit, now);
        let after = circuit.state();
        if before != after {
            // Under the lock, so that the last one told is the one it is in.
            self.state.send_replace(after);
            drop(circuit);
            self.changes.send_modify(|changes| *changes += 1);
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
