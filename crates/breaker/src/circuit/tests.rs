use super::*;

mod script;

use script::*;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const SEED: u64 = 7;

fn circuit(policy: Policy) -> (Circuit, Instant) {
    let now = Instant::now();
    (Circuit::new(policy, Mode::Auto, now, SEED), now)
}

/// Lets `count` streams through that come and fail at once.
fn fail(circuit: &mut Circuit, now: Instant, count: usize) {
    for _ in 0..count {
        if let Ok(ticket) = circuit.admit(now, true) {
            circuit.end(ticket, Verdict::Failure, now);
        }
    }
}

/// One that is open, and the moment from which it is half-open.
fn half_open(policy: Policy) -> (Circuit, Instant) {
    let (mut circuit, now) = circuit(policy);
    fail(&mut circuit, now, 20);
    assert_eq!(circuit.state(), State::Open);
    (circuit, now + S * 6)
}

#[test]
fn a_cold_start_of_500_with_a_few_quick_errors_keeps_it_closed() {
    let mut script = Script::new(Policy::new());
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut quick = 0;
    for _ in 0..500 {
        let bad = random.f64() < 0.05;
        quick += u32::from(bad);
        script.call(MS * random.u32(0..100), if bad { failing(MS * 2) } else { GOOD });
    }
    script.run(S * 60);
    assert_eq!(script.opened, None);
    // Over endings alone all that is known in the first second are failures, and enough of them.
    assert!(quick >= Policy::new().min_calls, "{quick}");
}

#[test]
fn a_stall_opens_it_within_twice_the_time_of_slowness() {
    let mut steady = Script::new(Policy::new());
    (0..40 * 50).for_each(|call| steady.call(MS * 20 * call, if call < 500 { GOOD } else { STALLED }));
    steady.run(S * 40);
    let opened = steady.opened.expect("it opens") - S * 10;
    assert!(opened <= S * 20, "{opened:?}");

    let mut herd = Script::new(Policy::new());
    (0..500).for_each(|_| herd.call(Duration::ZERO, STALLED));
    herd.run(S * 19);
    // Nothing has happened since they came: a look at it is enough.
    assert_eq!(herd.circuit.status(herd.start + S * 20).state, State::Open);
}

#[test]
fn at_30_percent_of_errors_it_stays_closed_and_at_60_it_opens() {
    for (share, opens) in [(0.3, false), (0.6, true)] {
        for seed in 0..20 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut script = Script::new(Policy::new());
            (0..120 * 20).for_each(|call| {
                let bad = random.f64() < share;
                script.call(MS * 50 * call, if bad { failing(MS * 50) } else { GOOD });
            });
            script.run(S * 120);
            assert_eq!(script.opened.is_some(), opens, "{share} {seed} {:?}", script.opened);
        }
    }
}

#[test]
fn an_hour_of_random_errors_and_bursts_of_jitter_never_opens_it() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut script = Script::new(Policy::new());
        for call in 0..3600 * 5 {
            let at = MS * (200 * call + random.u32(0..200));
            // A burst a minute: for five seconds most first events take up to nine, some beyond slowness.
            let burst = at.as_secs() % 60 < 5;
            let first = match random.f64() {
                late if burst && late < 0.5 => MS * random.u32(1000..14_000),
                _ => MS * random.u32(200..2000),
            };
            script.call(
                at,
                match random.f64() {
                    bad if bad < 0.005 => failing(MS * random.u32(1..100)),
                    bad if bad < 0.01 => {
                        Fate { alive: Some(first), end: Some((first + S, Verdict::Failure)) }
                    }
                    _ => Fate {
                        alive: Some(first),
                        end: Some((first + S * random.u32(1..120), Verdict::Success)),
                    },
                },
            );
        }
        script.run(S * 3600);
        assert_eq!(script.opened, None, "seed {seed}");
    }
}

