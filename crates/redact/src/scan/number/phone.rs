//! Telephone numbers. Sources: ITU-T E.164 and E.123 (how they are written), the MIIT numbering plan (China), NANPA
//! (North America), the Bundesnetzagentur (Germany).
//!
//! `canonical` is the number with a plus and its country code, where the country is known.

use super::amount;
use super::before::{Before, Words};
use super::digits::{self, After, Part, Script};
use super::plan;
use crate::scan::cursor::Cursor;

/// What tells that a number in the form of no country is for telephoning.
pub(super) static WORDS: Words = Words::new(&[
    "phone",
    "mobile",
    "tel",
    "telefon",
    "handy",
    "mobil",
    "fax",
    "sms",
    "whatsapp",
    "phone_number",
    "téléphone",
    "tÉlÉphone",
    "tél",
    "tÉl",
    "teléfono",
    "telÉfono",
    "telefone",
    "móvil",
    "celular",
    "portable",
    "tlf",
    "mob",
    "festnetz",
    "rufnummer",
    "电话",
    "手机",
    "座机",
    "固话",
    "传真",
    "热线",
    "拨打",
    "致电",
    "联系方式",
    "電話",
    "手機",
    "携帯",
    "전화",
    "휴대폰",
    "елефон",
    "ТЕЛЕФОН",
    "Тел",
]);

/// The same where they stand alone: neither in `syscall` nor in `tool_calls`.
pub(super) static CALLS: Words = Words::new(&[
    "call",
    "cell",
    "call_from",
    "call_number",
    "call_to",
    "callback",
    "called",
    "callee",
    "caller",
    "calling",
    "calls from",
    "calls to",
    "cell_no",
    "cell_number",
    "cellular",
    "cellno",
    "cellnumber",
]);

/// After these, with nothing but signs between, any number of a telephone number's length is one.
pub(super) static JUST_BEFORE: Words = Words::new(&[
    "phone",
    "phone number",
    "phone_number",
    "phone no",
    "telephone",
    "telephone number",
    "cellphone",
    "mobile",
    "mobile number",
    "mob",
    "tel",
    "telefon",
    "telefonnummer",
    "festnetz",
    "rufnummer",
    "handy",
    "handynummer",
    "mobil",
    "mobilnummer",
    "tlf",
    "fax",
    "whatsapp",
    "téléphone",
    "tÉlÉphone",
    "tél",
    "tÉl",
    "telefono",
    "teléfono",
    "telÉfono",
    "telefone",
    "móvil",
    "celular",
    "cellulare",
    "电话",
    "电话号码",
    "手机",
    "手机号",
    "手机号码",
    "座机",
    "固话",
    "传真",
    "联系电话",
    "電話",
    "電話番号",
    "手機",
    "携帯",
    "携帯電話",
    "전화",
    "전화번호",
    "휴대폰",
    "елефон",
    "ТЕЛЕФОН",
    "Тел",
]);

/// How far before a number the words stand at most, in bytes.
const NEAR: usize = 24;

