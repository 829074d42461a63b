//! How soon calls are answered again, once the chat API is well.

use super::arrivals::{Call, Outcome};

/// Over so many seconds it is counted what share of the calls is answered.
pub(crate) const WINDOW: f64 = 0.5;

/// The share at which the calls are answered again.
pub(crate) const BACK: f64 = 0.95;

/// Times in seconds since the first call of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recovery {
    /// When the first call that came to the healthy API had its first content.
    pub(crate) probe: f64,
    /// The end of the first of `steady` windows in a row in which that share was answered.
    pub(crate) back: f64,
}

/// What the calls say that came after `healed`; `None` where it is not so yet.
pub(crate) fn of(calls: &[Call], healed: f64, now: f64, steady: usize) -> Option<Recovery> {
    let came: Vec<&Call> = calls.iter().filter(|call| call.came >= healed).collect();
    let answered = came.iter().filter(|call| call.outcome == Outcome::Answered);
    let probe = answered.filter_map(|call| call.first).min_by(f64::total_cmp)?;
    let mut windows = vec![(0_u32, 0_u32); ((now - healed) / WINDOW).max(0.0) as usize];
    for call in came {
        // The last window is not over.
        if let Some((all, answered)) = windows.get_mut(((call.came - healed) / WINDOW) as usize) {
            *all += 1;
            *answered += u32::from(call.outcome == Outcome::Answered);
        }
    }
    let good = |(all, answered): &(u32, u32)| *all > 0 && f64::from(*answered) >= BACK * f64::from(*all);
    let first = windows.windows(steady).position(|row| row.iter().all(good))?;
    Some(Recovery { probe, back: healed + (first + 1) as f64 * WINDOW })
}
