//! Tokens of the identity service: signed session tokens of somebody in a project, which can be ended early.
//!
//! Keystone v3, "Password authentication", "Validate and show information for token", "Revoke token".

use crate::claims::{BearerSession, Claims, IdentityScope};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::{Level, NamespaceAction};
use longshore_domain::access::actor::{Actor, CredentialScope};
use longshore_domain::account::Account;
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Identities;
use crate::authentication::TokenUse;
use crate::projects::ProjectName;
use crate::sign_in::SignIn;

/// What names a user who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserName<'n> {
    /// The public id; `None` for what cannot be one.
    Id(Option<Uuid>),
    /// The name.
    Name(&'n str),
}

/// What a token shall be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedScope<'n> {
    /// The project that the actor is in already.
    Unchanged,
    /// A domain.
    Domain(ProjectName<'n>),
    /// A project, perhaps of a domain: the region is the project of the domain that is given with it.
    Project(ProjectName<'n>, Option<ProjectName<'n>>),
}

/// A token of the identity service, as issued.
#[derive(Debug)]
pub struct IssuedIdentity {
    /// The token.
    pub token: String,
    /// What it is.
    pub identity: Identity,
}

/// A token of the identity service, as presented.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who it stands for, and in which project.
    pub actor: Arc<Actor>,
    /// What it is for, and how it was got.
    pub scope: IdentityScope,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    id: Uuid,
}

/// A token of the identity service with whose it is.
#[derive(Debug)]
pub struct ShownIdentity {
    /// The token.
    pub identity: Identity,
    /// Who signed in.
    pub user: Account,
    /// The account whose project it is for.
    pub account: Account,
    /// How much the user may do in its namespace.
    pub level: Level,
}

impl Identities {
    /// Checks a password, and the code of the second factor where there is one.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every reason but a missing code; `Throttled` after too many failures.
    pub async fn authenticate_password(
        &self,
        user: UserName<'_>,
        password: &str,
        passcode: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Arc<Actor>> {
        let name = match user {
            UserName::Name(name) => name.to_owned(),
            UserName::Id(uuid) => {
                let found = match uuid {
                    Some(uuid) => self.find_account_name(uuid).await?,
                    None => None,
                };
                // What is no name is refused like a wrong one, and in the same time.
                found.map_or_else(|| "no user has this id".to_owned(), |name| name.to_string())
            }
        };
        match self.sign_in(&name, password, address).await? {
            SignIn::Done(actor) => Ok(Arc::new(actor)),
            SignIn::SecondFactorNeeded(challenge) => {
                let needed = Error::Unauthenticated(Unauthenticated::SecondFactorNeeded);
                let actor = self.complete_sign_in(challenge.expose(), passcode.ok_or(needed)?).await?;
                Ok(Arc::new(actor))
            }
        }
    }

    /// Issues a token for an actor in the project that it wants, that works as long as other sign-ins. One that is got with
    /// another one works no longer than that, and ends with the first of them.
    ///
    /// # Errors
    /// `Unauthenticated` when there is no such project that it may sign in to; `Internal` when there is no signing key.
    pub async fn issue_identity(
        &self,
        actor: &Arc<Actor>,
        wanted: WantedScope<'_>,
        methods: Vec<String>,
        got_with: Option<&Identity>,
    ) -> Result<IssuedIdentity> {
        let region = self.settings.region.as_str();
        let (actor, project) = match wanted {
            WantedScope::Unchanged => {
                let account = self.get_project(actor).await?;
                (Arc::clone(actor), Some(account.name.to_string()))
            }
            WantedScope::Domain(domain) => (Arc::new(self.enter_project(actor, &domain).await?.0), None),
            WantedScope::Project(project, domain) => {
                let named = match (project, domain) {
                    (ProjectName::Name(name), Some(domain)) if name == region => domain,
                    _ => project,
                };
                let (entered, account) = self.enter_project(actor, &named).await?;
                let name = match project {
                    ProjectName::Name(name) => name.to_owned(),
                    ProjectName::Id(_) => account.name.to_string(),
                };
                (Arc::new(entered), Some(name))
            }
        };
        let organization = match actor.scope() {
            CredentialScope::Namespace(name) => Some(name.to_string()),
            CredentialScope::Everything => None,
            CredentialScope::Listed { .. } => {
                return Err(Error::Unauthenticated(Unauthenticated::InsufficientScope));
            }
        };
        if actor.as_account().is_none() {
            return Err(Error::Unauthenticated(Unauthenticated::Missing));
        }
        let now = self.clock.now();
        let left = got_with
            .map(|identity| Duration::try_from(identity.expires_at.duration_since(now)).unwrap_or_default());
        let ttl = left.map_or(self.settings.session_ttl, |left| left.min(self.settings.session_ttl));
        let first = got_with.map(|identity| identity.scope.first.unwrap_or(identity.id));
        let scope = IdentityScope { organization, project, methods, first };
        let claims = self.claims(&actor, self.identity_audience(), now, ttl.as_secs());
        let claims = Claims { idn: Some(scope.clone()), ..claims };
        let time = |seconds| Timestamp::from_second(seconds).map_err(Error::internal);
        let (issued_at, expires_at) = (time(claims.iat)?, time(claims.exp)?);
        let id = claims.jti.parse().map_err(Error::internal)?;
        let token = self.keys.sign(&claims)?;
        Ok(IssuedIdentity { token, identity: Identity { actor, scope, issued_at, expires_at, id } })
    }

    async fn identity_session(&self, token: &str) -> Result<Arc<BearerSession>> {
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let session = self.bearer_session(token, TokenUse::Identity).await?;
        if session.expires_at <= self.clock.now() {
            return Err(invalid());
        }
        let epoch = self.metadata.authority_epoch();
        if session.checked_in.load(Ordering::Relaxed) != epoch {
            let first = session.identity.as_ref().and_then(|scope| scope.first).unwrap_or(session.id);
            let is_revoked = self
                .metadata
                .look_up([first, session.id], |tx, ids| Box::pin(tx.is_session_revoked(*ids)))
                .await?;
            if is_revoked {
                return Err(invalid());
            }
            session.checked_in.store(epoch, Ordering::Relaxed);
        }
        Ok(session)
    }

    /// Verifies a token: that it is genuine, has not expired and was not ended, and that whoever it stands for may still
    /// sign in.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn authenticate_identity(&self, token: &str) -> Result<Identity> {
        let session = self.identity_session(token).await?;
        self.check_manages(&session.actor).await?;
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        Ok(Identity {
            actor: Arc::clone(&session.actor),
            scope: session.identity.clone().ok_or_else(invalid)?,
            issued_at: session.issued_at,
            expires_at: session.expires_at,
            id: session.id,
        })
    }

