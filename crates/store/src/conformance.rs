//! The suite that every [`Journal`] has to pass, unchanged.
//!
//! Each check opens answers of its own, so a store may be shared by all of them, and by earlier runs. Most
//! have leases that never run out in a test; those about time count in [`Bench::unit`].
//!
//! Waits are measured on tokio's clock. Where a test pauses that, nothing in the store may wait for a thread
//! that tokio does not know of, or the clock runs ahead of it.
//!
//! ```ignore
//! #[tokio::test]
//! async fn my_store_passes_the_suite() {
//!     check_all(&MyBench::new()).await;
//! }
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a check fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use crate::{BoxFuture, Journal};

mod append;
mod kit;
mod model;
mod open;

pub use model::check_model;

/// A store under test.
pub trait Bench: Send + Sync {
    /// A handle on the store, as one more gateway would have one. Where one process has the store for itself,
    /// another handle of this process.
    fn journal(&self) -> BoxFuture<'_, Arc<dyn Journal>>;

    /// Ends everybody who has the store open, without a goodbye where it can, and opens it anew. What handles
    /// from before give is not looked at any more.
    fn crash(&self) -> BoxFuture<'_, Arc<dyn Journal>>;

    /// Lets so much time go by, or a little more, on the clock that the store goes by.
    fn pass(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// Whether records outlive [`Bench::crash`].
    fn is_durable(&self) -> bool;

    /// The shortest lease worth testing with: a good deal longer than the store's slowest answer, and at least
    /// 50 milliseconds.
    fn unit(&self) -> Duration;
}

/// One thing that a store has to keep.
#[derive(Clone, Copy)]
pub struct Check {
    /// What is checked, as a sentence.
    pub name: &'static str,
    /// Panics where it is not so.
    pub run: fn(&dyn Bench) -> BoxFuture<'_, ()>,
}

macro_rules! checks {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$(Check { name: stringify!($name), run: |bench| Box::pin($module::$name(bench)) }),*]
    };
}

/// All of them.
pub const CHECKS: &[Check] = checks![
    open::a_free_key_is_ours,
    open::a_running_answer_is_told,
    open::an_ended_answer_is_told,
    open::another_request_under_the_same_key_sees_the_first,
    open::of_many_who_open_at_once_one_wins,
    open::an_answer_may_begin_as_sent,
    open::sent_is_told_and_does_not_go_back,
    open::what_was_never_opened_is_unknown,
    append::events_are_numbered_from_one_and_counted,
    append::the_head_is_replaced_and_counted_once,
    append::attempts_only_grow,
    append::a_batch_without_events_does_not_start_the_stream,
    append::a_repeated_batch_is_written_once,
    append::a_batch_that_begins_too_late_is_out_of_order,
    append::a_batch_that_is_partly_there_is_out_of_order,
    append::what_is_too_large_is_not_written_and_the_answer_goes_on,
    append::events_may_have_any_bytes,
    append::a_large_event_comes_back_whole,
];

/// Runs all of them, one after the other, each on keys of its own.
pub async fn check_all(bench: &dyn Bench) {
    for check in CHECKS {
        let _name = kit::Named(check.name.to_owned());
        (check.run)(bench).await;
    }
}
