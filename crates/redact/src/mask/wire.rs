//! Where the texts of an answer stand, in the three wire formats.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use lastbyte_core::Dialect;

use super::json::{self, Leaf, Step, last_name, name, place};
use super::lanes::Name;

/// How an answer is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub(super) dialect: Dialect,
    /// What is said is JSON too, as the request has it.
    pub(super) is_structured: bool,
    /// The request goes on with what the API has kept, whose stand-ins are not known.
    pub(super) is_continued: bool,
}

impl From<Dialect> for Wire {
    fn from(dialect: Dialect) -> Self {
        Self { dialect, is_structured: false, is_continued: false }
    }
}

impl Wire {
    /// The answer to a request.
    pub(super) fn asked(dialect: Dialect, request: &[u8]) -> Self {
        let mut wire = Self::from(dialect);
        let request = std::str::from_utf8(request).unwrap_or_default();
        let tells = |word: &str| memchr::memmem::find(request.as_bytes(), word.as_bytes()).is_some();
        if tells("format") || dialect == Dialect::OpenAiResponses && KEPT.iter().any(|name| tells(name)) {
            json::walk(request, |path, leaf| {
                wire.is_structured |= asks_for_json(path, &leaf);
                wire.is_continued |= dialect == Dialect::OpenAiResponses && KEPT.contains(&name(path, 0));
            });
        }
        wire
    }

    /// Whether what stands there is JSON in a string.
    pub(super) fn is_json(self, path: &[Step<'_>]) -> bool {
        match last_name(path) {
            // Not what stands in an array of that name.
            "arguments" | "partial_json" => matches!(path.last(), Some(Step::Key(_))),
            "content" | "text" => {
                let is_thought = |step: &Step<'_>| *step == Step::Key("summary".into());
                self.is_structured && !path.iter().any(is_thought)
            }
            _ => false,
        }
    }
}

/// What names a dialogue that the Responses API has kept.
const KEPT: [&str; 2] = ["previous_response_id", "conversation"];

/// Whether a request says there that its answer is JSON, in any of the three formats.
fn asks_for_json(path: &[Step<'_>], leaf: &Leaf<'_>) -> bool {
    let is_format = match path.len() {
        2 => matches!(name(path, 0), "response_format" | "output_format"),
        3 => matches!((name(path, 0), name(path, 1)), ("text" | "output_config", "format")),
        _ => false,
    };
    is_format
        && last_name(path) == "type"
        && leaf.text().is_some_and(|kind| matches!(&*kind, "json_object" | "json_schema"))
}

/// What one event holds.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// Pieces of texts that go on.
    pub(super) pieces: Vec<(Name, Range<usize>, Cow<'a, str>)>,
    /// Texts that are whole, and whether they are JSON.
    pub(super) whole: Vec<(Range<usize>, Cow<'a, str>, bool)>,
    pub(super) ends: Ends,
}

/// Which texts end with an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Ends {
    #[default]
    None,
    Choices(Vec<u64>),
    All,
}

/// Reads the data of an event. What cannot be read has no texts.
pub(super) fn event<'a>(wire: Wire, event: &str, data: &'a str) -> Found<'a> {
    if data.starts_with("[DONE]") || event == "restart" {
        return Found { ends: Ends::All, ..Found::default() };
    }
    let mut leaves = Vec::new();
    if !json::walk(data, |path, leaf| leaves.push((path.to_vec(), leaf))) {
        return Found::default();
    }
    let mut found = match wire.dialect {
        Dialect::OpenAiChat => chat(wire, &leaves),
        Dialect::OpenAiResponses => responses(wire, event, &leaves),
        Dialect::Anthropic => messages(wire, event, &leaves),
    };
    found.whole.extend(names(data));
    found
}

/// Below these the names of members are the caller's.
const OF_CALLERS: [&str; 3] = ["arguments", "input", "metadata"];

/// The names of members that are the caller's.
fn names(data: &str) -> Vec<(Range<usize>, Cow<'_, str>, bool)> {
    let mut names = Vec::new();
    if OF_CALLERS.iter().any(|name| data.contains(name)) {
        json::walk_all(data, |path, leaf| {
            let is_theirs = (1..path.len()).any(|at| OF_CALLERS.contains(&name(path, at - 1)));
            let text = leaf.text().filter(|_| leaf.is_name && is_theirs);
            names.extend(text.map(|text| (leaf.range, text, false)));
        });
    }
    names
}

type Leaves<'a> = [(Vec<Step<'a>>, Leaf<'a>)];

