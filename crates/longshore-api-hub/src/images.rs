//! Images and their safe deletion. Docker Hub API, "Images".

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::images::{DeletionMode, DeletionOutcome, DeletionRequest, a_month_before};
use longshore_domain::image::{
    DeletionError, DeletionWarning, IgnoredWarning, Image, ImageFilter, ImageStatus, ImageTag, WarningKind,
    status,
};
use longshore_domain::image_order::ImageOrder;
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Context;
use crate::error::call_info;
use crate::wire::{self, Page};

/// Most entries of `manifests` and `ignore_warnings`.
const ENTRIES_LIMIT: usize = 10_000;

/// An image of `GetNamespaceRepositoryImagesResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImageDocument {
    namespace: String,
    repository: String,
    digest: String,
    /// Current and historical tags, the first hundred; `images/{digest}/tags` has all.
    tags: Vec<ImageTagDocument>,
    last_pushed: Option<String>,
    /// To the hour.
    last_pulled: Option<String>,
    /// `active` or `inactive`, by `active_from`.
    status: &'static str,
}

/// A tag of an image.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImageTagDocument {
    tag: String,
    /// False when the tag points elsewhere now, or is gone.
    is_current: bool,
}

/// `GetNamespaceRepositoryImagesSummaryResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SummaryDocument {
    active_from: String,
    statistics: Statistics,
}

#[derive(Serialize, JsonSchema)]
struct Statistics {
    total: u64,
    active: u64,
    inactive: u64,
}

/// `PostNamespacesDeleteImagesRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DeleteRequest {
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Since when an image must have been pushed or pulled to count as active; a month ago when absent.
    #[schemars(extend("format" = "date-time"))]
    active_from: Option<String>,
    /// What to delete, all in one repository.
    #[schemars(length(min = 1, max = 1000))]
    manifests: Vec<ManifestEntry>,
    /// Warnings that you have seen, as they were answered.
    #[serde(default)]
    ignore_warnings: Vec<WarningDocument>,
}

#[derive(Deserialize, JsonSchema)]
struct ManifestEntry {
    repository: String,
    digest: String,
}

/// A warning, as it is answered and sent back.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct WarningDocument {
    repository: String,
    digest: String,
    warning: WarningName,
    /// Current tags, for `current_tag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WarningName {
    IsActive,
    CurrentTag,
}

#[derive(Serialize, JsonSchema)]
struct ErrorDocument {
    repository: String,
    digest: String,
    error: &'static str,
}

/// `PostNamespacesDeleteImagesResponseSuccess`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeletedDocument {
    dry_run: bool,
    metrics: Metrics,
}

#[derive(Serialize, JsonSchema)]
struct Metrics {
    manifest_deletes: u64,
    manifest_errors: u64,
    tag_deletes: u64,
    tag_errors: u64,
}

/// `PostNamespacesDeleteImagesResponseError`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RefusedDocument {
    txnid: String,
    message: String,
    errinfo: serde_json::Value,
}

fn invalid(field: Field, reason: impl Into<String>) -> Error {
    Error::Invalid { field, reason: reason.into() }
}

fn active_from(text: Option<&str>) -> Result<Option<Timestamp>> {
    let wrong = |_| invalid(Field::Parameter("active_from"), "must be a time such as 2026-01-31T12:00:00Z");
    text.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(wrong)).transpose()
}

pub(crate) fn active_from_query(context: &Context) -> Result<Timestamp> {
    let given = active_from(context.query("active_from").as_deref())?;
    Ok(given.unwrap_or_else(|| a_month_before(context.app.platform.now())))
}

/// Returns which status the listed images or tags must have, if that matters.
pub(crate) fn wanted_status(context: &Context) -> Result<Option<ImageStatus>> {
    match context.query("status").as_deref() {
        None => Ok(None),
        Some("active") => Ok(Some(ImageStatus::Active)),
        Some("inactive") => Ok(Some(ImageStatus::Inactive)),
        Some(_) => Err(invalid(Field::Parameter("status"), "must be active or inactive")),
    }
}

pub(crate) fn status_name(status: ImageStatus) -> &'static str {
    match status {
        ImageStatus::Active => "active",
        ImageStatus::Inactive => "inactive",
    }
}

fn tag_document(tag: &ImageTag) -> ImageTagDocument {
    ImageTagDocument { tag: tag.tag.to_string(), is_current: tag.is_current }
}

/// `GET …/images`.
pub(crate) async fn get_namespaces_repositories_images(
    context: &Context,
    _: RequestBody,
) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let wanted = context.page()?;
    let filter = ImageFilter {
        active_from: active_from_query(context)?,
        status: wanted_status(context)?,
        is_tagged: context.truth("currently_tagged")?,
    };
    let order = match context.query("ordering").as_deref() {
        None | Some("-last_activity") => ImageOrder::MOST_ACTIVE,
        Some("last_activity") => ImageOrder::LEAST_ACTIVE,
        Some("digest") => ImageOrder::DIGEST,
        Some("-digest") => ImageOrder::DIGEST_DESCENDING,
        Some(_) => {
            return Err(invalid(
                Field::Parameter("ordering"),
                "must be last_activity, -last_activity, digest or -digest",
            ));
        }
    };
    let (images, count) =
        context.app.content.list_images(&actor, &name, filter, order, wanted.offset(), wanted.size).await?;
    let document = |image: &Image| ImageDocument {
        namespace: name.namespace_str().to_owned(),
        repository: name.rest().to_owned(),
        digest: image.digest.to_string(),
        tags: image.tags.iter().map(tag_document).collect(),
        last_pushed: Some(wire::time(image.pushed_at)),
        last_pulled: image.pulled_at.map(wire::time),
        status: status_name(status(image.pushed_at, image.pulled_at, filter.active_from)),
    };
    let results = images.iter().map(document).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `GET …/images-summary`.
