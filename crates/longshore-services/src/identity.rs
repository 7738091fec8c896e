//! Tokens of the identity service: signed session tokens of somebody in a project, which can be ended early.
//!
//! Keystone v3, "Password authentication", "Validate and show information for token", "Revoke token".

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};

use crate::Services;
use crate::authentication::{BearerSession, Caller, Claims, Grants, TokenUse};

/// A token of the identity service, as issued.
#[derive(Debug)]
pub struct IssuedIdentity {
    /// The token.
    pub token: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A token of the identity service, as presented.
#[derive(Debug)]
pub struct Identity {
    /// Who it stands for, and in which project.
    pub caller: Arc<Caller>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl Services {
    /// Issues a token for a caller in its project, that works as long as other sign-ins, and not after `until`.
    ///
    /// # Errors
    /// `Internal` when there is no signing key.
    pub fn issue_identity(&self, caller: &Caller, until: Option<Timestamp>) -> Result<IssuedIdentity> {
        let account = caller.principal.account().ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
        let now = self.clock.now();
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let ttl = left.map_or(self.settings.session_ttl, |left| left.min(self.settings.session_ttl));
        let prj = match &caller.grants {
            Grants::Namespace(name) => Some(name.to_string()),
            Grants::Everything => None,
            Grants::Listed { .. } => return Err(Error::Unauthenticated(Unauthenticated::InsufficientScope)),
        };
        let claims = self.claims(Some(account), self.identity_audience(), now, ttl.as_secs());
        let claims = Claims { prj, ..claims };
        let time = |seconds| Timestamp::from_second(seconds).map_err(Error::internal);
        let (issued_at, expires_at) = (time(claims.iat)?, time(claims.exp)?);
        Ok(IssuedIdentity { token: self.keys.sign(&claims)?, issued_at, expires_at })
    }

    /// Gives the audience of these tokens. What they are limited to only the dialect knows that takes them.
    fn identity_audience(&self) -> String {
        format!("{} identity", self.settings.service)
    }

    pub(crate) async fn verify_identity(&self, token: &str) -> Result<BearerSession> {
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let claims: Option<Claims> = self.verify_signature(token, &self.identity_audience()).await?;
        let claims = claims.filter(|claims| claims.uid.is_some()).ok_or_else(invalid)?;
        let grants = match &claims.prj {
            None => Grants::Everything,
            Some(name) => Grants::Namespace(name.parse().map_err(|_| invalid())?),
        };
        claims.session(grants)
    }

    async fn identity_session(&self, token: &str) -> Result<Arc<BearerSession>> {
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let session = self.bearer_session(token, TokenUse::Identity).await?;
        if session.expires_at <= self.clock.now() {
            return Err(invalid());
        }
        let epoch = self.metadata.authority_epoch();
        if session.checked_in.load(Ordering::Relaxed) != epoch {
            let is_revoked =
                self.metadata.look_up(session.id, |tx, id| Box::pin(tx.is_session_revoked(*id))).await?;
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
        self.check_manages(&session.caller.principal).await?;
        let BearerSession { issued_at, expires_at, .. } = *session;
        Ok(Identity { caller: Arc::clone(&session.caller), issued_at, expires_at })
    }

    /// Ends a token of the caller's account. One that does not work any more is ended already.
    ///
    /// # Errors
    /// `Denied` for those of others.
    pub async fn revoke_identity(&self, caller: &Caller, token: &str) -> Result<()> {
        let session = match self.identity_session(token).await {
            Err(Error::Unauthenticated(_)) => return Ok(()),
            found => found?,
        };
        if session.caller.principal.account_id() != caller.principal.account_id() {
            return Err(Error::Denied("this token is somebody else's".into()));
        }
        self.metadata
            .write((session.id, session.expires_at), |tx, (id, until)| {
                Box::pin(tx.revoke_session(*id, *until))
            })
            .await
    }
}
