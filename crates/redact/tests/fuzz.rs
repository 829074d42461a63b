//! Texts changed by chance: nothing panics, what comes out is whole and in order, JSON stays JSON, in pieces as at once.
//!
//! `LASTBYTE_MUTATIONS` says how many texts are made, `cargo xtask fuzz` sets it to 1,000,000.

#![allow(clippy::unwrap_used)]

mod support;

use lastbyte_redact::{Key, Redactor, Rule, Style};
use serde_json::{Map, Value};
use support::corpus::{Tried, corpus, tries};
use support::{Random, cut};

/// What values begin with, are made of, are disguised with and are divided by.
const TOKENS: &[&str] = &[
    "@",
    ".",
    "-",
    "_",
    "+",
    ":",
    "=",
    "/",
    "\\",
    "%",
    "&",
    ";",
    ",",
    " ",
    "\n",
    "\t",
    "\"",
    "'",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "0",
    "1",
    "00",
    "138",
    "13812345678",
    "+86",
    "6222021",
    "110105194912310",
    "2001:db8::",
    "8.8.8.8",
    "DE89",
    "a",
    "Z",
    "sk-",
    "sk-proj-",
    "ghp_",
    "eyJ",
    "AKIA",
    "xoxb-",
    "Bearer ",
    "Basic ",
    "token",
    "password",
    "password=",
    "\"password\":\"",
    "api_key: ",
    "密码",
    "密码是",
    "：",
    "，",
    "。",
    "是",
    "张伟",
    "京A",
    "一三八",
    "１",
    "＠",
    "＋",
    "　",
    "://",
    "u:p@h",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "aWQgaXMgMTM4",
    "%40",
    "%31",
    "%3D",
    "\\u0031",
    "\\u0040",
    "\\u5bc6",
    "\\ud83d",
    "\\n",
    "\\\"",
    "\\\\",
    "&#64;",
    "&#x31;",
    "&quot;",
    "&amp;",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{1b}[0m",
    "\u{1b}[31;1m",
    "\u{1b}[",
    "\u{0}",
    "\u{7f}",
    "é",
    "\u{301}",
    "\u{1f600}",
    "[EMAIL]",
    "[SECRET]",
    "[ID]",
    "qq.com",
    "xn--",
    "tel ",
    "ssn ",
    "护照",
    "null",
    "true",
    "1e9",
    "-0.5",
];

struct Fuzz {
    random: Random,
    texts: Vec<String>,
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let texts = corpus().into_iter().map(|text| text.text).collect();
        Self { random: Random(seed), texts }
    }

    fn token(&mut self) -> &'static str {
        TOKENS[self.random.below(TOKENS.len())]
    }

    /// Somewhere in a text, between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn part(&mut self, text: &str) -> std::ops::Range<usize> {
        let (one, other) = (self.place(text), self.place(text));
        one.min(other)..one.max(other)
    }

    /// A text of the corpus, or some tokens, changed some times.
    fn text(&mut self) -> String {
        let mut text =
            if self.random.below(4) == 0 { String::new() } else { self.random.of(&self.texts).clone() };
        for _ in 0..self.random.below(12) {
            self.change(&mut text);
        }
        text
    }

    fn change(&mut self, text: &mut String) {
        let (at, part) = (self.place(text), self.part(text));
        match self.random.below(9) {
            0..3 => text.insert_str(at, self.token()),
            3 => text.replace_range(part, ""),
            4 => text.replace_range(part, self.token()),
            5 => {
                let again = text[part].repeat(1 + self.random.below(3));
                text.insert_str(at, &again);
            }
            6 => {
                let other = self.random.of(&self.texts).clone();
                let part = self.part(&other);
                text.insert_str(at, &other[part]);
            }
            7 => text.truncate(at),
            _ => {
                let veil = self.random.below(5);
                let veiled: String = text[part.clone()].chars().map(|ch| disguised(ch, veil)).collect();
                text.replace_range(part, &veiled);
            }
        }
    }

    fn redactor(&mut self) -> Redactor {
        let builder = Redactor::builder();
        let builder = if self.random.below(2) == 0 { builder.rules(Rule::ALL) } else { builder };
        if self.random.below(3) == 0 {
            let key = Key::new("sixteen bytes of key").unwrap();
            return builder.style(Style::Pseudonym(key)).build();
        }
        builder.build()
    }
}

/// A character as another form has it.
fn disguised(ch: char, veil: usize) -> String {
    match veil {
        0 if ch.is_ascii() => format!("%{:02X}", u32::from(ch)),
        1 if u32::from(ch) < 0x1_0000 => format!("\\u{:04x}", u32::from(ch)),
        2 => format!("&#{};", u32::from(ch)),
        3 if ch.is_ascii_graphic() => char::from_u32(u32::from(ch) + 0xfee0).unwrap().to_string(),
        4 => format!("{ch}\u{200b}"),
        _ => ch.to_string(),
    }
}

