//! Housekeeping: what is done to the records from time to time, by one node.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use longshore_domain::Result;
use longshore_domain::page::PageSize;

use crate::App;
use longshore_content::limits::day_of;
use longshore_platform::earlier;
use longshore_platform::leases::Job;

/// How long it is kept what namespaces stored and sent day by day.
const USAGE_DAYS_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long it is kept what retention policies deleted.
const RETENTION_LOG_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

impl App {
    /// Numbers events, folds usage changes that wait, and forgets what has expired of sign-ins, unless another node is doing that.
    /// For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn fold_records(&self) -> Result<()> {
        let work = async {
            self.platform.drain((), |tx, ()| Box::pin(tx.number_events(PageSize::MAX))).await?;
            let today = day_of(self.clock.now());
            self.platform.drain(today, |tx, today| Box::pin(tx.fold_usage(*today, PageSize::MAX))).await?;
            self.platform.drain((), |tx, ()| Box::pin(tx.fold_repository_changes(PageSize::MAX))).await?;
            self.platform.forget_failures().await?;
            self.platform.forget_rates().await?;
            let now = self.clock.now();
            if let Some(kept) = self.settings.audit_retention {
                let before = earlier(now, kept);
                self.platform
                    .drain(before, |tx, before| Box::pin(tx.delete_old_events(*before, PageSize::MAX)))
                    .await?;
            }
            let oldest = earlier(now, self.settings.refresh_ttl);
            self.platform
                .drain(oldest, |tx, oldest| Box::pin(tx.delete_old_refresh_tokens(*oldest, PageSize::MAX)))
                .await?;
            self.platform
                .drain(now, |tx, now| Box::pin(tx.delete_expired_challenges(*now, PageSize::MAX)))
                .await?;
            self.platform
                .drain(now, |tx, now| Box::pin(tx.delete_expired_invites(*now, PageSize::MAX)))
                .await?;
            self.platform
                .drain(now, |tx, now| Box::pin(tx.delete_expired_credentials(*now, PageSize::MAX)))
                .await?;
            // What is kept for ever is looked at each time, so that once a day is enough.
            let is_new_day = now.duration_since(today) < SignedDuration::from_mins(10);
            let kept_from = if is_new_day { earlier(today, USAGE_DAYS_KEPT) } else { Timestamp::MIN };
            self.platform
                .drain(kept_from, |tx, from| Box::pin(tx.delete_old_usage_days(*from, PageSize::MAX)))
                .await?;
            let logged_from = earlier(now, RETENTION_LOG_KEPT);
            self.platform
                .drain(logged_from, |tx, from| Box::pin(tx.delete_old_retention_log(*from, PageSize::MAX)))
                .await?;
            self.platform
                .drain(now, |tx, now| Box::pin(tx.delete_old_signatures(*now, PageSize::MAX)))
                .await?;
            self.content.forget_finished_uploads().await?;
            self.platform
                .drain(now, |tx, now| Box::pin(tx.delete_old_revocations(*now, PageSize::MAX)))
                .await?;
            Ok(())
        };
        self.platform.with_lease(Job::FoldRecords, work).await.map(|_| ())
    }
}
