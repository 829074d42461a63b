use bytes::Bytes;
use lastbyte_store::{AnswerId, Look, Record, Slot, State};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::clock::time;
use crate::events::last_of;
use crate::live::{Attended, Live};

/// The columns that [`Stored::read`] reads.
macro_rules! columns {
    () => {
        "number, slot, generation, tenant, fingerprint, state, fence, attempts, created, ttl, head, detail, \
         events, bytes, expires"
    };
}

/// An answer as the file has it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) number: i64,
    /// When it expires, if it has ended.
    pub(crate) expires: Option<i64>,
    pub(crate) ttl: i64,
    pub(crate) record: Record,
}

fn bad(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

fn slot(row: &SqliteRow, at: usize) -> sqlx::Result<Slot> {
    let bytes: &[u8] = row.try_get(at)?;
    Ok(Slot(u128::from_be_bytes(bytes.try_into().map_err(|_| bad("a slot has 16 bytes"))?)))
}

fn state(row: &SqliteRow, at: usize) -> sqlx::Result<State> {
    State::from_name(row.try_get(at)?).ok_or_else(|| bad("there is no such state"))
}

fn fingerprint(row: &SqliteRow, at: usize) -> sqlx::Result<[u8; 32]> {
    row.try_get::<&[u8], _>(at)?.try_into().map_err(|_| bad("a fingerprint has 32 bytes"))
}

fn blob(row: &SqliteRow, at: usize) -> sqlx::Result<Option<Bytes>> {
    Ok(row.try_get::<Option<Vec<u8>>, _>(at)?.map(Bytes::from))
}

fn number(row: &SqliteRow, at: usize) -> sqlx::Result<u64> {
    Ok(row.try_get::<Option<i64>, _>(at)?.unwrap_or(0) as u64)
}

impl Stored {
    fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        let record = Record {
            id: AnswerId { slot: slot(row, 1)?, generation: row.try_get::<i64, _>(2)? as u64 },
            tenant: row.try_get(3)?,
            fingerprint: fingerprint(row, 4)?,
            state: state(row, 5)?,
            fence: number(row, 6)?,
            leased: false,
            attempts: row.try_get(7)?,
            created: time(row.try_get(8)?),
            head: blob(row, 10)?,
            end: blob(row, 11)?,
            events: number(row, 12)?,
            bytes: number(row, 13)?,
        };
        Ok(Self { number: row.try_get(0)?, ttl: row.try_get(9)?, expires: row.try_get(14)?, record })
    }

    /// The answer that stands in this slot.
    pub(crate) async fn find(connection: &mut SqliteConnection, slot: Slot) -> sqlx::Result<Option<Self>> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM answers WHERE slot = ?1"))
            .bind(slot.0.to_be_bytes().to_vec())
            .fetch_optional(connection)
            .await?;
        row.as_ref().map(Self::read).transpose()
    }

    /// Whether it has ended, and is kept still.
    pub(crate) fn is_kept(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| now < expires)
    }
}

/// What the file knows of an answer that does not run. One that does, in the file but not yet on the board, is
/// not known yet.
pub(crate) async fn look(connection: &mut SqliteConnection, id: AnswerId, now: i64) -> sqlx::Result<Look> {
    if let Some(stored) = Stored::find(connection, id.slot).await?
        && stored.record.id == id
    {
        return Ok(match stored.expires {
            Some(expires) => aged(stored.record, expires, stored.ttl, now),
            None => Look::Unknown,
        });
    }
    let gone: Option<(String, i64)> =
        sqlx::query_as("SELECT tenant, forgotten FROM gone WHERE slot = ?1 AND generation = ?2")
            .bind(id.slot.0.to_be_bytes().to_vec())
            .bind(id.generation as i64)
            .fetch_optional(connection)
            .await?;
    Ok(match gone {
        Some((tenant, forgotten)) if now < forgotten => Look::Expired { tenant },
        _ => Look::Unknown,
    })
}

/// An answer at its age: it is kept until it expires, and remembered for as long again.
pub(crate) fn aged(record: Record, expires: i64, ttl: i64, now: i64) -> Look {
    if now < expires {
        Look::Known(record)
    } else if now < expires + ttl {
        Look::Expired { tenant: record.tenant }
    } else {
        Look::Unknown
    }
}

/// All answers that had not ended when the file was closed. Nobody has a lease on them.
pub(crate) async fn running(connection: &mut SqliteConnection, now: i64) -> sqlx::Result<Vec<Live>> {
    let rows = sqlx::query(
        "SELECT number, slot, generation, tenant, fingerprint, state, fence, lease, ttl, max_bytes, created, \
           changed, attempts, head, e.id, e.written, e.total, attended \
         FROM answers LEFT JOIN events e ON e.id = (SELECT max(id) FROM events \
           WHERE id >= number << 27 AND id < (number + 1) << 27) \
         WHERE expires IS NULL",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| live(row, now)).collect()
}

fn live(row: &SqliteRow, now: i64) -> sqlx::Result<Live> {
    let last: Option<i64> = row.try_get(14)?;
    let written: Option<i64> = row.try_get(15)?;
    let changed: i64 = row.try_get(11)?;
    let attended: Option<i64> = row.try_get(17)?;
    Ok(Live {
        number: row.try_get(0)?,
        id: AnswerId { slot: slot(row, 1)?, generation: row.try_get::<i64, _>(2)? as u64 },
        tenant: row.try_get::<&str, _>(3)?.into(),
        fingerprint: fingerprint(row, 4)?,
        state: if last.is_some() { State::Streaming } else { state(row, 5)? },
        fence: number(row, 6)?,
        lease: row.try_get(7)?,
        ttl: row.try_get(8)?,
        max_bytes: number(row, 9)?,
        created: row.try_get(10)?,
        // A time to come is one from before the clock was set back.
        changed: changed.max(written.unwrap_or(0)).min(now),
        found: None,
        leased_until: 0,
        attempts: row.try_get(12)?,
        head: blob(row, 13)?,
        events: last.map_or(0, last_of),
        event_bytes: number(row, 16)?,
        attended: Attended::at(attended.map(|then| then.min(now))),
    })
}
