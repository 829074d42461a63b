//! The checks, and the layers to which one of them does not apply.

use std::future::Future;
use std::pin::Pin;

use crate::rig::Rig;

mod bodies;
mod bounds;
mod cancel;
mod endings;
mod errors;
mod exempt;
mod opaque;
mod panics;
mod readiness;
mod retries;
mod seals;
mod state;
mod time;

pub use exempt::{EXEMPT, Exempt, KEYED, exempt};

/// One thing that every layer keeps, as a function that fails by panicking.
#[derive(Clone, Copy)]
pub struct Check {
    /// A sentence.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(Rig) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Checks of one kind.
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The checks.
    pub checks: &'static [Check],
}

macro_rules! group {
    ($title:literal, $module:ident: $($name:ident),* $(,)?) => {
        Group {
            title: $title,
            checks: &[$(Check { name: stringify!($name), run: |rig| Box::pin($module::$name(rig)) }),*],
        }
    };
}

/// All checks.
pub const GROUPS: &[Group] = &[
    group!("Errors and refusals", errors:
        an_error_of_the_service_comes_out_as_it_is,
        an_error_while_becoming_ready_comes_out_as_it_is,
        an_answer_of_a_layers_own_is_an_error_of_the_chat_api,
        a_refusal_further_in_comes_out_as_it_is,
        an_error_of_a_body_keeps_its_source_and_is_wrapped_once,
    ),
    group!("Readiness", readiness:
        what_was_made_ready_is_what_is_called,
        a_clone_has_to_become_ready_itself,
        a_ready_service_that_is_dropped_gives_its_place_back,
        a_limit_further_in_is_kept,
        a_service_that_is_not_ready_is_waited_for,
        services_that_are_ready_and_idle_take_nothing_from_others,
    ),
    group!("Bodies", bodies:
        a_whole_stream_comes_out_byte_for_byte,
        chunks_of_whole_events_come_out_as_they_went_in,
        pieces_of_events_come_out_as_they_went_in_where_nothing_is_added,
        a_head_comes_out_with_its_headers_and_extensions,
        an_event_stream_loses_its_length,
        trailers_come_out_last,
        trailers_do_not_make_a_broken_stream_whole,
        a_broken_stream_ends_with_an_error_and_without_an_end_mark,
        a_body_need_not_be_sync_nor_unpin,
    ),
    group!("What is not read passes", opaque:
        the_json_of_other_endpoints_passes,
        audio_passes,
        multipart_passes,
        a_compressed_answer_passes,
        the_answer_to_head_passes_with_its_length,
        an_upgrade_passes,
        no_content_passes,
        what_is_not_read_is_not_held_back,
        an_opaque_body_that_breaks_ends_with_an_error,
        trailers_of_an_opaque_body_pass,
    ),
    group!("Endings", endings:
        every_way_to_end_is_told_once,
        a_200_that_breaks_is_no_success,
        the_end_is_seen_where_the_last_frame_says_so,
        an_empty_body_has_ended_before_it_is_read,
        an_empty_stream_is_not_a_whole_answer,
        content_is_told_when_it_came,
        an_answer_that_nobody_reads_has_an_ending,
        an_ending_known_further_in_is_the_one_that_is_told,
    ),
    group!("What the reader is told", seals:
        a_broken_end_is_told_in_the_readers_format,
        between_the_error_event_and_the_error_there_is_a_turn,
        a_reader_who_was_told_is_not_told_again,
        what_is_put_between_events_stands_between_events,
        while_the_reader_is_told_nothing_is_held_further_in,
    ),
    group!("Drop is cancel", cancel:
        a_caller_that_leaves_before_it_is_its_turn_leaves_nothing,
        a_caller_that_leaves_before_the_head_leaves_nothing,
        a_reader_that_leaves_before_the_first_frame_leaves_nothing,
        a_reader_that_leaves_in_the_middle_leaves_nothing,
        a_reader_that_leaves_behind_the_error_event_leaves_nothing,
        a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing,
    ),
    group!("State", state:
        services_of_one_layer_share_its_state,
        routes_of_one_router_share_its_state,
        it_mounts_in_a_router,
    ),
    group!("Time", time:
        data_that_is_there_is_not_thrown_away_for_a_late_poll,
        a_head_that_is_there_is_not_thrown_away_for_a_late_poll,
        an_upstream_that_falls_silent_is_ended,
        a_slow_answer_that_moves_is_not_ended,
    ),
    group!("Bounds", bounds:
        an_event_over_the_cap_ends_the_answer,
        an_event_under_the_cap_passes_however_it_is_cut,
        a_comment_without_an_end_is_not_kept_without_end,
        an_opaque_body_has_no_cap,
        a_request_over_the_cap_is_sent_once,
        an_answer_over_the_cap_is_let_go,
        a_stream_without_content_over_the_cap_is_let_go,
        an_error_body_over_the_cap_is_judged_by_what_came,
    ),
    group!("Panics", panics:
        a_panic_in_a_call_ends_one_answer,
        a_panic_before_the_head_ends_one_answer,
        a_panic_in_a_body_ends_one_answer,
        a_panic_in_a_request_body_ends_one_answer,
        neighbours_of_a_panic_do_not_notice,
    ),
    group!("Attempts", retries:
        a_429_passes_or_is_asked_again_in_its_time,
        every_attempt_has_the_whole_request,
        what_was_seen_of_a_failed_attempt_is_not_shown,
        nothing_is_asked_again_behind_content,
        a_failure_behind_a_head_that_left_is_told,
    ),
];

/// All checks, without their groups.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    GROUPS.iter().flat_map(|group| group.checks)
}

/// The check of that name.
///
/// # Panics
///
/// Where there is none.
pub fn check(name: &str) -> &'static Check {
    checks().find(|check| check.name == name).unwrap_or_else(|| panic!("there is no check {name}"))
}
