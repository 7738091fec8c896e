//! PostgreSQL; nothing is tested here when the test command did not start one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use longshore_domain::Error;
use longshore_domain::access::actor::Credential;
use longshore_domain::deletion::{DeletionCause, DeletionId, NewDeletion};
use longshore_domain::name::Tag;
use longshore_domain::ports::metadata::{BlobId, ManifestId, Metadata, Mover};
use longshore_domain::repository::RepositoryId;
use longshore_store_sql::{PostgresMetadata, PostgresOptions};
use longshore_testkit::stores::{SharedStores, postgres_options};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

pub struct Database {
    folder: TempDir,
    stores: SharedStores,
}

pub fn database() -> Option<Database> {
    SharedStores::needed().map(Database::new)
}

impl Database {
    /// Makes an empty one for this test.
    pub fn new(stores: SharedStores) -> Self {
        let folder = tempfile::tempdir().unwrap();
        stores.new_database(folder.path());
        Self { folder, stores }
    }

    fn url(&self) -> String {
        self.stores.database(self.folder.path())
    }

    pub async fn open(&self) -> Result<PostgresMetadata, Error> {
        PostgresMetadata::open(&postgres_options(&self.url())).await
    }

    pub async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

#[tokio::test]
async fn who_may_not_migrate_is_told_what_was_found_and_changes_nothing() {
    let Some(database) = database() else { return };
    let options = postgres_options(&database.url());
    let refusal = || async {
        match PostgresMetadata::open_existing(&options).await {
            Err(Error::Conflict(conflict)) => conflict.to_string(),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was opened"),
        }
    };
    assert_eq!(PostgresMetadata::find_schema(&options).await.unwrap(), None);
    assert!(refusal().await.contains("`longshore serve` makes one"));
    let client = database.client().await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
    database.open().await.unwrap().close().await;
    PostgresMetadata::open_existing(&options).await.unwrap().close().await;
    let newest = PostgresMetadata::find_schema(&options).await.unwrap().unwrap();
    client.execute("DELETE FROM migrations WHERE number = $1", &[&newest]).await.unwrap();
    let said = refusal().await;
    assert!(said.contains(&format!("schema {}, and this program needs {newest}", newest - 1)), "{said}");
    assert_eq!(PostgresMetadata::find_schema(&options).await.unwrap(), Some(newest - 1));
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let Some(database) = database() else { return };
    database.open().await.unwrap().close().await;
    let client = database.client().await;
    for sql in super::statements() {
        if let Err(error) = client.prepare(&sql).await {
            panic!("{error:?}: {sql}");
        }
    }
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_indexes() {
    let Some(database) = database() else { return };
    database.open().await.unwrap().close().await;
    let client = database.client().await;
    let mut here = BTreeSet::new();
    let columns = "SELECT table_name::text, column_name::text, is_nullable::text
                   FROM information_schema.columns JOIN pg_tables ON tablename = table_name AND schemaname = table_schema
                   WHERE table_schema = current_schema()";
    for row in client.query(columns, &[]).await.unwrap() {
        let (table, column, nullable): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        here.insert(format!("{table}.{column} {}", nullable == "YES"));
    }
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema()
                   AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'";
    here.extend(client.query(indexes, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));

    let folder = tempfile::tempdir().unwrap();
    super::open(&folder).unwrap().close().await;
    let lite = rusqlite::Connection::open(folder.path().join("longshore.db")).unwrap();
    let mut there = BTreeSet::new();
    let columns = "SELECT m.name || '.' || c.name || ' ' || iif(c.\"notnull\" OR c.pk, 'false', 'true')
                   FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
                   UNION SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'";
    let mut statement = lite.prepare(columns).unwrap();
    for line in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        there.insert(line.unwrap());
    }
    assert_eq!(here, there);
}

#[tokio::test]
async fn a_unit_of_work_that_fails_or_panics_changes_nothing() {
    let Some(database) = database() else { return };
    super::fail_and_panic(Arc::new(database.open().await.unwrap()), 60).await;
}

#[tokio::test]
async fn a_deadlock_ends_with_both_units_done() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let Some(stores) = SharedStores::needed() else { return };
    let folder = tempfile::tempdir().unwrap();
    // In the databases of the other tests, nobody may wait in a circle.
    let url = stores.new_database_for_deadlocks(folder.path());
    let metadata: Arc<dyn Metadata> =
        Arc::new(PostgresMetadata::open(&postgres_options(&url)).await.unwrap());
    for name in ["a", "b"] {
        metadata.write(name, |tx, name| Box::pin(tx.put_setting(name, "0"))).await.unwrap();
    }
    let mut units = Vec::new();
    for order in [["a", "b"], ["b", "a"]] {
        let metadata = Arc::clone(&metadata);
        units.push(tokio::spawn(async move {
            metadata
                .write(order, |tx, order| {
                    Box::pin(async move {
                        tx.put_setting(order[0], order[0]).await?;
                        RUNS.fetch_add(1, Ordering::SeqCst);
                        // Both have their first row before either asks for its second.
                        while RUNS.load(Ordering::SeqCst) < 2 {
                            tokio::task::yield_now().await;
                        }
                        tx.put_setting(order[1], order[0]).await
                    })
                })
                .await
        }));
    }
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    assert!(RUNS.load(Ordering::SeqCst) > 2, "there was no deadlock");
}

