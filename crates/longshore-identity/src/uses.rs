//! Last uses of credentials, recorded beside the request: neither a full disk nor a lock that somebody else holds may fail or
//! delay it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::credential::{AccessToken, AccessTokenId};
use longshore_domain::directory::ScimToken;
use uuid::Uuid;

use crate::Identities;
use longshore_platform::later;

/// Last uses are recorded to this precision.
const LAST_USE_PRECISION: Duration = Duration::from_secs(60);
/// Last uses that wait for the store; what comes beyond is recorded at a later use.
const WAITING_USES: usize = 1000;

/// Whose last use is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Used {
    /// An access token.
    Token(AccessTokenId),
    /// A token for provisioning.
    Scim(Uuid),
}

/// Last uses that are being recorded.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<Mutex<HashSet<Used>>>);

impl Uses {
    fn begin(&self, used: Used) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.len() < WAITING_USES && waiting.insert(used)
    }

    fn end(&self, used: Used) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&used);
    }
}

impl Identities {
    /// Lets the last use of an access token be recorded. Neither fails nor waits: it is not what the request is for.
    pub(crate) fn record_use(&self, token: &AccessToken, now: Timestamp) {
        self.record_use_of(Used::Token(token.id), token.last_used_at, now);
    }

    /// Lets the last use of a token for provisioning be recorded, in the same way.
    pub(crate) fn record_scim_use(&self, token: &ScimToken, now: Timestamp) {
        self.record_use_of(Used::Scim(token.uuid), token.last_used_at, now);
    }

    fn record_use_of(&self, used: Used, last_used_at: Option<Timestamp>, now: Timestamp) {
        // One in the future is from a clock that went back.
        if last_used_at.is_some_and(|at| at <= now && now < later(at, LAST_USE_PRECISION)) {
            return;
        }
        if !self.uses.begin(used) {
            return;
        }
        let (metadata, uses) = (self.metadata.clone(), self.uses.clone());
        tokio::spawn(async move {
            let recorded = metadata
                .write((used, now), |tx, (used, now)| match used {
                    Used::Token(id) => Box::pin(tx.record_access_token_use(*id, *now)),
                    Used::Scim(uuid) => Box::pin(tx.record_scim_token_use(*uuid, *now)),
                })
                .await;
            if let Err(error) = recorded {
                tracing::debug!(error = %error, "the last use of a token was not recorded");
            }
            uses.end(used);
        });
    }
}
