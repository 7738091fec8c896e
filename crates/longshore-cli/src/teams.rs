//! Commands about members, teams and invites of organizations.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::ListMembers;
use longshore_client::types::{
    ChangeTeam, CreateInvites, CreateTeam, InviteOutcome, InvitedOne, SetMember, TeamInfo,
};
use serde_json::json;

use crate::console;
use crate::failure::{Exit, NotFound, Usage};
use crate::output::{Column, Kind, WIDE, column};
use crate::session::Session;

/// Commands about members of an organization.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum MemberCommand {
    /// List the members of an organization
    #[command(alias = "list")]
    Ls {
        organization: String,
        /// Only those whose name begins so
        #[arg(long)]
        prefix: Option<String>,
        /// owner, editor or member
        #[arg(long)]
        role: Option<String>,
    },
    /// Give a member another role; the operator also adds members, whom everybody else invites
    Set {
        organization: String,
        user: String,
        /// owner, editor or member
        #[arg(long)]
        role: String,
    },
    /// Remove a member, also from all teams
    #[command(alias = "remove")]
    Rm { organization: String, user: String },
}

/// Commands about teams.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum TeamCommand {
    /// List the teams of an organization
    #[command(alias = "list")]
    Ls { organization: String },
    /// Show a team, its members, and the repositories in which it may do something
    Show { organization: String, team: String },
    /// Create a team
    Create {
        organization: String,
        team: String,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Change a team; what is not given stays
    Set {
        organization: String,
        team: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// What it is for; empty for nothing
        #[arg(long)]
        description: Option<String>,
    },
    /// Put a member of the organization into a team
    Add { organization: String, team: String, user: String },
    /// Take somebody out of a team
    Remove { organization: String, team: String, user: String },
    /// Delete a team, and what it was given; its members stay members
    #[command(alias = "delete")]
    Rm { organization: String, team: String },
}

/// Commands about invites.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum InviteCommand {
    /// List the invites of an organization that wait
    #[command(alias = "list")]
    Ls { organization: String },
    /// Invite people, by name or e-mail address; where no mail is sent, the links are shown once
    Create {
        organization: String,
        #[arg(required = true)]
        invitees: Vec<String>,
        /// owner, editor or member
        #[arg(long, default_value = "member")]
        role: String,
        /// A team that they are put into
        #[arg(long)]
        team: Option<String>,
        /// Say only what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Send the message of an invite again, with a new link
    Resend {
        /// Its id, as listed; or with --organization whom it is for
        id: String,
        /// The organization of the invite
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
    },
    /// Call an invite back; its link stops working
    Cancel {
        /// Its id, as listed; or with --organization whom it is for
        id: String,
        /// The organization of the invite
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
    },
}

const MEMBERS: &[Column] = &[
    column("MEMBER", "user", Kind::Text, 0),
    column("ROLE", "role", Kind::Text, 0),
    column("SINCE", "since", Kind::Time, 1),
];
const TEAMS: &[Column] = &[
    column("NAME", "name", Kind::Text, 0),
    column("MEMBERS", "members", Kind::Text, 1),
    column("DESCRIPTION", "description", Kind::Text, 2),
    column("ID", "id", Kind::Text, WIDE),
];
const TEAM_LINES: &[Column] = &[
    column("name", "name", Kind::Text, 0),
    column("description", "description", Kind::Text, 0),
    column("members", "members", Kind::Text, 0),
    column("id", "id", Kind::Text, 0),
];
const TEAM_MEMBERS: &[Column] =
    &[column("MEMBER", "user", Kind::Text, 0), column("FULL NAME", "full_name", Kind::Text, 1)];
const TEAM_REPOSITORIES: &[Column] =
    &[column("REPOSITORY", "repository", Kind::Text, 0), column("MAY", "permission", Kind::Text, 0)];
const INVITES: &[Column] = &[
    column("ID", "id", Kind::Text, 0),
    column("INVITEE", "invitee", Kind::Text, 0),
    column("ROLE", "role", Kind::Text, 1),
    column("TEAM", "team", Kind::Text, 3),
    column("BY", "invited_by", Kind::Text, 4),
    column("UNTIL", "expires_at", Kind::Time, 2),
    column("SENT", "created_at", Kind::Time, 5),
];

/// Runs a command about members.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_member(command: MemberCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        MemberCommand::Ls { organization, prefix, role } => {
            output.list(MEMBERS, "user", client.list_members(&organization, &ListMembers { prefix, role }))?
        }
        MemberCommand::Set { organization, user, role } => set_member(session, &organization, &user, role)?,
        MemberCommand::Rm { organization, user } => {
            let what =
                format!("removes {user} from {organization}, from all its teams, and from what they may do");
            session.confirm(&what, || Ok(format!("goes      {user}, a member of {organization}")))?;
            delete_member(session, &organization, &user)?;
        }
    }
    Ok(Exit::Done)
}

/// Gives a member a role.
pub(crate) fn set_member(session: &Session, organization: &str, user: &str, role: String) -> Result<()> {
    session.client.set_member(organization, user, &SetMember { role: role.clone() })?;
    let done = json!({ "name": organization, "user": user, "role": role });
    session.output.said(&format!("{user} is now {role} of {organization}"), "user", &done)
}

/// Removes a member.
pub(crate) fn delete_member(session: &Session, organization: &str, user: &str) -> Result<()> {
    session.client.delete_member(organization, user)?;
    let done = json!({ "name": organization, "user": user });
    session.output.said(&format!("{user} is no longer in {organization}"), "user", &done)
}

