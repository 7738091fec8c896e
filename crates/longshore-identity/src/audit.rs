//! The audit log: who may read it, and lists of it.

use longshore_domain::access::actor::Actor;
use longshore_domain::event::{Event, EventFilter};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::{Error, Result};

use crate::Identities;

impl Identities {
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
        self.access.require_operator(actor)?;
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
    /// As [`authorize_audit`](longshore_access::AccessControl::authorize_audit).
    pub async fn list_account_events(
        &self,
        actor: &Actor,
        account: &Namespace,
        filter: EventFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Event>> {
        let account = self.access.authorize_audit(actor, account).await?;
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
        self.access.require_operator(actor)?;
        self.note_before_reading().await;
        let account = match account {
            None => None,
            Some(name) => Some(self.access.find_account(name).await?.id),
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
}
