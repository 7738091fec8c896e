//! Tags and their history.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::digest::Digest;
use crate::error::Result;
use crate::name::Tag;
use crate::page::PageSize;
use crate::ports::metadata::ManifestId;
use crate::repository::RepositoryId;

/// Tags and their history.
#[async_trait]
pub trait TagRecords {
    /// Points a tag at a manifest and writes its history; returns what it pointed at before.
    async fn set_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        manifest: ManifestId,
        digest: &Digest,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>>;
    /// Deletes a tag and ends its history, if it exists and points at `from`, where that is given; returns what it
    /// pointed at.
    async fn delete_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        from: Option<ManifestId>,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Option<(ManifestId, Digest)>>;
    /// Lists tags in byte order, strictly after `after`; one more than `size` when more follow.
    async fn list_tags(
        &mut self,
        repository: RepositoryId,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Tag>>;
    /// Lists the tags that point at a manifest, at most `size`.
    async fn list_tags_of(&mut self, manifest: ManifestId, size: PageSize) -> Result<Vec<Tag>>;
    /// Lists what a tag pointed at, newest first, at most `size`.
    async fn list_tag_history(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        size: PageSize,
    ) -> Result<Vec<TagInterval>>;
}

/// A time in which a tag pointed at one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInterval {
    /// What it pointed at.
    pub digest: Digest,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` for still.
    pub until: Option<Timestamp>,
}
