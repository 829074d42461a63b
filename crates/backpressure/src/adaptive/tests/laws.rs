//! What the limit keeps to.

use std::time::Duration;

use crate::adaptive::{Adaptive, Outcome};
use tokio::time::Instant;

use super::bench::{Bench, MODEL};
use super::sim::{Control, Kind, Load, Outcomes, Scenario, run};

fn play(scenario: &Scenario, seed: u64) -> Outcomes {
    run(scenario, Control::Adaptive(Box::new(Adaptive::new(scenario.max, seed))), seed)
}

/// A hosted API that is well, whatever comes.
fn healthy(streams: f64) -> Scenario {
    Scenario { capacity: streams, ..Scenario::new(Kind::Slots(1_000_000), Load::Steady(1.0)) }
}

fn longest(waits: &[f64]) -> f64 {
    waits.iter().copied().fold(0.0, f64::max)
}

/// Whatever may happen, in any order.
fn mishaps(bench: &mut Bench, random: &mut fastrand::Rng, steps: usize, max: usize) {
    for _ in 0..steps {
        bench.pass([0.0, 0.01, 0.1, 1.0, 20.0][random.usize(..5)]);
        match random.u8(..8) {
            0..=2 => bench.fill(random.usize(1..=100)),
            3 if !bench.calls.is_empty() => {
                let call = random.usize(..bench.calls.len());
                bench.adaptive.first_event(&mut bench.calls[call], bench.now);
            }
            4 if !bench.calls.is_empty() => {
                let (call, gap) = (random.usize(..bench.calls.len()), random.u64(..100_000));
                bench.adaptive.gap(&bench.calls[call], Duration::from_millis(gap), bench.now);
            }
            5 => bench.adaptive.spent(bench.now + Duration::from_secs(random.u64(..1_000_000)), bench.now),
            _ if !bench.calls.is_empty() => {
                let outcomes = [Outcome::Refused, Outcome::Refused, Outcome::Failure, Outcome::Neutral];
                let call = random.usize(..bench.calls.len());
                bench.end(call, outcomes[random.usize(..4)]);
            }
            _ => {}
        }
        assert!((1..=max).contains(&bench.limit()), "{}", bench.limit());
        assert_eq!(bench.adaptive.in_flight(), bench.calls.len());
    }
}

#[test]
fn it_is_never_below_one_nor_above_its_maximum() {
    for seed in 0..50 {
        let max = [0, 1, 3, 50, usize::MAX][seed as usize % 5];
        mishaps(&mut Bench::new(max), &mut fastrand::Rng::with_seed(seed), 1_000, max.max(1));
    }
}

#[test]
fn after_any_history_it_recovers_to_what_is_asked_for() {
    for seed in 0..50 {
        let mut bench = Bench::new(10_000);
        mishaps(&mut bench, &mut fastrand::Rng::with_seed(seed), 1_000, 10_000);
        bench.end_all(Outcome::Neutral);
        // A quota that is said to be spent holds for a minute.
        bench.pass(60.0);
        bench.goes_well(500, 45.0);
        assert!(bench.calls.len() == 500, "{seed}: {}", bench.calls.len());
    }
}

#[test]
fn an_upstream_that_gets_well_is_used_again() {
    let before = [Kind::Slots(1), Kind::Slots(0), Kind::Queue(1), Kind::Thrash(1)];
    for (kind, seed) in before.into_iter().zip(1..) {
        let well = vec![(100.0, Kind::Slots(1_000_000))];
        let scenario = Scenario { kind, changes: well, ..healthy(300.0) };
        let outcome = play(&scenario, seed);
        let at = |second: usize| outcome.limits[second].1;
        assert!(at(99) < 30, "{kind:?}: {}", at(99));
        assert!(at(145) >= 300, "{kind:?}: {:?}", &outcome.limits[95..145]);
    }
}

#[test]
fn five_hundred_cold_callers_of_a_healthy_upstream_do_not_wait() {
    for first_event in [0.3, 20.0] {
        let scenario = Scenario { herd: 500, first_event, deadline: 100.0, ..healthy(50.0) };
        let outcome = play(&scenario, 1);
        assert_eq!((longest(&outcome.waits), outcome.done), (0.0, outcome.came));
    }
}

