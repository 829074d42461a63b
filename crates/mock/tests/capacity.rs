//! What the mock can take, asked for over sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::{Capacity, Faults, Mock, MockConfig};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_slot_is_held_from_before_the_head_to_the_last_byte() {
    let capacity = Capacity { slots: 3, head_delay_ms: 50, ..Capacity::default() };
    let faults = Faults { capacity: Some(capacity), chunks: 3, interval_ms: 50, ..Faults::default() };
    let config = MockConfig { seed: 1, faults };
    let mock = Mock::bind(([127, 0, 0, 1], 0).into(), config).await.unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let url = format!("{}/chat/completions", mock.url());
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let body = Full::new(Bytes::from(r#"{"model":"m","messages":[],"stream":true}"#));
        let request = Request::post(&url).body(body).unwrap();
        let answer = client.request(request);
        asking.spawn(async move {
            let answer = answer.await.unwrap();
            let status = answer.status();
            answer.into_body().collect().await.unwrap();
            status
        });
    }
    let told = asking.join_all().await;
    assert_eq!(told.iter().filter(|status| **status == StatusCode::OK).count(), 3, "{told:?}");
    let stats = mock.stats();
    assert_eq!((stats.requests, stats.answers, stats.refused, stats.peak), (10, 3, 7, 3));
}
