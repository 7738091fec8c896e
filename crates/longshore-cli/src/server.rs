//! Commands about the registry itself: keys, collection, work, the audit log.

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use longshore_client::ListEvents;
use longshore_client::types::{
    CreateGcRun, CreateRegistryGcRun, GcForecast, GcKind, GcRunState, JobKind, RegistryGcRun,
};
use serde_json::json;

use crate::failure::Exit;
use crate::jobs::Progress;
use crate::output::{Column, Kind, WIDE, bytes, column, counted, listed, parse_beginning, parse_time};
use crate::session::Session;
use crate::{console, jobs};

/// Commands about keys.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// List the keys that sign tokens, or have signed some that still count
    #[command(alias = "list")]
    Ls,
    /// Let a new key sign; tokens signed by the old one work until they expire
    Rotate,
}

/// Commands about garbage collection.
#[derive(Subcommand)]
pub enum GcCommand {
    /// Show what waits and what was collected
    Status,
    /// Tell what a collection of a registry would free now, to the byte
    Preview {
        /// Name of the namespace that is a registry
        namespace: String,
        /// What it takes
        #[arg(long, value_enum, default_value_t = Takes::UnusedBytes)]
        kind: Takes,
    },
    /// Collect the garbage of a registry now, while nothing is pushed to it; without one, for the operator, all that is due
    Run {
        /// Name of the namespace that is a registry
        namespace: Option<String>,
        /// What it takes; of one registry
        #[arg(long, value_enum, requires = "namespace")]
        kind: Option<Takes>,
        /// Tell what a run would do, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not wait until it has ended; of one registry
        #[arg(long, requires = "namespace")]
        detach: bool,
    },
    /// List the collections of a registry, the newest first
    Runs {
        /// Name of the namespace that is a registry
        namespace: String,
    },
    /// Show a collection of a registry
    Show {
        /// Name of the namespace that is a registry
        namespace: String,
        /// Its id, as listed [default: the newest]
        id: Option<String>,
    },
    /// Let a collection of a registry end as soon as it can; what it has freed is gone
    Cancel {
        /// Name of the namespace that is a registry
        namespace: String,
        /// Its id, as listed [default: the newest]
        id: Option<String>,
    },
}

/// What a collection of a registry takes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Takes {
    /// Images without a tag; they can still be restored
    UntaggedImages,
    /// The bytes of what is deleted or unused; nothing of it can be restored after that
    UnusedBytes,
    /// Both, one after the other
    Both,
}

impl Takes {
    fn wanted(self) -> CreateRegistryGcRun {
        let kind = match self {
            Self::UntaggedImages => GcKind::UntaggedImages,
            Self::UnusedBytes => GcKind::UnusedBytes,
            Self::Both => GcKind::Both,
        };
        CreateRegistryGcRun { kind }
    }
}

/// Commands about work that the registry does later.
#[derive(Subcommand)]
pub enum WorkCommand {
    /// List work that waits, is being done, or was given up
    #[command(alias = "list")]
    Ls {
        /// Only what was given up
        #[arg(long)]
        dead: bool,
    },
    /// Do work now that waits or was given up, with all its attempts before it
    Retry {
        /// Number of the work, as listed
        id: i64,
    },
    /// Remove work that waits or was given up; it is not done
    #[command(alias = "rm")]
    Drop {
        /// Number of the work, as listed
        id: i64,
    },
}

