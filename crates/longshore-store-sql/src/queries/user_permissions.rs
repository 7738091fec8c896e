//! What users were given in namespaces and repositories.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::{Account, AccountId};
use longshore_domain::page::PageSize;
use longshore_domain::permission::{RepositoryPermission, UserPermission};
use longshore_domain::ports::metadata::{AccountRecords, PermissionTarget, UserPermissionRecords};
use longshore_domain::repository::RepositoryId;

use super::accounts::account;
use crate::tx::{Row, SqlTx, values};

fn user_permission(row: &Row<'_>) -> Result<UserPermission> {
    Ok(UserPermission {
        user_id: AccountId(row.int(0)?),
        uuid: row.uuid(1)?,
        name: row.parsed(2)?,
        permission: row.parsed(3)?,
    })
}

#[async_trait]
impl UserPermissionRecords for SqlTx<'_> {
    async fn list_own_permissions(
        &mut self,
        namespace: AccountId,
        repository: Option<RepositoryId>,
        user: AccountId,
    ) -> Result<Vec<RepositoryPermission>> {
        self.all(
            "SELECT permission FROM namespace_users WHERE namespace_id = $1 AND user_id = $2
             UNION ALL SELECT permission FROM repository_users WHERE repository_id = $3 AND user_id = $2",
            values![namespace.0, user.0, repository.map(|id| id.0).unwrap_or_default()],
            |row| row.parsed(0),
        )
        .await
    }

    async fn has_repository_permissions(&mut self, namespace: AccountId, user: AccountId) -> Result<bool> {
        let found = self
            .first(
                "SELECT 1 FROM repository_users p JOIN repositories r ON r.id = p.repository_id
                 WHERE p.user_id = $1 AND r.namespace_id = $2 AND r.deleted_at IS NULL LIMIT 1",
                values![user.0, namespace.0],
                |_| Ok(()),
            )
            .await?;
        Ok(found.is_some())
    }

    async fn find_user_permission(
        &mut self,
        target: PermissionTarget,
        user: AccountId,
    ) -> Result<Option<RepositoryPermission>> {
        let (sql, id) = match target {
            PermissionTarget::Namespace(id) => {
                ("SELECT permission FROM namespace_users WHERE namespace_id = $1 AND user_id = $2", id.0)
            }
            PermissionTarget::Repository(id) => {
                ("SELECT permission FROM repository_users WHERE repository_id = $1 AND user_id = $2", id.0)
            }
        };
        self.first(sql, values![id, user.0], |row| row.parsed(0)).await
    }

    async fn list_user_permissions(
        &mut self,
        target: PermissionTarget,
        size: PageSize,
    ) -> Result<Vec<UserPermission>> {
        let (sql, id) = match target {
            PermissionTarget::Namespace(id) => (
                "SELECT a.id, a.uuid, a.name, p.permission FROM namespace_users p JOIN accounts a ON a.id = p.user_id
                 WHERE p.namespace_id = $1 ORDER BY a.name LIMIT $2",
                id.0,
            ),
            PermissionTarget::Repository(id) => (
                "SELECT a.id, a.uuid, a.name, p.permission FROM repository_users p JOIN accounts a ON a.id = p.user_id
                 WHERE p.repository_id = $1 ORDER BY a.name LIMIT $2",
                id.0,
            ),
        };
        self.all(sql, values![id, size.get()], user_permission).await
    }

    async fn count_user_permissions(&mut self, target: PermissionTarget) -> Result<u64> {
        let (sql, id) = match target {
            PermissionTarget::Namespace(id) => {
                ("SELECT count(*) FROM namespace_users WHERE namespace_id = $1", id.0)
            }
            PermissionTarget::Repository(id) => {
                ("SELECT count(*) FROM repository_users WHERE repository_id = $1", id.0)
            }
        };
        self.one(sql, values![id], |row| row.size(0)).await
    }

    async fn put_user_permission(
        &mut self,
        target: PermissionTarget,
        user: AccountId,
        permission: RepositoryPermission,
        at: Timestamp,
    ) -> Result<()> {
        let (sql, id) = match target {
            PermissionTarget::Namespace(id) => (
                "INSERT INTO namespace_users (namespace_id, user_id, permission, created_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (namespace_id, user_id) DO UPDATE SET permission = excluded.permission",
                id.0,
            ),
            PermissionTarget::Repository(id) => (
                "INSERT INTO repository_users (repository_id, user_id, permission, created_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (repository_id, user_id) DO UPDATE SET permission = excluded.permission",
                id.0,
            ),
        };
        self.execute(sql, values![id, user.0, permission.as_str(), at]).await?;
        self.advance_authority_epoch().await
    }

    async fn delete_user_permission(&mut self, target: PermissionTarget, user: AccountId) -> Result<bool> {
        let (sql, id) = match target {
            PermissionTarget::Namespace(id) => {
                ("DELETE FROM namespace_users WHERE namespace_id = $1 AND user_id = $2", id.0)
            }
            PermissionTarget::Repository(id) => {
                ("DELETE FROM repository_users WHERE repository_id = $1 AND user_id = $2", id.0)
            }
        };
        let deleted = self.execute(sql, values![id, user.0]).await?;
        self.advance_authority_epoch().await?;
        Ok(deleted > 0)
    }

    async fn delete_user_permissions(&mut self, namespace: AccountId, user: AccountId) -> Result<()> {
        self.delete_user_permission(PermissionTarget::Namespace(namespace), user).await?;
        self.execute(
            "DELETE FROM repository_users WHERE user_id = $1 AND repository_id IN (
                 SELECT r.id FROM repositories r WHERE r.id = repository_id AND r.namespace_id = $2)",
            values![user.0, namespace.0],
        )
        .await
        .map(|_| ())
    }

    async fn list_permitted_namespaces(
        &mut self,
        user: AccountId,
        size: PageSize,
    ) -> Result<Vec<(Account, RepositoryPermission)>> {
        self.all(
            "SELECT a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
                 a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email, p.permission
             FROM namespace_users p JOIN accounts a ON a.id = p.namespace_id
             WHERE p.user_id = $1 AND a.deleted_at IS NULL ORDER BY a.name LIMIT $2",
            values![user.0, size.get()],
            |row| Ok((account(row)?, row.parsed(15)?)),
        )
        .await
    }

    async fn list_visible_namespaces(&mut self, user: AccountId, size: PageSize) -> Result<Vec<Account>> {
        self.all(
            "SELECT a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
                 a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email
             FROM accounts a WHERE a.deleted_at IS NULL AND a.id IN (
                 SELECT r.namespace_id FROM repository_users p JOIN repositories r ON r.id = p.repository_id
                 WHERE p.user_id = $1 AND r.deleted_at IS NULL)
             ORDER BY a.name LIMIT $2",
            values![user.0, size.get()],
            account,
        )
        .await
    }
}
