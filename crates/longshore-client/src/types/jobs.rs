//! Long work, with its progress.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Read everything back and report what is damaged.
    #[default]
    Verify,
    /// Compare what the blob store has with what the database names: report what is missing, and put what nobody needs into
    /// quarantine.
    VerifyStore,
    /// Collect garbage that is due.
    CollectGarbage,
    /// Delete images and tags, more than one request takes; asked for by deleting them.
    DeleteImages,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// A job that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateJob {
    /// What is to be done.
    pub kind: JobKind,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Nobody has begun it.
    Waiting,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// A newer registry says something that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

impl JobState {
    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobProgress {
    /// How much is done.
    pub done: u64,
    /// How much there is; null while that is not known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: String,
    /// How it stands, in words.
    pub text: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobInfo {
    /// Its id.
    pub id: String,
    /// What is to be done.
    pub kind: JobKind,
    /// What became of it.
    pub state: JobState,
    /// Name of who asked for it.
    pub wanted_by: String,
    /// How far it is.
    pub progress: JobProgress,
    /// Whether it is to end as soon as it can.
    pub is_cancelled: bool,
    /// When it was asked for.
    pub created_at: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// What came of it; what that has depends on the kind.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
}
