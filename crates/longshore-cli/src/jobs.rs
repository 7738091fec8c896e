//! Commands about jobs: long work, which goes on by itself and can be watched.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use longshore_client::types::{CreateJob, JobInfo, JobKind, JobState};
use serde_json::Value;

use crate::console;
use crate::failure::Exit;
use crate::output::{Column, Kind, WIDE, bytes, column};
use crate::session::Session;

/// How often a line says how far a job is, where there is no terminal.
const NEWS: Duration = Duration::from_secs(10);

/// Commands about jobs.
#[derive(Subcommand)]
pub enum JobCommand {
    /// List jobs, the newest first
    #[command(alias = "list")]
    Ls,
    /// Show a job
    Show {
        /// Its id, as listed
        id: String,
    },
    /// Watch a job until it ends
    Follow {
        /// Its id, as listed
        id: String,
    },
    /// Let a job end as soon as it can; what it has done stays done
    Cancel {
        /// Its id, as listed
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("KIND", "kind", Kind::Text, 0),
    column("STATE", "state", Kind::Text, 0),
    column("PROGRESS", "progress.text", Kind::Text, 2),
    column("ASKED FOR", "created_at", Kind::Time, 1),
    column("BY", "wanted_by", Kind::Text, 3),
    column("ENDED", "finished_at", Kind::Time, 4),
    column("ERROR", "error", Kind::Text, WIDE),
];
const LINES: &[Column] = &[
    column("id", "id", Kind::Text, 0),
    column("kind", "kind", Kind::Text, 0),
    column("state", "state", Kind::Text, 0),
    column("progress", "progress.text", Kind::Text, 0),
    column("by", "wanted_by", Kind::Text, 0),
    column("asked for", "created_at", Kind::Time, 0),
    column("began", "started_at", Kind::Time, 0),
    column("ended", "finished_at", Kind::Time, 0),
    column("result", "result", Kind::Text, 0),
    column("error", "error", Kind::Text, 0),
];

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: JobCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        JobCommand::Ls => output.list(COLUMNS, "id", client.list_jobs())?,
        JobCommand::Show { id } => output.object(LINES, "id", &client.get_job(&id)?)?,
        JobCommand::Follow { id } => {
            let job = follow(session, &id, "")?;
            output.object(LINES, "id", &job)?;
            if job.state != JobState::Done {
                return Ok(Exit::Failed);
            }
        }
        JobCommand::Cancel { id } => {
            let job = client.cancel_job(&id)?;
            let text = match job.state.is_final() {
                true => format!("job {id} has ended already"),
                false => format!("job {id} ends as soon as it can; see: longshore job show {id}"),
            };
            output.said(&text, "id", &job)?;
        }
    }
    Ok(Exit::Done)
}

/// How far something is: a moving line on a terminal, a line now and then elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    told_at: Cell<Instant>,
}

impl Progress {
    /// Begins; `hint` is what somebody at a terminal may do meanwhile.
    pub(crate) fn new(hint: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            if !hint.is_empty() {
                console::say(hint);
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, told_at: Cell::new(Instant::now()) }
    }

    /// Says how far it is.
    pub(crate) fn tell(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None if self.told_at.get().elapsed() >= NEWS && !text.is_empty() => {
                self.told_at.set(Instant::now());
                console::say(text);
            }
            None => {}
        }
    }

    /// Takes the moving line away.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Watches a job until it ends.
fn follow(session: &Session, id: &str, hint: &str) -> Result<JobInfo> {
    let progress = Progress::new(hint);
    let job = session.client.follow_job(id, |job| progress.tell(&job.progress.text));
    progress.end();
    Ok(job?)
}

/// Starts a job and watches it; gives what came of it.
///
/// # Errors
/// What the registry refused, or why it was not reached; also when it failed or was cancelled.
pub fn perform(session: &Session, kind: JobKind) -> Result<Value> {
    let job = session.client.create_job(&CreateJob { kind })?;
    finish(session, &job.id)
}

/// Watches a job to its end; gives what came of it.
///
/// # Errors
/// As [`perform`].
pub(crate) fn finish(session: &Session, id: &str) -> Result<Value> {
    let hint =
        format!("job {id}; Ctrl-C leaves it alone: longshore job follow {id}, longshore job cancel {id}");
    let job = follow(session, id, &hint)?;
    match job.state {
        JobState::Done => Ok(job.result.unwrap_or_default()),
        JobState::Cancelled => bail!("job {} was cancelled", job.id),
        _ => bail!("{}", job.error.unwrap_or_else(|| format!("job {} failed", job.id))),
    }
}

/// Reads everything back, or compares what the store has with what the database names.
///
/// # Errors
/// As [`perform`].
pub fn verify(session: &Session, store: bool) -> Result<Exit> {
    let kind = if store { JobKind::VerifyStore } else { JobKind::Verify };
    let report = perform(session, kind)?;
    let count = |key: &str| report[key].as_u64().unwrap_or_default();
    let mut lines = match store {
        false => vec![format!(
            "checked the database, {} manifests and {} blobs ({})",
            count("manifests"),
            count("blobs"),
            bytes(count("blob_bytes"))
        )],
        true => vec![
            format!(
                "the store has {} objects ({}), and should have {} or more; {} blobs were looked for in it",
                count("objects"),
                bytes(count("object_bytes")),
                count("expected"),
                count("blobs")
            ),
            format!(
                "{} objects ({}) that no record names are in quarantine, {} of them new",
                count("quarantined"),
                bytes(count("quarantined_bytes")),
                count("newly_quarantined")
            ),
        ],
    };
    if count("uploads_aborted") > 0 {
        lines.push(format!("{} unfinished multipart uploads were given up", count("uploads_aborted")));
    }
    let findings = report["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(findings.iter().filter_map(Value::as_str).map(str::to_owned));
    let problems = count("problems");
    lines.push(match problems {
        0 if store => "nothing is missing".to_owned(),
        0 => "everything is whole".to_owned(),
        count => format!("{count} problems; push a damaged blob again to replace it, or restore a backup"),
    });
    session.output.said(&lines.join("\n"), "problems", &report)?;
    Ok(if problems > 0 { Exit::Problems } else { Exit::Done })
}
