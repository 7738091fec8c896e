//! What is in an image, for those who may pull it: its manifest as it is, its configuration, and who else has its layers. Looking
//! at it is no pull.

use std::collections::BTreeMap;

use bytes::Bytes;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Digest;
use longshore_domain::image::{ManifestDetails, TagDetails};
use longshore_domain::image_config::ImageConfig;
use longshore_domain::manifest::Manifest;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::ManifestId;
use longshore_domain::{Error, Result};

use crate::Content;

/// Layers of which it is said who else has them.
const COUNTED_LAYERS: u64 = 200;
/// Images that are counted at most of those that have a layer.
pub const COUNTED_IMAGES: u64 = 1000;
/// Further tags of an image that a list names beside each.
const SIBLINGS: u64 = 5;

/// What is in an image.
#[derive(Clone, Debug)]
pub struct ImageContents {
    /// The manifest, byte for byte.
    pub manifest: Bytes,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What it runs; nothing for what is no image, or has a large configuration.
    pub config: Option<ImageConfig>,
    /// In how many images of the repository each of its blobs is, this one counted; [`COUNTED_IMAGES`] stands for all that are more.
    pub images_with: BTreeMap<Digest, u64>,
}

impl Content {
    /// Returns what is in an image.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for pulling; `ManifestUnknown`.
    pub async fn get_image_contents(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<ImageContents> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::Pull).await?.id;
        let found = self
            .metadata
            .read((repository, *digest), |tx, (repository, digest)| {
                Box::pin(async move {
                    let mut found =
                        tx.find_manifest_details(*repository, std::slice::from_ref(digest)).await?;
                    let Some(details) = found.remove(digest) else { return Ok(None) };
                    let id = ManifestId(details.id);
                    let content = tx.find_manifest_content(id).await?;
                    let size = PageSize::clamped(COUNTED_LAYERS)?;
                    let images_with =
                        tx.count_images_with_blobs(*repository, id, COUNTED_IMAGES, size).await?;
                    Ok(content.map(|content| (details, content, images_with)))
                })
            })
            .await?;
        let unknown =
            || Error::ManifestUnknown { repository: name.clone(), reference: Reference::Digest(*digest) };
        let (details, content, images_with): (ManifestDetails, Vec<u8>, _) = found.ok_or_else(unknown)?;
        let content = Bytes::from(content);
        // One that was pushed before what readers disagree on was refused.
        let parsed =
            Manifest::parse(content.clone(), Some(&details.media_type), details.digest.algorithm()).ok();
        let config = match parsed.as_ref().and_then(|manifest| manifest.config.as_ref()) {
            // Without it there is the manifest all the same.
            Some(config) => self.read_config(repository, config).await.unwrap_or_default(),
            None => None,
        };
        let annotations =
            parsed.map(|manifest| manifest.annotations.into_iter().collect()).unwrap_or_default();
        Ok(ImageContents {
            manifest: content,
            annotations,
            config: config.as_deref().and_then(ImageConfig::parse),
            images_with: images_with.into_iter().collect(),
        })
    }

    /// Returns the first tags of what each of some tags points at, these with them.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing) for viewing tags.
    pub async fn list_sibling_tags(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        tags: &[TagDetails],
    ) -> Result<BTreeMap<Digest, Vec<Tag>>> {
        self.access.authorize_existing(actor, name, RepositoryAction::ViewTags).await?;
        let digests: BTreeMap<i64, Digest> =
            tags.iter().map(|tag| (tag.manifest.id, tag.manifest.digest)).collect();
        let ids: Vec<ManifestId> = digests.keys().map(|id| ManifestId(*id)).collect();
        let found = self
            .metadata
            .look_up(ids, |tx, ids| {
                Box::pin(async move { tx.list_first_tags_of_each(ids, PageSize::clamped(SIBLINGS)?).await })
            })
            .await?;
        let mut siblings = BTreeMap::<Digest, Vec<Tag>>::new();
        for (id, tag) in found {
            if let Some(digest) = digests.get(&id.0) {
                siblings.entry(*digest).or_default().push(tag);
            }
        }
        Ok(siblings)
    }
}
