//! The index of running answers: it says when each of their leases ends, or too early, and never too late.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use lastbyte_store::{AnswerId, Claimed, StoreError};

use crate::call::Call;
use crate::journal::Claim;
use crate::lane::WITHIN;
use crate::names::SHARDS;
use crate::redis::Shared;
use crate::reply::Parts;
use crate::script::DUE;

/// How many are asked for at once. More are rarely due.
const PAGE: usize = 64;

/// How many of a shard are looked at in one call, so that it ends.
const PAGES: usize = 16;

/// How long one stays in the index that is not there. It is put in before it is opened, and opened within
/// [`WITHIN`].
const GONE: Duration = Duration::from_secs(30);

impl Shared {
    /// Claims any answer whose lease has ended, but for those.
    pub(crate) async fn claim_any(&self, except: &[AnswerId]) -> Result<Option<Claimed>, StoreError> {
        let except: HashSet<_> = except.iter().copied().collect();
        for page in 0..PAGES {
            let found = try_join_all((0..SHARDS).map(|shard| self.due(shard, page * PAGE))).await?;
            let is_last = found.iter().all(|shard| shard.len() < PAGE);
            let mut due: Vec<_> = found.into_iter().flatten().filter(|id| !except.contains(id)).collect();
            // Those who come together to look begin elsewhere each, and do not fight for the same.
            fastrand::shuffle(&mut due);
            for id in due {
                match self.claim(id).await? {
                    Claim::Ours(claimed) => return Ok(Some(*claimed)),
                    Claim::Held(left) => self.tell(id.slot.0, self.mark(id, left)),
                    Claim::Ended => self.tell(id.slot.0, self.unmark(id, None)),
                    Claim::Gone => self.tell(id.slot.0, self.unmark(id, Some(GONE))),
                };
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    async fn due(&self, shard: u8, skip: usize) -> Result<Vec<AnswerId>, StoreError> {
        let args = vec![skip.to_string().into(), PAGE.to_string().into()];
        let call = Call::new(&DUE, self.names.shard(shard), args, WITHIN);
        let reply = self.ask(lastbyte_store::Slot(u128::from(shard)), call).await?;
        let ids = Parts::of(reply)?.rest()?;
        // What is no name of an answer was written by somebody else.
        Ok(ids.iter().filter_map(|id| std::str::from_utf8(id).ok()?.parse().ok()).collect())
    }
}
