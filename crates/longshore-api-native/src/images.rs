//! Images: what is stored, with and without tags, and what one is made of.

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_content::image_details::{ImageDetails, TaggedImage};
use longshore_content::referrer_tree::{Belonging, ReferrerEntry};
use longshore_domain::artifact::{ArtifactKind, ArtifactPurpose};
use longshore_domain::digest::Digest;
use longshore_domain::image::{ImageFilter, ImageKind, ImageNature, ManifestDetails};
use longshore_domain::image_order::{ImageKey, ImageOrder, ImageSort};
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::cursor;
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

fn kind_of(kind: ArtifactKind) -> types::PurposeKind {
    match kind {
        ArtifactKind::Signature => types::PurposeKind::Signature,
        ArtifactKind::Sbom => types::PurposeKind::Sbom,
        ArtifactKind::Provenance => types::PurposeKind::Provenance,
        ArtifactKind::Vulnerabilities => types::PurposeKind::Vulnerabilities,
        ArtifactKind::Vex => types::PurposeKind::Vex,
        ArtifactKind::Attestation => types::PurposeKind::Attestation,
        ArtifactKind::Chart => types::PurposeKind::Chart,
        ArtifactKind::LazyIndex => types::PurposeKind::LazyIndex,
        ArtifactKind::Wasm => types::PurposeKind::Wasm,
        ArtifactKind::Other => types::PurposeKind::Other,
    }
}

fn referrer(entry: &ReferrerEntry) -> types::ReferrerInfo {
    let (belonging, tag) = match &entry.belonging {
        Belonging::Root => (types::Belonging::Root, None),
        Belonging::Part => (types::Belonging::Part, None),
        Belonging::Subject => (types::Belonging::Subject, None),
        Belonging::Attestation => (types::Belonging::Attestation, None),
        Belonging::Tag(tag) => (types::Belonging::Tag, Some(tag.to_string())),
    };
    let purpose = |purpose: &ArtifactPurpose| types::PurposeInfo {
        kind: kind_of(purpose.kind),
        format: purpose.format.clone(),
    };
    types::ReferrerInfo {
        depth: entry.depth,
        parent: entry.parent.as_ref().map(ToString::to_string),
        belonging,
        tag,
        purposes: entry.purposes.iter().map(purpose).collect(),
        manifest: manifest(&entry.manifest),
    }
}

/// `GET /api/v1/repositories/{repository}/-/images/{digest}/referrers`.
pub(crate) async fn get_referrers(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, digest): (_, Digest) = (context.repository()?, context.parsed("digest")?);
    let actor = context.actor().await?;
    let found = context.app.content.get_referrer_tree(&actor, &name, &digest).await?;
    let entries = found.entries.iter().map(referrer).collect();
    Ok(json(StatusCode::OK, &types::ReferrerTree { entries, is_complete: found.is_complete }))
}

/// Orders of images: `-` in front is backwards.
pub(crate) const ORDERS: &[&str] =
    &["-pushed", "pushed", "-active", "active", "-size", "size", "digest", "-digest"];
/// Kinds of images.
pub(crate) const KINDS: &[&str] = &["index", "image", "artifact"];

fn order(context: &Context) -> Result<ImageOrder> {
    let (by, is_descending) = context.order(ORDERS, |word| match word {
        "active" => ImageSort::Activity,
        "size" => ImageSort::Size,
        "digest" => ImageSort::Digest,
        _ => ImageSort::Pushed,
    })?;
    Ok(ImageOrder { by, is_descending })
}

fn kind(context: &Context) -> Result<Option<ImageKind>> {
    match context.query("kind").as_deref() {
        None => Ok(None),
        Some("index") => Ok(Some(ImageKind::Index)),
        Some("image") => Ok(Some(ImageKind::Image)),
        Some("artifact") => Ok(Some(ImageKind::Artifact)),
        Some(_) => Err(Error::Invalid {
            field: Field::Parameter("kind"),
            reason: format!("must be one of {}", KINDS.join(", ")),
        }),
    }
}

/// `GET /api/v1/repositories/{repository}/-/images`.
pub(crate) async fn list_images(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size, order) = (context.repository()?, context.page_size()?, order(context)?);
    let activity = context.activity()?;
    let filter = ImageFilter {
        active_from: activity.map_or(Timestamp::MIN, |(_, from)| from),
        status: activity.map(|(status, _)| status),
        is_tagged: context.truth("tagged")?,
    };
    let nature = ImageNature {
        kind: kind(context)?,
        artifact_type: context.text("artifact_type"),
        os: context.text("os"),
        architecture: context.text("architecture"),
    };
    let list = format!("images {order:?} {filter:?} {nature:?}");
    let after: Option<(i64, String)> = cursor::read(context, &list)?;
    let key = |(value, digest): (i64, String)| Ok::<_, Error>(ImageKey { value, digest: digest.parse()? });
    let after = after.map(key).transpose()?;
    let actor = context.actor().await?;
    let (found, count) =
        context.app.content.browse_images(&actor, &name, (filter, nature), order, after, size).await?;
    let next = found.next.map(|next| cursor::write(&list, &(next.value, next.digest.to_string())));
    let items = found.items.iter().map(summary).collect();
    page(context, &types::Page { items, next: next.transpose()?, count })
}

/// `GET /api/v1/repositories/{repository}/-/images/{digest}`.
pub(crate) async fn get_image(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, digest): (_, Digest) = (context.repository()?, context.parsed("digest")?);
    let actor = context.actor().await?;
    let details = context.app.content.get_image(&actor, &name, &digest).await?;
    versioned(StatusCode::OK, &info(&details), &digest.to_string())
}
