//! Audit events and usage.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::event::{CountedEvent, Event, EventFilter, EventQuery, NewEvent};
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::ports::metadata::{EventRecords, UsageKind};
use longshore_domain::{Error, Result};

use super::pending::CountedRow;
use super::texts;
use crate::tx::{Row, SqlTx, Value, row, values};

pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    Ok(Event {
        id: row.int(0)?,
        actor_name: row.text(1)?,
        action: row.text(2)?,
        subject: row.text(3)?,
        data: serde_json::from_str(&row.text(4)?).map_err(Error::internal)?,
        at: row.time(5)?,
        address: row.optional_text(6)?,
        program: row.optional_text(7)?,
        times: row.size(8)?,
        account: row.optional_text(9)?,
    })
}

/// The columns that every event has.
fn values_of(event: &NewEvent, data: String) -> Vec<Value> {
    row![
        event.account_id.map(|id| id.0),
        event.actor_id.map(|id| id.0),
        event.actor_name.as_str(),
        event.action.as_str(),
        event.subject.as_str(),
        data,
        event.at,
        event.address.map(|address| address.to_string()),
        event.program.as_deref()
    ]
}

impl SqlTx<'_> {
    /// Appends events, and adds to how often those happened that are counted: the rows of these are locked in the order of
    /// their keys.
    pub(crate) async fn write_events(
        &mut self,
        events: Vec<(bool, Vec<Value>)>,
        counted: BTreeMap<String, CountedRow>,
    ) -> Result<()> {
        let (are_numbered, rows): (Vec<bool>, Vec<_>) = events.into_iter().unzip();
        let made = self
            .one_each(
                "INSERT INTO events (account_id, actor_id, actor_name, action, subject, data, at, address, program)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
                &rows,
                |row| row.int(0),
            )
            .await?;
        let mut numbered: Vec<i64> =
            made.into_iter().zip(are_numbered).filter(|(_, numbered)| *numbered).map(|(id, _)| id).collect();
        let wanted: Vec<(bool, u64)> = counted.values().map(|row| (row.is_numbered, row.times)).collect();
        let rows: Vec<Vec<Value>> = counted
            .into_iter()
            .map(|(key, mut counted)| {
                counted.values.extend(row![counted.times, key]);
                counted.values
            })
            .collect();
        let made = self
            .one_each(
                "INSERT INTO events (account_id, actor_id, actor_name, action, subject, data, at, address, program,
                     times, counted_as)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                 ON CONFLICT (counted_as) WHERE counted_as IS NOT NULL
                     DO UPDATE SET times = events.times + excluded.times RETURNING id, times",
                &rows,
                |row| Ok((row.int(0)?, row.size(1)?)),
            )
            .await?;
        // A row that was there has more.
        let new = made
            .into_iter()
            .zip(wanted)
            .filter(|((_, happened), (is_numbered, times))| *is_numbered && happened == times);
        numbered.extend(new.map(|((id, _), _)| id));
        self.number_later(&numbered).await
    }

    /// Notes events that get a number in the log of their account.
    async fn number_later(&mut self, events: &[i64]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let ids = texts(events.iter().map(i64::to_string).collect())?;
        self.execute_later(
            "INSERT INTO events_unnumbered (event_id) SELECT CAST(value AS BIGINT) FROM json_each($1)",
            row![ids],
        )
        .await
    }
}

