//! Callers that come one by one.

use crate::sim::{Limit, Outcome, Scenario, quantile, run};

fn bucket(per_second: f64, burst: f64) -> Limit {
    Limit::Bucket { per_second, burst }
}

fn most(held: impl Iterator<Item = f64>) -> f64 {
    held.fold(0.0, f64::max)
}

#[test]
fn a_cold_herd_is_not_slowed_where_there_is_no_limit() {
    for head in [0.05, 1.0] {
        for seed in 1..=20 {
            let scenario = Scenario { head, ..Scenario::herd(500, Limit::None) };
            let paced = run(&scenario, seed).first_event(0.95);
            let direct = run(&Scenario { direct: true, ..scenario }, seed).first_event(0.95);
            assert!(paced - direct <= 0.3, "{head}: {paced} against {direct}");
        }
    }
}

#[test]
fn nobody_is_held_where_there_is_no_limit() {
    for per_second in [0.5, 5.0, 50.0, 500.0, 2_000.0] {
        let outcome = run(&Scenario::open(10.0, Limit::None, 1, |_| per_second), 1);
        assert_eq!(most(outcome.held(2.0, 10.0)), 0.0, "{per_second} a second");
    }
}

#[test]
fn growth_is_not_held_either() {
    // Ten a second, and twice as many each second.
    let outcome = run(&Scenario::open(8.0, Limit::None, 1, |at| 10.0 * at.exp2()), 1);
    assert!(outcome.callers.len() > 3_000);
    assert_eq!(most(outcome.held(0.0, 8.0)), 0.0);
}

#[test]
fn a_refusal_out_of_the_blue_costs_little() {
    for per_second in [20.0, 200.0, 1_000.0] {
        for seed in 1..=5 {
            let open = Scenario::open(15.0, Limit::None, seed, |_| per_second);
            let outcome = run(&Scenario { stray: Some(5.0), ..open }, seed);
            assert_eq!(outcome.refused(), 1);
            let slow = most(outcome.held(5.0, 15.0));
            assert!(slow < 0.7, "{per_second} a second: held for {slow} s");
            // Two seconds later all is as it was.
            let later = quantile(0.99, outcome.held(7.0, 15.0));
            assert!(later < 0.1, "{per_second} a second: still held for {later} s");
        }
    }
}

#[test]
fn in_an_overload_who_fits_is_served_and_the_others_are_told_at_once() {
    for seed in 1..=5 {
        // 1.4 times what fits, for 40 s: the queue grows to 16 s, and everybody is patient for 20.
        let short = run(&Scenario::open(40.0, bucket(50.0, 50.0), seed, |_| 70.0), seed);
        assert!(short.done() > 0.97 && short.per_caller() < 1.10, "{} {}", short.done(), short.per_caller());
        // For 90 s: one in seven cannot be served.
        let long = run(&Scenario::open(90.0, bucket(50.0, 50.0), seed, |_| 70.0), seed);
        let capacity = 50.0 * (1.0 + 90.0 + 20.0) / long.callers.len() as f64;
        assert!(long.done() > 0.95 * capacity && long.per_caller() < 1.0, "{} of {capacity}", long.done());
        let told: Vec<(f64, f64)> =
            long.callers.iter().filter_map(|it| it.too_late.map(|(at, back)| (at - it.came, back))).collect();
        let at_once: Vec<f64> =
            told.iter().filter(|(after, _)| *after == 0.0).map(|(_, back)| *back).collect();
        // The others had been sent, and came again.
        assert!(at_once.len() as f64 > 0.6 * told.len() as f64, "{} of {}", at_once.len(), told.len());
        // The queue is as long as they are patient, and that is what they are told.
        assert!(at_once.iter().all(|back| (15.0..30.0).contains(back)), "{at_once:?}");
    }
}

