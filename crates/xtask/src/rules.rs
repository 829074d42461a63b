//! The house rules of CONTRIBUTING.md that neither the compiler nor clippy knows.
//!
//! They read the source by line, as rustfmt lays it out, and not the syntax tree: enough to catch a slip,
//! and there is nothing to gain by getting around them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::Done;
use crate::workspace::Package;

/// The layers: none may depend on another, so that each can be used alone and in any order.
const LAYERS: [&str; 10] = [
    "lastbyte-guard",
    "lastbyte-retry",
    "lastbyte-breaker",
    "lastbyte-backpressure",
    "lastbyte-quota",
    "lastbyte-idempotency",
    "lastbyte-dialogue",
    "lastbyte-deferred",
    "lastbyte-redact",
    "lastbyte-rollout",
];

/// Beyond this a file holds more than one thought.
const MOST_LINES: usize = 400;

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// How far above a spawned task the comment on its end may stand.
const COMMENT_WITHIN: usize = 3;

/// Everything that breaks a rule, one line each: where, what, and what to do.
pub(crate) fn broken(root: &Path, packages: &[Package]) -> Done<Vec<String>> {
    let mut found = Vec::new();
    for package in packages {
        let manifest = fs::read_to_string(&package.manifest)
            .map_err(|error| format!("{} cannot be read: {error}", package.manifest.display()))?;
        if !inherits_lints(&manifest) {
            let at = shown(root, &package.manifest);
            found.push(format!(
                "{at}: the workspace's lints do not apply; add `[lints]` and `workspace = true`"
            ));
        }
        found.extend(layer_in_layer(package));
    }
    let mut files = Vec::new();
    for folder in ["crates", "examples"] {
        for member in entries(&root.join(folder))? {
            sources(&member.join("src"), &mut files)?;
        }
    }
    for file in files {
        let source = fs::read_to_string(&file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        found.extend(broken_in_file(&shown(root, &file), &source));
    }
    Ok(found)
}

fn broken_in_file(at: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(too_long(at, source.lines().count(), &LONG_FILES));
    // Test doubles may be plain, and a test's tasks end with its runtime.
    let is_test = at.ends_with("/tests.rs") || at.contains("/tests/");
    if !is_test {
        let lines: Vec<&str> = source.lines().take_while(|line| line.trim() != "#[cfg(test)]").collect();
        found.extend(bodies(at, &lines));
        found.extend(spawns(at, &lines));
    }
    found
}

fn inherits_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("workspace", "true")) => section == "[lints]",
            Some(("lints.workspace", "true")) => section.is_empty(),
            _ => false,
        }
    })
}

fn layer_in_layer(package: &Package) -> Vec<String> {
    if !LAYERS.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let others = package.dependencies.iter().filter(|name| LAYERS.contains(&name.as_str()));
    others
        .map(|other| {
            let name = &package.name;
            format!("{name}: depends on the layer {other}; move what both need into lastbyte-core")
        })
        .collect()
}

fn too_long(at: &str, lines: usize, allowed: &[(&str, &str)]) -> Option<String> {
    let allowed = allowed.iter().any(|(file, _)| *file == at);
    match (lines > MOST_LINES, allowed) {
        (true, false) => Some(format!("{at}: {lines} lines, over {MOST_LINES}; split it by what it does")),
        (false, true) => Some(format!("{at}: short again; take it out of `LONG_FILES`")),
        _ => None,
    }
}

/// A body that leaves out one of its two hints makes hyper send chunked what had a length, or read on
/// where nothing comes.
fn bodies(at: &str, lines: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if !implements_body(line.trim_start()) {
            continue;
        }
        // rustfmt closes a block at the indentation it was opened with.
        let indent = &line[..line.len() - line.trim_start().len()];
        let rest = &lines[number..];
        let block = rest.split(|line| line.strip_prefix(indent) == Some("}")).next().unwrap_or(rest);
        for method in ["is_end_stream", "size_hint"] {
            if !block.iter().any(|line| line.contains(&format!("fn {method}("))) {
                let line = number + 1;
                found
                    .push(format!("{at}:{line}: a body without `{method}`; forward it, or answer it itself"));
            }
        }
    }
    found
}

/// `impl<B> Body for X`, `impl http_body::Body for X`, and the last line of a header that was wrapped.
fn implements_body(line: &str) -> bool {
    (line.starts_with("impl") || line.starts_with('>'))
        && line.split_once("Body for ").is_some_and(|(before, _)| before.ends_with([' ', ':']))
}

fn spawns(at: &str, lines: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        let detached = code.split("::spawn").next().filter(|before| before.len() < code.len());
        if !detached.is_some_and(|before| before.ends_with("tokio") || before.ends_with("task")) {
            continue;
        }
        let above = &lines[number.saturating_sub(COMMENT_WITHIN)..number];
        let says = |line: &&str| line.split_once("//").is_some_and(|(_, comment)| comment.contains("ends"));
        if !above.iter().any(says) {
            let line = number + 1;
            found.push(format!(
                "{at}:{line}: a task nobody is said to end; spawn it on a `JoinSet`, or say in a comment \
                 within the {COMMENT_WITHIN} lines above who or what ends it (the word \"ends\" is looked for)"
            ));
        }
    }
    found
}

/// All Rust files below a folder that may not exist.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Done {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in entries(folder)? {
        if entry.is_dir() {
            sources(&entry, files)?;
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    Ok(())
}

/// What a folder holds, in the order of its names.
fn entries(folder: &Path) -> Done<Vec<PathBuf>> {
    let told = |error| format!("{} cannot be read: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// A path from the root, with slashes everywhere.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
