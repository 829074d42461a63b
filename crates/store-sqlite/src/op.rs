use std::collections::HashSet;
use std::time::Duration;

use lastbyte_store::{AnswerId, Batch, Claimed, End, Lease, NewAnswer, Opened, StoreError, WriteError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Who asked, and waits to be told.
pub(crate) type Asker<T, E> = oneshot::Sender<Result<T, E>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Op {
    Open(NewAnswer, Asker<Opened, StoreError>),
    Sent(Lease, Asker<(), WriteError>),
    Append(Lease, Batch, Asker<(), WriteError>),
    End(Lease, Batch, End, Asker<(), WriteError>),
    Release(Lease, Asker<(), WriteError>),
    Relinquish(Lease, Asker<(), WriteError>),
    Renew(Lease, Asker<Option<Duration>, WriteError>),
    Claim(AnswerId, Asker<Option<Claimed>, StoreError>),
    ClaimAny(HashSet<AnswerId>, Asker<Option<Claimed>, StoreError>),
    Seize(AnswerId, Batch, End, Asker<bool, StoreError>),
    /// Finish what came before this, and end.
    Close,
}

/// What an entry in the queue takes, besides the bytes that it carries.
const ENTRY: u64 = 1 << 10;

impl Op {
    /// How many bytes it takes in the queue.
    pub(crate) fn weight(&self) -> u64 {
        ENTRY
            + match self {
                Self::Open(new, _) => new.request.len() as u64,
                Self::Append(_, batch, _) | Self::End(_, batch, _, _) | Self::Seize(_, batch, _, _) => {
                    batch.bytes() + 32 * batch.events.len() as u64
                }
                Self::ClaimAny(except, _) => 32 * except.len() as u64,
                _ => 0,
            }
    }

    /// Whether it has to be on the disk, and not only with the operating system, when it returns.
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self, Self::Open(..) | Self::Sent(..) | Self::End(..) | Self::Release(..) | Self::Seize(..))
    }
}

/// One entry of the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) op: Op,
    /// Its share of what the queue may hold; given back when it is done.
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

/// What has been judged, and is told when the transaction is through.
pub(crate) trait Tell: Send {
    /// Tells it; or, where the transaction failed, that.
    fn tell(self: Box<Self>, failed: Option<&StoreError>);
}

pub(crate) struct Judged<T, E> {
    pub(crate) to: Asker<T, E>,
    pub(crate) what: Result<T, E>,
}

impl<T: Send, E: From<StoreError> + Send> Tell for Judged<T, E> {
    fn tell(self: Box<Self>, failed: Option<&StoreError>) {
        // Whoever asked may have gone; nothing depends on their hearing it.
        let _ = self.to.send(match failed {
            Some(error) => Err(error.clone().into()),
            None => self.what,
        });
    }
}
