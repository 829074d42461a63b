use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;

use super::answer::text_of;
use super::{CHAT, Http, PATIENCE, question};

/// Somebody who asks once, and wants to have that one answer whatever becomes of the connection: it comes back
/// with the number of the last event it has seen.
pub(crate) struct Reader {
    pub(crate) key: String,
    pub(crate) words: String,
    /// The number of the last event.
    pub(crate) seen: u64,
    pub(crate) text: String,
    pub(crate) finished: bool,
    /// The id of the answer, once it is known.
    pub(crate) answer: Option<String>,
    pub(crate) restarts: bool,
    pub(crate) credential: Option<&'static str>,
}

/// What one connection was good for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    /// The answer is whole.
    Whole,
    /// We left, as we had meant to.
    Left,
    /// The connection broke, or could not be made.
    Broken,
    /// An error event, by its code.
    Failed(String),
    /// Another status than 200.
    Refused(u16),
}

impl Reader {
    pub(crate) fn new(key: impl Into<String>) -> Self {
        let key = key.into();
        let words = format!("tell {key}");
        Self {
            key,
            words,
            seen: 0,
            text: String::new(),
            finished: false,
            answer: None,
            restarts: false,
            credential: None,
        }
    }

    fn request(&self, url: &str) -> Request<Full<bytes::Bytes>> {
        let mut request = Request::post(format!("{url}{CHAT}"))
            .header("content-type", "application/json")
            .header("idempotency-key", format!("\"{}\"", self.key));
        if self.seen > 0 {
            request = request.header("last-event-id", self.seen.to_string());
        }
        if self.restarts {
            request = request.header("x-lastbyte-accept", "restart");
        }
        if let Some(credential) = self.credential {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        request.body(Full::new(question(&self.words, true))).unwrap()
    }

    /// Reads on, up to `most` more events.
    pub(crate) async fn read(&mut self, client: &Http, url: &str, most: usize) -> Got {
        let reading = async {
            let Ok(response) = client.request(self.request(url)).await else { return Got::Broken };
            match response.status().as_u16() {
                200 => {}
                204 => return if self.finished { Got::Whole } else { Got::Failed("nothing left".into()) },
                status => {
                    // Taken in, so that the connection is not lost with it.
                    let _ = response.into_body().collect().await;
                    return Got::Refused(status);
                }
            }
            let answer = response.headers().get("x-lastbyte-answer").unwrap().to_str().unwrap();
            assert_eq!(self.answer.get_or_insert_with(|| answer.to_owned()), answer, "another answer");
            self.take(response.into_body(), most).await
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("no end of the answer")
    }

    async fn take(&mut self, mut body: Incoming, most: usize) -> Got {
        // Bytes: a piece may end inside of a letter.
        let mut rest = Vec::new();
        let mut events = 0;
        let mut failed = None;
        loop {
            let frame = match body.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return failed.map_or(Got::Broken, Got::Failed),
                None => {
                    return match failed {
                        Some(_) => panic!("an error that the transport takes back"),
                        None if self.finished => Got::Whole,
                        None => panic!("an answer that is cut looks whole: {}", self.text),
                    };
                }
            };
            rest.extend_from_slice(&frame.into_data().unwrap_or_default());
            while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = rest.drain(..end + 2).collect();
                failed = self.event(std::str::from_utf8(&block).unwrap()).or(failed);
                events += 1;
                if events >= most && failed.is_none() && !self.finished {
                    return Got::Left;
                }
            }
        }
    }

    /// Takes one event in; the code of an error.
    fn event(&mut self, block: &str) -> Option<String> {
        let of = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let data = of("data: ")?;
        if let Some(id) = of("id: ") {
            let id: u64 = id.parse().unwrap();
            assert_eq!(id, self.seen + 1, "event {id} behind event {}", self.seen);
            self.seen = id;
        }
        if of("event: ") == Some("restart") {
            assert!(self.restarts);
            self.text.clear();
            return None;
        }
        if data == "[DONE]" {
            return None;
        }
        let event: Value = serde_json::from_str(data).unwrap();
        if let Some(code) = event["error"]["code"].as_str() {
            return Some(code.to_owned());
        }
        self.text += text_of(&event);
        self.finished |= event["choices"][0]["finish_reason"].is_string();
        None
    }
}
