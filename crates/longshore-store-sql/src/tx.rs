//! One transaction on either engine, and the values that go in and come out.
//!
//! On SQLite the async functions never wait, so a whole unit of work runs with one poll; a unit of work must
//! await nothing but its transaction.
//! Statements whose answer nobody needs are noted (`execute_later`) and sent to PostgreSQL with the next one whose answer is
//! waited for, in order: a unit waits for as few answers as it can while it has something locked.
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
    pub(crate) fn optional_size(&self, column: usize) -> Result<Option<u64>> {
        let size = self.optional_int(column)?;
        size.map(|size| u64::try_from(size).map_err(Error::internal)).transpose()
    }
    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>> {
        self.get(column)
    }
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.present(column)
    }
    pub(crate) fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.get(column)
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
    Pg(Pipeline<'c>),
}

/// A connection to PostgreSQL, with what is to be sent to it before anything else.
struct Pipeline<'c> {
    client: &'c deadpool_postgres::Object,
    failure: Option<Failure>,
    noted: Vec<(&'static str, Vec<Value>)>,
}

impl Pipeline<'_> {
    /// Sends what was noted and then these, without waiting for an answer in between, and gives the rows of each of these.
    async fn query(&mut self, statements: &[(&str, &[Value])]) -> Result<Vec<Vec<tokio_postgres::Row>>> {
        let noted = std::mem::take(&mut self.noted);
        let first = noted.iter().map(|(sql, values)| (*sql, values.as_slice()));
        let all: Vec<_> = first.chain(statements.iter().copied()).collect();
        let answers = postgres::query_all(self.client, &all).await;
        let mut answers = answers.map_err(|error| self.failed(error))?;
        Ok(answers.split_off(noted.len()))
    }

    async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let noted = std::mem::take(&mut self.noted);
        let first: Vec<_> = noted.iter().map(|(sql, values)| (*sql, values.as_slice())).collect();
        postgres::execute_after(self.client, &first, (sql, values)).await.map_err(|error| self.failed(error))
    }

    async fn note(&mut self, sql: &'static str, values: Vec<Value>) -> Result<()> {
        self.noted.push((sql, values));
        if self.noted.len() < PIPELINE {
            return Ok(());
        }
        self.query(&[]).await.map(|_| ())
    }

    /// Remembers what the transaction's first failure was.
    fn failed(&mut self, error: tokio_postgres::Error) -> Error {
        self.failure.get_or_insert(Failure::of(&error));
        postgres::driver_error(error)
    }
}

mod rooms {
    use longshore_domain::ports::metadata::{
        AccessTx, ContentTx, IdentityTx, LifecycleTx, OrganizationsTx, PlatformTx, Tx,
    };

    use super::SqlTx;

    impl PlatformTx for SqlTx<'_> {}
    impl AccessTx for SqlTx<'_> {}
    impl IdentityTx for SqlTx<'_> {}
    impl OrganizationsTx for SqlTx<'_> {}
    impl ContentTx for SqlTx<'_> {}
    impl LifecycleTx for SqlTx<'_> {}
    impl Tx for SqlTx<'_> {}
}

impl<'c> SqlTx<'c> {
    pub(crate) fn on_sqlite(connection: &'c mut rusqlite::Connection) -> Self {
        Self { engine: Engine::Lite(connection), authority_changed: false, pending: Pending::default() }
    }

    pub(crate) fn on_postgres(client: &'c deadpool_postgres::Object) -> Self {
        Self {
            engine: Engine::Pg(Pipeline { client, failure: None, noted: Vec::new() }),
            authority_changed: false,
            pending: Pending::default(),
        }
    }

