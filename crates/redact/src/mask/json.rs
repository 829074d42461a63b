//! The strings and numbers of a JSON text, where they stand: what is not changed stays as it was, byte for byte.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// How deep it may be nested: what `serde_json` allows.
const DEPTH: usize = 128;

/// One step of the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step<'a> {
    Key(Cow<'a, str>),
    At(usize),
}

/// A string, with its quotes, or a number.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    pub(super) raw: &'a str,
    pub(super) range: Range<usize>,
    /// Where the object or array begins that it is in.
    pub(super) of: usize,
    /// It is the name of a member: the last one along its way.
    pub(super) is_name: bool,
}

impl<'a> Leaf<'a> {
    pub(super) fn is_string(&self) -> bool {
        self.raw.starts_with('"')
    }

    /// The text of a string; none where it is none.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let inner = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(self.raw).ok().map(Cow::Owned)
    }

    /// The same with characters of private use in the places of halves of surrogate pairs that stand alone, as
    /// `JSON.stringify` writes them: [`quoted`] makes those again what they were.
    pub(super) fn text_with_halves(&self) -> Option<Cow<'a, str>> {
        self.text().or_else(|| {
            let (json, count) = halves(self.raw);
            let text: String = serde_json::from_str(&json).ok()?;
            // Where it had such characters itself, the two could not be told apart.
            (text.chars().filter_map(half).count() == count).then_some(Cow::Owned(text))
        })
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.raw.parse().ok()
    }
}

/// The names along a way; empty for the place in an array.
pub(super) fn name<'p>(path: &'p [Step<'_>], at: usize) -> &'p str {
    match path.get(at) {
        Some(Step::Key(key)) => key,
        _ => "",
    }
}

/// The place in an array at this step of a way.
pub(super) fn place(path: &[Step<'_>], at: usize) -> Option<usize> {
    match path.get(at)? {
        Step::At(place) => Some(*place),
        Step::Key(_) => None,
    }
}

/// The last name along a way: that of the array, for what stands in one.
pub(super) fn last_name<'p>(path: &'p [Step<'_>]) -> &'p str {
    path.iter()
        .rev()
        .find_map(|step| if let Step::Key(key) = step { Some(&**key) } else { None })
        .unwrap_or("")
}

/// Gives every string and number of a text that is a value. `false`: it is no JSON.
pub(super) fn walk<'a>(json: &'a str, mut each: impl FnMut(&[Step<'a>], Leaf<'a>)) -> bool {
    walk_all(json, |path, leaf| {
        if !leaf.is_name {
            each(path, leaf);
        }
    })
}

/// The same with the names of members.
pub(super) fn walk_all<'a>(json: &'a str, mut each: impl FnMut(&[Step<'a>], Leaf<'a>)) -> bool {
    let mut walker = Walker { json, at: 0, of: 0, path: Vec::new(), each: &mut each };
    walker.value().is_some() && {
        walker.blank();
        walker.at == json.len()
    }
}

struct Walker<'a, 'e> {
    json: &'a str,
    at: usize,
    of: usize,
    path: Vec<Step<'a>>,
    each: &'e mut dyn FnMut(&[Step<'a>], Leaf<'a>),
}

impl<'a> Walker<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.blank();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether a list goes on.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        self.blank();
        let byte = self.peek()?;
        self.at += 1;
        if byte == close { Some(false) } else { (byte == b',').then_some(true) }
    }

    fn is_empty(&mut self, close: u8) -> bool {
        self.blank();
        let empty = self.peek() == Some(close);
        self.at += usize::from(empty);
        empty
    }

    fn value(&mut self) -> Option<()> {
        self.blank();
        match self.peek()? {
            b'{' | b'[' if self.path.len() >= DEPTH => None,
            open @ (b'{' | b'[') => {
                let of = std::mem::replace(&mut self.of, self.at);
                self.at += 1;
                if open == b'{' { self.members() } else { self.places() }?;
                self.of = of;
                Some(())
            }
            b'"' => {
                let leaf = self.string()?;
                (self.each)(&self.path, leaf);
                Some(())
            }
            b'-' | b'0'..=b'9' => {
                let rest = &self.json[self.at..];
                let len =
                    rest.bytes().take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)).count();
                let range = self.at..self.at + len;
                self.at = range.end;
                let leaf = Leaf { raw: &self.json[range.clone()], range, of: self.of, is_name: false };
                (self.each)(&self.path, leaf);
                Some(())
            }
            _ => {
                let rest = &self.json[self.at..];
                let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word))?;
                self.at += word.len();
                Some(())
            }
        }
    }

    fn members(&mut self) -> Option<()> {
        if self.is_empty(b'}') {
            return Some(());
        }
        loop {
            self.blank();
            let name = self.string()?;
            self.eat(b':')?;
            self.path.push(Step::Key(name.text_with_halves().unwrap_or(Cow::Borrowed(name.raw))));
            (self.each)(&self.path, Leaf { is_name: true, ..name });
            self.value()?;
            self.path.pop();
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    fn places(&mut self) -> Option<()> {
        if self.is_empty(b']') {
            return Some(());
        }
        for place in 0.. {
            self.path.push(Step::At(place));
            self.value()?;
            self.path.pop();
            if !self.goes_on(b']')? {
                break;
            }
        }
        Some(())
    }

    fn string(&mut self) -> Option<Leaf<'a>> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let range = start..self.at;
        Some(Leaf { raw: self.json.get(range.clone())?, range, of: self.of, is_name: false })
    }
}

