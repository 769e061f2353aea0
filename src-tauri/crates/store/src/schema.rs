//! The database file: how it is opened, and the numbered migrations that make its tables.
//!
//! `application_id` says that the file is ours, `user_version` how far it was migrated. Each migration and its number
//! are one transaction. A file of a newer schema, or of another program, is refused and never written to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::StoreError;

/// `FWdb`, in the header of the file.
const APPLICATION_ID: i32 = 0x4657_6462;
/// What changes the tables, in order; the number of those applied is the schema's number.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];
/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_millis(1000);
/// Beyond this the write-ahead log is cut after a checkpoint.
const WAL_LIMIT_BYTES: i64 = 64 << 20;

/// The path with links resolved, so that two names of one file have one lock.
pub fn true_path(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}

/// The writing connection, with the tables of the newest schema. The caller holds the lock.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let sentence = |error: rusqlite::Error| StoreError::of(path, &error);
    // A first look without writing: a file that is not ours must not even get a changed header.
    if fs::metadata(path).is_ok_and(|meta| meta.len() > 0) {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sentence)?;
        connection.busy_timeout(BUSY).map_err(sentence)?;
        check_ours(&connection, path)?;
    }
    let mut connection = Connection::open(path).map_err(sentence)?;
    connection.busy_timeout(BUSY).map_err(sentence)?;
    // The page size counts only before the first page is written.
    connection.pragma_update(None, "page_size", 16_384).map_err(sentence)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(sentence)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(sentence)?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES).map_err(sentence)?;
    connection.pragma_update(None, "cache_size", -8_192).map_err(sentence)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection, MIGRATIONS).map_err(sentence)?;
    Ok(connection)
}

/// A reading connection.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_path_buf() });
    }
    let sentence = |error: rusqlite::Error| match StoreError::of(path, &error) {
        // A reader writes nothing of its own, but SQLite keeps an index of the log beside the file.
        StoreError::Unwritable { path, why } => StoreError::Failed { what: format!("{}: {why}", path.display()) },
        other => other,
    };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(sentence)?;
    connection.busy_timeout(BUSY).map_err(sentence)?;
    connection.pragma_update(None, "cache_size", -2_048).map_err(sentence)?;
    connection.set_prepared_statement_cache_capacity(32);
    let schema = check_ours(&connection, path)?;
    if schema < MIGRATIONS.len() as i64 {
        return Err(StoreError::Older { schema, known: MIGRATIONS.len() as i64 });
    }
    Ok(connection)
}

/// Is this file ours, and one we know? Tells its schema; 0 for a database without tables.
fn check_ours(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let sentence = |error: rusqlite::Error| StoreError::of(path, &error);
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sentence);
    let application = number("application_id")?;
    let schema = number("user_version")?;
    if application != i64::from(APPLICATION_ID) {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sentence)?;
        // Without a table it is a file that was just being made when the program was killed.
        if application != 0 || schema != 0 || tables != 0 {
            return Err(StoreError::NotOurs {
                path: path.to_path_buf(),
                why: "a database of another program".to_owned(),
            });
        }
    }
    let known = MIGRATIONS.len() as i64;
    if schema > known {
        return Err(StoreError::Newer { schema, known });
    }
    Ok(schema)
}

/// Applies what of `migrations` is not applied yet.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), rusqlite::Error> {
    let applied: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let applied = usize::try_from(applied).unwrap_or(0);
    for (number, migration) in migrations.iter().enumerate().skip(applied) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
    const SECOND: &str = "ALTER TABLE thing ADD COLUMN size INTEGER NOT NULL DEFAULT 7;";

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_file_of_the_version_before_is_migrated_with_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &[FIRST]).unwrap();
        connection.execute("INSERT INTO thing (name) VALUES ('kept')", []).unwrap();
        drop(connection);

        let mut connection = Connection::open(&path).unwrap();
        assert_eq!(version(&connection), 1);
        migrate(&mut connection, &[FIRST, SECOND]).unwrap();
        migrate(&mut connection, &[FIRST, SECOND]).unwrap();
        assert_eq!(version(&connection), 2);
        let row: (String, i64) =
            connection.query_row("SELECT name, size FROM thing", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, ("kept".to_owned(), 7));
    }

    /// What a file holds may be more with each version; nothing of it is lost.
    #[test]
    fn a_history_of_every_earlier_version_is_migrated_with_its_feeds() {
        for version in 1..MIGRATIONS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("old.db");
            let mut connection = Connection::open(&path).unwrap();
            migrate(&mut connection, &MIGRATIONS[..version]).unwrap();
            let feed =
                "INSERT INTO feed (id, name, title, protocol, address) VALUES (7, 'a', 'A', 'mqtt', 'mqtt://b/')";
            connection.execute(feed, []).unwrap();
            drop(connection);
            assert!(open_for_reading(&path).is_err(), "{version}: it is older");
            drop(open_for_writing(&path).unwrap());
            let connection = open_for_reading(&path).unwrap();
            let row: (String, Option<String>) = connection
                .query_row("SELECT address, thinned FROM feed WHERE id = 7", [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!(row, ("mqtt://b/".to_owned(), None), "{version}");
            for table in ["drill", "certificate"] {
                let count = format!("SELECT count(*) FROM {table}");
                assert_eq!(connection.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{version}");
            }
        }
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &[FIRST]).unwrap();
        let broken = "CREATE TABLE other (id INTEGER); INSERT INTO nowhere VALUES (1);";
        assert!(migrate(&mut connection, &[FIRST, broken]).is_err());
        assert_eq!(version(&connection), 1);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'other'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 0);
    }
}
