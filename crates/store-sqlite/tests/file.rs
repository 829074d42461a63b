//! Which files are opened, and which are left as they are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::{answer, batch, complete, open, texts};
use lastbyte_store::{Journal, StoreError};
use lastbyte_store_sqlite::{OpenError, Settings, Sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, raw_sql};

/// All files of a folder, with their bytes, but for the lock and the index of the log, which SQLite makes anew.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.extension().is_some_and(|end| end == "lock" || end == "db-shm"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .filter(|(path, bytes)| !(path.extension().is_some_and(|end| end == "db-wal") && bytes.is_empty()))
        .collect();
    files.sort();
    files
}

async fn run(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A file with an answer in it, closed.
async fn filled(path: &Path) {
    let store = Sqlite::open(path).await.unwrap();
    for key in 0..20 {
        let lease = open(&store, answer(key)).await;
        let event = "event ".repeat(100);
        store.end(lease, batch(1, &[event.as_str(); 20]), complete()).await.unwrap();
    }
    store.close().await;
}

/// Opening it fails, and changes nothing.
async fn refused(path: &Path) -> OpenError {
    let before = files(path.parent().unwrap());
    let error = Sqlite::open(path).await.unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(before == files(path.parent().unwrap()), "the files have changed");
    error
}

#[tokio::test]
async fn a_file_and_its_folder_are_created_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/answers.db");
    let store = Sqlite::open(&path).await.unwrap();
    open(&store, answer(1)).await;
    #[cfg(unix)]
    for end in ["", "-wal", "-shm", ".lock"] {
        let file = format!("{}{end}", path.display());
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    store.close().await;
    let error = store.look(answer(1).id).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    // All is in one file then.
    assert_eq!(files(path.parent().unwrap()).len(), 1);
}

#[tokio::test]
async fn a_file_that_somebody_has_is_not_opened_until_they_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let store = Sqlite::open(&path).await.unwrap();
    open(&store, answer(1)).await;
    assert!(matches!(Sqlite::open(&path).await, Err(OpenError::Locked { .. })));
    let clone = store.clone();
    store.close().await;
    clone.close().await;
    assert!(Sqlite::open(&path).await.is_ok());
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_file_behind_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    for round in 1..=5 {
        // The writer ends some time after the drop.
        let store = loop {
            match Sqlite::open(&path).await {
                Ok(store) => break store,
                Err(OpenError::Locked { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        if round == 1 {
            open(&store, answer(1)).await;
        }
        let lease = store.claim(answer(1).id).await.unwrap();
        let Some(lease) = lease.map(|claimed| claimed.lease) else {
            assert_eq!(round, 1);
            continue;
        };
        let append = store.append(lease, batch(round - 1, &["event"]));
        // Asked for once it was polled, whether anybody waits for it or not.
        tokio::select! { biased; done = append => done.unwrap(), () = tokio::task::yield_now() => {} }
    }
    let store = loop {
        if let Ok(store) = Sqlite::open(&path).await {
            break store;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(texts(&store, answer(1).id).await, ["event"; 4]);
}

#[tokio::test]
async fn what_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    for bytes in [&b"x"[..], &[b'x'; 5000], b"SQLite format 3\0"] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refused(&path).await, OpenError::NotADatabase { .. }));
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(Sqlite::open(&path).await, Err(OpenError::NotADatabase { .. })));
}

#[tokio::test]
async fn the_database_of_another_program_is_left_as_it_is() {
    for sql in ["CREATE TABLE t (a)", "PRAGMA application_id = 7; CREATE TABLE answers (number)"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.db");
        run(&path, sql).await;
        assert!(matches!(refused(&path).await, OpenError::Foreign { .. }));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    filled(&path).await;
    run(&path, "PRAGMA user_version = 1000").await;
    let error = refused(&path).await;
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
    run(&path, "PRAGMA user_version = 1").await;
    assert!(Sqlite::open(&path).await.is_ok());
}

#[tokio::test]
async fn a_damaged_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    filled(&path).await;
    let whole = fs::read(&path).unwrap();
    for (from, to) in [(100, 200), (whole.len() / 2, whole.len() / 2 + 8192)] {
        let mut damaged = whole.clone();
        damaged[from..to].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
    fs::write(&path, &whole[..whole.len() - 4096]).unwrap();
    assert!(matches!(refused(&path).await, OpenError::Damaged { .. }));
}

#[tokio::test]
async fn damage_that_was_not_looked_for_is_told_where_it_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    filled(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    let from = bytes.len() / 3;
    bytes[from..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let store = match Settings::new().with_check_up_to(0).open(&path).await {
        Ok(store) => store,
        Err(error) => {
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            return;
        }
    };
    let mut met = 0;
    for key in 0..20 {
        match store.read(answer(key).id, 0, usize::MAX).await {
            Ok(_) => {}
            Err(StoreError::Corrupt(_)) => met += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(met > 0);
}

#[tokio::test]
async fn a_log_without_its_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let log = folder.path().join("answers.db-wal");
    fs::write(&log, b"a log").unwrap();
    let error = Sqlite::open(&path).await.unwrap_err();
    assert!(matches!(&error, OpenError::Orphan { path } if *path == log), "{error}");
    assert_eq!(fs::read(&log).unwrap(), b"a log");
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_left_of_a_creation_that_was_cut_short_is_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    for left in ["answers.db.new", "answers.db.new-journal", "answers.db"] {
        fs::write(folder.path().join(left), if left == "answers.db" { "" } else { "half" }).unwrap();
    }
    let store = Settings::new().with_patience(Duration::from_secs(60)).open(&path).await.unwrap();
    open(&store, answer(1)).await;
    store.close().await;
    assert_eq!(files(folder.path()).len(), 1);
}
