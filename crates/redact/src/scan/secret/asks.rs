//! Whether something announces that a secret follows: a shortcut that changes no result.

use super::announce::{LOOSE, PREFIXES, WRAPS, ends_with, tag_name};
use super::names::{announces, bare};
use crate::scan::BEFORE;
use crate::scan::cursor::{Atom, is_joint};
use crate::scan::meant::{before, colour_before, is_lead};

/// The longest sequence for a terminal's colour, in bytes.
const LONGEST_COLOUR: usize = 48;

/// The longest escape that ends in `;` or `}`, in bytes.
const LONGEST_ESCAPE: usize = 12;

/// Whether what stands before a place may announce that a secret follows. Reads bytes only, and is in doubt `true`.
#[inline]
pub(in crate::scan) fn asks(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(last) = last else { return false };
    match last {
        // A blank behind a letter is by far the most common.
        ' ' | '\n' => match bytes[..at].get(at.wrapping_sub(2)) {
            None => false,
            // A number announces nothing.
            Some(b'0'..=b'9') if u32::from(bytes[at - 1]) == last as u32 && stands(bytes, at - 1) => false,
            // `&nbsp;`
            Some(byte) if byte.is_ascii_alphanumeric() && bytes[at - 1] == b';' => is_asked(bytes, at),
            Some(byte) if byte.is_ascii_alphanumeric() => {
                let word = &bytes[..at - 1];
                // `password is …`, `--password …`
                let may = match byte | 0x20 {
                    b'r' => may_end_in(word, b"bearer") || may_end_in(word, b"!!str"),
                    b'c' => may_end_in(word, b"basic"),
                    b's' => [b" is", &b" was"[..], b" es"].iter().any(|end| may_end_in(word, end)),
                    b't' => [b" ist", &b" est"[..], b" lautet"].iter().any(|end| may_end_in(word, end)),
                    _ => false,
                };
                (may || announces_plainly(word) != Some(false)) && is_asked(bytes, at)
            }
            // Most of them end no escape.
            Some(b';' | b'}') => {
                let near = &bytes[at.saturating_sub(LONGEST_ESCAPE + 1)..at - 1];
                near.iter().any(|byte| matches!(byte, b'\\' | b'&')) && is_asked(bytes, at)
            }
            // Most characters of Chinese, and its full stop.
            Some(0x80..)
                if matches!(bytes[..at - 1].last_chunk(), Some([0xe4..=0xe9, _, _] | [0xe3, 0x80, 0x82]))
                    && u32::from(bytes[at - 1]) == last as u32 =>
            {
                bytes[..at - 1].last_chunk().is_some_and(|sign| IS.contains(sign)) && is_asked(bytes, at)
            }
            Some(b' ' | b'\t' | b'\n' | b'\r' | b':' | b'=' | b'>' | b'*' | b'\\' | 0x80..) => {
                is_asked(bytes, at)
            }
            _ => false,
        },
        '\t' | '\r' | ':' | '=' | '"' | '\'' | '`' | '>' | '*' | '是' | '为' => is_asked(bytes, at),
        // No sequence ends in what begins it.
        Atom::COLOUR => bytes[at - 1] != 0x1b && is_asked(bytes, at),
        _ => false,
    }
}

/// Goes back over characters.
#[derive(Clone, Copy)]
struct Back<'b> {
    bytes: &'b [u8],
    end: usize,
    far: usize,
    /// All of them stand for themselves.
    is_plain: bool,
}

impl Back<'_> {
    /// The character before, without colours and joints, and where it begins.
    #[inline]
    fn peek(&mut self) -> Option<(char, usize)> {
        if self.is_plain {
            let at = self.end.checked_sub(1).filter(|at| *at >= self.far)?;
            return Some((char::from(self.bytes[at]), at));
        }
        loop {
            let (ch, at) = before(self.bytes, self.end).filter(|_| self.end > self.far)?;
            let is_colour = ch == Atom::COLOUR && self.end - at > 1;
            if !is_colour && !is_joint(ch) {
                return Some((ch, at));
            }
            self.end = at;
        }
    }

    #[inline]
    fn next(&mut self) -> Option<char> {
        let (ch, at) = self.peek()?;
        self.end = at;
        Some(ch)
    }

    fn skip(&mut self, is_in: impl Fn(char) -> bool) {
        while let Some((_, at)) = self.peek().filter(|(ch, _)| is_in(*ch)) {
            self.end = at;
        }
    }

    fn ends_with(&mut self, word: &str) -> bool {
        word.bytes()
            .rev()
            .all(|byte| self.next().is_some_and(|ch| ch.eq_ignore_ascii_case(&char::from(byte))))
    }
}

