//! `cargo bench -p lastbyte-retry --bench pacing`: the tables of `docs/pacing.md`, and what the pacer's
//! operations cost.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]
#![allow(dead_code, reason = "the tests use what is not used here")]

#[path = "../tests/pacer/sim/mod.rs"]
mod sim;

use std::hint::black_box;
use std::time::Duration;

use lastbyte_retry::{Arrival, Pacer, Told};
use sim::{Limit, Row, Scenario, herds, pistol, quantile, run};
use tokio::time::Instant;

fn main() {
    table("No time named", &herds());
    table("`Retry-After: 1`", &pistol());
    changes();
    costs();
}

fn table(title: &str, rows: &[Row]) {
    println!("\n{title}\n");
    println!("| upstream | done in 20 s | worst | last done | worst | bound | requests per caller | worst |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let summary = row.run();
        let (done, last, per_caller) = (summary.done(), summary.last(), summary.per_caller());
        println!(
            "| {} | {:.1} % | {:.1} % | {:.1} s ({:.2} x) | {:.1} s | {:.1} s | {:.2} | {:.2} |",
            row.name,
            100.0 * done.0,
            100.0 * done.1,
            last.0,
            last.0 / row.bound,
            last.1,
            row.bound,
            per_caller.0,
            per_caller.1,
        );
    }
}

fn changes() {
    println!(
        "\nTaken a second while the limit goes from 50 to 10 (at 20 s) to 100 (at 40 s), 120 callers a second\n"
    );
    println!(
        "| burst | named | 10-20 s | 20-22 | 22-24 | 24-40 | 40-42 | 42-44 | 44-46 | 46-50 | 50-60 | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for share in [1.0, 0.2] {
        for retry_after in [None, Some(1.0)] {
            let bucket = |per_second| Limit::Bucket { per_second, burst: per_second * share };
            let outcomes: Vec<_> = (1..=10)
                .map(|seed| {
                    let open = Scenario::open(60.0, bucket(50.0), seed, |_| 120.0);
                    let changes = vec![(20.0, bucket(10.0)), (40.0, bucket(100.0))];
                    run(&Scenario { changes, retry_after, ..open }, seed)
                })
                .collect();
            let times = [10.0, 20.0, 22.0, 24.0, 40.0, 42.0, 44.0, 46.0, 50.0, 60.0];
            let mean = |of: &dyn Fn(&sim::Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / 10.0;
            let taken =
                times.windows(2).map(|it| format!("{:.0}", mean(&|outcome| outcome.taken(it[0], it[1]))));
            let share_refused =
                mean(&|outcome| 100.0 * outcome.refused() as f64 / outcome.requests.len() as f64);
            let named = retry_after.map_or("no", |_| "1 s");
            println!(
                "| {share} s | {named} | {} | {share_refused:.1} % |",
                taken.collect::<Vec<_>>().join(" | ")
            );
        }
    }
}

/// Nanoseconds for one operation, with so many waiting.
fn costs() {
    println!(
        "\n| waiting, of 100 tenants | arrive, ns | let go, ns | told, ns | poll that does nothing, ns |"
    );
    println!("|---|---|---|---|---|");
    for waiting in [10u32, 1_000, 9_000] {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now, 1);
        let far = now + Duration::from_secs(3_600);
        let Arrival::Go(mut ticket) = pacer.arrive(now, 0, far) else { panic!("nothing is known yet") };
        pacer.told(now, &mut ticket, Told::Refused { retry_after: None });
        let start = Instant::now();
        for n in 0..waiting {
            black_box(pacer.arrive(now, u64::from(n % 100), far));
        }
        let arrive = start.elapsed() / waiting;
        let (mut idle, mut go, mut told) = (Vec::new(), Vec::new(), Vec::new());
        let mut tickets = Vec::new();
        while pacer.waiting() > waiting as usize / 2 {
            let start = Instant::now();
            let polled = pacer.poll(now);
            let took = start.elapsed().as_nanos() as f64;
            if polled.released.is_empty() {
                idle.push(took);
            } else {
                go.push(took / polled.released.len() as f64);
            }
            tickets.extend(polled.released.into_iter().map(|(_, ticket)| ticket));
            now = polled.wake.unwrap_or(now);
        }
        for ticket in &mut tickets {
            let start = Instant::now();
            pacer.told(now, ticket, Told::Accepted);
            pacer.told(now, ticket, Told::Ended);
            told.push(start.elapsed().as_nanos() as f64 / 2.0);
        }
        let median = |list: Vec<f64>| quantile(0.5, list.into_iter());
        println!(
            "| {waiting} | {} | {:.0} | {:.0} | {:.0} |",
            arrive.as_nanos(),
            median(go),
            median(told),
            median(idle)
        );
    }
}
