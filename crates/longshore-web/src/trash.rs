//! Taking back a deletion.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::trash::{NotRestored, Restored, Restoring};
use longshore_domain::deletion::{Deletion, DeletionCause, DeletionId};
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::format::{Age, counted, date, short};
use crate::list::{self, Pager};
use crate::page::{Crumb, Frame, Kept, Message, Place, send, show};
use crate::repository::frame;

/// Most things of a deletion that are listed.
const LISTED: u64 = 200;

struct Row {
    id: String,
    what: String,
    repository: String,
    by: String,
    deleted: Age,
    until: String,
    state: &'static str,
    can_restore: bool,
}

#[derive(Template)]
#[template(path = "deleted.html")]
struct DeletedPage {
    frame: Frame,
    heading: String,
    rows: Vec<Row>,
    pager: Pager,
    is_final: bool,
    kept_for: String,
    /// Whether the names of repositories tell rows apart.
    names_repositories: bool,
}

struct Item {
    kind: String,
    name: String,
}

#[derive(Template)]
#[template(path = "deletion.html")]
struct DeletionPage {
    frame: Frame,
    row: Row,
    items: Vec<Item>,
    is_cut: bool,
    is_repository: bool,
    conflicts: Vec<String>,
}

fn what(deletion: &Deletion) -> String {
    let images = counted(deletion.images, "image", "images");
    let tags = counted(deletion.tags, "tag", "tags");
    match (deletion.is_whole, deletion.images, deletion.tags) {
        (true, ..) => format!("the repository, with {images} and {tags}"),
        (false, 0, 0) => counted(deletion.blobs, "layer", "layers"),
        (false, 0, _) => tags,
        (false, _, 0) => images,
        (false, ..) => format!("{images} and {tags}"),
    }
}

fn row(context: &Context, deletion: &Deletion) -> Row {
    let now = context.app.platform.now();
    let until = context.app.content.restorable_until(deletion);
    let is_undone = deletion.undone.is_some();
    let is_over = until <= now || deletion.ended_at.is_some();
    Row {
        id: deletion.id.to_string(),
        what: what(deletion),
        repository: deletion.repository_name.to_string(),
        by: match deletion.cause {
            DeletionCause::Request => deletion.actor_name.clone(),
            DeletionCause::Retention => "retention".into(),
            DeletionCause::Untagged => "collection of untagged images".into(),
        },
        deleted: Age { at: deletion.at, now },
        until: date(until),
        state: match (is_undone, is_over) {
            (true, _) => "Brought back",
            (false, true) => "Gone for good",
            (false, false) => "Can be undone",
        },
        can_restore: !is_undone && !is_over,
    }
}

async fn deleted(
    context: &Context,
    namespace: &Namespace,
    repository: Option<&RepositoryName>,
    mut frame: Frame,
) -> Result<Response> {
    let what = repository.map_or_else(|| namespace.to_string(), ToString::to_string);
    let list = format!("deleted in {what}");
    let after = list::read_ahead(context, &list, |(at, id): (i64, Uuid)| {
        Ok((longshore_api_common::cursor::time(at)?, DeletionId(id)))
    })?;
    let (actor, content) = (context.actor(), &context.app.content);
    let found = content.list_deletions(actor, namespace, repository, after, context.page_size()?).await?;
    let next = found.next.map(|(at, id)| (at.as_microsecond(), id.0));
    let pager = list::ahead(context, &list, after.is_none(), next)?;
    let undo = context.app.platform.settings().gc.undo;
    frame.title = format!("Deleted · {what}");
    let page = DeletedPage {
        frame,
        heading: format!("Deleted in {what}"),
        rows: found.items.iter().map(|deletion| row(context, deletion)).collect(),
        pager,
        is_final: undo.is_zero(),
        kept_for: counted(undo.as_secs() / 3600, "hour", "hours"),
        names_repositories: repository.is_none(),
    };
    show(context, &page)
}

/// `GET /ui/r/{repository}/-/deleted`.
pub(crate) async fn show_deleted(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    deleted(context, &name.namespace(), Some(&name), frame(context, &name, "Deleted")).await
}

