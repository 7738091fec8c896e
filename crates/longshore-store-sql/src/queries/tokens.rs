//! Access tokens, refresh tokens and signing keys.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::access_key::AccessKey;
use longshore_domain::account::AccountId;
use longshore_domain::credential::{
    AccessToken, AccessTokenId, Scope, SecretHash, TokenOrigin, TokenRestriction,
};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{
    AccessTokenChange, AccessTokenCounts, AccountRecords, NewAccessToken, RefreshToken, RegistryRecords,
    SigningKeyRecord, TokenRecords,
};
use longshore_domain::token_resource::TokenResources;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use super::overfull;
use crate::tx::{Row, SqlTx, values};

/// The stored form of what an organization's token may use: type, path and scopes of each.
type StoredResources = Vec<(String, String, Vec<String>)>;

fn stored(resources: &TokenResources) -> Result<String> {
    let stored: StoredResources = resources
        .as_slice()
        .iter()
        .map(|resource| {
            let scopes = resource.scope_names().into_iter().map(str::to_owned).collect();
            (resource.kind().to_owned(), resource.path(), scopes)
        })
        .collect();
    serde_json::to_string(&stored).map_err(Error::internal)
}

fn restored(text: &str) -> Result<TokenResources> {
    let stored: StoredResources = serde_json::from_str(text).map_err(Error::internal)?;
    TokenResources::from_stored(&stored).map_err(Error::internal)
}

fn access_token(row: &Row<'_>) -> Result<AccessToken> {
    let scope = row.parsed(4);
    let name = row.optional_text(14)?.map(|name| name.parse()).transpose().map_err(Error::internal)?;
    let restriction = match (row.optional_text(13)?, name, row.truth(17)?) {
        (Some(resources), _, _) => TokenRestriction::Resources(restored(&resources)?),
        (None, namespace, true) => TokenRestriction::Login { namespace, scope: scope? },
        (None, Some(name), false) => TokenRestriction::Registry { name, scope: scope? },
        (None, None, false) => TokenRestriction::Scope(scope?),
    };
    let access_key = row.optional_text(16)?.map(|key| key.parse()).transpose();
    Ok(AccessToken {
        id: AccessTokenId(row.int(0)?),
        uuid: row.uuid(1)?,
        account_id: AccountId(row.int(2)?),
        label: row.text(3)?,
        restriction,
        is_active: row.truth(5)?,
        expires_at: row.optional_time(6)?,
        created_at: row.time(7)?,
        last_used_at: row.optional_time(8)?,
        origin: TokenOrigin { address: row.text(9)?, agent: row.text(10)? },
        description: row.text(11)?,
        created_by: row.text(12)?,
        made_with: row.optional_int(15)?.map(AccessTokenId),
        access_key: access_key.map_err(Error::internal)?,
    })
}

