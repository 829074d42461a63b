use std::sync::Arc;

use bytes::Bytes;
use lastbyte_core::Dialect;
use proptest::prelude::*;

use super::*;
use crate::{Key, Redactor};

pub(super) fn masker() -> Masker {
    Masker::new(Redactor::new(), Key::new("sixteen bytes or more").unwrap())
}

const TEXT: &str = "打13812345678找li.wei@example.com, password: hunter22, again hunter22 and 138-1234-5678.";

#[test]
fn the_upstream_sees_stand_ins_and_they_come_back() {
    let (masked, map) = masker().mask(TEXT).unwrap();
    for value in ["1381234", "li.wei", "hunter22", "1234-5678"] {
        assert!(!masked.contains(value), "{masked}");
    }
    for label in ["PHONE_", "EMAIL_", "SECRET_"] {
        assert!(masked.contains(label), "{masked}");
    }
    assert_eq!((map.restore(&masked).as_str(), map.len()), (TEXT, 4));
}

#[test]
fn two_spellings_of_a_value_are_told_apart_and_seen_to_be_one() {
    let (masked, map) = masker().mask("13812345678 or 138-1234-5678 or 13812345679").unwrap();
    let standins: Vec<_> = masked.split(" or ").collect();
    assert_eq!(standins[0][..12], standins[1][..12]);
    assert_ne!(standins[0], standins[1]);
    assert_ne!(standins[0][..12], standins[2][..12]);
    assert_eq!(map.restore(standins[1]), "138-1234-5678");
}

#[test]
fn a_request_has_the_same_stand_ins_again_and_another_tenant_has_others() {
    let masked = |masker: &Masker| masker.mask(TEXT).unwrap().0;
    assert_eq!(masked(&masker()), masked(&masker()));
    let (one, two) = (masker().for_tenant("1"), masker().for_tenant("2"));
    assert_ne!(masked(&one), masked(&two));
    let map = two.mask(TEXT).unwrap().1;
    assert_eq!(map.restore(&masked(&one)), masked(&one), "they tell another tenant nothing");
}

#[test]
fn what_looks_like_a_stand_in_comes_back_as_it_was() {
    let (standin, _) = masker().mask("li.wei@example.com").unwrap();
    // Somebody has seen it, and writes it beside the value, in all ways, and what stands for it too.
    let (second, _) = masker().mask(&format!("li.wei@example.com {standin}")).unwrap();
    let second = second.split(' ').nth(1).unwrap();
    let text = format!(
        "li.wei@example.com {standin}, {} {second} x{standin}0 EMAIL_0123456789ab",
        standin.to_lowercase()
    );
    let (masked, map) = masker().mask(&text).unwrap();
    assert_eq!(map.restore(&masked), text);
    assert!(masked.ends_with(" EMAIL_0123456789ab"), "what stands for nothing stays: {masked}");
    assert!(masker().mask("ID 202401011234 is my order").unwrap().1.is_empty());
}

#[test]
fn what_is_masked_twice_is_restored_twice() {
    let (one, inner) = masker().mask(TEXT).unwrap();
    for other in [masker(), masker().for_tenant("2")] {
        let (two, outer) = other.mask(&one).unwrap();
        assert_eq!(inner.restore(&outer.restore(&two)), TEXT, "{two}");
    }
}

#[test]
fn values_of_a_rule_of_ones_own_are_masked() {
    let own = crate::Own::prefix("TEXT", "acme_", crate::Alphabet::ALNUM, 8..=8).unwrap();
    let redactor = Redactor::builder().own(own).unwrap().build();
    let masker = Masker::new(redactor, Key::new("sixteen bytes or more").unwrap());
    let (masked, map) = masker.mask("with acme_Ab12Cd34.").unwrap();
    assert!(masked.starts_with("with VALUE_"), "{masked}");
    assert_eq!(map.restore(&masked), "with acme_Ab12Cd34.");
}

#[test]
fn text_that_would_grow_into_a_stand_in_is_masked_whole() {
    // The end of a word and the stand-in behind it read as another stand-in, which is there.
    let (card, email) = ("4111111111111111", "li.wei@example.com");
    let masker = masker();
    let with = |number: u32| format!("{number}.{email}");
    let (value, standin) = (0..10_000)
        .map(|number| (with(number), masker.mask(&with(number)).unwrap().0))
        .find(|(_, standin)| standin.ends_with('c'))
        .unwrap();
    let text = format!("{value} {} {card}", &standin[..standin.len() - 1]);
    let (masked, map) = masker.mask(&text).unwrap();
    assert!(masked.starts_with("TEXT_") && !masked.contains(' '), "{masked}");
    assert_eq!(map.restore(&masked), text);
}

