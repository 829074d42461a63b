//! Numbers that stand for a person: telephone, papers, bank, address in the net.
//!
//! What is a value is decided by its own check (a check digit, a numbering plan, the length for a country) and by what
//! stands around it; where a form has neither, only by a word before it (`SSN`, `护照`, `tel`).

mod amount;
mod before;
mod card;
mod digits;
mod dull;
mod id;
mod phone;
mod plan;

pub(crate) use self::before::{Before, Words};
use self::digits::{Digits, Script};
pub(super) use self::dull::{MOST_BY_WORD, is_dull, is_told};
pub(super) use self::id::{is_german_passport, may_be_passport};
use super::cursor::Cursor;
use super::{BEFORE, Match, Rules, Swallow, ip};
use crate::Rule;

/// Whether a number may begin with this Chinese character (a numeral, or a province on a plate), of U+4000..=U+9FFF;
/// or whether it is 是 or 为, which announce a password.
#[inline]
pub(crate) fn begins_with_bytes(first: u8, second: u8, third: u8) -> bool {
    let place = usize::from(first & 0xf) << 12 | usize::from(second & 0x3f) << 6 | usize::from(third & 0x3f);
    BEGINNINGS[place >> 6 & 0x3ff] & 1 << (place & 0x3f) != 0
}

/// A bit for each character up to U+FFFF.
const BEGINNINGS: [u64; 1024] = {
    let signs =
        "一幺二三四五六七八九零京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领是为"
            .as_bytes();
    let mut bits = [0; 1024];
    let mut at = 0;
    while at < signs.len() {
        let place = (signs[at] as usize & 0xf) << 6 | signs[at + 1] as usize & 0x3f;
        bits[place] |= 1 << (signs[at + 2] & 0x3f);
        at += 3;
    }
    bits
};

/// Whether a number may begin with a character that is no letter and no digit of ASCII.
pub(crate) fn may_begin(first: char) -> bool {
    matches!(first, '+' | '(' | ':')
        || !first.is_ascii() && (Script::of(first).is_some() || is_province(first))
}

/// Where a plate is from, and what stands there on those of embassies and consulates.
fn is_province(ch: char) -> bool {
    matches!(
        ch,
        '京' | '津'
            | '沪'
            | '渝'
            | '冀'
            | '豫'
            | '云'
            | '辽'
            | '黑'
            | '湘'
            | '皖'
            | '鲁'
            | '新'
            | '苏'
            | '浙'
            | '赣'
            | '鄂'
            | '桂'
            | '甘'
            | '晋'
            | '蒙'
            | '陕'
            | '吉'
            | '闽'
            | '贵'
            | '粤'
            | '青'
            | '藏'
            | '川'
            | '宁'
            | '琼'
            | '使'
            | '领'
    )
}

