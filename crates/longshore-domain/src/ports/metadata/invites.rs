//! Invites to organizations.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::{AccountId, OrganizationRole};
use crate::credential::SecretHash;
use crate::error::Result;
use crate::invite::{Invite, Invitee, Inviter};
use crate::organization::TeamId;
use crate::page::PageSize;

/// An invite to be recorded.
#[derive(Clone, Debug)]
pub struct NewInvite {
    /// Public id.
    pub id: Uuid,
    /// To which organization.
    pub organization: AccountId,
    /// Who invites.
    pub inviter: Inviter,
    /// Who is invited.
    pub invitee: Invitee,
    /// Who alone may accept it.
    pub user: Option<AccountId>,
    /// Role of the new member.
    pub role: OrganizationRole,
    /// Team of the new member.
    pub team: Option<TeamId>,
    /// Hash of what the link holds.
    pub secret_hash: SecretHash,
    /// Whether the link goes to the address and nowhere else.
    pub is_mailed: bool,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Invites to organizations.
#[async_trait]
pub trait InviteRecords {
    /// Records an invite in the place of any other of the same person to the same organization.
    async fn put_invite(&mut self, invite: &NewInvite) -> Result<()>;
    /// Replaces the link, the end and the inviter of an invite that goes by mail.
    async fn renew_invite(
        &mut self,
        id: Uuid,
        inviter: &Inviter,
        secret_hash: &SecretHash,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()>;
    /// Changes what the link of an invite holds; the link before no longer works.
    async fn set_invite_secret(&mut self, id: Uuid, secret_hash: &SecretHash) -> Result<()>;
    /// Says that the message about an invite could not be sent.
    async fn forget_invite_message(&mut self, id: Uuid) -> Result<()>;
    /// Finds the invite of somebody to an organization, by [`Invitee::key`].
    async fn find_invite_of(&mut self, organization: AccountId, key: &str) -> Result<Option<Invite>>;
    /// Finds an invite by its id.
    async fn find_invite(&mut self, id: Uuid) -> Result<Option<Invite>>;
    /// Finds an invite by what its link holds.
    async fn find_invite_by_secret(&mut self, hash: &SecretHash) -> Result<Option<Invite>>;
    /// Lists the invites of an organization that end after `now`, by the name of who is invited, that begins with
    /// something; leaves out the first `offset`, at most `size`.
    async fn list_invites(
        &mut self,
        organization: AccountId,
        invitee_prefix: &str,
        now: Timestamp,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Invite>>;
    /// Counts what [`InviteRecords::list_invites`] lists.
    async fn count_invites(
        &mut self,
        organization: AccountId,
        invitee_prefix: &str,
        now: Timestamp,
    ) -> Result<u64>;
    /// Deletes what invites a user, or somebody by one of these keys, to an organization.
    async fn delete_invites_of(
        &mut self,
        organization: AccountId,
        user: AccountId,
        keys: &[String],
    ) -> Result<()>;
    /// Deletes an invite; false when it was not there.
    async fn delete_invite(&mut self, id: Uuid) -> Result<bool>;
    /// Deletes invites that ended at or before a time, at most `size`; returns how many.
    async fn delete_expired_invites(&mut self, now: Timestamp, size: PageSize) -> Result<u64>;
}
