//! What the rounds say.

use super::Size;
use super::counts::Count;
use super::figure::Figure;
use super::rounds::{Round, Turn};
use super::store::Store;
use super::target::Target;
use super::upstream::PACE;
use crate::support::report::table;
use crate::support::samples::quantile;

/// 99 of 100 events may be so much later, beside one flush of the disk; in seconds.
const LATER: f64 = 0.015;

/// The gateway may take so many times the processor time of a stream without a key.
const CPU: f64 = 1.5;

/// How often Redis may be asked for each event.
const ROUND_TRIPS: f64 = 0.2;

/// The report, without the line on the machine.
pub(crate) fn report(rounds: &[Round], size: Size) -> String {
    let told = Told { rounds };
    format!(
        "{}{}\n{}\n## Time\n\n{}\n## Processor time\n\n{}\n## SQLite\n\n{}\n## Redis\n\n{}\n## Targets\n\n{}\n{}",
        include_str!("before.md"),
        method(size),
        told.turns(),
        told.times(),
        told.cpu(),
        told.sqlite(),
        told.redis(),
        told.verdicts(),
        told.others(),
    )
}

fn method(size: Size) -> String {
    let Size { streams, time, rounds, .. } = size;
    let (first, interval, events) = (PACE.first_event.as_millis(), PACE.interval.as_millis(), PACE.events);
    format!(
        "- {streams} readers have a connection each and ask for one answer after the other. An answer has its first\n  \
           event after {first} ms and {events} events of about 100 bytes, {interval} ms apart: 1 KB/s for each stream. Every\n  \
           event tells when it was sent, by the clock that its reader reads: the chat API and the readers are two\n  \
           threads of one process. The gateway (release build, as it comes) and Redis are processes of their own.\n  \
           All share the machine's processors.\n\
         - Every store has its turn in each of {rounds} rounds, each time with a new gateway and an empty store. Readers\n  \
           come over the time of one answer, and then {time} s are measured. Figures are the medians of the rounds,\n  \
           and in brackets the least and the most. What is compared is compared within a round.\n\
         - *pass-through*: no key. *memory*: a key, and a store that takes no time: what the layer itself costs.\n  \
           *SQLite*: a file in the folder for temporary files; flushed (fsync) at the beginning and the end of an\n  \
           answer, and between them written, which a killed process does not undo. *Redis*: one server on the same\n  \
           machine, with its log on (`appendonly yes`), and flushed before every reply or every second: then a machine that fails takes the last second with it.\n",
        time = time.as_secs_f64(),
    )
}

struct Told<'a> {
    rounds: &'a [Round],
}

