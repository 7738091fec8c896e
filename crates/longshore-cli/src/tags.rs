//! Commands about tags.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::types::{CallerProof, CreateDeletion, RollBackTag, SetTag, UsedCredential};
use longshore_client::{Condition, ListChanges, ListTags};

use crate::failure::Exit;
use crate::output::{Column, Kind, WIDE, column, parse_beginning, parse_time};
use crate::session::Session;
use crate::{deletions, digests};

/// Commands about tags.
#[derive(Subcommand)]
pub enum TagCommand {
    /// List tags
    #[command(alias = "list")]
    Ls {
        /// Such as acme/app
        repository: String,
        /// Only those that begin so
        #[arg(long)]
        prefix: Option<String>,
        /// Only those whose name holds this
        #[arg(long, value_name = "TEXT")]
        contains: Option<String>,
        /// name, pushed, pulled, size or version; with - in front backwards
        #[arg(long, allow_hyphen_values = true)]
        order: Option<String>,
        /// Only those with an image for this operating system
        #[arg(long)]
        os: Option<String>,
        /// Only those with an image for this architecture
        #[arg(long)]
        architecture: Option<String>,
        /// Only those that were pushed or pulled since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning, conflicts_with = "inactive_since")]
        active_since: Option<String>,
        /// Only those that were neither pushed nor pulled since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning)]
        inactive_since: Option<String>,
        /// Without names that tools make of a digest, as of signatures (sha256-….sig)
        #[arg(long)]
        no_digest_tags: bool,
    },
    /// Show a tag
    Show {
        /// Such as acme/app
        repository: String,
        /// Name of the tag
        tag: String,
    },
    /// Point a tag at an image of the repository
    Set {
        /// Such as acme/app
        repository: String,
        /// Name of the tag
        tag: String,
        /// A tag, a tag at a time (latest.asof.20261101), or a digest
        to: String,
        /// Only if there is no such tag yet
        #[arg(long)]
        new: bool,
    },
    /// Delete tags; their images stay
    Rm {
        /// Such as acme/app
        repository: String,
        /// Names of tags
        #[arg(required = true)]
        tags: Vec<String>,
        /// Show what goes and what that frees, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what a tag pointed at, newest first
    History {
        /// Such as acme/app
        repository: String,
        /// Name of the tag
        tag: String,
    },
    /// Show the tags of a repository as they were at a time
    At {
        /// Such as acme/app
        repository: String,
        /// A time such as 2026-11-01T12:00:00Z, or a day such as 2026-11-01 for its end, in UTC
        #[arg(value_parser = parse_time)]
        time: String,
        /// Only this tag
        tag: Option<String>,
    },
    /// Show the tags that were made, moved or deleted between two times
    Diff {
        /// Such as acme/app
        repository: String,
        /// The first time, or the end of a day
        #[arg(value_parser = parse_time)]
        from: String,
        /// The second time [default: now]
        #[arg(value_parser = parse_time)]
        to: Option<String>,
    },
    /// Let a tag point at what it pointed at before
    Rollback {
        /// Such as acme/app
        repository: String,
        /// Name of the tag
        tag: String,
        /// What it pointed at before, at a time, or a digest that it once pointed at
        #[arg(default_value = "previous")]
        to: String,
    },
}

const COLUMNS: &[Column] = &[
    column("TAG", "name", Kind::Text, 0),
    column("DIGEST", "digest", Kind::Digest, 1),
    column("SIZE", "image.size_bytes", Kind::Bytes, 3),
    column("PUSHED", "pushed_at", Kind::Time, 2),
    column("BY", "pushed_by", Kind::Text, 4),
    column("PULLED", "pulled_at", Kind::Time, 5),
    column("CREATED", "created_at", Kind::Time, WIDE),
    column("MEDIA TYPE", "image.media_type", Kind::Text, WIDE),
];
const LINES: &[Column] = &[
    column("tag", "name", Kind::Text, 0),
    column("digest", "digest", Kind::Digest, 0),
    column("media type", "image.media_type", Kind::Text, 0),
    column("size", "image.size_bytes", Kind::Bytes, 0),
    column("created", "created_at", Kind::Time, 0),
    column("pushed", "pushed_at", Kind::Time, 0),
    column("by", "pushed_by", Kind::Text, 0),
    column("pulled", "pulled_at", Kind::Time, 0),
];
const AT_COLUMNS: &[Column] = &[
    column("TAG", "name", Kind::Text, 0),
    column("DIGEST", "digest", Kind::Digest, 1),
    column("FROM", "pushed_at", Kind::Time, 2),
    column("SET BY", "pushed_by", Kind::Text, 4),
    column("UNTIL", "until", Kind::Time, 3),
    column("STILL THERE", "is_there", Kind::Text, 5),
];
const HISTORY_COLUMNS: &[Column] = &[
    column("DIGEST", "digest", Kind::Digest, 0),
    column("FROM", "from", Kind::Time, 1),
    column("SET BY", "set_by", Kind::Text, 3),
    column("WITH", "how_set", Kind::Text, 5),
    column("UNTIL", "until", Kind::Time, 2),
    column("ENDED BY", "ended_by", Kind::Text, 4),
    column("WITH", "how_ended", Kind::Text, 6),
];

/// Says what somebody came with.
fn with(credential: Option<&UsedCredential>) -> Option<String> {
    let credential = credential?;
    Some(match (credential.proof, &credential.token) {
        (_, Some(token)) => format!("token {token}"),
        (Some(CallerProof::Token), None) => "a token that is gone".into(),
        (Some(CallerProof::SecondFactor), None) => "password and second factor".into(),
        (Some(CallerProof::Password), None) => "password".into(),
        (Some(CallerProof::Machine), None) => "the machine".into(),
        (Some(CallerProof::Other) | None, None) => return None,
    })
}
const CHANGE_COLUMNS: &[Column] = &[
    column("TAG", "name", Kind::Text, 0),
    column("CHANGE", "change", Kind::Text, 0),
    column("FROM", "from", Kind::Digest, 1),
    column("TO", "to", Kind::Digest, 1),
];

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: TagCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        TagCommand::Ls {
            repository,
            prefix,
            contains,
            order,
            os,
            architecture,
            active_since,
            inactive_since,
            no_digest_tags,
        } => {
            let wanted = ListTags {
                as_of: None,
                prefix,
                contains,
                order,
                os,
                architecture,
                active_since,
                inactive_since,
                digest_tags: no_digest_tags.then_some(false),
            };
            output.list(COLUMNS, "name", client.list_tags(&repository, &wanted))?;
        }
        TagCommand::Show { repository, tag } => {
            output.object(LINES, "digest", &client.get_tag(&repository, &tag, None)?.value)?;
        }
        TagCommand::Set { repository, tag, to, new } => {
            let to = digests::whole(client, &repository, &to)?;
            let condition = if new { Condition::Absent } else { Condition::Always };
            let pointed = client.set_tag(&repository, &tag, &SetTag { from: to }, &condition)?;
            let text = format!("{repository}:{tag} points at {}", pointed.digest);
            output.said(&text, "digest", &pointed)?;
        }
        TagCommand::Rm { repository, tags, dry_run } => {
            let wanted = CreateDeletion { tags, dry_run, ..CreateDeletion::default() };
            return deletions::delete(session, &repository, wanted);
        }
        TagCommand::History { repository, tag } => {
            let history = client.list_tag_history(&repository, &tag).map(|interval| {
                let interval = interval?;
                let mut value = serde_json::to_value(&interval)?;
                value["how_set"] = with(interval.set_with.as_ref()).into();
                value["how_ended"] = with(interval.ended_with.as_ref()).into();
                anyhow::Ok(value)
            });
            output.list(HISTORY_COLUMNS, "digest", history)?;
        }
        TagCommand::At { repository, time, tag } => {
            let with_presence = |tag: longshore_client::types::TagInfo| {
                let mut value = serde_json::to_value(&tag)?;
                value["is_there"] = tag.image.is_some().into();
                anyhow::Ok(value)
            };
            match tag {
                Some(tag) => {
                    let then = client.get_tag(&repository, &tag, Some(&time))?.value;
                    output.list(AT_COLUMNS, "name", [with_presence(then)])?;
                }
                None => {
                    let wanted = ListTags { as_of: Some(time), ..ListTags::default() };
                    let tags = client.list_tags(&repository, &wanted);
                    output.list(AT_COLUMNS, "name", tags.map(|tag| with_presence(tag?)))?;
                }
            }
        }
        TagCommand::Diff { repository, from, to } => {
            let wanted = ListChanges { from, to, prefix: None };
            output.list(CHANGE_COLUMNS, "name", client.list_changes(&repository, &wanted))?;
        }
        TagCommand::Rollback { repository, tag, to } => {
            // A day is its end here as well.
            let to = match parse_time(&to) {
                Ok(time) => time,
                Err(_) => digests::whole(client, &repository, &to)?,
            };
            let pointed = client.roll_back_tag(&repository, &tag, &RollBackTag { to }, &Condition::Always)?;
            let text = format!("{repository}:{tag} points at {} again", pointed.digest);
            output.said(&text, "digest", &pointed)?;
        }
    }
    Ok(Exit::Done)
}
