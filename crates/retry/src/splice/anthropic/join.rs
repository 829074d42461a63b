use bytes::Bytes;

use super::super::json::{Members, is_filled, quoted, text};
use super::super::shown::Shown;
use super::super::transcript::{Kind, Part};
use super::super::{Joined, Mismatch, block};
use super::{Delta, Event, Messages, block_start, has_reason, tell_start};

impl Messages {
    /// Another attempt begins.
    pub(in crate::splice) fn turn(&mut self) {
        self.theirs = None;
    }

    /// Joins an event of another attempt to what was shown.
    pub(in crate::splice) fn join(
        &mut self,
        shown: &mut Shown,
        name: &[u8],
        data: &[u8],
    ) -> Result<Joined, Mismatch> {
        let event = Event::read(name, data).ok_or(Mismatch::Unread)?;
        let joined = match event.kind {
            "message_start" => {
                tell_start(shown, &event);
                shown.begin(0);
                if std::mem::replace(&mut self.has_start, true) { Joined::Drop } else { Joined::Pass }
            }
            "content_block_start" => self.join_start(shown, &event, data)?,
            "content_block_delta" => self.join_delta(shown, &event, data)?,
            "content_block_stop" => {
                let index = self.ours(event.index);
                let is_through = shown.is_through(0);
                let block = self.block(index).ok_or(Mismatch::Unread)?;
                if block.is_stopped {
                    return Ok(Joined::Drop);
                }
                if !is_through && !shown.is_continued() {
                    return Err(Mismatch::Diverged);
                }
                block.is_stopped = true;
                renumbered(&event, data, index)
            }
            "message_delta" => self.join_end(shown, &event, data)?,
            "message_stop" => {
                shown.finish(0)?;
                Joined::Pass
            }
            "ping" => Joined::Pass,
            // Not known: new as soon as the rest is.
            _ if shown.is_through(0) => Joined::Pass,
            _ => Joined::Drop,
        };
        shown.is_joined |= joined != Joined::Drop && event.kind != "ping";
        Ok(joined)
    }

    /// The number under which the reader has, or will have, a block of this attempt.
    fn ours(&self, theirs: u64) -> u64 {
        match self.theirs {
            Some((first, ours)) => theirs.saturating_sub(first).saturating_add(ours),
            None => theirs,
        }
    }

    fn join_start(&mut self, shown: &mut Shown, event: &Event<'_>, data: &[u8]) -> Result<Joined, Mismatch> {
        let raw = event.content_block.ok_or(Mismatch::Unread)?;
        let (kind, of, first) = block_start(raw).ok_or(Mismatch::Unread)?;
        let first = first.filter(|first| is_filled(first));
        let first = first.map(|first| text(first).ok_or(Mismatch::Unread)).transpose()?;
        if shown.is_continued() {
            if of == Kind::Reasoning {
                return Err(Mismatch::Reasoned);
            }
            if self.theirs.is_none() {
                let open =
                    self.blocks.last().is_some_and(|block| !block.is_stopped && &*block.kind == "text");
                let ours = self.blocks.len() as u64;
                if open && kind == "text" {
                    // The text goes on in its block.
                    self.theirs = Some((event.index, ours - 1));
                    let part = Part { kind: of, index: ours - 1 };
                    let first = first.unwrap_or_default();
                    let old = shown.take(0, part, 0, &first)?;
                    return Ok(match first.get(old..) {
                        None | Some("") => Joined::Drop,
                        Some(new) => Joined::Rewritten(text_delta(ours - 1, new)),
                    });
                }
                self.theirs = Some((event.index, ours));
            }
        }
        let index = self.ours(event.index);
        if let Some(block) = self.block(index) {
            // A block that was shown begins again.
            if &*block.kind != kind {
                return Err(Mismatch::Diverged);
            }
            let (is_stopped, Some(first)) = (block.is_stopped, first) else { return Ok(Joined::Drop) };
            let old = shown.take(0, Part { kind: of, index }, 0, &first)?;
            return match first.get(old..) {
                None | Some("") => Ok(Joined::Drop),
                Some(new) if of == Kind::Text && !is_stopped => Ok(Joined::Rewritten(text_delta(index, new))),
                Some(_) => Err(Mismatch::Diverged),
            };
        }
        if !shown.is_through(0) {
            return Err(Mismatch::Diverged);
        }
        let closed = self.close();
        self.begin(shown, index, kind).ok_or(Mismatch::Unread)?;
        if let Some(first) = first {
            shown.take(0, Part { kind: of, index }, 0, &first)?;
        }
        Ok(behind(closed, renumbered(event, data, index), event, data))
    }

