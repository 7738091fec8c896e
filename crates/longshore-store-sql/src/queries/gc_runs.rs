//! Collection runs, and what they look through.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::conflict::Conflict;
use longshore_domain::gc_run::GcRun;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{BlobId, GcRunRecords, ManifestId, Tombstone};
use longshore_domain::repository::RepositoryId;
use uuid::Uuid;

use super::gc::tombstone;
use super::overfull;
use crate::tx::{Row, SqlTx, values};

fn run(row: &Row<'_>) -> Result<GcRun> {
    Ok(GcRun {
        uuid: row.uuid(0)?,
        namespace_id: AccountId(row.int(1)?),
        registry: row.parsed(2)?,
        kind: row.parsed(3)?,
        status: row.parsed(4)?,
        created_at: row.time(5)?,
        updated_at: row.time(6)?,
        waits_until: row.time(7)?,
        read_only_until: row.time(8)?,
        failures: row.size(9)?,
        blobs_deleted: row.size(10)?,
        freed_bytes: row.size(11)?,
        started_by: row.optional_text(12)?,
        found: row.optional_size(13)?.zip(row.optional_size(14)?),
    })
}

#[async_trait]
impl GcRunRecords for SqlTx<'_> {
    async fn create_gc_run(&mut self, run: &GcRun) -> Result<()> {
        let created = self
            .execute(
                "INSERT INTO collection_runs (uuid, namespace_id, kind, status, created_at, updated_at, waits_until,
                     read_only_until, failures, blobs_deleted, freed_bytes, is_over, started_by)
                 VALUES ($1, $2, $3, $4, $5, $5, $6, $7, 0, 0, 0, 0, $8)
                 ON CONFLICT (namespace_id) WHERE is_over = 0 DO NOTHING",
                values![
                    run.uuid,
                    run.namespace_id.0,
                    run.kind.as_str(),
                    run.status.as_str(),
                    run.created_at,
                    run.waits_until,
                    run.read_only_until,
                    run.started_by.as_deref()
                ],
            )
            .await?;
        match created {
            0 => Err(Conflict::GcRunActive(run.registry.clone()).into()),
            _ => Ok(()),
        }
    }

    async fn find_active_run(&mut self, namespace: AccountId) -> Result<Option<GcRun>> {
        self.first(
            "SELECT c.uuid, c.namespace_id, a.name, c.kind, c.status, c.created_at, c.updated_at, c.waits_until,
                 c.read_only_until, c.failures, c.blobs_deleted, c.freed_bytes, c.started_by, c.found_blobs, c.found_bytes
             FROM collection_runs c JOIN accounts a ON a.id = c.namespace_id
             WHERE c.namespace_id = $1 AND c.is_over = 0",
            values![namespace.0],
            run,
        )
        .await
    }

    async fn lock_gc_run(&mut self, uuid: Uuid) -> Result<Option<GcRun>> {
        self.first(
            "SELECT c.uuid, c.namespace_id, a.name, c.kind, c.status, c.created_at, c.updated_at, c.waits_until,
                 c.read_only_until, c.failures, c.blobs_deleted, c.freed_bytes, c.started_by, c.found_blobs, c.found_bytes
             FROM collection_runs c JOIN accounts a ON a.id = c.namespace_id
             WHERE c.uuid = $1 AND c.is_over = 0 FOR UPDATE OF c",
            values![uuid],
            run,
        )
        .await
    }

    async fn save_gc_run(&mut self, run: &GcRun) -> Result<()> {
        self.execute(
            "UPDATE collection_runs SET status = $1, updated_at = $2, read_only_until = $3, failures = $4, is_over = $5,
                 waits_until = $6 WHERE uuid = $7",
            values![
                run.status.as_str(),
                run.updated_at,
                run.read_only_until,
                run.failures,
                run.status.is_over(),
                run.waits_until,
                run.uuid
            ],
        )
        .await
        .map(|_| ())
    }

    async fn count_for_run(&mut self, uuid: Uuid, blobs: u64, bytes: u64) -> Result<()> {
        self.execute(
            "UPDATE collection_runs SET blobs_deleted = blobs_deleted + $1, freed_bytes = freed_bytes + $2 WHERE uuid = $3",
            values![blobs, bytes, uuid],
        )
        .await
        .map(|_| ())
    }

    async fn save_found(&mut self, uuid: Uuid, blobs: u64, bytes: u64) -> Result<()> {
        self.execute(
            "UPDATE collection_runs SET found_blobs = $1, found_bytes = $2 WHERE uuid = $3",
            values![blobs, bytes, uuid],
        )
        .await
        .map(|_| ())
    }

    async fn find_gc_run(&mut self, namespace: AccountId, uuid: Uuid) -> Result<Option<GcRun>> {
        self.first(
            "SELECT c.uuid, c.namespace_id, a.name, c.kind, c.status, c.created_at, c.updated_at, c.waits_until,
                 c.read_only_until, c.failures, c.blobs_deleted, c.freed_bytes, c.started_by, c.found_blobs, c.found_bytes
             FROM collection_runs c JOIN accounts a ON a.id = c.namespace_id
             WHERE c.uuid = $1 AND c.namespace_id = $2",
            values![uuid, namespace.0],
            run,
        )
        .await
    }

    async fn list_gc_runs_behind(
        &mut self,
        namespace: AccountId,
        before: Option<(Timestamp, Uuid)>,
        size: PageSize,
    ) -> Result<Page<GcRun>> {
        let (at, uuid) = before.unwrap_or((Timestamp::MAX, Uuid::nil()));
        let found = self.all(
            "SELECT c.uuid, c.namespace_id, a.name, c.kind, c.status, c.created_at, c.updated_at, c.waits_until,
                 c.read_only_until, c.failures, c.blobs_deleted, c.freed_bytes, c.started_by, c.found_blobs, c.found_bytes
             FROM collection_runs c JOIN accounts a ON a.id = c.namespace_id
             WHERE c.namespace_id = $1 AND (c.created_at, c.uuid) < ($2, $3)
             ORDER BY c.created_at DESC, c.uuid DESC LIMIT $4",
            values![namespace.0, at, uuid, overfull(size)],
            run,
        )
        .await?;
        Ok(Page::from_overfull(found, size))
    }

    async fn list_gc_runs(
        &mut self,
        namespace: AccountId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<GcRun>> {
        self.all(
            "SELECT c.uuid, c.namespace_id, a.name, c.kind, c.status, c.created_at, c.updated_at, c.waits_until,
                 c.read_only_until, c.failures, c.blobs_deleted, c.freed_bytes, c.started_by, c.found_blobs, c.found_bytes
             FROM collection_runs c JOIN accounts a ON a.id = c.namespace_id
             WHERE c.namespace_id = $1 ORDER BY c.created_at DESC, c.uuid DESC LIMIT $2 OFFSET $3",
            values![namespace.0, size.get(), offset],
            run,
        )
        .await
    }

    async fn count_gc_runs(&mut self, namespace: AccountId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM collection_runs WHERE namespace_id = $1",
            values![namespace.0],
            |row| row.size(0),
        )
        .await
    }

    async fn list_active_runs(&mut self, after: AccountId, size: PageSize) -> Result<Vec<(AccountId, Uuid)>> {
        self.all(
            "SELECT namespace_id, uuid FROM collection_runs
             WHERE is_over = 0 AND namespace_id > $1 ORDER BY namespace_id LIMIT $2",
            values![after.0, size.get()],
            |row| Ok((AccountId(row.int(0)?), row.uuid(1)?)),
        )
        .await
    }

    async fn list_deleted_manifests(
        &mut self,
        repository: RepositoryId,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<ManifestId>> {
        self.all(
            "SELECT id FROM manifests WHERE repository_id = $1 AND deleted_at IS NOT NULL AND id > $2
             ORDER BY id LIMIT $3",
            values![repository.0, after.0, size.get()],
            |row| Ok(ManifestId(row.int(0)?)),
        )
        .await
    }

    async fn list_untagged_manifests(
        &mut self,
        repository: RepositoryId,
        after: &str,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, String)>> {
        self.all(
            "SELECT manifest_id, digest FROM images WHERE repository_id = $1 AND is_tagged = 0 AND digest > $2
             ORDER BY digest LIMIT $3",
            values![repository.0, after, size.get()],
            |row| Ok((ManifestId(row.int(0)?), row.text(1)?)),
        )
        .await
    }

    async fn list_reviewed_links(
        &mut self,
        repository: RepositoryId,
        after: BlobId,
        size: PageSize,
    ) -> Result<Vec<BlobId>> {
        self.all(
            "SELECT subject_id FROM reviews WHERE kind = 'link' AND scope_id = $1 AND subject_id > $2
             ORDER BY subject_id LIMIT $3",
            values![repository.0, after.0, size.get()],
            |row| Ok(BlobId(row.int(0)?)),
        )
        .await
    }

    async fn claim_run_tombstones(
        &mut self,
        uuid: Uuid,
        now: Timestamp,
        until: Timestamp,
        size: PageSize,
    ) -> Result<Vec<Tombstone>> {
        self.all(
            "UPDATE tombstones SET due_at = $1 WHERE id IN (
                 SELECT id FROM tombstones WHERE run_uuid = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4
                 FOR UPDATE SKIP LOCKED)
             RETURNING id, storage_key, store_state, size_bytes, run_uuid",
            values![until, uuid, now, size.get()],
            tombstone,
        )
        .await
    }

    async fn release_run_tombstones(&mut self, uuid: Uuid) -> Result<()> {
        self.execute(
            "UPDATE tombstones SET run_uuid = NULL WHERE id IN (
                 SELECT id FROM tombstones WHERE run_uuid = $1 ORDER BY due_at LIMIT $2)",
            values![uuid, PageSize::MAX.get()],
        )
        .await
        .map(|_| ())
    }

    async fn has_run_tombstones(&mut self, uuid: Uuid) -> Result<bool> {
        let found = self
            .first("SELECT id FROM tombstones WHERE run_uuid = $1 LIMIT 1", values![uuid], |row| row.int(0))
            .await?;
        Ok(found.is_some())
    }
}