/// Whether what stands there is pieces of a text that stands elsewhere.
pub(super) fn is_repeated(path: &[Step<'_>]) -> bool {
    path.iter().any(|step| *step == Step::Key("logprobs".into()))
}

impl<'a> Found<'a> {
    fn piece(&mut self, name: Name, leaf: &Leaf<'a>) {
        if let Some(text) = leaf.text() {
            self.pieces.push((name, leaf.range.clone(), text));
        }
    }

    fn whole(&mut self, wire: Wire, path: &[Step<'a>], leaf: &Leaf<'a>) {
        if !is_repeated(path)
            && let Some(text) = leaf.text()
        {
            self.whole.push((leaf.range.clone(), text, wire.is_json(path)));
        }
    }
}

/// What in a delta is no text of it.
const OF_THE_PROTOCOL: [&str; 6] = ["role", "id", "type", "name", "data", "signature"];

fn chat<'a>(wire: Wire, leaves: &Leaves<'a>) -> Found<'a> {
    let mut found = Found::default();
    // The `index` of a choice and of a tool call, by the ways to them.
    let told: HashMap<&[Step<'_>], u64> = (leaves.iter())
        .filter(|(path, _)| matches!(path.last(), Some(Step::Key(key)) if key == "index"))
        .filter_map(|(path, leaf)| Some((&path[..path.len() - 1], leaf.number()?)))
        .collect();
    let index = |way: &[Step<'_>], or: usize| told.get(way).copied().unwrap_or(or as u64);
    let mut ended = Vec::new();
    for (path, leaf) in leaves.iter().filter(|(_, leaf)| leaf.is_string()) {
        let choice = place(path, 1).filter(|_| name(path, 0) == "choices");
        match (choice, name(path, 2)) {
            (Some(at), "delta") if !OF_THE_PROTOCOL.contains(&last_name(path)) => {
                let choice = index(&path[..2], at);
                let part = place(path, 4).map_or(0, |at| index(&path[..5], at));
                let mut field = String::new();
                for step in &path[3..] {
                    if let Step::Key(key) = step {
                        field.push('/');
                        field.push_str(key);
                    }
                }
                found.piece(Name { choice, part, field, is_json: wire.is_json(path) }, leaf);
            }
            (Some(_), "delta") => {}
            (Some(at), "finish_reason") => ended.push(index(&path[..2], at)),
            _ => found.whole(wire, path, leaf),
        }
    }
    if !ended.is_empty() {
        found.ends = Ends::Choices(ended);
    }
    found
}

/// A member of the event itself.
fn member<'l, 'a>(leaves: &'l Leaves<'a>, name: &str) -> Option<&'l Leaf<'a>> {
    leaves.iter().find(|(path, _)| path.len() == 1 && last_name(path) == name).map(|(_, leaf)| leaf)
}

fn kind_of<'a>(event: &'a str, leaves: &'a Leaves<'_>) -> Cow<'a, str> {
    member(leaves, "type").and_then(Leaf::text).unwrap_or(Cow::Borrowed(event))
}

fn responses<'a>(wire: Wire, event: &str, leaves: &Leaves<'a>) -> Found<'a> {
    let mut found = Found::default();
    let kind = kind_of(event, leaves);
    let number = |name: &str| member(leaves, name).and_then(Leaf::number);
    let choice = number("output_index").unwrap_or(0);
    if let (Some(field), Some(delta)) = (kind.strip_suffix(".delta"), member(leaves, "delta")) {
        if delta.is_string() && !field.contains("audio") {
            let part = number("content_index").or(number("summary_index")).unwrap_or(0);
            let is_said = wire.is_structured && field == "response.output_text";
            let (is_json, field) = (is_said || field.contains("arguments"), field.to_owned());
            found.piece(Name { choice, part, field, is_json }, delta);
        }
        return found;
    }
    let wire = if kind.contains("reasoning") { wire.dialect.into() } else { wire };
    for (path, leaf) in leaves.iter().filter(|(_, leaf)| leaf.is_string()) {
        found.whole(wire, path, leaf);
    }
    found.ends = match &*kind {
        "response.completed" | "response.incomplete" | "response.failed" | "error" => Ends::All,
        kind if kind.ends_with(".done") => Ends::Choices(vec![choice]),
        _ => Ends::None,
    };
    found
}

fn messages<'a>(wire: Wire, event: &str, leaves: &Leaves<'a>) -> Found<'a> {
    let mut found = Found::default();
    let kind = kind_of(event, leaves);
    let choice = member(leaves, "index").and_then(Leaf::number).unwrap_or(0);
    for (path, leaf) in leaves.iter().filter(|(_, leaf)| leaf.is_string()) {
        let field = name(path, 1);
        if kind == "content_block_delta" && path.len() == 2 && name(path, 0) == "delta" {
            if !OF_THE_PROTOCOL.contains(&field) {
                let name = Name { choice, part: 0, field: field.to_owned(), is_json: wire.is_json(path) };
                found.piece(name, leaf);
            }
        } else {
            found.whole(wire, path, leaf);
        }
    }
    found.ends = match &*kind {
        "content_block_stop" => Ends::Choices(vec![choice]),
        "content_block_start" | "message_delta" | "message_stop" | "error" => Ends::All,
        _ => Ends::None,
    };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_many_tool_calls_is_read_once() {
        // Quadratic it would take minutes where it is not optimised.
        let call = |at: usize| format!(r#"{{"function":{{"arguments":"{at}"}},"index":{}}}"#, at + 7);
        let calls: Vec<_> = (0..100_000).map(call).collect();
        let data = format!(r#"{{"choices":[{{"index":3,"delta":{{"tool_calls":[{}]}}}}]}}"#, calls.join(","));
        let found = event(Dialect::OpenAiChat.into(), "", &data);
        assert_eq!(found.pieces.len(), calls.len());
        for (at, (name, _, text)) in found.pieces.iter().enumerate() {
            assert_eq!((name.choice, name.part, text.parse()), (3, at as u64 + 7, Ok(at)));
        }
    }
}
