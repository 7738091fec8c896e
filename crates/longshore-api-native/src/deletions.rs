//! The trash: deletions that can be undone.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_content::trash::{DeletionDetails, NotRestored, Restored, Restoring};
use longshore_domain::deletion::{DeletedItem, Deletion, DeletionCause, DeletionId};
use longshore_domain::name::RepositoryName;
use longshore_domain::{Error, Field, Result};

use crate::context::Context;
use crate::cursor;
use crate::wire::{page, time};

fn summary(context: &Context, deletion: &Deletion) -> types::DeletionSummary {
    let (undone_at, undone_by) = deletion.undone.clone().unzip();
    types::DeletionSummary {
        id: deletion.id.to_string(),
        repository: deletion.repository_name.to_string(),
        is_repository: deletion.is_whole,
        cause: match deletion.cause {
            DeletionCause::Request => types::DeletionCause::Request,
            DeletionCause::Retention => types::DeletionCause::Retention,
            DeletionCause::Untagged => types::DeletionCause::Untagged,
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

fn item(item: &DeletedItem) -> types::DeletedItem {
    types::DeletedItem {
        kind: item.kind.as_str().to_owned(),
        tag: item.tag.as_ref().map(ToString::to_string),
        digest: item.digest.to_string(),
    }
}

fn conflict(conflict: &NotRestored) -> types::NotRestored {
    match conflict {
        NotRestored::PointsElsewhere { tag, digest, present } => types::NotRestored {
            tag: tag.to_string(),
            digest: digest.to_string(),
            reason: types::NotRestoredReason::PointsElsewhere,
            present: Some(present.to_string()),
            deletion: None,
        },
        NotRestored::ImageGone { tag, digest, deletion } => types::NotRestored {
            tag: tag.to_string(),
            digest: digest.to_string(),
            reason: types::NotRestoredReason::ImageGone,
            present: None,
            deletion: deletion.map(|id| id.to_string()),
        },
    }
}

fn result(restored: &Restored) -> types::RestoreResult {
    types::RestoreResult {
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
    let before = cursor::read_newest(context, &list)?.map(|(at, id)| (at, DeletionId(id)));
    let size = context.page_size()?;
    let content = &context.app.content;
    let found = content.list_deletions(&actor, &namespace, repository.as_ref(), before, size).await?;
    let next = found.next.map(|(at, id)| cursor::write_newest(&list, at, id.0)).transpose()?;
    let items = found.items.iter().map(|deletion| summary(context, deletion)).collect();
    page(context, &types::Page { items, next, count: None })
}

/// `GET /api/v1/deletions/{id}`.
pub(crate) async fn get_deletion(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, size): (DeletionId, _) = (context.parsed("id")?, longshore_domain::page::PageSize::MAX);
    let actor = context.actor().await?;
    let DeletionDetails { deletion, items } = context.app.content.get_deletion(&actor, id, size).await?;
    let info =
        types::DeletionInfo { summary: summary(context, &deletion), items: items.iter().map(item).collect() };
    Ok(json(StatusCode::OK, &info))
}

/// `POST /api/v1/deletions/{id}/restore`.
pub(crate) async fn restore_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::RestoreDeletion = context.json_or_default(body).await?;
    let id: DeletionId = context.parsed("id")?;
    let how = Restoring {
        overwrites: request.overwrite,
        name: request.name.as_deref().map(str::parse).transpose()?,
    };
    let actor = context.actor().await?;
    Ok(json(StatusCode::OK, &result(&context.app.content.undo_deletion(&actor, id, how).await?)))
}

/// `DELETE /api/v1/deletions/{id}`.
pub(crate) async fn end_deletion(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor): (DeletionId, _) = (context.parsed("id")?, context.actor().await?);
    context.app.content.end_deletion(&actor, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
