use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError};
use lastbyte_store::{NewAnswer, Opened, Record, StoreError};
use tokio::sync::oneshot;
use tower_service::Service;

use crate::body::RequestBody;
use crate::core::Shared;
use crate::driver::Driver;
use crate::pen::Pen;
use crate::running::{Running, Seat};
use crate::settings::count;

/// A request that nobody may have asked yet, and the service that is ready for it.
pub(crate) struct Asking<S, A> {
    pub(crate) service: S,
    pub(crate) request: Request<RequestBody<A>>,
    pub(crate) ask: Ask,
    /// Whether it wants to go on with an answer, and none that is new.
    pub(crate) resumes: bool,
}

/// What became of it.
pub(crate) enum Begun<S, A> {
    /// It is answered here, by a task of its own.
    Here(Arc<Running>, Seat),
    /// There is an answer.
    Exists(Record, Asking<S, A>),
    /// There is none to go on with.
    Gone,
    /// No more are begun here.
    NoRoom,
    /// Nobody knows: the store is away.
    Away(StoreError, Asking<S, A>),
}

/// Opens an answer and begins to write it, in one task: a reader that leaves in between leaves no answer behind
/// that nobody writes. `None`: this process goes.
pub(crate) async fn begin<S, A, B>(
    shared: &Shared,
    answer: NewAnswer,
    asking: Asking<S, A>,
) -> Option<Begun<S, A>>
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (tell, told) = oneshot::channel();
    let core = shared.core.clone();
    shared.spawn(async move {
        let lease = match core.journal.open(answer).await {
            Ok(Opened::New(lease)) => lease,
            Ok(Opened::Exists(record)) => {
                let _ = tell.send(Begun::Exists(record, asking));
                return;
            }
            Err(error) => {
                let _ = tell.send(Begun::Away(error, asking));
                return;
            }
        };
        let mut pen = Pen::new(core.journal.clone(), lease, core.settings.lease);
        let running = Running::new(lease.id, 0, core.settings.room);
        if asking.resumes || !core.enter(&running) {
            if pen.release().await.is_err() {
                tracing::debug!(id = %lease.id, "a key could not be set free, its lease will run out");
            }
            let _ = tell.send(if asking.resumes { Begun::Gone } else { Begun::NoRoom });
            return;
        }
        count(&core.counts.opened);
        // The seat goes with it: somebody reads from the beginning.
        let _ = tell.send(Begun::Here(running.clone(), Seat::new(running.clone())));
        let Asking { service, request, ask, .. } = asking;
        let driver =
            Driver { core, running, pen, service, ask, events: 0, claimed: false, attempts_before: 0 };
        driver.run(request).await;
    });
    told.await.ok()
}
