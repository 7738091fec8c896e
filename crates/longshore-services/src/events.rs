//! Audit events: making, listing and numbering them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::event::{Event, EventAction, EventFilter, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::{Error, Result};

use crate::leases::Job;
use crate::limits::day_of;
use crate::origins::RequestOrigin;
use crate::{Services, earlier};

/// How long it is kept what namespaces stored and sent day by day.
const USAGE_DAYS_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long it is kept what retention policies deleted.
const RETENTION_LOG_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

impl Services {
    /// Makes an event of now.
    pub(crate) fn event(
        &self,
        actor: &Actor,
        account_id: Option<AccountId>,
        action: EventAction,
        subject: &str,
        data: impl IntoIterator<Item = (&'static str, String)>,
    ) -> NewEvent {
        let RequestOrigin { address, program } = RequestOrigin::current();
        NewEvent {
            account_id,
            actor_id: actor.account_id(),
            actor_name: actor.display_name().to_owned(),
            action,
            subject: subject.to_owned(),
            data: data.into_iter().collect(),
            at: self.clock.now(),
            address,
            program,
        }
    }

    /// Lists the audit log, newest first: of one account, or of the whole registry.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown` when there is no such account.
    pub async fn list_events(
        &self,
        actor: &Actor,
        account: Option<&Namespace>,
        before: Option<i64>,
        size: PageSize,
    ) -> Result<Page<Event>> {
        self.require_operator(actor)?;
        self.note_before_reading().await;
        let events = self
            .metadata
            .read((account.cloned(), before, size), |tx, (account, before, size)| {
                Box::pin(async move {
                    let account = match account {
                        None => None,
                        Some(name) => match tx.find_account_by_name(name).await? {
                            Some(account) => Some(account.id),
                            None => return Err(Error::UserUnknown(name.to_string())),
                        },
                    };
                    tx.list_events(account, *before, *size).await
                })
            })
            .await?;
        Ok(Page::from_overfull(events, size))
    }

    /// Lists an account's audit log, newest first, leaving out the first `offset`.
    ///
    /// # Errors
    /// As [`Services::authorize_audit`].
    pub async fn list_account_events(
        &self,
        actor: &Actor,
        account: &Namespace,
        filter: EventFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Event>> {
        let account = self.authorize_audit(actor, account).await?;
        self.note_before_reading().await;
        self.metadata
            .read((account.id, filter, offset, size), |tx, (id, filter, offset, size)| {
                Box::pin(tx.list_account_events(*id, filter, *offset, *size))
            })
            .await
    }

    /// Lists the audit log in the order of recording, strictly after `after`: for export.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown` when there is no such account.
    pub async fn list_events_after(
        &self,
        actor: &Actor,
        account: Option<&Namespace>,
        after: i64,
        size: PageSize,
    ) -> Result<Vec<Event>> {
        self.require_operator(actor)?;
        self.note_before_reading().await;
        let account = match account {
            None => None,
            Some(name) => Some(self.find_account(name).await?.id),
        };
        self.metadata
            .read((account, after, size), |tx, (account, after, size)| {
                Box::pin(tx.list_events_after(*account, *after, *size))
            })
            .await
    }

    /// Records what waits, so that whoever reads sees what happened before; what cannot be recorded waits on.
    async fn note_before_reading(&self) {
        if let Err(error) = self.record_sign_ins().await {
            tracing::warn!(error = %error, "events about sign-ins wait for being recorded");
        }
    }

    /// Numbers events, folds usage changes that wait, and forgets what has expired of sign-ins, unless another node is doing that.
    /// For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn fold_records(&self) -> Result<()> {
        let work = async {
            self.drain((), |tx, ()| Box::pin(tx.number_events(PageSize::MAX))).await?;
            let today = day_of(self.clock.now());
            self.drain(today, |tx, today| Box::pin(tx.fold_usage(*today, PageSize::MAX))).await?;
            self.drain((), |tx, ()| Box::pin(tx.fold_repository_changes(PageSize::MAX))).await?;
            self.forget_failures().await?;
            self.forget_rates().await?;
            let now = self.clock.now();
            if let Some(kept) = self.settings.audit_retention {
                let before = earlier(now, kept);
                self.drain(before, |tx, before| Box::pin(tx.delete_old_events(*before, PageSize::MAX)))
                    .await?;
            }
            let oldest = earlier(now, self.settings.refresh_ttl);
            self.drain(oldest, |tx, oldest| Box::pin(tx.delete_old_refresh_tokens(*oldest, PageSize::MAX)))
                .await?;
            self.drain(now, |tx, now| Box::pin(tx.delete_expired_challenges(*now, PageSize::MAX))).await?;
            self.drain(now, |tx, now| Box::pin(tx.delete_expired_invites(*now, PageSize::MAX))).await?;
            self.drain(now, |tx, now| Box::pin(tx.delete_expired_credentials(*now, PageSize::MAX))).await?;
            // What is kept for ever is looked at each time, so that once a day is enough.
            let is_new_day = now.duration_since(today) < SignedDuration::from_mins(10);
            let kept_from = if is_new_day { earlier(today, USAGE_DAYS_KEPT) } else { Timestamp::MIN };
            self.drain(kept_from, |tx, from| Box::pin(tx.delete_old_usage_days(*from, PageSize::MAX)))
                .await?;
            let logged_from = earlier(now, RETENTION_LOG_KEPT);
            self.drain(logged_from, |tx, from| Box::pin(tx.delete_old_retention_log(*from, PageSize::MAX)))
                .await?;
            self.drain(now, |tx, now| Box::pin(tx.delete_old_signatures(*now, PageSize::MAX))).await?;
            self.forget_finished_uploads().await?;
            self.drain(now, |tx, now| Box::pin(tx.delete_old_revocations(*now, PageSize::MAX))).await?;
            Ok(())
        };
        self.alone(Job::FoldRecords, work).await.map(|_| ())
    }
}
