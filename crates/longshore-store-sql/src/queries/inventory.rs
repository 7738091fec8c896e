//! Repositories over all namespaces of a user, and what namespaces stored and sent day by day.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::access::policy::Visible;
use longshore_domain::account::AccountId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{InventoryRecords, UsageDay};
use longshore_domain::repository::{
    InventoryColumn, InventoryFilter, InventoryOrder, RepositoryId, RepositoryListing, SharedFilter,
    Visibility,
};
use longshore_domain::share::SharedBy;

use super::repositories::{details, like};
use crate::tx::{Row, SqlTx, Value, row, values};

/// A row of a repository with its details, category, and creator's uuid and name.
fn listing(row: &Row<'_>) -> Result<RepositoryListing> {
    let creator = row.optional_text(13)?.map(|name| name.parse()).transpose()?;
    Ok(RepositoryListing {
        details: details(row)?,
        category: row.text(11)?,
        created_by: row.optional_uuid(12)?.zip(creator),
    })
}

/// Gives the number that stands for a column in statements: those up to 3 sort by numbers, the others by texts.
fn column(order: InventoryOrder) -> i64 {
    match order.column {
        InventoryColumn::Updated => 1,
        InventoryColumn::Tags => 2,
        InventoryColumn::Visibility => 3,
        InventoryColumn::Name => 4,
        InventoryColumn::Namespace => 5,
    }
}

fn filters(filter: &InventoryFilter) -> [Value; 5] {
    [
        Value::from(filter.namespace.as_deref()),
        Value::from(like(&filter.name_part)),
        Value::from(filter.category.as_deref()),
        Value::from(filter.visibility.map(Visibility::as_str)),
        Value::from(filter.only.map(|id| id.0)),
    ]
}

