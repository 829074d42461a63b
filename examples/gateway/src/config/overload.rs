//! What keeps an overload from spreading, and its keys.

use std::fmt;
use std::time::Duration;

use figment::value::Value;
use lastbyte::breaker::{Over, Policy, Share};
use lastbyte::quota::Allowance;

use super::keys::Set;
use super::value::{self, Read};
use super::{Timeouts, time};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Breaker {
    pub(crate) enabled: bool,
    pub(crate) window: Duration,
    pub(crate) min_calls: u32,
    pub(crate) failure_rate: Share,
    pub(crate) slow_first_event: Duration,
    pub(crate) slow_rate: Share,
    pub(crate) open_for: Duration,
    pub(crate) probes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Backpressure {
    pub(crate) max_streams: u32,
    pub(crate) max_queue: u32,
    pub(crate) queue_timeout: Duration,
    pub(crate) adaptive: bool,
    pub(crate) read_ahead: bool,
    pub(crate) buffer_events: u32,
    /// In bytes.
    pub(crate) buffer_bytes: usize,
    pub(crate) stall_timeout: Duration,
    /// In bytes.
    pub(crate) memory_budget: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quota {
    pub(crate) requests_per_minute: u32,
    pub(crate) tokens_per_minute: u32,
    pub(crate) burst: Duration,
}

impl Default for Quota {
    fn default() -> Self {
        Self { requests_per_minute: 0, tokens_per_minute: 0, burst: Duration::from_secs(60) }
    }
}

impl Quota {
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance::new()
            .with_requests_per_minute(self.requests_per_minute)
            .with_tokens_per_minute(self.tokens_per_minute)
            .with_burst(self.burst)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n[quota]\nrequests_per_minute = {}", self.requests_per_minute)?;
        writeln!(f, "tokens_per_minute = {}\nburst = {}", self.tokens_per_minute, time(self.burst))
    }
}

impl Default for Backpressure {
    fn default() -> Self {
        Self {
            max_streams: 10_000,
            max_queue: 1000,
            queue_timeout: Duration::from_secs(5),
            adaptive: true,
            read_ahead: false,
            buffer_events: 100,
            buffer_bytes: 256 << 10,
            stall_timeout: Duration::from_secs(30),
            memory_budget: 1 << 30,
        }
    }
}

impl fmt::Display for Backpressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n[backpressure]\nmax_streams = {}\nmax_queue = {}", self.max_streams, self.max_queue)?;
        writeln!(f, "queue_timeout = {}\nadaptive = {}", time(self.queue_timeout), self.adaptive)?;
        writeln!(f, "read_ahead = {}\nbuffer_events = {}", self.read_ahead, self.buffer_events)?;
        writeln!(f, "buffer_bytes = {}\nstall_timeout = {}", self.buffer_bytes, time(self.stall_timeout))?;
        writeln!(f, "memory_budget = {}", self.memory_budget)
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(10),
            min_calls: 20,
            failure_rate: Share::HALF,
            slow_first_event: Duration::from_secs(10),
            slow_rate: Share::new(0.8).unwrap_or(Share::ALL),
            open_for: Duration::from_secs(5),
            probes: 3,
        }
    }
}

impl Breaker {
    /// The policy for calls that have `own` timeouts, where calls have those of `all`: a model that may take
    /// longer to its first content is slow later, in the same measure.
    pub(crate) fn policy(&self, own: Timeouts, all: Timeouts) -> Policy {
        let longer = own.first_event.as_secs_f64() / all.first_event.as_secs_f64();
        Policy::new()
            .with_window(Over::Time(self.window))
            .with_min_calls(self.min_calls)
            .with_failure_rate(self.failure_rate)
            .with_slow_first_event(self.slow_first_event.mul_f64(longer.max(1.0)))
            .with_slow_rate(self.slow_rate)
            .with_open_for_up_to_a_minute(self.open_for)
            .with_probes(self.probes)
    }
}

impl fmt::Display for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n[breaker]\nenabled = {}\nwindow = {}", self.enabled, time(self.window))?;
        writeln!(f, "min_calls = {}\nfailure_rate = {}", self.min_calls, self.failure_rate.as_f64())?;
        writeln!(f, "slow_first_event = {}", time(self.slow_first_event))?;
        writeln!(f, "slow_rate = {}\nopen_for = {}", self.slow_rate.as_f64(), time(self.open_for))?;
        writeln!(f, "probes = {}", self.probes)
    }
}

