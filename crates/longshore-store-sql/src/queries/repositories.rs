//! Repositories.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::deletion::NewDeletion;
use longshore_domain::existing::Existing;
use longshore_domain::immutability::ImmutableTags;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::Page;
use longshore_domain::ports::metadata::{AccountRecords, GcRecords, RepositoryRecords, Review};
use longshore_domain::repository::query::{Repositories, RepositoryQuery};
use longshore_domain::repository::{
    Repository, RepositoryChange, RepositoryDetails, RepositoryId, RepositoryListing, Visibility, words,
};
use longshore_domain::{Error, Result};

use crate::tx::{Row, SqlTx, row, values};

pub(super) fn repository(row: &Row<'_>) -> Result<Repository> {
    Ok(Repository {
        id: RepositoryId(row.int(0)?),
        namespace_id: AccountId(row.int(1)?),
        name: row.parsed(2)?,
        visibility: row.parsed(3)?,
        created_at: row.time(4)?,
    })
}

fn immutable_tags(row: &Row<'_>, from: usize) -> Result<ImmutableTags> {
    let rules: Vec<String> = serde_json::from_str(&row.text(from + 1)?).map_err(Error::internal)?;
    Ok(ImmutableTags::from_stored(row.truth(from)?, rules))
}

pub(super) fn details(row: &Row<'_>) -> Result<RepositoryDetails> {
    Ok(RepositoryDetails {
        repository: repository(row)?,
        description: row.text(5)?,
        full_description: row.text(6)?,
        immutable_tags: immutable_tags(row, 7)?,
        pulls: row.size(9)?,
        updated_at: row.time(10)?,
    })
}

impl SqlTx<'_> {
    async fn put_immutable_tags(
        &mut self,
        id: RepositoryId,
        tags: &ImmutableTags,
        is_owners: bool,
    ) -> Result<()> {
        let rules = serde_json::to_string(tags.rules()).map_err(Error::internal)?;
        self.execute(
            "UPDATE repositories SET has_immutable_tags = $1, immutable_tag_rules = $2, immutability_is_owners = $3
             WHERE id = $4",
            values![tags.is_enabled(), rules, is_owners, id.0],
        )
        .await
        .map(|_| ())
    }

    /// Keeps others from deleting the account of a namespace in which a repository of this name is to be.
    pub(super) async fn hold_namespace(&mut self, namespace: AccountId, name: &RepositoryName) -> Result<()> {
        let sql = "SELECT id FROM accounts WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE";
        let held = self.first(sql, values![namespace.0], |row| row.int(0)).await?;
        held.map(|_| ()).ok_or_else(|| Error::RepositoryUnknown(name.clone()))
    }
}

