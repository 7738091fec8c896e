//! SQLite: one writer that commits in groups, and a pool of read-only connections.
//!
//! Units of work that change something go to one writer thread. It takes up to [`GROUP_LIMIT`] waiting ones into
//! one transaction, each in its own savepoint, and answers only after the commit is durable: many
//! pushes share one fsync, and a failing one undoes only itself.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt;
use longshore_domain::clock::{Clock, ClockDifference};
use longshore_domain::ports::metadata::{Metadata, Work};
use longshore_domain::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use rustix::fs::statvfs;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::tx::{Row, SqlTx, Value};

/// Most units of work that share one commit.
const GROUP_LIMIT: usize = 64;
/// A group takes no further unit after this time, so that those before it are not kept waiting by large ones.
const GROUP_TIME: Duration = Duration::from_millis(50);
/// Most units of work that wait for the writer; more wait outside.
const QUEUE_LIMIT: usize = 1024;
/// Statements that each connection keeps prepared.
const STATEMENT_CACHE: usize = 256;
/// Read-only connections that are kept open, from the start on: later there may be no descriptor left for them.
const IDLE_READERS: usize = 8;
/// Units of work that read at a time, each on a connection; more wait.
const READERS: usize = 32;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Twice what the log takes until SQLite writes it to the database: 1000 pages.
const LITTLE_LEFT_BYTES: u64 = 8 << 20;

type Answer = Result<Box<dyn Any + Send>>;

struct Job {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

/// How the database is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database file; its folder must exist.
    pub path: PathBuf,
}

/// The metadata port on SQLite. One process only may use a database at a time; the actor sees to that.
pub struct SqliteMetadata {
    path: PathBuf,
    writer: mpsc::Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    reading: Arc<Semaphore>,
    authority_epoch: Arc<AtomicU64>,
}

impl SqliteMetadata {
    /// Opens or creates a database, brings it to the newest schema and starts its writer.
    ///
    /// # Errors
    /// `Internal` or `Unavailable` when the file cannot be used; `Conflict` when a newer version wrote it.
    pub fn open(options: &SqliteOptions) -> Result<Self> {
        let connection = Connection::open(&options.path).map_err(driver_error)?;
        Self::on(connection, options, crate::migrations::migrate_sqlite)
    }

    /// Opens a database that is there, and has the schema that this program needs, and starts its writer.
    ///
    /// # Errors
    /// As [`Self::open`]; `Conflict` also when there is no registry in it or its schema is older.
    pub fn open_existing(options: &SqliteOptions) -> Result<Self> {
        let connection = open_as_it_is(&options.path)?;
        crate::migrations::check_sqlite(&connection)?;
        Self::on(connection, options, |connection| crate::migrations::check_sqlite(connection))
    }

    /// Returns the number of the schema that a database has; `None` when there is no registry in it. Changes nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn find_schema(options: &SqliteOptions) -> Result<Option<i64>> {
        match options.path.exists() {
            true => crate::migrations::schema_of_sqlite(&open_as_it_is(&options.path)?),
            false => Ok(None),
        }
    }

    fn on(
        mut connection: Connection,
        options: &SqliteOptions,
        see_to_schema: fn(&mut Connection) -> Result<()>,
    ) -> Result<Self> {
        configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(driver_error)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(driver_error)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(driver_error)?;
        see_to_schema(&mut connection)?;
        crate::statistics::write(&mut connection).map_err(driver_error)?;
        let (writer, jobs) = mpsc::channel(QUEUE_LIMIT);
        let readers = (0..IDLE_READERS).map(|_| open_reader(&options.path));
        let authority_epoch = Arc::new(AtomicU64::new(1));
        let epoch = Arc::clone(&authority_epoch);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_in_groups(connection, jobs, &epoch))
            .map_err(Error::internal)?;
        Ok(Self {
            path: options.path.clone(),
            writer,
            thread: Mutex::new(Some(thread)),
            readers: Arc::new(Mutex::new(readers.collect::<Result<_>>()?)),
            reading: Arc::new(Semaphore::new(READERS)),
            authority_epoch,
        })
    }

    fn reader(&self) -> Result<Connection> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.path), Ok)
    }

    fn give_back(readers: &Mutex<Vec<Connection>>, connection: Connection) {
        let mut idle = readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
    }
}

