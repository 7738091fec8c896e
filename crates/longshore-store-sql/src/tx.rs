//! One transaction on either engine, and the values that go in and come out.
//!
//! On SQLite the async functions never wait, so a whole unit of work runs with one poll; a unit of work must
//! await nothing but its transaction.
//! Where a statement reads what its unit of work decides on, it ends with the lock that PostgreSQL needs for that
//! (`FOR UPDATE`, `FOR KEY SHARE`); SQLite has one writer, and its side leaves the clause out.

use bytes::Bytes;
use jiff::Timestamp;
use longshore_domain::digest::Digest;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::postgres::{self, Failure};
use crate::queries::Pending;
use crate::sqlite;

/// A value bound to a statement.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Bytes),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<u64> for Value {
    /// Sizes and counts; all that the registry accepts fit into 63 bits.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Bytes(value)
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(value))
    }
}
impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::from(value.as_bytes().as_slice())
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.as_microsecond())
    }
}
impl From<&Digest> for Value {
    fn from(value: &Digest) -> Self {
        Self::Text(value.to_string())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Makes the values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::tx::Value::from($value)),*] };
}
pub(crate) use values;

/// Makes one of the sets of values of a statement that runs once for each.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$($crate::tx::Value::from($value)),*] };
}
pub(crate) use row;

/// A row that a statement gave.
pub(crate) enum Row<'r> {
    Lite(&'r rusqlite::Row<'r>),
    Pg(&'r tokio_postgres::Row),
}

impl Row<'_> {
    fn get<T>(&self, column: usize) -> Result<Option<T>>
    where
        T: rusqlite::types::FromSql,
        Option<T>: postgres::Column,
    {
        match self {
            Self::Lite(row) => row.get(column).map_err(Error::internal),
            Self::Pg(row) => postgres::column(row, column),
        }
    }
    fn present<T>(&self, column: usize) -> Result<T>
    where
        T: rusqlite::types::FromSql,
        Option<T>: postgres::Column,
    {
        self.get(column)?.ok_or_else(|| Error::internal(format!("column {column} is null")))
    }
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        self.present(column)
    }
    pub(crate) fn optional_int(&self, column: usize) -> Result<Option<i64>> {
        self.get(column)
    }
    pub(crate) fn size(&self, column: usize) -> Result<u64> {
        u64::try_from(self.int(column)?).map_err(Error::internal)
    }
    pub(crate) fn truth(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }
    pub(crate) fn text(&self, column: usize) -> Result<String> {
        self.present(column)
    }
    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>> {
        self.get(column)
    }
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.present(column)
    }
    pub(crate) fn uuid(&self, column: usize) -> Result<Uuid> {
        Uuid::from_slice(&self.bytes(column)?).map_err(Error::internal)
    }
    pub(crate) fn optional_uuid(&self, column: usize) -> Result<Option<Uuid>> {
        let bytes = self.get::<Vec<u8>>(column)?;
        bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(Error::internal)).transpose()
    }
    pub(crate) fn time(&self, column: usize) -> Result<Timestamp> {
        Timestamp::from_microsecond(self.int(column)?).map_err(Error::internal)
    }
    pub(crate) fn optional_time(&self, column: usize) -> Result<Option<Timestamp>> {
        self.optional_int(column)?
            .map(|at| Timestamp::from_microsecond(at).map_err(Error::internal))
            .transpose()
    }
    /// Parses a text that was validated before it was stored.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T> {
        let text = self.text(column)?;
        text.parse()
            .map_err(|_| Error::internal(format!("column {column} holds the impossible value {text:?}")))
    }
}

/// Statements that are sent to PostgreSQL before the first answer is waited for.
const PIPELINE: usize = 200;

/// One transaction.
pub(crate) struct SqlTx<'c> {
    engine: Engine<'c>,
    pub(crate) authority_changed: bool,
    /// What is written when the unit of work ends.
    pub(crate) pending: Pending,
}

