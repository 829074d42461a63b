use std::time::Duration;

use tokio::time::advance;

use super::*;

fn local() -> Local {
    Local::new(Allowance::new().with_requests_per_minute(60).with_tokens_per_minute(6_000))
}

fn cost(tokens: u64) -> Cost {
    Cost { requests: 1, tokens }
}

fn taken(local: &Local, key: &Key, tokens: u64) -> Result<(u32, u32), Denied> {
    let Taking::Now(taken) = local.take(key, cost(tokens)) else { panic!("it has to ask nobody") };
    taken.map(|standing| left(&standing))
}

/// Requests and tokens.
fn left(standing: &Standing) -> (u32, u32) {
    (standing.requests.unwrap().remaining, standing.tokens.unwrap().remaining)
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_both_or_nothing() {
    let (local, key) = (local(), Key::named("a"));
    assert_eq!(taken(&local, &key, 6_000), Ok((59, 0)));
    let denied = taken(&local, &key, 10).unwrap_err();
    let Denied::Exhausted { by, wait, standing } = denied else { panic!("{denied:?}") };
    assert_eq!((by, wait, left(&standing)), (Limited::Tokens, Duration::from_millis(100), (59, 0)));

    local.settle(&key, cost(6_000), cost(0));
    (0..59).for_each(|_| assert!(taken(&local, &key, 0).is_ok()));
    let denied = taken(&local, &key, 10).unwrap_err();
    let Denied::Exhausted { by, wait, standing } = denied else { panic!("{denied:?}") };
    assert_eq!((by, wait, left(&standing)), (Limited::Requests, Duration::from_secs(1), (0, 6_000)));
}

#[tokio::test(start_paused = true)]
async fn who_has_to_wait_for_both_is_told_the_longer() {
    let (local, key) = (local(), Key::named("a"));
    (0..60).for_each(|_| assert!(taken(&local, &key, 100).is_ok()));
    let by = |tokens| match taken(&local, &key, tokens) {
        Err(Denied::Exhausted { by, wait, .. }) => (by, wait.as_millis()),
        other => panic!("{other:?}"),
    };
    assert_eq!(by(50), (Limited::Requests, 1_000));
    assert_eq!(by(200), (Limited::Tokens, 2_000));
    advance(Duration::from_secs(2)).await;
    assert_eq!(taken(&local, &key, 200), Ok((1, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_call_above_the_burst_is_told_so_and_takes_nothing() {
    let (local, key) = (local(), Key::named("a"));
    let denied = taken(&local, &key, 6_001).unwrap_err();
    let Denied::TooLarge { tokens, burst, standing } = denied else { panic!("{denied:?}") };
    assert_eq!((tokens, burst, left(&standing)), (6_001, 6_000, (60, 6_000)));
}

#[tokio::test(start_paused = true)]
async fn keys_have_nothing_to_do_with_one_another() {
    let local = local();
    let [one, other, tenant] = [Key::named("1"), Key::named("2"), Key::from(lastbyte_core::Tenant(1))];
    taken(&local, &one, 6_000).unwrap();
    assert_eq!(taken(&local, &other, 1_000), Ok((59, 5_000)));
    assert_eq!(taken(&local, &tenant, 2_000), Ok((59, 4_000)));
    assert_eq!((left(&local.standing(&one)), local.keys()), ((59, 0), 3));
    assert_eq!(
        (left(&local.standing(&Key::named("3"))), local.keys()),
        ((60, 6_000), 3),
        "looking adds none"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_bounded_and_those_that_used_least_go_first() {
    let local = local().with_max_keys(80);
    let busy: Vec<_> = (0..40).map(|number| Key::named(format!("busy {number}"))).collect();
    let spent = |key: &Key, tokens| {
        taken(&local, key, tokens).unwrap();
        local.settle(key, cost(tokens), cost(tokens));
    };
    busy.iter().for_each(|key| spent(key, 3_000));
    for number in 0..10_000 {
        spent(&Key::named(format!("once {number}")), 1);
        assert!(local.keys() <= 80);
    }
    for key in &busy {
        assert_eq!(left(&local.standing(key)), (59, 3_000), "{key:?}");
    }
    // What comes back to one that was forgotten gives it no more than all.
    let gone = Key::named("forgotten");
    local.settle(&gone, cost(5), cost(1));
    assert_eq!(left(&local.standing(&gone)), (60, 6_000));
}

#[tokio::test(start_paused = true)]
async fn keys_with_calls_under_way_are_kept() {
    let local = local().with_max_keys(16);
    let open: Vec<_> = (0..100).map(|number| Key::named(format!("open {number}"))).collect();
    for key in &open {
        taken(&local, key, 1).unwrap();
    }
    assert_eq!(local.keys(), 100);
    // They are settled where they were taken, and can be forgotten then.
    for key in &open {
        local.settle(key, cost(1), Cost::default());
        assert_eq!(left(&local.standing(key)), (60, 6_000));
    }
    (0..20).for_each(|number| drop(local.account(&Key::named(format!("new {number}")))));
    assert!(local.keys() <= 16, "{}", local.keys());
}

#[test]
fn nothing_is_lost_or_made_where_threads_race() {
    // So slow that nothing comes back while this runs.
    let allowance = Allowance::new().with_requests_per_minute(1).with_tokens_per_minute(1);
    let local = Local::new(allowance.with_burst(Duration::from_secs(3_600)));
    let key = Key::named("a");
    let granted: u64 = std::thread::scope(|scope| {
        let threads = (0..4).map(|thread| {
            let (local, key) = (&local, &key);
            scope.spawn(move || {
                let mut kept = 0;
                for round in 0..5_000 {
                    if let Taking::Now(Ok(_)) = local.take(key, cost(5)) {
                        // A few of them cost one token and one request, and the others nothing.
                        let keeps = round % 1_000 == thread;
                        kept += u64::from(keeps);
                        let used = if keeps { cost(1) } else { Cost::default() };
                        local.settle(key, cost(5), used);
                    }
                }
                kept
            })
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let (requests, tokens) = left(&local.standing(&key));
    assert_eq!((u64::from(requests), u64::from(tokens)), (60 - granted, 60 - granted));
    assert!(granted > 0);
}
