//! Audit events: making, listing and numbering them.

use longshore_domain::account::AccountId;
use longshore_domain::credential::Principal;
use longshore_domain::event::{Event, EventAction, NewEvent};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::{Error, Result};

use crate::Services;
use crate::leases::Job;

impl Services {
    /// Makes an event of now.
    pub(crate) fn event<const N: usize>(
        &self,
        principal: &Principal,
        account_id: Option<AccountId>,
        action: EventAction,
        subject: &str,
        data: [(&'static str, String); N],
    ) -> NewEvent {
        NewEvent {
            account_id,
            actor_id: principal.account_id(),
            actor_name: principal.display_name().to_owned(),
            action,
            subject: subject.to_owned(),
            data: data.into_iter().collect(),
            at: self.clock.now(),
        }
    }

    /// Lists the audit log, newest first: of one account, or of the whole registry.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `UserUnknown` when there is no such account.
    pub async fn list_events(
        &self,
        principal: &Principal,
        account: Option<&Namespace>,
        before: Option<i64>,
        size: PageSize,
    ) -> Result<Page<Event>> {
        self.require_operator(principal)?;
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

    /// Numbers events, folds usage changes that wait, and forgets what has expired of sign-ins, unless another node is doing that.
    /// For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn fold_records(&self) -> Result<()> {
        let work = async {
            while self.metadata.write((), |tx, ()| Box::pin(tx.number_events(PageSize::MAX))).await? > 0 {}
            while self.metadata.write((), |tx, ()| Box::pin(tx.fold_usage(PageSize::MAX))).await? > 0 {}
            while self
                .metadata
                .write((), |tx, ()| Box::pin(tx.fold_repository_changes(PageSize::MAX)))
                .await?
                > 0
            {}
            self.forget_failures().await?;
            let now = self.clock.now();
            let oldest = now.checked_sub(self.settings.refresh_ttl).unwrap_or(jiff::Timestamp::MIN);
            while self
                .metadata
                .write(oldest, |tx, oldest| Box::pin(tx.delete_old_refresh_tokens(*oldest, PageSize::MAX)))
                .await?
                > 0
            {}
            while self
                .metadata
                .write(now, |tx, now| Box::pin(tx.delete_expired_challenges(*now, PageSize::MAX)))
                .await?
                > 0
            {}
            Ok(())
        };
        self.alone(Job::FoldRecords, work).await.map(|_| ())
    }
}
