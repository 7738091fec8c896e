//! Repositories as lists show them, and what namespaces stored and sent day by day.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::policy::Visible;
use crate::account::AccountId;
use crate::digest::Digest;
use crate::error::Result;
use crate::name::RepositoryName;
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
    /// Images that were pulled from it.
    pub pulls: u64,
    /// Images that were pushed to it.
    pub pushes: u64,
}

/// What is looked for by the beginning of a digest.
#[derive(Clone, Debug)]
pub struct DigestQuery {
    /// The beginning, with its algorithm.
    pub beginning: String,
    /// What may be seen.
    pub visible: Visible,
    /// At most so many.
    pub size: PageSize,
}

/// A digest that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDigest {
    /// The repository.
    pub repository: RepositoryName,
    /// The digest.
    pub digest: Digest,
    /// Whether it is that of an image, an index or an artifact; else of a blob.
    pub is_manifest: bool,
}

/// What lists show of single repositories and of namespaces.
#[async_trait]
pub trait InventoryRecords {
    /// Finds a repository that is not deleted, as lists show it.
    async fn find_repository_listing(&mut self, id: RepositoryId) -> Result<Option<RepositoryListing>>;
    /// Finds the images, and then the blobs, whose digest begins so, with the repositories that have them; and whether there may be
    /// more. Two hundred of each are looked at, whether or not they may be seen.
    async fn find_digests(&mut self, query: &DigestQuery) -> Result<(Vec<FoundDigest>, bool)>;
    /// Adds up the bytes of the blobs that a repository has and no other one of its namespace; `None` when it has more than `limit`.
    async fn bytes_only_in(&mut self, repository: RepositoryId, limit: u32) -> Result<Option<u64>>;
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
    /// Notes what all namespaces store together at the end of a day, each by itself.
    async fn record_stored(&mut self, day: Timestamp) -> Result<()>;
    /// Lists what all namespaces stored together at the end of days, from one on, in their order, at most `size`.
    async fn list_stored_days(&mut self, from: Timestamp, size: PageSize) -> Result<Vec<(Timestamp, u64)>>;
    /// Finds what a namespace stored before a day.
    async fn find_stored_before(&mut self, namespace: AccountId, day: Timestamp) -> Result<Option<u64>>;
    /// Forgets days before one, at most `size`; returns how many.
    async fn delete_old_usage_days(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
