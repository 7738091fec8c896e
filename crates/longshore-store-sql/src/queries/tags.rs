//! Tags and their history.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::deletion::{DeletedKind, NewDeletion};
use longshore_domain::digest::Digest;
use longshore_domain::image::TagQuery;
use longshore_domain::name::Tag;
use longshore_domain::page::{KeyedPage, Page, PageSize};
use longshore_domain::ports::metadata::{ManifestId, MovedWith, Mover, PushedTag, TagInterval, TagRecords};
use longshore_domain::repository::RepositoryId;
use longshore_domain::tag_order::{TagKey, version_key};

use super::deletions::Part;
use super::reach::numbers;
use super::tag_lists::names_between;
use super::{overfull, texts};
use crate::tx::{Row, SqlTx, row, values};

pub(super) fn pushed_tag(row: &Row<'_>) -> Result<PushedTag> {
    Ok(PushedTag {
        tag: row.parsed(0)?,
        pushed_at: row.time(1)?,
        manifest: ManifestId(row.int(2)?),
        digest: row.parsed(3)?,
    })
}

fn tag_interval(row: &Row<'_>) -> Result<TagInterval> {
    Ok(TagInterval {
        digest: row.parsed(0)?,
        from: row.time(1)?,
        until: row.optional_time(2)?,
        set_by: row.optional_text(3)?,
        ended_by: row.optional_text(4)?,
        set_with: moved_with(row, 5)?,
        ended_with: moved_with(row, 7)?,
    })
}

/// Reads how somebody had signed in, and the label of the access token.
fn moved_with(row: &Row<'_>, column: usize) -> Result<Option<MovedWith>> {
    let Some(proof) = row.optional_text(column)? else { return Ok(None) };
    Ok(Some(MovedWith { proof: proof.parse()?, token: row.optional_text(column + 1)? }))
}

/// Writes the names of tags as a list that statements read.
fn names_of(tags: &[&Tag]) -> Result<String> {
    texts(tags.iter().map(ToString::to_string).collect())
}

impl SqlTx<'_> {
    /// Ends what tags point at now, after it has begun, whoever's clock wrote that.
    async fn end_tag_intervals<'t>(
        &mut self,
        repository: RepositoryId,
        tags: impl IntoIterator<Item = &'t Tag> + Send,
        by: &Mover,
    ) -> Result<()> {
        let Mover { account, credential, at } = *by;
        let (account, token) = (account.map(|id| id.0), credential.token.map(|id| id.0));
        let how = credential.proof.as_str();
        let rows =
            tags.into_iter().map(|tag| row![at, account, how, token, repository.0, tag.as_str()]).collect();
        // One name at a time: given several, SQLite may read all that each tag ever pointed at.
        self.execute_each(
            "UPDATE tag_history SET until_at = CASE WHEN from_at < $1 THEN $1 ELSE from_at + 1 END,
                 ended_by = $2, ended_how = $3, ended_token = $4
             WHERE repository_id = $5 AND until_at IS NULL AND name = $6",
            rows,
        )
        .await
    }

    async fn begin_tag_intervals(
        &mut self,
        repository: RepositoryId,
        tags: &[&Tag],
        digest: &Digest,
        by: &Mover,
    ) -> Result<()> {
        self.end_tag_intervals(repository, tags.iter().copied(), by).await?;
        let tags = names_of(tags)?;
        // Not before the end of the last one, which another node's clock may have written.
        self.execute_later(
            "INSERT INTO tag_history (repository_id, name, digest, from_at, moved_by, moved_how, moved_token)
             SELECT $1, last.name, $2, CASE WHEN last.until_at > $3 THEN last.until_at ELSE $3 END, CAST($4 AS BIGINT),
                 CAST($5 AS TEXT), CAST($6 AS BIGINT)
             FROM (SELECT each.value AS name, coalesce((SELECT h.until_at FROM tag_history h
                     WHERE h.repository_id = $1 AND h.name = each.value ORDER BY h.from_at DESC, h.id DESC LIMIT 1), 0) AS until_at
                 FROM json_each($7) AS each) AS last",
            row![
                repository.0,
                digest,
                by.at,
                by.account.map(|id| id.0),
                by.credential.proof.as_str(),
                by.credential.token.map(|id| id.0),
                tags
            ],
        )
        .await
    }
}

