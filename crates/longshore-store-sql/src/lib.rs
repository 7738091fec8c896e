//! The metadata port on SQL databases: SQLite and PostgreSQL, by the same texts.
//!
//! Read `tx` first: the small layer that statements run on. Each statement is written once, in `queries`,
//! with `$1..$n` in the order of first use, and the types integer, text and bytes only.

mod migrations;
mod postgres;
mod queries;
mod sqlite;
mod statistics;
mod tx;

pub use postgres::{PostgresMetadata, PostgresOptions};
pub use queries::statements_of;
pub use sqlite::{SqliteMetadata, SqliteOptions};
