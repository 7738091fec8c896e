//! Invites to organizations.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::credential::{AccessTokenId, SecretHash};
use longshore_domain::invite::{Invite, Invitee, Inviter};
use longshore_domain::organization::TeamId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{InviteRecords, NewInvite};
use longshore_domain::{Error, Result};
use uuid::Uuid;

use super::end_of;
use crate::tx::{Row, SqlTx, row, values};

fn invite(row: &Row<'_>) -> Result<Invite> {
    let invitee = row.text(4)?;
    let team = match (row.optional_int(7)?, row.optional_text(8)?) {
        (Some(id), Some(name)) => Some((TeamId(id), name.parse().map_err(Error::internal)?)),
        _ => None,
    };
    Ok(Invite {
        id: row.uuid(0)?,
        organization_id: AccountId(row.int(1)?),
        organization: row.parsed(2)?,
        inviter: Inviter {
            name: row.text(3)?,
            account_id: row.optional_int(12)?.map(AccountId),
            access_token_id: row.optional_int(13)?.map(AccessTokenId),
        },
        invitee: Invitee::parse(&invitee)
            .ok_or_else(|| Error::internal("an invitee that is neither name nor address"))?,
        user_id: row.optional_int(5)?.map(AccountId),
        role: row.parsed(6)?,
        team,
        is_mailed: row.truth(9)?,
        sent_at: row.optional_time(14)?,
        created_at: row.time(10)?,
        expires_at: row.time(11)?,
    })
}