#[test]
fn what_a_model_has_broken_is_counted() {
    let (masked, map) = masker().mask("li.wei@example.com").unwrap();
    let map = Arc::new(map);
    let mut unmask = map.unmask();
    let mut out = String::new();
    unmask.push(
        &format!("{masked} {} EMAIL_00000000000f {}x", masked.to_lowercase(), &masked[..masked.len() - 1]),
        &mut out,
    );
    unmask.finish(&mut out);
    assert!(out.starts_with("li.wei@example.com li.wei@example.com EMAIL_0"), "{out}");
    assert_eq!(unmask.counts(), Counts { restored: 2, lost: 2 });
}

#[test]
fn values_are_escaped_where_the_text_is_json() {
    let text = r#"password: "a\"b\\c9x!""#;
    let (masked, map) = masker().mask(text).unwrap();
    let map = Arc::new(map);
    let standin = &masked[masked.find("SECRET").unwrap()..][..19];
    let mut unmask = map.unmask().json();
    let mut out = String::new();
    unmask.push(&format!("{{\"a\":\"{standin}\"}}"), &mut out);
    unmask.finish(&mut out);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["a"].as_str().unwrap(), map.restore(standin));
}

#[test]
fn a_map_has_room_for_so_many_values_and_no_more() {
    let mut map = Map::default();
    for number in 0..Map::MAX as u64 {
        assert_eq!(map.add("IP", &number.to_string(), |choice| number + u64::from(choice)), Ok(number));
    }
    // What is there has its place; another one with the digits of one that is there has none.
    assert_eq!(map.add("IP", "7", |choice| 7 + u64::from(choice)), Ok(7));
    assert_eq!(map.add("IP", "seven", |choice| 7 + u64::from(choice)), Err(TooMany));
    assert_eq!(map.len(), Map::MAX);
}

#[test]
fn a_value_is_known_again_up_to_its_bound_and_in_an_answer_beyond_it() {
    for len in [5, 6, Map::KNOWN_AGAIN_TO, Map::KNOWN_AGAIN_TO + 1] {
        let value = "x".repeat(len);
        let mut map = Map::default();
        map.add("SECRET", &value, |_| 7).unwrap();
        let hides = |within| {
            let mut out = String::new();
            map.hide(&format!("a {value}."), within, &mut out);
            out == "a SECRET_000000000007."
        };
        assert_eq!(hides(map::In::Request), (Map::KNOWN_AGAIN..=Map::KNOWN_AGAIN_TO).contains(&len), "{len}");
        assert!(hides(map::In::Answer) && hides(map::In::AnswerJson), "{len}");
    }
}

#[test]
fn two_values_with_the_same_digits_get_different_ones() {
    let mut map = Map::default();
    let digits = |choice| 7 + u64::from(choice);
    assert_eq!([map.add("IP", "a", digits), map.add("IP", "b", digits)], [Ok(7), Ok(8)]);
    assert_eq!([map.add("IP", "b", digits), map.add("ID", "b", digits)], [Ok(8), Ok(9)]);
    assert_eq!(map.restore("IP_000000000008 IP_000000000007"), "b a");
}

#[test]
fn a_sealed_map_tells_nothing_and_opens_with_its_key_alone() {
    let key = Key::new("sixteen bytes or more").unwrap();
    let (masked, map) = masker().mask(TEXT).unwrap();
    let sealed = map.seal(&key).unwrap();
    assert_ne!(sealed, map.seal(&key).unwrap());
    assert!(!sealed.windows(6).any(|six| TEXT.as_bytes().windows(6).any(|other| six == other)));
    assert_eq!(Map::open(&sealed, &key).unwrap().restore(&masked), TEXT);
    assert!(Map::open(&sealed, &key.for_tenant("2")).is_err());
    assert!(Map::open(&sealed, &Key::new("sixteen other bytes").unwrap()).is_err());
    for at in [0, 1, 24, 25, sealed.len() - 1] {
        let mut other = sealed.clone();
        other[at] ^= 1;
        assert_eq!(Map::open(&other, &key).err(), Some(NotOpened), "{at}");
    }
    for len in [0, 1, 25, sealed.len() - 1] {
        assert!(Map::open(&sealed[..len], &key).is_err());
    }
    assert!(!format!("{map:?} {:?}", masker()).contains("hunter"));
}

