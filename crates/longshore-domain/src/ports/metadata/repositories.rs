//! Repositories.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::policy::Visible;
use crate::account::AccountId;
use crate::error::Result;
use crate::immutability::ImmutableTags;
use crate::name::RepositoryName;
use crate::page::PageSize;
use crate::repository::{
    Repository, RepositoryChange, RepositoryDetails, RepositoryId, RepositoryOrder, Visibility,
};

/// Repositories.
#[async_trait]
pub trait RepositoryRecords {
    /// Finds a repository that is not deleted.
    async fn find_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
    /// Finds a repository that is not deleted, for something to be put into it, and keeps others from taking it apart.
    async fn hold_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
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
    /// Lists the repositories that may be seen by name, strictly after `after`; one more than `size` when more follow.
    async fn list_repositories(
        &mut self,
        visible: Visible,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Repository>>;
    /// Lists the repositories of a namespace that may be seen and whose name holds a text, leaving out the first `offset`, at
    /// most `size`.
    async fn list_namespace_repositories(
        &mut self,
        namespace: AccountId,
        visible: Visible,
        name_part: &str,
        order: RepositoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<RepositoryDetails>>;
    /// Lists the repositories of a namespace that may be seen by name, strictly after `after`, at most `size`.
    async fn list_namespace_repositories_after(
        &mut self,
        namespace: AccountId,
        visible: Visible,
        after: &str,
        size: PageSize,
    ) -> Result<Vec<RepositoryDetails>>;
    /// Counts what [`RepositoryRecords::list_namespace_repositories`] lists.
    async fn count_namespace_repositories(
        &mut self,
        namespace: AccountId,
        visible: Visible,
        name_part: &str,
    ) -> Result<u64>;
    /// Searches the repositories that may be seen by the beginning of a word of their names, in the order of the words,
    /// leaving out the first `offset`, at most `size`; one may come for each word that begins so.
    async fn search_repositories(
        &mut self,
        visible: Visible,
        beginning: &str,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<RepositoryDetails>>;
    /// Counts what [`RepositoryRecords::search_repositories`] finds, up to ten thousand.
    async fn count_search(&mut self, visible: Visible, beginning: &str) -> Result<u64>;
    /// Finds a repository that is not deleted, with its details.
    async fn find_repository_details(&mut self, id: RepositoryId) -> Result<Option<RepositoryDetails>>;
    /// Changes a repository: its descriptions, who may see it, and which tags never move.
    async fn change_repository(&mut self, id: RepositoryId, change: &RepositoryChange) -> Result<()>;
    /// Returns whether only owners of its namespace change which tags of a repository never move.
    async fn is_immutability_owners(&mut self, id: RepositoryId) -> Result<bool>;
    /// Tells which tags of a repository never move, and keeps others from changing that.
    async fn find_immutable_tags(&mut self, id: RepositoryId) -> Result<ImmutableTags>;
    /// Deletes a repository: invisible at once, collected later.
    async fn delete_repository(&mut self, id: RepositoryId, at: Timestamp) -> Result<()>;
    /// Tells whether an account's namespace has repositories that are not deleted.
    async fn has_repositories(&mut self, namespace: AccountId) -> Result<bool>;
}
