//! Repositories that are shared with accounts.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::page::PageSize;
use crate::repository::RepositoryId;
use crate::share::{Share, ShareTerms};

/// Shares.
#[async_trait]
pub trait ShareRecords {
    /// Finds until when a repository is shared with a user or an organization of the user's: `None` when it is not,
    /// `Some(None)` for ever.
    async fn find_shared_until(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
        now: Timestamp,
    ) -> Result<Option<Option<Timestamp>>>;
    /// Finds a share.
    async fn find_share(&mut self, repository: RepositoryId, account: AccountId) -> Result<Option<Share>>;
    /// Lists the shares of a repository by name of the account, at most `size`.
    async fn list_shares(&mut self, repository: RepositoryId, size: PageSize) -> Result<Vec<Share>>;
    /// Counts the shares of a repository.
    async fn count_shares(&mut self, repository: RepositoryId) -> Result<u64>;
    /// Shares a repository; false when it is shared with the account already.
    async fn create_share(
        &mut self,
        repository: RepositoryId,
        account: AccountId,
        terms: &ShareTerms,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<bool>;
    /// Changes a share; false when there is none.
    async fn change_share(
        &mut self,
        repository: RepositoryId,
        account: AccountId,
        terms: &ShareTerms,
        at: Timestamp,
    ) -> Result<bool>;
    /// Ends a share; false when there is none.
    async fn delete_share(&mut self, repository: RepositoryId, account: AccountId) -> Result<bool>;
}
