//! The answer journal and the quotas in Redis.

mod call;
mod hub;
mod journal;
mod lane;
mod link;
mod listener;
mod names;
mod quotas;
mod redis;
mod reply;
mod running;
mod script;
mod spread;
mod stats;
mod target;

pub use quotas::{Later, OnError, RedisQuotas};
pub use redis::{ConnectError, Redis};
pub use stats::Stats;
