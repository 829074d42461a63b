//! Passes over plain prose in English, many bytes at a time: a shortcut within the gate's.
//!
//! Words of small letters (a capital may begin one), of fewer than [`LONGEST`] signs, with blanks between them: no digit,
//! no `@`, no colon. None of them is a value, and none announces one: credentials behind `Basic` have a capital or a digit
//! within them, and what a word such as `password is` announces without quotes has a digit, a sign or such a capital. A
//! quote that opens behind a word is no prose.

/// How many bytes are looked at together.
const BLOCK: usize = 32;

/// From this length on a word may be a key or base64.
const LONGEST: u32 = 15;

#[derive(Default)]
pub(super) struct Prose {
    /// What made the last try fail stands before it.
    again: usize,
}

impl Prose {
    /// The place behind the last blank of the prose that begins here, within or behind a word; this place if there is
    /// none.
    #[inline]
    pub(super) fn skip(&mut self, bytes: &[u8], from: usize) -> usize {
        if from < self.again || from < 2 {
            return from;
        }
        let (mut at, mut run) = (from, 0);
        while let [Some(block), Some(before), Some(second)] = [0, 1, 2].map(|by| block(bytes, at - by)) {
            let strange = strange(block, before, second);
            let blanks = bits(&blanks(block));
            if strange != [0; BLOCK] {
                let strange = bits(&strange);
                let first = strange.trailing_zeros();
                let plain = !(u32::MAX << first);
                let passed = blanks & plain;
                let is_prose =
                    passed != 0 && run + passed.trailing_zeros() < LONGEST && !has_run(!blanks & plain);
                let to =
                    if is_prose { at + BLOCK - passed.leading_zeros() as usize } else { at - run as usize };
                // More of it may come behind what came between.
                self.again = if to >= from + BLOCK / 2 {
                    at + first as usize + 1
                } else {
                    at + BLOCK - strange.leading_zeros() as usize
                };
                return to.max(from);
            }
            if run + blanks.trailing_zeros() >= LONGEST || has_run(!blanks) {
                self.again = at + BLOCK;
                break;
            }
            run = blanks.leading_zeros();
            at += BLOCK;
        }
        if at == from { from } else { at - run as usize }
    }
}

/// Whether a short text is nothing but prose: most messages of a log. In doubt `false`.
#[inline]
pub(super) fn is_prose(text: &[u8]) -> bool {
    let mut padded = [b' '; BLOCK + 2];
    let Some(place) = padded.get_mut(2..2 + text.len()) else { return false };
    place.copy_from_slice(text);
    let [Some(whole), Some(before), Some(second)] = [2, 1, 0].map(|at| block(&padded, at)) else {
        return false;
    };
    let blanks = bits(&blanks(whole));
    strange(whole, before, second) == [0; BLOCK] && !has_run(!blanks)
}

fn block(bytes: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    bytes.get(at..)?.first_chunk()
}

fn is_blank(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\n')
}

/// A one for each blank.
fn blanks(block: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut blanks = [0; BLOCK];
    for (blank, byte) in blanks.iter_mut().zip(block) {
        *blank = u8::from(is_blank(*byte));
    }
    blanks
}

/// A one for each byte that has no place in prose, is a capital within a word, or is a quote which may open what a word
/// announces. `before` and `second` are the same block, one byte and two bytes before.
fn strange(block: &[u8; BLOCK], before: &[u8; BLOCK], second: &[u8; BLOCK]) -> [u8; BLOCK] {
    let is_letter = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26;
    let mut strange = [0; BLOCK];
    for (((strange, byte), before), second) in strange.iter_mut().zip(block).zip(before).zip(second) {
        let letter = is_letter(*byte);
        let quote = (*byte == b'\'') | (*byte == b'"');
        let sign = is_blank(*byte)
            | quote
            | (*byte == b',')
            | (*byte == b'.')
            | (*byte == b';')
            | (*byte == b'!')
            | (*byte == b'?')
            | (*byte == b')')
            | (*byte == b'-');
        let capital = byte.wrapping_sub(b'A') < 26;
        let blank = (*before == b' ') & (is_letter(*second) | (*second == b' ') | (*second == b')'));
        // `b"…"`
        let opens = quote & (blank | is_letter(*before) & !is_letter(*second));
        *strange = u8::from(!(letter | sign) | capital & !is_blank(*before) | opens);
    }
    strange
}

/// The lowest bits of the bytes, the first one's at the lowest place.
fn bits(bytes: &[u8; BLOCK]) -> u32 {
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, eight| {
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | gathered as u32
    })
}

/// Whether so many bits are set in a row that they may be a key.
fn has_run(bits: u32) -> bool {
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & eight >> 7 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_in_the_order_of_bytes() {
        for at in 0..BLOCK {
            let mut bytes = [0; BLOCK];
            bytes[at] = 1;
            assert_eq!(bits(&bytes), 1 << at);
        }
        assert!(has_run(0x7fff << 9) && !has_run(0x3fff << 9) && has_run(0x7fff << 17));
    }

    #[test]
    fn prose_is_passed_to_its_last_blank() {
        let prose = "my answer arrives piece by piece, so that it can be read. Well-known, isn't it?\nYes.";
        let read = "my answer arrives piece by piece, so that it can be read. ";
        for (text, passed) in [
            (prose.to_owned(), read),
            (prose.replace("by piece", "by pie5e"), "my answer arrives piece by "),
            (prose.replace("by piece", "by pieCe"), "my answer arrives piece by "),
            (prose.replace("by piece", "it-is-piece-by-piece"), "my answer arrives piece "),
            (prose.replace("by piece", "by piece:"), "my answer arrives piece by "),
            (prose.replace("piece,", "\"piece\","), "my answer arrives piece by "),
            (prose.replace("piece, so", "piece, \"so\""), read),
        ] {
            let to = Prose::default().skip(text.as_bytes(), 2);
            assert_eq!(text[..to].replace('"', ""), passed, "{text}");
        }
    }
}
