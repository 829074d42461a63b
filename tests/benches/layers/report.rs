//! The report: tables, and the targets with what was measured.

use std::fmt::Write as _;

use crate::events::{self, Shape};
use crate::frames::{self, Kind};
use crate::requests::Answer;
use crate::rounds::{Series, Spread};
use crate::{calls, requests};

/// The report as it grows.
pub(crate) struct Report {
    rounds: usize,
    tables: String,
    targets: Vec<Target>,
}

struct Target {
    what: String,
    /// Where the rest goes, in case it is missed.
    why: &'static str,
    limit: String,
    got: String,
    met: bool,
}

impl Report {
    pub(crate) fn new(rounds: usize) -> Self {
        Self { rounds, tables: String::new(), targets: Vec::new() }
    }

    fn target(&mut self, what: String, limit: String, got: String, met: bool, why: &'static str) {
        self.targets.push(Target { what, why, limit, got, met });
    }

    pub(crate) fn calls(&mut self, kind: &str, answer: Answer, table: &[Series]) {
        let with = if answer.extensions { "with" } else { "without" };
        let pace = if answer.waits { "waited for" } else { "there at once" };
        let at = format!("{kind}, {with} extensions, {pace}");
        self.table(&format!("Per call: {at}"), table, calls::BARE);
        if answer.waits {
            // The targets are about what the layers do themselves, and here most is the timers.
            return;
        }
        let of = |name| find(table, name);
        let copy = of(calls::COPY);
        let shared = if answer.extensions { 2.0 } else { 4.0 };
        // What it takes to read a stream is measured by itself.
        let base = of(if answer.is_stream() { calls::WATCHED } else { calls::BARE });
        let over = |name| (of(name).min() - base.min(), of(name).allocations - of(calls::BARE).allocations);

        let (more, allocations) = over(calls::GUARD_SEAL);
        self.target(
            format!("a. seal + guard over the {} ({at})", base.name),
            format!("150 ns, {shared} allocations"),
            format!("{more:.0} ns, {allocations:.1}"),
            more < 150.0 && allocations <= shared,
            "A clock read, the search for `x-request-timeout` and for `content-length`, two blocks of the heap \
             and an entry in the extensions are most of what guard and seal take. A stream has the state of its \
             scanner and that of the seal in one more block each.",
        );
        let (more, allocations) = over(calls::RETRY);
        let limit = 150.0 + copy.min() + 100.0;
        let most = shared + copy.allocations + 3.0;
        self.target(
            format!("b. retry over the {} ({at})", base.name),
            format!("150 + {:.0} + 100 = {limit:.0} ns, {most} allocations", copy.min()),
            format!("{more:.0} ns, {allocations:.1}"),
            more <= limit && allocations <= most,
            "An attempt keeps its body and its held frames beside the machine that may put a second one next to it, \
             and go on in the middle of it: more bytes are moved for each call than when there was one at a time.",
        );
        let why_four = "Each of the four layers holds something from the head to the last byte, and the answer's body is \
                        wrapped once for each; a clock is read for each, and the quota reads it twice and writes six headers.";
        let (more, allocations) = over(calls::FOUR);
        let guard = over(calls::GUARD).1;
        self.target(
            format!("f. {} over the {} ({at})", calls::FOUR, base.name),
            format!("300 ns, {guard:.1} allocations"),
            format!("{more:.0} ns, {allocations:.1}"),
            more < 300.0 && allocations <= guard,
            why_four,
        );
        let (more, allocations) = over(calls::FIVE);
        let limit = 300.0 + copy.min() + 100.0;
        self.target(
            format!("f. {} over the {} ({at})", calls::FIVE, base.name),
            format!("300 + {:.0} + 100 = {limit:.0} ns", copy.min()),
            format!("{more:.0} ns, {allocations:.1} allocations"),
            more <= limit,
            why_four,
        );
        for (own, limit) in [(calls::FIVE, 0.8), (calls::FOUR, 0.5)] {
            self.target(
                format!("g. {own} beside {} ({at})", calls::PEERS_FOUR),
                format!("{limit} times"),
                times(of(own), of(calls::PEERS_FOUR)),
                of(own).min() / of(calls::PEERS_FOUR).min() <= limit,
                "The peers leave the body alone: a permit goes back at the head, and a stream that breaks is a success.",
            );
        }
        let (own, peers) = (of(calls::RETRY_GUARD), of(calls::PEERS));
        for (limit, what) in [(1.0, "cheaper than"), (0.7, "0.7 of")] {
            self.target(
                format!("d. retry + guard {what} tower-resilience retry + time limiter ({at})"),
                format!("{limit} times"),
                times(own, peers),
                own.min() / peers.min() < limit,
                "The peers leave the body alone: no ending, no timeout behind the head, no reading of a stream. What \
                 the bare service takes is in both.",
            );
        }
    }

