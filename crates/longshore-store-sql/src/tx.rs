//! One transaction on either engine, and the values that go in and come out.
//!
//! On SQLite the async functions never wait, so a whole unit of work runs with one poll; a unit of work must
//! await nothing but its transaction.

use bytes::Bytes;
use jiff::Timestamp;
use longshore_domain::digest::Digest;
use longshore_domain::{Error, Result};
use uuid::Uuid;

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

/// A row that a statement gave.
pub(crate) enum Row<'r> {
    Lite(&'r rusqlite::Row<'r>),
}

impl Row<'_> {
    fn get<T: rusqlite::types::FromSql>(&self, column: usize) -> Result<T> {
        match self {
            Self::Lite(row) => row.get(column).map_err(Error::internal),
        }
    }
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        self.get(column)
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
        self.get(column)
    }
    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>> {
        self.get(column)
    }
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.get(column)
    }
    pub(crate) fn uuid(&self, column: usize) -> Result<Uuid> {
        Uuid::from_slice(&self.bytes(column)?).map_err(Error::internal)
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

/// One transaction.
pub(crate) struct SqlTx<'c> {
    engine: Engine<'c>,
    pub(crate) authority_changed: bool,
}

enum Engine<'c> {
    // Exclusive, so that a transaction can move between threads.
    Lite(&'c mut rusqlite::Connection),
}

impl longshore_domain::ports::metadata::Tx for SqlTx<'_> {}

impl<'c> SqlTx<'c> {
    pub(crate) fn on_sqlite(connection: &'c mut rusqlite::Connection) -> Self {
        Self { engine: Engine::Lite(connection), authority_changed: false }
    }

    /// Runs a statement and gives the number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<usize> {
        match &self.engine {
            Engine::Lite(connection) => crate::sqlite::execute(connection, sql, values),
        }
    }

    /// Runs a statement and maps all its rows.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match &self.engine {
            Engine::Lite(connection) => crate::sqlite::query(connection, sql, values, map, usize::MAX),
        }
    }

    /// Runs a statement and maps its first row, if it gives one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.engine {
            Engine::Lite(connection) => Ok(crate::sqlite::query(connection, sql, values, map, 1)?.pop()),
        }
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
}
