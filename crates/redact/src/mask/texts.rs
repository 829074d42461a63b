//! Which texts of a request are masked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::json::{self, Leaf, Step, last_name, name, place};

/// The members of a request that are settings, the developer's or the API's own. Any other may hold what somebody said,
/// also one that nobody here knows.
const SETTINGS: [&str; 20] = [
    "model",
    "models",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    // The format of a text, in the Responses API.
    "text",
    "output_config",
    "output_format",
    "previous_response_id",
    "conversation",
    "container",
    // Addresses that the API opens, and keys that it needs there.
    "mcp_servers",
    "data_sources",
    "dataSources",
    "api_key",
    "api_base",
    "base_url",
    "webhook_url",
];

/// What is no text in the others: names of the protocol, references, addresses which the chat API has to open.
const NO_TEXT: [&str; 23] = [
    "role",
    "type",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "item_id",
    "approval_request_id",
    "model",
    "name",
    "status",
    "phase",
    "detail",
    "format",
    "media_type",
    "signature",
    "thought_signature",
    "encrypted_content",
    "file_id",
    "url",
    "image_url",
    "file_url",
    "server_label",
];

/// The objects that the protocols have: in any other an `id`, `name` or `status` is what somebody wrote.
const OBJECTS: [&str; 32] = [
    "messages",
    "input",
    "system",
    "prompt",
    "content",
    "tool_calls",
    "function",
    "function_call",
    "custom",
    "custom_tool_call",
    "output",
    "outputs",
    "action",
    "results",
    "summary",
    "tools",
    "caller",
    "reasoning",
    "reasoning_details",
    "thinking",
    "annotations",
    "citations",
    "pending_safety_checks",
    "acknowledged_safety_checks",
    "source",
    "file",
    "audio",
    "voice",
    "input_audio",
    "image_url",
    "video_url",
    "cache_control",
];

/// The names whose values tell what stands beside them.
const TELLS: [&str; 2] = ["type", "signature"];

/// The least length of a line in base64 that has several; MIME has 76, PEM 64.
const LINE: usize = 32;

/// A text of a request, where it stands.
pub(super) struct Text<'a> {
    pub(super) range: Range<usize>,
    pub(super) text: Cow<'a, str>,
    /// The name it stands under, where that is the caller's own.
    pub(super) under: String,
    pub(super) kind: Kind,
    form: Form,
    of: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// In an object whose names are the caller's: arguments of a tool. Numbers are masked too, and become strings.
    Free,
    /// JSON in a string.
    Json,
    /// Text, or base64.
    Data,
    /// What a model thought, signed: it may change only where it was changed.
    Signed,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    String,
    /// A string in which halves of surrogate pairs stand alone.
    WithHalves,
    /// Between the quotes of what is no string of JSON: as it stands there.
    Raw,
}