/// `GET /ui/n/{namespace}/deleted`.
pub(crate) async fn show_namespace_deleted(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = context.namespace()?;
    let frame = Frame::new(context, Place::Repositories, "Deleted").below([
        ("Repositories", "/ui/repositories".into()),
        (name.as_str(), format!("/ui/n/{name}")),
        ("Deleted", String::new()),
    ]);
    deleted(context, &name, None, frame).await
}

fn id(context: &Context) -> Result<DeletionId> {
    context.parsed("id")
}

fn conflict(conflict: &NotRestored) -> String {
    match conflict {
        NotRestored::PointsElsewhere { tag, digest, present } => {
            format!("{tag} pointed at {} and points at {} now", short(digest), short(present))
        }
        NotRestored::ImageGone { tag, digest, .. } => {
            format!("{tag} pointed at {}, which is gone by another deletion", short(digest))
        }
    }
}

async fn page(
    context: &Context,
    id: DeletionId,
    message: Option<Message>,
    conflicts: Vec<String>,
) -> Result<DeletionPage> {
    let size = PageSize::clamped(LISTED)?;
    let found = context.app.content.get_deletion(context.actor(), id, size).await?;
    let deletion = &found.deletion;
    let mut frame = frame(context, &deletion.repository_name, "Deletion");
    if deletion.is_whole {
        // There is no page of it.
        frame.crumbs.retain(|crumb| !crumb.path.starts_with("/ui/r/"));
        frame.crumbs.push(Crumb { text: deletion.repository_name.to_string(), path: String::new() });
    }
    frame.messages.extend(message);
    let item = |item: &longshore_domain::deletion::DeletedItem| Item {
        kind: item.kind.as_str().to_owned(),
        name: match &item.tag {
            Some(tag) => format!("{tag} ({})", short(&item.digest)),
            None => item.digest.to_string(),
        },
    };
    Ok(DeletionPage {
        row: row(context, deletion),
        is_cut: found.items.len() as u64 >= LISTED,
        items: found.items.iter().map(item).collect(),
        is_repository: deletion.is_whole,
        frame,
        conflicts,
    })
}

/// `GET /ui/deletions/{id}`.
pub(crate) async fn show_deletion(context: &Context, _body: RequestBody) -> Result<Response> {
    let mut page = page(context, id(context)?, None, Vec::new()).await?;
    if context.query("done").is_some() && page.row.can_restore {
        let text = format!("Deleted {}.", page.row.what);
        let undo = Some((format!("/ui/deletions/{}/restore", page.row.id), "Undo".to_owned()));
        page.frame.messages.push(Message { undo, ..Message::done(text) });
    }
    show(context, &page)
}

#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    overwrite: String,
    #[serde(default)]
    name: String,
}

fn result(restored: &Restored) -> Message {
    let mut text = format!(
        "Brought back {} and {}.",
        counted(restored.images, "image", "images"),
        counted(restored.tags, "tag", "tags")
    );
    if !restored.conflicts.is_empty() {
        let number = counted(restored.conflicts.len() as u64, "tag", "tags");
        text = format!("{text} {number} did not come back, see below.");
    }
    Message::done(text)
}

/// `POST /ui/deletions/{id}/restore`.
pub(crate) async fn restore_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let (id, sent): (_, Sent) = (id(context)?, context.form(body).await?);
    let how = Restoring {
        overwrites: sent.overwrite == "yes",
        name: Some(sent.name.trim()).filter(|name| !name.is_empty()).map(str::parse).transpose()?,
    };
    match context.app.content.undo_deletion(context.actor(), id, how).await {
        Ok(restored) => {
            let conflicts = restored.conflicts.iter().map(conflict).collect();
            let page = page(context, id, Some(result(&restored)), conflicts).await?;
            send(context, StatusCode::OK, Kept::Never, &page)
        }
        Err(error @ (Error::Exists(_) | Error::Conflict(_))) => {
            let message = Message::problem(crate::error::sentence(&error));
            let page = page(context, id, Some(message), Vec::new()).await?;
            send(context, StatusCode::CONFLICT, Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}
