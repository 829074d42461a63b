//! `cargo xtask test`: every test of the workspace, real clients against the gateway, and one line with
//! the totals.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::tools::{Clock, Done, Running, cargo, output, run as run_command};
use crate::workspace::packages;
use crate::{clients, servers};

/// The package and the name of the test that drives the clients. Its tests are marked `#[ignore]`, since
/// they need what only this command installs.
const CLIENT_TEST: (&str, &str) = ("lastbyte-tests", "clients");

/// Runs everything, also after a failure, and ends with the totals.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    let options = Options::parse(arguments)?;
    let clock = Clock::start();
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    servers::install()?;
    println!("test: the workspace ({})", clock.shown());
    // Unit tests, integration tests, examples and doctests; benchmarks are built by `lint`.
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(&options.filter);
    if let Err(what) = counted(&mut tests, &mut totals) {
        failed.push(what);
    }
    if options.clients {
        println!("test: clients ({})", clock.shown());
        if let Err(what) = run_clients(&options, &mut totals) {
            failed.push(what);
        }
    }
    for what in &failed {
        eprintln!("test: {what}");
    }
    if totals.failed == 0 {
        // What failed before any of its tests could: a build, an installation.
        totals.failed = failed.len() as u64;
    }
    println!("test: {} in {}", if failed.is_empty() { "all passed" } else { "failed" }, clock.shown());
    println!("{} passed, {} failed", totals.passed, totals.failed);
    Ok(failed.is_empty())
}

/// Installs the clients, builds the gateway, and runs the test that drives them.
fn run_clients(options: &Options, totals: &mut Totals) -> Done {
    let (package, test) = CLIENT_TEST;
    let there =
        packages()?.iter().any(|it| it.name == package && it.targets("test").any(|name| name == test));
    if !there {
        println!("  {package} has no test `{test}`: nothing to run");
        return Ok(());
    }
    let clients = clients::install()?;
    println!("  building the gateway");
    let mut build = cargo();
    build.args(["build", "--package", "gateway", "--bin", "gateway"]);
    run_command(&mut build)?;
    let gateway = executable(&output(build.args(["--message-format", "json"]))?)
        .ok_or("cargo did not say where it built the gateway")?;
    let mut tests = cargo();
    tests.args(["test", "--package", package, "--test", test]).args(&options.filter);
    // One after the other: each asks all the clients at once, and one counts on the whole machine.
    tests.args(["--", "--ignored", "--test-threads", "1"]).env("LASTBYTE_GATEWAY", gateway);
    clients.environment(&mut tests);
    counted(&mut tests, totals)
}

/// The executable that cargo's messages name.
fn executable(messages: &str) -> Option<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(str::to_owned)).next_back()
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
struct Options {
    clients: bool,
    filter: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Done<Self> {
        let mut options = Self { clients: true, filter: None };
        for argument in arguments {
            match argument.as_str() {
                "--no-clients" => options.clients = false,
                flag if flag.starts_with('-') => return Err(format!("`test` has no flag `{flag}`")),
                _ if options.filter.is_some() => return Err(format!("one FILTER too many: `{argument}`")),
                filter => options.filter = Some(filter.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Passed and failed tests.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    passed: u64,
    failed: u64,
}

impl Totals {
    /// Counts a line of the form `test result: ok. 3 passed; 1 failed; ...`.
    fn count(&mut self, line: &str) {
        let Some((_, results)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
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

/// Runs `cargo test`, shows what it writes as it comes, and counts the results in it.
fn counted(command: &mut Command, totals: &mut Totals) -> Done {
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = Running(child.map_err(|error| format!("cargo did not start: {error}"))?);
    let mut stdout = std::io::stdout();
    if let Some(tests) = child.0.stdout.take() {
        // By bytes, since a failing test may print what is not UTF-8.
        for line in BufReader::new(tests).split(b'\n') {
            let line = line.map_err(|error| format!("cargo's output cannot be read: {error}"))?;
            stdout
                .write_all(&line)
                .and_then(|()| stdout.write_all(b"\n"))
                .map_err(|error| format!("the standard output was closed: {error}"))?;
            totals.count(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.0.wait().map_err(|error| format!("cargo cannot be waited for: {error}"))?;
    let shown: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed ({status})", shown.join(" "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Done<Options> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn results_are_added_up() {
        let mut totals = Totals::default();
        totals.count(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        totals.count("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        totals.count("test a_test_that_is_not_a_result ... ok");
        totals.count("7 passed; 7 failed");
        assert_eq!(totals, Totals { passed: 13, failed: 2 });
    }

    #[test]
    fn flags_and_a_filter_are_read_in_any_order() {
        assert_eq!(parse(&[]), Ok(Options { clients: true, filter: None }));
        let both = Ok(Options { clients: false, filter: Some("retry".into()) });
        assert_eq!(parse(&["--no-clients", "retry"]), both);
        assert_eq!(parse(&["retry", "--no-clients"]), both);
        assert!(parse(&["a", "b"]).is_err());
        assert!(parse(&["--clients"]).is_err());
    }

    #[test]
    fn the_built_program_is_found_in_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/gateway\"}\n\
                        {\"reason\":\"build-finished\"}\n";
        assert_eq!(executable(messages).as_deref(), Some("/t/gateway"));
        assert_eq!(executable("{\"reason\":\"build-finished\"}"), None);
    }
}