#[async_trait]
impl RepositoryRecords for SqlTx<'_> {
    async fn find_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>> {
        self.first(
            "SELECT id, namespace_id, name, visibility, created_at FROM repositories WHERE name = $1 AND deleted_at IS NULL",
            values![name.as_str()],
            repository,
        )
        .await
    }

    async fn lock_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>> {
        self.first(
            "SELECT id, namespace_id, name, visibility, created_at FROM repositories
             WHERE name = $1 AND deleted_at IS NULL FOR KEY SHARE",
            values![name.as_str()],
            repository,
        )
        .await
    }

    async fn hold_repository(&mut self, id: RepositoryId) -> Result<bool> {
        let sql = "SELECT id FROM repositories WHERE id = $1 AND deleted_at IS NULL FOR SHARE";
        let held = self.first(sql, values![id.0], |row| row.int(0)).await?;
        Ok(held.is_some())
    }

    async fn create_repository(
        &mut self,
        namespace: AccountId,
        name: &RepositoryName,
        visibility: Visibility,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Repository> {
        self.hold_namespace(namespace, name).await?;
        let created = self
            .first(
                "INSERT INTO repositories (namespace_id, name, visibility, created_by, created_at)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
                 RETURNING id, namespace_id, name, visibility, created_at",
                values![namespace.0, name.as_str(), visibility.as_str(), by.map(|id| id.0), at],
                repository,
            )
            .await?;
        let created = created.ok_or_else(|| Error::Exists(Existing::Repository(name.clone())))?;
        self.execute(
            "INSERT INTO repository_totals (repository_id, namespace_id, tags, images, pulls, updated_at)
             VALUES ($1, $2, 0, 0, 0, $3)",
            values![created.id.0, namespace.0, at],
        )
        .await?;
        let rows: Vec<_> = words(name).into_iter().map(|word| row![word, created.id.0]).collect();
        self.execute_each("INSERT INTO repository_words (word, repository_id) VALUES ($1, $2)", rows).await?;
        Ok(created)
    }

    async fn list_repositories(&mut self, query: &RepositoryQuery) -> Result<Page<Repository>> {
        self.find_repositories(query).await
    }

    async fn list_repository_listings(&mut self, query: &RepositoryQuery) -> Result<Page<RepositoryListing>> {
        self.find_listings(query).await
    }

    async fn count_repositories(&mut self, among: &Repositories) -> Result<Option<u64>> {
        self.count_among(among).await
    }

    async fn find_repository_details(&mut self, id: RepositoryId) -> Result<Option<RepositoryDetails>> {
        self.first(
            "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                 r.has_immutable_tags, r.immutable_tag_rules,
                 coalesce(t.pulls, 0) + (SELECT CAST(coalesce(sum(c.pulls), 0) AS BIGINT) FROM repository_changes c WHERE c.repository_id = r.id),
                 (SELECT max(n.at) FROM (SELECT coalesce(t.updated_at, r.created_at) AS at
                     UNION ALL SELECT c.pushed_at FROM repository_changes c WHERE c.repository_id = r.id) AS n)
             FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id
             WHERE r.id = $1 AND r.deleted_at IS NULL",
            values![id.0],
            details,
        )
        .await
    }

    async fn lock_repository_settings(&mut self, id: RepositoryId) -> Result<()> {
        let sql = "SELECT id FROM repositories WHERE id = $1 FOR NO KEY UPDATE";
        self.first(sql, values![id.0], |row| row.int(0)).await.map(|_| ())
    }

    async fn change_repository(&mut self, id: RepositoryId, change: &RepositoryChange) -> Result<()> {
        self.execute(
            "UPDATE repositories SET description = coalesce($1, description),
                 full_description = coalesce($2, full_description), visibility = coalesce($3, visibility),
                 category = coalesce($4, category) WHERE id = $5",
            values![
                change.description.as_deref(),
                change.full_description.as_deref(),
                change.visibility.map(Visibility::as_str),
                change.category.as_deref(),
                id.0
            ],
        )
        .await?;
        if let Some(tags) = &change.immutable_tags {
            self.put_immutable_tags(id, tags, change.immutability_is_owners).await?;
        }
        match change.visibility.is_some() || change.immutable_tags.is_some() {
            true => self.advance_authority_epoch().await,
            false => Ok(()),
        }
    }

    async fn is_immutability_owners(&mut self, id: RepositoryId) -> Result<bool> {
        let sql = "SELECT immutability_is_owners FROM repositories WHERE id = $1";
        self.first(sql, values![id.0], |row| row.truth(0)).await.map(Option::unwrap_or_default)
    }

    async fn find_immutable_tags(&mut self, id: RepositoryId) -> Result<ImmutableTags> {
        let found = self
            .first(
                "SELECT has_immutable_tags, immutable_tag_rules FROM repositories WHERE id = $1 FOR SHARE",
                values![id.0],
                |row| immutable_tags(row, 0),
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn delete_repository(&mut self, id: RepositoryId, deletion: &NewDeletion) -> Result<bool> {
        let deleted = self
            .execute(
                "UPDATE repositories SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL",
                values![deletion.at, id.0],
            )
            .await?;
        if deleted == 0 {
            return Ok(false);
        }
        self.note_repository_deleted(deletion).await?;
        self.enqueue_review(Review::Repository(id), deletion.at).await?;
        self.advance_authority_epoch().await?;
        Ok(true)
    }

    async fn has_repositories(&mut self, namespace: AccountId) -> Result<bool> {
        self.one(
            "SELECT EXISTS (SELECT 1 FROM repositories WHERE namespace_id = $1 AND deleted_at IS NULL)",
            values![namespace.0],
            |row| row.truth(0),
        )
        .await
    }
}
