//! Finds all values of a map in a text, how many and how long they may be.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use zeroize::Zeroizing;

use crate::escape::{Escape, escape};

/// How much of a value is looked for, in bytes; the rest is compared where that stands. What is made to look for a value
/// takes many times the memory of what it looks for.
const BEGINNING: usize = 16;

/// What is looked for.
pub(super) struct Form {
    pub(super) text: Zeroizing<String>,
    /// The place of its value in the map.
    pub(super) place: u32,
    /// It is one in the middle of a word too.
    pub(super) is_anywhere: bool,
    /// It is another spelling of it, as JSON has it.
    pub(super) is_escaped: bool,
}

/// Finds these.
pub(super) struct Known {
    beginnings: AhoCorasick,
    /// In the order of their texts.
    forms: Vec<Form>,
    /// For each the longest other that it begins with.
    shorter: Vec<Option<u32>>,
    is_any_anywhere: bool,
}

impl Known {
    /// None of more than `aho-corasick` can number. None of the forms is empty.
    pub(super) fn new(mut forms: Vec<Form>) -> Option<Self> {
        // Of those that are the same the last is found: a value before a spelling of another, and what was learned first.
        let order = |form: &Form| (!form.is_escaped, Reverse(form.place));
        forms.sort_unstable_by(|one, two| one.text.cmp(&two.text).then(order(one).cmp(&order(two))));
        let mut shorter = Vec::with_capacity(forms.len());
        let mut open: Vec<u32> = Vec::new();
        for (at, form) in forms.iter().enumerate() {
            while open.pop_if(|top| !form.text.starts_with(&**forms[*top as usize].text)).is_some() {}
            shorter.push(open.last().copied());
            open.push(u32::try_from(at).ok()?);
        }
        let beginning = |form: &Form| form.text.len().min(BEGINNING);
        let mut beginnings: Vec<_> =
            forms.iter().map(|form| &form.text.as_bytes()[..beginning(form)]).collect();
        beginnings.dedup();
        let beginnings = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostFirst)
            .build(beginnings)
            .ok()?;
        let is_any_anywhere = forms.iter().any(|form| form.is_anywhere);
        Some(Self { beginnings, forms, shorter, is_any_anywhere })
    }

    /// The first of a text, from a place on; the longest, where several begin there.
    pub(super) fn find(&self, text: &str, mut from: usize) -> Option<(Range<usize>, &Form)> {
        loop {
            let start = self.beginnings.find(Input::new(text).range(from..))?.start();
            let is_apart = !is_joined(text, start);
            if (is_apart || self.is_any_anywhere)
                && let Some(form) = self.longest(text, start, is_apart)
            {
                return Some((start..start + form.text.len(), form));
            }
            from = start + 1;
        }
    }

    fn longest(&self, text: &str, start: usize, is_apart: bool) -> Option<&Form> {
        let rest = &text.as_bytes()[start..];
        // All that the rest begins with are before it in the order, and the last before it begins with them too.
        let last = self.forms.partition_point(|form| form.text.as_bytes() <= rest).checked_sub(1)?;
        let common = self.forms[last].text.bytes().zip(rest).take_while(|(one, two)| one == *two).count();
        let mut next = Some(last as u32);
        while let Some(at) = next {
            let form = &self.forms[at as usize];
            let is_apart = is_apart && !is_joined(text, start + form.text.len());
            if form.text.len() <= common && (is_apart || form.is_anywhere) {
                return Some(form);
            }
            next = self.shorter[at as usize];
        }
        None
    }

    /// How much memory it takes, in bytes.
    #[cfg(test)]
    fn memory(&self) -> usize {
        let forms: usize = self.forms.iter().map(|form| size_of_val(form) + form.text.len()).sum();
        forms + self.beginnings.memory_usage()
    }
}

/// How a value can stand in a string of JSON, where that is not as it is: some write `\/` for `/`, and some nothing beyond
/// ASCII.
pub(super) fn escaped(value: &str) -> Vec<Zeroizing<String>> {
    let mut json = Zeroizing::new(String::new());
    escape(value, Escape::Json, &mut json);
    let mut all = vec![json];
    if !value.is_ascii() {
        let mut ascii = Zeroizing::new(String::new());
        for ch in all[0].chars() {
            if ch.is_ascii() {
                ascii.push(ch);
            } else {
                for unit in ch.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        all.push(ascii);
    }
    if value.contains('/') {
        let slashed: Vec<_> = all.iter().map(|text| Zeroizing::new(text.replace('/', "\\/"))).collect();
        all.extend(slashed);
    }
    all.retain(|text| **text != value);
    all
}

/// Whether a place is in the middle of a word or number.
fn is_joined(text: &str, at: usize) -> bool {
    let is_word = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
    at > 0 && is_word(at - 1) && is_word(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(values: &[String]) -> Known {
        let form = |(place, text): (usize, &String)| Form {
            text: Zeroizing::new(text.clone()),
            place: place as u32,
            is_anywhere: text.ends_with('!'),
            is_escaped: false,
        };
        Known::new(values.iter().enumerate().map(form).collect()).unwrap()
    }

    #[test]
    fn what_finds_a_long_value_takes_little_more_memory_than_it_has() {
        let mut random = fastrand::Rng::with_seed(8);
        let mut word = |len| -> String { (0..len).map(|_| random.alphanumeric()).collect() };
        for (count, len) in [(1, 2_000_000), (60, 63_000), (90, 500)] {
            let values: Vec<_> = (0..count).map(|_| word(len)).collect();
            let memory = known(&values).memory();
            assert!(memory < 3 * count * len, "{count} of {len}: {memory}");
        }
    }

    #[test]
    fn json_has_some_ways_to_write_a_value() {
        for (value, ways) in [
            ("li.wei@example.com", &[][..]),
            ("C0rp\\a!9", &[r"C0rp\\a!9"]),
            ("Zq8/k", &[r"Zq8\/k"]),
            ("\"é/🙂", &[r#"\"é/🙂"#, r#"\"\u00e9/\ud83d\ude42"#, r#"\"é\/🙂"#, r#"\"\u00e9\/\ud83d\ude42"#]),
        ] {
            let escaped = escaped(value);
            assert!(escaped.iter().map(|text| text.as_str()).eq(ways.iter().copied()), "{escaped:?}");
            for text in escaped {
                assert_eq!(serde_json::from_str::<String>(&format!("\"{}\"", *text)).unwrap(), value);
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_and_longest_is_found_that_is_no_part_of_a_word(
            values in prop::collection::vec("[ab -]{1,3}!?|[ab]{14,17}[ -]?a?", 1..9),
            pieces in prop::collection::vec((0..9_usize, "[ab -]{0,2}"), 0..9),
        ) {
            let text: String =
                pieces.iter().map(|(at, piece)| values[at % values.len()].clone() + piece).collect();
            let known = known(&values);
            let apart = |start, end| !is_joined(&text, start) && !is_joined(&text, end);
            let mut from = 0;
            loop {
                let expected = (from..text.len()).find_map(|start| {
                    let fits = |value: &&String| {
                        text[start..].starts_with(&**value) && (value.ends_with('!') || apart(start, start + value.len()))
                    };
                    let len = values.iter().filter(fits).map(String::len).max()?;
                    Some(start..start + len)
                });
                let found = known.find(&text, from);
                prop_assert_eq!(found.as_ref().map(|(range, _)| range.clone()), expected);
                let Some((range, form)) = found else { break };
                let first = values.iter().position(|value| *value == text[range.clone()]);
                prop_assert_eq!(first, Some(form.place as usize));
                from = range.end;
            }
        }
    }
}
