//! Any stream cut into any pieces: whole it comes out byte for byte, broken off it is told, wherever.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use lastbyte::core::Ending;
use lastbyte_tests::answers::{self, DIALECTS};
use lastbyte_tests::body::{Item, Manner};
use lastbyte_tests::chat::Reply;
use lastbyte_tests::layers::{LAYERS, layer};
use lastbyte_tests::read::{Read, read, read_as_hyper};
use lastbyte_tests::rig::Rig;
use lastbyte_tests::subject::Entry;
use proptest::prelude::*;
use tokio::runtime::Builder;

/// Sends `pieces` through `order` and reads what comes out.
fn through(order: &[Entry], path: &str, pieces: &[Vec<u8>], manner: Manner, as_hyper: bool) -> Read {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let rig = Rig::new(order, 0);
        let pieces = pieces.to_vec();
        rig.chat.script(move |_| {
            let pieces = pieces.iter().map(|piece| Item::Data(piece.clone().into()));
            Reply::Answer(answers::stream_head(), manner, pieces.chain([Item::End]).collect())
        });
        let answer = rig.send(answers::request(&rig.chat, path, true)).await.unwrap();
        let read = if as_hyper { read_as_hyper(answer).await } else { read(answer).await };
        rig.assert_clean();
        rig.chat.alive.assert_nothing("the answer was read");
        read
    })
}

/// Each layer alone, the recommended order, and the other way round.
fn orders() -> Vec<Vec<Entry>> {
    let mut orders: Vec<Vec<Entry>> = LAYERS.iter().map(|layer| vec![*layer]).collect();
    orders.push(["seal", "retry", "guard"].map(layer).to_vec());
    orders.push(["guard", "retry", "seal"].map(layer).to_vec());
    orders
}

fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect()
}

fn is_complete(read: &Read) -> bool {
    matches!(read.ending(), Ending::Complete { .. })
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![Just(Manner::Chunked), Just(Manner::Ending)]
}

/// Pieces of event streams, and of what is none.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        answers::ROLE,
        answers::HEL,
        answers::LO,
        answers::STOP,
        answers::DONE,
        "data: ",
        "data:{",
        "event: error",
        "id: 1",
        "retry: 5",
        ": comment",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\u{feff}",
        "\0",
        "<html>",
        "}",
        "[DONE]",
        "data: {\"error\":{\"message\":\"m\"}}\n\n",
        "data: {\"choices\":{}}\n\n",
        "data: null\n\n",
    ]);
    let piece = prop_oneof![
        8 => known.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_stream_is_the_same_however_it_is_cut(
        places in places(), manner in manner(), as_hyper: bool, dialect in 0usize..3,
    ) {
        let (_, path, text) = DIALECTS[dialect];
        for order in orders() {
            let read = through(&order, path, &cut(text.as_bytes(), &places), manner, as_hyper);
            prop_assert!(read.error.is_none(), "{:?}", read.error);
            prop_assert_eq!(read.text(), text);
            prop_assert!(is_complete(&read), "{:?}", read.ending());
        }
    }

    #[test]
    fn a_stream_that_breaks_off_anywhere_is_told(
        places in places(), end: prop::sample::Index, manner in manner(), as_hyper: bool, dialect in 0usize..3,
    ) {
        let (_, path, text) = DIALECTS[dialect];
        // Before the last sign of completion, which stands in the last two events or so.
        let finish = ["finish_reason\":\"stop", "response.completed\"", "stop_reason"]
            .iter()
            .filter_map(|sign| text.find(sign))
            .min()
            .unwrap();
        let mut end = end.index(finish);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let begun = &text[..end];
        for order in orders() {
            let read = through(&order, path, &cut(begun.as_bytes(), &places), manner, as_hyper);
            let is_told = read.error.is_some() || read.status().is_server_error();
            prop_assert!(is_told, "{begun:?} looks whole: {:?}", read.text());
            prop_assert!(!is_complete(&read), "{:?}", read.ending());
            if read.status().is_success() {
                // What of it came out is what went in, up to whole events where an event of ours follows.
                let out = read.text();
                let ours = out.find("event: error\n").or_else(|| out.find("data: {\"error\""));
                let theirs = &out[..ours.unwrap_or(out.len())];
                prop_assert!(begun.starts_with(theirs), "{theirs:?} is no part of {begun:?}");
                prop_assert!(!out.contains("[DONE]"));
            }
        }
    }

    #[test]
    fn any_bytes_at_all_come_out_as_they_are_or_are_told(
        bytes in anything(), places in places(), manner in manner(), as_hyper: bool, dialect in 0usize..3,
    ) {
        let (_, path, _) = DIALECTS[dialect];
        for order in orders() {
            let read = through(&order, path, &cut(&bytes, &places), manner, as_hyper);
            let out = read.bytes();
            if read.status().is_success() && read.error.is_none() {
                prop_assert_eq!(&out, &bytes);
                prop_assert!(is_complete(&read), "{:?}", read.ending());
            } else {
                prop_assert!(!is_complete(&read) && read.ending().is_broken(), "{:?}", read.ending());
            }
        }
    }
}
