//! Names of secrets that stand elsewhere than in the key of a value: in the key of the object around it, beside it as
//! another value (`{"name":"DB_PASSWORD","value":"…"}`), or before it in a list (`["--password","…"]`).
//!
//! Many harmless things stand there, too: what they name has to look like a secret.

use super::Key;
use crate::scan::secret;

/// The keys of names, and of what is named.
const NAMES: [&str; 4] = ["name", "key", "header", "field"];
const VALUE: &str = "value";

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    in_list: bool,
    /// The key of an object around, and how deep that stands.
    over: Option<(Key, usize)>,
    /// The last string that is such a name, in this list or this object.
    beside: Option<Key>,
}

impl Around {
    pub(super) fn in_list(&self) -> bool {
        self.in_list
    }

    /// A list or an object begins, so deep. `key`: of an object, where it may be the name of a secret.
    pub(super) fn open(&mut self, in_list: bool, key: Option<Key>, depth: usize) {
        self.in_list = in_list;
        self.beside = None;
        self.over = self.over.or(key.map(|key| (key, depth)));
    }

    /// One ends that stood so deep, and what is around it goes on.
    pub(super) fn close(&mut self, in_list: bool, depth: usize) {
        self.in_list = in_list;
        self.beside = None;
        self.over = self.over.filter(|(_, over)| *over < depth);
    }

    /// A string has ended that is no value, and no key.
    pub(super) fn tell(&mut self, line: &str, key: Key, string: Key) {
        let names = self.in_list || is_one_of(line, key, &NAMES);
        let is_name = names && secret::announces(line[string.start..string.end].trim_end().as_bytes());
        if self.in_list || is_name {
            self.beside = is_name.then_some(string);
        }
    }

    /// A value was found.
    pub(super) fn found(&mut self) {
        self.beside = None;
    }

    /// The name of what stands here under this key.
    pub(super) fn name(&self, line: &str, key: Key) -> Option<Key> {
        let beside = self.beside.filter(|_| self.in_list || is_one_of(line, key, &[VALUE]));
        beside.or(self.over.map(|(key, _)| key))
    }
}

fn is_one_of(line: &str, key: Key, names: &[&str]) -> bool {
    let key = &line[key.start..key.end];
    names.iter().any(|name| name.eq_ignore_ascii_case(key))
}
