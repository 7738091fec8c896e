//! Registries, subscriptions, and what namespaces have stored and sent.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::existing::Existing;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{AccountRecords, BlobId, RegistryRecords};
use longshore_domain::registry::{Region, Registry, Subscribed};
use longshore_domain::repository::RepositoryId;
use longshore_domain::tier::{AccountUsage, Subscription, TierSlug};
use longshore_domain::{Error, Result};

use super::{COLLISIONS, collided};
use crate::tx::{Row, SqlTx, row, values};

fn registry(row: &Row<'_>) -> Result<Registry> {
    Ok(Registry {
        namespace_id: AccountId(row.int(0)?),
        name: row.parsed(1)?,
        owner_id: AccountId(row.int(2)?),
        region: row.parsed(3)?,
        created_at: row.time(4)?,
    })
}

fn subscription(row: &Row<'_>) -> Result<Subscription> {
    Ok(Subscription {
        owner_id: AccountId(row.int(0)?),
        tier: row.parsed(1)?,
        created_at: row.time(2)?,
        updated_at: row.time(3)?,
    })
}

/// Amounts never fall below nothing, but a program that does not count may have taken something away.
fn amount(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(u64::try_from(row.int(column)?).unwrap_or_default())
}

#[async_trait]
impl RegistryRecords for SqlTx<'_> {
    async fn create_registry(
        &mut self,
        namespace: AccountId,
        owner: AccountId,
        region: &Region,
        at: Timestamp,
        write_tokens_until: Timestamp,
    ) -> Result<()> {
        let created = self
            .execute(
                "INSERT INTO registries (namespace_id, owner_id, region, created_at, write_tokens_until)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (namespace_id) DO NOTHING",
                values![namespace.0, owner.0, region.as_str(), at, write_tokens_until],
            )
            .await?;
        match created {
            0 => Err(Error::Exists(Existing::Registry)),
            _ => self.advance_authority_epoch().await,
        }
    }

    async fn find_registry(&mut self, name: &Namespace) -> Result<Option<Registry>> {
        self.first(
            "SELECT r.namespace_id, a.name, r.owner_id, r.region, r.created_at
             FROM accounts a JOIN registries r ON r.namespace_id = a.id
             WHERE a.name = $1 AND a.deleted_at IS NULL",
            values![name.as_str()],
            registry,
        )
        .await
    }

    async fn list_registries_of(&mut self, account: AccountId, size: PageSize) -> Result<Vec<Registry>> {
        self.all(
            "SELECT r.namespace_id, a.name, r.owner_id, r.region, r.created_at
             FROM registries r JOIN accounts a ON a.id = r.namespace_id
             WHERE r.namespace_id IN (SELECT $1 UNION ALL SELECT m.organization_id FROM organization_members m
                                      WHERE m.user_id = $1)
                 AND a.deleted_at IS NULL AND a.is_active = 1
             ORDER BY r.namespace_id LIMIT $2",
            values![account.0, size.get()],
            registry,
        )
        .await
    }

    async fn list_subscribed_registries(
        &mut self,
        owner: AccountId,
        size: PageSize,
    ) -> Result<Vec<Registry>> {
        self.all(
            "SELECT r.namespace_id, a.name, r.owner_id, r.region, r.created_at
             FROM registries r JOIN accounts a ON a.id = r.namespace_id
             WHERE r.owner_id = $1 ORDER BY r.namespace_id LIMIT $2",
            values![owner.0, size.get()],
            registry,
        )
        .await
    }

    async fn delete_registry(&mut self, namespace: AccountId) -> Result<bool> {
        let deleted =
            self.execute("DELETE FROM registries WHERE namespace_id = $1", values![namespace.0]).await?;
        self.advance_authority_epoch().await.map(|()| deleted > 0)
    }

    async fn find_subscription(&mut self, owner: AccountId) -> Result<Option<Subscription>> {
        self.first(
            "SELECT owner_id, tier, created_at, updated_at FROM subscriptions WHERE owner_id = $1",
            values![owner.0],
            subscription,
        )
        .await
    }

    async fn lock_subscription(&mut self, owner: AccountId) -> Result<()> {
        let held = "SELECT owner_id FROM subscriptions WHERE owner_id = $1 FOR UPDATE";
        self.first(held, values![owner.0], |row| row.int(0)).await.map(|_| ())
    }

    async fn put_subscription(&mut self, owner: AccountId, tier: &TierSlug, at: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO subscriptions (owner_id, tier, created_at, updated_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (owner_id) DO UPDATE SET tier = excluded.tier, updated_at = excluded.updated_at
             WHERE subscriptions.tier <> excluded.tier",
            values![owner.0, tier.as_str(), at],
        )
        .await?;
        self.advance_authority_epoch().await
    }

    async fn delete_subscription(&mut self, owner: AccountId) -> Result<()> {
        self.execute("DELETE FROM subscriptions WHERE owner_id = $1", values![owner.0]).await.map(|_| ())
    }

    async fn find_subscribed(&mut self, namespace: AccountId) -> Result<Option<Subscribed>> {
        self.first(
            "SELECT r.owner_id, s.tier FROM registries r LEFT JOIN subscriptions s ON s.owner_id = r.owner_id
             WHERE r.namespace_id = $1",
            values![namespace.0],
            |row| {
                let tier = row.optional_text(1)?.map(|tier| tier.parse()).transpose();
                Ok(Subscribed { owner_id: AccountId(row.int(0)?), tier: tier? })
            },
        )
        .await
    }

    async fn account_usage(&mut self, owner: AccountId) -> Result<AccountUsage> {
        let (registries, repositories) = self
            .one(
                "SELECT (SELECT count(*) FROM registries WHERE owner_id = $1),
                     (SELECT count(*) FROM repositories p WHERE p.deleted_at IS NULL AND p.namespace_id IN (
                         SELECT namespace_id FROM registries WHERE owner_id = $1))",
                values![owner.0],
                |row| Ok((row.size(0)?, row.size(1)?)),
            )
            .await?;
        let storage_bytes = self.storage_of_account(owner).await?;
        Ok(AccountUsage { registries, repositories, storage_bytes })
    }

    async fn storage_of_account(&mut self, owner: AccountId) -> Result<u64> {
        self.one(
                "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM (
                     SELECT t.amount FROM usage_totals t WHERE t.kind IN ('stored_bytes', 'manifest_bytes')
                         AND t.namespace_id IN (SELECT namespace_id FROM registries WHERE owner_id = $1)
                     UNION ALL SELECT c.amount FROM usage_changes c WHERE c.kind IN ('stored_bytes', 'manifest_bytes')
                         AND c.namespace_id IN (SELECT namespace_id FROM registries WHERE owner_id = $1)) AS amounts",
                values![owner.0],
                |row| amount(row, 0),
            )
            .await
    }

    async fn uploading_to_account(&mut self, owner: AccountId) -> Result<u64> {
        self.one(
            "SELECT CAST(coalesce(sum(u.offset_bytes), 0) AS BIGINT) FROM uploads u WHERE u.namespace_id IN (
                 SELECT namespace_id FROM registries WHERE owner_id = $1)",
            values![owner.0],
            |row| amount(row, 0),
        )
        .await
    }

    async fn hand_over_registries(
        &mut self,
        user: AccountId,
        organization: Option<AccountId>,
        at: Timestamp,
    ) -> Result<()> {
        let namespaces = self
            .all(
                "SELECT namespace_id FROM registries WHERE owner_id = $1 AND namespace_id <> $1
                     AND (CAST($2 AS BIGINT) IS NULL OR namespace_id = $2)",
                values![user.0, organization.map(|id| id.0)],
                |row| row.int(0),
            )
            .await?;
        for namespace in &namespaces {
            self.execute(
                "INSERT INTO subscriptions (owner_id, tier, created_at, updated_at)
                 SELECT $1, tier, $2, $2 FROM subscriptions WHERE owner_id = $3 ON CONFLICT (owner_id) DO NOTHING",
                values![*namespace, at, user.0],
            )
            .await?;
            self.execute(
                "UPDATE registries SET owner_id = namespace_id WHERE namespace_id = $1",
                values![*namespace],
            )
            .await?;
        }
        if namespaces.is_empty() { Ok(()) } else { self.advance_authority_epoch().await }
    }

    async fn storage_of(&mut self, namespace: AccountId) -> Result<u64> {
        self.one(
            "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM (
                 SELECT amount FROM usage_totals
                     WHERE namespace_id = $1 AND kind IN ('stored_bytes', 'manifest_bytes')
                 UNION ALL SELECT amount FROM usage_changes
                     WHERE namespace_id = $1 AND kind IN ('stored_bytes', 'manifest_bytes')) AS amounts",
            values![namespace.0],
            |row| amount(row, 0),
        )
        .await
    }

    async fn record_write_token(&mut self, namespace: AccountId, until: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE registries SET write_tokens_until = $1 WHERE namespace_id = $2 AND write_tokens_until < $1",
            values![until, namespace.0],
        )
        .await
        .map(|_| ())
    }

    async fn lock_write_tokens(&mut self, namespace: AccountId) -> Result<Option<Timestamp>> {
        self.first(
            "SELECT write_tokens_until FROM registries WHERE namespace_id = $1 FOR UPDATE",
            values![namespace.0],
            |row| row.time(0),
        )
        .await
    }

    async fn put_namespace_blob(&mut self, namespace: AccountId, blob: BlobId) -> Result<bool> {
        for _ in 0..COLLISIONS {
            let added = self
                .execute(
                    "INSERT INTO namespace_blobs (namespace_id, blob_id) VALUES ($1, $2)
                     ON CONFLICT (namespace_id, blob_id) DO NOTHING",
                    values![namespace.0, blob.0],
                )
                .await?;
            if added > 0 {
                return Ok(true);
            }
            // Kept, so that whoever takes the last other link away sees the new one.
            let kept = self
                .first(
                    "SELECT blob_id FROM namespace_blobs WHERE namespace_id = $1 AND blob_id = $2 FOR KEY SHARE",
                    values![namespace.0, blob.0],
                    |row| row.int(0),
                )
                .await?;
            if kept.is_some() {
                return Ok(false);
            }
        }
        Err(collided("a blob of a namespace"))
    }

    async fn add_traffic(&mut self, month: Timestamp, amounts: &[(AccountId, u64)]) -> Result<()> {
        let rows: Vec<_> =
            amounts.iter().map(|(namespace, bytes)| row![namespace.0, month, *bytes]).collect();
        self.execute_each(
            "INSERT INTO traffic (namespace_id, month_at, bytes) VALUES ($1, $2, $3)
             ON CONFLICT (namespace_id, month_at) DO UPDATE SET bytes = traffic.bytes + excluded.bytes",
            rows,
        )
        .await
    }

    async fn traffic_of_account(&mut self, owner: AccountId, month: Timestamp) -> Result<u64> {
        self.one(
            "SELECT CAST(coalesce(sum(t.bytes), 0) AS BIGINT) FROM registries r
             JOIN traffic t ON t.namespace_id = r.namespace_id AND t.month_at = $1 WHERE r.owner_id = $2",
            values![month, owner.0],
            |row| amount(row, 0),
        )
        .await
    }

    async fn traffic_of(&mut self, namespace: AccountId, month: Timestamp) -> Result<u64> {
        let found = self
            .first(
                "SELECT bytes FROM traffic WHERE namespace_id = $1 AND month_at = $2",
                values![namespace.0, month],
                |row| amount(row, 0),
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn list_all_repositories(
        &mut self,
        namespace: AccountId,
        after: RepositoryId,
        size: PageSize,
    ) -> Result<Vec<(RepositoryId, Option<Timestamp>)>> {
        self.all(
            "SELECT id, deleted_at FROM repositories WHERE namespace_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            values![namespace.0, after.0, size.get()],
            |row| Ok((RepositoryId(row.int(0)?), row.optional_time(1)?)),
        )
        .await
    }
}
