//! Tags and their history.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{ManifestId, PushedTag, TagInterval, TagRecords};
use longshore_domain::repository::RepositoryId;

use super::{COLLISIONS, collided, overfull, texts};
use crate::tx::{Row, SqlTx, row, values};

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

    /// Holds the rows of tags in the order of their names, and gives them.
    async fn hold_tag_rows(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
    ) -> Result<Vec<(Tag, Timestamp, i64)>> {
        let names = texts(tags.iter().map(Tag::to_string).collect())?;
        self.all(
            "SELECT name, updated_at, manifest_id FROM tags
             WHERE repository_id = $1 AND name IN (SELECT value FROM json_each($2)) ORDER BY name FOR UPDATE",
            values![repository.0, names],
            |row| Ok((row.parsed(0)?, row.time(1)?, row.int(2)?)),
        )
        .await
    }

    /// Ends what tags point at now, after it has begun, whoever's clock wrote that.
    async fn end_tag_intervals(
        &mut self,
        repository: RepositoryId,
        tags: &str,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE tag_history SET until_at = CASE WHEN from_at < $1 THEN $1 ELSE from_at + 1 END, ended_by = $2
             WHERE repository_id = $3 AND until_at IS NULL AND name IN (SELECT value FROM json_each($4))",
            values![at, by.map(|id| id.0), repository.0, tags],
        )
        .await
        .map(|_| ())
    }

    async fn begin_tag_interval(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        digest: &Digest,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE tag_history SET until_at = CASE WHEN from_at < $1 THEN $1 ELSE from_at + 1 END, ended_by = $2
             WHERE repository_id = $3 AND name = $4 AND until_at IS NULL",
            values![at, by.map(|id| id.0), repository.0, tag.as_str()],
        )
        .await?;
        // Not before the end of the last one, which another node's clock may have written.
        self.execute(
            "INSERT INTO tag_history (repository_id, name, digest, from_at, moved_by)
             SELECT $1, $2, $3, CASE WHEN last.until_at > $4 THEN last.until_at ELSE $4 END, CAST($5 AS BIGINT)
             FROM (SELECT coalesce((SELECT until_at FROM tag_history WHERE repository_id = $1 AND name = $2
                 ORDER BY id DESC LIMIT 1), 0) AS until_at) AS last",
            values![repository.0, tag.as_str(), digest, at, by.map(|id| id.0)],
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
                self.pending.image(manifest.0).tags += 1;
                self.pending.counts(repository.0).tags += 1;
            }
            Some((id, _)) if *id != manifest => {
                self.pending.image(id.0).tags -= 1;
                self.pending.image(manifest.0).tags += 1;
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
            self.begin_tag_interval(repository, tag, digest, by, at).await?;
        }
        Ok(previous)
    }

    async fn hold_tags_to_set(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<()> {
        if self.has_one_writer() {
            return Ok(());
        }
        // Also of tags that there are not yet.
        self.hold_names(repository.0, texts(tags.iter().map(Tag::to_string).collect())?).await?;
        self.hold_tag_rows(repository, tags).await.map(|_| ())
    }

    async fn hold_tags(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<PushedTag>> {
        let rows = self.hold_tag_rows(repository, tags).await?;
        let ids: BTreeSet<i64> = rows.iter().map(|(_, _, manifest)| *manifest).collect();
        let keys: Vec<_> = ids.into_iter().map(|id| row![id]).collect();
        // Not joined: the join would see the tags as they were before the locks were waited for.
        let digests: BTreeMap<ManifestId, Digest> = self
            .one_each("SELECT id, digest FROM manifests WHERE id = $1", &keys, target)
            .await?
            .into_iter()
            .collect();
        let held = rows.into_iter().filter_map(|(tag, pushed_at, manifest)| {
            let manifest = ManifestId(manifest);
            digests.get(&manifest).map(|digest| PushedTag { tag, pushed_at, manifest, digest: *digest })
        });
        Ok(held.collect())
    }

    async fn delete_tags(
        &mut self,
        repository: RepositoryId,
        held: &[PushedTag],
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let names = texts(held.iter().map(|held| held.tag.to_string()).collect())?;
        self.execute(
            "DELETE FROM tags WHERE repository_id = $1 AND name IN (SELECT value FROM json_each($2))",
            values![repository.0, names.as_str()],
        )
        .await?;
        self.end_tag_intervals(repository, &names, by, at).await?;
        for tag in held {
            self.pending.image(tag.manifest.0).tags -= 1;
            self.pending.counts(repository.0).tags -= 1;
        }
        Ok(())
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

    async fn list_tags_of(
        &mut self,
        manifest: ManifestId,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Tag>> {
        self.all(
            "SELECT name FROM tags WHERE manifest_id = $1 AND name > $2 ORDER BY name LIMIT $3",
            values![manifest.0, after.unwrap_or_default(), size.get()],
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
