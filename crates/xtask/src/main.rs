//! The commands people run on this workspace: `cargo xtask help` lists them.

use std::process::ExitCode;

mod lint;
mod test;
mod tools;

const HELP: &str = "\
The commands people run on this workspace.

Usage: cargo xtask <COMMAND>

  lint    formatting, clippy for each package, rustdoc
  test    all tests
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("lint") => lint::run_all(),
        Some("test") => test::run(),
        Some("help" | "-h" | "--help") => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such command\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}
