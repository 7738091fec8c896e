//! Repositories.

use longshore_domain::account::AccountId;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::name::RepositoryName;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::permission::Action;
use longshore_domain::ports::metadata::Tx;
use longshore_domain::repository::{Repository, Visibility};
use longshore_domain::{Error, Result};

use crate::Services;
use crate::authentication::Caller;

/// Finds a repository, or creates it private with its event.
pub(crate) async fn ensure_repository(
    tx: &mut dyn Tx,
    namespace_id: AccountId,
    name: &RepositoryName,
    by: &NewEvent,
) -> Result<Repository> {
    if let Some(repository) = tx.find_repository(name).await? {
        return Ok(repository);
    }
    match create(tx, namespace_id, name, Visibility::Private, by).await {
        // Another push created it meanwhile.
        Err(Error::Exists(_)) => {
            tx.find_repository(name).await?.ok_or_else(|| Error::RepositoryUnknown(name.clone()))
        }
        created => created,
    }
}

async fn create(
    tx: &mut dyn Tx,
    namespace_id: AccountId,
    name: &RepositoryName,
    visibility: Visibility,
    by: &NewEvent,
) -> Result<Repository> {
    let repository = tx.create_repository(namespace_id, name, visibility, by.actor_id, by.at).await?;
    let event = NewEvent {
        account_id: Some(namespace_id),
        action: EventAction::RepositoryCreated,
        subject: name.to_string(),
        data: [("visibility", visibility.as_str().to_owned())].into(),
        ..by.clone()
    };
    tx.record_event(&event).await?;
    Ok(repository)
}

impl Services {
    /// Creates an empty repository.
    ///
    /// # Errors
    /// `Denied` when the caller may not push there; `OrganizationUnknown` when there is no such namespace; `Exists`.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        visibility: Visibility,
    ) -> Result<Repository> {
        let access = self.access(&caller.principal, name).await?;
        let namespace_id =
            access.namespace_id.ok_or_else(|| Error::OrganizationUnknown(name.namespace_str().to_owned()))?;
        self.authorize(caller, name, Action::Push).await?;
        let by = self.event(
            &caller.principal,
            Some(namespace_id),
            EventAction::RepositoryCreated,
            name.as_str(),
            [],
        );
        self.metadata
            .write(
                (namespace_id, name.clone(), visibility, by),
                |tx, (namespace_id, name, visibility, by)| {
                    Box::pin(create(tx, *namespace_id, name, *visibility, by))
                },
            )
            .await
    }

    /// Gives a repository.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for pulling.
    pub async fn get_repository(&self, caller: &Caller, name: &RepositoryName) -> Result<Repository> {
        Ok((*self.authorize_existing(caller, name, Action::Pull).await?).clone())
    }

    /// Lists the repositories that the caller may see, by name, strictly after `after`.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential does not cover listing or has become void.
    pub async fn list_repositories(
        &self,
        caller: &Caller,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Page<Repository>> {
        if !caller.grants.cover_catalog() {
            return Err(Error::Unauthenticated(longshore_domain::error::Unauthenticated::InsufficientScope));
        }
        let viewer = self.viewer(&caller.principal).await?;
        if viewer == longshore_domain::ports::metadata::Viewer::Public
            && !self.settings.anonymous_pull
            && caller.principal.account_id().is_none()
        {
            return Ok(Page { items: Vec::new(), has_more: false });
        }
        let repositories = self
            .metadata
            .read((viewer, after.map(str::to_owned), size), |tx, (viewer, after, size)| {
                Box::pin(tx.list_repositories(*viewer, after.as_deref(), *size))
            })
            .await?;
        Ok(Page::from_overfull(repositories, size))
    }

    /// Changes who may see a repository.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for administering.
    pub async fn set_visibility(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        visibility: Visibility,
    ) -> Result<()> {
        let repository = self.authorize_existing(caller, name, Action::Administer).await?;
        let data = [("visibility", visibility.as_str().to_owned())];
        let event = self.event(
            &caller.principal,
            Some(repository.namespace_id),
            EventAction::RepositoryVisibilityChanged,
            name.as_str(),
            data,
        );
        self.metadata
            .write((repository.id, visibility, event), |tx, (id, visibility, event)| {
                Box::pin(async move {
                    tx.set_visibility(*id, *visibility).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Deletes a repository with all that is in it: invisible at once, collected when the undo window has ended.
    ///
    /// # Errors
    /// As [`Services::authorize_existing`] for administering.
    pub async fn delete_repository(&self, caller: &Caller, name: &RepositoryName) -> Result<()> {
        let repository = self.authorize_existing(caller, name, Action::Administer).await?;
        let event = self.event(
            &caller.principal,
            Some(repository.namespace_id),
            EventAction::RepositoryDeleted,
            name.as_str(),
            [],
        );
        self.metadata
            .write((repository.id, event), |tx, (id, event)| {
                Box::pin(async move {
                    tx.delete_repository(*id, event.at).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }
}
