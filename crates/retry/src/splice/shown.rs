//! What a reader was shown of an answer, whatever its wire format, and the seam to what comes next.

use super::transcript::{Cursor, Kind, Part, Run, Transcript};
use super::usage::Usage;
use super::{Mismatch, WhyNot};

/// How an attempt is joined to what was shown before it.
#[derive(Debug)]
pub(super) enum Seam {
    /// Nothing was shown before: it is the answer.
    Open,
    /// It goes on behind the text.
    Continued(Continued),
    /// It repeats what was shown, up to each choice's cursor.
    Replayed {
        cursors: Vec<Cursor>,
        /// Parts without text that were shown behind the last text.
        others: u32,
    },
}

/// A continuation, until its own text has begun.
#[derive(Debug)]
pub(super) struct Continued {
    /// How far the text that was shown has been repeated: first the prefix, where the upstream echoes it,
    /// then the white space that was cut off behind it.
    at: usize,
    prefix: usize,
    end: usize,
    is_settled: bool,
}

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) transcript: Transcript,
    pub(super) usage: Usage,
    pub(super) seam: Seam,
    produced: u64,
    begun: u128,
    finished: u128,
    /// Sound was shown.
    pub(super) audio: bool,
    /// Something that cannot be compared was shown.
    pub(super) unread: bool,
    /// Something besides text was shown: annotations, citations, what is not known.
    has_others: bool,
    others_behind: u32,
    /// Whether something of this attempt was shown.
    pub(super) is_joined: bool,
}

fn bit(choice: u64) -> u128 {
    1 << choice.min(127)
}

impl Shown {
    pub(super) fn new(max_kept: usize) -> Self {
        Self {
            transcript: Transcript::new(max_kept),
            usage: Usage::default(),
            seam: Seam::Open,
            produced: 0,
            begun: 0,
            finished: 0,
            audio: false,
            unread: false,
            has_others: false,
            others_behind: 0,
            is_joined: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.seam, Seam::Open)
    }

    pub(super) fn is_continued(&self) -> bool {
        matches!(self.seam, Seam::Continued(_))
    }

    /// Whether every choice that has begun has said how it ended.
    pub(super) fn is_finished(&self) -> bool {
        self.begun != 0 && self.begun == self.finished
    }

    pub(super) fn begin(&mut self, choice: u64) {
        self.begun |= bit(choice);
    }

    pub(super) fn has_finished(&self, choice: u64) -> bool {
        self.finished & bit(choice) != 0
    }

    /// Takes a piece of text in and gives how many bytes of it were shown already.
    pub(super) fn take(
        &mut self,
        choice: u64,
        part: Part,
        lane: usize,
        text: &str,
    ) -> Result<usize, Mismatch> {
        let old = match &mut self.seam {
            Seam::Open => 0,
            Seam::Continued(seam) => match part.kind {
                Kind::Text => {
                    let before = self.transcript.runs(0).first().map_or("", |run| &run.lanes[0]);
                    seam.take(before, text)?
                }
                Kind::Reasoning | Kind::Summary => return Err(Mismatch::Reasoned),
                _ => {
                    seam.settle()?;
                    0
                }
            },
            Seam::Replayed { cursors, .. } => {
                let runs = self.transcript.runs(choice);
                let cursor = usize::try_from(choice).ok().and_then(|at| cursors.get_mut(at));
                cursor.map_or(Ok(0), |cursor| cursor.take(runs, part, lane, text))?
            }
        };
        let new = text.get(old..).unwrap_or_default();
        if !new.is_empty() {
            if self.has_finished(choice) && !self.is_open() {
                return Err(Mismatch::Diverged);
            }
            self.transcript.append(choice, part, lane, new);
            if self.transcript.is_over() && self.is_open() {
                // It will not be compared with anything.
                self.transcript.clear();
            }
            self.others_behind = 0;
        }
        Ok(old)
    }

    /// Something without text was shown.
    pub(super) fn show_other(&mut self) {
        self.has_others = true;
        self.others_behind = self.others_behind.saturating_add(1);
    }

