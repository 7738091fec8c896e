//! What hangs on manifests: tags, indexes, parts, referrers and blobs, of many at once.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::digest::Digest;
use crate::error::Result;
use crate::image::ImageFilter;
use crate::name::Tag;
use crate::page::PageSize;
use crate::ports::metadata::{BlobId, ManifestId};
use crate::repository::RepositoryId;

/// A manifest with what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its number.
    pub id: ManifestId,
    /// Its digest.
    pub digest: Digest,
    /// The manifest that it refers to, if that is there.
    pub subject: Option<ManifestId>,
    /// How many tags point at it.
    pub tags: u64,
}

/// How a blob is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The blob.
    pub blob: BlobId,
    /// How many manifests that are there need it, in whatever repository; at most as many as were counted.
    pub references: u64,
    /// Until when its links stay even if nothing needs them.
    pub lease_until: Timestamp,
}

/// A link of a blob to a repository, and how much needs it.
#[derive(Clone, Copy, Debug)]
pub struct LinkNeeds {
    /// The blob.
    pub blob: BlobId,
    /// When the link was hidden.
    pub hidden_at: Option<Timestamp>,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
    /// How many manifests of the repository need it, deleted ones as well, as far as they were counted.
    pub references: u64,
}

/// How often a blob is linked.
#[derive(Clone, Copy, Debug)]
pub struct Linked {
    /// The blob.
    pub blob: BlobId,
    /// Its size.
    pub size_bytes: u64,
    /// Repositories that have it, deleted ones as well, as far as they were counted.
    pub links: u64,
}

/// What hangs on manifests. All of it is read for as many at once as a statement takes, a thousand.
#[async_trait]
pub trait ReachRecords {
    /// Lists the images of a filter by digest, strictly behind one, at most `size`.
    async fn list_images_behind(
        &mut self,
        repository: RepositoryId,
        filter: &ImageFilter,
        after: Option<Digest>,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, Digest)>>;
    /// Finds manifests by their numbers.
    async fn find_reached(&mut self, manifests: &[ManifestId]) -> Result<Vec<Reached>>;
    /// Lists the tags that point at manifests, at most `limit`.
    async fn list_tags_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, Tag)>>;
    /// Lists the indexes that are there and list manifests, each with what it lists of them, at most `limit`.
    async fn list_indexes_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, ManifestId)>>;
    /// Lists what indexes list and is there, at most `limit`.
    async fn list_parts_of_each(&mut self, indexes: &[ManifestId], limit: u64) -> Result<Vec<ManifestId>>;
    /// Lists what refers to digests and is there, at most `limit`.
    async fn list_referrers_of_each(
        &mut self,
        repository: RepositoryId,
        subjects: &[Digest],
        limit: u64,
    ) -> Result<Vec<ManifestId>>;
    /// Lists the blobs that manifests need with their sizes, each once for each manifest that needs it; at most `limit`.
    async fn list_blobs_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(BlobId, u64)>>;
    /// Counts who needs blobs, up to `limit` for each.
    async fn count_references(&mut self, blobs: &[BlobId], limit: u64) -> Result<Vec<Needed>>;
    /// Lists the indexes that list manifests, deleted ones as well, each with what it lists of them, at most `limit`.
    async fn list_holders_of_each(
        &mut self,
        manifests: &[ManifestId],
        limit: u64,
    ) -> Result<Vec<(ManifestId, ManifestId)>>;
    /// Lists blobs that have a link to a repository by number, strictly behind one, at most `size`.
    async fn list_links_behind(
        &mut self,
        repository: RepositoryId,
        after: BlobId,
        size: PageSize,
    ) -> Result<Vec<BlobId>>;
    /// Finds the links of blobs to a repository, with how many of its manifests need each, deleted ones as well, up to `limit`.
    async fn find_link_needs(
        &mut self,
        repository: RepositoryId,
        blobs: &[BlobId],
        limit: u64,
    ) -> Result<Vec<LinkNeeds>>;
    /// Counts the links of blobs, up to `limit` for each; each with its size.
    async fn count_links(&mut self, blobs: &[BlobId], limit: u64) -> Result<Vec<Linked>>;
}
