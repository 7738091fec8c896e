//! Commands that look over everything: search, usage, nodes, stores, settings.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::types::{FoundKind, SettingSource};
use serde_json::{Value, json};

use crate::console;
use crate::failure::Exit;
use crate::jobs;
use crate::output::{Column, Kind, WIDE, bytes, column};
use crate::session::Session;

/// Commands about nodes.
#[derive(Subcommand)]
pub enum NodeCommand {
    /// List the nodes that serve the registry; exit code 3 when one is silent
    #[command(alias = "list")]
    Ls,
}

/// Commands about where blobs lie.
#[derive(Subcommand)]
pub enum StoreCommand {
    /// List where blobs lie, with room and growth
    #[command(alias = "list")]
    Ls,
    /// Read every blob back and compare it with its digest, as `longshore verify`
    Verify,
    /// Compare the store with the database: report what is missing, and put what nobody needs into quarantine
    Scrub,
}

/// Commands about settings.
#[derive(Subcommand)]
pub enum SettingsCommand {
    /// List the settings as they are in force on the node that answers
    #[command(alias = "list")]
    Ls {
        /// Also those that are as they are by default
        #[arg(long)]
        all: bool,
    },
}

const FOUND: &[Column] = &[
    column("KIND", "kind", Kind::Text, 1),
    column("NAME", "name", Kind::Text, 0),
    column("DIGEST", "digest", Kind::Digest, 2),
    column("DESCRIPTION", "description", Kind::Text, 3),
];
const DAYS: &[Column] = &[
    column("DAY", "day", Kind::Text, 0),
    column("STORED", "stored_bytes", Kind::Bytes, 0),
    column("SENT", "sent_bytes", Kind::Bytes, 1),
    column("PULLS", "pulls", Kind::Text, 2),
    column("PUSHES", "pushes", Kind::Text, 3),
];
const REPOSITORY: &[Column] = &[
    column("repository", "repository", Kind::Text, 0),
    column("stored", "stored_bytes", Kind::Bytes, 0),
    column("only here", "only_here_bytes", Kind::Bytes, 0),
    column("all images", "images_bytes", Kind::Bytes, 0),
    column("images", "images", Kind::Text, 0),
    column("idle images", "inactive_images", Kind::Text, 0),
    column("idle bytes", "inactive_bytes", Kind::Bytes, 0),
    column("idle since", "inactive_since", Kind::Time, 0),
    column("tags", "tags", Kind::Text, 0),
];
const NODES: &[Column] = &[
    column("NODE", "name", Kind::Text, 0),
    column("LIVES", "is_live", Kind::Text, 0),
    column("SEEN", "seen_at", Kind::Time, 1),
    column("STARTED", "started_at", Kind::Time, 2),
    column("VERSION", "version", Kind::Text, 3),
    column("ANSWERS", "is_this", Kind::Text, 4),
    column("ID", "id", Kind::Text, WIDE),
];
const STORES: &[Column] = &[
    column("STORE", "name", Kind::Text, 0),
    column("KIND", "kind", Kind::Text, 1),
    column("STORED", "stored_bytes", Kind::Bytes, 0),
    column("FREE", "free_bytes", Kind::Bytes, 0),
    column("OF", "total_bytes", Kind::Bytes, 3),
    column("A DAY", "growth_bytes", Kind::Bytes, 2),
    column("FULL", "full_at", Kind::Time, 1),
];
const SETTINGS: &[Column] = &[
    column("SETTING", "key", Kind::Text, 0),
    column("VALUE", "value", Kind::Text, 0),
    column("FROM", "source", Kind::Text, 1),
    column("DEFAULT", "default", Kind::Text, 2),
    column("WHAT", "help", Kind::Text, WIDE),
];

/// Finds repositories, tags and digests.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn search(session: &Session, text: &str) -> Result<Exit> {
    let Session { client, output, .. } = session;
    let found = client.search(text, Some(100))?;
    let repositories = found.repositories.iter().map(|repository| {
        json!({ "kind": "repository", "name": repository.name, "description": repository.description })
    });
    let tags = found.tags.iter().map(|tag| {
        json!({ "kind": "tag", "name": format!("{}:{}", tag.repository, tag.name), "digest": tag.digest })
    });
    let digests = found.digests.iter().map(|digest| {
        let kind = if digest.kind == FoundKind::Image { "image" } else { "layer" };
        json!({ "kind": kind, "name": format!("{}@{}", digest.repository, digest.digest), "digest": digest.digest })
    });
    let rows: Vec<Value> = repositories.chain(tags).chain(digests).collect();
    let is_empty = rows.is_empty();
    output.list(FOUND, "name", rows.into_iter().map(anyhow::Ok))?;
    if output.is_for_people() && is_empty {
        console::say(&format!("nothing that you may see begins with {text}"));
    }
    if output.is_for_people() && found.is_cut {
        console::say("there is more; look for something longer");
    }
    Ok(Exit::Done)
}

/// Shows what a namespace holds, stores and sends, or what a repository holds and stores.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn usage(session: &Session, namespace: Option<String>) -> Result<Exit> {
    let Session { client, output, .. } = session;
    let namespace = match namespace {
        Some(namespace) => namespace,
        None => client.get_account()?.name,
    };
    if namespace.contains('/') {
        let usage = client.get_repository_usage(&namespace, None)?;
        output.object(REPOSITORY, "stored_bytes", &usage)?;
        return Ok(Exit::Done);
    }
    let usage = client.get_usage(&namespace)?;
    if !output.is_for_people() {
        output.object(&[], "stored_bytes", &usage)?;
        return Ok(Exit::Done);
    }
    console::print(&format!(
        "{namespace} stores {} in {} repositories with {} tags, and has sent {} this month\n",
        bytes(usage.stored_bytes),
        usage.repositories,
        usage.tags,
        bytes(usage.sent_bytes)
    ))?;
    output.list(DAYS, "day", usage.days.iter().map(anyhow::Ok))?;
    Ok(Exit::Done)
}

/// Runs a command about nodes.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_node(command: &NodeCommand, session: &Session) -> Result<Exit> {
    let NodeCommand::Ls = command;
    let nodes = session.client.list_nodes()?;
    let all_live = nodes.iter().all(|node| node.is_live);
    session.output.list(NODES, "id", nodes.into_iter().map(anyhow::Ok))?;
    if !all_live && session.output.is_for_people() {
        console::say(
            "a node is silent: it was killed, or does not reach the database; its work is taken over by the others",
        );
    }
    Ok(if all_live { Exit::Done } else { Exit::Problems })
}

/// Runs a command about stores.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_store(command: &StoreCommand, session: &Session) -> Result<Exit> {
    match command {
        StoreCommand::Ls => {
            session.output.list(STORES, "name", session.client.list_stores()?.into_iter().map(anyhow::Ok))?;
            Ok(Exit::Done)
        }
        StoreCommand::Verify => jobs::verify(session, false),
        StoreCommand::Scrub => jobs::verify(session, true),
    }
}

/// Runs a command about settings.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_settings(command: &SettingsCommand, session: &Session) -> Result<Exit> {
    let SettingsCommand::Ls { all } = command;
    let settings = session.client.list_settings()?;
    let shown = settings.into_iter().filter(|setting| *all || setting.source != SettingSource::Default);
    session.output.list(SETTINGS, "key", shown.map(anyhow::Ok))?;
    if !all && session.output.is_for_people() {
        console::say("all others are as they are by default; see: longshore settings ls --all");
    }
    Ok(Exit::Done)
}
