//! Tags of repositories. Docker Hub API, "Repositories": `ListRepositoryTags`, `CheckRepositoryTags`,
//! `GetRepositoryTag`, `CheckRepositoryTag`; and the older paths that clients use.

use http::{Method, StatusCode};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::images::a_month_before;
use longshore_domain::image::{Layer, ManifestDetails, TagDetails, TagFilter, status, tag_number};
use longshore_domain::name::Tag;
use longshore_domain::page::PageSize;
use longshore_domain::repository::RepositoryId;
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::bare;
use crate::context::Context;
use crate::images::{active_from_query, status_name, wanted_status};
use crate::wire::{self, Page};

/// What the Hub calls a kind of content, by a part of its artifact type.
const CONTENT_TYPES: &[(&str, &str)] = &[
    ("vnd.cncf.helm.", "helm"),
    ("vnd.docker.plugin.", "plugin"),
    ("vnd.docker.volume.", "volume"),
    ("vnd.wasm.", "wasm"),
    ("vnd.module.wasm.", "wasm"),
    ("vnd.docker.compose.", "compose"),
    ("vnd.docker.ai.model.", "model"),
    ("vnd.cncf.model.", "model"),
    ("vnd.oci.image.config.", "image"),
    ("vnd.docker.container.image.", "image"),
];

/// `tag`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TagDocument {
    creator: i64,
    id: u64,
    images: Vec<ImageDocument>,
    last_updated: Option<String>,
    last_updater: i64,
    last_updater_username: String,
    name: String,
    repository: i64,
    /// Config and layers of all images behind the tag, as stored.
    full_size: u64,
    v2: bool,
    /// `active` when it was pushed or pulled in the last month, else `inactive`.
    tag_status: &'static str,
    tag_last_pulled: Option<String>,
    tag_last_pushed: Option<String>,
    media_type: String,
    /// image, plugin, helm, volume, wasm, compose, model or unrecognized.
    content_type: &'static str,
    digest: String,
}

/// `image` of a tag.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImageDocument {
    architecture: String,
    features: &'static str,
    variant: Option<String>,
    digest: String,
    /// Of a single tag, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<LayerDocument>>,
    os: String,
    os_features: &'static str,
    os_version: Option<String>,
    size: u64,
    status: &'static str,
    last_pulled: Option<String>,
    last_pushed: Option<String>,
}

/// `layer` of an image.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LayerDocument {
    digest: String,
    size: u64,
    /// What made it, or empty when the image does not tell.
    instruction: String,
}

fn content_type(manifest: &ManifestDetails) -> &'static str {
    match &manifest.artifact_type {
        None => "image",
        Some(kind) => CONTENT_TYPES
            .iter()
            .find(|(part, _)| kind.contains(part))
            .map_or("unrecognized", |(_, name)| name),
    }
}

fn image_document(image: &ManifestDetails, active_from: Timestamp) -> ImageDocument {
    let unknown = || "unknown".to_owned();
    let platform = image.platform.as_ref();
    ImageDocument {
        architecture: platform.map_or_else(unknown, |platform| platform.architecture.clone()),
        features: "",
        variant: platform.map(|platform| platform.variant.clone()).filter(|variant| !variant.is_empty()),
        digest: image.digest.to_string(),
        layers: None,
        os: platform.map_or_else(unknown, |platform| platform.os.clone()),
        os_features: "",
        os_version: None,
        size: image.total_size_bytes,
        status: status_name(status(image.pushed_at, image.pulled_at, active_from)),
        last_pulled: image.pulled_at.map(wire::time),
        last_pushed: Some(wire::time(image.pushed_at)),
    }
}

fn layer_document(layer: Layer) -> LayerDocument {
    LayerDocument { digest: layer.digest.to_string(), size: layer.size_bytes, instruction: layer.instruction }
}

