//! Garbage collections of one registry, which its owners ask for.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_domain::gc_run::{GcRun, RunKind, RunStatus};
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::context::Context;
use crate::cursor;
use crate::wire::{located, page, time};

fn kind(kind: RunKind) -> types::GcKind {
    match kind {
        RunKind::UntaggedManifests => types::GcKind::UntaggedImages,
        RunKind::UnreferencedBlobs => types::GcKind::UnusedBytes,
        RunKind::Both => types::GcKind::Both,
    }
}

fn wanted(kind: types::GcKind) -> Result<RunKind> {
    match kind {
        types::GcKind::UntaggedImages => Ok(RunKind::UntaggedManifests),
        types::GcKind::UnusedBytes => Ok(RunKind::UnreferencedBlobs),
        types::GcKind::Both => Ok(RunKind::Both),
        types::GcKind::Other => Err(Error::Invalid {
            field: Field::Member("kind"),
            reason: "must be one of untagged_images, unused_bytes, both".into(),
        }),
    }
}

fn info(run: &GcRun) -> types::RegistryGcRun {
    let (found_blobs, found_bytes) = run.found.unzip();
    types::RegistryGcRun {
        id: run.uuid.to_string(),
        kind: kind(run.kind),
        state: match run.status {
            RunStatus::Requested => types::GcRunState::Requested,
            RunStatus::Waiting => types::GcRunState::Waiting,
            RunStatus::Scanning => types::GcRunState::Scanning,
            RunStatus::Deleting => types::GcRunState::Deleting,
            RunStatus::Succeeded => types::GcRunState::Succeeded,
            RunStatus::Cancelling => types::GcRunState::Cancelling,
            RunStatus::Cancelled => types::GcRunState::Cancelled,
            RunStatus::Failed => types::GcRunState::Failed,
        },
        started_by: run.started_by.clone(),
        created_at: time(run.created_at),
        updated_at: time(run.updated_at),
        waits_until: time(run.waits_until),
        found_blobs,
        found_bytes,
        blobs_deleted: run.blobs_deleted,
        freed_bytes: run.freed_bytes,
    }
}

/// Returns the id of a run; what cannot be one is the id of none, and told only to who may look.
fn run_id(context: &Context) -> Uuid {
    context.parameter("id").parse().unwrap_or(Uuid::nil())
}

/// `POST /api/v1/namespaces/{name}/gc/preview`.
pub(crate) async fn preview_registry_gc(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateRegistryGcRun = context.json_or_default(body).await?;
    let (name, wanted): (Namespace, _) = (context.parsed("name")?, wanted(request.kind)?);
    let actor = context.operator_or_caller().await?;
    let forecast = context.app.lifecycle.preview_gc_run(&actor, &name, wanted).await?;
    let info = types::GcForecast {
        kind: kind(wanted),
        untagged_images: forecast.untagged_images,
        final_images: forecast.final_images,
        final_repositories: forecast.final_repositories,
        blobs: forecast.blobs,
        freed_bytes: forecast.freed_bytes,
        is_complete: forecast.is_complete,
    };
    Ok(json(StatusCode::OK, &info))
}

/// `GET /api/v1/namespaces/{name}/gc/runs`.
pub(crate) async fn list_registry_gc_runs(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size): (Namespace, _) = (context.parsed("name")?, context.page_size()?);
    let list = format!("collections {name}");
    let before = cursor::read_newest(context, &list)?;
    let actor = context.operator_or_caller().await?;
    let found = context.app.lifecycle.list_gc_runs_behind(&actor, &name, before, size).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|run| cursor::write_newest(&list, run.created_at, run.uuid)).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count: None })
}

/// `POST /api/v1/namespaces/{name}/gc/runs`.
pub(crate) async fn create_registry_gc_run(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateRegistryGcRun = context.json_or_default(body).await?;
    let (name, wanted): (Namespace, _) = (context.parsed("name")?, wanted(request.kind)?);
    let actor = context.operator_or_caller().await?;
    let run = context.app.lifecycle.start_gc_run(&actor, &name, wanted).await?;
    let response = json(StatusCode::ACCEPTED, &info(&run));
    located(context, response, format_args!("/api/v1/namespaces/{name}/gc/runs/{}", run.uuid))
}

/// `GET /api/v1/namespaces/{name}/gc/runs/{id}`.
pub(crate) async fn get_registry_gc_run(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, run_id(context));
    let actor = context.operator_or_caller().await?;
    Ok(json(StatusCode::OK, &info(&context.app.lifecycle.find_gc_run(&actor, &name, id).await?)))
}

/// `DELETE /api/v1/namespaces/{name}/gc/runs/{id}`.
pub(crate) async fn cancel_registry_gc_run(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, run_id(context));
    let actor = context.operator_or_caller().await?;
    Ok(json(StatusCode::OK, &info(&context.app.lifecycle.cancel_gc_run(&actor, &name, id).await?)))
}
