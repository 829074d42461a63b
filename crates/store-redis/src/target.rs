use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, RedisConnectionInfo, TlsCertificates, TlsMode};

/// How long replicas may take to say that they have what was written, if nothing else is said: a good deal more
/// than a round trip between two rooms, and less than a caller's patience.
const WAIT: Duration = Duration::from_secs(1);

/// Longer than this nobody waits for a replica: a reply then comes after [`crate::lane::WITHIN`].
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a store's URL says.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) db: i64,
    /// What all keys and channels begin with.
    pub(crate) prefix: String,
    /// How many replicas have to have what must not get lost, and how long they may take.
    pub(crate) replicas: Option<(u32, Duration)>,
    /// Whom to trust instead of those that the system trusts, in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) sentinel_user: Option<String>,
    pub(crate) sentinel_password: Option<String>,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the one server.
    Server,
    /// In the server that these sentinels name as the master of a service.
    Sentinels(String),
    /// In the cluster of which these are nodes.
    Cluster,
}

const FORMS: &str = "write redis://USER:PASSWORD@HOST:PORT/DB, rediss://… for TLS, \
     redis+sentinel://HOST:PORT,HOST:PORT/SERVICE, or redis+cluster://HOST:PORT,HOST:PORT";

/// What may stand in the wrong place may be of a password, so none of these texts repeats anything of a URL.
const PERCENT: &str = "in a user's name, a password or the name of a service write `/` as %2F, `?` as %3F, `@` as \
     %40 and `%` as %25";

const PARAMETERS: &str = "there are wait_replicas, wait_timeout, prefix, db, ca_file, sentinel_user and \
     sentinel_password";

impl Target {
    /// Reads a URL; or says what is wrong with it and what to write, without a word of the URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| format!("this is no URL of a store; {FORMS}"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(format!("there is no store of this scheme; {FORMS}")),
        };
        if path.contains('@') {
            return Err(format!("an `@` stands behind the first `/`; {PERCENT}"));
        }
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (user, password) = match credentials.map(|both| both.split_once(':').unwrap_or(("", both))) {
            Some((user, password)) => (decoded(user)?, decoded(password)?),
            None => (String::new(), String::new()),
        };
        let (place, db, port) = match kind {
            "" => (Place::Server, path, 6379),
            "sentinel" => {
                let (service, db) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    let missing = "the name of the service that the sentinels watch is missing";
                    return Err(format!("{missing}; write {scheme}://HOST:PORT,HOST:PORT/SERVICE"));
                }
                (Place::Sentinels(decoded(service)?), db, 26379)
            }
            "cluster" => (Place::Cluster, path, 6379),
            _ => return Err(format!("there is no store of this scheme; {FORMS}")),
        };
        let hosts = hosts.split(',').map(|host| self::host(host, port)).collect::<Result<Vec<_>, _>>()?;
        if place == Place::Server && hosts.len() > 1 {
            return Err(format!(
                "{scheme}:// has one host, and here are {}; for several write redis+sentinel:// or \
                 redis+cluster://",
                hosts.len()
            ));
        }
        let mut target = Self {
            place,
            hosts,
            tls,
            user: some(user),
            password: some(password),
            db: 0,
            prefix: "lb".to_owned(),
            replicas: None,
            ca: None,
            sentinel_user: None,
            sentinel_password: None,
        };
        target.read_db(db)?;
        target.read_query(query)?;
        Ok(target)
    }

    fn read_db(&mut self, db: &str) -> Result<(), String> {
        if db.is_empty() {
            return Ok(());
        }
        let wrong = |_| "the database is no number up to 65535; write /0 or leave it out".to_owned();
        self.db = db.parse::<u16>().map_err(wrong)?.into();
        if self.place == Place::Cluster && self.db != 0 {
            return Err("a cluster has only the database 0; leave it out".to_owned());
        }
        Ok(())
    }

    fn read_query(&mut self, query: &str) -> Result<(), String> {
        let mut wait = WAIT;
        let mut wait_replicas = 0;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decoded(value)?;
            match name {
                "wait_replicas" => {
                    let wrong = |_| "wait_replicas is not a number of replicas".to_owned();
                    wait_replicas = value.parse().map_err(wrong)?;
                }
                "wait_timeout" => {
                    let wrong = "wait_timeout is not like 500ms or 1s, up to 2s";
                    wait = duration(&value).ok_or(wrong)?;
                }
                "prefix" => {
                    if value.is_empty() || value.contains(['{', '}']) || value.len() > 64 {
                        return Err(
                            "prefix has 1 to 64 bytes, and no braces: they say where a cluster keeps a key"
                                .to_owned(),
                        );
                    }
                    self.prefix = value;
                }
                "db" => self.read_db(&value)?,
                "ca_file" => {
                    let read = std::fs::read(&value);
                    self.ca = Some(read.map_err(|error| format!("ca_file cannot be read: {error}"))?);
                }
                "sentinel_user" => self.sentinel_user = some(value),
                "sentinel_password" => self.sentinel_password = some(value),
                _ => return Err(format!("a parameter is none of a store's URL; {PARAMETERS}")),
            }
        }
        self.replicas = (wait_replicas > 0).then_some((wait_replicas, wait));
        Ok(())
    }

    /// Who we are to a server that keeps data.
    pub(crate) fn settings(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_db(self.db);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        settings
    }

    /// One of the hosts.
    pub(crate) fn address(&self, at: usize) -> ConnectionAddr {
        let (host, port) = self.hosts[at % self.hosts.len()].clone();
        match self.tls {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        }
    }

    pub(crate) fn tls_mode(&self) -> Option<TlsMode> {
        self.tls.then_some(TlsMode::Secure)
    }

    pub(crate) fn certificates(&self) -> TlsCertificates {
        TlsCertificates { client_tls: None, root_cert: self.ca.clone() }
    }
}

// Without the password.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, hosts, tls, db, prefix, replicas, .. } = self;
        let mut shown = f.debug_struct("Target");
        shown.field("place", place).field("hosts", hosts).field("tls", tls).field("db", db);
        shown.field("prefix", prefix).field("replicas", replicas).finish_non_exhaustive()
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "what stands behind the percent signs is not UTF-8".to_owned())
}

fn host(host: &str, port: u16) -> Result<(String, u16), String> {
    let wrong = || format!("a host is none; write HOST:PORT, and {PERCENT}");
    let (name, port) = match host.strip_prefix('[') {
        // An address of version 6 has colons of its own.
        Some(rest) => match rest.split_once(']').ok_or_else(wrong)? {
            (name, "") => (name, port),
            (name, rest) => {
                (name, rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(wrong)?)
            }
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| wrong())?),
            None => (host, port),
        },
    };
    if name.is_empty() { Err(wrong()) } else { Ok((name.to_owned(), port)) }
}

/// `500ms` or `1s`.
fn duration(text: &str) -> Option<Duration> {
    let duration = match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().ok()?),
        None => Duration::from_secs(text.strip_suffix('s')?.parse().ok()?),
    };
    (!duration.is_zero() && duration <= LONGEST_WAIT).then_some(duration)
}

#[cfg(test)]
#[path = "target/tests.rs"]
mod tests;
