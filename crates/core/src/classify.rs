use http::response;

use crate::{Ask, Ending, Judge, TransportFault, Watch};

/// Decides from the head of an answer, or from the error instead of one, how to judge the rest.
///
/// `E` is the error of the service, which the layers hand on as it is.
pub trait Classify<E> {
    /// A judge for the body behind `head`.
    fn head(&self, ask: &Ask, head: &response::Parts) -> Judge;

    /// What an error instead of a head means.
    fn error(&self, error: &E) -> TransportFault;

    /// The ending of an attempt that failed with `error`.
    fn ending(&self, error: &E) -> Ending {
        Ending::Failed { kind: self.error(error).kind }
    }
}

/// Classifies the three chat formats and the errors of hyper, h2 and hyper-util's client.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClassifyChat {
    watch: Watch,
}

impl ClassifyChat {
    /// The same with other bounds.
    pub fn new(watch: Watch) -> Self {
        Self { watch }
    }
}

impl<E: 'static> Classify<E> for ClassifyChat {
    fn head(&self, ask: &Ask, head: &response::Parts) -> Judge {
        self.watch.judge(ask, head)
    }

    fn error(&self, error: &E) -> TransportFault {
        TransportFault::of_any(error)
    }
}
