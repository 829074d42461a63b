//! How many streams there are at once, on both sides, and readers that stopped reading.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use lastbyte::backpressure::{AdmissionLayer, Charge, MemoryBudget, Occupancy, WatchdogLayer};
use tower::{Layer, Service, ServiceExt};

use crate::config::Config;

#[derive(Clone, Debug)]
pub(crate) struct Places {
    readers: AdmissionLayer,
    upstream: AdmissionLayer,
    watchdog: WatchdogLayer,
    memory: MemoryBudget,
}

/// What is held at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Calls of readers.
    pub(crate) readers: Occupancy,
    /// Attempts at the chat API, over all models.
    pub(crate) upstream: usize,
    /// Attempts that wait for their place.
    pub(crate) upstream_waiting: usize,
    /// What calls are charged for, in bytes.
    pub(crate) memory: usize,
    /// What there is of that, in bytes.
    pub(crate) memory_budget: usize,
}

impl Places {
    pub(crate) fn new(config: &Config) -> Self {
        let own = &config.backpressure;
        let memory = MemoryBudget::new(own.memory_budget);
        let with = |layer: AdmissionLayer| {
            layer
                .with_max_queue(own.max_queue as usize)
                .with_queue_timeout(own.queue_timeout)
                .with_max_event(config.stream.max_event)
        };
        let readers = with(AdmissionLayer::new(own.max_streams as usize)).with_memory(memory.clone());
        let upstream = with(AdmissionLayer::per_upstream(own.max_streams as usize));
        // A limit that was learned too low then costs time, and not answers.
        let upstream = upstream.with_queue_timeout(own.queue_timeout.max(config.retry.within));
        // The pacer learns from refusals already, and two that slow down for the same one starve it.
        let upstream = upstream.with_adaptive(own.adaptive).with_refusals(!config.retry.pacing);
        let mut watchdog = WatchdogLayer::new(own.stall_timeout).with_max_event(config.stream.max_event);
        if own.read_ahead {
            watchdog = watchdog
                .with_read_ahead(own.buffer_events as usize, own.buffer_bytes)
                .with_memory(memory.clone());
        }
        if config.stream.seal {
            Self { readers, upstream, watchdog, memory }
        } else {
            Self { readers: readers.lenient(), upstream, watchdog: watchdog.lenient(), memory }
        }
    }

    /// For around each attempt.
    pub(crate) fn upstream(&self) -> AdmissionLayer {
        self.upstream.clone()
    }

    /// Has `call` answer `request` as soon as there is a place for it; its body holds the place.
    pub(crate) async fn admit<C>(&self, request: Request<Body>, call: C) -> Response<Body>
    where
        C: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    {
        // What a head promises of its body is not there yet: it is charged as it comes.
        let request = request.map(|body| Body::from_stream(body.into_data_stream()));
        let answered = self.readers.layer(call).oneshot(request).await;
        match answered {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        }
    }

    /// Drops the answer of `call` when its reader stops reading.
    pub(crate) async fn watch<C>(&self, request: Request<Body>, call: C) -> Response<Body>
    where
        C: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let answered = self.watchdog.layer(call).oneshot(request).await;
        match answered {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        }
    }

    /// A share of the memory, of nothing yet, for the body of a request.
    pub(crate) fn share(&self) -> Charge {
        self.memory.share()
    }

    pub(crate) fn held(&self) -> Held {
        let sum = |of: fn(&Occupancy) -> usize| {
            self.upstream.occupancy().iter().map(|(_, occupancy)| of(occupancy)).sum()
        };
        Held {
            readers: self.readers.total(),
            upstream: sum(|occupancy| occupancy.held),
            upstream_waiting: sum(|occupancy| occupancy.waiting),
            memory: self.memory.used(),
            memory_budget: self.memory.total(),
        }
    }

    /// What the places at the chat API are, by model.
    pub(crate) fn by_upstream(&self) -> Vec<(Box<str>, Occupancy)> {
        let mut all = self.upstream.occupancy();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}
