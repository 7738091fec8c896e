//! Migrations: numbered SQL files in pairs, embedded, applied in order, each with its checksum.
//!
//! A migration says which programs still work with the database after it, so that nodes of an old and a new version
//! run side by side while a cluster is upgraded.

use deadpool_postgres::Object;
use longshore_domain::Result;
use longshore_domain::conflict::Conflict;
use longshore_domain::digest::{Algorithm, Digest};
use rusqlite::Connection;

use crate::{postgres, sqlite};

/// One step of the schema.
struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
    /// The oldest schema whose program works with the database after this step.
    works_with: i64,
}

macro_rules! migration {
    ($name:literal, works_with $works_with:literal) => {
        Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
            works_with: $works_with,
        }
    };
}

/// All steps, oldest first.
const MIGRATIONS: &[Migration] = &[
    migration!("0001_initial", works_with 1),
    migration!("0002_several_nodes", works_with 1),
    // Programs before it would not ask for second factors.
    migration!("0003_sign_in", works_with 3),
    // Programs before it would not keep the counts and images that it adds.
    migration!("0004_images", works_with 4),
    migration!("0005_audit", works_with 4),
    // Programs before it would pull what an organization does not allow.
    migration!("0006_organizations", works_with 6),
    // Programs before it would not know what teams may do.
    migration!("0007_teams", works_with 7),
    // Programs before it would move tags that never move.
    migration!("0008_repositories", works_with 8),
    migration!("0009_rates", works_with 8),
    migration!("0010_search", works_with 8),
    migration!("0011_organization_tokens", works_with 8),
    migration!("0012_profiles_and_invites", works_with 8),
    // Programs before it would not know what a registry's credential is limited to, nor count what namespaces store.
    migration!("0013_registries", works_with 13),
    // Programs before it would not know what a credential for signing in is limited to, nor which sign-ins were ended.
    migration!("0014_access_keys", works_with 14),
    // Programs before it would not let users in who have a permission.
    migration!("0015_user_permissions", works_with 14),
    migration!("0016_retention", works_with 14),
    // Programs before it would not count the bytes of images.
    migration!("0017_inventory", works_with 17),
    // Programs before it would not write new members into the directory of their organization.
    migration!("0018_directory", works_with 18),
    migration!("0019_list_filters", works_with 18),
    migration!("0020_healing", works_with 18),
    migration!("0021_sign_in_events", works_with 18),
    // What asks for reviews counts that, which older ones do not.
    migration!("0022_one_order_of_locks", works_with 22),
    migration!("0023_damaged_blobs", works_with 22),
    migration!("0024_immutability_of_owners", works_with 22),
    migration!("0025_disabled_organizations", works_with 22),
    migration!("0026_work", works_with 22),
    migration!("0027_tags_as_of", works_with 22),
    migration!("0028_deletions", works_with 22),
    migration!("0029_idempotency", works_with 22),
    migration!("0030_jobs", works_with 22),
    migration!("0031_presences", works_with 22),
    migration!("0032_nodes", works_with 22),
    migration!("0033_movers", works_with 22),
    migration!("0034_job_payloads", works_with 22),
    // Programs before it would not keep what tags and images are sorted by.
    migration!("0035_orders", works_with 35),
    migration!("0036_ends", works_with 35),
    migration!("0037_web_sessions", works_with 35),
];

/// Serializes the migrations of several processes: "longshor" in ASCII.
const POSTGRES_LOCK: i64 = 0x6c6f_6e67_7368_6f72;

/// A step that a database has.
struct Applied {
    number: i64,
    checksum: String,
    works_with: i64,
}

/// A step that a database lacks.
struct Pending {
    number: i64,
    name: &'static str,
    sql: &'static str,
    checksum: String,
    works_with: i64,
}

/// Returns the number of the newest schema that this program knows.
pub(crate) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Compares what a database has with what this program knows.
fn plan(applied: &[Applied], sql: fn(&Migration) -> &'static str) -> Result<Vec<Pending>> {
    let known = newest();
    if let Some(step) = applied.iter().find(|step| step.number > known && step.works_with > known) {
        return Err(Conflict::Setup(format!(
            "the database has schema {}, this version of longshore works with schemas up to {known}; start the newer version that wrote it",
            step.number
        )).into());
    }
    let mut pending = Vec::new();
    for (number, migration) in (1..).zip(MIGRATIONS) {
        let sql = sql(migration);
        let checksum = Digest::of(Algorithm::Sha256, sql.as_bytes()).to_string();
        match applied.iter().find(|step| step.number == number) {
            Some(step) if step.checksum == checksum => {}
            Some(_) => {
                return Err(Conflict::Setup(format!(
                    "migration {} of the database differs from this version's; restore a backup or start the version that wrote it",
                    migration.name
                )).into());
            }
            None => {
                let (name, works_with) = (migration.name, migration.works_with);
                pending.push(Pending { number, name, sql, checksum, works_with });
            }
        }
    }
    Ok(pending)
}

/// Checks that a database needs no step; for programs that may not change its schema.
fn check(applied: &[Applied], sql: fn(&Migration) -> &'static str) -> Result<()> {
    let Some(newest_applied) = newest_of(applied) else {
        return Err(Conflict::Setup("there is no registry in it; `longshore serve` makes one".into()).into());
    };
    match plan(applied, sql)?.last() {
        None => Ok(()),
        Some(needed) => Err(Conflict::Setup(format!(
            "it has schema {newest_applied}, and this program needs {}: run `longshore migrate`, or the version that wrote it",
            needed.number
        )).into()),
    }
}

fn newest_of(applied: &[Applied]) -> Option<i64> {
    applied.iter().map(|step| step.number).max()
}

