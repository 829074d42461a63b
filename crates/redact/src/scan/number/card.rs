//! Numbers of bank cards and accounts. Sources: ISO/IEC 7812 (issuer numbers, the check digit), the card schemes'
//! published ranges, ISO 13616 and the IBAN registry (lengths by country, the check by modulo 97).

use super::before::{Before, Words};
use super::digits::{After, Part};
use crate::scan::cursor::Cursor;

static WORDS: Words = Words::new(&[
    "card",
    "pan",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "unionpay",
    "amex",
    "maestro",
    "银行",
    "信用",
    "储蓄",
    "卡",
    "账号",
    "帐号",
    "账户",
    "银联",
    "karte",
    "tarjeta",
    "carte",
]);

/// How far before a number they stand, in bytes.
const NEAR: usize = 24;

/// How many groups are looked at behind a card.
const MOST_IN_ROW: usize = 16;

/// Beginnings of debit cards with 19 digits of the largest Chinese banks. No list of them is published: these are as
/// they are seen on cards, and there are more. What begins otherwise has to have a word before it or separators in it:
/// order numbers of 19 digits are common, and one in ten of those that begin with 62 has a fitting check digit.
const DEBIT_CN: &[u32] = &[
    622_200, 622_202, 622_203, 622_208, 621_225, 621_226, 621_288, 622_845, 622_846, 622_848, 622_849,
    623_052, 621_700, 622_280, 436_742, 621_660, 621_661, 621_785, 621_799, 622_188, 622_150, 621_098,
];

/// A card.
pub(super) fn card(part: Part<'_>, before: Before<'_>) -> Option<(&'static str, String)> {
    let digits = part.digits;
    let length = digits.len();
    if !(13..=19).contains(&length) || !matches!(part.after, After::Clear | After::Blank) {
        return None;
    }
    let shape = part.shape();
    let bare = shape.as_slice().len() == 1;
    let grouped = match shape.as_slice() {
        [_] => true,
        [4, 4, 4, 4] | [4, 6, 5] => part.is_even(),
        _ if part.is_wide() => false,
        [4, 4, 4, 1..=3] | [4, 4, 4, 4, 1..=3] | [4, 6, 4] | [6, 13] | [6, 10] | [8, 8] => part.is_even(),
        _ => part.is_spread(),
    };
    if !grouped || part.separator() == Some('.') {
        return None;
    }
    let scheme = scheme(digits)?;
    if !luhn(digits) {
        return None;
    }
    let doubtful = match (scheme, length) {
        ("card, Visa, check digit", 13 | 19) | (_, 17 | 18) => true,
        (_, 19) => !DEBIT_CN.contains(&number(&digits[..6])),
        ("card, other scheme, check digit", _) => true,
        _ => false,
    };
    (!(doubtful && bare) || before.mentions(&WORDS, NEAR)).then(|| (scheme, part.text()))
}

/// Whether it stands in a row of such groups, as in a dump of memory or a table: beside one of hexadecimal digits, or
/// beside two and more that are no other cards.
pub(super) fn is_in_row(part: Part<'_>, cursor: &mut Cursor<'_>, before: Before<'_>) -> bool {
    let Some(separator) = part.separator().filter(|_| part.shape().as_slice() == [4; 4]) else {
        return false;
    };
    let (mut counts, mut has_letters) = ([0; 2], false);
    let mut count = |side: usize, group: [u8; 4]| {
        let digits = group.iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_group = digits > 0 && group.iter().all(u8::is_ascii_hexdigit);
        counts[side] += usize::from(is_group);
        has_letters |= is_group && digits < 4;
        is_group
    };
    let mut rest = before.text().as_bytes();
    while let [head @ .., a, b, c, d, last] = rest
        && char::from(*last) == separator
        && !head.last().is_some_and(u8::is_ascii_alphanumeric)
        && count(0, [*a, *b, *c, *d])
    {
        rest = &rest[..rest.len() - 5];
    }
    cursor.set(part.end());
    for _ in 0..MOST_IN_ROW {
        let mut group = [0; 4];
        if cursor.next().is_none_or(|atom| atom.ch != separator) {
            break;
        }
        for byte in &mut group {
            *byte = cursor.next().and_then(|atom| u8::try_from(atom.ch).ok()).unwrap_or_default();
        }
        let is_whole = cursor.peek().is_none_or(|atom| !atom.ch.is_ascii_alphanumeric());
        if !is_whole || !count(1, group) {
            break;
        }
    }
    let are_cards = counts.iter().all(|count| count % 4 == 0);
    (has_letters || counts[0] + counts[1] > 1 && !are_cards) && !before.mentions(&WORDS, NEAR)
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(*digit))
}

