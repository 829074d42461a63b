//! The mock on a thread and a runtime of its own: a busy client must not slow down the API it measures.

use std::sync::Arc;
use std::thread::JoinHandle;

use lastbyte_mock::{Faults, Mock, MockConfig, Stats};
use tokio::sync::oneshot;

use super::Done;

/// A running mock; dropped, it ends.
#[derive(Debug)]
pub(crate) struct MockThread {
    mock: Arc<Mock>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MockThread {
    pub(crate) fn start(seed: u64, faults: Faults) -> Done<Self> {
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                let bound = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed, faults }).await;
                let _ = tell.send(bound);
                let _ = stopped.await;
            });
        });
        let mock = Arc::new(told.recv()??);
        Ok(Self { mock, stop: Some(stop), thread: Some(thread) })
    }

    /// The address that chat completions are asked at.
    pub(crate) fn chat(&self) -> String {
        format!("{}/chat/completions", self.mock.url())
    }

    /// The base URL.
    pub(crate) fn base(&self) -> String {
        self.mock.url()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.mock.stats()
    }
}

impl Drop for MockThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
