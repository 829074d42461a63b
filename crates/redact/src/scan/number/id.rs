//! Numbers of a person's papers. Sources: GB 11643 (Chinese ID number: region, date of birth, serial, check digit by
//! ISO 7064 MOD 11-2), GB/T 2260 (regions), GA 36 (licence plates), the exit and entry administration (forms of
//! passports and permits), the US Social Security Administration (numbers never given out).

use super::before::{Before, Words};
use super::digits::{After, Part, X};
use crate::scan::cursor::Cursor;

/// How far before a number the word for it stands, in bytes.
const NEAR: usize = 32;

static RESIDENT: Words = Words::new(&["身份证", "证件", "identity", "id"]);
pub(super) static SOCIAL: Words = Words::new(&[
    "ssn",
    "social security",
    "social-security",
    "social_security",
    "socialsecurity",
    "itin",
    "社会安全",
    "社安",
]);
static PLATES: Words = Words::new(&["车牌", "牌照", "号牌", "plate"]);

pub(super) static PASSES: Words = Words::new(&[
    "护照",
    "通行证",
    "passport",
    "travel document",
    "reisepass",
    "passeport",
    "pasaporte",
    "回乡证",
    "台胞证",
]);

/// After these, with nothing but signs between, eight digits are a permit's number.
static TAIWAN: Words = Words::new(&["台胞证", "台胞证号", "台胞证号码"]);

/// A Chinese ID number, of 18 digits, or of 15 as before 1999 and then with a word before it.
pub(super) fn resident(part: Part<'_>, before: Before<'_>) -> Option<(&'static str, String)> {
    if !matches!(part.after, After::Clear | After::Blank) || part.separator() == Some('.') {
        return None;
    }
    let shape = part.shape();
    match (part.digits.len(), shape.as_slice()) {
        (18, [18] | [6, 8, 4] | [6, 4, 4, 4] | [6, 12] | [14, 4] | [3, 3, 4, 4, 4] | [4, 4, 4, 4, 2]) => {}
        (18, _) if part.is_spread() => {}
        (15, [15] | [6, 6, 3]) if before.mentions(&RESIDENT, NEAR) => {}
        _ => return None,
    }
    is_resident(part.digits).then(|| ("ID number, China, check digit", part.text()))
}

fn is_resident(digits: &[u8]) -> bool {
    let value = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u32::from(*digit));
    // A permanent residence card of a foreigner has a 9 before the region (since 2023).
    let region = if digits[0] == 9 { &digits[1..3] } else { &digits[..2] };
    let region = matches!(
        value(region),
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83
    );
    let (year, date) = match digits.len() {
        18 => (value(&digits[6..10]), &digits[10..14]),
        _ => (1900 + value(&digits[6..8]), &digits[8..12]),
    };
    let last = match value(&date[..2]) {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let date = (1..=last).contains(&value(&date[2..])) && (1850..=2100).contains(&year);
    region && date && !digits[..digits.len() - 1].contains(&X) && (digits.len() == 15 || mod_11_2(digits))
}

/// ISO 7064 MOD 11-2: read from the left, doubled before each digit but the last, the rest is 1.
fn mod_11_2(digits: &[u8]) -> bool {
    digits.iter().fold(0, |sum, digit| (sum * 2 + u32::from(*digit)) % 11) == 1
}

/// A US social security number: with dashes, or in any form with a word before it.
pub(super) fn social_security(part: Part<'_>, before: Before<'_>) -> Option<(&'static str, String)> {
    let digits = part.digits;
    if digits.len() != 9 || !matches!(part.after, After::Clear | After::Blank) || !part.is_even() {
        return None;
    }
    // Never given out: area 000, 666 and 900 to 999, group 00, serial 0000. Those of 900 and more with these groups are
    // the tax office's (ITIN).
    let [a, b, c, d, e, ref serial @ ..] = digits[..] else { return None };
    let area = !matches!([a, b, c], [0, 0, 0] | [6, 6, 6])
        && (a != 9 || matches!(d * 10 + e, 50..=65 | 70..=88 | 90..=92 | 94..=99));
    if !area || [d, e] == [0, 0] || serial.iter().all(|digit| *digit == 0) {
        return None;
    }
    let word = || before.mentions(&SOCIAL, NEAR);
    let sure = match part.shape().as_slice() {
        [3, 2, 4] => part.separator() == Some('-') || word(),
        [9] => word(),
        _ => false,
    };
    sure.then(|| ("social security number, US", part.text()))
}

/// What a German passport's number is made of.
const GERMAN: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";

/// How long a passport's number is in Germany, France and Spain.
const LENGTH: usize = 9;

