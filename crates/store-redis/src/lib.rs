//! The answer journal and the quotas in Redis: one for all gateways.
//!
//! A reader whose connection broke comes back through a load balancer, to any gateway. It finds its answer there
//! where all of them keep their answers in one place. This is that place for those who have a Redis: version 7.0
//! or newer, or Valkey, alone, behind sentinels, or as a cluster.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use lastbyte_store::Journal;
//! use lastbyte_store_redis::Redis;
//!
//! # async fn connected() -> Result<(), lastbyte_store_redis::ConnectError> {
//! let journal: Arc<dyn Journal> = Arc::new(Redis::connect("redis://localhost").await?);
//! # let _ = journal; Ok(()) }
//! ```
//!
//! Behind sentinels, with a user of its own, with what must not get lost on a replica too, and quotas beside it:
//!
//! ```no_run
//! use lastbyte_store::quota::Allowance;
//! use lastbyte_store_redis::{OnError, Redis, RedisQuotas};
//!
//! # async fn connected() -> Result<(), lastbyte_store_redis::ConnectError> {
//! let url = "redis+sentinel://gateway:secret@10.0.0.1,10.0.0.2/main?wait_replicas=1";
//! let redis = Redis::connect(url).await?;
//! let allowance = Allowance::new().with_tokens_per_minute(90_000);
//! let quotas = RedisQuotas::new(redis.clone(), allowance).with_on_error(OnError::Pass);
//! # let _ = quotas; Ok(()) }
//! ```
//!
//! # URLs
//!
//! | form | |
//! |---|---|
//! | `redis://USER:PASSWORD@HOST:PORT/DB` | one server; the port is 6379, and the database 0 |
//! | `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` | the master that these sentinels name; port 26379 |
//! | `redis+cluster://HOST:PORT,HOST:PORT` | the cluster of which these are some nodes |
//! | `rediss://`, `rediss+sentinel://`, `rediss+cluster://` | the same by TLS |
//!
//! | parameter | |
//! |---|---|
//! | `wait_replicas=1` | how many replicas have to have what must not get lost, see below; none |
//! | `wait_timeout=500ms` | how long they may take, 2 s at most; 1 s |
//! | `prefix=lb` | what all keys and channels begin with |
//! | `db=1` | the database, where the path does not say it |
//! | `ca_file=/etc/ca.pem` | whom to trust instead of those that the system trusts |
//! | `sentinel_user`, `sentinel_password` | who we are to the sentinels |
//!
//! # What it needs of Redis
//!
//! * `appendonly yes`, or it forgets everything when it restarts. With `appendfsync always` what a journal calls
//!   durable is on the disk; with `everysec`, the default of Redis, the last second is not.
//! * `maxmemory-policy noeviction`. Every other policy lets answers vanish that are running.
//! * Rights, where it has users: `~lb:* &lb:* +@read +@write +@scripting +@pubsub +@connection +time +wait`, and
//!   to a cluster `+cluster|slots` besides.
//!
//! # What a failover loses
//!
//! Redis tells its replicas after it has told us. A master that ends takes with it what it had not told them yet,
//! and a replica becomes the master without it: **an answer that was sent may be one that was never sent, or never
//! opened, and whoever comes next asks the chat API again and pays for it twice.** With `wait_replicas=N` whatever
//! the decision to ask hangs on (`open`, `sent`, `claim`, `end`, `seize`) waits until N replicas have it, and is
//! [`Unavailable`](lastbyte_store::StoreError::Unavailable) where they have it not in time: then nobody asks the
//! chat API. That makes it rare and not impossible: the replica that becomes the master may be another one, and a
//! master that was cut off may go on for a while. It takes one round trip between the servers more. Events are
//! never waited for: what is lost of them is made anew, as where a gateway ends.
//!
//! A fence has the time of Redis in it, so that one that was given out again after a failover is another one.
//!
//! # Keys
//!
//! | key | |
//! |---|---|
//! | `lb:{SLOT}:a` | what is known of an answer, a hash |
//! | `lb:{SLOT}:e` | its events, a stream: the event `n` has the id `n-0` |
//! | `lb:{SLOT}:g` | which answers stood there before, a hash |
//! | `lb:running:{0}` to `{15}` | when the lease of each running answer ends, sorted sets |
//! | `lb:q:{HASH}` | what a key has used of its quota, a hash |
//! | channels `lb:w:SLOT` | something has changed |
//!
//! What is in braces says where a cluster keeps a key: all of an answer at one place. Every step on an answer is
//! one script, which takes place as a whole or not at all, by the clock of Redis. An answer expires by itself. It
//! is put into the index of running answers before it is opened, so that no running one is ever missing there;
//! only a failover of a cluster may lose the entry and not the answer, until its writer renews the lease.
//!
//! # Order
//!
//! The calls of all answers go over two connections, a third with `wait_replicas`: those that come within two
//! milliseconds go together. 500 streams of 20 events a second take some 0.01 round trips for an event. Those of one
//! answer keep their order.
//!
//! # At the end of a stream
//!
//! The last events and the end are one script.
//!
//! # When the reader leaves
//!
//! Followers are woken by messages over one connection, however many they are, and look once a second where messages
//! got lost. An answer that nobody follows is not listened to any more ten seconds later.
//!
//! # When Redis is away
//!
//! A call whose reply was lost is sent again, for five seconds in all, and does nothing twice. After that, or at
//! once where Redis has been away for two seconds, it is
//! [`Unavailable`](lastbyte_store::StoreError::Unavailable). The quotas [refuse or let pass](OnError).
//!
//! # Bounds
//!
//! | bound | | beyond it |
//! |---|---|---|
//! | time of a call | 5 s, and half a second to hear of it | `Unavailable` |
//! | time of one reply | 2 s | the connection is made anew |
//! | calls that wait for a connection | 1,024, and those of one batch | who calls waits, within its time |
//! | bytes under way | 64 MiB | the same |
//! | a batch | 512 calls or 1 MiB | the next one |
//! | answers that are listened to | 65,536 | others are looked at once a second |
//! | answers that stood in a slot | 8 | others are unknown |
//! | settlements of quotas that wait | 8,192 | they are lost, and counted |

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
