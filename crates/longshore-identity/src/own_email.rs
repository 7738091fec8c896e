//! One's own e-mail address: wanted with the password, and had when somebody who reads what is sent there says so.
//!
//! Who has an address is told to whoever reads it alone: that another account has it is found out when it is confirmed.
//! The messages are durable work, so that a mail server that is away delays them and does not lose them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{AccountId, AccountKind, ProfileChange};
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::Secret;
use longshore_domain::email::EmailAddress;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::page::PageSize;
use longshore_domain::ports::mailer::{Mail, MailFailure, Mailer};
use longshore_domain::ports::metadata::{EmailChange, IdentityTx};
use longshore_domain::work::{NewWork, WorkItem};
use longshore_domain::{Error, Field, Result};
use longshore_platform::later;
use longshore_platform::work::{WorkFailure, WorkKind, Worker};
use serde::{Deserialize, Serialize};

use crate::Identities;
use crate::own_account::BothFactors;

const MINUTE: Duration = Duration::from_secs(60);
/// How long an address can be confirmed that somebody wants.
pub const EMAIL_CHANGE_TTL: Duration = Duration::from_secs(24 * 3600);

/// Messages about the e-mail addresses of accounts.
pub const EMAIL_MESSAGE: WorkKind = WorkKind {
    name: "email-message",
    retries: &[
        MINUTE,
        Duration::from_secs(300),
        Duration::from_secs(1800),
        Duration::from_secs(2 * 3600),
        Duration::from_secs(6 * 3600),
    ],
    at_once: 8,
    time_limit: MINUTE,
    every: None,
};

/// What a message says.
#[derive(Serialize, Deserialize)]
enum Message {
    /// What confirms the address that an account wants. The secret is made when it is sent, so that none lies in the database.
    Confirm { account: i64 },
    /// That an account has another address now, to the one before.
    Changed { name: String, before: String },
}

