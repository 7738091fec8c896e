//! Migrations: numbered SQL files, embedded, applied in order, each in its own transaction with its checksum.

use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::{Error, Result};
use rusqlite::{Connection, OptionalExtension};

/// The migrations for SQLite, oldest first.
pub(crate) const SQLITE: &[(&str, &str)] =
    &[("0001_initial", include_str!("../migrations/sqlite/0001_initial.sql"))];

/// Brings a SQLite database to the newest schema.
///
/// # Errors
/// `Conflict` when the database was made by a newer version, or a migration that it has was changed since.
pub(crate) fn migrate_sqlite(connection: &mut Connection) -> Result<()> {
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT",
        )
        .map_err(crate::sqlite::driver_error)?;
    let applied: i64 = connection
        .query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0))
        .map_err(crate::sqlite::driver_error)?;
    if usize::try_from(applied).unwrap_or(usize::MAX) > SQLITE.len() {
        return Err(Error::Conflict(format!(
            "the database has schema {applied}, this version of longshore knows schemas up to {}; start the newer version that wrote it",
            SQLITE.len()
        )));
    }
    for (index, (name, sql)) in SQLITE.iter().enumerate() {
        let number = i64::try_from(index + 1).unwrap_or(i64::MAX);
        let checksum = Digest::of(Algorithm::Sha256, sql.as_bytes()).to_string();
        let transaction = connection.transaction().map_err(crate::sqlite::driver_error)?;
        let known: Option<String> = transaction
            .query_row("SELECT checksum FROM migrations WHERE number = ?1", [number], |row| row.get(0))
            .optional()
            .map_err(crate::sqlite::driver_error)?;
        match known {
            Some(known) if known == checksum => {}
            Some(_) => {
                return Err(Error::Conflict(format!(
                    "migration {name} of the database differs from this version's; restore a backup or start the version that wrote it"
                )));
            }
            None => {
                transaction.execute_batch(sql).map_err(crate::sqlite::driver_error)?;
                transaction
                    .execute(
                        "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
                        (number, name, &checksum),
                    )
                    .map_err(crate::sqlite::driver_error)?;
                transaction.commit().map_err(crate::sqlite::driver_error)?;
            }
        }
    }
    Ok(())
}
