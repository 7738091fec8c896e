//! Leases of jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::ports::metadata::LeaseRecords;
use uuid::Uuid;

use crate::tx::{SqlTx, values};

#[async_trait]
impl LeaseRecords for SqlTx<'_> {
    async fn take_lease(
        &mut self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let taken = self
            .execute(
                "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE leases.holder = excluded.holder OR leases.until < $4",
                values![name, holder, until, now],
            )
            .await?;
        Ok(taken > 0)
    }

    async fn release_lease(&mut self, name: &str, holder: Uuid) -> Result<()> {
        self.execute("DELETE FROM leases WHERE name = $1 AND holder = $2", values![name, holder])
            .await
            .map(|_| ())
    }
}
