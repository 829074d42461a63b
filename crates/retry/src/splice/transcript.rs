//! The text that was shown, piece by piece put together again, and the comparison of another answer with it.

use super::Mismatch;

/// What a piece of text is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Refusal,
    Reasoning,
    Summary,
    Call,
    /// A call in OpenAI's older form, of which a choice has one.
    Function,
}

/// One part of a choice: a block, an item, a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) index: u64,
}

/// Text of one part that was shown without another part between.
///
/// Two texts may run side by side: a call's name and arguments, reasoning under its two names. Whichever
/// order they came in, they are compared each by itself.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) part: Part,
    pub(super) lanes: [String; 2],
}

impl Run {
    fn lengths(&self) -> [usize; 2] {
        [self.lanes[0].len(), self.lanes[1].len()]
    }
}

/// All text that was shown, by choice.
#[derive(Clone, Debug)]
pub(super) struct Transcript {
    choices: Vec<Vec<Run>>,
    room: usize,
    is_over: bool,
}

/// What a run and its two strings take beside their text, in bytes, so that many empty ones fill a
/// transcript too.
const RUN_COST: usize = 128;

/// OpenAI allows 128 choices.
const MAX_CHOICES: u64 = 128;

impl Transcript {
    pub(super) fn new(cap: usize) -> Self {
        Self { choices: Vec::new(), room: cap, is_over: false }
    }

    /// Whether more was shown than is kept.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn choices(&self) -> &[Vec<Run>] {
        &self.choices
    }

    pub(super) fn runs(&self, choice: u64) -> &[Run] {
        usize::try_from(choice).ok().and_then(|at| self.choices.get(at)).map_or(&[], Vec::as_slice)
    }

    /// What is kept of something else than text counts too.
    pub(super) fn charge(&mut self, bytes: usize) {
        match self.room.checked_sub(bytes) {
            Some(room) => self.room = room,
            None => self.is_over = true,
        }
    }

    pub(super) fn append(&mut self, choice: u64, part: Part, lane: usize, text: &str) {
        self.is_over |= choice >= MAX_CHOICES;
        self.charge(text.len());
        if self.is_over {
            return;
        }
        let at = choice as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Vec::new);
        }
        match self.choices[at].last_mut() {
            Some(run) if run.part == part => run.lanes[lane].push_str(text),
            _ => {
                self.charge(RUN_COST);
                if !self.is_over {
                    let mut lanes = [String::new(), String::new()];
                    lanes[lane].push_str(text);
                    self.choices[at].push(Run { part, lanes });
                }
            }
        }
    }

    /// Lets go of what is of no more use.
    pub(super) fn clear(&mut self) {
        self.choices = Vec::new();
    }

    /// A cursor for each choice, to compare another answer with what was shown up to now.
    pub(super) fn cursors(&self) -> Vec<Cursor> {
        let cursor = |runs: &Vec<Run>| Cursor {
            at: 0,
            used: [0; 2],
            runs: runs.len(),
            last: runs.last().map_or([0; 2], Run::lengths),
            is_past: runs.is_empty(),
        };
        self.choices.iter().map(cursor).collect()
    }
}

/// How far another answer has repeated what was shown of one choice.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    at: usize,
    used: [usize; 2],
    /// How many runs were shown, and how long the last one was: it grows behind the seam.
    runs: usize,
    last: [usize; 2],
    is_past: bool,
}

