//! Retention policies and what they deleted.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::digest::Digest;
use crate::error::Result;
use crate::name::Tag;
use crate::page::PageSize;
use crate::ports::metadata::ManifestId;
use crate::repository::{Repository, RepositoryId};
use crate::retention::{RetentionEntry, RetentionPolicy, RetentionPolicyId, RetentionRule, RetiredTag};

/// A tag with when it was pushed and what it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedTag {
    /// The tag.
    pub tag: Tag,
    /// When it was last pushed.
    pub pushed_at: Timestamp,
    /// What it points at.
    pub manifest: ManifestId,
    /// The digest of that.
    pub digest: Digest,
}

/// Retention policies.
#[async_trait]
pub trait RetentionRecords {
    /// Creates a policy.
    async fn create_retention_policy(
        &mut self,
        repository: RepositoryId,
        rules: &[RetentionRule],
        at: Timestamp,
    ) -> Result<RetentionPolicyId>;
    /// Finds a policy of a repository.
    async fn find_retention_policy(
        &mut self,
        repository: RepositoryId,
        id: RetentionPolicyId,
    ) -> Result<Option<RetentionPolicy>>;
    /// Lists the policies of a repository, the oldest first, at most `size`.
    async fn list_retention_policies(
        &mut self,
        repository: RepositoryId,
        size: PageSize,
    ) -> Result<Vec<RetentionPolicy>>;
    /// Changes the rules of a policy, which is due at once; false when it is not there.
    async fn change_retention_policy(
        &mut self,
        id: RetentionPolicyId,
        rules: &[RetentionRule],
        at: Timestamp,
    ) -> Result<bool>;
    /// Deletes a policy; false when it is not there.
    async fn delete_retention_policy(&mut self, id: RetentionPolicyId) -> Result<bool>;
    /// Lists the policies that are due with their repositories, the one that waits longest first, at most `size`. Those of
    /// deleted repositories are left out.
    async fn list_due_policies(
        &mut self,
        now: Timestamp,
        size: PageSize,
    ) -> Result<Vec<(RetentionPolicy, Repository)>>;
    /// Says when a policy is due next, unless it was changed since it was looked at.
    async fn postpone_policy(&mut self, policy: &RetentionPolicy, due_at: Timestamp) -> Result<()>;
    /// Returns whether a policy is still there as it was looked at, in a repository that was not deleted, and keeps others from
    /// changing it.
    async fn lock_retention_policy(&mut self, policy: &RetentionPolicy) -> Result<bool>;
    /// Lists tags, the newest first, strictly after what was pushed at a time under a name, at most `size`.
    async fn list_pushed_tags(
        &mut self,
        repository: RepositoryId,
        before: (Timestamp, &str),
        size: PageSize,
    ) -> Result<Vec<PushedTag>>;
    /// Writes down that a policy deleted a tag.
    async fn log_retired_tag(
        &mut self,
        repository: RepositoryId,
        policy: RetentionPolicyId,
        retired: &RetiredTag,
        at: Timestamp,
    ) -> Result<()>;
    /// Lists what policies of a repository deleted, the last first, leaving out the first `offset`, at most `size`.
    async fn list_retention_log(
        &mut self,
        repository: RepositoryId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<RetentionEntry>>;
    /// Counts what policies of a repository deleted.
    async fn count_retention_log(&mut self, repository: RepositoryId) -> Result<u64>;
    /// Forgets what was deleted before a time, at most `size`; returns how many.
    async fn delete_old_retention_log(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
