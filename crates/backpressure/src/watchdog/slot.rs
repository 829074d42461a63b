use std::pin::Pin;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle, Hangup};

use crate::sync::{Mutex, MutexGuard};

/// The turns of the clock after which a reader has had its time: never early, and an eighth late at most.
pub(super) const PATIENCE: u32 = TURNS + 1;

/// Into how many turns the time is divided.
pub(super) const TURNS: u32 = 8;

/// A body in a place from which it can be taken while nobody asks it for anything.
pub(super) struct Slot<B> {
    /// `None` once it is over or was taken.
    body: Mutex<State<B>>,
    /// Who is waited for: 0 for the upstream, or else the reader, since that turn of the clock.
    reader_since: AtomicU32,
    handle: EndingHandle,
    hangup: Option<Hangup>,
}

enum State<B> {
    Open(Pin<Box<B>>),
    /// Its reader took nothing for too long.
    Taken,
    Over,
}

/// What the clock does with it.
pub(super) trait Watch: Send + Sync {
    /// Lets the body go if its reader was waited for too long. Whether there is anything left to watch.
    fn turn(&self, now: u32) -> bool;
}

impl<B: Body> Slot<B> {
    pub(super) fn new(body: B, now: u32, handle: EndingHandle, hangup: Option<Hangup>) -> Self {
        Self {
            body: Mutex::new(State::Open(Box::pin(body))),
            // Whoever has not asked for the first frame is waited for, too.
            reader_since: AtomicU32::new(now.max(1)),
            handle,
            hangup,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match &*self.lock() {
            State::Open(body) => body.is_end_stream(),
            State::Taken => false,
            State::Over => true,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match &*self.lock() {
            State::Open(body) => body.size_hint(),
            State::Taken => SizeHint::default(),
            State::Over => SizeHint::with_exact(0),
        }
    }
}

impl<B> Slot<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn poll_frame(
        &self,
        cx: &mut Context<'_>,
        now: u32,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = self.lock();
        let body = match &mut *state {
            State::Open(body) => body,
            State::Over => return Poll::Ready(None),
            State::Taken => {
                *state = State::Over;
                // An end would look like that of a whole answer.
                return Poll::Ready(Some(Err(BodyError::new(Ending::Stalled))));
            }
        };
        // From here on the upstream is waited for, if anybody.
        self.reader_since.store(0, Ordering::Relaxed);
        let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else { return Poll::Pending };
        if matches!(frame, Some(Ok(_))) {
            self.reader_since.store(now.max(1), Ordering::Relaxed);
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| of(error.into()))));
        }
        let over = std::mem::replace(&mut *state, State::Over);
        drop(state);
        drop(over);
        Poll::Ready(frame.map(|frame| frame.map_err(|error| of(error.into()))))
    }
}

/// The error of a body, which is one of ours already where a layer of ours is further in.
pub(super) fn of(error: BoxError) -> BodyError {
    match error.downcast::<BodyError>() {
        Ok(known) => *known,
        Err(error) => {
            let cause = lastbyte_core::TransportFault::of(&*error).cause;
            BodyError::with_source(Ending::Truncated { cause, by_caller: false }, error)
        }
    }
}

impl<B: Body + Send> Watch for Slot<B> {
    fn turn(&self, now: u32) -> bool {
        let is_late = |since: u32| since != 0 && now.max(1).wrapping_sub(since) >= PATIENCE;
        if !is_late(self.reader_since.load(Ordering::Relaxed)) {
            return true;
        }
        let mut state = self.lock();
        // It may have asked just now.
        if !is_late(self.reader_since.load(Ordering::Relaxed)) {
            return true;
        }
        let State::Open(body) = std::mem::replace(&mut *state, State::Taken) else {
            *state = State::Over;
            return false;
        };
        drop(state);
        self.handle.because(Ending::Stalled);
        // With it go the call upstream, the permits and the buffers.
        drop(body);
        if let Some(hangup) = &self.hangup {
            hangup.hang_up();
        }
        false
    }
}
