//! Garbage collection: the review queue, tombstones, and the leases of jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::ports::metadata::{
    Backlog, BlobId, DueReview, EventRecords, GcCounts, GcRecords, LinkReview, ManifestId, ManifestReview,
    RepositoryPurge, Review, Tombstone, UsageKind,
};
use longshore_domain::repository::RepositoryId;
use uuid::Uuid;

use super::reach::numbers;
use crate::tx::{Row, SqlTx, Value, row, values};

const CREATE_TOMBSTONE: &str = "INSERT INTO tombstones (storage_key, store_state, size_bytes, due_at, run_uuid) VALUES ($1, $2, $3, $4, $5)";

/// The stored form of a review: kind, scope, subject.
fn key(review: Review) -> (&'static str, i64, i64) {
    match review {
        Review::Repository(id) => ("repository", 0, id.0),
        Review::Manifest(id) => ("manifest", 0, id.0),
        Review::Referrers(id, after) => ("manifest", after.0, id.0),
        Review::Link(repository, blob) => ("link", repository.0, blob.0),
        Review::Blob(id) => ("blob", 0, id.0),
    }
}

fn keys(links: &[(RepositoryId, BlobId)]) -> Vec<Vec<Value>> {
    links.iter().map(|(repository, blob)| row![repository.0, blob.0]).collect()
}

fn review(row: &Row<'_>) -> Result<Review> {
    let (scope, subject) = (row.int(1)?, row.int(2)?);
    match row.text(0)?.as_str() {
        "repository" => Ok(Review::Repository(RepositoryId(subject))),
        "manifest" if scope != 0 => Ok(Review::Referrers(ManifestId(subject), ManifestId(scope))),
        "manifest" => Ok(Review::Manifest(ManifestId(subject))),
        "link" => Ok(Review::Link(RepositoryId(scope), BlobId(subject))),
        "blob" => Ok(Review::Blob(BlobId(subject))),
        other => Err(longshore_domain::Error::internal(format!("{other:?} is no kind of review"))),
    }
}

fn counts(row: &Row<'_>) -> Result<(GcCounts, Option<Timestamp>)> {
    let counts = GcCounts {
        uploads_expired: row.size(0)?,
        manifests_collected: row.size(1)?,
        manifests_purged: row.size(2)?,
        links_removed: row.size(3)?,
        blobs_deleted: row.size(4)?,
        freed_bytes: row.size(5)?,
    };
    Ok((counts, row.optional_time(6)?))
}

pub(super) fn tombstone(row: &Row<'_>) -> Result<Tombstone> {
    Ok(Tombstone {
        id: row.int(0)?,
        storage_key: StorageKey(row.uuid(1)?),
        store_state: row.bytes(2)?,
        size_bytes: row.size(3)?,
        run: row.optional_uuid(4)?,
    })
}

impl SqlTx<'_> {
    fn enqueue_reviews(&mut self, reviews: impl IntoIterator<Item = Review>, at: Timestamp) {
        for review in reviews {
            self.pending.review(key(review), at);
        }
    }

    async fn namespace_of(&mut self, repository: RepositoryId) -> Result<AccountId> {
        self.one("SELECT namespace_id FROM repositories WHERE id = $1", values![repository.0], |row| {
            row.int(0)
        })
        .await
        .map(AccountId)
    }
}