#[test]
fn a_burst_below_the_least_number_of_calls_opens_nothing() {
    let (mut circuit, now) = circuit(Policy::new());
    fail(&mut circuit, now, 19);
    assert_eq!(circuit.state(), State::Closed);
    // Out of the window; then one short of enough again.
    fail(&mut circuit, now + S * 11, 19);
    assert_eq!(circuit.state(), State::Closed);
    fail(&mut circuit, now + S * 11, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn what_says_nothing_of_the_upstream_never_opens_it() {
    let (mut circuit, now) = circuit(Policy::new());
    for _ in 0..1000 {
        let ticket = circuit.admit(now, true).unwrap();
        circuit.end(ticket, Verdict::Neutral, now);
    }
    let status = circuit.status(now);
    assert_eq!((status.state, status.failures, status.successes, status.undecided), (State::Closed, 0, 0, 0));
}

#[test]
fn an_ending_takes_back_the_success_of_the_first_event() {
    let (mut circuit, now) = circuit(Policy::new());
    let mut tickets: Vec<_> = (0..40).map(|_| circuit.admit(now, true).unwrap()).collect();
    tickets.iter_mut().for_each(|ticket| circuit.alive(ticket, now + S));
    assert_eq!(circuit.status(now + S).successes, 40);
    for ticket in tickets.drain(..20) {
        circuit.end(ticket, Verdict::Failure, now + S * 2);
    }
    assert_eq!(circuit.state(), State::Open, "half of them broke");
}

#[test]
fn a_call_that_is_no_stream_is_never_slow() {
    let (mut circuit, now) = circuit(Policy::new());
    let tickets: Vec<_> = (0..100).map(|_| circuit.admit(now, false).unwrap()).collect();
    let status = circuit.status(now + S * 30);
    assert_eq!((status.state, status.slow, status.undecided), (State::Closed, 0, 0));
    for ticket in tickets {
        circuit.end(ticket, Verdict::Success, now + S * 40);
    }
    assert_eq!(circuit.status(now + S * 40).successes, 100);
}

#[test]
fn a_call_that_turns_out_a_stream_is_slow_from_then_on() {
    let (mut circuit, now) = circuit(Policy::new());
    let mut tickets: Vec<_> = (0..30).map(|_| circuit.admit(now, false).unwrap()).collect();
    for ticket in &mut tickets[..15] {
        circuit.streams(ticket, now + S);
    }
    assert_eq!(circuit.status(now + S * 11).slow, 15);
    for ticket in &mut tickets[15..] {
        circuit.streams(ticket, now + S * 11);
    }
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_window_of_calls_opens_at_its_own_size() {
    let over = Over::Calls(10.try_into().unwrap());
    let (mut circuit, now) = circuit(Policy::new().with_window(over));
    fail(&mut circuit, now, 9);
    assert_eq!(circuit.state(), State::Closed);
    fail(&mut circuit, now + S * 3600, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn failures_in_a_row_open_it_only_where_that_is_asked_for() {
    let (mut plain, now) = circuit(Policy::new());
    let (mut strict, _) = circuit(Policy::new().with_failures_in_a_row(5.try_into().ok()));
    for circuit in [&mut plain, &mut strict] {
        let undecided = circuit.admit(now, true).unwrap();
        fail(circuit, now, 4);
        assert_eq!(circuit.state(), State::Closed);
        circuit.end(undecided, Verdict::Failure, now);
    }
    assert_eq!((plain.state(), strict.state()), (State::Closed, State::Open));
}

#[test]
fn it_lets_a_bounded_number_of_probes_through_and_closes_when_they_are_alive() {
    let (mut circuit, now) = half_open(Policy::new());
    let mut probes: Vec<_> = (0..3).map(|_| circuit.admit(now, true).unwrap()).collect();
    assert_eq!(circuit.state(), State::HalfOpen);
    assert!(circuit.admit(now, true).is_err());
    circuit.alive(&mut probes[0], now + S);
    circuit.alive(&mut probes[1], now + S);
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.alive(&mut probes[2], now + S);
    assert_eq!(circuit.state(), State::Closing);
    circuit.catch_up(now + S * 6);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn an_abandoned_probe_gives_its_place_back_and_says_nothing() {
    let (mut circuit, now) = half_open(Policy::new().with_probes(1));
    for _ in 0..10 {
        let probe = circuit.admit(now, true).unwrap();
        assert!(circuit.admit(now, true).is_err());
        circuit.end(probe, Verdict::Neutral, now);
    }
    assert_eq!(circuit.state(), State::HalfOpen);
}

#[test]
fn a_probe_that_fails_or_shows_nothing_in_time_opens_it_for_longer() {
    let (mut circuit, now) = half_open(Policy::new());
    let probe = circuit.admit(now, true).unwrap();
    circuit.end(probe, Verdict::Failure, now);
    let second = circuit.status(now).open_for.unwrap();
    assert!(second >= S * 10 && second <= S * 12, "{second:?}");

    let now = now + second;
    let _silent = circuit.admit(now, true).unwrap();
    assert_eq!(circuit.state(), State::HalfOpen);
    let status = circuit.status(now + S * 10);
    assert_eq!(status.state, State::Open);
    assert!(status.open_for.unwrap() >= S * 20);
}

#[test]
fn a_probe_that_is_no_stream_does_not_hold_its_place_for_long() {
    let (mut circuit, now) = half_open(Policy::new().with_probes(1));
    let long = circuit.admit(now, false).unwrap();
    assert!(circuit.admit(now + S * 9, false).is_err());
    let other = circuit.admit(now + S * 10, false);
    assert!(other.is_ok());
    circuit.end(long, Verdict::Success, now + S * 11);
    assert_eq!(circuit.state(), State::Closing);
}

#[test]
fn a_probes_ending_counts_when_it_has_closed() {
    let policy = Policy::new().with_min_calls(3);
    let (mut circuit, now) = half_open(policy);
    let mut probes: Vec<_> = (0..3).map(|_| circuit.admit(now, true).unwrap()).collect();
    probes.iter_mut().for_each(|probe| circuit.alive(probe, now));
    assert_eq!(circuit.state(), State::Closing);
    for probe in probes {
        circuit.end(probe, Verdict::Failure, now + S);
    }
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn what_was_admitted_before_a_change_says_nothing_behind_it() {
    let (mut circuit, now) = circuit(Policy::new().with_probes(1));
    let mut old: Vec<_> = (0..40).map(|_| circuit.admit(now, true).unwrap()).collect();
    fail(&mut circuit, now, 40);
    assert_eq!(circuit.state(), State::Open);
    let now = now + S * 6;
    let _probe = circuit.admit(now, true).unwrap();
    let mut alive = old.pop().unwrap();
    circuit.alive(&mut alive, now);
    circuit.end(alive, Verdict::Success, now);
    assert_eq!(circuit.state(), State::HalfOpen, "a slow success of before is no probe");
    for ticket in old {
        circuit.end(ticket, Verdict::Failure, now);
    }
    assert_eq!(circuit.state(), State::HalfOpen);
}

#[test]
fn it_lets_a_growing_share_through_when_it_closes() {
    let (mut circuit, now) = half_open(Policy::new().with_probes(1));
    let mut probe = circuit.admit(now, true).unwrap();
    circuit.alive(&mut probe, now);
    let through = |circuit: &mut Circuit, at: Instant| {
        let tickets: Vec<_> = (0..100).filter_map(|_| circuit.admit(at, true).ok()).collect();
        let count = tickets.len();
        tickets.into_iter().for_each(|mut ticket| circuit.alive(&mut ticket, at));
        count
    };
    let shares: Vec<_> = (0..6).map(|second| through(&mut circuit, now + S * second)).collect();
    assert!(shares.is_sorted(), "{shares:?}");
    assert!(shares[0] <= 12 && (40..60).contains(&shares[2]), "{shares:?}");
    assert_eq!(shares[5], 100);
}

#[test]
fn the_time_it_is_open_grows_to_its_most_and_begins_anew_when_it_has_closed() {
    let (mut circuit, mut now) = circuit(Policy::new().with_probes(1));
    fail(&mut circuit, now, 20);
    let mut lengths = Vec::new();
    for _ in 0..6 {
        let length = circuit.status(now).open_for.unwrap();
        lengths.push(length);
        now += length;
        fail(&mut circuit, now, 1);
    }
    for (length, least) in lengths.iter().zip([5, 10, 20, 40, 60, 60]) {
        assert!(*length >= S * least && *length <= (S * least).mul_f64(1.2), "{lengths:?}");
    }
    now += circuit.status(now).open_for.unwrap();
    let mut probe = circuit.admit(now, true).unwrap();
    circuit.alive(&mut probe, now);
    now += S * 5;
    circuit.catch_up(now);
    assert_eq!(circuit.state(), State::Closed);
    fail(&mut circuit, now, 20);
    assert!(circuit.status(now).open_for.unwrap() <= S * 6);
}

#[test]
fn a_refusal_says_when_to_come_back_and_spreads_those_who_do() {
    let (mut circuit, now) = circuit(Policy::new());
    fail(&mut circuit, now, 20);
    let left = circuit.status(now + S).open_for.unwrap();
    let told: Vec<_> = (0..50).map(|_| circuit.admit(now + S, true).unwrap_err().after).collect();
    assert!(told.iter().all(|after| *after >= left && *after <= left.mul_f64(1.2)));
    assert!(told.windows(2).any(|pair| pair[0] != pair[1]));
    assert_eq!(circuit.status(now + S).refused, 50);
}

#[test]
fn forced_and_observing_circuits_do_as_they_are_told() {
    let (mut circuit, now) = circuit(Policy::new());
    circuit.set_mode(Mode::Closed, now);
    fail(&mut circuit, now, 100);
    assert_eq!(circuit.status(now).state, State::Closed);

    circuit.set_mode(Mode::Open, now);
    assert_eq!(circuit.admit(now, true).map(|_| ()), Err(Refused { after: S * 5 }));
    assert_eq!(circuit.status(now + S * 3600).state, State::Open, "it does not end by itself");

    circuit.set_mode(Mode::Observe, now);
    assert_eq!(circuit.status(now).state, State::Closed);
    fail(&mut circuit, now, 100);
    let status = circuit.status(now);
    assert_eq!((status.state, status.refused), (State::Open, 1 + 80), "it counts what it would refuse");
    circuit.set_mode(Mode::Auto, now);
    assert!(circuit.admit(now, true).is_err(), "what it observed holds");
}

#[test]
fn another_policy_holds_from_its_first_call() {
    let (mut circuit, now) = circuit(Policy::new());
    let old = circuit.admit(now, true).unwrap();
    fail(&mut circuit, now, 10);
    circuit.set_policy(Policy::new().with_min_calls(5), now);
    circuit.end(old, Verdict::Failure, now);
    assert_eq!(circuit.status(now).failures, 0);
    fail(&mut circuit, now, 5);
    assert_eq!(circuit.state(), State::Open);
}
