use super::*;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A second in which `streams` are held, each with its first event after `first`.
fn second(adaptive: &mut Adaptive, now: &mut Instant, streams: usize, first: Duration) {
    let streams = streams.min(adaptive.limit());
    let tickets: Vec<_> = (1..=streams).map(|held| adaptive.admitted(held, *now)).collect();
    for ticket in tickets {
        adaptive.alive(&ticket, *now + first);
    }
    *now += S.max(first);
    // The next look is the end of the round.
    let ticket = adaptive.admitted(streams, *now);
    adaptive.alive(&ticket, *now + first);
}

fn refuse_all(adaptive: &mut Adaptive, now: Instant, streams: usize) {
    let tickets: Vec<_> = (1..=streams).map(|held| adaptive.admitted(held, now)).collect();
    for (gone, ticket) in tickets.iter().enumerate() {
        adaptive.refused(ticket, streams - gone - 1, now);
    }
}

#[test]
fn it_is_never_less_than_one_and_comes_back_from_there() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    // A minute in which everything is refused.
    for _ in 0..60 {
        let limit = adaptive.limit();
        refuse_all(&mut adaptive, now, limit.min(50));
        now += S;
        assert!(adaptive.limit() >= 1);
    }
    assert_eq!(adaptive.limit(), 1);
    let mut seconds = 0;
    while adaptive.limit() < 100 {
        second(&mut adaptive, &mut now, 100, MS * 300);
        seconds += 1;
        // Of the few that it lets through it needs seven for each look.
        assert!(seconds < 90, "{}", adaptive.limit());
    }
}

#[test]
fn a_herd_that_is_refused_leaves_what_was_taken() {
    let now = Instant::now();
    let mut adaptive = Adaptive::new(10_000, now);
    let tickets: Vec<_> = (1..=500).map(|held| adaptive.admitted(held, now)).collect();
    for (gone, ticket) in tickets[60..].iter().enumerate() {
        adaptive.refused(ticket, 500 - gone - 1, now + MS * 20);
    }
    assert_eq!(adaptive.limit(), 60);
}

#[test]
fn a_stray_refusal_changes_nothing() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    for _ in 0..100 {
        second(&mut adaptive, &mut now, 30, MS * 300);
        let ticket = adaptive.admitted(5, now);
        adaptive.refused(&ticket, 4, now);
    }
    assert_eq!(adaptive.limit(), 1000);
}

#[test]
fn it_does_not_grow_on_what_was_not_asked_for() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    refuse_all(&mut adaptive, now, 100);
    let tickets: Vec<_> = (1..=40).map(|held| adaptive.admitted(held, now)).collect();
    drop(tickets);
    adaptive.limit = 40.0;
    for _ in 0..100 {
        second(&mut adaptive, &mut now, 15, MS * 300);
    }
    assert_eq!(adaptive.limit(), 40);
    for _ in 0..30 {
        second(&mut adaptive, &mut now, 1000, MS * 300);
    }
    assert!(adaptive.limit() > 40);
}

#[test]
fn a_slow_round_by_chance_cuts_nothing_and_a_second_one_does() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    (0..10).for_each(|_| second(&mut adaptive, &mut now, 30, MS * 300));
    second(&mut adaptive, &mut now, 30, MS * 900);
    assert_eq!(adaptive.limit(), 1000);
    second(&mut adaptive, &mut now, 30, MS * 900);
    second(&mut adaptive, &mut now, 30, MS * 900);
    assert!(adaptive.limit() <= 28, "{}", adaptive.limit());
}

#[test]
fn a_model_that_became_slower_for_everybody_is_not_taken_for_an_overload_for_ever() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    (0..10).for_each(|_| second(&mut adaptive, &mut now, 50, MS * 300));
    let mut least = 1000;
    for _ in 0..60 {
        second(&mut adaptive, &mut now, 50, MS * 2000);
        least = least.min(adaptive.limit());
    }
    assert!(least < 50, "it had to find out");
    assert_eq!(adaptive.limit(), 1000);
}

#[test]
fn callers_that_leave_before_a_first_event_tell_that_it_is_late() {
    let mut now = Instant::now();
    let mut adaptive = Adaptive::new(1000, now);
    (0..10).for_each(|_| second(&mut adaptive, &mut now, 50, MS * 300));
    let tickets: Vec<_> = (1..=50).map(|held| adaptive.admitted(held, now)).collect();
    // Who leaves at once says nothing.
    tickets[..25].iter().for_each(|ticket| adaptive.gone(ticket, now + MS * 100));
    assert_eq!(adaptive.limit(), 1000);
    tickets[25..].iter().for_each(|ticket| adaptive.gone(ticket, now + S * 5));
    assert!(adaptive.limit() <= 50 / 2, "{}", adaptive.limit());
}
