//! Writing jobs down: the row that people watch, and the work that a node takes.

use std::time::Duration;

use longshore_domain::Result;
use longshore_domain::access::actor::Actor;
use longshore_domain::job::{Job, JobId, JobKind, JobProgress, JobState};
use longshore_platform::work::{NOBODYS_LANE, WorkKind};

use crate::App;

/// The work of doing a job. A store that does not answer for a while is no reason to give it up.
pub(crate) const JOB: WorkKind = WorkKind {
    name: "job",
    retries: &[Duration::from_secs(30), Duration::from_secs(300)],
    at_once: 2,
    time_limit: Duration::from_secs(7 * 24 * 3600),
    every: None,
};

impl App {
    /// Writes a job down, for whoever may ask for it.
    pub(crate) async fn put_job(&self, actor: &Actor, kind: JobKind, payload: Option<String>) -> Result<Job> {
        let id = JobId(self.platform.new_uuid());
        let job = Job {
            id,
            kind,
            state: JobState::Waiting,
            wanted_by: actor.display_name().to_owned(),
            account: actor.account_id(),
            progress: JobProgress::default(),
            is_cancelled: false,
            created_at: self.clock.now(),
            started_at: None,
            finished_at: None,
            result: None,
            error: None,
        };
        let work = self.platform.new_work(JOB, Some(id.to_string()), NOBODYS_LANE.to_owned(), id.to_string());
        let job = self
            .metadata
            .write((job, payload, work), |tx, (job, payload, work)| {
                Box::pin(async move {
                    tx.create_job(job, payload.as_deref()).await?;
                    tx.put_work(work).await?;
                    Ok(job.clone())
                })
            })
            .await?;
        self.platform.wake_workers();
        Ok(job)
    }
}
