//! Images: what is stored, with and without tags, and what one is made of.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_client::types;
use longshore_content::image_details::{ImageDetails, TaggedImage};
use longshore_domain::digest::Digest;
use longshore_domain::image::ManifestDetails;
use longshore_domain::{Error, Result};

use crate::context::Context;
use crate::cursor;
use crate::tags::from_microseconds;
use crate::wire::{page, time, versioned};

/// Shows a manifest.
pub(crate) fn manifest(details: &ManifestDetails) -> types::ManifestInfo {
    let platform = details.platform.as_ref().map(|platform| types::PlatformInfo {
        os: platform.os.clone(),
        architecture: platform.architecture.clone(),
        variant: platform.variant.clone(),
    });
    types::ManifestInfo {
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

fn summary(image: &TaggedImage) -> types::ImageSummary {
    types::ImageSummary {
        manifest: manifest(&image.manifest),
        tags: image.tags.iter().map(ToString::to_string).collect(),
    }
}

fn info(details: &ImageDetails) -> types::ImageInfo {
    let layers = details.layers.iter().map(|layer| types::LayerInfo {
        digest: layer.digest.to_string(),
        size_bytes: layer.size_bytes,
        instruction: layer.instruction.clone(),
    });
    types::ImageInfo {
        summary: summary(&details.image),
        images: details.images.iter().map(manifest).collect(),
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
    page(context, &types::Page { items: found.items.iter().map(summary).collect(), next, count: None })
}

/// `GET /api/v1/repositories/{repository}/-/images/{digest}`.
pub(crate) async fn get_image(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, digest): (_, Digest) = (context.repository()?, context.parsed("digest")?);
    let actor = context.actor().await?;
    let details = context.app.content.get_image(&actor, &name, &digest).await?;
    versioned(StatusCode::OK, &info(&details), &digest.to_string())
}