enum Engine<'c> {
    // Exclusive, so that a transaction can move between threads.
    Lite(&'c mut rusqlite::Connection),
    Pg { client: &'c deadpool_postgres::Object, failure: Option<Failure> },
}

impl longshore_domain::ports::metadata::Tx for SqlTx<'_> {}

impl<'c> SqlTx<'c> {
    pub(crate) fn on_sqlite(connection: &'c mut rusqlite::Connection) -> Self {
        Self { engine: Engine::Lite(connection), authority_changed: false, pending: Pending::default() }
    }

    pub(crate) fn on_postgres(client: &'c deadpool_postgres::Object) -> Self {
        Self {
            engine: Engine::Pg { client, failure: None },
            authority_changed: false,
            pending: Pending::default(),
        }
    }

    /// What the first statement that failed means for the transaction. Only PostgreSQL's transactions are broken
    /// by a failed statement.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &self.engine {
            Engine::Lite(_) => None,
            Engine::Pg { failure, .. } => *failure,
        }
    }

    /// Whether nobody else writes until the transaction ends, so that nothing has to be locked.
    pub(crate) fn has_one_writer(&self) -> bool {
        matches!(self.engine, Engine::Lite(_))
    }

    /// Keeps others from holding the same names until the transaction ends, first come, first served. Nothing has to be there that
    /// bears them.
    pub(crate) async fn hold_names(&mut self, scope: i64, names: String) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(_) => Ok(()),
            Engine::Pg { client, failure } => {
                let held = postgres::query(client, postgres::HOLD_NAMES, values![scope, names]).await;
                held.map(|_| ()).map_err(|error| failed(error, failure))
            }
        }
    }

    /// Runs a statement and gives the number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<usize> {
        match &mut self.engine {
            Engine::Lite(connection) => sqlite::execute(connection, sql, values),
            Engine::Pg { client, failure } => {
                let changed = postgres::execute(client, sql, values).await;
                let changed = changed.map_err(|error| failed(error, failure))?;
                usize::try_from(changed).map_err(Error::internal)
            }
        }
    }

    /// Runs a statement once for each set of values, without waiting for an answer before the next is sent.
    pub(crate) async fn execute_each(&mut self, sql: &'static str, rows: &[Vec<Value>]) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(connection) => {
                rows.iter().try_for_each(|values| sqlite::execute(connection, sql, values).map(|_| ()))
            }
            Engine::Pg { client, failure } => {
                for batch in rows.chunks(PIPELINE) {
                    let sent = postgres::execute_all(client, batch.iter().map(|values| (sql, values))).await;
                    sent.map_err(|error| failed(error, failure))?;
                }
                Ok(())
            }
        }
    }

    /// Runs statements in order, without waiting for an answer before the next is sent.
    pub(crate) async fn execute_all(&mut self, statements: &[(&'static str, Vec<Value>)]) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(connection) => statements
                .iter()
                .try_for_each(|(sql, values)| sqlite::execute(connection, sql, values).map(|_| ())),
            Engine::Pg { client, failure } => {
                for batch in statements.chunks(PIPELINE) {
                    let sent = batch.iter().map(|(sql, values)| (*sql, values));
                    let sent = postgres::execute_all(client, sent).await;
                    sent.map_err(|error| failed(error, failure))?;
                }
                Ok(())
            }
        }
    }

    /// Runs a statement once for each set of values, without waiting for an answer before the next is sent, and maps
    /// the first row that each gives, in order.
    pub(crate) async fn first_each<T>(
        &mut self,
        sql: &'static str,
        rows: &[Vec<Value>],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        let mut answers = Vec::with_capacity(rows.len());
        match &mut self.engine {
            Engine::Lite(connection) => {
                for values in rows {
                    answers.push(sqlite::query(connection, sql, values, map, 1)?.pop());
                }
            }
            Engine::Pg { client, failure } => {
                for batch in rows.chunks(PIPELINE) {
                    let sent = postgres::query_each(client, sql, batch).await;
                    for found in sent.map_err(|error| failed(error, failure))? {
                        answers.push(found.first().map(|row| map(&Row::Pg(row))).transpose()?);
                    }
                }
            }
        }
        Ok(answers)
    }

    /// Like [`Self::first_each`], but maps all rows that each gives.
    pub(crate) async fn all_each<T>(
        &mut self,
        sql: &'static str,
        rows: &[Vec<Value>],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Vec<T>>> {
        let mut answers = Vec::with_capacity(rows.len());
        match &mut self.engine {
            Engine::Lite(connection) => {
                for values in rows {
                    answers.push(sqlite::query(connection, sql, values, map, usize::MAX)?);
                }
            }
            Engine::Pg { client, failure } => {
                for batch in rows.chunks(PIPELINE) {
                    let sent = postgres::query_each(client, sql, batch).await;
                    for found in sent.map_err(|error| failed(error, failure))? {
                        let mapped = found.iter().map(|row| map(&Row::Pg(row))).collect::<Result<_>>()?;
                        answers.push(mapped);
                    }
                }
            }
        }
        Ok(answers)
    }

    /// Like [`Self::first_each`], of a statement that always gives a row.
    pub(crate) async fn one_each<T>(
        &mut self,
        sql: &'static str,
        rows: &[Vec<Value>],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let found: Option<Vec<T>> = self.first_each(sql, rows, map).await?.into_iter().collect();
        found.ok_or_else(|| Error::internal(format!("not always a row from: {sql}")))
    }

    /// Runs a statement and maps all its rows.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.some(sql, values, map, usize::MAX).await
    }

    /// Runs a statement and maps its first row, if it gives one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.some(sql, values, map, 1).await?.pop())
    }

    /// Runs a statement that always gives a row.
    pub(crate) async fn one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.first(sql, values, map).await?.ok_or_else(|| Error::internal(format!("no row from: {sql}")))
    }

    async fn some<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
        limit: usize,
    ) -> Result<Vec<T>> {
        match &mut self.engine {
            Engine::Lite(connection) => sqlite::query(connection, sql, values, map, limit),
            Engine::Pg { client, failure } => {
                let rows = postgres::query(client, sql, values).await;
                let rows = rows.map_err(|error| failed(error, failure))?;
                rows.iter().take(limit).map(|row| map(&Row::Pg(row))).collect()
            }
        }
    }
}

/// Remembers what the transaction's first failure was.
fn failed(error: tokio_postgres::Error, failure: &mut Option<Failure>) -> Error {
    failure.get_or_insert(Failure::of(&error));
    postgres::driver_error(error)
}