#[test]
fn a_refusal_in_a_hundred_and_slow_first_events_are_chance() {
    for seed in 1..=5 {
        let (streams, lasts) = if seed <= 3 { (200.0, 300.0) } else { (1_000.0, 60.0) };
        let noisy = healthy(streams).noisy();
        let scenario = Scenario { jitter: 0.8, lasts, ..noisy };
        let outcome = play(&scenario, seed);
        let waited = outcome.waits.iter().filter(|wait| **wait > 0.5).count();
        assert!(
            waited * 20 < outcome.came,
            "{seed}: {waited} of {} waited; {:?}",
            outcome.came,
            outcome.some_limits()
        );
    }
}

#[test]
fn a_model_that_becomes_slower_for_all_is_not_throttled_for_long() {
    for seed in 1..=5 {
        for load in [Load::Steady(1.0), Load::Step] {
            let scenario = Scenario {
                load,
                shifts: vec![(150.0, 3.0)],
                deadline: 30.0,
                lasts: 450.0,
                jitter: 0.4,
                ..healthy(100.0)
            };
            let outcome = play(&scenario, seed);
            let late = outcome.waits.len() - outcome.waits.len() / 4;
            let longest = longest(&outcome.waits[late..]);
            assert!(longest < 1.0, "{load:?}, {seed}: {longest} s; {:?}", outcome.some_limits());
        }
    }
}

#[test]
fn the_first_refusals_say_how_many_fit() {
    let mut bench = Bench::new(10_000);
    bench.fill(500);
    bench.pass(0.05);
    // Eight are taken; the others are refused, in the order in which they were sent.
    while bench.calls.len() > 8 {
        bench.end(8, Outcome::Refused);
    }
    // Those after the first few were admitted before the cut: they have no say.
    assert_eq!(bench.limit(), 8);
}

#[test]
fn two_refusals_are_chance() {
    let mut bench = Bench::new(10_000);
    bench.fill(100);
    (0..2).for_each(|_| bench.end(50, Outcome::Refused));
    assert_eq!(bench.limit(), 10_000);
    bench.end(50, Outcome::Refused);
    assert_eq!(bench.limit(), 50);
}

#[test]
fn calls_that_were_admitted_before_a_cut_have_no_say_in_the_next() {
    let mut bench = Bench::new(10_000);
    bench.goes_well(10, 60.0);
    bench.fill(100);
    (0..3).for_each(|_| bench.end(50, Outcome::Refused));
    assert_eq!(bench.limit(), 50);
    (0..20).for_each(|_| bench.end(20, Outcome::Refused));
    bench.pass(0.5);
    assert_eq!(bench.limit(), 50);
    // Slow ones neither: twenty times the usual.
    bench.pass(10.0);
    bench.first_events();
    assert!(bench.limit() >= 50, "{}", bench.limit());
}

#[test]
fn after_a_cut_two_refusals_are_chance_again() {
    let mut bench = Bench::new(10_000);
    bench.meets(9);
    assert_eq!(bench.limit(), 9);
    for _ in 0..2 {
        bench.end(8, Outcome::Success);
        bench.fill(9);
        bench.end(8, Outcome::Refused);
        bench.fill(9);
        assert_eq!(bench.limit(), 9);
    }
}

#[test]
fn a_large_probe_bears_a_stray() {
    let mut bench = Bench::new(10_000);
    bench.meets(20);
    while bench.limit() < 50 {
        bench.pass(0.5);
        bench.fill(100);
        bench.first_events();
    }
    bench.fill(100);
    let (limit, last) = (bench.limit(), bench.calls.len() - 1);
    bench.end(last, Outcome::Refused);
    assert_eq!(bench.limit(), limit);
}

#[test]
fn processes_do_not_probe_together() {
    let rises = |seed| {
        let mut bench = Bench::new(10_000);
        bench.adaptive = Adaptive::new(10_000, seed);
        bench.meets(8);
        bench.adaptive.rises_at().unwrap() - bench.now
    };
    assert_ne!(rises(1), rises(2));
}

#[test]
fn it_does_not_grow_where_its_places_are_not_needed() {
    let mut bench = Bench::new(10_000);
    bench.meets(20);
    bench.end_all(Outcome::Success);
    // One more is offered. Nobody takes it, so that no more are.
    bench.goes_well(9, 600.0);
    assert_eq!(bench.limit(), 21);
    bench.goes_well(60, 10.0);
    assert!(bench.limit() >= 60, "{}", bench.limit());
}

