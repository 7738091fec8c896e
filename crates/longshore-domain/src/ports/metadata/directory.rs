//! Directories of organizations, and the tokens of identity providers.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::{AccountId, OrganizationRole};
use crate::credential::SecretHash;
use crate::directory::{
    DirectoryEmail, DirectoryGroup, DirectoryState, DirectoryUser, GroupLookup, GroupMember,
    ProvisioningRefusal, ScimToken, UserCursor, UserLookup, UserOrder, UserParts,
};
use crate::error::Result;
use crate::organization::TeamId;
use crate::page::PageSize;

/// A token of an identity provider to be made.
#[derive(Clone, Debug)]
pub struct NewScimToken {
    /// What it is.
    pub token: ScimToken,
    /// Hash of the secret.
    pub secret_hash: SecretHash,
}

/// What an entry of a directory says about a user.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    /// User name.
    pub user_name: String,
    /// Id of the identity provider.
    pub external_id: Option<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
}

/// What a directory says about a team.
#[derive(Clone, Debug)]
pub struct GroupEntry {
    /// Display name; it may be the team's own name.
    pub display_name: String,
    /// Id of the identity provider.
    pub external_id: Option<String>,
}

/// Which users of a directory are wanted.
#[derive(Clone, Debug)]
pub struct WantedUsers {
    /// The directory's organization.
    pub organization: AccountId,
    /// Found by an index.
    pub probe: UserLookup,
    /// In this order.
    pub order: UserOrder,
    /// The last first.
    pub is_descending: bool,
    /// Behind this one in that order.
    pub after: Option<UserCursor>,
    /// At most so many; more for probes that find few.
    pub size: PageSize,
    /// With these parts.
    pub parts: UserParts,
}

