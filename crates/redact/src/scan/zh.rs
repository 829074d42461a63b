//! Runs of Chinese characters.

use super::cursor::Cursor;
use super::{Match, Rules, Swallow};
use crate::Rule;

/// The longest run that is one mark, in characters: what is longer is several.
const LONGEST: usize = 256;

/// A run of two or more.
pub(crate) fn find(cursor: &mut Cursor<'_>, _: &str, _: Option<char>, rules: Rules) -> Option<Match> {
    if !rules.contains(Rule::Zh) {
        return None;
    }
    let start = cursor.at();
    let mut canonical = String::new();
    let mut chars = 0;
    while let Some(atom) = cursor.peek().filter(|atom| is_chinese(atom.ch)) {
        chars += 1;
        canonical.push(atom.ch);
        cursor.set(atom.end);
        if chars == LONGEST {
            break;
        }
    }
    let (end, why, swallow) = (cursor.at(), "Chinese characters", Swallow::Nothing);
    (chars >= 2).then_some(Match { start, end, rule: Rule::Zh, why, canonical, swallow })
}

/// The blocks of Chinese characters in Unicode 17, rare and compatible ones too.
pub(crate) fn is_chinese(ch: char) -> bool {
    matches!(ch, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3347f}' | '〇')
}
