//! What users may do in a namespace or repository by name: their roles in its organization, and what they were given besides.
//!
//! SWR API, "Organization permissions" and "Image permissions". A role is a permission for the whole namespace; changing that
//! changes the role. Whoever has none is given a permission, which makes nobody a member: membership comes with the rules of
//! the organization, so it takes an invite.

use longshore_domain::access::action::{AccountAction, Level, NamespaceAction, RepositoryAction};
use longshore_domain::access::actor::Actor;
use longshore_domain::access::policy::namespace_level_of;
use longshore_domain::account::{Account, AccountKind, OrganizationRole};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::existing::Existing;
use longshore_domain::limit::Limited;
use longshore_domain::name::{Namespace, RepositoryName};
use longshore_domain::organization::MemberQuery;
use longshore_domain::page::PageSize;
use longshore_domain::permission::{RepositoryPermission, USER_PERMISSIONS_LIMIT, UserPermission};
use longshore_domain::ports::metadata::{OrganizationsTx, PermissionTarget};
use longshore_domain::{Error, Field, Result};
use longshore_identity::accounts::get_user;
use uuid::Uuid;

use crate::Organizations;
use crate::deactivation::check_not_deactivated;
use crate::organizations::change_role;

/// Most permissions that one request changes.
const CHANGED_AT_ONCE: usize = 100;

/// What a permission is for.
#[derive(Clone, Debug)]
pub enum PermissionOf<'n> {
    /// A namespace.
    Namespace(&'n Namespace),
    /// A repository.
    Repository(&'n RepositoryName),
}

/// Who may do what, as far as the actor may know.
#[derive(Clone, Debug)]
pub struct PermissionList {
    /// Number of the namespace or repository in the metadata store.
    pub id: i64,
    /// The actor's own.
    pub own: UserPermission,
    /// Those of others, for who may change them.
    pub others: Vec<UserPermission>,
}

/// A permission that somebody shall have.
#[derive(Clone, Debug)]
pub struct WantedPermission {
    /// Public id of the user.
    pub uuid: Uuid,
    /// The name that belongs to it.
    pub name: Namespace,
    /// What the user shall be able to do.
    pub permission: RepositoryPermission,
}

/// What a change of permissions works on.
struct GrantTarget {
    target: PermissionTarget,
    namespace: Account,
    subject: String,
    /// Whether roles may be changed, too.
    with_roles: bool,
    actor: Actor,
    event: NewEvent,
}

/// How a list of permissions is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Who has none is given one.
    Grant,
    /// Who has one is given another one.
    Update,
    /// Whether or not there is one.
    Put,
}

fn permission_of(level: Level) -> RepositoryPermission {
    match level {
        Level::None | Level::Read => RepositoryPermission::Read,
        Level::Write => RepositoryPermission::Write,
        Level::Admin => RepositoryPermission::Admin,
    }
}

async fn find_user(tx: &mut dyn OrganizationsTx, uuid: Uuid, name: Option<&Namespace>) -> Result<Account> {
    let found = tx.find_account_by_uuid(uuid).await?.filter(|account| account.kind == AccountKind::User);
    let found = found.filter(|account| name.is_none_or(|name| account.name == *name));
    found.ok_or_else(|| {
        Error::UserUnknown(name.map_or_else(|| uuid.simple().to_string(), Namespace::to_string))
    })
}

impl GrantTarget {
    fn unknown(&self, user: &Account) -> Error {
        Error::PermissionUnknown { user: user.name.to_string(), subject: self.subject.clone() }
    }

    /// Returns the role of a user, where roles count: for namespaces of organizations.
    async fn role(&self, tx: &mut dyn OrganizationsTx, user: &Account) -> Result<Option<OrganizationRole>> {
        match self.target {
            PermissionTarget::Namespace(id) => tx.find_role(id, user.id).await,
            PermissionTarget::Repository(_) => Ok(None),
        }
    }

    fn event(
        &self,
        action: EventAction,
        user: &Account,
        permission: Option<RepositoryPermission>,
    ) -> NewEvent {
        let mut event = NewEvent { action, ..self.event.clone() };
        event.data.insert("user", user.name.to_string());
        if let Some(permission) = permission {
            event.data.insert("permission", permission.as_str().to_owned());
        }
        event
    }

    fn check_roles(&self) -> Result<()> {
        match self.with_roles {
            true => Ok(()),
            false => Err(Error::denied(format!(
                "only an owner of {} changes what its members may do as such",
                self.namespace.name
            ))),
        }
    }

