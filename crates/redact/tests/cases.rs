//! The cases made by hand, whole, in pieces and as JSON.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use lastbyte_redact::{Key, Redactor, Style};
use serde_json::Value;

fn cases() -> Vec<Value> {
    let path = format!("{}/tests/cases/redaction_cases.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 91);
    cases
}

fn strings<'a>(case: &'a Value, name: &str) -> Vec<&'a str> {
    case[name].as_array().into_iter().flatten().map(|value| value.as_str().unwrap()).collect()
}

/// What is wrong with an output.
fn wrong(case: &Value, output: &str) -> Vec<String> {
    let leaks = strings(case, "expect_leaks_none_of").into_iter().filter(|leak| output.contains(leak));
    let lost = strings(case, "must_keep").into_iter().filter(|keep| !output.contains(keep));
    leaks.map(|leak| format!("leaks {leak:?}")).chain(lost.map(|keep| format!("lost {keep:?}"))).collect()
}

fn in_pieces<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a str>) -> String {
    let (mut stream, mut out) = (redactor.stream(), String::new());
    pieces.into_iter().for_each(|piece| stream.push(piece, &mut out));
    stream.finish(&mut out);
    out
}

/// Cuts where the case says; else into single characters.
fn pieces<'a>(case: &'a Value, input: &'a str) -> Vec<&'a str> {
    let chunks = strings(case, "chunks");
    if !chunks.is_empty() {
        assert_eq!(chunks.concat(), input);
        return chunks;
    }
    input.char_indices().map(|(at, c)| &input[at..at + c.len_utf8()]).collect()
}

#[test]
fn every_case_is_kept() {
    let redactor = Redactor::new();
    let mut all = Vec::new();
    for case in cases() {
        let input = case["input"].as_str().unwrap();
        let output = redactor.redact(input);
        let mut faults = wrong(&case, &output);
        if in_pieces(&redactor, pieces(&case, input)) != output {
            faults.push("differs in pieces".to_owned());
        }
        if case["json_valid"] == true {
            let output = redactor.redact_json(input);
            faults.extend(wrong(&case, &output));
            if let Err(error) = serde_json::from_str::<Value>(&output) {
                faults.push(format!("no JSON: {error}: {output}"));
            }
        }
        if !faults.is_empty() {
            all.push(format!("{}: {} in {output:?}", case["name"], faults.join(", ")));
        }
    }
    assert!(all.is_empty(), "{} fail:\n{}", all.len(), all.join("\n"));
}

#[test]
fn one_value_has_one_pseudonym_in_all_its_spellings() {
    let case = cases().into_iter().find(|case| case["kind"] == "pseudonym").unwrap();
    let input = case["input"].as_str().unwrap();
    let mut seen = HashMap::<String, usize>::new();
    for key in ["the first key of two", "the other key of two"] {
        let style = Style::Pseudonym(Key::new(key).unwrap());
        let output = Redactor::builder().style(style).build().redact(input).into_owned();
        assert!(wrong(&case, &output).is_empty(), "{output}");
        let marks: Vec<_> = output.split(' ').filter(|word| word.starts_with("[PHONE:")).collect();
        let [one, again, other] = marks[..] else { panic!("{output}") };
        assert_eq!(one, again, "{output}");
        assert_ne!(one, other, "{output}");
        assert_eq!(one.len(), "[PHONE:3f9a01bc22]".len());
        *seen.entry(one.to_owned()).or_default() += 1;
    }
    assert_eq!(seen.len(), 2, "another key gives other pseudonyms");
}
