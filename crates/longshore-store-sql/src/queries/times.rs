//! Times that were written under a clock that has gone back since: every column with a time that is waited for, or counted from.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::ports::metadata::{Ahead, TimeRecords};

use crate::tx::{SqlTx, values};

/// The columns, by how far ahead their times can lie. A test holds that no column with a time is forgotten; those that are
/// left as they are, it names with the reason.
fn lowering(ahead: Ahead) -> &'static [&'static str] {
    match ahead {
        Ahead::Nothing => &[
            "UPDATE access_tokens SET last_used_at = $1 WHERE last_used_at > $1",
            "UPDATE blob_links SET hidden_at = $1 WHERE hidden_at > $1",
            "UPDATE collection_runs SET created_at = $1 WHERE created_at > $1",
            "UPDATE collection_runs SET updated_at = $1 WHERE updated_at > $1",
            "UPDATE deletions SET at = $1 WHERE at > $1",
            "UPDATE deletions SET undone_at = $1 WHERE undone_at > $1",
            "UPDATE finished_uploads SET finished_at = $1 WHERE finished_at > $1",
            "UPDATE jobs SET finished_at = $1 WHERE finished_at > $1",
            "UPDATE idempotency_keys SET seen_at = $1 WHERE seen_at > $1",
            "UPDATE images SET active_at = $1 WHERE active_at > $1",
            "UPDATE images SET pulled_at = $1 WHERE pulled_at > $1",
            "UPDATE images SET pushed_at = $1 WHERE pushed_at > $1",
            "UPDATE invites SET sent_at = $1 WHERE sent_at > $1",
            "UPDATE manifest_pulls SET last_pulled_at = $1 WHERE last_pulled_at > $1",
            "UPDATE manifests SET deleted_at = $1 WHERE deleted_at > $1",
            "UPDATE manifests SET pushed_at = $1 WHERE pushed_at > $1",
            "UPDATE nodes SET seen_at = $1 WHERE seen_at > $1",
            "UPDATE presences SET proven_at = $1 WHERE proven_at > $1",
            "UPDATE refresh_tokens SET created_at = $1 WHERE created_at > $1",
            "UPDATE registries SET created_at = $1 WHERE created_at > $1",
            "UPDATE repositories SET deleted_at = $1 WHERE deleted_at > $1",
            "UPDATE repository_changes SET pushed_at = $1 WHERE pushed_at > $1",
            "UPDATE repository_totals SET updated_at = $1 WHERE updated_at > $1",
            "UPDATE scim_tokens SET last_used_at = $1 WHERE last_used_at > $1",
            "UPDATE sign_in_failures SET began_at = $1 WHERE began_at > $1",
            "UPDATE signing_keys SET created_at = $1 WHERE created_at > $1",
            "UPDATE stray_objects SET found_at = $1 WHERE found_at > $1",
            "UPDATE tag_history SET from_at = $1 WHERE from_at > $1",
            "UPDATE tag_history SET until_at = $1 WHERE until_at > $1",
            "UPDATE tag_pulls SET last_pulled_at = $1 WHERE last_pulled_at > $1",
            "UPDATE tags SET pulled_at = $1 WHERE pulled_at > $1",
            "UPDATE tags SET updated_at = $1 WHERE updated_at > $1",
            "UPDATE uploads SET created_at = $1 WHERE created_at > $1",
            "UPDATE used_signatures SET taken_at = $1 WHERE taken_at > $1",
            "UPDATE web_sessions SET seen_at = $1 WHERE seen_at > $1",
            "UPDATE work SET ended_at = $1 WHERE ended_at > $1",
            "UPDATE dead_work SET died_at = $1 WHERE died_at > $1",
        ],
        Ahead::Takeover => &[
            "UPDATE leases SET until = $1 WHERE until > $1",
            "UPDATE work SET held_until = $1 WHERE held_until > $1",
            "UPDATE tombstones SET due_at = $1 WHERE due_at > $1",
        ],
        Ahead::Lease => &[
            "UPDATE blob_links SET lease_until = $1 WHERE lease_until > $1",
            "UPDATE manifests SET lease_until = $1 WHERE lease_until > $1",
        ],
        Ahead::Review => &["UPDATE reviews SET due_at = $1 WHERE due_at > $1"],
        Ahead::Upload => &["UPDATE uploads SET expires_at = $1 WHERE expires_at > $1"],
        Ahead::Challenge => &["UPDATE sign_in_challenges SET expires_at = $1 WHERE expires_at > $1"],
        Ahead::SigningKey => &["UPDATE signing_keys SET expires_at = $1 WHERE expires_at > $1"],
        Ahead::WriteTokens => &[
            "UPDATE collection_runs SET waits_until = $1 WHERE waits_until > $1",
            "UPDATE registries SET write_tokens_until = $1 WHERE write_tokens_until > $1",
        ],
        Ahead::ReadOnly => &["UPDATE collection_runs SET read_only_until = $1 WHERE read_only_until > $1"],
        Ahead::Retention => &["UPDATE retention_policies SET due_at = $1 WHERE due_at > $1"],
        Ahead::Signature => &["UPDATE used_signatures SET expires_at = $1 WHERE expires_at > $1"],
        Ahead::Invite => &["UPDATE invites SET expires_at = $1 WHERE expires_at > $1"],
        Ahead::Work => &["UPDATE work SET due_at = $1 WHERE due_at > $1"],
        Ahead::RateWindow => &["UPDATE rate_counts SET ends_at = $1 WHERE ends_at > $1"],
    }
}

#[async_trait]
impl TimeRecords for SqlTx<'_> {
    async fn lower_times(&mut self, ahead: Ahead, number: usize, latest: Timestamp) -> Result<Option<u64>> {
        let Some(statement) = lowering(ahead).get(number) else { return Ok(None) };
        Ok(Some(self.execute(statement, values![latest]).await? as u64))
    }
}
