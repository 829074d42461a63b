//! The chat API on loopback, and readers of its answers.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use lastbyte_mock::{Fault, Faults, Kind, Mock, MockConfig, Stats, expected_text};
use serde_json::{Value, json};

/// How long anything may take that has no reason to take long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn mock(script: &[Fault]) -> Mock {
    let faults = Faults { script: script.to_vec(), ..Faults::default() };
    Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await.unwrap()
}

pub(crate) fn fault(kind: Kind) -> Fault {
    Fault::new(kind)
}

/// A cut in the middle, behind what was written.
pub(crate) fn cut() -> Fault {
    Fault { after: Some(5), ..fault(Kind::Cut) }
}

fn messages() -> Value {
    json!([{"role": "user", "content": "How far is it to the last byte?"}])
}

pub(crate) fn question() -> Bytes {
    json!({"model": "mock-1", "stream": true, "messages": messages()}).to_string().into()
}

/// The text that answers [`question`].
pub(crate) fn answer() -> String {
    expected_text(1, &messages())
}

pub(crate) fn request(authority: &str) -> Request<Full<Bytes>> {
    Request::post(format!("http://{authority}/v1/chat/completions"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(question()))
        .unwrap()
}

/// An answer that was read.
pub(crate) struct Got {
    pub(crate) head: http::response::Parts,
    pub(crate) bytes: String,
    /// Whether its transport failed.
    pub(crate) failed: bool,
}

pub(crate) async fn read<B>(response: Response<B>) -> Got
where
    B: Body<Data = Bytes>,
{
    let (head, body) = response.into_parts();
    let mut body = Box::pin(body);
    let (mut bytes, mut failed) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(_) => {
                failed = true;
                break;
            }
        }
    }
    Got { head, bytes: String::from_utf8(bytes).unwrap(), failed }
}

impl Got {
    fn events(&self) -> impl Iterator<Item = Value> {
        let lines = self.bytes.lines().filter_map(|line| line.strip_prefix("data: "));
        lines
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).expect("an event of JSON"))
    }

    /// The text of the answer.
    pub(crate) fn text(&self) -> String {
        let events: Vec<Value> = self.events().collect();
        let texts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
        texts.collect()
    }

    /// The code of the error event.
    pub(crate) fn code(&self) -> Option<String> {
        self.events().find_map(|event| Some(event["error"]["code"].as_str()?.to_owned()))
    }

    #[track_caller]
    pub(crate) fn assert_whole(&self, what: &str) {
        assert_eq!(self.head.status.as_u16(), 200, "{what}: {}", self.bytes);
        assert!(!self.failed && self.bytes.ends_with("data: [DONE]\n\n"), "{what}: {}", self.bytes);
        assert_eq!(self.text(), answer(), "{what}");
    }
}

/// Waits until the chat API has counted that.
pub(crate) async fn until(mock: &Mock, what: &str, is: impl Fn(&Stats) -> bool) {
    let waiting = async {
        while !is(&mock.stats()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what}: {:?}", mock.stats()));
}
