//! A crowd of callers against a chat API that refuses what is beyond its capacity: this project's retry layer
//! beside what others use.
//!
//! `cargo xtask bench storm -- --help` lists the arguments.

use std::process::ExitCode;

use clap::Parser;

use storm::{report, scenario};
use support::report::{folder, joined};
use support::{Done, exit, machine};

#[path = "storm/mod.rs"]
mod storm;
#[path = "support/mod.rs"]
mod support;

/// Callers against a chat API that refuses what is beyond its capacity.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench storm --")]
struct Options {
    /// The scenarios to play; all of them without a name.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// How often each is played, each time with other seeds.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// One small scenario, once: does it still run?
    #[arg(long)]
    quick: bool,
    /// Writes what was played into docs/benchmarks/storm.md, and its plots beside it.
    #[arg(long)]
    write: bool,
    /// Names the scenarios.
    #[arg(long)]
    list: bool,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn run() -> Done {
    let options = Options::parse();
    let all = scenario::all();
    if options.list {
        all.iter().for_each(|scenario| println!("{:<8} {}", scenario.name, scenario.title));
        return Ok(());
    }
    machine::raise_file_limit();
    // As a test (`cargo test --benches`) it only shows that it runs.
    if options.quick || !options.bench {
        let quick = scenario::quick();
        print!("{}", report::section(&quick, &storm::played(&quick, 1)?));
        return Ok(());
    }
    if let Some(unknown) = options.scenarios.iter().find(|name| all.iter().all(|it| it.name != **name)) {
        return Err(format!("there is no scenario `{unknown}`; --list names them").into());
    }
    let chosen = |scenario: &&scenario::Scenario| {
        options.scenarios.is_empty() || options.scenarios.iter().any(|name| name == scenario.name)
    };
    let mut parts = Vec::new();
    for scenario in all.iter().filter(chosen) {
        let rows = storm::played(scenario, options.rounds)?;
        let text = report::section(scenario, &rows);
        println!("\n{text}");
        if options.write {
            std::fs::create_dir_all(folder())?;
            let mut part = format!("{text}\nMeasured {}.\n", machine::describe());
            if let Some(plot) = report::plot(scenario, &rows) {
                let file = format!("storm-{}.svg", scenario.name);
                std::fs::write(folder().join(&file), plot)?;
                part += &format!("\n![Share of callers done over time]({file})\n");
            }
            parts.push((scenario.name.to_owned(), part));
            let names: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
            let at = folder().join("storm.md");
            let old = std::fs::read_to_string(&at).unwrap_or_default();
            // After each scenario: a run of an hour may be stopped.
            std::fs::write(at, joined(include_str!("storm/before.md"), &names, &parts, &old))?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    exit(run())
}
