//! The SQL texts on both engines, the group commit of SQLite, and the conflicts of PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod directory;
mod plans;
mod postgres;
mod times;

use std::sync::Arc;

use longshore_domain::Error;
use longshore_domain::conflict::Conflict;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ContentRoom, Metadata, Records};
use longshore_domain::repository::RepositoryId;
use longshore_store_sql::{SqliteMetadata, SqliteOptions};
use rusqlite::Connection;

fn open(folder: &tempfile::TempDir) -> Result<SqliteMetadata, Error> {
    SqliteMetadata::open(&SqliteOptions { path: folder.path().join("longshore.db") })
}

/// Finds the SQL texts in the sources of `queries`: each that a text with a mark stands for.
fn statements() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/queries");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let texts = source.split('"').skip(1).step_by(2);
        let is_sql = |text: &&str| {
            ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH RECURSIVE "]
                .iter()
                .any(|verb| text.starts_with(verb))
        };
        found.extend(texts.filter(is_sql).flat_map(longshore_store_sql::statements_of));
    }
    found
}

/// Leaves the locks out, as the adapter does it on SQLite.
fn without_locks(sql: &str) -> String {
    match sql.split_once(" FOR ") {
        Some((before, after)) => format!("{before}{}", after.find(')').map_or("", |end| &after[end..])),
        None => sql.to_owned(),
    }
}

/// PostgreSQL refuses it by itself: whoever tests on SQLite alone is to learn of it.
#[tokio::test]
async fn what_only_reads_takes_no_locks() {
    let folder = tempfile::tempdir().unwrap();
    let metadata: Arc<dyn Metadata> = Arc::new(open(&folder).unwrap());
    let records: Records<ContentRoom> = Records::of(&metadata);
    let repository = RepositoryId(1);
    let read = records.read(repository, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await;
    assert!(matches!(read, Err(Error::Internal(_))), "{read:?}");
    records.look_up(repository, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await.unwrap();
    records.write(repository, |tx, id| Box::pin(tx.find_immutable_tags(*id))).await.unwrap();
    let found = records.read(repository, |tx, id| Box::pin(tx.find_repository_details(*id))).await;
    assert!(matches!(found, Ok(None)), "{found:?}");
    metadata.close().await;
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    let statements = statements();
    assert!(statements.len() > 100, "only {} statements were found", statements.len());
    for sql in &statements {
        if let Err(error) = connection.prepare(&without_locks(sql)) {
            panic!("{error}: {sql}");
        }
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_that_works_with_this_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    connection.execute("INSERT INTO migrations VALUES (9999, 'future', 'x', 1)", []).unwrap();
    drop(connection);
    open(&folder).unwrap().close().await;
}

#[tokio::test]
async fn who_may_not_migrate_is_told_what_was_found_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { path: folder.path().join("longshore.db") };
    assert_eq!(SqliteMetadata::find_schema(&options).unwrap(), None);
    assert!(SqliteMetadata::open_existing(&options).is_err());
    assert!(!options.path.exists());
    std::fs::write(&options.path, b"").unwrap();
    let refusal = |options: &SqliteOptions| match SqliteMetadata::open_existing(options) {
        Err(Error::Conflict(conflict)) => conflict.to_string(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    };
    assert!(refusal(&options).contains("`longshore serve` makes one"));
    assert_eq!(std::fs::metadata(&options.path).unwrap().len(), 0);
    open(&folder).unwrap().close().await;
    SqliteMetadata::open_existing(&options).unwrap().close().await;
    let newest = SqliteMetadata::find_schema(&options).unwrap().unwrap();
    let connection = Connection::open(&options.path).unwrap();
    connection.execute("DELETE FROM migrations WHERE number = ?1", [newest]).unwrap();
    drop(connection);
    let said = refusal(&options);
    assert!(
        said.contains(&format!("schema {}, and this program needs {newest}", newest - 1))
            && said.contains("longshore migrate"),
        "{said}"
    );
    assert_eq!(SqliteMetadata::find_schema(&options).unwrap(), Some(newest - 1));
}

#[test]
fn parameters_are_numbered_in_the_order_of_first_use() {
    for sql in statements() {
        let mut highest = 0;
        for part in sql.split('$').skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let number: usize = digits.parse().unwrap();
            assert!(number <= highest + 1, "${number} comes too early: {sql}");
            highest = highest.max(number);
        }
    }
}

/// Runs units of work side by side, of which a third fails and a third panics: each changes all or nothing.
async fn fail_and_panic(metadata: Arc<dyn Metadata>, count: u32) {
    let mut units = Vec::new();
    for number in 0..count {
        let metadata = Arc::clone(&metadata);
        units.push(tokio::spawn(async move {
            metadata
                .write(number, |tx, number| {
                    Box::pin(async move {
                        tx.put_setting(&format!("n{number}"), "x").await?;
                        match number % 3 {
                            0 => Err(Conflict::Setup("on purpose".into()).into()),
                            1 => panic!("on purpose"),
                            _ => Ok(()),
                        }
                    })
                })
                .await
        }));
    }
    for (number, unit) in units.into_iter().enumerate() {
        assert_eq!(unit.await.unwrap().is_ok(), number % 3 == 2);
    }
    for number in 0..count {
        let key = format!("n{number}");
        let found = metadata.look_up(key, |tx, key| Box::pin(tx.find_setting(key))).await.unwrap();
        assert_eq!(found.is_some(), number % 3 == 2);
    }
}

#[tokio::test]
async fn a_failing_unit_of_work_undoes_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    fail_and_panic(Arc::new(open(&folder).unwrap()), 200).await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let metadata: Arc<dyn Metadata> = Arc::new(open(&folder).unwrap());
        metadata.write((), |tx, ()| Box::pin(tx.put_setting("a", "1"))).await.unwrap();
        // Not closed.
    }
    let metadata: Arc<dyn Metadata> = Arc::new(open(&folder).unwrap());
    let found = metadata.look_up((), |tx, ()| Box::pin(tx.find_setting("a"))).await.unwrap();
    assert_eq!(found.as_deref(), Some("1"));
    assert_eq!(metadata.check_integrity().await.unwrap(), Vec::<String>::new());
}

