//! Deletions and their undoing.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{DeletedItem, DeletedKind, Deletion, DeletionId, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::existing::Existing;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{
    AccountRecords, BlobId, DeletedManifest, DeletionRecords, DeletionsOf, GcRecords, ImageRecords,
    ManifestId, ManifestRecords, PartOutcome, RepositoryRecords, Review,
};
use longshore_domain::repository::{RepositoryId, words};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use super::overfull;
use super::reach::numbers;
use crate::tx::{Row, SqlTx, row, values};

fn deletion(row: &Row<'_>) -> Result<Deletion> {
    Ok(Deletion {
        id: DeletionId(row.uuid(0)?),
        namespace: AccountId(row.int(1)?),
        repository: RepositoryId(row.int(2)?),
        repository_name: row.parsed(3)?,
        is_whole: row.truth(4)?,
        cause: row.parsed(5)?,
        actor_name: row.text(6)?,
        at: row.time(7)?,
        tags: row.size(8)?,
        images: row.size(9)?,
        blobs: row.size(10)?,
        undone: row.optional_time(11)?.zip(row.optional_text(12)?),
        ended_at: row.optional_time(13)?,
    })
}

fn item(row: &Row<'_>) -> Result<DeletedItem> {
    let name = row.text(2)?;
    Ok(DeletedItem {
        number: row.int(0)?,
        kind: row.parsed(1)?,
        tag: if name.is_empty() { None } else { Some(name.parse()?) },
        digest: row.parsed(3)?,
        subject: row.int(4)?,
    })
}

/// A manifest that is visible again.
struct Back {
    id: i64,
    /// Its repository, its digest, when it was pushed.
    pushed: (i64, String, Timestamp),
    bytes: i64,
}

fn back(row: &Row<'_>) -> Result<Back> {
    Ok(Back { pushed: (row.int(0)?, row.text(1)?, row.time(2)?), bytes: row.int(3)?, id: row.int(4)? })
}

/// A part of a deletion that is being made.
pub(super) struct Part<'p> {
    pub kind: DeletedKind,
    /// Of a tag.
    pub name: &'p str,
    pub digest: Digest,
    /// Number of the manifest or blob.
    pub subject: i64,
}

impl SqlTx<'_> {
    /// Writes down what of a deletion is done now; the deletion itself with its first part. A tag that somebody set again between
    /// two steps comes back as the last one found it.
    pub(super) async fn note_deleted(&mut self, deletion: &NewDeletion, parts: &[Part<'_>]) -> Result<()> {
        self.note_deletion(deletion, false).await?;
        let rows = parts
            .iter()
            .map(|part| row![deletion.id.0, part.kind.as_str(), part.name, &part.digest, part.subject]);
        self.execute_each(
            "INSERT INTO deletion_items (deletion_id, kind, name, digest, subject_id) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (deletion_id, name) WHERE kind = 'tag'
             DO UPDATE SET digest = excluded.digest, subject_id = excluded.subject_id",
            rows.collect(),
        )
        .await?;
        let count = |kind| parts.iter().filter(|part| part.kind == kind).count() as u64;
        self.execute_later(
            "UPDATE deletions SET tags = tags + $1, images = images + $2, blobs = blobs + $3 WHERE id = $4",
            row![count(DeletedKind::Tag), count(DeletedKind::Image), count(DeletedKind::Blob), deletion.id.0],
        )
        .await
    }

    pub(super) async fn note_repository_deleted(&mut self, deletion: &NewDeletion) -> Result<()> {
        self.note_deletion(deletion, true).await?;
        let counts = self.repository_counts(deletion.repository).await?;
        self.execute_later(
            "UPDATE deletions SET tags = $1, images = $2 WHERE id = $3",
            row![counts.tags, counts.images, deletion.id.0],
        )
        .await
    }

    /// Returns what undoing a deletion would do with each of those manifests that are still to be had.
    async fn find_outcomes(
        &mut self,
        ids: &[ManifestId],
        deletion: DeletionId,
    ) -> Result<BTreeMap<i64, PartOutcome>> {
        let found = self
            .all(
                "SELECT m.id, m.deleted_at, CASE WHEN m.deletion_id = $1 THEN 1 ELSE 0 END
                 FROM json_each($2) AS each JOIN manifests m ON m.id = CAST(each.value AS BIGINT)",
                values![deletion.0, numbers(ids.iter().map(|id| id.0))?],
                |row| {
                    let outcome = match (row.optional_int(1)?, row.truth(2)?) {
                        (None, _) => PartOutcome::Present,
                        (Some(_), true) => PartOutcome::Restored,
                        (Some(_), false) => PartOutcome::DeletedSince,
                    };
                    Ok((row.int(0)?, outcome))
                },
            )
            .await?;
        Ok(found.into_iter().collect())
    }

    /// Lists an image again as it was pushed, and makes its blobs visible.
    async fn count_restored(&mut self, manifest: Back, lease_until: Timestamp) -> Result<()> {
        let Back { id, pushed, bytes } = manifest;
        let counts = self.pending.counts(pushed.0);
        counts.images += 1;
        counts.bytes += bytes;
        let (repository, digest) = (RepositoryId(pushed.0), pushed.1.parse()?);
        self.pending.image(id).pushed = Some(pushed);
        self.adopt_waiting_indexes(repository, &digest, ManifestId(id)).await?;
        self.restore_manifest_links(ManifestId(id)).await?;
        self.enqueue_review(Review::Manifest(ManifestId(id)), lease_until).await
    }

    async fn note_deletion(&mut self, deletion: &NewDeletion, is_whole: bool) -> Result<()> {
        self.execute_later(
            "INSERT INTO deletions (id, namespace_id, repository_id, repository_name, is_whole, cause, actor_id, actor_name, at,
                 tags, images, blobs)
             SELECT $1, r.namespace_id, r.id, r.name, CAST($2 AS BIGINT), $3, CAST($4 AS BIGINT), $5, CAST($6 AS BIGINT), 0, 0, 0
             FROM repositories r WHERE r.id = $7 ON CONFLICT (id) DO NOTHING",
            row![
                deletion.id.0,
                is_whole,
                deletion.cause.as_str(),
                deletion.actor_id.map(|id| id.0),
                deletion.actor_name.as_str(),
                deletion.at,
                deletion.repository.0
            ],
        )
        .await
    }
}

