//! What the rows say.

use super::Size;
use super::beside::Beside;
use super::crowd::{Crowd, Memory, Slow};
use super::recovery::{BACK, WINDOW};
use super::sick::{Row, Run};
use super::target::Target;
use crate::support::report::table;
use crate::support::samples::quantile;

/// The report, without the line on the machine.
pub(crate) fn report(sick: &[Row], size: Size, slow: Option<&Slow>, crowd: Crowd) -> String {
    let mut report = include_str!("before.md").to_owned();
    let mut targets = Vec::new();
    if !sick.is_empty() {
        report += &format!(
            "\n## A chat API that is not well\n\n{}\n{}",
            sick_before(size),
            sick_tables(sick, size)
        );
        targets.extend(sick.iter().flat_map(|row| row.targets(size)));
    }
    if let Some(slow) = slow {
        report +=
            &format!("\n## Readers that do not read\n\n{}\n{}", slow_before(crowd), slow_tables(slow, crowd));
        targets.extend(slow.targets(crowd));
    }
    report + &verdicts(&targets)
}

fn verdicts(targets: &[Target]) -> String {
    let row = |target: &Target| vec![target.what.clone(), target.measured.clone(), target.verdict()];
    let rows: Vec<_> = targets.iter().map(row).collect();
    format!("\n## Targets\n\n{}", table(&["target", "measured", ""], &rows))
}

fn sick_before(size: Size) -> String {
    let Size { rate, counted, tail, patience, at_once, slow_first_event, open_for, .. } = size;
    format!(
        "- Three processes over loopback: the callers, the gateway (release build), and `gateway mock` as the chat\n  \
           API. They share the machine's processors. The gateway is as it comes, retries included; *without* is\n  \
           `breaker.enabled = false`.\n\
         - {rate:.0} calls a second come for {counted} s, whatever becomes of those before them, and are counted; each waits\n  \
           {patience} s at most. In the last row {at_once} more come at once at the beginning. The chat API is sick for {tail} s\n  \
           more, under more calls, so that retries do not meet a healthy one. *CPU* is the processor time of the\n  \
           gateway in the {counted} s.\n\
         - A good answer has its first event after 50 ms and 12 events 20 ms apart; its text is compared with what\n  \
           the API must have given. *503*: a share of the requests gets one. *all stall*: 200, and no event ever.\n\
         - *opened after*: the first sight of it, as a refusal or on `/metrics`, behind the first call, and as a\n  \
           multiple of `breaker.slow_first_event` ({slow} s).\n\
         - *pages*: `/healthz` on the readers' side and `/metrics` on the operators', each ten times a second.\n\
         - Then the chat API is well, and the calls go on to come. *answered again* is the time from the first\n  \
           content of the first call that came to the healthy API to the end of the first {WINDOW} s in which {back:.0} %\n  \
           of the calls that came were answered, and in the 1.5 s behind it too, as a multiple of `breaker.open_for`\n  \
           ({open} s). The wait before that call is what is left of the time that the circuit is open: with each\n  \
           failure to close that doubles.\n",
        counted = counted.as_secs_f64(),
        tail = tail.as_secs_f64(),
        patience = patience.as_secs_f64(),
        slow = slow_first_event.as_secs_f64(),
        open = open_for.as_secs_f64(),
        back = BACK * 100.0,
    )
}

fn sick_tables(rows: &[Row], size: Size) -> String {
    let spent =
        ["", "CPU, s", "CPU falls by", "answered", "refused by the breaker", "threads", "memory, MiB"];
    let opened = ["", "opened after", "opened, times", "pages p99, ms", "pages that did not come"];
    let back = ["", "circuit when it was well", "first probe after", "answered again", "in all"];
    let tables = [
        table(&spent, &rows.iter().map(spent_row).collect::<Vec<_>>()),
        table(&opened, &rows.iter().map(|row| opened_row(row, size)).collect::<Vec<_>>()),
        table(&back, &rows.iter().map(|row| back_row(row, size)).collect::<Vec<_>>()),
        failed(rows),
    ];
    format!(
        "{}\n{}\n### When it is well again (with the breaker)\n\n{}\n### What callers saw of what was not answered\n\n{}",
        tables[0], tables[1], tables[2], tables[3]
    )
}

/// What is without the breaker, and what with it.
fn both(row: &Row, of: impl Fn(&Run) -> String) -> String {
    format!("{} → {}", of(&row.without), of(&row.with))
}

fn or_dash(value: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    value.map_or("–".to_owned(), shown)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0).replace('-', "−")
}