/// Returns the steps that a SQLite database has; changes nothing.
fn applied_sqlite(connection: &Connection) -> Result<Vec<Applied>> {
    let has = |sql: &str| {
        let found = connection.prepare(sql).and_then(|mut statement| statement.exists([]));
        found.map_err(sqlite::driver_error)
    };
    if !has("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'")? {
        return Ok(Vec::new());
    }
    // The oldest databases do not have it.
    let works_with = match has("SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'works_with'")? {
        true => "works_with",
        false => "1",
    };
    connection
        .prepare(&format!("SELECT number, checksum, {works_with} FROM migrations ORDER BY number"))
        .and_then(|mut statement| {
            let applied = statement.query_map([], |row| {
                Ok(Applied { number: row.get(0)?, checksum: row.get(1)?, works_with: row.get(2)? })
            })?;
            applied.collect()
        })
        .map_err(sqlite::driver_error)
}

/// Checks that a SQLite database has the schema that this program needs; changes nothing.
///
/// # Errors
/// `Conflict`.
pub(crate) fn check_sqlite(connection: &Connection) -> Result<()> {
    check(&applied_sqlite(connection)?, |migration| migration.sqlite)
}

/// Returns the schema of a SQLite database; `None` when it has none.
pub(crate) fn schema_of_sqlite(connection: &Connection) -> Result<Option<i64>> {
    Ok(newest_of(&applied_sqlite(connection)?))
}

/// Returns the steps that a PostgreSQL database has; changes nothing.
async fn applied_postgres(client: &Object) -> Result<Vec<Applied>> {
    let is_there = client
        .query_one("SELECT to_regclass('migrations') IS NOT NULL", &[])
        .await
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(postgres::driver_error)?;
    if !is_there {
        return Ok(Vec::new());
    }
    let rows = client
        .query("SELECT number, checksum, works_with FROM migrations ORDER BY number", &[])
        .await
        .map_err(postgres::driver_error)?;
    rows.iter().map(applied_row).collect::<Result<_, _>>().map_err(postgres::driver_error)
}

fn applied_row(row: &tokio_postgres::Row) -> Result<Applied, tokio_postgres::Error> {
    Ok(Applied { number: row.try_get(0)?, checksum: row.try_get(1)?, works_with: row.try_get(2)? })
}

/// Checks that a PostgreSQL database has the schema that this program needs; changes nothing.
///
/// # Errors
/// `Conflict`.
pub(crate) async fn check_postgres(client: &Object) -> Result<()> {
    check(&applied_postgres(client).await?, |migration| migration.postgres)
}

/// Returns the schema of a PostgreSQL database; `None` when it has none.
pub(crate) async fn schema_of_postgres(client: &Object) -> Result<Option<i64>> {
    Ok(newest_of(&applied_postgres(client).await?))
}

/// Brings a SQLite database to the newest schema.
///
/// # Errors
/// `Conflict` when a newer version made the database and this one cannot work with it, or a migration
/// that it has was changed since.
pub(crate) fn migrate_sqlite(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction().map_err(sqlite::driver_error)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT",
        )
        .map_err(sqlite::driver_error)?;
    let has_works_with = transaction
        .prepare("SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'works_with'")
        .and_then(|mut statement| statement.exists([]))
        .map_err(sqlite::driver_error)?;
    if !has_works_with {
        transaction
            .execute_batch("ALTER TABLE migrations ADD COLUMN works_with INTEGER NOT NULL DEFAULT 1")
            .map_err(sqlite::driver_error)?;
    }
    for step in plan(&applied_sqlite(&transaction)?, |migration| migration.sqlite)? {
        transaction.execute_batch(step.sql).map_err(sqlite::driver_error)?;
        transaction
            .execute(
                "INSERT INTO migrations (number, name, checksum, works_with) VALUES (?1, ?2, ?3, ?4)",
                (step.number, step.name, &step.checksum, step.works_with),
            )
            .map_err(sqlite::driver_error)?;
    }
    transaction.commit().map_err(sqlite::driver_error)
}

/// Brings a PostgreSQL database to the newest schema. One process at a time does that; others wait.
///
/// # Errors
/// As [`migrate_sqlite`].
pub(crate) async fn migrate_postgres(client: &mut Object) -> Result<()> {
    let transaction = client.transaction().await.map_err(postgres::driver_error)?;
    let begin = format!(
        "SET LOCAL client_min_messages = warning; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({POSTGRES_LOCK});
         CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL,
             checksum TEXT COLLATE \"C\" NOT NULL, works_with BIGINT NOT NULL)"
    );
    transaction.batch_execute(&begin).await.map_err(postgres::driver_error)?;
    let rows = transaction
        .query("SELECT number, checksum, works_with FROM migrations ORDER BY number", &[])
        .await
        .map_err(postgres::driver_error)?;
    let applied: Result<Vec<Applied>, tokio_postgres::Error> = rows.iter().map(applied_row).collect();
    for step in plan(&applied.map_err(postgres::driver_error)?, |migration| migration.postgres)? {
        transaction.batch_execute(step.sql).await.map_err(postgres::driver_error)?;
        transaction
            .execute(
                "INSERT INTO migrations (number, name, checksum, works_with) VALUES ($1, $2, $3, $4)",
                &[&step.number, &step.name, &step.checksum, &step.works_with],
            )
            .await
            .map_err(postgres::driver_error)?;
    }
    transaction.commit().await.map_err(postgres::driver_error)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    /// A file that no line names would change nothing, and no test of what it does need say so.
    #[test]
    fn every_file_is_in_the_list_in_its_order() {
        for engine in ["sqlite", "postgres"] {
            let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort_unstable();
            let listed: Vec<String> = MIGRATIONS.iter().map(|step| format!("{}.sql", step.name)).collect();
            assert_eq!(files, listed, "{engine}");
        }
    }
}
