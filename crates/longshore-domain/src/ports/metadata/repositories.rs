//! Repositories.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::name::RepositoryName;
use crate::page::PageSize;
use crate::repository::{Repository, RepositoryId, Visibility};

/// Whose repositories a list or search may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Everything.
    All,
    /// What is public.
    Public,
    /// What is public, the account's own and its organizations'.
    Account(AccountId),
}

/// Repositories.
#[async_trait]
pub trait RepositoryRecords {
    /// Finds a repository that is not deleted.
    async fn find_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
    /// Creates a repository.
    ///
    /// # Errors
    /// `Exists`; `RepositoryUnknown` when the account of its namespace has been deleted.
    async fn create_repository(
        &mut self,
        namespace: AccountId,
        name: &RepositoryName,
        visibility: Visibility,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Repository>;
    /// Lists the repositories that a viewer may see by name, strictly after `after`; one more than `size` when more follow.
    async fn list_repositories(
        &mut self,
        viewer: Viewer,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Repository>>;
    /// Changes who may see a repository.
    async fn set_visibility(&mut self, id: RepositoryId, visibility: Visibility) -> Result<()>;
    /// Deletes a repository: invisible at once, collected later.
    async fn delete_repository(&mut self, id: RepositoryId, at: Timestamp) -> Result<()>;
    /// Tells whether an account's namespace has repositories that are not deleted.
    async fn has_repositories(&mut self, namespace: AccountId) -> Result<bool>;
}