/// The first release's schema, with its first account and a tag.
fn first_release(path: &std::path::Path) {
    use longshore_domain::digest::{Algorithm, Digest};
    let sql = include_str!("../../migrations/sqlite/0001_initial.sql");
    let connection = Connection::open(path).unwrap();
    let migrations = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT";
    connection.execute_batch(migrations).unwrap();
    connection.execute_batch(sql).unwrap();
    let checksum = Digest::of(Algorithm::Sha256, sql.as_bytes()).to_string();
    connection.execute("INSERT INTO migrations VALUES (1, '0001_initial', ?1)", [checksum]).unwrap();
    let data = "INSERT INTO accounts (id, uuid, kind, name, created_at) VALUES (1, x'00', 'user', 'alice', 1);
        INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (1, 1, 'alice/app', 'private', 1);
        INSERT INTO tag_history (repository_id, name, digest, from_at, until_at) VALUES (1, 'v1', 'd1', 1, 2), (1, 'v1', 'd2', 2, NULL);";
    connection.execute_batch(data).unwrap();
}

fn schema(path: &std::path::Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let objects = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'
                   AND name <> 'migrations' ORDER BY 1";
    let mut statement = connection.prepare(objects).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_first_release_is_brought_to_the_newest_schema() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |folder: &tempfile::TempDir| folder.path().join("longshore.db");
    first_release(&path(&old));
    for folder in [&old, &new] {
        open(folder).unwrap().close().await;
    }
    assert_eq!(schema(&path(&old)), schema(&path(&new)));
    let connection = Connection::open(path(&old)).unwrap();
    let kept =
        "SELECT count(*) FROM accounts JOIN repositories ON namespace_id = accounts.id JOIN tag_history";
    assert_eq!(connection.query_row(kept, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    connection.execute("INSERT INTO migrations VALUES (9999, 'future', 'x', 9999)", []).unwrap();
    drop(connection);
    assert!(matches!(open(&folder), Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_changed_migration_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).unwrap().close().await;
    let connection = Connection::open(folder.path().join("longshore.db")).unwrap();
    connection.execute("UPDATE migrations SET checksum = 'other'", []).unwrap();
    drop(connection);
    assert!(matches!(open(&folder), Err(Error::Conflict(_))));
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("longshore.db"), vec![b'x'; 5000]).unwrap();
    let Err(Error::Internal(cause)) = open(&folder) else { panic!("it was opened") };
    assert!(cause.to_string().contains("damaged"), "{cause}");
}

/// A database of the schema of several nodes, with content, is brought to the newest one.
#[tokio::test]
async fn images_and_counts_are_made_from_what_an_older_database_has() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).unwrap().close().await;
    let path = folder.path().join("longshore.db");
    let newest = Connection::open(&path).unwrap();
    // The two oldest steps alone, with the checksums that this version knows.
    let older = Connection::open(folder.path().join("older.db")).unwrap();
    older.execute_batch(include_str!("../../migrations/sqlite/0001_initial.sql")).unwrap();
    older.execute_batch(include_str!("../../migrations/sqlite/0002_several_nodes.sql")).unwrap();
    let steps: String = newest
        .query_row("SELECT sql FROM sqlite_master WHERE name = 'migrations'", [], |row| row.get(0))
        .unwrap();
    older.execute_batch(&steps).unwrap();
    let mut known = newest
        .prepare("SELECT number, name, checksum, works_with FROM migrations WHERE number <= 2")
        .unwrap();
    let rows: Vec<(i64, String, String, i64)> = known
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (number, name, checksum, works_with) in rows {
        let values = rusqlite::params![number, name, checksum, works_with];
        older
            .execute(
                "INSERT INTO migrations (number, name, checksum, works_with) VALUES (?1, ?2, ?3, ?4)",
                values,
            )
            .unwrap();
    }
    let content = "
        INSERT INTO accounts (id, uuid, kind, name, created_at) VALUES (1, x'01', 'user', 'alice', 1);
        INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (7, 1, 'alice/app', 'private', 5);
        INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at,
            lease_until, annotations, content, deleted_at) VALUES
            (1, 7, 'sha256:a', 't', 'image', 1, 1, 10, 0, '{}', x'00', NULL), (2, 7, 'sha256:b', 't', 'image', 1, 1, 20, 0, '{}', x'00', NULL),
            (3, 7, 'sha256:c', 't', 'image', 1, 1, 30, 0, '{}', x'00', 99);
        INSERT INTO manifest_pulls (manifest_id, pulls, last_pulled_at) VALUES (1, 4, 50), (2, 3, 15);
        INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at) VALUES (7, 'v1', 1, 1, 1), (7, 'v2', 1, 1, 1);
        INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (8, 1, 'alice/copy', 'private', 5);
        INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at) VALUES (1, 'd', 40, 's', x'01', 1), (2, 'e', 2, 's', x'02', 1);
        INSERT INTO blob_links (repository_id, blob_id, lease_until) VALUES (7, 1, 1), (8, 1, 1), (8, 2, 1);
        INSERT INTO usage_totals (namespace_id, kind, amount) VALUES (1, 'linked_bytes', 80), (1, 'manifest_bytes', 3);
        INSERT INTO usage_changes (namespace_id, kind, amount, at) VALUES (1, 'linked_bytes', 2, 1);
        INSERT INTO events (account_id, actor_name, action, subject, data, at) VALUES (1, 'alice', 'repo.change_visibility', 'alice/app', '{}', 1);";
    older.execute_batch(content).unwrap();
    drop(known);
    drop((newest, older));
    std::fs::rename(folder.path().join("older.db"), &path).unwrap();
    for rest in ["longshore.db-wal", "longshore.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(rest));
    }
    let store: Arc<dyn Metadata> = Arc::new(open(&folder).unwrap());
    let records: Records<ContentRoom> = Records::of(&store);
    let one = PageSize::clamped(1).unwrap();
    records.drain(one, |tx, size| Box::pin(tx.add_version_keys(*size))).await.unwrap();
    store.close().await;
    let migrated = Connection::open(&path).unwrap();
    let text = |sql: &str| migrated.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let images = "SELECT group_concat(manifest_id || ' ' || tags || ' ' || is_tagged || ' ' || active_at, ', ') FROM images";
    assert_eq!(text(images), "1 2 1 50, 2 0 0 20");
    let totals = "SELECT tags || ' ' || images || ' ' || pulls || ' ' || namespace_id || ' ' || updated_at FROM repository_totals";
    assert_eq!(text(totals), "2 2 7 1 5");
    assert_eq!(text("SELECT action || ' ' || short_subject FROM events"), "repo.change_privacy app");
    let orders = "SELECT group_concat(name || ' ' || size_bytes || ' ' || pulled_at || ' ' || version_key, ', ') FROM tags";
    assert_eq!(text(orders), "v1 1 0 t.b1#, v2 1 0 t.b2#");
    // A blob that two repositories have counts once.
    let usage = "SELECT group_concat(kind || ' ' || amount, ', ') FROM (SELECT kind, amount FROM usage_totals ORDER BY kind)";
    assert_eq!(text(usage), "manifest_bytes 3, stored_bytes 42");
    assert_eq!(text("SELECT count(*) || '' FROM usage_changes"), "0");
    let blobs = "SELECT group_concat(namespace_id || ' ' || blob_id, ', ') FROM namespace_blobs";
    assert_eq!(text(blobs), "1 1, 1 2");
    assert_eq!(text("SELECT group_concat(DISTINCT namespace_id) FROM blob_links"), "1");
}
