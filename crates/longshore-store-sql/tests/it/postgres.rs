//! PostgreSQL; nothing is tested here when the test command did not start one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use longshore_domain::Error;
use longshore_domain::ports::metadata::Metadata;
use longshore_store_sql::{PostgresMetadata, PostgresOptions};
use longshore_testkit::stores::{SharedStores, postgres_options};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

pub struct Database {
    folder: TempDir,
    stores: SharedStores,
}

fn database() -> Option<Database> {
    SharedStores::find().map(Database::new)
}

impl Database {
    /// Makes a schema of its own.
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
                   FROM information_schema.columns WHERE table_schema = current_schema()";
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
                   FROM sqlite_master m JOIN pragma_table_info(m.name) c
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
    let Some(database) = database() else { return };
    let metadata: Arc<dyn Metadata> = Arc::new(database.open().await.unwrap());
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

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let Some(database) = database() else { return };
    let options = postgres_options(&format!("{}&application_name=victim", database.url()));
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
}

#[tokio::test]
async fn encrypted_connections_check_the_server() {
    let Some(database) = database() else { return };
    let by_name = database.url().replace("127.0.0.1", "localhost") + "&sslmode=require";
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