/// The first of the 2,048 last characters there are, which stand for as many halves of surrogate pairs.
const HALVES: u32 = 0x11_0000 - 0x800;
/// The first of the halves, and the first that is a second one.
const SURROGATES: [u32; 2] = [0xd800, 0xdc00];

/// The half that a character stands for.
fn half(char: char) -> Option<u32> {
    Some(u32::from(char).checked_sub(HALVES)? + SURROGATES[0])
}

/// A string of JSON with characters for its halves of surrogate pairs, and how many those are.
fn halves(raw: &str) -> (String, usize) {
    let escaped = |at: usize| {
        let digits = raw.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok().filter(|code| (SURROGATES[0]..0xe000).contains(code))
    };
    let (mut out, mut count, mut written, mut at) = (String::new(), 0, 0, 0);
    while let Some(found) =
        raw.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        at += found;
        match escaped(at) {
            None => at += 2,
            Some(first) if first < SURROGATES[1] && escaped(at + 6) >= Some(SURROGATES[1]) => at += 12,
            Some(half) => {
                out.push_str(&raw[written..at]);
                out.extend(char::from_u32(half - SURROGATES[0] + HALVES));
                count += 1;
                at += 6;
                written = at;
            }
        }
    }
    out.push_str(&raw[written..]);
    (out, count)
}

/// A string of JSON.
pub(super) fn quoted(text: &str, has_halves: bool) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !has_halves {
        return quoted;
    }
    let mut out = String::with_capacity(quoted.len());
    for char in quoted.chars() {
        match half(char) {
            Some(half) => {
                let _ = write!(out, "\\u{half:04x}");
            }
            None => out.push(char),
        }
    }
    out
}

/// The text with other strings at these places, which do not overlap.
pub(super) fn apply(json: &str, edits: Vec<(Range<usize>, String)>) -> String {
    splice(json, edits.into_iter().map(|(range, text)| (range, quoted(&text, false))).collect())
}

/// The same with what is JSON already.
pub(super) fn splice(json: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_unstable_by_key(|(range, _)| range.start);
    let more: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut out = String::with_capacity(json.len() + more);
    let mut at = 0;
    for (range, text) in edits {
        out.push_str(&json[at..range.start]);
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(&json[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_strings_and_numbers_are_given_with_their_ways() {
        let json = r#" {"a" : ["x", 1.5e3, {"\u0062":"\"q\"é"}], "c":{}, "d":[], "e":null, "f":-1}"#;
        let mut seen = Vec::new();
        assert!(walk(json, |path, leaf| {
            assert_eq!(&json[leaf.range.clone()], leaf.raw);
            let way: Vec<_> = (0..path.len())
                .map(|at| {
                    place(path, at).map_or_else(|| name(path, at).to_owned(), |place| place.to_string())
                })
                .collect();
            seen.push((
                way.join("/"),
                last_name(path).to_owned(),
                leaf.text().map_or("-".into(), Cow::into_owned),
            ));
        }));
        let seen: Vec<_> = seen.iter().map(|(way, last, text)| format!("{way} {last} {text}")).collect();
        assert_eq!(seen, ["a/0 a x", "a/1 a -", "a/2/b b \"q\"é", "f f -"]);
        let mut names = Vec::new();
        walk_all(json, |path, leaf| {
            if leaf.is_name {
                names.push((last_name(path).to_owned(), leaf.text().unwrap().into_owned(), leaf.of));
            }
        });
        let expected = [("a", 1), ("b", 21), ("c", 1), ("d", 1), ("e", 1), ("f", 1)];
        assert_eq!(names, expected.map(|(name, of)| (name.to_owned(), name.to_owned(), of)));
        for wrong in ["", "{", "[1,]", "{\"a\"}", "[1 2]", "\"a", "{} {}", "nul", "\"\\", &"[".repeat(200)] {
            assert!(!walk(wrong, |_, _| {}), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_changed_stays() {
        let json = r#"{ "a":"x" ,"b" : "y" }"#;
        assert_eq!(
            apply(json, vec![(17..20, "\"".into()), (6..9, "é\n".into())]),
            r#"{ "a":"é\n" ,"b" : "\"" }"#
        );
    }

    #[test]
    fn halves_of_surrogate_pairs_are_what_they_were() {
        for raw in [
            r#""a\ud83d""#,
            r#""\udc00\ud83d\ud83d\udbff""#,
            r#""\ud83d\\ud83d\n\"""#,
            "\"\\ud800\u{1f600}\u{fffd}\"",
        ] {
            let leaf = Leaf { raw, range: 0..raw.len(), of: 0, is_name: false };
            assert_eq!(leaf.text(), None);
            assert_eq!(quoted(&leaf.text_with_halves().unwrap(), true), raw);
        }
        for raw in ["\"\\ud83d\u{10f83d}\"", r#""\ud83d\udbff\udfff""#, r#""\ud83d\'""#, "\"\\é\"", r#""\u""#]
        {
            let leaf = Leaf { raw, range: 0..raw.len(), of: 0, is_name: false };
            assert_eq!(leaf.text_with_halves(), None, "{raw}");
        }
        let leaf = Leaf { raw: r#""\ud83d\ude00""#, range: 0..14, of: 0, is_name: false };
        assert_eq!(leaf.text_with_halves().as_deref(), Some("\u{1f600}"));
    }
}
