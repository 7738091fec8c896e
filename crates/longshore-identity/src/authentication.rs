//! Authentication: from a credential to a [`Actor`].
//!
//! What a credential proved is kept in memory by a keyed hash of it, until who may do what changes anywhere
//! (see `Metadata::authority_epoch`); whether the account and token are still good is asked again
//! with every permission (see `access`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof, RepositoryAccess};
use longshore_domain::account::Account;
use longshore_domain::clock::{Entropy, lies_ahead};
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret, SecretHash, is_access_token};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::Identities;
use crate::access_keys::login_name;
use crate::claims::{BearerSession, Claims, actor_of};
use crate::sign_in_events::{Presented, Whose};
use crate::signing::CLOCK_LEEWAY;
use longshore_platform::later;

/// Credentials that are kept in memory.
const SESSIONS: usize = 10_000;
/// CredentialScope of all bearer tokens that are kept in memory, with one for each token itself.
const GRANTS: u64 = 4 * SESSIONS as u64;
/// How long a checked password is kept in memory.
const BASIC_TTL: Duration = Duration::from_secs(300);
/// How long somebody who signed in with a password counts as being there.
pub const PRESENCE: Duration = Duration::from_secs(600);
/// Longest bearer token that is looked at; all headers of a request may have 64 KiB.
pub(crate) const BEARER_LIMIT_BYTES: usize = 56 << 10;

/// An actor together with the time in which its bearer token was issued and works.
#[derive(Debug)]
pub struct UploadActor {
    /// Who calls.
    pub actor: Arc<Actor>,
    /// For a bearer token: issued at, works until.
    pub validity: Option<(Timestamp, Timestamp)>,
}

/// Credentials that were checked, by a hash that only this process can compute.
pub(crate) struct Sessions {
    salt: [u8; 32],
    bearer: Cache<[u8; 32], Arc<BearerSession>, ByGrants>,
    basic: Cache<[u8; 32], Arc<BasicSession>>,
}

/// What a signed token is for; one for the one is none for the other.
#[derive(Clone, Copy)]
pub(crate) enum TokenUse {
    Registry,
    Management,
    Identity,
}

impl TokenUse {
    fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Management => "management",
            Self::Identity => "identity",
        }
    }
}

struct BasicSession {
    actor: Arc<Actor>,
    epoch: u64,
    until: Timestamp,
}

/// Weighs a token by what it holds, so that memory is bounded however many repositories tokens name.
#[derive(Clone)]
struct ByGrants;

impl Weighter<[u8; 32], Arc<BearerSession>> for ByGrants {
    fn weight(&self, _: &[u8; 32], session: &Arc<BearerSession>) -> u64 {
        match &session.actor.scope() {
            CredentialScope::Everything | CredentialScope::Namespace(_) => 1,
            CredentialScope::Listed { repositories, .. } => 1 + repositories.len() as u64,
        }
    }
}

impl Sessions {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut salt = [0; 32];
        entropy.fill(&mut salt);
        let bearer = Cache::with_weighter(SESSIONS, GRANTS, ByGrants);
        Self { salt, bearer, basic: Cache::new(SESSIONS) }
    }

    /// Lets passwords be checked again.
    pub(crate) fn forget_passwords(&self) {
        self.basic.clear();
    }

    fn key(&self, parts: &[&str]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.salt);
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

/// Refuses a password or code, the same for every reason.
pub(crate) fn wrong() -> Error {
    Error::Unauthenticated(Unauthenticated::WrongCredential)
}

fn refused(reason: Unauthenticated) -> Error {
    Error::Unauthenticated(reason)
}

impl Identities {
    /// Returns the audience of session tokens. It is not that of the registry's bearer tokens.
    pub(crate) fn session_audience(&self) -> String {
        format!("{} management", self.settings.service)
    }

