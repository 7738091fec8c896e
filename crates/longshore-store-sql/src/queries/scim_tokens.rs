//! Tokens of identity providers.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::credential::SecretHash;
use longshore_domain::directory::ScimToken;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{NewScimToken, ScimTokenRecords};
use uuid::Uuid;

use crate::tx::{Row, SqlTx, values};

fn scim_token(row: &Row<'_>) -> Result<ScimToken> {
    Ok(ScimToken {
        uuid: row.uuid(0)?,
        organization_id: AccountId(row.int(1)?),
        label: row.text(2)?,
        created_by: row.text(3)?,
        created_at: row.time(4)?,
        expires_at: row.optional_time(5)?,
        last_used_at: row.optional_time(6)?,
    })
}

#[async_trait]
impl ScimTokenRecords for SqlTx<'_> {
    async fn create_scim_token(&mut self, new: &NewScimToken) -> Result<()> {
        let NewScimToken { token, secret_hash } = new;
        self.execute(
            "INSERT INTO scim_tokens (uuid, organization_id, label, secret_hash, created_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                token.uuid,
                token.organization_id.0,
                token.label.as_str(),
                secret_hash.0.as_slice(),
                token.created_by.as_str(),
                token.created_at,
                token.expires_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn find_scim_token_by_secret(&mut self, hash: &SecretHash) -> Result<Option<ScimToken>> {
        self.first(
            "SELECT uuid, organization_id, label, created_by, created_at, expires_at, last_used_at FROM scim_tokens
             WHERE secret_hash = $1",
            values![hash.0.as_slice()],
            scim_token,
        )
        .await
    }

    async fn find_scim_token(&mut self, organization: AccountId, uuid: Uuid) -> Result<Option<ScimToken>> {
        self.first(
            "SELECT uuid, organization_id, label, created_by, created_at, expires_at, last_used_at FROM scim_tokens
             WHERE uuid = $1 AND organization_id = $2",
            values![uuid, organization.0],
            scim_token,
        )
        .await
    }

    async fn list_scim_tokens(&mut self, organization: AccountId, size: PageSize) -> Result<Vec<ScimToken>> {
        self.all(
            "SELECT uuid, organization_id, label, created_by, created_at, expires_at, last_used_at FROM scim_tokens
             WHERE organization_id = $1 ORDER BY id LIMIT $2",
            values![organization.0, size.get()],
            scim_token,
        )
        .await
    }

    async fn change_scim_secret(&mut self, uuid: Uuid, secret_hash: &SecretHash) -> Result<bool> {
        let changed = self
            .execute(
                "UPDATE scim_tokens SET secret_hash = $1 WHERE uuid = $2",
                values![secret_hash.0.as_slice(), uuid],
            )
            .await?;
        Ok(changed > 0)
    }

    async fn delete_scim_token(&mut self, uuid: Uuid) -> Result<bool> {
        Ok(self.execute("DELETE FROM scim_tokens WHERE uuid = $1", values![uuid]).await? > 0)
    }

    async fn record_scim_token_use(&mut self, uuid: Uuid, at: Timestamp) -> Result<()> {
        self.execute("UPDATE scim_tokens SET last_used_at = $1 WHERE uuid = $2", values![at, uuid])
            .await
            .map(|_| ())
    }
}
