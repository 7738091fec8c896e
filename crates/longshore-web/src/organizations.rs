//! Organizations: those that one belongs to, their members, teams and invites.

use askama::Template;
use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::account::OrganizationRole;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{MemberFilter, MemberKinds, TeamName};
use longshore_domain::page::PageSize;
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Field, Result};
use longshore_organizations::invites::{InviteOutcome, WantedInvites};
use longshore_organizations::organizations::ListedMember;
use serde::Deserialize;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, count, counted, date};
use crate::list::{Choice, choices, link};
use crate::page::{Crumb, Frame, Kept, Message, Place, lead, send, show};

/// Path of the page on which invites are accepted.
const INVITE_PAGE: &str = "/invite";
const ROLES: [(&str, &str); 3] = [("member", "member"), ("editor", "editor"), ("owner", "owner")];

struct OwnRow {
    name: String,
    full_name: String,
    role: &'static str,
    teams: String,
}

#[derive(Template)]
#[template(path = "organizations.html")]
struct OrganizationsPage {
    frame: Frame,
    rows: Vec<OwnRow>,
    count: String,
    typed: String,
    is_wrong: bool,
}

async fn organizations_page(
    context: &Context,
    typed: &str,
    message: Option<Message>,
) -> Result<OrganizationsPage> {
    let actor = context.actor();
    let (found, number) = context.app.organizations.list_own_organizations(actor, 0, PageSize::MAX).await?;
    let row = |own: &longshore_domain::organization::OwnOrganization| OwnRow {
        name: own.account.name.to_string(),
        full_name: own.account.profile.full_name.clone(),
        role: own.role.as_str(),
        teams: own.teams.iter().map(TeamName::to_string).collect::<Vec<_>>().join(", "),
    };
    let is_wrong = message.is_some();
    Ok(OrganizationsPage {
        frame: Frame::new(context, Place::Organizations, "Organizations").saying(message),
        rows: found.iter().map(row).collect(),
        count: counted(number, "organization", "organizations"),
        typed: typed.to_owned(),
        is_wrong,
    })
}

/// `GET /ui/orgs`.
pub(crate) async fn show_organizations(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &organizations_page(context, "", None).await?)
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

