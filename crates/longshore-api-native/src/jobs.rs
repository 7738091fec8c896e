//! Jobs: long work, its progress as a stream of events, and its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::response::json;
use longshore_app::App;
use longshore_client::types;
use longshore_domain::access::actor::Actor;
use longshore_domain::job::{Job, JobId, JobKind, JobState};
use longshore_domain::{Error, Field, Result};
use tokio::time::Instant;

use crate::context::Context;
use crate::cursor;
use crate::wire::{located, page, time};

/// Media type of a stream of events.
pub(crate) const EVENTS: &str = "text/event-stream";
/// How often it is looked whether there is news.
const LOOK: Duration = Duration::from_millis(500);
/// After how long without news something is sent all the same, so that nobody between takes the connection for dead.
const QUIET: Duration = Duration::from_secs(15);
/// How long one stream goes on; whoever wants more asks again.
const LONGEST: Duration = Duration::from_secs(1800);

fn info(job: &Job) -> types::JobInfo {
    types::JobInfo {
        id: job.id.to_string(),
        kind: match job.kind {
            JobKind::Verify => types::JobKind::Verify,
            JobKind::VerifyStore => types::JobKind::VerifyStore,
            JobKind::CollectGarbage => types::JobKind::CollectGarbage,
            JobKind::DeleteImages => types::JobKind::DeleteImages,
        },
        state: match job.state {
            JobState::Waiting => types::JobState::Waiting,
            JobState::Running => types::JobState::Running,
            JobState::Done => types::JobState::Done,
            JobState::Failed => types::JobState::Failed,
            JobState::Cancelled => types::JobState::Cancelled,
        },
        wanted_by: job.wanted_by.clone(),
        progress: types::JobProgress {
            done: job.progress.done,
            total: job.progress.total,
            unit: job.progress.unit.clone(),
            text: job.progress.text.clone(),
        },
        is_cancelled: job.is_cancelled,
        created_at: time(job.created_at),
        started_at: job.started_at.map(time),
        finished_at: job.finished_at.map(time),
        result: job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        error: job.error.clone(),
    }
}

/// Answers with a job that goes on.
pub(crate) fn accepted(context: &Context, job: &Job) -> Result<Response> {
    let response = json(StatusCode::ACCEPTED, &info(job));
    located(context, response, format_args!("/api/v1/jobs/{}", job.id))
}

/// `GET /api/v1/jobs`.
pub(crate) async fn list_jobs(context: &Context, _body: RequestBody) -> Result<Response> {
    let (list, size) = ("jobs", context.page_size()?);
    let before = cursor::read_newest(context, list)?.map(|(at, id)| (at, JobId(id)));
    let actor = context.operator_or_caller().await?;
    let found = context.app.list_jobs(&actor, before, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|job| cursor::write_newest(list, job.created_at, job.id.0)).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count: None })
}

/// `POST /api/v1/jobs`.
pub(crate) async fn create_job(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateJob = context.json(body).await?;
    let kind = match request.kind {
        types::JobKind::Verify => JobKind::Verify,
        types::JobKind::VerifyStore => JobKind::VerifyStore,
        types::JobKind::CollectGarbage => JobKind::CollectGarbage,
        types::JobKind::DeleteImages | types::JobKind::Other => {
            let kinds = JobKind::ALL.iter().filter(|kind| **kind != JobKind::DeleteImages);
            let names: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
            return Err(Error::Invalid {
                field: Field::Member("kind"),
                reason: format!("must be one of {}", names.join(", ")),
            });
        }
    };
    let actor = context.actor().await?;
    accepted(context, &context.app.start_job(&actor, kind).await?)
}

/// `GET /api/v1/jobs/{id}`.
pub(crate) async fn get_job(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (context.parsed("id")?, context.operator_or_caller().await?);
    Ok(json(StatusCode::OK, &info(&context.app.get_job(&actor, id).await?)))
}

/// `DELETE /api/v1/jobs/{id}`.
pub(crate) async fn cancel_job(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (context.parsed("id")?, context.operator_or_caller().await?);
    Ok(json(StatusCode::OK, &info(&context.app.cancel_job(&actor, id).await?)))
}

/// What a stream of events knows.
struct Following {
    app: Arc<App>,
    actor: Arc<Actor>,
    id: JobId,
    /// What was told last.
    told: String,
    began_at: Instant,
    is_over: bool,
}

impl Following {
    /// Waits for news; nothing when there will be none.
    async fn next(mut self) -> Option<(Result<Bytes>, Self)> {
        let quiet_until = Instant::now() + QUIET;
        while !self.is_over && self.began_at.elapsed() < LONGEST {
            // Whoever may not see it any more is told no more.
            let job = match self.app.get_job(&self.actor, self.id).await {
                Ok(job) => job,
                Err(error) => {
                    self.is_over = true;
                    return Some((Err(error), self));
                }
            };
            let text = match serde_json::to_string(&info(&job)) {
                Ok(text) => text,
                Err(error) => return Some((Err(Error::internal(error)), self)),
            };
            if text != self.told {
                self.is_over = job.state.is_final();
                let event = Bytes::from(format!("event: job\ndata: {text}\n\n"));
                self.told = text;
                return Some((Ok(event), self));
            }
            if Instant::now() > quiet_until {
                return Some((Ok(Bytes::from_static(b":\n\n")), self));
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }
}

/// `GET /api/v1/jobs/{id}/events`.
pub(crate) async fn follow_job(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (context.parsed("id")?, context.operator_or_caller().await?);
    context.app.get_job(&actor, id).await?;
    let following = Following {
        app: Arc::clone(&context.app),
        actor,
        id,
        told: String::new(),
        began_at: Instant::now(),
        is_over: false,
    };
    let events = stream::unfold(following, Following::next);
    let mut response = Response::new(body::pieces(Box::pin(events)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
