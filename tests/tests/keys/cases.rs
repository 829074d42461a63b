//! The scripts of what becomes of requests under a key, run on a pretended clock. Those of deferred answers are
//! left to who defers.

use serde_json::Value;

use crate::{expect, script};

fn cases() -> Vec<Value> {
    let path = format!("{}/cases/idempotency_cases.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 45);
    let mut cases: Vec<_> = cases.into_iter().filter(|case| !name(case).starts_with("deferred_")).collect();
    for case in &mut cases {
        if name(case) == "owner_crash_mid_stream" {
            // It was written before there was a way to go on: the gateway's contract has `resume` for the usual.
            case["input"]["config"]["after_crash"] = "fail".into();
        }
    }
    cases
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

#[test]
fn every_script_ends_as_it_says() {
    let cases = cases();
    assert_eq!(cases.len(), 40);
    let mut wrong = Vec::new();
    for case in &cases {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let ran = runtime.block_on(script::run(case));
        wrong.extend(expect::check(case, &ran).into_iter().map(|what| format!("{}: {what}", name(case))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
