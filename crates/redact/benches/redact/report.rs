//! The report: tables, and the targets with what was measured.

use std::fmt::Write as _;
use std::thread::available_parallelism;

use crate::event::Event;
use crate::rounds::{Effort, Series, Spread};
use crate::texts::Text;

const BEFORE: &str = include_str!("before.md");

/// What a clean event may cost more, in ns.
const MORE: f64 = 300.0;

/// The report as it grows.
pub(crate) struct Report {
    effort: Effort,
    seed: u64,
    usual: String,
    hostile: Vec<(f64, String)>,
    /// The slowest of all texts: its quietest round, in MB/s.
    slowest: Option<(f64, String)>,
    events: String,
    targets: Vec<Target>,
}

struct Target {
    what: String,
    limit: String,
    got: String,
    met: bool,
}

impl Report {
    pub(crate) fn new(effort: Effort, seed: u64) -> Self {
        let (usual, hostile, events) = (String::new(), Vec::new(), String::new());
        Self { effort, seed, usual, hostile, slowest: None, events, targets: Vec::new() }
    }

    fn target(&mut self, what: String, limit: String, got: String, met: bool) {
        self.targets.push(Target { what, limit, got, met });
    }

    /// A usual text: how fast, and beside all others.
    pub(crate) fn usual(&mut self, text: &Text, series: &[Series]) {
        let [copying, redacted, regexes, article] = series else { return };
        let rates = redacted.rates(text.text.len());
        let beside = [copying, regexes, article].map(|other| redacted.times(other));
        let [copies, regexes, article] = beside;
        let _ = writeln!(
            self.usual,
            "| {} | {} | 1:{} | {} | {} |",
            text.name,
            whole(rates),
            parts(copies),
            tenths(regexes),
            tenths(article)
        );
        if let Some(goal) = text.goals.rate {
            self.target(text.name.clone(), format!("{goal:.0} MB/s"), whole(rates), rates.most >= goal);
        }
        let ratios = [
            ("as fast as the regular expressions", text.goals.regexes, regexes),
            ("as fast as the article's rules", text.goals.article, article),
        ];
        for (than, goal, times) in ratios {
            let Some(goal) = goal else { continue };
            let what = format!("{}, {than}", text.name);
            self.target(what, format!("{goal} times"), tenths(times), times.median >= goal);
        }
        self.slow(&text.name, rates.most);
    }

    fn slow(&mut self, name: &str, rate: f64) {
        if self.slowest.as_ref().is_none_or(|(least, _)| rate < *least) {
            self.slowest = Some((rate, name.to_owned()));
        }
    }

    /// A text that wants to cost time.
    pub(crate) fn hostile(&mut self, text: &Text, series: &[Series]) {
        let [copying, redacted] = series else { return };
        let rates = redacted.rates(text.text.len());
        let row = format!("| `{}` | {} | 1:{} |", text.name, whole(rates), parts(redacted.times(copying)));
        self.hostile.push((rates.most, row));
        self.slow(&format!("`{}`", text.name), rates.most);
    }

    pub(crate) fn events(&mut self, events: &[Event]) {
        for Event { form, bare, all, more, allocations } in events {
            let row = format!(
                "| {form} | {} | {} | {} | {allocations:.2} |",
                whole(*bare),
                whole(*all),
                whole(*more)
            );
            let _ = writeln!(self.events, "{row}");
            let what = format!("a clean event as {form}, more than without rules");
            let limit = format!("{MORE:.0} ns, 0 allocations");
            let met = more.median <= MORE && *allocations == 0.0;
            self.target(what, limit, format!("{} ns, {allocations:.2}", whole(*more)), met);
        }
    }

    pub(crate) fn text(&mut self) -> String {
        if let Some((rate, name)) = self.slowest.take() {
            let slow = self.hostile.iter().filter(|(rate, _)| *rate < 100.0).count();
            let got =
                format!("{rate:.1} MB/s ({name}); {slow} of {} hostile texts are slower", self.hostile.len());
            self.target("no text is slower".into(), "100 MB/s".into(), got, rate >= 100.0);
        }
        self.hostile.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut text = BEFORE.to_owned();
        let Effort { rounds, length, tries, .. } = self.effort;
        let _ = writeln!(
            text,
            "\nMeasured on {}: {rounds} rounds, texts of {} KiB, hostile ones of a quarter; {tries} tries of the search from \
             seed {}.",
            machine(),
            length >> 10,
            self.seed
        );
        text.push_str("\n## Targets\n\n| target | at least, or at most | measured | |\n|---|---|---|---|\n");
        for Target { what, limit, got, met } in &self.targets {
            let met = if *met { "met" } else { "**MISSED**" };
            let _ = writeln!(text, "| {what} | {limit} | {got} | {met} |");
        }
        let head = "text | MB/s | to copying | times the regular expressions | times the article's rules";
        let _ = write!(text, "\n## Usual texts\n\n| {head} |\n|---|---|---|---|---|\n{}", self.usual);
        text.push_str(
            "\n## Hostile texts, the slowest first\n\n| over and over | MB/s | to copying |\n|---|---|---|\n",
        );
        for (_, row) in &self.hostile {
            let _ = writeln!(text, "{row}");
        }
        let head = "form | ns without rules | ns with all rules | ns more | allocations";
        let _ = write!(text, "\n## A clean event\n\n| {head} |\n|---|---|---|---|---|\n{}", self.events);
        text
    }
}

/// With a digit behind the point where there are few before it.
fn whole(spread: Spread) -> String {
    let Spread { least, median, most } = spread;
    if median.abs() < 20.0 { tenths(spread) } else { format!("{median:.0} ({least:.0} – {most:.0})") }
}

fn tenths(Spread { least, median, most }: Spread) -> String {
    format!("{median:.1} ({least:.1} – {most:.1})")
}

/// How many times as long as copying it took, of the share that copying took.
fn parts(Spread { least, median, most }: Spread) -> String {
    format!("{:.0} ({:.0} – {:.0})", 1.0 / median, 1.0 / most, 1.0 / least)
}

/// One line: the processor, the system.
fn machine() -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    format!("one of {cores} cores of {model}, {}", std::env::consts::OS)
}
