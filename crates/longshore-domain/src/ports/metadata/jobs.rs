//! Long work that somebody asked for.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::error::Result;
use crate::job::{Job, JobId, JobProgress, JobState};
use crate::page::{Page, PageSize};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutcome {
    /// What became of it.
    pub state: JobState,
    /// What came of it, as a JSON object.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Jobs.
#[async_trait]
pub trait JobRecords {
    /// Writes a new job down.
    async fn create_job(&mut self, job: &Job, payload: Option<&str>) -> Result<()>;
    /// Finds what a job works on, as a JSON object.
    async fn find_job_payload(&mut self, id: JobId) -> Result<Option<String>>;
    /// Returns a job.
    async fn find_job(&mut self, id: JobId) -> Result<Option<Job>>;
    /// Lists jobs, the newest first, strictly older than `before`; of one account, or all.
    async fn list_jobs(
        &mut self,
        of: Option<AccountId>,
        before: Option<(Timestamp, JobId)>,
        size: PageSize,
    ) -> Result<Page<Job>>;
    /// Notes that a job that has not ended is being done.
    async fn begin_job(&mut self, id: JobId, at: Timestamp) -> Result<()>;
    /// Notes how far a job is that has not ended; returns whether it is to end.
    async fn note_progress(&mut self, id: JobId, progress: &JobProgress) -> Result<bool>;
    /// Ends a job that has not ended; returns whether it did.
    async fn end_job(&mut self, id: JobId, outcome: &JobOutcome, at: Timestamp) -> Result<bool>;
    /// Wishes a job that has not ended to end; returns whether there is such a one.
    async fn cancel_job(&mut self, id: JobId) -> Result<bool>;
    /// Forgets jobs that ended before a time, at most `size`; returns how many.
    async fn delete_old_jobs(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
