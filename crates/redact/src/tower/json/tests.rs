use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// All strings and words of a document, as the reader tells them when it is cut at these places.
fn told(json: &[u8], cuts: &[usize]) -> Result<Vec<String>, ()> {
    let mut reader = Reader::new();
    let mut told = Vec::new();
    let mut each = |_: &[Step], token: Token<'_>| match token {
        Token::Text => told.push(String::new()),
        Token::Piece(piece) => told.last_mut().unwrap().push_str(piece),
        Token::Word(word) => told.push(word.to_owned()),
        Token::Open | Token::Close | Token::Ended => {}
    };
    let mut from = 0;
    for cut in cuts.iter().copied().chain([json.len()]) {
        reader.push(&json[from..cut], &mut each);
        from = cut;
    }
    if reader.is_done() { Ok(told) } else { Err(()) }
}

/// The same from serde_json.
fn known(value: &Value, known_so_far: &mut Vec<String>) {
    match value {
        Value::String(text) => known_so_far.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| known(value, known_so_far)),
        Value::Object(map) => map.values().for_each(|value| known(value, known_so_far)),
        word => {
            let word = word.to_string();
            known_so_far.push(word[..word.len().min(LONGEST_NAME)].to_owned());
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["\\PC{0,8}", "[a\"\\\\\n\u{1F600}é你]{0,8}", Just("content".to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|map| Value::from_iter(map.into_iter())),
        ]
    })
}

/// With all beyond ASCII as `\u`, as some write it.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for ch in json.chars() {
        if ch.is_ascii() {
            out.push(ch);
        } else {
            ch.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
        }
    }
    out
}

proptest! {
    #[test]
    fn any_document_is_read_as_serde_json_reads_it_however_it_is_cut(
        value in any_json(), pretty: bool, escape: bool, cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let value = Value::from(vec![value]);
        let json = if pretty { format!("{value:#}") } else { value.to_string() };
        let json = if escape { escaped(&json) } else { json };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(json.len() + 1)).collect();
        cuts.sort_unstable();
        let mut expected = Vec::new();
        known(&value, &mut expected);
        prop_assert_eq!(told(json.as_bytes(), &cuts), Ok(expected));
    }

    #[test]
    fn anything_else_is_read_without_a_panic_and_the_same_however_it_is_cut(json in "[\\[\\]{}:,\"\\\\u0d8a1e .-]{0,40}") {
        let whole = told(json.as_bytes(), &[]);
        let bytes: Vec<usize> = (0..json.len()).collect();
        prop_assert_eq!(told(json.as_bytes(), &bytes), whole);
    }
}

#[test]
fn a_path_tells_where_a_value_stands() {
    let json = br#"{"other":[1],"mess\u0061ges":[{},{"content":"a","role":{"x":2}}]}"#;
    let mut seen = Vec::new();
    let mut reader = Reader::new();
    reader.whole(b"[{\"a\":\"\\ud83d\xe4", |_, _| {});
    reader.whole(json, |path, token| {
        if matches!(token, Token::Piece(_) | Token::Word(_)) {
            seen.push(path.to_vec());
        }
    });
    use Step::{At, Key};
    assert_eq!(
        seen,
        [
            vec![Key(""), At(0)],
            vec![Key("messages"), At(1), Key("content")],
            vec![Key("messages"), At(1), Key("role"), Key("")],
        ]
    );
}

#[test]
fn what_is_no_json_is_broken_and_what_is_deep_is() {
    for wrong in [
        "x",
        "{]",
        "[1 2]",
        "{\"a\" 1}",
        "{} {}",
        "[\"\n\"]",
        "[\"\\x\"]",
        "[\"\\u00g0\"]",
        "[1,]",
        "{,}",
        "--x",
        "[nul1]",
        "[1a]",
    ] {
        let mut reader = Reader::new();
        reader.push(wrong.as_bytes(), |_, _| {});
        assert!(reader.is_broken(), "{wrong}");
    }
    let nested = |depth| {
        let mut reader = Reader::new();
        reader.push("[".repeat(depth).as_bytes(), |_, _| {});
        reader.push("]".repeat(depth).as_bytes(), |_, _| {});
        (reader.is_done(), reader.is_broken())
    };
    assert_eq!(nested(MAX_DEPTH), (true, false));
    assert_eq!(nested(MAX_DEPTH + 1), (false, true));
}

#[test]
fn half_a_pair_and_half_a_character_are_none() {
    let read = |json: &[u8]| told(json, &[]).unwrap().concat();
    assert_eq!(read(br#"["\ud83d\ude00"]"#), "\u{1F600}");
    assert_eq!(read(br#"["\ud83d"]"#), "\u{fffd}");
    assert_eq!(read(br#"["\ud83da\ude00"]"#), "\u{fffd}a\u{fffd}");
    assert_eq!(read(br#"["\ud83d\ud83d\ude00\n"]"#), "\u{fffd}\u{1F600}\n");
    assert_eq!(read(b"[\"\xe4\xbd\"]"), "\u{fffd}");
    assert_eq!(
        told(b"[\"\xe4\xbd\xe4\xbd\xa0\xff\"]", &[3, 4, 5]).unwrap().concat(),
        "\u{fffd}\u{4f60}\u{fffd}"
    );
}
