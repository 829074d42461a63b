//! Which calls have a line.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::Method;
use lastbyte_redact::tower::{QuestionsLayer, Show, TARGET};
use lastbyte_redact::trace::RedactLayer;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Lines, PATHS, Pieces, answer, events, exchange, post, question, redacted, stream};

fn hello() -> http::Response<Pieces> {
    stream(events(PATHS[0], &["Hello"]))
}

#[tokio::test]
async fn what_is_off_or_no_question_has_no_line() {
    let lines = Lines::new();
    exchange(&redacted().with_show(Show::Off), question("Hi"), hello()).await;
    exchange(
        &redacted(),
        post("/v1/embeddings", Pieces::new(["{}"])),
        answer("application/json", Pieces::new(["{}"])),
    )
    .await;
    let mut get = question("Hi");
    *get.method_mut() = Method::GET;
    exchange(&redacted(), get, hello()).await;
    assert_eq!(lines.take(), []);
}

#[tokio::test]
async fn a_seed_chooses_which_calls_have_a_line() {
    let lines = Lines::new();
    let mut taken = Vec::new();
    for seed in [1, 1, 2] {
        let layer = redacted().with_sample(0.25).unwrap().with_seed(seed);
        for call in 0..200 {
            // Clones of a layer count together.
            exchange(&layer.clone(), question(&call.to_string()), hello()).await;
        }
        taken.push(lines.take().into_iter().map(|line| line["question"].clone()).collect::<Vec<_>>());
    }
    assert_eq!(taken[0], taken[1]);
    assert_ne!(taken[0], taken[2]);
    assert!((30..=70).contains(&taken[0].len()), "{}", taken[0].len());
    exchange(&redacted().with_sample(0.0).unwrap(), question("Hi"), hello()).await;
    assert_eq!(lines.take(), []);
    assert!(redacted().with_sample(1.5).is_none());
}

/// A place to write to, and what can be read in it.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_layer_that_redacts_logs_writes_the_line_as_it_is() {
    let (out, lines) = (Out::default(), Lines::new());
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
    let mut answer = events(PATHS[0], &["write to li.wei@", "example.com"]);
    answer.insert(2, usage.to_owned());
    let keyed = QuestionsLayer::new(crate::support::keyed()).with_show(Show::Redacted);
    exchange(&keyed, question("密码: hunter2!x"), stream(&answer)).await;
    let line = lines.one();
    drop(lines);
    let to = out.clone();
    let layer = RedactLayer::new(crate::support::keyed()).with_json().with_writer(move || to.clone());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    exchange(&keyed, question("密码: hunter2!x"), stream(&answer)).await;
    drop(guard);
    let written: serde_json::Value = serde_json::from_slice(&out.0.lock().unwrap()).unwrap();
    assert_eq!(written["target"], TARGET);
    let mut fields = 0;
    for (name, value) in line.iter().filter(|(name, _)| !name.ends_with("ms")) {
        let value_written = &written["fields"][name];
        let text = value_written.as_str().map_or_else(|| value_written.to_string(), str::to_owned);
        assert_eq!(text, *value, "{name}");
        fields += 1;
    }
    assert!(fields >= 14, "{line:?}");
}

#[test]
fn a_way_to_show_has_a_name() {
    for show in Show::ALL {
        assert_eq!(show.to_string().parse(), Ok(show));
    }
    let wrong = "all".parse::<Show>().unwrap_err();
    assert_eq!(wrong.to_string(), "\"all\" is none of off, digest, redacted");
    assert_eq!(Show::default(), Show::Digest);
}

#[test]
fn nothing_shows_the_key() {
    let layer = QuestionsLayer::new(crate::support::keyed());
    assert!(!format!("{layer:?}").contains("thirty"));
}
