use lastbyte_core::Dialect;
use lastbyte_retry::splice::{Continuation, Settings, Strategy, Way, WhyNot};
use proptest::prelude::{Strategy as Values, *};

use crate::provider::{Part, Provider};
use crate::{Break, CONTINUATIONS, DIALECTS, checker, key, read, text};

/// Pieces of text that make seams hard: they repeat themselves, end or begin with white space, or are made
/// of several code points.
const FRAGMENTS: [&str; 22] = [
    "哈",
    "哈哈",
    "哈哈哈哈",
    "你好，世界。",
    "👩\u{200d}💻",
    "👨\u{200d}👩\u{200d}👧",
    "🙂",
    "🇩🇪",
    "e\u{301}",
    "ö",
    "| a | b |\n",
    "|---|---|\n",
    " ",
    "  ",
    "\n\n",
    "\t",
    "\u{3000}",
    "\u{a0}",
    "the ",
    "the the ",
    "\"\\\n",
    "\u{1f}",
];

fn texts() -> impl Values<Value = String> {
    let fragment = prop_oneof![
        6 => prop::sample::select(&FRAGMENTS[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(fragment, 1..40).prop_map(|fragments| fragments.concat())
}

fn breaks() -> impl Values<Value = Vec<Break>> {
    let one = prop_oneof![(0..60usize).prop_map(Break::Events), (0..20_000usize).prop_map(Break::Bytes),];
    prop::collection::vec(one, 0..=4)
}

fn sizes() -> impl Values<Value = Vec<usize>> {
    prop::collection::vec(1..6usize, 1..8)
}

fn chunks() -> impl Values<Value = Vec<usize>> {
    prop_oneof![prop::collection::vec(1..500usize, 1..8), Just(vec![1 << 20]), Just(vec![1])]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_continued_answer_is_the_whole_answer(
        whole in texts(),
        way in prop::sample::select(&CONTINUATIONS[..]),
        breaks in breaks(),
        sizes in sizes(),
        chunks in chunks(),
        eager_role in any::<bool>(),
        usage_in_chunks in any::<bool>(),
    ) {
        let (dialect, continuation) = way;
        let mut provider = Provider::new(dialect, continuation, text(&whole));
        provider.eager_role = eager_role;
        provider.usage_in_chunks = usage_in_chunks;
        let settings = Settings { strategy: Strategy::Continue, continuation, ..Settings::default() };
        let read = read(&provider, settings, &breaks, &sizes, &chunks);
        prop_assert_eq!(read.failed, None);
        match read.why_not {
            None => {
                let said = checker::read(dialect, &read.bytes);
                let text = if dialect == Dialect::Anthropic { said.text("0:text").to_owned() + said.text("1:text") } else {
                    said.text(key(dialect)).to_owned()
                };
                prop_assert_eq!(text, whole);
                // OpenRouter has it in every chunk of the first attempt.
                prop_assert!(eager_role || said.roles == usize::from(dialect == Dialect::OpenAiChat));
            }
            // A second block was begun behind the first.
            Some(WhyNot::Unread) => prop_assert_eq!(dialect, Dialect::Anthropic),
            // Only white space was shown: there is nothing to go on from.
            Some(why) => {
                prop_assert_eq!(why, WhyNot::NoText);
                let blank = whole.chars().next().is_some_and(|c| c.is_whitespace() || c == '\u{1f}');
                prop_assert!(blank);
            }
        }
    }

    #[test]
    fn a_replayed_answer_is_the_whole_answer(
        whole in texts(),
        thoughts in texts(),
        arguments in texts(),
        dialect in prop::sample::select(&DIALECTS[..]),
        breaks in breaks(),
        sizes in sizes(),
        chunks in chunks(),
        choices in 1..4usize,
    ) {
        let call = Part::Call { name: "look_up".into(), arguments: arguments.clone() };
        let parts = vec![Part::Reasoning(thoughts.clone()), Part::Text(whole.clone()), call];
        let mut provider = Provider::new(dialect, Continuation::None, parts.clone());
        if dialect == Dialect::OpenAiChat {
            provider.choices = vec![parts; choices];
        }
        let settings = Settings { strategy: Strategy::Replay, ..Settings::default() };
        let read = read(&provider, settings, &breaks, &sizes, &chunks);
        prop_assert_eq!((read.failed, read.why_not), (None, None));
        prop_assert!(read.ways.iter().all(|way| *way == Way::Replay));
        let said = checker::read(dialect, &read.bytes);
        let keys: &[&str] = match dialect {
            Dialect::OpenAiChat => &["0:content", "0:reasoning", "0:call 0 arguments"],
            Dialect::Anthropic => &["1:text", "0:thinking", "2:partial_json"],
            Dialect::OpenAiResponses => &["1:output_text", "0:reasoning_summary_text", "2:function_call_arguments"],
        };
        for (key, expected) in keys.iter().zip([&whole, &thoughts, &arguments]) {
            prop_assert_eq!(said.text(key), expected);
        }
        match dialect {
            Dialect::OpenAiChat => {
                prop_assert_eq!(said.text("0:reasoning_content"), &thoughts);
                prop_assert_eq!(said.roles, choices);
                for choice in 0..choices {
                    prop_assert_eq!(said.text(&format!("{choice}:content")), &whole);
                    prop_assert_eq!(said.text(&format!("{choice}:call 0 name")), "look_up");
                    prop_assert_eq!(said.text(&format!("{choice}:call 0 id")).len(), "call_0_0".len());
                }
            }
            Dialect::Anthropic => prop_assert_eq!(said.text("0:signature").len(), "sig0".len()),
            Dialect::OpenAiResponses => {}
        }
    }

    #[test]
    fn another_answer_is_never_taken_for_the_rest(
        whole in texts(),
        more in texts(),
        how in 0..3u8,
        dialect in prop::sample::select(&DIALECTS[..]),
        at in prop_oneof![Just(usize::MAX), 0..60usize],
        sizes in sizes(),
    ) {
        // Shown is a part of `whole`; asked again, the model says something longer, shorter, or else.
        let other = match how {
            0 => whole.clone() + &more,
            1 => whole.chars().take(more.len() % whole.chars().count().max(1)).collect(),
            _ => more,
        };
        let first = Provider::new(dialect, Continuation::None, text(&whole));
        let second = Provider::new(dialect, Continuation::None, text(&other));
        let settings = Settings { strategy: Strategy::Replay, ..Settings::default() };
        let mut splice = lastbyte_retry::splice::Splice::new(settings, dialect, false);
        let question = crate::question().to_string();
        let begin = first.answer(question.as_bytes(), 0, &sizes).begin;
        let shown = begin[..at.min(begin.len())].concat();
        let mut bytes = splice.forward(shown.into()).bytes.to_vec();
        splice.plan(question.as_bytes()).unwrap();
        let answer = second.answer(question.as_bytes(), 1, &sizes);
        let forwarded = splice.forward([answer.begin, answer.end].concat().concat().into());
        bytes.extend_from_slice(&forwarded.bytes);
        if forwarded.failed.is_none() {
            let said = checker::read(dialect, &bytes);
            prop_assert_eq!(said.text(key(dialect)), other);
        } else {
            prop_assert_ne!(whole, other);
        }
    }
}
