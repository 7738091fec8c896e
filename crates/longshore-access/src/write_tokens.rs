//! Tokens for pushing to registries: until when there may be some, and that there are no new ones while a run is in progress.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::gc_run::GcRun;
use longshore_domain::{Error, Result};

use crate::AccessControl;
use longshore_platform::later;

/// Shortest time for which a bearer token works; clients take less for granted at their own risk.
///
/// Docker token authentication: "If omitted, this defaults to 60 seconds".
pub const TTL_MINIMUM: Duration = Duration::from_secs(60);
/// How long a registry stays read-only when nobody goes on with its run.
pub const READ_ONLY_MARGIN: Duration = Duration::from_secs(600);
/// Tokens for pushing are remembered by the end of the interval of this length in which they expire.
const TOKEN_PRECISION_SECONDS: i64 = 5;
/// Longest that a token for pushing to a registry works, however the server is configured.
pub const WRITE_TOKEN_LIMIT: Duration = Duration::from_secs(900);
/// How far clocks and caches of other nodes may be behind, and times be rounded up.
const SPREAD: Duration = Duration::from_secs(15);
/// Registries whose last token for pushing is kept in memory.
const KEPT: usize = 50_000;

/// Until when this node knows that tokens for pushing are recorded, by namespace.
#[derive(Default)]
pub struct WriteTokens(Mutex<HashMap<AccountId, Timestamp>>);

impl WriteTokens {
    /// Lets all be recorded again.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Rounds a time up, so that few tokens have to be recorded.
fn rounded_up(at: Timestamp) -> Timestamp {
    let seconds = at.as_second().saturating_add(TOKEN_PRECISION_SECONDS);
    let rounded = seconds - seconds.rem_euclid(TOKEN_PRECISION_SECONDS);
    Timestamp::from_second(rounded).unwrap_or(at)
}

/// What became of a token for pushing that was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteToken {
    /// It is remembered, and may be given.
    Recorded,
    /// The namespace is no registry any more.
    OfNoRegistry,
    /// A run is in progress.
    Refused,
}

impl AccessControl {
    /// Returns the run that is in progress in a registry, if any.
    pub async fn find_active_run(&self, namespace: AccountId) -> Result<Option<GcRun>> {
        self.metadata.look_up(namespace, |tx, namespace| Box::pin(tx.find_active_run(*namespace))).await
    }

    /// Returns whether a registry takes pushes now.
    ///
    /// # Errors
    /// `ReadOnly` while its garbage is collected.
    pub(crate) async fn check_writable(&self, namespace: AccountId) -> Result<()> {
        let now = self.clock.now();
        match self.find_active_run(namespace).await? {
            Some(run) if now < run.read_only_until => Err(Error::ReadOnly(run.registry)),
            _ => Ok(()),
        }
    }

    /// Decides whether a token for pushing to a registry may be given that works until then, and remembers it if so: a run
    /// waits for it.
    pub async fn allow_write_token(&self, namespace: AccountId, until: Timestamp) -> Result<bool> {
        let recorded = {
            let known = self.write_tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&namespace).copied()
        };
        if recorded.is_some_and(|recorded| recorded >= until) {
            // A run that begins after this look waits for what is recorded, and so for this token.
            return match self.check_writable(namespace).await {
                Ok(()) => Ok(true),
                Err(Error::ReadOnly(_)) => Ok(false),
                Err(error) => Err(error),
            };
        }
        let until = rounded_up(until);
        let outcome = self
            .metadata
            .write((namespace, until, self.clock.now()), |tx, (namespace, until, now)| {
                Box::pin(async move {
                    if tx.lock_write_tokens(*namespace).await?.is_none() {
                        return Ok(WriteToken::OfNoRegistry);
                    }
                    let run = tx.find_active_run(*namespace).await?;
                    if run.is_some_and(|run| *now < run.read_only_until) {
                        return Ok(WriteToken::Refused);
                    }
                    tx.record_write_token(*namespace, *until).await.map(|()| WriteToken::Recorded)
                })
            })
            .await?;
        if outcome == WriteToken::Recorded {
            let mut known = self.write_tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(namespace, until);
        }
        Ok(outcome != WriteToken::Refused)
    }

    /// The longest that a registry waits for tokens for pushing, as they are remembered.
    pub fn longest_write_token(&self) -> Duration {
        let works_for = self.settings.bearer_ttl.max(TTL_MINIMUM).max(WRITE_TOKEN_LIMIT);
        works_for + SPREAD + Duration::from_secs(TOKEN_PRECISION_SECONDS.unsigned_abs())
    }

    /// Returns until when a token for pushing may work that was given before a registry was one, with what clocks and caches
    /// of other nodes may be behind.
    pub fn last_write_token(&self, now: Timestamp) -> Timestamp {
        later(now, self.settings.bearer_ttl.max(TTL_MINIMUM) + SPREAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(rounded_up(at(11)), at(15));
        assert_eq!(rounded_up(at(15)), at(20));
        assert_eq!(rounded_up("1970-01-01T00:00:14.9Z".parse().unwrap()), at(15));
    }
}
