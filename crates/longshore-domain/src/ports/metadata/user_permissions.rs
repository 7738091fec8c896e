//! What users were given in namespaces and repositories.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::{Account, AccountId};
use crate::error::Result;
use crate::page::PageSize;
use crate::permission::{RepositoryPermission, UserPermission};
use crate::repository::RepositoryId;

/// What a permission is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionTarget {
    /// All repositories of a namespace.
    Namespace(AccountId),
    /// One repository.
    Repository(RepositoryId),
}

/// What users were given.
#[async_trait]
pub trait UserPermissionRecords {
    /// Lists what a user was given that counts in a repository of a namespace.
    async fn list_own_permissions(
        &mut self,
        namespace: AccountId,
        repository: Option<RepositoryId>,
        user: AccountId,
    ) -> Result<Vec<RepositoryPermission>>;
    /// Returns whether a user was given something in a single repository of a namespace.
    async fn has_repository_permissions(&mut self, namespace: AccountId, user: AccountId) -> Result<bool>;
    /// Finds what a user was given.
    async fn find_user_permission(
        &mut self,
        target: PermissionTarget,
        user: AccountId,
    ) -> Result<Option<RepositoryPermission>>;
    /// Lists the users who were given something by name, at most `size`.
    async fn list_user_permissions(
        &mut self,
        target: PermissionTarget,
        size: PageSize,
    ) -> Result<Vec<UserPermission>>;
    /// Counts the users who were given something.
    async fn count_user_permissions(&mut self, target: PermissionTarget) -> Result<u64>;
    /// Grants a user a permission, or replaces it.
    async fn put_user_permission(
        &mut self,
        target: PermissionTarget,
        user: AccountId,
        permission: RepositoryPermission,
        at: Timestamp,
    ) -> Result<()>;
    /// Takes from a user what it was given; false when it was nothing.
    async fn delete_user_permission(&mut self, target: PermissionTarget, user: AccountId) -> Result<bool>;
    /// Takes from a user all that it was given in a namespace and its repositories.
    async fn delete_user_permissions(&mut self, namespace: AccountId, user: AccountId) -> Result<()>;
    /// Lists the namespaces in which a user was given something as a whole, by name, at most `size`.
    async fn list_permitted_namespaces(
        &mut self,
        user: AccountId,
        size: PageSize,
    ) -> Result<Vec<(Account, RepositoryPermission)>>;
    /// Lists the namespaces of repositories in which a user was given something, by name, at most `size`.
    async fn list_visible_namespaces(&mut self, user: AccountId, size: PageSize) -> Result<Vec<Account>>;
}
