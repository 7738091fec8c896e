//! Manifests, what they reference, and how often they are pulled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::deletion::{DeletedKind, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::manifest::ManifestKind;
use longshore_domain::name::Reference;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    BlobId, ManifestHead, ManifestId, ManifestPut, ManifestRecords, NewManifest, PullCount, Referrer, RowLock,
};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use super::deletions::Part;
use super::overfull;
use crate::tx::{Row, SqlTx, row, values};

fn head(row: &Row<'_>) -> Result<ManifestHead> {
    Ok(ManifestHead {
        id: ManifestId(row.int(0)?),
        digest: row.parsed(1)?,
        media_type: row.parsed(2)?,
        size_bytes: row.size(3)?,
        lease_until: row.time(4)?,
    })
}

/// Returns `None` for one that is deleted.
fn present_head(row: &Row<'_>) -> Result<Option<ManifestHead>> {
    Ok(if row.optional_int(5)?.is_some() { None } else { Some(head(row)?) })
}

/// Exclusive is also what is deleted, so that whoever restores it has locked it in its place of the order.
fn holding(hold: RowLock) -> &'static str {
    match hold {
        RowLock::Shared => {
            "SELECT id, digest, media_type, size_bytes, lease_until, deleted_at FROM manifests
             WHERE repository_id = $1 AND digest = $2 AND deleted_at IS NULL FOR KEY SHARE"
        }
        RowLock::Exclusive => {
            "SELECT id, digest, media_type, size_bytes, lease_until, deleted_at FROM manifests
             WHERE repository_id = $1 AND digest = $2 FOR UPDATE"
        }
    }
}

fn kind(text: &str) -> Result<ManifestKind> {
    match text {
        "image" => Ok(ManifestKind::Image),
        "index" => Ok(ManifestKind::Index),
        _ => Err(Error::internal(format!("{text:?} is no kind of manifest"))),
    }
}

fn referrer(row: &Row<'_>) -> Result<Referrer> {
    Ok(Referrer {
        id: ManifestId(row.int(0)?),
        digest: row.parsed(1)?,
        media_type: row.parsed(2)?,
        size_bytes: row.size(3)?,
        artifact_type: row.optional_text(4)?,
        kind: kind(&row.text(5)?)?,
        annotations_bytes: row.size(6)?,
    })
}

impl SqlTx<'_> {
    /// Records a push of a manifest that was there, or that it brings back, as so many images more.
    async fn renew_manifest(&mut self, id: ManifestId, images: i64, manifest: &NewManifest) -> Result<()> {
        self.note_push(id, images, manifest);
        self.execute_later(
            "UPDATE manifests SET deleted_at = NULL, deletion_id = NULL, pushed_at = $1,
                 lease_until = CASE WHEN lease_until < $2 THEN $2 ELSE lease_until END WHERE id = $3",
            row![manifest.pushed_at, manifest.lease_until, id.0],
        )
        .await
    }

    fn note_push(&mut self, id: ManifestId, images: i64, manifest: &NewManifest) {
        let pushed = (manifest.repository.0, manifest.digest.to_string(), manifest.pushed_at);
        self.pending.image(id.0).pushed = Some(pushed);
        self.count_push(images, manifest);
    }
}

