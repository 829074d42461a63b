//! Regular expressions of the user's own, as automata that are stepped from one place.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

use super::Swallow;
use super::cursor::Cursor;
use super::own::Begins;
use super::secret::Tail;
use crate::own::{Own, OwnError};

/// The largest automaton, in bytes: `\w{8}` with all scripts of Unicode is larger, `(?-u:\w){8}` is not.
const LARGEST: usize = 1 << 20;

/// How much is used at most while it is made.
const WORK: usize = 1 << 22;

#[derive(Debug)]
pub(crate) struct Pattern {
    dfa: dense::DFA<Vec<u32>>,
    begins: Begins,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, OwnError> {
        let wrong = |why: &dyn std::error::Error| {
            let mut text = why.to_string();
            let mut source = why.source();
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
            OwnError::Pattern(text)
        };
        let hir = syntax::parse(pattern).map_err(|why| wrong(&why))?;
        match hir.properties().minimum_len() {
            None => return Err(OwnError::Nothing),
            Some(least) if least < Own::SHORTEST => return Err(OwnError::TooWide),
            Some(_) => {}
        }
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    // All: the longest one.
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .dfa_size_limit(Some(LARGEST))
                    .determinize_size_limit(Some(WORK)),
            )
            .thompson(thompson::Config::new().nfa_size_limit(Some(LARGEST)))
            .build(pattern)
            .map_err(|why| wrong(&why))?;
        let begins = begins(&dfa);
        let pattern = Self { dfa, begins };
        let matches = |text: &str| pattern.find(&mut Cursor::new(text, 0, true), None).is_some();
        if matches("abcdefghijklmnopqrstuvwx") && matches("271828182845904523536028") {
            return Err(OwnError::TooWide);
        }
        Ok(pattern)
    }

    pub(super) fn begins(&self) -> Begins {
        self.begins
    }

    /// The longest match from here.
    pub(super) fn find(
        &self,
        cursor: &mut Cursor<'_>,
        last: Option<char>,
    ) -> Option<(String, usize, Swallow)> {
        let before = last.map(|ch| {
            let mut bytes = [0; 4];
            ch.encode_utf8(&mut bytes).bytes().next_back().unwrap_or_default()
        });
        let start = start::Config::new().anchored(Anchored::Yes).look_behind(before);
        let mut state = self.dfa.start_state(&start).ok()?;
        let (mut text, mut found) = (String::new(), None);
        let mut count = 0;
        loop {
            let Some(atom) = cursor.peek() else {
                let is_end = self.dfa.is_match_state(self.dfa.next_eoi_state(state));
                if is_end {
                    found = Some((text.len(), cursor.at()));
                }
                break;
            };
            let len = text.len();
            text.push(atom.ch);
            for (place, byte) in text.as_bytes()[len..].iter().enumerate() {
                state = self.dfa.next_state(state, *byte);
                // A match is told one byte late.
                if place == 0 && self.dfa.is_match_state(state) {
                    found = Some((len, cursor.at()));
                }
            }
            count += 1;
            if self.dfa.is_dead_state(state) || self.dfa.is_quit_state(state) || count > Own::LONGEST {
                break;
            }
            cursor.set(atom.end);
        }
        let (len, end) = found.filter(|(len, _)| *len > 0)?;
        // It is longer than what is read of it.
        let is_cut = end == cursor.at() && (cursor.is_capped() || count > Own::LONGEST);
        text.truncate(len);
        let swallow = if is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
        Some((text, end, swallow))
    }
}

/// What a match may begin with, whatever stands before it.
fn begins(dfa: &dense::DFA<Vec<u32>>) -> Begins {
    let (mut ascii, mut high) = (0, false);
    for before in std::iter::once(None).chain((0..=u8::MAX).map(Some)) {
        let start = start::Config::new().anchored(Anchored::Yes).look_behind(before);
        let Ok(state) = dfa.start_state(&start) else { continue };
        for byte in 0..=u8::MAX {
            if dfa.is_dead_state(dfa.next_state(state, byte)) {
                continue;
            }
            if byte.is_ascii() {
                ascii |= 1 << byte;
            } else {
                high = true;
            }
        }
    }
    Begins::new(ascii, high)
}
