//! Times that were written under a clock that has gone back since.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;

/// How far ahead of now a time in the store can lie, by what it is for. One that lies further ahead was written by a clock
/// that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Not at all: it says when something was, and something else is counted from it.
    Nothing,
    /// Until another node takes a job over.
    Takeover,
    /// Until the end of the lease of content.
    Lease,
    /// Until content is looked at again: the end of its lease, or of the time in which it can be restored.
    Review,
    /// Until an upload without progress is given up.
    Upload,
    /// Until a sign-in that waits for a second factor ends.
    Challenge,
    /// Until all that a signing key has signed has ended.
    SigningKey,
    /// Until the last token for pushing to a registry ends.
    WriteTokens,
    /// Until a registry that is being collected opens again when nobody goes on with that.
    ReadOnly,
    /// Until a retention policy is applied again.
    Retention,
    /// Until a signature of a request can be forgotten.
    Signature,
    /// Until an invite ends.
    Invite,
    /// Until a window in which requests are counted ends.
    RateWindow,
    /// Until durable work is due.
    Work,
}

impl Ahead {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Nothing,
        Self::Takeover,
        Self::Lease,
        Self::Review,
        Self::Upload,
        Self::Challenge,
        Self::SigningKey,
        Self::WriteTokens,
        Self::ReadOnly,
        Self::Retention,
        Self::Signature,
        Self::Invite,
        Self::RateWindow,
        Self::Work,
    ];
}

/// Times that were written under a clock that has gone back since.
#[async_trait]
pub trait TimeRecords {
    /// Lowers all times after `latest` to it, in the column of this number, from 0 on, of those with times of a kind. Returns how
    /// many that were; `None` when there is no such column. It reads a whole table, and changes all that was written under the
    /// wrong clock: for the one time after it was set right.
    async fn lower_times(&mut self, ahead: Ahead, number: usize, latest: Timestamp) -> Result<Option<u64>>;
}