#[async_trait]
impl ManifestRecords for SqlTx<'_> {
    async fn find_manifest(
        &mut self,
        repository: RepositoryId,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>> {
        match reference {
            Reference::Tag(tag) => {
                self.first(
                    "SELECT m.id, m.digest, m.media_type, m.size_bytes, m.lease_until
                     FROM tags t JOIN manifests m ON m.id = t.manifest_id
                     WHERE t.repository_id = $1 AND t.name = $2 AND m.deleted_at IS NULL",
                    values![repository.0, tag.as_str()],
                    head,
                )
                .await
            }
            Reference::Digest(digest) => {
                self.first(
                    "SELECT id, digest, media_type, size_bytes, lease_until
                     FROM manifests WHERE repository_id = $1 AND digest = $2 AND deleted_at IS NULL",
                    values![repository.0, digest],
                    head,
                )
                .await
            }
        }
    }

    async fn lock_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        hold: RowLock,
    ) -> Result<Option<ManifestHead>> {
        let held = self.first(holding(hold), values![repository.0, digest], present_head).await?;
        Ok(held.flatten())
    }

    async fn find_manifests(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<ManifestHead>>> {
        let keys: Vec<_> = digests.iter().map(|digest| row![repository.0, digest]).collect();
        self.first_each(
            "SELECT id, digest, media_type, size_bytes, lease_until
             FROM manifests WHERE repository_id = $1 AND digest = $2 AND deleted_at IS NULL",
            &keys,
            head,
        )
        .await
    }

    async fn lock_manifests(
        &mut self,
        repository: RepositoryId,
        wanted: &[(Digest, RowLock)],
    ) -> Result<Vec<Option<ManifestHead>>> {
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        if !self.has_one_writer() && wanted.len() > 1 {
            let keys: Vec<_> = wanted.iter().map(|(digest, _)| row![repository.0, digest]).collect();
            let ids = self
                .first_each(
                    "SELECT id FROM manifests WHERE repository_id = $1 AND digest = $2",
                    &keys,
                    |row| row.int(0),
                )
                .await?;
            order.sort_by_key(|position| ids.get(*position).copied().flatten().unwrap_or(i64::MAX));
        }
        let statements: Vec<_> = order
            .iter()
            .map(|position| {
                let (digest, hold) = &wanted[*position];
                (holding(*hold), row![repository.0, digest])
            })
            .collect();
        let mut heads = vec![None; wanted.len()];
        for (position, head) in order.into_iter().zip(self.first_of_all(&statements, present_head).await?) {
            heads[position] = head.flatten();
        }
        Ok(heads)
    }

    async fn find_manifest_content(&mut self, id: ManifestId) -> Result<Option<Vec<u8>>> {
        self.first("SELECT content FROM manifests WHERE id = $1", values![id.0], |row| row.bytes(0)).await
    }

    async fn find_short_manifest_content(&mut self, id: ManifestId, limit: u64) -> Result<Option<Vec<u8>>> {
        self.first(
            "SELECT content FROM manifests WHERE id = $1 AND size_bytes <= $2",
            values![id.0, limit],
            |row| row.bytes(0),
        )
        .await
    }

    async fn put_held_manifest(&mut self, id: ManifestId, manifest: &NewManifest) -> Result<()> {
        self.renew_manifest(id, 0, manifest).await
    }

    async fn put_manifest(&mut self, manifest: &NewManifest) -> Result<ManifestPut> {
        let known = self
            .first(
                "SELECT id, deleted_at FROM manifests WHERE repository_id = $1 AND digest = $2 FOR UPDATE",
                values![manifest.repository.0, &manifest.digest],
                |row| Ok((ManifestId(row.int(0)?), row.optional_int(1)?.is_some())),
            )
            .await?;
        if let Some((id, was_deleted)) = known {
            self.renew_manifest(id, i64::from(was_deleted), manifest).await?;
            return Ok(if was_deleted { ManifestPut::Restored(id) } else { ManifestPut::Existing(id) });
        }
        let platform = manifest.platform.as_ref();
        let id = self
            .one(
                "INSERT INTO manifests (repository_id, digest, media_type, kind, artifact_type, subject_digest,
                     platform_os, platform_architecture, platform_variant, size_bytes, total_size_bytes,
                     pushed_by, pushed_at, lease_until, annotations, content)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id",
                values![
                    manifest.repository.0,
                    &manifest.digest,
                    manifest.media_type.as_str(),
                    manifest.kind.as_str(),
                    manifest.artifact_type.as_deref(),
                    manifest.subject.as_ref(),
                    platform.map(|platform| platform.os.as_str()),
                    platform.map(|platform| platform.architecture.as_str()),
                    platform.map(|platform| platform.variant.as_str()),
                    manifest.content.len() as u64,
                    manifest.total_size_bytes,
                    manifest.pushed_by.map(|id| id.0),
                    manifest.pushed_at,
                    manifest.lease_until,
                    manifest.annotations.as_str(),
                    manifest.content.clone()
                ],
                |row| row.int(0),
            )
            .await?;
        let id = ManifestId(id);
        self.note_push(id, 1, manifest);
        Ok(ManifestPut::Created(id))
    }

    async fn add_manifest_blob(
        &mut self,
        manifest: ManifestId,
        repository: RepositoryId,
        blob: BlobId,
    ) -> Result<()> {
        self.execute_later(
            "INSERT INTO manifest_blobs (manifest_id, repository_id, blob_id) VALUES ($1, $2, $3)
             ON CONFLICT (manifest_id, blob_id) DO NOTHING",
            row![manifest.0, repository.0, blob.0],
        )
        .await
    }

    async fn add_manifest_child(
        &mut self,
        index: ManifestId,
        position: u32,
        digest: &Digest,
        child: Option<ManifestId>,
    ) -> Result<()> {
        self.execute_later(
            "INSERT INTO manifest_children (parent_id, child_digest, position, child_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (parent_id, child_digest) DO NOTHING",
            row![index.0, digest, position, child.map(|id| id.0)],
        )
        .await
    }

    async fn adopt_waiting_indexes(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        id: ManifestId,
    ) -> Result<()> {
        self.execute(
            "UPDATE manifest_children SET child_id = $1
             WHERE child_digest = $2 AND child_id IS NULL
               AND parent_id IN (SELECT p.id FROM manifests p WHERE p.id = parent_id AND p.repository_id = $3)",
            values![id.0, digest, repository.0],
        )
        .await
        .map(|_| ())
    }

    async fn restore_manifest_links(&mut self, manifest: ManifestId) -> Result<()> {
        self.execute(
            "UPDATE blob_links SET hidden_at = NULL
             WHERE hidden_at IS NOT NULL AND (repository_id, blob_id) IN (
                 SELECT repository_id, blob_id FROM manifest_blobs WHERE manifest_id = $1)",
            values![manifest.0],
        )
        .await
        .map(|_| ())
    }

    async fn extend_manifest_lease(&mut self, id: ManifestId, until: Timestamp) -> Result<bool> {
        let extended = self
            .execute(
                "UPDATE manifests SET lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END
                 WHERE id = $2 AND deleted_at IS NULL",
                values![until, id.0],
            )
            .await?;
        Ok(extended > 0)
    }

    async fn find_index_with_child(&mut self, id: ManifestId) -> Result<Option<Digest>> {
        self.first(
            "SELECT p.digest FROM manifest_children c JOIN manifests p ON p.id = c.parent_id
             WHERE c.child_id = $1 AND p.deleted_at IS NULL LIMIT 1",
            values![id.0],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_indexes_with_child(&mut self, id: ManifestId, size: PageSize) -> Result<Vec<Digest>> {
        self.all(
            "SELECT p.digest FROM manifest_children c JOIN manifests p ON p.id = c.parent_id
             WHERE c.child_id = $1 AND p.deleted_at IS NULL LIMIT $2",
            values![id.0, size.get()],
            |row| row.parsed(0),
        )
        .await
    }

    async fn delete_manifest(&mut self, id: ManifestId, deletion: &NewDeletion) -> Result<()> {
        let deleted = self
            .first(
                "UPDATE manifests SET deleted_at = $1, deletion_id = $2 WHERE id = $3 AND deleted_at IS NULL RETURNING digest",
                values![deletion.at, deletion.id.0, id.0],
                |row| row.parsed(0),
            )
            .await?;
        self.pending.image(id.0).is_deleted = true;
        let Some(digest) = deleted else { return Ok(()) };
        let part = Part { kind: DeletedKind::Image, name: "", digest, subject: id.0 };
        self.note_deleted(deletion, &[part]).await
    }

    async fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<Referrer>> {
        match artifact_type {
            None => {
                self.all(
                    "SELECT id, digest, media_type, size_bytes, artifact_type, kind, octet_length(annotations) FROM manifests
                     WHERE repository_id = $1 AND subject_digest = $2 AND id > $3 AND deleted_at IS NULL
                     ORDER BY id LIMIT $4",
                    values![repository.0, subject, after.0, overfull(size)],
                    referrer,
                )
                .await
            }
            Some(artifact_type) => {
                self.all(
                    "SELECT id, digest, media_type, size_bytes, artifact_type, kind, octet_length(annotations) FROM manifests
                     WHERE repository_id = $1 AND subject_digest = $2 AND id > $3 AND deleted_at IS NULL
                       AND artifact_type = $4
                     ORDER BY id LIMIT $5",
                    values![repository.0, subject, after.0, artifact_type, overfull(size)],
                    referrer,
                )
                .await
            }
        }
    }

    async fn find_annotations(&mut self, id: ManifestId) -> Result<Option<String>> {
        self.first("SELECT annotations FROM manifests WHERE id = $1", values![id.0], |row| row.text(0)).await
    }

    async fn list_manifest_contents(
        &mut self,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Digest, Vec<u8>)>> {
        self.all(
            "SELECT id, digest, content FROM manifests WHERE id > $1 ORDER BY id LIMIT $2",
            values![after.0, size.get()],
            |row| Ok((ManifestId(row.int(0)?), row.parsed(1)?, row.bytes(2)?)),
        )
        .await
    }

    async fn record_pulls(&mut self, pulls: &[PullCount]) -> Result<()> {
        // Tags before manifests, and each in one order everywhere.
        let mut of_tags: Vec<&PullCount> = pulls.iter().collect();
        of_tags.sort_unstable_by(|a, b| (a.repository, &a.tag).cmp(&(b.repository, &b.tag)));
        for pull in of_tags {
            if let Some(tag) = &pull.tag {
                self.execute(
                    "INSERT INTO tag_pulls (repository_id, name, pulls, last_pulled_at)
                     SELECT id, $1, $2, $3 FROM repositories WHERE id = $4
                     ON CONFLICT (repository_id, name) DO UPDATE SET
                         pulls = tag_pulls.pulls + excluded.pulls,
                         last_pulled_at = CASE WHEN tag_pulls.last_pulled_at <= excluded.last_pulled_at - 3600000000
                             THEN excluded.last_pulled_at ELSE tag_pulls.last_pulled_at END",
                    values![tag.as_str(), pull.count, pull.last_at, pull.repository.0],
                )
                .await?;
                self.execute(
                    "UPDATE tags SET pulled_at = $1 WHERE repository_id = $2 AND name = $3 AND pulled_at <= $4",
                    values![
                        pull.last_at,
                        pull.repository.0,
                        tag.as_str(),
                        pull.last_at.as_microsecond() - super::images::PULL_PRECISION_MICROSECONDS
                    ],
                )
                .await?;
            }
        }
        let mut of_manifests: Vec<&PullCount> = pulls.iter().collect();
        of_manifests.sort_unstable_by_key(|pull| pull.manifest);
        for pull in of_manifests {
            // The manifest or repository may have been collected since the pull.
            self.execute(
                "INSERT INTO manifest_pulls (manifest_id, pulls, last_pulled_at)
                 SELECT id, $1, $2 FROM manifests WHERE id = $3
                 ON CONFLICT (manifest_id) DO UPDATE SET
                     pulls = manifest_pulls.pulls + excluded.pulls, last_pulled_at = excluded.last_pulled_at",
                values![pull.count, pull.last_at, pull.manifest.0],
            )
            .await?;
            let pulled_at = &mut self.pending.image(pull.manifest.0).pulled_at;
            *pulled_at = Some(pulled_at.map_or(pull.last_at, |before| before.max(pull.last_at)));
            self.pending.counts(pull.repository.0).pulls += pull.count;
        }
        let mut of_repositories = BTreeMap::<_, (i64, Timestamp)>::new();
        for pull in pulls {
            let (count, at) = of_repositories.entry(pull.repository).or_insert((0, pull.last_at));
            (*count, *at) = (*count + pull.count, pull.last_at.max(*at));
        }
        for (repository, (count, at)) in of_repositories {
            self.execute(
                "INSERT INTO usage_changes (namespace_id, kind, amount, at)
                 SELECT namespace_id, 'pulls', $1, $2 FROM repositories WHERE id = $3",
                values![count, at, repository.0],
            )
            .await?;
        }
        Ok(())
    }
}
