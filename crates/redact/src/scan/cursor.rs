//! A text as the same characters in all their disguises.
//!
//! What reads a text through a cursor sees `１３８`, `%31%33%38`, `\u0031\u0033\u0038`, `&#49;&#51;&#56;` and `138` with a
//! zero-width space in it as the same three characters. And it leaves a trace: a cursor that was asked for what the
//! text does not have *yet* is starved, and then nothing that was concluded holds. That is how a stream knows what to
//! hold back, without a rule of its own.

/// The most bytes that are read from where a value may begin.
pub(crate) const CAP: usize = 4096;

/// One character as it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    /// What it means. A sequence for a terminal's colour is [`Atom::COLOUR`].
    pub(crate) ch: char,
    /// Where it stands: joints without width in front of it are part of it.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// It does not stand there in plain.
    pub(crate) disguised: bool,
}

impl Atom {
    /// A sequence for a terminal's colour: it ends what stands before it and joins nothing.
    pub(crate) const COLOUR: char = '\u{1b}';

    /// The digit it is, in figures or as a Chinese numeral.
    pub(crate) fn digit(self) -> Option<u8> {
        digit(self.ch)
    }
}

/// The digit that a character is, in figures or as a Chinese numeral (`幺` is one, on the telephone).
pub(crate) fn digit(ch: char) -> Option<u8> {
    Some(match ch {
        '0'..='9' => ch as u8 - b'0',
        '〇' | '零' => 0,
        '一' | '幺' => 1,
        '二' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

/// Reads a text forwards.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    limit: usize,
    complete: bool,
    starved: bool,
    capped: bool,
}

impl<'t> Cursor<'t> {
    /// Begins at a byte of the text. Nothing comes after a text that is `complete`.
    pub(crate) fn new(text: &'t str, at: usize, complete: bool) -> Self {
        Self { text, at, limit: at.saturating_add(CAP), complete, starved: false, capped: false }
    }

    /// Where it is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back (or on) to where it was.
    pub(crate) fn set(&mut self, at: usize) {
        self.at = at;
    }

    /// Whether it was asked for what is not there yet: what was concluded may change.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Whether it was asked for what lies beyond [`CAP`].
    pub(crate) fn is_capped(&self) -> bool {
        self.capped
    }

    /// The text between two places.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// At most so many bytes of what stands before the place, as it stands there.
    pub(crate) fn behind(&self, most: usize) -> &'t str {
        &self.text[super::ceil(self.text, self.at.saturating_sub(most))..self.at]
    }

    /// At most so many bytes of what stands there.
    pub(crate) fn ahead(&self, most: usize) -> &'t [u8] {
        let rest = &self.text.as_bytes()[self.at..];
        &rest[..rest.len().min(most)]
    }

    /// The next character, and goes on behind it.
    pub(crate) fn next(&mut self) -> Option<Atom> {
        let atom = self.peek()?;
        self.at = atom.end;
        Some(atom)
    }

    /// The next character.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<Atom> {
        count(1);
        let start = self.at;
        // By far the most common: a character that stands for itself.
        if let Some(byte) = self.text.as_bytes().get(start)
            && byte.is_ascii()
            && !matches!(byte, b'\\' | b'%' | b'&' | 0x1b)
            && start < self.limit
        {
            return Some(Atom { ch: char::from(*byte), start, end: start + 1, disguised: false });
        }
        let mut at = start;
        loop {
            if at >= self.limit {
                self.capped = true;
                return None;
            }
            let Some(ch) = self.text.get(at..).and_then(|rest| rest.chars().next()) else {
                self.starved |= !self.complete;
                return None;
            };
            let len = ch.len_utf8();
            if is_joint(ch) {
                at += len;
                continue;
            }
            let (ch, len, disguised) = match ch {
                '\\' | '%' | '&' | '\u{1b}' => self.escape(at),
                _ => (plain(ch), len, !ch.is_ascii() && plain(ch) != ch),
            };
            if is_joint(ch) {
                at += len;
                continue;
            }
            return Some(Atom { ch, start, end: at + len, disguised: disguised || at > start });
        }
    }

    /// What an escape stands for, and its length; the character itself where it begins none.
    fn escape(&mut self, at: usize) -> (char, usize, bool) {
        let rest = &self.text.as_bytes()[at..];
        match read(rest) {
            Read::Is(ch, len) => (plain(ch), len, true),
            Read::Unless(ch, len) => {
                self.starved |= !self.complete;
                (plain(ch), len, true)
            }
            Read::Not => (rest[0] as char, 1, false),
            Read::More => {
                self.starved |= !self.complete;
                (rest[0] as char, 1, false)
            }
        }
    }
}

fn read(rest: &[u8]) -> Read {
    match rest[0] {
        b'\\' => backslash(rest),
        b'%' => percent(rest),
        b'&' => entity(rest),
        _ => colour(rest),
    }
}

/// What an escape stands for that is all of these bytes, unless it is a joint. They begin as one.
pub(super) fn escape(bytes: &[u8]) -> Option<char> {
    match read(bytes) {
        Read::Is(ch, len) | Read::Unless(ch, len) if len == bytes.len() => {
            Some(plain(ch)).filter(|ch| !is_joint(*ch))
        }
        _ => None,
    }
}

