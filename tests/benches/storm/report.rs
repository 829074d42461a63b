//! What the rounds of a scenario say: a table, and a plot.

use super::round::{Outcome, Round};
use super::scenario::{Look, Scenario};
use crate::support::plot::{self, Line};
use crate::support::report::table;
use crate::support::samples::{Spread, quantile};

/// All rounds of one row: a policy, or the bound.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Of its line.
    pub(crate) colour: usize,
    pub(crate) is_bound: bool,
    pub(crate) rounds: Vec<Round>,
}

/// How long each took, from its own start, of those that came to it.
fn waits(round: &Round, of: impl Fn(&Outcome) -> Option<std::time::Duration>) -> Vec<f64> {
    let mut waits: Vec<f64> = round
        .callers
        .iter()
        .filter_map(|caller| Some((of(caller)?.saturating_sub(caller.came)).as_secs_f64()))
        .collect();
    waits.sort_by(f64::total_cmp);
    waits
}

fn done(round: &Round) -> Vec<f64> {
    waits(round, |caller| caller.done)
}

fn first(round: &Round) -> Vec<f64> {
    waits(round, |caller| caller.first)
}

impl Row {
    pub(crate) fn new(name: &str, colour: usize) -> Self {
        Self { name: name.to_owned(), colour, is_bound: false, rounds: Vec::new() }
    }

    fn spread(&self, of: impl Fn(&Round) -> Option<f64>) -> Spread {
        self.rounds.iter().map(of).collect()
    }

    fn share(&self) -> String {
        self.spread(|round| Some(100.0 * done(round).len() as f64 / round.callers.len() as f64))
            .show(|share| format!("{share:.1} %"))
    }

    fn at(&self, q: f64) -> String {
        self.spread(|round| quantile(&done(round), round.callers.len(), q)).show(|at| format!("{at:.1}"))
    }

    fn requests(&self) -> String {
        self.spread(|round| Some(round.requests as f64 / round.callers.len() as f64))
            .show(|requests| format!("{requests:.2}"))
    }

    fn first_ms(&self, q: f64) -> Spread {
        self.spread(|round| quantile(&first(round), round.callers.len(), q).map(|at| at * 1000.0))
    }

    /// The share of all callers, over the time that each had waited.
    fn line(&self) -> Line {
        let callers: usize = self.rounds.iter().map(|round| round.callers.len()).sum();
        let mut waits: Vec<f64> = self.rounds.iter().flat_map(done).collect();
        waits.sort_by(f64::total_cmp);
        let share = |(number, at): (usize, f64)| (at, (number + 1) as f64 / callers as f64);
        Line {
            name: self.name.clone(),
            colour: self.colour,
            dashed: self.is_bound,
            thick: self.name.starts_with("lastbyte"),
            points: waits.into_iter().enumerate().map(share).collect(),
        }
    }
}

/// The section of a scenario.
pub(crate) fn section(scenario: &Scenario, rows: &[Row]) -> String {
    let rounds = rows.first().map_or(0, |row| row.rounds.len());
    let shown = match scenario.look {
        Look::Done => done_table(scenario, rows),
        Look::FirstEvent => first_table(rows),
        Look::Requests => requests_table(rows),
    };
    let often = if rounds == 1 { "One round.".to_owned() } else { format!("{rounds} rounds.") };
    format!("## {}\n\n{} {often}\n\n{shown}", scenario.title, scenario.about)
}

fn done_table(scenario: &Scenario, rows: &[Row]) -> String {
    let within = format!("done in {} s", scenario.deadline.as_secs());
    let head = ["policy", &within, "98 % at, s", "100 % at, s", "requests per caller", "p50, s", "p95, s"];
    let cells = |row: &Row| {
        vec![
            row.name.clone(),
            row.share(),
            row.at(0.98),
            row.at(1.0),
            row.requests(),
            row.at(0.5),
            row.at(0.95),
        ]
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn first_table(rows: &[Row]) -> String {
    let head = ["policy", "first event p50, ms", "first event p95, ms", "p95 over direct, ms"];
    // The first row is the plain client.
    let direct: Vec<Option<f64>> = rows.first().map_or(Vec::new(), |row| {
        row.rounds.iter().map(|round| quantile(&first(round), round.callers.len(), 0.95)).collect()
    });
    let cells = |row: &Row| {
        let over = row.rounds.iter().zip(&direct).map(|(round, direct)| {
            Some((quantile(&first(round), round.callers.len(), 0.95)? - (*direct)?) * 1000.0)
        });
        let over = over.collect::<Spread>().show(|ms| format!("{ms:.0}"));
        vec![
            row.name.clone(),
            row.first_ms(0.5).show(|ms| format!("{ms:.0}")),
            row.first_ms(0.95).show(|ms| format!("{ms:.0}")),
            if row.is_bound { "–".to_owned() } else { over },
        ]
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn requests_table(rows: &[Row]) -> String {
    let head = ["policy", "requests per caller", "told p50, s", "told p95, s"];
    let cells = |row: &Row| {
        let told = |q| {
            row.spread(|round| quantile(&waits(round, |caller| Some(caller.over)), round.callers.len(), q))
                .show(|at| format!("{at:.1}"))
        };
        vec![row.name.clone(), row.requests(), told(0.5), told(0.95)]
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// The plot of a scenario, where there is one.
pub(crate) fn plot(scenario: &Scenario, rows: &[Row]) -> Option<String> {
    if scenario.look != Look::Done {
        return None;
    }
    let lines: Vec<Line> = rows.iter().map(Row::line).collect();
    let label = "seconds since the caller began";
    Some(plot::svg(scenario.title, label, scenario.deadline.as_secs_f64(), &lines))
}
