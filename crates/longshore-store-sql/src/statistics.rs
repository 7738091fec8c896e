//! How much SQLite expects in each table: always the same, as of a registry that has grown large.
//!
//! What it would count itself it would know only as it was when a connection was opened, and plan for a registry of five accounts
//! while there are a hundred thousand; without any, it takes the index of a repository for as good as that of a digest in it.
//! `docs/decisions/0034`; SQLite, "The sqlite_stat1 table".

use rusqlite::{Connection, Result};

/// Rows that a table is expected to have.
const ROWS: u64 = 1_000_000;
/// Share of them that an index has which leaves some out.
const PARTIAL: u64 = 10;
/// First columns of indexes of several of which many rows have the same: whose something is, and what kind of thing.
const WIDE: [&str; 8] = [
    "account_id",
    "kind",
    "made_with",
    "namespace_id",
    "organization_id",
    "repository_id",
    "run_uuid",
    "word",
];
/// Rows that have the same in such a first column, and in another one.
const IN_WIDE: u64 = 10_000;
const IN_NARROW: u64 = 100;
/// How many times more each further column tells apart.
const PER_COLUMN: u64 = 100;
/// Rows that have the same in an index of a single column.
const SAME: u64 = 10;

/// What SQLite is told of an index: its table, its name, and its figures.
type Expectation = (String, String, String);

/// Sees to it that a database expects what it should; changes nothing when it does.
pub(crate) fn write(connection: &mut Connection) -> Result<()> {
    let wanted = expectations(connection)?;
    if !exists(connection, "sqlite_stat1")? {
        // Analysing something is what makes the table.
        connection.execute_batch("ANALYZE migrations")?;
    }
    if exists(connection, "sqlite_stat4")? {
        connection.execute("DELETE FROM sqlite_stat4", [])?;
    }
    let sql = "SELECT tbl, coalesce(idx, ''), coalesce(stat, '') FROM sqlite_stat1 ORDER BY tbl, idx";
    if read(connection, sql)? == wanted {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM sqlite_stat1", [])?;
    for (table, index, figures) in wanted {
        let sql = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, [table, index, figures])?;
    }
    transaction.commit()?;
    // It reads them now.
    connection.execute_batch("ANALYZE sqlite_schema")
}

fn exists(connection: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)";
    connection.query_row(sql, [table], |row| row.get(0))
}

fn read(connection: &Connection, sql: &str) -> Result<Vec<Expectation>> {
    connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

fn expectations(connection: &Connection) -> Result<Vec<Expectation>> {
    // Of each index the columns that it orders by, the first and the last of them.
    let mut statement = connection.prepare(
        "SELECT t.name, i.name, i.\"unique\", i.partial, count(*),
             max(CASE WHEN c.seqno = 0 THEN c.name END),
             max(CASE WHEN c.seqno = (SELECT max(l.seqno) FROM pragma_index_xinfo(i.name) l WHERE l.key = 1) THEN c.name END)
         FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.key = 1
         GROUP BY t.name, i.name ORDER BY t.name, i.name",
    )?;
    let found = statement.query_map([], |row| {
        let (is_unique, is_partial, columns): (bool, bool, u32) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let (first, last): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        let in_one = match first {
            _ if columns == 1 => SAME,
            Some(first) if WIDE.contains(&first.as_str()) => IN_WIDE,
            _ => IN_NARROW,
        };
        // There is one of each id.
        let is_unique = is_unique || last.as_deref() == Some("id");
        Ok((row.get(0)?, row.get(1)?, figures(columns, in_one, is_unique, is_partial)))
    })?;
    found.collect()
}

/// Returns the figures of an index: how many rows it has, and how many have the same in its first column, its first two, and so on.
fn figures(columns: u32, in_one: u64, is_unique: bool, is_partial: bool) -> String {
    let rows = if is_partial { ROWS / PARTIAL } else { ROWS };
    let mut text = rows.to_string();
    for column in 1..=columns {
        let is_one = is_unique && column == columns;
        let same = if is_one { 1 } else { in_one / PER_COLUMN.saturating_pow(column - 1) };
        text.push_str(&format!(" {}", same.max(1)));
    }
    // Without the first column no index is of use.
    text + " noskipscan"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_column_tells_more_apart() {
        assert_eq!(figures(1, SAME, true, false), "1000000 1 noskipscan");
        assert_eq!(figures(1, SAME, false, true), "100000 10 noskipscan");
        assert_eq!(figures(2, IN_WIDE, false, false), "1000000 10000 100 noskipscan");
        assert_eq!(figures(4, IN_WIDE, true, false), "1000000 10000 100 1 1 noskipscan");
        assert_eq!(figures(3, IN_NARROW, false, false), "1000000 100 1 1 noskipscan");
    }

    #[test]
    fn what_a_database_has_counted_itself_is_replaced() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE migrations (number INTEGER PRIMARY KEY);
                 CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT, b TEXT, UNIQUE (kind, b));
                 CREATE INDEX t_b ON t (b, id) WHERE b IS NOT NULL;
                 INSERT INTO t (kind, b) VALUES ('x', 'y'); ANALYZE;",
            )
            .unwrap();
        for _ in 0..2 {
            write(&mut connection).unwrap();
            let sql = "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx";
            let expected =
                [("sqlite_autoindex_t_1", "1000000 10000 1 noskipscan"), ("t_b", "100000 100 1 noskipscan")];
            let expected = expected.map(|(index, figures)| ("t".into(), index.into(), figures.into()));
            assert_eq!(read(&connection, sql).unwrap(), expected);
        }
    }
}
