//! Which calls have a line.

use http::Method;
use lastbyte_redact::tower::{QuestionsLayer, Show};

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
