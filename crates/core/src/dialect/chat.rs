use serde::Deserialize;
use serde_json::value::RawValue;

use super::Seen;
use super::json::{ErrorBody, RawExt, UpstreamError, error_of, for_each, word};
use crate::{Finish, Usage};

/// Which choices have begun and which are finished.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choices {
    begun: u128,
    finished: u128,
}

impl Choices {
    /// OpenAI allows `n` up to 128; a choice beyond that counts as the last.
    fn bit(index: u64) -> u128 {
        1 << index.min(127)
    }

    fn is_open(self) -> bool {
        self.begun != self.finished
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn is_content(&self) -> bool {
        self.content.is_filled()
            || self.reasoning_content.is_filled()
            || self.reasoning.is_filled()
            || self.refusal.is_filled()
            || self.tool_calls.is_filled()
            || self.function_call.is_filled()
            || self.audio.is_filled()
    }
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        if name == b"error" {
            seen.error = Some(UpstreamError::unread(data));
        } else {
            seen.garbage = true;
        }
        return;
    };
    if name == b"error" && chunk.error.is_none() {
        let body: ErrorBody<'_> = serde_json::from_slice(data).unwrap_or_default();
        seen.error = Some(body.read());
        return;
    }
    read(seen, &chunk);
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(body) else { return false };
    if chunk.choices.is_none() && chunk.error.is_none() {
        return false;
    }
    read(seen, &chunk);
    true
}

fn read(seen: &mut Seen, chunk: &Chunk<'_>) {
    if let Some(tokens) = &chunk.usage {
        seen.usage = Some(Usage {
            input: tokens.prompt_tokens.unwrap_or_default(),
            output: tokens.completion_tokens.unwrap_or_default(),
        });
    }
    if let Some(choices) = chunk.choices
        && choices.get() != "null"
        && !for_each(choices, |choice| read_choice(seen, &choice))
    {
        seen.garbage = true;
    }
    if let Some(error) = error_of(chunk.error) {
        seen.error = Some(error);
    }
}

fn read_choice(seen: &mut Seen, choice: &Choice<'_>) {
    // Azure's first chunk and usage chunks have no choice that begins.
    seen.choices.begun |= Choices::bit(choice.index);
    seen.content |= choice.delta.as_ref().is_some_and(Delta::is_content)
        || choice.message.is_filled()
        || choice.text.is_filled();
    match word(choice.finish_reason) {
        "" => {}
        "error" => seen.error = Some(UpstreamError::named("finish_error")),
        "abort" => seen.aborted = true,
        reason => {
            seen.content = true;
            seen.choices.finished |= Choices::bit(choice.index);
            if choice.index == 0 || seen.finish.is_none() {
                seen.finish = Some(Finish::new(reason));
            }
        }
    }
}

impl Seen {
    /// The finish reason, if every choice that began has one.
    pub(crate) fn finished(&self) -> Option<&Finish> {
        if self.choices.is_open() { None } else { self.finish.as_ref() }
    }
}