/// Joins what stands on both sides of it, without being seen.
pub(super) fn is_joint(ch: char) -> bool {
    matches!(ch, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// The plain form of a character of full width, and of blanks of all kinds.
fn plain(ch: char) -> char {
    match ch {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(ch as u32 - 0xfee0).unwrap_or(ch),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        _ => ch,
    }
}

/// Counts what is read, in tests: nothing may be read again and again.
#[inline]
pub(super) fn count(_steps: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + _steps);
}

#[cfg(test)]
thread_local! {
    pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

enum Read {
    Is(char, usize),
    /// The same, unless what is not there yet goes on with it.
    Unless(char, usize),
    Not,
    /// It depends on what is not there yet.
    More,
}

/// `\n`, `\"`, `\u0031`, and the same within JSON within JSON, where backslashes are doubled; `\0` and `\u{200b}`, as
/// Rust's `Debug` has them. A terminal's colour may be written so, too: `\u001b[33m`, `\x1b[33m`.
fn backslash(rest: &[u8]) -> Read {
    let slashes = rest.iter().take(8).take_while(|byte| **byte == b'\\').count();
    let Some(letter) = rest.get(slashes) else { return Read::More };
    let ch = match letter {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'"' => '"',
        b'/' => '/',
        b'0' => '\0',
        b'u' if rest.get(slashes + 1) == Some(&b'{') => return braced(rest, slashes + 2),
        b'u' => {
            let Some(hex) = rest.get(slashes + 1..slashes + 5) else {
                let so_far = &rest[slashes + 1..];
                return if so_far.iter().all(u8::is_ascii_hexdigit) { Read::More } else { Read::Not };
            };
            return match code(hex, 16) {
                Some(ch) => go_on(rest, ch, slashes + 5),
                None => Read::Not,
            };
        }
        b'x' => {
            let hex = &rest[slashes + 1..rest.len().min(slashes + 3)];
            return match go_on(rest, Atom::COLOUR, slashes + 1 + hex.len()) {
                _ if !b"1b"[..hex.len()].eq_ignore_ascii_case(hex) => Read::Not,
                _ if hex.len() < 2 => Read::More,
                // For itself it is none.
                Read::Is(_, len) if len == slashes + 3 => Read::Not,
                Read::Unless(..) => Read::More,
                read => read,
            };
        }
        _ => return Read::Not,
    };
    Read::Is(ch, slashes + 1)
}

/// An escape of so many bytes, with what goes on behind one for what begins a terminal's colour.
fn go_on(rest: &[u8], ch: char, len: usize) -> Read {
    if ch != Atom::COLOUR {
        return Read::Is(ch, len);
    }
    match sequence(&rest[len..]) {
        Read::Is(ch, more) => Read::Is(ch, len + more),
        Read::More => Read::Unless(ch, len),
        _ => Read::Is(ch, len),
    }
}

/// The rest of `\u{200b}`: at most six digits.
fn braced(rest: &[u8], from: usize) -> Read {
    let digits = rest[from..].iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match rest.get(from + digits) {
        Some(b'}') => match code(&rest[from..from + digits], 16) {
            Some(ch) => go_on(rest, ch, from + digits + 1),
            None => Read::Not,
        },
        Some(_) => Read::Not,
        None => Read::More,
    }
}

/// `%31`: ASCII only.
fn percent(rest: &[u8]) -> Read {
    match rest.get(1..3) {
        Some(hex) => match code(hex, 16) {
            Some(ch) if ch.is_ascii_graphic() || ch == ' ' => Read::Is(ch, 3),
            _ => Read::Not,
        },
        None if rest[1..].iter().all(u8::is_ascii_hexdigit) => Read::More,
        None => Read::Not,
    }
}

/// `&#64;`, `&#x40;`, `&commat;`, `&amp;`, `&quot;`, `&nbsp;`: at most ten bytes.
fn entity(rest: &[u8]) -> Read {
    const MOST: usize = 10;
    let window = &rest[1..rest.len().min(MOST)];
    let name = window.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
    match rest.get(1 + name) {
        Some(b';') if name > 1 => {}
        None if name + 1 < MOST => return Read::More,
        _ => return Read::Not,
    }
    let ch = match &rest[1..=name] {
        b"commat" => Some('@'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"period" => Some('.'),
        b"nbsp" | b"ensp" | b"emsp" | b"thinsp" => Some(' '),
        b"hyphen" | b"dash" | b"ndash" => Some('-'),
        b"plus" => Some('+'),
        b"lpar" => Some('('),
        b"rpar" => Some(')'),
        [b'#', b'x' | b'X', hex @ ..] => code(hex, 16),
        [b'#', decimal @ ..] => code(decimal, 10),
        _ => None,
    };
    match ch {
        Some(ch) => Read::Is(ch, name + 2),
        None => Read::Not,
    }
}

/// `ESC [ 0 m`: at most 32 bytes.
fn colour(rest: &[u8]) -> Read {
    match sequence(&rest[1..]) {
        Read::Is(ch, len) => Read::Is(ch, len + 1),
        read => read,
    }
}

/// The same behind what begins it.
fn sequence(rest: &[u8]) -> Read {
    let Some(bracket) = rest.first() else { return Read::More };
    if *bracket != b'[' {
        return Read::Not;
    }
    let window = &rest[1..rest.len().min(31)];
    match window.iter().position(|byte| !(byte.is_ascii_digit() || matches!(byte, b';' | b':'))) {
        Some(end) if window[end].is_ascii_alphabetic() => Read::Is(Atom::COLOUR, end + 2),
        Some(_) => Read::Not,
        None if rest.len() < 31 => Read::More,
        None => Read::Not,
    }
}

fn code(digits: &[u8], radix: u32) -> Option<char> {
    let add =
        |code: u32, digit: &u8| code.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?);
    let code = digits.iter().try_fold(0, add)?;
    (!digits.is_empty()).then(|| char::from_u32(code)).flatten()
}

#[cfg(test)]
mod tests;
