//! Commands about who may do what in a repository.

use anyhow::Result;
use clap::{Args, Subcommand};
use longshore_client::types::{AccessExplanation, AccessReason, Because, GrantAccess, ShareRepository};
use serde_json::json;

use crate::console;
use crate::failure::Exit;
use crate::output::{Column, Kind, column, parse_time};
use crate::session::Session;

/// Whom something is given.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// A user, member of the organization or not
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A team of the organization
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
}

/// Commands about who may do what in a repository.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum AccessCommand {
    /// List the teams, users and accounts that were given something in a repository
    #[command(alias = "list")]
    Ls { repository: String },
    /// Give a team or a user something in a repository, or something else than before
    Grant {
        repository: String,
        /// read, write or admin
        permission: String,
        #[command(flatten)]
        whom: Whom,
    },
    /// Take from a team or a user what it was given in a repository
    Revoke {
        repository: String,
        #[command(flatten)]
        whom: Whom,
    },
    /// Let an account pull from a repository: a user, or an organization with all its members
    Share {
        repository: String,
        account: String,
        /// Until when, such as 2026-12-31T00:00:00Z, 2026-12-31 or 30d [default: for ever]
        #[arg(long, value_name = "TIME", value_parser = parse_end)]
        until: Option<String>,
        /// Why
        #[arg(long, default_value = "")]
        description: String,
    },
    /// End the sharing of a repository with an account
    Unshare { repository: String, account: String },
    /// Explain what somebody may do in a repository, and why
    Explain {
        repository: String,
        /// Who [default: you]
        user: Option<String>,
    },
}

/// Reads the end of a share: a time, or how long from now.
fn parse_end(text: &str) -> Result<String, String> {
    match text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
        Some(days) => {
            let end = crate::output::now().checked_add(jiff::SignedDuration::from_hours(24 * days));
            end.map(|end| end.to_string()).map_err(|_| "must be fewer days".to_owned())
        }
        None => parse_time(text),
    }
}

const COLUMNS: &[Column] = &[
    column("KIND", "kind", Kind::Text, 1),
    column("NAME", "name", Kind::Text, 0),
    column("MAY", "permission", Kind::Text, 0),
    column("MEMBERS", "members", Kind::Text, 3),
    column("UNTIL", "until", Kind::Time, 2),
    column("WHY", "description", Kind::Text, 4),
];

fn may(level: &str) -> &str {
    match level {
        "read" => "pull",
        "write" => "pull and push",
        "admin" => "do everything",
        _ => "do nothing",
    }
}

fn because(reason: &AccessReason) -> String {
    let name = reason.name.as_deref().unwrap_or_default();
    let text = match reason.because {
        Because::Operator => "is the operator".into(),
        Because::Administrator => "administers the registry".into(),
        Because::Own => "the namespace is its own".into(),
        Because::Owner => "owns the organization".into(),
        Because::Editor => "is an editor of the organization".into(),
        Because::Member => "is a member of the organization, all of whom pull".into(),
        Because::Permission => format!("was given it for {name}"),
        Because::Team => format!("is in the team {name}"),
        Because::Share => "it is shared with the account, or an organization of its".into(),
        Because::Public => "the repository is public".into(),
        Because::Other => "for a reason that this version does not know".into(),
    };
    let until = reason.until.as_ref().map(|until| format!(", until {until}")).unwrap_or_default();
    format!("  {:<6} {text}{until}", reason.level)
}

fn told(repository: &str, explained: &AccessExplanation) -> String {
    let user = &explained.user;
    if !explained.is_active {
        return format!("{user} is switched off, and may do nothing");
    }
    let mut text = format!("{user} may {} in {repository}", may(&explained.level));
    for reason in &explained.reasons {
        text = format!("{text}\n{}", because(reason));
    }
    if explained.reasons.is_empty() {
        text = format!("{text}: nothing was given to it, and to no team of its");
    }
    if let Some(organization) = &explained.blocked_by {
        text = format!(
            "{text}\nbut does not pull: the organization {organization} does not let its members pull from there"
        );
    }
    text
}

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: AccessCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        AccessCommand::Ls { repository } => {
            let list = client.get_access(&repository)?;
            output.list(COLUMNS, "name", list.items.iter().map(anyhow::Ok))?;
            if output.is_for_people() {
                let namespace = repository.split('/').next().unwrap_or_default();
                let besides = match (list.is_of_organization, list.members_pull) {
                    (true, true) => {
                        format!("owners and editors of {namespace} do everything, and its members pull")
                    }
                    (true, false) => format!("owners and editors of {namespace} do everything"),
                    (false, _) => format!("{namespace} does everything"),
                };
                let public =
                    if list.visibility == "public" { "; it is public, so everybody pulls" } else { "" };
                console::say(&format!("besides, {besides}{public}"));
            }
        }
        AccessCommand::Grant { repository, permission, whom } => {
            let grant = GrantAccess { permission: permission.clone() };
            let name = match (&whom.user, &whom.team) {
                (Some(user), _) => client.grant_user_access(&repository, user, &grant).map(|()| user)?,
                (None, Some(team)) => client.grant_team_access(&repository, team, &grant).map(|()| team)?,
                (None, None) => unreachable!("clap asks for one of them"),
            };
            let done = json!({ "repository": repository, "name": name, "permission": permission });
            output.said(&format!("{name} may {} in {repository}", may(&permission)), "name", &done)?;
        }
        AccessCommand::Revoke { repository, whom } => {
            let name = match (&whom.user, &whom.team) {
                (Some(user), _) => client.revoke_user_access(&repository, user).map(|()| user)?,
                (None, Some(team)) => client.revoke_team_access(&repository, team).map(|()| team)?,
                (None, None) => unreachable!("clap asks for one of them"),
            };
            let text = match whom.user {
                Some(_) => format!(
                    "{name} has no permission of its own in {repository} any more; see what is left: longshore access explain {repository} {name}"
                ),
                None => format!("the team {name} has no permission in {repository} any more"),
            };
            output.said(&text, "name", &json!({ "repository": repository, "name": name }))?;
        }
        AccessCommand::Share { repository, account, until, description } => {
            let terms = ShareRepository { until: until.clone(), description };
            client.share_repository(&repository, &account, &terms)?;
            let end = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
            let done = json!({ "repository": repository, "name": account, "until": until });
            output.said(&format!("{account} may pull from {repository}{end}"), "name", &done)?;
        }
        AccessCommand::Unshare { repository, account } => {
            client.unshare_repository(&repository, &account)?;
            let done = json!({ "repository": repository, "name": account });
            output.said(&format!("{repository} is no longer shared with {account}"), "name", &done)?;
        }
        AccessCommand::Explain { repository, user } => {
            let explained = client.explain_access(&repository, user.as_deref())?;
            output.said(&told(&repository, &explained), "level", &explained)?;
        }
    }
    Ok(Exit::Done)
}
