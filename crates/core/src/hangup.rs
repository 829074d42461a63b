use std::sync::Arc;

use tokio::sync::Notify;

/// Ends the connection that a request came on. Put into the requests' extensions by the owner of a connection
/// that carries one answer at a time: HTTP/1, not HTTP/2.
///
/// A body whose reader stopped reading is not polled any more, and so cannot fail its connection itself.
#[derive(Clone, Debug, Default)]
pub struct Hangup(Arc<Notify>);

impl Hangup {
    /// Of one connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the owner to close it, with whatever has not been written.
    pub fn hang_up(&self) {
        self.0.notify_one();
    }

    /// Waits until that is asked for.
    pub async fn asked(&self) {
        self.0.notified().await;
    }
}
