//! Requests that are sent again and done once: a client that has got no answer sends the same with the same key.

use std::time::Duration;

use longshore_domain::Result;
use longshore_domain::idempotency::{Attempt, AttemptState, KeptAnswer};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::AttemptTerms;
use uuid::Uuid;

use crate::{Platform, earlier};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long after it was last seen alive an attempt without an answer counts as dead.
const ALIVE: Duration = Duration::from_secs(60);
/// How often it says that it is alive.
const RENEWED: Duration = Duration::from_secs(15);

/// An attempt that this node may be handling.
#[derive(Clone, Debug)]
pub struct HeldAttempt {
    attempt: Attempt,
    holder: Uuid,
}

impl Platform {
    /// Makes an attempt of this node's.
    pub fn hold_attempt(&self, attempt: Attempt) -> HeldAttempt {
        HeldAttempt { attempt, holder: self.new_uuid() }
    }

    /// Begins an attempt, or tells what became of it before.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn begin_attempt(&self, held: &HeldAttempt) -> Result<AttemptState> {
        let now = self.clock.now();
        let (alive_since, kept_since) = (earlier(now, ALIVE), earlier(now, KEPT));
        let terms = AttemptTerms { holder: held.holder, now, alive_since, kept_since };
        self.metadata
            .write((held.attempt.clone(), terms), |tx, (attempt, terms)| {
                Box::pin(tx.begin_attempt(attempt, terms))
            })
            .await
    }

    /// Does the work of an attempt, and says meanwhile that it is alive.
    pub async fn keep_alive<T>(&self, held: &HeldAttempt, work: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                tokio::time::sleep(RENEWED).await;
                let input = (held.attempt.clone(), held.holder, self.clock.now());
                let renewed = self
                    .metadata
                    .write(input, |tx, (attempt, holder, now)| {
                        Box::pin(tx.renew_attempt(attempt, *holder, *now))
                    })
                    .await;
                if let Err(error) = renewed {
                    tracing::warn!(error = %error, "a request with an idempotency key could not say that it is being handled");
                }
            }
        };
        tokio::select! {
            done = work => done,
            never = renewing => never,
        }
    }

    /// Keeps the answer to an attempt.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn answer_attempt(&self, held: &HeldAttempt, answer: KeptAnswer) -> Result<()> {
        self.metadata
            .write((held.clone(), answer, self.clock.now()), |tx, (held, answer, now)| {
                Box::pin(tx.answer_attempt(&held.attempt, held.holder, answer, *now))
            })
            .await
    }

    /// Forgets an attempt without an answer, so that it is handled when it is sent again.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_attempt(&self, held: &HeldAttempt) -> Result<()> {
        self.metadata
            .write(held.clone(), |tx, held| Box::pin(tx.forget_attempt(&held.attempt, held.holder)))
            .await
    }

    /// Forgets the answers of more than a day ago; returns how many.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn forget_attempts(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), KEPT);
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_attempts(*before, PageSize::MAX)))
            .await
    }
}
