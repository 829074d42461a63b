//! Passes over plain prose in English, many bytes at a time: a shortcut within the gate's.
//!
//! Words of small letters (a capital may begin one), of fewer than [`LONGEST`] signs, with blanks between them: no digit,
//! no `@`, no colon. None of them is a value, and none announces one: credentials behind `Basic` have a capital or a digit
//! within them.

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
        if from < self.again || from == 0 {
            return from;
        }
        let (mut at, mut run) = (from, 0);
        while let (Some(block), Some(before)) = (block(bytes, at), block(bytes, at - 1)) {
            let strange = strange(block, before);
            let blanks = bits(&block.map(|byte| u8::from(is_blank(byte))));
            if strange != [0; BLOCK] {
                let strange = bits(&strange);
                let first = strange.trailing_zeros();
                let plain = !(u32::MAX << first);
                let passed = blanks & plain;
                let is_prose = passed != 0
                    && run + passed.trailing_zeros() < LONGEST
                    && !has_run(!blanks & plain);
                let to = if is_prose { at + BLOCK - passed.leading_zeros() as usize } else { at - run as usize };
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

fn block(bytes: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    bytes.get(at..)?.first_chunk()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\n'
}

/// A one for each byte that has no place in prose, or is a capital within a word.
fn strange(block: &[u8; BLOCK], before: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut strange = [0; BLOCK];
    for ((strange, byte), before) in strange.iter_mut().zip(block).zip(before) {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let sign = is_blank(*byte)
            | (*byte == b',')
            | (*byte == b'.')
            | (*byte == b'\'')
            | (*byte == b'"')
            | (*byte == b';')
            | (*byte == b'!')
            | (*byte == b'?')
            | (*byte == b')')
            | (*byte == b'-');
        let capital = byte.wrapping_sub(b'A') < 26;
        *strange = u8::from(!(letter | sign) | capital & !is_blank(*before));
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
        let prose =
            "y answer that arrives piece by piece, so \"it\" can be read. Well-known, isn't it?\nYes.";
        for (text, passed) in [
            (prose, true),
            (&prose.replace("piece", "pie5e"), false),
            (&prose.replace("piece", "pieCe"), false),
            (&prose.replace("arrives piece", "arrives-with-a-piece"), false),
            (&prose.replace("arrives", "arrives:"), false),
        ] {
            let to = Prose::default().skip(text.as_bytes(), 1);
            assert_eq!(to > 1, passed, "{text}");
            assert!(to == 1 || to + BLOCK > text.len() - BLOCK && text.as_bytes()[to - 1] == b' ', "{text}");
        }
    }
}
