//! Users, organizations and their members.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::{Account, AccountId, AccountKind, OrganizationRole, Plan, ProfileChange};
use crate::email::EmailAddress;
use crate::error::Result;
use crate::name::Namespace;
use crate::organization::TeamId;
use crate::organization::{ImageRestriction, RestrictingOrganization};
use crate::page::PageSize;

/// An account to be created.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Public id.
    pub uuid: Uuid,
    /// User or organization.
    pub kind: AccountKind,
    /// Name.
    pub name: Namespace,
    /// Password hash (PHC string); `None` for organizations.
    pub password_hash: Option<String>,
    /// Operator of the whole registry.
    pub is_administrator: bool,
    /// When.
    pub created_at: Timestamp,
}

/// What rows hang on that are deleted in steps before it, so that no transaction grows with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// Tokens, permissions, shares and memberships of an account.
    Account(AccountId),
    /// Refresh tokens of an account.
    RefreshTokens(AccountId),
    /// Members and permissions of a team.
    Team(TeamId),
    /// Credentials and runs of the registry of a namespace.
    Registry(AccountId),
}

/// Users, organizations and their members.
#[async_trait]
pub trait AccountRecords {
    /// Waits until no other unit of work changes accounts or members, and keeps others waiting: for decisions
    /// over several of them, such as who is the last owner.
    async fn lock_authority(&mut self) -> Result<()>;
    /// Keeps others from creating repositories in an account's namespace.
    async fn lock_account(&mut self, id: AccountId) -> Result<()>;
    /// Creates an account.
    ///
    /// # Errors
    /// `Exists` when the name is taken, also by a deleted account.
    async fn create_account(&mut self, account: &NewAccount) -> Result<AccountId>;
    /// Finds an account that is not deleted.
    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>>;
    /// Finds an account that is not deleted, by name.
    async fn find_account_by_name(&mut self, name: &Namespace) -> Result<Option<Account>>;
    /// Finds an account that is not deleted, by public id.
    async fn find_account_by_uuid(&mut self, uuid: Uuid) -> Result<Option<Account>>;
    /// Finds an account that is not deleted, by its e-mail address.
    async fn find_account_by_email(&mut self, email: &EmailAddress) -> Result<Option<Account>>;
    /// Changes an account's profile.
    ///
    /// # Errors
    /// `Exists` when another account has the e-mail address.
    async fn change_profile(&mut self, id: AccountId, change: &ProfileChange) -> Result<()>;
    /// Returns a user's password hash.
    async fn find_password_hash(&mut self, id: AccountId) -> Result<Option<String>>;
    /// Lists accounts of a kind by name, strictly after `after`; one more than `size` when more follow.
    async fn list_accounts(
        &mut self,
        kind: AccountKind,
        after: Option<&Namespace>,
        size: PageSize,
    ) -> Result<Vec<Account>>;
    /// Switches an account on or off.
    async fn set_account_active(&mut self, id: AccountId, is_active: bool) -> Result<()>;
    /// Makes a user an administrator or ends that.
    async fn set_administrator(&mut self, id: AccountId, is_administrator: bool) -> Result<()>;
    /// Changes what an account has subscribed to.
    async fn set_plan(&mut self, id: AccountId, plan: Plan) -> Result<()>;
    /// Says whether an account's images count as those of a verified publisher.
    async fn set_verified_publisher(&mut self, id: AccountId, is_verified_publisher: bool) -> Result<()>;
    /// Returns what an organization restricts.
    async fn find_image_restriction(&mut self, organization: AccountId) -> Result<ImageRestriction>;
    /// Sets what an organization restricts.
    async fn put_image_restriction(
        &mut self,
        organization: AccountId,
        restriction: ImageRestriction,
    ) -> Result<()>;
    /// Lists the organizations of a user that restrict images.
    async fn list_restricting_organizations(
        &mut self,
        user: AccountId,
    ) -> Result<Vec<RestrictingOrganization>>;
    /// Changes a user's password and voids all bearer and refresh tokens issued before.
    async fn set_password_hash(&mut self, id: AccountId, password_hash: &str) -> Result<()>;
    /// Takes members who are no owners out of an organization that is about to be deleted, and users out of its directory, at most
    /// `size` of each; returns how many.
    async fn clear_organization(&mut self, id: AccountId, size: PageSize) -> Result<u64>;
    /// Deletes rows that hang on something that is about to be deleted: at most `size`, of the first kind of which there are any.
    /// Returns how many; 0 when none are left. Whoever deletes the thing itself deletes what has come since, too.
    async fn clear(&mut self, what: Clearing, size: PageSize) -> Result<u64>;
    /// Deletes an account; its name stays taken.
    async fn delete_account(&mut self, id: AccountId, at: Timestamp) -> Result<()>;
    /// Counts administrators that are active.
    async fn count_active_administrators(&mut self) -> Result<i64>;
    /// Finds a user's role in an organization.
    async fn find_role(
        &mut self,
        organization: AccountId,
        user: AccountId,
    ) -> Result<Option<OrganizationRole>>;
    /// Adds a member or changes the role.
    async fn put_member(
        &mut self,
        organization: AccountId,
        user: AccountId,
        role: OrganizationRole,
        at: Timestamp,
    ) -> Result<()>;
    /// Removes a member, from teams too, and takes what it was given in the namespace besides; false when there was none.
    async fn delete_member(&mut self, organization: AccountId, user: AccountId) -> Result<bool>;
    /// Finds an organization of which the user is the only owner.
    async fn find_organization_owned_only_by(&mut self, user: AccountId) -> Result<Option<Namespace>>;
    /// Returns whether a name is an account's, or was that of one that is deleted: it stays taken.
    async fn is_name_taken(&mut self, name: &Namespace) -> Result<bool>;
    /// Counts the organizations that a user owns.
    async fn count_owned_organizations(&mut self, user: AccountId) -> Result<u64>;
    /// Voids all bearer tokens and sessions of an account that were issued before.
    async fn advance_credential_epoch(&mut self, id: AccountId) -> Result<()>;
    /// Says that who may do what has changed: see [`Metadata::authority_epoch`].
    async fn advance_authority_epoch(&mut self) -> Result<()>;
}