impl Cursor {
    /// Compares a piece with what was shown next, and gives how many bytes of it were shown already.
    ///
    /// Both are whole text, so the seam falls between two characters.
    pub(super) fn take(
        &mut self,
        shown: &[Run],
        part: Part,
        lane: usize,
        text: &str,
    ) -> Result<usize, Mismatch> {
        while !self.is_past {
            let Some(run) = shown.get(self.at) else { return Err(Mismatch::Diverged) };
            let is_last = self.at + 1 == self.runs;
            let end = if is_last { self.last } else { run.lengths() };
            if run.part == part {
                let rest = run.lanes[lane].get(self.used[lane]..end[lane]).unwrap_or_default();
                if rest.starts_with(text) {
                    self.used[lane] += text.len();
                    return Ok(text.len());
                }
                // Behind a run that is not the last another part was shown.
                if !is_last || !text.starts_with(rest) {
                    return Err(Mismatch::Diverged);
                }
                self.used[lane] = end[lane];
                return Ok(rest.len());
            }
            if self.used != end {
                return Err(Mismatch::Diverged);
            }
            self.at += 1;
            self.used = [0; 2];
            self.is_past = is_last;
        }
        Ok(0)
    }

    /// Whether all that was shown has been repeated.
    pub(super) fn is_through(&self) -> bool {
        self.is_past || self.at + 1 == self.runs && self.used == self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Part = Part { kind: Kind::Text, index: 0 };
    const CALL: Part = Part { kind: Kind::Call, index: 0 };

    fn shown(pieces: &[(Part, usize, &str)]) -> Transcript {
        let mut transcript = Transcript::new(10_000);
        for (part, lane, text) in pieces {
            transcript.append(0, *part, *lane, text);
        }
        transcript
    }

    #[test]
    fn a_piece_over_the_seam_is_cut_between_two_characters() {
        let transcript = shown(&[(TEXT, 0, "a哈"), (TEXT, 0, "哈👩\u{200d}")]);
        let cursor = &mut transcript.cursors()[0];
        let runs = transcript.runs(0);
        assert_eq!(cursor.take(runs, TEXT, 0, "a哈哈"), Ok(7));
        assert!(!cursor.is_through());
        assert_eq!(cursor.take(runs, TEXT, 0, "👩\u{200d}💻!"), Ok("👩\u{200d}".len()));
        assert!(cursor.is_through());
        assert_eq!(cursor.take(runs, TEXT, 0, "哈"), Ok(0));
    }

    #[test]
    fn another_text_another_part_and_another_order_are_told_apart() {
        let pieces = [(TEXT, 0, "Hello"), (CALL, 0, "f"), (CALL, 1, "{\"a\"")];
        let transcript = shown(&pieces);
        let runs = transcript.runs(0);
        let start = &transcript.cursors()[0];
        let diverged = Err(Mismatch::Diverged);
        assert_eq!(start.clone().take(runs, TEXT, 0, "Help"), diverged);
        assert_eq!(start.clone().take(runs, CALL, 0, "f"), diverged);
        let mut longer = start.clone();
        assert_eq!(longer.take(runs, TEXT, 0, "Hello, world"), diverged);
        let mut same = start.clone();
        assert_eq!(same.take(runs, TEXT, 0, "Hello"), Ok(5));
        assert_eq!(same.clone().take(runs, TEXT, 0, "!"), diverged);
        assert_eq!(same.take(runs, CALL, 1, "{\"a\":1}"), Ok(4));
        // The name was not repeated, so not all was.
        assert!(!same.is_through());
        assert_eq!(same.take(runs, CALL, 0, "f"), Ok(1));
        assert!(same.is_through());
        assert_eq!(same.take(runs, TEXT, 0, "more"), Ok(0));
    }

    #[test]
    fn beyond_its_room_a_transcript_keeps_no_more() {
        let mut transcript = Transcript::new(RUN_COST + 5);
        transcript.append(0, TEXT, 0, "hello");
        assert!(!transcript.is_over());
        transcript.append(0, TEXT, 0, "!");
        assert!(transcript.is_over());
        transcript.append(0, TEXT, 0, "");
        assert_eq!(transcript.runs(0)[0].lanes[0], "hello");

        let mut many = Transcript::new(1000);
        (0..1000).for_each(|index| many.append(0, Part { kind: Kind::Call, index }, 0, ""));
        assert!(many.is_over() && many.runs(0).len() < 10);

        let mut far = Transcript::new(1000);
        far.append(MAX_CHOICES, TEXT, 0, "x");
        assert!(far.is_over());
    }
}
