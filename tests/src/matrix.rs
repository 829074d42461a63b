//! The table of what is held by which test. It is written from the lists that are run, so it cannot say
//! anything else.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::contract::{Check, EXEMPT, GROUPS, KEYED, checks, exempt};
use crate::layers::{DETACHED, LAYERS};
use crate::subject::Entry;
use crate::wrong::WRONG;

/// The variable that has the table written instead of compared.
pub const UPDATE: &str = "UPDATE_CONTRACT_MATRIX";

/// A known mistake, and the tests that look for it.
pub struct Pitfall {
    /// What goes wrong.
    pub what: &'static str,
    /// The checks, and the tests on real connections.
    pub held_by: &'static [&'static str],
}

/// The mistakes that middleware is known for, and where they would be found.
pub const PITFALLS: &[Pitfall] = &[
    Pitfall {
        what: "readiness is spent on another instance than the one that is called",
        held_by: &["what_was_made_ready_is_what_is_called", "a_limit_further_in_is_kept"],
    },
    Pitfall {
        what: "`poll_ready` reserves, and an idle clone keeps what it reserved",
        held_by: &[
            "a_clone_has_to_become_ready_itself",
            "a_ready_service_that_is_dropped_gives_its_place_back",
            "services_that_are_ready_and_idle_take_nothing_from_others",
        ],
    },
    Pitfall {
        what: "state is made in `Layer::layer`, which axum calls for every route",
        held_by: &["services_of_one_layer_share_its_state", "routes_of_one_router_share_its_state"],
    },
    Pitfall {
        what: "`Service::Error` is changed, so that the layer does not mount",
        held_by: &["an_error_of_the_service_comes_out_as_it_is", "it_mounts_in_a_router"],
    },
    Pitfall {
        what: "errors of bodies are boxed until nobody can tell what they were",
        held_by: &["an_error_of_a_body_keeps_its_source_and_is_wrapped_once"],
    },
    Pitfall { what: "a body has to be `Sync` or `Unpin`", held_by: &["a_body_need_not_be_sync_nor_unpin"] },
    Pitfall {
        what: "`size_hint` and `is_end_stream` are forgotten, or the end is seen only at `None`",
        held_by: &[
            "the_json_of_other_endpoints_passes",
            "audio_passes",
            "the_end_is_seen_where_the_last_frame_says_so",
            "an_empty_body_has_ended_before_it_is_read",
            "what_has_a_length_keeps_it_on_the_wire",
        ],
    },
    Pitfall {
        what: "trailers are dropped, or make a broken body whole",
        held_by: &[
            "trailers_come_out_last",
            "trailers_do_not_make_a_broken_stream_whole",
            "trailers_of_an_opaque_body_pass",
        ],
    },
    Pitfall {
        what: "a body is changed under its old `content-length` or digest",
        held_by: &["an_event_stream_loses_its_length", "a_compressed_answer_passes"],
    },
    Pitfall {
        what: "a failed stream ends as if it were whole, or its error overtakes the last frame",
        held_by: &[
            "a_broken_stream_ends_with_an_error_and_without_an_end_mark",
            "between_the_error_event_and_the_error_there_is_a_turn",
            "a_cut_answer_is_told_on_the_wire_and_its_transport_fails",
        ],
    },
    Pitfall {
        what: "a drop is forgotten: permits, calls, buffers stay",
        held_by: &[
            "a_caller_that_leaves_before_it_is_its_turn_leaves_nothing",
            "a_caller_that_leaves_before_the_head_leaves_nothing",
            "a_reader_that_leaves_before_the_first_frame_leaves_nothing",
            "a_reader_that_leaves_in_the_middle_leaves_nothing",
            "a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing",
            "a_reader_that_leaves_ends_the_call_upstream",
        ],
    },
    Pitfall {
        what: "a timer in a body that nobody polls fires late, and throws away what has come",
        held_by: &[
            "data_that_is_there_is_not_thrown_away_for_a_late_poll",
            "a_head_that_is_there_is_not_thrown_away_for_a_late_poll",
        ],
    },
    Pitfall {
        what: "a 200 counts as a success before its stream has failed",
        held_by: &["a_200_that_breaks_is_no_success", "every_way_to_end_is_told_once"],
    },
    Pitfall {
        what: "a retry sends a request body that is spent already",
        held_by: &["every_attempt_has_the_whole_request", "a_request_over_the_cap_is_sent_once"],
    },
    Pitfall {
        what: "one panic or timeout takes a pool with it, and neighbours freeze",
        held_by: &["neighbours_of_a_panic_do_not_notice", "an_outage_of_some_is_no_outage_of_others"],
    },
    Pitfall {
        what: "a permit goes back at the head, while its stream runs on",
        held_by: &[
            "one_more_than_the_limit_waits_though_all_heads_are_long_out",
            "a_place_goes_back_with_the_last_byte_and_not_with_the_body",
            "a_place_comes_back_wherever_its_call_is_dropped",
        ],
    },
    Pitfall {
        what: "tokens are charged when they are spent already, or never given back",
        held_by: &[
            "an_estimate_is_held_until_the_last_byte_and_then_the_usage_counts",
            "more_than_was_reserved_is_owed",
            "a_reader_that_leaves_is_never_given_back_all",
        ],
    },
    Pitfall {
        what: "a reader that stopped reading holds everything until its transport gives up",
        held_by: &[
            "a_reader_that_stops_is_let_go_and_everything_with_it",
            "waiting_for_the_upstream_is_nobodys_stall",
        ],
    },
];

