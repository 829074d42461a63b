//! Where a value without quotes ends. Not at each sign at which it may: passwords have them all.

use std::cell::OnceCell;

use super::worth;
use crate::scan::cursor::{Atom, Cursor};
use crate::scan::{BEFORE, is_chinese};

/// At these it may end.
const SIGNS: &str = "\"'`,;&)}]<>";

/// The most signs in a row, in characters.
const MOST_SIGNS: usize = 6;

/// The longest name behind a value, in characters.
const LONGEST_NAME: usize = 32;

/// What a value stands within, by what stands before its name. Most values end where nobody asks for that.
#[derive(Debug, Default)]
pub(super) struct Open<'b> {
    before: &'b str,
    opened: OnceCell<Opened>,
}

impl<'b> Open<'b> {
    pub(super) fn of(before: &'b str) -> Self {
        Self { before, opened: OnceCell::new() }
    }

    pub(super) fn has_quote(&self, atom: Atom) -> bool {
        quote(atom.ch, atom.disguised).is_some_and(|quote| self.opened().quotes[quote])
    }

    fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| Opened::of(self.before))
    }
}

/// Quotes and brackets that were opened on a line and not closed.
#[derive(Debug, Default)]
struct Opened {
    /// `"`, `"` as an escape, `'`, a backtick.
    quotes: [bool; 4],
    /// `(`, `[`, `{`, `<`
    brackets: [u8; 4],
}

impl Opened {
    fn of(before: &str) -> Self {
        let mut open = Self::default();
        let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let mut last = ' ';
        let mut chars = line.chars().peekable();
        while let Some(ch) = chars.next() {
            // `don't`
            let inner = last.is_alphanumeric() && chars.peek().is_some_and(|next| next.is_alphanumeric());
            if let Some(quote) = quote(ch, last == '\\').filter(|_| ch != '\'' || !inner) {
                open.quotes[quote] ^= true;
            } else if let Some(kind) = "([{<".find(ch) {
                open.brackets[kind] = open.brackets[kind].saturating_add(1);
            } else if let Some(kind) = ")]}>".find(ch) {
                open.brackets[kind] = open.brackets[kind].saturating_sub(1);
            }
            last = ch;
        }
        // Where the line may have begun before, nobody knows what the first quote was.
        if line.len() + 4 > BEFORE {
            open.quotes = [false; 4];
        }
        open
    }
}

fn quote(ch: char, escaped: bool) -> Option<usize> {
    match ch {
        '"' => Some(usize::from(escaped)),
        '\'' => Some(2),
        '`' => Some(3),
        _ => None,
    }
}

/// Whether the value ends in front of this. The cursor is in front of it, too, and stays there.
pub(super) fn ends(cursor: &mut Cursor<'_>, atom: Atom, value: &str, open: &Open<'_>) -> bool {
    let stands = cursor.slice(atom.start, atom.end);
    // What stands there percent-encoded does so because it belongs to the value.
    if stands.starts_with('%') {
        return false;
    }
    if atom.ch.is_whitespace() || "。、”".contains(atom.ch) || atom.ch == Atom::COLOUR {
        return true;
    }
    if !SIGNS.contains(atom.ch) {
        return false;
    }
    // Of full width, or `"` of a string around.
    if stands.ends_with(['，', '；', '）', '》', '】', '｝']) || open.has_quote(atom) {
        return true;
    }
    let bracket = ")]}>".find(atom.ch);
    if let Some(kind) = bracket {
        let opening = ['(', '[', '{', '<'][kind];
        let count = |sign: char| value.chars().filter(|ch| *ch == sign).count();
        if count(opening) > count(atom.ch) {
            return false;
        }
    }
    let is_open = bracket.is_some_and(|kind| open.opened().brackets[kind] > 0);
    let at = cursor.at();
    let ends = ends_with_run(cursor, atom.ch, is_open);
    cursor.set(at);
    ends
}

fn ends_with_run(cursor: &mut Cursor<'_>, first: char, is_open: bool) -> bool {
    let (mut signs, mut quotes, mut parts) = (0, 0, false);
    let next = loop {
        let Some(atom) = cursor.peek() else { return true };
        if !SIGNS.contains(atom.ch) && !".:!?".contains(atom.ch) || signs == MOST_SIGNS {
            break atom;
        }
        signs += 1;
        parts |= matches!(atom.ch, ',' | ';' | '&');
        quotes += usize::from(matches!(atom.ch, '"' | '\'' | '`'));
        cursor.set(atom.end);
        let goes_on =
            || cursor.slice(atom.end, atom.end + 1).starts_with(|ch: char| ch.is_ascii_alphanumeric());
        if signs == 1 && is_open && !goes_on() && cursor.peek().is_some_and(|atom| !atom.ch.is_alphanumeric())
        {
            return true;
        }
    };
    if next.ch.is_whitespace() || is_chinese(next.ch) || "。、”".contains(next.ch) || next.ch == Atom::COLOUR
    {
        return true;
    }
    if quotes > 1 && matches!(first, '"' | '\'' | '`') {
        return true;
    }
    // `</password>`, `<br/>`, `&lt;`
    let is_tag = first == '<' && signs == 1;
    if is_tag && next.ch == '/' {
        return true;
    }
    let mut name = String::new();
    while let Some(atom) =
        cursor.peek().filter(|atom| atom.ch.is_ascii_alphanumeric() || "_-.".contains(atom.ch))
        && name.len() < LONGEST_NAME
    {
        name.push(atom.ch);
        cursor.set(atom.end);
    }
    if !name.starts_with(|ch: char| ch.is_ascii_alphabetic() || ch == '_') || !worth::is_like_a_name(&name) {
        return false;
    }
    if first == '&' && ["lt", "gt", "nbsp", "apos"].contains(&name.as_str()) {
        return cursor.peek().is_some_and(|atom| atom.ch == ';');
    }
    if is_tag {
        let is_small = name.bytes().all(|byte| byte.is_ascii_lowercase());
        return cursor.peek().is_some_and(|atom| matches!(atom.ch, '>' | '/') || is_small && atom.ch == ' ');
    }
    // `&next=1`, `","next":1`
    if !parts || name.len() == 1 && !name.starts_with(|ch: char| ch.is_ascii_lowercase()) {
        return false;
    }
    if let Some(atom) = cursor.peek().filter(|atom| matches!(atom.ch, '"' | '\'')) {
        cursor.set(atom.end);
    }
    cursor.peek().is_some_and(|atom| atom.ch == '=' || atom.ch == ':' && first != '&')
}