/// `POST /ui/orgs`.
pub(crate) async fn create_organization(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: Named = context.form(body).await?;
    let name = sent.name.trim();
    let made = match name.parse::<Namespace>() {
        Ok(parsed) => context.app.organizations.create_namespace(context.actor(), &parsed).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(account) => Ok(lead(context, &format!("/ui/orgs/{}?made=1", account.name))),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page = organizations_page(context, name, Some(Message::problem(sentence(&error)))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

struct MemberRow {
    name: String,
    full_name: String,
    role: String,
    roles: Vec<Choice>,
    teams: String,
    joined: Age,
    is_self: bool,
}

struct InviteRow {
    id: String,
    invitee: String,
    role: String,
    team: String,
    by: String,
    until: String,
}

struct TeamRow {
    name: String,
    description: String,
    members: String,
}

/// What came of inviting somebody.
struct Invited {
    who: String,
    what: &'static str,
    link: String,
}

#[derive(Template)]
#[template(path = "organization.html")]
struct OrganizationPage {
    frame: Frame,
    name: String,
    full_name: String,
    members: Vec<MemberRow>,
    caption: String,
    prefix: String,
    newer: Option<String>,
    older: Option<String>,
    manages: bool,
    invites: Option<Vec<InviteRow>>,
    teams: Vec<TeamRow>,
    more_teams: bool,
    roles: Vec<Choice>,
    invited: Vec<Invited>,
}

/// Makes the frame of a page of an organization.
pub(crate) fn frame(context: &Context, name: &Namespace, text: &str) -> Frame {
    let title = if text.is_empty() { name.to_string() } else { format!("{text} · {name}") };
    let mut frame =
        Frame::new(context, Place::Organizations, title).below([("Organizations", "/ui/orgs".into())]);
    let path = if text.is_empty() { String::new() } else { format!("/ui/orgs/{name}") };
    frame.crumbs.push(Crumb { text: name.to_string(), path });
    if !text.is_empty() {
        frame.crumbs.push(Crumb { text: text.to_owned(), path: String::new() });
    }
    frame
}

fn organization(context: &Context) -> Result<Namespace> {
    context.parsed("organization")
}

/// Returns nothing where somebody may not look at a part of a page.
fn allowed<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Denied(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

async fn page(
    context: &Context,
    message: Option<Message>,
    invited: Vec<Invited>,
) -> Result<OrganizationPage> {
    let (name, actor, organizations) = (organization(context)?, context.actor(), &context.app.organizations);
    let account = organizations.get_own_organization(actor, &name).await?;
    let prefix = context.text("prefix").to_lowercase();
    let filter = MemberFilter {
        name_prefix: Some(prefix.clone()).filter(|prefix| !prefix.is_empty()),
        kinds: MemberKinds::Members,
        ..MemberFilter::default()
    };
    let number = context.number("page", 1, 1, 10_000)?;
    let size = context.page_size()?;
    let offset = (number - 1) * u64::from(size.get());
    let (found, all) = organizations.list_organization_members(actor, &name, filter, offset, size).await?;
    let invites = allowed(organizations.list_invites(actor, &name).await)?;
    let teams = allowed(organizations.browse_teams(actor, &name, None, PageSize::clamped(200)?).await)?;
    let now = context.app.platform.now();
    let own = context.signed_in()?.browser.account.id;
    let mut members = Vec::new();
    let mut manages = false;
    for listed in &found {
        let ListedMember::Member(member) = listed else { continue };
        let is_self = member.account.id == own;
        members.push(MemberRow {
            name: member.account.name.to_string(),
            full_name: member.account.profile.full_name.clone(),
            role: member.role.as_str().to_owned(),
            roles: choices(&ROLES, member.role.as_str()),
            teams: member.teams.iter().map(TeamName::to_string).collect::<Vec<_>>().join(", "),
            joined: Age { at: member.joined_at, now },
            is_self,
        });
    }
    // Whoever sees invites manages members.
    if invites.is_some() {
        manages = true;
    }
    let shown = members.len() as u64;
    let frame = frame(context, &name, "").saying(message);
    let more = |page: u64| link(context, &[("page", Some(&page.to_string()))]);
    Ok(OrganizationPage {
        frame,
        name: name.to_string(),
        full_name: account.profile.full_name,
        caption: counted(all, "member", "members"),
        newer: (number > 1).then(|| more(number - 1)),
        older: (offset + shown < all && shown > 0).then(|| more(number + 1)),
        members,
        prefix,
        manages,
        invites: invites.map(|invites| {
            let row = |invite: &longshore_domain::invite::Invite| InviteRow {
                id: invite.id.to_string(),
                invitee: invite.invitee.to_string(),
                role: invite.role.as_str().to_owned(),
                team: invite.team.as_ref().map(|(_, name)| name.to_string()).unwrap_or_default(),
                by: invite.inviter.name.clone(),
                until: date(invite.expires_at),
            };
            invites.iter().map(row).collect()
        }),
        more_teams: teams.as_ref().is_some_and(|teams| teams.has_more),
        teams: teams.map(|teams| teams.items).unwrap_or_default().iter().map(team_row).collect(),
        roles: choices(&ROLES, "member"),
        invited,
    })
}

fn team_row(team: &longshore_domain::organization::Team) -> TeamRow {
    TeamRow {
        name: team.name.to_string(),
        description: team.description.clone(),
        members: count(team.member_count),
    }
}

/// `GET /ui/orgs/{organization}`.
pub(crate) async fn show_organization(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = match (context.query("made"), context.query("saved")) {
        (Some(_), _) => Some("The organization is made, and you own it. Invite people, and make teams."),
        (None, Some(_)) => Some("It is so."),
        (None, None) => None,
    };
    show(context, &page(context, message.map(Message::done), Vec::new()).await?)
}

/// Answers a change of an organization: back to its page, or with what was wrong.
async fn answer(context: &Context, name: &Namespace, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(lead(context, &format!("/ui/orgs/{name}?saved=1"))),
        Err(error @ (Error::Unauthenticated(_) | Error::OrganizationUnknown(_))) => Err(error),
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page = page(context, Some(Message::problem(sentence(&error))), Vec::new()).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

#[derive(Deserialize)]
struct SentRole {
    #[serde(default)]
    role: String,
}

async fn change_role(context: &Context, name: &Namespace, sent: &SentRole) -> Result<()> {
    let (user, role): (Namespace, OrganizationRole) = (context.parsed("user")?, sent.role.parse()?);
    context.app.organizations.change_member_role(context.actor(), name, &user, role).await.map(|_| ())
}

/// `POST /ui/orgs/{organization}/members/{user}`.
pub(crate) async fn set_member(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, SentRole) = (organization(context)?, context.form(body).await?);
    let done = change_role(context, &name, &sent).await;
    answer(context, &name, done).await
}

/// `POST /ui/orgs/{organization}/members/{user}/remove`.
pub(crate) async fn delete_member(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, user): (_, Namespace) = (organization(context)?, context.parsed("user")?);
    let done = context.app.organizations.delete_member(context.actor(), &name, &user).await.map(|_| ());
    answer(context, &name, done).await
}

#[derive(Deserialize)]
struct SentInvites {
    #[serde(default)]
    invitees: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    team: String,
}

/// `POST /ui/orgs/{organization}/invites`.
pub(crate) async fn create_invites(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, SentInvites) = (organization(context)?, context.form(body).await?);
    let invitees = sent.invitees.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    let wanted = WantedInvites {
        invitees: invitees.collect(),
        role: sent.role.parse()?,
        team: Some(sent.team.trim()).filter(|team| !team.is_empty()).map(str::parse).transpose()?,
        dry_run: false,
    };
    let address = context.client.origin.absolute(INVITE_PAGE);
    let outcomes = match context.app.organizations.invite(context.actor(), &name, wanted, &address).await {
        Ok(outcomes) => outcomes,
        Err(error) => return answer(context, &name, Err(error)).await,
    };
    let one = |(who, outcome): (String, InviteOutcome)| {
        let (what, link) = match outcome {
            InviteOutcome::WouldBeInvited => ("would be invited", None),
            InviteOutcome::Invited(_, Some(link)) => {
                ("is invited; pass this link on, it is shown once", Some(link))
            }
            InviteOutcome::Invited(_, None) => ("is invited by mail", None),
            InviteOutcome::TooSoon(_) => ("was invited a moment ago", None),
            InviteOutcome::IsMember => ("is a member already", None),
            InviteOutcome::Unknown => ("is no user here and no e-mail address", None),
        };
        Invited { who, what, link: link.unwrap_or_default() }
    };
    let invited = outcomes.into_iter().map(one).collect();
    send(context, StatusCode::OK, Kept::Never, &page(context, None, invited).await?)
}

/// `POST /ui/orgs/{organization}/invites/{id}/cancel`.
pub(crate) async fn cancel_invite(context: &Context, _body: RequestBody) -> Result<Response> {
    let name = organization(context)?;
    let id: Uuid = context.parameter("id").parse().map_err(|_| Error::InviteUnknown)?;
    let done = context.app.organizations.cancel_invite(context.actor(), id).await;
    answer(context, &name, done).await
}

#[derive(Deserialize)]
struct SentTeam {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
}

/// `POST /ui/orgs/{organization}/teams`.
pub(crate) async fn create_team(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, SentTeam) = (organization(context)?, context.form(body).await?);
    let made = match sent.name.trim().parse::<TeamName>() {
        Ok(team) => {
            context.app.organizations.create_team(context.actor(), &name, &team, &sent.description).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(team) => Ok(lead(context, &format!("/ui/orgs/{name}/teams/{}", team.name))),
        Err(error) => answer(context, &name, Err(error)).await,
    }
}

struct GrantRow {
    repository: String,
    permission: &'static str,
}

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    frame: Frame,
    organization: String,
    team: String,
    description: String,
    members: Vec<(String, String)>,
    more_members: bool,
    repositories: Option<Vec<GrantRow>>,
    more_repositories: bool,
    manages: bool,
    typed: String,
}

fn team_name(context: &Context) -> Result<TeamName> {
    context.parsed("team")
}

async fn team_page(context: &Context, message: Option<Message>, typed: &str) -> Result<TeamPage> {
    let (name, team, actor) = (organization(context)?, team_name(context)?, context.actor());
    let organizations = &context.app.organizations;
    let found = organizations.get_team(actor, &name, &team).await?;
    let size = PageSize::clamped(200)?;
    let members = organizations.browse_team_members(actor, &name, &team, None, size).await?;
    let none: Option<RepositoryId> = None;
    // What it may do in which repository is for those who decide about it.
    let repositories =
        allowed(organizations.browse_team_repositories(actor, &name, &team, none, size).await)?;
    let manages = allowed(organizations.list_invites(actor, &name).await)?.is_some();
    Ok(TeamPage {
        frame: frame(context, &name, &format!("Team {team}")).saying(message),
        organization: name.to_string(),
        team: team.to_string(),
        description: found.description,
        members: members
            .items
            .iter()
            .map(|account| (account.name.to_string(), account.profile.full_name.clone()))
            .collect(),
        more_members: members.has_more,
        more_repositories: repositories.as_ref().is_some_and(|page| page.has_more),
        repositories: repositories.map(|page| {
            let row = |grant: &longshore_domain::ports::metadata::TeamRepository| GrantRow {
                repository: grant.name.to_string(),
                permission: grant.permission.as_str(),
            };
            page.items.iter().map(row).collect()
        }),
        manages,
        typed: typed.to_owned(),
    })
}

/// `GET /ui/orgs/{organization}/teams/{team}`.
pub(crate) async fn show_team(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &team_page(context, None, "").await?)
}