/// What the contract asks for and no check holds yet, with the reason.
pub const GAPS: &[(&str, &str)] = &[
    ("a span lasts as long as the body", "no layer opens a span yet"),
    ("frames that are neither data nor trailers pass", "there are no such frames to make in `http-body` 1"),
];

/// The test files beside the contract whose tests the table names.
const OTHERS: &[&str] = &[
    "tests/tests/composition/client.rs",
    "tests/tests/composition/server.rs",
    "tests/tests/outage.rs",
    "tests/tests/chunkings.rs",
    "crates/backpressure/tests/admission.rs",
    "crates/backpressure/tests/watchdog.rs",
    "crates/quota/tests/quota.rs",
];

/// Where the table is.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contract-matrix.md")
}

/// The tests of the files beside the contract, by file.
pub fn other_tests() -> Vec<(&'static str, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tests = |file: &&'static str| {
        let source = std::fs::read_to_string(folder.join(file)).expect("a test file");
        let mut names = Vec::new();
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            is_test |= line.starts_with("#[tokio::test") || line.starts_with("#[test]");
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
            if let Some((name, _)) = name.and_then(|name| name.split_once('(')).filter(|_| is_test) {
                names.push(name.to_owned());
                is_test = false;
            }
        }
        (*file, names)
    };
    OTHERS.iter().map(tests).collect()
}

/// Names in the lists above that are no test.
pub fn unknown() -> Vec<&'static str> {
    let others: Vec<String> = other_tests().into_iter().flat_map(|(_, names)| names).collect();
    let is_known =
        |name: &str| checks().any(|check| check.name == name) || others.iter().any(|it| it == name);
    let is_layer = |name: &str| LAYERS.iter().any(|layer| layer.name == name);
    let held_by = PITFALLS.iter().flat_map(|pitfall| pitfall.held_by.iter().copied());
    let exempt = EXEMPT.iter().map(|exempt| exempt.check).filter(|name| !checks().any(|it| it.name == *name));
    let layers =
        EXEMPT.iter().flat_map(|exempt| exempt.layers.iter().copied()).filter(|name| !is_layer(name));
    let keyed = KEYED.iter().flat_map(|(_, checks)| checks.iter().copied());
    let keyed = keyed.filter(|name| !checks().any(|it| it.name == *name));
    held_by.filter(|name| !is_known(name)).chain(exempt).chain(keyed).chain(layers).collect()
}

/// What stands in the columns: the layers, and those that stand in no order.
fn columns() -> impl Iterator<Item = &'static Entry> {
    LAYERS.iter().chain(DETACHED)
}

/// The whole table.
pub fn text() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut reasons: Vec<&str> = Vec::new();
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n\n| check |", group.title);
        columns().for_each(|layer| {
            let _ = write!(text, " {} |", layer.name);
        });
        let _ = writeln!(text, " pairs | orders |\n|---|{}", ":-:|".repeat(columns().count() + 2));
        for check in group.checks {
            let cells: Vec<String> = columns().map(|layer| cell(check, layer.name, &mut reasons)).collect();
            let _ = writeln!(text, "| `{}` | {} | ✓ | ✓ |", check.name, cells.join(" | "));
        }
    }
    text.push_str("\n## Where a check says nothing of a layer alone\n\n");
    for (number, why) in reasons.iter().enumerate() {
        let _ = writeln!(text, "{}. {why}", number + 1);
    }
    text.push_str("\n## Known pitfalls, and what would find them\n\n| pitfall | held by |\n|---|---|\n");
    for pitfall in PITFALLS {
        let names: Vec<String> = pitfall.held_by.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "| {} | {} |", pitfall.what, names.join("<br>"));
    }
    text.push_str(
        "\n## That the checks can fail\n\nLayers with one mistake each, and the check that finds it:\n\n",
    );
    text.push_str("| mistake | found by |\n|---|---|\n");
    for (mistake, _, check) in WRONG {
        let _ = writeln!(text, "| `{mistake:?}` | `{check}` |");
    }
    text.push_str(
        "\n## Beside the contract\n\nOn real connections, on any bytes cut anywhere, and of one layer:\n\n",
    );
    for (file, names) in other_tests() {
        for name in names {
            let _ = writeln!(text, "- `{}`: `{name}`", file.trim_end_matches(".rs"));
        }
    }
    text.push_str("\n## Gaps\n\n| not held by a test | why |\n|---|---|\n");
    for (what, why) in GAPS {
        let _ = writeln!(text, "| {what} | {why} |");
    }
    text
}

fn cell(check: &Check, layer: &str, reasons: &mut Vec<&'static str>) -> String {
    let Some(why) = exempt(check.name, layer) else { return "✓".to_owned() };
    let number = reasons.iter().position(|known| *known == why).unwrap_or_else(|| {
        reasons.push(why);
        reasons.len() - 1
    });
    format!("({})", number + 1)
}

const INTRODUCTION: &str = "\
<!-- Written by the test `the_matrix_says_what_is_run`; UPDATE_CONTRACT_MATRIX=1 writes it anew. -->

# What every layer keeps

Each row is a check of the contract, each column what it is run over: a layer alone, every ordered pair of
layers (a layer with itself included), and a hundred random orders of all layers with some of them twice. A ✓
in row R and column C is the test `R::C`:

```sh
cargo test -p lastbyte-tests --test contract R::C
```

A number is the reason why the check says nothing of that layer alone; in pairs and orders it is run as soon
as another layer stands there. `keyed` is the idempotency layer with a key for each request, which a task answers;
it is run alone. Between every two layers stands a witness that looks at each answer: its
endings, the kind of its errors, its size hints, what comes behind its end. A new layer is one line in
`tests/src/layers.rs`.
";
