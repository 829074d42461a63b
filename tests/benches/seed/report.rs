//! What the rows say.

use super::load::Measured;
use super::{Row, Size, cuts, mix};
use crate::support::report::table;
use crate::support::samples::quantile;

/// The report, without the line on the machine.
pub(crate) fn report(rows: &[Row], cuts: &[cuts::Row], size: Size) -> String {
    let mix = mix::mix();
    let total: f64 = mix.iter().map(|(_, fault)| fault.rate).sum();
    let faults: Vec<Vec<String>> =
        mix.iter().map(|(name, fault)| vec![(*name).to_owned(), percent(fault.rate, 1)]).collect();
    let busy = format!("{} connections, {} s", size.busy, size.busy_for.as_secs());
    format!(
        "{}\n{} connections, {} answers in each row.\n\n{}\n### At saturation ({busy})\n\n{}\n\
         ### What failed, as readers saw it\n\n{}\n### What went wrong ({} of the requests)\n\n{}",
        include_str!("before.md"),
        size.connections,
        size.answers,
        paced(rows),
        saturated(rows),
        failed(rows),
        percent(total, 1),
        table(&["fault", "of all requests"], &faults),
    ) + &cut(cuts)
}

fn cut(rows: &[cuts::Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells = |row: &cuts::Row| {
        let Measured { answers, failed, wrong, .. } = &row.measured;
        let told: Vec<String> = failed.iter().map(|(why, count)| format!("{count} {why}")).collect();
        vec![
            format!("`{}`", row.name),
            answers.to_string(),
            row.measured.failures().to_string(),
            if told.is_empty() { "–".to_owned() } else { told.join(", ") },
            wrong.len().to_string(),
            format!("{:.3}", row.requests as f64 / (*answers).max(1) as f64),
        ]
    };
    let head = [
        "`retry.mid_stream`",
        "answers",
        "failed",
        "what readers saw",
        "doubled or lost pieces",
        "requests per answer",
    ];
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    format!(
        "\n### Where {} of the answers are cut in the middle, and nothing else goes wrong\n\n{}",
        percent(cuts::SHARE, 1),
        table(&head, &cells)
    )
}

fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", share * 100.0)
}

fn cpu(seconds: Option<f64>, of: u64, unit: f64, digits: usize) -> String {
    seconds.map_or("–".to_owned(), |seconds| format!("{:.digits$}", seconds / of.max(1) as f64 * unit))
}

fn paced(rows: &[Row]) -> String {
    let head = [
        "",
        "first event mean, ms",
        "p95, ms",
        "p99, ms",
        "failed",
        "doubled or lost pieces",
        "CPU per answer, ms",
        "CPU per event, µs",
    ];
    let cells = |row: &Row| {
        let Measured { first, answers, events, wrong, .. } = &row.paced.measured;
        let mean = first.iter().sum::<f64>() / first.len().max(1) as f64;
        let at = |q| quantile(first, first.len(), q).map_or("–".into(), |at| format!("{:.0}", at * 1000.0));
        vec![
            row.name.to_owned(),
            format!("{:.0}", mean * 1000.0),
            at(0.95),
            at(0.99),
            percent(row.paced.measured.failures() as f64 / *answers as f64, 2),
            (wrong.len() + row.busy.measured.wrong.len()).to_string(),
            cpu(row.paced.cpu, *answers, 1e3, 2),
            cpu(row.paced.cpu, *events, 1e6, 0),
        ]
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn saturated(rows: &[Row]) -> String {
    let head = ["", "answers/s", "events/s", "failed", "CPU per answer, ms", "CPU per event, µs"];
    let cells = |row: &Row| {
        let Measured { answers, events, seconds, .. } = row.busy.measured;
        vec![
            row.name.to_owned(),
            format!("{:.0}", answers as f64 / seconds),
            format!("{:.0}", events as f64 / seconds),
            percent(row.busy.measured.failures() as f64 / answers as f64, 2),
            cpu(row.busy.cpu, answers, 1e3, 3),
            cpu(row.busy.cpu, events, 1e6, 1),
        ]
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn failed(rows: &[Row]) -> String {
    let mut kinds: Vec<&str> =
        rows.iter().flat_map(|row| row.paced.measured.failed.keys().map(String::as_str)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut head = vec![""];
    head.extend(&kinds);
    let cells = |row: &Row| {
        let count = |kind: &&str| row.paced.measured.failed.get(*kind).copied().unwrap_or(0).to_string();
        let mut cells = vec![row.name.to_owned()];
        cells.extend(kinds.iter().map(count));
        cells
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}
