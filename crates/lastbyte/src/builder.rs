use tower::ServiceBuilder;
use tower::layer::util::Stack;

#[cfg(feature = "backpressure")]
use crate::backpressure::{AdmissionLayer, WatchdogLayer};
#[cfg(feature = "breaker")]
use crate::breaker::BreakerLayer;
#[cfg(feature = "guard")]
use crate::guard::{GuardLayer, SealLayer};
#[cfg(feature = "idempotency")]
use crate::idempotency::IdempotencyLayer;
#[cfg(feature = "quota")]
use crate::quota::{Allowance, QuotaLayer};
#[cfg(any(feature = "redact-mask", feature = "redact-tower"))]
use crate::redact::Redactor;
#[cfg(feature = "redact-tower")]
use crate::redact::tower::{QuestionsLayer, SensitiveHeadersLayer};
#[cfg(feature = "redact-mask")]
use crate::redact::{Key, mask::MaskLayer};
#[cfg(feature = "retry")]
use crate::retry::RetryLayer;

/// Adds the layers, with their defaults, to tower's [`ServiceBuilder`].
///
/// A layer with settings of its own goes in with [`ServiceBuilder::layer`]. Beside tower-http's trait of
/// the same name both are imported with `as _`.
///
/// ```
/// # #[cfg(all(feature = "guard", feature = "retry"))] mod example {
/// use std::time::Duration;
/// use lastbyte::ServiceBuilderExt;
/// use lastbyte::guard::GuardLayer;
/// use tower::ServiceBuilder;
///
/// # fn example() {
/// let layers = ServiceBuilder::new().seal().retry_answers().guard();
/// let patient = GuardLayer::new().with_first_event(Duration::from_secs(300));
/// let layers_of_a_slow_model = ServiceBuilder::new().seal().retry_answers().layer(patient);
/// # let _ = (layers, layers_of_a_slow_model);
/// # } }
/// ```
pub trait ServiceBuilderExt<L>: sealed::Sealed + Sized {
    /// Marks the sensitive headers of requests: outside of the layer that logs them. See [`SensitiveHeadersLayer`].
    #[cfg(feature = "redact-tower")]
    fn sensitive_requests(self) -> ServiceBuilder<Stack<SensitiveHeadersLayer, L>>;

    /// Marks the sensitive headers of responses: inside of the layer that logs them. See [`SensitiveHeadersLayer`].
    #[cfg(feature = "redact-tower")]
    fn sensitive_responses(self) -> ServiceBuilder<Stack<SensitiveHeadersLayer, L>>;

    /// Logs digests of questions and of their answers. See [`QuestionsLayer`].
    #[cfg(feature = "redact-tower")]
    fn log_questions(self, redactor: Redactor) -> ServiceBuilder<Stack<QuestionsLayer, L>>;

    /// Lets go of readers that stopped reading, after 30 seconds. See [`WatchdogLayer`].
    #[cfg(feature = "backpressure")]
    fn watchdog(self) -> ServiceBuilder<Stack<WatchdogLayer, L>>;

    /// Limits how many streams there are at once, to the last byte of each. See [`AdmissionLayer`];
    /// [`ServiceBuilder::concurrency_limit`] is tower's own, which lets go at the head.
    #[cfg(feature = "backpressure")]
    fn admission(self, streams: usize) -> ServiceBuilder<Stack<AdmissionLayer, L>>;

    /// Ends a broken answer so that nobody takes it for a whole one. See [`SealLayer`].
    #[cfg(feature = "guard")]
    fn seal(self) -> ServiceBuilder<Stack<SealLayer, L>>;

    /// Gives one paid answer to all requests under one key. See [`IdempotencyLayer`].
    #[cfg(feature = "idempotency")]
    fn idempotency(
        self,
        journal: std::sync::Arc<dyn crate::store::Journal>,
    ) -> ServiceBuilder<Stack<IdempotencyLayer, L>>;

    /// Limits the requests and tokens of each tenant. See [`QuotaLayer`].
    #[cfg(feature = "quota")]
    fn quota(self, allowance: Allowance) -> ServiceBuilder<Stack<QuotaLayer, L>>;