#[async_trait]
impl GcRecords for SqlTx<'_> {
    async fn enqueue_review(&mut self, review: Review, at: Timestamp) -> Result<()> {
        self.enqueue_reviews([review], at);
        Ok(())
    }

    async fn list_due_reviews(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<DueReview>> {
        self.all(
            "SELECT kind, scope_id, subject_id, revision FROM reviews WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
            values![now, size.get()],
            |row| Ok(DueReview { review: review(row)?, revision: row.int(3)? }),
        )
        .await
    }

    async fn end_reviews(&mut self, due: &[DueReview]) -> Result<()> {
        for due in due {
            self.pending.end_review(key(due.review), due.revision);
        }
        Ok(())
    }

    async fn enqueue_untagged_manifests(
        &mut self,
        after: ManifestId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<Option<ManifestId>> {
        let looked_at = self
            .all(
                "SELECT m.id, (SELECT count(*) FROM (SELECT 1 FROM tags t WHERE t.manifest_id = m.id LIMIT 1) AS tagged)
                 FROM manifests m WHERE m.id > $1 AND m.deleted_at IS NULL ORDER BY m.id LIMIT $2",
                values![after.0, size.get()],
                |row| Ok((ManifestId(row.int(0)?), row.truth(1)?)),
            )
            .await?;
        let untagged = looked_at.iter().filter(|(_, is_tagged)| !is_tagged);
        self.enqueue_reviews(untagged.map(|(id, _)| Review::Manifest(*id)), at);
        Ok(looked_at.last().map(|(id, _)| *id))
    }

    async fn lock_reviewed_manifest(&mut self, id: ManifestId) -> Result<()> {
        let held = "SELECT id FROM manifests WHERE id = $1 FOR UPDATE";
        self.first(held, values![id.0], |row| row.int(0)).await.map(|_| ())
    }

    async fn find_manifest_review(&mut self, id: ManifestId) -> Result<Option<ManifestReview>> {
        Ok(self.list_manifest_reviews(&[id]).await?.pop().map(|(_, review)| review))
    }

    async fn list_manifest_reviews(
        &mut self,
        ids: &[ManifestId],
    ) -> Result<Vec<(ManifestId, ManifestReview)>> {
        self.all(
            "SELECT m.id, m.repository_id, m.digest, m.deleted_at, m.lease_until,
                 EXISTS (SELECT 1 FROM tags t WHERE t.manifest_id = m.id),
                 EXISTS (SELECT 1 FROM manifest_children c WHERE c.child_id = m.id),
                 EXISTS (SELECT 1 FROM manifest_children c JOIN manifests p ON p.id = c.parent_id
                                WHERE c.child_digest = m.digest AND c.child_id IS NULL
                                  AND p.repository_id = m.repository_id),
                 EXISTS (SELECT 1 FROM manifests s WHERE s.repository_id = m.repository_id
                             AND s.digest = m.subject_digest AND s.deleted_at IS NULL),
                 (SELECT h.until_at FROM tag_history h
                  WHERE h.repository_id = m.repository_id AND h.digest = m.digest AND h.until_at IS NOT NULL
                  ORDER BY h.until_at DESC LIMIT 1),
                 (SELECT d.undone_at FROM deletions d WHERE d.id = m.deletion_id)
             FROM json_each($1) AS each JOIN manifests m ON m.id = CAST(each.value AS BIGINT)",
            values![numbers(ids.iter().map(|id| id.0))?],
            |row| {
                let review = ManifestReview {
                    repository: RepositoryId(row.int(1)?),
                    digest: row.parsed(2)?,
                    deleted_at: row.optional_time(3)?,
                    lease_until: row.time(4)?,
                    is_tagged: row.truth(5)?,
                    has_parent: row.truth(6)?,
                    is_listed_by_digest: row.truth(7)?,
                    has_present_subject: row.truth(8)?,
                    tagged_until: row.optional_time(9)?,
                    restored_since: row.optional_time(10)?,
                };
                Ok((ManifestId(row.int(0)?), review))
            },
        )
        .await
    }

    async fn review_referrers(
        &mut self,
        id: ManifestId,
        after: ManifestId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<Option<ManifestId>> {
        let subject = self
            .first("SELECT repository_id, digest FROM manifests WHERE id = $1", values![id.0], |row| {
                Ok((row.int(0)?, row.text(1)?))
            })
            .await?;
        let Some((repository, digest)) = subject else { return Ok(None) };
        let referrers = self
            .all(
                "SELECT id FROM manifests
                 WHERE repository_id = $1 AND subject_digest = $2 AND id > $3 AND deleted_at IS NULL ORDER BY id LIMIT $4",
                values![repository, digest, after.0, size.get()],
                |row| Ok(ManifestId(row.int(0)?)),
            )
            .await?;
        self.enqueue_reviews(referrers.iter().map(|id| Review::Manifest(*id)), at);
        Ok(referrers.last().copied().filter(|_| referrers.len() as u64 >= u64::from(size.get())))
    }

    async fn purge_manifest(&mut self, id: ManifestId, at: Timestamp) -> Result<Vec<(RepositoryId, BlobId)>> {
        let found = self
            .first("SELECT repository_id FROM manifests WHERE id = $1", values![id.0], |row| {
                Ok(RepositoryId(row.int(0)?))
            })
            .await?;
        let Some(repository) = found else { return Ok(Vec::new()) };
        let blobs = self
            .all(
                "DELETE FROM manifest_blobs WHERE manifest_id = $1 RETURNING blob_id",
                values![id.0],
                |row| Ok(BlobId(row.int(0)?)),
            )
            .await?;
        self.enqueue_reviews(blobs.iter().map(|blob| Review::Link(repository, *blob)), at);
        let children = self
            .all(
                "DELETE FROM manifest_children WHERE parent_id = $1 RETURNING child_id",
                values![id.0],
                |row| row.optional_int(0),
            )
            .await?;
        let children = children.into_iter().flatten();
        self.enqueue_reviews(children.map(|child| Review::Manifest(ManifestId(child))), at);
        let size = "DELETE FROM manifests WHERE id = $1 RETURNING size_bytes";
        if let Some(size_bytes) = self.first(size, values![id.0], |row| row.int(0)).await? {
            let namespace = self.namespace_of(repository).await?;
            self.add_usage(namespace, UsageKind::ManifestBytes, -size_bytes, at).await?;
        }
        Ok(blobs.into_iter().map(|blob| (repository, blob)).collect())
    }

    async fn lock_links(&mut self, links: &[(RepositoryId, BlobId)]) -> Result<()> {
        self.first_each(
            "SELECT blob_id FROM blob_links WHERE repository_id = $1 AND blob_id = $2 FOR UPDATE",
            &keys(links),
            |row| row.int(0),
        )
        .await
        .map(|_| ())
    }

    async fn find_link_reviews(
        &mut self,
        links: &[(RepositoryId, BlobId)],
    ) -> Result<Vec<Option<LinkReview>>> {
        self.first_each(
            "SELECT l.hidden_at, l.lease_until, EXISTS (SELECT 1 FROM manifest_blobs e
                 WHERE e.repository_id = l.repository_id AND e.blob_id = l.blob_id)
             FROM blob_links l WHERE l.repository_id = $1 AND l.blob_id = $2",
            &keys(links),
            |row| {
                Ok(LinkReview {
                    hidden_at: row.optional_time(0)?,
                    lease_until: row.time(1)?,
                    is_referenced: row.truth(2)?,
                })
            },
        )
        .await
    }

    async fn purge_links(&mut self, links: &[(RepositoryId, BlobId)], at: Timestamp) -> Result<()> {
        let removed = self
            .first_each(
                "DELETE FROM blob_links WHERE repository_id = $1 AND blob_id = $2
                 RETURNING namespace_id, blob_id, repository_id, (SELECT b.size_bytes FROM blobs b WHERE b.id = blob_id)",
                &keys(links),
                |row| Ok(((row.int(0)?, row.int(1)?), row.int(2)?, row.optional_int(3)?.unwrap_or_default())),
            )
            .await?;
        let removed: Vec<_> = removed.into_iter().flatten().collect();
        for (_, repository, size) in &removed {
            self.pending.counts(*repository).stored_bytes -= size;
        }
        let mut of_namespaces: Vec<(i64, i64)> = removed.into_iter().map(|(key, ..)| key).collect();
        of_namespaces.sort_unstable();
        of_namespaces.dedup();
        // Held first, in one order everywhere, so that links that are made at the same time are seen then.
        let keys: Vec<_> = of_namespaces.iter().map(|(namespace, blob)| row![*namespace, *blob]).collect();
        self.first_each(
            "SELECT blob_id FROM namespace_blobs WHERE namespace_id = $1 AND blob_id = $2 FOR UPDATE",
            &keys,
            |row| row.int(0),
        )
        .await?;
        let gone = self
            .first_each(
                "DELETE FROM namespace_blobs WHERE namespace_id = $1 AND blob_id = $2 AND NOT EXISTS (
                     SELECT 1 FROM blob_links l WHERE l.blob_id = $2 AND l.namespace_id = $1)
                 RETURNING namespace_id, (SELECT b.size_bytes FROM blobs b WHERE b.id = blob_id)",
                &keys,
                |row| Ok((AccountId(row.int(0)?), row.optional_int(1)?.unwrap_or_default())),
            )
            .await?;
        let changes: Vec<_> = gone
            .into_iter()
            .flatten()
            .map(|(namespace, size)| row![namespace.0, UsageKind::StoredBytes.as_str(), -size, at])
            .collect();
        self.execute_each(
            "INSERT INTO usage_changes (namespace_id, kind, amount, at) VALUES ($1, $2, $3, $4)",
            changes,
        )
        .await?;
        self.enqueue_reviews(links.iter().map(|(_, blob)| Review::Blob(*blob)), at);
        Ok(())
    }

    async fn tombstone_blobs(&mut self, ids: &[BlobId], run: Option<Uuid>, at: Timestamp) -> Result<()> {
        let rows: Vec<_> = ids.iter().map(|id| row![id.0]).collect();
        let tombstoned = self
            .first_each(
                "DELETE FROM blobs WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.blob_id = blobs.id)
                 RETURNING storage_key, size_bytes",
                &rows,
                |row| Ok((StorageKey(row.uuid(0)?), row.size(1)?)),
            )
            .await?;
        let tombstones: Vec<_> = tombstoned
            .into_iter()
            .flatten()
            .map(|(key, size_bytes)| row![key.0, b"".as_slice(), size_bytes, at, run])
            .collect();
        self.execute_each(CREATE_TOMBSTONE, tombstones).await
    }

    async fn purge_repository(
        &mut self,
        id: RepositoryId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<RepositoryPurge> {
        let more = |released, unlinked| Ok(RepositoryPurge { is_gone: false, released, unlinked });
        // From the first step on it is not whole any more, and nobody brings it back.
        self.execute_later(
            "UPDATE repositories SET deleted_at = 0 WHERE id = $1 AND deleted_at > 0",
            row![id.0],
        )
        .await?;
        // Of what has nothing below it, more at a time.
        let rows = PageSize::MAX.get();
        let tags = self
            .execute(
                "DELETE FROM tags WHERE repository_id = $1 AND name IN (
                     SELECT name FROM tags WHERE repository_id = $1 ORDER BY name LIMIT $2)",
                values![id.0, rows],
            )
            .await?;
        let manifests = self
            .all(
                "SELECT id FROM manifests WHERE repository_id = $1 ORDER BY id DESC LIMIT $2",
                values![id.0, size.get()],
                |row| Ok(ManifestId(row.int(0)?)),
            )
            .await?;
        if tags > 0 {
            return more(Vec::new(), Vec::new());
        }
        // Those that were pushed last go first, as indexes are pushed after their images; they are locked in the order of all.
        let ascending: Vec<_> = manifests.iter().rev().map(|manifest| row![manifest.0]).collect();
        let held = "SELECT id FROM manifests WHERE id = $1 FOR UPDATE";
        self.first_each(held, &ascending, |row| row.int(0)).await?;
        let mut released = Vec::new();
        for manifest in &manifests {
            // Edges between the repository's own manifests are cut from both sides.
            self.execute(
                "UPDATE manifest_children SET child_id = NULL WHERE child_id = $1",
                values![manifest.0],
            )
            .await?;
            released.extend(self.purge_manifest(*manifest, at).await?);
        }
        if !manifests.is_empty() {
            return more(released, Vec::new());
        }
        let links = self
            .all(
                "SELECT repository_id, blob_id FROM blob_links WHERE repository_id = $1 ORDER BY blob_id LIMIT $2",
                values![id.0, size.get()],
                |row| Ok((RepositoryId(row.int(0)?), BlobId(row.int(1)?))),
            )
            .await?;
        self.purge_links(&links, at).await?;
        if !links.is_empty() {
            return more(Vec::new(), links.into_iter().map(|(_, blob)| blob).collect());
        }
        let history = self
            .execute(
                "DELETE FROM tag_history WHERE id IN (SELECT id FROM tag_history WHERE repository_id = $1 LIMIT $2)",
                values![id.0, rows],
            )
            .await?;
        // Left to the foreign keys, these would go with the repository in one statement, however many there are.
        let pulls = self
            .execute(
                "DELETE FROM tag_pulls WHERE repository_id = $1 AND name IN (
                     SELECT name FROM tag_pulls WHERE repository_id = $1 ORDER BY name LIMIT $2)",
                values![id.0, rows],
            )
            .await?;
        let retired = self
            .execute(
                "DELETE FROM retention_log WHERE id IN (
                     SELECT id FROM retention_log WHERE repository_id = $1 ORDER BY id LIMIT $2)",
                values![id.0, rows],
            )
            .await?;
        let mut others = 0;
        for sql in [
            "DELETE FROM team_permissions WHERE repository_id = $1 AND team_id IN (
                 SELECT team_id FROM team_permissions WHERE repository_id = $1 ORDER BY team_id LIMIT $2)",
            "DELETE FROM repository_users WHERE repository_id = $1 AND user_id IN (
                 SELECT user_id FROM repository_users WHERE repository_id = $1 ORDER BY user_id LIMIT $2)",
            "DELETE FROM suspended_repository_users WHERE repository_id = $1 AND user_id IN (
                 SELECT user_id FROM suspended_repository_users WHERE repository_id = $1 ORDER BY user_id LIMIT $2)",
        ] {
            others += self.execute(sql, values![id.0, rows]).await?;
        }
        if history + pulls + retired + others > 0 {
            return more(Vec::new(), Vec::new());
        }
        self.execute("DELETE FROM repositories WHERE id = $1", values![id.0]).await?;
        Ok(RepositoryPurge { is_gone: true, ..RepositoryPurge::default() })
    }

    async fn lock_deleted_repository(&mut self, id: RepositoryId) -> Result<Option<Timestamp>> {
        let held = "SELECT deleted_at FROM repositories WHERE id = $1 FOR UPDATE";
        let found = self.first(held, values![id.0], |row| row.optional_time(0)).await?;
        Ok(found.flatten())
    }

    async fn create_tombstone(
        &mut self,
        key: StorageKey,
        store_state: &[u8],
        size_bytes: u64,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(CREATE_TOMBSTONE, values![key.0, store_state, size_bytes, at, None::<Uuid>])
            .await
            .map(|_| ())
    }

    async fn list_tombstones(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Tombstone>> {
        self.all(
            "SELECT id, storage_key, store_state, size_bytes, run_uuid FROM tombstones WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2",
            values![now, size.get()],
            tombstone,
        )
        .await
    }

    async fn claim_tombstones(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        of_runs_before: Timestamp,
        size: PageSize,
    ) -> Result<Vec<Tombstone>> {
        self.all(
            "UPDATE tombstones SET due_at = $1 WHERE id IN (
                 SELECT id FROM tombstones WHERE due_at <= $2 AND (run_uuid IS NULL OR due_at <= $3)
                 ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
             RETURNING id, storage_key, store_state, size_bytes, run_uuid",
            values![until, now, of_runs_before, size.get()],
            tombstone,
        )
        .await
    }

    async fn delete_tombstones(&mut self, ids: &[i64]) -> Result<Vec<i64>> {
        let rows: Vec<Vec<Value>> = ids.iter().map(|id| row![*id]).collect();
        let sql = "DELETE FROM tombstones WHERE id = $1 RETURNING id";
        let deleted = self.first_each(sql, &rows, |row| row.int(0)).await?;
        Ok(deleted.into_iter().flatten().collect())
    }

    async fn release_all_leases(&mut self) -> Result<()> {
        self.execute("DELETE FROM leases", values![]).await.map(|_| ())
    }

    async fn count_collectable(&mut self, now: Timestamp) -> Result<Backlog> {
        self.one(
            "SELECT (SELECT count(*) FROM reviews WHERE due_at <= $1), (SELECT count(*) FROM reviews WHERE due_at > $1),
                 (SELECT count(*) FROM tombstones), (SELECT count(*) FROM uploads)",
            values![now],
            |row| {
                Ok(Backlog {
                    reviews_due: row.size(0)?,
                    reviews_waiting: row.size(1)?,
                    tombstones: row.size(2)?,
                    uploads: row.size(3)?,
                })
            },
        )
        .await
    }

    async fn add_gc_counts(&mut self, counts: &GcCounts, at: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO collection_log (at, uploads_expired, manifests_collected, manifests_purged, links_removed,
                 blobs_deleted, freed_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                at,
                counts.uploads_expired,
                counts.manifests_collected,
                counts.manifests_purged,
                counts.links_removed,
                counts.blobs_deleted,
                counts.freed_bytes
            ],
        )
        .await
        .map(|_| ())
    }

    async fn gc_totals(&mut self) -> Result<(GcCounts, Option<Timestamp>)> {
        self.one(
            "SELECT CAST(coalesce(sum(uploads_expired), 0) AS BIGINT), CAST(coalesce(sum(manifests_collected), 0) AS BIGINT),
                 CAST(coalesce(sum(manifests_purged), 0) AS BIGINT), CAST(coalesce(sum(links_removed), 0) AS BIGINT),
                 CAST(coalesce(sum(blobs_deleted), 0) AS BIGINT), CAST(coalesce(sum(freed_bytes), 0) AS BIGINT), max(at) FROM collection_log",
            values![],
            counts,
        )
        .await
    }
}
