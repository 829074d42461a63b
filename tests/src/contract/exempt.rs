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
        layers: &["watchdog", "admission", "idempotency", "breaker", "per_upstream", "quota"],
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
            "quota",
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
        layers: ASK_ONCE,
        why: "it keeps nothing of a request",
    },
    Exempt {
        check: "an_answer_over_the_cap_is_let_go",
        layers: ASK_ONCE,
        why: "it holds no head back, and nothing of a JSON answer",
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

const TELL_NOBODY: &[&str] =
    &["watchdog", "admission", "idempotency", "retry", "breaker", "per_upstream", "quota", "guard"];
const ASK_ONCE: &[&str] =
    &["watchdog", "admission", "seal", "idempotency", "breaker", "per_upstream", "quota", "guard"];
