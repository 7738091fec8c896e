//! Invites to organizations. Docker Hub API, "Invites"; and the operations of the page on which they are accepted, which
//! are Longshore's own: the Hub does this on its web pages.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::account::OrganizationRole;
use longshore_domain::invite::Invite;
use longshore_domain::{Error, Field, Result};
use longshore_organizations::invites::{InviteOutcome, WantedInvites};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::{bare, wire};

/// Path of the page on which invites are accepted.
const PAGE: &str = "/invite";
/// On the Hub, the team of this name holds the owners.
const OWNERS_TEAM: &str = "owners";

/// `bulk_invite_request`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct BulkRequest {
    /// Name of the organization.
    org: String,
    /// Name of a team that the new members are put into; `owners` makes them owners.
    team: Option<String>,
    /// `owner`, `editor` or `member`; `member` when absent.
    #[schemars(extend("enum" = ["owner", "editor", "member", null]))]
    role: Option<String>,
    /// E-mail addresses or names of users.
    #[schemars(length(min = 1, max = 100))]
    invitees: Vec<String>,
    /// Only tells what would come of it.
    #[serde(default)]
    dry_run: Option<bool>,
}

/// `invite`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InviteDocument {
    id: String,
    inviter_username: String,
    /// Name of the user or e-mail address.
    invitee: String,
    org: String,
    /// Name of the team, or empty.
    team: String,
    role: &'static str,
    created_at: String,
    expires_at: String,
    /// Where it is accepted, to be passed on; shown this once, and only when no mail was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// Answer of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InviteList {
    data: Vec<InviteDocument>,
}

/// One entry of `bulk_invite`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BulkEntry {
    invitee: String,
    /// `invited`, `too_soon` (a message went a moment ago; nothing was changed), `existing_org_member` or
    /// `invalid_email_or_docker_id`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<InviteDocument>,
}

/// `bulk_invite`. The Hub's document has it twice, one in the other; clients read this.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BulkDocument {
    invitees: Vec<BulkEntry>,
}

/// What the link of an invite holds.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LinkRequest {
    /// What stands behind the `#` of the link.
    token: String,
}

/// A new user.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct JoinRequest {
    /// What stands behind the `#` of the link.
    token: String,
    /// Name of the new user.
    username: String,
    /// Password of the new user, at least 10 characters.
    #[schemars(length(min = 10))]
    password: String,
}

/// An invite as whoever has its link sees it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DescribedInvite {
    org: String,
    inviter_username: String,
    invitee: String,
    expires_at: String,
    /// Whether it also makes a new user.
    may_join: bool,
}

/// The organization that somebody belongs to now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AcceptedInvite {
    org: String,
}

fn document(invite: &Invite, link: Option<String>) -> InviteDocument {
    InviteDocument {
        id: invite.id.to_string(),
        inviter_username: invite.inviter.name.clone(),
        invitee: invite.invitee.to_string(),
        org: invite.organization.to_string(),
        team: invite.team.as_ref().map(|(_, name)| name.to_string()).unwrap_or_default(),
        role: invite.role.as_str(),
        created_at: wire::time(invite.created_at),
        expires_at: wire::time(invite.expires_at),
        link,
    }
}

fn entry((invitee, outcome): (String, InviteOutcome)) -> BulkEntry {
    let (status, invite) = match outcome {
        InviteOutcome::WouldBeInvited => ("invited", None),
        InviteOutcome::Invited(invite, link) => ("invited", Some(document(&invite, link))),
        InviteOutcome::TooSoon(invite) => ("too_soon", Some(document(&invite, None))),
        InviteOutcome::IsMember => ("existing_org_member", None),
        InviteOutcome::Unknown => ("invalid_email_or_docker_id", None),
    };
    BulkEntry { invitee, status, invite }
}

fn page(context: &Context) -> String {
    context.client.origin.absolute(PAGE)
}

fn invite_id(context: &Context) -> Result<Uuid> {
    context.parameter("id").parse().map_err(|_| Error::InviteUnknown)
}

/// `GET /v2/orgs/{org_name}/invites`.
pub(crate) async fn get_orgs_invites(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let invites = context.app.organizations.list_invites(&actor, &context.parsed("org_name")?).await?;
    let data = invites.iter().map(|invite| document(invite, None)).collect();
    Ok(wire::json(StatusCode::OK, &InviteList { data }))
}

/// `POST /v2/invites/bulk`.
pub(crate) async fn post_invites_bulk(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let request: BulkRequest = context.document(body).await?;
    let organization = request
        .org
        .parse()
        .map_err(|_| Error::OrganizationUnknown(request.org.chars().take(64).collect()))?;
    let role = request.role.as_deref().map(str::parse).transpose()?.unwrap_or(OrganizationRole::Member);
    let (role, team) = match request.team.as_deref().filter(|team| !team.is_empty()) {
        Some(OWNERS_TEAM) => (OrganizationRole::Owner, None),
        team => (role, team.map(str::parse).transpose()?),
    };
    let dry_run = request.dry_run.unwrap_or_default();
    let wanted = WantedInvites { invitees: request.invitees, role, team, dry_run };
    let outcomes = context.app.organizations.invite(&actor, &organization, wanted, &page(context)).await?;
    let invitees = outcomes.into_iter().map(entry).collect();
    Ok(wire::json(StatusCode::ACCEPTED, &BulkDocument { invitees }))
}

/// `DELETE /v2/invites/{id}`.
pub(crate) async fn delete_invite(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    context.app.organizations.cancel_invite(&actor, invite_id(context)?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `PATCH /v2/invites/{id}/resend`.
pub(crate) async fn resend_invite(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    context.app.organizations.resend_invite(&actor, invite_id(context)?, &page(context)).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /v2/invites/describe`.
pub(crate) async fn describe_invite(context: &Context, body: RequestBody) -> Result<Response> {
    let request: LinkRequest = context.document(body).await?;
    let invite = context.app.organizations.get_invite(&request.token).await?;
    let described = DescribedInvite {
        org: invite.organization.to_string(),
        inviter_username: invite.inviter.name.clone(),
        invitee: invite.invitee.to_string(),
        expires_at: wire::time(invite.expires_at),
        may_join: context.app.organizations.may_join(&invite),
    };
    Ok(wire::json(StatusCode::OK, &described))
}

/// `POST /v2/invites/accept`.
pub(crate) async fn accept_invite(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let request: LinkRequest = context.document(body).await?;
    let organization = context.app.organizations.accept_invite(&actor, &request.token).await?;
    Ok(wire::json(StatusCode::OK, &AcceptedInvite { org: organization.to_string() }))
}

/// `POST /v2/invites/join`.
pub(crate) async fn join_by_invite(context: &Context, body: RequestBody) -> Result<Response> {
    let request: JoinRequest = context.document(body).await?;
    let name = request.username.parse().map_err(|error: Error| Error::Invalid {
        field: Field::Member("username"),
        reason: error.to_string(),
    })?;
    let organization =
        context.app.organizations.join_by_invite(&request.token, &name, &request.password).await?;
    Ok(wire::json(StatusCode::CREATED, &AcceptedInvite { org: organization.to_string() }))
}
