//! Invites to organizations: sent by mail, or as a link that the owner passes on; accepted by a user, or by somebody
//! who becomes one.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::{AccountAction, OrganizationAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountKind, OrganizationRole, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::{Secret, SecretHash};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::invite::{BULK_INVITES_LIMIT, INVITES_LIMIT, Invite, Invitee, Inviter};
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::organization::TeamName;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{NewInvite, OrganizationsTx};
use longshore_domain::work::NewWork;
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

use crate::Organizations;
use crate::invite_links::{address_of, is_good, link};
use crate::invite_messages::message;
use crate::organizations::check_leaves_owners;
use longshore_identity::passwords::check_new_password;
use longshore_identity::sign_in_events::Presented;
use longshore_platform::later;

/// How long an invite can be accepted.
pub const INVITE_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whom somebody invites, and as what.
#[derive(Clone, Debug)]
pub struct WantedInvites {
    /// Names of users or e-mail addresses, 1 to 100.
    pub invitees: Vec<String>,
    /// Role of the new members.
    pub role: OrganizationRole,
    /// Team of the new members.
    pub team: Option<TeamName>,
    /// Only tells what would come of it.
    pub dry_run: bool,
}

/// What came of inviting one person.
#[derive(Debug)]
pub enum InviteOutcome {
    /// Would be invited; it was only asked.
    WouldBeInvited,
    /// Invited: by a message that will be sent, or by this link, which the owner passes on.
    Invited(Box<Invite>, Option<String>),
    /// A message about the invite went a moment ago: nothing was changed, it can be invited again later.
    TooSoon(Box<Invite>),
    /// Is a member.
    IsMember,
    /// Neither a user's name nor an e-mail address.
    Unknown,
}

/// One person of a request.
#[derive(Clone)]
struct Candidate {
    text: String,
    invitee: Option<Invitee>,
    id: Uuid,
    secret: Secret,
    /// The wish for a message, for whoever has an address.
    message: NewWork,
}

#[derive(Clone)]
struct Invitation {
    organization: Account,
    wanted: WantedInvites,
    candidates: Vec<Candidate>,
    inviter: Inviter,
    has_mailer: bool,
    mail_interval: Duration,
    event: NewEvent,
}

/// What was decided on one person.
enum Decision {
    Open,
    /// A message went a moment ago; nothing is changed.
    TooSoon(Box<Invite>),
    /// The invite waits; whether it goes by mail.
    Recorded(Box<Invite>, bool),
    IsMember,
    Unknown,
}

/// Finds the user that an invitee is, if there is one.
async fn find_invitee(tx: &mut dyn OrganizationsTx, invitee: &Invitee) -> Result<Option<Account>> {
    let found = match invitee {
        Invitee::User(name) => tx.find_account_by_name(name).await?,
        Invitee::Email(address) => tx.find_account_by_email(address).await?,
    };
    Ok(found.filter(|account| account.kind == AccountKind::User))
}

