//! The store in memory passes the suite.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lastbyte_store::conformance::{Bench, check_all, check_model};
use lastbyte_store::{BoxFuture, Journal, Memory};

struct InMemory {
    journal: Mutex<Arc<dyn Journal>>,
    /// As a store in another process would have it: whoever crashes, it is there.
    elsewhere: bool,
}

impl InMemory {
    fn new(elsewhere: bool) -> Self {
        Self { journal: Mutex::new(Arc::new(Memory::new())), elsewhere }
    }
}

impl Bench for InMemory {
    fn journal(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async { self.journal.lock().unwrap_or_else(PoisonError::into_inner).clone() })
    }

    fn crash(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.elsewhere {
                *journal = Arc::new(Memory::new());
            }
            journal.clone()
        })
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::advance(time))
    }

    fn is_durable(&self) -> bool {
        self.elsewhere
    }

    fn unit(&self) -> Duration {
        Duration::from_secs(10)
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_in_memory_passes_the_suite() {
    check_all(&InMemory::new(false)).await;
}

#[tokio::test(start_paused = true)]
async fn the_store_in_memory_outlives_those_who_use_it() {
    check_all(&InMemory::new(true)).await;
}

#[tokio::test(start_paused = true)]
async fn the_store_in_memory_does_as_the_model_does() {
    for seed in 0..50 {
        check_model(&InMemory::new(seed % 2 == 0), seed, 400).await;
    }
}
