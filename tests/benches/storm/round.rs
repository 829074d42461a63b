//! One policy in one scenario, over real sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::policy::Policy;
use super::scenario::Scenario;
use crate::support::Done;
use crate::support::answer::expected;
use crate::support::mock::MockThread;

/// What became of one caller; times are since the start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) came: Duration,
    /// When the first content was there.
    pub(crate) first: Option<Duration>,
    /// When the last byte was there, of the right text.
    pub(crate) done: Option<Duration>,
    /// When the caller knew, one way or the other.
    pub(crate) over: Duration,
    /// Why there was no answer.
    pub(crate) why: Option<String>,
}

/// What one round came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) callers: Vec<Outcome>,
    /// What the upstream saw, refusals included.
    pub(crate) requests: u64,
    /// Answers that looked whole and had another text: there must be none.
    pub(crate) wrong: Vec<String>,
}

/// Plays it. The callers share the runtime this runs on; the API has its own.
pub(crate) async fn play(scenario: &Scenario, policy: Policy, seed: u64) -> Done<Round> {
    let mock = MockThread::start(seed, scenario.faults())?;
    let clients: Vec<_> = (0..scenario.clients)
        .map(|number| policy.client(&mock, seed.wrapping_mul(1000) + number as u64, scenario.deadline))
        .collect::<Done<_>>()?;
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for (number, came) in scenario.arrivals.times(seed).into_iter().enumerate() {
        let client = Arc::clone(&clients[number % clients.len()]);
        let deadline = start + came + scenario.deadline;
        asking.spawn(async move {
            sleep_until(start + came).await;
            let question = format!("caller {number} of round {seed}");
            let asked = timeout_at(deadline, client.ask(&question)).await;
            let over = start.elapsed();
            let mut outcome = Outcome { came, first: None, done: None, over, why: None };
            let mut wrong = None;
            match asked {
                Err(_) => outcome.why = Some("the caller's deadline".into()),
                Ok(Err(why)) => outcome.why = Some(why),
                Ok(Ok(reply)) => {
                    outcome.first = reply.first.map(|at| at.duration_since(start));
                    if reply.text == expected(seed, &question) {
                        outcome.done = Some(over);
                    } else {
                        wrong = Some(format!("{question}: {}", reply.text));
                    }
                }
            }
            (outcome, wrong)
        });
    }
    let mut round = Round::default();
    while let Some(ended) = asking.join_next().await {
        let (outcome, wrong) = ended?;
        round.callers.push(outcome);
        round.wrong.extend(wrong);
    }
    round.requests = mock.stats().requests;
    Ok(round)
}

/// Callers that had their answer before any policy could have given it to them: there must be none. Both
/// lists are of the same arrivals; the number says how many came too early, of the worst moment.
pub(crate) fn too_early(callers: &[Outcome], bound: &[Outcome]) -> usize {
    let done = |callers: &[Outcome]| {
        let mut times: Vec<Duration> = callers.iter().filter_map(|caller| caller.done).collect();
        times.sort();
        times
    };
    let (callers, bound) = (done(callers), done(bound));
    // Both clocks are read in whole milliseconds.
    let early = |rank: usize, at: Duration| match bound.get(rank) {
        Some(soonest) => at + Duration::from_millis(1) < *soonest,
        None => true,
    };
    callers.iter().enumerate().filter(|(rank, at)| early(*rank, **at)).count()
}
