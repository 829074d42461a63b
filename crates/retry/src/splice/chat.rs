//! Chunks of OpenAI's Chat Completions.

mod join;

use super::json::{for_each_element, for_each_member, is_filled, number, text};
use super::shown::Shown;
use super::stencil::Spot;
use super::transcript::{Kind, Part};

const TEXT: Part = Part { kind: Kind::Text, index: 0 };
const REFUSAL: Part = Part { kind: Kind::Refusal, index: 0 };
const REASONING: Part = Part { kind: Kind::Reasoning, index: 0 };
const FUNCTION: Part = Part { kind: Kind::Function, index: 0 };

const NAME: usize = 0;
const ARGUMENTS: usize = 1;

/// What the chunks of one answer have in common, as the first of them said it.
#[derive(Debug, Default)]
pub(super) struct Chat {
    id: Option<Box<str>>,
    model: Option<Box<str>>,
    created: Option<Box<str>>,
    roles: u128,
}

/// What a member of a delta is.
enum Member {
    Role,
    Text(Part, usize),
    Calls,
    Function,
    Audio,
    Other,
}

impl Member {
    fn of(key: &str) -> Self {
        match key {
            "role" => Self::Role,
            "content" => Self::Text(TEXT, 0),
            "refusal" => Self::Text(REFUSAL, 0),
            // vLLM and others send both names for a while; they are one text each.
            "reasoning_content" => Self::Text(REASONING, 0),
            "reasoning" => Self::Text(REASONING, 1),
            "tool_calls" => Self::Calls,
            "function_call" => Self::Function,
            "audio" => Self::Audio,
            _ => Self::Other,
        }
    }
}

fn bit(choice: u64) -> u128 {
    1 << choice.min(127)
}

/// The one text of an event, if it has nothing besides.
#[derive(Default)]
struct Spots<'a> {
    spot: Option<Spot<'a>>,
    is_mixed: bool,
}

impl<'a> Spots<'a> {
    fn text(&mut self, shown: &mut Shown, choice: u64, part: Part, lane: usize, literal: &'a str) {
        match text(literal) {
            _ if !is_filled(literal) => {}
            Some(text) => {
                // Nothing was shown before, so nothing can differ from it.
                let _ = shown.take(choice, part, lane, &text);
                self.is_mixed |= self.spot.is_some();
                self.spot = Some(Spot { choice, part, lane, literal });
            }
            None => {
                shown.unread = true;
                self.is_mixed = true;
            }
        }
    }
}

impl Chat {
    /// What was shown before is known as text alone.
    pub(super) fn shown_as_text(shown: &mut Shown, text: &str) -> Self {
        shown.begin(0);
        let _ = shown.take(0, TEXT, 0, text);
        Self { roles: 1, ..Self::default() }
    }

    /// Reads a chunk that is shown as it came. Gives the text in it, where that is all that is in it.
    pub(super) fn record<'a>(&mut self, shown: &mut Shown, data: &'a [u8]) -> Option<Spot<'a>> {
        let [mut id, mut model, mut created, mut choices, mut usage] = [None; 5];
        let read = for_each_member(data, |key, value| match &*key {
            "id" => id = Some(value.get()),
            "model" => model = Some(value.get()),
            "created" => created = Some(value.get()),
            "choices" => choices = Some(value.get()),
            "usage" => usage = Some(value.get()).filter(|usage| is_filled(usage)),
            _ => {}
        });
        if read.is_none() {
            shown.unread = true;
            return None;
        }
        if let Some(usage) = usage {
            shown.usage.tell(usage);
        }
        let choices = choices.filter(|choices| is_filled(choices))?;
        // Azure's first chunk has neither choices nor an id.
        if self.id.is_none() {
            (self.id, self.model, self.created) =
                (id.map(Into::into), model.map(Into::into), created.map(Into::into));
        }
        let mut spots = Spots { spot: None, is_mixed: usage.is_some() };
        let read = for_each_element(choices, |choice| self.record_choice(shown, choice.get(), &mut spots));
        shown.unread |= read.is_none();
        spots.spot.filter(|_| !spots.is_mixed)
    }

    fn record_choice<'a>(&mut self, shown: &mut Shown, raw: &'a str, spots: &mut Spots<'a>) {
        let [mut delta, mut finish] = [None; 2];
        let mut index = 0;
        let read = for_each_member(raw.as_bytes(), |key, value| match &*key {
            "index" => index = number(value.get()).unwrap_or(0),
            "delta" => delta = Some(value.get()).filter(|delta| is_filled(delta)),
            "finish_reason" => finish = Some(value.get()).filter(|finish| is_filled(finish)),
            _ => {}
        });
        shown.begin(index);
        let mut has_other = false;
        let read_delta = delta.map_or(Some(()), |delta| {
            for_each_member(delta.as_bytes(), |key, value| {
                let value = value.get();
                match Member::of(&key) {
                    _ if !is_filled(value) => {}
                    Member::Role => self.roles |= bit(index),
                    Member::Text(part, lane) => spots.text(shown, index, part, lane, value),
                    Member::Calls => {
                        let read = for_each_element(value, |call| {
                            record_call(shown, index, call.get(), spots);
                        });
                        shown.unread |= read.is_none();
                    }
                    Member::Function => record_function(shown, index, FUNCTION, value, spots),
                    Member::Audio => shown.audio = true,
                    Member::Other => has_other = true,
                }
            })
        });
        if has_other {
            shown.show_other();
        }
        if finish.is_some() {
            let _ = shown.finish(index);
        }
        shown.unread |= read.and(read_delta).is_none();
        spots.is_mixed |= has_other || finish.is_some();
    }
}

fn record_call<'a>(shown: &mut Shown, choice: u64, raw: &'a str, spots: &mut Spots<'a>) {
    let (mut index, mut function, mut is_strange) = (0, None, false);
    let read = for_each_member(raw.as_bytes(), |key, value| match &*key {
        "index" => index = number(value.get()).unwrap_or(0),
        "function" => function = Some(value.get()).filter(|function| is_filled(function)),
        // A custom tool's input and whatever else comes: it is not known how it goes on.
        "id" | "type" => {}
        _ => is_strange |= is_filled(value.get()),
    });
    shown.unread |= read.is_none() || is_strange;
    if let Some(function) = function {
        record_function(shown, choice, Part { kind: Kind::Call, index }, function, spots);
    }
}

fn record_function<'a>(shown: &mut Shown, choice: u64, part: Part, raw: &'a str, spots: &mut Spots<'a>) {
    let read = for_each_member(raw.as_bytes(), |key, value| match &*key {
        "name" => spots.text(shown, choice, part, NAME, value.get()),
        "arguments" => spots.text(shown, choice, part, ARGUMENTS, value.get()),
        _ => {}
    });
    shown.unread |= read.is_none();
}
