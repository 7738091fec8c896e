//! What everybody does with their own account: another password, signing out everywhere, showing to be there.

use std::net::IpAddr;

use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{Actor, Proof};
use longshore_domain::access::refusal::{Refusal, Subject};
use longshore_domain::account::Account;
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::name::Namespace;
use longshore_domain::second_factor::Code;
use longshore_domain::{Error, Result};
use longshore_platform::later;

use crate::Identities;
use crate::authentication::PRESENCE;
use crate::passwords::check_new_password;

/// A password, with a code of the second factor where there is one.
#[derive(Clone, Copy, Debug)]
pub struct BothFactors<'f> {
    /// The password.
    pub password: &'f str,
    /// A code of the authenticator, or a recovery code.
    pub code: Option<&'f str>,
    /// From where it comes.
    pub address: Option<IpAddr>,
    /// The session token of who gives them: whoever signed in with both within ten minutes needs no other code.
    pub session: Option<&'f str>,
}

impl Identities {
    /// Checks the password of the account that acts, and its second factor if it has one.
    pub(crate) async fn prove(&self, actor: &Actor, factors: BothFactors<'_>) -> Result<Account> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        self.check_own_password(&user, factors.password, factors.address).await?;
        let has_both = actor.proof() == Proof::SecondFactor
            && match factors.session {
                Some(session) => self.is_present(session).await?,
                None => false,
            };
        if self.has_second_factor(user.id).await? && !has_both {
            let code = factors.code.ok_or(Error::Unauthenticated(Unauthenticated::SecondFactorNeeded))?;
            self.check_code(&user, &Code::parse(code)?).await?;
        }
        Ok(user)
    }

    /// Notes that the owner of a session is there; gives until when that counts.
    ///
    /// # Errors
    /// `Unauthenticated` also for a wrong password or code, and without a code where one is needed; `Denied` for access tokens,
    /// whose owner need not be there; `Throttled`.
    pub async fn prove_presence(
        &self,
        actor: &Actor,
        session: &str,
        factors: BothFactors<'_>,
    ) -> Result<Timestamp> {
        self.prove(actor, BothFactors { session: None, ..factors }).await?;
        let (session, ..) = self.session_facts(session).await?;
        let now = self.clock.now();
        self.metadata
            .write((session, now), |tx, (session, now)| Box::pin(tx.put_presence(*session, *now)))
            .await?;
        Ok(later(now, PRESENCE))
    }

    /// Sets one's own password; whatever was signed in with the one before must sign in again, also whoever does this.
    ///
    /// # Errors
    /// As [`Identities::prove_presence`]; `Invalid` for the new password.
    pub async fn change_own_password(
        &self,
        actor: &Actor,
        factors: BothFactors<'_>,
        password: &str,
    ) -> Result<()> {
        check_new_password(password)?;
        let user = self.prove(actor, factors).await?;
        self.replace_password(actor, &user.name, password).await
    }

    /// Ends all sessions and refresh tokens of the account that acts, also the one by which this is asked. Access tokens stay.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens.
    pub async fn end_own_sessions(&self, actor: &Actor) -> Result<()> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let event = self.platform.event(
            actor,
            Some(user.id),
            EventAction::SessionEnded,
            user.name.as_str(),
            [("which", "all".to_owned())],
        );
        self.metadata
            .write((user.id, event), |tx, (user, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    tx.advance_credential_epoch(*user).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        self.clear_refresh_tokens(user.id).await
    }

    /// Deletes the account that acts, whose name is said. The name stays taken, so that nobody inherits the namespace.
    ///
    /// # Errors
    /// As [`delete_user`](Identities::delete_user), but for who may; `Denied` to whoever has not given the password within ten
    /// minutes, and to access tokens; `UserUnknown` for the name of another account.
    pub async fn delete_own_account(&self, actor: &Actor, session: &str, name: &Namespace) -> Result<()> {
        let user = self.access.authorize_owner(actor, name).await?;
        if !self.is_present(session).await? {
            let action = AccountAction::ManageCredentials.into();
            return Err(Refusal::PasswordIsLongAgo.into_error(action, Subject::Nothing));
        }
        self.delete_user_unchecked(actor, &user.name).await
    }
}
