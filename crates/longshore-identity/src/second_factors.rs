//! The second factor of an account: set-up, recovery codes, removal, and checking codes.

use crate::authentication::wrong;
use crate::claims::actor_of;
use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, Proof};
use longshore_domain::account::{Account, AccountId};
use longshore_domain::conflict::Conflict;
use longshore_domain::credential::SecretHash;
use longshore_domain::event::EventAction;
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::{IdentityTx, SecondFactor};
use longshore_domain::second_factor::{Code, TotpSecret, generate_recovery_codes};
use longshore_domain::{Error, Result};

use crate::Identities;
use crate::accounts::get_user;
use crate::sign_in_events::{Presented, Whose};
use longshore_platform::later;
use longshore_platform::throttle::{ahead, throttled};

/// What the owner of an account sees of its second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorStatus {
    /// Since when it is asked for; `None` when it is not.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: u64,
}

/// A second factor that was begun.
#[derive(Debug)]
pub struct Enrolment {
    /// Shared with the authenticator.
    pub secret: TotpSecret,
    /// The same as authenticators read it from a QR code.
    pub otpauth_url: String,
}

/// A second factor that was confirmed.
#[derive(Debug)]
pub struct Confirmation {
    /// Shown once.
    pub recovery_codes: Vec<String>,
    /// The owner, to be signed in again: all that was signed in before is void.
    pub actor: Actor,
}

fn hashes(codes: &[String]) -> Result<Vec<SecretHash>> {
    let hash = |code: &String| match Code::parse(code)? {
        Code::Recovery(hash) => Ok(hash),
        Code::OneTimePassword(_) => Err(Error::internal("a new recovery code is none")),
    };
    codes.iter().map(hash).collect()
}

fn subject(user: &Account) -> String {
    format!("second factor of {}", user.name)
}

