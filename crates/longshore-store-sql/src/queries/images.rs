//! Images and tags as lists show them, and the counts of repositories.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::descriptor::Platform;
use longshore_domain::digest::Digest;
use longshore_domain::image::{
    Image, ImageFilter, ImageQuery, ImageStatus, ImageTag, ManifestDetails, TagDetails, TagFilter, TagQuery,
};
use longshore_domain::image_order::ImageKey;
use longshore_domain::manifest::ManifestKind;
use longshore_domain::name::Tag;
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::ports::metadata::{ImageRecords, ManifestId, NewManifest, RepositoryCounts};
use longshore_domain::repository::RepositoryId;
use longshore_domain::tag_order::TagKey;
use longshore_domain::{Error, Result};

use super::marks::{WANTED, WANTED_TAGS, reached};
use super::reach::numbers;
use super::tag_lists::{names_between, wanted};
use super::texts;
use crate::tx::{Row, SqlTx, Value, row, values};

/// Pulls are remembered to this precision.
pub(super) const PULL_PRECISION_MICROSECONDS: i64 = 3_600_000_000;

/// Reads an image from its first three columns.
pub(super) fn image(row: &Row<'_>) -> Result<Image> {
    Ok(Image {
        digest: row.parsed(0)?,
        pushed_at: row.time(1)?,
        pulled_at: row.optional_time(2)?,
        tags: Vec::new(),
    })
}

/// Reads a manifest from ten columns on.
fn details(row: &Row<'_>, from: usize) -> Result<ManifestDetails> {
    let platform = match (row.optional_text(from + 5)?, row.optional_text(from + 6)?) {
        (Some(os), Some(architecture)) => {
            Some(Platform { os, architecture, variant: row.optional_text(from + 7)?.unwrap_or_default() })
        }
        _ => None,
    };
    Ok(ManifestDetails {
        id: row.int(from)?,
        digest: row.parsed(from + 1)?,
        media_type: row.text(from + 2)?,
        artifact_type: row.optional_text(from + 3)?,
        is_index: row.text(from + 4)? == "index",
        platform,
        total_size_bytes: row.size(from + 8)?,
        pushed_at: row.time(from + 9)?,
        pulled_at: row.optional_time(from + 10)?,
    })
}

fn tag(row: &Row<'_>) -> Result<TagDetails> {
    let by = row.optional_int(3)?.map(|id| Ok::<_, Error>((id, row.optional_text(4)?.unwrap_or_default())));
    Ok(TagDetails {
        tag: row.parsed(0)?,
        created_at: row.time(1)?,
        updated_at: row.time(2)?,
        updated_by: by.transpose()?,
        pulled_at: row.optional_time(5)?,
        manifest: details(row, 6)?,
        images: Vec::new(),
    })
}

/// Returns the times between which the activity of the filter's images lies, the second one excluded.
pub(super) fn range(filter: &ImageFilter) -> (Value, Value) {
    let from = filter.active_from.as_microsecond();
    match filter.status {
        None => (Value::Int(i64::MIN), Value::Int(i64::MAX)),
        Some(ImageStatus::Active) => (Value::Int(from), Value::Int(i64::MAX)),
        Some(ImageStatus::Inactive) => (Value::Int(i64::MIN), Value::Int(from)),
    }
}

