//! Rounds in which every store has its turn.

use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::counts::{Count, Counts};
use super::readers::Readers;
use super::store::Store;
use super::upstream::ANSWERS;
use super::{Size, fsync};
use crate::support::process::Listening;
use crate::support::samples::quantile;
use crate::support::stamped::Stamping;
use crate::support::{Done, runtime};

/// One turn of one store; times in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// From where the chat API sent an event to where its reader had it.
    pub(crate) late_p50: Option<f64>,
    pub(crate) late_p99: Option<f64>,
    /// From asking to the first event.
    pub(crate) first_p50: Option<f64>,
    pub(crate) events: f64,
    pub(crate) seconds: f64,
    pub(crate) answers: u64,
    pub(crate) failed: u64,
    /// What was added while events counted.
    pub(crate) counts: Counts,
}

impl Turn {
    pub(crate) fn per_event(&self, count: Count) -> Option<f64> {
        Some(self.counts.get(count)? / self.events)
    }

    pub(crate) fn per_second(&self, count: Count) -> Option<f64> {
        Some(self.counts.get(count)? / self.seconds)
    }

    /// How many processors others had meanwhile.
    pub(crate) fn others(&self) -> Option<f64> {
        let ours = [Count::GatewayCpu, Count::OwnCpu].map(|count| self.counts.get(count));
        let ours = ours[0]? + ours[1]? + self.counts.get(Count::RedisCpu).unwrap_or(0.0);
        Some((self.counts.get(Count::MachineBusy)? - ours).max(0.0) / self.seconds)
    }
}

/// One round: a turn of each store, in the order of [`Store::ALL`], and how long flushes took.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    turns: Vec<Turn>,
    /// In seconds, sorted.
    pub(crate) flushes: Vec<f64>,
}

impl Round {
    pub(crate) fn turn(&self, store: Store) -> Option<&Turn> {
        let at = Store::ALL.into_iter().position(|other| other == store)?;
        self.turns.get(at)
    }
}

pub(crate) fn measure(gateway: &str, size: Size) -> Done<Vec<Round>> {
    (0..size.rounds).map(|number| round(gateway, size, number)).collect()
}

fn round(gateway: &str, size: Size, number: usize) -> Done<Round> {
    let mut turns = Vec::new();
    let mut flushes = Vec::new();
    for turn in 0..Store::ALL.len() {
        // Each round begins with another store: none always comes first after a pause.
        let at = (turn + number) % Store::ALL.len();
        turns.push((at, one(gateway, size, Store::ALL[at])?));
        // All through the round, as the stores are.
        flushes.extend(fsync::measure(TempDir::new()?.path(), size.flushes / Store::ALL.len())?);
    }
    turns.sort_by_key(|(at, _)| *at);
    flushes.sort_by(f64::total_cmp);
    Ok(Round { turns: turns.into_iter().map(|(_, turn)| turn).collect(), flushes })
}

fn one(gateway: &str, size: Size, store: Store) -> Done<Turn> {
    let keyed = store != Store::PassThrough;
    let upstream = Stamping::start(ANSWERS)?;
    let folder = TempDir::new()?;
    let turn = runtime()?.block_on(LocalSet::new().run_until(async {
        let open = store.open(folder.path()).await;
        let config = format!("[log]\nlevel = \"error\"\n[store]\nurl = \"{}\"\n", open.url());
        let gateway = Listening::gateway(gateway, &upstream.url, &config)?;
        let readers = Readers::come(&gateway.chat(), upstream.epoch, size, keyed)?;
        sleep(size.over).await;

        let before = open.counts().await.and(Counts::of(&gateway));
        readers.seen.borrow_mut().counts = true;
        let begun = Instant::now();
        sleep(size.time).await;
        let mut seen = readers.seen.take();
        let after = open.counts().await.and(Counts::of(&gateway));
        let seconds = begun.elapsed().as_secs_f64();

        let opened = gateway.metric("lastbyte_answers_opened_total").await?;
        let degraded = gateway.metric("lastbyte_answers_degraded_total").await?;
        if (opened > 0) != keyed || degraded > 0 {
            let name = store.name();
            return Err(format!("{name}: {opened} answers were kept, {degraded} were not").into());
        }
        seen.late.sort_by(f64::total_cmp);
        seen.first.sort_by(f64::total_cmp);
        let of = |values: &[f64], q| quantile(values, values.len(), q);
        Done::Ok(Turn {
            late_p50: of(&seen.late, 0.5),
            late_p99: of(&seen.late, 0.99),
            first_p50: of(&seen.first, 0.5),
            events: seen.late.len() as f64,
            seconds,
            answers: seen.answers,
            failed: seen.failed,
            counts: after.since(&before),
        })
    }))?;
    let shown =
        |value: Option<f64>, by: f64| value.map_or("–".to_owned(), |value| format!("{:.2}", value * by));
    eprintln!(
        "{}: {} events, p50 {} ms, p99 {} ms, {} µs of CPU per event, others had {} processors, {} of {} failed",
        store.name(),
        turn.events,
        shown(turn.late_p50, 1e3),
        shown(turn.late_p99, 1e3),
        shown(turn.per_event(Count::GatewayCpu), 1e6),
        shown(turn.others(), 1.0),
        turn.failed,
        turn.answers,
    );
    Ok(turn)
}