    /// What the first statement that failed means for the transaction. Only PostgreSQL's transactions are broken
    /// by a failed statement.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &self.engine {
            Engine::Lite(_) => None,
            Engine::Pg(pipeline) => pipeline.failure,
        }
    }

    /// Whether nobody else writes until the transaction ends, so that nothing has to be locked.
    pub(crate) fn has_one_writer(&self) -> bool {
        matches!(self.engine, Engine::Lite(_))
    }

    /// Keeps others from holding the same names until the transaction ends, first come, first served. Nothing has to be there that
    /// bears them. They are held when the next statement is answered.
    pub(crate) async fn lock_names(&mut self, scope: i64, names: &str) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(_) => Ok(()),
            Engine::Pg(pipeline) => pipeline.note(postgres::HOLD_NAMES, row![scope, names]).await,
        }
    }

    /// Runs a statement and gives the number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<usize> {
        match &mut self.engine {
            Engine::Lite(connection) => sqlite::execute(connection, sql, values),
            Engine::Pg(pipeline) => {
                usize::try_from(pipeline.execute(sql, values).await?).map_err(Error::internal)
            }
        }
    }

    /// Runs a statement whose answer is not needed: before the next one, or when the unit of work ends. That it failed is told
    /// by whatever runs next.
    pub(crate) async fn execute_later(&mut self, sql: &'static str, values: Vec<Value>) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(connection) => sqlite::execute(connection, sql, &values).map(|_| ()),
            Engine::Pg(pipeline) => pipeline.note(sql, values).await,
        }
    }

    /// Runs a statement once for each set of values, as [`Self::execute_later`].
    pub(crate) async fn execute_each(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<()> {
        for values in rows {
            self.execute_later(sql, values).await?;
        }
        Ok(())
    }

    /// Runs what is left to be run later.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        match &mut self.engine {
            Engine::Lite(_) => Ok(()),
            Engine::Pg(pipeline) if pipeline.noted.is_empty() => Ok(()),
            Engine::Pg(pipeline) => pipeline.query(&[]).await.map(|_| ()),
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
        let statements: Vec<_> = rows.iter().map(|values| (sql, values.as_slice())).collect();
        let found = self.several(&statements, map, 1).await?;
        Ok(found.into_iter().map(|mut rows| rows.pop()).collect())
    }

    /// Like [`Self::first_each`], of different statements.
    pub(crate) async fn first_of_all<T>(
        &mut self,
        statements: &[(&'static str, Vec<Value>)],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        let statements: Vec<_> = statements.iter().map(|(sql, values)| (*sql, values.as_slice())).collect();
        let found = self.several(&statements, map, 1).await?;
        Ok(found.into_iter().map(|mut rows| rows.pop()).collect())
    }

    /// Like [`Self::first_each`], but maps all rows that each gives.
    pub(crate) async fn all_each<T>(
        &mut self,
        sql: &'static str,
        rows: &[Vec<Value>],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Vec<T>>> {
        let statements: Vec<_> = rows.iter().map(|values| (sql, values.as_slice())).collect();
        self.several(&statements, map, usize::MAX).await
    }

    async fn several<T>(
        &mut self,
        statements: &[(&str, &[Value])],
        map: fn(&Row<'_>) -> Result<T>,
        limit: usize,
    ) -> Result<Vec<Vec<T>>> {
        match &mut self.engine {
            Engine::Lite(connection) => statements
                .iter()
                .map(|(sql, values)| sqlite::query(connection, sql, values, map, limit))
                .collect(),
            Engine::Pg(pipeline) => {
                let mut answers = Vec::with_capacity(statements.len());
                for batch in statements.chunks(PIPELINE) {
                    for found in pipeline.query(batch).await? {
                        let rows = found.iter().take(limit);
                        answers.push(rows.map(|row| map(&Row::Pg(row))).collect::<Result<_>>()?);
                    }
                }
                Ok(answers)
            }
        }
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
        sql: &str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.some(sql, values, map, usize::MAX).await
    }

    /// Runs a statement and maps its first row, if it gives one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.some(sql, values, map, 1).await?.pop())
    }

    /// Runs a statement that always gives a row.
    pub(crate) async fn one<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.first(sql, values, map).await?.ok_or_else(|| Error::internal(format!("no row from: {sql}")))
    }

    async fn some<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
        limit: usize,
    ) -> Result<Vec<T>> {
        Ok(self.several(&[(sql, values)], map, limit).await?.pop().unwrap_or_default())
    }
}