#[async_trait]
impl InventoryRecords for SqlTx<'_> {
    async fn list_own_repositories(
        &mut self,
        visible: Visible,
        filter: &InventoryFilter,
        order: InventoryOrder,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<RepositoryListing>> {
        let sql = match order.is_descending {
            false => {
                "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                     r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0), coalesce(t.updated_at, r.created_at),
                     r.category, c.uuid, c.name
                 FROM repositories r JOIN accounts a ON a.id = r.namespace_id
                     LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                 WHERE r.deleted_at IS NULL AND {own}
                     AND (CAST($1 AS TEXT) IS NULL OR a.name = $1) AND r.name LIKE $2 ESCAPE '!'
                     AND (CAST($3 AS TEXT) IS NULL OR r.category = $3)
                     AND (CAST($4 AS TEXT) IS NULL OR r.visibility = $4)
                     AND (CAST($5 AS BIGINT) IS NULL OR r.namespace_id = $5)
                 ORDER BY CASE CAST($6 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                         WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END,
                     CASE CAST($6 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END, r.name
                 LIMIT $7 OFFSET $8"
            }
            true => {
                "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                     r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0), coalesce(t.updated_at, r.created_at),
                     r.category, c.uuid, c.name
                 FROM repositories r JOIN accounts a ON a.id = r.namespace_id
                     LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                 WHERE r.deleted_at IS NULL AND {own}
                     AND (CAST($1 AS TEXT) IS NULL OR a.name = $1) AND r.name LIKE $2 ESCAPE '!'
                     AND (CAST($3 AS TEXT) IS NULL OR r.category = $3)
                     AND (CAST($4 AS TEXT) IS NULL OR r.visibility = $4)
                     AND (CAST($5 AS BIGINT) IS NULL OR r.namespace_id = $5)
                 ORDER BY CASE CAST($6 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                         WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END DESC,
                     CASE CAST($6 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END DESC, r.name DESC
                 LIMIT $7 OFFSET $8"
            }
        };
        let [namespace, part, category, visibility, only] = filters(filter);
        let values = vec![
            namespace,
            part,
            category,
            visibility,
            only,
            column(order).into(),
            size.get().into(),
            offset.into(),
        ];
        let (sql, values) = self.showing_own(visible, filter.own, sql, values);
        self.all(&sql, &values, listing).await
    }

    async fn count_own_repositories(&mut self, visible: Visible, filter: &InventoryFilter) -> Result<u64> {
        let [namespace, part, category, visibility, only] = filters(filter);
        let (sql, values) = self.showing_own(
            visible,
            filter.own,
            "SELECT count(*) FROM repositories r JOIN accounts a ON a.id = r.namespace_id
             WHERE r.deleted_at IS NULL AND {own}
                 AND (CAST($1 AS TEXT) IS NULL OR a.name = $1) AND r.name LIKE $2 ESCAPE '!'
                 AND (CAST($3 AS TEXT) IS NULL OR r.category = $3)
                 AND (CAST($4 AS TEXT) IS NULL OR r.visibility = $4)
                 AND (CAST($5 AS BIGINT) IS NULL OR r.namespace_id = $5)",
            vec![namespace, part, category, visibility, only],
        );
        self.one(&sql, &values, |row| row.size(0)).await
    }

    async fn list_shared_repositories(
        &mut self,
        filter: &SharedFilter,
        order: InventoryOrder,
        now: Timestamp,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<(RepositoryListing, bool)>> {
        let sql = match order.is_descending {
            false => {
                "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                     r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0), coalesce(t.updated_at, r.created_at),
                     r.category, c.uuid, c.name, shared.is_valid
                 FROM (SELECT h.repository_id,
                         max(CASE WHEN h.expires_at IS NULL OR h.expires_at > $1 THEN 1 ELSE 0 END) AS is_valid
                     FROM repository_shares h JOIN repositories o ON o.id = h.repository_id
                     WHERE h.repository_id IN (
                         SELECT b.repository_id FROM repository_shares b WHERE b.account_id = $2
                         UNION SELECT b.id FROM repositories b WHERE b.namespace_id = $3
                         UNION SELECT b.id FROM organization_members m JOIN repositories b ON b.namespace_id = m.organization_id
                             WHERE m.user_id = $3 AND m.role = 'owner')
                         AND (CAST($2 AS BIGINT) = 0 OR h.account_id = $2)
                     GROUP BY h.repository_id) AS shared
                     JOIN repositories r ON r.id = shared.repository_id JOIN accounts a ON a.id = r.namespace_id
                     LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                 WHERE r.deleted_at IS NULL AND {enabled} AND (CAST($4 AS TEXT) IS NULL OR a.name = $4) AND r.name LIKE $5 ESCAPE '!'
                     AND (CAST($6 AS BIGINT) IS NULL OR shared.is_valid = $6)
                 ORDER BY CASE CAST($7 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                         WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END,
                     CASE CAST($7 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END, r.name
                 LIMIT $8 OFFSET $9"
            }
            true => {
                "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                     r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0), coalesce(t.updated_at, r.created_at),
                     r.category, c.uuid, c.name, shared.is_valid
                 FROM (SELECT h.repository_id,
                         max(CASE WHEN h.expires_at IS NULL OR h.expires_at > $1 THEN 1 ELSE 0 END) AS is_valid
                     FROM repository_shares h JOIN repositories o ON o.id = h.repository_id
                     WHERE h.repository_id IN (
                         SELECT b.repository_id FROM repository_shares b WHERE b.account_id = $2
                         UNION SELECT b.id FROM repositories b WHERE b.namespace_id = $3
                         UNION SELECT b.id FROM organization_members m JOIN repositories b ON b.namespace_id = m.organization_id
                             WHERE m.user_id = $3 AND m.role = 'owner')
                         AND (CAST($2 AS BIGINT) = 0 OR h.account_id = $2)
                     GROUP BY h.repository_id) AS shared
                     JOIN repositories r ON r.id = shared.repository_id JOIN accounts a ON a.id = r.namespace_id
                     LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                 WHERE r.deleted_at IS NULL AND {enabled} AND (CAST($4 AS TEXT) IS NULL OR a.name = $4) AND r.name LIKE $5 ESCAPE '!'
                     AND (CAST($6 AS BIGINT) IS NULL OR shared.is_valid = $6)
                 ORDER BY CASE CAST($7 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                         WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END DESC,
                     CASE CAST($7 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END DESC, r.name DESC
                 LIMIT $8 OFFSET $9"
            }
        };
        let (with, of) = shared_by(filter.shared);
        let values = values![
            now,
            with,
            of,
            filter.namespace.as_deref(),
            like(&filter.name_part),
            filter.is_valid,
            column(order),
            size.get(),
            offset
        ];
        self.all(&self.only_enabled(sql), values, |row| Ok((listing(row)?, row.truth(14)?))).await
    }

    async fn count_shared_repositories(&mut self, filter: &SharedFilter, now: Timestamp) -> Result<u64> {
        let (with, of) = shared_by(filter.shared);
        let sql = self.only_enabled(
            "SELECT count(*) FROM (SELECT h.repository_id,
                     max(CASE WHEN h.expires_at IS NULL OR h.expires_at > $1 THEN 1 ELSE 0 END) AS is_valid
                 FROM repository_shares h JOIN repositories o ON o.id = h.repository_id
                 WHERE h.repository_id IN (
                     SELECT b.repository_id FROM repository_shares b WHERE b.account_id = $2
                     UNION SELECT b.id FROM repositories b WHERE b.namespace_id = $3
                         UNION SELECT b.id FROM organization_members m JOIN repositories b ON b.namespace_id = m.organization_id
                             WHERE m.user_id = $3 AND m.role = 'owner')
                     AND (CAST($2 AS BIGINT) = 0 OR h.account_id = $2)
                 GROUP BY h.repository_id) AS shared
                 JOIN repositories r ON r.id = shared.repository_id JOIN accounts a ON a.id = r.namespace_id
             WHERE r.deleted_at IS NULL AND {enabled} AND (CAST($4 AS TEXT) IS NULL OR a.name = $4) AND r.name LIKE $5 ESCAPE '!'
                 AND (CAST($6 AS BIGINT) IS NULL OR shared.is_valid = $6)",
        );
        let values =
            values![now, with, of, filter.namespace.as_deref(), like(&filter.name_part), filter.is_valid];
        self.one(&sql, values, |row| row.size(0)).await
    }

    async fn find_repository_listing(&mut self, id: RepositoryId) -> Result<Option<RepositoryListing>> {
        self.first(
            "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
                 r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0),
                 (SELECT max(n.at) FROM (SELECT coalesce(t.updated_at, r.created_at) AS at
                     UNION ALL SELECT g.pushed_at FROM repository_changes g WHERE g.repository_id = r.id) AS n),
                 r.category, c.uuid, c.name
             FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id
                 LEFT JOIN accounts c ON c.id = r.created_by
             WHERE r.id = $1 AND r.deleted_at IS NULL",
            values![id.0],
            listing,
        )
        .await
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
            "SELECT day_at, stored_bytes, sent_bytes FROM usage_days WHERE namespace_id = $1 AND day_at >= $2
             ORDER BY day_at LIMIT $3",
            values![namespace.0, from, size.get()],
            |row| {
                let stored = row.optional_int(1)?.map(|bytes| u64::try_from(bytes).unwrap_or_default());
                Ok(UsageDay { day: row.time(0)?, stored_bytes: stored, sent_bytes: row.size(2)? })
            },
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

/// Gives with whom repositories are shared, or whose they are; 0 for no matter.
fn shared_by(shared: SharedBy) -> (i64, i64) {
    match shared {
        SharedBy::Others(account) => (account.0, 0),
        SharedBy::Account(account) => (0, account.0),
    }
}
