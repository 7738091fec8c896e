//! Organizations and their members.

use jiff::Timestamp;
use longshore_domain::access::action::OrganizationAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::{Account, AccountId, AccountKind, Feature, Member, OrganizationRole};
use longshore_domain::conflict::Conflict;
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::invite::Invite;
use longshore_domain::name::Namespace;
use longshore_domain::organization::{
    ImageRestriction, MemberFilter, MemberKinds, MemberQuery, OrganizationMember, OwnOrganization,
};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::ports::metadata::{NewAccount, OrganizationsTx, PermissionTarget};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Organizations;
use crate::deactivation::check_not_deactivated;
use crate::deactivation::switch_off;
use longshore_identity::accounts::{delete_invites, get_user};

async fn get_organization(tx: &mut dyn OrganizationsTx, name: &Namespace) -> Result<Account> {
    let found =
        tx.find_account_by_name(name).await?.filter(|account| account.kind == AccountKind::Organization);
    found.ok_or_else(|| Error::OrganizationUnknown(name.to_string()))
}

/// Members that one transaction takes out of an organization that is deleted.
const CLEARED_AT_ONCE: u64 = 50;

async fn check_empty(tx: &mut dyn OrganizationsTx, organization: &Account) -> Result<()> {
    match tx.has_repositories(organization.id).await? {
        true => Err(Conflict::OrganizationHasRepositories(organization.name.clone()).into()),
        false => Ok(()),
    }
}

type WantedMembers = (AccountId, MemberFilter, bool, u64, PageSize, Timestamp);

async fn list_members_and_invites(
    tx: &mut dyn OrganizationsTx,
    (id, filter, with_invites, offset, size, now): &WantedMembers,
) -> Result<(Vec<ListedMember>, u64)> {
    let mut listed = Vec::new();
    let mut members = 0;
    if filter.kinds != MemberKinds::Invitees {
        members = tx.count_organization_members(*id, filter).await?;
        let query = MemberQuery {
            organization: *id,
            filter: filter.clone(),
            after: None,
            offset: *offset,
            size: *size,
        };
        let page = tx.list_organization_members(&query).await?;
        listed.extend(page.items.into_iter().map(Box::new).map(ListedMember::Member));
    }
    if !with_invites {
        return Ok((listed, members));
    }
    let prefix = filter.name_prefix.clone().unwrap_or_default();
    let left = u64::from(size.get()) - listed.len() as u64;
    if let Ok(left) = PageSize::clamped(left) {
        let invites = tx.list_invites(*id, &prefix, *now, offset.saturating_sub(members), left).await?;
        listed.extend(invites.into_iter().map(Box::new).map(ListedMember::Invited));
    }
    Ok((listed, members + tx.count_invites(*id, &prefix, *now).await?))
}

/// Checks that no access token makes, changes or removes owners: who is one may do more than any token, and longer.
pub(crate) fn check_leaves_owners(actor: &Actor, roles: &[Option<OrganizationRole>]) -> Result<()> {
    let by_token = actor.access_token_id().is_some();
    match by_token && roles.contains(&Some(OrganizationRole::Owner)) {
        true => {
            Err(Error::denied("an access token neither makes nor removes owners; sign in with a password"))
        }
        false => Ok(()),
    }
}

/// Checks that an organization keeps an owner who can act when this member is removed, gets another role, or is deactivated.
pub(crate) async fn check_keeps_owner(
    tx: &mut dyn OrganizationsTx,
    organization: &Account,
    user: &Account,
    role: Option<OrganizationRole>,
) -> Result<()> {
    if role == Some(OrganizationRole::Owner)
        && tx.count_other_active_owners(organization.id, user.id).await? == 0
    {
        return Err(
            Conflict::LastOwner { user: user.name.clone(), organization: organization.name.clone() }.into()
        );
    }
    Ok(())
}