async fn decide(
    tx: &mut dyn OrganizationsTx,
    invitation: &Invitation,
    candidate: &Candidate,
) -> Result<Decision> {
    let Some(invitee) = &candidate.invitee else { return Ok(Decision::Unknown) };
    let user = find_invitee(tx, invitee).await?;
    if user.is_none() && matches!(invitee, Invitee::User(_)) {
        return Ok(Decision::Unknown);
    }
    let organization = invitation.organization.id;
    if let Some(user) = &user
        && tx.find_role(organization, user.id).await?.is_some()
    {
        return Ok(Decision::IsMember);
    }
    let team = match &invitation.wanted.team {
        None => None,
        Some(name) => {
            let found = tx.find_team(organization, name).await?;
            Some(found.ok_or_else(|| Error::TeamUnknown(name.to_string()))?.id)
        }
    };
    if invitation.wanted.dry_run {
        return Ok(Decision::Open);
    }
    let at = invitation.event.at;
    let address = address_of(invitee, user.as_ref()).filter(|_| invitation.has_mailer);
    let before = tx.find_invite_of(organization, &invitee.key()).await?;
    match before {
        Some(before) if address.is_some() && wait(&before, at, invitation.mail_interval).is_some() => {
            return Ok(Decision::TooSoon(Box::new(before)));
        }
        // It takes the place of the one before.
        Some(before) if at < before.expires_at => {}
        _ if tx.count_invites(organization, "", at).await? < INVITES_LIMIT => {}
        _ => {
            return Err(Error::LimitReached { what: Limited::Invites, limit: INVITES_LIMIT });
        }
    }
    let invite = NewInvite {
        id: candidate.id,
        organization,
        inviter: invitation.inviter.clone(),
        invitee: invitee.clone(),
        // Whoever passes on the link of an address is not told whether an account has it.
        user: user.filter(|_| address.is_some() || matches!(invitee, Invitee::User(_))).map(|user| user.id),
        role: invitation.wanted.role,
        team,
        secret_hash: candidate.secret.hash(),
        is_mailed: address.is_some(),
        created_at: at,
        expires_at: later(at, INVITE_TTL),
    };
    tx.put_invite(&invite).await?;
    let event = NewEvent { subject: invitee.to_string(), ..invitation.event.clone() };
    tx.record_event(&event).await?;
    if address.is_some() {
        tx.put_work(&candidate.message).await?;
    }
    let recorded = tx.find_invite(candidate.id).await?;
    let recorded = recorded.ok_or_else(|| Error::internal("the new invite is not there"))?;
    Ok(Decision::Recorded(Box::new(recorded), address.is_some()))
}

async fn decide_all(tx: &mut dyn OrganizationsTx, invitation: &Invitation) -> Result<Vec<Decision>> {
    // Held, so that invites at the same time are counted.
    tx.lock_account(invitation.organization.id).await?;
    let mut decisions = Vec::new();
    for candidate in &invitation.candidates {
        decisions.push(decide(tx, invitation, candidate).await?);
    }
    Ok(decisions)
}

/// Returns how long to wait until another message about an invite may be sent; `None` when it may be now.
fn wait(invite: &Invite, now: Timestamp, interval: Duration) -> Option<Duration> {
    let left = later(invite.sent_at?, interval).duration_since(now);
    left.is_positive().then(|| left.unsigned_abs())
}

/// Finds the invite of a link, as long as it can be accepted.
async fn find_good(tx: &mut dyn OrganizationsTx, hash: &SecretHash, now: Timestamp) -> Result<Invite> {
    let Some(invite) = tx.find_invite_by_secret(hash).await? else { return Err(Error::InviteUnknown) };
    match is_good(tx, &invite, now).await? {
        true => Ok(invite),
        false => Err(Error::InviteUnknown),
    }
}

/// Makes a member of whoever accepts.
async fn accept(
    tx: &mut dyn OrganizationsTx,
    hash: &SecretHash,
    user: &Account,
    event: &NewEvent,
) -> Result<()> {
    tx.lock_authority().await?;
    // As it is now: the team may be gone, or the link renewed.
    let invite = find_good(tx, hash, event.at).await?;
    let user = tx
        .find_account(user.id)
        .await?
        .filter(|now| now.is_active && now.credential_epoch == user.credential_epoch);
    let user = user.ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))?;
    // Whoever takes it first has it.
    if invite.user_id.is_some_and(|id| id != user.id) || !tx.delete_invite(invite.id).await? {
        return Err(Error::InviteUnknown);
    }
    if tx.find_suspended_role(invite.organization_id, user.id).await?.is_some() {
        return Err(Conflict::InviteeDeactivated.into());
    }
    if tx.find_role(invite.organization_id, user.id).await?.is_none() {
        tx.put_member(invite.organization_id, user.id, invite.role, event.at).await?;
        tx.record_event(event).await?;
    }
    if let Some((team, name)) = &invite.team
        && tx.add_team_member(*team, user.id, event.at).await?
    {
        let data = [("team", name.to_string())].into();
        let added = NewEvent { action: EventAction::TeamMemberAdded, data, ..event.clone() };
        tx.record_event(&added).await?;
    }
    if let (Invitee::Email(address), true, None) = (&invite.invitee, invite.is_mailed, &user.profile.email)
        && tx.find_account_by_email(address).await?.is_none()
    {
        let change = ProfileChange { email: Some(Some(address.clone())), ..ProfileChange::default() };
        tx.change_profile(user.id, &change).await?;
        let data = [("email", address.to_string())].into();
        let account_id = Some(user.id);
        let changed = NewEvent { account_id, action: EventAction::ProfileChanged, data, ..event.clone() };
        tx.record_event(&changed).await?;
    }
    Ok(())
}

