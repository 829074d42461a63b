//! The suite that every [`Journal`] has to pass, unchanged.
//!
//! Each check opens answers of its own, so a store may hold what earlier runs have left. But a store has one run
//! at a time, for [`Journal::claim_any`] takes whatever it finds. Most answers have leases that do not run out;
//! what is about time counts in [`Bench::unit`].
//!
//! Waits are measured on tokio's clock. Where a test pauses that, nothing in the store may wait for a thread
//! that tokio does not know of, or the clock runs ahead of it.
//!
//! A store's tests implement [`Bench`] and await [`check_all`], and [`check_model`] with some seeds; those of
//! [`Memory`](crate::Memory), in `tests/memory.rs`, are an example.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a check fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use crate::{BoxFuture, Journal};

mod append;
mod crash;
mod end;
mod follow;
mod gone;
mod kit;
mod lease;
mod model;
mod open;
mod read;
mod seize;

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
    append::of_the_same_batch_at_once_one_is_written,
    append::events_may_have_any_bytes,
    append::a_large_event_comes_back_whole,
    end::the_end_comes_with_its_last_events,
    end::an_answer_may_end_without_events,
    end::the_end_is_not_held_to_the_bytes_of_an_answer,
    end::an_end_may_be_repeated,
    end::what_has_ended_does_not_change,
    lease::who_claims_goes_on_where_the_other_stopped,
    lease::a_claim_leaves_the_state_as_it_was,
    lease::a_lease_that_ran_out_and_was_not_claimed_may_write,
    lease::an_old_lease_can_do_nothing,
    lease::what_is_leased_is_not_claimed,
    lease::of_many_who_claim_at_once_one_wins,
    lease::fences_only_grow,
    lease::who_renews_or_writes_keeps_an_answer,
    lease::what_is_relinquished_may_be_claimed_at_once,
    lease::who_claims_knows_all_that_was_written_before,
    lease::any_answer_without_a_writer_is_found,
    lease::of_many_who_claim_any_none_get_the_same,
    lease::the_writer_hears_how_long_ago_somebody_attended,
    seize::who_seizes_an_answer_has_the_last_word,
    seize::of_an_end_and_a_seizure_one_is_the_end,
    seize::an_answer_is_seized_at_any_time_before_its_end,
    gone::who_releases_an_answer_frees_its_key,
    gone::what_has_ended_expires,
    gone::what_nobody_writes_expires_too,
    gone::what_is_written_or_renewed_does_not_expire,
    gone::what_is_leased_does_not_expire,
    gone::what_is_claimed_and_given_back_expires_as_if_it_had_not_been,
    gone::the_key_of_what_has_expired_is_free,
    gone::a_name_that_was_never_given_reads_nothing_of_the_one_that_was,
    read::pages_have_no_gap_and_no_more_than_was_asked_for,
    read::a_page_has_all_that_there_is_room_for_in_the_end,
    follow::followers_see_the_same_whenever_they_come,
    follow::two_thousand_followers_see_the_same,
    follow::a_slow_follower_misses_nothing,
    follow::a_follower_goes_on_when_another_writes,
    follow::who_waits_wakes_at_every_change,
    follow::nobody_waits_for_what_is_there,
    follow::who_waits_comes_back_in_time,
    crash::what_was_written_outlives_its_writer,
    crash::the_end_outlives_its_writer,
    crash::all_answers_without_a_writer_are_found_after_a_crash,
    crash::fences_grow_across_crashes,
    crash::what_has_ended_expires_after_a_crash_too,
    crash::a_store_that_forgets_begins_anew,
];

/// Runs all of them, one after the other, each on keys of its own.
pub async fn check_all(bench: &dyn Bench) {
    for check in CHECKS {
        let _name = kit::Named(check.name.to_owned());
        (check.run)(bench).await;
    }
}
