//! The trash: deletions that can be undone.

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_content::trash::{DeletionDetails, NotRestored, Restored, Restoring};
use longshore_domain::deletion::{DeletedItem, Deletion, DeletionCause, DeletionId};
use longshore_domain::name::RepositoryName;
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::cursor;
use crate::tags::from_microseconds;
use crate::wire::{Page, page, time};

/// A deletion in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeletionSummary {
    /// Its id, as the header `Longshore-Deletion` of the answer to what deleted had it.
    id: String,
    /// The repository, as it was called then.
    repository: String,
    /// Whether the repository itself was deleted, with all that was in it.
    is_repository: bool,
    /// Why.
    cause: Cause,
    /// Name of who did it.
    deleted_by: String,
    /// When.
    deleted_at: String,
    /// Until when it can be undone.
    restorable_until: String,
    /// How many tags went.
    tags: u64,
    /// How many images.
    images: u64,
    /// How many blobs by themselves.
    blobs: u64,
    /// When it was undone; null if it was not.
    undone_at: Option<String>,
    /// Name of who undid it.
    undone_by: Option<String>,
}

/// Why something was deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Cause {
    /// Somebody asked for it.
    Request,
    /// A retention policy did not keep it.
    Retention,
    /// It had no tag, and the registry collects such images.
    Untagged,
}

/// A page of deletions.
pub(crate) type DeletionPage = Page<DeletionSummary>;

/// A deletion.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeletionInfo {
    #[serde(flatten)]
    summary: DeletionSummary,
    /// What went, the first thousand: tags, then images, then blobs. Of a repository nothing is listed.
    items: Vec<ItemInfo>,
}

/// What went with a deletion.
#[derive(Serialize, JsonSchema)]
struct ItemInfo {
    /// `tag`, `image` or `blob`.
    kind: &'static str,
    /// The tag, of one.
    tag: Option<String>,
    /// The digest; of a tag that of what it pointed at.
    digest: String,
}

/// How a deletion is undone.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    /// Whether tags that point elsewhere by now are moved back; otherwise they stay, and are reported.
    #[serde(default)]
    overwrite: bool,
    /// Under which name a repository comes back, in the same namespace; as it was called, if it is left out.
    name: Option<String>,
}

/// What came of undoing a deletion.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RestoreResult {
    /// The repository.
    repository: String,
    /// Tags that point again at what they pointed at.
    tags: u64,
    /// Images that are there again.
    images: u64,
    /// Blobs that are there again.
    blobs: u64,
    /// How much of it was there already.
    already_there: u64,
    /// Images and blobs that were brought back before, and were deleted again since.
    deleted_since: u64,
    /// Tags that did not come back, the first thousand.
    conflicts: Vec<ConflictInfo>,
}

/// A tag that did not come back.
#[derive(Serialize, JsonSchema)]
struct ConflictInfo {
    /// The tag.
    tag: String,
    /// What it pointed at when it was deleted.
    digest: String,
    /// Why it did not come back.
    reason: Reason,
    /// What it points at by now.
    present: Option<String>,
    /// The deletion by which its image went, if that can be undone first.
    deletion: Option<String>,
}

/// Why a tag did not come back.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// It points elsewhere by now; with `overwrite` it is moved back, unless it is immutable.
    PointsElsewhere,
    /// Its image went by another deletion, or is collected.
    ImageGone,
}

fn summary(context: &Context, deletion: &Deletion) -> DeletionSummary {
    let (undone_at, undone_by) = deletion.undone.clone().unzip();
    DeletionSummary {
        id: deletion.id.to_string(),
        repository: deletion.repository_name.to_string(),
        is_repository: deletion.is_whole,
        cause: match deletion.cause {
            DeletionCause::Request => Cause::Request,
            DeletionCause::Retention => Cause::Retention,
            DeletionCause::Untagged => Cause::Untagged,
        },
        deleted_by: deletion.actor_name.clone(),
        deleted_at: time(deletion.at),
        restorable_until: time(context.app.content.restorable_until(deletion)),
        tags: deletion.tags,
        images: deletion.images,
        blobs: deletion.blobs,
        undone_at: undone_at.map(time),
        undone_by,
    }
}

