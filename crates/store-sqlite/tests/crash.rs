//! What was acknowledged is there, at whatever moment the process is killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kit::{answer, batch, complete, open, texts};
use lastbyte_store::{Journal, Look, State};
use lastbyte_store_sqlite::Sqlite;

/// Where the child finds its file; in the parent it is not set.
const FILE: &str = "LASTBYTE_TEST_FILE";

/// Rounds of killing. The seed makes each wait for another number of acknowledgements.
const ROUNDS: u128 = 20;

/// Answers that the child writes at once.
const AT_ONCE: u128 = 4;

/// What the child does until it is killed: it writes answers, and says what was acknowledged.
async fn write_until_killed(path: PathBuf, round: u128) {
    let store = Sqlite::open(path).await.unwrap();
    let write = |at: u128| {
        let store = store.clone();
        async move {
            for count in 0.. {
                let key = (round << 64) | (at << 32) | count;
                let new = answer(key);
                let lease = open(&store, new).await;
                println!("open {key}");
                for event in 1..=30 {
                    store.append(lease, batch(event, &[&event.to_string()])).await.unwrap();
                    println!("event {key} {event}");
                }
                store.end(lease, batch(31, &["last"]), complete()).await.unwrap();
                println!("end {key}");
            }
        }
    };
    futures_util::future::join_all((0..AT_ONCE).map(write)).await;
}

/// Starts this test anew as a child, kills it after so many lines, and gives what it said.
fn killed_after(path: &PathBuf, round: u128, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_outlives_a_kill", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .env("LASTBYTE_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut heard: Vec<_> = said.by_ref().take(lines).collect();
    // SIGKILL, where there are signals.
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it was killed counts too; a line that was cut short does not.
    heard.extend(said);
    heard
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill() {
    if let (Ok(path), Ok(round)) = (std::env::var(FILE), std::env::var("LASTBYTE_TEST_ROUND")) {
        return write_until_killed(path.into(), round.parse().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let mut random = fastrand::Rng::with_seed(1);
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let heard = killed_after(&path, round, random.usize(5..400));
        // Nobody has to be waited for: the lock has died with the process.
        let store = Sqlite::open(&path).await.unwrap();
        for line in &heard {
            let words: Vec<_> = line.split(' ').collect();
            let (what, key) = match words[..] {
                [what @ ("open" | "event" | "end"), key, ..] => {
                    (what, key.parse::<u128>().unwrap_or(u128::MAX))
                }
                _ => continue,
            };
            let id = answer(key).id;
            let Look::Known(record) = store.look(id).await.unwrap() else {
                assert!(!heard.contains(&format!("open {key}")), "`{line}`, and it is not there");
                continue;
            };
            match what {
                "event" => {
                    let event: u64 = words[2].parse().unwrap();
                    assert!(record.events >= event, "`{line}`, and there are {}", record.events);
                }
                "end" => assert_eq!((record.state, record.events), (State::Complete, 31), "`{line}`"),
                _ => {}
            }
            acknowledged += 1;
        }
        // All that run are there to be taken over at once, without a gap.
        while let Some(claimed) = store.claim_any(&[]).await.unwrap() {
            assert_eq!(&claimed.request[..], b"request");
            let events = texts(&store, claimed.record.id).await;
            let numbers: Vec<_> = (1..=events.len()).map(|number| number.to_string()).collect();
            assert_eq!(events, numbers);
            let last = batch(events.len() as u64 + 1, &[]);
            store.end(claimed.lease, last, complete()).await.unwrap();
        }
        store.close().await;
    }
    assert!(acknowledged > 1000, "only {acknowledged} lines were looked at");
}
