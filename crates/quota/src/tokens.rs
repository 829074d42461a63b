//! How many tokens a text is.

/// How much text a tokenizer counts, in bytes, and in how many pieces: some milliseconds' work at most. The rest
/// is taken to be like it, or what the rule makes of it where that is more.
const COUNTED: u64 = 32 << 10;
const PIECES: u32 = 1_024;

/// What one image, sound or file counts as: 85 for the image and 170 for each of four tiles, as OpenAI's guide
/// to images counts one of 1024 × 1024 for `gpt-4o`. One rule for all, since their size is not in the request.
pub(crate) const ATTACHMENT: u64 = 765;

/// Counts the texts of one request.
#[derive(Debug)]
pub(crate) struct Counter {
    tokenizer: Option<Tokenizer>,
    /// What the tokenizer has counted: bytes, pieces, tokens.
    bytes: u64,
    pieces: u32,
    tokens: u64,
    /// Bytes beyond those.
    rest: u64,
    /// What the rule makes of them, in thousandths of a token.
    milli: u64,
    /// What is not text, in tokens.
    more: u64,
}

impl Counter {
    pub(crate) fn new(model: &str) -> Self {
        let tokenizer = Tokenizer::of(model);
        Self { tokenizer, bytes: 0, pieces: 0, tokens: 0, rest: 0, milli: 0, more: 0 }
    }

    pub(crate) fn text(&mut self, text: &str) {
        let mut rest = text;
        if let Some(tokenizer) = self.tokenizer
            && self.pieces < PIECES
        {
            let room = usize::try_from(COUNTED.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
            let end = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (now, later) = text.split_at(end);
            if !now.is_empty() {
                self.bytes += now.len() as u64;
                self.pieces += 1;
                self.tokens += tokenizer.count(now);
            }
            rest = later;
        }
        self.rest += rest.len() as u64;
        self.milli += by_rule(rest);
    }

    /// That many tokens that are no text.
    pub(crate) fn add(&mut self, tokens: u64) {
        self.more = self.more.saturating_add(tokens);
    }

    pub(crate) fn tokens(&self) -> u64 {
        let alike = u128::from(self.rest) * u128::from(self.tokens) / u128::from(self.bytes.max(1));
        let rest = self.milli.div_ceil(1_000).max(u64::try_from(alike).unwrap_or(u64::MAX));
        self.tokens.saturating_add(rest).saturating_add(self.more)
    }
}

/// The rule for models whose tokenizer is not known, in thousandths of a token.
///
/// 0.3 for an English character is what DeepSeek's documentation says; for a Chinese one it says 0.6, OpenAI's
/// `o200k_base` takes about as much, and the older `cl100k_base` up to 1.2. A whole one errs on the safe side
/// with newer models, and not far on the other with older ones.
fn by_rule(text: &str) -> u64 {
    let milli = |character: char| match character as u32 {
        0..0x80 => 300,
        // Signs, kana and Han; Hangul; Han and its forms; their full-width punctuation; further Han.
        0x2e80..0xa4d0 | 0xac00..0xd7b0 | 0xf900..0xfb00 | 0xfe30..0xfe50 | 0xff00..0xfff0 => 1_000,
        // Emoji, and Han beyond the first plane: two, as they are rarely one piece.
        0x1_0000.. => 2_000,
        _ => 500,
    };
    text.chars().map(milli).sum()
}

#[cfg(feature = "tokenizer")]
mod known {
    /// A tokenizer of OpenAI's.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Tokenizer {
        O200k,
        Cl100k,
    }

    /// What the names of the models begin with, as OpenAI's `tiktoken` lists them; the first that fits.
    const MODELS: [(&str, Tokenizer); 11] = [
        ("gpt-5", Tokenizer::O200k),
        ("gpt-4.5", Tokenizer::O200k),
        ("gpt-4.1", Tokenizer::O200k),
        ("gpt-4o", Tokenizer::O200k),
        ("chatgpt-4o", Tokenizer::O200k),
        ("gpt-oss", Tokenizer::O200k),
        ("o1", Tokenizer::O200k),
        ("o3", Tokenizer::O200k),
        ("o4", Tokenizer::O200k),
        ("gpt-4", Tokenizer::Cl100k),
        ("gpt-3.5", Tokenizer::Cl100k),
    ];

