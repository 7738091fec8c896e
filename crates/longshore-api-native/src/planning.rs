//! Deletions of what was selected, with the exact plan of what they do.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_content::planning::{DeletionPreview, KeptReason, Selection};
use longshore_domain::deletion::DeletionId;
use longshore_domain::image::{ImageFilter, ImageStatus};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire::time;

/// What is to be deleted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletionRequest {
    /// Images, with the tags that point at them.
    #[serde(default)]
    digests: Vec<String>,
    /// Tags; their images stay.
    #[serde(default)]
    tags: Vec<String>,
    /// All images that this describes, with the tags that point at them.
    filter: Option<FilterRequest>,
    /// Whether the images that an index lists go with it, unless something else needs them.
    #[serde(default)]
    with_parts: bool,
    /// Whether to say only what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Deletes only if this is still the plan, as a dry run has named it.
    plan: Option<String>,
}

/// Which images.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterRequest {
    /// Only those that a tag reaches, by itself or through an index, or only the others.
    tagged: Option<bool>,
    /// Only those that were neither pushed nor pulled since this time.
    inactive_since: Option<String>,
}

/// What a deletion does, or would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlanInfo {
    /// Names this plan.
    plan: String,
    /// Id of the deletion, by which it can be undone; null when nothing was deleted.
    id: Option<String>,
    /// How many images go.
    images: u64,
    /// How many tags go.
    tags: u64,
    /// Digests of the images, the first thousand.
    image_digests: Vec<String>,
    /// The tags, the first thousand, with what they point at.
    tag_names: Vec<PlannedTag>,
    /// How many images the registry collects afterwards by itself.
    collected_later: u64,
    /// Bytes that the store has less in the end.
    freed_bytes: u64,
    /// Bytes of what goes that stay, because something else needs them.
    shared_bytes: u64,
    /// When all of that is freed at the latest, if nothing else happens.
    freed_at: String,
    /// What was named and stays, the first thousand.
    kept: Vec<KeptInfo>,
}

/// A tag that goes.
#[derive(Serialize, JsonSchema)]
struct PlannedTag {
    /// Its name.
    name: String,
    /// What it points at.
    digest: String,
}

/// Something that stays.
#[derive(Serialize, JsonSchema)]
struct KeptInfo {
    /// Its digest.
    digest: String,
    /// Why it stays.
    reason: Reason,
    /// The index that lists it, or the tag that is immutable.
    by: String,
}

/// Why something stays.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// An index lists it that stays.
    PartOf,
    /// A tag of it is immutable.
    ImmutableTag,
}

/// Most digests and tags that an answer lists.
const LISTED: usize = 1000;

fn info(preview: &DeletionPreview, id: Option<DeletionId>) -> PlanInfo {
    let kept = preview.kept.iter().map(|(digest, reason)| {
        let (reason, by) = match reason {
            KeptReason::PartOf(index) => (Reason::PartOf, index.to_string()),
            KeptReason::ImmutableTag(tag) => (Reason::ImmutableTag, tag.to_string()),
        };
        KeptInfo { digest: digest.to_string(), reason, by }
    });
    let tags = preview.tags.iter().take(LISTED);
    PlanInfo {
        plan: preview.plan.clone(),
        id: id.map(|id| id.to_string()),
        images: preview.images.len() as u64,
        tags: preview.tags.len() as u64,
        image_digests: preview.images.iter().take(LISTED).map(ToString::to_string).collect(),
        tag_names: tags
            .map(|(tag, digest)| PlannedTag { name: tag.to_string(), digest: digest.to_string() })
            .collect(),
        collected_later: preview.collected_later.len() as u64,
        freed_bytes: preview.freed_bytes,
        shared_bytes: preview.shared_bytes,
        freed_at: time(preview.freed_at),
        kept: kept.collect(),
    }
}

fn selection(request: &DeletionRequest) -> Result<Selection> {
    let digests: BTreeSet<_> = request.digests.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let tags: BTreeSet<_> = request.tags.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let filter = request.filter.as_ref().map(filter).transpose()?;
    if digests.is_empty() && tags.is_empty() && filter.is_none() {
        return Err(Error::Invalid {
            field: Field::Body,
            reason: "names nothing to delete: give digests, tags or a filter".into(),
        });
    }
    Ok(Selection { digests, tags, filter, with_parts: request.with_parts })
}

fn filter(request: &FilterRequest) -> Result<ImageFilter> {
    let invalid = || Error::Invalid {
        field: Field::Member("inactive_since"),
        reason: "must be a time such as 2026-11-01T12:00:00Z".into(),
    };
    let since: Option<Timestamp> =
        request.inactive_since.as_deref().map(|text| text.parse().map_err(|_| invalid())).transpose()?;
    if since.is_none() && request.tagged.is_none() {
        return Err(Error::Invalid {
            field: Field::Member("filter"),
            reason: "describes all images: say which with tagged or inactive_since".into(),
        });
    }
    Ok(ImageFilter {
        active_from: since.unwrap_or(Timestamp::MIN),
        status: since.map(|_| ImageStatus::Inactive),
        is_tagged: request.tagged,
    })
}

/// `POST /api/v1/repositories/{repository}/-/deletions`.
pub(crate) async fn create_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let request: DeletionRequest = context.json(body).await?;
    let (name, selection) = (context.repository()?, selection(&request)?);
    let (actor, content) = (context.actor().await?, &context.app.content);
    if request.dry_run {
        let preview = content.preview_deletion(&actor, &name, selection).await?;
        if request.plan.as_ref().is_some_and(|plan| *plan != preview.plan) {
            return Err(longshore_domain::conflict::Conflict::PlanChanged.into());
        }
        return Ok(json(StatusCode::OK, &info(&preview, None)));
    }
    let (preview, id) = content.delete_selected(&actor, &name, selection, request.plan.as_deref()).await?;
    Ok(json(StatusCode::OK, &info(&preview, id)))
}