/// Lets an organization have the subscription of its registry itself when who has it is no owner any more.
async fn hand_over(
    tx: &mut dyn OrganizationsTx,
    organization: AccountId,
    user: AccountId,
    role: Option<OrganizationRole>,
    at: Timestamp,
) -> Result<()> {
    match role {
        Some(OrganizationRole::Owner) => Ok(()),
        _ => tx.hand_over_registries(user, Some(organization), at).await,
    }
}

/// Changes the role of a member, or removes the member, for somebody who may manage members.
pub(crate) async fn change_role(
    tx: &mut dyn OrganizationsTx,
    actor: &Actor,
    organization: &Account,
    user: &Account,
    role: Option<OrganizationRole>,
    event: NewEvent,
) -> Result<()> {
    let mut before = tx.find_role(organization.id, user.id).await?;
    if before.is_none() && role.is_none() {
        // Whoever was deactivated can be removed, too.
        before = tx.find_suspended_role(organization.id, user.id).await?;
    }
    let unknown = || Error::MemberUnknown { user: user.name.to_string(), of: organization.name.to_string() };
    before.ok_or_else(unknown)?;
    check_leaves_owners(actor, &[before, role])?;
    let mut event = NewEvent { account_id: Some(organization.id), subject: user.name.to_string(), ..event };
    // What the user was given before it became a member would add to the role.
    if tx.delete_user_permission(PermissionTarget::Namespace(organization.id), user.id).await? {
        let action = EventAction::PermissionRevoked;
        let mut revoked = NewEvent { action, subject: organization.name.to_string(), ..event.clone() };
        revoked.data.insert("user", user.name.to_string());
        tx.record_event(&revoked).await?;
    }
    if before == role {
        return Ok(());
    }
    check_keeps_owner(tx, organization, user, before).await?;
    match role {
        Some(role) => {
            tx.put_member(organization.id, user.id, role, event.at).await?;
            event.data.insert("role", role.to_string());
        }
        None => {
            if tx.find_managing_organization(user.id).await? == Some(organization.id) {
                switch_off(tx, user, &event).await?;
            }
            delete_invites(tx, organization, user).await?;
            tx.delete_member(organization.id, user.id).await?;
        }
    }
    hand_over(tx, organization.id, user.id, role, event.at).await?;
    tx.record_event(&event).await
}

/// An entry of a list of members.
#[derive(Debug)]
pub enum ListedMember {
    /// A member.
    Member(Box<OrganizationMember>),
    /// Somebody who is invited.
    Invited(Box<Invite>),
}

impl Organizations {
    /// Lists the projects that a principal may sign in to: its own, then its organizations by name, leaving out the first
    /// `offset` of these.
    ///
    /// # Errors
    /// `Unauthenticated` when the credential has become void.
    pub async fn list_projects(&self, actor: &Actor, offset: u64, size: PageSize) -> Result<Vec<Account>> {
        let own = self.access.get_own_account(actor).await?;
        let (organizations, _) = self.list_own_organizations(actor, offset, size).await?;
        let others =
            organizations.into_iter().map(|listed| listed.account).filter(|account| account.is_active);
        Ok(std::iter::once(own).chain(others).collect())
    }

    /// Creates an organization with its first owner.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `NameReserved`, `Exists`; `UserUnknown` for the owner.
    pub async fn create_organization(
        &self,
        actor: &Actor,
        name: &Namespace,
        owner: &Namespace,
    ) -> Result<Account> {
        self.access.require_operator(actor)?;
        name.check_available_to_accounts()?;
        self.create_organization_unchecked(actor, name, owner).await
    }

    /// Makes the record of a new organization.
    pub fn new_organization(&self, name: &Namespace) -> NewAccount {
        NewAccount {
            uuid: self.platform.new_uuid(),
            kind: AccountKind::Organization,
            name: name.clone(),
            password_hash: None,
            is_administrator: false,
            created_at: self.clock.now(),
        }
    }

