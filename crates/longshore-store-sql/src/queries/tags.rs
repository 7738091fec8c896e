//! Tags and their history.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ManifestId, TagInterval, TagRecords};
use longshore_domain::repository::RepositoryId;

use super::{COLLISIONS, collided, overfull};
use crate::tx::{Row, SqlTx, values};

fn target(row: &Row<'_>) -> Result<(ManifestId, Digest)> {
    Ok((ManifestId(row.int(0)?), row.parsed(1)?))
}

impl SqlTx<'_> {
    /// Gives what a tag points at, and keeps others from moving it.
    async fn hold_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
    ) -> Result<Option<(ManifestId, Digest)>> {
        // Not joined: the join would see the tag as it was before the lock was waited for.
        let manifest = self
            .first(
                "SELECT manifest_id FROM tags WHERE repository_id = $1 AND name = $2 FOR UPDATE",
                values![repository.0, tag.as_str()],
                |row| row.int(0),
            )
            .await?;
        let Some(manifest) = manifest else { return Ok(None) };
        self.first("SELECT id, digest FROM manifests WHERE id = $1", values![manifest], target).await
    }

    async fn end_tag_interval(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE tag_history SET until_at = $1, ended_by = $2 WHERE repository_id = $3 AND name = $4 AND until_at IS NULL",
            values![at, by.map(|id| id.0), repository.0, tag.as_str()],
        )
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl TagRecords for SqlTx<'_> {
    async fn set_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        manifest: ManifestId,
        digest: &Digest,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>> {
        let by_id = by.map(|id| id.0);
        let mut previous = self.hold_tag(repository, tag).await?;
        let mut is_there = previous.is_some();
        for _ in 0..COLLISIONS {
            if is_there {
                break;
            }
            let created = self
                .execute(
                    "INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at, updated_by)
                     VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (repository_id, name) DO NOTHING",
                    values![repository.0, tag.as_str(), manifest.0, at, by_id],
                )
                .await?;
            if created == 0 {
                // Somebody else created it meanwhile, and perhaps deleted it again.
                previous = self.hold_tag(repository, tag).await?;
            }
            is_there = created > 0 || previous.is_some();
        }
        if !is_there {
            return Err(collided("a tag"));
        }
        match &previous {
            None => {
                self.change_image_tags(manifest, 1).await?;
                self.change_counts(repository, 1, 0, 0, 0).await?;
            }
            Some((id, _)) if *id != manifest => {
                // In one order everywhere.
                let mut changes = [(*id, -1), (manifest, 1)];
                changes.sort_unstable();
                for (id, by) in changes {
                    self.change_image_tags(id, by).await?;
                }
            }
            Some(_) => {}
        }
        if previous.is_some() {
            self.execute(
                "UPDATE tags SET manifest_id = $1, updated_at = $2, updated_by = $3 WHERE repository_id = $4 AND name = $5",
                values![manifest.0, at, by_id, repository.0, tag.as_str()],
            )
            .await?;
        }
        if previous.as_ref().is_none_or(|(id, _)| *id != manifest) {
            self.end_tag_interval(repository, tag, by, at).await?;
            self.execute(
                "INSERT INTO tag_history (repository_id, name, digest, from_at, moved_by) VALUES ($1, $2, $3, $4, $5)",
                values![repository.0, tag.as_str(), digest, at, by_id],
            )
            .await?;
        }
        Ok(previous)
    }

    async fn delete_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        from: Option<ManifestId>,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>> {
        let found = self.hold_tag(repository, tag).await?;
        let previous = found.filter(|(manifest, _)| from.is_none_or(|from| from == *manifest));
        if let Some((manifest, _)) = &previous {
            self.change_image_tags(*manifest, -1).await?;
            self.change_counts(repository, -1, 0, 0, 0).await?;
            self.execute(
                "DELETE FROM tags WHERE repository_id = $1 AND name = $2",
                values![repository.0, tag.as_str()],
            )
            .await?;
            self.end_tag_interval(repository, tag, by, at).await?;
        }
        Ok(previous)
    }

    async fn list_tags(
        &mut self,
        repository: RepositoryId,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Tag>> {
        self.all(
            "SELECT name FROM tags WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3",
            values![repository.0, after.unwrap_or_default(), overfull(size)],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_tags_of(&mut self, manifest: ManifestId, size: PageSize) -> Result<Vec<Tag>> {
        self.all(
            "SELECT name FROM tags WHERE manifest_id = $1 ORDER BY name LIMIT $2",
            values![manifest.0, size.get()],
            |row| row.parsed(0),
        )
        .await
    }

    async fn list_tag_history(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        size: PageSize,
    ) -> Result<Vec<TagInterval>> {
        self.all(
            "SELECT digest, from_at, until_at FROM tag_history WHERE repository_id = $1 AND name = $2 ORDER BY id DESC LIMIT $3",
            values![repository.0, tag.as_str(), size.get()],
            |row| Ok(TagInterval { digest: row.parsed(0)?, from: row.time(1)?, until: row.optional_time(2)? }),
        )
        .await
    }
}