#[async_trait]
impl DeletionRecords for SqlTx<'_> {
    async fn find_deletion(&mut self, id: DeletionId) -> Result<Option<Deletion>> {
        self.first(
            "SELECT id, namespace_id, repository_id, repository_name, is_whole, cause, actor_name, at, tags, images, blobs,
                 undone_at, undone_by, ended_at
             FROM deletions WHERE id = $1",
            values![id.0],
            deletion,
        )
        .await
    }

    async fn list_deletions(
        &mut self,
        of: DeletionsOf,
        before: Option<(Timestamp, DeletionId)>,
        size: PageSize,
    ) -> Result<Page<Deletion>> {
        let (at, id) = before.unwrap_or((Timestamp::MAX, DeletionId(Uuid::max())));
        let (sql, of) = match of {
            DeletionsOf::Namespace(namespace) => (
                "SELECT id, namespace_id, repository_id, repository_name, is_whole, cause, actor_name, at, tags, images, blobs,
                     undone_at, undone_by, ended_at
                 FROM deletions WHERE namespace_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
                namespace.0,
            ),
            DeletionsOf::Repository(repository) => (
                "SELECT id, namespace_id, repository_id, repository_name, is_whole, cause, actor_name, at, tags, images, blobs,
                     undone_at, undone_by, ended_at
                 FROM deletions WHERE repository_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
                repository.0,
            ),
        };
        let found = self.all(sql, values![of, at, id.0, overfull(size)], deletion).await?;
        Ok(Page::from_overfull(found, size))
    }

    async fn list_deleted_items(
        &mut self,
        id: DeletionId,
        kind: DeletedKind,
        before: i64,
        size: PageSize,
    ) -> Result<Vec<DeletedItem>> {
        self.all(
            "SELECT id, kind, name, digest, subject_id FROM deletion_items
             WHERE deletion_id = $1 AND kind = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
            values![id.0, kind.as_str(), before, size.get()],
            item,
        )
        .await
    }

    async fn hold_deleted_items(&mut self, deletion: &Deletion, lease_until: Timestamp) -> Result<bool> {
        let held = self
            .all(
                "SELECT m.id FROM manifests m WHERE m.id IN (
                     SELECT i.subject_id FROM deletion_items i WHERE i.deletion_id = $1 AND i.kind = 'image')
                 ORDER BY m.id FOR UPDATE",
                values![deletion.id.0],
                |row| row.int(0),
            )
            .await?;
        let links = self
            .execute(
                "UPDATE blob_links SET lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END
                 WHERE repository_id = $2 AND blob_id IN (
                     SELECT i.subject_id FROM deletion_items i WHERE i.deletion_id = $3 AND i.kind = 'blob')",
                values![lease_until, deletion.repository.0, deletion.id.0],
            )
            .await?;
        let wanted = "SELECT (SELECT count(DISTINCT i.subject_id) FROM deletion_items i WHERE i.deletion_id = $1 AND i.kind = 'image')
                 + (SELECT count(DISTINCT b.subject_id) FROM deletion_items b WHERE b.deletion_id = $1 AND b.kind = 'blob')";
        let wanted = self.first(wanted, values![deletion.id.0], |row| row.size(0)).await?;
        Ok(wanted == Some((held.len() + links) as u64))
    }

    async fn begin_undoing(&mut self, id: DeletionId, by: &str, at: Timestamp) -> Result<bool> {
        let begun = self
            .execute(
                "UPDATE deletions SET undone_at = $1, undone_by = $2 WHERE id = $3 AND ended_at IS NULL",
                values![at, by, id.0],
            )
            .await?;
        Ok(begun > 0)
    }

    async fn end_deletion(
        &mut self,
        id: DeletionId,
        undoing_since: Timestamp,
        at: Timestamp,
    ) -> Result<bool> {
        let ended = self
            .execute(
                "UPDATE deletions SET ended_at = $1
                 WHERE id = $2 AND ended_at IS NULL AND (undone_at IS NULL OR undone_at <= $3)",
                values![at, id.0, undoing_since],
            )
            .await?;
        if ended > 0 {
            return Ok(true);
        }
        match self.find_deletion(id).await?.is_some_and(|deletion| deletion.ended_at.is_none()) {
            true => Err(Conflict::DeletionBusy.into()),
            false => Ok(false),
        }
    }

    async fn release_deleted_items(
        &mut self,
        deletion: &Deletion,
        items: &[DeletedItem],
        at: Timestamp,
    ) -> Result<()> {
        let of = |kind| {
            let of_kind = items.iter().filter(move |item| item.kind == kind);
            of_kind.map(|item| item.subject).collect::<BTreeSet<i64>>()
        };
        // What was deleted at no time was deleted long enough ago.
        let rows = of(DeletedKind::Image).into_iter().map(|id| row![id, deletion.id.0]);
        let images = self
            .first_each(
                "UPDATE manifests SET deleted_at = 0 WHERE id = $1 AND deletion_id = $2 AND deleted_at IS NOT NULL RETURNING id",
                &rows.collect::<Vec<_>>(),
                |row| row.int(0),
            )
            .await?;
        for id in images.into_iter().flatten() {
            self.enqueue_review(Review::Manifest(ManifestId(id)), at).await?;
        }
        let rows = of(DeletedKind::Blob).into_iter().map(|id| row![deletion.repository.0, id, deletion.at]);
        let blobs = self
            .first_each(
                "UPDATE blob_links SET hidden_at = 0 WHERE repository_id = $1 AND blob_id = $2 AND hidden_at = $3 RETURNING blob_id",
                &rows.collect::<Vec<_>>(),
                |row| row.int(0),
            )
            .await?;
        for id in blobs.into_iter().flatten() {
            self.enqueue_review(Review::Link(deletion.repository, BlobId(id)), at).await?;
        }
        Ok(())
    }

    async fn release_deleted_repository(&mut self, deletion: &Deletion, at: Timestamp) -> Result<()> {
        let released = self
            .execute(
                "UPDATE repositories SET deleted_at = 0 WHERE id = $1 AND deleted_at = $2",
                values![deletion.repository.0, deletion.at],
            )
            .await?;
        match released {
            0 => Ok(()),
            _ => self.enqueue_review(Review::Repository(deletion.repository), at).await,
        }
    }

    async fn find_deleted_manifest(&mut self, id: ManifestId) -> Result<Option<DeletedManifest>> {
        self.first("SELECT deletion_id, deleted_at FROM manifests WHERE id = $1", values![id.0], |row| {
            Ok(DeletedManifest {
                deletion: row.optional_uuid(0)?.map(DeletionId),
                is_deleted: row.optional_int(1)?.is_some(),
            })
        })
        .await
    }

    async fn restore_manifests(
        &mut self,
        ids: &[ManifestId],
        deletion: DeletionId,
        lease_until: Timestamp,
    ) -> Result<Vec<PartOutcome>> {
        let mut outcomes = self.find_outcomes(ids, deletion).await?;
        let wanted = outcomes.iter().filter(|(_, outcome)| **outcome == PartOutcome::Restored);
        let wanted: BTreeSet<i64> = wanted.map(|(id, _)| *id).collect();
        // What an index lists comes back with it, whatever took it: it would not be whole without.
        let (mut all, mut open) = (wanted.clone(), wanted.clone());
        while !open.is_empty() {
            // The sign keeps SQLite from looking through all that is deleted.
            let parts = self
                .all(
                    "SELECT m.id FROM json_each($1) AS each
                     JOIN manifest_children c ON c.parent_id = CAST(each.value AS BIGINT)
                     JOIN manifests m ON m.id = c.child_id WHERE +m.deleted_at IS NOT NULL",
                    values![numbers(open.into_iter())?],
                    |row| row.int(0),
                )
                .await?;
            open = parts.into_iter().filter(|id| all.insert(*id)).collect();
        }
        // In the order in which everybody holds several, and their links after.
        let (mut back_again, mut lost) = (Vec::new(), Vec::new());
        for id in all {
            let is_part = !wanted.contains(&id);
            let restored = self
                .first(
                    "UPDATE manifests SET deleted_at = NULL, deletion_id = NULL,
                         lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END
                     WHERE id = $2 AND deleted_at IS NOT NULL AND (deletion_id = $3 OR CAST($4 AS BIGINT) = 1)
                     RETURNING repository_id, digest, pushed_at, CASE WHEN kind = 'index' THEN 0 ELSE total_size_bytes END, id",
                    values![lease_until, id, deletion.0, is_part],
                    back,
                )
                .await?;
            match restored {
                Some(manifest) => back_again.push(manifest),
                None if is_part => {}
                None => lost.push(ManifestId(id)),
            }
        }
        if !lost.is_empty() {
            // Somebody has pushed it, or brought it back and deleted it again, since it was looked at.
            for id in &lost {
                outcomes.remove(&id.0);
            }
            outcomes.extend(self.find_outcomes(&lost, deletion).await?);
        }
        for manifest in back_again {
            self.count_restored(manifest, lease_until).await?;
        }
        let outcome = |id: &ManifestId| outcomes.get(&id.0).copied().unwrap_or(PartOutcome::Collected);
        Ok(ids.iter().map(outcome).collect())
    }

    async fn restore_blob_link(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        hidden_at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<PartOutcome> {
        let restored = self
            .execute(
                "UPDATE blob_links SET hidden_at = NULL, lease_until = $1
                 WHERE repository_id = $2 AND blob_id = $3 AND hidden_at = $4",
                values![lease_until, repository.0, blob.0, hidden_at],
            )
            .await?;
        if restored > 0 {
            self.enqueue_review(Review::Link(repository, blob), lease_until).await?;
            return Ok(PartOutcome::Restored);
        }
        let found = self
            .first(
                "SELECT hidden_at FROM blob_links WHERE repository_id = $1 AND blob_id = $2",
                values![repository.0, blob.0],
                |row| row.optional_int(0),
            )
            .await?;
        Ok(match found {
            None => PartOutcome::Collected,
            Some(None) => PartOutcome::Present,
            Some(Some(_)) => PartOutcome::DeletedSince,
        })
    }

    async fn restore_repository(
        &mut self,
        id: RepositoryId,
        deleted_at: Timestamp,
        name: &RepositoryName,
    ) -> Result<bool> {
        if self.find_repository(name).await?.is_some() {
            return Err(Error::Exists(Existing::Repository(name.clone())));
        }
        let restored = self
            .first(
                "UPDATE repositories SET deleted_at = NULL, name = $1 WHERE id = $2 AND deleted_at = $3 RETURNING namespace_id",
                values![name.as_str(), id.0, deleted_at],
                |row| row.int(0),
            )
            .await?;
        let Some(namespace) = restored else { return Ok(false) };
        self.hold_namespace(AccountId(namespace), name).await?;
        self.execute("DELETE FROM repository_words WHERE repository_id = $1", values![id.0]).await?;
        let rows: Vec<_> = words(name).into_iter().map(|word| row![word, id.0]).collect();
        self.execute_each("INSERT INTO repository_words (word, repository_id) VALUES ($1, $2)", rows).await?;
        self.advance_authority_epoch().await?;
        Ok(true)
    }

    async fn delete_old_deletions(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let items = self
            .execute(
                "DELETE FROM deletion_items WHERE id IN (
                     SELECT i.id FROM deletions d JOIN deletion_items i ON i.deletion_id = d.id WHERE d.at < $1
                     ORDER BY d.at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        if items > 0 {
            return Ok(items as u64);
        }
        let deletions = self
            .execute(
                "DELETE FROM deletions WHERE id IN (SELECT d.id FROM deletions d WHERE d.at < $1 ORDER BY d.at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deletions as u64)
    }
}
