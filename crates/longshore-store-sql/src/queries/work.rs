//! Durable work.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{Rescheduled, WorkRecords};
use longshore_domain::work::{LastRun, ListedWork, NewWork, WorkDepth, WorkId, WorkItem, WorkState};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use super::texts;
use crate::tx::{Row, SqlTx, row, values};

/// Holds names of work apart from those of repositories' tags.
const NAMES_OF_WORK: i64 = -1;

/// A row with `id, kind, key, lane, payload, due_at, attempts, last_error, created_at`.
fn item(row: &Row<'_>) -> Result<WorkItem> {
    Ok(WorkItem {
        id: WorkId(row.int(0)?),
        kind: row.text(1)?,
        key: row.optional_text(2)?,
        lane: row.text(3)?,
        payload: row.text(4)?,
        due_at: row.time(5)?,
        attempts: u32::try_from(row.int(6)?).map_err(Error::internal)?,
        last_error: row.optional_text(7)?,
        created_at: row.time(8)?,
    })
}

/// Such a row with `holder, held_until, ended_at, took_us, items` behind.
fn listed(row: &Row<'_>) -> Result<ListedWork> {
    let state = match (row.optional_uuid(9)?, row.optional_time(10)?) {
        (Some(node), Some(until)) => WorkState::Running { node, until },
        _ => WorkState::Waiting,
    };
    let last_run = match row.optional_time(11)? {
        None => None,
        Some(ended_at) => {
            Some(LastRun { ended_at, took: Duration::from_micros(row.size(12)?), items: row.size(13)? })
        }
    };
    Ok(ListedWork { item: item(row)?, state, last_run })
}

/// Such a row with `died_at` behind.
fn dead(row: &Row<'_>) -> Result<ListedWork> {
    Ok(ListedWork { item: item(row)?, state: WorkState::Dead { died_at: row.time(9)? }, last_run: None })
}

impl SqlTx<'_> {
    /// Keeps others from wishing for the same, or from giving it back, until the transaction ends.
    async fn lock_wish(&mut self, kind: &str, key: Option<&str>) -> Result<()> {
        match key {
            None => Ok(()),
            Some(key) => self.lock_names(NAMES_OF_WORK, &texts(vec![format!("{kind} {key}")])?).await,
        }
    }
}

