//! `cargo xtask test`: every test of the workspace, and one line with the totals.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::tools::{Done, cargo};

/// Passed and failed tests.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
}

impl Totals {
    /// Counts a line of the form `test result: ok. 3 passed; 1 failed; ...`.
    fn count(&mut self, line: &str) {
        let Some((_, results)) = line.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        for result in results.split("; ") {
            match result.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Runs the tests, then the doctests.
pub(crate) fn run() -> Done {
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    for (name, kind) in [("tests", "--all-targets"), ("doctests", "--doc")] {
        println!("test: {name}");
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast", kind]);
        if !counted(&mut command, &mut totals)? {
            failed.push(name);
        }
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(" and "))) }
}

/// Runs a command, shows what it writes, and counts the results in it.
fn counted(command: &mut Command, totals: &mut Totals) -> Done<bool> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo did not start: {error}"))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            totals.count(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("cargo could not be waited for: {error}"))?;
    Ok(status.success())
}
