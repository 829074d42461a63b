/// Reads JSON (RFC 8259) once, from front to back, without unescaping or copying anything.
///
/// Every event of every answer comes through here, and of most of its members only the end matters. A key
/// or word is compared as it stands: the ones asked for are plain ASCII, so an escaped one is not among
/// them.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// It is no JSON, or not of the shape that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Read<T = ()> = Result<T, Malformed>;

/// How deep values may be nested; serde_json draws the same line.
const MAX_DEPTH: usize = 128;

impl<'a> Cursor<'a> {
    /// Reads one whole document with `read`.
    pub(crate) fn read<T>(json: &'a [u8], read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let text = std::str::from_utf8(json).map_err(|_| Malformed)?;
        let mut cursor = Self { text, at: 0, depth: 0 };
        let value = read(&mut cursor)?;
        match cursor.peek() {
            None => Ok(value),
            Some(_) => Err(Malformed),
        }
    }

    /// Hands each member of an object to `each`, which has to read its value. `null` has no members.
    #[inline]
    pub(crate) fn object(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Read) -> Read {
        if !self.enter(b'{')? {
            return Ok(());
        }
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Malformed);
            }
            let key = self.string()?;
            self.expect(b':')?;
            each(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(Malformed),
            }
        }
    }

    /// Lets `each` read every element of an array. `null` has none.
    #[inline]
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Read) -> Read {
        if !self.enter(b'[')? {
            return Ok(());
        }
        if self.peek() == Some(b']') {
            return self.leave();
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(Malformed),
            }
        }
    }

    /// The next value as it stands.
    pub(crate) fn value(&mut self) -> Read<&'a str> {
        self.peek();
        let from = self.at;
        self.skip()?;
        self.text.get(from..self.at).ok_or(Malformed)
    }

    /// The same, and nothing for `null`.
    pub(crate) fn some(&mut self) -> Read<Option<&'a str>> {
        Ok(Some(self.value()?).filter(|value| *value != "null"))
    }

    /// Whether the next value is `null`, as far as its first byte tells.
    pub(crate) fn is_null(&mut self) -> bool {
        self.peek() == Some(b'n')
    }

    /// Reads over the next value.
    pub(crate) fn skip(&mut self) -> Read {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|cursor, _| cursor.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => self.number(),
        }
    }

    /// Whether it goes into an object or array, and not over a `null`.
    fn enter(&mut self, open: u8) -> Read<bool> {
        match self.peek() {
            Some(byte) if byte == open && self.depth < MAX_DEPTH => {
                self.at += 1;
                self.depth += 1;
                Ok(true)
            }
            Some(b'n') => self.literal("null").map(|()| false),
            _ => Err(Malformed),
        }
    }

    fn leave(&mut self) -> Read {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Read {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn literal(&mut self, word: &str) -> Read {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// What stands between the quotes of a string that begins here.
    #[inline]
    fn string(&mut self) -> Read<&'a str> {
        let from = self.at + 1;
        self.at = from;
        loop {
            self.at += plain(&self.text.as_bytes()[self.at..]);
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    let text = self.text.get(from..self.at).ok_or(Malformed)?;
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(Malformed),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Read {
        let rest = &self.text.as_bytes()[self.at + 1..];
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return Err(Malformed),
        };
        Ok(())
    }

    fn number(&mut self) -> Read {
        if self.next_is(|byte| byte == b'-') {
            self.at += 1;
        }
        if self.next_is(|byte| byte == b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.next_is(|byte| byte == b'.') {
            self.at += 1;
            self.digits()?;
        }
        if self.next_is(|byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            if self.next_is(|byte| matches!(byte, b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read {
        let from = self.at;
        while self.next_is(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(Malformed) }
    }

    fn next_is(&self, is: impl FnOnce(u8) -> bool) -> bool {
        self.text.as_bytes().get(self.at).is_some_and(|byte| is(*byte))
    }
}

/// How many bytes come before the first that is special in a string: a quote, a backslash or a control
/// character. Eight at a time.
#[inline]
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // Of each byte the high bit, where the byte is below `limit` (at most 128); above the lowest such byte
    // a borrow may set more.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let special = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at + text[at..].iter().position(special).unwrap_or(text.len() - at)
}

#[cfg(test)]
#[path = "cursor/tests.rs"]
mod tests;