fn item(item: &DeletedItem) -> ItemInfo {
    ItemInfo {
        kind: item.kind.as_str(),
        tag: item.tag.as_ref().map(ToString::to_string),
        digest: item.digest.to_string(),
    }
}

fn conflict(conflict: &NotRestored) -> ConflictInfo {
    match conflict {
        NotRestored::PointsElsewhere { tag, digest, present } => ConflictInfo {
            tag: tag.to_string(),
            digest: digest.to_string(),
            reason: Reason::PointsElsewhere,
            present: Some(present.to_string()),
            deletion: None,
        },
        NotRestored::ImageGone { tag, digest, deletion } => ConflictInfo {
            tag: tag.to_string(),
            digest: digest.to_string(),
            reason: Reason::ImageGone,
            present: None,
            deletion: deletion.map(|id| id.to_string()),
        },
    }
}

fn result(restored: &Restored) -> RestoreResult {
    RestoreResult {
        repository: restored.repository.clone(),
        tags: restored.tags,
        images: restored.images,
        blobs: restored.blobs,
        already_there: restored.present,
        deleted_since: restored.deleted_since,
        conflicts: restored.conflicts.iter().map(conflict).collect(),
    }
}

/// `GET /api/v1/deletions`.
pub(crate) async fn list_deletions(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let repository: Option<RepositoryName> =
        context.query("repository").map(|text| text.parse()).transpose()?;
    let namespace = match (context.namespace()?, &repository, actor.as_account()) {
        (Some(_), Some(_), _) => {
            return Err(Error::Invalid {
                field: Field::Parameter("namespace"),
                reason: "cannot be together with repository, which names it".into(),
            });
        }
        (Some(namespace), None, _) => namespace,
        (None, Some(repository), _) => repository.namespace(),
        (None, None, Some(account)) => account.name.clone(),
        (None, None, None) => {
            return Err(Error::Invalid {
                field: Field::Parameter("namespace"),
                reason: "is needed: whose trash".into(),
            });
        }
    };
    let list = format!("deletions {namespace} {}", repository.as_ref().map_or("", RepositoryName::as_str));
    let before: Option<(i64, Uuid)> = cursor::read(context, &list)?;
    let before = before.map(|(at, id)| Ok::<(Timestamp, _), Error>((from_microseconds(at)?, DeletionId(id))));
    let (before, size) = (before.transpose()?, context.page_size()?);
    let content = &context.app.content;
    let found = content.list_deletions(&actor, &namespace, repository.as_ref(), before, size).await?;
    let next = found.next.map(|(at, id)| cursor::write(&list, &(at.as_microsecond(), id.0))).transpose()?;
    let items = found.items.iter().map(|deletion| summary(context, deletion)).collect();
    page(context, &Page { items, next, count: None })
}

/// `GET /api/v1/deletions/{id}`.
pub(crate) async fn get_deletion(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, size): (DeletionId, _) = (context.parsed("id")?, longshore_domain::page::PageSize::MAX);
    let actor = context.actor().await?;
    let DeletionDetails { deletion, items } = context.app.content.get_deletion(&actor, id, size).await?;
    let info = DeletionInfo { summary: summary(context, &deletion), items: items.iter().map(item).collect() };
    Ok(json(StatusCode::OK, &info))
}

/// `POST /api/v1/deletions/{id}/restore`.
pub(crate) async fn restore_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let request: RestoreRequest = context.json_or_default(body).await?;
    let id: DeletionId = context.parsed("id")?;
    let how = Restoring {
        overwrites: request.overwrite,
        name: request.name.as_deref().map(str::parse).transpose()?,
    };
    let actor = context.actor().await?;
    Ok(json(StatusCode::OK, &result(&context.app.content.undo_deletion(&actor, id, how).await?)))
}
