//! Answers that are kept: what a key costs an event, in each store, beside a stream without a key.
//!
//! `cargo xtask bench journal -- --help` lists the arguments.

use std::process::ExitCode;

use clap::Parser;

use journal::{Size, report, rounds};
use support::report::folder;
use support::{Done, exit, machine, process};

#[path = "journal/mod.rs"]
mod journal;
#[path = "support/mod.rs"]
mod support;

/// What a key costs an event, in each store.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench journal --")]
struct Options {
    /// A few seconds and a few readers for each: does it still run?
    #[arg(long)]
    quick: bool,
    /// How many rounds; 5 without it.
    #[arg(long, conflicts_with = "quick")]
    rounds: Option<usize>,
    /// Writes docs/benchmarks/journal.md.
    #[arg(long, conflicts_with = "quick")]
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
    let size = if quick { Size::QUICK } else { Size::FULL };
    let size = Size { rounds: options.rounds.unwrap_or(size.rounds).max(1), ..size };
    let gateway = process::built()?;
    let measured = rounds::measure(&gateway, size)?;
    let told = format!("{}\nMeasured {}.\n", report::report(&measured, size), machine::describe());
    print!("{told}");
    if quick {
        println!("A quick run: it shows that everything runs, and its verdicts say nothing.");
    }
    if options.write {
        std::fs::create_dir_all(folder())?;
        std::fs::write(folder().join("journal.md"), &told)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    exit(run())
}