    impl Tokenizer {
        pub(crate) fn of(model: &str) -> Option<Self> {
            // `openai/gpt-4o` at those who sell several, `ft:gpt-4o:…` where it was tuned.
            let name = model.rsplit('/').next().unwrap_or(model);
            let name = name.strip_prefix("ft:").unwrap_or(name);
            MODELS.iter().find_map(|(beginning, tokenizer)| {
                let rest = name.strip_prefix(beginning)?;
                rest.chars().next().is_none_or(|next| !next.is_alphanumeric()).then_some(*tokenizer)
            })
        }

        pub(crate) fn count(self, text: &str) -> u64 {
            let tokenizer = match self {
                Self::O200k => bpe_openai::o200k_base(),
                Self::Cl100k => bpe_openai::cl100k_base(),
            };
            tokenizer.count(text) as u64
        }
    }

    pub(crate) fn load() {
        let _ = [Tokenizer::O200k, Tokenizer::Cl100k].map(|tokenizer| tokenizer.count(""));
    }
}

#[cfg(not(feature = "tokenizer"))]
mod known {
    /// There is none.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Tokenizer {}

    impl Tokenizer {
        pub(crate) fn of(_model: &str) -> Option<Self> {
            None
        }

        pub(crate) fn count(self, _text: &str) -> u64 {
            match self {}
        }
    }

    pub(crate) fn load() {}
}

use known::Tokenizer;

/// Reads the tokenizers' tables, which takes about a tenth of a second and 50 MB: at the start, and not while
/// the first caller waits. Without the feature `tokenizer` there are none.
pub fn load_tokenizers() {
    known::load();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "tokenizer")]
    const ENGLISH: &str =
        "The quick brown fox jumps over the lazy dog, and asks itself whether it was worth it. ";
    const CHINESE: &str =
        "今天天气很好，我们一起去公园散步，然后讨论一下人工智能的未来发展趋势，以及它对社会的影响。";

    fn count(model: &str, text: &str) -> u64 {
        let mut counter = Counter::new(model);
        counter.text(text);
        counter.tokens()
    }

    #[test]
    fn the_rule_counts_chinese_by_the_character_and_english_by_the_third() {
        assert_eq!(count("qwen-max", CHINESE), 45);
        assert_eq!(count("qwen-max", "abcdefghij"), 3);
        assert_eq!(count("qwen-max", "Grüße, мир"), 4);
        assert_eq!(count("qwen-max", "東京ﾀﾜｰ한국"), 7);
        assert_eq!(count("qwen-max", "😀𠮷"), 4);
        assert_eq!(count("qwen-max", ""), 0);
    }

    #[cfg(feature = "tokenizer")]
    #[test]
    fn models_of_openai_are_counted_by_their_tokenizers() {
        assert_eq!(count("gpt-4o-2024-08-06", CHINESE), 27);
        assert_eq!(count("gpt-4-turbo", CHINESE), 54);
        assert_eq!(count("openai/gpt-5-mini", "hello world"), 2);
        assert_eq!(count("ft:gpt-4o:acme", CHINESE), 27);
        for unknown in ["gpt-40", "o1x", "gpt", "", "o3d", "my-gpt-4o"] {
            assert_eq!(Tokenizer::of(unknown), None, "{unknown}");
        }
    }

    #[cfg(feature = "tokenizer")]
    #[test]
    fn of_a_long_text_a_part_is_counted_and_the_rest_is_like_it_or_more() {
        let many = COUNTED as usize / CHINESE.len();
        let (part, all) = (count("gpt-4", &CHINESE.repeat(many)), count("gpt-4", &CHINESE.repeat(10 * many)));
        assert!(all.abs_diff(10 * part) < all / 100, "{part} {all}");
        // A beginning that is next to nothing does not make the rest so.
        let long = [&" ".repeat(COUNTED as usize), CHINESE].concat();
        assert!(count("gpt-4o", &long) >= 45, "{}", count("gpt-4o", &long));
        let mut counter = Counter::new("gpt-4o");
        (0..2 * PIECES).for_each(|_| counter.text("a"));
        counter.text("");
        assert_eq!((counter.pieces, counter.rest), (PIECES, u64::from(PIECES)));
    }

    #[cfg(feature = "tokenizer")]
    #[test]
    fn the_rule_is_not_far_from_a_tokenizer() {
        for text in [ENGLISH, CHINESE] {
            let (rule, counted) = (count("qwen-max", text), count("gpt-4o", text));
            assert!((counted..=2 * counted).contains(&rule), "{rule} by the rule, {counted} counted");
        }
    }
}
