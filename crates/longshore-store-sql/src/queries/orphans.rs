//! Objects that the store has and no record names.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::ports::metadata::OrphanRecords;

use crate::tx::{SqlTx, Value, row, values};

#[async_trait]
impl OrphanRecords for SqlTx<'_> {
    async fn are_objects_known(&mut self, keys: &[StorageKey]) -> Result<Vec<bool>> {
        let rows: Vec<Vec<Value>> = keys.iter().map(|key| row![key.0]).collect();
        self.one_each(
            "SELECT EXISTS (SELECT 1 FROM blobs WHERE storage_key = $1)
                 OR EXISTS (SELECT 1 FROM uploads WHERE storage_key = $1)
                 OR EXISTS (SELECT 1 FROM tombstones WHERE storage_key = $1)",
            &rows,
            |row| row.truth(0),
        )
        .await
    }

    async fn quarantine(&mut self, objects: &[(StorageKey, u64)], at: Timestamp) -> Result<u64> {
        let mut new = 0;
        for (key, size_bytes) in objects {
            new += self
                .execute(
                    "INSERT INTO stray_objects (storage_key, size_bytes, found_at) VALUES ($1, $2, $3)
                     ON CONFLICT (storage_key) DO NOTHING",
                    values![key.0, *size_bytes, at],
                )
                .await?;
        }
        Ok(new as u64)
    }

    async fn take_quarantined(
        &mut self,
        before: Timestamp,
        size: PageSize,
    ) -> Result<Vec<(StorageKey, u64)>> {
        self.all(
            "DELETE FROM stray_objects WHERE storage_key IN (
                 SELECT storage_key FROM stray_objects WHERE found_at <= $1 ORDER BY found_at LIMIT $2
                 FOR UPDATE SKIP LOCKED)
             RETURNING storage_key, size_bytes",
            values![before, size.get()],
            |row| Ok((StorageKey(row.uuid(0)?), row.size(1)?)),
        )
        .await
    }

    async fn count_quarantined(&mut self) -> Result<(u64, u64)> {
        self.one(
            "SELECT count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM stray_objects",
            values![],
            |row| Ok((row.size(0)?, row.size(1)?)),
        )
        .await
    }

    async fn find_oldest_upload(&mut self) -> Result<Option<Timestamp>> {
        self.first("SELECT created_at FROM uploads ORDER BY created_at LIMIT 1", values![], |row| row.time(0))
            .await
    }
}
