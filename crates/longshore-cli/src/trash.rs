//! Commands about deletions that can be undone.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::ListDeletions;
use longshore_client::types::{DeletionSummary, NotRestored, NotRestoredReason, RestoreDeletion};

use crate::console;
use crate::failure::Exit;
use crate::output::{Column, Kind, WIDE, column, counted, listed};
use crate::session::Session;

/// Most of what went that a person is shown.
const SHOWN: usize = 20;

/// Commands about deletions that can be undone.
#[derive(Subcommand)]
pub enum TrashCommand {
    /// List the deletions of a namespace or a repository, the newest first
    #[command(alias = "list")]
    Ls {
        /// Such as acme, or acme/app [default: your own namespace]
        of: Option<String>,
    },
    /// Show a deletion with what went
    Show {
        /// Its id, as listed
        id: String,
    },
    /// Undo a deletion; a tag that points elsewhere by now stays there
    Restore {
        /// Its id, as listed
        id: String,
        /// Move tags back that point elsewhere by now
        #[arg(long)]
        overwrite: bool,
        /// Bring a repository back under this name
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
    /// End the time in which a deletion can be undone, so that its bytes are freed now
    Purge {
        /// Its id, as listed
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("REPOSITORY", "repository", Kind::Text, 1),
    column("WHAT", "what", Kind::Text, 2),
    column("BY", "deleted_by", Kind::Text, 5),
    column("DELETED", "deleted_at", Kind::Time, 3),
    column("UNDO UNTIL", "restorable_until", Kind::Time, 4),
    column("UNDONE", "undone_at", Kind::Time, 6),
    column("WHY", "cause", Kind::Text, WIDE),
];
const LINES: &[Column] = &[
    column("id", "id", Kind::Text, 0),
    column("repository", "repository", Kind::Text, 0),
    column("why", "cause", Kind::Text, 0),
    column("deleted", "deleted_at", Kind::Time, 0),
    column("by", "deleted_by", Kind::Text, 0),
    column("can be undone until", "restorable_until", Kind::Time, 0),
    column("undone", "undone_at", Kind::Time, 0),
];

fn what(deletion: &DeletionSummary) -> String {
    let parts =
        [counted(deletion.tags, "tag"), counted(deletion.images, "image"), counted(deletion.blobs, "blob")];
    let text = listed(parts);
    if deletion.is_repository { format!("the repository with {text}") } else { text }
}

fn not_restored(conflict: &NotRestored) -> String {
    let NotRestored { tag, digest, present, deletion, .. } = conflict;
    match (conflict.reason, present, deletion) {
        (NotRestoredReason::PointsElsewhere, Some(present), _) => {
            format!("not {tag}: it points at {present} by now; --overwrite moves it back to {digest}")
        }
        (NotRestoredReason::ImageGone, _, Some(id)) => {
            format!("not {tag}: {digest} went otherwise; undo that first: longshore trash restore {id}")
        }
        (NotRestoredReason::ImageGone, _, None) => {
            format!("not {tag}: {digest} is gone for good; push the image again")
        }
        _ => format!("not {tag}: {digest} stands elsewhere"),
    }
}

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: TrashCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        TrashCommand::Ls { of } => {
            let wanted = match of {
                Some(name) if name.contains('/') => ListDeletions { repository: Some(name), namespace: None },
                namespace => ListDeletions { namespace, repository: None },
            };
            let deletions = client.list_deletions(&wanted).map(|deletion| {
                let deletion = deletion?;
                let mut value = serde_json::to_value(&deletion)?;
                value["what"] = what(&deletion).into();
                anyhow::Ok(value)
            });
            output.list(COLUMNS, "id", deletions)?;
        }
        TrashCommand::Show { id } => {
            let deletion = client.get_deletion(&id)?;
            output.object(LINES, "id", &deletion)?;
            if output.is_for_people() {
                console::print(&format!("what went            {}", what(&deletion.summary)))?;
                for item in deletion.items.iter().take(SHOWN) {
                    let name = item.tag.as_ref().map(|tag| format!("{tag} = ")).unwrap_or_default();
                    console::print(&format!("  {} {name}{}", item.kind, item.digest))?;
                }
                if deletion.items.len() > SHOWN {
                    console::print("  … and more; -o json has the first thousand")?;
                }
            }
        }
        TrashCommand::Restore { id, overwrite, name } => {
            let restored = client.restore_deletion(&id, &RestoreDeletion { overwrite, name })?;
            let parts = [
                counted(restored.tags, "tag"),
                counted(restored.images, "image"),
                counted(restored.blobs, "blob"),
            ];
            let mut text = format!("back in {}: {}", restored.repository, listed(parts));
            if restored.already_there > 0 {
                text = format!("{text}; {} were there already", restored.already_there);
            }
            if restored.deleted_since > 0 {
                text = format!(
                    "{text}\nnot {} that were brought back before and deleted again since: restore that deletion",
                    restored.deleted_since
                );
            }
            for conflict in restored.conflicts.iter().take(SHOWN) {
                text = format!("{text}\n{}", not_restored(conflict));
            }
            output.said(&text, "repository", &restored)?;
            if !restored.conflicts.is_empty() || restored.deleted_since > 0 {
                return Ok(Exit::Problems);
            }
        }
        TrashCommand::Purge { id } => {
            let deletion = client.get_deletion(&id)?;
            session.confirm(
                "ends the way back: nobody can restore it any more, and what nothing else needs is freed",
                || {
                    let summary = &deletion.summary;
                    let by = format!("deleted by {} at {}", summary.deleted_by, summary.deleted_at);
                    Ok(format!("{} of {}, {by}", what(summary), summary.repository))
                },
            )?;
            client.end_deletion(&id)?;
            let text = format!(
                "{id} cannot be undone any more; what nothing else needs is freed when its leases have ended, as a rule a day after \
                 it was last pushed or asked for"
            );
            output.said(&text, "id", &serde_json::json!({ "id": id }))?;
        }
    }
    Ok(Exit::Done)
}