    /// Returns a token with whose it is.
    ///
    /// # Errors
    /// `Unauthenticated` when it does not work any more.
    pub async fn show_identity(&self, identity: Identity) -> Result<ShownIdentity> {
        let user = self.access.get_own_account(&identity.actor).await?;
        let account = self.get_project(&identity.actor).await?;
        let level = match account.id == user.id {
            true => Level::Admin,
            false => {
                self.access
                    .authorize_namespace(&identity.actor, &account.name, NamespaceAction::View)
                    .await?
                    .level
            }
        };
        Ok(ShownIdentity { identity, user, account, level })
    }

    /// Returns a token of the actor's account with whose it is.
    ///
    /// # Errors
    /// `TokenUnknown` for those of others, and those that do not work any more.
    pub async fn find_identity(&self, actor: &Actor, token: &str) -> Result<ShownIdentity> {
        let unknown = || Error::TokenUnknown("in X-Subject-Token".into());
        let identity = match self.authenticate_identity(token).await {
            Err(Error::Unauthenticated(_)) => return Err(unknown()),
            found => found?,
        };
        match identity.actor.account_id() == actor.account_id() {
            true => self.show_identity(identity).await,
            false => Err(unknown()),
        }
    }

    /// Ends a token of the actor's account. One that does not work any more is ended already.
    ///
    /// # Errors
    /// `Denied` for those of others.
    pub async fn revoke_identity(&self, actor: &Actor, token: &str) -> Result<()> {
        let session = match self.identity_session(token).await {
            Err(Error::Unauthenticated(_)) => return Ok(()),
            found => found?,
        };
        let account = actor.account_id();
        if session.actor.account_id() != account {
            return Err(Error::denied("this token is somebody else's"));
        }
        let event = self.platform.event(actor, account, EventAction::SessionEnded, actor.display_name(), []);
        self.metadata
            .write((session.id, session.expires_at, event), |tx, (id, until, event)| {
                Box::pin(async move {
                    tx.revoke_session(*id, *until).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }
}
