//! Blobs, and the links through which repositories see them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::access::policy::Visible;
use longshore_domain::deletion::{DeletedKind, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::ports::metadata::{Blob, BlobId, BlobRecords, LinkedBlob};
use longshore_domain::repository::{Repository, RepositoryId};

use super::deletions::Part;
use super::repositories::repository;
use super::{COLLISIONS, collided};
use crate::tx::{Row, SqlTx, row, values};

fn linked_blob(row: &Row<'_>) -> Result<LinkedBlob> {
    Ok(LinkedBlob { blob: blob(row)?, lease_until: row.time(5)? })
}

fn blob(row: &Row<'_>) -> Result<Blob> {
    Ok(Blob {
        id: BlobId(row.int(0)?),
        digest: row.parsed(1)?,
        size_bytes: row.size(2)?,
        storage_key: StorageKey(row.uuid(3)?),
        is_damaged: row.optional_time(4)?.is_some(),
    })
}

#[async_trait]
impl BlobRecords for SqlTx<'_> {
    async fn find_blob(&mut self, digest: &Digest) -> Result<Option<Blob>> {
        self.first(
            "SELECT id, digest, size_bytes, storage_key, damaged_at FROM blobs WHERE digest = $1",
            values![digest],
            blob,
        )
        .await
    }

    async fn create_blob(
        &mut self,
        digest: &Digest,
        size_bytes: u64,
        store: &str,
        key: StorageKey,
        at: Timestamp,
    ) -> Result<BlobId> {
        self.one(
            "INSERT INTO blobs (digest, size_bytes, store, storage_key, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
            values![digest, size_bytes, store, key.0, at],
            |row| row.int(0),
        )
        .await
        .map(BlobId)
    }

    async fn move_blob(&mut self, id: BlobId, from: StorageKey, store: &str, to: StorageKey) -> Result<bool> {
        let moved = self
            .execute(
                "UPDATE blobs SET store = $1, storage_key = $2, damaged_at = NULL WHERE id = $3 AND storage_key = $4",
                values![store, to.0, id.0, from.0],
            )
            .await?;
        Ok(moved > 0)
    }

    async fn mark_blob_damaged(&mut self, id: BlobId, key: StorageKey, at: Timestamp) -> Result<bool> {
        let marked = self
            .execute(
                "UPDATE blobs SET damaged_at = $1 WHERE id = $2 AND storage_key = $3 AND damaged_at IS NULL",
                values![at, id.0, key.0],
            )
            .await?;
        Ok(marked > 0)
    }

    async fn clear_blob_damage(&mut self, id: BlobId, key: StorageKey) -> Result<bool> {
        let cleared = self
            .execute(
                "UPDATE blobs SET damaged_at = NULL WHERE id = $1 AND storage_key = $2 AND damaged_at IS NOT NULL",
                values![id.0, key.0],
            )
            .await?;
        Ok(cleared > 0)
    }

    async fn count_damaged_blobs(&mut self) -> Result<u64> {
        // Compared, so that the index is searched.
        self.one("SELECT count(*) FROM blobs WHERE damaged_at > 0", values![], |row| row.size(0)).await
    }

    async fn find_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>> {
        self.first(
            "SELECT b.id, b.digest, b.size_bytes, b.storage_key, b.damaged_at, l.lease_until
             FROM blobs b JOIN blob_links l ON l.blob_id = b.id
             WHERE b.digest = $1 AND l.repository_id = $2 AND l.hidden_at IS NULL AND b.damaged_at IS NULL",
            values![digest, repository.0],
            linked_blob,
        )
        .await
    }

    async fn lock_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>> {
        self.first(
            "SELECT b.id, b.digest, b.size_bytes, b.storage_key, b.damaged_at, l.lease_until
             FROM blobs b JOIN blob_links l ON l.blob_id = b.id
             WHERE b.digest = $1 AND l.repository_id = $2 AND l.hidden_at IS NULL FOR UPDATE OF l",
            values![digest, repository.0],
            linked_blob,
        )
        .await
    }

    async fn find_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<LinkedBlob>>> {
        let keys: Vec<_> = digests.iter().map(|digest| row![digest, repository.0]).collect();
        self.first_each(
            "SELECT b.id, b.digest, b.size_bytes, b.storage_key, b.damaged_at, l.lease_until
             FROM blobs b JOIN blob_links l ON l.blob_id = b.id
             WHERE b.digest = $1 AND l.repository_id = $2 AND l.hidden_at IS NULL AND b.damaged_at IS NULL",
            &keys,
            linked_blob,
        )
        .await
    }

    async fn lock_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<LinkedBlob>>> {
        let mut found = self.find_linked_blobs(repository, digests).await?;
        if self.has_one_writer() {
            return Ok(found);
        }
        let mut blobs: Vec<i64> = found.iter().flatten().map(|linked| linked.blob.id.0).collect();
        blobs.sort_unstable();
        let keys: Vec<_> = blobs.iter().map(|blob| row![repository.0, *blob]).collect();
        let held = self
            .first_each(
                "SELECT blob_id FROM blob_links WHERE repository_id = $1 AND blob_id = $2 AND hidden_at IS NULL
                 FOR KEY SHARE",
                &keys,
                |row| row.int(0),
            )
            .await?;
        // Somebody may have been faster.
        let held: BTreeSet<i64> = held.into_iter().flatten().collect();
        for linked in &mut found {
            *linked = linked.take().filter(|linked| held.contains(&linked.blob.id.0));
        }
        Ok(found)
    }

    async fn put_blob_link(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        lease_until: Timestamp,
    ) -> Result<bool> {
        for _ in 0..COLLISIONS {
            let added = self
                .first(
                    "INSERT INTO blob_links (repository_id, blob_id, lease_until, namespace_id)
                     VALUES ($1, $2, $3, (SELECT namespace_id FROM repositories WHERE id = $1))
                     ON CONFLICT (repository_id, blob_id) DO NOTHING
                     RETURNING (SELECT b.size_bytes FROM blobs b WHERE b.id = blob_id)",
                    values![repository.0, blob.0, lease_until],
                    |row| row.int(0),
                )
                .await?;
            if let Some(size) = added {
                self.pending.counts(repository.0).stored_bytes += size;
                return Ok(true);
            }
            let renewed = self
                .execute(
                    "UPDATE blob_links SET hidden_at = NULL,
                         lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END
                     WHERE repository_id = $2 AND blob_id = $3",
                    values![lease_until, repository.0, blob.0],
                )
                .await?;
            if renewed > 0 {
                return Ok(false);
            }
            // It was there for the first statement, and collected before the second.
        }
        Err(collided("a blob's link"))
    }

    async fn extend_link_lease(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        until: Timestamp,
    ) -> Result<bool> {
        let extended = self
            .execute(
                "UPDATE blob_links SET lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END
                 WHERE repository_id = $2 AND blob_id = $3 AND hidden_at IS NULL",
                values![until, repository.0, blob.0],
            )
            .await?;
        Ok(extended > 0)
    }

    async fn hide_blob_link(&mut self, blob: &Blob, deletion: &NewDeletion) -> Result<()> {
        self.execute(
            "UPDATE blob_links SET hidden_at = $1, lease_until = $1 WHERE repository_id = $2 AND blob_id = $3",
            values![deletion.at, deletion.repository.0, blob.id.0],
        )
        .await?;
        let part = Part { kind: DeletedKind::Blob, name: "", digest: blob.digest, subject: blob.id.0 };
        self.note_deleted(deletion, &[part]).await
    }

    async fn find_manifest_with_blob(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
    ) -> Result<Option<Digest>> {
        self.first(
            "SELECT m.digest FROM manifest_blobs e JOIN manifests m ON m.id = e.manifest_id
             WHERE e.repository_id = $1 AND e.blob_id = $2 AND m.deleted_at IS NULL LIMIT 1",
            values![repository.0, blob.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn find_repository_with_blob(
        &mut self,
        visible: Visible,
        digest: &Digest,
    ) -> Result<Option<Repository>> {
        let (sql, values) = self.showing(
            visible,
            "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at FROM blobs b
             JOIN blob_links l ON l.blob_id = b.id JOIN repositories r ON r.id = l.repository_id
             WHERE b.digest = $1 AND b.damaged_at IS NULL AND l.hidden_at IS NULL AND r.deleted_at IS NULL
                 AND {visible} LIMIT 1",
            row![digest],
        );
        self.first(&sql, &values, repository).await
    }

    async fn find_newest_blob(&mut self) -> Result<Option<BlobId>> {
        self.first("SELECT id FROM blobs ORDER BY id DESC LIMIT 1", values![], |row| row.int(0).map(BlobId))
            .await
    }

    async fn list_blobs(&mut self, after: BlobId, size: PageSize) -> Result<Vec<Blob>> {
        self.all(
            "SELECT id, digest, size_bytes, storage_key, damaged_at FROM blobs WHERE id > $1 ORDER BY id LIMIT $2",
            values![after.0, size.get()],
            blob,
        )
        .await
    }
}
