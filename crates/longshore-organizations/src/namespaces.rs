//! Namespaces as a user sees them: its own, those of its organizations, and those that it was given something in.
//!
//! SWR API, "Organizations".

use longshore_access::control::NamespaceAccess;
use longshore_domain::access::action::{AccountAction, Level, NamespaceAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::access::policy::namespace_level_of;
use longshore_domain::account::{Account, AccountId, AccountKind, OrganizationRole};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{NewAccount, OrganizationsTx};
use longshore_domain::registry::NAMESPACES_LIMIT;
use longshore_domain::{Error, Result};

use crate::Organizations;

/// A namespace with what somebody may do in it.
#[derive(Clone, Debug)]
pub struct OwnNamespace {
    /// The account whose name it is.
    pub account: Account,
    /// Name of the user whose it is, or of the owner who has been a member longest.
    pub creator: String,
    /// How much somebody may do in it.
    pub level: Level,
    /// True for one's own, and for organizations that one owns.
    pub is_owned: bool,
}

/// Which namespaces are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedNamespaces {
    /// Those in which the user may do something as a whole.
    Permitted,
    /// Also those of single repositories in which the user may do something.
    Visible,
}

async fn creator_of(tx: &mut dyn OrganizationsTx, account: &Account) -> Result<String> {
    match account.kind {
        AccountKind::User => Ok(account.name.to_string()),
        AccountKind::Organization => {
            Ok(tx.find_first_owner(account.id).await?.map(|name| name.to_string()).unwrap_or_default())
        }
    }
}

type Wanted = (Account, Option<Namespace>, ListedNamespaces, String);

async fn list(tx: &mut dyn OrganizationsTx, (own, only, which, part): &Wanted) -> Result<Vec<OwnNamespace>> {
    let mut found = vec![(own.clone(), Level::Admin, true)];
    let organizations = tx.list_organizations_of(own.id, 0, PageSize::MAX).await?;
    found.extend(organizations.into_iter().map(|listed| {
        let is_owned = listed.role == OrganizationRole::Owner;
        (listed.account, namespace_level_of(listed.role), is_owned)
    }));
    let given = tx.list_permitted_namespaces(own.id, PageSize::MAX).await?;
    found.extend(given.into_iter().map(|(account, permission)| (account, permission.level(), false)));
    if *which == ListedNamespaces::Visible {
        let visible = tx.list_visible_namespaces(own.id, PageSize::MAX).await?;
        found.extend(visible.into_iter().map(|account| (account, Level::Read, false)));
    }
    found.retain(|(account, ..)| {
        let is_only = only.as_ref().is_none_or(|only| account.name == *only);
        is_only && account.is_active && account.name.as_str().contains(part.as_str())
    });
    // What is more comes first of what is listed twice.
    found.sort_by(|a, b| (&a.0.name, b.2, b.1).cmp(&(&b.0.name, a.2, a.1)));
    found.dedup_by_key(|(account, ..)| account.id);
    let mut namespaces = Vec::new();
    for (account, level, is_owned) in found {
        let creator = creator_of(tx, &account).await?;
        namespaces.push(OwnNamespace { account, creator, level, is_owned });
    }
    Ok(namespaces)
}

impl Organizations {
    /// Lists the namespaces of an actor by name whose name holds a text: the first thousand of each kind.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens without the scope for reading.
    pub async fn list_own_namespaces(
        &self,
        actor: &Actor,
        name_part: &str,
        which: ListedNamespaces,
    ) -> Result<Vec<OwnNamespace>> {
        let (own, _) = self.access.authorize_account(actor, AccountAction::Read).await?;
        let project = self.identity.get_project(actor).await?;
        let only = (project.id != own.id).then_some(project.name);
        let input = (own, only, which, name_part.to_owned());
        self.metadata.read(input, |tx, wanted| Box::pin(list(tx, wanted))).await
    }

    /// Returns a namespace of an actor.
    ///
    /// # Errors
    /// `Unauthenticated`; `OrganizationUnknown` when the actor may do nothing there.
    pub async fn get_own_namespace(&self, actor: &Actor, name: &Namespace) -> Result<OwnNamespace> {
        let NamespaceAccess { account, level, is_owner } =
            self.access.authorize_namespace(actor, name, NamespaceAction::View).await?;
        let creator =
            self.metadata.look_up(account.clone(), |tx, account| Box::pin(creator_of(tx, account))).await?;
        Ok(OwnNamespace { account, creator, level, is_owned: is_owner })
    }

    /// Makes a namespace: an organization whose owner is the actor.
    ///
    /// # Errors
    /// `Unauthenticated`; `Denied` for access tokens, for organizations, and where the operator makes all names;
    /// `NameReserved`, `Exists`; `LimitReached` when the actor owns too many.
    pub async fn create_namespace(&self, actor: &Actor, name: &Namespace) -> Result<Account> {
        let (own, _) = self.access.authorize_account(actor, AccountAction::Manage).await?;
        if !actor.scope().covers_namespace(name) {
            return Err(Error::Unauthenticated(Unauthenticated::OutsideProject));
        }
        if own.kind == AccountKind::Organization || !self.settings.registries_make_names {
            return Err(Error::denied("on this server the operator makes organizations; ask for one"));
        }
        if *name == own.name {
            return Err(Error::Exists(Existing::Organization(name.clone())));
        }
        name.check_available_to_accounts()?;
        let account = self.new_organization(name);
        let data = [("owner", own.name.to_string())];
        let action = EventAction::OrganizationCreated;
        let event = self.platform.event(actor, None, action, name.as_str(), data);
        self.metadata
            .write(
                (account, own.id, event),
                |tx, (account, owner, event): &(NewAccount, AccountId, NewEvent)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        if tx.count_owned_organizations(*owner).await? >= NAMESPACES_LIMIT {
                            return Err(Error::LimitReached {
                                what: Limited::OwnedOrganizations,
                                limit: NAMESPACES_LIMIT,
                            });
                        }
                        let id = tx.create_account(account).await?;
                        tx.put_member(id, *owner, OrganizationRole::Owner, account.created_at).await?;
                        tx.record_event(&NewEvent { account_id: Some(id), ..event.clone() }).await?;
                        tx.find_account(id)
                            .await?
                            .ok_or_else(|| Error::internal("the new account is not there"))
                    })
                },
            )
            .await
    }

    /// Deletes a namespace that is empty: an organization that the actor owns. The name stays taken.
    ///
    /// # Errors
    /// `Unauthenticated`; `OrganizationUnknown`; `Denied` for who does not own it, and for users' own; `Conflict` while it has
    /// repositories.
    pub async fn delete_namespace(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        let standing = self.access.authorize_namespace(actor, name, NamespaceAction::Delete).await?;
        if standing.account.kind == AccountKind::User {
            return Err(Error::denied("the namespace of a user lasts as long as the user"));
        }
        let event = self.platform.event(
            actor,
            Some(standing.account.id),
            EventAction::OrganizationDeleted,
            name.as_str(),
            [],
        );
        self.remove_organization(event, name).await
    }

    /// Counts the organizations that an account owns, and gives how many it may own.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn namespace_quota(&self, actor: &Actor) -> Result<(u64, u64)> {
        let own = self.access.get_own_account(actor).await?;
        let used =
            self.metadata.look_up(own.id, |tx, id| Box::pin(tx.count_owned_organizations(*id))).await?;
        Ok((used, NAMESPACES_LIMIT))
    }
}