fn spent_row(row: &Row) -> Vec<String> {
    let held = |run: &Run| run.pages.held;
    vec![
        row.mix.name.to_owned(),
        both(row, |run| or_dash(run.cpu, |cpu| format!("{cpu:.2}"))),
        or_dash(row.fall(), percent),
        both(row, |run| percent(run.share(run.answered))),
        both(row, |run| percent(run.share(run.refused))),
        both(row, |run| held(run).map_or("–".to_owned(), |held| held.threads.to_string())),
        both(row, |run| {
            held(run).map_or("–".to_owned(), |held| {
                format!("{:.0}", held.most_resident as f64 / f64::from(1 << 20))
            })
        }),
    ]
}

fn opened_row(row: &Row, size: Size) -> Vec<String> {
    let slow = size.slow_first_event.as_secs_f64();
    vec![
        row.mix.name.to_owned(),
        or_dash(row.with.opened_after, |after| format!("{after:.1} s, {:.2} ×", after / slow)),
        row.with.opened.to_string(),
        both(row, |run| {
            let mut took = run.pages.took.clone();
            took.sort_by(f64::total_cmp);
            or_dash(quantile(&took, took.len(), 0.99), |p99| format!("{:.1}", p99 * 1000.0))
        }),
        both(row, |run| run.pages.failed.to_string()),
    ]
}

fn back_row(row: &Row, size: Size) -> Vec<String> {
    let Run { recovery, healed, state, opened, .. } = &row.with;
    let none = || if *opened == 0 { "–".to_owned() } else { "never".to_owned() };
    let open = size.open_for.as_secs_f64();
    let told = |shown: &dyn Fn(super::recovery::Recovery) -> String| recovery.map_or_else(none, shown);
    vec![
        row.mix.name.to_owned(),
        (*state).to_owned(),
        told(&|it| format!("{:.1} s", it.probe - healed)),
        told(&|it| format!("{:.1} s, {:.2} ×", it.back - it.probe, (it.back - it.probe) / open)),
        told(&|it| format!("{:.1} s", it.back - healed)),
    ]
}

fn failed(rows: &[Row]) -> String {
    let mut kinds: Vec<&str> = rows
        .iter()
        .flat_map(|row| [&row.without, &row.with])
        .flat_map(|run| run.failed.keys().map(String::as_str))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut head = vec![""];
    head.extend(&kinds);
    head.push("refused by the breaker");
    let cells = |row: &Row| {
        let mut cells = vec![row.mix.name.to_owned()];
        let count = |kind: &str| both(row, |run| run.failed.get(kind).copied().unwrap_or(0).to_string());
        cells.extend(kinds.iter().map(|kind| count(kind)));
        cells.push(both(row, |run| run.refused.to_string()));
        cells
    };
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn slow_before(crowd: Crowd) -> String {
    let Crowd { idle, normal, over, time, rounds } = crowd;
    format!(
        "- {idle} connections each ask for an answer of 50 MB and never read; the chat API (here a part of this\n  \
           process, on a thread of its own) pushes as fast as it is taken. *above idle* is the most that the gateway\n  \
           ever had in memory, until nothing more piled up, less what it had before they came. The bound is what is\n  \
           read ahead at most (256 KiB) and what an open call is charged (96 KiB), for each. The kernel's buffers\n  \
           are not the process's; those of HTTP on both sides of an answer are, and what is read ahead comes on\n  \
           top of them. `backpressure.stall_timeout` is 5 min here, so that nobody is let go.\n\
         - Then {normal} others read beside them, come within {over} s, and are measured for {time} s: a first event after\n  \
           50 ms, and 12 events of about 240 bytes, 300 ms apart. Once without those who do not read, and once with\n  \
           them, in {rounds} rounds, each time with a gateway of its own. *first event* is from asking, *lateness* from\n  \
           the moment when the chat API sent an event to the moment when its reader had it.\n",
        over = over.as_secs_f64(),
        time = time.as_secs_f64(),
    )
}

fn slow_tables(slow: &Slow, crowd: Crowd) -> String {
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let memory = |row: &Memory| {
        let each = or_dash(row.each(crowd), |each| format!("{:.0}", each / 1024.0));
        vec![row.name.to_owned(), mib(row.before), mib(row.most.saturating_sub(row.before)), each]
    };
    let beside = |name: &str, beside: &Beside| {
        let at = |of: &[f64], q| or_dash(quantile(of, of.len(), q), |at| format!("{:.2}", at * 1000.0));
        vec![
            name.to_owned(),
            at(&beside.first, 0.5),
            at(&beside.first, 0.99),
            at(&beside.late, 0.5),
            at(&beside.late, 0.99),
            beside.late.len().to_string(),
            beside.failed.to_string(),
        ]
    };
    let head =
        ["", "first event p50, ms", "p99, ms", "lateness p50, ms", "p99, ms", "events", "answers failed"];
    let rows = [beside("without them", &slow.without), beside("beside them", &slow.with)];
    format!(
        "{}\n{}",
        table(
            &["", "idle, MiB", "above idle, MiB", "for each, KiB"],
            &slow.memory.iter().map(memory).collect::<Vec<_>>()
        ),
        table(&head, &rows)
    )
}