/// Opens a database without creating it.
fn open_as_it_is(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(driver_error)
}

fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(driver_error)?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(driver_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // Otherwise SQLite plans a prepared statement anew for each value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(driver_error)?;
    connection.pragma_update(None, "mmap_size", 256 << 20).map_err(driver_error)?;
    connection.pragma_update(None, "cache_size", -2048).map_err(driver_error)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(driver_error)
}

#[async_trait]
impl Metadata for SqliteMetadata {
    async fn run_write(&self, work: Work) -> Answer {
        let (answer, answered) = oneshot::channel();
        let closed = || Error::Unavailable("the metadata store is closed".into());
        self.writer.send(Job { work, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    async fn run_look_up(&self, work: Work) -> Answer {
        let mut connection = self.reader()?;
        let answer = run_unit(&mut SqlTx::on_sqlite(&mut connection), &work);
        Self::give_back(&self.readers, connection);
        answer
    }

    async fn run_read(&self, work: Work) -> Answer {
        let turn = Arc::clone(&self.reading).acquire_owned().await.map_err(Error::internal)?;
        let mut connection = self.reader()?;
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            connection.execute_batch("BEGIN").map_err(driver_error)?;
            let answer = run_unit(&mut SqlTx::on_sqlite(&mut connection), &work);
            connection.execute_batch("COMMIT").map_err(driver_error)?;
            Self::give_back(&readers, connection);
            answer
        })
        .await
        .map_err(Error::internal)?
    }

    fn authority_epoch(&self) -> u64 {
        self.authority_epoch.load(Ordering::Acquire)
    }

    async fn check(&self) -> Result<()> {
        let connection = self.reader()?;
        tokio::task::spawn_blocking(move || {
            connection.query_row("SELECT epoch FROM authority", [], |_| Ok(())).map_err(driver_error)
        })
        .await
        .map_err(Error::internal)?
    }

    async fn compare_clock(&self, _: &dyn Clock) -> Result<Option<ClockDifference>> {
        Ok(None)
    }

    async fn check_integrity(&self) -> Result<Vec<String>> {
        let connection = self.reader()?;
        tokio::task::spawn_blocking(move || {
            let mut findings = Vec::new();
            let mut statement = connection.prepare("PRAGMA integrity_check(100)").map_err(driver_error)?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(driver_error)?;
            for line in lines {
                findings.push(line.map_err(driver_error)?);
            }
            findings.retain(|line| line != "ok");
            let mut statement = connection.prepare("PRAGMA foreign_key_check").map_err(driver_error)?;
            let mut rows = statement.query([]).map_err(driver_error)?;
            while let Some(row) = rows.next().map_err(driver_error)? {
                let table: String = row.get(0).map_err(driver_error)?;
                findings.push(format!("a row of {table} refers to a row that does not exist"));
            }
            Ok(findings)
        })
        .await
        .map_err(Error::internal)?
    }

    async fn close(&self) {
        // The writer ends on a job that cannot be sent any more; a closed marker avoids a second channel.
        let stop: Work = Arc::new(|_| Box::pin(async { Err(Error::Unavailable(STOP.into())) }));
        let (answer, answered) = oneshot::channel();
        if self.writer.send(Job { work: stop, answer }).await.is_ok() {
            let _ = answered.await;
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The text by which the writer knows that it shall end.
const STOP: &str = "the metadata store closes";

fn is_stop(answer: &Answer) -> bool {
    matches!(answer, Err(Error::Unavailable(source)) if source.to_string() == STOP)
}

/// Runs a unit of work with one poll; nothing in it may wait for anything else.
fn run_unit(tx: &mut SqlTx<'_>, work: &Work) -> Answer {
    let unit = async move |tx: &mut SqlTx<'_>| {
        let answer = work(tx).await?;
        tx.write_pending().await.map(|()| answer)
    };
    let run = AssertUnwindSafe(|| unit(tx).now_or_never());
    match catch_unwind(run) {
        Ok(Some(answer)) => answer,
        Ok(None) => Err(Error::internal("a unit of work waited for something other than its transaction")),
        Err(_) => Err(Error::internal("a unit of work panicked")),
    }
}

fn write_in_groups(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, authority_epoch: &AtomicU64) {
    let mut stopping = false;
    while !stopping {
        let Some(first) = jobs.blocking_recv() else { break };
        let mut waiting = Some(first);
        let mut answers: Vec<(oneshot::Sender<Answer>, Answer)> = Vec::new();
        let mut authority_changed = false;
        let began_at = Instant::now();
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            if let Some(job) = waiting {
                let _ = job.answer.send(Err(driver_error(error)));
            }
            continue;
        }
        let mut failure = None;
        while let Some(job) = waiting.take() {
            let Ran { answer, authority_changed: changed, is_group_sound } =
                run_in_savepoint(&mut connection, &job.work);
            stopping |= is_stop(&answer);
            authority_changed |= changed && answer.is_ok();
            // SQLite undoes the whole transaction by itself when the disk is full or fails; what came after would be in none.
            if !is_group_sound || connection.is_autocommit() {
                let is_full = matches!(answer, Err(Error::StorageFull(_)));
                let text = answer.as_ref().err().map_or_else(|| "it was undone".to_owned(), Error::cause);
                failure = Some((is_full, text));
            } else if answers.len() + 1 < GROUP_LIMIT && began_at.elapsed() < GROUP_TIME && !stopping {
                waiting = jobs.try_recv().ok();
            }
            answers.push((job.answer, answer));
        }
        if failure.is_none() {
            let committed = connection.execute_batch("COMMIT");
            failure = committed.err().map(|error| (storage_is_full(&error), error.to_string()));
        }
        if failure.is_some() {
            // COMMIT can fail and leave the transaction open (disk full); there may be none any more.
            let _ = connection.execute_batch("ROLLBACK");
        } else if authority_changed {
            authority_epoch.fetch_add(1, Ordering::AcqRel);
        }
        for (sender, answer) in answers {
            let answer = answer.and_then(|answer| match &failure {
                Some((true, text)) => Err(Error::StorageFull(text.clone().into())),
                Some((false, text)) => Err(Error::Unavailable(format!("while committing: {text}").into())),
                None => Ok(answer),
            });
            let _ = sender.send(answer);
        }
        if is_little_left(&connection) {
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
        }
    }
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
}

/// Whether the database's log might take all that is left on the volume before SQLite writes it to the database, which is
/// what may need room. While that is so it is written after each commit, and the log begins anew.
fn is_little_left(connection: &Connection) -> bool {
    let volume = connection.path().and_then(|path| statvfs(path).ok());
    volume.is_some_and(|volume| volume.f_bavail.saturating_mul(volume.f_frsize) < LITTLE_LEFT_BYTES)
}

/// What became of a unit of work.
struct Ran {
    answer: Answer,
    authority_changed: bool,
    /// Whether the units before it are as they were: not where it could not be undone alone.
    is_group_sound: bool,
}

fn run_in_savepoint(connection: &mut Connection, work: &Work) -> Ran {
    if let Err(error) = connection.execute_batch("SAVEPOINT unit") {
        return Ran { answer: Err(driver_error(error)), authority_changed: false, is_group_sound: true };
    }
    let mut tx = SqlTx::on_sqlite(connection);
    let answer = run_unit(&mut tx, work);
    let authority_changed = tx.authority_changed;
    let end = if answer.is_ok() { "RELEASE unit" } else { "ROLLBACK TO unit; RELEASE unit" };
    match connection.execute_batch(end) {
        Ok(()) => Ran { answer, authority_changed, is_group_sound: true },
        // What the unit itself failed with says more.
        Err(error) => Ran {
            answer: answer.and(Err(driver_error(error))),
            authority_changed: false,
            is_group_sound: false,
        },
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::{Value as Owned, ValueRef};
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Owned::Null),
            Self::Int(value) => ToSqlOutput::Owned(Owned::Integer(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        })
    }
}

/// Leaves the locks out that only PostgreSQL needs. They are the last clause of their `SELECT`.
pub(crate) fn without_locks(sql: &str) -> Cow<'_, str> {
    let Some(start) = sql.find(" FOR ") else { return Cow::Borrowed(sql) };
    let end = sql[start..].find(')').map_or(sql.len(), |length| start + length);
    Cow::Owned(format!("{}{}", &sql[..start], &sql[end..]))
}

