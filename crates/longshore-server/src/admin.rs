//! Administration: one set of operations, run over a socket of the running server, or by a server of their own on a stopped one.
//!
//! What the registry's own API has no operation for yet goes to [`PATH`] of the socket: one [`Request`] goes in, lines of
//! JSON come out ([`Reply`]): progress, then one outcome.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Limited};
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::registry::Registry;
use crate::wiring;

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Read everything back, or compare what the store has with what the database names.
    Verify { store: bool },
}

/// What a command gave.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// Whether the command found what it looks for to be wrong.
    pub found_problems: bool,
}

impl Outcome {
    /// One sentence, and an object for scripts.
    pub fn said(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, found_problems: false }
    }
}

/// Where requests go over the socket.
pub const PATH: &str = "/commands";
/// Longest request.
const REQUEST_LIMIT_BYTES: usize = 64 << 10;

/// What comes back over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// How far a long operation is.
    Progress(String),
    /// It is done.
    Done(Outcome),
    /// It was refused or failed.
    Failed(String),
}

/// Answers a request.
pub fn answer(app: Arc<App>, body: RequestBody) -> Response {
    // Progress that nobody reads fast enough is dropped, the outcome is not.
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    let work = async move {
        let reply = reply(&app, body, &sender).await;
        let _ = sender.send(reply).await;
    };
    let replies = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let lines = replies.map(|reply| {
        let mut line = serde_json::to_vec(&reply).map_err(longshore_domain::Error::internal)?;
        line.push(b'\n');
        Ok(Bytes::from(line))
    });
    // Ends with whoever asked.
    let work = stream::once(work).filter_map(|()| std::future::ready(None));
    Response::new(body::pieces(Box::pin(stream::select(lines, work))))
}

async fn reply(app: &App, body: RequestBody, progress: &tokio::sync::mpsc::Sender<Reply>) -> Reply {
    let bytes = match Limited::new(body, REQUEST_LIMIT_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return Reply::Failed(error.to_string()),
    };
    let request = match serde_json::from_slice::<Request>(&bytes) {
        Ok(request) => request,
        Err(error) => {
            return Reply::Failed(format!(
                "this server does not know the command ({error}); use the same version of longshore"
            ));
        }
    };
    let on_progress = |text: String| {
        let _ = progress.try_send(Reply::Progress(text));
    };
    let Request::Verify { store } = request;
    let done = match store {
        false => verify(app, &on_progress).await,
        true => reconcile(app, &on_progress).await,
    };
    match done {
        Ok(outcome) => Reply::Done(outcome),
        Err(error) => Reply::Failed(format!("{:#}", wiring::with_cause(error))),
    }
}

/// Runs a request by the registry of this machine.
pub fn call(
    registry: &Registry,
    request: &Request,
    on_progress: &(dyn Fn(String) + Sync),
) -> Result<Outcome> {
    let http = reqwest::blocking::Client::builder().unix_socket(registry.socket().to_owned()).timeout(None);
    let request = http.build()?.post(format!("http://localhost{PATH}")).body(serde_json::to_vec(request)?);
    let answer = request
        .send()
        .context("the registry of this machine does not answer; it may be stopping, try again")?;
    for line in BufReader::new(answer).lines() {
        match serde_json::from_str(&line?)? {
            Reply::Progress(text) => on_progress(text),
            Reply::Done(outcome) => return Ok(outcome),
            Reply::Failed(message) => return Err(anyhow!(message)),
        }
    }
    bail!("the server stopped before it answered; check its log, then try again")
}

/// Brings the schema of the database to the newest, when no server on this data folder runs.
pub fn migrate(config: &Config) -> Result<Outcome> {
    let temporary = match config.database.is_embedded() || config.data.exists() {
        true => None,
        false => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
    };
    let path = temporary.as_ref().map_or(config.data.as_path(), tempfile::TempDir::path);
    let Some(folder) = DataFolder::open(path)? else {
        bail!(
            "a longshore process uses the data folder {}, and has brought its database to the newest schema that it knows; stop it first to migrate with another version",
            config.data.display()
        );
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (before, now) = runtime.block_on(wiring::migrate(config, &folder))?;
    let now_text = now.unwrap_or_default();
    let text = match before {
        None => format!(
            "the database has schema {now_text} now, and no registry yet; `longshore serve` sets one up"
        ),
        Some(before) if now == Some(before) => {
            format!("the database has schema {before}; there was nothing to do")
        }
        Some(before) => format!("the database had schema {before} and has {now_text} now"),
    };
    Ok(Outcome::said(text, json!({ "schema_before": before, "schema": now })))
}

const OPERATOR: Actor = Actor::OPERATOR;

async fn verify(app: &App, on_progress: &(dyn Fn(String) + Sync)) -> longshore_domain::Result<Outcome> {
    let progress = |report: &longshore_lifecycle::verification::VerificationReport| {
        on_progress(format!(
            "{} manifests, {} blobs, {} MiB read, {} problems",
            report.manifests,
            report.blobs,
            report.blob_bytes >> 20,
            report.findings_total
        ));
    };
    let report = app.lifecycle.verify(&OPERATOR, &progress).await?;
    let mut text = format!(
        "checked the database, {} manifests and {} blobs ({} bytes)\n",
        report.manifests, report.blobs, report.blob_bytes
    );
    for finding in &report.findings {
        text.push_str(finding);
        text.push('\n');
    }
    let found_problems = report.findings_total > 0;
    text.push_str(&match report.findings_total {
        0 => "everything is whole".to_owned(),
        total => format!("{total} problems; push a damaged blob again to replace it, or restore a backup"),
    });
    let json = json!({
        "manifests": report.manifests,
        "blobs": report.blobs,
        "blob_bytes": report.blob_bytes,
        "problems": report.findings_total,
        "findings": report.findings,
    });
    Ok(Outcome { text, json, found_problems })
}

async fn reconcile(app: &App, on_progress: &(dyn Fn(String) + Sync)) -> longshore_domain::Result<Outcome> {
    let progress = |report: &longshore_lifecycle::reconciliation::ReconciliationReport| {
        on_progress(format!(
            "{} objects listed, {} blobs looked for, {} problems",
            report.objects, report.blobs, report.damaged
        ));
    };
    let report = app.lifecycle.reconcile_store(&OPERATOR, &progress).await?;
    let mut text = format!(
        "the store has {} objects ({} bytes), and should have {} or more; {} blobs were looked for in it\n",
        report.objects, report.object_bytes, report.expected, report.blobs
    );
    if report.uploads_aborted > 0 {
        text.push_str(&format!("{} unfinished multipart uploads were given up\n", report.uploads_aborted));
    }
    text.push_str(&format!(
        "{} objects ({} bytes) that no record names are in quarantine, {} of them new\n",
        report.quarantined, report.quarantined_bytes, report.newly_quarantined
    ));
    for finding in &report.findings {
        text.push_str(finding);
        text.push('\n');
    }
    let found_problems = report.damaged > 0;
    text.push_str(&match report.damaged {
        0 => "nothing is missing".to_owned(),
        total => format!("{total} problems; push a damaged blob again to replace it, or restore its object"),
    });
    let json = json!({
        "objects": report.objects,
        "object_bytes": report.object_bytes,
        "expected": report.expected,
        "quarantined": report.quarantined,
        "quarantined_bytes": report.quarantined_bytes,
        "newly_quarantined": report.newly_quarantined,
        "uploads_aborted": report.uploads_aborted,
        "blobs": report.blobs,
        "problems": report.damaged,
        "findings": report.findings,
    });
    Ok(Outcome { text, json, found_problems })
}
