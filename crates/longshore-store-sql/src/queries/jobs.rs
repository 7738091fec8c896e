//! Long work that somebody asked for.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::job::{Job, JobId, JobProgress};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{JobOutcome, JobRecords};
use uuid::Uuid;

use super::overfull;
use crate::tx::{Row, SqlTx, values};

/// Reads a row with `uuid, kind, state, wanted_by, done, total, unit, text, is_cancelled, created_at, started_at, finished_at,
/// result, error, account_id`.
fn job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        id: JobId(row.uuid(0)?),
        kind: row.parsed(1)?,
        state: row.parsed(2)?,
        wanted_by: row.text(3)?,
        progress: JobProgress {
            done: row.size(4)?,
            total: row.optional_int(5)?.and_then(|total| u64::try_from(total).ok()),
            unit: row.text(6)?,
            text: row.text(7)?,
        },
        is_cancelled: row.truth(8)?,
        created_at: row.time(9)?,
        started_at: row.optional_time(10)?,
        finished_at: row.optional_time(11)?,
        result: row.optional_text(12)?,
        error: row.optional_text(13)?,
        account: row.optional_int(14)?.map(AccountId),
    })
}

#[async_trait]
impl JobRecords for SqlTx<'_> {
    async fn create_job(&mut self, job: &Job, payload: Option<&str>) -> Result<()> {
        self.execute(
            "INSERT INTO jobs (uuid, kind, state, wanted_by, done, total, unit, text, is_cancelled, created_at, account_id, payload)
             VALUES ($1, $2, $3, $4, 0, NULL, $5, $6, $7, $8, $9, $10)",
            values![
                job.id.0,
                job.kind.as_str(),
                job.state.as_str(),
                job.wanted_by.as_str(),
                job.progress.unit.as_str(),
                job.progress.text.as_str(),
                job.is_cancelled,
                job.created_at,
                job.account.map(|id| id.0),
                payload
            ],
        )
        .await
        .map(|_| ())
    }

    async fn find_job_payload(&mut self, id: JobId) -> Result<Option<String>> {
        let payload = "SELECT payload FROM jobs WHERE uuid = $1";
        Ok(self.first(payload, values![id.0], |row| row.optional_text(0)).await?.flatten())
    }

    async fn find_job(&mut self, id: JobId) -> Result<Option<Job>> {
        self.first(
            "SELECT uuid, kind, state, wanted_by, done, total, unit, text, is_cancelled, created_at, started_at,
                 finished_at, result, error, account_id FROM jobs WHERE uuid = $1",
            values![id.0],
            job,
        )
        .await
    }

    async fn list_jobs(
        &mut self,
        of: Option<AccountId>,
        before: Option<(Timestamp, JobId)>,
        size: PageSize,
    ) -> Result<Page<Job>> {
        let (at, id) = before.unwrap_or((Timestamp::MAX, JobId(Uuid::nil())));
        let found = match of {
            None => {
                self.all(
                    "SELECT uuid, kind, state, wanted_by, done, total, unit, text, is_cancelled, created_at, started_at,
                         finished_at, result, error, account_id FROM jobs WHERE (created_at, uuid) < ($1, $2)
                     ORDER BY created_at DESC, uuid DESC LIMIT $3",
                    values![at, id.0, overfull(size)],
                    job,
                )
                .await?
            }
            Some(account) => {
                self.all(
                    "SELECT uuid, kind, state, wanted_by, done, total, unit, text, is_cancelled, created_at, started_at,
                         finished_at, result, error, account_id FROM jobs
                     WHERE account_id = $1 AND (created_at, uuid) < ($2, $3)
                     ORDER BY created_at DESC, uuid DESC LIMIT $4",
                    values![account.0, at, id.0, overfull(size)],
                    job,
                )
                .await?
            }
        };
        Ok(Page::from_overfull(found, size))
    }

    async fn begin_job(&mut self, id: JobId, at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE jobs SET state = 'running', started_at = COALESCE(started_at, $1)
             WHERE uuid = $2 AND finished_at IS NULL",
            values![at, id.0],
        )
        .await
        .map(|_| ())
    }

    async fn note_progress(&mut self, id: JobId, progress: &JobProgress) -> Result<bool> {
        let total = progress.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX));
        let found = self
            .first(
                "UPDATE jobs SET done = $1, total = $2, unit = $3, text = $4 WHERE uuid = $5 AND finished_at IS NULL
                 RETURNING is_cancelled",
                values![
                    i64::try_from(progress.done).unwrap_or(i64::MAX),
                    total,
                    progress.unit.as_str(),
                    progress.text.as_str(),
                    id.0
                ],
                |row| row.truth(0),
            )
            .await?;
        Ok(found.unwrap_or(true))
    }

    async fn end_job(&mut self, id: JobId, outcome: &JobOutcome, at: Timestamp) -> Result<bool> {
        let ended = self
            .execute(
                "UPDATE jobs SET state = $1, result = $2, error = $3, finished_at = $4
                 WHERE uuid = $5 AND finished_at IS NULL",
                values![
                    outcome.state.as_str(),
                    outcome.result.as_deref(),
                    outcome.error.as_deref(),
                    at,
                    id.0
                ],
            )
            .await?;
        Ok(ended > 0)
    }

    async fn cancel_job(&mut self, id: JobId) -> Result<bool> {
        let sql = "UPDATE jobs SET is_cancelled = $1 WHERE uuid = $2 AND finished_at IS NULL";
        Ok(self.execute(sql, values![true, id.0]).await? > 0)
    }

    async fn delete_old_jobs(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM jobs WHERE uuid IN (
                     SELECT uuid FROM jobs WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
