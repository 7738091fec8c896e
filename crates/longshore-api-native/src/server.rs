//! The registry as its operator sees it: collection, work, keys, the audit log.

use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_app::readiness::{Part, Purpose};
use longshore_client::types;
use longshore_domain::event::{Event, EventFilter};
use longshore_domain::node::Node;
use longshore_domain::ports::metadata::{GcCounts, SigningKeyRecord};
use longshore_domain::work::{ListedWork, WorkId, WorkState};
use longshore_domain::{Error, Field, Result};
use longshore_identity::audit::WantedEvents;
use longshore_lifecycle::gc::GcMode;
use longshore_platform::later;
use longshore_platform::nodes::SILENT;
use longshore_platform::work::NOBODYS_LANE;

use crate::context::Context;
use crate::cursor;
use crate::wire::{page, time};

/// Orders of the audit log: `-` in front is the newest first.
pub(crate) const EVENT_ORDERS: &[&str] = &["-recorded", "recorded"];
const EVENT_ORDERS_BY_NAME: &[(&str, bool)] = &[("-recorded", true), ("recorded", false)];

/// Longest time that a store may take to show that it works.
const CHECK: Duration = Duration::from_secs(10);

/// `GET /api/v1/health`.
pub(crate) async fn get_health(context: &Context, _body: RequestBody) -> Result<Response> {
    let app = &context.app;
    let wanted = [
        (Part::Database, Purpose::Read),
        (Part::Database, Purpose::Push),
        (Part::BlobStore, Purpose::Read),
        (Part::BlobStore, Purpose::Push),
        (Part::Disk, Purpose::Push),
    ];
    let mut parts = Vec::new();
    for (part, purpose) in wanted {
        let problem = match tokio::time::timeout(CHECK, app.check_part(part, purpose)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.cause()),
            Err(_) => Some(format!("does not answer within {} seconds", CHECK.as_secs())),
        };
        parts.push(types::HealthPart {
            name: part.name().to_owned(),
            is_for_pushes: purpose == Purpose::Push,
            is_well: problem.is_none(),
            problem,
        });
    }
    if let Some(fault) = app.platform.clock_fault() {
        parts.push(types::HealthPart {
            name: "the clock".to_owned(),
            is_for_pushes: false,
            is_well: false,
            problem: Some(fault),
        });
    }
    let actor = context.actor().await?;
    let work = app.list_work(&actor).await?;
    let health = types::Health {
        is_well: parts.iter().all(|part| part.is_well),
        parts,
        clock_ahead_seconds: app.platform.clock_skew().map(|ahead| ahead.as_secs_f64()),
        dead_work: work.iter().filter(|work| matches!(work.state, WorkState::Dead { .. })).count() as u64,
    };
    Ok(json(StatusCode::OK, &health))
}

/// `GET /api/v1/keys`.
pub(crate) async fn list_keys(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let keys = context.app.identity.list_signing_keys(&actor).await?;
    let info = |key: &SigningKeyRecord| types::SigningKeyInfo {
        kid: key.kid.clone(),
        created_at: time(key.created_at),
        expires_at: key.expires_at.map(time),
    };
    let count = Some(keys.len() as u64);
    page(context, &types::Page { items: keys.iter().map(info).collect(), next: None, count })
}

/// `POST /api/v1/keys/rotate`.
pub(crate) async fn rotate_key(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let kid = context.app.identity.rotate_signing_key(&actor).await?;
    Ok(json(StatusCode::OK, &types::SigningKey { kid }))
}

fn counts(counts: &GcCounts) -> types::GcCounts {
    types::GcCounts {
        uploads_expired: counts.uploads_expired,
        manifests_collected: counts.manifests_collected,
        manifests_purged: counts.manifests_purged,
        links_removed: counts.links_removed,
        blobs_deleted: counts.blobs_deleted,
        freed_bytes: counts.freed_bytes,
    }
}

/// `GET /api/v1/gc`.
pub(crate) async fn get_gc(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let status = context.app.lifecycle.gc_status(&actor).await?;
    let status = types::GcStatus {
        reviews_due: status.backlog.reviews_due,
        reviews_waiting: status.backlog.reviews_waiting,
        objects_to_delete: status.backlog.tombstones,
        uploads_in_progress: status.backlog.uploads,
        last_at: status.last_at.map(time),
        totals: counts(&status.totals),
    };
    Ok(json(StatusCode::OK, &status))
}

/// `POST /api/v1/gc/runs`.
pub(crate) async fn create_gc_run(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateGcRun = context.json_or_default(body).await?;
    let mode = if request.dry_run { GcMode::DryRun } else { GcMode::Collect };
    let actor = context.actor().await?;
    let done = context.app.lifecycle.run_gc(&actor, mode).await?;
    Ok(json(StatusCode::OK, &types::GcRunInfo { dry_run: request.dry_run, counts: counts(&done) }))
}

fn work(work: &ListedWork) -> types::WorkInfo {
    let (state, died_at) = match work.state {
        WorkState::Waiting => (types::WorkState::Waiting, None),
        WorkState::Running { .. } => (types::WorkState::Running, None),
        WorkState::Dead { died_at } => (types::WorkState::Dead, Some(died_at)),
    };
    let item = &work.item;
    types::WorkInfo {
        id: item.id.0,
        kind: item.kind.to_string(),
        // What repeats is about itself.
        about: item.key.clone().filter(|key| *key != item.kind),
        r#for: Some(item.lane.clone()).filter(|lane| lane != NOBODYS_LANE),
        state,
        due_at: time(item.due_at),
        attempts: item.attempts,
        last_error: item.last_error.clone(),
        created_at: time(item.created_at),
        died_at: died_at.map(time),
        last_done_at: work.last_run.map(|run| time(run.ended_at)),
        last_took_ms: work.last_run.map(|run| u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX)),
        last_items: work.last_run.map(|run| run.items),
    }
}

