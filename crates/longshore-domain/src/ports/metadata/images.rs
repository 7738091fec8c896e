//! Images and tags as lists show them, and the counts of repositories.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::digest::Digest;
use crate::error::Result;
use crate::image::{
    Image, ImageFilter, ImageQuery, ImageTag, ManifestDetails, TagDetails, TagFilter, TagQuery,
};
use crate::image_order::ImageKey;
use crate::name::Tag;
use crate::page::{KeyedPage, PageSize};
use crate::ports::metadata::ManifestId;
use crate::repository::RepositoryId;
use crate::tag_order::TagKey;

/// What a repository holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepositoryCounts {
    /// Tags.
    pub tags: u64,
    /// Images.
    pub images: u64,
    /// Pulls of its images, ever.
    pub pulls: u64,
    /// Bytes of its images, each by itself.
    pub bytes: u64,
    /// Bytes of the blobs that it has, each once, with those that can still be brought back.
    pub stored_bytes: u64,
}

/// Lists of images and tags.
#[async_trait]
pub trait ImageRecords {
    /// Lists the images of a query, without their tags.
    async fn list_images(&mut self, query: &ImageQuery) -> Result<KeyedPage<Image, ImageKey>>;
    /// Lists the images of a query with what they are.
    async fn list_image_details(
        &mut self,
        query: &ImageQuery,
    ) -> Result<KeyedPage<ManifestDetails, ImageKey>>;
    /// Finds manifests by their digests. Those that there are not are left out.
    async fn find_manifest_details(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, ManifestDetails>>;
    /// Lists the images of an index in its order, at most `size`; none for an image.
    async fn list_child_details(
        &mut self,
        index: &ManifestDetails,
        size: PageSize,
    ) -> Result<Vec<ManifestDetails>>;
    /// Lists the blobs that a manifest references with their sizes, the oldest first, at most `size`.
    async fn list_manifest_blobs(
        &mut self,
        manifest: ManifestId,
        size: PageSize,
    ) -> Result<Vec<(Digest, u64)>>;
    /// Counts for the blobs of a manifest, at most `size`, the images of the repository that have each, up to `limit`.
    async fn count_images_with_blobs(
        &mut self,
        repository: RepositoryId,
        manifest: ManifestId,
        limit: u64,
        size: PageSize,
    ) -> Result<Vec<(Digest, u64)>>;
    /// Counts the images of a filter.
    async fn count_images(&mut self, repository: RepositoryId, filter: &ImageFilter) -> Result<u64>;
    /// Adds up the images that were neither pushed nor pulled since a time: the bytes of those that are no indexes, each by itself;
    /// nothing, if there are more than `limit`.
    async fn measure_inactive(
        &mut self,
        repository: RepositoryId,
        since: Timestamp,
        limit: u64,
    ) -> Result<Option<u64>>;
    /// Finds an image, without its tags.
    async fn find_image(&mut self, repository: RepositoryId, digest: &Digest) -> Result<Option<Image>>;
    /// Lists the tags that an image has or had by name, leaving out the first `offset`, at most `size`.
    async fn list_image_tags(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<ImageTag>>;
    /// The same of several images, of each the first `size`; as many images as a statement takes, a thousand.
    async fn list_tags_of_images(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
        size: PageSize,
    ) -> Result<BTreeMap<Digest, Vec<ImageTag>>>;
    /// Counts the tags that an image has or had.
    async fn count_image_tags(&mut self, repository: RepositoryId, digest: &Digest) -> Result<u64>;
    /// Lists the tags of a query with what they point at; of an index at most `images` images.
    async fn list_tag_details(
        &mut self,
        query: &TagQuery,
        images: PageSize,
    ) -> Result<KeyedPage<TagDetails, TagKey>>;
    /// Counts the tags of a filter.
    async fn count_tags(&mut self, repository: RepositoryId, filter: &TagFilter) -> Result<u64>;
    /// Finds a tag with what it points at.
    async fn find_tag_details(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        images: PageSize,
    ) -> Result<Option<TagDetails>>;
    /// Returns the counts of a repository.
    async fn repository_counts(&mut self, repository: RepositoryId) -> Result<RepositoryCounts>;
    /// Folds changes of counts into totals, at most `size`; returns how many.
    async fn fold_repository_changes(&mut self, size: PageSize) -> Result<u64>;
}
