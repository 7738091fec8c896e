//! Sharing repositories with other accounts, for pulling.
//!
//! SWR API, "Shared accounts".

use std::sync::Arc;

use longshore_domain::access::action::{AccountAction, RepositoryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::account::Account;
use longshore_domain::event::EventAction;
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::OrganizationsTx;
use longshore_domain::repository::Repository;
use longshore_domain::share::{SHARES_LIMIT, Share, ShareTerms};
use longshore_domain::{Error, Field, Result};

use crate::Organizations;
use crate::deactivation::check_not_deactivated;

async fn find_sharer(tx: &mut dyn OrganizationsTx, account: &Namespace) -> Result<Account> {
    let found = tx.find_account_by_name(account).await?;
    found.ok_or_else(|| Error::UserUnknown(account.to_string()))
}

fn unshared(name: &RepositoryName, account: &Namespace) -> Error {
    Error::ShareUnknown { repository: name.clone(), account: account.clone() }
}

/// Returns what the event about a share says.
fn event_data(account: &Namespace, terms: &ShareTerms) -> [(&'static str, String); 2] {
    let until = terms.expires_at.map_or_else(|| "forever".to_owned(), |at| at.to_string());
    [("account", account.to_string()), ("until", until)]
}

impl Organizations {
    /// Returns a repository, when the actor may decide with whom it is shared.
    async fn authorize_sharing(&self, actor: &Actor, name: &RepositoryName) -> Result<Arc<Repository>> {
        let repository = self.access.authorize_existing(actor, name, RepositoryAction::AssignTeam).await?;
        self.access.authorize_account(actor, AccountAction::Manage).await?;
        Ok(repository)
    }

    /// Shares a repository with an account: a user, or an organization for all its members.
    ///
    /// # Errors
    /// As [`authorize_existing`](longshore_access::AccessControl::authorize_existing); `Denied` for access tokens; `UserUnknown`; `Exists`; `Invalid` for the description or
    /// a time that has passed, and for its own account; `LimitReached` for too many.
    pub async fn create_share(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
        terms: ShareTerms,
    ) -> Result<()> {
        let repository = self.authorize_sharing(actor, name).await?;
        terms.check()?;
        self.check_end(&terms)?;
        if name.namespace() == *account {
            let reason = "is the account that has the repository".into();
            return Err(Error::Invalid { field: Field::ShareAccount, reason });
        }
        let data = event_data(account, &terms);
        let action = EventAction::RepositoryShared;
        let event = self.platform.event(actor, Some(repository.namespace_id), action, name.as_str(), data);
        self.metadata
            .write((repository, account.clone(), terms, event), |tx, (repository, account, terms, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let with = find_sharer(tx, account).await?;
                    if let Some(namespace) = tx.find_account(repository.namespace_id).await? {
                        check_not_deactivated(tx, &namespace, &with).await?;
                    }
                    if tx.count_shares(repository.id).await? >= SHARES_LIMIT {
                        return Err(Error::LimitReached { what: Limited::Shares, limit: SHARES_LIMIT });
                    }
                    if !tx.create_share(repository.id, with.id, terms, event.actor_id, event.at).await? {
                        return Err(Error::Exists(Existing::Share {
                            repository: repository.name.clone(),
                            account: account.clone(),
                        }));
                    }
                    tx.record_event(event).await
                })
            })
            .await
    }

    fn check_end(&self, terms: &ShareTerms) -> Result<()> {
        match terms.expires_at.is_some_and(|expires_at| expires_at <= self.clock.now()) {
            true => Err(Error::Invalid { field: Field::ShareEnd, reason: "must lie in the future".into() }),
            false => Ok(()),
        }
    }

    /// Changes until when a repository is shared with an account.
    ///
    /// # Errors
    /// As [`Organizations::create_share`]; `ShareUnknown`.
    pub async fn change_share(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
        terms: ShareTerms,
    ) -> Result<()> {
        let repository = self.authorize_sharing(actor, name).await?;
        terms.check()?;
        self.check_end(&terms)?;
        let data = event_data(account, &terms);
        let action = EventAction::RepositoryShareChanged;
        let event = self.platform.event(actor, Some(repository.namespace_id), action, name.as_str(), data);
        self.metadata
            .write((repository, account.clone(), terms, event), |tx, (repository, account, terms, event)| {
                Box::pin(async move {
                    let found = tx.find_account_by_name(account).await?;
                    let with = found.ok_or_else(|| unshared(&repository.name, account))?;
                    match tx.change_share(repository.id, with.id, terms, event.at).await? {
                        true => tx.record_event(event).await,
                        false => Err(unshared(&repository.name, account)),
                    }
                })
            })
            .await
    }

    /// Shares a repository with an account, or changes until when it is.
    ///
    /// # Errors
    /// As [`Organizations::create_share`], but for `Exists`.
    pub async fn put_share(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
        terms: ShareTerms,
    ) -> Result<()> {
        match self.create_share(actor, name, account, terms.clone()).await {
            Err(Error::Exists(Existing::Share { .. })) => {
                self.change_share(actor, name, account, terms).await
            }
            other => other,
        }
    }

    /// Ends the sharing of a repository with an account.
    ///
    /// # Errors
    /// As [`Organizations::change_share`].
    pub async fn delete_share(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
    ) -> Result<()> {
        let repository = self.authorize_sharing(actor, name).await?;
        let data = [("account", account.to_string())];
        let action = EventAction::RepositoryUnshared;
        let event = self.platform.event(actor, Some(repository.namespace_id), action, name.as_str(), data);
        self.metadata
            .write((repository, account.clone(), event), |tx, (repository, account, event)| {
                Box::pin(async move {
                    let found = tx.find_account_by_name(account).await?;
                    let with = found.ok_or_else(|| unshared(&repository.name, account))?;
                    match tx.delete_share(repository.id, with.id).await? {
                        true => tx.record_event(event).await,
                        false => Err(unshared(&repository.name, account)),
                    }
                })
            })
            .await
    }

    /// Lists the accounts that a repository is shared with, by name.
    ///
    /// # Errors
    /// As [`Organizations::create_share`] for who may not decide.
    pub async fn list_shares(&self, actor: &Actor, name: &RepositoryName) -> Result<Vec<Share>> {
        let repository = self.authorize_sharing(actor, name).await?;
        self.metadata.read(repository.id, |tx, id| Box::pin(tx.list_shares(*id, PageSize::MAX))).await
    }

    /// Returns the sharing of a repository with an account; `None` when it is not shared with it.
    ///
    /// # Errors
    /// As [`Organizations::list_shares`].
    pub async fn find_share(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        account: &Namespace,
    ) -> Result<Option<Share>> {
        let repository = self.authorize_sharing(actor, name).await?;
        self.metadata
            .look_up((repository.id, account.clone()), |tx, (id, account)| {
                Box::pin(async move {
                    let Some(with) = tx.find_account_by_name(account).await? else { return Ok(None) };
                    tx.find_share(*id, with.id).await
                })
            })
            .await
    }
}