impl SqlTx<'_> {
    /// Counts that a manifest was pushed, which is one image more when it is new, when the unit of work ends.
    pub(super) fn count_push(&mut self, images: i64, manifest: &NewManifest) {
        // An index is as large as its images, which are counted by themselves.
        let size = if manifest.kind == ManifestKind::Index { 0 } else { manifest.total_size_bytes };
        let counts = self.pending.counts(manifest.repository.0);
        counts.images += images;
        counts.bytes += images * i64::try_from(size).unwrap_or(i64::MAX);
        counts.pushed_at = counts.pushed_at.max(manifest.pushed_at.as_microsecond());
    }

    /// Makes the image of a manifest that was pushed, or that was restored by a push, or counts further tags of it.
    pub(crate) async fn put_image(
        &mut self,
        id: i64,
        repository: i64,
        digest: &str,
        at: Timestamp,
        tags: i64,
    ) -> Result<()> {
        self.execute_later(
            "INSERT INTO images (repository_id, digest, tags, pushed_at, pulled_at, active_at, manifest_id, size_bytes)
             SELECT $1, $2, $3, $4, p.last_pulled_at, CASE WHEN p.last_pulled_at > $4 THEN p.last_pulled_at ELSE $4 END,
                 m.id, m.total_size_bytes
             FROM manifests m LEFT JOIN manifest_pulls p ON p.manifest_id = m.id WHERE m.id = $5
             ON CONFLICT (manifest_id) DO UPDATE SET pushed_at = excluded.pushed_at, tags = images.tags + excluded.tags,
                 active_at = CASE WHEN images.active_at < excluded.active_at THEN excluded.active_at ELSE images.active_at END",
            row![repository, digest, tags, at, id],
        )
        .await
    }

    pub(crate) async fn delete_image(&mut self, id: i64) -> Result<()> {
        let repository = self
            .first("DELETE FROM images WHERE manifest_id = $1 RETURNING repository_id", values![id], |row| {
                row.int(0)
            })
            .await?;
        let Some(repository) = repository else { return Ok(()) };
        let bytes = self
            .one(
                "SELECT CASE WHEN kind = 'index' THEN 0 ELSE total_size_bytes END FROM manifests WHERE id = $1",
                values![id],
                |row| row.int(0),
            )
            .await?;
        let counts = self.pending.counts(repository);
        counts.images -= 1;
        counts.bytes -= bytes;
        Ok(())
    }

    /// Counts tags more or less that point at an image.
    pub(crate) async fn change_image_tags(&mut self, id: i64, by: i64) -> Result<()> {
        self.execute_later("UPDATE images SET tags = tags + $1 WHERE manifest_id = $2", row![by, id]).await
    }

    /// Remembers when an image was pulled, once an hour.
    pub(crate) async fn record_image_pull(&mut self, id: i64, at: Timestamp) -> Result<()> {
        self.execute_later(
            "UPDATE images SET pulled_at = $1, active_at = CASE WHEN active_at < $1 THEN $1 ELSE active_at END
             WHERE manifest_id = $2 AND (pulled_at IS NULL OR pulled_at <= $3)",
            row![at, id, at.as_microsecond() - PULL_PRECISION_MICROSECONDS],
        )
        .await
    }

    /// Adds the images behind tags.
    async fn add_images(&mut self, mut tags: Vec<TagDetails>, limit: PageSize) -> Result<Vec<TagDetails>> {
        for tag in &mut tags {
            tag.images = match tag.manifest.is_index {
                false => vec![tag.manifest.clone()],
                true => self.list_child_details(&tag.manifest, limit).await?,
            };
        }
        Ok(tags)
    }
}

