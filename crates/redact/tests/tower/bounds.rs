//! What is kept is bounded, and no half of a value is left where it is cut.

use serde_json::json;

use crate::support::{Lines, PATHS, events, exchange, question, redacted, stream};

#[tokio::test]
async fn of_a_long_question_its_beginning_is_shown() {
    let lines = Lines::new();
    let hello = || stream(events(PATHS[0], &["Hello"]));
    let long = "你".repeat(5_000);
    exchange(&redacted(), question(&long), hello()).await;
    let line = lines.one();
    assert_eq!((line["question"].len(), line["question_cut"].as_str()), (4_095, "true"));
    assert_eq!(line["question_chars"], "5000");
    assert!(!line.contains_key("answer_cut"));
    exchange(&redacted().with_max_question(15_000), question(&long), hello()).await;
    let line = lines.one();
    assert_eq!((line["question"].len(), line.contains_key("question_cut")), (15_000, false));
    // What comes behind the cut is not put in its place.
    exchange(&redacted(), question(&format!("{long}abc")), hello()).await;
    assert!(!lines.one()["question"].contains('a'));
    // Wherever the bound falls, no digit of the number comes out.
    for most in 0..60 {
        let text = format!("{} 13812345678 {}", "a".repeat(20), "b".repeat(40));
        exchange(&redacted().with_max_question(most), question(&text), hello()).await;
        let shown = lines.one()["question"].clone();
        assert!(shown.len() <= most && !shown.contains("138"), "{most}: {shown}");
    }
}

#[tokio::test]
async fn of_a_long_answer_its_end_is_shown() {
    let lines = Lines::new();
    let words: Vec<String> = (0..2_000).map(|word| format!("w{word} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    exchange(&redacted(), question("Hi"), stream(events(PATHS[0], &words))).await;
    let line = lines.one();
    assert_eq!((line["answer"].len(), line["answer_cut"].as_str()), (1_024, "true"));
    assert!(words.concat().ends_with(&line["answer"]));
    assert_eq!(line["answer_chars"], words.concat().len().to_string());
    for most in 0..60 {
        let text = format!("{} 13812345678 {}", "a".repeat(200), "b".repeat(20));
        let deltas: Vec<&str> = text.split_inclusive('3').collect();
        let layer = redacted().with_max_answer(most);
        exchange(&layer, question("Hi"), stream(events(PATHS[0], &deltas))).await;
        let shown = lines.one()["answer"].clone();
        assert!(shown.len() <= most && !shown.contains("678"), "{most}: {shown}");
    }
}

#[tokio::test]
async fn behind_too_large_an_event_an_answer_is_not_looked_at() {
    let lines = Lines::new();
    let long = "a".repeat(5_000);
    let pieces = events(PATHS[0], &["Hello. ", &long]);
    let strict = redacted().with_max_event(4_096);
    exchange(&strict, question("Hi"), stream(&pieces)).await;
    let line = lines.one();
    assert_eq!((line["answer"].trim_end(), line["code"].as_str()), ("Hello.", "answer_too_large"));
    exchange(&strict.lenient(), question("Hi"), stream(&pieces)).await;
    let line = lines.one();
    assert_eq!(
        (line["answer_unread"].as_str(), line["code"].as_str()),
        ("too large an event", "answer_too_large")
    );
    exchange(&redacted(), question("Hi"), stream(&pieces)).await;
    assert_eq!(lines.one()["answer_chars"], "5007");
}

#[tokio::test]
async fn a_request_may_be_of_any_length() {
    let lines = Lines::new();
    let image = "A".repeat(3 << 20);
    let body = json!({"messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": "What is it?"}]},
    ]});
    let body = body.to_string();
    let pieces = crate::support::Pieces::new(body.as_bytes().chunks(16 << 10));
    exchange(&redacted(), crate::support::post(PATHS[0], pieces), stream(events(PATHS[0], &["A"]))).await;
    assert_eq!(lines.one()["question"], "What is it?");
}
