//! All texts there are to test with: lines, cases, values of others.

use super::{Line, lines};

/// Texts, with the values labelled in them.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) values: Vec<String>,
}

/// The labelled lines, those that hold nothing, the cases made by hand and the values of others.
pub(crate) fn corpus() -> Vec<Text> {
    let line = |Line { text, spans, .. }: Line| {
        // Names follow no pattern and stay.
        let spans = spans.iter().filter(|span| !span.kind.starts_with("name_"));
        let values = spans.map(|span| text[span.bstart..span.bend].to_owned()).collect();
        Text { text, values }
    };
    let plain = |text: &str| Text { text: text.to_owned(), values: Vec::new() };
    let mut texts: Vec<Text> = ["dev", "negative"].into_iter().flat_map(lines).map(line).collect();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&file("cases/redaction_cases.json")).unwrap();
    texts.extend(cases.iter().map(|case| plain(case["input"].as_str().unwrap())));
    for name in ["foreign/presidio.tsv", "foreign/phones.tsv"] {
        texts.extend(file(name).lines().map(plain));
    }
    texts
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// How often a test that is made by chance tries: so often as the environment says, or 20,000 times.
pub(crate) fn tries(name: &str) -> usize {
    std::env::var(name).map_or(20_000, |tries| tries.parse().unwrap())
}

/// Says what was tried last if the test fails by a panic.
pub(crate) struct Tried<'a>(pub(crate) usize, pub(crate) &'a str);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("try {}: {:?}", self.0, self.1);
        }
    }
}
