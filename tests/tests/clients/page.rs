//! The chat page, and the playground of the operators, in a real browser: what a newcomer sees and does.

use std::path::Path;

use tokio::process::Command;

use crate::gateway::Gateway;
use crate::program::{scripts, told};

/// A demo whose attempts follow one another quickly.
const QUICK: &str = "
[timeouts]
first_event = \"500ms\"
idle = \"500ms\"
[retry]
initial = \"10ms\"
cap = \"50ms\"
budget = 100
";

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn the_page_shows_what_becomes_of_an_answer() {
    // A file that is not found passes with no test in it.
    passes("page.test.mjs", 11).await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn the_page_goes_on_with_an_answer_through_what_breaks() {
    passes("page_keys.test.mjs", 17).await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn the_playground_shows_what_a_text_becomes_and_why() {
    passes("page_redact.test.mjs", 7).await;
}

/// That so many tests in a file pass before a browser.
async fn passes(file: &str, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, QUICK).unwrap();
    let demo = Gateway::start("demo", &[]);
    let quick = Gateway::start("demo", &["--config", config.to_str().unwrap()]);
    let done = Command::new("node")
        .args([Path::new("--test"), Path::new("--test-reporter=spec"), &scripts().join(file)])
        .env("PAGE", &demo.url)
        .env("PAGE_QUICK", &quick.url)
        .env("ADMIN", &demo.admin)
        .env("CHROMIUM", told("LASTBYTE_CLIENTS_CHROMIUM"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{output}{}", String::from_utf8_lossy(&done.stderr));
    assert!(output.contains(&format!("ℹ pass {count}\n")), "{output}");
}
