//! Keys, tokens and passwords.

mod asks;
mod keys;
mod pairs;
mod pem;
mod word;

pub(super) use self::asks::asks;
pub(super) use self::keys::{begins_key, may_begin_key};
use super::cursor::Cursor;
use super::{Match, Rules, Swallow};
use crate::Rule;

/// The secret that begins here, where one does. `last` is the character before it, as it is meant.
pub(crate) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>, rules: Rules) -> Option<Match> {
    if !rules.contains(Rule::Secret) {
        return None;
    }
    let start = cursor.at();
    let looks: [&dyn Fn(&mut Cursor<'_>) -> Option<Found>; 3] =
        [&pem::find, &|cursor| keys::find(cursor, last), &|cursor| pairs::find(cursor, before, last)];
    looks.into_iter().find_map(|look| {
        cursor.set(start);
        let Found { end, why, canonical, swallow } = look(cursor)?;
        Some(Match { start, end, rule: Rule::Secret, why, canonical, swallow })
    })
}

/// A secret, from where it was looked for.
struct Found {
    end: usize,
    why: &'static str,
    canonical: String,
    swallow: Swallow,
}