#[tokio::test]
async fn a_change_of_authority_is_seen_by_other_nodes_and_at_once_by_its_own() {
    let Some(database) = database() else { return };
    let here: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let there: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let (before_here, before_there) = (here.authority_epoch(), there.authority_epoch());
    here.write((), |tx, ()| Box::pin(tx.advance_authority_epoch())).await.unwrap();
    assert_ne!(here.authority_epoch(), before_here);
    let waited = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while there.authority_epoch() == before_there {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("the other node knows within five seconds");
}

/// An account, a repository, a blob with a link, and a tag at the first of two manifests.
const CONTENT: &str = "
    INSERT INTO accounts (id, uuid, kind, name, created_at) VALUES (1, '\\x00', 'user', 'alice', 1);
    INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (1, 1, 'alice/app', 'private', 1);
    INSERT INTO blobs (id, digest, size_bytes, store, storage_key, created_at) VALUES (1, 'd', 1, 's', '\\x00', 1);
    INSERT INTO blob_links (repository_id, blob_id, lease_until, namespace_id) VALUES (1, 1, 1, 1);
    INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, total_size_bytes, pushed_at,
        lease_until, annotations, content)
        SELECT n, 1, 'sha256:' || lpad(n::text, 64, '0'), 't', 'image', 1, 1, 1, 1, '{}', '' FROM generate_series(1, 2) n;
    INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at) VALUES (1, 'v1', 1, 1, 1);
    INSERT INTO tag_history (repository_id, name, digest, from_at) VALUES (1, 'v1', 'd', 1)";