async fn team_answer(context: &Context, typed: &str, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => {
            let (name, team) = (organization(context)?, team_name(context)?);
            Ok(lead(context, &format!("/ui/orgs/{name}/teams/{team}")))
        }
        Err(error @ (Error::Unauthenticated(_) | Error::OrganizationUnknown(_) | Error::TeamUnknown(_))) => {
            Err(error)
        }
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            let page = team_page(context, Some(Message::problem(sentence(&error))), typed).await?;
            send(context, status(&error), Kept::Never, &page)
        }
    }
}

/// `POST /ui/orgs/{organization}/teams/{team}/members`.
pub(crate) async fn add_team_member(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, team, sent): (_, _, Named) =
        (organization(context)?, team_name(context)?, context.form(body).await?);
    let typed = sent.name.trim();
    let done = match typed.parse::<Namespace>() {
        Ok(user) => {
            context.app.organizations.add_team_member(context.actor(), &name, &team, &user).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    team_answer(context, typed, done).await
}

/// `POST /ui/orgs/{organization}/teams/{team}/members/{user}/remove`.
pub(crate) async fn delete_team_member(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, team, user): (_, _, Namespace) =
        (organization(context)?, team_name(context)?, context.parsed("user")?);
    let done =
        context.app.organizations.delete_team_member(context.actor(), &name, &team, &user).await.map(|_| ());
    team_answer(context, "", done).await
}

/// `POST /ui/orgs/{organization}/teams/{team}/delete`. The name is typed, as there is no way back.
pub(crate) async fn delete_team(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, team, sent): (_, _, Named) =
        (organization(context)?, team_name(context)?, context.form(body).await?);
    if sent.name.trim() != team.as_str() {
        let error = Error::Invalid {
            field: Field::DisplayName,
            reason: format!("is not {team}; nothing was deleted"),
        };
        return team_answer(context, "", Err(error)).await;
    }
    match context.app.organizations.delete_team(context.actor(), &name, &team).await {
        Ok(()) => Ok(lead(context, &format!("/ui/orgs/{name}?saved=1"))),
        Err(error) => team_answer(context, "", Err(error)).await,
    }
}
