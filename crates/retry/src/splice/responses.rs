//! Events of OpenAI's Responses. There is no way to go on here; a replay has to renumber, to rename, and to
//! see to it that what the last event says of the whole answer is what was shown.

use super::json::{Edit, Members, for_each_element, is_filled, number, quoted, text, word};
use super::shown::Shown;
use super::transcript::{Kind, Part};
use super::{Joined, Mismatch, WhyNot, block};

/// What an event or a name takes in the account of what is kept, in bytes, beside its text.
const COST: usize = 64;

/// Items, and kinds of events by their place, that are kept. A response with ten items has a hundred.
const MAX: usize = 4096;

/// The longest name or type that is kept, in bytes. Ids have some fifty.
const MAX_WORD: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Responses {
    /// The members of the response that stay as the first answer said them.
    response: Vec<(&'static str, Box<str>)>,
    sequence: u64,
    items: Vec<Item>,
    marks: Vec<Mark>,
    /// The names of this attempt, and what the reader knows them as.
    names: Vec<(Box<str>, Box<str>)>,
}

/// A piece of the output, as it was announced.
#[derive(Debug)]
struct Item {
    output: u64,
    kind: Box<str>,
    names: Vec<(&'static str, Box<str>)>,
}

/// Events that are no pieces of text, by what they are about.
#[derive(Debug)]
struct Mark {
    kind: Box<str>,
    part: u64,
    shown: u32,
    /// How many of them the attempt has repeated.
    repeated: u32,
}

/// What gives an item its name, besides its place.
const NAMES: [&str; 2] = ["id", "call_id"];

/// What an answer is called by.
const RESPONSE: [&str; 3] = ["id", "created_at", "model"];

fn delta_kind(kind: &str) -> Option<Kind> {
    Some(match kind {
        "response.output_text.delta" => Kind::Text,
        "response.refusal.delta" => Kind::Refusal,
        "response.reasoning_text.delta" => Kind::Reasoning,
        "response.reasoning_summary_text.delta" => Kind::Summary,
        "response.function_call_arguments.delta"
        | "response.custom_tool_call_input.delta"
        | "response.mcp_call_arguments.delta"
        | "response.code_interpreter_call_code.delta" => Kind::Call,
        _ => return None,
    })
}

/// Where in the output an event belongs: the item, and the part of it.
fn place(event: &Members<'_>) -> (u64, u64) {
    let at = |key| event.value(key).and_then(number).unwrap_or(0);
    let inner = at("content_index").max(at("summary_index"));
    (at("output_index"), at("output_index") << 32 | (inner & 0xFFFF_FFFF))
}

fn kind_of<'a>(event: &'a Members<'_>, name: &'a [u8]) -> &'a str {
    event.value("type").map_or_else(|| std::str::from_utf8(name).unwrap_or_default(), word)
}

impl Responses {
    /// Reads an event that is shown as it came.
    pub(super) fn record(&mut self, shown: &mut Shown, name: &[u8], data: &[u8]) {
        if self.record_event(shown, name, data).is_none() {
            shown.unread = true;
        }
    }

    fn record_event(&mut self, shown: &mut Shown, name: &[u8], data: &[u8]) -> Option<()> {
        let event = Members::read(data)?;
        let kind = kind_of(&event, name);
        shown.begin(0);
        if let Some(sequence) = event.value("sequence_number").and_then(number) {
            self.sequence = sequence.saturating_add(1);
        }
        let (output, part) = place(&event);
        if kind.ends_with(".delta") {
            shown.audio |= kind.contains("audio");
            let text = text(event.value("delta")?)?;
            let _ = shown.take(0, Part { kind: delta_kind(kind)?, index: part }, 0, &text);
            return Some(());
        }
        self.show(shown, kind, part)?;
        if let Some(response) = event.object("response") {
            self.name_response(&response);
            if let Some(usage) = response.filled("usage") {
                shown.usage.tell(usage);
            }
        }
        if kind == "response.output_item.added" {
            self.add_item(shown, output, &event.object("item")?)?;
        }
        if is_end(kind) {
            let _ = shown.finish(0);
        }
        Some(())
    }

    fn name_response(&mut self, response: &Members<'_>) {
        if self.response.is_empty() {
            let members = RESPONSE.map(|key| response.value(key).map(|value| (key, value.into())));
            self.response = members.into_iter().flatten().collect();
        }
    }