impl Organizations {
    /// Invites people to an organization, all in one transaction; messages are sent after it, as durable work. `page` is the
    /// address of the page on which invites are accepted. Whoever is invited already gets a new link.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing invites; `Invalid` for no or too many invitees; `TeamUnknown`;
    /// `LimitReached` when too many invites wait.
    pub async fn invite(
        &self,
        actor: &Actor,
        organization: &Namespace,
        wanted: WantedInvites,
        page: &str,
    ) -> Result<Vec<(String, InviteOutcome)>> {
        let action = OrganizationAction::ManageInvites;
        let name = organization;
        let organization = self.access.authorize_organization(actor, name, action).await?;
        self.check_may_grant(actor, name, wanted.role, wanted.team.is_some()).await?;
        if !(1..=BULK_INVITES_LIMIT).contains(&wanted.invitees.len()) {
            return Err(Error::Invalid {
                field: Field::Invitees,
                reason: format!("must be 1 to {BULK_INVITES_LIMIT} names or e-mail addresses"),
            });
        }
        let mut seen = BTreeSet::new();
        let mut candidates = Vec::new();
        for text in &wanted.invitees {
            let invitee = Invitee::parse(text.trim());
            if seen.insert(invitee.as_ref().map_or_else(|| text.clone(), Invitee::key)) {
                let id = self.platform.new_uuid();
                candidates.push(Candidate {
                    text: text.clone(),
                    invitee,
                    id,
                    secret: Secret::generate(Secret::INVITE_PREFIX, &*self.entropy),
                    message: message(&self.platform, name.as_str(), id, page)?,
                });
            }
        }
        let data = [
            ("role", wanted.role.to_string()),
            ("team", wanted.team.as_ref().map(TeamName::to_string).unwrap_or_default()),
        ];
        let data = data.into_iter().filter(|(_, value)| !value.is_empty());
        let event = self.platform.event(actor, Some(organization.id), EventAction::InviteSent, "", data);
        let has_mailer = self.mailer.is_some();
        let invitation = Invitation {
            organization,
            wanted,
            candidates,
            inviter: Inviter::of(actor),
            has_mailer,
            mail_interval: self.settings.mail_interval,
            event,
        };
        let decisions = self
            .metadata
            .write(invitation.clone(), |tx, invitation| Box::pin(decide_all(tx, invitation)))
            .await?;
        self.platform.wake_workers();
        let outcomes = invitation.candidates.into_iter().zip(decisions).map(|(candidate, decision)| {
            let outcome = match decision {
                Decision::Open => InviteOutcome::WouldBeInvited,
                Decision::TooSoon(invite) => InviteOutcome::TooSoon(invite),
                Decision::IsMember => InviteOutcome::IsMember,
                Decision::Unknown => InviteOutcome::Unknown,
                Decision::Recorded(invite, true) => InviteOutcome::Invited(invite, None),
                Decision::Recorded(invite, false) => {
                    InviteOutcome::Invited(invite, Some(link(page, &candidate.secret)))
                }
            };
            (candidate.text, outcome)
        });
        Ok(outcomes.collect())
    }

    /// Checks that whoever may invite may make somebody this: access tokens make no owners, and put people into teams only
    /// when they manage those.
    async fn check_may_grant(
        &self,
        actor: &Actor,
        organization: &Namespace,
        role: OrganizationRole,
        has_team: bool,
    ) -> Result<()> {
        check_leaves_owners(actor, &[Some(role)])?;
        match has_team && !self.may(actor, organization, OrganizationAction::ManageTeams).await? {
            true => Err(Error::denied(
                "this access token does not put people into teams; leave out the team, or use one with scope-group-edit",
            )),
            false => Ok(()),
        }
    }