    pub(crate) fn frames(&mut self, kind: Kind, table: &[Series]) {
        let Kind { scanned, waits } = kind;
        let what = if scanned { "an event stream, one event a frame" } else { "bytes that nobody scans" };
        let pace = if waits { "each frame waited for" } else { "every frame there at once" };
        self.table(&format!("Per frame: {what}, {pace}"), table, frames::BARE);
        let base = find(table, if scanned { frames::WATCHED } else { frames::BARE });
        let (more, allocations) = over(find(table, frames::GUARD), base);
        self.target(
            format!("c. guard over {} ({pace})", base.name),
            "25 ns, 0 allocations".to_owned(),
            format!("{more:.1} ns, {allocations:.2}"),
            more < 25.0 && allocations <= 0.0,
            "The idle limit of a stream needs the moment when it fell silent: one clock read for each wait.",
        );
    }

    pub(crate) fn events(&mut self, shape: &Shape, table: &[Series]) {
        let bytes = shape.frame.len() / shape.events;
        self.table(&format!("Per event: {}", shape.name), table, events::SCAN);
        let rates: Vec<String> = table
            .iter()
            .map(|series| format!("{} {:.0} MB/s", series.name, bytes as f64 * 1e3 / series.min()))
            .collect();
        let _ = writeln!(self.tables, "\nAt its quietest: {}.", rates.join(", "));
        let of = |name| find(table, name);
        if shape.name.starts_with("229") {
            let (peer, own) = (of(events::PEER), of(events::SCAN));
            self.target(
                format!("e. scanner as fast as sse-stream ({})", shape.name),
                "3 times".to_owned(),
                times(peer, own),
                peer.min() / own.min() >= 3.0,
                "",
            );
        } else {
            let (borders, own) = (of(events::BORDERS), of(events::SCAN));
            self.target(
                format!("e. scanner as fast as memchr for borders ({})", shape.name),
                "0.5 times".to_owned(),
                times(borders, own),
                borders.min() / own.min() >= 0.5,
                "A line may end in CR as well, and a search for two bytes takes twice as long as one for one.",
            );
        }
    }

    pub(crate) fn huge(&mut self, sizes: &[(usize, [Series; 2])]) {
        let _ = writeln!(self.tables, "\n## One huge event in frames of 1 KiB\n");
        let _ =
            writeln!(self.tables, "| event | ms | ns per KiB | frames only appended, ns per KiB | times |");
        let _ = writeln!(self.tables, "|---|---:|---:|---:|---:|");
        let (mut worst, mut most) = (String::new(), 0.0);
        for (kib, [append, scan]) in sizes {
            let (ns, plain) = (scan.min(), append.min());
            let whole = ns * *kib as f64 / 1e6;
            let times = times(scan, append);
            let _ = writeln!(self.tables, "| {kib} KiB | {whole:.3} | {ns:.0} | {plain:.0} | {times} |");
            if ns / plain > most {
                (worst, most) = (times, ns / plain);
            }
        }
        self.target(
            "e. one huge event is read in linear time".to_owned(),
            "3 times what appending its frames takes, at any size".to_owned(),
            worst,
            most <= 3.0,
            "",
        );
    }

