//! The commands people run on this workspace: `cargo xtask help` lists them.

use std::process::ExitCode;

mod bench;
mod chaos;
mod clients;
mod debian;
mod features;
mod fuzz;
mod lint;
mod rules;
mod servers;
mod test;
mod tools;
mod workspace;

const HELP: &str = "\
The commands people run on this workspace.

Usage: cargo xtask <COMMAND>

Commands:
  lint [--advisories]            everything that needs no test: formatting, clippy, every feature alone,
                                 rustdoc, dependencies, spelling, the rules of CONTRIBUTING.md
                                 --advisories: known vulnerabilities too (needs the advisory database)
  test [--no-clients] [FILTER]   all tests, with a Redis that it installs, then real clients and a browser
                                 against the gateway
                                 --no-clients: only what needs nothing but Rust and Redis
                                 FILTER: only tests whose name contains it
  bench [NAME] [-- ARGUMENT...]  one benchmark; without a name, lists them
  chaos                          gateways killed fifty times under load, and a quota held for minutes: what `test`
                                 does for seconds
  fuzz [redact]                  a million texts cut at random, and a million changed at random, through the redactor:
                                 what `test` does for thousands
  help                           this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments.as_slice()),
    };
    // `false` has failed and has told why; an error is told here.
    let done = match command {
        "lint" => lint::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "chaos" => chaos::run(rest),
        "fuzz" => fuzz::run(rest),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(true)
        }
        other => Err(format!("there is no command `{other}`; `cargo xtask help` lists them")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}
