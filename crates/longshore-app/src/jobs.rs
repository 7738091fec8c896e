//! Jobs: long work that somebody asked for, whose progress others can watch, and which can be cancelled.
//!
//! A job is a row for people and durable work for the nodes: whichever takes it does it, and another one begins again when that
//! one dies. What a job does is done in steps that may be done again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_domain::access::action::AccountAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::job::{Job, JobId, JobKind, JobProgress, JobState};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::JobOutcome;
use longshore_domain::work::WorkItem;
use longshore_domain::{Error, Result};
use longshore_lifecycle::gc::GcMode;
use longshore_platform::earlier;
use longshore_platform::work::{WorkFailure, WorkKind, Worker, Workers};
use serde_json::{Value, json};

use crate::App;
use crate::new_jobs::JOB;

/// How often its progress is written down, and it is asked whether a job is to end.
const NEWS: Duration = Duration::from_secs(1);
/// How long a job that has ended is kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Does jobs.
struct Jobs(Arc<App>);

#[async_trait]
impl Worker for Jobs {
    fn kind(&self) -> WorkKind {
        JOB
    }

    async fn work(&self, item: &WorkItem) -> Result<u64, WorkFailure> {
        let id: JobId = item.payload.parse().map_err(|_| WorkFailure::Never("names no job".into()))?;
        self.0.do_job(id).await?;
        Ok(1)
    }

    async fn give_up(&self, item: &WorkItem, error: &str) -> Result<()> {
        let outcome = JobOutcome { state: JobState::Failed, result: None, error: Some(error.to_owned()) };
        self.0.end_job(item.payload.parse()?, outcome).await
    }
}

impl App {
    /// Returns what does jobs and nothing else: for a registry that is started for a command.
    pub fn job_workers(self: &Arc<Self>) -> Workers {
        Arc::new([Arc::new(Jobs(Arc::clone(self))) as Arc<dyn Worker>])
    }

