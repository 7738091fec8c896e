//! Administration: one set of operations, run over a socket of the running server, or directly on a stopped one.
//!
//! The socket lies in the data folder, readable by its owner only, and takes callers with the owner's user id only.
//! One line of JSON goes in ([`Request`]); lines of JSON come out ([`Reply`]): progress, then one outcome.

mod render;
mod request;
mod run;
mod scim_tokens;
mod tags;
mod trash;
mod words;
mod work;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use longshore_app::App;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

pub use render::Outcome;
pub use request::Request;
pub use run::run as run_request;
use words::{Refusal, RequestSubject};

use crate::commands::Usage;
use crate::config::Config;
use crate::data_folder::{DataFolder, SocketPath};
use crate::disk::Disk;
use crate::wiring;

/// Longest request.
const REQUEST_LIMIT_BYTES: u64 = 64 << 10;

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
    /// A value on the command line cannot be.
    BadValue(String),
}

/// Opens the socket of a data folder that this process has locked.
pub fn listen(data: &Path) -> Result<UnixListener> {
    let path = SocketPath::of(data)?;
    remove_socket(data);
    let listener = UnixListener::bind(path.as_path())
        .with_context(|| format!("cannot make the administration socket {}", path.as_path().display()))?;
    std::fs::set_permissions(path.as_path(), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket, also one that a killed server left.
pub fn remove_socket(data: &Path) {
    let _ = std::fs::remove_file(data.join("admin.sock"));
}

/// Answers requests until `stop` is cancelled.
pub async fn run(app: Arc<App>, listener: UnixListener, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an administration connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let owner = rustix::process::geteuid().as_raw();
        let actor = stream.peer_cred().map(|actor| actor.uid());
        if !matches!(actor, Ok(uid) if uid == owner || uid == 0) {
            tracing::warn!("an administration connection by another user was refused");
            continue;
        }
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                answered = answer(&app, stream) => {
                    if let Err(error) = answered {
                        tracing::debug!(%error, "an administration connection broke");
                    }
                }
            }
        });
    }
}

async fn answer(app: &App, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader.take(REQUEST_LIMIT_BYTES)).read_line(&mut line).await?;
    let (progress, mut news) = tokio::sync::mpsc::channel(16);
    let request = serde_json::from_str::<Request>(&line);
    let work = async {
        match request {
            Ok(request) => {
                let subject = RequestSubject::of(&request);
                match run_request(app, request, &progress_sender(progress)).await {
                    Ok(outcome) => Reply::Done(outcome),
                    Err(error) => match subject.say(error) {
                        Refusal { text, is_bad_value: true } => Reply::BadValue(text),
                        Refusal { text, is_bad_value: false } => Reply::Failed(text),
                    },
                }
            }
            Err(error) => Reply::Failed(format!(
                "this server does not know the command ({error}); use the same version of longshore"
            )),
        }
    };
    tokio::pin!(work);
    let reply = loop {
        tokio::select! {
            reply = &mut work => break reply,
            Some(text) = news.recv() => send(&mut writer, &Reply::Progress(text)).await?,
        }
    };
    send(&mut writer, &reply).await
}

/// Progress that nobody reads fast enough is dropped.
fn progress_sender(sender: tokio::sync::mpsc::Sender<String>) -> impl Fn(String) + Sync {
    move |text| {
        let _ = sender.try_send(text);
    }
}

async fn send(writer: &mut tokio::net::unix::OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Runs a request: by the server that uses the data folder, or here if none does.
pub fn call(config: &Config, request: Request, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    if config.database.is_embedded() && !config.data.join("longshore.db").exists() {
        if config.data.join("admin.sock").exists() {
            bail!(
                "a node runs in {}, but its database is elsewhere: give this command the same configuration (--config, or --database and --storage)",
                config.data.display()
            );
        }
        bail!(
            "there is no registry in {}; `longshore serve` makes one, or name its folder with --data or its database with --database",
            config.data.display()
        );
    }
    // A command beside a database elsewhere makes no folder.
    if !config.data.exists() {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        return match DataFolder::open(folder.path())? {
            Some(folder) => call_here(config, &folder, request, on_progress),
            None => bail!("cannot lock a temporary folder"),
        };
    }
    match DataFolder::open(&config.data)? {
        Some(folder) => call_here(config, &folder, request, on_progress),
        None => call_server(&config.data, &request, on_progress),
    }
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
    Ok(Outcome::said(text, serde_json::json!({ "schema_before": before, "schema": now })))
}

fn call_here(
    config: &Config,
    folder: &DataFolder,
    request: Request,
    on_progress: &(dyn Fn(String) + Sync),
) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let disk = Disk::open(folder, config.storage.reserve_bytes());
        let app = wiring::app(config, folder, disk, wiring::Opening::Existing).await?;
        app.attach().await.map_err(wiring::with_cause)?;
        let subject = RequestSubject::of(&request);
        let outcome = run_request(&app, request, on_progress).await.map_err(|error| {
            let Refusal { text, is_bad_value } = subject.say(error);
            if is_bad_value { Usage(text).into() } else { anyhow!(text) }
        });
        app.close().await;
        outcome
    })
}

fn call_server(data: &Path, request: &Request, on_progress: &(dyn Fn(String) + Sync)) -> Result<Outcome> {
    let path = SocketPath::of(data)?;
    let mut stream = BlockingStream::connect(path.as_path()).with_context(|| {
        format!(
            "a longshore process uses {} but does not answer; it may be starting or stopping, try again",
            data.display()
        )
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?)? {
            Reply::Progress(text) => on_progress(text),
            Reply::Done(outcome) => return Ok(outcome),
            Reply::Failed(message) => return Err(anyhow!(message)),
            Reply::BadValue(message) => return Err(Usage(message).into()),
        }
    }
    bail!("the server stopped before it answered; check its log, then try again")
}
