use std::sync::Arc;
use std::time::Duration;

use lastbyte_store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisResult};
use tokio::time::{Instant, sleep_until, timeout};

use crate::target::{Place, Target};

/// How long one reply may take. The client's own half a second is less than a disk may take to write down what
/// it was told (`appendfsync always`) while a snapshot is being made.
pub(crate) const REPLY: Duration = Duration::from_secs(2);

/// How long it may take to connect: a lost SYN is sent again after one second.
const CONNECT: Duration = Duration::from_secs(2);

/// How long after a failure it is tried again at first, and at the most: a restart of Redis takes tenths of a
/// second, and one try a second costs nobody anything.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Finds the server to connect to.
pub(crate) struct Finder {
    target: Arc<Target>,
    sentinels: Option<SentinelClient>,
    tried: usize,
}

impl Finder {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, sentinels: None, tried: 0 }
    }

    /// The server, the master that the sentinels name now, or the next node of the cluster.
    pub(crate) async fn client(&mut self) -> RedisResult<Client> {
        let target = &*self.target;
        let Place::Sentinels(service) = &target.place else {
            let info =
                target.address(self.tried).into_connection_info()?.set_redis_settings(target.settings());
            self.tried = self.tried.wrapping_add(1);
            return if target.tls {
                Client::build_with_tls(info, target.certificates())
            } else {
                Client::open(info)
            };
        };
        if self.sentinels.is_none() {
            self.sentinels = Some(sentinels(target, service)?);
        }
        match &mut self.sentinels {
            Some(sentinels) => sentinels.async_get_client().await,
            None => Client::open(target.address(0)),
        }
    }
}

fn sentinels(target: &Target, service: &str) -> RedisResult<SentinelClient> {
    let hosts = (0..target.hosts.len()).map(|at| target.address(at));
    let mut builder = SentinelClientBuilder::new(hosts, service, SentinelServerType::Master)?;
    if let Some(mode) = target.tls_mode() {
        builder = builder.set_client_to_redis_tls_mode(mode).set_client_to_sentinel_tls_mode(mode);
        builder = builder.set_client_to_redis_certificates(target.certificates());
        builder = builder.set_client_to_sentinel_certificates(target.certificates());
    }
    builder = builder.set_client_to_redis_db(target.db);
    if let Some(user) = &target.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &target.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = &target.sentinel_user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = &target.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

/// A connection to a cluster, which finds its nodes by itself, also when they change.
pub(crate) async fn cluster(target: &Target) -> Result<ClusterConnection, StoreError> {
    let hosts = (0..target.hosts.len()).map(|at| target.address(at));
    let mut builder = ClusterClientBuilder::new(hosts).connection_timeout(CONNECT).response_timeout(REPLY);
    // Beyond that a call tries again by itself, for as long as it has.
    builder = builder.retries(3).min_retry_wait(20).max_retry_wait(200);
    if let Some(mode) = target.tls_mode() {
        builder = builder.tls(mode).certs(target.certificates());
    }
    if let Some(user) = &target.user {
        builder = builder.username(user);
    }
    if let Some(password) = &target.password {
        builder = builder.password(password);
    }
    let client = builder.build().map_err(StoreError::unavailable)?;
    let connected = timeout(CONNECT * 2, client.get_async_connection()).await;
    connected.map_err(StoreError::unavailable)?.map_err(StoreError::unavailable)
}

/// One connection to one server, made anew when it broke. With `ConnectionManager` of the client it would go on
/// with a server that is not the master any more, and this asks the sentinels again.
pub(crate) struct Link {
    finder: Finder,
    live: Option<MultiplexedConnection>,
    config: AsyncConnectionConfig,
    failures: u32,
    /// Not to be tried before.
    next: Instant,
    away_since: Option<Instant>,
}

impl Link {
    /// `wait`: how long replicas may take, beside the reply itself.
    pub(crate) fn new(target: Arc<Target>, wait: Duration) -> Self {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT));
        Self {
            finder: Finder::new(target),
            live: None,
            config: config.set_response_timeout(Some(REPLY + wait)),
            failures: 0,
            next: Instant::now(),
            away_since: None,
        }
    }

    /// The connection: as it is, or after one try to make it.
    pub(crate) async fn get(&mut self) -> Result<MultiplexedConnection, StoreError> {
        if let Some(live) = &self.live {
            return Ok(live.clone());
        }
        sleep_until(self.next).await;
        let connect = async {
            let client = self.finder.client().await?;
            client.get_multiplexed_async_connection_with_config(&self.config).await
        };
        let connected = timeout(CONNECT * 2, connect).await;
        match connected
            .map_err(StoreError::unavailable)
            .and_then(|done| done.map_err(StoreError::unavailable))
        {
            Ok(live) => {
                self.live = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                self.broken();
                Err(error)
            }
        }
    }

    /// It has done what it was asked.
    pub(crate) fn worked(&mut self) {
        self.failures = 0;
        self.away_since = None;
    }

    /// It has not, and is to be made anew.
    pub(crate) fn broken(&mut self) {
        let now = Instant::now();
        self.live = None;
        self.away_since.get_or_insert(now);
        let (first, most) = AGAIN;
        let pause = (first * 2_u32.pow(self.failures.min(10))).min(most);
        self.failures = self.failures.saturating_add(1);
        // Many gateways see the same restart: they come back one after the other.
        self.next = now + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    /// How long it has not worked.
    pub(crate) fn away(&self) -> Duration {
        self.away_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
