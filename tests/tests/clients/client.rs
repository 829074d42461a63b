//! The clients, what they are asked, and what they make of an answer.

use std::fmt;

use lastbyte_mock::expected_text;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::SEED;
use crate::{curl, program};

/// A client that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sdk {
    OpenAi3,
    OpenAi3Async,
    OpenAi2,
    OpenAi2Async,
    OpenAiNode,
    Anthropic,
    AnthropicAsync,
    AnthropicNode,
    /// Only where a test names it: it tells less of an answer than the others.
    Vercel,
    Curl,
}

/// A kind of chat call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    Chat,
    Responses,
    Messages,
}

impl Sdk {
    pub(crate) const ALL: [Self; 9] = [
        Self::OpenAi3,
        Self::OpenAi3Async,
        Self::OpenAi2,
        Self::OpenAi2Async,
        Self::OpenAiNode,
        Self::Anthropic,
        Self::AnthropicAsync,
        Self::AnthropicNode,
        Self::Curl,
    ];

    /// Those with retries of their own.
    pub(crate) const RETRYING: &[Self] = Self::ALL.split_at(8).0;

    pub(crate) fn apis(self) -> &'static [Api] {
        match self {
            Self::Anthropic | Self::AnthropicAsync | Self::AnthropicNode => &[Api::Messages],
            Self::Curl => &[Api::Chat, Api::Responses, Api::Messages],
            Self::Vercel => &[Api::Chat],
            _ => &[Api::Chat, Api::Responses],
        }
    }

    /// How it names itself: the versions that the requirement files pin.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::OpenAi3 | Self::OpenAi3Async => "openai 3.54.0",
            Self::OpenAi2 | Self::OpenAi2Async => "openai 2.54.0",
            Self::OpenAiNode => "openai 6.49.0",
            Self::Anthropic | Self::AnthropicAsync => "anthropic 2.12.0",
            Self::AnthropicNode => "anthropic 1.12.0",
            Self::Vercel => "ai 6.0.325",
            Self::Curl => "curl",
        }
    }

    /// Itself before a chat API at `url`.
    pub(crate) fn at(self, url: &str) -> Client {
        Client { sdk: self, url: url.to_owned() }
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.version())
    }
}

/// A client and whom it asks.
pub(crate) struct Client {
    sdk: Sdk,
    url: String,
}

impl Client {
    pub(crate) async fn ask(&self, question: &Question) -> Answer {
        let [answer] = self.ask_all(std::slice::from_ref(question)).await.try_into().unwrap();
        answer
    }

    /// Asks everything at once where the client can, and returns the answers in the questions' order.
    pub(crate) async fn ask_all(&self, questions: &[Question]) -> Vec<Answer> {
        if self.sdk != Sdk::Curl {
            let lines = questions.iter().map(|question| question.line(&self.url)).collect();
            return program::ask(self.sdk, lines).await;
        }
        let mut answers = Vec::new();
        for question in questions {
            answers.push(curl::ask(&self.url, question).await);
        }
        answers
    }
}

/// A question to be asked. The SDK's own retries are off unless they are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) api: Api,
    pub(crate) words: String,
    pub(crate) stream: bool,
    pub(crate) retries: u32,
    pub(crate) timeout: Option<u32>,
    pub(crate) more: Value,
    pub(crate) key: Option<String>,
}

impl Question {
    pub(crate) fn new(api: Api, stream: bool, words: impl Into<String>) -> Self {
        Self { api, words: words.into(), stream, retries: 0, timeout: None, more: json!({}), key: None }
    }

    pub(crate) fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// In seconds, of the SDK.
    pub(crate) fn timeout(mut self, timeout: u32) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// More members of the request.
    pub(crate) fn more(mut self, more: Value) -> Self {
        self.more = more;
        self
    }

    /// With the header `Idempotency-Key`.
    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn messages(&self) -> Value {
        json!([{"role": "user", "content": self.words}])
    }

    /// The text that answers it.
    pub(crate) fn expected(&self) -> String {
        expected_text(SEED, &self.messages())
    }

    fn line(&self, url: &str) -> Value {
        let api = match self.api {
            Api::Chat => "chat",
            Api::Responses => "responses",
            Api::Messages => "messages",
        };
        let mut line = json!({"url": url, "api": api, "question": self.words, "stream": self.stream,
                              "retries": self.retries, "more": self.more});
        if let Some(timeout) = self.timeout {
            line["timeout"] = timeout.into();
        }
        if let Some(key) = &self.key {
            line["headers"] = json!({"Idempotency-Key": key});
        }
        line
    }
}

/// What a client has of an answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    /// The text of each choice.
    pub(crate) texts: Vec<String>,
    /// Those of tool calls.
    pub(crate) arguments: String,
    pub(crate) finish: Option<String>,
    /// Tokens of the answer.
    pub(crate) usage: Option<u64>,
    pub(crate) chunks: u32,
    pub(crate) status: Option<u16>,
    /// The header `x-lastbyte-attempts`.
    pub(crate) attempts: Option<String>,
    /// The header `x-lastbyte-answer`.
    #[serde(default)]
    pub(crate) answer: Option<String>,
    /// The header `Idempotent-Replayed`.
    #[serde(default)]
    pub(crate) replayed: Option<String>,
    /// What it raised: without one, an application takes the answer for whole.
    pub(crate) error: Option<Raised>,
    /// Seconds on a clock of all Python processes.
    #[serde(default)]
    pub(crate) began: f64,
    #[serde(default)]
    pub(crate) ended: f64,
    /// The bytes, where the client shows them.
    #[serde(skip)]
    pub(crate) bytes: Vec<u8>,
}

/// An error as an SDK raises it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Raised {
    pub(crate) class: String,
    /// Whether it is one of the SDK's own errors, which applications expect.
    pub(crate) of_sdk: bool,
    pub(crate) message: String,
    pub(crate) code: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<String>,
    pub(crate) should_retry: Option<String>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    /// That the text is all there, nothing doubled, lost or reordered, and that nothing was raised.
    #[track_caller]
    pub(crate) fn assert_whole(&self, question: &Question, context: &str) {
        assert!(self.error.is_none(), "{context}: {self:?}");
        assert_eq!(self.text(), question.expected(), "{context}: {self:?}");
        assert!(self.finish.is_some(), "{context}: {self:?}");
    }

    /// What was raised.
    #[track_caller]
    pub(crate) fn raised(&self, context: &str) -> &Raised {
        self.error.as_ref().unwrap_or_else(|| panic!("{context}: looks complete: {self:?}"))
    }
}
