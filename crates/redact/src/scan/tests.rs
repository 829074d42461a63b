#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

fn found(rules: Rules, text: &str, is_slow: bool) -> Vec<Match> {
    found_with(None, rules, text, is_slow)
}

fn found_with(own: Option<Arc<own::Set>>, rules: Rules, text: &str, is_slow: bool) -> Vec<Match> {
    let mut all = Vec::new();
    let rules = if own.is_some() { rules.with_own() } else { rules };
    let mut scan = Scan { is_slow, ..Scan::new(rules).with(own) };
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
            "password is \"",
            "--password '",
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
            "redis://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
            "u:p@h",
            "sk-lf-0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f",
            "1234567890:AA",
            "sntrys_eyJ+",
            "MTk4NjIyNDgzNDcxOTI1MjQ4.",
            "My password is ",
            "密码为",
            "--password ",
            "--password2 ",
            "<password>",
            "</password>",
            "**密码**：",
            "** ",
            "DB_PASS=",
            "token2 => ",
            "口令＝",
            "TOKEN: &str = \"",
            "                                        ",
            "://",
            "https:\\/\\/u:",
            "https%3A%2F%2Fu%3A",
            "\n> MIIEvQIBADANBgkq",
            "-----END PRIVATE KEY-----",
            "SSN ",
            "phone ",
            "call ",
            "caller_cell=",
            "[PHONE]",
            "[PHONE:3f9a01bc22] ",
            "[ID],",
            "mobile\":false,\"n\":",
            "2026-11-26 ",
            "8.00-17.00",
            "4155552671",
            "17179869184",
            " ms",
            "bytes ",
            "元",
            "%",
            "+40.123456 ",
            "+4734-05243",
            "0061 0308 ",
            "0016 9.932 5.055 ",
            "4111 1111 1111 1111",
            " 2000 1000",
            " 0a1b",
            "upgrade from ",
            "第",
            "since 5.4.1.2",
            "git@a.bc:",
            ".view(",
            "@1.2.min.js",
            ".png",
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
            "passw\\u006frd=",
            "passw%6Frd12=",
            "--passw\\u006frd ",
            "be\\u0061rer ",
            "Bas&#105;c ",
            "1234567890:AAAb1Cd2Ef3Gh4Ij5K-Ab1Cd2Ef3Gh4Ij5K",
            "NO9386011117947",
            "{\"",
            ",\"",
            "\":",
            "\":\"",
            "\",\"id\":",
            "123456,",
            "1234567,",
            "0.125}",
            "192.0.2.1,",
            "true,",
            "-12,",
            "worker-3\"}",
            ",\"usage\":{\"completion_tokens\":12,\"cost\":0.123456}}\n{\"",
            "\"aWQ_NjQyODEMTkTMwNzIyNjgNg\":",
            "0.",
            "\"2026-01-31T10:20:30.123456Z\",",
            ",\"a\":1,\"password\":\"letmein\",\"ok\":null}",
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
            "\u{1f600}",
            "%4111111111111111%",
            "%212-555-0147",
            "%2E%38%38::24",
            "%2E",
            "%38",
            "%2013812345678",
            "%B4111111111111111^",
            "%",
            "06 12 34 56 78",
            "Tel: 22 ",
            "Телефон: ",
            "tél ",
            " / ",
            " - ",
            "  ",
            "+",
            "138 - 1234 - 5678",
            "4111  1111  1111  1111",
            "phone=138+1234+5678",
            "=(212)+555-0147",
            "DE89+3704+0044+0532+0130+00",
            "(0 89) / 12 34",
            "&nbsp;",
            "&ndash;",
            "&plus;",
            "password:&nbsp;",
            "jürgen.groß@",
            "müller.de",
            "иван@почта.рф",
            "ü",
            "×",
            "e\u{308}",
            "г",
            "台胞证12345678",
            "Passport ",
            "C01X00T47",
            "CFGHJKL12",
            "09AE12345",
            "AAA123456",
            "H1234567800",
            "\\u001b[33m",
            "\\u{1b}[0m",
            "\\x1b[31m",
            "\\x1b",
            "\\\\u001b",
            "[0m",
            "\"passport\":\"CFGHJKL12\",",
            "\"ssn\":\"178051120\",",
            "Bearer token ",
            "Bearer  ",
            "Bearer\t\"",
            "Authorization: Digest a=\"b1\", ",
            "Cookie: sid=",
            "/bot1234567890:",
            "b1&c=d,\"e\":",
            "password_confirmation=",
            "information: ",
            "SECRET_KEY_BASE=",
            "database=",
            "X-Amz-Signature=",
            "PASSWORD '",
            "IDENTIFIED BY '",
            "Passwort lautet: ",
            "password was ",
            "es: ",
            " Passwort\u{1b}[0mist: ",
            "setPassword(\"",
            "=Some(SecretString(\"",
            "password: b\"",
            "password=\"\"\"",
            "password => string(9) \"",
            "password: !!str ",
            "key=\"password\" value=\"",
            "-Password ",
            "ENV DB_PASSWORD ",
            "ＰＡＳＳＷＯＲＤ＝",
            "password\u{200b}=",
            "password=<",
            "Zx9&ab;Cd\"",
            "<wsse:Password Type=\"x\">",
            "\\u003cpassword a=\\\"b\\\"\\u003e"
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

/// Rules that begin with letters, with a sign, and with Chinese characters.
static OWN: LazyLock<Arc<own::Set>> = LazyLock::new(|| {
    let mut set = own::Set::default();
    set.push(crate::Own::prefix("KEY", "sk-own_", crate::Alphabet::ALNUM, 4..=8).unwrap());
    set.push(crate::Own::prefix("TICKET", "#", crate::Alphabet::DIGITS, 3..=8).unwrap());
    #[cfg(feature = "own-regex")]
    set.push(crate::Own::pattern("CASE", "(?i)(case|B)[ -]?[0-9]{3,}").unwrap());
    Arc::new(set)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn shortcuts_change_nothing(text in text(), all: bool) {
        let rules = if all { Rules::of(&Rule::ALL) } else { Rules::of(&Rule::DEFAULT) };
        let slow = found(rules, &text, true);
        prop_assert_eq!(found(rules, &text, false), slow.as_slice());
        prop_assert!(slow.is_empty() || !Scan::new(rules).passes(&text));
    }

    /// As fields of events are looked at: behind a name in which nothing begins.
    #[test]
    fn a_value_passes_behind_a_quiet_name_where_the_whole_passes(
        name in prop_oneof!["[a-z_.]{1,12}", "(phone|passport|user|ssn|id)"],
        value in prop_oneof![text(), "[a-zA-Z ,.'\"!?-]{1,40}", "[0-9.:-]{1,14}"],
    ) {
        let rules = Rules::of(&Rule::DEFAULT);
        let (name, text) = (format!("{name}=\n"), format!("{name}={value}\n"));
        if !secret::announces(&name.as_bytes()[..name.len() - 2]) && Scan::new(rules).passes(&name) {
            let slow = found(rules, &text, true);
            let behind = Scan::new(rules).from(&text, name.len() - 1).passes(&text);
            prop_assert!(slow.is_empty() || !behind, "{}", text);
            prop_assert!(slow.is_empty() || value.len() > 6 || value.parse::<f64>().is_err(), "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn shortcuts_change_nothing_for_rules_of_ones_own(
        parts in prop::collection::vec((text(), prop::sample::select(vec!["sk-own_", "#", "case 12345", "B12345"])), 0..4),
    ) {
        let text: String = parts.into_iter().map(|(text, own)| text + own).collect();
        let rules = Rules::of(&Rule::DEFAULT);
        let [fast, slow] = [false, true].map(|slow| found_with(Some(OWN.clone()), rules, &text, slow));
        prop_assert_eq!(fast, slow);
    }
}