/// Directories. Whoever becomes a member of an organization comes into its directory, and whoever is removed leaves it, with the
/// membership.
#[async_trait]
pub trait DirectoryRecords {
    /// Lists users. Probes for one value give all that there are at once, whatever order is wanted.
    async fn list_directory_users(&mut self, wanted: &WantedUsers) -> Result<Vec<DirectoryUser>>;
    /// Says what a directory looks like.
    async fn find_directory_state(&mut self, organization: AccountId) -> Result<DirectoryState>;
    /// Notes what an identity provider was refused, in the place of what it was refused before.
    async fn note_refusal(&mut self, organization: AccountId, refusal: &ProvisioningRefusal) -> Result<()>;
    /// Counts all users.
    async fn count_directory_users(&mut self, organization: AccountId) -> Result<u64>;
    /// Returns the mark behind the first `offset` users; `None` when there are not so many.
    async fn find_user_cursor(
        &mut self,
        organization: AccountId,
        order: UserOrder,
        is_descending: bool,
        offset: u64,
    ) -> Result<Option<UserCursor>>;
    /// Finds the entry of an account.
    async fn find_directory_user(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<Option<DirectoryUser>>;
    /// Changes an entry.
    ///
    /// # Errors
    /// `Exists` when another user of the directory has the user name.
    async fn change_directory_entry(
        &mut self,
        organization: AccountId,
        account: AccountId,
        entry: &DirectoryEntry,
        at: Timestamp,
    ) -> Result<()>;
    /// Puts the e-mail addresses of a user in place of those before.
    async fn put_directory_emails(
        &mut self,
        organization: AccountId,
        account: AccountId,
        emails: &[DirectoryEmail],
    ) -> Result<()>;
    /// Says that an entry changed, in all directories where the account is.
    async fn touch_directory_users(&mut self, account: AccountId, at: Timestamp) -> Result<()>;
    /// Lets an organization manage an account that no other one manages; otherwise nothing changes.
    async fn set_managing_organization(&mut self, account: AccountId, organization: AccountId) -> Result<()>;
    /// Returns the organization that manages an account.
    async fn find_managing_organization(&mut self, account: AccountId) -> Result<Option<AccountId>>;
    /// Says whether the managing organization has switched an account off, which ends what it shares with the
    /// account. It is active when neither that nor the operator has.
    async fn set_deprovisioned(&mut self, account: AccountId, is_deprovisioned: bool) -> Result<()>;
    /// Returns whether a user is, or is again when reactivated, let into another namespace than an organization's: by membership,
    /// permissions or shares.
    async fn has_rights_elsewhere(&mut self, user: AccountId, organization: AccountId) -> Result<bool>;
    /// Returns whether the managing organization has switched an account off.
    async fn is_deprovisioned(&mut self, account: AccountId) -> Result<bool>;
    /// Decides whether an organization may provision users.
    async fn set_may_provision(&mut self, organization: AccountId, may: bool) -> Result<()>;
    /// Returns whether an organization may provision users.
    async fn find_may_provision(&mut self, organization: AccountId) -> Result<bool>;
    /// Lets a membership rest: role, teams and permissions are kept, and give nothing.
    async fn suspend_member(
        &mut self,
        organization: AccountId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<()>;
    /// Restores what was suspended, as far as teams and repositories are still there.
    async fn restore_member(
        &mut self,
        organization: AccountId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<()>;
    /// Returns the role of a membership that is suspended.
    async fn find_suspended_role(
        &mut self,
        organization: AccountId,
        account: AccountId,
    ) -> Result<Option<OrganizationRole>>;
    /// Counts owners whose account is switched on, but for one.
    async fn count_other_active_owners(&mut self, organization: AccountId, account: AccountId)
    -> Result<u64>;
}

/// Teams as groups of a directory.
#[async_trait]
pub trait DirectoryGroupRecords {
    /// Lists teams by number, behind `after`. Probes for one value give all that there are at once.
    async fn list_directory_groups(
        &mut self,
        organization: AccountId,
        probe: &GroupLookup,
        after: i64,
        size: PageSize,
    ) -> Result<Vec<DirectoryGroup>>;
    /// Returns the number behind which the teams after the first `offset` lie; `None` when there are not so many.
    async fn find_group_cursor(&mut self, organization: AccountId, offset: u64) -> Result<Option<i64>>;
    /// Changes what a directory says about a team.
    ///
    /// # Errors
    /// `Exists` when another team has the display name.
    async fn change_group_entry(
        &mut self,
        organization: AccountId,
        group: &DirectoryGroup,
        entry: &GroupEntry,
        at: Timestamp,
    ) -> Result<()>;
    /// Lists members of a team by the number of their account, behind `after`, also those whose membership is suspended.
    async fn list_group_members(
        &mut self,
        organization: AccountId,
        team: TeamId,
        after: AccountId,
        size: PageSize,
    ) -> Result<Vec<GroupMember>>;
    /// Adds a user to a team, also one whose membership is suspended; false when it is in it.
    async fn add_group_member(&mut self, team: TeamId, user: &DirectoryUser, at: Timestamp) -> Result<bool>;
    /// Removes a user from a team, also one whose membership is suspended; false when it is not in it.
    async fn delete_group_member(&mut self, team: TeamId, user: &DirectoryUser) -> Result<bool>;
}

/// Tokens of identity providers.
#[async_trait]
pub trait ScimTokenRecords {
    /// Makes a token of an identity provider.
    async fn create_scim_token(&mut self, token: &NewScimToken) -> Result<()>;
    /// Finds a token by the hash of its secret.
    async fn find_scim_token_by_secret(&mut self, hash: &SecretHash) -> Result<Option<ScimToken>>;
    /// Finds a token of an organization.
    async fn find_scim_token(&mut self, organization: AccountId, uuid: Uuid) -> Result<Option<ScimToken>>;
    /// Lists the tokens of an organization, the oldest first.
    async fn list_scim_tokens(&mut self, organization: AccountId, size: PageSize) -> Result<Vec<ScimToken>>;
    /// Replaces the secret of a token; the one before stops working.
    async fn change_scim_secret(&mut self, uuid: Uuid, secret_hash: &SecretHash) -> Result<bool>;
    /// Deletes a token; false when it is not there.
    async fn delete_scim_token(&mut self, uuid: Uuid) -> Result<bool>;
    /// Writes down when a token was used.
    async fn record_scim_token_use(&mut self, uuid: Uuid, at: Timestamp) -> Result<()>;
}
