//! What is found of the values that other projects test themselves with: `tests/foreign/README.md`.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use lastbyte_redact::Redactor;
use support::{Random, covered};

/// Texts with a value in them that do not say what it is.
const AROUND: [(&str, &str); 4] = [("", ""), ("see ", " for more"), ("看", "，好"), ("[\"", "\"]")];

/// How many values are made of each shape.
const SAMPLES: usize = 25;

fn file(name: &str) -> String {
    let path = format!("{}/tests/foreign/{name}.tsv", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The rows of a file: a kind, and the last column.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().map(|line| (line.split('\t').next().unwrap(), line.rsplit('\t').next().unwrap()))
}

/// The share of the texts around it in which a value is found.
fn found(redactor: &Redactor, value: &str) -> f64 {
    let around = AROUND.iter().filter(|(before, after)| {
        let text = format!("{before}{value}{after}");
        let hits: Vec<_> = redactor.find(&text).into_iter().map(|hit| hit.range).collect();
        covered(&text, before.len()..before.len() + value.len(), &hits) >= 0.6
    });
    around.count() as f64 / AROUND.len() as f64
}

#[derive(Default)]
struct Tally {
    all: usize,
    /// Not found in one of the texts at least.
    missed: Vec<String>,
}

/// Counts by kind and prints it. No more may be missed than is said of each kind.
fn judge(title: &str, tallies: &BTreeMap<String, Tally>, most: &[(&str, usize)]) {
    let mut over = Vec::new();
    println!("{title}");
    for (kind, Tally { all, missed }) in tallies {
        println!("  {kind:14} {all:>5} values, {:>4} missed", missed.len());
        let most = most.iter().find(|(it, _)| it == kind).map_or(0, |(_, most)| *most);
        if missed.len() > most {
            over.push(format!("{kind}: {} missed, {most} are known: {missed:?}", missed.len()));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

fn count(redactor: &Redactor, text: &str) -> BTreeMap<String, Tally> {
    let mut tallies = BTreeMap::<String, Tally>::new();
    for (kind, value) in rows(text) {
        let tally = tallies.entry(kind.to_owned()).or_default();
        tally.all += 1;
        if found(redactor, value) < 1.0 {
            tally.missed.push(value.to_owned());
        }
    }
    tallies
}

#[test]
fn values_of_presidio() {
    // Addresses: loopback, private, link-local, multicast, broadcast, networks, and what is in no range that is given out
    // are kept. Of `0:0:0:0:0:FFFF:129.144.52.38` only the IPv4 part is hidden, a zone (`%eth0`) stays.
    // Found behind a word only: the card (UATP), an SSN without dashes, an ITIN without dashes. Not at all: an ITIN with
    // one dash, an Israeli number in its country's form.
    let most = [("card", 1), ("ip", 38), ("itin", 3), ("phone", 1), ("ssn", 3)];
    judge("Presidio", &count(&Redactor::new(), &file("presidio")), &most);
}

#[test]
fn numbers_of_libphonenumber() {
    // Fixed lines in their country's form, which need a word before them.
    let most = [("national", 3)];
    judge("libphonenumber", &count(&Redactor::new(), &file("phones")), &most);
}

/// A value of the shape: what stands there, and so many of a class in place of `{w36}`.
fn sample(shape: &str, random: &mut Random) -> String {
    let mut value = String::new();
    for (at, part) in shape.split(['{', '}']).enumerate() {
        if at % 2 == 0 {
            value.push_str(part);
            continue;
        }
        let letters: &[u8] = match &part[..1] {
            "w" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "u" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            "p" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "l" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "A" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "B" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "h" => b"0123456789abcdef",
            "d" => b"0123456789",
            class => unreachable!("class {class}"),
        };
        for _ in 0..part[1..].parse().unwrap() {
            value.push(char::from(*random.of(letters)));
        }
    }
    value
}

#[test]
fn keys_of_the_shapes_of_gitleaks() {
    let (redactor, mut random) = (Redactor::new(), Random(1));
    let mut tallies = BTreeMap::<String, Tally>::new();
    let mut unknown = Vec::new();
    let text = file("shapes");
    for line in text.lines() {
        let [mark, rule, shape] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let claimed = mark == "+";
        let tally = tallies.entry(if claimed { "claimed" } else { "others" }.to_owned()).or_default();
        let samples = (0..SAMPLES).map(|_| sample(shape, &mut random));
        let missed: Vec<_> = samples.filter(|value| found(&redactor, value) < 1.0).collect();
        tally.all += SAMPLES;
        tally.missed.extend(missed.iter().map(|value| format!("{rule}: {value}")));
        if !claimed && missed.is_empty() {
            unknown.push(rule);
        }
    }
    // What is not claimed may be missed, and what is found should be claimed.
    assert!(unknown.is_empty(), "they are found: {unknown:?}");
    judge("gitleaks", &tallies, &[("others", usize::MAX)]);
}
