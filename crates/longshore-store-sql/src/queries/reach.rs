//! What hangs on manifests, of many at once.

use async_trait::async_trait;
use longshore_domain::Result;
use longshore_domain::digest::Digest;
use longshore_domain::image::ImageFilter;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    BlobId, LinkNeeds, Linked, ManifestId, Needed, ReachRecords, Reached,
};
use longshore_domain::repository::RepositoryId;

use super::images::range;
use super::marks::reached;
use super::texts;
use crate::tx::{SqlTx, values};

pub(super) fn numbers(list: impl Iterator<Item = i64>) -> Result<String> {
    texts(list.map(|number| number.to_string()).collect())
}

fn of_manifests(manifests: &[ManifestId]) -> Result<String> {
    numbers(manifests.iter().map(|id| id.0))
}

#[async_trait]
impl ReachRecords for SqlTx<'_> {
    async fn list_images_behind(
        &mut self,
        repository: RepositoryId,
        filter: &ImageFilter,
        after: Option<Digest>,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Digest)>> {
        let (from, until) = range(filter);
        // The sign keeps SQLite from the index of activities where the one of digests is in order.
        let sql = reached(
            "SELECT i.manifest_id, i.digest FROM images i
             WHERE i.repository_id = $1 AND i.digest > $2 AND +i.active_at >= $3 AND +i.active_at < $4{reached}
             ORDER BY i.digest LIMIT $5",
            filter.is_tagged,
        );
        let after = after.map(|digest| digest.to_string()).unwrap_or_default();
        let values = [repository.0.into(), after.into(), from, until, size.get().into()];
        self.all(&sql, &values, |row| Ok((ManifestId(row.int(0)?), row.parsed(1)?))).await
    }

    async fn find_reached(&mut self, manifests: &[ManifestId]) -> Result<Vec<Reached>> {
        self.all(
            "SELECT m.id, m.digest, s.id, coalesce(i.tags, 0) FROM json_each($1) AS each
             JOIN manifests m ON m.id = CAST(each.value AS BIGINT)
             LEFT JOIN images i ON i.manifest_id = m.id
             LEFT JOIN manifests s ON s.repository_id = m.repository_id AND s.digest = m.subject_digest AND s.deleted_at IS NULL
             WHERE m.deleted_at IS NULL",
            values![of_manifests(manifests)?],
            |row| {
                Ok(Reached {
                    id: ManifestId(row.int(0)?),
                    digest: row.parsed(1)?,
                    subject: row.optional_int(2)?.map(ManifestId),
                    tags: row.size(3)?,
                })
            },
        )
        .await
    }

    async fn list_tags_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, Tag)>> {
        self.all(
            "SELECT t.manifest_id, t.name FROM json_each($1) AS each
             JOIN tags t ON t.manifest_id = CAST(each.value AS BIGINT) LIMIT $2",
            values![of_manifests(manifests)?, limit],
            |row| Ok((ManifestId(row.int(0)?), row.parsed(1)?)),
        )
        .await
    }

    async fn list_indexes_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, ManifestId)>> {
        self.all(
            "SELECT c.parent_id, c.child_id FROM json_each($1) AS each
             JOIN manifest_children c ON c.child_id = CAST(each.value AS BIGINT)
             JOIN manifests p ON p.id = c.parent_id WHERE +p.deleted_at IS NULL LIMIT $2",
            values![of_manifests(manifests)?, limit],
            |row| Ok((ManifestId(row.int(0)?), ManifestId(row.int(1)?))),
        )
        .await
    }

    async fn list_parts_of_each(&mut self, indexes: &[ManifestId], limit: u64) -> Result<Vec<ManifestId>> {
        self.all(
            "SELECT c.child_id FROM json_each($1) AS each
             JOIN manifest_children c ON c.parent_id = CAST(each.value AS BIGINT)
             JOIN manifests m ON m.id = c.child_id WHERE +m.deleted_at IS NULL LIMIT $2",
            values![of_manifests(indexes)?, limit],
            |row| Ok(ManifestId(row.int(0)?)),
        )
        .await
    }

    async fn list_referrers_of_each(
        &mut self,
        repository: RepositoryId,
        subjects: &[Digest],
        limit: u64,
    ) -> Result<Vec<ManifestId>> {
        self.all(
            "SELECT m.id FROM json_each($1) AS each
             JOIN manifests m ON m.repository_id = $2 AND m.subject_digest = each.value
             WHERE m.deleted_at IS NULL LIMIT $3",
            values![texts(subjects.iter().map(Digest::to_string).collect())?, repository.0, limit],
            |row| Ok(ManifestId(row.int(0)?)),
        )
        .await
    }

    async fn list_blobs_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(BlobId, u64)>> {
        self.all(
            "SELECT e.blob_id, b.size_bytes FROM json_each($1) AS each
             JOIN manifest_blobs e ON e.manifest_id = CAST(each.value AS BIGINT) JOIN blobs b ON b.id = e.blob_id LIMIT $2",
            values![of_manifests(manifests)?, limit],
            |row| Ok((BlobId(row.int(0)?), row.size(1)?)),
        )
        .await
    }

    async fn count_references(&mut self, blobs: &[BlobId], limit: u64) -> Result<Vec<Needed>> {
        self.all(
            "SELECT each.value,
                 (SELECT count(*) FROM (SELECT 1 FROM blob_links l
                      JOIN repositories r ON r.id = l.repository_id
                      JOIN manifest_blobs e ON e.repository_id = l.repository_id AND e.blob_id = l.blob_id
                      JOIN manifests m ON m.id = e.manifest_id
                      WHERE l.blob_id = CAST(each.value AS BIGINT) AND +r.deleted_at IS NULL AND +m.deleted_at IS NULL
                      LIMIT $1) AS found),
                 (SELECT coalesce(max(l.lease_until), 0) FROM blob_links l WHERE l.blob_id = CAST(each.value AS BIGINT))
             FROM json_each($2) AS each",
            values![limit, numbers(blobs.iter().map(|id| id.0))?],
            |row| {
                let blob = row.text(0)?.parse().map(BlobId).map_err(longshore_domain::Error::internal)?;
                Ok(Needed { blob, references: row.size(1)?, lease_until: row.time(2)? })
            },
        )
        .await
    }

    async fn list_holders_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, ManifestId)>> {
        self.all(
            "SELECT c.parent_id, c.child_id FROM json_each($1) AS each
             JOIN manifest_children c ON c.child_id = CAST(each.value AS BIGINT) LIMIT $2",
            values![of_manifests(manifests)?, limit],
            |row| Ok((ManifestId(row.int(0)?), ManifestId(row.int(1)?))),
        )
        .await
    }

    async fn list_links_behind(
        &mut self,
        repository: RepositoryId,
        after: BlobId,
        size: PageSize,
    ) -> Result<Vec<BlobId>> {
        self.all(
            "SELECT blob_id FROM blob_links WHERE repository_id = $1 AND blob_id > $2 ORDER BY blob_id LIMIT $3",
            values![repository.0, after.0, size.get()],
            |row| Ok(BlobId(row.int(0)?)),
        )
        .await
    }

    async fn find_link_needs(
        &mut self,
        repository: RepositoryId,
        blobs: &[BlobId],
        limit: u64,
    ) -> Result<Vec<LinkNeeds>> {
        self.all(
            "SELECT l.blob_id, l.hidden_at, l.lease_until,
                 (SELECT count(*) FROM (SELECT 1 FROM manifest_blobs e
                      WHERE e.repository_id = l.repository_id AND e.blob_id = l.blob_id LIMIT $1) AS found)
             FROM json_each($2) AS each
             JOIN blob_links l ON l.repository_id = $3 AND l.blob_id = CAST(each.value AS BIGINT)",
            values![limit, numbers(blobs.iter().map(|id| id.0))?, repository.0],
            |row| {
                Ok(LinkNeeds {
                    blob: BlobId(row.int(0)?),
                    hidden_at: row.optional_time(1)?,
                    lease_until: row.time(2)?,
                    references: row.size(3)?,
                })
            },
        )
        .await
    }

    async fn count_links(&mut self, blobs: &[BlobId], limit: u64) -> Result<Vec<Linked>> {
        self.all(
            "SELECT b.id, b.size_bytes,
                 (SELECT count(*) FROM (SELECT 1 FROM blob_links l WHERE l.blob_id = b.id LIMIT $1) AS found)
             FROM json_each($2) AS each JOIN blobs b ON b.id = CAST(each.value AS BIGINT)",
            values![limit, numbers(blobs.iter().map(|id| id.0))?],
            |row| Ok(Linked { blob: BlobId(row.int(0)?), size_bytes: row.size(1)?, links: row.size(2)? }),
        )
        .await
    }
}