/// Whose card it is, where its length is one of theirs.
fn scheme(digits: &[u8]) -> Option<&'static str> {
    let four = number(digits.get(..4)?);
    Some(match (four, digits.len()) {
        (4000..=4999, 13 | 16 | 19) => "card, Visa, check digit",
        (5100..=5599 | 2221..=2720, 16) => "card, Mastercard, check digit",
        (3400..=3499 | 3700..=3799, 15) => "card, American Express, check digit",
        (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14..=19) => "card, Diners Club, check digit",
        (3528..=3589, 16..=19) => "card, JCB, check digit",
        (6200..=6299 | 8100..=8171, 16..=19) => "card, UnionPay, check digit",
        (6011 | 6440..=6599, 16..=19) => "card, Discover, check digit",
        (2200..=2204, 16..=19) => "card, Mir, check digit",
        (5018..=5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 16) => "card, Maestro, check digit",
        (1000..=1999, 15) => "card, other scheme, check digit",
        (5000..=5099 | 5600..=5899 | 6000..=6999, 13..=19) => "card, other scheme, check digit",
        _ => return None,
    })
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    // One digit over and over is no card.
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// The length of an IBAN by its country, from the IBAN registry.
const LENGTHS: &[(usize, &[&[u8; 2]])] = &[
    (15, &[b"NO"]),
    (16, &[b"BE"]),
    (18, &[b"DK", b"FO", b"FI", b"GL", b"NL", b"SD", b"FK"]),
    (19, &[b"MK", b"SI"]),
    (20, &[b"AT", b"BA", b"EE", b"KZ", b"XK", b"LT", b"LU", b"MN"]),
    (21, &[b"HR", b"LV", b"LI", b"CH"]),
    (22, &[b"BH", b"BG", b"CR", b"GE", b"DE", b"IE", b"ME", b"RS", b"GB", b"VA"]),
    (23, &[b"GI", b"IQ", b"IL", b"TL", b"AE", b"OM", b"SO"]),
    (24, &[b"AD", b"CZ", b"MD", b"PK", b"RO", b"SA", b"SK", b"ES", b"SE", b"TN", b"VG"]),
    (25, &[b"LY", b"PT", b"ST"]),
    (26, &[b"IS", b"TR"]),
    (27, &[b"FR", b"GR", b"IT", b"MC", b"MR", b"SM", b"BI", b"DJ"]),
    (28, &[b"AL", b"AZ", b"BY", b"CY", b"DO", b"GT", b"HU", b"LB", b"NI", b"PL", b"SV", b"HN"]),
    (29, &[b"BR", b"EG", b"PS", b"QA", b"UA"]),
    (30, &[b"JO", b"KW", b"MU", b"YE"]),
    (31, &[b"MT", b"SC"]),
    (32, &[b"LC"]),
    (33, &[b"RU"]),
];

/// An IBAN: in one piece, or in groups of four with blanks, dashes or, in a form, pluses. All capitals or all small.
pub(super) fn iban(cursor: &mut Cursor<'_>) -> Option<(usize, String)> {
    let first = [cursor.next()?.ch, cursor.next()?.ch];
    let small = first[0].is_ascii_lowercase();
    if first.iter().any(|ch| !ch.is_ascii_alphabetic() || ch.is_ascii_lowercase() != small) {
        return None;
    }
    let digits = cursor.at();
    for _ in 0..2 {
        if !cursor.next()?.ch.is_ascii_digit() {
            return None;
        }
    }
    cursor.set(digits);
    let country = first.map(|ch| ch.to_ascii_uppercase() as u8);
    let (length, _) = LENGTHS.iter().find(|(_, countries)| countries.contains(&&country))?;
    let mut text = String::with_capacity(*length);
    text.extend(first);
    let mut separator = None;
    while text.len() < *length {
        let mut next = cursor.next()?;
        let divides = matches!(next.ch, ' ' | '-' | '+');
        if text.len() == 4 && divides {
            separator = Some(next.ch);
        }
        // Between all groups, or none: else the parts of a UUID were an account.
        if text.len() >= 4 && text.len().is_multiple_of(4) && separator.is_some() {
            (separator == Some(next.ch)).then_some(())?;
            next = cursor.next()?;
        }
        let fits = match text.len() {
            2 | 3 => next.ch.is_ascii_digit(),
            _ => {
                next.ch.is_ascii_digit()
                    || next.ch.is_ascii_alphabetic() && next.ch.is_ascii_lowercase() == small
            }
        };
        if !fits {
            return None;
        }
        text.push(next.ch);
    }
    let end = cursor.at();
    if cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric() || atom.ch == '_') {
        return None;
    }
    text.make_ascii_uppercase();
    mod_97(&text).then_some((end, text))
}

/// ISO 7064 MOD 97-10 as ISO 13616 uses it: the first four characters go to the end, letters count from 10.
fn mod_97(iban: &str) -> bool {
    let turned = iban[4..].chars().chain(iban[..4].chars());
    let rest = turned.fold(0, |rest, ch| match ch.to_digit(36).unwrap_or_default() {
        value @ 0..=9 => (rest * 10 + value) % 97,
        value => (rest * 100 + value) % 97,
    });
    rest == 1
}
