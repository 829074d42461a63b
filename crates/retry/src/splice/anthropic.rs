//! Events of Anthropic's Messages.

mod join;

use super::WhyNot;
use super::json::{Members, for_each_member, is_filled, number, text, word};
use super::shown::Shown;
use super::stencil::Spot;
use super::transcript::{Kind, Part};

/// What a block takes in the account of what is kept, in bytes.
const BLOCK_COST: usize = 64;

/// Messages have a handful; one with more is not known.
const MAX_BLOCKS: usize = 1024;

/// The longest type of a block that is kept, in bytes.
const MAX_KIND: usize = 64;

/// What was shown of a message's frame: its start and its blocks.
#[derive(Debug, Default)]
pub(super) struct Messages {
    has_start: bool,
    blocks: Vec<Block>,
    /// In a continuation: the number of its block that goes on in the open one, or begins behind it.
    theirs: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Block {
    kind: Box<str>,
    is_stopped: bool,
    is_signed: bool,
}

/// The members of an event that tell what it is.
#[derive(Default)]
struct Event<'a> {
    kind: &'a str,
    index: u64,
    delta: Option<&'a str>,
    content_block: Option<&'a str>,
    message: Option<&'a str>,
    usage: Option<&'a str>,
}

impl<'a> Event<'a> {
    fn read(name: &'a [u8], data: &'a [u8]) -> Option<Self> {
        let mut event = Self { kind: std::str::from_utf8(name).ok()?, ..Self::default() };
        for_each_member(data, |key, value| {
            let value = value.get();
            match &*key {
                "type" => event.kind = word(value),
                "index" => event.index = number(value).unwrap_or(0),
                "delta" => event.delta = Some(value),
                "content_block" => event.content_block = Some(value),
                "message" => event.message = Some(value),
                "usage" => event.usage = Some(value).filter(|usage| is_filled(usage)),
                _ => {}
            }
        })?;
        Some(event)
    }
}

/// What a delta of a block is.
enum Delta<'a> {
    /// A piece of text: the lane, and the member it stands in.
    Text(Kind, usize, &'static str, &'a str),
    Signature,
    Other,
}

impl<'a> Delta<'a> {
    fn read(raw: &'a str) -> Option<Self> {
        let (mut kind, mut delta) = ("", None);
        for_each_member(raw.as_bytes(), |key, value| {
            let value = value.get();
            match &*key {
                "type" => kind = word(value),
                "text" => delta = Some((Kind::Text, 0, "text", value)),
                "thinking" => delta = Some((Kind::Reasoning, 0, "thinking", value)),
                "partial_json" => delta = Some((Kind::Call, 1, "partial_json", value)),
                _ => {}
            }
        })?;
        Some(match (kind, delta) {
            ("signature_delta", _) => Self::Signature,
            ("text_delta" | "thinking_delta" | "input_json_delta", Some((kind, lane, key, raw))) => {
                Self::Text(kind, lane, key, raw)
            }
            _ => Self::Other,
        })
    }
}

/// The beginning of a block: its type, and the text that it begins with.
fn block_start(raw: &str) -> Option<(&str, Kind, Option<&str>)> {
    let (mut kind, mut text, mut thinking, mut name) = ("", None, None, None);
    for_each_member(raw.as_bytes(), |key, value| {
        let value = value.get();
        match &*key {
            "type" => kind = word(value),
            "text" => text = Some(value),
            "thinking" => thinking = Some(value),
            "name" => name = Some(value),
            _ => {}
        }
    })?;
    Some(match kind {
        "text" => (kind, Kind::Text, text),
        "thinking" => (kind, Kind::Reasoning, thinking),
        _ => (kind, Kind::Call, name),
    })
}

impl Messages {
    /// What was shown before is known as text alone: one block of it, which is open.
    pub(super) fn shown_as_text(shown: &mut Shown, text: &str) -> Self {
        shown.begin(0);
        let _ = shown.take(0, Part { kind: Kind::Text, index: 0 }, 0, text);
        let text = Block { kind: "text".into(), is_stopped: false, is_signed: false };
        Self { has_start: true, blocks: vec![text], theirs: None }
    }

    /// Reads an event that is shown as it came. Gives the text in it, where that is all that is in it.
    pub(super) fn record<'a>(
        &mut self,
        shown: &mut Shown,
        name: &'a [u8],
        data: &'a [u8],
    ) -> Option<Spot<'a>> {
        let spot = self.record_event(shown, name, data);
        shown.unread |= spot.is_none();
        spot.flatten()
    }

    fn record_event<'a>(
        &mut self,
        shown: &mut Shown,
        name: &'a [u8],
        data: &'a [u8],
    ) -> Option<Option<Spot<'a>>> {
        let event = Event::read(name, data)?;
        match event.kind {
            "message_start" => {
                self.has_start = true;
                shown.begin(0);
                tell_start(shown, &event);
            }
            "content_block_start" => {
                let (kind, of, first) = block_start(event.content_block?)?;
                self.begin(shown, event.index, kind)?;
                if let Some(first) = first.filter(|first| is_filled(first)) {
                    let part = Part { kind: of, index: event.index };
                    let _ = shown.take(0, part, 0, &text(first)?);
                }
            }
            "content_block_delta" => match Delta::read(event.delta?)? {
                Delta::Text(kind, lane, _, literal) => {
                    let part = Part { kind, index: event.index };
                    let _ = shown.take(0, part, lane, &text(literal)?);
                    return Some(Some(Spot { choice: 0, part, lane, literal }));
                }
                Delta::Signature => self.block(event.index)?.is_signed = true,
                Delta::Other => shown.show_other(),
            },
            "content_block_stop" => self.block(event.index)?.is_stopped = true,
            "message_delta" => {
                if let Some(usage) = event.usage {
                    shown.usage.tell_more(usage);
                }
                if has_reason(&event) {
                    let _ = shown.finish(0);
                }
            }
            "message_stop" => {
                let _ = shown.finish(0);
            }
            _ => {}
        }
        Some(None)
    }

    fn begin(&mut self, shown: &mut Shown, index: u64, kind: &str) -> Option<()> {
        // Blocks come in their order.
        let is_known = index == self.blocks.len() as u64 && kind.len() <= MAX_KIND;
        if !is_known || self.blocks.len() >= MAX_BLOCKS {
            return None;
        }
        shown.transcript.charge(BLOCK_COST);
        self.blocks.push(Block { kind: kind.into(), is_stopped: false, is_signed: false });
        Some(())
    }

    fn block(&mut self, index: u64) -> Option<&mut Block> {
        self.blocks.get_mut(usize::try_from(index).ok()?)
    }

    /// Whether something besides one text was shown, also where it had no text of its own.
    pub(super) fn why_not_continue(&self) -> Option<WhyNot> {
        self.blocks.iter().find_map(|block| match &*block.kind {
            "text" => None,
            "thinking" | "redacted_thinking" => Some(WhyNot::Reasoning),
            _ => Some(WhyNot::ToolCall),
        })
    }
}

fn tell_start(shown: &mut Shown, event: &Event<'_>) {
    let message = event.message.and_then(|raw| Members::read(raw.as_bytes()));
    if let Some(usage) = message.as_ref().and_then(|message| message.filled("usage")) {
        shown.usage.tell_more(usage);
    }
}

fn has_reason(event: &Event<'_>) -> bool {
    let delta = event.delta.and_then(|raw| Members::read(raw.as_bytes()));
    delta.is_some_and(|delta| delta.filled("stop_reason").is_some())
}
