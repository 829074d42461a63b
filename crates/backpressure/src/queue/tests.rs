use proptest::prelude::*;

use super::*;

const S: Duration = Duration::from_secs(1);

fn live(tenant: u64) -> Caller {
    Caller { tenant: Tenant(tenant), class: Class::Live }
}

fn deferred(tenant: u64) -> Caller {
    Caller { tenant: Tenant(tenant), class: Class::Deferred }
}

fn queue(max: usize) -> (Queue, Instant) {
    (Queue::new(max, S * 5), Instant::now())
}

/// Which of these are let in next, until nobody waits.
fn order(queue: &mut Queue, ids: &[Id], now: Instant) -> Vec<usize> {
    let mut order = Vec::new();
    while queue.grant(now).is_some() {
        let granted = |id: &Id| matches!(queue.stand(*id), Some(Stand::Granted));
        let next = ids.iter().position(granted).unwrap();
        queue.remove(ids[next]);
        order.push(next);
    }
    order
}

fn push(queue: &mut Queue, caller: Caller, now: Instant) -> Id {
    queue.push(caller, now).unwrap().0
}

#[test]
fn the_oldest_goes_first_and_tenants_take_turns() {
    let (mut queue, now) = queue(10);
    let ids: Vec<_> =
        [1, 1, 1, 2, 3, 3].into_iter().map(|tenant| push(&mut queue, live(tenant), now)).collect();
    assert_eq!(order(&mut queue, &ids, now), [0, 3, 4, 1, 5, 2]);
}

#[test]
fn live_callers_go_before_deferred_ones() {
    let (mut queue, now) = queue(10);
    let callers = [deferred(1), live(1), deferred(2), live(2)];
    let ids: Vec<_> = callers.into_iter().map(|caller| push(&mut queue, caller, now)).collect();
    assert_eq!(order(&mut queue, &ids, now), [1, 3, 0, 2]);
}

#[test]
fn where_the_oldest_have_waited_long_for_long_the_newest_goes_first() {
    let (mut queue, now) = queue(10);
    let mut ids = vec![push(&mut queue, live(1), now)];
    for second in 1..4 {
        ids.push(push(&mut queue, live(1), now + S * second));
        queue.grant(now + S * second).unwrap();
    }
    ids.push(push(&mut queue, live(1), now + S * 6));
    ids.push(push(&mut queue, live(1), now + S * 6));
    let ahead = |caller| queue.ahead(caller, now + S * 6);
    assert_eq!(ahead(live(1)), 0, "its tenant's newest");
    assert_eq!(ahead(live(2)), 1, "the other tenant has its turn");
    assert_eq!(ahead(deferred(2)), 3, "all that somebody waits for");
    queue.grant(now + S * 6).unwrap();
    assert!(matches!(queue.stand(ids[5]), Some(Stand::Granted)));
    // Another tenant's line has nothing to do with that.
    let others: Vec<_> = (0..2).map(|_| push(&mut queue, live(2), now + S * 6)).collect();
    queue.grant(now + S * 6).unwrap();
    queue.grant(now + S * 6).unwrap();
    assert!(matches!(queue.stand(others[0]), Some(Stand::Granted)));
    // It empties, and is a queue again.
    while queue.grant(now + S * 6).is_some() {}
    let next: Vec<_> = (0..2).map(|_| push(&mut queue, live(1), now + S * 7)).collect();
    assert_eq!(order(&mut queue, &next, now + S * 7), [0, 1]);
}

#[test]
fn a_queue_that_never_empties_and_moves_is_no_overload() {
    let (mut queue, start) = queue(1_000);
    let mut now = start;
    let mut ids: VecDeque<_> = (0..100).map(|_| push(&mut queue, live(1), now)).collect();
    // A hundred callers that come back at once: each waits for a tenth of a second, for a minute.
    for _ in 0..60_000 {
        now += S / 1_000;
        queue.grant(now).unwrap();
        let oldest = ids.pop_front().unwrap();
        assert!(matches!(queue.remove(oldest), Some(Stand::Granted)), "the oldest is next");
        ids.push_back(push(&mut queue, live(1), now));
    }
    // Once they wait for more than a second, it is one after five more.
    let mut newest_first = 0;
    for _ in 0..10 {
        now += S;
        queue.grant(now).unwrap();
        newest_first += u32::from(matches!(queue.stand(ids[ids.len() - 1]), Some(Stand::Granted)));
        ids.push_back(push(&mut queue, live(1), now));
    }
    assert_eq!(newest_first, 5);
}