    fn table(&mut self, title: &str, table: &[Series], base: &str) {
        let base = find(table, base);
        let _ = writeln!(self.tables, "\n## {title}\n");
        let _ = writeln!(
            self.tables,
            "| | ns, quietest | ns, median | over {0}, ns | over {0}, times | allocations | bytes |",
            base.name
        );
        let _ = writeln!(self.tables, "|---|---:|---:|---:|---:|---:|---:|");
        for series in table {
            let median = Spread::of(series.ns.iter().copied()).median;
            let (over, times) = (series.over(base), series.ratio(base));
            let _ = writeln!(
                self.tables,
                "| {} | {:.1} | {median:.1} | {:.1} / {:.1} / {:.1} | {} | {:.2} | {:.0} |",
                series.name,
                series.min(),
                over.min,
                over.median,
                over.max,
                shown(times),
                series.allocations,
                series.bytes,
            );
        }
    }

    /// The whole report, as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "# What the layers cost\n\n\
             `cargo xtask bench layers` measured this on {}, {}, {}, release with thin LTO, one thread. \
             Peers: the crates of tower-resilience {}, sse-stream {}.\n\n\
             Each subject runs in each of {} rounds, in turn; a round's time is its median batch. Three \
             numbers are the smallest, the median and the largest over the rounds, taken within a round where \
             two subjects are compared. The quietest round says what the code costs, the rest what the machine \
             was busy with, so targets are held against the quietest. A block of the heap that grows counts as \
             an allocation; counting takes below a nanosecond each.\n\n\
             The request has {} headers as hyper parses them, a body of {} bytes, and no extensions. A call goes \
             from the request to the last byte of the answer, and drops both; the bare service reads the \
             request's body and has the response ready.",
            machine(),
            std::env::consts::OS,
            compiler(),
            version("tower-resilience-retry"),
            version("sse-stream"),
            self.rounds,
            requests::HEADERS,
            requests::BODY,
        );
        let _ = writeln!(text, "\n## Targets\n\n| target | limit | measured | |\n|---|---|---|---|");
        for target in &self.targets {
            let met = if target.met { "met" } else { "**missed**" };
            let _ = writeln!(text, "| {} | {} | {} | {met} |", target.what, target.limit, target.got);
        }
        let mut told = Vec::new();
        for target in self.targets.iter().filter(|target| !target.met && !target.why.is_empty()) {
            if !told.contains(&target.why) {
                told.push(target.why);
            }
        }
        if !told.is_empty() {
            let _ = writeln!(text, "\n## What falls short\n");
            for why in told {
                let _ = writeln!(text, "- {why}");
            }
        }
        text.push_str(&self.tables);
        text
    }
}

/// What a subject takes more than the bare one at its quietest: ns and allocations.
fn over(series: &Series, bare: &Series) -> (f64, f64) {
    (series.min() - bare.min(), series.allocations - bare.allocations)
}

fn find<'a>(table: &'a [Series], name: &str) -> &'a Series {
    table.iter().find(|series| series.name == name).unwrap()
}

fn shown(spread: Spread) -> String {
    format!("{:.2} / {:.2} / {:.2}", spread.min, spread.median, spread.max)
}

/// How many times as long one takes as another: at their quietest, and the spread over the rounds.
fn times(own: &Series, other: &Series) -> String {
    format!("{:.2} ({})", own.min() / other.min(), shown(own.ratio(other)))
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} ({cores} cores, shared)", name.map_or("an unknown processor", |(_, name)| name))
}

fn compiler() -> String {
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    rustc.map_or("an unknown compiler".into(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The version of a package in the lock file.
fn version(package: &str) -> String {
    const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
    let lock = std::fs::read_to_string(LOCK).unwrap_or_default();
    let named = format!("name = \"{package}\"\nversion = \"");
    let rest = lock.split_once(&named).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or("?").to_owned()
}
