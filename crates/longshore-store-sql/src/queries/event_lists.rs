//! Lists of events in the order of their recording: one query, of one account or all.

use jiff::{SignedDuration, Timestamp};
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::event::{Event, EventFilter, EventQuery};
use longshore_domain::page::{KeyedPage, Page};

use super::events::event;
use super::marks::directed;
use super::overfull;
use crate::tx::{SqlTx, Value, row, values};

/// How far the order of recording and that of times may be apart. Nodes whose clocks differ by more are not ready; events about
/// sign-ins that wait longer, because the database is away, are in every list but one that is narrowed by their time.
const APART: SignedDuration = SignedDuration::from_hours(1);

impl SqlTx<'_> {
    /// Finds the events of a query, by their numbers.
    pub(super) async fn find_events(&mut self, query: &EventQuery) -> Result<KeyedPage<Event, i64>> {
        let EventQuery { account, filter, address, newest_first, after, size, .. } = query;
        let (before, behind) = self.numbers_between(query).await?;
        // Strictly behind the first, and not behind the last.
        let (first, last) = match newest_first {
            true => (after.unwrap_or(i64::MAX).min(behind), before.saturating_add(1)),
            false => (after.unwrap_or(i64::MIN).max(before), behind.saturating_sub(1)),
        };
        let is_narrowed = address.is_some() || *filter != EventFilter::default();
        let until = match is_narrowed {
            true => self.last_event_of(query, first).await?,
            false => None,
        };
        let until = until.filter(|until| if *newest_first { *until > last } else { *until < last });
        let wanted = row![
            first,
            until.unwrap_or(last),
            filter.from.unwrap_or(Timestamp::MIN),
            filter.until.unwrap_or(Timestamp::MAX),
            filter.action.as_deref(),
            filter.actor.as_deref(),
            filter.subject.as_deref(),
            address.as_deref(),
            overfull(*size)
        ];
        // What is put into one expression keeps engines from looking for parts of it in an index where another one is in order,
        // and PostgreSQL from expecting so little of it that it sorts.
        let found = match account {
            Some(AccountId(account)) => {
                let sql = directed(
                    "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                     WHERE account_id = $1 AND id {behind} $2 AND id {up_to} $3 AND coalesce(at >= $4 AND at <= $5
                         AND (CAST($6 AS TEXT) IS NULL OR action = $6)
                         AND (CAST($7 AS TEXT) IS NULL OR actor_name = $7)
                         AND (CAST($8 AS TEXT) IS NULL OR subject = $8 OR short_subject = $8)
                         AND (CAST($9 AS TEXT) IS NULL OR address = $9), FALSE)
                     ORDER BY id{direction} LIMIT $10",
                    *newest_first,
                );
                let mut values = row![*account];
                values.extend(wanted);
                self.all(&sql, &values, event).await?
            }
            None => {
                let sql = directed(
                    "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                     WHERE id {behind} $1 AND id {up_to} $2 AND coalesce(at >= $3 AND at <= $4
                         AND (CAST($5 AS TEXT) IS NULL OR action = $5)
                         AND (CAST($6 AS TEXT) IS NULL OR actor_name = $6)
                         AND (CAST($7 AS TEXT) IS NULL OR subject = $7 OR short_subject = $7)
                         AND (CAST($8 AS TEXT) IS NULL OR address = $8), FALSE)
                     ORDER BY id{direction} LIMIT $9",
                    *newest_first,
                );
                self.all(&sql, &wanted, event).await?
            }
        };
        let Page { items, has_more } = Page::from_overfull(found, *size);
        let next = if has_more { items.last().map(|event| event.id) } else { until };
        Ok(KeyedPage { items, next })
    }

    /// Returns two numbers strictly between which lie those of all events between the times of a query: that of the last event
    /// before them, and that of the first one behind them.
    async fn numbers_between(&mut self, query: &EventQuery) -> Result<(i64, i64)> {
        let account = query.account.map(|id| id.0);
        let before = match query.filter.from {
            None => None,
            Some(from) => {
                let from = from.saturating_sub(APART).unwrap_or(from);
                match account {
                    Some(account) => {
                        let sql = "SELECT id FROM events WHERE account_id = $1 AND at < $2 ORDER BY at DESC, id DESC LIMIT 1";
                        self.first(sql, values![account, from], |row| row.int(0)).await?
                    }
                    None => {
                        let sql = "SELECT id FROM events WHERE at < $1 ORDER BY at DESC, id DESC LIMIT 1";
                        self.first(sql, values![from], |row| row.int(0)).await?
                    }
                }
            }
        };
        let behind = match query.filter.until {
            None => None,
            Some(until) => {
                let until = until.saturating_add(APART).unwrap_or(until);
                match account {
                    Some(account) => {
                        let sql =
                            "SELECT id FROM events WHERE account_id = $1 AND at > $2 ORDER BY at, id LIMIT 1";
                        self.first(sql, values![account, until], |row| row.int(0)).await?
                    }
                    None => {
                        let sql = "SELECT id FROM events WHERE at > $1 ORDER BY at, id LIMIT 1";
                        self.first(sql, values![until], |row| row.int(0)).await?
                    }
                }
            }
        };
        Ok((before.unwrap_or(i64::MIN), behind.unwrap_or(i64::MAX)))
    }

    /// Finds the last of so many events behind a number, whether they are wanted or not; `None` when there are fewer.
    async fn last_event_of(&mut self, query: &EventQuery, first: i64) -> Result<Option<i64>> {
        let before = i64::from(query.examined.max(1)) - 1;
        let values: Vec<Value> = match query.account {
            Some(account) => row![account.0, first, before],
            None => row![first, before],
        };
        let sql = match query.account {
            Some(_) => {
                "SELECT id FROM events WHERE account_id = $1 AND id {behind} $2 ORDER BY id{direction} LIMIT 1 OFFSET $3"
            }
            None => "SELECT id FROM events WHERE id {behind} $1 ORDER BY id{direction} LIMIT 1 OFFSET $2",
        };
        self.first(&directed(sql, query.newest_first), &values, |row| row.int(0)).await
    }
}