#[async_trait]
impl TagRecords for SqlTx<'_> {
    async fn set_tags(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        held: &[PushedTag],
        manifest: ManifestId,
        digest: &Digest,
        by: &Mover,
    ) -> Result<()> {
        let (by_id, at) = (by.account.map(|id| id.0), by.at);
        let there: BTreeMap<&Tag, ManifestId> = held.iter().map(|held| (&held.tag, held.manifest)).collect();
        let (known, new): (Vec<&Tag>, Vec<&Tag>) = tags.iter().partition(|tag| there.contains_key(tag));
        if !new.is_empty() {
            // One row at a time, as each has a version of its own. A tag that there was before remembers when it was pulled.
            let rows = new.iter().map(|tag| {
                row![repository.0, tag.as_str(), manifest.0, at, by_id, version_key(tag.as_str())]
            });
            self.execute_each(
                "INSERT INTO tags (repository_id, name, manifest_id, created_at, updated_at, updated_by, version_key,
                     size_bytes, pulled_at)
                 VALUES ($1, $2, $3, $4, $4, $5, $6, (SELECT m.total_size_bytes FROM manifests m WHERE m.id = $3), coalesce((
                     SELECT p.last_pulled_at FROM tag_pulls p WHERE p.repository_id = $1 AND p.name = $2), 0))",
                rows.collect(),
            )
            .await?;
            let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
            self.pending.image(manifest.0).tags += count;
            self.pending.counts(repository.0).tags += count;
        }
        if !known.is_empty() {
            self.execute_later(
                "UPDATE tags SET manifest_id = $1, updated_at = $2, updated_by = $3,
                     size_bytes = (SELECT m.total_size_bytes FROM manifests m WHERE m.id = $1)
                 WHERE repository_id = $4 AND name IN (SELECT value FROM json_each($5))",
                row![manifest.0, at, by_id, repository.0, names_of(&known)?],
            )
            .await?;
        }
        let mut changed = new;
        for tag in known {
            let previous = there[tag];
            if previous != manifest {
                self.pending.image(previous.0).tags -= 1;
                self.pending.image(manifest.0).tags += 1;
                changed.push(tag);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.begin_tag_intervals(repository, &changed, digest, by).await
    }

    async fn lock_tags_to_set(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<PushedTag>> {
        // Also of tags that there are not yet.
        let names = texts(tags.iter().map(Tag::to_string).collect())?;
        self.lock_names(repository.0, &names).await?;
        self.lock_tags(repository, tags).await
    }

    async fn lock_tags(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<PushedTag>> {
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let names = texts(tags.iter().map(Tag::to_string).collect())?;
        if !self.has_one_writer() {
            self.execute_later(
                "SELECT name, updated_at, manifest_id FROM tags
                 WHERE repository_id = $1 AND name IN (SELECT value FROM json_each($2)) ORDER BY name FOR UPDATE",
                row![repository.0, names.as_str()],
            )
            .await?;
        }
        // A statement of its own: joined, it would see the tags as they were before the locks were waited for.
        self.all(
            "SELECT t.name, t.updated_at, t.manifest_id, m.digest FROM tags t JOIN manifests m ON m.id = t.manifest_id
             WHERE t.repository_id = $1 AND t.name IN (SELECT value FROM json_each($2))",
            values![repository.0, names],
            pushed_tag,
        )
        .await
    }

    async fn delete_tags(&mut self, held: &[PushedTag], deletion: &NewDeletion) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let repository = deletion.repository;
        let names = texts(held.iter().map(|held| held.tag.to_string()).collect())?;
        self.execute_later(
            "DELETE FROM tags WHERE repository_id = $1 AND name IN (SELECT value FROM json_each($2))",
            row![repository.0, names],
        )
        .await?;
        let tags = held.iter().map(|held| &held.tag);
        self.end_tag_intervals(repository, tags, &deletion.into()).await?;
        for tag in held {
            self.pending.image(tag.manifest.0).tags -= 1;
            self.pending.counts(repository.0).tags -= 1;
        }
        let parts = held.iter().map(|held| Part {
            kind: DeletedKind::Tag,
            name: held.tag.as_str(),
            digest: held.digest,
            subject: held.manifest.0,
        });
        let parts: Vec<Part<'_>> = parts.collect();
        self.note_deleted(deletion, &parts).await
    }

    async fn list_tags(&mut self, query: &TagQuery) -> Result<KeyedPage<Tag, TagKey>> {
        self.find_tags(query).await
    }

    async fn add_version_keys(&mut self, size: PageSize) -> Result<u64> {
        let found = self
            .all(
                "SELECT repository_id, name FROM tags WHERE version_key = '' ORDER BY repository_id, name LIMIT $1",
                values![size.get()],
                |row| Ok((row.int(0)?, row.text(1)?)),
            )
            .await?;
        let rows: Vec<_> = found
            .iter()
            .map(|(repository, name)| row![version_key(name), *repository, name.as_str()])
            .collect();
        self.execute_each("UPDATE tags SET version_key = $1 WHERE repository_id = $2 AND name = $3", rows)
            .await?;
        Ok(found.len() as u64)
    }

    async fn list_first_tags_of_each(
        &mut self,
        manifests: &[ManifestId],
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Tag)>> {
        // No tag comes behind a tilde.
        let mut found = self
            .all(
                "SELECT t.manifest_id, t.name FROM json_each($1) AS each
                 JOIN tags t ON t.manifest_id = CAST(each.value AS BIGINT) AND t.name <= coalesce((
                     SELECT l.name FROM tags l WHERE l.manifest_id = CAST(each.value AS BIGINT)
                     ORDER BY l.name LIMIT 1 OFFSET $2), '~')",
                values![numbers(manifests.iter().map(|id| id.0))?, size.get() - 1],
                |row| Ok((ManifestId(row.int(0)?), row.parsed(1)?)),
            )
            .await?;
        found.sort_unstable();
        Ok(found)
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

    async fn find_tags_at(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        at: Timestamp,
    ) -> Result<BTreeMap<Tag, TagInterval>> {
        let names = texts(tags.iter().map(Tag::to_string).collect())?;
        // What had begun last, of each tag; it may have ended.
        let found = self
            .all(
                "SELECT h.digest, h.from_at, h.until_at, m.name, e.name, h.moved_how, k.label, h.ended_how, d.label, h.name
                 FROM json_each($1) AS each
                 JOIN tag_history h ON h.id = (SELECT b.id FROM tag_history b
                     WHERE b.repository_id = $2 AND b.name = each.value AND b.from_at <= $3
                     ORDER BY b.from_at DESC, b.id DESC LIMIT 1)
                 LEFT JOIN accounts m ON m.id = h.moved_by LEFT JOIN accounts e ON e.id = h.ended_by
                 LEFT JOIN access_tokens k ON k.id = h.moved_token LEFT JOIN access_tokens d ON d.id = h.ended_token
                 WHERE h.until_at IS NULL OR h.until_at > $3",
                values![names, repository.0, at],
                |row| Ok((row.parsed(9)?, tag_interval(row)?)),
            )
            .await?;
        Ok(found.into_iter().collect())
    }

    async fn list_tags_ever(
        &mut self,
        repository: RepositoryId,
        beginning: &str,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Page<Tag>> {
        let (low, high) = names_between(beginning, after);
        // From one name to the next by index, whatever each has been.
        let mut found: Vec<Tag> = self
            .all(
                "WITH RECURSIVE names (name, number) AS (
                     SELECT (SELECT min(h.name) FROM tag_history h WHERE h.repository_id = $1 AND h.name >= $2), CAST(1 AS BIGINT)
                     UNION ALL
                     SELECT (SELECT min(h.name) FROM tag_history h WHERE h.repository_id = $1 AND h.name > names.name),
                         names.number + 1
                     FROM names WHERE names.name < $3 AND names.number < $4)
                 SELECT name FROM names WHERE name < $3",
                values![repository.0, low, high, overfull(size)],
                |row| row.parsed(0),
            )
            .await?;
        found.sort();
        Ok(Page::from_overfull(found, size))
    }

    async fn list_tag_history(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        before: Timestamp,
        size: PageSize,
    ) -> Result<Page<TagInterval>> {
        let found = self
            .all(
                "SELECT h.digest, h.from_at, h.until_at, m.name, e.name, h.moved_how, k.label, h.ended_how, d.label
                 FROM tag_history h
                 LEFT JOIN accounts m ON m.id = h.moved_by LEFT JOIN accounts e ON e.id = h.ended_by
                 LEFT JOIN access_tokens k ON k.id = h.moved_token LEFT JOIN access_tokens d ON d.id = h.ended_token
                 WHERE h.repository_id = $1 AND h.name = $2 AND h.from_at < $3
                 ORDER BY h.from_at DESC, h.id DESC LIMIT $4",
                values![repository.0, tag.as_str(), before, overfull(size)],
                tag_interval,
            )
            .await?;
        Ok(Page::from_overfull(found, size))
    }
}