/// Returns whether a connection reads a snapshot.
fn is_snapshot(connection: &Connection) -> Result<bool> {
    Ok(!connection.is_autocommit() && connection.is_readonly("main").map_err(driver_error)?)
}

pub(crate) fn execute(connection: &Connection, sql: &str, values: &[Value]) -> Result<usize> {
    let mut statement = connection.prepare_cached(&without_locks(sql)).map_err(driver_error)?;
    statement.execute(rusqlite::params_from_iter(values)).map_err(driver_error)
}

pub(crate) fn query<T>(
    connection: &Connection,
    sql: &str,
    values: &[Value],
    map: fn(&Row<'_>) -> Result<T>,
    limit: usize,
) -> Result<Vec<T>> {
    let without = without_locks(sql);
    if matches!(without, Cow::Owned(_)) && is_snapshot(connection)? {
        // PostgreSQL refuses it; so that whoever tests on SQLite alone learns of it.
        return Err(Error::internal(format!("a lock is taken where one only reads: {sql}")));
    }
    let mut statement = connection.prepare_cached(&without).map_err(driver_error)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(driver_error)?;
    let mut items = Vec::new();
    while items.len() < limit {
        match rows.next().map_err(driver_error)? {
            Some(row) => items.push(map(&Row::Lite(row))?),
            None => break,
        }
    }
    Ok(items)
}

fn storage_is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Turns the driver's error into the domain's.
pub(crate) fn driver_error(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::StorageFull(Box::new(error)),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure,
        ) => Error::Unavailable(Box::new(error)),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::internal(format!("the database file is damaged ({error}); restore a backup"))
        }
        _ => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts a setting of some length.
    fn put(key: String, length: usize) -> Work {
        Arc::new(move |tx| {
            let (key, value) = (key.clone(), "x".repeat(length));
            Box::pin(async move {
                tx.put_setting(&key, &value).await?;
                Ok(Box::new(()) as Box<dyn Any + Send>)
            })
        })
    }

    #[test]
    fn a_unit_that_does_not_fit_undoes_its_group_and_all_are_told_what_became_of_them() {
        const UNITS: usize = 4;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let open = || {
            let mut connection = Connection::open(&path).unwrap();
            configure(&connection).unwrap();
            connection.pragma_update(None, "journal_mode", "WAL").unwrap();
            crate::migrations::migrate_sqlite(&mut connection).unwrap();
            connection
        };
        let is_there = |connection: &Connection, key: &str| {
            let sql = "SELECT count(*) FROM settings WHERE name = ?1";
            connection.query_row(sql, [key], |row| row.get::<_, i64>(0)).unwrap() == 1
        };
        for large in 0..UNITS {
            let connection = open();
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |_| Ok(())).unwrap();
            let (sender, jobs) = mpsc::channel(QUEUE_LIMIT);
            let key = |number: usize| format!("{large}-{number}");
            let answers: Vec<_> = (0..UNITS)
                .map(|number| {
                    let (answer, answered) = oneshot::channel();
                    let length = if number == large { 1 << 20 } else { 1 };
                    let queued = sender.try_send(Job { work: put(key(number), length), answer });
                    assert!(queued.is_ok());
                    answered
                })
                .collect();
            drop(sender);
            write_in_groups(connection, jobs, &AtomicU64::new(1));
            let connection = open();
            for (number, answer) in answers.into_iter().enumerate() {
                let answer = answer.blocking_recv().unwrap();
                assert_eq!(answer.is_ok(), is_there(&connection, &key(number)), "{number} beside {large}");
                match number <= large {
                    true => assert!(matches!(answer, Err(Error::StorageFull(_))), "{number} beside {large}"),
                    false => assert!(answer.is_ok(), "the next group has room: {number} beside {large}"),
                }
            }
        }
    }
}
