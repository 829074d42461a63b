use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What came back, and whether the transport said that this was all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) clean: bool,
}

/// How an answer looks to one who reads it to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Whole(String),
    /// The code of the error event, or the status.
    Failed(String),
    /// Neither: what must never be.
    Unknown,
}

impl Told {
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{:?}", self.body))
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.body);
        let blocks = text.split("\n\n").filter_map(|block| {
            let lines: Vec<_> = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        });
        blocks.collect()
    }

    /// All text of the stream, whatever came of it.
    pub(crate) fn text(&self) -> String {
        let events = self.events();
        let events = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        events.map(|event| text_of(&event).to_owned()).collect()
    }

    /// The code of the last event, where that is an error.
    pub(crate) fn code(&self) -> Option<String> {
        let last: Value = serde_json::from_str(self.events().last()?).ok()?;
        last["error"]["code"].as_str().map(str::to_owned)
    }

    pub(crate) fn told(&self) -> Told {
        if !self.status.is_success() {
            let honest = self.clean && self.json()["error"]["message"].is_string();
            return if honest { Told::Failed(self.status.as_str().to_owned()) } else { Told::Unknown };
        }
        if !self.header("content-type").starts_with("text/event-stream") {
            return self.told_whole();
        }
        if let Some(code) = self.code() {
            // An error that the transport takes back would be overlooked by half of the readers.
            return if self.clean { Told::Unknown } else { Told::Failed(code) };
        }
        let finished = self.events().iter().any(|event| {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            event["choices"][0]["finish_reason"].is_string()
                || matches!(event["type"].as_str(), Some("response.completed" | "message_stop"))
        });
        if finished && self.clean { Told::Whole(self.text()) } else { Told::Unknown }
    }

    /// The same of an answer in one piece.
    fn told_whole(&self) -> Told {
        if !self.clean {
            return Told::Failed("broken".into());
        }
        let Ok(json) = serde_json::from_slice::<Value>(&self.body) else { return Told::Unknown };
        let places = ["/choices/0/message/content", "/output/0/content/0/text", "/content/0/text"];
        let text = places.into_iter().find_map(|place| json.pointer(place)?.as_str());
        text.map_or(Told::Unknown, |text| Told::Whole(text.to_owned()))
    }
}

/// The text that one event adds.
pub(super) fn text_of(event: &Value) -> &str {
    let places = ["/choices/0/delta/content", "/delta/text", "/delta"];
    places.into_iter().find_map(|place| event.pointer(place)?.as_str()).unwrap_or_default()
}
