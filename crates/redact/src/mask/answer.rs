//! Answers that are not streamed, and answers that are taken over.

use std::sync::Arc;

use lastbyte_core::Resume;

use super::events::Events;
use super::lanes::{self, Way};
use super::wire::{self, Wire};
use super::{Counts, Map, json, unmask};

/// A JSON answer with the values in the places of their stand-ins; none where it has none of them, or is no JSON.
pub(super) fn restore(map: &Map, wire: Wire, body: &[u8]) -> (Option<String>, Counts) {
    let mut counts = Counts::default();
    let Ok(body) = std::str::from_utf8(body) else { return (None, counts) };
    let mut edits = Vec::new();
    let is_json = json::walk_all(body, |path, leaf| {
        if let Some(text) = leaf.text()
            && !wire::is_repeated(path)
        {
            let (restored, of_this) = unmask::whole(map, &text, !leaf.is_name && wire.is_json(path));
            counts.restored += of_this.restored;
            counts.lost += of_this.lost;
            if restored != text {
                edits.push((leaf.range, restored));
            }
        }
    });
    ((is_json && !edits.is_empty()).then(|| json::apply(body, edits)), counts)
}

/// What a reader was shown, as the chat API has said it: all values that are in the map have their stand-ins again.
pub(super) fn hide(map: &Arc<Map>, wire: Wire, resume: &Resume) -> Resume {
    let mut text = String::new();
    map.hide(&resume.text, lanes::within(wire.is_structured), &mut text);
    // They were read once already, within the bounds of whoever did.
    let mut events = Events::new(wire, map.clone(), Way::Hide, usize::MAX);
    for event in &resume.events {
        // Without a bound nothing is too large for it.
        let _ = events.push(event.clone());
    }
    Resume { text, events: events.finish_each() }
}
