//! `cargo xtask lint`: what must hold before a change is read by a person.

use serde_json::Value;

use crate::tools::{Done, cargo, output, run};

/// Runs every check and tells about all that failed, not only about the first.
pub(crate) fn run_all() -> Done {
    let mut failed = Vec::new();
    let mut check = |name: String, done: Done| {
        if let Err(what) = done {
            eprintln!("lint: {name}: {what}");
            failed.push(name);
        }
    };
    println!("lint: formatting");
    check("formatting".into(), run(cargo().args(["fmt", "--all", "--check"])));
    for package in packages()? {
        println!("lint: clippy {package}");
        let mut command = cargo();
        command.args(["clippy", "--quiet", "--package", &package, "--all-targets", "--", "-D", "warnings"]);
        check(format!("clippy {package}"), run(&mut command));
    }
    println!("lint: rustdoc");
    let mut command = cargo();
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    check("rustdoc".into(), run(&mut command));
    if failed.is_empty() { Ok(()) } else { Err(format!("lint failed: {}", failed.join(", "))) }
}

/// The names of the workspace's packages.
fn packages() -> Done<Vec<String>> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    Ok(packages.iter().filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}
