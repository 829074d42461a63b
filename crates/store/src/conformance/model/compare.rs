//! What the store says, beside what the model says.

use super::clock::Known;
use super::entry::Past;
use super::{DRIVERS, KEYS, Key, World};
use crate::Look;

impl World<'_> {
    /// Asserts that the store and the model say the same of all that is and was there.
    pub(super) async fn compare(&mut self) {
        let journal = self.journals[self.rng.usize(..DRIVERS)].clone();
        for at in 0..KEYS {
            let (after, max_bytes) = (self.rng.u64(..6), self.rng.usize(..40));
            let key = &mut self.keys[at];
            if let Some(entry) = &mut key.entry {
                let id = entry.new.id;
                let before = self.clock.now();
                let look = journal.look(id).await.unwrap();
                let page = journal.read(id, after, max_bytes).await.unwrap();
                let all = journal.read(id, 0, usize::MAX).await.unwrap();
                let now = self.clock.now();
                match (entry.is_there(now.soon(self.bench.unit() / 2)), look, page, all) {
                    (Known::Yes, Look::Known(record), Some(page), Some(all)) => {
                        // A lease may end between the two.
                        if entry.is_leased(before) == entry.is_leased(now) {
                            entry.agree(now, &record);
                            entry.agree_on_page(now, after, max_bytes, &page);
                            assert_eq!(all.events, entry.events);
                        }
                    }
                    (Known::No, Look::Expired { .. } | Look::Unknown, None, None) => {
                        key.past.extend(key.entry.take().map(Past::expired));
                    }
                    // Its life ends about now: no more can be said.
                    (Known::Maybe, ..) => {
                        self.leases.retain(|lease| lease.id.slot != id.slot);
                        *key = Key::new();
                    }
                    (_, look, page, all) => panic!("{look:?} {page:?} {all:?} and not {entry:?}"),
                }
            }
            for past in key.past.iter().rev().take(4) {
                let look = journal.look(past.id).await.unwrap();
                past.agree(self.clock.now(), key.entry.is_none(), &look);
                assert!(journal.read(past.id, 0, 1000).await.unwrap().is_none());
            }
        }
    }
}
