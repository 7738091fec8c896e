//! Deletions of what was selected, with the exact plan of what they do.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_app::bulk_deletions::Deleted;
use longshore_client::types;
use longshore_content::planning::{DeletionPreview, KeptReason, Selection};
use longshore_domain::deletion::DeletionId;
use longshore_domain::image::{ImageFilter, ImageStatus};
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::wire::{located, time};

/// Most digests and tags that an answer lists.
const LISTED: usize = 1000;

/// Shows a plan.
pub(crate) fn info(preview: &DeletionPreview, id: Option<DeletionId>) -> types::PlanInfo {
    let kept = preview.kept.iter().map(|(digest, reason)| {
        let (reason, by) = match reason {
            KeptReason::PartOf(index) => (types::KeptReason::PartOf, index.to_string()),
            KeptReason::ImmutableTag(tag) => (types::KeptReason::ImmutableTag, tag.to_string()),
        };
        types::KeptImage { digest: digest.to_string(), reason, by }
    });
    let tags = preview.tags.iter().take(LISTED);
    types::PlanInfo {
        plan: preview.plan.clone(),
        id: id.map(|id| id.to_string()),
        job: None,
        images: preview.images.len() as u64,
        tags: preview.tags.len() as u64,
        image_digests: preview.images.iter().take(LISTED).map(ToString::to_string).collect(),
        tag_names: tags
            .map(|(tag, digest)| types::PlannedTag { name: tag.to_string(), digest: digest.to_string() })
            .collect(),
        collected_later: preview.collected_later.len() as u64,
        freed_bytes: preview.freed_bytes,
        shared_bytes: preview.shared_bytes,
        freed_at: time(preview.freed_at),
        kept: kept.collect(),
    }
}

fn selection(request: &types::CreateDeletion) -> Result<Selection> {
    let digests: BTreeSet<_> = request.digests.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let tags: BTreeSet<_> = request.tags.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let filter = request.filter.as_ref().map(filter).transpose()?;
    if digests.is_empty() && tags.is_empty() && filter.is_none() {
        return Err(Error::Invalid {
            field: Field::Body,
            reason: "names nothing to delete: give digests, tags or a filter".into(),
        });
    }
    Ok(Selection { digests, tags, filter, with_parts: request.with_parts, ..Selection::default() })
}

fn filter(request: &types::ImageFilter) -> Result<ImageFilter> {
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
    let request: types::CreateDeletion = context.json(body).await?;
    let (name, selection) = (context.repository()?, selection(&request)?);
    let (actor, content) = (context.actor().await?, &context.app.content);
    if request.dry_run {
        let preview = content.preview_deletion(&actor, &name, selection).await?;
        if request.plan.as_ref().is_some_and(|plan| *plan != preview.plan) {
            return Err(longshore_domain::conflict::Conflict::PlanChanged.into());
        }
        return Ok(json(StatusCode::OK, &info(&preview, None)));
    }
    let expected = request.plan.as_deref();
    let (preview, deleted) = context.app.delete_selected(&actor, &name, selection, expected).await?;
    match deleted {
        Deleted::Now(id) => Ok(json(StatusCode::OK, &info(&preview, Some(id)))),
        Deleted::Nothing => Ok(json(StatusCode::OK, &info(&preview, None))),
        Deleted::Later(job) => {
            let info = types::PlanInfo { job: Some(job.id.to_string()), ..info(&preview, None) };
            let response = json(StatusCode::ACCEPTED, &info);
            located(context, response, format_args!("/api/v1/jobs/{}", job.id))
        }
    }
}
