//! Looks for the slowest text among units of what values begin with, over and over.

use std::collections::HashSet;
use std::hint::black_box;

use lastbyte_redact::Redactor;

use crate::rounds::{Effort, now};
use crate::texts::{Text, run_of};

/// What values begin with, are made of, and are divided by.
const PARTS: &[&str] = &[
    " ",
    "\n",
    "\t",
    ":",
    "=",
    "\"",
    "'",
    "@",
    ".",
    "-",
    "_",
    "+",
    "(",
    ")",
    "/",
    "\\",
    "%",
    ",",
    ";",
    "a",
    "A",
    "Z9",
    "1",
    "00",
    "138",
    "13812345678",
    "6222021",
    "110105194912310",
    "+86",
    "+49",
    "(010)",
    "8.8.",
    "2001:",
    "::",
    "DE89",
    "aB3",
    "sk-",
    "sk_live_",
    "ghp_",
    "eyJ",
    "eyJhbGciOi",
    "AKIA",
    "LTAI",
    "aWQgaXMg",
    "token",
    "password",
    "api_key",
    "密码",
    "是",
    "：",
    "Bearer ",
    "Basic ",
    "://",
    "u:p",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "%41",
    "%31",
    "\\u0041",
    "\\u0031",
    "\\n",
    "\\\"",
    "&#65;",
    "&quot;",
    "\u{1b}[0m",
    "\u{200b}",
    "１",
    "＋",
    "＠",
    "　",
    "一",
    "三八",
    "张",
    "京",
    "é",
    "tel ",
    "ssn ",
    "护照",
    "qq.com",
    "xn--",
    "IBAN ",
];

/// The length of a text that is tried: many times of what is read from one place.
const LENGTH: usize = 1 << 14;

/// How many of the slowest are kept.
const KEPT: usize = 10;

/// The slowest of so many units of one to five parts by chance. The same seed tries the same.
/// None of them is known.
pub(crate) fn slowest(redactor: &Redactor, seed: u64, effort: Effort, known: &[Text]) -> Vec<Text> {
    let mut random = seed;
    let mut next = |most: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % most
    };
    let mut tried = Vec::new();
    for _ in 0..effort.tries {
        let parts = 1 + next(5);
        let unit: String = (0..parts).map(|_| PARTS[next(PARTS.len())]).collect();
        let text = run_of(&unit, LENGTH, false).text;
        // The better of two: one of them may have been interrupted.
        let taken = (0..2).map(|_| {
            let begun = now();
            black_box(redactor.redact(black_box(&text)));
            begun.elapsed()
        });
        tried.push((taken.min().unwrap_or_default().as_secs_f64() / text.len() as f64, unit));
    }
    tried.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut seen: HashSet<String> = known.iter().map(|text| text.name.clone()).collect();
    let texts = tried.into_iter().map(|(_, unit)| run_of(&unit, effort.length / 4, false));
    texts.filter(|text| seen.insert(text.name.clone())).take(KEPT).collect()
}
