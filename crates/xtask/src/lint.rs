//! `cargo xtask lint`: what a change must keep that no test shows.

use std::process::Command;

use crate::tools::{CargoTool, Clock, Done, cargo, root, run as run_command};
use crate::workspace::{Package, packages};
use crate::{features, rules};

const DENY: CargoTool = CargoTool { package: "cargo-deny", binary: "cargo-deny", version: "0.20.2" };
const TYPOS: CargoTool = CargoTool { package: "typos-cli", binary: "typos", version: "1.52.0" };

/// Runs every check and tells about all that failed, not only about the first.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    let mut advisories = false;
    for argument in arguments {
        match argument.as_str() {
            "--advisories" => advisories = true,
            other => {
                return Err(format!("`lint` does not know `{other}`; `cargo xtask help` lists its flags"));
            }
        }
    }
    let clock = Clock::start();
    let packages = packages()?;
    let mut failed = Vec::new();
    let checks = checks(packages, advisories);
    let count = checks.len();
    for (number, check) in checks.into_iter().enumerate() {
        println!("lint [{}/{count}] {} ({})", number + 1, check.name, clock.shown());
        if let Err(what) = (check.run)() {
            eprintln!("lint: {} failed: {what}\n      {}", check.name, check.advice);
            failed.push(check.name);
        }
    }
    if failed.is_empty() {
        println!("lint: all {count} checks passed in {}", clock.shown());
    } else {
        eprintln!("lint: {} of {count} checks failed: {}", failed.len(), failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// One check, and what to do where it fails.
struct Check {
    name: String,
    advice: &'static str,
    run: Box<dyn FnOnce() -> Done>,
}

impl Check {
    fn new(name: impl Into<String>, advice: &'static str, run: impl FnOnce() -> Done + 'static) -> Self {
        Self { name: name.into(), advice, run: Box::new(run) }
    }

    fn command(name: impl Into<String>, advice: &'static str, mut command: Command) -> Self {
        Self::new(name, advice, move || run_command(&mut command))
    }
}

/// All checks, the quick ones first.
fn checks(packages: Vec<Package>, advisories: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut fmt = cargo();
    fmt.args(["fmt", "--all", "--check"]);
    checks.push(Check::command("formatting", "`cargo fmt --all` lays it out", fmt));
    for package in &packages {
        let advice = "mend it, or allow it where it stands with `#[expect(..., reason = \"...\")]`";
        let clippy = clippy(&package.name, ["--all-targets".to_owned()]);
        checks.push(Check::command(format!("clippy {}", package.name), advice, clippy));
    }
    for package in &packages {
        for set in features::sets(package) {
            let name = format!("features {} {}", package.name, set.join(" "));
            let advice = "what a feature needs it must turn on itself in `[features]`, or be behind `cfg`";
            checks.push(Check::command(name, advice, clippy(&package.name, set)));
        }
    }
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    checks.push(Check::command("rustdoc", "mend the link or the example it names", doc));
    checks.push(Check::new("house rules", "the rules and their reasons are in CONTRIBUTING.md", move || {
        match rules::broken(&root(), &packages)? {
            broken if broken.is_empty() => Ok(()),
            broken => Err(broken.join("\n      ")),
        }
    }));
    checks.push(Check::new(
        "dependencies",
        "deny.toml says which licences and sources are allowed; choose another dependency",
        move || {
            let mut deny = DENY.installed()?;
            deny.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
            if advisories {
                deny.arg("advisories");
            }
            run_command(&mut deny)
        },
    ));
    checks.push(Check::new(
        "spelling",
        "correct the word, or teach it to .typos.toml with its reason",
        || run_command(&mut TYPOS.installed()?),
    ));
    checks
}

/// Clippy for one package: one that only builds beside another must be seen.
fn clippy(package: &str, choice: impl IntoIterator<Item = String>) -> Command {
    let mut command = cargo();
    command.args(["clippy", "--package", package]).args(choice).args(["--", "-D", "warnings"]);
    command
}