/// The keys of this part.
pub(super) const KEYS: &[(&str, Set)] = &[
    ("breaker.enabled", |config, value| value::switch(value).map(|on| config.breaker.enabled = on)),
    ("breaker.window", |config, value| value::some_duration(value).map(|time| config.breaker.window = time)),
    ("breaker.min_calls", |config, value| {
        value::count(value, 1, 1_000_000).map(|calls| config.breaker.min_calls = calls)
    }),
    ("breaker.failure_rate", |config, value| share(value).map(|share| config.breaker.failure_rate = share)),
    ("breaker.slow_first_event", |config, value| {
        value::some_duration(value).map(|time| config.breaker.slow_first_event = time)
    }),
    ("breaker.slow_rate", |config, value| share(value).map(|share| config.breaker.slow_rate = share)),
    ("breaker.open_for", |config, value| {
        value::some_duration(value).map(|time| config.breaker.open_for = time)
    }),
    ("backpressure.max_streams", |config, value| {
        value::count(value, 1, 1_000_000).map(|streams| config.backpressure.max_streams = streams)
    }),
    ("backpressure.max_queue", |config, value| {
        value::count(value, 0, 1_000_000).map(|callers| config.backpressure.max_queue = callers)
    }),
    ("backpressure.queue_timeout", |config, value| {
        value::duration(value).map(|time| config.backpressure.queue_timeout = time)
    }),
    ("backpressure.adaptive", |config, value| {
        value::switch(value).map(|on| config.backpressure.adaptive = on)
    }),
    ("backpressure.read_ahead", |config, value| {
        value::switch(value).map(|on| config.backpressure.read_ahead = on)
    }),
    ("backpressure.buffer_events", |config, value| {
        value::count(value, 1, 1_000_000).map(|events| config.backpressure.buffer_events = events)
    }),
    ("backpressure.buffer_bytes", |config, value| {
        value::size(value).map(|bytes| config.backpressure.buffer_bytes = bytes)
    }),
    ("backpressure.stall_timeout", |config, value| {
        value::some_duration(value).map(|time| config.backpressure.stall_timeout = time)
    }),
    ("backpressure.memory_budget", |config, value| {
        value::size_to(value, MOST_MEMORY).map(|bytes| config.backpressure.memory_budget = bytes)
    }),
    ("quota.requests_per_minute", |config, value| {
        value::count(value, 0, u32::MAX).map(|requests| config.quota.requests_per_minute = requests)
    }),
    ("quota.tokens_per_minute", |config, value| {
        value::count(value, 0, u32::MAX).map(|tokens| config.quota.tokens_per_minute = tokens)
    }),
    ("quota.burst", |config, value| burst(value).map(|time| config.quota.burst = time)),
    ("breaker.probes", |config, value| {
        value::count(value, 1, 1000).map(|probes| config.breaker.probes = probes)
    }),
];

/// The largest memory budget, in bytes: a TiB, more than is in any one machine.
const MOST_MEMORY: u64 = 1 << 40;

fn burst(value: &Value) -> Read<Duration> {
    let burst = value::some_duration(value)?;
    if burst > Allowance::LONGEST_BURST {
        return Err("must be an hour at most".into());
    }
    Ok(burst)
}

fn share(value: &Value) -> Read<Share> {
    let share = value::number(value, 1.0)?;
    Share::new(share).ok_or_else(|| "must be more than 0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_with_more_time_is_slow_later() {
        let s = Duration::from_secs;
        let all = Timeouts { first_event: s(60), idle: s(60), total: s(600) };
        let breaker = Breaker::default();
        assert_eq!(breaker.policy(all, all), Policy::new());
        let patient = Timeouts { first_event: s(300), ..all };
        assert_eq!(breaker.policy(patient, all), Policy::new().with_slow_first_event(s(50)));
        let hasty = Timeouts { first_event: s(6), ..all };
        assert_eq!(breaker.policy(hasty, all), Policy::new());
    }
}
