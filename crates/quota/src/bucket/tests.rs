use proptest::prelude::*;
use tokio::time::advance;

use super::*;

fn bucket(per_minute: u32, burst: u64) -> (Bucket, Cell) {
    (Bucket::new(NonZeroU32::new(per_minute).unwrap(), Duration::from_secs(burst)), Cell::default())
}

fn wait(millis: u64) -> Result<(), Wait> {
    Err(Wait(Duration::from_millis(millis)))
}

#[tokio::test(start_paused = true)]
async fn an_allowance_is_used_at_once_and_comes_back_evenly() {
    let (bucket, cell) = bucket(60, 10);
    assert_eq!(bucket.burst(), 10);
    assert_eq!(bucket.take(&cell, 10), Ok(()));
    assert_eq!(bucket.take(&cell, 1), wait(1_000));
    assert_eq!(bucket.take(&cell, 4), wait(4_000));
    advance(Duration::from_millis(3_999)).await;
    assert_eq!(bucket.take(&cell, 4), wait(1), "the time that it says is the time that it takes");
    advance(Duration::from_millis(1)).await;
    assert_eq!(bucket.take(&cell, 4), Ok(()));
    let meter = Meter { limit: 60, remaining: 0, reset: Duration::from_secs(10) };
    assert_eq!(bucket.meter(&cell), meter);
}

#[tokio::test(start_paused = true)]
async fn settling_moves_both_ways() {
    let (bucket, cell) = bucket(600, 60);
    bucket.take(&cell, 500).unwrap();
    bucket.settle(&cell, 500, 200);
    assert_eq!(bucket.meter(&cell).remaining, 400);
    bucket.settle(&cell, 0, 150);
    assert_eq!(bucket.meter(&cell).remaining, 250);
    bucket.settle(&cell, 200, 200);
    assert_eq!(bucket.meter(&cell).remaining, 250);
}

#[tokio::test(start_paused = true)]
async fn what_came_back_by_itself_is_not_given_back_again() {
    let (bucket, cell) = bucket(600, 60);
    bucket.take(&cell, 600).unwrap();
    advance(Duration::from_secs(60)).await;
    bucket.settle(&cell, 600, 0);
    assert_eq!(bucket.meter(&cell).remaining, 600);
    bucket.take(&cell, 600).unwrap();
    assert_eq!(bucket.take(&cell, 1), wait(100));
}

#[tokio::test(start_paused = true)]
async fn a_debt_delays_what_comes_next_and_is_bounded() {
    let (bucket, cell) = bucket(600, 60);
    bucket.take(&cell, 1).unwrap();
    bucket.settle(&cell, 1, 1_201);
    assert_eq!(bucket.meter(&cell).remaining, 0);
    assert_eq!(bucket.take(&cell, 1), wait(60_200), "all 1201 but the 600 that may be used at once, and one");
    bucket.settle(&cell, 0, u64::MAX);
    assert_eq!(bucket.take(&cell, 600), Err(Wait(MAX_DEBT)));
    advance(MAX_DEBT).await;
    assert_eq!(bucket.take(&cell, 600), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_debt_at_its_bound_is_not_lowered_by_more() {
    // The burst of an hour is more than the bound.
    let (bucket, cell) = bucket(60, 3_600);
    bucket.take(&cell, 3_600).unwrap();
    bucket.settle(&cell, 0, 1);
    assert_eq!(bucket.meter(&cell).reset, Duration::from_secs(3_600));
}

#[test]
fn one_may_always_pass_and_no_limit_is_too_large() {
    for (per_minute, burst, cells) in [
        (1, 0, 1),
        (1, 60, 1),
        (7, 60, 7),
        (u32::MAX, 60, u32::MAX),
        (u32::MAX, 3_600, u32::MAX),
        (600, 1, 10),
    ] {
        let (bucket, cell) = bucket(per_minute, burst);
        assert_eq!(bucket.burst(), cells, "{per_minute} {burst}");
        assert_eq!(bucket.take(&cell, 1), Ok(()));
        assert_eq!(bucket.take(&cell, 0), Ok(()));
        bucket.settle(&cell, u64::MAX, u64::MAX - 1);
        let _ = bucket.take(&cell, u64::MAX);
    }
}

/// A step of a key's life.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Call { reserve: u64, cost: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = (0_u64..20_000).prop_map(Step::Wait);
    let call = (0_u64..150, 0_u64..150).prop_map(|(reserve, cost)| Step::Call { reserve, cost });
    proptest::collection::vec(prop_oneof![wait, call], 1..60)
}

proptest! {
    /// What is used never exceeds the burst, and what comes back since: against a plain count.
    #[test]
    fn it_is_a_bucket_that_fills_evenly(steps in steps()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (bucket, cell) = bucket(600, 10);
            // In milliseconds: one takes 100 to come back, and there are 100.
            let (full, mut left) = (10_000_i64, 10_000_i64);
            for step in steps {
                match step {
                    Step::Wait(millis) => {
                        advance(Duration::from_millis(millis)).await;
                        left = full.min(left + millis as i64);
                    }
                    Step::Call { reserve, cost } => {
                        let reserve = reserve.min(100);
                        let fits = reserve as i64 * 100 <= left;
                        assert_eq!(bucket.take(&cell, reserve).is_ok(), fits || reserve == 0);
                        if fits {
                            bucket.settle(&cell, reserve, cost);
                            left = full.min(left - cost as i64 * 100);
                        }
                    }
                }
                let remaining = (left / 100).max(0) as u32;
                assert_eq!(bucket.meter(&cell).remaining, remaining);
                assert_eq!(bucket.meter(&cell).reset, Duration::from_millis((full - left) as u64));
            }
        });
    }
}