#[async_trait]
impl TokenRecords for SqlTx<'_> {
    async fn create_access_token(&mut self, token: &NewAccessToken) -> Result<AccessTokenId> {
        let (mut resources, mut registry, mut login_namespace) = (None, None, None);
        match &token.restriction {
            TokenRestriction::Scope(_) | TokenRestriction::Login { namespace: None, .. } => {}
            TokenRestriction::Resources(listed) => resources = Some(stored(listed)?),
            TokenRestriction::Registry { name, .. } => {
                let found = self.find_registry(name).await?;
                registry = Some(found.ok_or_else(|| Error::RegistryUnknown(name.to_string()))?.namespace_id);
            }
            TokenRestriction::Login { namespace: Some(name), .. } => {
                let found = self.find_account_by_name(name).await?;
                login_namespace = Some(found.ok_or_else(|| Error::OrganizationUnknown(name.to_string()))?.id);
            }
        }
        let (access_key, sealed_secret) = match &token.access_key {
            Some((key, sealed)) => (Some(key.as_str()), Some(sealed.as_slice())),
            None => (None, None),
        };
        self.one(
            "INSERT INTO access_tokens (uuid, account_id, label, scope, secret_hash, expires_at, created_at,
                 creator_address, creator_agent, description, created_by, resources, registry_id, made_with,
                 access_key, sealed_secret, is_login, login_namespace_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING id",
            values![
                token.uuid,
                token.account_id.0,
                token.label.as_str(),
                // Programs that do not know of resources must not give more than they do.
                token.restriction.scope().unwrap_or(Scope::PublicRead).as_str(),
                token.secret_hash.0.as_slice(),
                token.expires_at,
                token.created_at,
                token.origin.address.as_str(),
                token.origin.agent.as_str(),
                token.description.as_str(),
                token.created_by.as_str(),
                resources.as_deref(),
                registry.map(|id| id.0),
                token.made_with.map(|id| id.0),
                access_key,
                sealed_secret,
                matches!(token.restriction, TokenRestriction::Login { .. }),
                login_namespace.map(|id| id.0)
            ],
            |row| row.int(0),
        )
        .await
        .map(AccessTokenId)
    }

    async fn find_access_key(&mut self, key: &AccessKey) -> Result<Option<(AccessToken, Vec<u8>)>> {
        self.first(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login, t.sealed_secret
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.access_key = $1",
            values![key.as_str()],
            |row| Ok((access_token(row)?, row.bytes(18)?)),
        )
        .await
    }

    async fn record_signature(
        &mut self,
        signature: &[u8],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Timestamp> {
        self.execute(
            "INSERT INTO used_signatures (signature, taken_at, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (signature) DO NOTHING",
            values![signature, now, expires_at],
        )
        .await?;
        let taken = "SELECT taken_at FROM used_signatures WHERE signature = $1";
        Ok(self.first(taken, values![signature], |row| row.time(0)).await?.unwrap_or(now))
    }

    async fn delete_old_signatures(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM used_signatures WHERE signature IN (
                     SELECT signature FROM used_signatures WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn revoke_session(&mut self, id: Uuid, expires_at: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO revoked_sessions (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            values![id, expires_at],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn is_session_revoked(&mut self, [first, second]: [Uuid; 2]) -> Result<bool> {
        let revoked = "SELECT 1 FROM revoked_sessions WHERE id = $1 OR id = $2";
        let found = self.first(revoked, values![first, second], |_| Ok(())).await?;
        Ok(found.is_some())
    }

    async fn delete_old_revocations(&mut self, now: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM revoked_sessions WHERE id IN (
                     SELECT id FROM revoked_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn put_presence(&mut self, session: Uuid, at: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO presences (session, proven_at) VALUES ($1, $2)
             ON CONFLICT (session) DO UPDATE SET proven_at = excluded.proven_at",
            values![session, at],
        )
        .await
        .map(|_| ())
    }

    async fn find_presence(&mut self, session: Uuid) -> Result<Option<Timestamp>> {
        self.first("SELECT proven_at FROM presences WHERE session = $1", values![session], |row| row.time(0))
            .await
    }

    async fn delete_old_presences(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM presences WHERE session IN (
                     SELECT session FROM presences WHERE proven_at <= $1 ORDER BY proven_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn find_access_token_by_secret(&mut self, hash: &SecretHash) -> Result<Option<AccessToken>> {
        self.first(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.secret_hash = $1",
            values![hash.0.as_slice()],
            access_token,
        )
        .await
    }

    async fn find_access_token(&mut self, id: AccessTokenId) -> Result<Option<AccessToken>> {
        self.first(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.id = $1",
            values![id.0],
            access_token,
        )
        .await
    }

    async fn find_access_token_by_uuid(
        &mut self,
        account: AccountId,
        uuid: Uuid,
    ) -> Result<Option<AccessToken>> {
        self.first(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.account_id = $1 AND t.uuid = $2",
            values![account.0, uuid],
            access_token,
        )
        .await
    }

    async fn list_access_tokens(
        &mut self,
        account: AccountId,
        after: Option<Uuid>,
        size: PageSize,
    ) -> Result<Vec<AccessToken>> {
        self.all(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.account_id = $1 AND t.uuid > $2 ORDER BY t.uuid LIMIT $3",
            values![account.0, after.unwrap_or(Uuid::nil()), overfull(size)],
            access_token,
        )
        .await
    }

    async fn list_access_tokens_at(
        &mut self,
        account: AccountId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<AccessToken>> {
        self.all(
            "SELECT t.id, t.uuid, t.account_id, t.label, t.scope,
                 CASE WHEN t.made_with IS NULL THEN t.is_active ELSE t.is_active * m.is_active END,
                 t.expires_at, t.created_at, t.last_used_at, t.creator_address, t.creator_agent, t.description,
                 t.created_by, t.resources, r.name, t.made_with, t.access_key, t.is_login
             FROM access_tokens t LEFT JOIN access_tokens m ON m.id = t.made_with
                 LEFT JOIN accounts r ON r.id = coalesce(t.registry_id, t.login_namespace_id)
             WHERE t.account_id = $1 ORDER BY t.uuid LIMIT $2 OFFSET $3",
            values![account.0, size.get(), offset],
            access_token,
        )
        .await
    }

    async fn count_access_tokens(&mut self, account: AccountId) -> Result<AccessTokenCounts> {
        self.one(
            "SELECT count(*), CAST(coalesce(sum(is_active), 0) AS BIGINT), CAST(coalesce(sum(CASE WHEN registry_id IS NOT NULL OR is_login = 1 THEN 1 ELSE 0 END), 0) AS BIGINT)
             FROM access_tokens WHERE account_id = $1",
            values![account.0],
            |row| {
                let [all, active, credentials] = [row.size(0)?, row.size(1)?, row.size(2)?];
                Ok(AccessTokenCounts { all, active, credentials })
            },
        )
        .await
    }

    async fn count_logins_made_with(
        &mut self,
        account: AccountId,
        made_with: Option<AccessTokenId>,
    ) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM access_tokens WHERE account_id = $1 AND is_login = 1 AND coalesce(made_with, 0) = $2",
            values![account.0, made_with.map_or(0, |id| id.0)],
            |row| row.size(0),
        )
        .await
    }

    async fn delete_logins_of_sessions(&mut self, account: AccountId) -> Result<()> {
        self.execute(
            "DELETE FROM access_tokens WHERE account_id = $1 AND is_login = 1 AND made_with IS NULL",
            values![account.0],
        )
        .await
        .map(|_| ())
    }

    async fn change_access_token(&mut self, id: AccessTokenId, change: &AccessTokenChange) -> Result<()> {
        let resources = change.resources.as_ref().map(stored).transpose()?;
        self.execute(
            "UPDATE access_tokens SET label = coalesce($1, label), is_active = coalesce($2, is_active),
                 description = coalesce($3, description), resources = coalesce($4, resources) WHERE id = $5",
            values![
                change.label.as_deref(),
                change.is_active,
                change.description.as_deref(),
                resources.as_deref(),
                id.0
            ],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn delete_access_token(&mut self, id: AccessTokenId) -> Result<()> {
        self.execute("DELETE FROM access_tokens WHERE id = $1", values![id.0]).await?;
        self.advance_authority_epoch().await
    }

    async fn lock_access_token(&mut self, id: AccessTokenId) -> Result<bool> {
        let held = "SELECT id FROM access_tokens WHERE id = $1 FOR KEY SHARE";
        Ok(self.first(held, values![id.0], |row| row.int(0)).await?.is_some())
    }

    async fn delete_credentials_made_with(&mut self, id: AccessTokenId, scope: Scope) -> Result<()> {
        self.execute(
            "DELETE FROM access_tokens WHERE made_with = $1 AND scope = $2",
            values![id.0, scope.as_str()],
        )
        .await
        .map(|_| ())
    }

    async fn delete_expired_credentials(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM access_tokens WHERE id IN (
                     SELECT id FROM access_tokens WHERE expires_at <= $1 AND registry_id IS NOT NULL
                     ORDER BY expires_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        let logins = self
            .execute(
                "DELETE FROM access_tokens WHERE id IN (
                     SELECT id FROM access_tokens WHERE expires_at <= $1 AND is_login = 1
                     ORDER BY expires_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok((deleted + logins) as u64)
    }

    async fn record_access_token_use(&mut self, id: AccessTokenId, at: Timestamp) -> Result<()> {
        self.execute("UPDATE access_tokens SET last_used_at = $1 WHERE id = $2", values![at, id.0])
            .await
            .map(|_| ())
    }

    async fn delete_refresh_tokens_beyond(
        &mut self,
        account: AccountId,
        access_token: Option<AccessTokenId>,
        kept: u64,
    ) -> Result<()> {
        self.execute(
            "DELETE FROM refresh_tokens WHERE secret_hash IN (
                 SELECT secret_hash FROM refresh_tokens WHERE account_id = $1 AND coalesce(access_token_id, 0) = $2
                 ORDER BY created_at DESC LIMIT $3 OFFSET $4)",
            values![account.0, access_token.map_or(0, |id| id.0), PageSize::MAX.get(), kept],
        )
        .await
        .map(|_| ())
    }

    async fn create_refresh_token(&mut self, token: &RefreshToken) -> Result<()> {
        self.execute(
            "INSERT INTO refresh_tokens (secret_hash, account_id, access_token_id, credential_epoch, service, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                token.secret_hash.0.as_slice(),
                token.account_id.0,
                token.access_token_id.map(|id| id.0),
                token.credential_epoch,
                token.service.as_str(),
                token.created_at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn find_refresh_token(&mut self, hash: &SecretHash) -> Result<Option<RefreshToken>> {
        self.first(
            "SELECT secret_hash, account_id, access_token_id, credential_epoch, service, created_at
             FROM refresh_tokens WHERE secret_hash = $1",
            values![hash.0.as_slice()],
            |row| {
                let secret_hash = row
                    .bytes(0)?
                    .try_into()
                    .map_err(|_| Error::internal("a secret hash of the wrong length"))?;
                Ok(RefreshToken {
                    secret_hash: SecretHash(secret_hash),
                    account_id: AccountId(row.int(1)?),
                    access_token_id: row.optional_int(2)?.map(AccessTokenId),
                    credential_epoch: row.int(3)?,
                    service: row.text(4)?,
                    created_at: row.time(5)?,
                })
            },
        )
        .await
    }

    async fn delete_old_refresh_tokens(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM refresh_tokens WHERE secret_hash IN (
                     SELECT secret_hash FROM refresh_tokens WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }

    async fn count_refresh_tokens(&mut self, account: AccountId, limit: u64) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM (SELECT 1 FROM refresh_tokens WHERE account_id = $1 LIMIT $2) AS found",
            values![account.0, limit],
            |row| row.size(0),
        )
        .await
    }

    async fn delete_refresh_tokens(&mut self, account: AccountId) -> Result<()> {
        self.execute("DELETE FROM refresh_tokens WHERE account_id = $1", values![account.0]).await.map(|_| ())
    }

    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>> {
        self.all(
            "SELECT kid, private_key, created_at, expires_at FROM signing_keys ORDER BY created_at DESC, kid",
            values![],
            |row| {
                Ok(SigningKeyRecord {
                    kid: row.text(0)?,
                    private_key: row.bytes(1)?,
                    created_at: row.time(2)?,
                    expires_at: row.optional_time(3)?,
                })
            },
        )
        .await
    }

    async fn create_signing_key(&mut self, key: &SigningKeyRecord) -> Result<()> {
        self.execute(
            "INSERT INTO signing_keys (kid, private_key, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            values![key.kid.as_str(), key.private_key.as_slice(), key.created_at, key.expires_at],
        )
        .await
        .map(|_| ())
    }

    async fn retire_signing_keys_except(&mut self, kid: &str, expires_at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE signing_keys SET expires_at = $1 WHERE kid <> $2 AND expires_at IS NULL",
            values![expires_at, kid],
        )
        .await
        .map(|_| ())
    }

    async fn delete_expired_signing_keys(&mut self, now: Timestamp) -> Result<()> {
        self.execute("DELETE FROM signing_keys WHERE expires_at < $1", values![now]).await.map(|_| ())
    }
}
