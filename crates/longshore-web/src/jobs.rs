//! What takes longer than a request, and how far it is.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use longshore_domain::job::{Job, JobId, JobKind, JobState};

use crate::context::Context;
use crate::format::{Age, count, percent};
use crate::page::{Frame, Kept, Place, lead, send};

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    id: String,
    what: &'static str,
    state: &'static str,
    done: String,
    total: String,
    percent: Option<u64>,
    unit: String,
    text: String,
    asked: Age,
    is_over: bool,
    is_cancelled: bool,
    /// The deletion that it made, if it did.
    deletion: Option<String>,
}

fn what(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Verify => "Read everything back",
        JobKind::VerifyStore => "Compare store and database",
        JobKind::CollectGarbage => "Collect garbage",
        JobKind::DeleteImages => "Delete images",
    }
}

fn state(job: &Job) -> &'static str {
    match job.state {
        JobState::Waiting => "Waiting",
        JobState::Running if job.is_cancelled => "Ending",
        JobState::Running => "Running",
        JobState::Done => "Done",
        JobState::Failed => "Failed",
        JobState::Cancelled => "Cancelled",
    }
}

fn deletion(job: &Job) -> Option<String> {
    let result: serde_json::Value = serde_json::from_str(job.result.as_deref()?).ok()?;
    Some(result["deletion"].as_str()?.to_owned())
}

fn id(context: &Context) -> Result<JobId> {
    context.parsed("id")
}

/// `GET /ui/jobs/{id}`.
pub(crate) async fn show_job(context: &Context, _body: RequestBody) -> Result<Response> {
    let job = context.app.get_job(context.actor(), id(context)?).await?;
    let progress = &job.progress;
    let page = JobPage {
        frame: Frame::new(context, Place::Elsewhere, what(job.kind)),
        id: job.id.to_string(),
        what: what(job.kind),
        state: state(&job),
        done: count(progress.done),
        total: progress.total.map(count).unwrap_or_default(),
        percent: progress.total.map(|total| percent(progress.done, total)),
        unit: progress.unit.clone(),
        text: progress.text.clone(),
        asked: Age { at: job.created_at, now: context.app.platform.now() },
        is_over: job.state.is_final(),
        is_cancelled: job.is_cancelled,
        deletion: deletion(&job),
    };
    send(context, http::StatusCode::OK, Kept::Never, &page)
}

/// `POST /ui/jobs/{id}/cancel`.
pub(crate) async fn cancel_job(context: &Context, _body: RequestBody) -> Result<Response> {
    let id = id(context)?;
    context.app.cancel_job(context.actor(), id).await?;
    Ok(lead(context, &format!("/ui/jobs/{id}")))
}
