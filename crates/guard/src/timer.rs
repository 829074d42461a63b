use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for a limit that moves, from the head of an answer to its last byte.
///
/// It is made at the first wait: what is there at once touches neither the timer nor the clock. It is in a
/// box to move on from the future into the body, armed as it is, and set anew only when it fires too early
/// or would fire too late.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Armed>);

#[derive(Debug)]
struct Armed {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes; `None` where it has to be polled.
    wakes: Option<Waker>,
}

impl Timer {
    /// Ready at `at`, which may be another moment each time.
    pub(crate) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let armed = self.0.get_or_insert_with(|| Armed { sleep: Box::pin(sleep_until(at)), wakes: None });
        if armed.sleep.deadline() > at {
            armed.reset(at);
        }
        loop {
            ready!(armed.poll(cx));
            if armed.sleep.deadline() >= at {
                return Poll::Ready(());
            }
            armed.reset(at);
        }
    }
}

impl Armed {
    fn reset(&mut self, at: Instant) {
        self.sleep.as_mut().reset(at);
        self.wakes = None;
    }

    /// Between two frames mostly nothing has changed: the same task waits, and the time has not come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let known = self.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        let polled = self.sleep.as_mut().poll(cx);
        self.wakes = polled.is_pending().then(|| cx.waker().clone());
        polled
    }
}
