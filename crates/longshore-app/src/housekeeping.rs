//! Housekeeping: what is done to the records from time to time, one small job per noun, by whichever node takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_domain::Result;
use longshore_domain::page::PageSize;
use longshore_domain::work::WorkItem;
use longshore_identity::authentication::PRESENCE;
use longshore_identity::own_email::{EMAIL_MESSAGE, EmailMessages};
use longshore_organizations::invite_messages::{INVITE_MESSAGE, InviteMessages};

use crate::App;
use crate::new_jobs::JOB;
use longshore_content::limits::day_of;
use longshore_platform::earlier;
use longshore_platform::work::{WorkFailure, WorkKind, Worker, Workers};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept what namespaces stored and sent day by day.
const USAGE_DAYS_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long it is kept what retention policies deleted.
const RETENTION_LOG_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long it is kept what work was given up.
const DEAD_WORK_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Does the job once, and returns how many records it dealt with.
type Run = for<'a> fn(&'a App) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

/// The jobs: name, how often, what.
const JOBS: &[(&str, Duration, Run)] = &[
    ("number-events", MINUTE, |app| Box::pin(app.number_events())),
    ("forget-events", HOUR, |app| Box::pin(app.forget_events())),
    ("fold-usage", MINUTE, |app| Box::pin(app.fold_usage())),
    ("record-stored", MINUTE, |app| Box::pin(app.record_stored())),
    ("forget-nodes", HOUR, |app| Box::pin(app.platform.forget_silent_nodes())),
    ("forget-usage-days", DAY, |app| Box::pin(app.forget_usage_days())),
    ("fold-repository-changes", MINUTE, |app| Box::pin(app.fold_repository_changes())),
    ("forget-sign-in-failures", MINUTE, |app| Box::pin(app.platform.forget_failures())),
    ("forget-sign-in-challenges", MINUTE, |app| Box::pin(app.forget_challenges())),
    ("forget-rate-counts", MINUTE, |app| Box::pin(app.platform.forget_rates())),
    ("forget-refresh-tokens", HOUR, |app| Box::pin(app.forget_refresh_tokens())),
    ("forget-credentials", HOUR, |app| Box::pin(app.forget_credentials())),
    ("forget-signatures", MINUTE, |app| Box::pin(app.forget_signatures())),
    ("forget-revocations", HOUR, |app| Box::pin(app.forget_revocations())),
    ("forget-web-sessions", HOUR, |app| Box::pin(app.identity.forget_web_sessions())),
    ("forget-presences", MINUTE, |app| Box::pin(app.forget_presences())),
    ("forget-invites", HOUR, |app| Box::pin(app.forget_invites())),
    ("forget-email-changes", HOUR, |app| Box::pin(app.identity.forget_email_changes())),
    ("forget-finished-uploads", MINUTE, |app| Box::pin(app.content.forget_finished_uploads())),
    ("forget-deletions", HOUR, |app| Box::pin(app.content.forget_deletions())),
    ("forget-attempts", HOUR, |app| Box::pin(app.platform.forget_attempts())),
    ("forget-retention-log", DAY, |app| Box::pin(app.forget_retention_log())),
    ("forget-jobs", HOUR, |app| Box::pin(app.forget_jobs())),
    ("order-tags", HOUR, |app| Box::pin(app.add_version_keys())),
    ("forget-dead-work", DAY, |app| Box::pin(app.forget_dead_work())),
];

/// Returns the kinds of all work that this version knows.
pub(crate) fn kinds() -> impl Iterator<Item = WorkKind> {
    JOBS.iter().map(|(name, every, _)| WorkKind::repeating(name, *every)).chain([
        INVITE_MESSAGE,
        EMAIL_MESSAGE,
        JOB,
    ])
}

/// Returns the longest that any work waits.
pub(crate) fn longest_wait() -> Duration {
    kinds().map(|kind| kind.longest_wait()).max().unwrap_or_default()
}

/// A job of the table.
struct Housekeeping {
    app: Arc<App>,
    kind: WorkKind,
    run: Run,
}