#[async_trait]
impl InviteRecords for SqlTx<'_> {
    async fn put_invite(&mut self, invite: &NewInvite) -> Result<()> {
        self.execute(
            "INSERT INTO invites (uuid, organization_id, inviter_name, invitee, invitee_key, user_id, role, team_id,
                 secret_hash, is_mailed, created_at, expires_at, inviter_id, inviter_token_id, sent_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (organization_id, invitee_key) DO UPDATE SET uuid = excluded.uuid,
                 inviter_name = excluded.inviter_name, invitee = excluded.invitee, user_id = excluded.user_id,
                 role = excluded.role, team_id = excluded.team_id, secret_hash = excluded.secret_hash,
                 is_mailed = excluded.is_mailed, created_at = excluded.created_at, expires_at = excluded.expires_at,
                 inviter_id = excluded.inviter_id, inviter_token_id = excluded.inviter_token_id, sent_at = excluded.sent_at",
            values![
                invite.id,
                invite.organization.0,
                invite.inviter.name.as_str(),
                invite.invitee.to_string(),
                invite.invitee.key(),
                invite.user.map(|id| id.0),
                invite.role.as_str(),
                invite.team.map(|id| id.0),
                invite.secret_hash.0.as_slice(),
                invite.is_mailed,
                invite.created_at,
                invite.expires_at,
                invite.inviter.account_id.map(|id| id.0),
                invite.inviter.access_token_id.map(|id| id.0),
                invite.is_mailed.then_some(invite.created_at)
            ],
        )
        .await
        .map(|_| ())
    }

    async fn renew_invite(
        &mut self,
        id: Uuid,
        inviter: &Inviter,
        secret_hash: &SecretHash,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE invites SET secret_hash = $1, is_mailed = 1, expires_at = $2, inviter_name = $3, inviter_id = $4,
                 inviter_token_id = $5, sent_at = $6 WHERE uuid = $7",
            values![
                secret_hash.0.as_slice(),
                expires_at,
                inviter.name.as_str(),
                inviter.account_id.map(|id| id.0),
                inviter.access_token_id.map(|id| id.0),
                at,
                id
            ],
        )
        .await
        .map(|_| ())
    }

    async fn set_invite_secret(&mut self, id: Uuid, secret_hash: &SecretHash) -> Result<()> {
        self.execute(
            "UPDATE invites SET secret_hash = $1 WHERE uuid = $2",
            values![secret_hash.0.as_slice(), id],
        )
        .await
        .map(|_| ())
    }

    async fn forget_invite_message(&mut self, id: Uuid) -> Result<()> {
        self.execute("UPDATE invites SET sent_at = NULL WHERE uuid = $1", values![id]).await.map(|_| ())
    }

    async fn find_invite_of(&mut self, organization: AccountId, key: &str) -> Result<Option<Invite>> {
        self.first(
            "SELECT i.uuid, i.organization_id, o.name, i.inviter_name, i.invitee, i.user_id, i.role, t.id, t.name,
                 i.is_mailed, i.created_at, i.expires_at, i.inviter_id, i.inviter_token_id, i.sent_at
             FROM invites i JOIN accounts o ON o.id = i.organization_id LEFT JOIN teams t ON t.id = i.team_id
             WHERE i.organization_id = $1 AND i.invitee_key = $2",
            values![organization.0, key],
            invite,
        )
        .await
    }

    async fn find_invite(&mut self, id: Uuid) -> Result<Option<Invite>> {
        self.first(
            "SELECT i.uuid, i.organization_id, o.name, i.inviter_name, i.invitee, i.user_id, i.role, t.id, t.name,
                 i.is_mailed, i.created_at, i.expires_at, i.inviter_id, i.inviter_token_id, i.sent_at
             FROM invites i JOIN accounts o ON o.id = i.organization_id LEFT JOIN teams t ON t.id = i.team_id
             WHERE i.uuid = $1",
            values![id],
            invite,
        )
        .await
    }

    async fn find_invite_by_secret(&mut self, hash: &SecretHash) -> Result<Option<Invite>> {
        self.first(
            "SELECT i.uuid, i.organization_id, o.name, i.inviter_name, i.invitee, i.user_id, i.role, t.id, t.name,
                 i.is_mailed, i.created_at, i.expires_at, i.inviter_id, i.inviter_token_id, i.sent_at
             FROM invites i JOIN accounts o ON o.id = i.organization_id LEFT JOIN teams t ON t.id = i.team_id
             WHERE i.secret_hash = $1",
            values![hash.0.as_slice()],
            invite,
        )
        .await
    }

    async fn list_invites(
        &mut self,
        organization: AccountId,
        invitee_prefix: &str,
        now: Timestamp,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Invite>> {
        self.all(
            "SELECT i.uuid, i.organization_id, o.name, i.inviter_name, i.invitee, i.user_id, i.role, t.id, t.name,
                 i.is_mailed, i.created_at, i.expires_at, i.inviter_id, i.inviter_token_id, i.sent_at
             FROM invites i JOIN accounts o ON o.id = i.organization_id LEFT JOIN teams t ON t.id = i.team_id
             WHERE i.organization_id = $1 AND i.invitee_key >= $2 AND i.invitee_key < $3 AND i.expires_at > $4
             ORDER BY i.invitee_key LIMIT $5 OFFSET $6",
            values![organization.0, invitee_prefix, end_of(invitee_prefix), now, size.get(), offset],
            invite,
        )
        .await
    }

    async fn count_invites(
        &mut self,
        organization: AccountId,
        invitee_prefix: &str,
        now: Timestamp,
    ) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM invites
             WHERE organization_id = $1 AND invitee_key >= $2 AND invitee_key < $3 AND expires_at > $4",
            values![organization.0, invitee_prefix, end_of(invitee_prefix), now],
            |row| row.size(0),
        )
        .await
    }

    async fn delete_invites_of(
        &mut self,
        organization: AccountId,
        user: AccountId,
        keys: &[String],
    ) -> Result<()> {
        self.execute(
            "DELETE FROM invites WHERE organization_id = $1 AND user_id = $2",
            values![organization.0, user.0],
        )
        .await?;
        let rows: Vec<_> = keys.iter().map(|key| row![organization.0, key.as_str()]).collect();
        self.execute_each("DELETE FROM invites WHERE organization_id = $1 AND invitee_key = $2", rows).await
    }

    async fn delete_invite(&mut self, id: Uuid) -> Result<bool> {
        let deleted = self.execute("DELETE FROM invites WHERE uuid = $1", values![id]).await?;
        Ok(deleted > 0)
    }

    async fn delete_expired_invites(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM invites WHERE uuid IN (
                     SELECT uuid FROM invites WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
