//! Tables for people, and reports that can be measured one part after the other.

use std::fmt::Write;
use std::path::PathBuf;

/// A Markdown table, laid out so that it can be read as it is.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(line, " {cell}{} |", " ".repeat(width - cell.chars().count()));
        }
        line + "\n"
    };
    let mut table = line(&mut head.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    table += &line(&mut rules.iter().map(String::as_str));
    for row in rows {
        table += &line(&mut row.iter().map(String::as_str));
    }
    table
}

/// Where reports are kept.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks")
}

fn mark(name: &str) -> String {
    format!("<!-- part: {name} -->\n")
}

/// A report: what stands before, then its parts in the order of `names`. A part that was not measured now is
/// kept as `old` has it.
pub(crate) fn joined(before: &str, names: &[&str], fresh: &[(String, String)], old: &str) -> String {
    let mut report = before.to_owned();
    for name in names {
        let text = match fresh.iter().find(|(it, _)| it == name) {
            Some((_, text)) => Some(text.as_str()),
            None => {
                old.split_once(&mark(name)).map(|(_, rest)| rest.split("<!-- part: ").next().unwrap_or(rest))
            }
        };
        if let Some(text) = text {
            report += &format!("\n{}{}\n", mark(name), text.trim());
        }
    }
    report
}