fn in_pieces(redactor: &Redactor, text: &str, random: &mut Random) -> String {
    let (mut stream, mut out) = (redactor.stream(), String::new());
    let most = *random.of(&[1, 3, 8, 40, 400]);
    for piece in cut(text, most, random) {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    out
}

#[test]
fn any_text_is_redacted_alike_in_every_way() {
    let mut fuzz = Fuzz::new(1);
    let mut hits = 0;
    for number in 0..tries("LASTBYTE_MUTATIONS") {
        let text = fuzz.text();
        let _tried = Tried(number, &text);
        let redactor = fuzz.redactor();
        let whole = redactor.redact(&text);
        let (mut marked, mut at) = (String::new(), 0);
        for hit in redactor.find(&text) {
            assert!(at <= hit.range.start && hit.range.start < hit.range.end, "{:?}", hit.range);
            marked.push_str(&text[at..hit.range.start]);
            redactor.mark(&hit, &mut marked);
            at = hit.range.end;
            hits += 1;
        }
        marked.push_str(&text[at..]);
        assert_eq!(marked, whole);
        assert_eq!(in_pieces(&redactor, &text, &mut fuzz.random), whole);
    }
    println!("{hits} hits");
}

#[test]
fn bytes_that_are_no_text_come_out_as_they_are_read() {
    let mut fuzz = Fuzz::new(2);
    for number in 0..tries("LASTBYTE_MUTATIONS") / 4 {
        let mut bytes = fuzz.text().into_bytes();
        for _ in 0..1 + fuzz.random.below(4) {
            let at = fuzz.random.below(bytes.len() + 1);
            bytes.insert(at, *fuzz.random.of(&[0x80, 0xbf, 0xc3, 0xe5, 0xed, 0xf0, 0xff]));
        }
        let text = String::from_utf8_lossy(&bytes);
        let _tried = Tried(number, &text);
        let redactor = fuzz.redactor();
        let (mut stream, mut out, mut rest) = (redactor.stream(), String::new(), bytes.as_slice());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + fuzz.random.below(20)).min(rest.len()));
            stream.push_bytes(piece, &mut out);
            rest = after;
        }
        stream.finish(&mut out);
        assert_eq!(out, redactor.redact(&text));
    }
}

/// A document with the texts in it.
fn document(fuzz: &mut Fuzz, depth: usize) -> Value {
    match fuzz.random.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => true.into(),
        2 => ((fuzz.random.below(1 << 30) * fuzz.random.below(1 << 30)) as u64).into(),
        3..6 => fuzz.text().into(),
        6 => (0..fuzz.random.below(4)).map(|_| document(fuzz, depth - 1)).collect(),
        _ => {
            let keys = ["password", "msg", "phone", "id", "ts", "密码", "Authorization"];
            let mut map = Map::new();
            for _ in 0..fuzz.random.below(4) {
                let key =
                    if fuzz.random.below(4) == 0 { fuzz.text() } else { (*fuzz.random.of(&keys)).to_owned() };
                map.insert(key, document(fuzz, depth - 1));
            }
            Value::Object(map)
        }
    }
}

/// Whether only texts and keys differ, and numbers that are texts now.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(_) | Value::Number(_), Value::String(_)) => true,
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        // Two keys may have become one.
        (Value::Object(one), Value::Object(other)) => {
            other.len() <= one.len()
                && one.iter().all(|(key, value)| other.get(key).is_none_or(|other| alike(value, other)))
        }
        (one, other) => one == other,
    }
}

#[test]
fn json_stays_json() {
    let mut fuzz = Fuzz::new(3);
    for number in 0..tries("LASTBYTE_MUTATIONS") / 2 {
        let document = document(&mut fuzz, 3);
        let pretty = fuzz.random.below(4) == 0;
        let text =
            if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let text = text.unwrap();
        let _tried = Tried(number, &text);
        let redacted = fuzz.redactor().redact_json(&text).into_owned();
        let value: Value =
            serde_json::from_str(&redacted).unwrap_or_else(|error| panic!("{error}: {redacted}"));
        assert!(alike(&document, &value), "{redacted}");
    }
}

#[test]
fn what_is_no_json_is_redacted_as_something() {
    let mut fuzz = Fuzz::new(4);
    for number in 0..tries("LASTBYTE_MUTATIONS") / 2 {
        let mut text = serde_json::to_string(&document(&mut fuzz, 2)).unwrap();
        for _ in 0..fuzz.random.below(4) {
            fuzz.change(&mut text);
        }
        let _tried = Tried(number, &text);
        let redacted = fuzz.redactor().redact_json(&text).into_owned();
        if serde_json::from_str::<Value>(&text).is_ok() {
            assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{redacted}");
        }
    }
}

/// A mark can make what stands beside it a value, as no other text would: `Bearer [SECRET]:…`. A text that people or
/// programs write stays as it is.
#[test]
fn what_is_redacted_twice_is_what_is_redacted_once() {
    let (redactor, mut fuzz) = (Redactor::new(), Fuzz::new(5));
    for text in &fuzz.texts {
        let once = redactor.redact(text);
        assert_eq!(redactor.redact(&once), once);
    }
    let (all, mut changed) = (tries("LASTBYTE_MUTATIONS"), 0);
    for number in 0..all {
        let text = fuzz.text();
        let _tried = Tried(number, &text);
        let once = redactor.redact(&text);
        changed += usize::from(redactor.redact(&once) != once);
    }
    println!("{changed} of {all} texts changed by chance give another text when they are redacted again");
    assert!(changed <= all / 100, "{changed}");
}