pub(crate) async fn get_namespaces_repositories_images_summary(
    context: &Context,
    _: RequestBody,
) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let summary = context.app.content.summarize_images(&actor, &name, active_from_query(context)?).await?;
    let statistics = Statistics {
        total: summary.active + summary.inactive,
        active: summary.active,
        inactive: summary.inactive,
    };
    let document = SummaryDocument { active_from: wire::time(summary.active_from), statistics };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `GET …/images/{digest}/tags`.
pub(crate) async fn get_namespaces_repositories_images_tags(
    context: &Context,
    _: RequestBody,
) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.repository()?;
    let digest = context.parsed("digest")?;
    let wanted = context.page()?;
    let (tags, count) =
        context.app.content.list_image_tags(&actor, &name, &digest, wanted.offset(), wanted.size).await?;
    let results = tags.iter().map(tag_document).collect();
    Ok(wire::json(StatusCode::OK, &Page::new(context, wanted, count, results)))
}

/// `POST …/delete-images`.
pub(crate) async fn post_namespaces_delete_images(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let request: DeleteRequest = context.document(body).await?;
    if request.manifests.len().max(request.ignore_warnings.len()) > ENTRIES_LIMIT {
        return Err(invalid(Field::DeletedImages, format!("there may be at most {ENTRIES_LIMIT} entries")));
    }
    let first =
        request.manifests.first().ok_or_else(|| invalid(Field::DeletedImages, "name at least one"))?;
    let repository = first.repository.clone();
    if request.manifests.iter().any(|entry| entry.repository != repository) {
        return Err(invalid(Field::DeletedImages, "all must be in one repository"));
    }
    let name = context.repository_named(&repository)?;
    let ignored = |entry: WarningDocument| IgnoredWarning {
        digest: entry.digest,
        kind: match entry.warning {
            WarningName::IsActive => WarningKind::IsActive,
            WarningName::CurrentTag => WarningKind::CurrentTag,
        },
        tags: entry.tags.into_iter().flatten().collect(),
    };
    let dry_run = request.dry_run;
    let deletion = DeletionRequest {
        digests: request.manifests.into_iter().map(|entry| entry.digest).collect(),
        active_from: active_from(request.active_from.as_deref())?,
        // An entry about another repository is about none of these images.
        ignored: request
            .ignore_warnings
            .into_iter()
            .filter(|entry| entry.repository == repository)
            .map(ignored)
            .collect(),
        mode: if dry_run { DeletionMode::DryRun } else { DeletionMode::Delete },
    };
    match context.app.content.delete_images(&actor, &name, deletion).await? {
        DeletionOutcome::Deleted { manifests, tags } => {
            let metrics =
                Metrics { manifest_deletes: manifests, manifest_errors: 0, tag_deletes: tags, tag_errors: 0 };
            Ok(wire::json(StatusCode::OK, &DeletedDocument { dry_run, metrics }))
        }
        DeletionOutcome::Refused { errors, warnings } => Ok(refused(context, &repository, errors, warnings)),
    }
}

fn refused(
    context: &Context,
    repository: &str,
    errors: Vec<(String, DeletionError)>,
    warnings: Vec<DeletionWarning>,
) -> Response {
    let error = |(digest, error): (String, DeletionError)| ErrorDocument {
        repository: repository.to_owned(),
        digest,
        error: match error {
            DeletionError::NotFound => "not_found",
            DeletionError::Unauthorized => "unauthorized",
            DeletionError::ChildManifest => "child_manifest",
        },
    };
    let warning = |warning: DeletionWarning| {
        let (name, tags) = match warning.kind {
            WarningKind::IsActive => (WarningName::IsActive, None),
            WarningKind::CurrentTag => {
                (WarningName::CurrentTag, Some(warning.tags.iter().map(ToString::to_string).collect()))
            }
        };
        WarningDocument { repository: repository.to_owned(), digest: warning.digest, warning: name, tags }
    };
    let errors: Vec<ErrorDocument> = errors.into_iter().map(error).collect();
    let warnings: Vec<WarningDocument> = warnings.into_iter().map(warning).collect();
    let message = match errors.is_empty() {
        true => {
            "nothing was deleted: there are warnings; look at them, and send them back as ignore_warnings to delete anyway"
        }
        false => "nothing was deleted: some images cannot be deleted",
    };
    let mut errinfo = call_info(context);
    errinfo.insert("type".into(), "validation".into());
    errinfo.insert("details".into(), json!({ "errors": errors, "warnings": warnings }));
    let document = RefusedDocument {
        txnid: (*context.client.request_id).to_owned(),
        message: message.to_owned(),
        errinfo: errinfo.into(),
    };
    wire::json(StatusCode::BAD_REQUEST, &document)
}
