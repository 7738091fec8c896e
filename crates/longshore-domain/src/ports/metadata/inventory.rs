//! Repositories as lists show them, and what namespaces stored and sent day by day.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::page::PageSize;
use crate::repository::{RepositoryId, RepositoryListing};

/// What a namespace stored and sent on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageDay {
    /// When the day began, UTC.
    pub day: Timestamp,
    /// Bytes that it stored at the end of it; `None` when that did not change.
    pub stored_bytes: Option<u64>,
    /// Bytes that were pulled from it.
    pub sent_bytes: u64,
}

/// What lists show of single repositories and of namespaces.
#[async_trait]
pub trait InventoryRecords {
    /// Finds a repository that is not deleted, as lists show it.
    async fn find_repository_listing(&mut self, id: RepositoryId) -> Result<Option<RepositoryListing>>;
    /// Counts the repositories of a namespace, and their tags.
    async fn namespace_counts(&mut self, namespace: AccountId) -> Result<(u64, u64)>;
    /// Adds to the bytes that were pulled from namespaces on the day that began then.
    async fn add_daily_traffic(&mut self, day: Timestamp, amounts: &[(AccountId, u64)]) -> Result<()>;
    /// Lists the days of a namespace from one on, in their order, at most `size`.
    async fn list_usage_days(
        &mut self,
        namespace: AccountId,
        from: Timestamp,
        size: PageSize,
    ) -> Result<Vec<UsageDay>>;
    /// Finds what a namespace stored before a day.
    async fn find_stored_before(&mut self, namespace: AccountId, day: Timestamp) -> Result<Option<u64>>;
    /// Forgets days before one, at most `size`; returns how many.
    async fn delete_old_usage_days(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
