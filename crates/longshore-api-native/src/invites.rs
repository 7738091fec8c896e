//! Invites to organizations.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::account::OrganizationRole;
use longshore_domain::invite::Invite;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use longshore_organizations::invites::{InviteOutcome, WantedInvites};
use uuid::Uuid;

use crate::context::Context;
use crate::wire::{page, secret, time};

/// Path of the page on which invites are accepted.
const PAGE: &str = "/invite";

fn info(invite: &Invite) -> types::InviteInfo {
    types::InviteInfo {
        id: invite.id.to_string(),
        invitee: invite.invitee.to_string(),
        organization: invite.organization.to_string(),
        role: invite.role.as_str().to_owned(),
        team: invite.team.as_ref().map(|(_, name)| name.to_string()),
        invited_by: invite.inviter.name.clone(),
        created_at: time(invite.created_at),
        expires_at: time(invite.expires_at),
    }
}

fn invited((invitee, outcome): (String, InviteOutcome)) -> types::InvitedOne {
    let (outcome, invite, link) = match outcome {
        InviteOutcome::WouldBeInvited => (types::InviteOutcome::WouldBeInvited, None, None),
        InviteOutcome::Invited(invite, link) => (types::InviteOutcome::Invited, Some(info(&invite)), link),
        InviteOutcome::TooSoon(invite) => (types::InviteOutcome::TooSoon, Some(info(&invite)), None),
        InviteOutcome::IsMember => (types::InviteOutcome::IsMember, None, None),
        InviteOutcome::Unknown => (types::InviteOutcome::Unknown, None, None),
    };
    types::InvitedOne { invitee, outcome, invite, link }
}

fn invite_id(context: &Context) -> Result<Uuid> {
    context.parameter("id").parse().map_err(|_| Error::InviteUnknown)
}

/// `GET /api/v1/organizations/{name}/invites`.
pub(crate) async fn list_invites(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor): (Namespace, _) = (context.parsed("name")?, context.actor().await?);
    let invites = context.app.organizations.list_invites(&actor, &name).await?;
    page(context, &types::Page { items: invites.iter().map(info).collect(), next: None, count: None })
}

/// `POST /api/v1/organizations/{name}/invites`.
pub(crate) async fn create_invites(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateInvites = context.json(body).await?;
    let name: Namespace = context.parsed("name")?;
    let wanted = WantedInvites {
        invitees: request.invitees,
        role: request.role.as_deref().map(str::parse).transpose()?.unwrap_or(OrganizationRole::Member),
        team: request.team.as_deref().map(str::parse).transpose()?,
        dry_run: request.dry_run,
    };
    let (actor, link) = (context.actor().await?, context.client.origin.absolute(PAGE));
    let outcomes = context.app.organizations.invite(&actor, &name, wanted, &link).await?;
    let created = types::CreatedInvites { items: outcomes.into_iter().map(invited).collect() };
    Ok(match created.items.iter().any(|one| one.link.is_some()) {
        true => secret(StatusCode::OK, &created),
        false => json(StatusCode::OK, &created),
    })
}

/// `DELETE /api/v1/invites/{id}`.
pub(crate) async fn cancel_invite(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (invite_id(context)?, context.actor().await?);
    context.app.organizations.cancel_invite(&actor, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /api/v1/invites/{id}/resend`.
pub(crate) async fn resend_invite(context: &Context, _body: RequestBody) -> Result<Response> {
    let (id, actor) = (invite_id(context)?, context.actor().await?);
    context.app.organizations.resend_invite(&actor, id, &context.client.origin.absolute(PAGE)).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
