//! Sessions of the pages: who is signed in with a browser, which keeps a secret in a cookie.
//!
//! They are rows, so that they can be listed and ended one by one. A change of the account's credentials ends all of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::{AccountPrincipal, Actor};
use longshore_domain::account::Account;
use longshore_domain::credential::{SECRET_LIMIT_BYTES, Secret, SecretHash};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::WebSession;
use longshore_domain::{Error, Result};
use longshore_platform::{earlier, later};
use uuid::Uuid;

use crate::Identities;
use crate::claims::actor_of;

/// Most sessions of the pages that an account has at once; beyond, the one ends that was not used for the longest time.
pub const WEB_SESSIONS_LIMIT: u32 = 100;
/// How exactly it is known when a page was asked for last.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Refresh tokens that are counted at most.
const COUNTED_PROGRAMS: u64 = 1000;

/// Somebody who asks for a page, and the session by which that is known.
#[derive(Clone, Debug)]
pub struct SignedInBrowser {
    /// Who.
    pub actor: Arc<Actor>,
    /// The account, as it is now.
    pub account: Account,
    /// The session.
    pub session: WebSession,
}

/// Where one's own account is signed in.
#[derive(Clone, Debug)]
pub struct OwnSessions {
    /// Sessions of the pages, the last used first.
    pub browsers: Vec<WebSession>,
    /// Sign-ins of programs, such as `docker`, that go on without a password; a thousand stands for all that are more.
    pub programs: u64,
}

fn ended() -> Error {
    Error::Unauthenticated(Unauthenticated::InvalidToken)
}

impl Identities {
    /// Begins a session of the pages for somebody who signed in with a password. Returns what the browser keeps.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody; `Denied` for access tokens, which are for programs.
    pub async fn open_web_session(
        &self,
        actor: &Actor,
        address: Option<IpAddr>,
        program: String,
    ) -> Result<Secret> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let secret = Secret::generate(Secret::WEB_SESSION_PREFIX, &*self.entropy);
        let now = self.clock.now();
        let session = WebSession {
            id: self.platform.new_uuid(),
            account: user.id,
            credential_epoch: user.credential_epoch,
            proof: actor.proof(),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            program,
            created_at: now,
            seen_at: now,
            expires_at: later(now, self.settings.session_ttl),
        };
        self.metadata
            .write((secret.hash(), session), |tx, (hash, session)| {
                Box::pin(async move {
                    tx.delete_web_sessions_beyond(session.account, u64::from(WEB_SESSIONS_LIMIT) - 1).await?;
                    tx.create_web_session(hash, session).await
                })
            })
            .await?;
        Ok(secret)
    }

    async fn find_web_session(&self, secret: &str) -> Result<SignedInBrowser> {
        if secret.len() > SECRET_LIMIT_BYTES || !secret.starts_with(Secret::WEB_SESSION_PREFIX) {
            return Err(ended());
        }
        let found = self
            .metadata
            .look_up(SecretHash::of(secret), |tx, hash| {
                Box::pin(async move {
                    let Some(session) = tx.find_web_session(hash).await? else { return Ok(None) };
                    let account = tx.find_account(session.account).await?;
                    Ok(account.map(|account| (session, account)))
                })
            })
            .await?;
        let (session, account) = found.ok_or_else(ended)?;
        let now = self.clock.now();
        let is_idle = session.seen_at <= earlier(now, self.settings.session_idle);
        let is_void = !account.is_active || account.credential_epoch != session.credential_epoch;
        if is_void || is_idle || session.expires_at <= now {
            return Err(ended());
        }
        let actor = Arc::new(actor_of(AccountPrincipal::of(&account, None), session.proof));
        Ok(SignedInBrowser { actor, account, session })
    }

    /// Finds out who asks for a page, by what the browser keeps, and notes that a page was asked for.
    ///
    /// # Errors
    /// `Unauthenticated` when the session has ended.
    pub async fn authenticate_web_session(&self, secret: &str) -> Result<SignedInBrowser> {
        let found = self.find_web_session(secret).await?;
        let now = self.clock.now();
        if found.session.seen_at <= earlier(now, SEEN_EVERY) {
            let noted = self
                .metadata
                .write((found.session.id, now), |tx, (id, now)| {
                    Box::pin(tx.record_web_session_use(*id, *now))
                })
                .await;
            // A page is shown although that cannot be written.
            if let Err(error) = noted {
                tracing::warn!(cause = error.cause(), "cannot note that a session of the pages is used");
            }
        }
        Ok(found)
    }

    /// Returns the id of the session of the pages that a secret is of, since when it is, and who is signed in.
    pub(crate) async fn web_session_facts(&self, secret: &str) -> Result<(Uuid, Timestamp, Arc<Actor>)> {
        let found = self.find_web_session(secret).await?;
        Ok((found.session.id, found.session.created_at, found.actor))
    }

    /// Lists where the account that acts is signed in.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens.
    pub async fn list_own_sessions(&self, actor: &Actor) -> Result<OwnSessions> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let now = self.clock.now();
        let (mut browsers, programs) = self
            .metadata
            .read((user.id, now), |tx, (user, now)| {
                Box::pin(async move {
                    let size = PageSize::clamped(u64::from(WEB_SESSIONS_LIMIT))?;
                    let browsers = tx.list_web_sessions(*user, *now, size).await?;
                    Ok((browsers, tx.count_refresh_tokens(*user, COUNTED_PROGRAMS).await?))
                })
            })
            .await?;
        let unused_since = earlier(now, self.settings.session_idle);
        browsers.retain(|session| session.seen_at > unused_since);
        Ok(OwnSessions { browsers, programs })
    }

    /// Ends one session of the pages of the account that acts.
    ///
    /// # Errors
    /// `SessionUnknown` when the account has no such one; `Unauthenticated`; `Denied` for access tokens.
    pub async fn end_own_session(&self, actor: &Actor, id: Uuid) -> Result<()> {
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let event = self.platform.event(
            actor,
            Some(user.id),
            EventAction::SessionEnded,
            user.name.as_str(),
            [("which", id.to_string())],
        );
        let was_there = self
            .metadata
            .write((user.id, id, event), |tx, (user, id, event)| {
                Box::pin(async move {
                    let was_there = tx.delete_web_session(*user, *id).await?;
                    if was_there {
                        tx.record_event(event).await?;
                    }
                    Ok(was_there)
                })
            })
            .await?;
        match was_there {
            true => Ok(()),
            false => Err(Error::SessionUnknown),
        }
    }

    /// Ends all sessions and refresh tokens of the account that acts, but for the session of the pages by which this is asked.
    /// Access tokens stay.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn end_other_sessions(&self, asking: &SignedInBrowser) -> Result<()> {
        let SignedInBrowser { actor, session, .. } = asking;
        let (user, _) = self.access.authorize_account(actor, AccountAction::ManageCredentials).await?;
        let event = self.platform.event(
            actor,
            Some(user.id),
            EventAction::SessionEnded,
            user.name.as_str(),
            [("which", "others".to_owned())],
        );
        self.metadata
            .write((user.id, session.id, event), |tx, (user, kept, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    tx.advance_credential_epoch(*user).await?;
                    tx.delete_other_web_sessions(*user, *kept).await?;
                    tx.keep_web_session(*kept).await?;
                    tx.record_event(event).await
                })
            })
            .await?;
        self.clear_refresh_tokens(user.id).await
    }

    /// Forgets sessions of the pages that have ended.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_web_sessions(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata
            .drain(now, |tx, now| Box::pin(tx.delete_expired_web_sessions(*now, PageSize::MAX)))
            .await
    }
}