impl Message {
    /// Returns what the work knows of it.
    fn payload(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// Sends them.
pub struct EmailMessages {
    /// What they are about.
    pub identities: Arc<Identities>,
    /// How.
    pub mailer: Arc<dyn Mailer>,
}

/// Lets what is about to be sent confirm the address that an account wants; gives the account's name and the address, or nothing
/// when there is nothing to be confirmed any more.
async fn renew_secret(
    tx: &mut dyn IdentityTx,
    account: AccountId,
    secret: &Secret,
    now: Timestamp,
) -> Result<Option<(String, EmailAddress)>> {
    let Some(change) = tx.lock_email_change(account).await? else { return Ok(None) };
    let Some(user) = tx.find_account(account).await?.filter(|user| user.is_active) else { return Ok(None) };
    if change.expires_at <= now {
        return Ok(None);
    }
    tx.set_email_secret(account, &secret.hash()).await?;
    Ok(Some((user.name.to_string(), change.email)))
}

fn confirmation(name: &str, to: EmailAddress, secret: &Secret) -> Mail {
    let text = format!(
        "Hello,\n\n{name} on this container registry wants to have this e-mail address.\n\n\
         To confirm it, sign in as {name} and give this code within a day of asking for it:\n\n{}\n\n\
         longshore account confirm-email CODE\n\n\
         If that is not you, do nothing: nothing changes.\n",
        secret.expose()
    );
    Mail { to, subject: format!("Confirm the address of {name}"), text }
}

fn notice(name: &str, to: EmailAddress) -> Mail {
    let text = format!(
        "Hello,\n\nthe account {name} on this container registry has another e-mail address now, and no longer this one.\n\n\
         If that was not you, set another password and ask who runs the registry.\n"
    );
    Mail { to, subject: format!("{name} has another e-mail address"), text }
}

impl EmailMessages {
    async fn mail(&self, message: Message) -> Result<Option<Mail>> {
        match message {
            Message::Changed { name, before } => Ok(Some(notice(&name, before.parse()?))),
            Message::Confirm { account } => {
                let identities = &self.identities;
                let secret = Secret::generate(Secret::EMAIL_PREFIX, &*identities.entropy);
                let input = (AccountId(account), secret.clone(), identities.clock.now());
                let renewed = identities
                    .metadata
                    .write(input, |tx, (account, secret, now)| {
                        Box::pin(renew_secret(tx, *account, secret, *now))
                    })
                    .await?;
                Ok(renewed.map(|(name, to)| confirmation(&name, to, &secret)))
            }
        }
    }
}

#[async_trait]
impl Worker for EmailMessages {
    fn kind(&self) -> WorkKind {
        EMAIL_MESSAGE
    }

    async fn work(&self, item: &WorkItem) -> Result<u64, WorkFailure> {
        let message: Message =
            serde_json::from_str(&item.payload).map_err(|error| WorkFailure::Never(error.into()))?;
        let Some(mail) = self.mail(message).await? else { return Ok(0) };
        match self.mailer.send(&mail).await {
            Ok(()) => Ok(1),
            Err(MailFailure::Unavailable(cause)) => Err(WorkFailure::Again(cause)),
            Err(MailFailure::Refused(cause)) => Err(WorkFailure::Never(cause)),
        }
    }
}

/// Checks that an account may want another address now.
async fn check_may_want(tx: &mut dyn IdentityTx, account: AccountId, now: Timestamp) -> Result<()> {
    if tx.find_managing_organization(account).await?.is_some() {
        return Err(Conflict::ManagedAddress.into());
    }
    let before = tx.lock_email_change(account).await?;
    match before.is_some_and(|before| later(before.created_at, MINUTE) > now) {
        true => Err(Error::Throttled { retry_after_seconds: MINUTE.as_secs() }),
        false => Ok(()),
    }
}

fn wrong_code() -> Error {
    Error::Invalid {
        field: Field::Member("code"),
        reason: "confirms no address of yours, or does so no more; ask for it again".into(),
    }
}

/// Gives an account the address that it wants, if the secret is that of the message; `told` makes the notice to the one before.
async fn confirm(
    tx: &mut dyn IdentityTx,
    account: AccountId,
    secret: &Secret,
    event: &NewEvent,
    told: &NewWork,
) -> Result<EmailAddress> {
    // So that the address is nobody else's meanwhile.
    tx.lock_authority().await?;
    let user = tx.find_account(account).await?.filter(|user| user.is_active).ok_or_else(wrong_code)?;
    let change = tx.lock_email_change(account).await?.ok_or_else(wrong_code)?;
    if change.secret_hash.as_ref() != Some(&secret.hash()) || change.expires_at <= event.at {
        return Err(wrong_code());
    }
    let profile = ProfileChange { email: Some(Some(change.email.clone())), ..ProfileChange::default() };
    tx.change_profile(account, &profile).await?;
    tx.delete_email_change(account).await?;
    tx.record_event(event).await?;
    if let Some(before) = user.profile.email.filter(|before| before.key() != change.email.key()) {
        let message = Message::Changed { name: user.name.to_string(), before: before.to_string() };
        tx.put_work(&NewWork { payload: message.payload()?, ..told.clone() }).await?;
    }
    Ok(change.email)
}

impl Identities {
    /// Sends what confirms an address to it; the account has it when that is [given](Identities::confirm_email). Another address
    /// that it wanted before is forgotten. Gives until when it can be confirmed.
    ///
    /// # Errors
    /// As [`Identities::prove_presence`]; `Conflict` where no mail is sent, and for an account whose identity provider says what
    /// its address is; `Throttled` within a minute of the last one.
    pub async fn want_email(
        &self,
        actor: &Actor,
        factors: BothFactors<'_>,
        email: EmailAddress,
    ) -> Result<Timestamp> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        // Before a code is used up.
        if !self.sends_mail {
            return Err(Conflict::NoMailServer.into());
        }
        let now = self.clock.now();
        self.metadata
            .write((user.id, now), |tx, (user, now)| Box::pin(check_may_want(tx, *user, *now)))
            .await?;
        let user = self.prove(actor, factors).await?;
        let change = EmailChange {
            account: user.id,
            email,
            secret_hash: None,
            created_at: now,
            expires_at: later(now, EMAIL_CHANGE_TTL),
        };
        let message = self.platform.new_work(
            EMAIL_MESSAGE,
            Some(format!("confirm {}", user.id.0)),
            user.name.to_string(),
            Message::Confirm { account: user.id.0 }.payload()?,
        );
        self.metadata
            .write((change, message), |tx, (change, message)| {
                Box::pin(async move {
                    check_may_want(tx, change.account, change.created_at).await?;
                    tx.put_email_change(change).await?;
                    tx.put_work(message).await?;
                    Ok(change.expires_at)
                })
            })
            .await
    }

    /// Gives the account that acts the address that it wanted, by what was sent there; who had the address before is told there.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens; `Invalid` for a secret that confirms nothing; `Exists` when another account
    /// has the address.
    pub async fn confirm_email(&self, actor: &Actor, secret: &Secret) -> Result<EmailAddress> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        if user.kind != AccountKind::User {
            return Err(wrong_code());
        }
        let name = user.name.as_str();
        let data = [("email", "confirmed".to_owned())];
        let event = self.platform.event(actor, Some(user.id), EventAction::ProfileChanged, name, data);
        let told = self.platform.new_work(EMAIL_MESSAGE, None, name.to_owned(), String::new());
        self.metadata
            .write((user.id, secret.clone(), event, told), |tx, (user, secret, event, told)| {
                Box::pin(confirm(tx, *user, secret, event, told))
            })
            .await
    }

    /// Forgets addresses that nobody has confirmed in time.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_email_changes(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata
            .drain(now, |tx, now| Box::pin(tx.delete_expired_email_changes(*now, PageSize::MAX)))
            .await
    }
}
