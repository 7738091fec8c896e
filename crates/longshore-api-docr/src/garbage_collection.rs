//! Garbage collections: start, the active one, list, cancel.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::gc_run::{GcRun, RunKind, RunStatus};
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::wire::{self, Links, Meta, paging};

/// Schema `registry_run_gc`.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct RunRequest {
    /// `unreferenced blobs only` when absent.
    #[serde(rename = "type")]
    kind: Option<RunType>,
}

/// What a run collects.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum RunType {
    #[serde(rename = "untagged manifests only")]
    UntaggedManifests,
    #[serde(rename = "unreferenced blobs only")]
    UnreferencedBlobs,
    #[serde(rename = "untagged manifests and unreferenced blobs")]
    Both,
}

impl From<RunType> for RunKind {
    fn from(kind: RunType) -> Self {
        match kind {
            RunType::UntaggedManifests => Self::UntaggedManifests,
            RunType::UnreferencedBlobs => Self::UnreferencedBlobs,
            RunType::Both => Self::Both,
        }
    }
}

impl From<RunKind> for RunType {
    fn from(kind: RunKind) -> Self {
        match kind {
            RunKind::UntaggedManifests => Self::UntaggedManifests,
            RunKind::UnreferencedBlobs => Self::UnreferencedBlobs,
            RunKind::Both => Self::Both,
        }
    }
}

fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Requested => "requested",
        RunStatus::Waiting => "waiting for write JWTs to expire",
        RunStatus::Scanning => "scanning manifests",
        RunStatus::Deleting => "deleting unreferenced blobs",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Cancelling => "cancelling",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Failed => "failed",
    }
}

/// Schema `update_registry`.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct UpdateRequest {
    /// Whether it shall end.
    #[serde(default)]
    cancel: bool,
}

/// Schema `garbage_collection`.
#[derive(Serialize, JsonSchema)]
struct RunDocument {
    uuid: String,
    registry_name: String,
    status: &'static str,
    #[serde(rename = "type")]
    kind: RunType,
    created_at: String,
    updated_at: String,
    blobs_deleted: u64,
    freed_bytes: u64,
}

/// Response `garbage_collection`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunInfo {
    garbage_collection: RunDocument,
}

/// Response `garbage_collections`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunsPage {
    garbage_collections: Vec<RunDocument>,
    links: Links,
    meta: Meta,
}

fn document(run: &GcRun) -> RunDocument {
    RunDocument {
        uuid: run.uuid.to_string(),
        registry_name: run.registry.to_string(),
        status: status(run.status),
        kind: run.kind.into(),
        created_at: wire::time(run.created_at),
        updated_at: wire::time(run.updated_at),
        blobs_deleted: run.blobs_deleted,
        freed_bytes: run.freed_bytes,
    }
}

fn info(status: StatusCode, run: &GcRun) -> Response {
    json(status, &RunInfo { garbage_collection: document(run) })
}

/// `POST …/garbage-collection`.
pub(crate) async fn run_garbage_collection(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let request: RunRequest = context.json_or_default(body).await?;
    let kind = request.kind.map(RunKind::from).unwrap_or_default();
    let run = context.app.lifecycle.start_gc_run(&actor, &context.registry()?, kind).await?;
    Ok(info(StatusCode::CREATED, &run))
}

/// `GET …/garbage-collection`.
pub(crate) async fn get_garbage_collection(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let run = context.app.lifecycle.get_active_gc_run(&actor, &context.registry()?).await?;
    Ok(info(StatusCode::OK, &run))
}

/// `GET …/garbage-collections`.
pub(crate) async fn list_garbage_collections(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let wanted = context.page()?;
    let (runs, total) = context
        .app
        .lifecycle
        .list_gc_runs(&actor, &context.registry()?, wanted.offset(), wanted.size)
        .await?;
    let (links, meta) = paging(context, wanted, total, None);
    let garbage_collections = runs.iter().map(document).collect();
    Ok(json(StatusCode::OK, &RunsPage { garbage_collections, links, meta }))
}

/// `PUT …/garbage-collection/{garbage_collection_uuid}`.
pub(crate) async fn update_garbage_collection(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let request: UpdateRequest = context.json(body).await?;
    // What cannot be an id is none.
    let uuid: Uuid = context.parameter("garbage_collection_uuid").parse().map_err(|_| Error::GcRunUnknown)?;
    let (app, registry) = (&context.app, context.registry()?);
    let run = match request.cancel {
        true => app.lifecycle.cancel_gc_run(&actor, &registry, uuid).await?,
        false => app.lifecycle.get_gc_run(&actor, &registry, uuid).await?,
    };
    Ok(info(StatusCode::OK, &run))
}
