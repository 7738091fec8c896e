//! Repositories as lists show them, and what namespaces stored and sent day by day.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::digest::Digest;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{DigestQuery, FoundDigest, InventoryRecords, UsageDay};
use longshore_domain::repository::{RepositoryId, RepositoryListing};

use super::end_of;
use super::repository_lists::listing;
use crate::tx::{Row, SqlTx, row, values};

#[async_trait]
impl InventoryRecords for SqlTx<'_> {
    async fn find_repository_listing(&mut self, id: RepositoryId) -> Result<Option<RepositoryListing>> {
        self.first(
            "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                 r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0),
                 (SELECT max(n.at) FROM (SELECT coalesce(t.updated_at, r.created_at) AS at
                     UNION ALL SELECT g.pushed_at FROM repository_changes g WHERE g.repository_id = r.id) AS n),
                 r.category, c.uuid, c.name,
                 coalesce(t.stored_bytes, 0)
             FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id
                 LEFT JOIN accounts c ON c.id = r.created_by
             WHERE r.id = $1 AND r.deleted_at IS NULL",
            values![id.0],
            listing,
        )
        .await
    }

    async fn find_digests(&mut self, query: &DigestQuery) -> Result<(Vec<FoundDigest>, bool)> {
        let DigestQuery { beginning, visible, size } = query;
        let (end, limit) = (end_of(beginning), size.get() as usize);
        let candidate = |row: &Row<'_>| Ok((row.int(0)?, row.parsed::<Digest>(1)?, row.truth(2)?));
        let values = values![beginning.as_str(), end.as_str()];
        let images = "SELECT repository_id, digest, 1 FROM images WHERE digest >= $1 AND digest < $2
             ORDER BY digest LIMIT 200";
        let blobs = "SELECT l.repository_id, n.digest, 0 FROM (
                 SELECT id, digest FROM blobs WHERE digest >= $1 AND digest < $2 ORDER BY digest LIMIT 200) n
             JOIN blob_links l ON l.blob_id = n.id WHERE l.hidden_at IS NULL LIMIT 200";
        let mut candidates = self.all(images, values, candidate).await?;
        candidates.extend(self.all(blobs, values, candidate).await?);
        let mut names = BTreeMap::<i64, Option<RepositoryName>>::new();
        let mut found = Vec::new();
        for (repository, digest, is_manifest) in candidates {
            let known = match names.get(&repository) {
                Some(known) => known.clone(),
                None => {
                    let (sql, values) = self.showing(
                        *visible,
                        "SELECT r.name FROM repositories r WHERE r.id = $1 AND r.deleted_at IS NULL AND {visible}",
                        row![repository],
                    );
                    let name = self.first(&sql, &values, |row| row.parsed(0)).await?;
                    names.insert(repository, name.clone());
                    name
                }
            };
            let Some(repository) = known else { continue };
            if found.len() == limit {
                return Ok((found, true));
            }
            found.push(FoundDigest { repository, digest, is_manifest });
        }
        Ok((found, false))
    }

    async fn bytes_only_in(&mut self, repository: RepositoryId, limit: u32) -> Result<Option<u64>> {
        let (count, bytes) = self
            .one(
                "SELECT count(*), CAST(coalesce(sum(CASE WHEN EXISTS (
                         SELECT 1 FROM blob_links o WHERE o.blob_id = l.blob_id AND o.namespace_id = l.namespace_id
                             AND o.repository_id <> $1) THEN 0 ELSE b.size_bytes END), 0) AS BIGINT)
                 FROM (SELECT k.blob_id, k.namespace_id FROM blob_links k WHERE k.repository_id = $1
                       ORDER BY k.blob_id LIMIT $2) AS l
                 JOIN blobs b ON b.id = l.blob_id",
                values![repository.0, i64::from(limit) + 1],
                |row| Ok((row.int(0)?, row.size(1)?)),
            )
            .await?;
        Ok((count <= i64::from(limit)).then_some(bytes))
    }

    async fn namespace_counts(&mut self, namespace: AccountId) -> Result<(u64, u64)> {
        self.one(
            "SELECT count(*), CAST(coalesce(sum(t.tags), 0) AS BIGINT) FROM repositories r
                 LEFT JOIN repository_totals t ON t.repository_id = r.id
             WHERE r.namespace_id = $1 AND r.deleted_at IS NULL",
            values![namespace.0],
            |row| Ok((row.size(0)?, u64::try_from(row.int(1)?).unwrap_or_default())),
        )
        .await
    }

    async fn add_daily_traffic(&mut self, day: Timestamp, amounts: &[(AccountId, u64)]) -> Result<()> {
        let rows: Vec<_> = amounts.iter().map(|(namespace, bytes)| row![namespace.0, day, *bytes]).collect();
        self.execute_each(
            "INSERT INTO usage_days (namespace_id, day_at, sent_bytes) VALUES ($1, $2, $3)
             ON CONFLICT (namespace_id, day_at) DO UPDATE SET sent_bytes = usage_days.sent_bytes + excluded.sent_bytes",
            rows,
        )
        .await
    }

    async fn list_usage_days(
        &mut self,
        namespace: AccountId,
        from: Timestamp,
        size: PageSize,
    ) -> Result<Vec<UsageDay>> {
        self.all(
            "SELECT day_at, stored_bytes, sent_bytes, pulls, pushes FROM usage_days WHERE namespace_id = $1 AND day_at >= $2
             ORDER BY day_at LIMIT $3",
            values![namespace.0, from, size.get()],
            |row| {
                let stored = row.optional_int(1)?.map(|bytes| u64::try_from(bytes).unwrap_or_default());
                Ok(UsageDay {
                    day: row.time(0)?,
                    stored_bytes: stored,
                    sent_bytes: row.size(2)?,
                    pulls: row.size(3)?,
                    pushes: row.size(4)?,
                })
            },
        )
        .await
    }

    async fn record_stored(&mut self, day: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO store_days (day_at, stored_bytes)
             SELECT $1, CAST(coalesce(sum(amount), 0) AS BIGINT) FROM usage_totals
             WHERE kind IN ('stored_bytes', 'manifest_bytes')
             ON CONFLICT (day_at) DO UPDATE SET stored_bytes = excluded.stored_bytes",
            values![day],
        )
        .await
        .map(|_| ())
    }

    async fn list_stored_days(&mut self, from: Timestamp, size: PageSize) -> Result<Vec<(Timestamp, u64)>> {
        self.all(
            "SELECT day_at, stored_bytes FROM store_days WHERE day_at >= $1 ORDER BY day_at LIMIT $2",
            values![from, size.get()],
            |row| Ok((row.time(0)?, u64::try_from(row.int(1)?).unwrap_or_default())),
        )
        .await
    }

    async fn find_stored_before(&mut self, namespace: AccountId, day: Timestamp) -> Result<Option<u64>> {
        self.first(
            "SELECT stored_bytes FROM usage_days WHERE namespace_id = $1 AND day_at < $2 AND stored_bytes IS NOT NULL
             ORDER BY day_at DESC LIMIT 1",
            values![namespace.0, day],
            |row| Ok(u64::try_from(row.int(0)?).unwrap_or_default()),
        )
        .await
    }

    async fn delete_old_usage_days(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        // The last that is known of what a namespace stores stays.
        let deleted = self
            .execute(
                "DELETE FROM usage_days WHERE (namespace_id, day_at) IN (
                     SELECT d.namespace_id, d.day_at FROM usage_days d WHERE d.day_at < $1 AND (d.stored_bytes IS NULL
                         OR EXISTS (SELECT 1 FROM usage_days l WHERE l.namespace_id = d.namespace_id
                             AND l.day_at > d.day_at AND l.stored_bytes IS NOT NULL AND l.day_at <= $1))
                     ORDER BY d.day_at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
