//! What people read is true to what is there: code, links, names of tests, tables.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// All files below `folder` whose names end so, but for what is built or installed.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !matches!(name.as_str(), "target" | "node_modules") {
            found.extend(files(&path, end));
        } else if path.is_file() && name.ends_with(end) {
            found.push(path);
        }
    }
    found
}

fn pages() -> Vec<(PathBuf, String)> {
    let pages = files(&root(), ".md");
    assert!(pages.len() > 5, "{pages:?}");
    pages.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Lines without what they are indented by.
fn flat(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_block_of_rust_is_a_part_of_a_file_that_is_compiled() {
    let mut count = 0;
    for (page, text) in pages() {
        for (number, _) in text.match_indices("```rust") {
            let (before, block) = text.split_at(number);
            let block =
                block.lines().skip(1).take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
            let named = before.trim_end().lines().next_back().unwrap_or_default();
            let named = named.strip_prefix("<!-- from ").and_then(|rest| rest.strip_suffix(" -->"));
            let named =
                named.unwrap_or_else(|| panic!("{}: of which file is this?\n{block}", page.display()));
            let source = fs::read_to_string(root().join(named)).unwrap();
            assert!(
                !block.trim().is_empty() && flat(&source).contains(&flat(&block)),
                "{}: not in {named}:\n{block}",
                page.display()
            );
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn the_readmes_program_is_the_whole_example() {
    let program = fs::read_to_string(root().join("examples/hyper-client/src/main.rs")).unwrap();
    for page in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        assert!(text.contains(&format!("```rust\n{program}```\n")), "{page}");
    }
}

#[test]
fn every_link_leads_to_something() {
    for (page, text) in pages() {
        let prose = prose(&text);
        for (_, rest) in prose.match_indices("](").map(|(at, _)| prose.split_at(at + 2)) {
            let link = rest.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let there = fs::read_to_string(&target).unwrap();
                let found = prose_headings(&there).any(|heading| heading == anchor);
                assert!(found, "{}: there is no heading for {link}", page.display());
            }
        }
    }
}

/// Headings as anchors: lower case, words joined by hyphens, without punctuation.
fn prose_headings(text: &str) -> impl Iterator<Item = String> {
    let headings: Vec<String> = prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = line.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|at| at.is_alphanumeric() || matches!(at, ' ' | '-' | '_'));
            kept.map(|at| if at == ' ' { '-' } else { at }).collect()
        })
        .collect();
    headings.into_iter()
}

#[test]
fn every_test_that_the_guarantees_name_is_there() {
    let guarantees = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let sources: Vec<String> = ["crates", "examples", "tests"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let words = guarantees.split('`').skip(1).step_by(2);
    let names: Vec<&str> = words.filter(|word| is_name_of_a_test(word)).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let head = format!("fn {name}(");
        assert!(sources.iter().any(|source| source.contains(&head)), "docs/guarantees.md: {name}");
    }
}

/// Tests are named by sentences.
fn is_name_of_a_test(word: &str) -> bool {
    word.matches('_').count() >= 3
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
}

#[test]
fn the_readmes_name_every_member_of_the_workspace() {
    for folder in ["crates", "examples"] {
        for member in fs::read_dir(root().join(folder)).unwrap() {
            let member = member.unwrap().path();
            if !member.join("Cargo.toml").exists() {
                continue;
            }
            let link = format!("]({folder}/{})", member.file_name().unwrap().to_string_lossy());
            for page in ["README.md", "README.zh-CN.md"] {
                let text = fs::read_to_string(root().join(page)).unwrap();
                assert!(text.contains(&link), "{page}: {link}");
            }
        }
    }
}
