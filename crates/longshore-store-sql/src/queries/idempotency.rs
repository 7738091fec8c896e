//! Requests that are sent again and done once.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::idempotency::{Attempt, AttemptState, KeptAnswer};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{AttemptTerms, IdempotencyRecords};
use uuid::Uuid;

use crate::tx::{SqlTx, values};

#[async_trait]
impl IdempotencyRecords for SqlTx<'_> {
    async fn begin_attempt(&mut self, attempt: &Attempt, terms: &AttemptTerms) -> Result<AttemptState> {
        let begun = self
            .execute(
                "INSERT INTO idempotency_keys (key, request, holder, seen_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (key) DO UPDATE SET request = excluded.request, holder = excluded.holder, seen_at = excluded.seen_at,
                     status = NULL, headers = NULL, body = NULL
                 WHERE idempotency_keys.seen_at < CASE WHEN idempotency_keys.status IS NULL THEN CAST($5 AS BIGINT)
                     ELSE CAST($6 AS BIGINT) END",
                values![
                    &attempt.key,
                    &attempt.request,
                    terms.holder,
                    terms.now,
                    terms.alive_since,
                    terms.kept_since
                ],
            )
            .await?;
        if begun > 0 {
            return Ok(AttemptState::First);
        }
        let found = self
            .first(
                "SELECT request, status, headers, body FROM idempotency_keys WHERE key = $1",
                values![&attempt.key],
                |row| {
                    let answer = match row.optional_int(1)? {
                        Some(status) => Some(KeptAnswer {
                            status: u16::try_from(status).map_err(longshore_domain::Error::internal)?,
                            headers: row.text(2)?,
                            body: row.bytes(3)?,
                        }),
                        None => None,
                    };
                    Ok((row.text(0)?, answer))
                },
            )
            .await?;
        Ok(match found {
            Some((request, _)) if request != attempt.request.to_string() => AttemptState::OtherRequest,
            Some((_, Some(answer))) => AttemptState::Answered(answer),
            // Forgotten since it was looked at: the client tries once more.
            Some((_, None)) | None => AttemptState::Running,
        })
    }

    async fn renew_attempt(&mut self, attempt: &Attempt, holder: Uuid, now: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE idempotency_keys SET seen_at = $1 WHERE key = $2 AND holder = $3 AND status IS NULL",
            values![now, &attempt.key, holder],
        )
        .await
        .map(|_| ())
    }

    async fn answer_attempt(
        &mut self,
        attempt: &Attempt,
        holder: Uuid,
        answer: &KeptAnswer,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE idempotency_keys SET status = $1, headers = $2, body = $3, seen_at = $4
             WHERE key = $5 AND holder = $6 AND status IS NULL",
            values![
                i64::from(answer.status),
                answer.headers.as_str(),
                answer.body.as_slice(),
                now,
                &attempt.key,
                holder
            ],
        )
        .await
        .map(|_| ())
    }

    async fn forget_attempt(&mut self, attempt: &Attempt, holder: Uuid) -> Result<()> {
        self.execute(
            "DELETE FROM idempotency_keys WHERE key = $1 AND holder = $2 AND status IS NULL",
            values![&attempt.key, holder],
        )
        .await
        .map(|_| ())
    }

    async fn delete_old_attempts(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM idempotency_keys WHERE key IN (
                     SELECT key FROM idempotency_keys WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
