//! The registry that a namespace is: what is used of what is allowed, and collecting its garbage.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::gc_run::{GcForecast, GcRun, RunKind, RunStatus};
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use longshore_lifecycle::registries::WantedRegistry;
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, Size, count, counted, date, percent};
use crate::list::{Choice, choices};
use crate::page::{Crumb, Frame, Kept, Message, Place, lead, send, show};

/// Runs that are listed.
const LISTED: u64 = 20;
/// Kinds of collections, and what they take.
const KINDS: [(&str, RunKind, &str); 3] = [
    ("unused", RunKind::UnreferencedBlobs, "what is deleted or was never referenced"),
    ("untagged", RunKind::UntaggedManifests, "images without a tag, which can still be brought back"),
    ("both", RunKind::Both, "both"),
];
/// What a run goes through, one after the other.
const STEPS: [&str; 5] = ["Requested", "Waiting for pushes", "Scanning", "Deleting", "Done"];

fn kind(text: &str) -> Option<RunKind> {
    KINDS.iter().find(|(word, ..)| *word == text).map(|(_, kind, _)| *kind)
}

fn kind_words(kind: RunKind) -> &'static str {
    KINDS.iter().find(|(_, known, _)| *known == kind).map_or("", |(.., words)| *words)
}

fn state(run: &GcRun) -> &'static str {
    match run.status {
        RunStatus::Requested => "Requested",
        RunStatus::Waiting => "Waiting for pushes",
        RunStatus::Scanning => "Scanning",
        RunStatus::Deleting => "Deleting",
        RunStatus::Succeeded => "Done",
        RunStatus::Cancelling => "Ending",
        RunStatus::Cancelled => "Cancelled",
        RunStatus::Failed => "Failed",
    }
}

fn is_over(run: &GcRun) -> bool {
    matches!(run.status, RunStatus::Succeeded | RunStatus::Cancelled | RunStatus::Failed)
}

fn frame(context: &Context, name: &Namespace, text: &str) -> Frame {
    let mut frame = Frame::new(context, Place::Repositories, format!("{text} · {name}"))
        .below([("Repositories", "/ui/repositories".into()), (name.as_str(), format!("/ui/n/{name}"))]);
    if text != "Registry" {
        frame.crumbs.push(Crumb { text: "Registry".into(), path: format!("/ui/n/{name}/registry") });
    }
    frame.crumbs.push(Crumb { text: text.to_owned(), path: String::new() });
    frame
}

/// What is used of what is allowed.
struct Meter {
    what: &'static str,
    used: String,
    limit: Option<String>,
    percent: u64,
}

fn meter(what: &'static str, used: u64, limit: Option<u64>, written: fn(u64) -> String) -> Meter {
    Meter {
        what,
        used: written(used),
        limit: limit.map(written),
        percent: limit.map_or(0, |limit| percent(used, limit)),
    }
}

struct RunRow {
    id: Uuid,
    started: Age,
    by: String,
    kind: &'static str,
    state: &'static str,
    is_over: bool,
    blobs: String,
    freed: Size,
}

fn run_row(context: &Context, run: &GcRun) -> RunRow {
    RunRow {
        id: run.uuid,
        started: Age { at: run.created_at, now: context.app.platform.now() },
        by: run.started_by.clone().unwrap_or_default(),
        kind: kind_words(run.kind),
        state: state(run),
        is_over: is_over(run),
        blobs: count(run.blobs_deleted),
        freed: Size(run.freed_bytes),
    }
}

/// What a collection would do now.
struct Forecast {
    freed: Size,
    blobs: String,
    untagged: Option<String>,
    finals: Option<String>,
    is_complete: bool,
}

fn forecast(found: &GcForecast) -> Forecast {
    let finals = match (found.final_images, found.final_repositories) {
        (0, 0) => None,
        (images, 0) => Some(counted(images, "deleted image", "deleted images")),
        (0, repositories) => Some(counted(repositories, "deleted repository", "deleted repositories")),
        (images, repositories) => Some(format!(
            "{} and {}",
            counted(images, "deleted image", "deleted images"),
            counted(repositories, "deleted repository", "deleted repositories")
        )),
    };
    Forecast {
        freed: Size(found.freed_bytes),
        blobs: counted(found.blobs, "object", "objects"),
        untagged: (found.untagged_images > 0)
            .then(|| counted(found.untagged_images, "image without a tag", "images without a tag")),
        finals,
        is_complete: found.is_complete,
    }
}

