//! Removes what has expired, a portion at a time, so that no write waits long for it.

use lastbyte_store::AnswerId;

use crate::disk::{Disk, PAGE};
use crate::writer::Writer;

/// Answers in one portion.
const ANSWERS: usize = 64;

/// Rows of events in one portion: some milliseconds. 50 such portions a second remove far more than is written.
const ROWS: u64 = 2000;

/// Pages that are given back to the file system in one portion: a MiB.
const PAGES: u64 = (1 << 20) / PAGE;

/// Free pages that the file keeps, for what is written next: 4 MiB.
const SPARE_PAGES: u64 = (4 << 20) / PAGE;

/// Sweeps one portion. Whether there may be more.
pub(crate) async fn portion(writer: &mut Writer) -> sqlx::Result<bool> {
    let now = writer.clock.now();
    let expired: Vec<_> = {
        let live = writer.board.live();
        live.values().filter(|live| live.is_expired(now)).take(ANSWERS).cloned().collect()
    };
    let disk = &mut writer.disk;
    let due = !expired.is_empty() || is_due(disk, now).await?;
    let mut more = false;
    if due {
        disk.begin(false).await?;
        let swept = async {
            for live in &expired {
                disk.bury(live.number, live.id, &live.tenant, live.expires() + live.ttl).await?;
            }
            let more = expire(disk, now).await? | remove(disk).await? | forget(disk, now).await?;
            disk.commit().await.map(|()| more)
        };
        let swept = swept.await;
        if swept.is_err() {
            disk.roll_back().await;
        }
        more = swept? || expired.len() == ANSWERS;
        let mut changes = crate::board::Changes::default();
        for live in expired {
            changes.news.push(live.id);
            changes.slots.insert(live.id.slot, None);
        }
        writer.board.publish(changes);
    }
    Ok(shrink(writer).await? || more)
}

async fn is_due(disk: &mut Disk, now: i64) -> sqlx::Result<bool> {
    let due: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM answers WHERE expires <= ?1) OR EXISTS (SELECT 1 FROM trash) \
         OR EXISTS (SELECT 1 FROM gone WHERE forgotten <= ?1)",
    )
    .bind(now)
    .fetch_one(&mut disk.connection)
    .await?;
    Ok(due)
}

/// Answers whose time is over become a memory of them.
async fn expire(disk: &mut Disk, now: i64) -> sqlx::Result<bool> {
    let rows: Vec<(i64, Vec<u8>, i64, String, i64)> = sqlx::query_as(
        "SELECT number, slot, generation, tenant, expires + ttl FROM answers WHERE expires <= ?1 \
         ORDER BY expires LIMIT ?2",
    )
    .bind(now)
    .bind(ANSWERS as i64)
    .fetch_all(&mut disk.connection)
    .await?;
    let more = rows.len() == ANSWERS;
    for (number, slot, generation, tenant, forgotten) in rows {
        let slot = slot.try_into().map_err(|_| sqlx::Error::Decode("a slot has 16 bytes".into()))?;
        let id =
            AnswerId { slot: lastbyte_store::Slot(u128::from_be_bytes(slot)), generation: generation as u64 };
        disk.bury(number, id, &tenant, forgotten).await?;
    }
    Ok(more)
}

/// Events of answers that are gone.
async fn remove(disk: &mut Disk) -> sqlx::Result<bool> {
    let mut left = ROWS;
    while left > 0 {
        let number: Option<i64> = sqlx::query_scalar("SELECT number FROM trash LIMIT 1")
            .fetch_optional(&mut disk.connection)
            .await?;
        let Some(number) = number else {
            return Ok(false);
        };
        let removed = disk.remove_events(number, left).await?;
        if removed < left {
            disk.run_with("DELETE FROM trash WHERE number = ?1", number).await?;
        }
        // An answer without events costs something too.
        left -= removed.max(1);
    }
    Ok(true)
}

/// What nobody has to remember any more.
async fn forget(disk: &mut Disk, now: i64) -> sqlx::Result<bool> {
    let removed = disk
        .run_with(
            "DELETE FROM gone WHERE rowid IN (SELECT rowid FROM gone WHERE forgotten <= ?1 LIMIT 1000)",
            now,
        )
        .await?;
    Ok(removed == 1000)
}

/// Gives pages back that are not needed, and sees whether there is room for more answers.
async fn shrink(writer: &mut Writer) -> sqlx::Result<bool> {
    let free = writer.disk.number("PRAGMA freelist_count").await? as u64;
    let pages = writer.disk.number("PRAGMA page_count").await? as u64;
    writer.full = pages.saturating_sub(free) > writer.max_pages / 10 * 9;
    if free <= SPARE_PAGES {
        return Ok(false);
    }
    writer.disk.begin(false).await?;
    let most = PAGES.min(free - SPARE_PAGES);
    let vacuum = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({most})"));
    let done = sqlx::raw_sql(vacuum).execute(&mut writer.disk.connection).await;
    match done {
        Ok(_) => writer.disk.commit().await?,
        Err(error) => {
            writer.disk.roll_back().await;
            return Err(error);
        }
    }
    Ok(true)
}
