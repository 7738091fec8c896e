//! Repositories.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::deletion::NewDeletion;
use crate::error::Result;
use crate::immutability::ImmutableTags;
use crate::name::RepositoryName;
use crate::page::Page;
use crate::repository::query::{Repositories, RepositoryQuery};
use crate::repository::{
    Repository, RepositoryChange, RepositoryDetails, RepositoryId, RepositoryListing, Visibility,
};

/// Repositories.
#[async_trait]
pub trait RepositoryRecords {
    /// Finds a repository that is not deleted.
    async fn find_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
    /// Finds a repository that is not deleted, for something to be put into it, and keeps others from taking it apart.
    async fn lock_repository(&mut self, name: &RepositoryName) -> Result<Option<Repository>>;
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
    /// Keeps others from deleting a repository until the unit of work ends; false when it is deleted.
    async fn hold_repository(&mut self, id: RepositoryId) -> Result<bool>;
    /// Lists the repositories of a query.
    async fn list_repositories(&mut self, query: &RepositoryQuery) -> Result<Page<Repository>>;
    /// Lists the repositories of a query with all that lists show of them.
    async fn list_repository_listings(&mut self, query: &RepositoryQuery) -> Result<Page<RepositoryListing>>;
    /// Counts the repositories among which a query lists a page, also those before the name that a list goes on behind: of those
    /// found by a word up to ten thousand, and of the whole registry none.
    async fn count_repositories(&mut self, among: &Repositories) -> Result<Option<u64>>;
    /// Finds a repository that is not deleted, with its details.
    async fn find_repository_details(&mut self, id: RepositoryId) -> Result<Option<RepositoryDetails>>;
    /// Keeps others from changing the settings of a repository until the unit of work ends.
    async fn lock_repository_settings(&mut self, id: RepositoryId) -> Result<()>;
    /// Changes a repository: its descriptions, who may see it, and which tags never move.
    async fn change_repository(&mut self, id: RepositoryId, change: &RepositoryChange) -> Result<()>;
    /// Returns whether only owners of its namespace change which tags of a repository never move.
    async fn is_immutability_owners(&mut self, id: RepositoryId) -> Result<bool>;
    /// Returns which tags of a repository never move, and keeps others from changing that.
    async fn find_immutable_tags(&mut self, id: RepositoryId) -> Result<ImmutableTags>;
    /// Deletes a repository, as a deletion: invisible at once, collected later; false when it is deleted already.
    async fn delete_repository(&mut self, id: RepositoryId, deletion: &NewDeletion) -> Result<bool>;
    /// Returns whether an account's namespace has repositories that are not deleted.
    async fn has_repositories(&mut self, namespace: AccountId) -> Result<bool>;
}
