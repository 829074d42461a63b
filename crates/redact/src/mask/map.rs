//! Which stand-in stands for which value.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use super::known::{self, Form, Known};
use super::standin::{self, TEXT};
use super::{Unmask, unmask};

/// The values of one request and what stands for each of them.
#[derive(Default)]
pub struct Map {
    entries: Vec<Entry>,
    /// The place of each entry, by the digits of its stand-in.
    places: HashMap<u64, u32>,
    /// Finds all values at once; made when it is first asked for, after all of them were learned.
    known: [OnceLock<Option<Known>>; 3],
}

pub(super) struct Entry {
    pub(super) label: &'static str,
    pub(super) code: u64,
    pub(super) value: Zeroizing<String>,
}

/// Where values are looked for that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    /// Only those that are long enough to be nothing else, and no longer than [`Map::KNOWN_AGAIN_TO`]; also as JSON
    /// escapes them, since a text may be some.
    Request,
    /// An answer that has shown them: all of them.
    Answer,
    /// The same in JSON, as they are escaped there.
    AnswerJson,
}

/// A request has more than [`Map::MAX`] values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} values", Map::MAX)
    }
}

impl std::error::Error for TooMany {}

impl Map {
    /// How many values one has at most: more than a prompt of a million tokens has, if each line of it is one.
    pub const MAX: usize = 1 << 16;

    /// The least length, in bytes, of a value that is looked for where nothing confirms it. A password `abc` is masked
    /// behind its `password:`, and nowhere else.
    pub const KNOWN_AGAIN: usize = 6;

    /// The greatest length, in bytes, of such a value: twice the private key of 4,096 bits, and what a rule reads at
    /// once. A longer one is masked wherever a rule finds it. Without it one request could compare for minutes.
    pub const KNOWN_AGAIN_TO: usize = 4096;

    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was masked, so that nothing has to be restored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The text with the values in the places of their stand-ins.
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        unmask::whole(self, text, false).0
    }

    /// For a text that comes in pieces.
    #[must_use]
    pub fn unmask(self: &Arc<Self>) -> Unmask {
        Unmask::new(self.clone())
    }

    /// The value that a stand-in with these digits stands for.
    pub(super) fn value(&self, code: u64) -> Option<&str> {
        let place = *self.places.get(&code)?;
        self.entries.get(place as usize).map(|entry| entry.value.as_str())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The stand-in's digits for a value: `code` tells them, the first, the second … choice.
    pub(super) fn add(
        &mut self,
        label: &'static str,
        value: &str,
        code: impl Fn(u32) -> u64,
    ) -> Result<u64, TooMany> {
        for choice in 0.. {
            let code = code(choice);
            match self.places.get(&code).and_then(|place| self.entries.get(*place as usize)) {
                Some(entry) if entry.label == label && *entry.value == value => return Ok(code),
                Some(_) => {}
                None if self.entries.len() >= Self::MAX => break,
                None => {
                    self.push(label, code, value);
                    return Ok(code);
                }
            }
        }
        Err(TooMany)
    }

    pub(super) fn push(&mut self, label: &'static str, code: u64, value: &str) {
        self.places.insert(code, self.entries.len() as u32);
        self.entries.push(Entry { label, code, value: Zeroizing::new(value.to_owned()) });
    }

    /// Writes the text with stand-ins wherever a value stands, whether a rule finds it there or not.
    pub(super) fn hide(&self, text: &str, within: In, out: &mut String) {
        let mut written = 0;
        for (range, entry) in self.known_in(text, within) {
            out.push_str(&text[written..range.start]);
            standin::write(entry.label, entry.code, out);
            written = range.end;
        }
        out.push_str(&text[written..]);
    }

    /// The text with stand-ins for values that were found elsewhere; none where it has none of them.
    pub(super) fn hidden(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        self.hide(text, In::Request, &mut out);
        (out != text).then_some(out)
    }

    /// Where values stand in a text, one after the other.
    pub(super) fn known_in<'m>(
        &'m self,
        text: &'m str,
        within: In,
    ) -> impl Iterator<Item = (Range<usize>, &'m Entry)> {
        let known = (!self.is_empty()).then(|| self.known(within).as_ref()).flatten();
        let mut at = 0;
        std::iter::from_fn(move || {
            let (range, form) = known?.find(text, at)?;
            at = range.end;
            Some((range, self.entries.get(form.place as usize)?))
        })
    }

    /// Whether all values can be found at once. It fails only beyond what `aho-corasick` can number.
    pub(super) fn is_findable(&self) -> bool {
        self.is_empty() || self.known(In::Request).is_some()
    }

    fn known(&self, within: In) -> &Option<Known> {
        self.known[within as usize].get_or_init(|| {
            let lengths = match within {
                In::Request => Self::KNOWN_AGAIN..=Self::KNOWN_AGAIN_TO,
                In::Answer | In::AnswerJson => 1..=usize::MAX,
            };
            let mut forms = Vec::new();
            for (entry, place) in self.entries.iter().zip(0..) {
                if !lengths.contains(&entry.value.len()) {
                    continue;
                }
                let is_anywhere = entry.label == TEXT;
                let mut text = Zeroizing::new(String::new());
                unmask::put(&entry.value, within == In::AnswerJson, &mut text);
                forms.push(Form { text, place, is_anywhere, is_escaped: false });
                if within == In::Request && !is_anywhere {
                    let escaped = known::escaped(&entry.value).into_iter();
                    forms.extend(escaped.map(|text| Form { text, place, is_anywhere, is_escaped: true }));
                }
            }
            Known::new(forms)
        })
    }
}

impl fmt::Debug for Map {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("len", &self.entries.len()).finish_non_exhaustive()
    }
}
