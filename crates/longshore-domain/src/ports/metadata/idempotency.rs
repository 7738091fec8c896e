//! Requests that are sent again and done once.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::idempotency::{Attempt, AttemptState, KeptAnswer};
use crate::page::PageSize;

/// Who begins an attempt, and until when those of before count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptTerms {
    /// Who handles it.
    pub holder: Uuid,
    /// Now.
    pub now: Timestamp,
    /// One without an answer that was not seen alive since died with its node.
    pub alive_since: Timestamp,
    /// An answer of before that is forgotten.
    pub kept_since: Timestamp,
}

/// Answers to requests that may be sent again.
#[async_trait]
pub trait IdempotencyRecords {
    /// Begins an attempt, or tells what became of it before.
    async fn begin_attempt(&mut self, attempt: &Attempt, terms: &AttemptTerms) -> Result<AttemptState>;
    /// Notes that an attempt is alive; nothing when it is not this holder's any more.
    async fn renew_attempt(&mut self, attempt: &Attempt, holder: Uuid, now: Timestamp) -> Result<()>;
    /// Keeps the answer to an attempt; nothing when it is not this holder's any more.
    async fn answer_attempt(
        &mut self,
        attempt: &Attempt,
        holder: Uuid,
        answer: &KeptAnswer,
        now: Timestamp,
    ) -> Result<()>;
    /// Forgets an attempt without an answer, so that it is handled when it is sent again.
    async fn forget_attempt(&mut self, attempt: &Attempt, holder: Uuid) -> Result<()>;
    /// Forgets attempts that were seen last before a time, at most `size`; returns how many.
    async fn delete_old_attempts(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
