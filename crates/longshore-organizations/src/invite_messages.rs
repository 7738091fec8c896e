//! Messages about invites: durable work, so that a mail server that is away delays an invite and does not lose it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Secret;
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::invite::{Invite, Inviter};
use longshore_domain::ports::mailer::{Mail, MailFailure};
use longshore_domain::ports::metadata::OrganizationsTx;
use longshore_domain::work::{NewWork, WorkItem};
use longshore_domain::{Error, Result};
use longshore_platform::Platform;
use longshore_platform::work::{WorkFailure, WorkKind, Worker};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Organizations;
use crate::invite_links::{address_of, is_good, link};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Messages that go to somebody who is invited. An invite ends after a week.
pub const INVITE_MESSAGE: WorkKind = WorkKind {
    name: "invite-message",
    retries: &[
        MINUTE,
        Duration::from_secs(300),
        Duration::from_secs(1800),
        HOUR.saturating_mul(2),
        HOUR.saturating_mul(6),
        HOUR.saturating_mul(12),
        HOUR.saturating_mul(24),
        HOUR.saturating_mul(48),
    ],
    at_once: 8,
    time_limit: MINUTE,
    every: None,
};

/// What the work knows besides the invite's id, which is its key. The secret of the link is made when it is sent, so that none
/// lies in the database.
#[derive(Serialize, Deserialize)]
struct Payload {
    /// Address of the page on which invites are accepted.
    page: String,
}

/// Makes the wish that an invite is mailed; `page` is the address of the page on which it is accepted.
pub(crate) fn message(platform: &Platform, organization: &str, id: Uuid, page: &str) -> Result<NewWork> {
    let payload = serde_json::to_string(&Payload { page: page.to_owned() }).map_err(Error::internal)?;
    Ok(platform.new_work(INVITE_MESSAGE, Some(id.to_string()), organization.to_owned(), payload))
}

/// Sends them.
pub struct InviteMessages(pub Arc<Organizations>);

/// An invite that can still be accepted gets the link that is about to be sent; `None` when there is nothing to send any more.
async fn renew_link(
    tx: &mut dyn OrganizationsTx,
    id: Uuid,
    secret: &Secret,
    now: jiff::Timestamp,
) -> Result<Option<(Invite, EmailAddress)>> {
    let Some(invite) = tx.find_invite(id).await? else { return Ok(None) };
    if !is_good(tx, &invite, now).await? {
        return Ok(None);
    }
    let user = match invite.user_id {
        None => None,
        Some(id) => tx.find_account(id).await?,
    };
    let Some(address) = address_of(&invite.invitee, user.as_ref()) else { return Ok(None) };
    tx.set_invite_secret(id, &secret.hash()).await?;
    Ok(Some((invite, address)))
}

fn mail(invite: &Invite, to: EmailAddress, link: &str) -> Mail {
    let Invite { inviter: Inviter { name: inviter, .. }, organization, expires_at, .. } = invite;
    let until = expires_at.strftime("%Y-%m-%d %H:%M UTC");
    let text = format!(
        "Hello,\n\n{inviter} invites you to the organization {organization} on this container registry.\n\n\
         To accept, open this link, and sign in or choose a name and a password:\n\n{link}\n\n\
         It works once, until {until}. If you do not expect an invite, do nothing.\n"
    );
    Mail { to, subject: format!("{inviter} invites you to {organization}"), text }
}

fn id_of(item: &WorkItem) -> Result<Uuid, WorkFailure> {
    let id = item.key.as_deref().and_then(|key| key.parse().ok());
    id.ok_or_else(|| WorkFailure::Never("the work names no invite".into()))
}

#[async_trait]
impl Worker for InviteMessages {
    fn kind(&self) -> WorkKind {
        INVITE_MESSAGE
    }

    async fn work(&self, item: &WorkItem) -> Result<u64, WorkFailure> {
        let organizations = &self.0;
        let Some(mailer) = &organizations.mailer else {
            return Err(WorkFailure::Again("this node has no mail server (mail.smtp_url)".into()));
        };
        let id = id_of(item)?;
        let Payload { page } =
            serde_json::from_str(&item.payload).map_err(|error| WorkFailure::Never(error.into()))?;
        let secret = Secret::generate(Secret::INVITE_PREFIX, &*organizations.entropy);
        let renewed = organizations
            .metadata
            .write((id, secret.clone(), organizations.clock.now()), |tx, (id, secret, now)| {
                Box::pin(renew_link(tx, *id, secret, *now))
            })
            .await?;
        let Some((invite, to)) = renewed else { return Ok(0) };
        match mailer.send(&mail(&invite, to, &link(&page, &secret))).await {
            Ok(()) => Ok(1),
            Err(MailFailure::Unavailable(cause)) => Err(WorkFailure::Again(cause)),
            Err(MailFailure::Refused(cause)) => Err(WorkFailure::Never(cause)),
        }
    }

    /// The audit log of the organization says so, and the invite can be sent again at once.
    async fn give_up(&self, item: &WorkItem, error: &str) -> Result<()> {
        let Ok(id) = id_of(item) else { return Ok(()) };
        let organizations = &self.0;
        let found = organizations.metadata.look_up(id, |tx, id| Box::pin(tx.find_invite(*id))).await?;
        let Some(invite) = found else { return Ok(()) };
        let event = organizations.platform.event(
            &Actor::OPERATOR,
            Some(invite.organization_id),
            EventAction::InviteNotDelivered,
            &invite.invitee.to_string(),
            [("reason", error.chars().take(200).collect::<String>())],
        );
        organizations
            .metadata
            .write((id, event), |tx, (id, event): &(Uuid, NewEvent)| {
                Box::pin(async move {
                    tx.forget_invite_message(*id).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }
}