    /// Whether something without text is new. It cannot be compared, so it is counted: what was shown behind
    /// the last text comes again behind the same text.
    pub(super) fn take_other(&mut self, choice: u64) -> bool {
        let is_new = match &mut self.seam {
            Seam::Replayed { cursors, others } => {
                let cursor = usize::try_from(choice).ok().and_then(|at| cursors.get(at));
                cursor.is_none_or(Cursor::is_through)
                    && others.checked_sub(1).map(|left| *others = left).is_none()
            }
            _ => true,
        };
        if is_new {
            self.show_other();
        }
        is_new
    }

    /// Whether all that was shown of a choice has been repeated: what comes now is new.
    pub(super) fn is_through(&self, choice: u64) -> bool {
        match &self.seam {
            Seam::Open => true,
            Seam::Continued(seam) => seam.at >= seam.prefix,
            Seam::Replayed { cursors, .. } => {
                usize::try_from(choice).ok().and_then(|at| cursors.get(at)).is_none_or(Cursor::is_through)
            }
        }
    }

    /// A choice says how it ended. Whether that is new.
    pub(super) fn finish(&mut self, choice: u64) -> Result<bool, Mismatch> {
        if !self.is_through(choice) {
            return Err(if self.is_continued() { Mismatch::NoEcho } else { Mismatch::Diverged });
        }
        self.begin(choice);
        let is_new = !self.has_finished(choice);
        self.finished |= bit(choice);
        Ok(is_new)
    }

    /// Whether nothing was shown that another answer could differ from.
    pub(super) fn is_blank(&self) -> bool {
        self.transcript.choices().is_empty() && !self.has_others
    }

    /// The text that can be gone on from: of one choice, with nothing else beside it.
    pub(super) fn plain_text(&self) -> Result<&str, WhyNot> {
        let [runs] = self.transcript.choices() else {
            let several = self.transcript.choices().len() > 1 || self.begun.count_ones() > 1;
            return Err(if several { WhyNot::SeveralChoices } else { WhyNot::NoText });
        };
        let of = |run: &Run| match run.part.kind {
            Kind::Text => None,
            Kind::Reasoning | Kind::Summary => Some(WhyNot::Reasoning),
            Kind::Call | Kind::Function => Some(WhyNot::ToolCall),
            Kind::Refusal => Some(WhyNot::Unread),
        };
        if let Some(why) = runs.iter().find_map(of) {
            return Err(why);
        }
        if self.begun.count_ones() > 1 {
            return Err(WhyNot::SeveralChoices);
        }
        match &runs[..] {
            _ if self.has_others => Err(WhyNot::Unread),
            [one] => Ok(&one.lanes[0]),
            _ => Err(WhyNot::Unread),
        }
    }

    /// How many tokens the attempts that were gone on from have produced, as far as the upstream told it
    /// while they went on. The messages of Anthropic begin with a count that is none.
    pub(super) fn produced(&self) -> u64 {
        self.produced.saturating_add(self.usage.told("completion_tokens").unwrap_or(0))
    }

    /// The next attempt goes on behind the first `prefix` bytes of the text; the rest is white space.
    pub(super) fn continue_after(&mut self, prefix: usize, echoes: bool) {
        let end = self.plain_text().map_or(0, str::len);
        let at = if echoes { 0 } else { prefix };
        self.produced = self.produced();
        self.turn(Seam::Continued(Continued { at, prefix, end, is_settled: false }));
    }

    /// The next attempt repeats what was shown.
    pub(super) fn replay(&mut self) {
        let cursors = self.transcript.cursors();
        self.turn(Seam::Replayed { cursors, others: self.others_behind });
    }

    fn turn(&mut self, seam: Seam) {
        self.usage.turn();
        self.seam = seam;
        self.is_joined = false;
    }
}

impl Continued {
    /// Compares the beginning of a continuation with the text before it, and gives how many of its bytes
    /// were shown already.
    fn take(&mut self, before: &str, text: &str) -> Result<usize, Mismatch> {
        let mut old = 0;
        if self.at < self.prefix {
            let echo = before.get(self.at..self.prefix).unwrap_or_default();
            if echo.starts_with(text) {
                self.at += text.len();
                return Ok(text.len());
            }
            if !text.starts_with(echo) {
                return Err(Mismatch::NoEcho);
            }
            (old, self.at) = (echo.len(), self.prefix);
        }
        if self.is_settled {
            return Ok(old);
        }
        // White space that the reader has already, and that the model writes again, is one and the same; from
        // the first character that differs on the model goes its own way.
        let space = before.get(self.at..self.end).unwrap_or_default();
        let new = text.get(old..).unwrap_or_default();
        let same = space.chars().zip(new.chars()).take_while(|(a, b)| a == b);
        let same: usize = same.map(|(a, _)| a.len_utf8()).sum();
        self.at += same;
        self.is_settled = self.at == self.end || same < new.len();
        Ok(old + same)
    }