/// 是 and 为.
const IS: [[u8; 3]; 2] = [[0xe6, 0x98, 0xaf], [0xe4, 0xb8, 0xba]];

/// The same where all that counts stands for itself: a sign, one blank or quote, and a word before it; `是` or `：` and a
/// Chinese character before it. Else nothing is said.
#[inline]
fn is_asked_plainly(bytes: &[u8], at: usize) -> Option<bool> {
    const CHINESE: [[u8; 3]; 3] = [IS[0], IS[1], [0xef, 0xbc, 0x9a]];
    if let Some([0xe4..=0xe9, _, _, sign @ ..]) = bytes[..at].last_chunk::<6>()
        && CHINESE.contains(sign)
    {
        let name = &bytes[..at - 3];
        // `密码是：`
        let is_joined = name.last_chunk().is_some_and(|last| IS.contains(last));
        return (!is_joined).then(|| announces(name));
    }
    let sign = match bytes[..at].last_chunk::<2>()? {
        b",\"" | b"{\"" | b"[\"" => return Some(false),
        [prefix, b'"']
            if matches!(prefix | 0x20, b'b' | b'r' | b'u' | b'f')
                && !is_letter(bytes, at.wrapping_sub(3)) =>
        {
            return None;
        }
        [b' ' | b'\n', b'"'] if is_behind_sign(&bytes[..at - 1]) => return Some(false),
        [_, b'"'] if stands(bytes, at - 1) => return Some(false),
        [b':' | b'=', b'"' | b' '] => at - 2,
        [_, b'='] => at - 1,
        [_, b':'] if is_behind_no_user(bytes, at - 1) => at - 1,
        _ => return None,
    };
    // `std::fmt`, `==`
    let sign = if matches!(bytes[..sign].last(), Some(b':' | b'=')) { sign - 1 } else { sign };
    let name = &bytes[..sign];
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    if announces_plainly(name)? {
        return Some(true);
    }
    // `the password is:`, `PASSWORD: String=`
    let is_word = |word: &str| {
        let before = ends_with(name, word.as_bytes()).then(|| &name[..name.len() - word.len()]);
        before.is_some_and(|before| {
            !before.last().is_some_and(u8::is_ascii_alphabetic)
                || colour_before(before, before.len()).is_some()
        })
    };
    let is_joined = match name.last().map(u8::to_ascii_lowercase) {
        Some(b's') => ends_with(name, b"is") || is_word("was") || is_word("es"),
        Some(b't') => is_word("ist") || is_word("est") || is_word("lautet"),
        Some(b'r') => ends_with(name, b"str"),
        Some(b'g') => ends_with(name, b"ing"),
        Some(b'e') => is_word("value"),
        _ => false,
    };
    (!is_joined).then_some(false)
}

