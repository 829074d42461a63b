//! The storm: callers, a chat API with a capacity, and the policies between them.
//!
//! Real sockets on the loopback address; the API (the mock) on a thread and a runtime of its own, all callers
//! of a round on another. Each answer is compared with the text that the API must have given. Each round has
//! its own seed, for the arrivals and for every jitter that takes one; all policies get the same arrivals.

use crate::support::Done;
use bound::bound;
use policy::Policy;
use report::Row;
use round::{Round, play, too_early};
use scenario::{Look, Scenario};

pub(crate) mod bound;
mod peers;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod round;
pub(crate) mod scenario;

/// Plays every policy in a scenario, `rounds` times. The bound is the last row, where there is one.
pub(crate) fn played(scenario: &Scenario, rounds: u64) -> Done<Vec<Row>> {
    let policies = Policy::all();
    let mut rows: Vec<Row> =
        policies.iter().enumerate().map(|(colour, policy)| Row::new(policy.name(), colour + 1)).collect();
    let mut best = Row { is_bound: true, ..Row::new("bound", 0) };
    let rounds = match scenario.look {
        Look::FirstEvent => {
            // The first that comes would pay for what is paid once in a process.
            runtime()?.block_on(play(scenario, Policy::NoRetry, 0))?;
            // Seconds each, and milliseconds to be told apart.
            rounds * 5
        }
        Look::Done | Look::Requests => rounds,
    };
    for seed in 1..=rounds {
        let arrivals = scenario.arrivals.times(seed);
        let limit = bound(scenario, &arrivals);
        // Each round begins with another policy, so that none always has the quietest moment.
        for number in 0..policies.len() {
            let number = (number + seed as usize - 1) % policies.len();
            let (policy, row) = (policies[number], &mut rows[number]);
            eprint!("{} {seed}/{rounds} {}: ", scenario.name, policy.name());
            let round = runtime()?.block_on(play(scenario, policy, seed))?;
            eprintln!("{}", said(&round));
            if let Some(wrong) = round.wrong.first() {
                return Err(format!("{}: an answer with another text: {wrong}", policy.name()).into());
            }
            let early = too_early(&round.callers, &limit);
            if early > 0 {
                return Err(format!("{}: {early} answers came before they could", policy.name()).into());
            }
            row.rounds.push(round);
        }
        let requests = arrivals.len() as u64;
        best.rounds.push(Round { callers: limit, requests, wrong: Vec::new() });
    }
    if scenario.look != Look::Requests {
        rows.push(best);
    }
    Ok(rows)
}

/// All callers of a round share one thread, as the API has one.
fn runtime() -> Done<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// One line of progress.
fn said(round: &Round) -> String {
    let done = round.callers.iter().filter(|caller| caller.done.is_some()).count();
    let last = round.callers.iter().map(|caller| caller.over).max().unwrap_or_default();
    let mut why: Vec<&str> = round.callers.iter().filter_map(|caller| caller.why.as_deref()).collect();
    why.sort_unstable();
    why.dedup();
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
    format!("{done} of {} in {:.1} s{why}", round.callers.len(), last.as_secs_f64())
}
