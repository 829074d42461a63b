#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

fn found(rules: Rules, text: &str, is_slow: bool) -> Vec<Match> {
    let mut all = Vec::new();
    let mut scan = Scan { is_slow, ..Scan::new(rules) };
    scan.run(text, true, |piece| match piece {
        Piece::Found(found) => all.push(found),
        Piece::Swallowed(_) => {}
    });
    assert_eq!(scan.at(), text.len());
    all
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zA-Z]{1,16}",
        "[ ,;:=\\n!?.\"]{1,2}",
        "[0-9]{1,12}",
        "([0-9]{1,4}[-. /:]){1,5}",
        "[a-z0-9._+-]{1,8}",
        "[一二三四京请打电话给张伟。，、：]{1,12}",
        "([A-Z]?[a-z]{1,7}[ ,.-] ?){4,24}",
        prop::sample::select(vec![
            "password",
            "Bearer",
            "密码是",
            "是",
            "password=Some(\"",
            "basic ",
            "------BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n",
            "eyJ.",
            "sk-sk-",
            "\\",
            "a.b@c.de",
            "密码",
            "@",
            "@qq.com",
            "sk-",
            "13812345678",
            "aWQ9NjQyODE1MTk1MzA3MjI2ODE2",
            "B12345",
            "\u{200b}",
            "＠",
            "\u{3000}",
            "密码：",
            "密码是\"",
            "\"token\": \"",
            "api_key=",
            "Basic ",
            "https://user:",
            "SSN ",
            "phone ",
            "护照",
            "DE89 3704 0044 0532 0130 00",
            "\\n",
            "\\\"",
            "\\u0031",
            "%40",
            "&#64;",
            "\u{1b}[0m",
            "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m",
            "token:token:token:",
            "token=Ab.cd:",
            "sk-\u{200b}",
            "sk-\\n",
            "\u{1b}[1;31m",
            "\u{1b}",
            "=",
            ":\\t",
            "=\\n",
            "\\ttoken=",
            "\\\\npassword: ",
            "secret%3D",
            "passwor\\u0064=",
            "&quot;password&quot;:&quot;",
            "https:\\/\\/user:",
            "bearer\t",
            "hunter2x",
            "Tr0ub4dor",
            "\t",
            "\r\n",
            "(010)",
            "+49 170",
            "(",
            "8.8.8.8",
            "2001:db8::1",
            "1.5",
            "-",
            "/",
            "eyJ",
            "ghp_",
            "京",
            "一三八",
            "é",
            "＋",
            "（",
            "2000:",
            "00",
            "::",
            "：",
            "（010）",
            "“",
            "的",
            "\u{1f600}"
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

#[test]
fn shortcuts_change_nothing_in_labelled_lines() {
    for name in ["dev", "negative"] {
        let path = format!("{}/tests/cases/{name}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
        let file = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
        for line in file.lines() {
            // The line as it stands is JSON in JSON, with all its escapes.
            let line = line.unwrap();
            let text = serde_json::from_str::<serde_json::Value>(&line).unwrap()["text"].clone();
            for text in [text.as_str().unwrap(), line.as_str()] {
                let rules = Rules::of(&Rule::DEFAULT);
                assert_eq!(found(rules, text, false), found(rules, text, true), "{text}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn shortcuts_change_nothing(text in text(), all: bool) {
        let rules = if all { Rules::of(&Rule::ALL) } else { Rules::of(&Rule::DEFAULT) };
        prop_assert_eq!(found(rules, &text, false), found(rules, &text, true));
    }
}
