//! Commands about durable work.

use longshore_app::App;
use longshore_domain::Result;
use longshore_domain::work::{ListedWork, WorkId, WorkState};
use serde_json::{Value, json};

use super::Outcome;
use super::run::{OPERATOR, done, time};

fn work_json(work: &ListedWork) -> Value {
    let (state, since) = match work.state {
        WorkState::Waiting => ("waiting", None),
        WorkState::Running { .. } => ("running", None),
        WorkState::Dead { died_at } => ("dead", Some(time(died_at))),
    };
    let item = &work.item;
    // What repeats is about itself.
    let about = item.key.as_ref().filter(|key| **key != item.kind);
    json!({
        "id": item.id.0,
        "kind": item.kind,
        "about": about,
        "for": Some(&item.lane).filter(|lane| *lane != longshore_platform::work::NOBODYS_LANE),
        "state": state,
        "due_at": time(item.due_at),
        "attempts": item.attempts,
        "last_error": item.last_error,
        "created_at": time(item.created_at),
        "died_at": since,
        "last_done_at": work.last_run.map(|run| time(run.ended_at)),
        "last_took_ms": work.last_run.map(|run| u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX)),
        "last_items": work.last_run.map(|run| run.items),
    })
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("KIND", "kind"),
    ("FOR", "for"),
    ("STATE", "state"),
    ("DUE", "due_at"),
    ("ATTEMPTS", "attempts"),
    ("LAST DONE", "last_done_at"),
    ("MS", "last_took_ms"),
    ("ITEMS", "last_items"),
    ("LAST ERROR", "last_error"),
];

const LINES: &[(&str, &str)] = &[
    ("id", "id"),
    ("kind", "kind"),
    ("about", "about"),
    ("for", "for"),
    ("state", "state"),
    ("due", "due_at"),
    ("attempts", "attempts"),
    ("last error", "last_error"),
    ("wished for", "created_at"),
    ("given up", "died_at"),
];

/// Lists work, dead work first.
pub(super) async fn list(app: &App, only_dead: bool) -> Result<Outcome> {
    let work = app.list_work(&OPERATOR).await?;
    let wanted = work.iter().filter(|work| !only_dead || matches!(work.state, WorkState::Dead { .. }));
    Ok(Outcome::table(COLUMNS, wanted.map(work_json).collect()))
}

/// Shows a piece of work.
pub(super) async fn show(app: &App, id: WorkId) -> Result<Outcome> {
    Ok(Outcome::object(LINES, work_json(&app.get_work(&OPERATOR, id).await?)))
}

/// Makes work due now.
pub(super) async fn retry(app: &App, id: WorkId) -> Result<Outcome> {
    app.retry_work(&OPERATOR, id).await?;
    Ok(done(format!("work {} is due now; a running server does it within a second", id.0), &id.0.to_string()))
}

/// Removes work.
pub(super) async fn drop(app: &App, id: WorkId) -> Result<Outcome> {
    app.drop_work(&OPERATOR, id).await?;
    Ok(done(format!("work {} is removed and will not be done", id.0), &id.0.to_string()))
}
