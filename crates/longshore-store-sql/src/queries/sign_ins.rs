//! Failed sign-ins.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{SignInFailures, SignInRecords};

use crate::tx::{SqlTx, values};

#[async_trait]
impl SignInRecords for SqlTx<'_> {
    async fn find_sign_in_failures(&mut self, subject: &str) -> Result<Option<SignInFailures>> {
        self.first(
            "SELECT failures, began_at FROM sign_in_failures WHERE subject = $1",
            values![subject],
            |row| Ok(SignInFailures { failures: row.int(0)?, began_at: row.time(1)? }),
        )
        .await
    }

    async fn add_sign_in_failure(
        &mut self,
        subject: &str,
        now: Timestamp,
        ended: Timestamp,
        ahead: Timestamp,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO sign_in_failures (subject, failures, began_at) VALUES ($1, 1, $2)
             ON CONFLICT (subject) DO UPDATE SET
                 failures = CASE WHEN sign_in_failures.began_at <= $3 OR sign_in_failures.began_at > $4 THEN 1
                                 ELSE sign_in_failures.failures + 1 END,
                 began_at = CASE WHEN sign_in_failures.began_at <= $3 OR sign_in_failures.began_at > $4
                                 THEN excluded.began_at
                                 ELSE sign_in_failures.began_at END",
            values![subject, now, ended, ahead],
        )
        .await
        .map(|_| ())
    }

    async fn delete_sign_in_failures(&mut self, subject: &str) -> Result<()> {
        self.execute("DELETE FROM sign_in_failures WHERE subject = $1", values![subject]).await.map(|_| ())
    }

    async fn delete_ended_sign_in_failures(&mut self, ended: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM sign_in_failures WHERE subject IN (
                     SELECT subject FROM sign_in_failures WHERE began_at <= $1 ORDER BY began_at LIMIT $2
                     FOR UPDATE SKIP LOCKED)",
                values![ended, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn add_rate_count(
        &mut self,
        subject: &str,
        began_at: Timestamp,
        ends_at: Timestamp,
        count: u64,
    ) -> Result<u64> {
        self.one(
            "INSERT INTO rate_counts (subject, began_at, ends_at, count) VALUES ($1, $2, $3, $4)
             ON CONFLICT (subject, began_at) DO UPDATE SET count = rate_counts.count + excluded.count
             RETURNING count",
            values![subject, began_at, ends_at, count],
            |row| row.size(0),
        )
        .await
    }

    async fn delete_ended_rate_counts(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM rate_counts WHERE (subject, began_at) IN (
                     SELECT subject, began_at FROM rate_counts WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
