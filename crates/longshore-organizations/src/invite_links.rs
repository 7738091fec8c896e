//! Links of invites: where they go, and whether they can still be used.

use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::access::action::OrganizationAction;
use longshore_domain::access::policy::role_for;
use longshore_domain::account::{Account, OrganizationRole};
use longshore_domain::credential::{Secret, TokenRestriction};
use longshore_domain::email::EmailAddress;
use longshore_domain::invite::{Invite, Invitee};
use longshore_domain::ports::metadata::OrganizationsTx;
use longshore_domain::token_resource::TokenResources;

/// Returns the address to which an invite's link goes.
pub(crate) fn address_of(invitee: &Invitee, user: Option<&Account>) -> Option<EmailAddress> {
    match invitee {
        Invitee::Email(address) => Some(address.clone()),
        Invitee::User(_) => user.and_then(|user| user.profile.email.clone()),
    }
}

/// Returns whether an invite can be accepted: it has not ended, the organization is active, and whoever invited still may.
pub(crate) async fn is_good(tx: &mut dyn OrganizationsTx, invite: &Invite, now: Timestamp) -> Result<bool> {
    let organization = tx.find_account(invite.organization_id).await?;
    let Some(organization) = organization.filter(|organization| organization.is_active) else {
        return Ok(false);
    };
    if now >= invite.expires_at {
        return Ok(false);
    }
    let Some(id) = invite.inviter.account_id else { return Ok(true) };
    let Some(inviter) = tx.find_account(id).await?.filter(|inviter| inviter.is_active) else {
        return Ok(false);
    };
    let action = OrganizationAction::ManageInvites;
    if let Some(token) = invite.inviter.access_token_id {
        let token = tx.find_access_token(token).await?.filter(|token| token.is_usable(now));
        let may = |resources: &TokenResources| {
            invite.role != OrganizationRole::Owner
                && resources.allow(action)
                && (invite.team.is_none() || resources.allow(OrganizationAction::ManageTeams))
        };
        return Ok(token.is_some_and(
            |token| matches!(&token.restriction, TokenRestriction::Resources(resources) if may(resources)),
        ));
    }
    Ok(inviter.is_administrator || tx.find_role(organization.id, id).await? >= Some(role_for(action)))
}

/// Makes the link that an invite is accepted with; what is behind the `#` is never sent to a server by browsers.
pub(crate) fn link(page: &str, secret: &Secret) -> String {
    format!("{page}#{}", secret.expose())
}