fn document(repository: RepositoryId, tag: &TagDetails, active_from: Timestamp) -> TagDocument {
    let (updater, username) = tag.updated_by.clone().unwrap_or_default();
    let status = status_name(status(tag.updated_at, tag.pulled_at, active_from));
    TagDocument {
        creator: updater,
        id: tag_number(repository, &tag.tag),
        images: tag.images.iter().map(|image| image_document(image, active_from)).collect(),
        last_updated: Some(wire::time(tag.updated_at)),
        last_updater: updater,
        last_updater_username: username,
        name: tag.tag.to_string(),
        repository: repository.0,
        full_size: tag.images.iter().map(|image| image.total_size_bytes).sum(),
        v2: true,
        tag_status: status,
        tag_last_pulled: tag.pulled_at.map(wire::time),
        tag_last_pushed: Some(wire::time(tag.updated_at)),
        media_type: tag.manifest.media_type.clone(),
        content_type: content_type(&tag.manifest),
        digest: tag.manifest.digest.to_string(),
    }
}

fn order(context: &Context) -> Result<TagOrder> {
    match context.query("ordering").as_deref() {
        // As the Hub does it: without a sign, the newest first.
        None | Some("last_updated") => Ok(TagOrder::NEWEST),
        Some("-last_updated") => Ok(TagOrder::OLDEST),
        Some("name") => Ok(TagOrder::NAME),
        Some("-name") => Ok(TagOrder::NAME_DESCENDING),
        Some(_) => Err(Error::Invalid {
            field: Field::Parameter("ordering"),
            reason: "must be last_updated, -last_updated, name or -name".into(),
        }),
    }
}

/// Returns which tags are wanted; `None` for none of them. Scripts delete what they get: each parameter that narrows the list
/// at the Hub or is sent to it does so here.
fn filter(context: &Context) -> Result<Option<TagFilter>> {
    let text = |name| context.query(name).unwrap_or_default().into_owned();
    let from = active_from_query(context)?;
    let filter = TagFilter {
        name_part: text("name"),
        status: wanted_status(context)?.map(|status| (status, from)),
        os: text("os"),
        architecture: text("architecture"),
        ..TagFilter::default()
    };
    // A tag that is not current is none.
    Ok((context.truth("currently_tagged")? != Some(false)).then_some(filter))
}

/// Returns a page of the wanted tags, with the repository and how many there are.
async fn find(
    context: &Context,
    order: TagOrder,
    offset: u64,
    size: PageSize,
) -> Result<(RepositoryId, Vec<TagDetails>, u64)> {
    let actor = context.actor().await?;
    let name = context.repository()?;
    let filter = filter(context)?;
    let is_empty = filter.is_none();
    let found = context
        .app
        .content
        .list_tag_details(&actor, &name, filter.unwrap_or_default(), order, offset, size)
        .await?;
    Ok(if is_empty { (found.0, Vec::new(), 0) } else { found })
}

/// `GET …/tags`.
pub(crate) async fn list_repository_tags(context: &Context, _: RequestBody) -> Result<Response> {
    let (wanted, order) = (context.page()?, order(context)?);
    let (id, tags, count) = find(context, order, wanted.offset(), wanted.size).await?;
    if tags.is_empty() && wanted.number > 1 {
        return Err(Error::PageUnknown(wanted.number));
    }
    let active_from = a_month_before(context.app.platform.now());
    let results = tags.iter().map(|tag| document(id, tag, active_from)).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `HEAD …/tags`: whether the repository has any of those that are asked for.
pub(crate) async fn check_repository_tags(context: &Context, _: RequestBody) -> Result<Response> {
    let (_, tags, _) = find(context, TagOrder::NAME, 0, PageSize::clamped(1)?).await?;
    match tags.is_empty() {
        true => Err(Error::RepositoryUnknown(context.repository()?)),
        false => Ok(bare(StatusCode::OK)),
    }
}

/// `GET …/tags/{tag}` and its `HEAD`.
pub(crate) async fn get_repository_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let name = context.repository()?;
    let tag: Tag = context.parsed("tag")?;
    let is_head = context.parts.method == Method::HEAD;
    let (id, details, layers) = context.app.content.get_tag_details(&actor, &name, &tag, !is_head).await?;
    if is_head {
        return Ok(bare(StatusCode::OK));
    }
    let mut document = document(id, &details, a_month_before(context.app.platform.now()));
    for (image, layers) in document.images.iter_mut().zip(layers) {
        image.layers = Some(layers.into_iter().map(layer_document).collect());
    }
    Ok(wire::json(StatusCode::OK, &document))
}

/// `DELETE …/tags/{tag}`, on the older path and on that of the document.
pub(crate) async fn delete_repository_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    context.app.content.delete_tag(&actor, &name, &context.parsed("tag")?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
