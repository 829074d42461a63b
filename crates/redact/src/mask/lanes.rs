//! The texts of an answer that come in pieces, one event after the other, side by side.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::map::In;
use super::standin::{self, Before};
use super::unmask::{Counts, next, put};
use super::{Map, standin::write};

/// How many texts one answer has at once: 128 choices, which is the most that OpenAI gives, of two texts each.
/// Beyond it the oldest ends.
const LANES: usize = 256;

/// Which text of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The choice, block or output item.
    pub(super) choice: u64,
    /// A tool call or part of it.
    pub(super) part: u64,
    pub(super) field: String,
    /// It is JSON.
    pub(super) is_json: bool,
}

impl Name {
    /// Both are of one kind, such as two tool calls of a choice.
    fn is_beside(&self, other: &Self) -> bool {
        self.choice == other.choice && self.field == other.field
    }
}

/// A piece of a text, in an event.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) event: u64,
    pub(super) range: Range<usize>,
    /// How much of its text is not decided on.
    left: usize,
    out: String,
    is_changed: bool,
}

/// A piece that is decided on: where it stands, and its new text where it has one.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) event: u64,
    pub(super) range: Range<usize>,
    pub(super) text: Option<String>,
}

#[derive(Debug)]
struct Lane {
    name: Name,
    /// What is not decided on, of all its pieces.
    text: String,
    before: Before,
    pieces: VecDeque<Piece>,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From stand-ins to values.
    Restore,
    /// From values to stand-ins: only at the end of a text.
    Hide,
}

/// All texts of one answer.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) map: Arc<Map>,
    pub(super) way: Way,
    lanes: Vec<Lane>,
    pub(super) counts: Counts,
}

impl Lanes {
    pub(super) fn new(map: Arc<Map>, way: Way) -> Self {
        Self { map, way, lanes: Vec::new(), counts: Counts::default() }
    }

    /// The next piece of a text.
    pub(super) fn feed(
        &mut self,
        name: Name,
        event: u64,
        range: Range<usize>,
        text: &str,
        done: &mut Vec<Done>,
    ) {
        let at = match self.lanes.iter().position(|lane| lane.name == name) {
            Some(at) => at,
            // No text begins with nothing.
            None if text.is_empty() => return done.push(Done { event, range, text: None }),
            None => {
                if self.lanes.len() >= LANES {
                    let mut oldest = self.lanes.remove(0);
                    oldest.go_on(&self.map, self.way, true, &mut self.counts, done);
                }
                self.lanes.push(Lane { name, text: String::new(), before: [0; 2], pieces: VecDeque::new() });
                self.lanes.len() - 1
            }
        };
        let Some(lane) = self.lanes.get_mut(at) else { return };
        lane.text.push_str(text);
        lane.pieces.push_back(Piece {
            event,
            range,
            left: text.len(),
            out: String::new(),
            is_changed: false,
        });
        lane.go_on(&self.map, self.way, false, &mut self.counts, done);
    }

    /// These texts have ended.
    pub(super) fn finish(&mut self, which: impl Fn(&Name) -> bool, done: &mut Vec<Done>) {
        self.end(|lane| which(&lane.name), done);
    }

    /// Those have ended that an event waits for.
    pub(super) fn finish_at(&mut self, event: u64, done: &mut Vec<Done>) {
        self.end(|lane| lane.pieces.front().is_some_and(|piece| piece.event == event), done);
    }