    /// Puts stand-ins in the places of values before the chat API sees them. See [`MaskLayer`].
    #[cfg(feature = "redact-mask")]
    fn mask(self, redactor: Redactor, key: Key) -> ServiceBuilder<Stack<MaskLayer, L>>;

    /// Asks again where an answer failed before its content. See [`RetryLayer`]; [`ServiceBuilder::retry`]
    /// is tower's own, which decides at the head.
    #[cfg(feature = "retry")]
    fn retry_answers(self) -> ServiceBuilder<Stack<RetryLayer, L>>;

    /// Keeps calls away from an upstream that is not well. See [`BreakerLayer`].
    #[cfg(feature = "breaker")]
    fn breaker(self) -> ServiceBuilder<Stack<BreakerLayer, L>>;

    /// Limits how many streams there are at once to each upstream. See [`AdmissionLayer::per_upstream`].
    #[cfg(feature = "backpressure")]
    fn per_upstream(self, streams: usize) -> ServiceBuilder<Stack<AdmissionLayer, L>>;

    /// Limits the time of each attempt, on its body too. See [`GuardLayer`].
    #[cfg(feature = "guard")]
    fn guard(self) -> ServiceBuilder<Stack<GuardLayer, L>>;
}

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    #[cfg(feature = "redact-tower")]
    fn sensitive_requests(self) -> ServiceBuilder<Stack<SensitiveHeadersLayer, L>> {
        self.layer(SensitiveHeadersLayer::requests())
    }

    #[cfg(feature = "redact-tower")]
    fn sensitive_responses(self) -> ServiceBuilder<Stack<SensitiveHeadersLayer, L>> {
        self.layer(SensitiveHeadersLayer::responses())
    }

    #[cfg(feature = "redact-tower")]
    fn log_questions(self, redactor: Redactor) -> ServiceBuilder<Stack<QuestionsLayer, L>> {
        self.layer(QuestionsLayer::new(redactor))
    }

    #[cfg(feature = "backpressure")]
    fn watchdog(self) -> ServiceBuilder<Stack<WatchdogLayer, L>> {
        self.layer(WatchdogLayer::default())
    }

    #[cfg(feature = "backpressure")]
    fn admission(self, streams: usize) -> ServiceBuilder<Stack<AdmissionLayer, L>> {
        self.layer(AdmissionLayer::new(streams))
    }

    #[cfg(feature = "backpressure")]
    fn per_upstream(self, streams: usize) -> ServiceBuilder<Stack<AdmissionLayer, L>> {
        self.layer(AdmissionLayer::per_upstream(streams))
    }

    #[cfg(feature = "guard")]
    fn seal(self) -> ServiceBuilder<Stack<SealLayer, L>> {
        self.layer(SealLayer::new())
    }

    #[cfg(feature = "idempotency")]
    fn idempotency(
        self,
        journal: std::sync::Arc<dyn crate::store::Journal>,
    ) -> ServiceBuilder<Stack<IdempotencyLayer, L>> {
        self.layer(IdempotencyLayer::new(journal))
    }

    #[cfg(feature = "quota")]
    fn quota(self, allowance: Allowance) -> ServiceBuilder<Stack<QuotaLayer, L>> {
        self.layer(QuotaLayer::new(allowance))
    }

    #[cfg(feature = "redact-mask")]
    fn mask(self, redactor: Redactor, key: Key) -> ServiceBuilder<Stack<MaskLayer, L>> {
        self.layer(MaskLayer::new(redactor, key))
    }

    #[cfg(feature = "retry")]
    fn retry_answers(self) -> ServiceBuilder<Stack<RetryLayer, L>> {
        self.layer(RetryLayer::new())
    }

    #[cfg(feature = "breaker")]
    fn breaker(self) -> ServiceBuilder<Stack<BreakerLayer, L>> {
        self.layer(BreakerLayer::default())
    }

    #[cfg(feature = "guard")]
    fn guard(self) -> ServiceBuilder<Stack<GuardLayer, L>> {
        self.layer(GuardLayer::new())
    }
}

mod sealed {
    // Keeps others from implementing the trait above, so that it can grow.
    pub trait Sealed {}

    impl<L> Sealed for tower::ServiceBuilder<L> {}
}
