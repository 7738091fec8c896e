//! Commands about repositories.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use longshore_client::types::{ChangeRepository, CreateRepository, ImmutableTagRules};
use longshore_client::{Condition, ListRepositories};

use crate::console;
use crate::failure::Exit;
use crate::output::{Column, Kind, WIDE, bytes, column, counted, listed, parse_beginning, printable};
use crate::session::Session;

/// Commands about repositories.
#[derive(Subcommand)]
pub enum RepositoryCommand {
    /// List repositories that you may see
    #[command(alias = "list")]
    Ls {
        /// Only those of this namespace
        namespace: Option<String>,
        /// Only those whose name after the namespace holds this
        #[arg(long, value_name = "TEXT", requires = "namespace")]
        contains: Option<String>,
        /// private or public
        #[arg(long, requires = "namespace")]
        visibility: Option<String>,
        /// Only those that were pushed to since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning, requires = "namespace")]
        pushed_since: Option<String>,
        /// Only those that were not pushed to since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning, requires = "namespace")]
        not_pushed_since: Option<String>,
        /// name, pushed, pulls or size; with - in front backwards
        #[arg(long, allow_hyphen_values = true, requires = "namespace")]
        order: Option<String>,
    },
    /// Show a repository
    Show {
        /// Such as acme/app
        name: String,
    },
    /// Write what a repository is for, in Markdown
    Readme {
        /// Such as acme/app
        name: String,
    },
    /// Create an empty repository (a first push does that too)
    Create {
        /// Such as acme/app
        name: String,
        /// private or public
        #[arg(long, default_value = "private")]
        visibility: String,
        /// What it is for, in a line
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Change the settings of a repository; what is not given stays
    Set {
        /// Such as acme/app
        name: String,
        /// What changes
        #[command(flatten)]
        change: Change,
    },
    /// Delete a repository with all that is in it; it can be brought back for a while
    #[command(alias = "delete")]
    Rm {
        /// Such as acme/app
        name: String,
        /// Show what goes, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// What changes of a repository.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub struct Change {
    /// private or public
    #[arg(long)]
    visibility: Option<String>,
    /// What it is for, in a line; empty for nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What it is for, in Markdown: a file
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Let tags never move that match one of these regular expressions, such as ^v, in the place of all before; repeatable
    #[arg(long = "immutable-tag", value_name = "RULE")]
    immutable_tags: Vec<String>,
    /// Let all tags move again
    #[arg(long, conflicts_with = "immutable_tags")]
    no_immutable_tags: bool,
}

const COLUMNS: &[Column] = &[
    column("NAME", "name", Kind::Text, 0),
    column("VISIBILITY", "visibility", Kind::Text, 2),
    column("TAGS", "tags", Kind::Text, 3),
    column("IMAGES", "images", Kind::Text, 5),
    column("STORED", "stored_bytes", Kind::Bytes, 4),
    column("PULLS", "pulls", Kind::Text, 6),
    column("UPDATED", "updated_at", Kind::Time, 1),
    column("CREATED", "created_at", Kind::Time, WIDE),
    column("DESCRIPTION", "description", Kind::Text, WIDE),
];
const LINES: &[Column] = &[
    column("name", "name", Kind::Text, 0),
    column("visibility", "visibility", Kind::Text, 0),
    column("description", "description", Kind::Text, 0),
    column("tags", "tags", Kind::Text, 0),
    column("images", "images", Kind::Text, 0),
    column("stored", "stored_bytes", Kind::Bytes, 0),
    column("all images", "images_bytes", Kind::Bytes, 0),
    column("pulls", "pulls", Kind::Text, 0),
    column("immutable tags", "immutable_tags.rules", Kind::Text, 0),
    column("created", "created_at", Kind::Time, 0),
    column("updated", "updated_at", Kind::Time, 0),
    column("you may", "actions", Kind::Text, 0),
];

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: RepositoryCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        RepositoryCommand::Ls {
            namespace,
            contains: name_part,
            visibility,
            pushed_since,
            not_pushed_since,
            order,
        } => {
            let wanted =
                ListRepositories { namespace, name_part, visibility, pushed_since, not_pushed_since, order };
            output.list(COLUMNS, "name", client.list_repositories(&wanted))?;
        }
        RepositoryCommand::Show { name } => {
            output.object(LINES, "name", &client.get_repository(&name)?.value)?;
        }
        RepositoryCommand::Readme { name } => {
            let readme = client.get_readme(&name)?;
            match output.is_for_people() {
                true => console::print(&printable_lines(&readme.readme))?,
                false => output.object(&[], "readme", &readme)?,
            }
        }
        RepositoryCommand::Create { name, visibility, description } => {
            if visibility == "public" {
                session.confirm(&format!("lets everybody pull {name}"), || {
                    Ok(format!("{name} is created, and is public"))
                })?;
            }
            let new = CreateRepository {
                name,
                visibility: Some(visibility),
                description,
                ..CreateRepository::default()
            };
            let made = client.create_repository(&new)?;
            let text = format!("repository {} is created, {}", made.summary.name, made.summary.visibility);
            output.said(&text, "name", &made.value)?;
        }
        RepositoryCommand::Set { name, change } => set(session, &name, change)?,
        RepositoryCommand::Rm { name, dry_run } => delete(session, &name, dry_run)?,
    }
    Ok(Exit::Done)
}

