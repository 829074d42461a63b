//! Hundreds of long connections through the gateway, of which a small share meets a fault: time to the first
//! event, failures, doubled or lost pieces, throughput and processor time.
//!
//! `cargo xtask bench seed -- --help` lists the arguments.

use std::process::ExitCode;

use clap::Parser;

use seed::{Size, cuts, measure, report, settings};
use support::report::folder;
use support::{Done, all_right, exit, machine, process};

#[path = "seed/mod.rs"]
mod seed;
#[path = "support/mod.rs"]
mod support;

/// Long connections through the gateway, under a few faults.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench seed --")]
struct Options {
    /// The rows to measure; all of them without a name.
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// How many answers each row reads.
    #[arg(long, default_value_t = Size::FULL.answers)]
    answers: u64,
    /// A thousand answers and two seconds of saturation: does it still run?
    #[arg(long)]
    quick: bool,
    /// Writes docs/benchmarks/seed.md.
    #[arg(long, conflicts_with_all = ["quick", "rows"])]
    write: bool,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn run() -> Done {
    let options = Options::parse();
    machine::raise_file_limit();
    // As a test (`cargo test --benches`) it only shows that it runs.
    let size = match options.quick || !options.bench {
        true => Size::QUICK,
        false => Size { answers: options.answers, ..Size::FULL },
    };
    let chosen: Vec<_> = settings()
        .into_iter()
        .filter(|setting| options.rows.is_empty() || options.rows.iter().any(|row| row == setting.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = settings().iter().map(|setting| setting.name).collect();
        return Err(format!("there is no such row; rows: {}", names.join(", ")).into());
    }
    let gateway = process::built()?;
    let rows = chosen.iter().map(|setting| measure(&gateway, setting, size)).collect::<Done<Vec<_>>>()?;
    let cuts = if options.rows.is_empty() { cuts::measure(&gateway, size)? } else { Vec::new() };
    let told = format!("{}\nMeasured {}.\n", report::report(&rows, &cuts, size), machine::describe());
    print!("{told}");
    if options.write {
        std::fs::create_dir_all(folder())?;
        std::fs::write(folder().join("seed.md"), &told)?;
    }
    let wrong = rows.iter().flat_map(|row| row.paced.measured.wrong.iter().chain(&row.busy.measured.wrong));
    let cut = cuts.iter().flat_map(|row| &row.measured.wrong);
    all_right(wrong.chain(cut))
}

fn main() -> ExitCode {
    exit(run())
}