#[async_trait]
impl EventRecords for SqlTx<'_> {
    async fn record_event(&mut self, event: &NewEvent) -> Result<()> {
        let data = serde_json::to_string(&event.data).map_err(Error::internal)?;
        self.pending.events.push((event.account_id.is_some(), values_of(event, data)));
        Ok(())
    }

    async fn count_event(&mut self, counted: &CountedEvent) -> Result<()> {
        let CountedEvent { key, event, times } = counted;
        let data = serde_json::to_string(&event.data).map_err(Error::internal)?;
        let new = || CountedRow {
            is_numbered: event.account_id.is_some(),
            values: values_of(event, data),
            times: 0,
        };
        self.pending.counted.entry(key.clone()).or_insert_with(new).times += times;
        Ok(())
    }

    async fn record_events(
        &mut self,
        event: &NewEvent,
        details: &[BTreeMap<&'static str, String>],
    ) -> Result<()> {
        let details = details.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let details = texts(details.map_err(Error::internal)?)?;
        let ids = self
            .all(
                "INSERT INTO events (account_id, actor_id, actor_name, action, subject, data, at, address, program)
                 SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), $3, $4, $5, each.value, CAST($6 AS BIGINT), CAST($7 AS TEXT),
                     CAST($8 AS TEXT) FROM json_each($9) AS each RETURNING id",
                values![
                    event.account_id.map(|id| id.0),
                    event.actor_id.map(|id| id.0),
                    event.actor_name.as_str(),
                    event.action.as_str(),
                    event.subject.as_str(),
                    event.at,
                    event.address.map(|address| address.to_string()),
                    event.program.as_deref(),
                    details
                ],
                |row| row.int(0),
            )
            .await?;
        match event.account_id {
            Some(_) => self.number_later(&ids).await,
            None => Ok(()),
        }
    }

    async fn list_events(&mut self, query: &EventQuery) -> Result<KeyedPage<Event, i64>> {
        self.find_events(query).await
    }

    async fn list_account_events(
        &mut self,
        account: AccountId,
        filter: &EventFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Event>> {
        let EventFilter { action, subject, actor, from, until } = filter;
        let mut values = vec![
            Value::Int(account.0),
            from.unwrap_or(Timestamp::MIN).into(),
            until.unwrap_or(Timestamp::MAX).into(),
        ];
        // The index of what is named most exactly; the rest is looked at row by row.
        let sql = match (subject, actor, action) {
            (Some(subject), _, _) => {
                values.extend([subject.as_str().into(), actor.as_deref().into(), action.as_deref().into()]);
                "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                 WHERE account_id = $1 AND at >= $2 AND at <= $3 AND short_subject = $4
                     AND (CAST($5 AS TEXT) IS NULL OR actor_name || '' = $5)
                     AND (CAST($6 AS TEXT) IS NULL OR action || '' = $6)
                 ORDER BY at DESC, id DESC LIMIT $7 OFFSET $8"
            }
            (None, Some(actor), _) => {
                values.extend([actor.as_str().into(), action.as_deref().into()]);
                "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                 WHERE account_id = $1 AND at >= $2 AND at <= $3 AND actor_name = $4
                     AND (CAST($5 AS TEXT) IS NULL OR action || '' = $5)
                 ORDER BY at DESC, id DESC LIMIT $6 OFFSET $7"
            }
            (None, None, Some(action)) => {
                values.push(action.as_str().into());
                "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                 WHERE account_id = $1 AND at >= $2 AND at <= $3 AND action = $4
                 ORDER BY at DESC, id DESC LIMIT $5 OFFSET $6"
            }
            (None, None, None) => {
                "SELECT id, actor_name, action, subject, data, at, address, program, times,
                         (SELECT a.name FROM accounts a WHERE a.id = events.account_id) FROM events
                 WHERE account_id = $1 AND at >= $2 AND at <= $3
                 ORDER BY at DESC, id DESC LIMIT $4 OFFSET $5"
            }
        };
        values.extend([size.get().into(), offset.into()]);
        self.all(sql, &values, event).await
    }

    async fn delete_old_events(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let old = self
            .all(
                "SELECT e.id FROM events e
                 WHERE e.at < $1 AND coalesce(
                     (SELECT n.number FROM event_numbers n WHERE n.event_id = e.id)
                         < (SELECT max(l.number) FROM event_numbers l WHERE l.account_id = e.account_id),
                     e.account_id IS NULL)
                 ORDER BY e.at, e.id LIMIT $2",
                values![before, size.get()],
                |row| row.int(0),
            )
            .await?;
        let ids = texts(old.iter().map(i64::to_string).collect())?;
        for sql in [
            "DELETE FROM event_numbers WHERE event_id IN (SELECT CAST(value AS BIGINT) FROM json_each($1))",
            "DELETE FROM events_unnumbered WHERE event_id IN (SELECT CAST(value AS BIGINT) FROM json_each($1))",
            "DELETE FROM events WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each($1))",
        ] {
            self.execute_later(sql, row![ids.as_str()]).await?;
        }
        Ok(old.len() as u64)
    }

    async fn number_events(&mut self, size: PageSize) -> Result<u64> {
        let waiting = self
            .all(
                "SELECT u.event_id, e.account_id FROM events_unnumbered u JOIN events e ON e.id = u.event_id
                 ORDER BY u.event_id LIMIT $1 FOR UPDATE OF u SKIP LOCKED",
                values![size.get()],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )
            .await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let accounts: BTreeSet<i64> = waiting.iter().map(|(_, account)| *account).collect();
        let keys: Vec<_> = accounts.iter().map(|account| row![*account]).collect();
        let last = self
            .one_each(
                "SELECT coalesce(max(number), 0) FROM event_numbers WHERE account_id = $1",
                &keys,
                |row| row.int(0),
            )
            .await?;
        let mut numbers: BTreeMap<i64, i64> = accounts.into_iter().zip(last).collect();
        for (event, account) in &waiting {
            let number = numbers.entry(*account).or_default();
            *number += 1;
            self.execute_later(
                "INSERT INTO event_numbers (account_id, number, event_id) VALUES ($1, $2, $3)",
                row![*account, *number, *event],
            )
            .await?;
        }
        let ids = texts(waiting.iter().map(|(event, _)| event.to_string()).collect())?;
        self.execute_later(
            "DELETE FROM events_unnumbered WHERE event_id IN (SELECT CAST(value AS BIGINT) FROM json_each($1))",
            row![ids],
        )
        .await?;
        Ok(waiting.len() as u64)
    }

    async fn add_usage(
        &mut self,
        namespace: AccountId,
        kind: UsageKind,
        amount: i64,
        at: Timestamp,
    ) -> Result<()> {
        self.execute_later(
            "INSERT INTO usage_changes (namespace_id, kind, amount, at) VALUES ($1, $2, $3, $4)",
            row![namespace.0, kind.as_str(), amount, at],
        )
        .await
    }

    async fn fold_usage(&mut self, day: Timestamp, size: PageSize) -> Result<u64> {
        let changes = self
            .all(
                "DELETE FROM usage_changes WHERE id IN (
                     SELECT id FROM usage_changes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                 RETURNING namespace_id, kind, amount",
                values![size.get()],
                |row| Ok(((row.int(0)?, row.text(1)?), row.int(2)?)),
            )
            .await?;
        let mut sums: BTreeMap<(i64, String), i64> = BTreeMap::new();
        for (key, amount) in &changes {
            *sums.entry(key.clone()).or_default() += amount;
        }
        let mut namespaces = BTreeSet::new();
        for ((namespace, kind), amount) in sums {
            let (pulls, pushes) = match kind.as_str() {
                "pulls" => (amount, 0),
                "pushes" => (0, amount),
                _ => (0, 0),
            };
            if (pulls, pushes) != (0, 0) {
                self.execute(
                    "INSERT INTO usage_days (namespace_id, day_at, sent_bytes, pulls, pushes) VALUES ($1, $2, 0, $3, $4)
                     ON CONFLICT (namespace_id, day_at) DO UPDATE SET
                         pulls = usage_days.pulls + excluded.pulls, pushes = usage_days.pushes + excluded.pushes",
                    values![namespace, day, pulls, pushes],
                )
                .await?;
                continue;
            }
            self.execute(
                "INSERT INTO usage_totals (namespace_id, kind, amount) VALUES ($1, $2, $3)
                 ON CONFLICT (namespace_id, kind) DO UPDATE SET amount = usage_totals.amount + excluded.amount",
                values![namespace, kind, amount],
            )
            .await?;
            namespaces.insert(namespace);
        }
        for namespace in namespaces {
            self.execute(
                "INSERT INTO usage_days (namespace_id, day_at, stored_bytes, sent_bytes)
                 SELECT $1, $2, CAST(coalesce(sum(t.amount), 0) AS BIGINT), 0 FROM usage_totals t
                     WHERE t.namespace_id = $1 AND t.kind IN ('stored_bytes', 'manifest_bytes')
                 ON CONFLICT (namespace_id, day_at) DO UPDATE SET stored_bytes = excluded.stored_bytes",
                values![namespace, day],
            )
            .await?;
        }
        Ok(changes.len() as u64)
    }
}
