//! Layers that are right but for one mistake, each a mistake that was made somewhere before. They are not
//! part of the contract's layers: they show that its checks can fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use lastbyte::core::{BoxError, Ending, EndingHandle, Phase, REFUSED_BY, Scope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use crate::boxed::RequestBody;
use crate::layers::layer;
use crate::subject::{Entry, Subject};

mod body;

use body::WrongBody;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table says what each is")]
pub enum Mistake {
    None,
    CallsAClone,
    LeaksWhatIsReady,
    ReservesWhenReady,
    HidesErrors,
    StripsRefusals,
    BoxesBodyErrors,
    DropsTrailers,
    HidesTheLength,
    KeepsTheLength,
    EndsCleanly,
    ForgesTheEndMark,
    SkipsTheTurn,
    SeesTheEndOnlyAtNone,
    DecidesAtTheHead,
    ForgetsTheEnding,
    Detaches,
    LeaksTheBody,
    StatePerService,
    TimerBeforeData,
    TimerBeforeHead,
    Collects,
    SwallowsPanics,
    LosesTheRequest,
    PingsAnywhere,
    ReadsEverything,
    TellsTwice,
    KeepsHeadersOnly,
}

/// Each mistake, the layer it stands around, and the check that has to find it.
pub const WRONG: &[(Mistake, &str, &str)] = &[
    (Mistake::CallsAClone, "guard", "what_was_made_ready_is_what_is_called"),
    (Mistake::CallsAClone, "guard", "a_limit_further_in_is_kept"),
    (Mistake::LeaksWhatIsReady, "guard", "a_ready_service_that_is_dropped_gives_its_place_back"),
    (Mistake::ReservesWhenReady, "guard", "services_that_are_ready_and_idle_take_nothing_from_others"),
    (Mistake::HidesErrors, "guard", "an_error_of_the_service_comes_out_as_it_is"),
    (Mistake::StripsRefusals, "guard", "a_refusal_further_in_comes_out_as_it_is"),
    (Mistake::BoxesBodyErrors, "guard", "an_error_of_a_body_keeps_its_source_and_is_wrapped_once"),
    (Mistake::DropsTrailers, "guard", "trailers_come_out_last"),
    (Mistake::HidesTheLength, "guard", "audio_passes"),
    (Mistake::HidesTheLength, "guard", "an_empty_body_has_ended_before_it_is_read"),
    (Mistake::KeepsTheLength, "guard", "an_event_stream_loses_its_length"),
    (Mistake::EndsCleanly, "guard", "a_broken_stream_ends_with_an_error_and_without_an_end_mark"),
    (Mistake::ForgesTheEndMark, "guard", "a_broken_stream_ends_with_an_error_and_without_an_end_mark"),
    (Mistake::SkipsTheTurn, "seal", "between_the_error_event_and_the_error_there_is_a_turn"),
    (Mistake::SeesTheEndOnlyAtNone, "guard", "the_end_is_seen_where_the_last_frame_says_so"),
    (Mistake::DecidesAtTheHead, "guard", "a_200_that_breaks_is_no_success"),
    (Mistake::ForgetsTheEnding, "guard", "an_answer_that_nobody_reads_has_an_ending"),
    (Mistake::Detaches, "guard", "a_caller_that_leaves_before_the_head_leaves_nothing"),
    (Mistake::LeaksTheBody, "guard", "a_reader_that_leaves_in_the_middle_leaves_nothing"),
    (Mistake::StatePerService, "guard", "services_of_one_layer_share_its_state"),
    (Mistake::StatePerService, "guard", "routes_of_one_router_share_its_state"),
    (Mistake::TimerBeforeData, "guard", "data_that_is_there_is_not_thrown_away_for_a_late_poll"),
    (Mistake::TimerBeforeHead, "guard", "a_head_that_is_there_is_not_thrown_away_for_a_late_poll"),
    (Mistake::Collects, "guard", "chunks_of_whole_events_come_out_as_they_went_in"),
    (Mistake::Collects, "guard", "what_is_not_read_is_not_held_back"),
    (Mistake::SwallowsPanics, "guard", "a_panic_in_a_body_ends_one_answer"),
    (Mistake::LosesTheRequest, "guard", "every_attempt_has_the_whole_request"),
    (Mistake::PingsAnywhere, "guard", "a_whole_stream_comes_out_byte_for_byte"),
    (Mistake::ReadsEverything, "guard", "a_compressed_answer_passes"),
    (Mistake::TellsTwice, "seal", "a_reader_who_was_told_is_not_told_again"),
    (Mistake::KeepsHeadersOnly, "guard", "a_head_comes_out_with_its_headers_and_extensions"),
];

macro_rules! entries {
    ($($mistake:ident)*) => {
        /// The layer with that mistake.
        pub fn wrong(mistake: Mistake) -> Entry {
            match mistake {
                $(Mistake::$mistake => Entry {
                    name: stringify!($mistake),
                    make: || {
                        let layer = WrongLayer::new(Mistake::$mistake);
                        let mounted = layer.clone();
                        let mount = Box::new(move |router: axum::Router| router.layer(mounted.clone()));
                        Subject::with_errors::<_, WrongBody>(layer, &[], mount)
                    },
                },)*
            }
        }
    };
}

entries! {
    None CallsAClone LeaksWhatIsReady ReservesWhenReady HidesErrors StripsRefusals BoxesBodyErrors
    DropsTrailers HidesTheLength KeepsTheLength EndsCleanly ForgesTheEndMark SkipsTheTurn
    SeesTheEndOnlyAtNone DecidesAtTheHead ForgetsTheEnding Detaches LeaksTheBody StatePerService
    TimerBeforeData TimerBeforeHead Collects SwallowsPanics LosesTheRequest PingsAnywhere ReadsEverything
    TellsTwice KeepsHeadersOnly
}