    /// Creates an organization whose name may be reserved for the server itself.
    pub async fn create_organization_unchecked(
        &self,
        actor: &Actor,
        name: &Namespace,
        owner: &Namespace,
    ) -> Result<Account> {
        let account = self.new_organization(name);
        let event = self.platform.event(
            actor,
            None,
            EventAction::OrganizationCreated,
            name.as_str(),
            [("owner", owner.to_string())],
        );
        self.metadata
            .write((account, owner.clone(), event), |tx, (account, owner, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let user = get_user(tx, owner).await?;
                    let id = tx.create_account(account).await?;
                    tx.put_member(id, user.id, OrganizationRole::Owner, account.created_at).await?;
                    // The operator made it, and trusts its owners with that.
                    tx.set_may_provision(id, true).await?;
                    tx.record_event(&NewEvent { account_id: Some(id), ..event.clone() }).await?;
                    tx.find_account(id).await?.ok_or_else(|| Error::internal("the new account is not there"))
                })
            })
            .await
    }

    /// Returns an account by its public id: the actor's own, or an organization that it belongs to.
    ///
    /// # Errors
    /// `Unauthenticated`; `UserUnknown` for all others.
    pub async fn get_account_of(&self, actor: &Actor, uuid: Uuid) -> Result<Account> {
        let own = self.access.get_own_account(actor).await?;
        let found = self
            .metadata
            .look_up((uuid, own.id), |tx, (uuid, own)| {
                Box::pin(async move {
                    let Some(account) = tx.find_account_by_uuid(*uuid).await? else { return Ok(None) };
                    let is_seen = account.id == *own || tx.find_role(account.id, *own).await?.is_some();
                    Ok(is_seen.then_some(account))
                })
            })
            .await?;
        found.ok_or_else(|| Error::UserUnknown(uuid.to_string()))
    }

    /// Returns which images an organization lets its members pull.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing settings.
    pub async fn get_image_restriction(&self, actor: &Actor, name: &Namespace) -> Result<ImageRestriction> {
        let organization =
            self.access.authorize_organization(actor, name, OrganizationAction::ViewSettings).await?;
        self.metadata.look_up(organization.id, |tx, id| Box::pin(tx.find_image_restriction(*id))).await
    }

    /// Decides which images an organization lets its members pull. It has effect at once, on all nodes within seconds.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing settings; `Denied` when the plan does not have it.
    pub async fn put_image_restriction(
        &self,
        actor: &Actor,
        name: &Namespace,
        restriction: ImageRestriction,
    ) -> Result<()> {
        let organization =
            self.access.authorize_organization(actor, name, OrganizationAction::ManageSettings).await?;
        organization.plan.check(Feature::ImageRestriction)?;
        let data = [
            ("restricted_images", restriction.is_enabled.to_string()),
            ("allow_official_images", restriction.allows_official_images.to_string()),
            ("allow_verified_publishers", restriction.allows_verified_publishers.to_string()),
        ];
        let action = EventAction::OrganizationSettingsUpdated;
        let event = self.platform.event(actor, Some(organization.id), action, name.as_str(), data);
        self.metadata
            .write((organization.id, restriction, event), |tx, (id, restriction, event)| {
                Box::pin(async move {
                    tx.put_image_restriction(*id, *restriction).await?;
                    tx.record_event(event).await
                })
            })
            .await
    }

    /// Lists the members of an organization by name, of a filter that wants members.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing members.
    pub async fn list_members(
        &self,
        actor: &Actor,
        organization: &Namespace,
        filter: MemberFilter,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Page<Member>> {
        let organization =
            self.access.authorize_organization(actor, organization, OrganizationAction::ViewMembers).await?;
        self.metadata
            .read((organization.id, filter, after.cloned(), size), |tx, (id, filter, after, size)| {
                Box::pin(async move {
                    let (filter, after) = (filter.clone(), after.clone());
                    let query = MemberQuery { filter, after, ..MemberQuery::all(*id, *size) };
                    tx.list_members(&query).await
                })
            })
            .await
    }

    /// Gives a member another role; the operator also adds members, whom everybody else invites.
    ///
    /// # Errors
    /// As [`Organizations::change_member_role`], but to the operator `OrganizationUnknown`, `UserUnknown`; `Conflict` when the last owner would go.
    pub async fn put_member(
        &self,
        actor: &Actor,
        organization: &Namespace,
        user: &Namespace,
        role: OrganizationRole,
    ) -> Result<()> {
        if !actor.is_operator() {
            return self.change_member_role(actor, organization, user, role).await.map(|_| ());
        }
        let event = self.platform.event(actor, None, EventAction::MemberAdded, user.as_str(), []);
        self.metadata
            .write(
                (organization.clone(), user.clone(), role, event, actor.clone()),
                |tx, (organization, user, role, event, actor)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let organization = get_organization(tx, organization).await?;
                        let user = get_user(tx, user).await?;
                        if tx.find_role(organization.id, user.id).await?.is_some() {
                            let event = NewEvent { action: EventAction::MemberRoleChanged, ..event.clone() };
                            return change_role(tx, actor, &organization, &user, Some(*role), event).await;
                        }
                        tx.put_member(organization.id, user.id, *role, event.at).await?;
                        let mut event = NewEvent { account_id: Some(organization.id), ..event.clone() };
                        event.data.insert("role", role.to_string());
                        tx.record_event(&event).await
                    })
                },
            )
            .await
    }

    /// Changes the role of a member.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing members; `Denied` to access tokens where an owner is concerned; `UserUnknown` for who is no member; `Conflict` when the last
    /// owner would go, and for who is deactivated.
    pub async fn change_member_role(
        &self,
        actor: &Actor,
        organization: &Namespace,
        user: &Namespace,
        role: OrganizationRole,
    ) -> Result<OrganizationMember> {
        let organization = self
            .access
            .authorize_organization(actor, organization, OrganizationAction::ManageMembers)
            .await?;
        let data = [("role", role.to_string())];
        let event = self.platform.event(
            actor,
            Some(organization.id),
            EventAction::MemberRoleChanged,
            user.as_str(),
            data,
        );
        self.metadata
            .write(
                (organization, user.clone(), role, event, actor.clone()),
                |tx, (organization, user, role, event, actor)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let unknown = || Error::MemberUnknown {
                            user: user.to_string(),
                            of: organization.name.to_string(),
                        };
                        let account = get_user(tx, user).await?;
                        check_not_deactivated(tx, organization, &account).await?;
                        change_role(tx, actor, organization, &account, Some(*role), event.clone()).await?;
                        let filter =
                            MemberFilter { name_prefix: Some(user.to_string()), ..MemberFilter::default() };
                        let all = MemberQuery::all(organization.id, PageSize::clamped(1)?);
                        let found = tx.list_organization_members(&MemberQuery { filter, ..all }).await?;
                        found.items.into_iter().next().ok_or_else(unknown)
                    })
                },
            )
            .await
    }

    /// Returns whether a principal may do something with an organization that it may know of.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization), but for `Denied`.
    pub(crate) async fn may(
        &self,
        actor: &Actor,
        organization: &Namespace,
        action: OrganizationAction,
    ) -> Result<bool> {
        match self.access.authorize_organization(actor, organization, action).await {
            Ok(_) => Ok(true),
            Err(Error::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lists members with their teams by name, and after them who is invited, leaving out the first `offset`, and counts all
    /// of the filter. Who may not see invites gets members only, and who may not manage members no e-mail addresses.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing members.
    pub async fn list_organization_members(
        &self,
        actor: &Actor,
        name: &Namespace,
        filter: MemberFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<ListedMember>, u64)> {
        let organization =
            self.access.authorize_organization(actor, name, OrganizationAction::ViewMembers).await?;
        let sees_addresses = self.may(actor, name, OrganizationAction::ManageMembers).await?;
        // Those who are invited have no role yet.
        let with_invites = filter.kinds != MemberKinds::Members
            && filter.role.is_none()
            && self.may(actor, name, OrganizationAction::ViewInvites).await?;
        let wanted = (organization.id, filter, with_invites, offset, size, self.clock.now());
        let (mut listed, count) =
            self.metadata.read(wanted, |tx, wanted| Box::pin(list_members_and_invites(tx, wanted))).await?;
        for member in &mut listed {
            if let ListedMember::Member(member) = member
                && !sees_addresses
            {
                member.account.profile.email = None;
            }
        }
        Ok((listed, count))
    }

    /// Lists the organizations of the account that acts with its role there, by name, leaving out the first `offset`, and
    /// counts all.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn list_own_organizations(
        &self,
        actor: &Actor,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<OwnOrganization>, u64)> {
        let own = self.access.get_own_account(actor).await?;
        self.metadata
            .read((own.id, offset, size), |tx, (id, offset, size)| {
                Box::pin(async move {
                    let organizations = tx.list_organizations_of(*id, *offset, *size).await?;
                    Ok((organizations, tx.count_organizations_of(*id).await?))
                })
            })
            .await
    }

    /// Returns an organization to its members.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for viewing it.
    pub async fn get_own_organization(&self, actor: &Actor, name: &Namespace) -> Result<Account> {
        self.access.authorize_organization(actor, name, OrganizationAction::View).await
    }

    /// Removes a member, also from all teams.
    ///
    /// # Errors
    /// As [`authorize_organization`](longshore_access::AccessControl::authorize_organization) for managing members; `Denied` to access tokens for owners; `UserUnknown` when no such member; `Conflict` when the last owner would go.
    pub async fn delete_member(
        &self,
        actor: &Actor,
        organization: &Namespace,
        user: &Namespace,
    ) -> Result<()> {
        self.access.authorize_organization(actor, organization, OrganizationAction::ManageMembers).await?;
        let event = self.platform.event(actor, None, EventAction::MemberRemoved, user.as_str(), []);
        self.metadata
            .write(
                (organization.clone(), user.clone(), event, actor.clone()),
                |tx, (organization, user, event, actor)| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let organization = get_organization(tx, organization).await?;
                        let user = get_user(tx, user).await?;
                        change_role(tx, actor, &organization, &user, None, event.clone()).await
                    })
                },
            )
            .await
    }

    /// Deletes an organization. The name stays taken, so that nobody inherits the namespace.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator, and for `library`; `OrganizationUnknown`; `Conflict` while it has repositories.
    pub async fn delete_organization(&self, actor: &Actor, name: &Namespace) -> Result<()> {
        self.access.require_operator(actor)?;
        if *name == Namespace::library() {
            return Err(Error::denied(
                "library holds the repositories with one-part names and cannot be deleted",
            ));
        }
        let event = self.platform.event(actor, None, EventAction::OrganizationDeleted, name.as_str(), []);
        self.remove_organization(event, name).await
    }

    /// Deletes an organization that is empty for somebody who may. Its members leave it before, some at a time, so that others have
    /// their turn; owners are left to the end, so that they can go on when this is cut off.
    pub(crate) async fn remove_organization(&self, event: NewEvent, name: &Namespace) -> Result<()> {
        loop {
            let cleared = self
                .metadata
                .write(name.clone(), |tx, name| {
                    Box::pin(async move {
                        tx.lock_authority().await?;
                        let organization = get_organization(tx, name).await?;
                        check_empty(tx, &organization).await?;
                        tx.clear_organization(organization.id, PageSize::clamped(CLEARED_AT_ONCE)?).await
                    })
                })
                .await?;
            if cleared < CLEARED_AT_ONCE {
                break;
            }
        }
        self.metadata
            .write((name.clone(), event), |tx, (name, event)| {
                Box::pin(async move {
                    tx.lock_authority().await?;
                    let organization = get_organization(tx, name).await?;
                    tx.lock_account(organization.id).await?;
                    check_empty(tx, &organization).await?;
                    tx.delete_account(organization.id, event.at).await?;
                    tx.record_event(&NewEvent { account_id: Some(organization.id), ..event.clone() }).await
                })
            })
            .await
    }
}
