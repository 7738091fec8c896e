//! Repositories.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    AccountRecords, CollectionRecords, RepositoryRecords, Review, Viewer,
};
use longshore_domain::repository::{Repository, RepositoryId, Visibility};
use longshore_domain::{Error, Result};

use super::overfull;
use crate::tx::{Row, SqlTx, values};

pub(super) fn repository(row: &Row<'_>) -> Result<Repository> {
    Ok(Repository {
        id: RepositoryId(row.int(0)?),
        namespace_id: AccountId(row.int(1)?),
        name: row.parsed(2)?,
        visibility: row.parsed(3)?,
        created_at: row.time(4)?,
    })
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

    async fn create_repository(
        &mut self,
        namespace: AccountId,
        name: &RepositoryName,
        visibility: Visibility,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Repository> {
        let namespace_is_there = self
            .first(
                "SELECT id FROM accounts WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE",
                values![namespace.0],
                |row| row.int(0),
            )
            .await?;
        if namespace_is_there.is_none() {
            return Err(Error::RepositoryUnknown(name.clone()));
        }
        let created = self
            .first(
                "INSERT INTO repositories (namespace_id, name, visibility, created_by, created_at)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
                 RETURNING id, namespace_id, name, visibility, created_at",
                values![namespace.0, name.as_str(), visibility.as_str(), by.map(|id| id.0), at],
                repository,
            )
            .await?;
        created.ok_or_else(|| Error::Exists(format!("the repository {name}")))
    }

    async fn list_repositories(
        &mut self,
        viewer: Viewer,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Repository>> {
        let after = after.unwrap_or_default();
        if viewer == Viewer::All {
            return self
                .all(
                    "SELECT id, namespace_id, name, visibility, created_at FROM repositories
                     WHERE deleted_at IS NULL AND name > $1 ORDER BY name LIMIT $2",
                    values![after, overfull(size)],
                    repository,
                )
                .await;
        }
        let mut found = self
            .all(
                "SELECT id, namespace_id, name, visibility, created_at FROM repositories
                 WHERE deleted_at IS NULL AND visibility = 'public' AND name > $1 ORDER BY name LIMIT $2",
                values![after, overfull(size)],
                repository,
            )
            .await?;
        if let Viewer::Account(account) = viewer {
            let own = self
                .all(
                    "SELECT id, namespace_id, name, visibility, created_at FROM repositories
                     WHERE deleted_at IS NULL AND name > $1 AND namespace_id IN (
                         SELECT $2 UNION SELECT m.organization_id FROM organization_members m
                             LEFT JOIN organization_settings s ON s.organization_id = m.organization_id
                         WHERE m.user_id = $2 AND (m.role <> 'member' OR coalesce(s.members_pull, 1) = 1))
                     ORDER BY name LIMIT $3",
                    values![after, account.0, overfull(size)],
                    repository,
                )
                .await?;
            found.extend(own);
            let of_teams = self
                .all(
                    "SELECT id, namespace_id, name, visibility, created_at FROM repositories
                     WHERE deleted_at IS NULL AND name > $1 AND id IN (
                         SELECT p.repository_id FROM team_members t JOIN team_permissions p ON p.team_id = t.team_id
                         WHERE t.user_id = $2)
                     ORDER BY name LIMIT $3",
                    values![after, account.0, overfull(size)],
                    repository,
                )
                .await?;
            found.extend(of_teams);
            found.sort_by(|a, b| a.name.cmp(&b.name));
            found.dedup_by_key(|repository| repository.id);
            found.truncate(overfull(size) as usize);
        }
        Ok(found)
    }

    async fn set_visibility(&mut self, id: RepositoryId, visibility: Visibility) -> Result<()> {
        self.execute(
            "UPDATE repositories SET visibility = $1 WHERE id = $2",
            values![visibility.as_str(), id.0],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn delete_repository(&mut self, id: RepositoryId, at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE repositories SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL",
            values![at, id.0],
        )
        .await?;
        self.enqueue_review(Review::Repository(id), at).await?;
        self.advance_authority_epoch().await
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
