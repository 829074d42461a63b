//! The strings and numbers of a JSON text, where they stand: what is not changed stays as it was, byte for byte.

use std::borrow::Cow;
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

/// Gives every string and number of a text. `false`: it is no JSON.
pub(super) fn walk<'a>(json: &'a str, mut each: impl FnMut(&[Step<'a>], Leaf<'a>)) -> bool {
    let mut walker = Walker { json, at: 0, path: Vec::new(), each: &mut each };
    walker.value().is_some() && {
        walker.blank();
        walker.at == json.len()
    }
}

struct Walker<'a, 'e> {
    json: &'a str,
    at: usize,
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
            b'{' => {
                self.at += 1;
                if self.is_empty(b'}') {
                    return Some(());
                }
                loop {
                    self.blank();
                    let key = self.string()?.text()?;
                    self.eat(b':')?;
                    self.path.push(Step::Key(key));
                    self.value()?;
                    self.path.pop();
                    if !self.goes_on(b'}')? {
                        return Some(());
                    }
                }
            }
            b'[' => {
                self.at += 1;
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
                (self.each)(&self.path, Leaf { raw: &self.json[range.clone()], range });
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
        Some(Leaf { raw: self.json.get(range.clone())?, range })
    }
}

/// The text with other strings at these places, which do not overlap.
pub(super) fn apply(json: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_unstable_by_key(|(range, _)| range.start);
    let more: usize = edits.iter().map(|(_, text)| text.len() + 2).sum();
    let mut out = String::with_capacity(json.len() + more);
    let mut at = 0;
    for (range, text) in edits {
        out.push_str(&json[at..range.start]);
        out.push_str(&serde_json::Value::from(text).to_string());
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
}
