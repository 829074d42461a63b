//! What gets done, against the best fixed limit.

use crate::adaptive::Adaptive;

use super::sim::{Control, Kind, Load, Outcomes, Scenario, run};

const SEEDS: u64 = 3;

fn adaptive(scenario: &Scenario, seed: u64) -> Outcomes {
    run(scenario, Control::Adaptive(Box::new(Adaptive::new(scenario.max, seed))), seed)
}

/// The goodput of the adaptive limit and of the best fixed one, and which that is.
struct Row {
    name: String,
    adaptive: f64,
    best: f64,
    fixed: usize,
    refused: f64,
    unlimited: f64,
}

fn row(name: &str, scenario: &Scenario) -> Row {
    let average = |of: &dyn Fn(u64) -> f64| (1..=SEEDS).map(of).sum::<f64>() / SEEDS as f64;
    let fixed = |limit| average(&|seed| run(scenario, Control::Fixed(limit), seed).done as f64);
    let capacity = scenario.capacity;
    let limits =
        [0.33, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0].map(|times| (times * capacity).ceil() as usize);
    let all: Vec<(usize, f64)> = limits.into_iter().map(|limit| (limit, fixed(limit))).collect();
    let best = all.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
    let runs: Vec<Outcomes> = (1..=SEEDS).map(|seed| adaptive(scenario, seed)).collect();
    Row {
        name: name.to_owned(),
        adaptive: runs.iter().map(|run| run.done as f64).sum::<f64>() / SEEDS as f64,
        best: best.1,
        fixed: best.0,
        refused: runs.iter().map(|run| run.refusals as f64 / run.came as f64).sum::<f64>() / SEEDS as f64,
        unlimited: fixed(scenario.max),
    }
}

fn rows(name: &str, scenario: impl Fn(Load) -> Scenario) -> Vec<Row> {
    vec![
        row(&format!("{name}, steady"), &scenario(Load::Steady(1.2))),
        row(&format!("{name}, step"), &scenario(Load::Step)),
        row(&format!("{name}, ramp"), &scenario(Load::Ramp)),
        row(&format!("{name}, noise"), &scenario(Load::Steady(1.2)).noisy()),
        row(&format!("{name}, step, noise"), &scenario(Load::Step).noisy()),
    ]
}

/// Each is at least this share of the best.
fn check(share: f64, rows: &[Row]) {
    let table: String = rows
        .iter()
        .map(|row| {
            let ratio = row.adaptive / row.best;
            format!(
                "\n{:30} {ratio:.3} = {:.0} / {:.0} (fixed {}; unlimited {:.0}), refusals per call {:.3}",
                row.name, row.adaptive, row.best, row.fixed, row.unlimited, row.refused
            )
        })
        .collect();
    println!("{table}");
    assert!(rows.iter().all(|row| row.adaptive >= share * row.best && row.refused <= 0.2), "{table}");
}

#[test]
fn before_eight_slots() {
    check(0.97, &rows("8 slots", |load| Scenario::new(Kind::Slots(8), load)));
}

#[test]
fn before_sixty_slots() {
    check(0.98, &rows("60 slots", |load| Scenario::new(Kind::Slots(60), load)));
}

#[test]
fn before_sixty_slots_that_fall_to_twenty_and_rise_again() {
    check(
        0.95,
        &rows("60, 20, 60 slots", |load| Scenario {
            changes: vec![(100.0, Kind::Slots(20)), (200.0, Kind::Slots(60))],
            ..Scenario::new(Kind::Slots(60), load)
        }),
    );
}

#[test]
fn before_an_engine_that_lets_wait() {
    check(0.94, &rows("engine, queue", |load| Scenario::new(Kind::Queue(32), load)));
}

#[test]
fn before_an_engine_that_thrashes() {
    check(0.88, &rows("engine, thrash", |load| Scenario::new(Kind::Thrash(32), load)));
}
