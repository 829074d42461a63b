//! The rest of a secret that is longer than what is read of it at once.

use super::ends::Open;
use super::{pairs, url};
use crate::scan::ceil;
use crate::scan::cursor::{Atom, CAP, Cursor};

/// What belongs to the rest: what its matcher would have read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// A key, a token.
    Token,
    /// A value behind its name: to the quote that closes it, if there is one.
    Value(Option<pairs::Quote>),
    /// A password in a URL; all of it percent-encoded or not.
    Url(bool),
}

impl Tail {
    /// Where it ends, as far as the text goes; and whether it may go on with what is not there yet.
    pub(in crate::scan) fn pass(self, text: &str, mut at: usize, complete: bool) -> (usize, bool) {
        while at < text.len() {
            let mut cursor = Cursor::new(text, at, complete);
            let atom = cursor.peek();
            let has = atom.map(|atom| self.has(&mut cursor, atom));
            if cursor.is_starved() {
                return (at, true);
            }
            match (atom, has) {
                (Some(atom), Some(true)) => at = atom.end,
                (Some(_), _) => return (at, false),
                // Nothing but joints.
                (None, _) => at = ceil(text, (at + CAP).min(text.len())),
            }
        }
        (at, !complete)
    }

    fn has(self, cursor: &mut Cursor<'_>, atom: Atom) -> bool {
        match self {
            Self::Token => atom.ch.is_ascii_alphanumeric() || "._~+/=-".contains(atom.ch),
            Self::Value(quote) => !pairs::ends_value(cursor, atom, "", quote, &Open::default()),
            Self::Url(is_encoded) => url::is_inner(cursor, atom, is_encoded),
        }
    }
}