#[async_trait]
impl Worker for Housekeeping {
    fn kind(&self) -> WorkKind {
        self.kind
    }

    async fn work(&self, _: &WorkItem) -> Result<u64, WorkFailure> {
        Ok((self.run)(&self.app).await?)
    }
}

impl App {
    /// Returns what this node can do of durable work.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let jobs = JOBS.iter().map(|(name, every, run)| {
            let (app, kind) = (Arc::clone(self), WorkKind::repeating(name, *every));
            Arc::new(Housekeeping { app, kind, run: *run }) as Arc<dyn Worker>
        });
        let messages: Vec<Arc<dyn Worker>> = match &self.mailer {
            Some(mailer) => {
                let (identities, mailer) = (Arc::clone(&self.identity), Arc::clone(mailer));
                vec![
                    Arc::new(InviteMessages(Arc::clone(&self.organizations))),
                    Arc::new(EmailMessages { identities, mailer }),
                ]
            }
            None => Vec::new(),
        };
        jobs.chain(messages).chain(self.job_workers().iter().cloned()).collect()
    }

    /// Does all housekeeping once, in the order of the table, whenever it is due.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn do_housekeeping(&self) -> Result<()> {
        for (name, _, run) in JOBS {
            self.platform.run_job(name, run(self)).await?;
        }
        Ok(())
    }

    async fn number_events(&self) -> Result<u64> {
        self.metadata.drain((), |tx, ()| Box::pin(tx.number_events(PageSize::MAX))).await
    }

    async fn forget_events(&self) -> Result<u64> {
        let Some(kept) = self.settings.audit_retention else { return Ok(0) };
        let before = earlier(self.clock.now(), kept);
        self.metadata.drain(before, |tx, before| Box::pin(tx.delete_old_events(*before, PageSize::MAX))).await
    }

    async fn fold_usage(&self) -> Result<u64> {
        let today = day_of(self.clock.now());
        self.metadata.drain(today, |tx, today| Box::pin(tx.fold_usage(*today, PageSize::MAX))).await
    }

    async fn forget_usage_days(&self) -> Result<u64> {
        let before = earlier(day_of(self.clock.now()), USAGE_DAYS_KEPT);
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_usage_days(*before, PageSize::MAX)))
            .await
    }

    /// Gives tags what orders by version need that were there before there was one.
    async fn add_version_keys(&self) -> Result<u64> {
        self.metadata.drain((), |tx, ()| Box::pin(tx.add_version_keys(PageSize::MAX))).await
    }

    async fn fold_repository_changes(&self) -> Result<u64> {
        self.metadata.drain((), |tx, ()| Box::pin(tx.fold_repository_changes(PageSize::MAX))).await
    }

    async fn forget_challenges(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_expired_challenges(*now, PageSize::MAX))).await
    }

    async fn forget_refresh_tokens(&self) -> Result<u64> {
        let oldest = earlier(self.clock.now(), self.settings.refresh_ttl);
        self.metadata
            .drain(oldest, |tx, oldest| Box::pin(tx.delete_old_refresh_tokens(*oldest, PageSize::MAX)))
            .await
    }

    async fn forget_credentials(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_expired_credentials(*now, PageSize::MAX))).await
    }

    async fn forget_signatures(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_old_signatures(*now, PageSize::MAX))).await
    }

    async fn forget_revocations(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_old_revocations(*now, PageSize::MAX))).await
    }

    async fn forget_presences(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), PRESENCE);
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_presences(*before, PageSize::MAX)))
            .await
    }

    async fn forget_invites(&self) -> Result<u64> {
        let now = self.clock.now();
        self.metadata.drain(now, |tx, now| Box::pin(tx.delete_expired_invites(*now, PageSize::MAX))).await
    }

    async fn forget_retention_log(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), RETENTION_LOG_KEPT);
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_old_retention_log(*before, PageSize::MAX)))
            .await
    }

    async fn forget_dead_work(&self) -> Result<u64> {
        self.platform.forget_dead_work(earlier(self.clock.now(), DEAD_WORK_KEPT)).await
    }
}