    async fn set(
        &self,
        tx: &mut dyn OrganizationsTx,
        user: &Account,
        permission: RepositoryPermission,
        change: Change,
    ) -> Result<()> {
        check_not_deactivated(tx, &self.namespace, user).await?;
        let before = self.role(tx, user).await?;
        let given = tx.find_user_permission(self.target, user.id).await?;
        let exists = before.is_some() || given.is_some() || user.id == self.namespace.id;
        match change {
            Change::Grant if exists => {
                return Err(Error::Exists(Existing::Permission {
                    user: user.name.clone(),
                    subject: self.subject.clone(),
                }));
            }
            Change::Update if !exists => {
                return Err(self.unknown(user));
            }
            _ => {}
        }
        if user.id == self.namespace.id {
            return Err(Error::denied("a namespace is its user's own"));
        }
        if before.is_some() {
            self.check_roles()?;
            let event = self.event(EventAction::MemberRoleChanged, user, None);
            // No permission makes an editor: who may push everywhere may not thereby change and delete everything.
            let (role, given) = match permission {
                RepositoryPermission::Read => (OrganizationRole::Member, None),
                RepositoryPermission::Write => (OrganizationRole::Member, Some(RepositoryPermission::Write)),
                RepositoryPermission::Admin => (OrganizationRole::Owner, None),
            };
            let is_editor = before == Some(OrganizationRole::Editor);
            if is_editor && permission == RepositoryPermission::Write {
                return Ok(());
            }
            change_role(tx, &self.actor, &self.namespace, user, Some(role), event).await?;
            let Some(given) = given else { return Ok(()) };
            return self.put(tx, user, given).await;
        }
        if given.is_none() && tx.count_user_permissions(self.target).await? >= USER_PERMISSIONS_LIMIT {
            return Err(Error::LimitReached {
                what: Limited::UserPermissions(self.subject.clone()),
                limit: USER_PERMISSIONS_LIMIT,
            });
        }
        self.put(tx, user, permission).await
    }

    async fn put(
        &self,
        tx: &mut dyn OrganizationsTx,
        user: &Account,
        permission: RepositoryPermission,
    ) -> Result<()> {
        tx.put_user_permission(self.target, user.id, permission, self.event.at).await?;
        tx.record_event(&self.event(EventAction::PermissionGranted, user, Some(permission))).await
    }

    async fn revoke(&self, tx: &mut dyn OrganizationsTx, user: Account) -> Result<()> {
        let was_given = tx.delete_user_permission(self.target, user.id).await?;
        if was_given {
            tx.record_event(&self.event(EventAction::PermissionRevoked, &user, None)).await?;
        }
        if self.role(tx, &user).await?.is_some() {
            self.check_roles()?;
            let event = self.event(EventAction::MemberRemoved, &user, None);
            return change_role(tx, &self.actor, &self.namespace, &user, None, event).await;
        }
        match was_given {
            true => Ok(()),
            false => Err(self.unknown(&user)),
        }
    }

    async fn list(&self, tx: &mut dyn OrganizationsTx) -> Result<Vec<UserPermission>> {
        let mut listed = tx.list_user_permissions(self.target, PageSize::MAX).await?;
        if let (PermissionTarget::Namespace(id), AccountKind::Organization) =
            (self.target, self.namespace.kind)
        {
            let members = tx.list_organization_members(&MemberQuery::all(id, PageSize::MAX)).await?.items;
            listed.extend(members.into_iter().map(|member| UserPermission {
                user_id: member.account.id,
                uuid: member.account.uuid,
                name: member.account.name,
                permission: permission_of(namespace_level_of(member.role)),
            }));
        }
        listed.sort_by(|a, b| (&a.name, b.permission.level()).cmp(&(&b.name, a.permission.level())));
        listed.dedup_by_key(|permission| permission.user_id);
        Ok(listed)
    }
}

impl Organizations {
    /// Finds what permissions are for, how much the actor may do there, and its number in the metadata store.
    async fn grant_target(&self, actor: &Actor, of: &PermissionOf<'_>) -> Result<(GrantTarget, Level, i64)> {
        let made_of = |target, namespace: Account, subject: String, with_roles| {
            let event =
                self.platform.event(actor, Some(namespace.id), EventAction::PermissionGranted, &subject, []);
            GrantTarget { target, namespace, subject, with_roles, actor: actor.clone(), event }
        };
        match of {
            PermissionOf::Namespace(name) => {
                let found = self.access.authorize_namespace(actor, name, NamespaceAction::View).await?;
                let id = found.account.id;
                let target = PermissionTarget::Namespace(id);
                let made = made_of(target, found.account, name.to_string(), found.is_owner);
                Ok((made, found.level, id.0))
            }
            PermissionOf::Repository(name) => {
                let access = self.access.authorize(actor, name, RepositoryAction::View).await?;
                let level = access.level();
                let unknown = || Error::RepositoryUnknown((*name).clone());
                let repository = access.repository.ok_or_else(unknown)?;
                let namespace = self
                    .metadata
                    .look_up(repository.namespace_id, |tx, id| Box::pin(tx.find_account(*id)))
                    .await?
                    .ok_or_else(unknown)?;
                let target = PermissionTarget::Repository(repository.id);
                let made = made_of(target, namespace, name.to_string(), false);
                Ok((made, level, repository.id.0))
            }
        }
    }

    /// Checks that the actor may change who may do what.
    async fn authorize_granting(&self, actor: &Actor, of: &PermissionOf<'_>) -> Result<()> {
        match of {
            PermissionOf::Namespace(name) => self
                .access
                .authorize_namespace(actor, name, NamespaceAction::ManagePermissions)
                .await
                .map(|_| ()),
            PermissionOf::Repository(name) => {
                self.access.authorize_existing(actor, name, RepositoryAction::AssignTeam).await?;
                self.access.authorize_account(actor, AccountAction::Manage).await.map(|_| ())
            }
        }
    }

