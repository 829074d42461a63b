use bytes::{Bytes, BytesMut};
use lastbyte_core::sse::{Scanner, TooLarge};

/// Makes events of a stream's chunks, as they are written down: nothing but what the grammar keeps of them.
/// Comments, ids and reconnection times stay behind, for ids are ours and the rest is nobody's.
#[derive(Debug)]
pub(crate) struct Blocks(Scanner);

impl Blocks {
    pub(crate) fn new(max_event: usize) -> Self {
        Self(Scanner::new(max_event))
    }

    /// The events that `chunk` completes, behind those in `events`.
    pub(crate) fn push(&mut self, chunk: &[u8], events: &mut Vec<Bytes>) -> Result<(), TooLarge> {
        self.0.push(chunk, |event| events.push(block(event.name(), event.data())))
    }
}

/// One event, up to and with its blank line.
pub(crate) fn block(name: &[u8], data: &[u8]) -> Bytes {
    let mut block = BytesMut::with_capacity(name.len() + data.len() + 16);
    if !name.is_empty() {
        block.extend_from_slice(b"event: ");
        block.extend_from_slice(name);
        block.extend_from_slice(b"\n");
    }
    for line in data.split(|byte| *byte == b'\n') {
        block.extend_from_slice(b"data: ");
        block.extend_from_slice(line);
        block.extend_from_slice(b"\n");
    }
    block.extend_from_slice(b"\n");
    block.freeze()
}

/// Whether an event tells its reader to drop what it has.
pub(crate) fn is_restart(block: &[u8]) -> bool {
    block.starts_with(b"event: restart\n")
}

/// Whether an event is the end mark of OpenAI's streams.
pub(crate) fn is_done(block: &[u8]) -> bool {
    block == b"data: [DONE]\n\n"
}

/// Whether the last of several events, with their numbers, is that.
pub(crate) fn ends_done(numbered: &[u8]) -> bool {
    numbered.ends_with(b"\ndata: [DONE]\n\n")
}

/// Puts events into one buffer, with their numbers from `first` on.
pub(crate) fn number<'a>(first: u64, blocks: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let length = (first..).zip(blocks.clone()).map(|(number, block)| block.len() + digits(number) + 5).sum();
    // Of exactly this length: nothing more is allocated to hand it on.
    let mut out = Vec::with_capacity(length);
    let mut digits = itoa::Buffer::new();
    for (number, block) in (first..).zip(blocks) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(digits.format(number).as_bytes());
        out.push(b'\n');
        out.extend_from_slice(block);
    }
    debug_assert_eq!(out.len(), length, "as long as it was counted");
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_ids_stay_behind_and_numbers_come_in() {
        let mut blocks = Blocks::new(1 << 10);
        let mut events = Vec::new();
        blocks.push(b": hi\nid: 9\nretry: 5\ndata: a\ndata:b\n\n:\n\nevent: x\nda", &mut events).unwrap();
        blocks.push(b"ta: [DONE]\n\ndata: lost", &mut events).unwrap();
        assert_eq!(events, ["data: a\ndata: b\n\n", "event: x\ndata: [DONE]\n\n"]);
        let out = number(9, events.iter());
        assert!(ends_done(&out));
        assert_eq!(out, "id: 9\ndata: a\ndata: b\n\nid: 10\nevent: x\ndata: [DONE]\n\n");
    }
}