/// Lets another transaction run its statements while a unit of work waits for it, then commit.
async fn collide<T: Send + 'static>(
    database: &Database,
    statements: &str,
    last: &str,
    unit: impl AsyncFnOnce(Arc<dyn Metadata>) -> Result<T, Error>,
) -> Result<T, Error> {
    let metadata: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let (client, watcher) = (database.client().await, database.client().await);
    client.batch_execute(CONTENT).await.unwrap();
    client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
    let ending = async {
        let waits = "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
                     WHERE NOT l.granted AND pg_backend_pid() <> a.pid AND a.datname = current_database()
                     AND $1 = ANY (pg_blocking_pids(a.pid))";
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        for _ in 0..500 {
            if watcher.query_one(waits, &[&pid]).await.unwrap().get::<_, i64>(0) > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        client.batch_execute(&format!("{last}; COMMIT")).await.unwrap();
    };
    tokio::join!(unit(metadata), ending).0
}

#[tokio::test]
async fn a_link_that_is_renewed_while_it_is_collected_is_there_afterwards() {
    let Some(database) = database() else { return };
    let hold = "SELECT 1 FROM blob_links WHERE repository_id = 1 AND blob_id = 1 FOR UPDATE";
    let collect = "DELETE FROM blob_links WHERE repository_id = 1 AND blob_id = 1";
    let made = collide(&database, hold, collect, async |metadata| {
        let lease = jiff::Timestamp::from_second(9).unwrap();
        metadata
            .write(lease, |tx, lease| Box::pin(tx.put_blob_link(RepositoryId(1), BlobId(1), *lease)))
            .await
    });
    assert!(made.await.unwrap(), "it is made anew");
    let links = "SELECT count(*) FROM blob_links WHERE lease_until = 9000000";
    assert_eq!(database.client().await.query_one(links, &[]).await.unwrap().get::<_, i64>(0), 1);
}

/// A deletion from the first repository, by nobody.
fn nobody(at: jiff::Timestamp) -> Mover {
    Mover { account: None, credential: Credential::NONE, at }
}

fn deletion(at: jiff::Timestamp) -> NewDeletion {
    NewDeletion {
        id: DeletionId(uuid::Uuid::from_u128(at.as_microsecond().unsigned_abs().into())),
        repository: RepositoryId(1),
        cause: DeletionCause::Request,
        actor_id: None,
        actor_name: String::new(),
        credential: Credential::NONE,
        at,
    }
}

#[tokio::test]
async fn a_tag_that_a_push_moves_away_is_not_deleted_with_the_manifest() {
    let Some(database) = database() else { return };
    let push = "UPDATE tags SET manifest_id = 2 WHERE repository_id = 1 AND name = 'v1'";
    let deleted = collide(&database, push, "SELECT 1", async |metadata| {
        metadata
            .write("v1".parse::<Tag>().unwrap(), |tx, tag| {
                let at = jiff::Timestamp::UNIX_EPOCH;
                Box::pin(async move {
                    let mut held = tx.lock_tags(RepositoryId(1), std::slice::from_ref(tag)).await?;
                    held.retain(|held| held.manifest == ManifestId(1));
                    tx.delete_tags(&held, &deletion(at)).await?;
                    Ok(held)
                })
            })
            .await
    });
    assert!(deleted.await.unwrap().is_empty());
    let tags = "SELECT manifest_id FROM tags WHERE name = 'v1'";
    assert_eq!(database.client().await.query_one(tags, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_tag_that_is_deleted_while_it_is_set_is_there_afterwards() {
    let Some(database) = database() else { return };
    let delete = "DELETE FROM tags WHERE repository_id = 1 AND name = 'v1';
                  UPDATE tag_history SET until_at = 2 WHERE repository_id = 1";
    let set = collide(&database, delete, "SELECT 1", async |metadata| {
        metadata
            .write("v1".parse::<Tag>().unwrap(), |tx, tag| {
                Box::pin(async move {
                    let digest = format!("sha256:{:0>64}", 2).parse()?;
                    let (at, tags) = (jiff::Timestamp::UNIX_EPOCH, std::slice::from_ref(tag));
                    let held = tx.lock_tags_to_set(RepositoryId(1), tags).await?;
                    tx.set_tags(RepositoryId(1), tags, &held, ManifestId(2), &digest, &nobody(at)).await
                })
            })
            .await
    });
    set.await.unwrap();
    let tags = "SELECT manifest_id FROM tags WHERE name = 'v1'";
    assert_eq!(database.client().await.query_one(tags, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let Some(database) = database() else { return };
    let options = PostgresOptions {
        statement_timeout: std::time::Duration::from_secs(1),
        ..postgres_options(&database.url())
    };
    let metadata: Arc<dyn Metadata> = Arc::new(PostgresMetadata::open(&options).await.unwrap());
    let client = database.client().await;
    metadata.write((), |tx, ()| Box::pin(tx.put_setting("a", "1"))).await.unwrap();
    client.batch_execute("BEGIN; UPDATE settings SET value = '2'").await.unwrap();
    let began_at = std::time::Instant::now();
    let answer = metadata.write((), |tx, ()| Box::pin(tx.put_setting("a", "3"))).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(began_at.elapsed() < std::time::Duration::from_secs(8), "{:?}", began_at.elapsed());
    client.batch_execute("ROLLBACK").await.unwrap();
    metadata.write((), |tx, ()| Box::pin(tx.put_setting("a", "3"))).await.unwrap();
}

#[tokio::test]
async fn a_zero_byte_is_the_clients_fault() {
    let Some(database) = database() else { return };
    let metadata: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let answer = metadata.look_up((), |tx, ()| Box::pin(tx.find_setting("\0"))).await;
    assert!(matches!(answer, Err(Error::Invalid { .. })), "{answer:?}");
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let Some(database) = database() else { return };
    let options = postgres_options(&format!("{}?application_name=victim", database.url()));
    let metadata: Arc<dyn Metadata> = Arc::new(PostgresMetadata::open(&options).await.unwrap());
    let client = database.client().await;
    for round in 0..5 {
        let end =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim'";
        let ended: i64 = client.query_one(end, &[]).await.unwrap().get(0);
        assert!(ended > 0);
        metadata
            .write(round.to_string(), |tx, value| Box::pin(tx.put_setting("round", value)))
            .await
            .unwrap();
        let found = metadata.look_up((), |tx, ()| Box::pin(tx.find_setting("round"))).await.unwrap();
        assert_eq!(found, Some(round.to_string()));
    }
}

#[tokio::test]
async fn what_namespaces_store_is_counted_from_what_an_older_database_has() {
    let Some(database) = database() else { return };
    let client = database.client().await;
    for step in [
        include_str!("../../migrations/postgres/0001_initial.sql"),
        include_str!("../../migrations/postgres/0002_several_nodes.sql"),
        include_str!("../../migrations/postgres/0003_sign_in.sql"),
        include_str!("../../migrations/postgres/0004_images.sql"),
        include_str!("../../migrations/postgres/0005_audit.sql"),
        include_str!("../../migrations/postgres/0006_organizations.sql"),
        include_str!("../../migrations/postgres/0007_teams.sql"),
        include_str!("../../migrations/postgres/0008_repositories.sql"),
        include_str!("../../migrations/postgres/0009_rates.sql"),
        include_str!("../../migrations/postgres/0010_search.sql"),
        include_str!("../../migrations/postgres/0011_organization_tokens.sql"),
        include_str!("../../migrations/postgres/0012_profiles_and_invites.sql"),
        // The content of those days has no namespace in its links.
        &CONTENT.replace(", namespace_id) VALUES (1, 1, 1, 1)", ") VALUES (1, 1, 1)"),
        "INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (2, 1, 'alice/copy', 'private', 1);
         INSERT INTO blob_links (repository_id, blob_id, lease_until) VALUES (2, 1, 1);
         INSERT INTO usage_totals (namespace_id, kind, amount) VALUES (1, 'linked_bytes', 2);
         INSERT INTO usage_changes (namespace_id, kind, amount, at) VALUES (1, 'linked_bytes', 1, 1)",
        include_str!("../../migrations/postgres/0013_registries.sql"),
    ] {
        client.batch_execute(step).await.unwrap();
    }
    let counted = "SELECT (SELECT string_agg(kind || ' ' || amount, ', ') FROM usage_totals),
        (SELECT count(*) FROM usage_changes), (SELECT count(*) FROM namespace_blobs), (SELECT min(namespace_id) FROM blob_links)";
    let row = client.query_one(counted, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "stored_bytes 1");
    assert_eq!((row.get::<_, i64>(1), row.get::<_, i64>(2), row.get::<_, i64>(3)), (0, 1, 1));
}

/// A push lets a second repository of a namespace see a blob while the first one loses it.
#[tokio::test]
async fn a_blob_that_is_linked_while_the_last_other_link_goes_is_still_counted() {
    let Some(database) = database() else { return };
    let content = "INSERT INTO namespace_blobs (namespace_id, blob_id) VALUES (1, 1);
        INSERT INTO repositories (id, namespace_id, name, visibility, created_at) VALUES (2, 1, 'alice/copy', 'private', 1);
        INSERT INTO blob_links (repository_id, blob_id, lease_until, namespace_id) VALUES (2, 1, 1, 1);
        SELECT blob_id FROM namespace_blobs WHERE namespace_id = 1 AND blob_id = 1 FOR KEY SHARE";
    // The collector waits for the push, and then sees the other link.
    let purged = collide(&database, content, "SELECT 1", async |metadata| {
        metadata
            .write((), |tx, ()| {
                Box::pin(tx.purge_links(&[(RepositoryId(1), BlobId(1))], jiff::Timestamp::UNIX_EPOCH))
            })
            .await
    });
    purged.await.unwrap();
    let left = "SELECT (SELECT count(*) FROM namespace_blobs), (SELECT count(*) FROM blob_links),
        (SELECT count(*) FROM usage_changes)";
    let row = database.client().await.query_one(left, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (1, 1, 0));
}

#[tokio::test]
async fn many_migrate_at_the_same_time() {
    let Some(database) = database() else { return };
    let opened = futures::future::join_all((0..5).map(|_| database.open())).await;
    for metadata in opened {
        metadata.unwrap().close().await;
    }
}

#[tokio::test]
async fn nodes_of_an_old_and_a_new_version_work_side_by_side_if_the_new_one_says_so() {
    let Some(database) = database() else { return };
    let running: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let client = database.client().await;
    // A node of a newer version has migrated, in a way that this version works with.
    let newer =
        "ALTER TABLE settings ADD COLUMN colour TEXT; INSERT INTO migrations VALUES (9999, 'newer', 'x', 1)";
    client.batch_execute(newer).await.unwrap();
    running.write((), |tx, ()| Box::pin(tx.put_setting("a", "1"))).await.unwrap();
    let started: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let found = started.look_up((), |tx, ()| Box::pin(tx.find_setting("a"))).await.unwrap();
    assert_eq!(found.as_deref(), Some("1"));
    // And in one that it does not work with.
    client.batch_execute("UPDATE migrations SET works_with = 9999 WHERE number = 9999").await.unwrap();
    assert!(matches!(database.open().await, Err(Error::Conflict(_))));
    // Nodes that run already see it too, and stop serving before they do harm.
    let began_at = std::time::Instant::now();
    loop {
        match running.write((), |tx, ()| Box::pin(tx.put_setting("a", "2"))).await {
            Err(Error::Unavailable(_)) => break,
            Err(error) => panic!("{error}"),
            Ok(()) => assert!(began_at.elapsed() < std::time::Duration::from_secs(30), "it goes on writing"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(matches!(running.check().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn encrypted_connections_check_the_server() {
    let Some(database) = database() else { return };
    let by_name = database.url().replace("127.0.0.1", "localhost") + "?sslmode=require";
    let trusted = PostgresOptions {
        authorities: Some(database.stores.postgres_authority.clone()),
        ..postgres_options(&by_name)
    };
    PostgresMetadata::open(&trusted).await.unwrap().close().await;
    // The certificate is for another name, or from nobody who is known.
    let other_name = PostgresOptions { url: by_name.replace("localhost", "127.0.0.1"), ..trusted.clone() };
    assert!(matches!(PostgresMetadata::open(&other_name).await, Err(Error::Unavailable(_))));
    let unknown = PostgresOptions { authorities: None, ..trusted };
    assert!(matches!(PostgresMetadata::open(&unknown).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_without_showing_the_password() {
    for url in ["mysql://u:SECRET@h/d", "postgres://u:SECRET@127.0.0.1/d?sslmode=prefer", "nonsense SECRET"] {
        let Err(error) = PostgresMetadata::open(&postgres_options(url)).await else {
            panic!("{url} was taken")
        };
        assert!(matches!(error, Error::Invalid { .. }), "{url}: {error}");
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    }
}

#[tokio::test]
async fn what_a_node_that_hangs_has_locked_is_free_within_seconds() {
    let Some(database) = database() else { return };
    let hanging: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let other: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    other.write((), |tx, ()| Box::pin(tx.put_setting("hot", "before"))).await.unwrap();
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let locked = Arc::new(std::sync::Mutex::new(Some(locked)));
    let attempts = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&attempts);
    let unit = tokio::spawn(async move {
        hanging
            .write((locked, seen), |tx, (locked, seen)| {
                Box::pin(async move {
                    tx.put_setting("hot", "frozen").await?;
                    // As a process that is stopped: the transaction is open, and no statement comes.
                    if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                        let told = locked.lock().unwrap().take().map(|locked| locked.send(()));
                        assert!(told.is_some());
                        tokio::time::sleep(std::time::Duration::from_secs(8)).await;
                    }
                    tx.put_setting("cold", "frozen").await
                })
            })
            .await
    });
    is_locked.await.unwrap();
    let began_at = std::time::Instant::now();
    other.write((), |tx, ()| Box::pin(tx.put_setting("hot", "moved"))).await.unwrap();
    assert!(began_at.elapsed() < std::time::Duration::from_secs(8), "{:?}", began_at.elapsed());
    // It goes on when it wakes up: its transaction is gone, and runs once more.
    unit.await.unwrap().unwrap();
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn changes_of_authority_that_wait_for_each_other_do_not_deadlock() {
    let Some(database) = database() else { return };
    let metadata: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
    let client = database.client().await;
    client.batch_execute("BEGIN; SELECT FROM authority FOR UPDATE").await.unwrap();
    metadata.write((), |tx, ()| Box::pin(tx.put_setting("shared", "0"))).await.unwrap();
    let unit = tokio::spawn(async move {
        metadata
            .write((), |tx, ()| {
                Box::pin(async move {
                    tx.put_setting("shared", "1").await?;
                    tx.advance_authority_epoch().await
                })
            })
            .await
    });
    // Waits for the row that the unit has, unless that gives way.
    client.batch_execute("UPDATE settings SET value = '2' WHERE name = 'shared'").await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    unit.await.unwrap().unwrap();
    let value = "SELECT value FROM settings WHERE name = 'shared'";
    let value: String = database.client().await.query_one(value, &[]).await.unwrap().get(0);
    assert_eq!(value, "1", "the unit ran again after the other");
}

#[tokio::test]
async fn intervals_of_a_tag_never_end_before_they_begin() {
    let Some(database) = database() else { return };
    let nodes: [Arc<dyn Metadata>; 2] =
        [Arc::new(database.open().await.unwrap()), Arc::new(database.open().await.unwrap())];
    database.client().await.batch_execute(CONTENT).await.unwrap();
    // The first node's clock is 600 s ahead of the second's, and one comes back after a deletion.
    for (node, at, manifest) in [(0, 900, 1), (1, 300, 2), (1, 301, 1), (0, 902, 2), (1, 303, 0), (1, 304, 1)]
    {
        nodes[node]
            .write((at, manifest), |tx, (at, manifest)| {
                Box::pin(async move {
                    let tag: Tag = "late".parse()?;
                    let at = jiff::Timestamp::from_second(*at).map_err(Error::internal)?;
                    if *manifest == 0 {
                        let held = tx.lock_tags(RepositoryId(1), std::slice::from_ref(&tag)).await?;
                        return tx.delete_tags(&held, &deletion(at)).await;
                    }
                    let digest = format!("sha256:{manifest:0>64}").parse()?;
                    let tags = std::slice::from_ref(&tag);
                    let held = tx.lock_tags_to_set(RepositoryId(1), tags).await?;
                    tx.set_tags(RepositoryId(1), tags, &held, ManifestId(*manifest), &digest, &nobody(at))
                        .await
                })
            })
            .await
            .unwrap();
    }
    let (repository, tag) = (RepositoryId(1), "late".parse::<Tag>().unwrap());
    let size = longshore_domain::page::PageSize::MAX;
    let mut history = nodes[0]
        .look_up((repository, tag, size), |tx, (repository, tag, size)| {
            Box::pin(tx.list_tag_history(*repository, tag, jiff::Timestamp::MAX, *size))
        })
        .await
        .unwrap()
        .items;
    history.reverse();
    assert_eq!(history.len(), 5);
    for (number, interval) in history.iter().enumerate() {
        assert!(interval.until.is_none_or(|until| until > interval.from), "{interval:?}");
        if let Some(next) = history.get(number + 1) {
            assert!(interval.until.is_some_and(|until| until <= next.from), "{interval:?} {next:?}");
        }
    }
}
