//! Five hundred callers at once.

use crate::sim::{Limit, Row, Scenario, herds, pistol, run};

/// What a row must reach.
struct Want {
    name: &'static str,
    /// The share done within 20 s, on average.
    done: f64,
    /// The last done, on average, in units of the bound.
    last: f64,
    /// Requests per caller, on average.
    per_caller: f64,
}

const fn want(name: &'static str, done: f64, last: f64, per_caller: f64) -> Want {
    Want { name, done, last, per_caller }
}

fn check(rows: &[Row], wants: &[Want]) {
    assert_eq!(rows.len(), wants.len());
    for (row, want) in rows.iter().zip(wants) {
        assert_eq!(row.name, want.name);
        let summary = row.run();
        let (done, last, per_caller) =
            (summary.done().0, summary.last().0 / row.bound, summary.per_caller().0);
        let reached = format!("{}: done {done:.3}, last {last:.2}, per caller {per_caller:.2}", row.name);
        assert!(done >= want.done && last <= want.last && per_caller <= want.per_caller, "{reached}");
        for caller in summary.outcomes.iter().flat_map(|outcome| &outcome.callers) {
            assert!(caller.requests <= row.scenario.attempts);
        }
    }
}

#[test]
fn a_herd_is_done_soon_after_it_can_be_before_every_limit() {
    check(
        &herds(),
        &[
            want("bucket, c = 50, b = 50", 1.0, 1.10, 1.15),
            want("bucket, c = 50, b = 50, 4 processes", 1.0, 1.20, 1.20),
            want("bucket, c = 25, b = 25", 0.98, 1.10, 1.15),
            want("bucket, c = 100, b = 100", 1.0, 1.25, 1.20),
            want("bucket, c = 50, b = 5", 1.0, 1.20, 1.15),
            want("bucket, c = 50, b = 5, 4 processes", 0.99, 1.30, 1.30),
            want("60 slots, streams of 2 s", 0.995, 1.15, 1.20),
            want("60 slots, lengths differ", 0.975, 1.35, 1.20),
            want("60 slots, lengths differ, 4 processes", 0.965, 1.35, 1.30),
            want("work, c = 30, a refusal costs 0.05", 0.995, 1.15, 1.15),
            want("log of a second, 50, charged", 1.0, 1.30, 1.15),
            want("log of a second, 50, charged, 4 processes", 0.98, 1.60, 1.25),
            want("bucket, heads take 1 s", 1.0, 1.10, 1.15),
            // All is sent before the first refusal is back.
            want("bucket, refusals take 0.1 s", 1.0, 1.15, 1.55),
            want("bucket, refusals take 0.3 s", 1.0, 1.25, 2.20),
            want("bucket, streams of 10 s", 0.99, 1.10, 1.15),
            want("bucket, c = 50, b = 50, charged", 1.0, 1.20, 1.15),
            want("bucket, c = 50, b = 5, charged", 1.0, 1.25, 1.15),
            want("no limit", 1.0, 1.30, 1.05),
            want("no limit, 5 % refused", 1.0, 2.95, 1.10),
            want("no limit, 10 % refused", 0.9, 8.60, 1.15),
        ],
    );
}

#[test]
fn a_starting_pistol_starts_nobody() {
    check(
        &pistol(),
        &[
            want("bucket, c = 50, b = 50", 1.0, 1.15, 1.15),
            want("bucket, c = 50, b = 50, 4 processes", 1.0, 1.25, 1.15),
            want("bucket, c = 25, b = 25", 0.95, 1.10, 1.15),
            want("bucket, c = 100, b = 100", 1.0, 1.30, 1.20),
            want("bucket, c = 50, b = 5", 1.0, 1.45, 1.15),
            want("bucket, c = 50, b = 5, 4 processes", 0.98, 1.65, 1.25),
            want("60 slots, streams of 2 s", 0.95, 1.15, 1.10),
            want("60 slots, lengths differ", 0.93, 1.40, 1.10),
            want("60 slots, lengths differ, 4 processes", 0.88, 1.45, 1.10),
            want("work, c = 30, a refusal costs 0.05", 1.0, 1.15, 1.15),
            want("log of a second, 50, charged", 1.0, 1.40, 1.15),
            want("log of a second, 50, charged, 4 processes", 1.0, 1.65, 1.15),
            want("bucket, heads take 1 s", 1.0, 1.10, 1.15),
            want("bucket, refusals take 0.1 s", 1.0, 1.25, 1.60),
            want("bucket, refusals take 0.3 s", 1.0, 1.60, 2.25),
            want("bucket, streams of 10 s", 1.0, 1.10, 1.15),
            want("bucket, c = 50, b = 50, charged", 1.0, 1.20, 1.15),
            want("bucket, c = 50, b = 5, charged", 1.0, 1.65, 1.10),
            want("no limit", 1.0, 1.30, 1.05),
            want("no limit, 5 % refused", 1.0, 5.60, 1.10),
            want("no limit, 10 % refused", 0.85, 15.55, 1.10),
        ],
    );
}

#[test]
fn every_tenant_has_its_share_of_a_herd() {
    let limit = Limit::Bucket { per_second: 50.0, burst: 50.0 };
    // One tenant in five has sixteen times as many callers as the others.
    let outcome = run(&Scenario { tenants: 20, patience: 60.0, ..Scenario::herd(500, limit) }, 1);
    let lasts: Vec<f64> = (0..20)
        .map(|tenant| {
            let of_tenant = outcome.callers.iter().skip(tenant).step_by(20);
            of_tenant.filter_map(|caller| caller.done).fold(0.0, f64::max)
        })
        .collect();
    assert!(lasts.iter().all(|last| *last > outcome.last() - 3.0), "{lasts:?}");
}
