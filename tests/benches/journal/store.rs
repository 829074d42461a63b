//! The stores, each fresh for every turn, and what they count.

use std::fs;
use std::path::{Path, PathBuf};

use lastbyte_test_redis::Server;

use super::counts::{Count, Counts};

/// Where answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Nowhere: the streams have no key.
    PassThrough,
    Memory,
    Sqlite,
    /// With a log that is flushed every second, as Redis comes when its log is turned on.
    Redis,
    /// With a log that is flushed before every reply.
    RedisFlushed,
}

impl Store {
    pub(crate) const ALL: [Self; 5] =
        [Self::PassThrough, Self::Memory, Self::Sqlite, Self::Redis, Self::RedisFlushed];
    pub(crate) const KEPT: [Self; 4] = [Self::Memory, Self::Sqlite, Self::Redis, Self::RedisFlushed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PassThrough => "pass-through",
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::Redis => "Redis, `appendfsync everysec`",
            Self::RedisFlushed => "Redis, `appendfsync always`",
        }
    }

    /// Opens a new one; files are in `folder`.
    pub(crate) async fn open(self, folder: &Path) -> Open {
        let redis =
            async |flushes: &'static str| Open::Redis(Server::with(&["--appendfsync", flushes], None).await);
        match self {
            Self::PassThrough | Self::Memory => Open::Memory,
            Self::Sqlite => Open::Sqlite(folder.join("answers.db")),
            Self::Redis => redis("everysec").await,
            Self::RedisFlushed => redis("always").await,
        }
    }
}

/// An open store.
#[derive(Debug)]
pub(crate) enum Open {
    Memory,
    Sqlite(PathBuf),
    Redis(Server),
}

impl Open {
    /// As the gateway is told.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Redis(server) => server.url(),
        }
    }

    pub(crate) async fn counts(&self) -> Counts {
        match self {
            Self::Memory => Counts::default(),
            Self::Sqlite(file) => sqlite(file),
            Self::Redis(server) => redis(&server.ask("INFO all").await),
        }
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sqlite(file: &Path) -> Counts {
    let size = |file: &Path| fs::metadata(file).map(|it| it.len() as f64).ok();
    let bytes = size(file).zip(size(&beside(file, "-wal"))).map(|(file, log)| file + log);
    // The index of the log begins with its version and a word of nothing; behind them a word counts
    // transactions (https://www.sqlite.org/walformat.html, `iChange`), in the machine's own byte order.
    let commits = fs::read(beside(file, "-shm")).ok().and_then(|index| {
        let word = index.get(8..12)?.try_into().ok()?;
        Some(f64::from(u32::from_ne_bytes(word)))
    });
    [(Count::FileBytes, bytes), (Count::Commits, commits)].into_iter().collect()
}

fn redis(info: &str) -> Counts {
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().parse::<f64>().ok()
    };
    let calls = |command: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_")?.strip_prefix(command))?;
        line.strip_prefix(":calls=")?.split(',').next()?.parse::<f64>().ok()
    };
    let cpu = field("used_cpu_user").zip(field("used_cpu_sys")).map(|(user, system)| user + system);
    let steps = ["eval", "evalsha", "fcall"].into_iter().filter_map(calls).sum();
    [
        (Count::Reads, field("total_reads_processed")),
        (Count::Steps, Some(steps)),
        (Count::Memory, field("used_memory")),
        (Count::Log, field("aof_current_size")),
        (Count::RedisCpu, cpu),
    ]
    .into_iter()
    .collect()
}