/// Commands about the audit log.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// List events, newest first
    #[command(alias = "list")]
    Ls {
        /// Which of them
        #[command(flatten)]
        wanted: EventsWanted,
        /// When they happened
        #[command(flatten)]
        period: Period,
        /// How many; `audit export` gives all
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Write events to standard output, oldest first, as lines of JSON
    Export {
        /// Which of them
        #[command(flatten)]
        wanted: EventsWanted,
        /// When they happened
        #[command(flatten)]
        period: Period,
        /// Only those with a higher number than this: the id of the last one that you have
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
    /// Write events to standard output as they happen, as lines of JSON, until it is interrupted
    Tail {
        /// Which of them
        #[command(flatten)]
        wanted: EventsWanted,
    },
}

/// Which events.
#[derive(clap::Args)]
pub struct EventsWanted {
    /// Those of this user or organization; needed but for the operator
    #[arg(long)]
    account: Option<String>,
    /// Only what an account of this name did
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, such as repo.tag.delete
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to something of this name, with or without its namespace
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Only what came from this IP address
    #[arg(long, value_name = "IP")]
    address: Option<String>,
}

/// When events happened.
#[derive(clap::Args, Default)]
pub struct Period {
    /// Only what happened since a time, since a day began, or in so long (12h)
    #[arg(long, value_name = "TIME", value_parser = parse_beginning)]
    since: Option<String>,
    /// Only what happened until a time, until the end of a day, or before so long (12h)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<String>,
}

impl EventsWanted {
    fn list(self, period: Period, after_id: Option<i64>) -> ListEvents {
        let (Self { account, actor, action, subject, address }, Period { since, until }) = (self, period);
        ListEvents { account, actor, action, subject, address, since, until, after_id }
    }
}

/// How long it takes until it is asked again how far a collection is.
const RUN_PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// How long `audit tail` waits before it asks again.
const TAIL_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

const KEY_COLUMNS: &[Column] = &[
    column("KEY", "kid", Kind::Text, 0),
    column("MADE", "created_at", Kind::Time, 0),
    column("TAKEN UNTIL", "expires_at", Kind::Time, 0),
];
const COUNT_LINES: &[Column] = &[
    column("uploads given up", "uploads_expired", Kind::Text, 0),
    column("untagged manifests deleted", "manifests_collected", Kind::Text, 0),
    column("deleted manifests removed", "manifests_purged", Kind::Text, 0),
    column("blob links removed", "links_removed", Kind::Text, 0),
    column("objects deleted", "blobs_deleted", Kind::Text, 0),
    column("freed", "freed_bytes", Kind::Bytes, 0),
];
const STATUS_LINES: &[Column] = &[
    column("reviews due now", "reviews_due", Kind::Text, 0),
    column("reviews later", "reviews_waiting", Kind::Text, 0),
    column("objects to delete", "objects_to_delete", Kind::Text, 0),
    column("uploads in progress", "uploads_in_progress", Kind::Text, 0),
    column("objects deleted so far", "totals.blobs_deleted", Kind::Text, 0),
    column("freed so far", "totals.freed_bytes", Kind::Bytes, 0),
    column("last collected", "last_at", Kind::Time, 0),
];
const FORECAST_LINES: &[Column] = &[
    column("untagged images deleted", "untagged_images", Kind::Text, 0),
    column("images not restorable any more", "final_images", Kind::Text, 0),
    column("repositories not restorable any more", "final_repositories", Kind::Text, 0),
    column("objects deleted", "blobs", Kind::Text, 0),
    column("freed", "freed_bytes", Kind::Bytes, 0),
];
const RUN_COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("TAKES", "kind", Kind::Text, 3),
    column("STATE", "state", Kind::Text, 0),
    column("STARTED", "created_at", Kind::Time, 1),
    column("BY", "started_by", Kind::Text, 2),
    column("OBJECTS", "blobs_deleted", Kind::Text, 4),
    column("FREED", "freed_bytes", Kind::Bytes, 0),
    column("OF", "found_bytes", Kind::Bytes, 5),
    column("CHANGED", "updated_at", Kind::Time, WIDE),
];
const RUN_LINES: &[Column] = &[
    column("id", "id", Kind::Text, 0),
    column("takes", "kind", Kind::Text, 0),
    column("state", "state", Kind::Text, 0),
    column("started", "created_at", Kind::Time, 0),
    column("by", "started_by", Kind::Text, 0),
    column("waits for pushes until", "waits_until", Kind::Time, 0),
    column("objects to delete", "found_blobs", Kind::Text, 0),
    column("objects deleted", "blobs_deleted", Kind::Text, 0),
    column("to free", "found_bytes", Kind::Bytes, 0),
    column("freed", "freed_bytes", Kind::Bytes, 0),
    column("changed", "updated_at", Kind::Time, 0),
];
const WORK_COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("KIND", "kind", Kind::Text, 0),
    column("FOR", "for", Kind::Text, 6),
    column("STATE", "state", Kind::Text, 1),
    column("DUE", "due_at", Kind::Time, 2),
    column("ATTEMPTS", "attempts", Kind::Text, 4),
    column("LAST DONE", "last_done_at", Kind::Time, 5),
    column("MS", "last_took_ms", Kind::Text, 7),
    column("ITEMS", "last_items", Kind::Text, 8),
    column("LAST ERROR", "last_error", Kind::Text, 3),
    column("ABOUT", "about", Kind::Text, WIDE),
    column("WISHED FOR", "created_at", Kind::Time, WIDE),
    column("GIVEN UP", "died_at", Kind::Time, WIDE),
];
const EVENT_COLUMNS: &[Column] = &[
    column("AT", "at", Kind::Time, 0),
    column("ACCOUNT", "account", Kind::Text, 4),
    column("WHO", "actor", Kind::Text, 1),
    column("ACTION", "action", Kind::Text, 0),
    column("WHAT", "subject", Kind::Text, 2),
    column("TIMES", "times", Kind::Text, 5),
    column("DETAILS", "data", Kind::Text, 3),
    column("FROM", "address", Kind::Text, 6),
    column("PROGRAM", "program", Kind::Text, 7),
];