    /// Where one of an event's pieces begins a text, all of its choice have ended that are of another kind and do not go
    /// on in the same event: what was thought before it is said, what was said before a tool is called.
    pub(super) fn turn(&mut self, pieces: &[(Name, Range<usize>, Cow<'_, str>)], done: &mut Vec<Done>) {
        // Some send all fields each time, with nothing in those that are over or have not begun; a tool call begins so.
        let mut now: Vec<_> = (pieces.iter())
            .filter(|(name, _, text)| !text.is_empty() || name.field.ends_with("arguments"))
            .map(|(name, ..)| name)
            .collect();
        let begins = |name: &&&Name| !self.lanes.iter().any(|lane| lane.name == ***name);
        let mut begun: Vec<_> = now.iter().filter(begins).map(|name| name.choice).collect();
        begun.dedup();
        now.dedup_by(|one, two| one.is_beside(two));
        if !begun.is_empty() {
            let goes_on = |name: &Name| now.iter().any(|other| other.is_beside(name));
            self.finish(|name| begun.contains(&name.choice) && !goes_on(name), done);
        }
    }

    fn end(&mut self, which: impl Fn(&Lane) -> bool, done: &mut Vec<Done>) {
        let Self { map, way, lanes, counts } = self;
        lanes.retain_mut(|lane| {
            let ends = which(lane);
            if ends {
                lane.go_on(map, *way, true, counts, done);
            }
            !ends
        });
    }

    /// A text that stands whole in one event. `None`: it stays.
    pub(super) fn whole(&mut self, text: &str, is_json: bool) -> Option<String> {
        let out = match self.way {
            Way::Restore => {
                let (out, counts) = super::unmask::whole(&self.map, text, is_json);
                // What was lost was counted as it came in pieces, and is only told again.
                self.counts.restored += counts.restored;
                out
            }
            Way::Hide => {
                let mut out = String::new();
                self.map.hide(text, within(is_json), &mut out);
                out
            }
        };
        (out != text).then_some(out)
    }
}

/// Where values are looked for in a text of an answer.
pub(super) fn within(is_json: bool) -> In {
    if is_json { In::AnswerJson } else { In::Answer }
}

impl Lane {
    fn go_on(&mut self, map: &Map, way: Way, complete: bool, counts: &mut Counts, done: &mut Vec<Done>) {
        match way {
            Way::Restore => self.restore(map, complete, counts, done),
            Way::Hide if complete => {
                let text = std::mem::take(&mut self.text);
                let mut at = 0;
                for (range, entry) in map.known_in(&text, within(self.name.is_json)) {
                    self.pass(&text[at..range.start], done);
                    let mut standin = String::new();
                    write(entry.label, entry.code, &mut standin);
                    self.swap(range.len(), &standin, done);
                    at = range.end;
                }
                self.pass(&text[at..], done);
            }
            Way::Hide => {}
        }
        self.let_go(done);
    }

    fn restore(&mut self, map: &Map, complete: bool, counts: &mut Counts, done: &mut Vec<Done>) {
        let text = std::mem::take(&mut self.text);
        let mut at = 0;
        loop {
            let found = next(map, &text, at, self.before, complete, counts);
            self.pass(&text[at..found.plain], done);
            at = found.plain;
            let Some((end, value)) = found.value else { break };
            let mut restored = String::new();
            put(value, self.name.is_json, &mut restored);
            self.swap(end - at, &restored, done);
            at = end;
        }
        self.before = standin::before(text.as_bytes(), at, self.before);
        text[at..].clone_into(&mut self.text);
    }

    /// So much of the text stays as it is.
    fn pass(&mut self, mut text: &str, done: &mut Vec<Done>) {
        while !text.is_empty() {
            self.let_go(done);
            let Some(piece) = self.pieces.front_mut() else { return };
            let (now, later) = text.split_at(piece.left.min(text.len()));
            piece.out.push_str(now);
            piece.left -= now.len();
            text = later;
        }
    }

    /// So many bytes are replaced. What replaces them goes where they begin.
    fn swap(&mut self, mut len: usize, by: &str, done: &mut Vec<Done>) {
        self.let_go(done);
        let mut by = Some(by);
        while len > 0 {
            self.let_go(done);
            let Some(piece) = self.pieces.front_mut() else { return };
            piece.out.push_str(by.take().unwrap_or_default());
            piece.is_changed = true;
            let now = piece.left.min(len);
            piece.left -= now;
            len -= now;
        }
    }

    /// Pieces that are decided on.
    fn let_go(&mut self, done: &mut Vec<Done>) {
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.left == 0) {
            let Piece { event, range, out, is_changed, .. } = piece;
            done.push(Done { event, range, text: is_changed.then_some(out) });
        }
    }
}
