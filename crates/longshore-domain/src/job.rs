//! Long work that somebody asked for, with its progress, which others can watch and cancel.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::account::AccountId;
use crate::error::{Error, Result};

/// Public id of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::JobUnknown)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Read everything back and report what is damaged.
    Verify,
    /// Compare what the blob store has with what the database names.
    VerifyStore,
    /// Collect garbage that is due.
    CollectGarbage,
    /// Delete images and tags of a repository, more than one request takes.
    DeleteImages,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Verify, Self::VerifyStore, Self::CollectGarbage, Self::DeleteImages];

    /// Returns its name, in the database and for clients; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::VerifyStore => "verify_store",
            Self::CollectGarbage => "collect_garbage",
            Self::DeleteImages => "delete_images",
        }
    }
}

impl FromStr for JobKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("no kind of job is {text:?}")))
    }
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nobody has begun it.
    Waiting,
    /// It is being done; after the node that did it died, until another one goes on.
    Running,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// Returns its name, in the database and for clients; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns whether nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for JobState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("no state of a job is {text:?}")))
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// How much is done, of [`JobProgress::unit`].
    pub done: u64,
    /// How much there is; `None` while that is not known.
    pub total: Option<u64>,
    /// What is counted, such as `blobs`.
    pub unit: String,
    /// How it stands, in words.
    pub text: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its public id.
    pub id: JobId,
    /// What is to be done.
    pub kind: JobKind,
    /// What became of it.
    pub state: JobState,
    /// Name of who asked for it.
    pub wanted_by: String,
    /// The account that asked for it, and may watch it; `None` for the operator's.
    pub account: Option<AccountId>,
    /// How far it is.
    pub progress: JobProgress,
    /// Whether it is to end as soon as it can.
    pub is_cancelled: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What came of it, as a JSON object.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_states_are_read_as_they_are_written() {
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse::<JobKind>().unwrap(), kind);
        }
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), state);
        }
        assert!("".parse::<JobKind>().is_err() && "x".parse::<JobId>().is_err());
    }
}
