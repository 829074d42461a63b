//! `cargo xtask fuzz`: the tests by chance that are short in `test`, as long as what they promise.

use crate::tools::{Clock, Done, cargo, run as run_command};

/// How many texts are cut, and how many are changed by chance.
const TRIES: &str = "1000000";

/// Cuts texts at random and changes them at random, and looks at what the redactor makes of them.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    match arguments {
        [] => {}
        [what] if what == "redact" => {}
        [other, ..] => return Err(format!("fuzz: there is no argument `{other}`; `redact` is all there is")),
    }
    let clock = Clock::start();
    let mut tests = cargo();
    tests.args(["test", "--release", "--package", "lastbyte-redact", "--all-features"]);
    tests.args(["--test", "random_cuts", "--test", "fuzz", "--", "--nocapture"]);
    tests.env("LASTBYTE_CUTS", TRIES).env("LASTBYTE_MUTATIONS", TRIES);
    run_command(&mut tests)?;
    println!("fuzz: all passed in {}", clock.shown());
    Ok(true)
}
