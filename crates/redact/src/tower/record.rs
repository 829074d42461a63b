//! What is known of one call, and the line it leaves.

use std::sync::{Arc, Mutex, PoisonError};

use http::response;
use lastbyte_core::{Ask, Dialect, Ending, EndingHandle, Phase, Usage};
use tokio::time::Instant;
use tracing::Span;

use super::answer::Answer;
use super::layer::{Config, TARGET};
use super::question::Question;
use super::text::{Keep, Text, Told};

/// The question, while it is read by the request's body.
pub(super) type Shared = Arc<Mutex<Question>>;

/// One call that is logged when this is dropped: it goes from the future into the body.
#[derive(Debug)]
pub(super) struct Record {
    /// That of the request: a body may be dropped anywhere.
    span: Span,
    dialect: Dialect,
    config: Config,
    question: Result<Shared, &'static str>,
    answer: Option<Answer>,
    begun: Instant,
    head: Option<(u16, Instant)>,
    content: Option<Instant>,
    ending: How,
}

/// Where its ending is known from.
#[derive(Debug)]
enum How {
    /// There is no head yet.
    NoHead,
    Told(Ending),
    Handle(EndingHandle),
}

impl Record {
    /// Of a call that begins now.
    pub(super) fn new(dialect: Dialect, config: Config, question: Result<Shared, &'static str>) -> Self {
        Self {
            span: Span::current(),
            dialect,
            config,
            question,
            answer: None,
            begun: Instant::now(),
            head: None,
            content: None,
            ending: How::NoHead,
        }
    }

    /// Where its question is read, if it is.
    pub(super) fn question(&self) -> Option<Shared> {
        self.question.as_ref().ok().cloned()
    }

    /// There will be no answer.
    pub(super) fn failed(mut self, ending: Ending) {
        self.ending = How::Told(ending);
    }

    /// There is an answer, and this is its head.
    pub(super) fn answered(&mut self, ask: &Ask, head: &response::Parts, handle: EndingHandle) {
        let Config { redactor, show, max_answer, max_event, .. } = &self.config;
        let text = Text::new(redactor, *show, Keep::Last(*max_answer));
        self.answer = Some(Answer::new(ask, head, *max_event, text));
        self.head = Some((head.status.as_u16(), Instant::now()));
        self.ending = How::Handle(handle);
    }

    /// Looks at a frame of the answer as it passes.
    pub(super) fn read(&mut self, data: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.read(data);
        }
        if let (None, How::Handle(handle)) = (self.content, &self.ending)
            && handle.phase() == Phase::Stream
        {
            self.content = Some(Instant::now());
        }
    }

    fn log(&mut self) {
        let (ending, events) = match &self.ending {
            How::NoHead if std::thread::panicking() => (Ending::Interrupted, None),
            How::NoHead => (Ending::Abandoned, None),
            How::Told(ending) => (ending.clone(), None),
            How::Handle(handle) => {
                (handle.ending().cloned().unwrap_or(Ending::Abandoned), Some(handle.events()))
            }
        };
        let events = self.answer.as_ref().and_then(Answer::events).or(events);
        let usage = usage(&ending);
        let question = Line::of(match &self.question {
            Ok(question) => question.lock().unwrap_or_else(PoisonError::into_inner).finish(),
            Err(why) => Err(*why),
        });
        let answer = Line::of(self.answer.take().map_or(Err("no answer"), Answer::finish));
        let since = |at: Instant| u64::try_from((at - self.begun).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: TARGET,
            parent: &self.span,
            dialect = name(self.dialect),
            status = self.head.map(|(status, _)| status),
            ending = ending.name(),
            // Where it says more than the ending: for a reader all that ended on this side is `interrupted`.
            code = Some(ending.code()).filter(|code| !matches!(*code, "none" | "interrupted")),
            events,
            input_tokens = usage.map(|usage| usage.input),
            output_tokens = usage.map(|usage| usage.output),
            head_ms = self.head.map(|(_, at)| since(at)),
            content_ms = self.content.map(since),
            ms = since(Instant::now()),
            question = question.text(),
            question_chars = question.chars(),
            question_language = question.language(),
            question_hash = question.hash(),
            question_cut = question.cut(),
            question_unread = question.unread(),
            answer = answer.text(),
            answer_chars = answer.chars(),
            answer_language = answer.language(),
            answer_hash = answer.hash(),
            answer_cut = answer.cut(),
            answer_withheld = answer.withheld(),
            answer_unread = answer.unread(),
            "a question and its answer",
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.log();
    }
}

/// The fields of a text. One that says nothing is left out.
struct Line(Result<Told, &'static str>);

impl Line {
    fn of(told: Result<Told, &'static str>) -> Self {
        Self(told)
    }

    fn told(&self) -> Option<&Told> {
        self.0.as_ref().ok()
    }

    fn text(&self) -> Option<&str> {
        self.told()?.text.as_deref()
    }

    fn chars(&self) -> Option<u64> {
        Some(self.told()?.digest.chars as u64)
    }

    fn language(&self) -> Option<&'static str> {
        Some(self.told()?.digest.language.name())
    }

    fn hash(&self) -> Option<&str> {
        self.told()?.digest.hash.as_deref()
    }

    fn cut(&self) -> Option<bool> {
        self.told().map(|told| told.cut).filter(|cut| *cut)
    }

    fn withheld(&self) -> Option<u64> {
        self.told().map(|told| told.withheld as u64).filter(|bytes| *bytes > 0)
    }

    fn unread(&self) -> Option<&'static str> {
        self.0.as_ref().err().copied()
    }
}

fn usage(ending: &Ending) -> Option<Usage> {
    match ending {
        Ending::Complete { usage, .. } => *usage,
        _ => None,
    }
}

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "chat",
        Dialect::OpenAiResponses => "responses",
        Dialect::Anthropic => "messages",
    }
}