/// What a number is, and itself in one form.
type Found = (&'static str, String);

/// Whether a word tells that a number is for telephoning.
fn is_told(before: Before<'_>) -> bool {
    before.mentions_so(&WORDS, NEAR, |_, _, behind| !amount::is_of_other(behind))
        || before.mentions_so(&CALLS, NEAR, |before, word, behind| {
            let goes_on = behind.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
            let is_part = before.last() == Some(&b'_') && word.eq_ignore_ascii_case(b"call");
            let is_alone = amount::begins_word(before, word) && !is_part && !(word.len() == 4 && goes_on);
            is_alone && !amount::is_of_other(behind)
        })
}

/// A number in the form that is used within a country.
pub(super) fn national(part: Part<'_>, before: Before<'_>) -> Option<Found> {
    let digits = part.digits;
    let shape = part.shape();
    let shape = shape.as_slice();
    let bare = shape.len() == 1;
    match part.after {
        After::Clear | After::Blank => {}
        After::Dash if bare => {}
        _ => return None,
    }
    let spread = part.is_spread();
    // Blanks also divide longer numbers: what begins amidst of one has to look more like a telephone number.
    let amidst = part.separator() == Some(' ') && before.ends_in_blank_group();
    match (digits, shape) {
        (_, [11] | [3, 4, 4]) if plan::is_mobile_cn(digits) => {
            return Some(("mobile number, China", format!("+86{}", part.text())));
        }
        (_, [3, 8] | [7, 4]) if !part.is_wide() && plan::is_mobile_cn(digits) => {
            return Some(("mobile number, China", format!("+86{}", part.text())));
        }
        (_, [4, 7] | [4, 3, 4] | [4, 4, 3] | [3, 3, 5] | [5, 6])
            if plan::is_mobile_cn(digits) && !amidst && !part.is_wide() =>
        {
            return Some(("mobile number, China", format!("+86{}", part.text())));
        }
        (_, _) if spread && plan::is_mobile_cn(digits) => {
            return Some(("mobile number, China", format!("+86{}", part.text())));
        }
        ([8, 6, mobile @ ..], [13] | [2, 11] | [2, 3, 4, 4] | [2, 3, 8] | [2, 7, 4] | [5, 4, 4])
            if plan::is_mobile_cn(mobile) =>
        {
            return Some(("mobile number, China", format!("+{}", part.text())));
        }
        _ => {}
    }
    let dotted = part.separator() == Some('.');
    // A word is looked for last: it costs most.
    let word = || is_told(before);
    if (amidst && digits[0] == 0 || part.is_in_columns()) && !word() || amount::is_date_or_address(part) {
        return None;
    }
    let is_date = amount::has_form_of_date(part) || amidst && shape.first() == Some(&2);
    let landline = || {
        let [0, number @ ..] = digits else { return None };
        let extension = match shape {
            [3 | 4, 7 | 8, extension @ 1..=6]
            | [3, 4, 4, extension @ 1..=6]
            | [4, 4, 4, extension @ 1..=6] => *extension,
            _ => 0,
        };
        let without = number.len() - extension;
        for (shape, extension) in
            [(&shape[..shape.len() - usize::from(extension > 0)], extension), (shape, 0)]
        {
            let number = &number[..number.len() - extension];
            let fits = match shape {
                [area, 7 | 8] | [area, 3 | 4, 4] => plan::area_cn(number)? + 1 == *area && !dotted,
                [10..=12] => plan::area_cn(number).is_some() && word(),
                _ => false,
            };
            if fits && number.len() <= without + extension {
                return Some(("landline number, China", format!("+86{}", digits::text(number))));
            }
        }
        None
    };
    if let Some(found) = landline() {
        return Some(found);
    }
    let even = part.is_even() || part.has_brackets();
    match (digits, shape) {
        ([4, 0, 0, ..], [3, 3, 4] | [3, 4, 3] | [3, 7]) if even && !dotted => {
            Some(("service number, China", format!("+86{}", part.text())))
        }
        ([4, 0, 0, ..], [10]) if word() => Some(("service number, China", format!("+86{}", part.text()))),
        (_, [3, 3, 4]) if plan::is_nanp(digits) && even && !part.is_wide() => {
            let sure = part.has_brackets() || matches!(part.separator(), Some('-' | '.')) || word();
            sure.then(|| ("telephone number, North America", format!("+1{}", part.text())))
        }
        (_, [3, 7]) if plan::is_nanp(digits) && part.has_brackets() => {
            Some(("telephone number, North America", format!("+1{}", part.text())))
        }
        (_, [10]) if plan::is_nanp(digits) && word() => {
            Some(("telephone number, North America", format!("+1{}", part.text())))
        }
        ([1, number @ ..], [1, 3, 3, 4]) if plan::is_nanp(number) && even => {
            let sure = part.separator() == Some('-') || word();
            sure.then(|| ("telephone number, North America", format!("+{}", part.text())))
        }
        ([1, number @ ..], [11]) if plan::is_nanp(number) && word() => {
            Some(("telephone number, North America", format!("+{}", part.text())))
        }
        ([0, number @ ..], [4, ..] | [5, ..]) if plan::is_mobile_de(digits) && !dotted && shape.len() > 1 => {
            Some(("mobile number, Germany", format!("+49{}", digits::text(number))))
        }
        ([0, number @ ..], [3, 4, 4])
            if plan::is_mobile_jp(digits) && (part.separator() == Some('-') || word()) =>
        {
            Some(("mobile number, Japan", format!("+81{}", digits::text(number))))
        }
        ([0, number @ ..], [_]) if plan::is_mobile_de(digits) && word() => {
            Some(("mobile number, Germany", format!("+49{}", digits::text(number))))
        }
        ([0, 1..=9, ..], _) if (9..=12).contains(&digits.len()) && !is_date && word() => {
            Some(("telephone number, by the word before it", part.text()))
        }
        (_, [_, ..])
            if (7..=12).contains(&digits.len()) && !is_date && before.ends_with_word(&JUST_BEFORE) =>
        {
            Some(("telephone number, by the word before it", part.text()))
        }
        _ => None,
    }
}

/// The most digits that are read behind a plus: E.164 allows 15; one more tells that it is too long.
const MOST: usize = 16;

/// A number with its country code: `+49 (0)170 1234567`, `(+86)138-1234-5678`, `0086 138 1234 5678`. Where it ends,
/// and what it is.
pub(super) fn international(
    cursor: &mut Cursor<'_>,
    before: Before<'_>,
) -> Option<(usize, &'static str, String)> {
    let in_form = before.is_in_form();
    let mut next = cursor.next()?;
    if next.ch == '(' {
        next = cursor.next()?;
    }
    let plus = match next.ch {
        '+' => true,
        '0' if cursor.next()?.ch == '0' => false,
        _ => return None,
    };
    if cursor.peek()?.ch == ' ' {
        cursor.next();
    }
    let mut digits = [0; MOST];
    let (mut total, mut ends, mut groups) = (0, [(0, 0); MOST], 0);
    let mut joints = [""; MOST];
    let after = 'groups: loop {
        while let Some(digit) = cursor.peek().and_then(|atom| Script::Figures.digit(atom)) {
            let Some(slot) = digits.get_mut(total) else {
                // Too long with this group, and perhaps a number without it.
                break 'groups After::Glued;
            };
            *slot = digit;
            total += 1;
            cursor.next();
        }
        if total == 0 {
            return None;
        }
        let end = cursor.at();
        let after = digits::follows(cursor, Script::Figures);
        if after != After::Glued {
            ends[groups] = (total, end);
            groups += 1;
        }
        // Eight digits and more in one piece are the whole of it.
        if groups == 0
            || after == After::Glued
            || groups == 1 && total >= 8
            || !to_next_group(cursor, in_form)
        {
            break after;
        }
        joints[groups - 1] = cursor.slice(end, cursor.at());
    };
    let word = || is_told(before);
    let is_row = |at: usize| {
        let ends = ends.map(|(end, _)| end);
        let other = if plus { amount::is_fraction } else { amount::is_code_point };
        other(&digits, &ends[..=at], &joints) || !plus && before.last() == Some('.')
    };
    let (code, least, most) = plan::country(&digits[..total])?;
    // First what the plan of the country confirms; then, for China, what is only as long as its numbers are.
    let lengths = [true, false].into_iter().flat_map(|sure| (0..groups).rev().map(move |at| (sure, at)));
    for (sure, at) in lengths {
        let (len, end) = ends[at];
        let Some(number) = digits[..len].get(code..) else { continue };
        if at + 1 == groups && after == After::Dot || !(least..=most).contains(&number.len()) {
            continue;
        }
        let (fits, why) = match &digits[..code] {
            [8, 6] if plan::is_mobile_cn(number) => (true, "mobile number, China"),
            [8, 6] => {
                let landline = plan::area_cn(number).or_else(|| plan::area_cn(number.strip_prefix(&[0])?));
                let service = number.len() == 10 && matches!(number, [4 | 8, 0, 0, ..]);
                (landline.is_some() || service || !sure && (!is_row(at) || word()), "telephone number, China")
            }
            [1] => {
                (plan::is_nanp(number) && (plus || !is_row(at) || word()), "telephone number, North America")
            }
            _ if is_row(at) => (word(), "telephone number with a country code"),
            _ => (
                plus || groups > 1 && !before.ends_in_blank_group() || word(),
                "telephone number with a country code",
            ),
        };
        if fits {
            let country = &digits[..code];
            let trunk = usize::from(number[0] == 0 && plan::has_trunk_zero(country));
            let canonical = format!("+{}{}", digits::text(country), digits::text(&number[trunk..]));
            return Some((end, why, canonical));
        }
    }
    None
}

/// Goes over what stands between two groups: one or two of ` -./()`, in a form a plus, and a `(0)`. Stays where no digit follows.
fn to_next_group(cursor: &mut Cursor<'_>, in_form: bool) -> bool {
    let at = cursor.at();
    let mut opened = false;
    for _ in 0..6 {
        let Some(atom) = cursor.peek() else { break };
        match atom.ch {
            ' ' | '-' | '.' | '/' | ')' => {}
            '+' if in_form => {}
            '(' => opened = true,
            '0' if opened => {
                let zero = cursor.at();
                cursor.next();
                opened = false;
                if cursor.peek().is_none_or(|atom| atom.ch != ')') {
                    cursor.set(zero);
                    return true;
                }
            }
            ch if ch.is_ascii_digit() => return cursor.at() > at,
            _ => break,
        }
        cursor.next();
    }
    cursor.set(at);
    false
}