#[derive(Template)]
#[template(path = "registry.html")]
struct RegistryPage {
    frame: Frame,
    name: String,
    region: String,
    tier: String,
    meters: Vec<Meter>,
    /// Who manages the registry is told what a collection would do, and may begin one.
    forecast: Option<Forecast>,
    kind: String,
    kinds: Vec<Choice>,
    is_running: bool,
    runs: Vec<RunRow>,
}

async fn page(context: &Context, wanted: &str, message: Option<Message>) -> Result<RegistryPage> {
    let (name, actor, lifecycle) = (context.namespace()?, context.actor(), &context.app.lifecycle);
    let details = lifecycle.get_registry(actor, &name).await?;
    let usage = context.app.content.get_namespace_usage(actor, &name).await?;
    let tier = details.subscription.as_ref().and_then(|subscription| lifecycle.tier_of(subscription));
    let runs = lifecycle.list_gc_runs_behind(actor, &name, None, PageSize::clamped(LISTED)?).await?.items;
    let mut message = message;
    let forecast = match lifecycle.preview_gc_run(actor, &name, kind(wanted).unwrap_or_default()).await {
        Ok(found) => Some(forecast(&found)),
        Err(Error::Denied(_)) => None,
        Err(error @ Error::Throttled { .. }) => {
            message = message.or_else(|| Some(Message::problem(sentence(&error))));
            None
        }
        Err(other) => return Err(other),
    };
    let words = KINDS.map(|(word, _, words)| (word, words));
    Ok(RegistryPage {
        frame: frame(context, &name, "Registry").saying(message),
        region: details.registry.region.to_string(),
        tier: tier.map(|tier| tier.name.clone()).unwrap_or_default(),
        meters: vec![
            meter("Repositories", usage.repositories, tier.and_then(|tier| tier.repository_limit()), count),
            meter(
                "Stored, each layer once",
                details.storage_bytes,
                tier.and_then(|tier| tier.storage_limit()),
                crate::format::size,
            ),
            meter(
                "Pulled this month",
                usage.sent_bytes,
                tier.and_then(|tier| tier.bandwidth_limit()),
                crate::format::size,
            ),
        ],
        forecast,
        kind: wanted.to_owned(),
        kinds: choices(&words, wanted),
        is_running: runs.first().is_some_and(|run| !is_over(run)),
        runs: runs.iter().map(|run| run_row(context, run)).collect(),
        name: name.to_string(),
    })
}

#[derive(Template)]
#[template(path = "no_registry.html")]
struct NoRegistryPage {
    frame: Frame,
    name: String,
    /// Those that include what the account has.
    tiers: Vec<Choice>,
}

async fn no_registry(
    context: &Context,
    name: &Namespace,
    chosen: &str,
    message: Option<Message>,
) -> Result<NoRegistryPage> {
    let offered = context.app.lifecycle.list_tiers_for(context.actor(), name).await?;
    let fitting: Vec<_> = offered.into_iter().filter(|offered| offered.excesses.is_empty()).collect();
    let tiers: Vec<_> =
        fitting.iter().map(|offered| (offered.tier.slug.as_str(), offered.tier.name.as_str())).collect();
    Ok(NoRegistryPage {
        frame: frame(context, name, "Registry").saying(message),
        name: name.to_string(),
        tiers: choices(&tiers, chosen),
    })
}

/// Returns whether somebody may make a registry of a namespace that is none.
async fn may_make(context: &Context, name: &Namespace) -> bool {
    let own = context.app.organizations.get_own_namespace(context.actor(), name).await;
    own.is_ok_and(|own| own.is_owned)
}

/// `GET /ui/n/{namespace}/registry`.
pub(crate) async fn show_registry(context: &Context, _body: RequestBody) -> Result<Response> {
    let wanted = context.choice("kind", &KINDS.map(|(word, ..)| (word, word)))?;
    match page(context, wanted, None).await {
        Ok(page) => show(context, &page),
        Err(Error::RegistryUnknown(_)) if may_make(context, &context.namespace()?).await => {
            show(context, &no_registry(context, &context.namespace()?, "", None).await?)
        }
        Err(other) => Err(other),
    }
}