/// Makes the lines of a text harmless for a terminal.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn set(session: &Session, name: &str, change: Change) -> Result<()> {
    let readme = match &change.readme {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("--readme: cannot read {}", path.display()))?,
        ),
        None => None,
    };
    let becomes_public = change.visibility.as_deref() == Some("public");
    let change = ChangeRepository {
        visibility: change.visibility,
        description: change.description.map(Some),
        readme: readme.map(Some),
        immutable_tags: match (change.immutable_tags.is_empty(), change.no_immutable_tags) {
            (false, _) => Some(Some(ImmutableTagRules { enabled: true, rules: change.immutable_tags })),
            (true, true) => Some(Some(ImmutableTagRules { enabled: false, rules: Vec::new() })),
            (true, false) => None,
        },
    };
    let before = session.client.get_repository(name)?;
    if becomes_public && before.summary.visibility != "public" {
        let what = format!("lets everybody pull {name}");
        session.confirm(&what, || {
            let images = [counted(before.summary.tags, "tag"), counted(before.summary.images, "image")];
            Ok(format!("{name} has {}, {}", listed(images), bytes(before.summary.images_bytes)))
        })?;
    }
    // What was shown is what changes.
    let condition = Condition::Version(before.version.clone());
    let now = session.client.change_repository(name, &change, &condition)?;
    let text = format!("repository {name} is changed; it is {}", now.summary.visibility);
    session.output.said(&text, "name", &now.value)
}

fn delete(session: &Session, name: &str, dry_run: bool) -> Result<()> {
    let repository = session.client.get_repository(name)?;
    let summary = &repository.summary;
    let parts = match (summary.tags, summary.images) {
        (0, 0) => "nothing in it".to_owned(),
        (tags, images) => listed([counted(tags, "tag"), counted(images, "image")]),
    };
    let plan = format!("goes      {name} with {parts}, {} of images", bytes(summary.images_bytes));
    if dry_run {
        return session.output.said(&plan, "name", &repository.value);
    }
    session.confirm(&format!("deletes the repository {name} with {parts}"), || Ok(plan))?;
    let id = session.client.delete_repository(name, &Condition::Always)?;
    let undo =
        id.as_ref().map(|id| format!("\nundo it with: longshore trash restore {id}")).unwrap_or_default();
    let done = serde_json::json!({ "name": name, "id": id });
    session.output.said(&format!("repository {name} is deleted, with {parts}{undo}"), "id", &done)
}