#[test]
fn a_probe_that_is_refused_is_taken_back_at_once_and_tried_again_later() {
    let mut bench = Bench::new(10_000);
    bench.meets(20);
    bench.first_events();
    let (mut refused, mut last) = (0, bench.now);
    for _ in 0..6_000 {
        bench.pass(0.1);
        bench.fill(100);
        if bench.calls.len() > 20 {
            assert_eq!(bench.calls.len(), 21, "one at a time");
            bench.end(20, Outcome::Refused);
            assert_eq!(bench.limit(), 20);
            assert!(refused > 8 || bench.now - last < Duration::from_secs(20));
            (refused, last) = (refused + 1, bench.now);
        }
    }
    // Ten minutes, one in fifteen seconds.
    assert!((34..=60).contains(&refused), "{refused}");
}

#[test]
fn slower_events_under_more_streams_bring_it_down() {
    let mut bench = Bench::new(10_000);
    // Ten streams, then two hundred; above fifty each of them is slower by the square.
    for callers in [10, 200] {
        for step in 0..10_000 {
            bench.fill(callers);
            bench.pass(0.05);
            bench.first_events();
            let slower = (bench.calls.len() as f64 / 50.0).powi(2).max(1.0);
            bench.adaptive.gap(&bench.calls[0], Duration::from_secs_f64(0.03 * slower), bench.now);
            if step % 5 == 0 {
                bench.end(0, Outcome::Success);
            }
        }
    }
    assert!((35..=150).contains(&bench.limit()), "{}", bench.limit());
}

#[test]
fn slow_and_fast_models_are_told_apart() {
    let mut bench = Bench::new(10_000);
    for step in 0..4_000 {
        // First almost all ask the fast one, then almost all the slow one, and more of them.
        let slow = step % 10 == 0 || step > 2_000;
        for _ in 0..=step / 500 {
            let model = MODEL + u64::from(slow);
            let mut admission = bench.adaptive.admitted(bench.now, model);
            bench.pass(if slow { 20.0 } else { 0.2 });
            bench.adaptive.first_event(&mut admission, bench.now);
            bench.calls.push(admission);
        }
        bench.end_all(Outcome::Success);
    }
    assert_eq!(bench.limit(), 10_000);
}

#[test]
fn callers_who_give_up_waiting_for_a_first_event_are_heard() {
    for outcome in [Outcome::Failure, Outcome::Neutral] {
        let mut bench = Bench::new(10_000);
        bench.goes_well(10, 60.0);
        bench.end_all(Outcome::Success);
        // A hundred come, and nothing comes back.
        bench.fill(100);
        bench.pass(10.0);
        bench.end_all(outcome);
        assert!(bench.limit() <= 70, "{outcome:?}: {}", bench.limit());
    }
    // Those who leave before the usual time say nothing.
    let mut bench = Bench::new(10_000);
    bench.goes_well(10, 60.0);
    bench.fill(100);
    bench.pass(0.3);
    bench.end_all(Outcome::Neutral);
    assert_eq!(bench.limit(), 10_000);
}

#[test]
fn a_spent_quota_lets_no_more_in_until_its_time() {
    let mut bench = Bench::new(10_000);
    bench.fill(30);
    let far = bench.now + Duration::from_secs(86_400);
    bench.adaptive.spent(bench.now + Duration::from_secs(5), bench.now);
    assert_eq!(bench.limit(), 30);
    assert_eq!(bench.adaptive.rises_at(), Some(bench.now + Duration::from_secs(5)));
    bench.pass(5.0);
    assert_eq!(bench.limit(), 10_000);
    // A day is not believed; and one call at least may ask.
    bench.end_all(Outcome::Success);
    bench.adaptive.spent(far, bench.now);
    assert_eq!(bench.limit(), 1);
    bench.pass(60.0);
    assert_eq!(bench.limit(), 10_000);
    // What is over already changes nothing.
    bench.adaptive.spent(bench.now, bench.now);
    assert_eq!((bench.limit(), bench.adaptive.rises_at()), (10_000, None));
}

#[test]
fn it_says_when_time_alone_makes_room() {
    let mut bench = Bench::new(10_000);
    bench.meets(8);
    assert_eq!(bench.limit(), 8);
    let rises: Instant = bench.adaptive.rises_at().unwrap();
    assert!(rises > bench.now && rises < bench.now + Duration::from_secs(2));
    assert_eq!(bench.adaptive.limit(rises), 9);
    assert_eq!(bench.adaptive.rises_at(), None);
}

#[test]
fn the_same_seed_makes_the_same_limit() {
    let scenario = Scenario::new(Kind::Thrash(20), Load::Step).noisy();
    let (one, other) = (play(&scenario, 3), play(&scenario, 3));
    assert_eq!(one.limits, other.limits);
}