fn work_id(context: &Context) -> Result<WorkId> {
    let invalid =
        |_| Error::Invalid { field: Field::Parameter("id"), reason: "must be a number, as listed".into() };
    context.parameter("id").parse().map(WorkId).map_err(invalid)
}

/// `GET /api/v1/work`.
pub(crate) async fn list_work(context: &Context, _body: RequestBody) -> Result<Response> {
    let only_dead = context.choice("state", &[("any", false), ("dead", true)])?;
    let actor = context.actor().await?;
    let found = context.app.list_work(&actor).await?;
    let wanted = found.iter().filter(|work| !only_dead || matches!(work.state, WorkState::Dead { .. }));
    page(context, &types::Page { items: wanted.map(work).collect(), next: None, count: None })
}

/// `GET /api/v1/work/{id}`.
pub(crate) async fn get_work(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (work_id(context)?, context.actor().await?);
    Ok(json(StatusCode::OK, &work(&context.app.get_work(&actor, id).await?)))
}

/// `POST /api/v1/work/{id}/retry`.
pub(crate) async fn retry_work(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (work_id(context)?, context.actor().await?);
    context.app.retry_work(&actor, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `DELETE /api/v1/work/{id}`.
pub(crate) async fn delete_work(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (work_id(context)?, context.actor().await?);
    context.app.drop_work(&actor, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/nodes`.
pub(crate) async fn list_nodes(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (this, now) = (context.app.platform.node(), context.app.platform.now());
    let nodes = context.app.list_nodes(&actor).await?;
    let info = |node: &Node| types::NodeInfo {
        id: node.id.to_string(),
        name: node.name.clone(),
        version: node.version.clone(),
        started_at: time(node.started_at),
        seen_at: time(node.seen_at),
        is_live: now < later(node.seen_at, SILENT),
        is_this: node.id == this,
    };
    page(context, &types::Page { items: nodes.iter().map(info).collect(), next: None, count: None })
}

/// `GET /api/v1/stores`.
pub(crate) async fn list_stores(context: &Context, _body: RequestBody) -> Result<Response> {
    let status = context.app.get_store_status(&*context.actor().await?).await?;
    let info = types::StoreInfo {
        name: "main".into(),
        kind: status.kind.to_owned(),
        stored_bytes: status.stored_bytes,
        total_bytes: status.room.map(|room| room.total_bytes),
        free_bytes: status.room.map(|room| room.free_bytes),
        growth_bytes: status.growth_bytes,
        full_at: status.full_at.map(time),
    };
    page(context, &types::Page { items: vec![info], next: None, count: None })
}

/// `GET /api/v1/settings`.
pub(crate) async fn list_settings(context: &Context, _body: RequestBody) -> Result<Response> {
    page(context, &types::Page { items: context.settings.to_vec(), next: None, count: None })
}

fn event(event: &Event) -> types::EventInfo {
    types::EventInfo {
        id: event.id,
        at: time(event.at),
        account: event.account.clone(),
        actor: event.actor_name.clone(),
        action: event.action.clone(),
        subject: event.subject.clone(),
        data: event.data.clone(),
        times: event.times,
        address: event.address.clone(),
        program: event.program.clone(),
    }
}

/// `GET /api/v1/audit`.
pub(crate) async fn list_events(context: &Context, _body: RequestBody) -> Result<Response> {
    let account = context.query("account").map(|name| name.parse()).transpose()?;
    let (newest_first, size) = (context.choice("order", EVENT_ORDERS_BY_NAME)?, context.page_size()?);
    let after_id = context.number("after_id", 0, 0, i64::MAX.unsigned_abs())?;
    if newest_first && context.query("after_id").is_some() {
        return Err(Error::Invalid {
            field: Field::Parameter("after_id"),
            reason: "goes on in the order of recording; add order=recorded".into(),
        });
    }
    let text = |name| context.query(name).map(std::borrow::Cow::into_owned);
    let filter = EventFilter {
        action: text("action"),
        subject: text("subject"),
        actor: text("actor"),
        from: context.time("since")?,
        until: context.time("until")?,
    };
    let address: Option<IpAddr> = match context.query("address") {
        None => None,
        Some(address) => Some(address.parse().map_err(|_| Error::Invalid {
            field: Field::Parameter("address"),
            reason: "must be an IP address such as 192.0.2.7".into(),
        })?),
    };
    let address = address.map(|address| address.to_string());
    let list = format!("audit {newest_first} {account:?} {filter:?} {address:?}");
    let key: Option<i64> = cursor::read(context, &list)?;
    let recorded_after = || i64::try_from(after_id).unwrap_or(i64::MAX);
    let after = key.or_else(|| (!newest_first).then(recorded_after));
    let wanted = WantedEvents { filter, address, newest_first, after };
    // An administrator reads the logs of others as the operator does: after signing in a short time ago.
    let actor = context.operator().await?;
    let identity = &context.app.identity;
    let found = identity.list_events(&actor, account.as_ref(), wanted, size).await?;
    let next = found.next.map(|next| cursor::write(&list, &next)).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(event).collect(), next, count: None })
}