/// Pieces of text that a model may write around stand-ins, and what it may make of them.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(" email ".to_owned()),
        Just("EMAIL_".to_owned()),
        Just("the E".to_owned()),
        Just("中I".to_owned()),
        Just("PHONE_3f9a01bc".to_owned()),
        Just("\\n".to_owned()),
        "[a-fA-F0-9_ ]{0,6}",
        any::<String>(),
    ]
}

/// Pieces of event streams, in any order.
fn part() -> impl Strategy<Value = String> {
    let text =
        prop_oneof![Just("E"), Just("the e"), Just("MAIL_"), Just("\\u0045"), Just(""), Just("\\ud83d")];
    let delta = (text, 0..3_u8, 0..3_u8).prop_map(|(text, choice, kind)| match kind {
        0 => format!(r#"data: {{"choices":[{{"delta":{{"content":"{text}"}},"index":{choice}}}]}}"#),
        1 => format!(
            r#"data: {{"type":"response.output_text.delta","delta":"{text}","output_index":{choice}}}"#
        ),
        _ => {
            format!(r#"data: {{"type":"content_block_delta","delta":{{"text":"{text}"}},"index":{choice}}}"#)
        }
    });
    prop_oneof![
        4 => delta,
        6 => prop_oneof![Just("\n\n"), Just("\r\n\r\n"), Just("\r\r"), Just("\n"), Just("\r")].prop_map(str::to_owned),
        1 => prop_oneof![
            Just("\u{feff}"), Just(": ping"), Just("data: [DONE]"), Just("event: restart"), Just("data"), Just("id: 7"),
            Just(r#"data: {"choices":[{"index":1,"finish_reason":"stop"}]}"#), Just("data: {\ndata: }"),
        ].prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn pieces_give_what_the_whole_gives(
        pieces in prop::collection::vec((piece(), 0..8_u8), 1..8),
        cuts in prop::collection::vec(0..200_usize, 0..20),
    ) {
        let (masked, map) = masker().mask(TEXT).unwrap();
        let standins: Vec<&str> = masked.split(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_').filter(|word| word.contains('_')).collect();
        let mut text = String::new();
        for (piece, which) in pieces {
            text.push_str(&piece);
            match which {
                0..4 => text.push_str(standins[which as usize % standins.len()]),
                4 => text.push_str(&standins[0].to_lowercase()),
                5 => text.push_str(&standins[1].replace('_', "\\_")),
                6 => text.push_str(&standins[1][..9]),
                _ => {}
            }
        }
        let map = Arc::new(map);
        let (whole, counts) = unmask::whole(&map, &text, false);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let (mut out, mut unmask) = (String::new(), map.unmask());
        for ends in cuts.windows(2) {
            unmask.push(&text[ends[0]..ends[1]], &mut out);
            prop_assert!(unmask.held() <= LONGEST);
        }
        unmask.finish(&mut out);
        prop_assert_eq!((out, unmask.counts()), (whole, counts));
    }

    #[test]
    fn any_text_comes_back(text in any::<String>(), pieces in prop::collection::vec(piece(), 0..5)) {
        let text = format!("{text}{}{TEXT}{}", pieces.concat(), pieces.join("li.wei@example.com"));
        let (masked, map) = masker().mask(&text).unwrap();
        prop_assert_eq!(map.restore(&masked), text);
    }

    #[test]
    fn a_stream_without_stand_ins_passes_byte_for_byte_whatever_it_is(
        parts in prop::collection::vec(part(), 0..30),
        size in 1..60_usize,
        dialect in 0..3_usize,
    ) {
        let dialect = [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic][dialect];
        let map = Arc::new(masker().mask(TEXT).unwrap().1);
        let mut events = events::Events::new(dialect.into(), map, lanes::Way::Restore, usize::MAX);
        let (sent, mut came) = (parts.concat(), Vec::new());
        for chunk in sent.as_bytes().chunks(size) {
            came.extend(events.push(Bytes::copy_from_slice(chunk)).unwrap().unwrap_or_default());
        }
        came.extend(events.finish().unwrap_or_default());
        prop_assert_eq!(String::from_utf8(came).unwrap(), sent);
    }
}
