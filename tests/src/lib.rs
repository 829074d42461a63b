//! The contract of the layers, as a suite that runs over each of them alone, every pair, and random orders.
//!
//! * [`chat`] is a chat API driven by hand: strict about readiness, and it counts what is held of it.
//! * [`body`] is a body that does what it is told.
//! * [`witness`] stands between every two layers and tells of what no layer may do to the next.
//! * [`layers`] is the list of the layers: a new one is one line.
//! * [`keyed`] takes off what one of them adds to every event, so that the checks can compare bytes.
//! * [`contract`] is the list of the checks, and of the layers to which one does not apply, with the reason.
//! * [`run`] runs one check over one order, under paused time.
//! * [`log`] reads what is logged: a layer that logs does nothing where nobody does.
//! * [`matrix`] writes the table of both lists, which a test holds to what is run.
//! * [`wrong`] are layers with one mistake each: the suite has to find it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a check fails by panicking")]

pub mod alive;
pub mod answers;
pub mod body;
pub mod boxed;
pub mod chat;
pub mod contract;
pub mod keyed;
pub mod layers;
pub mod log;
pub mod matrix;
pub mod read;
pub mod rig;
pub mod run;
pub mod subject;
pub mod violations;
pub mod witness;
pub mod wrong;

/// What a panic says that a check has asked for.
pub const ON_PURPOSE: &str = "a panic on purpose";