    fn join_delta(&mut self, shown: &mut Shown, event: &Event<'_>, data: &[u8]) -> Result<Joined, Mismatch> {
        let index = self.ours(event.index);
        let raw = event.delta.ok_or(Mismatch::Unread)?;
        match Delta::read(raw).ok_or(Mismatch::Unread)? {
            Delta::Text(kind, lane, key, literal) => {
                let text = text(literal).ok_or(Mismatch::Unread)?;
                let old = shown.take(0, Part { kind, index }, lane, &text)?;
                let is_stopped = self.block(index).ok_or(Mismatch::Unread)?.is_stopped;
                match text.get(old..) {
                    None | Some("") => Ok(Joined::Drop),
                    // More of what the reader was told is over.
                    Some(_) if is_stopped => Err(Mismatch::Diverged),
                    Some(_) if old == 0 => Ok(renumbered(event, data, index)),
                    Some(new) => {
                        let mut delta = Members::read(raw.as_bytes()).ok_or(Mismatch::Unread)?;
                        delta.set(key, quoted(new));
                        Ok(changed(event, data, [("index", index.to_string()), ("delta", delta.write())]))
                    }
                }
            }
            Delta::Signature => {
                let is_through = shown.is_through(0);
                let block = self.block(index).ok_or(Mismatch::Unread)?;
                match (std::mem::replace(&mut block.is_signed, true), is_through) {
                    (true, _) => Ok(Joined::Drop),
                    (false, true) => Ok(renumbered(event, data, index)),
                    (false, false) => Err(Mismatch::Diverged),
                }
            }
            Delta::Other if shown.take_other(0) => Ok(renumbered(event, data, index)),
            Delta::Other => Ok(Joined::Drop),
        }
    }

    fn join_end(&mut self, shown: &mut Shown, event: &Event<'_>, data: &[u8]) -> Result<Joined, Mismatch> {
        if let Some(usage) = event.usage {
            shown.usage.tell_more(usage);
        }
        if has_reason(event) {
            shown.finish(0)?;
        } else if !shown.is_through(0) {
            return Ok(Joined::Drop);
        }
        let total = shown.usage.total().filter(|_| event.usage.is_some());
        let end = match total {
            Some(total) => changed(event, data, [("usage", total.into_owned())]),
            None => Joined::Pass,
        };
        Ok(behind(self.close(), end, event, data))
    }

    /// Ends the block that a continuation found open and has not gone on with.
    fn close(&mut self) -> Option<Bytes> {
        let index = self.blocks.len().checked_sub(1)?;
        let last = self.blocks.last_mut().filter(|block| !block.is_stopped)?;
        last.is_stopped = true;
        let json = format!("{{\"type\":\"content_block_stop\",\"index\":{index}}}");
        Some(block(b"content_block_stop", &json))
    }
}

fn text_delta(index: u64, text: &str) -> Bytes {
    let text = quoted(text);
    let delta = format!("{{\"type\":\"text_delta\",\"text\":{text}}}");
    let json = format!("{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}");
    block(b"content_block_delta", &json)
}

fn renumbered(event: &Event<'_>, data: &[u8], index: u64) -> Joined {
    if index == event.index {
        return Joined::Pass;
    }
    changed(event, data, [("index", index.to_string())])
}

fn changed<const N: usize>(event: &Event<'_>, data: &[u8], changes: [(&'static str, String); N]) -> Joined {
    let mut members = Members::read(data).unwrap_or_default();
    let mut any = false;
    for (key, value) in changes {
        any |= members.set(key, value);
    }
    if any { Joined::Rewritten(block(event.kind.as_bytes(), &members.write())) } else { Joined::Pass }
}

/// An event with another before it.
fn behind(first: Option<Bytes>, joined: Joined, event: &Event<'_>, data: &[u8]) -> Joined {
    let Some(first) = first else { return joined };
    let second = match joined {
        Joined::Rewritten(second) => second,
        _ => block(event.kind.as_bytes(), &Members::read(data).unwrap_or_default().write()),
    };
    Joined::Rewritten([first, second].concat().into())
}
