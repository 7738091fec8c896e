//! What differs between two images.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_content::image_details::ComparedImage;
use longshore_domain::name::Reference;
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::images::manifest;

fn reference(context: &Context, name: &'static str) -> Result<Reference> {
    let needed = || Error::Invalid {
        field: Field::Parameter(name),
        reason: "is needed: a tag, a tag at a time, or a digest".into(),
    };
    context.query(name).ok_or_else(needed)?.parse()
}

/// Returns the blobs that one image has and another has not, with their bytes.
fn only_in(one: &ComparedImage, other: &ComparedImage) -> (Vec<types::BlobInfo>, u64) {
    let only = one.blobs.iter().filter(|(digest, _)| !other.blobs.contains_key(digest));
    let blobs: Vec<types::BlobInfo> = only
        .map(|(digest, size)| types::BlobInfo { digest: digest.to_string(), size_bytes: *size })
        .collect();
    let bytes = blobs.iter().map(|blob| blob.size_bytes).sum();
    (blobs, bytes)
}

fn images_only_in(one: &ComparedImage, other: &ComparedImage) -> Vec<types::ManifestInfo> {
    let is_there = |digest| other.images.iter().any(|image| image.digest == digest);
    one.images.iter().filter(|image| !is_there(image.digest)).map(manifest).collect()
}

/// `GET /api/v1/repositories/{repository}/-/compare`.
pub(crate) async fn compare_images(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, from, to) = (context.repository()?, reference(context, "from")?, reference(context, "to")?);
    let actor = context.actor().await?;
    let (from, to) = context.app.content.compare_images(&actor, &name, &from, &to).await?;
    let (removed, removed_bytes) = only_in(&from, &to);
    let (added, added_bytes) = only_in(&to, &from);
    let comparison = types::Comparison {
        is_same: from.manifest.digest == to.manifest.digest,
        removed_images: images_only_in(&from, &to),
        added_images: images_only_in(&to, &from),
        is_complete: from.is_complete && to.is_complete,
        common_bytes: from.blobs.values().sum::<u64>() - removed_bytes,
        from: manifest(&from.manifest),
        to: manifest(&to.manifest),
        removed,
        added,
        removed_bytes,
        added_bytes,
    };
    Ok(json(StatusCode::OK, &comparison))
}
