use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

const WORDS: [&str; 16] = [
    "river",
    "stone",
    "lantern",
    "cloud",
    "你好",
    "世界",
    "été",
    "naïve",
    "tide",
    "ember",
    "🙂",
    "👩‍💻",
    "moss",
    "quartz",
    "e\u{301}tude",
    "drift",
];

/// The text that answers `messages` under `seed`: numbered words, among them Chinese, emoji and combining
/// marks.
pub fn expected_text(seed: u64, messages: &Value) -> String {
    expected_words(seed, messages, 60)
}

/// The same where [`Faults::words`](crate::Faults::words) is `count`.
pub fn expected_words(seed: u64, messages: &Value, count: usize) -> String {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    messages.to_string().hash(&mut hasher);
    let mut random = fastrand::Rng::with_seed(hasher.finish());
    let mut text = String::new();
    for number in 0..count {
        let word = WORDS[random.usize(..WORDS.len())];
        text.push_str(&format!("{number}:{word} "));
    }
    text.trim_end().to_owned()
}

/// Cuts `text` into pieces of about `size` bytes, none inside a character.
pub(crate) fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(size.max(1)).max(first));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Cuts `text` into `count` pieces of about the same size, none inside a character; into fewer where it
/// has no more characters.
pub(crate) fn parts(text: &str, count: usize) -> Vec<&str> {
    let mut rest = text;
    let mut parts = Vec::new();
    for left in (1..=count).rev() {
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (part, tail) = rest.split_at(rest.floor_char_boundary(rest.len() / left).max(first));
        if !part.is_empty() {
            parts.push(part);
        }
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_get_equal_answers_and_others_do_not() {
        let ask = |text: &str| serde_json::json!([{"role": "user", "content": text}]);
        assert_eq!(expected_text(1, &ask("a")), expected_text(1, &ask("a")));
        assert_ne!(expected_text(1, &ask("a")), expected_text(1, &ask("b")));
        assert_ne!(expected_text(1, &ask("a")), expected_text(2, &ask("a")));
    }

    #[test]
    fn pieces_are_the_whole_text() {
        let text = expected_text(3, &Value::Null);
        for size in [0, 1, 2, 7, 10_000] {
            assert_eq!(pieces(&text, size).concat(), text);
        }
    }

    #[test]
    fn parts_are_as_many_as_asked_for_and_the_whole_text() {
        let text = expected_text(3, &Value::Null);
        for count in [1, 2, 21, 41, 300] {
            let parts = parts(&text, count);
            assert_eq!(parts.len(), count);
            assert_eq!(parts.concat(), text);
        }
        assert_eq!(parts("été", 9), ["é", "t", "é"]);
    }
}
