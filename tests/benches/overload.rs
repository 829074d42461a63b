//! A chat API that is not well, and readers that do not read: what the gateway spends on them, and what it
//! keeps for the others.
//!
//! `cargo xtask bench overload -- --help` lists the arguments.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use overload::crowd::{self, Crowd};
use overload::{Size, report, sick};
use support::report::folder;
use support::{Done, all_right, exit, machine, process};

#[path = "overload/mod.rs"]
mod overload;
#[path = "support/mod.rs"]
mod support;

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Part {
    /// A chat API that is not well.
    Sick,
    /// Readers that do not read.
    Slow,
}

/// A chat API that is not well, and readers that do not read.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench overload --")]
struct Options {
    /// The parts to measure; all of them without a name.
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// A few seconds and a few readers for each: does it still run?
    #[arg(long)]
    quick: bool,
    /// Writes docs/benchmarks/overload.md.
    #[arg(long, conflicts_with_all = ["quick", "parts"])]
    write: bool,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn run() -> Done {
    let options = Options::parse();
    machine::raise_file_limit();
    // As a test (`cargo test --benches`) it only shows that it runs.
    let quick = options.quick || !options.bench;
    let (size, crowd) = match quick {
        true => (Size::QUICK, Crowd::QUICK),
        false => (Size::FULL, Crowd::FULL),
    };
    let asked = |part| options.parts.is_empty() || options.parts.contains(&part);
    let gateway = process::built()?;
    let mut sick = Vec::new();
    if asked(Part::Sick) {
        for mix in sick::mixes() {
            sick.push(sick::measure(&gateway, &mix, size)?);
        }
    }
    let slow = if asked(Part::Slow) { Some(crowd::measure(&gateway, crowd)?) } else { None };
    let report = report::report(&sick, size, slow.as_ref(), crowd);
    let told = format!("{report}\nMeasured {}.\n", machine::describe());
    print!("{told}");
    if quick {
        println!("A quick run: it shows that everything runs, and its verdicts say nothing.");
    }
    if options.write {
        std::fs::create_dir_all(folder())?;
        std::fs::write(folder().join("overload.md"), &told)?;
    }
    let runs = sick.iter().flat_map(|row| [&row.without, &row.with]);
    all_right(runs.flat_map(|run| &run.wrong))
}

fn main() -> ExitCode {
    exit(run())
}
