//! A chat API that is not well, with the breaker and without it, and how soon all is well behind it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use lastbyte_mock::{Fault, Faults, Kind};
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until};

use super::arrivals::{Arrivals, Outcome};
use super::pages::{self, Seen};
use super::recovery::{self, Recovery};
use super::target::Target;
use super::{COMMON, SEED, Size};
use crate::support::process::Listening;
use crate::support::{Done, runtime};

/// Content events of an answer, the time between two of them, and the time before the first one.
const EVENTS: usize = 12;
const INTERVAL_MS: u64 = 20;
const FIRST_EVENT_MS: u64 = 50;

/// The processor time that the breaker saves has to be this share at least.
const CPU_FALL: f64 = 0.3;

/// For so many windows in a row the calls have to be answered again: two seconds.
const STEADY: usize = 4;

/// What goes wrong, and what has to hold then.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    pub(crate) name: &'static str,
    fault: Fault,
    /// Whether many calls come at once before those that come one by one.
    at_once: bool,
    asked: Asked,
}

/// What has to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    /// It stays closed.
    Closed,
    /// Nothing: the threshold itself, where chance decides.
    Nothing,
    /// It saves processor time, and all is well soon behind it.
    Saves,
    /// It opens soon, and all is well soon behind it.
    Opens,
}

/// The rows, in order.
pub(crate) fn mixes() -> Vec<Mix> {
    let fails = |name, rate, asked| {
        let fault = Fault { rate, code: Some(503), ..Fault::new(Kind::Status) };
        Mix { name, fault, at_once: false, asked }
    };
    let stall = Fault { rate: 1.0, ..Fault::new(Kind::Stall) };
    let stalls = |name, at_once| Mix { name, fault: stall.clone(), at_once, asked: Asked::Opens };
    vec![
        fails("30 % 503", 0.3, Asked::Closed),
        fails("50 % 503", 0.5, Asked::Nothing),
        fails("60 % 503", 0.6, Asked::Saves),
        stalls("all stall", false),
        stalls("all stall, many at once", true),
    ]
}

/// What was measured of one mix.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) mix: Mix,
    pub(crate) without: Run,
    pub(crate) with: Run,
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Run {
    /// Seconds of the gateway's processor time while the calls came that are counted.
    pub(crate) cpu: Option<f64>,
    pub(crate) counted: usize,
    pub(crate) answered: usize,
    pub(crate) refused: usize,
    /// The others, by what was seen of them.
    pub(crate) failed: BTreeMap<String, usize>,
    /// How often the circuit opened before the chat API was made well.
    pub(crate) opened: u64,
    /// Seconds from the first call to the first sight of an open circuit.
    pub(crate) opened_after: Option<f64>,
    /// While the calls came that are counted.
    pub(crate) pages: Seen,
    /// At the end of the sickness.
    pub(crate) state: &'static str,
    /// When the chat API was made well.
    pub(crate) healed: f64,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) wrong: Vec<String>,
}

impl Run {
    pub(crate) fn share(&self, of: usize) -> f64 {
        of as f64 / self.counted.max(1) as f64
    }
}

impl Row {
    /// The share of the processor time that is saved.
    pub(crate) fn fall(&self) -> Option<f64> {
        let (without, with) = self.without.cpu.zip(self.with.cpu)?;
        (without > 0.0).then(|| 1.0 - with / without)
    }

    /// What has to hold of this row.
    pub(crate) fn targets(&self, size: Size) -> Vec<Target> {
        let Mix { name, asked, .. } = &self.mix;
        let mut targets = Vec::new();
        if *asked == Asked::Closed {
            let opened = self.with.opened;
            let closed = opened == 0 && self.with.opened_after.is_none() && self.with.refused == 0;
            targets.push(Target {
                what: format!("{name}: the circuit stays closed"),
                measured: if closed { "closed".to_owned() } else { format!("opened {opened} times") },
                kept: closed,
            });
        }
        if *asked == Asked::Saves {
            let fall = self.fall();
            targets.push(Target {
                what: format!("{name}: processor time falls by {:.0} % or more", CPU_FALL * 100.0),
                measured: fall.map_or("not told".to_owned(), |fall| format!("{:.0} %", fall * 100.0)),
                kept: fall.is_some_and(|fall| fall >= CPU_FALL),
            });
        }
        if *asked == Asked::Opens {
            let what = format!("{name}: it opens within 2 × `breaker.slow_first_event`");
            let slow = size.slow_first_event.as_secs_f64();
            let opened = self.with.opened_after.map(|after| after / slow);
            targets.push(Target::at_most(what, opened, 2.0, |times| format!("{times:.2} ×")));
        }
        if matches!(asked, Asked::Saves | Asked::Opens) {
            let what = format!("{name}: answered again within 2 × `breaker.open_for` of the first probe");
            let times = self.with.recovery.map(|it| (it.back - it.probe) / size.open_for.as_secs_f64());
            targets.push(Target::at_most(what, times, 2.0, |times| format!("{times:.2} ×")));
        }
        targets
    }
}