fn is_letter(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether nothing but blanks stands behind a sign that joins nothing.
#[inline]
fn is_behind_sign(bytes: &[u8]) -> bool {
    const MOST: usize = 4;
    let blanks = bytes.iter().rev().take(MOST).take_while(|byte| matches!(byte, b' ' | b'\n')).count();
    let bytes = &bytes[..bytes.len() - blanks];
    // `string(9) "…"`
    let is_length = matches!(bytes, [.., b'0'..=b'9', b')']);
    !is_length && matches!(bytes.last(), Some(b'.' | b',' | b')' | b']' | b'!' | b'?' | b'-' | b'"'))
}

/// Whether the name here announces a value, told by its last characters, which stand for themselves; else nothing is said.
#[inline]
fn announces_plainly(name: &[u8]) -> Option<bool> {
    let bare = bare(name)?;
    let len = bare.len();
    // A number for itself, that is no part of an escape.
    if len < name.len()
        && matches!(bare.last(), Some(b':' | b'/' | b'.' | b',' | b' ' | b'\n' | b'(' | b'=' | b'+'))
    {
        return Some(false);
    }
    // No word ends in one of these, nor does an escape.
    if name.last().is_some_and(|last| b":.,(=+-_!?@<#$".contains(last)) {
        return Some(false);
    }
    if !stands(name, name.len()) || len < 2 || !stands(bare, len) || !stands(bare, len - 1) {
        return None;
    }
    let third = bare.get(len.wrapping_sub(3));
    let is_plain = third.is_none_or(|byte| b"\" ,{(_-.".contains(byte)) || stands(bare, len - 2);
    is_plain.then(|| announces(bare))
}

/// Whether a word may end in this one, told by its bytes. All escapes of its letters end in a digit or a sign; a colour may
/// stand for the blank in front of it.
fn may_end_in(word: &[u8], name: &[u8]) -> bool {
    let pairs = word.iter().rev().zip(name.iter().rev());
    let same = pairs.take_while(|(byte, name)| byte.eq_ignore_ascii_case(name)).count();
    let rest = &word[..word.len() - same];
    same == name.len()
        || !rest.last().is_some_and(u8::is_ascii_alphabetic)
        || name[0] == b' ' && same + 1 == name.len() && colour_before(rest, rest.len()).is_some()
}

/// Whether what ends here is a letter or digit that ends no escape.
#[inline]
fn stands(bytes: &[u8], end: usize) -> bool {
    let Some([a, _, _, b, c, last]) = bytes[..end].last_chunk() else {
        // Near the beginning of a text.
        return bytes[..end].last().is_some_and(u8::is_ascii_alphanumeric)
            && !bytes[..end].iter().any(|byte| is_lead(*byte));
    };
    last.is_ascii_alphanumeric()
        // No escape has one of these before its end.
        && (c.is_ascii_alphabetic()
            || b"_\", {(".contains(c)
            || last.is_ascii_digit() && *c != b'\\'
            || c.is_ascii_digit() && colour_before(bytes, end).is_none())
        && *b != b'%'
        && *a != b'\\'
}

/// Whether no `://` and a user's name end here, told without looking through escapes.
#[inline]
fn is_behind_no_user(bytes: &[u8], colon: usize) -> bool {
    let name =
        bytes[..colon].iter().rev().take(BEFORE - 8).take_while(|byte| PASSED[usize::from(**byte)]).count();
    let from = colon - name;
    match bytes[..from].last() {
        Some(b'?' | b'#' | b' ' | b'"' | b'\n' | b':') => true,
        Some(b'/') => stands(bytes, from - 1),
        _ => false,
    }
}

/// What stands for itself and may belong to a user's name.
const PASSED: [bool; 256] = {
    let mut passed = [false; 256];
    let mut byte = 0;
    while byte < 0x80 {
        passed[byte] = !matches!(
            byte as u8,
            b'?' | b'#' | b' ' | b'"' | b'\n' | b':' | b'/' | b'\\' | b'%' | b'&' | 0x1b
        );
        byte += 1;
    }
    passed
};

fn is_asked(bytes: &[u8], at: usize) -> bool {
    if let Some(asked) = is_asked_plainly(bytes, at) {
        return asked;
    }
    let far = at.saturating_sub(BEFORE - 8);
    // What is not seen may announce it.
    let unseen = far > 0;
    // An escape may begin a little before it.
    let seen = &bytes[far.saturating_sub(LONGEST_COLOUR)..at];
    let is_plain = !seen.iter().fold(false, |found, byte| found | is_lead(*byte) | !byte.is_ascii());
    let mut back = Back { bytes, end: at, far, is_plain };
    let Some((mut ch, start)) = back.peek() else { return unseen };
    let is_coloured = back.end < at;
    // As it is meant, or as it stands: then what is percent-encoded is no delimiter.
    if ch == ':' && [false, true].iter().any(|stands| is_behind_user(Back { end: start, ..back }, *stands)) {
        return true;
    }
    if matches!(ch, '"' | '\'' | '`') {
        back.end = start;
        back.skip(|ch| ch == '\\');
        let quote = ch;
        let here = back.end;
        let mut more = || back.next() == Some(quote);
        if !(more() && more()) {
            back.end = here;
        }
        // `b"…"`
        let mut prefix = back;
        if prefix.next().is_some_and(|ch| ch.is_ascii() && PREFIXES.contains(&(ch as u8)))
            && !prefix.peek().is_some_and(|(ch, _)| ch.is_ascii_alphanumeric())
        {
            back = prefix;
        }
        // `Some("…"`, `setPassword("…"`, `string(9) "…"`
        match back.peek() {
            Some(('(', at)) => {
                let ends = |word: &&str| Back { end: back.end, ..back }.ends_with(word);
                return WRAPS.iter().any(ends) || announced(Back { end: at, ..back }, unseen);
            }
            Some((' ', at)) if matches!((Back { end: at, ..back }).peek(), Some((')', _))) => return true,
            _ => {}
        }
    }
    let here = back.end;
    back.skip(|ch| matches!(ch, ' ' | '\t' | '\n' | '\r' | '*' | '\u{3000}'));
    let parted = back.end < here || is_coloured;
    let word = back.end;
    match back.next() {
        None => return unseen,
        Some(next) => ch = next,
    }
    let whole = back;
    let ends = |end: usize, word: &str| Back { end, ..whole }.ends_with(word);
    match ch {
        // `:=`, `==`, `=>`; `>` of a tag.
        ':' | '=' | '>' | '：' | '＝' | '是' | '为' => {
            if let Some((':' | '=', at)) = back.peek() {
                back.end = at;
            }
        }
        ch if ch.is_ascii_alphanumeric() || ch == '_' => {
            let mut words = ["bearer", "basic", "!!str"].iter().chain(&LOOSE);
            let loosely = words.any(|end| ends(word, end.trim_start()));
            return parted && (loosely || announced(Back { end: word, ..back }, unseen));
        }
        _ => return false,
    }
    back.skip(|ch| matches!(ch, ' ' | '\t' | '"' | '\'' | '`' | '\\' | '*' | ']'));
    // More words between them, and types.
    if ["str", "tring", ">", " value"].iter().chain(&LOOSE).any(|end| ends(back.end, end.trim_start()))
        || matches!(back.peek(), Some(('是' | '为', _)))
    {
        return true;
    }
    // `<wsse:Password Type="…">`
    if ch == '>' && back.end < whole.end && (!is_plain || tag_name(&bytes[far..here]).is_some()) {
        return true;
    }
    announced(back, unseen)
}

/// Whether a word that announces a value ends here, perhaps with a number: `password_1`.
fn announced(mut back: Back<'_>, unseen: bool) -> bool {
    let here = back.end;
    back.skip(|ch| ch.is_ascii_digit());
    if back.end < here {
        back.skip(|ch| matches!(ch, '_' | '-'));
    }
    // Its last characters, from behind.
    let mut name = [0; 12];
    let mut from = name.len();
    for at in 0..3 {
        match back.next() {
            Some(ch) => {
                from -= ch.len_utf8();
                ch.encode_utf8(&mut name[from..]);
            }
            None if unseen || at < 2 => return unseen,
            None => break,
        }
    }
    announces(&name[from..])
}

/// Whether `://` and a user's name without a colon end here.
fn is_behind_user(mut back: Back<'_>, stands: bool) -> bool {
    loop {
        match back.next() {
            None => return back.far > 0,
            Some('/' | '?' | '#' | ' ' | '"' | ':') if stands && back.bytes[back.end] == b'%' => {}
            Some('/') => {
                return matches!(back.next(), Some('/') | None) && matches!(back.next(), Some(':') | None);
            }
            Some('?' | '#' | ' ' | '"' | '\n' | ':') => return false,
            Some(_) => {}
        }
    }
}
