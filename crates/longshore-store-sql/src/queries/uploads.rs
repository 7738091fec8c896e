//! Uploads.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::ports::metadata::UploadRecords;
use longshore_domain::upload::{FinishedUpload, Upload, UploadId};

use crate::tx::{Row, SqlTx, values};

fn upload(row: &Row<'_>) -> Result<Upload> {
    Ok(Upload {
        id: UploadId(row.uuid(0)?),
        repository: row.parsed(1)?,
        namespace_id: AccountId(row.int(2)?),
        started_by: row.optional_int(3)?.map(AccountId),
        offset_bytes: row.size(4)?,
        algorithm: row.parsed(5)?,
        hash_state: row.bytes(6)?,
        storage_key: StorageKey(row.uuid(7)?),
        store_state: row.bytes(8)?,
        revision: row.int(9)?,
        created_at: row.time(10)?,
        expires_at: row.time(11)?,
    })
}

#[async_trait]
impl UploadRecords for SqlTx<'_> {
    async fn create_upload(&mut self, upload: &Upload) -> Result<()> {
        self.execute(
            "INSERT INTO uploads (id, repository, namespace_id, started_by, offset_bytes, algorithm, hash_state,
                 storage_key, store_state, revision, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            values![
                upload.id.0,
                upload.repository.as_str(),
                upload.namespace_id.0,
                upload.started_by.map(|id| id.0),
                upload.offset_bytes,
                upload.algorithm.as_str(),
                upload.hash_state.as_slice(),
                upload.storage_key.0,
                upload.store_state.as_slice(),
                upload.revision,
                upload.created_at,
                upload.expires_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn find_upload(&mut self, id: UploadId) -> Result<Option<Upload>> {
        self.first(
            "SELECT id, repository, namespace_id, started_by, offset_bytes, algorithm, hash_state,
                 storage_key, store_state, revision, created_at, expires_at FROM uploads WHERE id = $1",
            values![id.0],
            upload,
        )
        .await
    }

    async fn save_upload(&mut self, upload: &Upload) -> Result<bool> {
        let saved = self
            .execute(
                "UPDATE uploads SET offset_bytes = $1, algorithm = $2, hash_state = $3, storage_key = $4,
                     store_state = $5, expires_at = $6, revision = revision + 1
                 WHERE id = $7 AND revision = $8",
                values![
                    upload.offset_bytes,
                    upload.algorithm.as_str(),
                    upload.hash_state.as_slice(),
                    upload.storage_key.0,
                    upload.store_state.as_slice(),
                    upload.expires_at,
                    upload.id.0,
                    upload.revision
                ],
            )
            .await?;
        Ok(saved > 0)
    }

    async fn take_upload(&mut self, id: UploadId) -> Result<Option<Upload>> {
        self.first(
            "DELETE FROM uploads WHERE id = $1
             RETURNING id, repository, namespace_id, started_by, offset_bytes, algorithm, hash_state,
                 storage_key, store_state, revision, created_at, expires_at",
            values![id.0],
            upload,
        )
        .await
    }

    async fn end_upload(&mut self, id: UploadId, revision: i64) -> Result<bool> {
        let ended = self
            .execute("DELETE FROM uploads WHERE id = $1 AND revision = $2", values![id.0, revision])
            .await?;
        Ok(ended > 0)
    }

    async fn count_open_uploads(&mut self, account: AccountId, limit: u32) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM (SELECT 1 FROM uploads WHERE started_by = $1 LIMIT $2) AS open",
            values![account.0, i64::from(limit)],
            |row| row.size(0),
        )
        .await
    }

    async fn record_finished_upload(
        &mut self,
        upload: &Upload,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO finished_uploads (id, repository, started_by, digest, finished_at) VALUES ($1, $2, $3, $4, $5)",
            values![upload.id.0, upload.repository.as_str(), upload.started_by.map(|id| id.0), digest, at],
        )
        .await
        .map(|_| ())
    }

    async fn find_finished_upload(&mut self, id: UploadId) -> Result<Option<FinishedUpload>> {
        self.first(
            "SELECT repository, started_by, digest, finished_at FROM finished_uploads WHERE id = $1",
            values![id.0],
            |row| {
                Ok(FinishedUpload {
                    repository: row.parsed(0)?,
                    started_by: row.optional_int(1)?.map(AccountId),
                    digest: row.parsed(2)?,
                    finished_at: row.time(3)?,
                })
            },
        )
        .await
    }

    async fn delete_finished_uploads(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM finished_uploads WHERE id IN (
                     SELECT id FROM finished_uploads WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn list_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>> {
        self.all(
            "SELECT id, repository, namespace_id, started_by, offset_bytes, algorithm, hash_state,
                 storage_key, store_state, revision, created_at, expires_at
             FROM uploads WHERE expires_at < $1 ORDER BY expires_at LIMIT $2",
            values![now, size.get()],
            upload,
        )
        .await
    }

    async fn take_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>> {
        self.all(
            "DELETE FROM uploads WHERE id IN (
                 SELECT id FROM uploads WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING id, repository, namespace_id, started_by, offset_bytes, algorithm, hash_state,
                 storage_key, store_state, revision, created_at, expires_at",
            values![now, size.get()],
            upload,
        )
        .await
    }
}