impl Identities {
    /// Shows the second factor of the account that acts.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens.
    pub async fn second_factor_status(&self, actor: &Actor) -> Result<SecondFactorStatus> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let found = self.metadata.look_up(user.id, |tx, id| Box::pin(tx.find_second_factor(*id))).await?;
        Ok(SecondFactorStatus {
            confirmed_at: found.as_ref().and_then(|factor| factor.confirmed_at),
            recovery_codes: found.map_or(0, |factor| factor.recovery_codes),
        })
    }

    /// Begins to set up a second factor; beginning again replaces what was begun. Until it is confirmed, signing in
    /// stays as it was.
    ///
    /// # Errors
    /// `Unauthenticated` also for a wrong password; `Denied` for access tokens; `Conflict` when there is one already; `Throttled`.
    pub async fn enrol_second_factor(
        &self,
        actor: &Actor,
        password: &str,
        address: Option<std::net::IpAddr>,
    ) -> Result<Enrolment> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        self.check_own_password(&user, password, address).await?;
        let secret = TotpSecret::generate(&*self.entropy);
        let otpauth_url = secret.otpauth_url(&self.settings.service, &user.name)?;
        let begun = self
            .metadata
            .write((user.id, secret.clone(), self.clock.now()), |tx, (id, secret, now)| {
                Box::pin(tx.put_second_factor(*id, secret, *now))
            })
            .await?;
        if !begun {
            return Err(Conflict::SecondFactorEnabled.into());
        }
        Ok(Enrolment { secret, otpauth_url })
    }

    /// Confirms a second factor with a code of the authenticator. From now on it is asked for, and everything that was
    /// signed in by password before is void.
    ///
    /// # Errors
    /// `Unauthenticated` also for a wrong code; `Denied` for access tokens; `Conflict` when none was begun; `Throttled`.
    pub async fn confirm_second_factor(&self, actor: &Actor, code: &str) -> Result<Confirmation> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        if self.has_second_factor(user.id).await? {
            return Err(Conflict::SecondFactorEnabled.into());
        }
        let Code::OneTimePassword(code) = Code::parse(code)? else { return Err(wrong()) };
        self.count_code(&user).await?;
        let recovery_codes = generate_recovery_codes(&*self.entropy);
        let event = self.platform.event(
            actor,
            Some(user.id),
            EventAction::SecondFactorEnabled,
            user.name.as_str(),
            [],
        );
        let input = (user.id, code, hashes(&recovery_codes)?, event);
        let account = self
            .metadata
            .write(input, |tx, (id, code, codes, event)| {
                Box::pin(async move {
                    let factor = use_one_time_password(tx, *id, code, event.at).await?.ok_or_else(wrong)?;
                    if !tx.confirm_second_factor(*id, &factor.secret, event.at).await? {
                        return Err(Conflict::SecondFactorChanged.into());
                    }
                    tx.put_recovery_codes(*id, codes).await?;
                    tx.record_event(event).await?;
                    tx.find_account(*id).await?.ok_or_else(|| Error::internal("the account is gone"))
                })
            })
            .await?;
        self.forget_codes(&user).await?;
        let actor = actor_of(AccountPrincipal::of(&account, None), Proof::SecondFactor);
        Ok(Confirmation { recovery_codes, actor })
    }

    /// Makes new recovery codes in the place of the old ones.
    ///
    /// # Errors
    /// `Unauthenticated` also for a wrong password or code; `Denied` for access tokens; `Conflict` without a second factor; `Throttled`.
    pub async fn renew_recovery_codes(
        &self,
        actor: &Actor,
        password: &str,
        code: &str,
        address: Option<std::net::IpAddr>,
    ) -> Result<Vec<String>> {
        let user = self.prove_both_factors(actor, password, code, address).await?;
        let codes = generate_recovery_codes(&*self.entropy);
        let event = self.platform.event(
            actor,
            Some(user.id),
            EventAction::RecoveryCodesRenewed,
            user.name.as_str(),
            [],
        );
        self.metadata
            .write((user.id, hashes(&codes)?, event), |tx, (id, codes, event)| {
                Box::pin(async move {
                    tx.put_recovery_codes(*id, codes).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        Ok(codes)
    }

    /// Removes the second factor of the account that acts.
    ///
    /// # Errors
    /// As [`Identities::renew_recovery_codes`].
    pub async fn disable_second_factor(
        &self,
        actor: &Actor,
        password: &str,
        code: &str,
        address: Option<std::net::IpAddr>,
    ) -> Result<()> {
        let user = self.prove_both_factors(actor, password, code, address).await?;
        self.remove_second_factor(actor, &user.name).await
    }

    /// Removes the second factor of a user who has lost it.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown`; `Conflict` when there is none.
    pub async fn reset_second_factor(&self, actor: &Actor, user: &Namespace) -> Result<()> {
        self.access.require_operator(actor)?;
        self.remove_second_factor(actor, user).await
    }

    async fn remove_second_factor(&self, actor: &Actor, user: &Namespace) -> Result<()> {
        let event = self.platform.event(actor, None, EventAction::SecondFactorDisabled, user.as_str(), []);
        self.metadata
            .write((user.clone(), event), |tx, (user, event)| {
                Box::pin(async move {
                    let user = get_user(tx, user).await?;
                    if !tx.delete_second_factor(user.id).await? {
                        return Err(Conflict::NoSecondFactor(user.name).into());
                    }
                    let mut event = event.clone();
                    event.account_id = Some(user.id);
                    tx.record_event(&event).await
                })
            })
            .await
    }

    /// Checks password and code of the account that acts, for changes to its second factor.
    async fn prove_both_factors(
        &self,
        actor: &Actor,
        password: &str,
        code: &str,
        address: Option<std::net::IpAddr>,
    ) -> Result<Account> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        if !self.has_second_factor(user.id).await? {
            return Err(Conflict::NoSecondFactor(user.name).into());
        }
        self.check_own_password(&user, password, address).await?;
        self.check_code(&user, &Code::parse(code)?).await?;
        Ok(user)
    }

    pub(crate) async fn check_own_password(
        &self,
        user: &Account,
        password: &str,
        address: Option<std::net::IpAddr>,
    ) -> Result<()> {
        match self.check_password(user.name.as_str(), password, address, self.clock.now()).await? {
            Some(_) => Ok(()),
            None => Err(wrong()),
        }
    }

    /// Counts a code that is tried, whatever comes of it; a right one makes up for it.
    ///
    /// # Errors
    /// `Throttled` after too many.
    async fn count_code(&self, user: &Account) -> Result<()> {
        let now = self.clock.now();
        let window = self.settings.sign_in.window;
        let limit = i64::from(self.settings.sign_in.per_account_and_address);
        let ended = self.platform.ended(now);
        self.metadata
            .write((subject(user), now, ended, window, limit), |tx, (subject, now, ended, window, limit)| {
                Box::pin(async move {
                    // Counted before it is looked at, in one unit: codes that are tried at the same time all count.
                    tx.add_sign_in_failure(subject, *now, *ended, ahead(*now)).await?;
                    let counted = tx.find_sign_in_failures(subject).await?;
                    match counted.filter(|counted| counted.failures > *limit) {
                        None => Ok(()),
                        Some(counted) => Err(throttled(later(counted.began_at, *window), *now, *window)),
                    }
                })
            })
            .await
    }

    async fn forget_codes(&self, user: &Account) -> Result<()> {
        self.metadata.write(subject(user), |tx, subject| Box::pin(tx.delete_sign_in_failures(subject))).await
    }

    /// Checks a code of a user and uses it up; wrong ones are counted over all ways to give them.
    ///
    /// # Errors
    /// `Unauthenticated`; `Throttled` after too many wrong ones.
    pub(crate) async fn check_code(&self, user: &Account, code: &Code) -> Result<()> {
        self.count_code(user).await?;
        let actor = actor_of(AccountPrincipal::of(user, None), Proof::SecondFactor);
        let used =
            self.platform.event(&actor, Some(user.id), EventAction::RecoveryCodeUsed, user.name.as_str(), []);
        let input = (user.id, code.clone(), self.clock.now(), used);
        let is_right = self
            .metadata
            .write(input, |tx, (user, code, now, used)| {
                Box::pin(async move {
                    match code {
                        Code::Recovery(hash) => {
                            let is_right = tx.use_recovery_code(*user, hash).await?;
                            if is_right {
                                tx.record_event(used).await?;
                            }
                            Ok(is_right)
                        }
                        Code::OneTimePassword(code) => {
                            Ok(use_one_time_password(tx, *user, code, *now).await?.is_some())
                        }
                    }
                })
            })
            .await?;
        match is_right {
            true => self.forget_codes(user).await,
            false => {
                let presented = match code {
                    Code::Recovery(_) => Presented::RecoveryCode,
                    Code::OneTimePassword(_) => Presented::SecondFactor,
                };
                self.note_refusal(presented, Some(Whose::account(user)));
                Err(wrong())
            }
        }
    }
}

/// Uses a one-time password up; gives the second factor that it is of, or `None` when it is wrong or was used.
async fn use_one_time_password(
    tx: &mut dyn IdentityTx,
    user: AccountId,
    code: &str,
    now: Timestamp,
) -> Result<Option<SecondFactor>> {
    let Some(factor) = tx.find_second_factor(user).await? else { return Ok(None) };
    match factor.secret.matching_step(code, now)? {
        Some(step) if tx.use_step(user, step).await? => Ok(Some(factor)),
        _ => Ok(None),
    }
}