impl<'a> Text<'a> {
    /// None where it cannot be read.
    fn new(path: &[Step<'_>], leaf: &Leaf<'a>, kind: Kind) -> Option<Self> {
        let (text, form) = match leaf.text() {
            Some(text) => (text, Form::String),
            None if leaf.is_string() => (leaf.text_with_halves()?, Form::WithHalves),
            None => (Cow::Borrowed(leaf.raw), Form::String),
        };
        let is_under = kind == Kind::Free && !leaf.is_name;
        let under = if is_under { last_name(path).to_owned() } else { String::new() };
        Some(Self { range: leaf.range.clone(), text, under, kind, form, of: leaf.of })
    }

    /// Of what cannot be read: without its quotes, with its escapes.
    fn raw(path: &[Step<'_>], leaf: &Leaf<'a>) -> Self {
        let range = leaf.range.start + 1..leaf.range.end - 1;
        let text = Cow::Borrowed(&leaf.raw[1..leaf.raw.len() - 1]);
        let under = if leaf.is_name { String::new() } else { last_name(path).to_owned() };
        Self { range, text, under, kind: Kind::Free, form: Form::Raw, of: leaf.of }
    }

    /// What stands in its place with stand-ins.
    pub(super) fn written(self, hidden: String) -> (Range<usize>, String) {
        let written = match self.form {
            Form::Raw => hidden,
            form => json::quoted(&hidden, form == Form::WithHalves),
        };
        (self.range, written)
    }
}

/// The texts within one that is JSON.
pub(super) fn inside<'a>(text: &'a Text<'_>) -> Option<Vec<Text<'a>>> {
    if text.kind != Kind::Json || !text.text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut texts = Vec::new();
    json::walk_all(&text.text, |path, leaf| {
        let is_strict = !leaf.raw.bytes().any(|byte| byte < b' ');
        let read = is_strict.then(|| Text::new(path, &leaf, Kind::Free)).flatten();
        texts.push(read.unwrap_or_else(|| Text::raw(path, &leaf)));
    })
    .then_some(texts)
}

/// What stands beside the texts of an object and tells what they are.
#[derive(Clone, Copy, Default)]
struct Beside {
    is_text: bool,
    is_base64: bool,
    is_signed: bool,
}

impl Beside {
    fn add(&mut self, name: &str, leaf: &Leaf<'_>) {
        self.is_text |= name == "type" && leaf.raw == "\"text\"";
        self.is_signed |= name == "signature" && leaf.raw.len() > 2;
        self.is_base64 |= name == "type" && matches!(leaf.raw, "\"base64\"" | "\"redacted_thinking\"");
    }
}

/// All texts of a request. None where one of them cannot be read.
pub(super) fn texts(body: &str) -> Option<Vec<Text<'_>>> {
    let mut texts = Vec::new();
    let mut unread = false;
    let mut beside: HashMap<usize, Beside> = HashMap::new();
    let is_json = json::walk_all(body, |path, leaf| {
        if let Some(Step::Key(name)) = path.last().filter(|_| leaf.is_string() && !leaf.is_name)
            && TELLS.contains(&&**name)
        {
            beside.entry(leaf.of).or_default().add(name, &leaf);
        }
        let Some(kind) = kind(path, &leaf) else { return };
        if leaf.is_string() || kind == Kind::Free {
            let text = Text::new(path, &leaf, kind);
            unread |= text.is_none();
            texts.extend(text);
        }
    });
    texts.retain_mut(|text| {
        let Beside { is_text, is_base64, is_signed } = beside.get(&text.of).copied().unwrap_or_default();
        if text.kind == Kind::Signed && !is_signed {
            text.kind = Kind::Plain;
        }
        text.kind != Kind::Data || is_text || !is_blob(&text.text, is_base64)
    });
    (is_json && !unread).then_some(texts)
}

/// What stands at the end of a way; none where it is no text.
fn kind(path: &[Step<'_>], leaf: &Leaf<'_>) -> Option<Kind> {
    let top = name(path, 0);
    if SETTINGS.contains(&top) {
        return None;
    }
    if leaf.is_name {
        return is_free(&path[..path.len() - 1], true).then_some(Kind::Free);
    }
    if leaf.is_string() && path.last() == Some(&Step::Key("arguments".into())) {
        return Some(Kind::Json);
    }
    if is_free(path, false) {
        return Some(Kind::Free);
    }
    match last_name(path) {
        "thinking" => Some(Kind::Signed),
        "text" if path.contains(&Step::Key("reasoning_details".into())) => Some(Kind::Signed),
        "data" | "file_data" | "images" => Some(Kind::Data),
        // Of who speaks; the others are names of functions.
        "name" if top == "messages" && path.len() == 3 && place(path, 1).is_some() => Some(Kind::Plain),
        "id" | "name" | "status" if path.len() > 1 && !is_of_the_protocol(path) => Some(Kind::Plain),
        no_text if path.len() > 1 && NO_TEXT.contains(&no_text) => None,
        _ => Some(Kind::Plain),
    }
}

/// Whether what stands there is of an object whose names are the caller's. Those of a prompt's variables are the prompt's.
fn is_free(path: &[Step<'_>], is_name: bool) -> bool {
    let is_in = |name: &str| path.iter().skip(1).any(|step| *step == Step::Key(name.into()));
    match name(path, 0) {
        "metadata" => true,
        "prompt" => name(path, 1) == "variables" && !is_name,
        top => is_in("arguments") || is_in("env") || top == "messages" && is_in("input"),
    }
}

/// Whether all objects on the way are the protocol's.
fn is_of_the_protocol(path: &[Step<'_>]) -> bool {
    let is_known = |step: &Step<'_>| match step {
        Step::Key(name) => OBJECTS.contains(&&**name),
        Step::At(_) => true,
    };
    path[..path.len() - 1].iter().all(is_known)
}

/// Whether it is a picture, sound or file in base64. Where nothing tells that it is, it has to look as programs write it.
fn is_blob(text: &str, is_told: bool) -> bool {
    if let Some((media, base64)) = text.strip_prefix("data:").and_then(|url| url.split_once(";base64,"))
        && !media.contains([' ', '\n'])
    {
        return is_base64(base64);
    }
    if is_told {
        return is_base64(text);
    }
    let text = text.trim_end();
    let mut lines = text.lines().map(str::len);
    let first = lines.next().unwrap_or(0);
    let is_even = lines.clone().count() == 0 || first >= LINE && lines.rev().skip(1).all(|len| len == first);
    is_even
        && is_base64(text)
        // A key may have those.
        && !text.contains(['-', '_', '%'])
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether it has no other letters, those for addresses among them.
fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_%\r\n".contains(&byte))
}