/// Measures one mix, without the breaker and with it.
pub(crate) fn measure(gateway: &str, mix: &Mix, size: Size) -> Done<Row> {
    let without = run(gateway, mix, size, false)?;
    let with = run(gateway, mix, size, true)?;
    Ok(Row { mix: mix.clone(), without, with })
}

fn faults(mix: Option<&Mix>) -> Faults {
    Faults {
        mix: mix.iter().map(|mix| mix.fault.clone()).collect(),
        chunks: EVENTS,
        interval_ms: INTERVAL_MS,
        first_event_ms: FIRST_EVENT_MS,
        ..Faults::default()
    }
}

fn run(gateway: &str, mix: &Mix, size: Size, breaker: bool) -> Done<Run> {
    let mock = Listening::mock(gateway, SEED, &faults(Some(mix)))?;
    let own = if breaker { size.breaker } else { "enabled = false\n" };
    let before = Listening::gateway(gateway, &mock.url, &format!("{COMMON}[breaker]\n{own}"))?;
    let told = if breaker { "with the breaker" } else { "without it" };
    eprint!("{}, {told}: ", mix.name);
    let run = runtime()?.block_on(LocalSet::new().run_until(play(&before, &mock, mix, size)))?;
    eprintln!("{} of {} answered, {} refused", run.answered, run.counted, run.refused);
    Ok(run)
}

async fn play(gateway: &Listening, mock: &Listening, mix: &Mix, size: Size) -> Done<Run> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let pages = pages::watch(gateway, seen.clone());
    tokio::pin!(pages);
    let phases = phases(gateway, mock, mix, size, &seen);
    // The pages are asked for until the phases are over.
    tokio::select! {
        () = &mut pages => Err("nobody asks for pages any more".into()),
        run = phases => run,
    }
}

async fn phases(
    gateway: &Listening,
    mock: &Listening,
    mix: &Mix,
    size: Size,
    seen: &RefCell<Seen>,
) -> Done<Run> {
    let cpu = gateway.cpu();
    let arrivals = Arrivals::new(gateway.chat().parse()?, size.patience);
    let at_once = if mix.at_once { size.at_once } else { 0 };
    // It ends when the arrivals are stopped, and all of them have ended.
    let calls = tokio::task::spawn_local(arrivals.clone().run(at_once, size.rate));

    sleep_until(arrivals.at(size.counted)).await;
    let cpu = gateway.cpu().zip(cpu).map(|(now, before)| now - before);
    let pages = seen.borrow().clone();
    sleep_until(arrivals.at(size.counted + size.tail)).await;
    let (opened, state) = (seen.borrow().opened, seen.borrow().state);
    mock.set_faults(&faults(None)).await?;
    let healed = arrivals.now();

    // What never opened has nothing to recover from.
    let mut now = healed;
    while opened > 0 && now - healed < size.recovery.as_secs_f64() {
        sleep(Duration::from_millis(100)).await;
        now = arrivals.now();
        if recovery::of(&arrivals.calls(), healed, now, STEADY).is_some() {
            break;
        }
    }
    arrivals.stop();
    calls.await?;

    let all = arrivals.calls();
    let counted: Vec<_> = all.iter().filter(|call| call.came < size.counted.as_secs_f64()).collect();
    let count = |outcome| counted.iter().filter(|call| call.outcome == outcome).count();
    let mut failed = BTreeMap::new();
    for call in &counted {
        if let Outcome::Failed(why) = &call.outcome {
            *failed.entry(why.clone()).or_default() += 1;
        }
    }
    // Not when it came: it may have been refused at its second attempt.
    let refused = all.iter().filter(|call| call.outcome == Outcome::Refused);
    let refused_first = refused.filter_map(|call| call.ended).min_by(f64::total_cmp);
    let opened_after = [refused_first, pages.opened_after].into_iter().flatten().min_by(f64::total_cmp);
    let recovery = (opened > 0).then(|| recovery::of(&all, healed, now, STEADY)).flatten();
    Ok(Run {
        cpu,
        counted: counted.len(),
        answered: count(Outcome::Answered),
        refused: count(Outcome::Refused),
        failed,
        opened,
        opened_after,
        pages,
        state,
        healed,
        recovery,
        wrong: arrivals.wrong(),
    })
}
