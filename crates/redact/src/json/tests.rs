use proptest::prelude::*;

use super::*;

fn redacted(line: &str) -> String {
    Redactor::new().redact_json(line).into_owned()
}

#[test]
fn values_are_found_in_keys_strings_and_numbers() {
    for (line, expected) in [
        (r#"{"13812345678":1,"a": 13812345678}"#, r#"{"[PHONE]":1,"a": "[PHONE]"}"#),
        (r#"[13812345678,-1.5e3,"\u0031381234567\u0038"]"#, r#"["[PHONE]",-1.5e3,"[PHONE]"]"#),
        (r#"{"passport":"E12345678","x":["E12345678"]}"#, r#"{"passport":"[ID]","x":["E12345678"]}"#),
        (r#"{"a":"\u00e9\/\ud83d\ude00"}"#, r#"{"a":"\u00e9\/\ud83d\ude00"}"#),
        (r#"{"a":"\"13812345678\"\n"}"#, r#"{"a":"\"[PHONE]\"\n"}"#),
        ("called 138 1234 5678", "called [PHONE]"),
        (
            r#"{"password":"letmein","token":"none","token_count":12}"#,
            r#"{"password":"[SECRET]","token":"none","token_count":12}"#,
        ),
        (
            r#"{"password":null,"password":"","password" : "hunter two 2"}"#,
            r#"{"password":null,"password":"","password" : "[SECRET]"}"#,
        ),
        (r#"{"pass\u0077ord":"letmein"}"#, r#"{"pass\u0077ord":"[SECRET]"}"#),
        (r#"{"a":"{\"password\":\"letmein\"}"}"#, r#"{"a":"{\"password\":\"[SECRET]\"}"}"#),
        (r#"{"passport":["A","E12345678"]}"#, r#"{"passport":["A","[ID]"]}"#),
        (r#"{"a":1}{"b":"13812345678"}"#, r#"{"a":1}{"b":"[PHONE]"}"#),
        ("1\n\"13812345678\"\n", "1\n\"[PHONE]\"\n"),
        (r#"{"a":"x","b":tru"#, r#"{"a":"x","b":tru"#),
        (r#"{"a":"13812345678"#, r#"{"a":"[PHONE]"#),
    ] {
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn a_name_around_a_value_or_beside_it_names_it() {
    for (line, expected) in [
        (r#"{"X-Api-Key":["FOGOe2xk91"]}"#, r#"{"X-Api-Key":["[SECRET]"]}"#),
        (
            r#"{"password":["letmein","x"],"a":["letmein"]}"#,
            r#"{"password":["[SECRET]","x"],"a":["letmein"]}"#,
        ),
        (
            r#"{"password":{"old":"hunter2","new":["hunter3"],"at":"noon"},"b":"hunter2"}"#,
            r#"{"password":{"old":"[SECRET]","new":["[SECRET]"],"at":"noon"},"b":"hunter2"}"#,
        ),
        (r#"{"name":"DB_PASSWORD","value":"hunter2"}"#, r#"{"name":"DB_PASSWORD","value":"[SECRET]"}"#),
        (r#"{"name":"X-Api-Key", "Value" : "zy81kQ72"}"#, r#"{"name":"X-Api-Key", "Value" : "[SECRET]"}"#),
        (r#"{"args":["--password","hunter2","serve9"]}"#, r#"{"args":["--password","[SECRET]","serve9"]}"#),
        (r#"[["x-api-key","zy81kQ72"],["a","zy81kQ72"]]"#, r#"[["x-api-key","[SECRET]"],["a","zy81kQ72"]]"#),
    ] {
        assert_eq!(redacted(line), expected);
    }
    for line in [
        r#"{"password":{"type":"string","minLength":8,"format":"password"},"value":"hunter2"}"#,
        r#"{"fields":["password","username","email"],"name":"token","label":"zy81kQ72"}"#,
        r#"{"name":"password","min":8},{"value":"zy81kQ72"}"#,
        r#"{"name":"temperature","value":"zy81kQ72"}"#,
    ] {
        assert_eq!(redacted(line), line);
    }
}

#[test]
fn what_is_no_json_is_a_text() {
    for line in [
        "2024-05-01 10:00 call 138 1234 5678 or a@b.com",
        "[2024-05-01 10:00:00] INFO password=hunter2",
        "{a: 138 1234 5678}",
        "\"a\" 138 1234 5678",
        "[138 1234 5678]",
        "{\"a\":1} 138-1234-5678",
        "-- 138 1234 5678",
        "{} trueish 13812345678",
        "[1,2] : phone 555-0100-22, password: \"hunter2\"",
    ] {
        let expected = Redactor::new().redact(line).into_owned();
        assert!(expected != line, "{line}");
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn a_long_key_is_looked_at_once() {
    let line = format!("{{\"{}password\":[{}\"letmein\"]}}", "a_".repeat(50_000), "\"1\",".repeat(20_000));
    assert!(redacted(&line).ends_with("\"[SECRET]\"]}"));
}

fn document() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-z0-9 @.:=+-]{0,14}",
        "[0-9]{1,20}",
        Just("13812345678".to_owned()),
        Just("E12345678".to_owned()),
        Just("a@b.com".to_owned()),
        Just("letmein".to_owned()),
        Just("hunter2".to_owned()),
        Just("password".to_owned()),
        Just("--token".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("sk-proj-abcdefABCDEF0123456789abcdef".to_owned()),
        Just("::1 2001:db8::1 10.1.2.3".to_owned()),
        Just("the text of a longer string without anything in it".to_owned()),
        Just("\\n\\u0031\\\"中文".to_owned()),
    ];
    let key = prop_oneof![
        "[a-z]{0,6}",
        Just("password".into()),
        Just("name".into()),
        Just("value".into()),
        Just("passport".into()),
        Just("phone".into()),
        Just("version".into())
    ];
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,11})",
        "(0|[1-9][0-9]{0,5})\\.[0-9]{1,7}",
        Just("13812345678".to_owned())
    ];
    let value = prop_oneof![text.prop_map(|text| format!("\"{text}\"")), number, Just("null".into())];
    let value = value.prop_recursive(3, 24, 6, move |inner| {
        let field = (key.clone(), " {0,3}", inner.clone());
        let field = field.prop_map(|(key, blank, value)| format!("\"{key}\"{blank}:{blank}{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(field, 0..6).prop_map(|all| format!("{{{}}}", all.join(", "))),
        ]
    });
    prop::collection::vec(value, 1..4).prop_map(|all| all.join("\n"))
}

proptest! {
    #[test]
    fn the_shortcuts_change_nothing(line in document(), cut in any::<prop::sample::Index>()) {
        let cut = line.floor_char_boundary(cut.index(line.len() + 1));
        for line in [&line[..], &line[..cut]] {
            let mut slow = String::new();
            walk(&Redactor::new(), line, &mut slow, true);
            prop_assert_eq!(redacted(line), slow, "{}", line);
        }
        for line in redacted(&line).lines() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{}", line);
        }
    }

    #[test]
    fn what_has_no_value_stays_byte_for_byte_and_all_stays_json(text in any::<String>(), phone in any::<bool>()) {
        let value = serde_json::json!({"a": [text, 5], "b": if phone { "13812345678" } else { "" }});
        let output: serde_json::Value = serde_json::from_str(&redacted(&value.to_string())).unwrap();
        prop_assert_eq!(&output["b"], if phone { "[PHONE]" } else { "" });
        let expected = Redactor::new().redact(&text).into_owned();
        prop_assert_eq!(output["a"][0].as_str(), Some(expected.as_str()));
    }
}