/// Runs a command about keys.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_key(command: KeyCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        KeyCommand::Ls => {
            output.list(KEY_COLUMNS, "kid", client.list_keys()?.into_iter().map(anyhow::Ok))?;
        }
        KeyCommand::Rotate => {
            let key = client.rotate_key()?;
            let text = format!(
                "key {} signs from now on; tokens signed by the old one work until they expire",
                key.kid
            );
            output.said(&text, "kid", &key)?;
        }
    }
    Ok(Exit::Done)
}

/// Runs a command about garbage collection.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_gc(command: GcCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        GcCommand::Status => output.object(STATUS_LINES, "last_at", &client.get_gc()?)?,
        GcCommand::Preview { namespace, kind } => show_forecast(session, &namespace, kind)?,
        GcCommand::Run { namespace: Some(namespace), kind, dry_run, detach } => {
            let kind = kind.unwrap_or(Takes::UnusedBytes);
            return match dry_run {
                true => show_forecast(session, &namespace, kind).map(|()| Exit::Done),
                false => collect(session, &namespace, kind, detach),
            };
        }
        GcCommand::Run { namespace: None, dry_run: false, .. } => {
            let mut done = jobs::perform(session, JobKind::CollectGarbage)?;
            done["dry_run"] = false.into();
            output.object(COUNT_LINES, "freed_bytes", &done)?;
        }
        GcCommand::Run { namespace: None, dry_run: true, .. } => {
            let done = client.create_gc_run(&CreateGcRun { dry_run: true })?;
            if output.is_for_people() {
                console::print("a run would begin with this; nothing was changed")?;
            }
            output.object(COUNT_LINES, "freed_bytes", &done)?;
        }
        GcCommand::Runs { namespace } => {
            output.list(RUN_COLUMNS, "id", client.list_registry_gc_runs(&namespace))?;
        }
        GcCommand::Show { namespace, id } => {
            output.object(RUN_LINES, "id", &find_run(session, &namespace, id)?)?;
        }
        GcCommand::Cancel { namespace, id } => {
            let run = find_run(session, &namespace, id)?;
            if run.state.is_final() {
                bail!("the collection {} of {namespace} has ended already", run.id);
            }
            let run = client.cancel_registry_gc_run(&namespace, &run.id)?;
            let text = format!(
                "the collection ends as soon as it can; see: longshore gc show {namespace} {}",
                run.id
            );
            output.said(&text, "id", &run)?;
        }
    }
    Ok(Exit::Done)
}

fn find_run(session: &Session, namespace: &str, id: Option<String>) -> Result<RegistryGcRun> {
    if let Some(id) = id {
        return Ok(session.client.get_registry_gc_run(namespace, &id)?);
    }
    let newest = session.client.list_registry_gc_runs(namespace).next().transpose()?;
    newest.ok_or_else(|| {
        anyhow!("{namespace} was never collected; see what that would do: longshore gc preview {namespace}")
    })
}

fn show_forecast(session: &Session, namespace: &str, kind: Takes) -> Result<()> {
    let forecast = session.client.preview_registry_gc(namespace, &kind.wanted())?;
    if session.output.is_for_people() {
        let more =
            if forecast.is_complete { "" } else { "; it is that much at least, as not all was looked at" };
        console::print(&format!("a collection of {namespace} would do this now; nothing was changed{more}"))?;
    }
    session.output.object(FORECAST_LINES, "freed_bytes", &forecast)
}

/// What a person has to know before it begins.
fn describe(forecast: &GcForecast) -> String {
    let least = if forecast.is_complete { "" } else { " at least" };
    let mut lines = vec![format!(
        "frees {} in {}{least}",
        bytes(forecast.freed_bytes),
        listed([counted(forecast.blobs, "object")])
    )];
    if forecast.untagged_images > 0 {
        let images = listed([counted(forecast.untagged_images, "image")]);
        lines.push(format!("deletes {images} without a tag"));
    }
    let lost = [
        counted(forecast.final_images, "deleted image"),
        counted(forecast.final_repositories, "deleted repository"),
    ];
    if forecast.final_images + forecast.final_repositories > 0 {
        lines.push(format!("ends the way back: {} cannot be restored any more", listed(lost)));
    }
    lines.push("nothing is pushed to it meanwhile; pulls go on".to_owned());
    lines.join("\n")
}