#[derive(Deserialize)]
struct SentTier {
    #[serde(default)]
    tier: String,
}

/// `POST /ui/n/{namespace}/registry`: makes a registry of it.
pub(crate) async fn create_registry(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, SentTier) = (context.namespace()?, context.form(body).await?);
    if !may_make(context, &name).await {
        return Err(Error::RegistryUnknown(name.to_string()));
    }
    let wanted = WantedRegistry {
        name: name.clone(),
        tier: Some(sent.tier.clone()).filter(|tier| !tier.is_empty()),
        region: None,
    };
    match context.app.lifecycle.create_registry(context.actor(), wanted).await {
        // Somebody may have made it meanwhile.
        Ok(_) | Err(Error::Exists(_)) => Ok(lead(context, &format!("/ui/n/{name}/registry"))),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page =
                no_registry(context, &name, &sent.tier, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    kind: String,
}

/// `POST /ui/n/{namespace}/registry/collections`.
pub(crate) async fn create_registry_gc_run(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, Sent) = (context.namespace()?, context.form(body).await?);
    let Some(wanted) = kind(&sent.kind) else {
        return Err(Error::Unsupported("there is no such collection".into()));
    };
    match context.app.lifecycle.start_gc_run(context.actor(), &name, wanted).await {
        Ok(run) => Ok(lead(context, &format!("/ui/n/{name}/registry/collections/{}", run.uuid))),
        Err(error @ Error::Conflict(_)) => {
            let page = page(context, &sent.kind, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}

struct Step {
    name: &'static str,
    is_past: bool,
    is_now: bool,
}

#[derive(Template)]
#[template(path = "collection.html")]
struct CollectionPage {
    frame: Frame,
    name: String,
    run: RunRow,
    steps: Vec<Step>,
    /// Of the bytes that were found.
    percent: Option<u64>,
    found: String,
    found_bytes: Option<Size>,
    waits_until: Option<String>,
    is_cancelled: bool,
    said: String,
}

fn steps(run: &GcRun) -> Vec<Step> {
    let now = STEPS.iter().position(|step| *step == state(run));
    let step = |(at, name): (usize, &&'static str)| Step {
        name,
        is_past: now.is_some_and(|now| at < now),
        is_now: now == Some(at),
    };
    STEPS.iter().enumerate().map(step).collect()
}

fn run_id(context: &Context) -> Uuid {
    context.parameter("id").parse().unwrap_or(Uuid::nil())
}

/// `GET /ui/n/{namespace}/registry/collections/{id}`.
pub(crate) async fn show_registry_gc_run(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (context.namespace()?, run_id(context));
    let run = context.app.lifecycle.find_gc_run(context.actor(), &name, id).await?;
    let found = run.found.filter(|_| run.status == RunStatus::Deleting || is_over(&run));
    let share = found.map(|(_, bytes)| percent(run.freed_bytes, bytes.max(1)));
    // Said aloud at each step, and at every tenth of the way.
    let said = match share {
        Some(share) if !is_over(&run) => format!("{}, {} percent", state(&run), share / 10 * 10),
        _ => state(&run).to_owned(),
    };
    let page = CollectionPage {
        frame: frame(context, &name, "Garbage collection"),
        name: name.to_string(),
        steps: steps(&run),
        percent: share,
        found: found.map(|(blobs, _)| count(blobs)).unwrap_or_default(),
        found_bytes: found.map(|(_, bytes)| Size(bytes)),
        waits_until: (run.status == RunStatus::Waiting).then(|| date(run.waits_until)),
        is_cancelled: matches!(run.status, RunStatus::Cancelling | RunStatus::Cancelled),
        said,
        run: run_row(context, &run),
    };
    send(context, StatusCode::OK, Kept::Never, &page)
}

/// `POST /ui/n/{namespace}/registry/collections/{id}/cancel`.
pub(crate) async fn cancel_registry_gc_run(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id) = (context.namespace()?, run_id(context));
    match context.app.lifecycle.cancel_gc_run(context.actor(), &name, id).await {
        // It ended meanwhile.
        Ok(_) | Err(Error::GcRunUnknown) => {}
        Err(other) => return Err(other),
    }
    context.app.lifecycle.find_gc_run(context.actor(), &name, id).await?;
    Ok(lead(context, &format!("/ui/n/{name}/registry/collections/{id}")))
}
