//! `cargo xtask bench`: the benchmarks of the `lastbyte-tests` package by name.

use crate::tools::{Done, cargo, run as run_command};
use crate::workspace::packages;

const PACKAGE: &str = "lastbyte-tests";

/// Runs one benchmark, or lists them.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    let packages = packages()?;
    let there: Vec<&str> = packages
        .iter()
        .filter(|package| package.name == PACKAGE)
        .flat_map(|package| package.targets("bench"))
        .collect();
    let listed = if there.is_empty() { "there are none yet".to_owned() } else { there.join(", ") };
    let Some((name, rest)) = arguments.split_first().filter(|(name, _)| !name.starts_with('-')) else {
        println!("Usage: cargo xtask bench NAME [-- ARGUMENT...]\n\nBenchmarks: {listed}");
        return Ok(true);
    };
    if !there.contains(&name.as_str()) {
        return Err(format!("there is no benchmark `{name}`; benchmarks: {listed}"));
    }
    run_command(cargo().args(["bench", "--package", PACKAGE, "--bench", name]).args(rest))?;
    Ok(true)
}
