//! `cargo xtask bench`: the benchmarks that make a report, by name.

use std::fs;
use std::path::Path;

use crate::tools::{Done, cargo, run as run_command};
use crate::workspace::packages;

/// Where they are.
const PACKAGES: [&str; 2] = ["lastbyte-redact", "lastbyte-tests"];

/// Runs one benchmark, or lists them.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    let packages = packages()?;
    let there: Vec<(&str, &str, &Path)> = packages
        .iter()
        .filter(|package| PACKAGES.contains(&package.name.as_str()))
        .flat_map(|package| {
            package.sources("bench").map(|(name, source)| (package.name.as_str(), name, source))
        })
        .collect();
    let Some((name, rest)) = arguments.split_first().filter(|(name, _)| !name.starts_with('-')) else {
        println!(
            "Usage: cargo xtask bench NAME [-- ARGUMENT...]\n\nBenchmarks (`-- --help` lists arguments):"
        );
        for (_, name, source) in there {
            println!("  {name:<8} {}", about(&read(source)?));
        }
        return Ok(true);
    };
    let Some((package, ..)) = there.iter().find(|(_, it, _)| it == name) else {
        let names: Vec<&str> = there.iter().map(|(_, name, _)| *name).collect();
        return Err(format!("there is no benchmark `{name}`; benchmarks: {}", names.join(", ")));
    };
    run_command(cargo().args(["bench", "--package", package, "--all-features", "--bench", name]).args(rest))?;
    Ok(true)
}

fn read(source: &Path) -> Done<String> {
    fs::read_to_string(source).map_err(|error| format!("{} cannot be read: {error}", source.display()))
}

/// What a benchmark does: the first sentence of its docs, which may go over several lines.
fn about(source: &str) -> String {
    let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
    let first: Vec<&str> = docs.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let first = first.join(" ");
    let end = first.find(". ").unwrap_or(first.len());
    first[..end].trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn a_benchmark_is_told_by_the_first_sentence_of_its_docs() {
        assert_eq!(
            about("//! What it does,\n//! and to whom. More.\n\nfn main() {}"),
            "What it does, and to whom"
        );
        assert_eq!(about("//! What it does.\n//!\n//! More."), "What it does");
        assert_eq!(about("fn main() {}"), "");
    }
}
