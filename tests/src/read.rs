//! Readers: to the end, as hyper reads, and poll by poll.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use lastbyte::core::{BodyError, BoxError, Ending, EndingHandle};

use crate::boxed::AnswerBody;

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Read {
    /// Its head.
    pub head: response::Parts,
    /// Its data, frame by frame.
    pub chunks: Vec<Bytes>,
    /// Its trailers.
    pub trailers: Option<HeaderMap>,
    /// The error it ended with.
    pub error: Option<BodyError>,
}

impl Read {
    /// All of its data.
    pub fn bytes(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// The same as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// How it ended.
    ///
    /// # Panics
    ///
    /// Where it has not, or nobody watched.
    #[track_caller]
    pub fn ending(&self) -> Ending {
        let handle = self.head.extensions.get::<EndingHandle>().expect("an answer has an ending");
        handle.ending().expect("what was read and dropped has ended").clone()
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// What the reader is told of the end is what the layers are told of it.
    #[track_caller]
    fn assert_of_one_mind(&self) {
        if let Some(error) = &self.error {
            assert_eq!(*error.ending(), self.ending(), "the reader is told one thing, the layers another");
        }
    }

    fn new(head: response::Parts) -> Self {
        Self { head, chunks: Vec::new(), trailers: None, error: None }
    }

    fn frame(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.chunks.push(data),
            Err(other) => self.trailers = other.into_trailers().ok(),
        }
    }
}

/// An error of a body, as all layers have it.
///
/// # Panics
///
/// Where it is another one.
#[track_caller]
pub fn body_error(error: BoxError) -> BodyError {
    *error.downcast::<BodyError>().expect("the errors of bodies are `BodyError`s")
}

/// Reads until there is nothing more, and asks once more behind that.
pub async fn read(response: Response<AnswerBody>) -> Read {
    let (head, body) = response.into_parts();
    let mut read = Read::new(head);
    let mut body = Box::pin(body);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.frame(frame),
            Err(error) => {
                read.error = Some(body_error(error));
                break;
            }
        }
    }
    assert!(body.frame().await.is_none(), "there is an end behind the end");
    drop(body);
    read.assert_of_one_mind();
    read
}

/// Reads as hyper does: an empty body is never polled, and behind `is_end_stream` or trailers nothing is.
pub async fn read_as_hyper(response: Response<AnswerBody>) -> Read {
    let (head, body) = response.into_parts();
    let mut read = Read::new(head);
    let mut body = Box::pin(body);
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Err(error)) => {
                read.error = Some(body_error(error));
                break;
            }
            Some(Ok(frame)) => {
                read.frame(frame);
                if read.trailers.is_some() {
                    break;
                }
            }
        }
    }
    drop(body);
    read.assert_of_one_mind();
    read
}

/// What one poll came to.
#[derive(Debug)]
pub enum Came {
    /// Data.
    Data(Bytes),
    /// Trailers.
    Trailers(HeaderMap),
    /// An error.
    Failed(BodyError),
    /// Nothing yet, and whether the reader is woken already.
    Waits {
        /// Whether the poll itself has woken the reader.
        woken: bool,
    },
    /// Nothing more.
    End,
}

/// A body that is polled by hand.
pub struct Hand(Pin<Box<AnswerBody>>);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Hand {
    /// Takes the body of an answer into the hand.
    pub fn new(response: Response<AnswerBody>) -> Self {
        Self(Box::pin(response.into_body()))
    }

    /// One poll.
    pub fn poll(&mut self) -> Came {
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        match self.0.as_mut().poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Pending => Came::Waits { woken: woken.0.load(Ordering::Relaxed) },
            Poll::Ready(None) => Came::End,
            Poll::Ready(Some(Err(error))) => Came::Failed(body_error(error)),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Came::Data(data),
                Err(other) => Came::Trailers(other.into_trailers().expect("there are two kinds of frames")),
            },
        }
    }

    /// One poll that has to give data.
    #[track_caller]
    pub fn data(&mut self) -> Bytes {
        match self.poll() {
            Came::Data(data) => data,
            other => panic!("data was expected, and {other:?} came"),
        }
    }

    /// Waits for the next data.
    pub async fn next_data(&mut self) -> Bytes {
        let frame = self.0.frame().await.expect("there is more").expect("it is whole so far");
        frame.into_data().expect("data")
    }

    /// Whether it says that it is over.
    pub fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
