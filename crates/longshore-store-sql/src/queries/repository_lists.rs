//! Lists of repositories: one query, and for each kind of it the statement that an index serves.

use jiff::Timestamp;
use longshore_domain::name::REPOSITORY_NAME_LIMIT_BYTES;
use longshore_domain::page::Page;
use longshore_domain::repository::query::{NamespaceFilter, Repositories, RepositoryFilter, RepositoryQuery};
use longshore_domain::repository::{
    InventoryColumn, InventoryOrder, Repository, RepositoryKey, RepositoryListing, RepositoryOrder,
    Visibility,
};
use longshore_domain::share::SharedBy;
use longshore_domain::{Error, Result};

use super::marks::{
    COLUMNS, IN_NAMESPACE, IS_IN_NAMESPACE, IS_OF_OWN, LISTING, OF_OWN, PULLS, REPOSITORY, STORED, TOTAL,
    UPDATED, directed, with_shared,
};
use super::repositories::{details, repository};
use super::visible::Condition;
use super::{end_of, overfull};
use crate::tx::{Row, SqlTx, Value, row};

/// A row of a repository with all that lists show of it.
pub(super) fn listing(row: &Row<'_>) -> Result<RepositoryListing> {
    let creator = row.optional_text(13)?.map(|name| name.parse()).transpose()?;
    Ok(RepositoryListing {
        details: details(row)?,
        category: row.text(11)?,
        created_by: row.optional_uuid(12)?.zip(creator),
        // What was taken away may be counted before what was added.
        stored_bytes: u64::try_from(row.int(14)?).unwrap_or_default(),
        is_share_valid: true,
    })
}

/// The same of one that is shared, with whether the sharing is valid.
fn shared_listing(row: &Row<'_>) -> Result<RepositoryListing> {
    Ok(RepositoryListing { is_share_valid: row.truth(15)?, ..listing(row)? })
}