    /// Something that is no text comes: the white space is where it was.
    fn settle(&mut self) -> Result<(), Mismatch> {
        if self.at < self.prefix {
            return Err(Mismatch::NoEcho);
        }
        self.is_settled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Part = Part { kind: Kind::Text, index: 0 };

    /// What the reader has in the end, given what was shown, and the pieces of the continuation.
    fn joined(before: &str, echoes: bool, pieces: &[&str]) -> Result<String, Mismatch> {
        let mut shown = Shown::new(10_000);
        shown.take(0, TEXT, 0, before)?;
        shown.continue_after(before.trim_end().len(), echoes);
        let mut read = before.to_owned();
        for piece in pieces {
            let old = shown.take(0, TEXT, 0, piece)?;
            read.push_str(&piece[old..]);
        }
        shown.finish(0)?;
        assert_eq!(shown.transcript.runs(0)[0].lanes[0], read);
        Ok(read)
    }

    #[test]
    fn white_space_at_the_seam_is_neither_doubled_nor_lost() {
        for (before, pieces, whole) in [
            ("one", &[" two"][..], "one two"),
            // Given back, where the model begins without it.
            ("one ", &["two"], "one two"),
            ("one ", &[" two"], "one two"),
            ("one ", &[" ", "two"], "one two"),
            ("one\n", &["\n", "\n", "\ntwo"], "one\n\n\ntwo"),
            ("one\n\n", &["\ntwo"], "one\n\ntwo"),
            ("one ", &["\ntwo"], "one \ntwo"),
            ("one \u{3000}", &[" \u{3000}\u{3000}two"], "one \u{3000}\u{3000}two"),
            // The text itself may begin with what the white space was.
            ("one", &["  two"], "one  two"),
            ("one ", &[" two", " "], "one two "),
            ("one ", &[], "one "),
            // Text that repeats itself is text.
            ("哈哈", &["哈哈", "哈哈哈"], "哈哈哈哈哈哈哈"),
        ] {
            assert_eq!(joined(before, false, pieces).as_deref(), Ok(whole), "{before:?} {pieces:?}");
        }
    }

    #[test]
    fn an_echo_is_cut_off_once_and_only_whole() {
        for (before, pieces, whole) in [
            ("哈哈", &["哈", "哈哈", "哈"][..], "哈哈哈哈"),
            ("one ", &["one two"], "one two"),
            ("one ", &["on", "e", " two"], "one two"),
            ("one", &["oneone"], "oneone"),
            ("one", &["one"], "one"),
        ] {
            assert_eq!(joined(before, true, pieces).as_deref(), Ok(whole), "{before:?} {pieces:?}");
        }
        for pieces in [&["two"][..], &["on", "two"], &["on"], &[]] {
            assert_eq!(joined("one", true, pieces), Err(Mismatch::NoEcho), "{pieces:?}");
        }
    }

    #[test]
    fn a_continuation_that_reasons_again_is_refused() {
        let mut shown = Shown::new(100);
        shown.take(0, TEXT, 0, "one").unwrap();
        shown.continue_after(3, false);
        let part = Part { kind: Kind::Reasoning, index: 0 };
        assert_eq!(shown.take(0, part, 0, "Hm"), Err(Mismatch::Reasoned));
    }

    #[test]
    fn what_has_no_text_is_new_once_as_much_of_it_came_as_before() {
        let mut shown = Shown::new(1000);
        shown.take(0, TEXT, 0, "one").unwrap();
        shown.show_other();
        shown.replay();
        assert!(!shown.take_other(0));
        shown.take(0, TEXT, 0, "one").unwrap();
        assert_eq!([0; 3].map(|choice| shown.take_other(choice)), [false, true, true]);
    }
}