#[test]
fn a_full_queue_makes_room_for_a_tenant_that_has_little_in_it() {
    let (mut queue, now) = queue(4);
    let ids: Vec<_> = (0..4).map(|_| push(&mut queue, live(1), now)).collect();
    assert_eq!(queue.push(live(1), now).map(|_| ()), Err(Full), "it is full of its own");
    push(&mut queue, live(2), now);
    assert!(matches!(queue.stand(ids[3]), Some(Stand::Displaced)));
    push(&mut queue, live(2), now);
    assert!(matches!(queue.stand(ids[2]), Some(Stand::Displaced)));
    assert!(queue.push(live(2), now).is_err() && queue.push(live(1), now).is_err());
    assert_eq!(queue.waiting(), 4);
}

#[test]
fn live_callers_displace_deferred_ones_and_never_the_other_way_round() {
    let (mut queue, now) = queue(2);
    let first = push(&mut queue, deferred(1), now);
    let second = push(&mut queue, live(1), now);
    push(&mut queue, live(1), now);
    assert!(matches!(queue.stand(first), Some(Stand::Displaced)));
    assert!(queue.push(deferred(2), now).is_err());
    assert!(matches!(queue.stand(second), Some(Stand::Waiting(_))));
}

#[test]
fn how_many_are_ahead_is_what_the_turns_make_of_it() {
    for (before, newcomer) in [
        (vec![live(1), live(1), live(2)], live(2)),
        (vec![live(1), live(1), live(2)], live(3)),
        (vec![live(1), live(1), live(1)], live(1)),
        (vec![deferred(1), live(1), deferred(2)], deferred(2)),
    ] {
        let (mut queue, now) = queue(10);
        for caller in before {
            push(&mut queue, caller, now);
        }
        let ahead = queue.ahead(newcomer, now);
        let id = push(&mut queue, newcomer, now);
        let mut gone = 0;
        while !matches!(queue.stand(id), Some(Stand::Granted)) {
            queue.grant(now).unwrap();
            gone += 1;
        }
        assert_eq!(gone - 1, ahead);
    }
}

proptest! {
    #[test]
    fn nobody_is_lost_and_nobody_stays(
        steps in prop::collection::vec((0u8..4, 0u64..4, any::<bool>(), any::<u16>()), 1..300)
    ) {
        let (mut queue, start) = queue(20);
        let mut ids: Vec<Id> = Vec::new();
        let mut now = start;
        for (what, tenant, is_live, pick) in steps {
            now += S / 3;
            match what {
                0 | 1 => {
                    let caller = if is_live { live(tenant) } else { deferred(tenant) };
                    ids.extend(queue.push(caller, now).ok().map(|(id, _)| id));
                }
                2 => { queue.grant(now); }
                _ if !ids.is_empty() => {
                    let id = ids.swap_remove(usize::from(pick) % ids.len());
                    prop_assert!(queue.remove(id).is_some());
                    prop_assert!(queue.remove(id).is_none());
                }
                _ => {}
            }
            let waiting = ids.iter().filter(|id| matches!(queue.stand(**id), Some(Stand::Waiting(_)))).count();
            prop_assert_eq!(queue.waiting(), waiting);
            prop_assert!(waiting <= 20);
        }
        while queue.grant(now).is_some() {}
        let lines = queue.lines.iter().map(|class| class.lines.len() + class.turns.len()).sum::<usize>();
        prop_assert_eq!((queue.waiting(), lines), (0, 0));
        for id in ids {
            prop_assert!(!matches!(queue.remove(id), None | Some(Stand::Waiting(_))));
        }
        prop_assert!(queue.slots.len() <= 300 && queue.free.len() == queue.slots.len());
    }
}
