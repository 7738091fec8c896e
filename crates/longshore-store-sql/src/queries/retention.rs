//! Retention policies and what they deleted.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{PushedTag, RetentionRecords};
use longshore_domain::repository::{Repository, RepositoryId};
use longshore_domain::retention::{
    RetentionEntry, RetentionPolicy, RetentionPolicyId, RetentionRule, RetiredTag,
};
use longshore_domain::{Error, Result};

use super::repositories::repository;
use super::tags::pushed_tag;
use crate::tx::{Row, SqlTx, values};

/// A row that has the columns of a policy from one on.
fn policy_from(row: &Row<'_>, from: usize) -> Result<RetentionPolicy> {
    Ok(RetentionPolicy {
        id: RetentionPolicyId(row.int(from)?),
        repository_id: RepositoryId(row.int(from + 1)?),
        rules: serde_json::from_str(&row.text(from + 2)?).map_err(Error::internal)?,
        created_at: row.time(from + 3)?,
        updated_at: row.time(from + 4)?,
        due_at: row.time(from + 5)?,
    })
}

#[async_trait]
impl RetentionRecords for SqlTx<'_> {
    async fn create_retention_policy(
        &mut self,
        repository: RepositoryId,
        rules: &[RetentionRule],
        at: Timestamp,
    ) -> Result<RetentionPolicyId> {
        self.one(
            "INSERT INTO retention_policies (repository_id, rules, created_at, updated_at, due_at)
             VALUES ($1, $2, $3, $3, $3) RETURNING id",
            values![repository.0, serde_json::to_string(rules).map_err(Error::internal)?, at],
            |row| row.int(0),
        )
        .await
        .map(RetentionPolicyId)
    }

    async fn find_retention_policy(
        &mut self,
        repository: RepositoryId,
        id: RetentionPolicyId,
    ) -> Result<Option<RetentionPolicy>> {
        self.first(
            "SELECT id, repository_id, rules, created_at, updated_at, due_at FROM retention_policies
             WHERE id = $1 AND repository_id = $2",
            values![id.0, repository.0],
            |row| policy_from(row, 0),
        )
        .await
    }

    async fn list_retention_policies(
        &mut self,
        repository: RepositoryId,
        size: PageSize,
    ) -> Result<Vec<RetentionPolicy>> {
        self.all(
            "SELECT id, repository_id, rules, created_at, updated_at, due_at FROM retention_policies
             WHERE repository_id = $1 ORDER BY id LIMIT $2",
            values![repository.0, size.get()],
            |row| policy_from(row, 0),
        )
        .await
    }

    async fn change_retention_policy(
        &mut self,
        id: RetentionPolicyId,
        rules: &[RetentionRule],
        at: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .execute(
                "UPDATE retention_policies SET rules = $1, updated_at = $2, due_at = $2 WHERE id = $3",
                values![serde_json::to_string(rules).map_err(Error::internal)?, at, id.0],
            )
            .await?;
        Ok(changed > 0)
    }

    async fn delete_retention_policy(&mut self, id: RetentionPolicyId) -> Result<bool> {
        let deleted = self.execute("DELETE FROM retention_policies WHERE id = $1", values![id.0]).await?;
        Ok(deleted > 0)
    }

    async fn list_due_policies(
        &mut self,
        now: Timestamp,
        size: PageSize,
    ) -> Result<Vec<(RetentionPolicy, Repository)>> {
        self.all(
            "SELECT r.id, r.namespace_id, r.name, r.visibility, r.created_at,
                 p.id, p.repository_id, p.rules, p.created_at, p.updated_at, p.due_at
             FROM retention_policies p JOIN repositories r ON r.id = p.repository_id
             WHERE p.due_at <= $1 AND r.deleted_at IS NULL ORDER BY p.due_at, p.id LIMIT $2",
            values![now, size.get()],
            |row| Ok((policy_from(row, 5)?, repository(row)?)),
        )
        .await
    }

    async fn lock_retention_policy(&mut self, policy: &RetentionPolicy) -> Result<bool> {
        let held = self
            .first(
                "SELECT p.id FROM retention_policies p JOIN repositories r ON r.id = p.repository_id
                 WHERE p.id = $1 AND p.updated_at = $2 AND r.deleted_at IS NULL FOR UPDATE OF p",
                values![policy.id.0, policy.updated_at],
                |row| row.int(0),
            )
            .await?;
        Ok(held.is_some())
    }

    async fn postpone_policy(&mut self, policy: &RetentionPolicy, due_at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE retention_policies SET due_at = $1 WHERE id = $2 AND updated_at = $3",
            values![due_at, policy.id.0, policy.updated_at],
        )
        .await
        .map(|_| ())
    }

    async fn list_pushed_tags(
        &mut self,
        repository: RepositoryId,
        (before, name): (Timestamp, &str),
        size: PageSize,
    ) -> Result<Vec<PushedTag>> {
        self.all(
            "SELECT t.name, t.updated_at, t.manifest_id, m.digest FROM tags t JOIN manifests m ON m.id = t.manifest_id
             WHERE t.repository_id = $1 AND (t.updated_at, t.name) < ($2, $3)
             ORDER BY t.updated_at DESC, t.name DESC LIMIT $4",
            values![repository.0, before, name, size.get()],
            pushed_tag,
        )
        .await
    }

    async fn log_retired_tag(
        &mut self,
        repository: RepositoryId,
        policy: RetentionPolicyId,
        retired: &RetiredTag,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO retention_log (repository_id, policy_id, tag, digest, rule, at) VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                repository.0,
                policy.0,
                retired.tag.as_str(),
                &retired.digest,
                serde_json::to_string(&retired.rule).map_err(Error::internal)?,
                at
            ],
        )
        .await
        .map(|_| ())
    }

    async fn list_retention_log(
        &mut self,
        repository: RepositoryId,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<RetentionEntry>> {
        self.all(
            "SELECT id, policy_id, tag, digest, rule, at FROM retention_log WHERE repository_id = $1
             ORDER BY id DESC LIMIT $2 OFFSET $3",
            values![repository.0, size.get(), offset],
            |row| {
                Ok(RetentionEntry {
                    id: row.int(0)?,
                    policy: RetentionPolicyId(row.int(1)?),
                    retired: RetiredTag {
                        tag: row.parsed(2)?,
                        digest: row.parsed(3)?,
                        rule: serde_json::from_str(&row.text(4)?).map_err(Error::internal)?,
                    },
                    at: row.time(5)?,
                })
            },
        )
        .await
    }

    async fn count_retention_log(&mut self, repository: RepositoryId) -> Result<u64> {
        self.one(
            "SELECT count(*) FROM retention_log WHERE repository_id = $1",
            values![repository.0],
            |row| row.size(0),
        )
        .await
    }

    async fn delete_old_retention_log(&mut self, before: Timestamp, size: PageSize) -> Result<u64> {
        let deleted = self
            .execute(
                "DELETE FROM retention_log WHERE id IN (
                     SELECT id FROM retention_log WHERE at <= $1 ORDER BY at LIMIT $2)",
                values![before, size.get()],
            )
            .await?;
        Ok(deleted as u64)
    }
}