/// The stack of a mistake around a layer of the contract.
pub fn around(mistake: Mistake, inner: &str) -> [Entry; 2] {
    [wrong(mistake), layer(inner)]
}

#[derive(Clone)]
struct WrongLayer {
    mistake: Mistake,
    places: Arc<Semaphore>,
}

impl WrongLayer {
    fn new(mistake: Mistake) -> Self {
        Self { mistake, places: Arc::new(Semaphore::new(10)) }
    }
}

impl<S> Layer<S> for WrongLayer {
    type Service = Wrong<S>;

    fn layer(&self, inner: S) -> Wrong<S> {
        let (mistake, places) = (self.mistake, self.places.clone());
        Wrong { inner: Some(inner), mistake, ready: false, place: None, places, calls: Arc::default() }
    }
}

struct Wrong<S> {
    // `None` once it was leaked.
    inner: Option<S>,
    mistake: Mistake,
    ready: bool,
    places: Arc<Semaphore>,
    place: Option<OwnedSemaphorePermit>,
    calls: Arc<AtomicUsize>,
}

impl<S: Clone> Clone for Wrong<S> {
    fn clone(&self) -> Self {
        let (inner, places, calls) = (self.inner.clone(), self.places.clone(), self.calls.clone());
        Self { inner, mistake: self.mistake, ready: false, place: None, places, calls }
    }
}

impl<S> Drop for Wrong<S> {
    fn drop(&mut self) {
        if self.ready && self.mistake == Mistake::LeaksWhatIsReady {
            std::mem::forget(self.inner.take());
        }
    }
}

impl<S> Wrong<S> {
    fn inner(&mut self) -> &mut S {
        self.inner.as_mut().expect("it is there until it is dropped")
    }
}

impl<S, A, B> Service<Request<A>> for Wrong<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    A: Empties + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<WrongBody>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<WrongBody>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.mistake == Mistake::ReservesWhenReady && self.place.is_none() {
            match self.places.clone().try_acquire_owned() {
                Ok(place) => self.place = Some(place),
                Err(_) => return Poll::Pending,
            }
        }
        let ready = self.inner().poll_ready(cx);
        self.ready = ready.is_ready();
        ready
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let mistake = self.mistake;
        self.ready = false;
        let request = if mistake == Mistake::LosesTheRequest { request.map(A::emptied) } else { request };
        if mistake == Mistake::StatePerService && self.calls.fetch_add(1, Ordering::Relaxed) % 5 == 4 {
            let mut response = nothing();
            *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
            let ending = Ending::Refused { by: lastbyte::core::RefusedBy::Quota };
            response.extensions_mut().insert(EndingHandle::ended(Scope::Attempt, ending));
            return std::future::ready(Ok(response)).boxed();
        }
        let answer = if mistake == Mistake::CallsAClone {
            self.inner().clone().call(request)
        } else {
            self.inner().call(request)
        };
        let place = self.place.take();
        let answer = async move {
            let _place = place;
            match answer.await {
                Err(_) if mistake == Mistake::HidesErrors => Ok(nothing()),
                Err(error) => Err(error),
                Ok(response) => Ok(changed(response, mistake)),
            }
        };
        match mistake {
            Mistake::TimerBeforeHead => async move {
                let late = tokio::time::sleep(Duration::from_secs(600));
                tokio::select! {
                    biased;
                    () = late => Ok(nothing()),
                    answer = answer => answer,
                }
            }
            .boxed(),
            Mistake::Detaches => {
                let answer = tokio::spawn(answer);
                async move { answer.await.expect("it does not panic") }.boxed()
            }
            _ => answer.boxed(),
        }
    }
}

/// An answer without a body.
fn nothing() -> Response<WrongBody> {
    Response::new(WrongBody::new(Empty::<Bytes>::new().map_err(Into::into), Mistake::None))
}

/// A request body that can be lost.
trait Empties {
    fn emptied(self) -> Self;
}

impl Empties for RequestBody {
    fn emptied(self) -> Self {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    }
}

impl Empties for axum::body::Body {
    fn emptied(self) -> Self {
        Self::empty()
    }
}

fn changed<B>(response: Response<B>, mistake: Mistake) -> Response<WrongBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = response.into_parts();
    let mut body = WrongBody::new(body.map_err(Into::into), mistake);
    match mistake {
        Mistake::StripsRefusals => {
            head.headers.remove(REFUSED_BY);
        }
        Mistake::KeepsTheLength => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("308"));
        }
        Mistake::KeepsHeadersOnly => {
            let ending = head.extensions.remove::<EndingHandle>();
            head.extensions.clear();
            if let Some(ending) = ending {
                head.extensions.insert(ending);
            }
        }
        Mistake::SeesTheEndOnlyAtNone => {
            let (reporter, handle) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
            head.extensions.insert(handle);
            body.reports(reporter);
        }
        Mistake::DecidesAtTheHead => {
            let ending = Ending::Opaque { ok: true };
            head.extensions.insert(EndingHandle::ended(Scope::Attempt, ending));
        }
        Mistake::ForgetsTheEnding => {
            let (reporter, handle) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
            head.extensions.insert(handle);
            std::mem::forget(reporter);
        }
        _ => {}
    }
    Response::from_parts(head, body)
}