/// Collects the garbage of a registry, and waits for the end.
fn collect(session: &Session, namespace: &str, kind: Takes, detach: bool) -> Result<Exit> {
    let Session { client, output, .. } = session;
    session.confirm(&format!("collects the garbage of {namespace}, for good"), || {
        Ok(describe(&client.preview_registry_gc(namespace, &kind.wanted())?))
    })?;
    let mut run = client.create_registry_gc_run(namespace, &kind.wanted())?;
    if detach {
        let text = format!("it goes on by itself; see: longshore gc show {namespace} {}", run.id);
        output.said(&text, "id", &run)?;
        return Ok(Exit::Done);
    }
    let progress = Progress::new(&format!(
        "Ctrl-C leaves it alone: longshore gc show {namespace} {0}, longshore gc cancel {namespace} {0}",
        run.id
    ));
    while !run.state.is_final() && run.state != GcRunState::Other {
        std::thread::sleep(RUN_PAUSE);
        run = client.get_registry_gc_run(namespace, &run.id)?;
        progress.tell(&how_far(&run));
    }
    progress.end();
    output.object(RUN_LINES, "id", &run)?;
    Ok(if run.state == GcRunState::Succeeded { Exit::Done } else { Exit::Failed })
}

fn how_far(run: &RegistryGcRun) -> String {
    match (run.state, run.found_blobs, run.found_bytes) {
        (GcRunState::Requested, ..) => "asked for".to_owned(),
        (GcRunState::Waiting, ..) => {
            format!("waits until tokens for pushing have expired, at {}", run.waits_until)
        }
        (GcRunState::Scanning, ..) => "looks for what nothing needs".to_owned(),
        (_, Some(blobs), Some(found)) => format!(
            "deleted {} of {blobs} objects, {} of {}",
            run.blobs_deleted,
            bytes(run.freed_bytes),
            bytes(found)
        ),
        _ => format!("deleted {} objects, {}", run.blobs_deleted, bytes(run.freed_bytes)),
    }
}

/// Runs a command about work.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_work(command: WorkCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        WorkCommand::Ls { dead } => {
            output.list(WORK_COLUMNS, "id", client.list_work(dead)?.into_iter().map(anyhow::Ok))?;
        }
        WorkCommand::Retry { id } => {
            client.retry_work(id)?;
            let text = format!("work {id} is due now; a running server does it within a second");
            output.said(&text, "id", &json!({ "id": id }))?;
        }
        WorkCommand::Drop { id } => {
            let work = client.get_work(id)?;
            session.confirm(
                &format!("removes the work {id}; what it was wished for does not happen"),
                || {
                    let about = work.about.as_deref().unwrap_or_default();
                    let error = work.last_error.as_deref().unwrap_or_default();
                    Ok(format!("{} {about}, tried {} times {error}", work.kind, work.attempts))
                },
            )?;
            client.delete_work(id)?;
            output.said(&format!("work {id} is removed and will not be done"), "id", &json!({ "id": id }))?;
        }
    }
    Ok(Exit::Done)
}

/// Runs a command about the audit log.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_audit(command: AuditCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        AuditCommand::Ls { wanted, period, limit } => {
            let events = client.list_events(&wanted.list(period, None));
            output.list(EVENT_COLUMNS, "id", events.take(limit as usize))?;
        }
        AuditCommand::Export { wanted, period, after } => {
            write_events(session, &wanted.list(period, Some(after)))?;
        }
        AuditCommand::Tail { wanted } => {
            let mut wanted = wanted.list(Period::default(), None);
            wanted.after_id = Some(last_event(session, &wanted)?);
            loop {
                // Whatever of it is not wanted need not be looked at again.
                let last = last_event(session, &wanted);
                let written = last.and_then(|last| Ok((last, write_events(session, &wanted)?)));
                match written {
                    Ok((_, Written::NobodyReads)) => break,
                    Ok((last, Written::All(written))) => {
                        wanted.after_id = written.max(Some(last)).max(wanted.after_id);
                    }
                    Err(error) if is_unreachable(&error) => {
                        console::say(&format!("{error:#}; it is tried again"));
                    }
                    Err(error) => return Err(error),
                }
                std::thread::sleep(TAIL_PAUSE);
            }
        }
    }
    Ok(Exit::Done)
}

/// Returns the number of the last event there is; 0 when there is none.
fn last_event(session: &Session, wanted: &ListEvents) -> Result<i64> {
    let all = ListEvents { account: wanted.account.clone(), ..ListEvents::default() };
    Ok(session.client.list_events(&all).next().transpose()?.map_or(0, |event| event.id))
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(longshore_client::Error::Unreachable { .. }))
}

/// How writing ended.
enum Written {
    /// All was written, up to the one of this number.
    All(Option<i64>),
    /// Whoever reads has had enough.
    NobodyReads,
}

/// Writes events as lines of JSON, page by page, so that there may be as many as there like to be.
fn write_events(session: &Session, wanted: &ListEvents) -> Result<Written> {
    let mut last = None;
    for event in session.client.list_events(wanted) {
        let event = event?;
        last = Some(event.id);
        match console::write(&format!("{}\n", serde_json::to_string(&event)?)) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Written::NobodyReads),
            written => written?,
        }
    }
    Ok(Written::All(last))
}
