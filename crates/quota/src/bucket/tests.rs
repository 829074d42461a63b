use proptest::prelude::*;

use super::*;

/// A limit, one key, and a clock that is moved by hand.
struct Bench {
    bucket: Bucket,
    cell: Cell,
    now: u64,
}

fn bench(per_minute: u32, burst: u64) -> Bench {
    let bucket = Bucket::new(NonZeroU32::new(per_minute).unwrap(), Duration::from_secs(burst));
    Bench { bucket, cell: Cell::default(), now: 0 }
}

impl Bench {
    fn take(&self, many: u64) -> Result<(), Wait> {
        self.bucket.take(&self.cell, many, self.now)
    }

    fn settle(&self, taken: u64, cost: u64) {
        self.bucket.settle(&self.cell, taken, cost, self.now);
    }

    fn meter(&self) -> Meter {
        self.bucket.meter(&self.cell, self.now)
    }

    fn advance(&mut self, by: Duration) {
        self.now += by.as_nanos() as u64;
    }
}

fn wait(millis: u64) -> Result<(), Wait> {
    Err(Wait(Duration::from_millis(millis)))
}

#[test]
fn an_allowance_is_used_at_once_and_comes_back_evenly() {
    let mut bench = bench(60, 10);
    assert_eq!(bench.bucket.burst(), 10);
    assert_eq!(bench.take(10), Ok(()));
    assert_eq!(bench.take(1), wait(1_000));
    assert_eq!(bench.take(4), wait(4_000));
    bench.advance(Duration::from_millis(3_999));
    assert_eq!(bench.take(4), wait(1), "the time that it says is the time that it takes");
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.take(4), Ok(()));
    let meter = Meter { limit: 60, remaining: 0, reset: Duration::from_secs(10) };
    assert_eq!(bench.meter(), meter);
}

#[test]
fn settling_moves_both_ways() {
    let bench = bench(600, 60);
    bench.take(500).unwrap();
    bench.settle(500, 200);
    assert_eq!(bench.meter().remaining, 400);
    bench.settle(0, 150);
    assert_eq!(bench.meter().remaining, 250);
    bench.settle(200, 200);
    assert_eq!(bench.meter().remaining, 250);
}

#[test]
fn what_came_back_by_itself_is_not_given_back_again() {
    let mut bench = bench(600, 60);
    bench.take(600).unwrap();
    bench.advance(Duration::from_secs(60));
    bench.settle(600, 0);
    assert_eq!(bench.meter().remaining, 600);
    bench.take(600).unwrap();
    assert_eq!(bench.take(1), wait(100));
}

#[test]
fn a_debt_delays_what_comes_next_and_is_bounded() {
    let mut bench = bench(600, 60);
    bench.take(1).unwrap();
    bench.settle(1, 1_201);
    assert_eq!(bench.meter().remaining, 0);
    assert_eq!(bench.take(1), wait(60_200), "all 1201 but the 600 that may be used at once, and one");
    bench.settle(0, u64::MAX);
    assert_eq!(
        bench.meter().reset,
        Duration::from_millis(120_100 + 600_000),
        "one call owes ten minutes at most"
    );
    for _ in 0..10 {
        bench.settle(0, u64::MAX);
    }
    assert_eq!(bench.meter().reset, Duration::from_secs(60 + 3_600), "and all together an hour");
    bench.advance(Duration::from_secs(60 + 3_600));
    assert_eq!(bench.take(600), Ok(()));
}

#[test]
fn a_burst_of_an_hour_is_charged_as_any_other() {
    let bench = bench(60, 3_600);
    bench.take(1_000).unwrap();
    bench.take(100).unwrap();
    bench.settle(100, 1_100);
    assert_eq!(bench.meter().remaining, 3_600 - 2_100);
    bench.settle(0, 3_000);
    assert_eq!(bench.meter().remaining, 0);
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
        let bench = bench(per_minute, burst);
        assert_eq!(bench.bucket.burst(), cells, "{per_minute} {burst}");
        assert_eq!(bench.take(1), Ok(()));
        assert_eq!(bench.take(0), Ok(()));
        bench.settle(u64::MAX, u64::MAX - 1);
        let _ = bench.take(u64::MAX);
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
            let mut bench = bench(600, 10);
            // In milliseconds: one takes 100 to come back, and there are 100.
            let (full, mut left) = (10_000_i64, 10_000_i64);
            for step in steps {
                match step {
                    Step::Wait(millis) => {
                        bench.advance(Duration::from_millis(millis));
                        left = full.min(left + millis as i64);
                    }
                    Step::Call { reserve, cost } => {
                        let reserve = reserve.min(100);
                        let fits = reserve as i64 * 100 <= left;
                        assert_eq!(bench.take(reserve).is_ok(), fits || reserve == 0);
                        if fits {
                            bench.settle(reserve, cost);
                            left = full.min(left - cost as i64 * 100);
                        }
                    }
                }
                let remaining = (left / 100).max(0) as u32;
                assert_eq!(bench.meter().remaining, remaining);
                assert_eq!(bench.meter().reset, Duration::from_millis((full - left) as u64));
            }
    }
}