#[async_trait]
impl ImageRecords for SqlTx<'_> {
    async fn list_images(&mut self, query: &ImageQuery) -> Result<KeyedPage<Image, ImageKey>> {
        let KeyedPage { items, next } = self.find_images(query).await?;
        Ok(KeyedPage { items: items.into_iter().map(|found| found.image).collect(), next })
    }

    async fn list_image_details(
        &mut self,
        query: &ImageQuery,
    ) -> Result<KeyedPage<ManifestDetails, ImageKey>> {
        // The page is found in an index first, then joined.
        let KeyedPage { items, next } = self.find_images(query).await?;
        let ids: Vec<i64> = items.into_iter().map(|found| found.manifest).collect();
        let found = self
            .all(
                "SELECT m.id, m.digest, m.media_type, m.artifact_type, m.kind, m.platform_os, m.platform_architecture,
                     m.platform_variant, m.total_size_bytes, m.pushed_at, i.pulled_at
                 FROM json_each($1) AS each JOIN manifests m ON m.id = CAST(each.value AS BIGINT)
                     JOIN images i ON i.manifest_id = m.id",
                values![numbers(ids.iter().copied())?],
                |row| details(row, 0),
            )
            .await?;
        let mut found: HashMap<i64, ManifestDetails> =
            found.into_iter().map(|found| (found.id, found)).collect();
        Ok(KeyedPage { items: ids.iter().filter_map(|id| found.remove(id)).collect(), next })
    }

    async fn find_manifest_details(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, ManifestDetails>> {
        let digests = texts(digests.iter().map(Digest::to_string).collect())?;
        let found = self
            .all(
                "SELECT m.id, m.digest, m.media_type, m.artifact_type, m.kind, m.platform_os, m.platform_architecture,
                     m.platform_variant, m.total_size_bytes, m.pushed_at, i.pulled_at
                 FROM json_each($1) AS each JOIN manifests m ON m.repository_id = $2 AND m.digest = each.value
                     LEFT JOIN images i ON i.manifest_id = m.id
                 WHERE m.deleted_at IS NULL",
                values![digests, repository.0],
                |row| details(row, 0),
            )
            .await?;
        Ok(found.into_iter().map(|found| (found.digest, found)).collect())
    }

    async fn list_child_details(
        &mut self,
        index: &ManifestDetails,
        size: PageSize,
    ) -> Result<Vec<ManifestDetails>> {
        self.all(
            "SELECT m.id, m.digest, m.media_type, m.artifact_type, m.kind, m.platform_os, m.platform_architecture,
                 m.platform_variant, m.total_size_bytes, m.pushed_at, i.pulled_at
             FROM manifest_children c JOIN manifests m ON m.id = c.child_id
                 LEFT JOIN images i ON i.manifest_id = m.id
             WHERE c.parent_id = $1 AND m.deleted_at IS NULL ORDER BY c.position LIMIT $2",
            values![index.id, size.get()],
            |row| details(row, 0),
        )
        .await
    }

    async fn list_manifest_blobs(
        &mut self,
        manifest: ManifestId,
        size: PageSize,
    ) -> Result<Vec<(Digest, u64)>> {
        self.all(
            "SELECT b.digest, b.size_bytes FROM manifest_blobs e JOIN blobs b ON b.id = e.blob_id
             WHERE e.manifest_id = $1 ORDER BY e.blob_id LIMIT $2",
            values![manifest.0, size.get()],
            |row| Ok((row.parsed::<Digest>(0)?, row.size(1)?)),
        )
        .await
    }

    async fn count_images_with_blobs(
        &mut self,
        repository: RepositoryId,
        manifest: ManifestId,
        limit: u64,
        size: PageSize,
    ) -> Result<Vec<(Digest, u64)>> {
        self.all(
            "SELECT b.digest, (SELECT count(*) FROM (
                 SELECT 1 FROM manifest_blobs o JOIN manifests m ON m.id = o.manifest_id
                 WHERE o.repository_id = $1 AND o.blob_id = e.blob_id AND m.deleted_at IS NULL LIMIT $2) AS found)
             FROM manifest_blobs e JOIN blobs b ON b.id = e.blob_id
             WHERE e.manifest_id = $3 ORDER BY e.blob_id LIMIT $4",
            values![repository.0, limit, manifest.0, size.get()],
            |row| Ok((row.parsed::<Digest>(0)?, row.size(1)?)),
        )
        .await
    }

    async fn count_images(&mut self, repository: RepositoryId, filter: &ImageFilter) -> Result<u64> {
        if filter.status.is_none() && filter.is_tagged.is_none() {
            return Ok(self.repository_counts(repository).await?.images);
        }
        let (from, until) = range(filter);
        let sql = reached(
            "SELECT count(*) FROM images i
             WHERE i.repository_id = $1 AND i.active_at >= $2 AND i.active_at < $3{reached}",
            filter.is_tagged,
        );
        self.one(&sql, &[Value::Int(repository.0), from, until], |row| row.size(0)).await
    }

    async fn measure_inactive(
        &mut self,
        repository: RepositoryId,
        since: Timestamp,
        limit: u64,
    ) -> Result<Option<u64>> {
        let (count, bytes) = self
            .one(
                "SELECT count(*), CAST(coalesce(sum(CASE WHEN m.kind = 'index' THEN 0 ELSE found.size_bytes END), 0) AS BIGINT)
                 FROM (SELECT manifest_id, size_bytes FROM images WHERE repository_id = $1 AND active_at < $2 LIMIT $3) AS found
                 JOIN manifests m ON m.id = found.manifest_id",
                values![repository.0, since, limit + 1],
                |row| Ok((row.size(0)?, row.size(1)?)),
            )
            .await?;
        Ok(Some(bytes).filter(|_| count <= limit))
    }

    async fn find_image(&mut self, repository: RepositoryId, digest: &Digest) -> Result<Option<Image>> {
        self.first(
            "SELECT digest, pushed_at, pulled_at FROM images WHERE repository_id = $1 AND digest = $2",
            values![repository.0, digest],
            image,
        )
        .await
    }

    async fn list_image_tags(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<ImageTag>> {
        self.all(
            "SELECT h.name, CASE WHEN EXISTS (
                 SELECT 1 FROM tag_history c WHERE c.repository_id = $1 AND c.name = h.name AND c.until_at IS NULL
                     AND c.digest = $2) THEN 1 ELSE 0 END
             FROM (SELECT DISTINCT name FROM tag_history WHERE repository_id = $1 AND digest = $2
                   ORDER BY name LIMIT $3 OFFSET $4) AS h
             ORDER BY h.name",
            values![repository.0, digest, size.get(), offset],
            |row| Ok(ImageTag { tag: row.parsed(0)?, is_current: row.truth(1)? }),
        )
        .await
    }

    async fn list_tags_of_images(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
        size: PageSize,
    ) -> Result<BTreeMap<Digest, Vec<ImageTag>>> {
        // No tag comes behind a tilde. The digest is compared as a range, so that PostgreSQL, which may take one digest for that of
        // all tags, reads the index that begins with it, and not all names.
        let found = self
            .all(
                "SELECT found.digest, found.name, CASE WHEN EXISTS (
                     SELECT 1 FROM tag_history c WHERE c.repository_id = $1 AND c.name = found.name AND c.until_at IS NULL
                         AND c.digest = found.digest) THEN 1 ELSE 0 END
                 FROM (SELECT DISTINCT t.digest, t.name FROM json_each($2) AS each
                     JOIN tag_history t ON t.repository_id = $1 AND t.digest = each.value AND t.name <= coalesce((
                         SELECT near.name FROM (SELECT DISTINCT l.digest, l.name FROM tag_history l
                             WHERE l.repository_id = $1 AND l.digest >= each.value AND l.digest <= each.value
                             ORDER BY l.digest, l.name LIMIT 1 OFFSET $3)
                         AS near), '~')) AS found
                 ORDER BY found.digest, found.name",
                values![repository.0, texts(digests.iter().map(Digest::to_string).collect())?, size.get() - 1],
                |row| {
                    let tag = ImageTag { tag: row.parsed(1)?, is_current: row.truth(2)? };
                    Ok((row.parsed::<Digest>(0)?, tag))
                },
            )
            .await?;
        let mut tags = BTreeMap::<Digest, Vec<ImageTag>>::new();
        for (digest, tag) in found {
            tags.entry(digest).or_default().push(tag);
        }
        Ok(tags)
    }

    async fn count_image_tags(&mut self, repository: RepositoryId, digest: &Digest) -> Result<u64> {
        self.one(
            "SELECT count(DISTINCT name) FROM tag_history WHERE repository_id = $1 AND digest = $2",
            values![repository.0, digest],
            |row| row.size(0),
        )
        .await
    }

    async fn list_tag_details(
        &mut self,
        query: &TagQuery,
        images: PageSize,
    ) -> Result<KeyedPage<TagDetails, TagKey>> {
        // The page is found in an index first, then joined.
        let KeyedPage { items, next } = self.find_tags(query).await?;
        let keys: Vec<_> = items.iter().map(|name| row![query.repository.0, name.as_str()]).collect();
        let tags = self.first_each(TAG, &keys, tag).await?.into_iter().flatten().collect();
        Ok(KeyedPage { items: self.add_images(tags, images).await?, next })
    }

    async fn count_tags(&mut self, repository: RepositoryId, filter: &TagFilter) -> Result<u64> {
        if filter.is_empty() {
            return Ok(self.repository_counts(repository).await?.tags);
        }
        let sql = WANTED_TAGS.put(
            "SELECT count(*) FROM tags t WHERE t.repository_id = $1 AND t.name >= $2 AND t.name < $3 AND {wanted}",
            WANTED,
        );
        let names = names_between(&filter.name_beginning, None);
        self.one(&sql, &wanted(repository, names, filter), |row| row.size(0)).await
    }

    async fn find_tag_details(
        &mut self,
        repository: RepositoryId,
        name: &Tag,
        images: PageSize,
    ) -> Result<Option<TagDetails>> {
        let found = self.first(TAG, values![repository.0, name.as_str()], tag).await?;
        let mut tags = self.add_images(found.into_iter().collect(), images).await?;
        Ok(tags.pop())
    }

    async fn repository_counts(&mut self, repository: RepositoryId) -> Result<RepositoryCounts> {
        self.one(
            "SELECT CAST(coalesce(sum(tags), 0) AS BIGINT), CAST(coalesce(sum(images), 0) AS BIGINT),
                 CAST(coalesce(sum(pulls), 0) AS BIGINT), CAST(coalesce(sum(bytes), 0) AS BIGINT),
                 CAST(coalesce(sum(stored_bytes), 0) AS BIGINT) FROM (
                 SELECT tags, images, pulls, bytes, stored_bytes FROM repository_totals WHERE repository_id = $1
                 UNION ALL SELECT tags, images, pulls, bytes, stored_bytes FROM repository_changes
                     WHERE repository_id = $1) AS amounts",
            values![repository.0],
            |row| {
                // What programs did that did not count yet may be taken away.
                let count = |column| row.int(column).map(|count| u64::try_from(count).unwrap_or_default());
                Ok(RepositoryCounts {
                    tags: count(0)?,
                    images: count(1)?,
                    pulls: count(2)?,
                    bytes: count(3)?,
                    stored_bytes: count(4)?,
                })
            },
        )
        .await
    }

    async fn fold_repository_changes(&mut self, size: PageSize) -> Result<u64> {
        let changes = self
            .all(
                "DELETE FROM repository_changes WHERE id IN (
                     SELECT id FROM repository_changes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                 RETURNING repository_id, tags, images, pulls, bytes, stored_bytes, pushed_at",
                values![size.get()],
                |row| {
                    let amounts = [row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?, row.int(5)?];
                    Ok((row.int(0)?, amounts, row.int(6)?))
                },
            )
            .await?;
        let mut sums: BTreeMap<i64, ([i64; 5], i64)> = BTreeMap::new();
        for (repository, amounts, pushed_at) in &changes {
            let (sum, newest) = sums.entry(*repository).or_default();
            *newest = (*newest).max(*pushed_at);
            for (sum, amount) in sum.iter_mut().zip(amounts) {
                *sum += amount;
            }
        }
        let rows: Vec<_> = sums
            .into_iter()
            .map(|(repository, ([tags, images, pulls, bytes, stored], newest))| {
                row![tags, images, pulls, bytes, stored, newest, repository]
            })
            .collect();
        // The repository may have been collected meanwhile.
        self.execute_each(
            "UPDATE repository_totals SET tags = tags + $1, images = images + $2, pulls = pulls + $3,
                 bytes = bytes + $4, stored_bytes = stored_bytes + $5,
                 updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at END
             WHERE repository_id = $7",
            rows,
        )
        .await?;
        Ok(changes.len() as u64)
    }
}

const TAG: &str = "SELECT t.name, t.created_at, t.updated_at, t.updated_by, a.name, nullif(t.pulled_at, 0),
         m.id, m.digest, m.media_type, m.artifact_type, m.kind, m.platform_os, m.platform_architecture,
         m.platform_variant, m.total_size_bytes, m.pushed_at, i.pulled_at
     FROM tags t JOIN manifests m ON m.id = t.manifest_id
         LEFT JOIN images i ON i.manifest_id = m.id
         LEFT JOIN accounts a ON a.id = t.updated_by
     WHERE t.repository_id = $1 AND t.name = $2";
