//! Pulls are counted in memory and recorded in batches, so that a pull writes nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use longshore_domain::Result;
use longshore_domain::name::Tag;
use longshore_domain::ports::metadata::{ManifestId, PullCount};
use longshore_domain::repository::RepositoryId;

use crate::Content;

/// Different pulls that are kept; what comes beyond is not counted.
const KEPT_PULLS: usize = 50_000;

type Counted = HashMap<(ManifestId, Option<Tag>), PullCount>;

/// Pulls since they were last recorded.
#[derive(Default)]
pub(crate) struct Pulls(Mutex<Counted>);

impl Content {
    /// Counts a pull.
    pub(crate) fn count_pull(&self, repository: RepositoryId, manifest: ManifestId, tag: Option<&Tag>) {
        let now = self.clock.now();
        let mut pulls = self.pulls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pulls.len() >= KEPT_PULLS && !pulls.contains_key(&(manifest, tag.cloned())) {
            return;
        }
        let pull = pulls.entry((manifest, tag.cloned())).or_insert_with(|| PullCount {
            repository,
            manifest,
            tag: tag.cloned(),
            count: 0,
            last_at: now,
        });
        pull.count += 1;
        pull.last_at = now;
    }

    /// Records the pulls that were counted, and their bytes, and returns of how many manifests and tags. For the server's own
    /// schedule.
    ///
    /// # Errors
    /// Those of the metadata store; the counts are then lost.
    pub async fn record_pulls(&self) -> Result<u64> {
        let pulls: Counted =
            std::mem::take(&mut *self.pulls.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pulls: Vec<PullCount> = pulls.into_values().collect();
        // In the same order on every node, so that they do not wait for each other in a circle.
        pulls.sort_by(|a, b| {
            (a.manifest, a.tag.as_ref().map(Tag::as_str)).cmp(&(b.manifest, b.tag.as_ref().map(Tag::as_str)))
        });
        let count = pulls.len() as u64;
        while !pulls.is_empty() {
            let batch = pulls.split_off(pulls.len().saturating_sub(500));
            self.metadata.write(batch, |tx, batch| Box::pin(tx.record_pulls(batch))).await?;
        }
        self.record_traffic().await?;
        Ok(count)
    }
}