    async fn managed_target(&self, actor: &Actor, of: &PermissionOf<'_>) -> Result<GrantTarget> {
        let (target, ..) = self.grant_target(actor, of).await?;
        self.authorize_granting(actor, of).await.map(|()| target)
    }

    /// Lists who may do what in a namespace or repository; others only for who may change that.
    ///
    /// # Errors
    /// `Unauthenticated`; `OrganizationUnknown` or `RepositoryUnknown` when the actor may do nothing there.
    pub async fn list_permissions(&self, actor: &Actor, of: PermissionOf<'_>) -> Result<PermissionList> {
        let (target, level, id) = self.grant_target(actor, &of).await?;
        let account = self.access.get_own_account(actor).await?;
        let own = UserPermission {
            user_id: account.id,
            uuid: account.uuid,
            name: account.name,
            permission: permission_of(level),
        };
        let mut others = Vec::new();
        let may_change = match self.authorize_granting(actor, &of).await {
            Ok(()) => true,
            // Who may not change permissions is not told of those of others either.
            Err(Error::Denied(_)) => false,
            Err(error) => return Err(error),
        };
        if may_change {
            others = self.metadata.read(target, |tx, target| Box::pin(target.list(tx))).await?;
            others.retain(|permission| permission.user_id != own.user_id);
        }
        Ok(PermissionList { id, own, others })
    }

    async fn set_permissions(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        wanted: Vec<WantedPermission>,
        change: Change,
    ) -> Result<()> {
        let target = self.managed_target(actor, &of).await?;
        check_number(wanted.len())?;
        self.metadata
            .write((target, wanted, change), |tx, (target, wanted, change)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    for wanted in wanted {
                        let user = find_user(tx, wanted.uuid, Some(&wanted.name)).await?;
                        target.set(tx, &user, wanted.permission, *change).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Grants permissions to users that have none yet; all or none.
    ///
    /// # Errors
    /// As [`Organizations::list_permissions`]; `Denied` for who may not; `UserUnknown`; `Exists`; `Invalid` for none or too many.
    pub async fn grant_permissions(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        wanted: Vec<WantedPermission>,
    ) -> Result<()> {
        self.set_permissions(actor, of, wanted, Change::Grant).await
    }

    /// Changes permissions or roles; all or none.
    ///
    /// # Errors
    /// As [`Organizations::grant_permissions`], but `PermissionUnknown` for who has none; `Conflict` when the last owner would go;
    /// `Denied` for roles of who is no owner.
    pub async fn update_permissions(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        wanted: Vec<WantedPermission>,
    ) -> Result<()> {
        self.set_permissions(actor, of, wanted, Change::Update).await
    }

    /// Takes permissions away, and membership where that is what somebody has; all or none.
    ///
    /// # Errors
    /// As [`Organizations::update_permissions`].
    pub async fn revoke_permissions(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        users: Vec<Uuid>,
    ) -> Result<()> {
        let target = self.managed_target(actor, &of).await?;
        check_number(users.len())?;
        self.metadata
            .write((target, users), |tx, (target, users)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    for uuid in users {
                        let unknown = |_| Error::PermissionUnknown {
                            user: uuid.simple().to_string(),
                            subject: target.subject.clone(),
                        };
                        let user = find_user(tx, *uuid, None).await.map_err(unknown)?;
                        target.revoke(tx, user).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Gives a user a permission, whether or not there is one already.
    ///
    /// # Errors
    /// As [`Organizations::update_permissions`], but for `PermissionUnknown`.
    pub async fn put_permission(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        user: &Namespace,
        permission: RepositoryPermission,
    ) -> Result<()> {
        let target = self.managed_target(actor, &of).await?;
        self.metadata
            .write((target, user.clone(), permission), |tx, (target, user, permission)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = get_user(tx, user).await?;
                    target.set(tx, &user, *permission, Change::Put).await
                })
            })
            .await
    }

    /// Takes from a user what it was given, and membership where that is what it has.
    ///
    /// # Errors
    /// As [`Organizations::update_permissions`].
    pub async fn revoke_permission(
        &self,
        actor: &Actor,
        of: PermissionOf<'_>,
        user: &Namespace,
    ) -> Result<()> {
        let target = self.managed_target(actor, &of).await?;
        self.metadata
            .write((target, user.clone()), |tx, (target, user)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let unknown = |_| Error::PermissionUnknown {
                        user: user.to_string(),
                        subject: target.subject.clone(),
                    };
                    let user = get_user(tx, user).await.map_err(unknown)?;
                    target.revoke(tx, user).await
                })
            })
            .await
    }
}

fn check_number(number: usize) -> Result<()> {
    match (1..=CHANGED_AT_ONCE).contains(&number) {
        true => Ok(()),
        false => Err(Error::Invalid {
            field: Field::Permissions,
            reason: format!("must be 1 to {CHANGED_AT_ONCE} in one request"),
        }),
    }
}