/// Whether a number may begin behind the percent sign here, though it and two digits look like an escape: not in a row of
/// escapes, and with a letter only an address, `2a00:`.
pub(crate) fn begins_behind_percent(bytes: &[u8]) -> bool {
    let [b'%', rest @ ..] = bytes else { return false };
    let hex = rest.iter().take(LONGEST_GROUP + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_number = match rest.get(hex) {
        None => true,
        Some(b':') => hex <= LONGEST_GROUP,
        // What is read as it stands has no escapes in it.
        Some(b'%') if hex <= LONGEST_GROUP => false,
        Some(next) => {
            let ends = hex > LONGEST_GROUP || !next.is_ascii_alphanumeric() && *next != b'_';
            ends && rest[..hex].iter().all(u8::is_ascii_digit)
        }
    };
    rest.first().is_some_and(u8::is_ascii_digit) && is_number
}

/// Of an address of IPv6, in digits.
const LONGEST_GROUP: usize = 4;

/// The number that begins here, where one does. `before` is what stands before it, at most 96 bytes.
pub(crate) fn find(cursor: &mut Cursor<'_>, before: &str, rules: Rules) -> Option<Match> {
    let start = cursor.at();
    let first = cursor.peek()?;
    let ahead = cursor.ahead(LONGEST_GROUP + 2);
    let found = begins(cursor, before, rules);
    let may_be_sign = first.disguised && begins_behind_percent(ahead);
    if found.is_some() || !may_be_sign {
        return found;
    }
    // `%20` and a number, or `LIKE '%4111111111111111%'`.
    let mut begins_at = |at: usize| {
        cursor.set(at);
        let before = cursor.behind(BEFORE);
        begins(cursor, before, rules)
    };
    let is_divided = !first.ch.is_ascii_alphanumeric() && begins_at(first.end).is_some();
    if is_divided { None } else { begins_at(start + 1) }
}

fn begins(cursor: &mut Cursor<'_>, before: &str, rules: Rules) -> Option<Match> {
    let start = cursor.at();
    let first = cursor.peek()?.ch;
    let found = |rule, why, end, canonical| {
        Some(Match { start, end, rule, why, canonical, swallow: Swallow::Nothing })
    };
    match first {
        '0'..='9' => {
            let before = Before::new(before);
            if before.joins_figures() || first == '0' && is_fraction(cursor) {
                return None;
            }
            if rules.contains(Rule::Ip) {
                if let Some(address) = ip::find(cursor, before) {
                    let (why, end, canonical) = address?;
                    return found(Rule::Ip, why, end, canonical);
                }
                cursor.set(start);
            }
            if first == '0' && rules.contains(Rule::Phone) {
                if let Some((end, why, canonical)) = phone::international(cursor, before) {
                    return found(Rule::Phone, why, end, canonical);
                }
                cursor.set(start);
            }
            if let Some((rule, why, end, canonical)) = grouped(cursor, before, rules, Script::Figures) {
                return found(rule, why, end, canonical);
            }
            if !rules.contains(Rule::Id) {
                return None;
            }
            cursor.set(start);
            let (end, canonical) = id::passport(cursor, before)?;
            found(Rule::Id, "passport, by the word before it", end, canonical)
        }
        '+' | '(' if rules.contains(Rule::Phone) => {
            let before = Before::new(before);
            if before.last().is_some_and(|ch| ch.is_ascii_alphanumeric() || matches!(ch, '_' | '+')) {
                return None;
            }
            if let Some((end, why, canonical)) = phone::international(cursor, before) {
                return found(Rule::Phone, why, end, canonical);
            }
            if first == '+' {
                return None;
            }
            cursor.set(start);
            let rules = Rules::of(&[Rule::Phone]);
            let (rule, why, end, canonical) = grouped(cursor, before, rules, Script::Figures)?;
            found(rule, why, end, canonical)
        }
        ':' if rules.contains(Rule::Ip) => {
            let (why, end, canonical) = ip::find(cursor, Before::new(before))??;
            found(Rule::Ip, why, end, canonical)
        }
        'a'..='z' | 'A'..='Z' => {
            let before = Before::new(before);
            if before.last().is_some_and(|ch| ch.is_ascii_alphanumeric() || ch == '_') {
                return None;
            }
            if rules.contains(Rule::Card) {
                if let Some((end, canonical)) = card::iban(cursor) {
                    return found(Rule::Card, "IBAN, check digits", end, canonical);
                }
                cursor.set(start);
            }
            // What stands on a card's stripe: `%B4111111111111111^DOE/J^`.
            if first == 'B' && before.last() == Some('%') {
                cursor.next();
                let start = cursor.at();
                let card = grouped(cursor, Before::new("%"), rules, Script::Figures);
                if let Some((rule @ Rule::Card, why, end, canonical)) = card {
                    return Some(Match { start, end, rule, why, canonical, swallow: Swallow::Nothing });
                }
                cursor.set(start - 1);
            }
            if !rules.contains(Rule::Id) {
                return None;
            }
            let (end, canonical) = id::passport(cursor, before)?;
            found(Rule::Id, "passport, by the word before it", end, canonical)
        }
        _ if first.is_ascii() => None,
        _ if Script::of(first).is_some() => {
            let before = Before::new(before);
            if before.last().and_then(Script::of) == Some(Script::Chinese) {
                return None;
            }
            let (rule, why, end, canonical) = grouped(cursor, before, rules, Script::Chinese)?;
            found(rule, why, end, canonical)
        }
        _ if rules.contains(Rule::Id) && is_province(first) => {
            let (end, canonical) = id::plate(cursor, Before::new(before))?;
            found(Rule::Id, "licence plate, China", end, canonical)
        }
        _ => None,
    }
}

/// Whether a point stands behind the digit that is next: in `0.125`, which no number begins with.
fn is_fraction(cursor: &mut Cursor<'_>) -> bool {
    let start = cursor.at();
    cursor.next();
    let next = cursor.peek();
    cursor.set(start);
    next.is_some_and(|atom| atom.ch == '.')
}

/// A number of digits in groups.
fn grouped(
    cursor: &mut Cursor<'_>,
    before: Before<'_>,
    rules: Rules,
    script: Script,
) -> Option<(Rule, &'static str, usize, String)> {
    // Within a row of single digits only its first can begin a number.
    if within_spread(before) {
        let start = cursor.at();
        cursor.next();
        if cursor.peek().is_none_or(|atom| matches!(atom.ch, ' ' | '-' | '/')) {
            return None;
        }
        cursor.set(start);
    }
    let digits = Digits::read(cursor, script, before.is_in_form())?;
    digits.parts().find_map(|part| {
        let id = || id::resident(part, before).or_else(|| id::social_security(part, before));
        let all: [(Rule, &dyn Fn() -> Option<(&'static str, String)>); 3] = [
            (Rule::Id, &id),
            (Rule::Card, &|| card::card(part, before)),
            (Rule::Phone, &|| phone::national(part, before)),
        ];
        all.into_iter().filter(|(rule, _)| rules.contains(*rule)).find_map(|(rule, look)| {
            let (why, canonical) = look()?;
            let is_other = match rule {
                Rule::Phone => amount::is_amount(part, cursor, before),
                Rule::Card => card::is_in_row(part, cursor, before),
                _ => false,
            };
            if is_other {
                return None;
            }
            Some((rule, why, part.end(), canonical))
        })
    })
}

/// Whether a digit that stands alone and a separator come before.
fn within_spread(before: Before<'_>) -> bool {
    let digit = before.shorter();
    before.last().is_some_and(|ch| matches!(ch, ' ' | '-' | '/'))
        && digit.last().is_some_and(|ch| Script::of(ch).is_some())
        && digit.shorter().last().is_none_or(|ch| !ch.is_alphanumeric())
}

#[cfg(test)]
mod kept;
#[cfg(test)]
mod tests;
