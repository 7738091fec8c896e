//! Tags and their history.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::actor::{Credential, Proof};
use crate::account::AccountId;
use crate::deletion::NewDeletion;
use crate::digest::Digest;
use crate::error::Result;
use crate::event::NewEvent;
use crate::image::TagQuery;
use crate::name::Tag;
use crate::page::{KeyedPage, Page, PageSize};
use crate::ports::metadata::{ManifestId, PushedTag};
use crate::repository::RepositoryId;
use crate::tag_order::TagKey;

/// Who moves tags, and when.
#[derive(Clone, Copy, Debug)]
pub struct Mover {
    /// The account; `None` for the operator and the registry itself.
    pub account: Option<AccountId>,
    /// What it came with.
    pub credential: Credential,
    /// When.
    pub at: Timestamp,
}

impl From<&NewEvent> for Mover {
    fn from(event: &NewEvent) -> Self {
        Self { account: event.actor_id, credential: event.credential, at: event.at }
    }
}

impl From<&NewDeletion> for Mover {
    fn from(deletion: &NewDeletion) -> Self {
        Self { account: deletion.actor_id, credential: deletion.credential, at: deletion.at }
    }
}

/// Tags and their history.
#[async_trait]
pub trait TagRecords {
    /// Points tags at a manifest and writes their history. They were held to be set (`lock_tags_to_set`), which gave those that
    /// there were: `held`.
    async fn set_tags(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        held: &[PushedTag],
        manifest: ManifestId,
        digest: &Digest,
        by: &Mover,
    ) -> Result<()>;
    /// Keeps others from making, moving and deleting tags until the unit of work ends, also tags that there are not; first
    /// come, first served. Finds those that there are, in no order. A unit that sets tags does this once, for all of them.
    async fn lock_tags_to_set(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<PushedTag>>;
    /// Finds tags, and keeps others from moving them: locked in the order of their names, and given in none. Those that there are
    /// not are left out.
    async fn lock_tags(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<PushedTag>>;
    /// Deletes tags that are held, as part of a deletion, and ends their history.
    async fn delete_tags(&mut self, held: &[PushedTag], deletion: &NewDeletion) -> Result<()>;
    /// Lists the tags of a query.
    async fn list_tags(&mut self, query: &TagQuery) -> Result<KeyedPage<Tag, TagKey>>;
    /// Gives tags a version key that were there before there were such keys, at most `size`; returns how many.
    async fn add_version_keys(&mut self, size: PageSize) -> Result<u64>;
    /// Lists the tags that point at manifests by name, of each the first `size`; as many manifests as a statement takes, a thousand.
    async fn list_first_tags_of_each(
        &mut self,
        manifests: &[ManifestId],
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Tag)>>;
    /// Lists the tags that point at a manifest in byte order, strictly after `after`, at most `size`.
    async fn list_tags_of(
        &mut self,
        manifest: ManifestId,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Tag>>;
    /// Finds what tags pointed at at a time: from their `from` on, and before their `until`. Those that there were not then are
    /// left out.
    async fn find_tags_at(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        at: Timestamp,
    ) -> Result<BTreeMap<Tag, TagInterval>>;
    /// Lists the tags that a repository has or had in byte order, strictly after `after`, whose name begins so, at most `size`.
    async fn list_tags_ever(
        &mut self,
        repository: RepositoryId,
        beginning: &str,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Page<Tag>>;
    /// Lists what a tag pointed at, newest first, of what had begun before a time, at most `size`.
    async fn list_tag_history(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        before: Timestamp,
        size: PageSize,
    ) -> Result<Page<TagInterval>>;
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
    /// Name of who set it; `None` for the operator, the registry itself, and accounts that are deleted.
    pub set_by: Option<String>,
    /// What they came with; `None` where it was not written down.
    pub set_with: Option<MovedWith>,
    /// Name of who moved it on or deleted it, in the same way.
    pub ended_by: Option<String>,
    /// What they came with.
    pub ended_with: Option<MovedWith>,
}

/// What somebody came with who moved a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedWith {
    /// How they had proven who they were.
    pub proof: Proof,
    /// What the owner calls the access token, if it was one and is still there.
    pub token: Option<String>,
}