/// Returns the pattern of names that hold a text after their namespace. Of a text that is longer than any name, which none
/// holds, only as much is looked for as shows that: SQLite refuses patterns of more than 50,000 bytes.
fn like(part: &str) -> String {
    let mut pattern = String::from("%/%");
    for letter in part.to_lowercase().chars().take(REPOSITORY_NAME_LIMIT_BYTES + 1) {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Returns the number that stands for a column in statements: those up to 3 sort by numbers, the others by texts.
fn column(order: InventoryOrder) -> i64 {
    match order.column {
        InventoryColumn::Updated => 1,
        InventoryColumn::Tags => 2,
        InventoryColumn::Visibility => 3,
        InventoryColumn::Name => 4,
        InventoryColumn::Namespace => 5,
    }
}

/// Returns with whom repositories are shared, or whose they are; 0 for no matter.
fn shared_by(shared: SharedBy) -> (i64, i64) {
    match shared {
        SharedBy::Others(account) => (account.0, 0),
        SharedBy::Account(account) => (0, account.0),
    }
}

/// Returns the values that a filter compares with.
fn filtered(filter: &RepositoryFilter) -> [Value; 4] {
    [
        Value::from(filter.namespace.as_deref()),
        Value::from(like(&filter.name_part)),
        Value::from(filter.category.as_deref()),
        Value::from(filter.visibility.map(Visibility::as_str)),
    ]
}

/// Returns the values that a filter of a namespace's repositories compares with.
fn narrowed(filter: &NamespaceFilter) -> [Value; 4] {
    [
        Value::from(like(&filter.name_part)),
        Value::from(filter.visibility.map(Visibility::as_str)),
        Value::from(filter.pushed_since.map_or(i64::MIN, Timestamp::as_microsecond)),
        Value::from(filter.not_pushed_since.map_or(i64::MAX, Timestamp::as_microsecond)),
    ]
}

/// Returns the values by which a repository is compared with where another one stands, or with what comes before all.
fn place(order: RepositoryOrder, key: Option<&RepositoryKey>) -> Result<Vec<Value>> {
    match key {
        None if order == RepositoryOrder::NameDescending => Ok(row![char::MAX.to_string()]),
        None if order.is_by_name() => Ok(row![""]),
        None if is_descending(order) => Ok(row![i64::MAX, i64::MAX]),
        None => Ok(row![i64::MIN, i64::MIN]),
        Some(RepositoryKey::Name(name)) if order.is_by_name() => Ok(row![name.as_str()]),
        Some(RepositoryKey::Total { value, repository }) if !order.is_by_name() => {
            Ok(row![*value, repository.0])
        }
        Some(_) => Err(Error::internal("a place in another order of repositories")),
    }
}

/// What is read of repositories.
struct Reading<T> {
    columns: &'static str,
    map: fn(&Row<'_>) -> Result<T>,
    repository: fn(&T) -> &Repository,
}

impl SqlTx<'_> {
    /// Lists the repositories of a query.
    pub(super) async fn find_repositories(&mut self, query: &RepositoryQuery) -> Result<Page<Repository>> {
        let reading = Reading { columns: REPOSITORY, map: repository, repository: |found| found };
        self.read_repositories(query, &reading).await
    }

    /// Lists the repositories of a query with all that lists show of them.
    pub(super) async fn find_listings(&mut self, query: &RepositoryQuery) -> Result<Page<RepositoryListing>> {
        let map = match query.among {
            Repositories::Shared { .. } => shared_listing,
            Repositories::Registry { .. }
            | Repositories::Namespace { .. }
            | Repositories::Word { .. }
            | Repositories::Own { .. } => listing,
        };
        let reading = Reading { columns: LISTING, map, repository: |found| &found.details.repository };
        self.read_repositories(query, &reading).await
    }

    async fn read_repositories<T: Send>(
        &mut self,
        query: &RepositoryQuery,
        reading: &Reading<T>,
    ) -> Result<Page<T>> {
        let (offset, limit) = (query.offset, overfull(query.size));
        let found = match &query.among {
            Repositories::Registry { visible, after } => {
                let after = after.as_deref().unwrap_or_default();
                let limit = offset.saturating_add(limit.into());
                let parts = Condition::parts_of(*visible);
                let mut found = Vec::new();
                for part in &parts {
                    let sql = COLUMNS.put(
                        "SELECT {columns} FROM repositories r
                             LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                         WHERE r.deleted_at IS NULL AND r.name > $1 AND {part} ORDER BY r.name LIMIT $2",
                        reading.columns,
                    );
                    let (sql, values) = self.with_condition(part, &sql, row![after, limit]);
                    found.extend(self.all(&sql, &values, reading.map).await?);
                }
                if parts.len() > 1 {
                    let repository = reading.repository;
                    found.sort_by(|a, b| repository(a).name.cmp(&repository(b).name));
                    found.dedup_by_key(|found| repository(found).id);
                }
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                found.into_iter().skip(offset).collect()
            }
            Repositories::Namespace { namespace, visible, filter, after, order } => {
                let sql = match by_total(*order) {
                    None => "SELECT {columns} FROM repositories r
                             LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                         WHERE r.namespace_id = $1 AND r.deleted_at IS NULL AND {in_namespace}
                             AND r.name {behind} $6 AND {visible}
                         ORDER BY r.name{direction} LIMIT $7 OFFSET $8"
                        .to_owned(),
                    Some(total) => TOTAL.put(
                        "SELECT {columns} FROM repository_totals t
                             JOIN repositories r ON r.id = t.repository_id LEFT JOIN accounts c ON c.id = r.created_by
                         WHERE t.namespace_id = $1 AND r.deleted_at IS NULL AND {in_namespace}
                             AND ({total}, t.repository_id) {behind} ($6, $7) AND {visible}
                         ORDER BY {total}{direction}, t.repository_id{direction} LIMIT $8 OFFSET $9",
                        total,
                    ),
                };
                let mut values = row![namespace.0];
                values.extend(narrowed(filter));
                values.extend(place(*order, after.as_ref())?);
                values.extend(row![limit, offset]);
                let sql = IN_NAMESPACE.put(&directed(&sql, is_descending(*order)), IS_IN_NAMESPACE);
                let sql = COLUMNS.put(&sql, reading.columns);
                let (sql, values) = self.showing(*visible, &sql, values);
                self.all(&sql, &values, reading.map).await?
            }
            Repositories::Word { beginning, visible } => {
                let sql = COLUMNS.put(
                    "SELECT {columns} FROM repository_words w JOIN repositories r ON r.id = w.repository_id
                         LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                     WHERE w.word >= $1 AND w.word < $2 AND r.deleted_at IS NULL AND {visible}
                     ORDER BY w.word, w.repository_id LIMIT $3 OFFSET $4",
                    reading.columns,
                );
                let values = row![beginning.as_str(), end_of(beginning), limit, offset];
                let (sql, values) = self.showing(*visible, &sql, values);
                self.all(&sql, &values, reading.map).await?
            }
            Repositories::Own { account, only, visible, filter, order } => {
                let sql = directed(
                    "SELECT {columns} FROM repositories r JOIN accounts a ON a.id = r.namespace_id
                         LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                     WHERE r.deleted_at IS NULL AND {own}
                         AND {of_own}
                     ORDER BY CASE CAST($6 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                             WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END{direction},
                         CASE CAST($6 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END{direction},
                         r.name{direction}
                     LIMIT $7 OFFSET $8",
                    order.is_descending,
                );
                let sql = OF_OWN.put(&COLUMNS.put(&sql, reading.columns), IS_OF_OWN);
                let mut values = Vec::from(filtered(filter));
                values.extend(row![only.map(|id| id.0), column(*order), limit, offset]);
                let (sql, values) = self.showing_own(*visible, *account, &sql, values);
                self.all(&sql, &values, reading.map).await?
            }
            Repositories::Shared { shared, is_valid, now, filter, order } => {
                let sql = directed(
                    "SELECT {columns}, shared.is_valid
                     FROM {shared}
                         LEFT JOIN repository_totals t ON t.repository_id = r.id LEFT JOIN accounts c ON c.id = r.created_by
                     WHERE r.deleted_at IS NULL AND {enabled}
                         AND {of_shared}
                     ORDER BY CASE CAST($9 AS BIGINT) WHEN 1 THEN coalesce(t.updated_at, r.created_at) WHEN 2 THEN t.tags
                             WHEN 3 THEN (CASE r.visibility WHEN 'public' THEN 1 ELSE 0 END) ELSE 0 END{direction},
                         CASE CAST($9 AS BIGINT) WHEN 4 THEN substr(r.name, length(a.name) + 2) WHEN 5 THEN a.name ELSE '' END{direction},
                         r.name{direction}
                     LIMIT $10 OFFSET $11",
                    order.is_descending,
                );
                let sql = with_shared(&COLUMNS.put(&sql, reading.columns));
                let (with, of) = shared_by(*shared);
                let mut values = row![*now, with, of];
                values.extend(filtered(filter));
                values.extend(row![*is_valid, column(*order), limit, offset]);
                self.all(&self.only_enabled(&sql), &values, reading.map).await?
            }
        };
        Ok(Page::from_overfull(found, query.size))
    }

    /// Counts repositories; those of the whole registry are not counted, as no index has how many may be seen.
    pub(super) async fn count_among(&mut self, among: &Repositories) -> Result<Option<u64>> {
        let (sql, values) = match among {
            Repositories::Registry { .. } => return Ok(None),
            Repositories::Namespace { namespace, visible, filter, .. } => {
                let mut values = row![namespace.0];
                values.extend(narrowed(filter));
                let sql = "SELECT count(*) FROM repositories r LEFT JOIN repository_totals t ON t.repository_id = r.id
                     WHERE r.namespace_id = $1 AND r.deleted_at IS NULL AND {in_namespace} AND {visible}";
                self.showing(*visible, &IN_NAMESPACE.put(sql, IS_IN_NAMESPACE), values)
            }
            Repositories::Word { beginning, visible } => self.showing(
                *visible,
                "SELECT count(*) FROM (
                     SELECT 1 FROM repository_words w JOIN repositories r ON r.id = w.repository_id
                     WHERE w.word >= $1 AND w.word < $2 AND r.deleted_at IS NULL AND {visible}
                     ORDER BY w.word, w.repository_id LIMIT 10000) AS found",
                row![beginning.as_str(), end_of(beginning)],
            ),
            Repositories::Own { account, only, visible, filter, .. } => {
                let mut values = Vec::from(filtered(filter));
                values.extend(row![only.map(|id| id.0)]);
                self.showing_own(
                    *visible,
                    *account,
                    &OF_OWN.put(
                        "SELECT count(*) FROM repositories r JOIN accounts a ON a.id = r.namespace_id
                     WHERE r.deleted_at IS NULL AND {own}
                         AND {of_own}",
                        IS_OF_OWN,
                    ),
                    values,
                )
            }
            Repositories::Shared { shared, is_valid, now, filter, .. } => {
                let sql = self.only_enabled(&with_shared(
                    "SELECT count(*) FROM {shared}
                     WHERE r.deleted_at IS NULL AND {enabled}
                         AND {of_shared}",
                ));
                let (with, of) = shared_by(*shared);
                let mut values = row![*now, with, of];
                values.extend(filtered(filter));
                values.extend(row![*is_valid]);
                (sql, values)
            }
        };
        self.one(&sql, &values, |row| row.size(0)).await.map(Some)
    }
}

/// Returns the total that an order is by; `None` for orders by name.
fn by_total(order: RepositoryOrder) -> Option<&'static str> {
    match order {
        RepositoryOrder::Name | RepositoryOrder::NameDescending => None,
        RepositoryOrder::Updated | RepositoryOrder::UpdatedDescending => Some(UPDATED),
        RepositoryOrder::Pulls | RepositoryOrder::PullsDescending => Some(PULLS),
        RepositoryOrder::Size | RepositoryOrder::SizeDescending => Some(STORED),
    }
}

fn is_descending(order: RepositoryOrder) -> bool {
    match order {
        RepositoryOrder::Name | RepositoryOrder::Updated | RepositoryOrder::Pulls | RepositoryOrder::Size => {
            false
        }
        RepositoryOrder::NameDescending
        | RepositoryOrder::UpdatedDescending
        | RepositoryOrder::PullsDescending
        | RepositoryOrder::SizeDescending => true,
    }
}
