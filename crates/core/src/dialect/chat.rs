use super::Seen;
use super::cursor::{Cursor, Malformed};
use super::json::{ErrorBody, UpstreamError, error_of, is_filled, word};
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

/// One chunk of a stream, or a whole answer: what of it counts.
#[derive(Default)]
struct Chunk<'a> {
    has_choices: bool,
    content: bool,
    choices: Choices,
    /// The finish reason of the first choice, or else of another one.
    finish: Option<(u64, &'a str)>,
    failed: bool,
    aborted: bool,
    error: Option<&'a str>,
    usage: Option<Usage>,
}

/// One of its choices.
#[derive(Default)]
struct Choice<'a> {
    index: u64,
    content: bool,
    finish: &'a str,
}

impl<'a> Chunk<'a> {
    fn read(json: &'a [u8]) -> Result<Self, Malformed> {
        Cursor::read(json, |cursor| {
            let mut chunk = Self::default();
            cursor.object(|cursor, key| {
                match key {
                    "choices" => {
                        chunk.has_choices = !cursor.is_null();
                        cursor.array(|cursor| Choice::read(cursor).map(|choice| chunk.add(choice)))?;
                    }
                    "error" => chunk.error = cursor.some()?,
                    "usage" => chunk.usage = read_usage(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?;
            Ok(chunk)
        })
    }

    fn add(&mut self, choice: Choice<'a>) {
        // Azure's first chunk and usage chunks have no choice that begins.
        self.choices.begun |= Choices::bit(choice.index);
        self.content |= choice.content;
        match choice.finish {
            "" => {}
            "error" => self.failed = true,
            "abort" => self.aborted = true,
            reason => {
                self.content = true;
                self.choices.finished |= Choices::bit(choice.index);
                if choice.index == 0 || self.finish.is_none() {
                    self.finish = Some((choice.index, reason));
                }
            }
        }
    }
}

impl<'a> Choice<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let mut choice = Self::default();
        cursor.object(|cursor, key| {
            match key {
                "index" => choice.index = cursor.value()?.parse().map_err(|_| Malformed)?,
                "delta" => cursor.object(|cursor, key| {
                    choice.content |= is_content(key) & is_filled(cursor.value()?);
                    Ok(())
                })?,
                "message" | "text" => choice.content |= is_filled(cursor.value()?),
                "finish_reason" => choice.finish = word(cursor.value()?),
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(choice)
    }
}

/// The members of a delta that are part of the answer.
fn is_content(key: &str) -> bool {
    matches!(
        key,
        "content" | "reasoning_content" | "reasoning" | "refusal" | "tool_calls" | "function_call" | "audio"
    )
}

fn read_usage(cursor: &mut Cursor<'_>) -> Result<Option<Usage>, Malformed> {
    let (mut input, mut output, mut total) = (None, None, None::<u64>);
    cursor.object(|cursor, key| {
        let tokens = cursor.value()?.parse().ok();
        match key {
            "prompt_tokens" => input = tokens,
            "completion_tokens" => output = tokens,
            "total_tokens" => total = tokens,
            _ => {}
        }
        Ok(())
    })?;
    // What is missing is what the total leaves; an object without a count tells nothing.
    let told = input.or(output).or(total).is_some();
    let rest = |other: Option<u64>| total.unwrap_or(0).saturating_sub(other.unwrap_or(0));
    let output = output.unwrap_or_else(|| rest(input));
    let input = input.unwrap_or_else(|| rest(Some(output)));
    Ok(told.then_some(Usage { input, output }))
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(chunk) = Chunk::read(data) else {
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
    apply(seen, &chunk);
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(chunk) = Chunk::read(body) else { return false };
    if !chunk.has_choices && chunk.error.is_none() {
        return false;
    }
    apply(seen, &chunk);
    true
}

fn apply(seen: &mut Seen, chunk: &Chunk<'_>) {
    seen.content |= chunk.content;
    seen.choices.begun |= chunk.choices.begun;
    seen.choices.finished |= chunk.choices.finished;
    seen.aborted |= chunk.aborted;
    if chunk.usage.is_some() {
        seen.usage = chunk.usage;
    }
    if let Some((index, reason)) = chunk.finish
        && (index == 0 || seen.finish.is_none())
    {
        seen.finish = Some(Finish::new(reason));
    }
    if chunk.failed {
        seen.error = Some(UpstreamError::named("finish_error"));
    }
    if let Some(error) = error_of(chunk.error) {
        seen.error = Some(error);
    }
}

impl Seen {
    /// The finish reason, if every choice that began has one.
    pub(crate) fn finished(&self) -> Option<&Finish> {
        if self.choices.is_open() { None } else { self.finish.as_ref() }
    }
}
