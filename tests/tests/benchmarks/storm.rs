//! The storm in small, and what it counts on.

use std::time::Duration;

use lastbyte_mock::Capacity;

use crate::storm::bound::bound;
use crate::storm::policy::Policy;
use crate::storm::round::{Outcome, Round, play, too_early};
use crate::storm::scenario::{Arrivals, Look, Scenario, all, quick};

const MS: Duration = Duration::from_millis(1);

fn played(scenario: &Scenario) -> Vec<(Policy, Round)> {
    std::thread::scope(|threads| {
        let playing = Policy::all().into_iter().map(|policy| {
            threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                (policy, runtime.block_on(play(scenario, policy, 1)).unwrap())
            })
        });
        let playing: Vec<_> = playing.collect();
        playing.into_iter().map(|playing| playing.join().unwrap()).collect()
    })
}

#[test]
fn every_caller_of_every_policy_is_accounted_for_and_none_beats_the_bound() {
    let scenario = quick();
    let arrivals = scenario.arrivals.times(1);
    let limit = bound(&scenario, &arrivals);
    for (policy, round) in played(&scenario) {
        let name = policy.name();
        assert_eq!(round.callers.len(), arrivals.len(), "{name}");
        assert_eq!(round.wrong, [""; 0], "{name}");
        assert_eq!(too_early(&round.callers, &limit), 0, "{name}");
        for caller in &round.callers {
            assert!(caller.done.is_some() != caller.why.is_some(), "{name}: {caller:?}");
            assert!(caller.first <= caller.done || caller.done.is_none(), "{name}: {caller:?}");
        }
        let done = round.callers.iter().filter(|caller| caller.done.is_some()).count();
        // The burst is let in whatever the policy is.
        assert!(done >= 10, "{name}: {done}");
        let (asked, callers) = (round.requests, arrivals.len() as u64);
        let most = match policy {
            Policy::NoRetry => 1,
            Policy::AsyncOpenai | Policy::ReqwestRetry => 4,
            _ => 5,
        };
        assert!(asked >= callers && asked <= callers * most, "{name}: {asked} requests");
    }
}

#[test]
fn the_bound_of_a_bucket_is_arithmetic() {
    let c50 = all().into_iter().find(|scenario| scenario.name == "c50").unwrap();
    let together = [Duration::ZERO; 500];
    let done = |scenario: &Scenario| -> Vec<Duration> {
        bound(scenario, &together).iter().filter_map(|caller| caller.done).collect()
    };
    let at = done(&c50);
    assert_eq!(at.len(), 500);
    // The burst, then one every 20 ms.
    assert_eq!((at[0], at[49]), (c50.answer_time(), c50.answer_time()));
    let seconds = (at[499] - c50.answer_time()).as_secs_f64();
    assert!((seconds - 9.0).abs() < 1e-6, "{seconds}");
    // At 25 a second 25 + 25 * 18.95 s are let in in time, and that makes 498.
    let c25 = all().into_iter().find(|scenario| scenario.name == "c25").unwrap();
    assert_eq!(done(&c25).len(), 498);
}

#[test]
fn the_bound_of_slots_goes_in_waves() {
    let mut scenario = quick();
    scenario.capacity = Capacity { slots: 10, ..Capacity::default() };
    let at = bound(&scenario, &[Duration::ZERO; 40]);
    let waves: Vec<u32> =
        at.iter().map(|it| it.done.unwrap().div_duration_f64(100 * MS).round() as u32).collect();
    assert_eq!(waves, [[1; 10], [2; 10], [3; 10], [4; 10]].concat());
}

#[test]
fn who_is_done_before_it_is_possible_is_found() {
    let outcome = |done: u64| Outcome {
        came: Duration::ZERO,
        first: None,
        done: Some(done as u32 * MS),
        over: done as u32 * MS,
        why: None,
    };
    let limit = [100, 200].map(outcome);
    assert_eq!(too_early(&[200, 100].map(outcome), &limit), 0);
    assert_eq!(too_early(&[100, 150].map(outcome), &limit), 1);
    assert_eq!(too_early(&[100, 200, 300].map(outcome), &limit), 1);
}

#[test]
fn arrivals_are_the_same_for_a_seed_and_in_order() {
    for arrivals in all().iter().map(|scenario| scenario.arrivals) {
        let times = arrivals.times(7);
        assert_eq!(times, arrivals.times(7));
        assert!(times.is_sorted());
    }
    let open = Arrivals::Open { per_second: 70.0, during: Duration::from_secs(40) }.times(1);
    assert!((2600..3000).contains(&open.len()), "{}", open.len());
    let steady = Arrivals::Steady { per_second: 50.0, during: Duration::from_secs(60) }.times(1);
    assert_eq!(steady.len(), 3000);
}

#[test]
fn scenarios_have_names_of_their_own_and_ask_what_they_say() {
    let mut names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for scenario in all() {
        let limited = scenario.capacity.per_second > 0.0 || scenario.capacity.slots > 0;
        assert_eq!(scenario.look == Look::Done, limited, "{}", scenario.name);
    }
}
