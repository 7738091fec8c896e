//! Signing in to the management dialects: a password with its second factor, or an access token, for a session token.
//!
//! Docker Hub API, "Authentication": `login`, `2fa-login`, `auth/token`.

use crate::authentication::wrong;
use crate::claims::{Claims, actor_of};
use std::net::IpAddr;
use std::time::Duration;

use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, Proof};
use longshore_domain::account::Account;
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret, SecretHash, is_access_token};
use longshore_domain::error::Unauthenticated;
use longshore_domain::ports::metadata::SignInChallenge;
use longshore_domain::second_factor::Code;
use longshore_domain::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Identities;
use crate::sign_in_events::{Presented, Whose};
use longshore_platform::later;

/// How long the second factor is awaited after the password.
pub const CHALLENGE_TTL: Duration = Duration::from_secs(300);
/// Wrong codes after which the password must be given again.
const CHALLENGE_FAILURES: i64 = 5;

/// What came of a sign-in.
#[derive(Debug)]
pub enum SignIn {
    /// It is done; the actor gets a session.
    Done(Actor),
    /// The password is right, and the second factor must follow with this.
    SecondFactorNeeded(Secret),
}

/// Claims of a session token: ours, and those that a dialect's clients look for.
#[derive(Serialize)]
struct SessionClaims {
    #[serde(flatten)]
    own: Claims,
    #[serde(flatten)]
    public: Map<String, Value>,
}

impl Identities {
    /// Signs in with a password, an access token or a refresh token.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every reason; `Throttled` after too many failures.
    pub async fn sign_in(&self, user: &str, secret: &str, address: Option<IpAddr>) -> Result<SignIn> {
        if user.len() > SECRET_LIMIT_BYTES || secret.len() > SECRET_LIMIT_BYTES {
            return Err(wrong());
        }
        if secret.starts_with(Secret::REFRESH_TOKEN_PREFIX) {
            let actor = self.authenticate_refresh_token(secret).await?;
            self.check_manages(&actor).await?;
            if actor.as_account().is_none_or(|account| account.name.as_str() != user) {
                return Err(wrong());
            }
            // A pair of keys manages by signing requests. What it signs Docker in with stays on machines that pull, and so do
            // the refresh tokens that come of it.
            return match self.access.authorize_account(&actor, AccountAction::Identify).await? {
                (_, Some(token)) if token.access_key.is_some() => Err(wrong()),
                _ => Ok(SignIn::Done(actor)),
            };
        }
        let now = self.clock.now();
        if is_access_token(secret) {
            let actor =
                actor_of(self.check_access_token(user, secret, now).await?.ok_or_else(wrong)?, Proof::Token);
            self.check_manages(&actor).await?;
            return Ok(SignIn::Done(actor));
        }
        let account = self.check_password(user, secret, address, now).await?.ok_or_else(wrong)?;
        if !self.has_second_factor(account.id).await? {
            self.note_sign_in(Presented::Password, Whose::account(&account));
            return Ok(SignIn::Done(actor_of(AccountPrincipal::of(&account, None), Proof::Password)));
        }
        self.challenge(&account).await.map(SignIn::SecondFactorNeeded)
    }

    async fn challenge(&self, account: &Account) -> Result<Secret> {
        let secret = Secret::generate(Secret::CHALLENGE_PREFIX, &*self.entropy);
        let challenge = SignInChallenge {
            secret_hash: secret.hash(),
            user_id: account.id,
            credential_epoch: account.credential_epoch,
            failures: 0,
            expires_at: later(self.clock.now(), CHALLENGE_TTL),
        };
        self.metadata.write(challenge, |tx, challenge| Box::pin(tx.create_challenge(challenge))).await?;
        Ok(secret)
    }

    /// Completes a sign-in with the code of an authenticator, or a recovery code. What stood for the password works
    /// once, and not after several wrong codes.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every reason; `Throttled` after too many wrong codes of the user.
    pub async fn complete_sign_in(&self, challenge: &str, code: &str) -> Result<Actor> {
        let hash = SecretHash::of(challenge);
        let code = Code::parse(code).map_err(|_| wrong())?;
        let now = self.clock.now();
        let user = self
            .metadata
            .write((hash, now), |tx, (hash, now)| {
                Box::pin(async move {
                    let found = tx.lock_challenge(hash).await?;
                    let awaited =
                        found.filter(|found| *now < found.expires_at && found.failures < CHALLENGE_FAILURES);
                    let Some(challenge) = awaited else { return Ok(None) };
                    let account = tx.find_account(challenge.user_id).await?;
                    // Counted before the code is looked at: what goes wrong from here on counts as wrong.
                    tx.add_challenge_failure(hash).await?;
                    Ok(account.filter(|account| {
                        account.is_active && account.credential_epoch == challenge.credential_epoch
                    }))
                })
            })
            .await?;
        let account = user.ok_or_else(|| {
            self.note_refusal(Presented::SecondFactor, None);
            wrong()
        })?;
        self.check_code(&account, &code).await?;
        // Whoever takes it first has it, also of those that came with right codes at the same time.
        match self.metadata.write(hash, |tx, hash| Box::pin(tx.delete_challenge(hash))).await? {
            true => {
                let presented = match code {
                    Code::Recovery(_) => Presented::RecoveryCode,
                    Code::OneTimePassword(_) => Presented::SecondFactor,
                };
                self.note_sign_in(presented, Whose::account(&account));
                Ok(actor_of(AccountPrincipal::of(&account, None), Proof::SecondFactor))
            }
            false => Err(wrong()),
        }
    }

    /// Signs a session token that works for `ttl`, with claims that a dialect's clients look for.
    ///
    /// # Errors
    /// `Internal` when there is no signing key.
    pub fn issue_session(&self, actor: &Actor, ttl: Duration, public: Map<String, Value>) -> Result<String> {
        if actor.as_account().is_none() {
            return Err(Error::Unauthenticated(Unauthenticated::Missing));
        }
        let own = self.claims(actor, self.session_audience(), self.clock.now(), ttl.as_secs());
        self.keys.sign(&SessionClaims { own, public })
    }

    /// Issues a refresh token for who signed in.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn issue_session_refresh_token(&self, actor: &Actor) -> Result<Option<Secret>> {
        match actor.as_account() {
            None => Ok(None),
            Some(account) => self.issue_refresh_token(account).await.map(Some),
        }
    }
}