    async fn verify_session(&self, token: &str) -> Result<BearerSession> {
        let claims: Option<Claims> = self.verify_signature(token, &self.session_audience()).await?;
        claims
            .filter(|claims| claims.uid.is_some())
            .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken))?
            .session(CredentialScope::Everything)
    }

    /// Returns the audience of these tokens. What they are limited to only the dialect knows that takes them.
    pub(crate) fn identity_audience(&self) -> String {
        format!("{} identity", self.settings.service)
    }

    async fn verify_identity(&self, token: &str) -> Result<BearerSession> {
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let claims: Option<Claims> = self.verify_signature(token, &self.identity_audience()).await?;
        let claims = claims.filter(|claims| claims.uid.is_some()).ok_or_else(invalid)?;
        let scope = claims.idn.as_ref().ok_or_else(invalid)?;
        let covered = match &scope.organization {
            None => CredentialScope::Everything,
            Some(name) => CredentialScope::Namespace(name.parse().map_err(|_| invalid())?),
        };
        claims.session(covered)
    }

    /// Verifies a bearer token of the token service: signature, algorithm, audience, issuer, times.
    ///
    /// # Errors
    /// `Unauthenticated` when it is not genuine, not yet valid, or expired.
    pub async fn authenticate_bearer(&self, token: &str) -> Result<Arc<Actor>> {
        let session = self.bearer_session(token, TokenUse::Registry).await?;
        self.session_actor(&session)
    }

    /// Verifies a session token of the management dialects, which the registry itself does not take.
    ///
    /// # Errors
    /// `Unauthenticated` when it is not genuine, not yet valid, or expired.
    pub async fn authenticate_session(&self, token: &str) -> Result<Arc<Actor>> {
        let session = self.bearer_session(token, TokenUse::Management).await?;
        self.session_actor(&session)
    }

    /// Returns whether a session, by its token or by what a browser keeps, is of somebody who gave the password within the last ten minutes, by signing in or
    /// [again](Identities::prove_presence), and is there, as far as that can be known.
    ///
    /// # Errors
    /// As [`Identities::authenticate_session`].
    pub async fn is_present(&self, token: &str) -> Result<bool> {
        let (id, began_at, actor) = self.session_facts(token).await?;
        let has_proven = matches!(actor.proof(), Proof::Password | Proof::SecondFactor);
        if has_proven && self.clock.now() < later(began_at, PRESENCE) {
            return Ok(true);
        }
        let proven_at = self.metadata.look_up(id, |tx, session| Box::pin(tx.find_presence(*session))).await?;
        Ok(proven_at.is_some_and(|at| self.clock.now() < later(at, PRESENCE)))
    }

    /// Returns the id of a session, since when it is, and whose: a session token's, or one of the pages.
    pub(crate) async fn session_facts(&self, token: &str) -> Result<(Uuid, Timestamp, Arc<Actor>)> {
        if token.starts_with(Secret::WEB_SESSION_PREFIX) {
            return self.web_session_facts(token).await;
        }
        let session = self.bearer_session(token, TokenUse::Management).await?;
        Ok((session.id, session.issued_at, Arc::clone(&session.actor)))
    }

    fn session_actor(&self, session: &BearerSession) -> Result<Arc<Actor>> {
        if session.expires_at <= self.clock.now() {
            return Err(Error::Unauthenticated(Unauthenticated::InvalidToken));
        }
        Ok(Arc::clone(&session.actor))
    }

    /// Verifies a bearer token for an upload in progress, which may outlive the token that began it:
    /// the upload decides whether an expired one is still good for it.
    ///
    /// # Errors
    /// `Unauthenticated` when it is not genuine or not yet valid.
    pub async fn authenticate_bearer_for_upload(&self, token: &str) -> Result<UploadActor> {
        let session = self.bearer_session(token, TokenUse::Registry).await?;
        let validity = Some((session.issued_at, session.expires_at));
        Ok(UploadActor { actor: Arc::clone(&session.actor), validity })
    }

    pub(crate) async fn bearer_session(&self, token: &str, wanted: TokenUse) -> Result<Arc<BearerSession>> {
        if token.len() > BEARER_LIMIT_BYTES {
            return Err(refused(Unauthenticated::InvalidToken));
        }
        let key = self.sessions.key(&[wanted.name(), token]);
        let session = match self.sessions.bearer.get(&key) {
            Some(session) => session,
            None => {
                let verified = match wanted {
                    TokenUse::Registry => self.verify_bearer(token).await,
                    TokenUse::Management => self.verify_session(token).await,
                    TokenUse::Identity => self.verify_identity(token).await,
                };
                let session = Arc::new(self.noting_refusal(Presented::BearerToken, verified)?);
                self.sessions.bearer.insert(key, Arc::clone(&session));
                session
            }
        };
        if session.not_before > later(self.clock.now(), CLOCK_LEEWAY) {
            return Err(refused(Unauthenticated::InvalidToken));
        }
        Ok(session)
    }

    async fn verify_bearer(&self, token: &str) -> Result<BearerSession> {
        let invalid = || refused(Unauthenticated::InvalidToken);
        let service = &self.settings.service;
        let claims: Claims = self.verify_signature(token, service).await?.ok_or_else(invalid)?;
        let (mut catalog, mut search) = (false, false);
        let mut repositories = Vec::new();
        let grant = |name: &str, has: &dyn Fn(&str) -> bool| -> Result<RepositoryAccess> {
            let repository = name.parse().map_err(|_| invalid())?;
            Ok(RepositoryAccess { repository, pull: has("pull"), push: has("push"), delete: has("delete") })
        };
        for access in &claims.access {
            let has = |action: &str| access.actions.iter().any(|a| a == action || a == "*");
            match access.kind.as_str() {
                "repository" => repositories.push(grant(&access.name, &has)?),
                "registry" if access.name == "catalog" => {
                    catalog |= has("*");
                    search |= has("search");
                }
                _ => {}
            }
        }
        for (actions, names) in &claims.short {
            let has = |action: &str| actions.split(',').any(|a| a == action);
            for name in names.split(' ') {
                repositories.push(grant(name, &has)?);
            }
        }
        claims.session(CredentialScope::Listed { repositories, catalog, search })
    }

    /// Checks a user name and a password or access token. The token may also stand in both places.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every reason; `Throttled` after too many failures.
    pub async fn authenticate_basic(
        &self,
        user: &str,
        secret: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<Actor>> {
        let wrong = || refused(Unauthenticated::WrongCredential);
        if user.len() > SECRET_LIMIT_BYTES || secret.len() > SECRET_LIMIT_BYTES {
            return Err(wrong());
        }
        let now = self.clock.now();
        let epoch = self.metadata.authority_epoch();
        let key = self.sessions.key(&[user, secret]);
        if let Some(session) = self.sessions.basic.get(&key)
            && session.epoch == epoch
            && lies_ahead(session.until, now, BASIC_TTL)
        {
            return Ok(Arc::clone(&session.actor));
        }
        let principal = if is_access_token(secret) {
            self.check_access_token(user, secret, now).await?.ok_or_else(wrong)?
        } else if let Some((project, key)) = login_name(user) {
            self.check_key_login(project, key, secret).await?.ok_or_else(wrong)?
        } else {
            let account = self.check_password(user, secret, address, now).await?.ok_or_else(wrong)?;
            if self.has_second_factor(account.id).await? {
                self.note_refusal(Presented::Password, Some(Whose::account(&account)));
                return Err(refused(Unauthenticated::AccessTokenNeeded));
            }
            self.note_sign_in(Presented::Password, Whose::account(&account));
            AccountPrincipal::of(&account, None)
        };
        let actor = Arc::new(actor_of(principal, Proof::Password));
        let session = BasicSession { actor: Arc::clone(&actor), epoch, until: later(now, BASIC_TTL) };
        self.sessions.basic.insert(key, Arc::new(session));
        Ok(actor)
    }

    /// Checks an access token that stands alone, for a management API. A credential for a registry is none.
    ///
    /// # Errors
    /// `Unauthenticated` when it is none that is good now; `Denied` for a credential.
    pub async fn authenticate_access_token(&self, secret: &str) -> Result<Arc<Actor>> {
        if !is_access_token(secret) {
            self.note_refusal(Presented::AccessToken, None);
            return Err(refused(Unauthenticated::InvalidToken));
        }
        let actor = self.authenticate_basic(secret, secret, None).await?;
        self.check_manages(&actor).await?;
        Ok(actor)
    }

    /// Checks that a principal's credential is good now, and not one for a registry, which is for pulling and pushing only.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied`.
    pub(crate) async fn check_manages(&self, actor: &Actor) -> Result<()> {
        self.access.authorize_account(actor, AccountAction::UseManagement).await.map(|_| ())
    }

    /// Finds out who an access token stands for, if it still does; the user name must be its owner's, or the token itself.
    pub(crate) async fn check_access_token(
        &self,
        user: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<AccountPrincipal>> {
        let found = self
            .metadata
            .look_up(SecretHash::of(secret), |tx, hash| {
                Box::pin(async move {
                    let Some(token) = tx.find_access_token_by_secret(hash).await? else { return Ok(None) };
                    let account = tx.find_account(token.account_id).await?;
                    Ok(account.map(|account| (token, account)))
                })
            })
            .await?;
        let Some((token, account)) = found else {
            self.note_refusal(Presented::AccessToken, None);
            return Ok(None);
        };
        let whose = Whose::account(&account).with_token(token.uuid);
        let named = user == account.name.as_str() || user == secret;
        if !named || !account.is_active || !token.is_usable(now) {
            self.note_refusal(Presented::AccessToken, Some(whose));
            return Ok(None);
        }
        self.record_use(&token, now);
        self.note_sign_in(Presented::AccessToken, whose);
        Ok(Some(AccountPrincipal::of(&account, Some(token.id))))
    }

    /// Checks a password, throttled; it may not be all that the account needs to sign in.
    pub(crate) async fn check_password(
        &self,
        user: &str,
        password: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Account>> {
        self.platform.check_throttle(user, address, now).await?;
        let found = match user.parse::<Namespace>() {
            Err(_) => None,
            Ok(name) => {
                self.metadata
                    .look_up(name, |tx, name| {
                        Box::pin(async move {
                            let Some(account) = tx.find_account_by_name(name).await? else { return Ok(None) };
                            let hash = tx.find_password_hash(account.id).await?;
                            Ok(Some((account, hash)))
                        })
                    })
                    .await?
            }
        };
        let (account, hash) = found.map_or((None, None), |(account, hash)| (Some(account), hash));
        // Kept until the outcome is written down, so that others count it.
        let turn = self.passwords.turn().await?;
        // Again: others that came at the same time may have failed meanwhile.
        self.platform.check_throttle(user, address, now).await?;
        let matches = self.passwords.verify(&turn, password, hash).await?;
        let whose = account.as_ref().map(Whose::account);
        match account.filter(|account| matches && account.is_active) {
            Some(account) => {
                self.platform.record_success(user, address).await?;
                Ok(Some(account))
            }
            None => {
                self.note_refusal(Presented::Password, whose);
                self.platform.record_failure(user, address, now).await?;
                Ok(None)
            }
        }
    }
}