#[async_trait]
impl WorkRecords for SqlTx<'_> {
    async fn put_work(&mut self, work: &NewWork) -> Result<()> {
        self.lock_wish(work.kind, work.key.as_deref()).await?;
        self.execute_later(
            "INSERT INTO work (kind, key, lane, payload, due_at, attempts, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)
             ON CONFLICT (kind, key) WHERE holder IS NULL DO UPDATE SET
                 payload = excluded.payload, attempts = 0, last_error = NULL,
                 due_at = CASE WHEN excluded.due_at < work.due_at THEN excluded.due_at ELSE work.due_at END",
            row![
                work.kind,
                work.key.as_deref(),
                work.lane.as_str(),
                work.payload.as_str(),
                work.due_at,
                work.created_at
            ],
        )
        .await
    }

    async fn put_missing_work(&mut self, work: &NewWork) -> Result<()> {
        self.execute(
            "INSERT INTO work (kind, key, lane, payload, due_at, attempts, created_at)
             SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), 0, CAST($6 AS BIGINT)
             WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = $1 AND w.key = $2 AND w.holder IS NULL)
               AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = $1 AND w.key = $2 AND w.holder IS NOT NULL)
             ON CONFLICT (kind, key) WHERE holder IS NULL DO NOTHING",
            values![
                work.kind,
                work.key.as_deref(),
                work.lane.as_str(),
                work.payload.as_str(),
                work.due_at,
                work.created_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn list_due_kinds(&mut self, now: Timestamp) -> Result<Vec<String>> {
        let due = self
            .all(
                "WITH RECURSIVE kinds (kind) AS (
                     SELECT (SELECT min(w.kind) FROM work w WHERE w.holder IS NULL)
                     UNION ALL
                     SELECT (SELECT min(w.kind) FROM work w WHERE w.holder IS NULL AND w.kind > kinds.kind)
                     FROM kinds WHERE kinds.kind IS NOT NULL)
                 SELECT kind FROM kinds WHERE kind IS NOT NULL AND EXISTS (
                     SELECT 1 FROM work w WHERE w.kind = kinds.kind AND w.holder IS NULL AND w.due_at <= $1)",
                values![now],
                |row| row.text(0),
            )
            .await?;
        let dropped = self
            .all(
                "SELECT kind FROM work WHERE holder IS NOT NULL AND held_until <= $1 ORDER BY held_until LIMIT 100",
                values![now],
                |row| row.text(0),
            )
            .await?;
        let mut kinds: Vec<String> = due.into_iter().chain(dropped).collect();
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }

    async fn find_due_work(
        &mut self,
        kind: &str,
        after: &str,
        now: Timestamp,
        limit: PageSize,
    ) -> Result<Vec<WorkId>> {
        let mut found = self
            .all(
                "SELECT id FROM work WHERE holder IS NOT NULL AND held_until <= $1 AND kind = $2
                 ORDER BY held_until LIMIT $3",
                values![now, kind, limit.get()],
                |row| row.int(0).map(WorkId),
            )
            .await?;
        for behind in [after, ""] {
            let due = self
                .all(
                    "WITH RECURSIVE lanes (lane) AS (
                         SELECT (SELECT min(w.lane) FROM work w
                                 WHERE w.kind = $1 AND w.holder IS NULL AND w.lane > $2)
                         UNION ALL
                         SELECT (SELECT min(w.lane) FROM work w
                                 WHERE w.kind = $1 AND w.holder IS NULL AND w.lane > lanes.lane)
                         FROM lanes WHERE lanes.lane IS NOT NULL)
                     SELECT found.id FROM (
                         SELECT (SELECT w.id FROM work w
                                 WHERE w.kind = $1 AND w.holder IS NULL AND w.lane = lanes.lane AND w.due_at <= $3
                                   AND NOT EXISTS (SELECT 1 FROM work running
                                                   WHERE running.kind = w.kind AND running.key = w.key
                                                     AND running.holder IS NOT NULL)
                                 ORDER BY w.due_at LIMIT 1) AS id
                         FROM lanes WHERE lanes.lane IS NOT NULL) AS found
                     WHERE found.id IS NOT NULL LIMIT $4",
                    values![kind, behind, now, limit.get()],
                    |row| row.int(0).map(WorkId),
                )
                .await?;
            for id in due {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
            if behind.is_empty() || found.len() >= limit.get() as usize {
                break;
            }
        }
        found.truncate(limit.get() as usize);
        Ok(found)
    }

    async fn take_work(
        &mut self,
        mut ids: Vec<WorkId>,
        node: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<WorkItem>> {
        // In one order, so that two nodes do not wait for each other.
        ids.sort();
        let rows: Vec<_> = ids.iter().map(|id| row![node, until, id.0, now]).collect();
        let taken = self
            .first_each(
                "UPDATE work SET holder = $1, held_until = $2, attempts = attempts + 1
                 WHERE id = $3 AND (holder IS NULL OR held_until <= $4)
                 RETURNING id, kind, key, lane, payload, due_at, attempts, last_error, created_at",
                &rows,
                item,
            )
            .await?;
        Ok(taken.into_iter().flatten().collect())
    }

    async fn renew_work(&mut self, id: WorkId, node: Uuid, until: Timestamp) -> Result<bool> {
        let renewed = self
            .execute(
                "UPDATE work SET held_until = $1 WHERE id = $2 AND holder = $3",
                values![until, id.0, node],
            )
            .await?;
        Ok(renewed > 0)
    }

    async fn finish_work(&mut self, id: WorkId, node: Uuid) -> Result<()> {
        self.execute("DELETE FROM work WHERE id = $1 AND holder = $2", values![id.0, node]).await.map(|_| ())
    }

    async fn reschedule_work(&mut self, item: &WorkItem, node: Uuid, to: &Rescheduled) -> Result<()> {
        self.lock_wish(&item.kind, item.key.as_deref()).await?;
        self.execute(
            "DELETE FROM work WHERE id = $1 AND holder = $2 AND key IS NOT NULL AND EXISTS (
                 SELECT 1 FROM work w WHERE w.kind = work.kind AND w.key = work.key AND w.holder IS NULL)",
            values![item.id.0, node],
        )
        .await?;
        self.execute(
            "UPDATE work SET holder = NULL, held_until = NULL, due_at = $1, attempts = $2, last_error = $3,
                 ended_at = coalesce($4, ended_at), took_us = coalesce($5, took_us), items = coalesce($6, items)
             WHERE id = $7 AND holder = $8",
            values![
                to.due_at,
                to.attempts,
                to.error.as_deref(),
                to.last_run.map(|run| run.ended_at),
                to.last_run.map(|run| u64::try_from(run.took.as_micros()).unwrap_or(u64::MAX)),
                to.last_run.map(|run| run.items),
                item.id.0,
                node
            ],
        )
        .await
        .map(|_| ())
    }

    async fn give_work_up(&mut self, id: WorkId, node: Uuid, now: Timestamp, error: &str) -> Result<()> {
        self.execute(
            "INSERT INTO dead_work (id, kind, key, lane, payload, due_at, attempts, last_error, created_at, died_at)
             SELECT id, kind, key, lane, payload, due_at, attempts, $1, created_at, CAST($2 AS BIGINT)
             FROM work WHERE id = $3 AND holder = $4",
            values![error, now, id.0, node],
        )
        .await?;
        self.finish_work(id, node).await
    }

    async fn list_work(&mut self, after: WorkId, size: PageSize) -> Result<Vec<ListedWork>> {
        self.all(
            "SELECT id, kind, key, lane, payload, due_at, attempts, last_error, created_at, holder, held_until,
                 ended_at, took_us, items
             FROM work WHERE id > $1 ORDER BY id LIMIT $2",
            values![after.0, size.get()],
            listed,
        )
        .await
    }

    async fn list_dead_work(&mut self, after: WorkId, size: PageSize) -> Result<Vec<ListedWork>> {
        self.all(
            "SELECT id, kind, key, lane, payload, due_at, attempts, last_error, created_at, died_at
             FROM dead_work WHERE id > $1 ORDER BY id LIMIT $2",
            values![after.0, size.get()],
            dead,
        )
        .await
    }

    async fn find_work(&mut self, id: WorkId) -> Result<Option<ListedWork>> {
        let (before, one) = (WorkId(id.0.saturating_sub(1)), PageSize::clamped(1)?);
        let mut found = self.list_work(before, one).await?;
        found.extend(self.list_dead_work(before, one).await?);
        Ok(found.into_iter().find(|work| work.item.id == id))
    }

    async fn hasten_work(&mut self, id: WorkId, at: Timestamp) -> Result<bool> {
        let hastened = self
            .execute(
                "UPDATE work SET due_at = $1, attempts = 0 WHERE id = $2 AND holder IS NULL",
                values![at, id.0],
            )
            .await?;
        Ok(hastened > 0)
    }

    async fn delete_work(&mut self, id: WorkId) -> Result<bool> {
        let waiting =
            self.execute("DELETE FROM work WHERE id = $1 AND holder IS NULL", values![id.0]).await?;
        let dead = self.execute("DELETE FROM dead_work WHERE id = $1", values![id.0]).await?;
        Ok(waiting + dead > 0)
    }

    async fn delete_old_dead_work(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM dead_work WHERE id IN (
                     SELECT id FROM dead_work WHERE died_at <= $1 ORDER BY died_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn count_work(&mut self, kinds: &[&'static str]) -> Result<Vec<WorkDepth>> {
        let rows: Vec<_> = kinds.iter().map(|kind| row![*kind, WorkDepth::COUNTED]).collect();
        self.one_each(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM work WHERE kind = $1 AND holder IS NULL LIMIT $2) AS waiting),
                 (SELECT min(due_at) FROM work WHERE kind = $1 AND holder IS NULL),
                 (SELECT count(*) FROM (SELECT 1 FROM dead_work WHERE kind = $1 LIMIT $2) AS dead)",
            &rows,
            |row| {
                Ok(WorkDepth {
                    waiting: row.size(0)?,
                    oldest_due_at: row.optional_time(1)?,
                    dead: row.size(2)?,
                })
            },
        )
        .await
    }
}
