//! Keys, tokens and passwords.

mod announce;
mod asks;
mod ends;
mod header;
mod keys;
mod names;
mod pairs;
mod pem;
mod providers;
mod tail;
mod url;
mod word;
mod worth;

pub(super) use self::announce::ends_with;
pub(super) use self::asks::asks;
pub(super) use self::keys::{begins_bot, begins_key, may_begin_key};
pub(crate) use self::names::announces;
pub(crate) use self::pairs::{canonical, is_secret_under};
pub(crate) use self::tail::Tail;
pub(super) use self::url::may_be_long;
pub(crate) use self::worth::stands_alone;
use super::cursor::Cursor;
use super::{Match, Rules, Swallow};
use crate::Rule;

/// The secret that begins here, where one does. `last` is the character before it, as it is meant.
pub(crate) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>, rules: Rules) -> Option<Match> {
    if !rules.contains(Rule::Secret) {
        return None;
    }
    let start = cursor.at();
    if cursor.peek()?.ch == ':' {
        if let Some((start, found)) = url::long_user(cursor) {
            return Some(found.into_match(start));
        }
        cursor.set(start);
    }
    let looks: [&dyn Fn(&mut Cursor<'_>) -> Option<(usize, Found)>; 3] =
        [&|cursor| Some((start, pem::find(cursor)?)), &|cursor| keys::find(cursor, last), &|cursor| {
            pairs::find(cursor, before, last)
        }];
    looks.into_iter().find_map(|look| {
        cursor.set(start);
        let (start, found) = look(cursor)?;
        Some(found.into_match(start))
    })
}

/// A secret, without where it begins.
struct Found {
    end: usize,
    why: &'static str,
    canonical: String,
    swallow: Swallow,
}

impl Found {
    fn into_match(self, start: usize) -> Match {
        let Self { end, why, canonical, swallow } = self;
        Match { start, end, rule: Rule::Secret, why, canonical, swallow }
    }
}

#[cfg(test)]
mod tests;