    /// Lists the invites of an organization that wait, by who is invited; there are at most a thousand.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing invites.
    pub async fn list_invites(&self, actor: &Actor, organization: &Namespace) -> Result<Vec<Invite>> {
        let action = OrganizationAction::ViewInvites;
        let organization = self.access.authorize_organization(actor, organization, action).await?;
        self.metadata
            .read((organization.id, self.clock.now()), |tx, (id, now)| {
                Box::pin(tx.list_invites(*id, "", *now, 0, PageSize::MAX))
            })
            .await
    }

    /// Returns an invite that a principal may manage.
    async fn authorize_invite(&self, actor: &Actor, id: Uuid) -> Result<Invite> {
        let found = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_invite(*id))).await?;
        let now = self.clock.now();
        let Some(invite) = found.filter(|invite| now < invite.expires_at) else {
            // Whoever is not signed in learns that first.
            if !actor.is_operator() {
                self.access.get_own_account(actor).await?;
            }
            return Err(Error::InviteUnknown);
        };
        let action = OrganizationAction::ManageInvites;
        match self.access.authorize_organization(actor, &invite.organization, action).await {
            Ok(_) => Ok(invite),
            Err(Error::OrganizationUnknown(_)) => Err(Error::InviteUnknown),
            Err(error) => Err(error),
        }
    }

    /// Calls an invite back; its link no longer works.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing invites; `InviteUnknown`.
    pub async fn cancel_invite(&self, actor: &Actor, id: Uuid) -> Result<()> {
        let invite = self.authorize_invite(actor, id).await?;
        let action = EventAction::InviteCancelled;
        let subject = invite.invitee.to_string();
        let event = self.platform.event(actor, Some(invite.organization_id), action, &subject, []);
        self.metadata
            .write((id, event), |tx, (id, event)| {
                Box::pin(async move {
                    if !tx.delete_invite(*id).await? {
                        return Err(Error::InviteUnknown);
                    }
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Sends an invite again, with a new link and a new end; the link before no longer works.
    ///
    /// # Errors
    /// As [`Organizations::cancel_invite`]; `Conflict` where there is no mail server, or no address to send it to; `Throttled`
    /// when a message went a moment ago.
    pub async fn resend_invite(&self, actor: &Actor, id: Uuid, page: &str) -> Result<()> {
        let invite = self.authorize_invite(actor, id).await?;
        let user = match invite.user_id {
            None => None,
            Some(id) => self.metadata.look_up(id, |tx, id| Box::pin(tx.find_account(*id))).await?,
        };
        if self.mailer.is_none() || address_of(&invite.invitee, user.as_ref()).is_none() {
            return Err(Conflict::NoMail(invite.invitee.to_string()).into());
        }
        self.check_may_grant(actor, &invite.organization, invite.role, invite.team.is_some()).await?;
        let secret = Secret::generate(Secret::INVITE_PREFIX, &*self.entropy);
        let subject = invite.invitee.to_string();
        let event =
            self.platform.event(actor, Some(invite.organization_id), EventAction::InviteSent, &subject, []);
        let message = message(&self.platform, invite.organization.as_str(), id, page)?;
        let input = (id, Inviter::of(actor), secret.hash(), self.settings.mail_interval, event, message);
        self.metadata
            .write(input, |tx, (id, inviter, hash, interval, event, message)| {
                Box::pin(async move {
                    if let Some(organization) = event.account_id {
                        tx.lock_account(organization).await?;
                    }
                    // It may have been accepted or cancelled meanwhile.
                    let invite = tx.find_invite(*id).await?.ok_or(Error::InviteUnknown)?;
                    if let Some(left) = wait(&invite, event.at, *interval) {
                        return Err(Error::Throttled { retry_after_seconds: left.as_secs() + 1 });
                    }
                    tx.renew_invite(*id, inviter, hash, event.at, later(event.at, INVITE_TTL)).await?;
                    tx.put_work(message).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        self.platform.wake_workers();
        Ok(())
    }

    /// Returns the invite whose link somebody has.
    ///
    /// # Errors
    /// `InviteUnknown`.
    pub async fn get_invite(&self, secret: &str) -> Result<Invite> {
        let input = (SecretHash::of(secret), self.clock.now());
        let found = self.metadata.look_up(input, |tx, (hash, now)| Box::pin(find_good(tx, hash, *now))).await;
        self.identity.noting_refusal(Presented::Invite, found)
    }

    /// Returns whether whoever has the link of an invite may become a user with it.
    pub fn may_join(&self, invite: &Invite) -> bool {
        self.settings.invites_create_users
            && invite.user_id.is_none()
            && matches!(invite.invitee, Invitee::Email(_))
    }

    fn event_of_acceptance(&self, user: &Namespace, actor: &Actor, invite: &Invite) -> NewEvent {
        let data = [("role", invite.role.to_string()), ("invited_by", invite.inviter.name.clone())];
        let organization = Some(invite.organization_id);
        self.platform.event(actor, organization, EventAction::MemberAdded, user.as_str(), data)
    }

    /// Accepts an invite for the account that acts, signed in by itself, and gives the organization's name.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens; `InviteUnknown`; `Denied` when it is for another account.
    pub async fn accept_invite(&self, actor: &Actor, secret: &str) -> Result<Namespace> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let invite = self.get_invite(secret).await?;
        if invite.user_id.is_some_and(|id| id != user.id) {
            return Err(Error::denied(format!(
                "this invite is for {}; sign in with that account to accept it",
                invite.invitee
            )));
        }
        let event = self.event_of_acceptance(&user.name, actor, &invite);
        let organization = invite.organization.clone();
        self.metadata
            .write((SecretHash::of(secret), user, event), |tx, (hash, user, event)| {
                Box::pin(accept(tx, hash, user, event))
            })
            .await?;
        Ok(organization)
    }

    /// Makes a user of whoever has the link of an invite that went to an address, and a member of the organization, and
    /// gives the organization's name.
    ///
    /// # Errors
    /// `InviteUnknown`; `Denied` when the invite is for a user, or invites make none here; `Invalid` for the password;
    /// `NameReserved`, `Exists` for the name; `Throttled` when many passwords are hashed.
    pub async fn join_by_invite(&self, secret: &str, name: &Namespace, password: &str) -> Result<Namespace> {
        let invite = self.get_invite(secret).await?;
        if !self.may_join(&invite) {
            return Err(Error::denied(format!(
                "the invite of {} does not make a new user; sign in to accept it, or ask the operator of the registry for an account",
                invite.invitee
            )));
        }
        name.check_available_to_accounts()?;
        check_new_password(password)?;
        // Asked before the password is hashed, which is dear.
        if self
            .metadata
            .look_up(name.clone(), |tx, name| Box::pin(tx.find_account_by_name(name)))
            .await?
            .is_some()
        {
            return Err(Error::Exists(Existing::Account(name.clone())));
        }
        let account = self.identity.new_user(name, password).await?;
        let mut event = self.event_of_acceptance(name, &Actor::ANONYMOUS, &invite);
        event.actor_name = name.to_string();
        let organization = invite.organization.clone();
        self.metadata
            .write((SecretHash::of(secret), invite, account, event), |tx, (hash, invite, account, event)| {
                Box::pin(async move {
                    let id = tx.create_account(account).await?;
                    let by = NewEvent { actor_id: Some(id), ..event.clone() };
                    let created = NewEvent {
                        account_id: Some(id),
                        action: EventAction::UserCreated,
                        data: [("invited_to", invite.organization.to_string())].into(),
                        ..by.clone()
                    };
                    tx.record_event(&created).await?;
                    let user = tx.find_account(id).await?;
                    let user = user.ok_or_else(|| Error::internal("the new account is not there"))?;
                    accept(tx, hash, &user, &by).await
                })
            })
            .await?;
        Ok(organization)
    }
}
