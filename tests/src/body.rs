//! A body that does what it is told: frames, errors, panics, silence, in any manner of telling its length.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use lastbyte::core::BoxError;
use tokio::time::{Sleep, sleep};

use crate::alive::Held;
use crate::violations::Violations;

/// What a [`Double`] does next.
#[derive(Debug)]
pub enum Item {
    /// A frame of data.
    Data(Bytes),
    /// A frame of trailers.
    Trailers(HeaderMap),
    /// Nothing, for so long.
    Wait(Duration),
    /// The transport breaks.
    Error(BoxError),
    /// A panic.
    Panic,
    /// A clean end.
    End,
}

/// A frame of data.
pub fn data(text: impl AsRef<[u8]>) -> Item {
    Item::Data(Bytes::copy_from_slice(text.as_ref()))
}

/// What a body tells of its length and its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Nothing: the end shows only where the next frame is asked for, as with chunks.
    #[default]
    Chunked,
    /// The end shows with the last frame, and nothing is said of the length, as on HTTP/2.
    Ending,
    /// So many bytes, and the end shows with the last frame, as with `content-length`.
    Long(u64),
}

/// The body. It is silent where nothing is left to do.
#[derive(Debug)]
pub struct Double {
    shared: Arc<Mutex<Shared>>,
    manner: Manner,
    waiting: Option<Pin<Box<Sleep>>>,
    sent: u64,
    over: bool,
    violations: Violations,
    _held: Held,
}

/// Tells a [`Double`] what to do, while it is being read.
#[derive(Debug)]
pub struct Feed(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    items: VecDeque<Item>,
    reader: Option<Waker>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Double {
    /// A body that does `items`, and what its feed says behind them.
    pub fn new(items: Vec<Item>, manner: Manner, held: Held, violations: Violations) -> (Self, Feed) {
        let shared = Arc::new(Mutex::new(Shared { items: items.into(), reader: None }));
        let feed = Feed(shared.clone());
        (Self { shared, manner, waiting: None, sent: 0, over: false, violations, _held: held }, feed)
    }
}

impl Feed {
    /// The next thing to do.
    pub fn push(&self, item: Item) {
        let mut shared = lock(&self.0);
        shared.items.push_back(item);
        if let Some(reader) = shared.reader.take() {
            reader.wake();
        }
    }

    /// The next frame of data.
    pub fn data(&self, text: impl AsRef<[u8]>) {
        self.push(data(text));
    }

    /// A clean end.
    pub fn end(&self) {
        self.push(Item::End);
    }
}

impl Body for Double {
    type Data = Bytes;
    type Error = BoxError;

    #[expect(clippy::panic, reason = "a fault that was asked for")]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.over {
            self.violations.add("a body was polled behind its end");
            return Poll::Ready(None);
        }
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            let item = {
                let mut shared = lock(&self.shared);
                match shared.items.pop_front() {
                    Some(item) => item,
                    None => {
                        shared.reader = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                }
            };
            match item {
                Item::Wait(time) => self.waiting = Some(Box::pin(sleep(time))),
                Item::Data(data) => {
                    self.sent += data.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Item::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Item::Panic => {
                    self.over = true;
                    panic!("{}", crate::ON_PURPOSE);
                }
                Item::Error(error) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Item::End => {
                    self.over = true;
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let last = || matches!(lock(&self.shared).items.front(), Some(Item::End));
        self.over || (self.manner != Manner::Chunked && self.waiting.is_none() && last())
    }

    fn size_hint(&self) -> SizeHint {
        match self.manner {
            Manner::Long(length) => SizeHint::with_exact(length.saturating_sub(self.sent)),
            _ => SizeHint::default(),
        }
    }
}
