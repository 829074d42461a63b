/// A check that says nothing of some layers alone, and why. In a stack it is run as soon as the stack has
/// any other layer.
pub struct Exempt {
    /// The check.
    pub check: &'static str,
    /// The layers.
    pub layers: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

/// All exemptions.
pub const EXEMPT: &[Exempt] = &[
    Exempt {
        check: "an_answer_of_a_layers_own_is_an_error_of_the_chat_api",
        layers: &[
            "watchdog",
            "admission",
            "idempotency",
            "breaker",
            "per_upstream",
            "questions",
            "quota",
            "mask",
        ],
        why: "it has no answer of its own for a single call; the tests of its crate look at its refusal",
    },
    Exempt {
        check: "a_broken_end_is_told_in_the_readers_format",
        layers: TELL_NOBODY,
        why: "it ends the body with an error; the seal tells the reader",
    },
    Exempt {
        check: "between_the_error_event_and_the_error_there_is_a_turn",
        layers: TELL_NOBODY,
        why: "it sends no event that could be lost",
    },
    Exempt { check: "a_reader_who_was_told_is_not_told_again", layers: TELL_NOBODY, why: "it tells nobody" },
    Exempt {
        check: "what_is_put_between_events_stands_between_events",
        layers: TELL_NOBODY,
        why: "it puts nothing between events",
    },
    Exempt {
        check: "while_the_reader_is_told_nothing_is_held_further_in",
        layers: TELL_NOBODY,
        why: "behind its error there is nothing more to send, and it is dropped at once",
    },
    Exempt {
        check: "a_reader_that_leaves_behind_the_error_event_leaves_nothing",
        layers: TELL_NOBODY,
        why: "it sends no error event",
    },
    Exempt {
        check: "a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing",
        layers: ASK_ONCE,
        why: "it makes one attempt and waits for none",
    },
    Exempt {
        check: "what_was_seen_of_a_failed_attempt_is_not_shown",
        layers: ASK_ONCE,
        why: "it makes one attempt, and shows what came of it",
    },
    Exempt {
        check: "an_upstream_that_falls_silent_is_ended",
        layers: &[
            "watchdog",
            "admission",
            "seal",
            "idempotency",
            "retry",
            "breaker",
            "per_upstream",
            "questions",
            "quota",
            "mask",
        ],
        why: "it limits no time; the guard does",
    },
    Exempt {
        check: "a_failure_behind_a_head_that_left_is_told",
        layers: ASK_ONCE,
        why: "it lets no head go before there is one",
    },
    Exempt {
        check: "a_request_over_the_cap_is_sent_once",
        layers: PASS_REQUESTS,
        why: "it keeps nothing of a request",
    },
    Exempt {
        check: "an_answer_over_the_cap_is_let_go",
        layers: PASS_REQUESTS,
        why: "it holds no head back, and nothing of a JSON answer",
    },
    Exempt {
        check: "an_answer_over_the_cap_is_let_go",
        layers: &["mask"],
        why: "it holds no head back; the tests of its crate look at the bound of a JSON answer",
    },
    Exempt {
        check: "a_stream_without_content_over_the_cap_is_let_go",
        layers: ASK_ONCE,
        why: "it holds no head back",
    },
    Exempt {
        check: "an_error_body_over_the_cap_is_judged_by_what_came",
        layers: ASK_ONCE,
        why: "it passes errors on without reading them",
    },
];

/// What says nothing of a layer that [detaches](crate::layers::DETACHED) what it does, by reason. The tests of its
/// crate hold the same for it in the way that is its own.
pub const KEYED: &[(&str, &[&str])] = &[
    (
        "its stream is events with numbers and nothing else, and any other answer comes in one piece",
        &[
            "a_comment_without_an_end_is_not_kept_without_end",
            "a_compressed_answer_passes",
            "a_whole_stream_comes_out_byte_for_byte",
            "audio_passes",
            "the_json_of_other_endpoints_passes",
            "chunks_of_whole_events_come_out_as_they_went_in",
            "pieces_of_events_come_out_as_they_went_in_where_nothing_is_added",
            "an_opaque_body_has_no_cap",
            "an_opaque_body_that_breaks_ends_with_an_error",
            "what_is_not_read_is_not_held_back",
            "trailers_come_out_last",
            "trailers_of_an_opaque_body_pass",
            "a_head_comes_out_with_its_headers_and_extensions",
            "an_event_stream_loses_its_length",
        ],
    ),
    (
        "who asked under a key asked for the answer: it goes on without its caller",
        &[
            "a_caller_that_leaves_before_the_head_leaves_nothing",
            "a_reader_that_leaves_before_the_first_frame_leaves_nothing",
            "a_reader_that_leaves_in_the_middle_leaves_nothing",
            "an_answer_that_nobody_reads_has_an_ending",
            "services_of_one_layer_share_its_state",
        ],
    ),
    (
        "a task calls its service: where every poll is driven by hand, it has no turn",
        &[
            "data_that_is_there_is_not_thrown_away_for_a_late_poll",
            "every_way_to_end_is_told_once",
            "content_is_told_when_it_came",
        ],
    ),
    (
        "what its service fails with is an answer to all who wait for it",
        &[
            "an_error_of_the_service_comes_out_as_it_is",
            "an_error_of_a_body_keeps_its_source_and_is_wrapped_once",
            "a_panic_in_a_call_ends_one_answer",
            "a_panic_before_the_head_ends_one_answer",
            "a_panic_in_a_body_ends_one_answer",
        ],
    ),
    (
        "the error event is a part of the answer that it keeps; the seal ends the transport",
        &[
            "a_broken_end_is_told_in_the_readers_format",
            "between_the_error_event_and_the_error_there_is_a_turn",
            "a_reader_who_was_told_is_not_told_again",
            "what_is_put_between_events_stands_between_events",
            "while_the_reader_is_told_nothing_is_held_further_in",
            "a_reader_that_leaves_behind_the_error_event_leaves_nothing",
        ],
    ),
    (
        "it asks once, and refuses or ends what is larger than it may keep",
        &[
            "a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing",
            "a_failure_behind_a_head_that_left_is_told",
            "an_answer_over_the_cap_is_let_go",
            "a_stream_without_content_over_the_cap_is_let_go",
            "an_error_body_over_the_cap_is_judged_by_what_came",
            "every_attempt_has_the_whole_request",
            "what_was_seen_of_a_failed_attempt_is_not_shown",
            "a_request_over_the_cap_is_sent_once",
        ],
    ),
    ("it limits no time; the guard does", &["an_upstream_that_falls_silent_is_ended"]),
    (
        "it has no answer of its own for a single call; the tests of its crate look at its refusal",
        &["an_answer_of_a_layers_own_is_an_error_of_the_chat_api"],
    ),
];

const TELL_NOBODY: &[&str] = &[
    "questions",
    "watchdog",
    "admission",
    "idempotency",
    "retry",
    "breaker",
    "per_upstream",
    "quota",
    "mask",
    "guard",
];
const ASK_ONCE: &[&str] = &[
    "questions",
    "watchdog",
    "admission",
    "seal",
    "idempotency",
    "breaker",
    "per_upstream",
    "quota",
    "mask",
    "guard",
];
/// Those of them that keep nothing of a request.
const PASS_REQUESTS: &[&str] = &[
    "questions",
    "watchdog",
    "admission",
    "seal",
    "idempotency",
    "breaker",
    "per_upstream",
    "quota",
    "guard",
];

/// Why a check says nothing of the layer of this name; `None` where it does.
pub fn exempt(check: &str, layer: &str) -> Option<&'static str> {
    if layer == "keyed" {
        return KEYED.iter().find(|(_, checks)| checks.contains(&check)).map(|(why, _)| *why);
    }
    EXEMPT
        .iter()
        .find(|exempt| exempt.check == check && exempt.layers.contains(&layer))
        .map(|exempt| exempt.why)
}