impl Told<'_> {
    /// One figure of a store.
    fn figure(&self, store: Store, of: impl Fn(&Turn) -> Option<f64>) -> Figure {
        self.rounds.iter().map(|round| of(round.turn(store)?)).collect()
    }

    /// The same beside the streams without a key of its round.
    fn beside(
        &self,
        store: Store,
        of: impl Fn(&Turn) -> Option<f64>,
        compared: impl Fn(f64, f64) -> f64,
    ) -> Figure {
        let one =
            |round: &Round| Some(compared(of(round.turn(store)?)?, of(round.turn(Store::PassThrough)?)?));
        self.rounds.iter().map(one).collect()
    }

    fn added(&self, store: Store, of: impl Fn(&Turn) -> Option<f64>) -> Figure {
        self.beside(store, of, |own, without| own - without)
    }

    fn ratio(&self, store: Store) -> Figure {
        self.beside(store, |turn| turn.per_event(Count::GatewayCpu), |own, without| own / without)
    }

    fn round_trips(&self, store: Store) -> Figure {
        self.figure(store, |turn| turn.per_event(Count::Reads))
    }

    /// In seconds.
    fn flush(&self, q: f64) -> Figure {
        self.rounds.iter().map(|round| quantile(&round.flushes, round.flushes.len(), q)).collect()
    }

    fn turns(&self) -> String {
        let row = |store: Store| {
            let sum = |of: fn(&Turn) -> f64| {
                let turns = self.rounds.iter().filter_map(|round| round.turn(store));
                format!("{:.0}", turns.map(of).sum::<f64>())
            };
            vec![
                store.name().to_owned(),
                sum(|turn| turn.events),
                self.figure(store, |turn| Some(turn.events / turn.seconds)).show(0),
                sum(|turn| turn.failed as f64),
                self.figure(store, Turn::others).show(2),
            ]
        };
        let head = ["", "events measured", "events/s", "answers failed", "processors that others had"];
        table(&head, &Store::ALL.map(row))
    }

    fn times(&self) -> String {
        let ms = |of: fn(&Turn) -> Option<f64>| move |turn: &Turn| of(turn).map(|seconds| seconds * 1000.0);
        let (p50, p99) = (ms(|turn| turn.late_p50), ms(|turn| turn.late_p99));
        let row = |store: Store| {
            let mut cells = vec![
                store.name().to_owned(),
                self.figure(store, p50).show(2),
                self.figure(store, p99).show(1),
            ];
            cells.extend(match store {
                Store::PassThrough => ["–", "–", "–"].map(str::to_owned),
                store => [
                    self.added(store, p50).show(2),
                    self.added(store, p99).show(1),
                    self.added(store, ms(|turn| turn.first_p50)).show(1),
                ],
            });
            cells
        };
        let head = ["ms", "p50", "p99", "added p50", "added p99", "first event, added p50"];
        format!(
            "From where the chat API sent an event to where its reader had it. *first event*: from asking.\n\n{}\n\
             Meanwhile one flush of a file of its own on the same disk, between the turns, took {} ms at the median,\n\
             and {} ms at p99.\n",
            table(&head, &Store::ALL.map(row)),
            self.in_ms(&self.flush(0.5), 2),
            self.in_ms(&self.flush(0.99), 1),
        )
    }

    fn in_ms(&self, seconds: &Figure, digits: usize) -> String {
        seconds.by(1000.0).show(digits)
    }

    fn cpu(&self) -> String {
        let row = |store: Store| {
            let cpu = self.figure(store, |turn| turn.per_event(Count::GatewayCpu)).by(1e6);
            let redis = self.figure(store, |turn| turn.per_event(Count::RedisCpu)).by(1e6);
            let ratio = match store {
                Store::PassThrough => "–".to_owned(),
                store => self.ratio(store).show(2),
            };
            vec![store.name().to_owned(), cpu.show(0), ratio, redis.show(0)]
        };
        let head = ["µs per event", "gateway", "times pass-through", "Redis"];
        format!(
            "User and system time, of all that an answer costs shared by its events.\n\n{}",
            table(&head, &Store::ALL.map(row))
        )
    }

    fn sqlite(&self) -> String {
        let of = |of: fn(&Turn) -> Option<f64>, digits| self.figure(Store::Sqlite, of).show(digits);
        let row = vec![
            of(|turn| turn.per_event(Count::FileBytes), 0),
            of(|turn| turn.per_event(Count::GatewayWritten), 0),
            of(|turn| turn.per_second(Count::Commits), 0),
            of(|turn| turn.counts.get(Count::Commits).map(|commits| turn.events / commits), 1),
        ];
        let head = ["bytes kept per event", "bytes written per event", "commits/s", "events per commit"];
        format!(
            "*kept*: the growth of the file and its log. *written*: what the gateway gave the disk, whole pages, into\n\
             the log and from there into the file.\n\n{}",
            table(&head, &[row])
        )
    }

    fn redis(&self) -> String {
        let row = |store: Store| {
            let per_event = |count| self.figure(store, |turn| turn.per_event(count));
            vec![
                store.name().to_owned(),
                per_event(Count::Reads).show(3),
                per_event(Count::Steps).show(2),
                per_event(Count::Memory).show(0),
                per_event(Count::Log).show(0),
            ]
        };
        let head = ["per event", "round trips", "scripts run", "bytes of memory", "bytes of its log"];
        format!(
            "*round trips*: how often Redis read from a socket (`total_reads_processed`). *memory*: the growth of\n\
             `used_memory`, *log* that of `aof_current_size`.\n\n{}",
            table(&head, &[Store::Redis, Store::RedisFlushed].map(row))
        )
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let flush = self.flush(0.99).median();
        for store in Store::KEPT {
            let name = store.name();
            let most = LATER + flush.unwrap_or_default();
            let what = format!("{name}: p99 at most 15 ms and one flush ({:.1} ms) later", most * 1000.0);
            let added = self.added(store, |turn| turn.late_p99);
            let shown = self.in_ms(&added, 1) + " ms";
            targets.push(Target::at_most(what, added.median(), most, |_| shown.clone()));
            let what = format!("{name}: at most {CPU} times the processor time of a stream without a key");
            let ratio = self.ratio(store);
            targets.push(Target::at_most(what, ratio.median(), CPU, |_| ratio.show(2)));
        }
        for store in [Store::Redis, Store::RedisFlushed] {
            let what = format!("{}: at most {ROUND_TRIPS} round trips per event", store.name());
            let trips = self.round_trips(store);
            targets.push(Target::at_most(what, trips.median(), ROUND_TRIPS, |_| trips.show(3)));
        }
        targets
    }

    fn verdicts(&self) -> String {
        let row = |target: &Target| vec![target.what.clone(), target.measured.clone(), target.verdict()];
        let rows: Vec<_> = self.targets().iter().map(row).collect();
        format!("Held against the medians.\n\n{}", table(&["target", "measured", ""], &rows))
    }

    fn others(&self) -> String {
        let all: Figure = self
            .rounds
            .iter()
            .flat_map(|round| Store::ALL.into_iter().map(|store| round.turn(store)?.others()))
            .collect();
        format!(
            "The machine had other work to do while these ran, {} processors of it at the median of all turns: p99 is\n\
             also what it took to be given a processor.\n",
            all.show(2)
        )
    }
}
