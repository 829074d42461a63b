use std::any::Any;
use std::error::Error;
use std::io;

use crate::{BoxError, Cause, FailureKind};

/// Whether a request that failed may have been worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// It was not sent, or the server promised not to have looked at it: it costs nothing to send again.
    No,
    /// It may have been worked on, and paid for.
    Maybe,
}

/// What a transport error means.
#[derive(Clone, Debug, PartialEq)]
pub struct TransportFault {
    /// The kind of failure, where there was no head.
    pub kind: FailureKind,
    /// The cause, where it broke a body.
    pub cause: Cause,
    /// Whether the request may have been worked on.
    pub sent: Sent,
    /// Whether it can heal by itself. A bad certificate does not.
    pub passing: bool,
}

impl TransportFault {
    /// What `error` and the errors below it say.
    ///
    /// Knows `std::io`, `hyper`, `h2` and hyper-util's client; anything else is a reset after sending.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut fault =
            Self { kind: FailureKind::Reset, cause: Cause::Reset, sent: Sent::Maybe, passing: true };
        let mut next = Some(error);
        while let Some(error) = next {
            fault.see(error);
            next = error.source();
        }
        fault
    }

    /// The same for a value of any error type of a service, boxed or not.
    pub fn of_any<E: 'static>(error: &E) -> Self {
        let any: &dyn Any = error;
        if let Some(error) = any.downcast_ref::<BoxError>() {
            Self::of(&**error)
        } else if let Some(error) = any.downcast_ref::<hyper_util::client::legacy::Error>() {
            Self::of(error)
        } else if let Some(error) = any.downcast_ref::<hyper::Error>() {
            Self::of(error)
        } else if let Some(error) = any.downcast_ref::<io::Error>() {
            Self::of(error)
        } else {
            Self { kind: FailureKind::Reset, cause: Cause::Reset, sent: Sent::Maybe, passing: true }
        }
    }

    fn see(&mut self, error: &(dyn Error + 'static)) {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            if error.is_connect() {
                (self.kind, self.sent) = (FailureKind::Connect, Sent::No);
            }
        } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_canceled() {
                self.sent = Sent::No;
            }
            if error.is_incomplete_message() {
                self.cause = Cause::LengthShort;
            }
        } else if let Some(error) = error.downcast_ref::<h2::Error>() {
            // RFC 9113 section 8.7: a refused stream was not processed.
            if error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM) {
                self.sent = Sent::No;
            }
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable => {
                    (self.kind, self.sent) = (FailureKind::Connect, Sent::No);
                }
                io::ErrorKind::TimedOut if self.kind != FailureKind::Connect => {
                    self.kind = FailureKind::Timeout { by_caller: false };
                }
                // rustls reports a certificate it does not accept as invalid data.
                io::ErrorKind::InvalidData if self.kind == FailureKind::Connect => self.passing = false,
                _ => {}
            }
        }
    }
}
