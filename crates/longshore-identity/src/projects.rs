//! Projects and domains, as clients of a cloud know them: both are an account, one's own or an organization that one is a
//! member of.
//!
//! Keystone v3, "Projects" and "Domains"; there each account is a domain with one project per region, here with one.

use longshore_domain::access::actor::{Actor, CredentialScope};
use longshore_domain::account::{Account, AccountKind};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Identities;

/// What names a project or domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectName<'n> {
    /// The public id of the account.
    Id(Uuid),
    /// The name of the account; the region is another name of one's own.
    Name(&'n str),
}

impl Identities {
    /// Finds a project that a principal may sign in to.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn find_project(&self, actor: &Actor, wanted: &ProjectName<'_>) -> Result<Option<Account>> {
        let own = self.access.get_own_account(actor).await?;
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

    /// Returns the account of the project that an actor signed in to.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn get_project(&self, actor: &Actor) -> Result<Account> {
        match &actor.scope() {
            CredentialScope::Namespace(name) => self
                .find_project(actor, &ProjectName::Name(name.as_str()))
                .await?
                .ok_or(Error::Unauthenticated(Unauthenticated::InvalidToken)),
            _ => self.access.get_own_account(actor).await,
        }
    }

    /// Returns the actor's own account, whose credentials it manages: in the project of an organization it manages none, as they
    /// would do more than it may do there.
    ///
    /// # Errors
    /// `Unauthenticated` when it signed in to the project of an organization, or the credential has become void.
    pub async fn get_own_project(&self, actor: &Actor) -> Result<Account> {
        match &actor.scope() {
            CredentialScope::Namespace(_) => Err(Error::Unauthenticated(Unauthenticated::OutsideProject)),
            _ => self.access.get_own_account(actor).await,
        }
    }

    /// Lets an actor act in a project only: an organization's is for its namespace, one's own for everything.
    ///
    /// # Errors
    /// `Unauthenticated` when there is none that the actor may sign in to.
    pub async fn enter_project(&self, actor: &Actor, wanted: &ProjectName<'_>) -> Result<(Actor, Account)> {
        let outside = || Error::Unauthenticated(Unauthenticated::OutsideProject);
        let project = self.find_project(actor, wanted).await?.ok_or_else(outside)?;
        if !actor.scope().covers_namespace(&project.name) {
            return Err(outside());
        }
        let is_own = actor.account_id() == Some(project.id);
        let scope = match is_own {
            true => CredentialScope::Everything,
            false => CredentialScope::Namespace(project.name.clone()),
        };
        Ok((actor.clone().within(scope), project))
    }

    /// Returns the name of an account by its public id, for signing in.
    pub(crate) async fn find_account_name(&self, uuid: Uuid) -> Result<Option<Namespace>> {
        let found = self.metadata.look_up(uuid, |tx, uuid| Box::pin(tx.find_account_by_uuid(*uuid))).await?;
        Ok(found.map(|account| account.name))
    }
}
