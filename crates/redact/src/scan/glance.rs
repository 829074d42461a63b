//! Whether anything may begin in a part of a text: for parts that are looked at one by one.

use std::ops::Range;

use super::memo::Memo;
use super::{Rules, gate};

/// What is known of a text from looking over it. The parts come in their order.
#[derive(Clone, Debug)]
pub(crate) struct Glance {
    rules: Rules,
    /// From the last part that was asked for up to there nothing begins.
    clear: usize,
    memo: Memo,
}

impl Glance {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, clear: 0, memo: Memo::default() }
    }

    /// Whether nothing begins in this part, which is set off by what stands around it. In doubt `false`.
    pub(crate) fn is_clear(&mut self, text: &str, part: &Range<usize>) -> bool {
        if self.rules.has_own() {
            return false;
        }
        if self.clear < part.start {
            let last = text[..part.start].chars().next_back();
            (self.clear, _) = gate::skip(text, part.start, last, self.rules, &mut self.memo, true);
        }
        self.clear >= part.end
    }
}