/// Whether it may be the number of a German passport: a letter, and at least two digits.
#[inline]
pub(in crate::scan) fn is_german_passport(word: &[u8]) -> bool {
    word.len() == LENGTH
        && !word[0].is_ascii_digit()
        && word.iter().all(|byte| GERMAN.contains(byte))
        && word.iter().filter(|byte| byte.is_ascii_digit()).count() > 1
}

/// Of a French one: `09AE12345`.
pub(super) fn is_french(word: &[u8]) -> bool {
    word.len() == LENGTH && word.iter().enumerate().all(|(at, byte)| fits_french(at, *byte))
}

fn fits_french(at: usize, byte: u8) -> bool {
    if matches!(at, 2 | 3) { byte.is_ascii_uppercase() } else { byte.is_ascii_digit() }
}

/// Whether a word that begins with a letter may be a passport's number.
#[inline]
pub(in crate::scan) fn may_be_passport(word: &[u8]) -> bool {
    let digits = |from: usize, to: usize| word[from..to].iter().all(u8::is_ascii_digit);
    let len = word.len();
    (7..=11).contains(&len) && digits(len - 1, len) && (digits(2, len) || len == LENGTH && digits(3, len))
        || is_german_passport(word)
}

/// A passport or permit with a word before it: one or two letters and six to nine digits, nine digits, and the forms of
/// Germany (`C01X00T47`), France (`09AE12345`), Spain (`AAA123456`), Hong Kong (`H1234567800`) and Taiwan (eight digits).
pub(super) fn passport(cursor: &mut Cursor<'_>, before: Before<'_>) -> Option<(usize, String)> {
    const LETTERS: usize = 3;
    const DIGITS: usize = 10;
    let mut word = [0; LETTERS + DIGITS];
    let (mut letters, mut digits, mut len) = (0, 0, 0);
    let (mut plain, mut german, mut french) = (true, true, true);
    while let Some(atom) = cursor.peek().filter(|atom| atom.ch.is_ascii_alphanumeric() || atom.ch == '_') {
        let byte = atom.ch as u8;
        if byte.is_ascii_digit() {
            plain &= digits < DIGITS;
            digits += 1;
        } else {
            plain &= digits == 0 && letters < LETTERS && byte != b'_';
            letters += 1;
        }
        german &= len < LENGTH && GERMAN.contains(&byte) && letters > 0;
        french &= len < LENGTH && fits_french(len, byte);
        if !(plain || german || french) {
            return None;
        }
        word[len] = byte;
        len += 1;
        cursor.next();
    }
    let word = &word[..len];
    let near = || before.mentions(&PASSES, NEAR);
    let fits = match (letters, digits) {
        (0, 8) => before.ends_with_word(&TAIWAN),
        _ if is_german_passport(word) || is_french(word) => near(),
        (1, 10) => plain && matches!(word[0], b'H' | b'M' | b'h' | b'm') && near(),
        (1, 7..=9) | (2, 6..=8) | (3, 6) | (0, 9) => plain && near(),
        _ => false,
    };
    fits.then(|| (cursor.at(), word.iter().map(|byte| char::from(byte.to_ascii_uppercase())).collect()))
}

/// What may stand in the place of a plate's last sign.
const LAST: &str = "挂学警港澳使领试超";

/// A Chinese licence plate: province, letter, five signs, or six where the first or the last is the letter of a car
/// with another drive. No I and no O. Small letters, or letters only, need a word before it: else words were plates.
pub(super) fn plate(cursor: &mut Cursor<'_>, before: Before<'_>) -> Option<(usize, String)> {
    let mut text = String::new();
    text.push(cursor.next()?.ch);
    let mut small = false;
    let mut sign = |cursor: &mut Cursor<'_>, text: &mut String| {
        let Some(atom) = cursor.peek().filter(|atom| atom.ch.is_ascii_alphanumeric()) else { return false };
        let ch = atom.ch.to_ascii_uppercase();
        small |= ch != atom.ch;
        cursor.next();
        text.push(ch);
        !matches!(ch, 'I' | 'O')
    };
    if !cursor.peek()?.ch.is_ascii_alphabetic() || !sign(cursor, &mut text) {
        return None;
    }
    if cursor.peek().is_some_and(|atom| matches!(atom.ch, '·' | '•' | '-' | ' ' | '.')) {
        cursor.next();
    }
    let mut signs = 0;
    while signs < 7 && cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric()) {
        if !sign(cursor, &mut text) {
            return None;
        }
        signs += 1;
    }
    if signs == 4 {
        let last = cursor.peek().filter(|atom| LAST.contains(atom.ch))?;
        cursor.next();
        text.push(last.ch);
    } else if !(5..=6).contains(&signs) || cursor.peek().is_some_and(|atom| atom.ch == '_') {
        return None;
    }
    let figures = text.chars().filter(char::is_ascii_digit).count();
    let word = || before.mentions(&PLATES, NEAR);
    (figures > 0 && !small || word()).then(|| (cursor.at(), text))
}