    fn add_item(&mut self, shown: &mut Shown, output: u64, item: &Members<'_>) -> Option<()> {
        let names = NAMES.map(|key| item.filled(key).map(|value| (key, value.into())));
        let names: Vec<(&'static str, Box<str>)> = names.into_iter().flatten().collect();
        let size = names.iter().map(|(_, name): &(_, Box<str>)| name.len() + COST).sum::<usize>();
        let kind = word(item.value("type")?);
        let is_long = kind.len().max(size) > 3 * MAX_WORD;
        if is_long || self.items.len() >= MAX {
            return None;
        }
        shown.transcript.charge(size + kind.len() + COST);
        self.items.push(Item { output, kind: kind.into(), names });
        Some(())
    }

    /// Counts an event that was shown.
    fn show(&mut self, shown: &mut Shown, kind: &str, part: u64) -> Option<()> {
        let is_full = self.marks.len() >= MAX;
        match self.mark(kind, part) {
            Some(mark) => {
                mark.shown = mark.shown.saturating_add(1);
                mark.repeated = mark.shown;
            }
            None if kind.len() > MAX_WORD || is_full => return None,
            None => {
                shown.transcript.charge(kind.len() + COST);
                self.marks.push(Mark { kind: kind.into(), part, shown: 1, repeated: 1 });
            }
        }
        Some(())
    }

    fn mark(&mut self, kind: &str, part: u64) -> Option<&mut Mark> {
        self.marks.iter_mut().find(|mark| &*mark.kind == kind && mark.part == part)
    }

    /// Another attempt begins.
    pub(super) fn turn(&mut self) {
        self.names.clear();
        self.marks.iter_mut().for_each(|mark| mark.repeated = 0);
    }

    /// Whether asking again is more than asking again: the upstream keeps this answer, or puts it behind
    /// what was said before.
    pub(super) fn why_not_replay(request: &[u8]) -> Option<WhyNot> {
        let Some(request) = Members::read(request) else { return Some(WhyNot::RequestUnread) };
        let is_kept = request.filled("conversation").is_some()
            || ["store", "background"].into_iter().any(|key| request.value(key) == Some("true"));
        is_kept.then_some(WhyNot::Stored)
    }

    /// Joins an event of another attempt to what was shown.
    pub(super) fn join(&mut self, shown: &mut Shown, name: &[u8], data: &[u8]) -> Result<Joined, Mismatch> {
        let mut event = Members::read(data).ok_or(Mismatch::Unread)?;
        let kind = kind_of(&event, name).to_owned();
        let (output, part) = place(&event);
        let mut changed = false;
        if kind.ends_with(".delta") {
            let whole = text(event.value("delta").unwrap_or_default()).ok_or(Mismatch::Unread)?;
            let of = delta_kind(&kind).ok_or(Mismatch::Unread)?;
            let old = shown.take(0, Part { kind: of, index: part }, 0, &whole)?;
            let new = whole.get(old..).unwrap_or_default();
            if new.is_empty() {
                return Ok(Joined::Drop);
            }
            let done = kind.replace(".delta", ".done");
            if self.mark(&done, part).is_some() {
                // More of what the reader was told is over.
                return Err(Mismatch::Diverged);
            }
            if old > 0 {
                // They belong to the whole of it.
                if event.filled("logprobs").is_some() {
                    return Err(Mismatch::Unread);
                }
                let new = quoted(new);
                changed |= event.set("delta", new);
            }
        } else {
            if kind == "response.output_item.added" {
                let item = event.object("item").ok_or(Mismatch::Unread)?;
                self.know_item(shown, output, &item)?;
            }
            if self.is_repeated(&kind, part) {
                return Ok(Joined::Drop);
            }
            if !shown.is_through(0) {
                return Err(Mismatch::Diverged);
            }
            self.show(shown, &kind, part).ok_or(Mismatch::Unread)?;
            changed |= self.rename(shown, &kind, part, &mut event)?;
        }
        let name_now = event.value("item_id").and_then(|theirs| self.ours(theirs));
        if let Some(ours) = name_now {
            changed |= event.set("item_id", ours);
        }
        if event.value("sequence_number").is_some() {
            changed |= event.set("sequence_number", self.sequence.to_string());
            self.sequence += 1;
        }
        if is_end(&kind) {
            shown.finish(0)?;
        }
        shown.is_joined = true;
        Ok(if changed { Joined::Rewritten(block(name, &event.write())) } else { Joined::Pass })
    }

    /// An item of this attempt: one that was announced already is known by its first name.
    fn know_item(&mut self, shown: &mut Shown, output: u64, item: &Members<'_>) -> Result<(), Mismatch> {
        let Some(known) = self.items.iter().find(|item| item.output == output) else {
            return self.add_item(shown, output, item).ok_or(Mismatch::Unread);
        };
        if item.value("type").map(word) != Some(&known.kind) {
            return Err(Mismatch::Diverged);
        }
        for (key, ours) in &known.names {
            if let Some(theirs) = item.filled(key).filter(|theirs| **theirs != **ours) {
                self.names.push((theirs.into(), ours.clone()));
            }
        }
        Ok(())
    }

    fn ours(&self, theirs: &str) -> Option<String> {
        self.names.iter().find(|(name, _)| &**name == theirs).map(|(_, ours)| ours.to_string())
    }

    fn is_repeated(&mut self, kind: &str, part: u64) -> bool {
        match self.mark(kind, part) {
            Some(mark) if mark.repeated < mark.shown => {
                mark.repeated += 1;
                true
            }
            _ => false,
        }
    }

    /// Puts the reader's names into an event, adds the usage up, and holds what the event says of the text
    /// against what was shown.
    fn rename(
        &mut self,
        shown: &mut Shown,
        kind: &str,
        part: u64,
        event: &mut Members<'_>,
    ) -> Result<bool, Mismatch> {
        let mut changed = false;
        if kind == "response.output_text.done" {
            let whole = event.value("text").and_then(text).ok_or(Mismatch::Unread)?;
            check(shown, part, &whole)?;
        }
        let item = event.object("item").and_then(|item| self.rename_item(item));
        if let Some(item) = item {
            changed |= event.set("item", item);
        }
        if let Some(mut response) = event.object("response") {
            self.name_response(&response);
            let mut edited = false;
            for (key, own) in &self.response {
                edited |= response.set(key, own.to_string());
            }
            let output = response.filled("output").map(|output| self.rename_output(shown, output));
            if let Some(Some(output)) = output.transpose()? {
                edited |= response.set("output", output);
            }
            if let Some(usage) = response.filled("usage") {
                shown.usage.tell(usage);
                if let Some(total) = shown.usage.total() {
                    edited |= response.set("usage", total.into_owned());
                }
            }
            let response = edited.then(|| response.write());
            if let Some(response) = response {
                changed |= event.set("response", response);
            }
        }
        Ok(changed)
    }

    /// `None` where nothing changes.
    fn rename_item(&self, mut item: Members<'_>) -> Option<String> {
        let edited = item.edit(|key, value| -> Result<Edit, std::convert::Infallible> {
            let ours = if NAMES.contains(&key) { self.ours(value) } else { None };
            Ok(ours.map_or(Edit::Keep, Edit::Set))
        });
        matches!(edited, Ok(true)).then(|| item.write())
    }

    fn rename_output(&self, shown: &Shown, output: &str) -> Result<Option<String>, Mismatch> {
        let mut items = Vec::new();
        for_each_element(output, |item| items.push(item.get())).ok_or(Mismatch::Unread)?;
        let (mut renamed, mut changed) = (Vec::new(), false);
        for (at, raw) in items.into_iter().enumerate() {
            let item = Members::read(raw.as_bytes()).ok_or(Mismatch::Unread)?;
            if item.value("type").map(word) == Some("message") {
                check_content(shown, at as u64, item.filled("content").unwrap_or("[]"))?;
            }
            let new = self.rename_item(item);
            changed |= new.is_some();
            renamed.push(new.unwrap_or_else(|| raw.to_owned()));
        }
        Ok(changed.then(|| format!("[{}]", renamed.join(","))))
    }
}

fn is_end(kind: &str) -> bool {
    matches!(kind, "response.completed" | "response.incomplete")
}

/// What an event says of a whole text is what was shown of it, as far as that was kept.
fn check(shown: &Shown, part: u64, whole: &str) -> Result<(), Mismatch> {
    if shown.transcript.is_over() {
        return Ok(());
    }
    let part = Part { kind: Kind::Text, index: part };
    let mut rest = Some(whole);
    for run in shown.transcript.runs(0).iter().filter(|run| run.part == part) {
        rest = rest.and_then(|rest| rest.strip_prefix(&*run.lanes[0]));
    }
    if rest == Some("") { Ok(()) } else { Err(Mismatch::Diverged) }
}

fn check_content(shown: &Shown, output: u64, content: &str) -> Result<(), Mismatch> {
    let mut result = Ok(());
    let mut at = 0;
    for_each_element(content, |part| {
        let part = Members::read(part.get().as_bytes()).unwrap_or_default();
        if result.is_ok() && part.value("type").map(word) == Some("output_text") {
            let whole = part.value("text").filter(|raw| is_filled(raw)).map_or(Some("".into()), text);
            result = whole.ok_or(Mismatch::Unread).and_then(|whole| check(shown, output << 32 | at, &whole));
        }
        at += 1;
    })
    .ok_or(Mismatch::Unread)?;
    result
}