    /// Starts a job.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn start_job(&self, actor: &Actor, kind: JobKind) -> Result<Job> {
        self.access.require_operator(actor)?;
        self.put_job(actor, kind, None).await
    }

    /// Returns a job.
    ///
    /// # Errors
    /// `JobUnknown`, also for what others asked for, unless it is the operator who wants to know.
    pub async fn get_job(&self, actor: &Actor, id: JobId) -> Result<Job> {
        let own = self.whose_jobs(actor, AccountAction::Identify).await?;
        let found = self.find_job(id).await?;
        found.filter(|job| own.is_none() || own == job.account).ok_or(Error::JobUnknown)
    }

    /// Returns whose jobs somebody does something with; `None` for all.
    async fn whose_jobs(&self, actor: &Actor, action: AccountAction) -> Result<Option<AccountId>> {
        match actor.is_operator() {
            true => Ok(None),
            false => Ok(Some(self.access.authorize_account(actor, action).await?.0.id)),
        }
    }

    async fn find_job(&self, id: JobId) -> Result<Option<Job>> {
        self.metadata.look_up(id, |tx, id| Box::pin(tx.find_job(*id))).await
    }

    /// Lists jobs, the newest first, strictly older than `before`: all for the operator, for everybody else those that they asked
    /// for.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody, and when the credential has become void; `Denied` for one that reads nothing of its account.
    pub async fn list_jobs(
        &self,
        actor: &Actor,
        before: Option<(jiff::Timestamp, JobId)>,
        size: PageSize,
    ) -> Result<Page<Job>> {
        let of = self.whose_jobs(actor, AccountAction::Read).await?;
        self.metadata
            .read((of, before, size), |tx, (of, before, size)| Box::pin(tx.list_jobs(*of, *before, *size)))
            .await
    }

    /// Wishes a job to end; what it has done stays done. One that has ended stays as it is.
    ///
    /// # Errors
    /// As [`App::get_job`]; `Denied` for a credential that only reads.
    pub async fn cancel_job(&self, actor: &Actor, id: JobId) -> Result<Job> {
        self.get_job(actor, id).await?;
        self.whose_jobs(actor, AccountAction::Manage).await?;
        self.metadata.write(id, |tx, id| Box::pin(tx.cancel_job(*id))).await?;
        self.get_job(actor, id).await
    }

    /// Does a job to its end.
    async fn do_job(&self, id: JobId) -> Result<()> {
        let Some(job) = self.find_job(id).await?.filter(|job| !job.state.is_final()) else { return Ok(()) };
        let cancelled = JobOutcome { state: JobState::Cancelled, result: None, error: None };
        if job.is_cancelled {
            return self.end_job(id, cancelled).await;
        }
        let input = (id, self.clock.now());
        self.metadata.write(input, |tx, (id, at)| Box::pin(tx.begin_job(*id, *at))).await?;
        let progress = Mutex::new(JobProgress::default());
        let work = self.perform(&job, &progress);
        tokio::pin!(work);
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break Some(outcome),
                () = tokio::time::sleep(NEWS) => {}
            }
            if self.note_progress(id, &progress).await? {
                break None;
            }
        };
        let ended = match outcome {
            None => cancelled,
            Some(Ok(result)) => {
                self.note_progress(id, &progress).await?;
                JobOutcome { state: JobState::Done, result: Some(result.to_string()), error: None }
            }
            // Another attempt may find the stores well again.
            Some(Err(error)) if error.is_fault() => return Err(error),
            Some(Err(error)) => {
                JobOutcome { state: JobState::Failed, result: None, error: Some(error.to_string()) }
            }
        };
        self.end_job(id, ended).await
    }

    /// Writes down how far a job is; returns whether it is to end.
    async fn note_progress(&self, id: JobId, progress: &Mutex<JobProgress>) -> Result<bool> {
        let progress = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.metadata
            .write((id, progress), |tx, (id, progress)| Box::pin(tx.note_progress(*id, progress)))
            .await
    }

    async fn end_job(&self, id: JobId, outcome: JobOutcome) -> Result<()> {
        let input = (id, outcome, self.clock.now());
        self.metadata
            .write(input, |tx, (id, outcome, at)| Box::pin(tx.end_job(*id, outcome, *at)))
            .await
            .map(|_| ())
    }

    async fn perform(&self, job: &Job, progress: &Mutex<JobProgress>) -> Result<Value> {
        let operator = &Actor::OPERATOR;
        let note = |done: u64, unit: &str, text: String| {
            let news = JobProgress { done, total: None, unit: unit.to_owned(), text };
            *progress.lock().unwrap_or_else(PoisonError::into_inner) = news;
        };
        match job.kind {
            JobKind::Verify => {
                let on_progress = |report: &longshore_lifecycle::verification::VerificationReport| {
                    let text = format!(
                        "{} manifests, {} blobs, {} MiB read, {} problems",
                        report.manifests,
                        report.blobs,
                        report.blob_bytes >> 20,
                        report.findings_total
                    );
                    note(report.manifests + report.blobs, "objects", text);
                };
                let report = self.lifecycle.verify(operator, &on_progress).await?;
                on_progress(&report);
                Ok(json!({
                    "manifests": report.manifests,
                    "blobs": report.blobs,
                    "blob_bytes": report.blob_bytes,
                    "problems": report.findings_total,
                    "findings": report.findings,
                }))
            }
            JobKind::VerifyStore => {
                let on_progress = |report: &longshore_lifecycle::reconciliation::ReconciliationReport| {
                    let text = format!(
                        "{} objects listed, {} blobs looked for, {} problems",
                        report.objects, report.blobs, report.damaged
                    );
                    note(report.objects + report.blobs, "objects", text);
                };
                let report = self.lifecycle.reconcile_store(operator, &on_progress).await?;
                on_progress(&report);
                Ok(json!({
                    "objects": report.objects,
                    "object_bytes": report.object_bytes,
                    "expected": report.expected,
                    "quarantined": report.quarantined,
                    "quarantined_bytes": report.quarantined_bytes,
                    "newly_quarantined": report.newly_quarantined,
                    "uploads_aborted": report.uploads_aborted,
                    "blobs": report.blobs,
                    "problems": report.damaged,
                    "findings": report.findings,
                }))
            }
            JobKind::DeleteImages => {
                let payload =
                    self.metadata.look_up(job.id, |tx, id| Box::pin(tx.find_job_payload(*id))).await?;
                let payload = payload.ok_or_else(|| Error::internal("a deletion without what it deletes"))?;
                let told = |images: u64, tags: u64, total: u64| {
                    let text = format!("{images} images and {tags} tags of {total} deleted");
                    let news = JobProgress { done: images, total: Some(total), unit: "images".into(), text };
                    *progress.lock().unwrap_or_else(PoisonError::into_inner) = news;
                };
                self.delete_images(&payload, &told).await
            }
            JobKind::CollectGarbage => {
                note(0, "objects", "collecting".into());
                let counts = self.lifecycle.run_gc(operator, GcMode::Collect).await?;
                note(counts.blobs_deleted, "objects", format!("{} bytes freed", counts.freed_bytes));
                Ok(json!({
                    "uploads_expired": counts.uploads_expired,
                    "manifests_collected": counts.manifests_collected,
                    "manifests_purged": counts.manifests_purged,
                    "links_removed": counts.links_removed,
                    "blobs_deleted": counts.blobs_deleted,
                    "freed_bytes": counts.freed_bytes,
                }))
            }
        }
    }

    /// Forgets jobs that ended long ago.
    pub(crate) async fn forget_jobs(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), KEPT);
        self.metadata.drain(before, |tx, before| Box::pin(tx.delete_old_jobs(*before, PageSize::MAX))).await
    }
}
