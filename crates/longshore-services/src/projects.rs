//! Projects and domains, as clients of a cloud know them: both are an account, one's own or an organization that one is a
//! member of.
//!
//! Keystone v3, "Projects" and "Domains"; there each account is a domain with one project per region, here with one.

use longshore_domain::account::{Account, AccountKind};
use longshore_domain::credential::Principal;
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Services;
use crate::authentication::{Caller, Grants};

/// What names a project or domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectName<'n> {
    /// The public id of the account.
    Id(Uuid),
    /// The name of the account; the region is another name of one's own.
    Name(&'n str),
}

impl Services {
    /// Finds a project that a principal may sign in to.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn find_project(
        &self,
        principal: &Principal,
        wanted: &ProjectName<'_>,
    ) -> Result<Option<Account>> {
        let own = self.get_own_account(principal).await?;
        let name = match wanted {
            ProjectName::Id(uuid) if *uuid == own.uuid => return Ok(Some(own)),
            ProjectName::Name(name) if *name == own.name.as_str() || *name == self.settings.region => {
                return Ok(Some(own));
            }
            ProjectName::Id(uuid) => Err(*uuid),
            ProjectName::Name(name) => match name.parse::<Namespace>() {
                Ok(name) => Ok(name),
                Err(_) => return Ok(None),
            },
        };
        self.metadata
            .look_up((name, own.id), |tx, (name, own)| {
                Box::pin(async move {
                    let found = match name {
                        Ok(name) => tx.find_account_by_name(name).await?,
                        Err(uuid) => tx.find_account_by_uuid(*uuid).await?,
                    };
                    let is_organization =
                        |account: &Account| account.kind == AccountKind::Organization && account.is_active;
                    let Some(account) = found.filter(is_organization) else { return Ok(None) };
                    Ok(tx.find_role(account.id, *own).await?.map(|_| account))
                })
            })
            .await
    }

    /// Lists the projects that a principal may sign in to: its own, then its organizations by name, leaving out the first
    /// `offset` of these.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn list_projects(
        &self,
        principal: &Principal,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Account>> {
        let own = self.get_own_account(principal).await?;
        let (organizations, _) = self.list_own_organizations(principal, offset, size).await?;
        let others =
            organizations.into_iter().map(|listed| listed.account).filter(|account| account.is_active);
        Ok(std::iter::once(own).chain(others).collect())
    }

    /// Gives the account of the project that a caller signed in to.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn get_project(&self, caller: &Caller) -> Result<Account> {
        match &caller.grants {
            Grants::Namespace(name) => self
                .find_project(&caller.principal, &ProjectName::Name(name.as_str()))
                .await?
                .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken)),
            _ => self.get_own_account(&caller.principal).await,
        }
    }

    /// Gives the caller's own account, whose credentials it manages: in the project of an organization it manages none, as they
    /// would do more than it may do there.
    ///
    /// # Errors
    /// `Unauthenticated` when it signed in to the project of an organization, or the credential has become void.
    pub async fn get_own_project(&self, caller: &Caller) -> Result<Account> {
        match &caller.grants {
            Grants::Namespace(_) => Err(Error::Unauthenticated(Unauthenticated::OutsideProject)),
            _ => self.get_own_account(&caller.principal).await,
        }
    }

    /// Lets a caller act in a project only: an organization's is for its namespace, one's own for everything.
    ///
    /// # Errors
    /// `Unauthenticated` when there is none that the caller may sign in to.
    pub async fn enter_project(
        &self,
        caller: &Caller,
        wanted: &ProjectName<'_>,
    ) -> Result<(Caller, Account)> {
        let outside = || Error::Unauthenticated(Unauthenticated::OutsideProject);
        let project = self.find_project(&caller.principal, wanted).await?.ok_or_else(outside)?;
        if !caller.grants.cover_namespace(&project.name) {
            return Err(outside());
        }
        let is_own = caller.principal.account_id() == Some(project.id);
        let grants = match is_own {
            true => Grants::Everything,
            false => Grants::Namespace(project.name.clone()),
        };
        Ok((Caller { principal: caller.principal.clone(), grants }, project))
    }

    /// Gives the name of an account by its public id, for signing in.
    pub(crate) async fn find_account_name(&self, uuid: Uuid) -> Result<Option<Namespace>> {
        let found = self.metadata.look_up(uuid, |tx, uuid| Box::pin(tx.find_account_by_uuid(*uuid))).await?;
        Ok(found.map(|account| account.name))
    }
}