/// Runs a command about teams.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_team(command: TeamCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    let done = |text: &str, team: &TeamInfo| output.said(text, "name", team);
    match command {
        TeamCommand::Ls { organization } => output.list(TEAMS, "name", client.list_teams(&organization))?,
        TeamCommand::Show { organization, team } => show_team(session, &organization, &team)?,
        TeamCommand::Create { organization, team, description } => {
            let made = client.create_team(&organization, &CreateTeam { name: team, description })?;
            let text = format!(
                "team {0} of {organization} is created; put somebody in: longshore team add {organization} {0} USER",
                made.name
            );
            done(&text, &made)?;
        }
        TeamCommand::Set { organization, team, name, description } => {
            let description = description.map(|text| Some(text).filter(|text| !text.is_empty()));
            let change = ChangeTeam { name, description };
            if change == ChangeTeam::default() {
                return Err(Usage("say what to change; --help lists what there is".into()).into());
            }
            let changed = client.change_team(&organization, &team, &change)?;
            done(&format!("team {} of {organization} is changed", changed.name), &changed)?;
        }
        TeamCommand::Add { organization, team, user } => {
            client.add_team_member(&organization, &team, &user)?;
            let done = json!({ "organization": organization, "team": team, "user": user });
            output.said(&format!("{user} is in the team {team} of {organization}"), "user", &done)?;
        }
        TeamCommand::Remove { organization, team, user } => {
            client.delete_team_member(&organization, &team, &user)?;
            let done = json!({ "organization": organization, "team": team, "user": user });
            output.said(
                &format!("{user} is no longer in the team {team} of {organization}"),
                "user",
                &done,
            )?;
        }
        TeamCommand::Rm { organization, team } => {
            let found = client.get_team(&organization, &team)?;
            session.confirm(
                &format!("deletes the team {team} of {organization}, and what it was given"),
                || {
                    Ok(format!(
                        "goes      {team}, with {} members, who stay in {organization}",
                        found.members
                    ))
                },
            )?;
            client.delete_team(&organization, &team)?;
            done(&format!("team {team} of {organization} is deleted"), &found)?;
        }
    }
    Ok(Exit::Done)
}

fn show_team(session: &Session, organization: &str, team: &str) -> Result<()> {
    let Session { client, output, .. } = session;
    let found = client.get_team(organization, team)?;
    // Not every member may see in which repositories.
    let repositories: Option<Vec<_>> =
        client.list_team_repositories(organization, team).collect::<Result<_, _>>().ok();
    if output.is_for_people() {
        output.object(TEAM_LINES, "name", &found)?;
        console::print("")?;
        output.list(TEAM_MEMBERS, "user", client.list_team_members(organization, team))?;
        if let Some(repositories) = repositories.filter(|found| !found.is_empty()) {
            console::print("")?;
            output.list(TEAM_REPOSITORIES, "repository", repositories.into_iter().map(anyhow::Ok))?;
        }
        return Ok(());
    }
    let mut value = serde_json::to_value(&found)?;
    let members: Vec<_> = client.list_team_members(organization, team).collect::<Result<_, _>>()?;
    value["members"] = serde_json::to_value(members)?;
    value["repositories"] = serde_json::to_value(repositories)?;
    output.object(&[], "name", &value)
}

fn told(one: &InvitedOne) -> String {
    let who = &one.invitee;
    match (one.outcome, &one.link) {
        (InviteOutcome::Invited, Some(link)) => {
            format!("{who} is invited; pass this link on, it is shown this once\n  {link}")
        }
        (InviteOutcome::Invited, None) => format!("{who} is invited; a message is on its way"),
        (InviteOutcome::WouldBeInvited, _) => format!("{who} would be invited"),
        (InviteOutcome::TooSoon, _) => {
            format!("{who} was sent a message a short time ago; nothing was changed, try again later")
        }
        (InviteOutcome::IsMember, _) => format!("{who} is a member already"),
        (InviteOutcome::Unknown, _) => format!("{who} is no user, and no e-mail address"),
        (InviteOutcome::Other, _) => format!("{who}: something that this version does not know"),
    }
}

/// Returns the id of the invite for somebody.
fn find_invite(session: &Session, who: String, organization: Option<String>) -> Result<String> {
    let Some(organization) = organization else { return Ok(who) };
    let invites = session.client.list_invites(&organization)?;
    let found = invites.into_iter().find(|invite| invite.id == who || invite.invitee == who);
    found.map(|invite| invite.id).ok_or_else(|| {
        let text =
            format!("{organization} has no invite for {who:?}; see: longshore invite ls {organization}");
        NotFound(text).into()
    })
}

/// Runs a command about invites.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_invite(command: InviteCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        InviteCommand::Ls { organization } => {
            output.list(INVITES, "id", client.list_invites(&organization)?.into_iter().map(anyhow::Ok))?;
        }
        InviteCommand::Create { organization, invitees, role, team, dry_run } => {
            let new = CreateInvites { invitees, role: Some(role), team, dry_run };
            let made = client.create_invites(&organization, &new)?;
            let text: Vec<String> = made.items.iter().map(told).collect();
            output.told_once(&text.join("\n"), "items", &made)?;
            let is_done = |one: &InvitedOne| {
                matches!(one.outcome, InviteOutcome::Invited | InviteOutcome::WouldBeInvited)
            };
            if !made.items.iter().all(is_done) {
                return Ok(Exit::Problems);
            }
        }
        InviteCommand::Resend { id, organization } => {
            let id = find_invite(session, id, organization)?;
            client.resend_invite(&id)?;
            output.said("the message is sent again, with a new link", "id", &json!({ "id": id }))?;
        }
        InviteCommand::Cancel { id, organization } => {
            let id = find_invite(session, id, organization)?;
            client.cancel_invite(&id)?;
            output.said("the invite is called back; its link no longer works", "id", &json!({ "id": id }))?;
        }
    }
    Ok(Exit::Done)
}
