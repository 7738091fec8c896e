//! One image with all that is known of it, images by their last push, and what differs between two.

use std::collections::BTreeMap;

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::image::{ImageFilter, ImageNature, ImageQuery, Layer, ManifestDetails};
use longshore_domain::image_order::{ImageKey, ImageOrder};
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::ports::metadata::{ContentTx, ManifestId};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use crate::Content;
use crate::images::{EXAMINED, LISTED_IMAGES, LISTED_TAGS};

/// Most blobs of one manifest that are compared.
const COMPARED_BLOBS: u64 = 1000;

/// An image with the first of its tags.
#[derive(Clone, Debug)]
pub struct TaggedImage {
    /// The image.
    pub manifest: ManifestDetails,
    /// The tags that point at it by name, the first 100.
    pub tags: Vec<Tag>,
}

/// An image with what it is made of, and what it is part of.
#[derive(Clone, Debug)]
pub struct ImageDetails {
    /// The image with its tags.
    pub image: TaggedImage,
    /// The images of an index, the first 100; of an image none.
    pub images: Vec<ManifestDetails>,
    /// The indexes that list it, the first 100.
    pub indexes: Vec<Digest>,
    /// The layers, the first 200; of an index none. What made each is told to those who may pull.
    pub layers: Vec<Layer>,
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct ComparedImage {
    /// The manifest.
    pub manifest: ManifestDetails,
    /// The images of an index, the first 100; otherwise the manifest itself.
    pub images: Vec<ManifestDetails>,
    /// Digests and sizes of the blobs of all these: configurations and layers.
    pub blobs: BTreeMap<Digest, u64>,
    /// False when there are, or may be, further images or blobs.
    pub is_complete: bool,
}

async fn with_tags(tx: &mut dyn ContentTx, manifest: ManifestDetails) -> Result<TaggedImage> {
    let tags = tx.list_tags_of(ManifestId(manifest.id), None, PageSize::clamped(LISTED_TAGS)?).await?;
    Ok(TaggedImage { manifest, tags })
}

/// Finds a manifest, and the images that it lists.
async fn find_with_images(
    tx: &mut dyn ContentTx,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<Option<(ManifestDetails, Vec<ManifestDetails>)>> {
    let mut found = tx.find_manifest_details(repository, std::slice::from_ref(digest)).await?;
    let Some(manifest) = found.remove(digest) else { return Ok(None) };
    let images = tx.list_child_details(&manifest, PageSize::clamped(LISTED_IMAGES)?).await?;
    Ok(Some((manifest, images)))
}

impl Content {
    /// Lists images with the first of their tags, strictly behind one in the order; counts them where none is left out.
    ///
    /// Where some are left out, a page looks at so many images at most, and may have fewer entries than it could, or none.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn browse_images(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        (filter, nature): (ImageFilter, ImageNature),
        order: ImageOrder,
        after: Option<ImageKey>,
        size: PageSize,
    ) -> Result<(KeyedPage<TaggedImage, ImageKey>, Option<u64>)> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?.id;
        let examined = Some(EXAMINED);
        let query = ImageQuery { repository, filter, nature, after, order, offset: 0, size, examined };
        self.metadata
            .read(query, |tx, query| {
                Box::pin(async move {
                    let KeyedPage { items: found, next } = tx.list_image_details(query).await?;
                    let ids: Vec<ManifestId> = found.iter().map(|found| ManifestId(found.id)).collect();
                    let mut tags = BTreeMap::<ManifestId, Vec<Tag>>::new();
                    for (id, tag) in tx.list_first_tags_of_each(&ids, PageSize::clamped(LISTED_TAGS)?).await?
                    {
                        tags.entry(id).or_default().push(tag);
                    }
                    let with_tags = |manifest: ManifestDetails| {
                        let tags = tags.remove(&ManifestId(manifest.id)).unwrap_or_default();
                        TaggedImage { manifest, tags }
                    };
                    let items = found.into_iter().map(with_tags).collect();
                    let count = match query.filter.is_empty() && query.nature.is_empty() {
                        true => Some(tx.repository_counts(query.repository).await?.images),
                        false => None,
                    };
                    Ok((KeyedPage { items, next }, count))
                })
            })
            .await
    }

    /// Returns an image with all that is known of it.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags; `ManifestUnknown`.
    pub async fn get_image(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<ImageDetails> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let id = repository.id;
        let found = self
            .metadata
            .read((id, *digest), |tx, (id, digest)| {
                Box::pin(async move {
                    let Some((manifest, images)) = find_with_images(tx, *id, digest).await? else {
                        return Ok(None);
                    };
                    let size = PageSize::clamped(LISTED_IMAGES)?;
                    let indexes = tx.list_indexes_with_child(ManifestId(manifest.id), size).await?;
                    Ok(Some((with_tags(tx, manifest).await?, images, indexes)))
                })
            })
            .await?;
        let unknown =
            || Error::ManifestUnknown { repository: name.clone(), reference: Reference::Digest(*digest) };
        let (image, images, indexes) = found.ok_or_else(unknown)?;
        let layers = match image.manifest.is_index {
            true => Vec::new(),
            false => {
                let may_pull = self.access.authorize(actor, name, RepositoryAction::Pull).await.is_ok();
                self.find_layers(id, image.manifest.clone(), may_pull).await?
            }
        };
        Ok(ImageDetails { image, images, indexes, layers })
    }

    /// Compares two images, each named by a digest or a tag, also one of the past.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling; `ManifestUnknown`, `Past`.
    pub async fn compare_images(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        from: &Reference,
        to: &Reference,
    ) -> Result<(ComparedImage, ComparedImage)> {
        Ok((self.find_compared(actor, name, from).await?, self.find_compared(actor, name, to).await?))
    }

    async fn find_compared(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<ComparedImage> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?;
        let (head, _) = self.find_manifest(&repository, reference).await?;
        let found = self
            .metadata
            .read((repository.id, head.digest), |tx, (id, digest)| {
                Box::pin(async move {
                    let Some((manifest, images)) = find_with_images(tx, *id, digest).await? else {
                        return Ok(None);
                    };
                    let images = if manifest.is_index { images } else { vec![manifest.clone()] };
                    let mut blobs = BTreeMap::new();
                    let mut is_complete = (images.len() as u64) < LISTED_IMAGES;
                    for image in &images {
                        let size = PageSize::clamped(COMPARED_BLOBS)?;
                        let found = tx.list_manifest_blobs(ManifestId(image.id), size).await?;
                        is_complete &= (found.len() as u64) < COMPARED_BLOBS;
                        blobs.extend(found);
                    }
                    Ok(Some(ComparedImage { manifest, images, blobs, is_complete }))
                })
            })
            .await?;
        found.ok_or_else(|| Error::ManifestUnknown { repository: name.clone(), reference: reference.clone() })
    }
}
