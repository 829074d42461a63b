//! Many answers at once for one client: OpenAI's async Python SDK, its own retries off.

use std::io::Write;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Question, Sdk};
use crate::gateway::{Gateway, mock};
use crate::{curl, program};

const ANSWERS: usize = 500;

/// One process of Python reads at the speed of one processor.
const PROCESSES: usize = 2;

/// Between two events, so that the first answer is not over before the last one is asked for.
const INTERVAL_MS: u64 = 200;

/// Of the gateway's answers so many may fail, honestly: five attempts can all meet a fault.
const MAY_FAIL: usize = 1;

/// The demo, its faults as they are by default and some more, its answers slow enough.
async fn demo(more: Value) -> (Gateway, Value) {
    let demo = Gateway::start("demo", &[]);
    let url = format!("{}/demo/faults", demo.url);
    let mut faults = curl::get(&url).await;
    faults["interval_ms"] = INTERVAL_MS.into();
    for (kind, fault) in more.as_object().into_iter().flatten() {
        faults[kind] = fault.clone();
    }
    curl::post(&url, &faults).await;
    (demo, faults)
}

/// Asks everything at once, and returns what came of each question.
async fn storm(url: &str, timeout: u32) -> Vec<(Question, Answer)> {
    program::start(Sdk::OpenAi3Async, PROCESSES).await;
    let question =
        |number: usize| Question::new(Api::Chat, true, format!("Question {number}")).timeout(timeout);
    let questions: Vec<_> = (0..ANSWERS).map(question).collect();
    let shares = questions.chunks(ANSWERS / PROCESSES).map(async |share| {
        let answers = Sdk::OpenAi3Async.at(url).ask_all(share).await;
        share.iter().cloned().zip(answers).collect::<Vec<_>>()
    });
    join_all(shares).await.into_iter().flatten().collect()
}

/// The most answers that were asked for and not over at the same moment.
fn open_at_once(answers: &[(Question, Answer)]) -> usize {
    let began = answers.iter().map(|(_, answer)| (answer.began, 1));
    let ended = answers.iter().map(|(_, answer)| (answer.ended, -1));
    let mut moments: Vec<(f64, isize)> = began.chain(ended).collect();
    moments.sort_by(|a, b| a.0.total_cmp(&b.0));
    let open = moments.iter().scan(0, |open, (_, change)| {
        *open += change;
        Some(*open)
    });
    open.max().unwrap_or_default().unsigned_abs()
}

/// That every answer is all there, or was raised with nothing but its beginning: no piece of any is doubled,
/// lost or reordered, and none that is cut looks complete. Returns those that failed.
fn failed<'a>(answers: &'a [(Question, Answer)], what: &str) -> Vec<&'a (Question, Answer)> {
    let failed: Vec<_> = answers.iter().filter(|(_, answer)| answer.error.is_some()).collect();
    for (question, answer) in answers {
        if answer.error.is_none() {
            answer.assert_whole(question, what);
        } else {
            assert!(question.expected().starts_with(answer.text()), "{what}: {answer:?}");
            assert_eq!(answer.finish, None, "{what}: {answer:?}");
        }
    }
    let attempts: u32 =
        answers.iter().filter_map(|(_, answer)| answer.attempts.as_ref()?.parse::<u32>().ok()).sum();
    let began = answers.iter().map(|(_, answer)| answer.began).fold(f64::INFINITY, f64::min);
    let ended = answers.iter().map(|(_, answer)| answer.ended).fold(0.0, f64::max);
    note(&format!(
        "{what}: {} of {ANSWERS} whole, {} raised, {} open at once, {attempts} attempts, {:.1} s",
        ANSWERS - failed.len(),
        failed.len(),
        open_at_once(answers),
        ended - began
    ));
    failed
}

/// Shown also where tests pass: these figures are what a person wants to see.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "\n  {line}");
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn five_hundred_at_once_come_whole_through_the_demo() {
    let (demo, _) = demo(json!({})).await;
    let answers = storm(&demo.url, 90).await;
    let failed = failed(&answers, "through the gateway");
    assert_eq!(open_at_once(&answers), ANSWERS, "not all were open at once");
    assert!(failed.len() <= MAY_FAIL, "{} failed, such as {:?}", failed.len(), failed[0].1.error);
    assert!(failed.iter().all(|(_, answer)| answer.error.as_ref().is_some_and(|error| error.of_sdk)));
    // The faults were really met.
    let stats = curl::get(&format!("{}/demo/stats", demo.url)).await;
    assert!(stats["requests"].as_u64() > Some(ANSWERS as u64 + 30), "{stats}");
    assert!(
        stats["faults"]["status"].as_u64() > Some(10) && stats["faults"]["stall"].as_u64() > Some(2),
        "{stats}"
    );
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn of_five_hundred_at_once_each_that_is_cut_is_raised() {
    let (demo, _) = demo(json!({
        "cut": [{"rate": 0.1, "after": 10}, {"rate": 0.05, "after": 20, "reset": true}],
        "half_event": {"rate": 0.05, "after": 15},
        "error_event": {"rate": 0.05, "after": 5},
    }))
    .await;
    let answers = storm(&demo.url, 90).await;
    let failed = failed(&answers, "cut in the middle");
    let stats = curl::get(&format!("{}/demo/stats", demo.url)).await;
    let of = |kind: &str| stats["faults"][kind].as_u64().unwrap_or_default() as usize;
    let cut = of("cut") + of("half_event") + of("error_event");
    assert!(cut > ANSWERS / 10, "{stats}");
    assert!((cut..=cut + MAY_FAIL).contains(&failed.len()), "{} raised of {stats}", failed.len());
    let in_band = failed.iter().filter(|(_, answer)| {
        answer.error.as_ref().is_some_and(|error| error.of_sdk && error.code.is_some())
    });
    assert_eq!(in_band.count(), failed.len(), "an error without our reason");
}

/// The control: the same client, the same faults, no gateway.
#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn without_the_gateway_the_same_faults_reach_the_client() {
    let (_, faults) = demo(json!({})).await;
    let direct = mock(&faults).await;
    let answers = storm(direct.url().strip_suffix("/v1").unwrap(), 20).await;
    let failed = failed(&answers, "without the gateway");
    let stats = direct.stats();
    let met: u64 =
        stats.faults.iter().filter(|(kind, _)| **kind != lastbyte_mock::Kind::None).map(|it| it.1).sum();
    assert!(met > 30, "{stats:?}");
    assert_eq!((stats.requests, failed.len() as u64), (ANSWERS as u64, met));
}
