use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, raw_sql};

/// `lbst`: tells our files from those of other programs.
pub(crate) const APPLICATION_ID: u32 = 0x6c62_7374;

/// What makes each version of the tables from the one before. A version that has been published stays as it is.
const MIGRATIONS: &[&str] = &[include_str!("sql/001.sql")];

/// The version of the tables, which the file has as its `user_version`.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the tables to this version, all of the way or not at all.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if found >= VERSION {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for migration in &MIGRATIONS[usize::try_from(found).unwrap_or(0)..] {
        raw_sql(*migration).execute(&mut *transaction).await?;
    }
    let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {VERSION}"));
    raw_sql(version).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_carry_our_application_id() {
        assert_eq!(&APPLICATION_ID.to_be_bytes(), b"lbst");
        assert!(MIGRATIONS[0].contains(&format!("application_id = {APPLICATION_ID};")));
    }
}