#[test]
fn a_limit_that_changes_is_followed_within_seconds() {
    let mut refused = 0.0;
    for seed in 1..=5 {
        let open = Scenario::open(60.0, bucket(50.0, 50.0), seed, |_| 120.0);
        let changes = vec![(20.0, bucket(10.0, 10.0)), (40.0, bucket(100.0, 100.0))];
        let outcome = run(&Scenario { changes, ..open }, seed);
        let taken = |from, to| outcome.taken(from, to);
        assert!(taken(10.0, 20.0) > 47.0, "{}", taken(10.0, 20.0));
        assert!(taken(22.0, 40.0) > 9.0, "{}", taken(22.0, 40.0));
        assert!(taken(45.0, 50.0) > 80.0, "{}", taken(45.0, 50.0));
        assert!(taken(50.0, 60.0) > 95.0, "{}", taken(50.0, 60.0));
        refused += outcome.refused() as f64 / outcome.requests.len() as f64 / 5.0;
    }
    // Of those that come alone the first one in eight is not heard.
    assert!(refused < 0.08, "{refused}");
}

#[test]
fn limits_of_a_minute_are_kept() {
    for seed in 1..=5 {
        // By the clock: 60 at once, and the others when the next minute begins.
        let patient = Scenario { patience: 130.0, ..Scenario::herd(100, Limit::Minute { requests: 60 }) };
        let outcome = run(&patient, seed);
        assert_eq!(outcome.done(), 1.0);
        assert!(outcome.per_caller() < 1.3 && outcome.last() < 95.0, "{}", outcome.last());
        // Evenly, with a time named or without: the last of 100 cannot be done before 41 s.
        for (retry_after, done, per_caller) in
            [(None, 0.85, 2.3), (Some(1.0), 0.97, 1.6), (Some(20.0), 0.97, 1.6)]
        {
            let patient = Scenario { patience: 130.0, retry_after, ..Scenario::herd(100, bucket(1.0, 60.0)) };
            let outcome = run(&patient, seed);
            let reached = (outcome.done(), outcome.last(), outcome.per_caller());
            // Without a time it looks like a limit of streams at first: all of them end together here.
            assert!(
                reached.0 > done && reached.1 < 60.0 && reached.2 < per_caller,
                "{retry_after:?}: {reached:?}"
            );
        }
    }
}

#[test]
fn a_few_long_streams_follow_the_endings() {
    for seed in 1..=5 {
        let slots =
            Scenario { patience: 400.0, stream: 20.0, ..Scenario::herd(50, Limit::Slots { slots: 8 }) };
        let outcome = run(&slots, seed);
        // Seven rounds of twenty seconds.
        let reached = (outcome.done(), outcome.last(), outcome.per_caller());
        assert!(reached.0 == 1.0 && reached.1 < 155.0 && reached.2 < 2.0, "{reached:?}");
    }
}

#[test]
fn a_short_queue_in_front_of_a_known_limit_is_not_lost() {
    let outcome = run(&Scenario::open(120.0, bucket(10.0, 10.0), 1, |_| 9.0), 1);
    let delays: Vec<f64> = outcome.held(0.0, 120.0).collect();
    assert_eq!(outcome.done(), 1.0);
    assert!(quantile(0.95, delays.into_iter()) < 3.0);
    assert!(refused_share(&outcome) < 0.05, "{}", refused_share(&outcome));
}

#[test]
fn refusals_at_random_do_not_slow_those_that_are_taken() {
    for retry_after in [None, Some(1.0)] {
        for seed in 1..=10 {
            let herd = Scenario { strays: 0.05, retry_after, ..Scenario::herd(500, Limit::None) };
            let outcome = run(&herd, seed);
            assert_eq!(outcome.done(), 1.0, "{seed}");
            let open = Scenario::open(60.0, Limit::None, seed, |_| 50.0);
            let outcome = run(&Scenario { strays: 0.05, retry_after, ..open }, seed);
            let held = quantile(0.9, outcome.held(10.0, 60.0));
            assert!(outcome.done() > 0.999 && held < 1.0, "{seed}: {} held for {held} s", outcome.done());
        }
    }
}

fn refused_share(outcome: &Outcome) -> f64 {
    outcome.refused() as f64 / outcome.requests.len() as f64
}
