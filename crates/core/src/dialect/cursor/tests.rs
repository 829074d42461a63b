use proptest::prelude::*;

use super::*;

fn is_json(text: &[u8]) -> bool {
    Cursor::read(text, Cursor::skip).is_ok()
}

fn is_json_for_serde(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[test]
fn members_are_read_where_they_stand() {
    let json = br#" { "a" : [1, {"b\"": "\u00e9x"}] , "empty":{}, "n":null, "number" : -1.5e+3 } "#;
    let mut seen = Vec::new();
    let read = Cursor::read(json, |cursor| {
        cursor.object(|cursor, key| {
            if key == "n" {
                return cursor.array(|_| panic!("null has no elements"));
            }
            seen.push((key, cursor.value()?));
            Ok(())
        })
    });
    assert_eq!(read, Ok(()));
    let number = ("number", "-1.5e+3");
    assert_eq!(seen, [("a", r#"[1, {"b\"": "\u00e9x"}]"#), ("empty", "{}"), number]);
}

#[test]
fn nesting_ends_somewhere() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(is_json(nested(MAX_DEPTH).as_bytes()) && !is_json(nested(MAX_DEPTH + 1).as_bytes()));
}

#[test]
fn every_byte_that_is_special_is_found_wherever_it_stands() {
    for special in (0..=0x1F).chain(*b"\"\\") {
        for at in 0..20 {
            let mut text = vec![b'x'; 20];
            text[at] = special;
            // Behind the first special byte anything may stand.
            text.iter_mut().skip(at + 1).step_by(3).for_each(|byte| *byte = special.wrapping_add(1));
            assert_eq!(plain(&text), at, "{special} at {at}");
        }
    }
    let all: Vec<u8> = (0x20..=0xFF).filter(|byte| !b"\"\\".contains(byte)).collect();
    assert_eq!(plain(&all), all.len());
}

/// JSON, and what is nearly JSON.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        "null|true|false|nul|truex",
        "-?(0|[1-9][0-9]{0,3}|01)(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
        "\"([a-zé ]|\\\\[\"\\\\/bfnrtux]|\\\\u[0-9a-fA-F]{3,4}){0,12}\"",
    ];
    let nested = leaf.prop_recursive(4, 24, 4, |inner| {
        let members = prop::collection::vec(("\"[a-z]{0,9}\"", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            members.prop_map(|all| {
                let all: Vec<String> = all.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", all.join(" ,"))
            }),
        ]
    });
    let change = prop::option::of((
        any::<prop::sample::Index>(),
        prop_oneof![any::<u8>(), "[\\[\\]{}\",:0]".prop_map(|it| it.as_bytes()[0])],
    ));
    (nested, change).prop_map(|(text, change)| {
        let mut text = text.into_bytes();
        if let (Some((at, byte)), false) = (change, text.is_empty()) {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_takes_for_json_what_serde_json_does(text in texts()) {
        prop_assert_eq!(is_json(&text), is_json_for_serde(&text), "{}", String::from_utf8_lossy(&text));
    }
}
