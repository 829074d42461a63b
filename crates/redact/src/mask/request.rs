//! Which texts of a request are masked.

use std::borrow::Cow;
use std::ops::Range;

use http::StatusCode;
use lastbyte_core::{Refusal, RefusedBy};

use super::json::{self, Step, last_name, name, place};
use super::masker::Learned;
use super::{Map, Masker, TooMany};

/// Why a request cannot be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    NotJson,
    TooMany,
    TooLarge,
    Compressed,
}

impl Unread {
    /// What is answered to it.
    pub(super) fn refusal(self) -> Refusal {
        let (status, code, why) = match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, "unreadable_request", "it is no JSON"),
            Self::Compressed => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed_request", "it is compressed")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "it is too large"),
            Self::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "it has too many of them"),
        };
        let message = format!(
            "personal data and keys are masked before a request is sent on, and this one cannot be: {why}"
        );
        Refusal::new(status, RefusedBy::Redact, code, message).should_retry(false)
    }
}

impl From<TooMany> for Unread {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

/// The members of a request that are settings, the developer's or the API's own. Any other may hold what somebody said,
/// also one that nobody here knows.
const SETTINGS: [&str; 18] = [
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
    "api_key",
    "api_base",
    "base_url",
    "webhook_url",
];

/// What is no text in the others: names of the protocol, references, addresses which the chat API has to open.
const NO_TEXT: [&str; 22] = [
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
    "encrypted_content",
    "file_id",
    "url",
    "image_url",
    "file_url",
    "server_label",
];

/// A text of a request, where it stands.
struct Text<'a> {
    range: Range<usize>,
    text: Cow<'a, str>,
    /// The name it stands under, where that is the caller's own.
    under: String,
    /// It is JSON itself.
    is_json: bool,
}

/// The body with stand-ins, none where it has no value, and what they stand for.
pub(super) fn mask(masker: &Masker, body: &[u8]) -> Result<(Option<String>, Map), Unread> {
    let body = std::str::from_utf8(body).map_err(|_| Unread::NotJson)?;
    // Strictly, first: nobody else may read anything else in it.
    serde_json::from_str::<serde::de::IgnoredAny>(body).map_err(|_| Unread::NotJson)?;
    let texts = texts(body).ok_or(Unread::NotJson)?;
    let mut learned = Learned::default();
    for text in &texts {
        learn(masker, text, &mut learned)?;
    }
    let mut map = masker.settle(learned)?;
    if map.is_empty() {
        return Ok((None, map));
    }
    let edits = hide_all(masker, texts, &mut map)?;
    Ok(((!edits.is_empty()).then(|| json::apply(body, edits)), map))
}

fn learn(masker: &Masker, text: &Text<'_>, learned: &mut Learned) -> Result<(), TooMany> {
    match inside(text) {
        None => masker.learn(&text.under, &text.text, learned),
        Some(texts) => texts.iter().try_for_each(|text| masker.learn(&text.under, &text.text, learned)),
    }
}

fn hide_all(
    masker: &Masker,
    texts: Vec<Text<'_>>,
    map: &mut Map,
) -> Result<Vec<(Range<usize>, String)>, TooMany> {
    let mut edits = Vec::new();
    for text in texts {
        let hidden = match inside(&text) {
            None => masker.hide(&text.under, &text.text, map)?,
            Some(texts) => {
                let edits = hide_all(masker, texts, map)?;
                (!edits.is_empty()).then(|| json::apply(&text.text, edits))
            }
        };
        edits.extend(hidden.map(|hidden| (text.range, hidden)));
    }
    Ok(edits)
}

/// The texts within one that is JSON.
fn inside<'a>(text: &'a Text<'_>) -> Option<Vec<Text<'a>>> {
    if !text.is_json || !text.text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut texts = Vec::new();
    json::walk(&text.text, |path, leaf| {
        let under = last_name(path).to_owned();
        let text = leaf.text().unwrap_or(Cow::Borrowed(leaf.raw));
        texts.push(Text { range: leaf.range, text, under, is_json: false });
    })
    .then_some(texts)
}

/// All texts of a request. None where one of them cannot be read.
fn texts(body: &str) -> Option<Vec<Text<'_>>> {
    let mut texts = Vec::new();
    let mut unread = false;
    let is_json = json::walk(body, |path, leaf| {
        let Some(kind) = kind(path) else { return };
        let is_free = matches!(kind, Kind::Free);
        if !leaf.is_string() && !is_free {
            return;
        }
        let Some(text) = leaf.text().or((!leaf.is_string()).then_some(Cow::Borrowed(leaf.raw))) else {
            unread = true;
            return;
        };
        if matches!(kind, Kind::Data) && is_blob(&text) {
            return;
        }
        let under = if is_free { last_name(path).to_owned() } else { String::new() };
        texts.push(Text { range: leaf.range, text, under, is_json: matches!(kind, Kind::Json) });
    });
    (is_json && !unread).then_some(texts)
}

enum Kind {
    Plain,
    /// In an object whose names are the caller's: arguments of a tool. Numbers are masked too, and become strings.
    Free,
    /// JSON in a string.
    Json,
    /// Text, or base64.
    Data,
}

/// What stands at the end of a way; none where it is no text.
fn kind(path: &[Step<'_>]) -> Option<Kind> {
    let top = name(path, 0);
    if SETTINGS.contains(&top) {
        return None;
    }
    let is_call = top == "messages" && path.iter().skip(2).any(|step| *step == Step::Key("input".into()));
    if is_call || top == "metadata" || top == "prompt" && name(path, 1) == "variables" {
        return Some(Kind::Free);
    }
    match last_name(path) {
        "arguments" => Some(Kind::Json),
        "data" | "file_data" => Some(Kind::Data),
        // Of who speaks; the others are names of functions.
        "name" if top == "messages" && path.len() == 3 && place(path, 1).is_some() => Some(Kind::Plain),
        no_text if path.len() > 1 && NO_TEXT.contains(&no_text) => None,
        _ => Some(Kind::Plain),
    }
}

/// Whether it is a picture, sound or file in base64.
fn is_blob(text: &str) -> bool {
    text.starts_with("data:")
        || text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
}
