//! Images: what is stored, with and without tags, and what one is made of.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::image_details::{ImageDetails, TaggedImage};
use longshore_domain::digest::Digest;
use longshore_domain::image::ManifestDetails;
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::cursor;
use crate::tags::from_microseconds;
use crate::wire::{Page, page, time, versioned};

/// A manifest.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ManifestInfo {
    /// Its digest.
    digest: String,
    /// Its media type.
    media_type: String,
    /// What kind of artifact it is, where it says that.
    artifact_type: Option<String>,
    /// Whether it is an index of others.
    is_index: bool,
    /// What it runs on, if that is known.
    platform: Option<PlatformInfo>,
    /// Bytes of its configuration and layers; of an index, of what it lists.
    size_bytes: u64,
    /// When it was last pushed.
    pushed_at: String,
    /// When it was last pulled, to the hour.
    pulled_at: Option<String>,
}

/// What an image runs on.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlatformInfo {
    /// Operating system.
    os: String,
    /// Architecture of the processor.
    architecture: String,
    /// Which kind of that; empty for none in particular.
    variant: String,
}

/// An image in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImageSummary {
    #[serde(flatten)]
    manifest: ManifestInfo,
    /// The tags that point at it, the first 100 by name.
    tags: Vec<String>,
}

/// A page of images.
pub(crate) type ImagePage = Page<ImageSummary>;

/// An image.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImageInfo {
    #[serde(flatten)]
    summary: ImageSummary,
    /// The images that an index lists, the first 100.
    images: Vec<ManifestInfo>,
    /// Digests of the indexes that list it, the first 100.
    indexes: Vec<String>,
    /// Its layers, the first 200.
    layers: Vec<LayerInfo>,
}

/// A layer.
#[derive(Serialize, JsonSchema)]
struct LayerInfo {
    /// Its digest.
    digest: String,
    /// Its size.
    size_bytes: u64,
    /// What made it, for who may pull; empty when the configuration does not tell.
    instruction: String,
}

impl ManifestInfo {
    pub(crate) fn of(details: &ManifestDetails) -> Self {
        let platform = details.platform.as_ref().map(|platform| PlatformInfo {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
        });
        Self {
            digest: details.digest.to_string(),
            media_type: details.media_type.clone(),
            artifact_type: details.artifact_type.clone(),
            is_index: details.is_index,
            platform,
            size_bytes: details.total_size_bytes,
            pushed_at: time(details.pushed_at),
            pulled_at: details.pulled_at.map(time),
        }
    }
}

fn summary(image: &TaggedImage) -> ImageSummary {
    ImageSummary {
        manifest: ManifestInfo::of(&image.manifest),
        tags: image.tags.iter().map(ToString::to_string).collect(),
    }
}

fn info(details: &ImageDetails) -> ImageInfo {
    let layers = details.layers.iter().map(|layer| LayerInfo {
        digest: layer.digest.to_string(),
        size_bytes: layer.size_bytes,
        instruction: layer.instruction.clone(),
    });
    ImageInfo {
        summary: summary(&details.image),
        images: details.images.iter().map(ManifestInfo::of).collect(),
        indexes: details.indexes.iter().map(ToString::to_string).collect(),
        layers: layers.collect(),
    }
}

/// `GET /api/v1/repositories/{repository}/-/images`.
pub(crate) async fn list_images(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size) = (context.repository()?, context.page_size()?);
    let list = "images";
    let before: Option<(i64, String)> = cursor::read(context, list)?;
    let before =
        before.map(|(at, digest)| Ok::<_, Error>((from_microseconds(at)?, digest.parse::<Digest>()?)));
    let before = before.transpose()?;
    let actor = context.actor().await?;
    let found = context.app.content.list_images_by_push(&actor, &name, before, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let key = |image: &TaggedImage| {
        cursor::write(list, &(image.manifest.pushed_at.as_microsecond(), image.manifest.digest.to_string()))
    };
    let next = last.map(key).transpose()?;
    page(context, &Page { items: found.items.iter().map(summary).collect(), next, count: None })
}

/// `GET /api/v1/repositories/{repository}/-/images/{digest}`.
pub(crate) async fn get_image(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, digest): (_, Digest) = (context.repository()?, context.parsed("digest")?);
    let actor = context.actor().await?;
    let details = context.app.content.get_image(&actor, &name, &digest).await?;
    versioned(StatusCode::OK, &info(&details), &digest.to_string())
}
