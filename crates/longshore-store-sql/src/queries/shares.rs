//! Repositories that are shared with accounts.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::account::AccountId;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{AccountRecords, ShareRecords};
use longshore_domain::repository::RepositoryId;
use longshore_domain::share::{Share, ShareTerms};

use crate::tx::{Row, SqlTx, values};

/// A row of columns: repository, its name, account, until, description, creator's uuid and name, created, updated.
fn share(row: &Row<'_>) -> Result<Share> {
    let creator = row.optional_text(6)?.map(|name| name.parse()).transpose()?;
    Ok(Share {
        repository_id: RepositoryId(row.int(0)?),
        repository: row.parsed(1)?,
        account: row.parsed(2)?,
        expires_at: row.optional_time(3)?,
        description: row.text(4)?,
        created_by: row.optional_uuid(5)?.zip(creator),
        created_at: row.time(7)?,
        updated_at: row.time(8)?,
    })
}

#[async_trait]
impl ShareRecords for SqlTx<'_> {
    async fn find_shared_until(
        &mut self,
        repository: RepositoryId,
        user: AccountId,
        now: Timestamp,
    ) -> Result<Option<Option<Timestamp>>> {
        let shares = self
            .all(
                "SELECT s.expires_at FROM repository_shares s
                 WHERE s.repository_id = $1 AND (s.expires_at IS NULL OR s.expires_at > $2)
                     AND (s.account_id = $3 OR s.account_id IN (
                         SELECT m.organization_id FROM organization_members m JOIN accounts o ON o.id = m.organization_id
                         WHERE m.user_id = $3 AND o.is_active = 1))",
                values![repository.0, now, user.0],
                |row| row.optional_time(0),
            )
            .await?;
        // The one that lasts longest; for ever is longest.
        let mut longest = None;
        for until in shares {
            longest = match (longest, until) {
                (_, None) | (Some(None), _) => Some(None),
                (None, until) => Some(until),
                (Some(known), until) => Some(known.max(until)),
            };
        }
        Ok(longest)
    }

    async fn find_share(&mut self, repository: RepositoryId, account: AccountId) -> Result<Option<Share>> {
        self.first(
            "SELECT s.repository_id, r.name, a.name, s.expires_at, s.description, c.uuid, c.name, s.created_at, s.updated_at
             FROM repository_shares s JOIN repositories r ON r.id = s.repository_id
                 JOIN accounts a ON a.id = s.account_id LEFT JOIN accounts c ON c.id = s.created_by
             WHERE s.repository_id = $1 AND s.account_id = $2",
            values![repository.0, account.0],
            share,
        )
        .await
    }

    async fn list_shares(&mut self, repository: RepositoryId, size: PageSize) -> Result<Vec<Share>> {
        self.all(
            "SELECT s.repository_id, r.name, a.name, s.expires_at, s.description, c.uuid, c.name, s.created_at, s.updated_at
             FROM repository_shares s JOIN repositories r ON r.id = s.repository_id
                 JOIN accounts a ON a.id = s.account_id LEFT JOIN accounts c ON c.id = s.created_by
             WHERE s.repository_id = $1 ORDER BY a.name LIMIT $2",
            values![repository.0, size.get()],
            share,
        )
        .await
    }

    async fn count_shares(&mut self, repository: RepositoryId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM repository_shares WHERE repository_id = $1",
            values![repository.0],
            |row| row.size(0),
        )
        .await
    }

    async fn create_share(
        &mut self,
        repository: RepositoryId,
        account: AccountId,
        terms: &ShareTerms,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<bool> {
        let created = self
            .execute(
                "INSERT INTO repository_shares (repository_id, account_id, expires_at, description, created_by,
                     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
                 ON CONFLICT (repository_id, account_id) DO NOTHING",
                values![
                    repository.0,
                    account.0,
                    terms.expires_at,
                    terms.description.as_str(),
                    by.map(|id| id.0),
                    at
                ],
            )
            .await?;
        self.advance_authority_epoch().await?;
        Ok(created > 0)
    }

    async fn change_share(
        &mut self,
        repository: RepositoryId,
        account: AccountId,
        terms: &ShareTerms,
        at: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .execute(
                "UPDATE repository_shares SET expires_at = $1, description = $2, updated_at = $3
                 WHERE repository_id = $4 AND account_id = $5",
                values![terms.expires_at, terms.description.as_str(), at, repository.0, account.0],
            )
            .await?;
        self.advance_authority_epoch().await?;
        Ok(changed > 0)
    }

    async fn delete_share(&mut self, repository: RepositoryId, account: AccountId) -> Result<bool> {
        let deleted = self
            .execute(
                "DELETE FROM repository_shares WHERE repository_id = $1 AND account_id = $2",
                values![repository.0, account.0],
            )
            .await?;
        self.advance_authority_epoch().await?;
        Ok(deleted > 0)
    }
}
