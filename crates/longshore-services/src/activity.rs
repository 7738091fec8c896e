//! Activity: pulls are counted in memory and recorded in batches, so that a pull writes nothing. Last uses of credentials
//! are recorded beside the request: neither a full disk nor a lock that somebody else holds may fail or delay it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::credential::{AccessToken, AccessTokenId};
use longshore_domain::directory::ScimToken;
use longshore_domain::name::Tag;
use longshore_domain::ports::metadata::{ManifestId, PullCount, WorkFn};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};

use uuid::Uuid;

use crate::{Services, later};

/// Different pulls that are kept; what comes beyond is not counted.
const KEPT_PULLS: usize = 50_000;

/// Last uses are recorded to this precision.
const LAST_USE_PRECISION: Duration = Duration::from_secs(60);
/// Last uses that wait for the store; what comes beyond is recorded at a later use.
const WAITING_USES: usize = 1000;

/// How long a request waits for a write that it can do without: longer than a node that hangs can hold a row.
const BESIDE: Duration = Duration::from_secs(4);
/// Writes beside requests that wait for the store; what comes beyond is not written.
pub(crate) const WAITING_BESIDE: usize = 1000;

/// Whose last use is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Used {
    /// An access token.
    Token(AccessTokenId),
    /// A token for provisioning.
    Scim(Uuid),
}

/// Last uses that are being recorded.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<Mutex<HashSet<Used>>>);

impl Uses {
    fn begin(&self, used: Used) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.len() < WAITING_USES && waiting.insert(used)
    }

    fn end(&self, used: Used) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&used);
    }
}

type Counted = HashMap<(ManifestId, Option<Tag>), PullCount>;

/// Pulls since they were last recorded.
#[derive(Default)]
pub(crate) struct Pulls(Mutex<Counted>);

impl Services {
    /// Lets the last use of an access token be recorded. Neither fails nor waits: it is not what the request is for.
    pub(crate) fn record_use(&self, token: &AccessToken, now: Timestamp) {
        self.record_use_of(Used::Token(token.id), token.last_used_at, now);
    }

    /// Lets the last use of a token for provisioning be recorded, in the same way.
    pub(crate) fn record_scim_use(&self, token: &ScimToken, now: Timestamp) {
        self.record_use_of(Used::Scim(token.uuid), token.last_used_at, now);
    }

    fn record_use_of(&self, used: Used, last_used_at: Option<Timestamp>, now: Timestamp) {
        // One in the future is from a clock that went back.
        if last_used_at.is_some_and(|at| at <= now && now < later(at, LAST_USE_PRECISION)) {
            return;
        }
        if !self.uses.begin(used) {
            return;
        }
        let (metadata, uses) = (Arc::clone(&self.metadata), self.uses.clone());
        tokio::spawn(async move {
            let recorded = metadata
                .write((used, now), |tx, (used, now)| match used {
                    Used::Token(id) => Box::pin(tx.record_access_token_use(*id, *now)),
                    Used::Scim(uuid) => Box::pin(tx.record_scim_token_use(*uuid, *now)),
                })
                .await;
            if let Err(error) = recorded {
                tracing::debug!(error = %error, "the last use of a token was not recorded");
            }
            uses.end(used);
        });
    }

    /// Writes what a request can do without, and gives what stands in for the outcome when a full disk refuses it or when it
    /// takes longer than a request may wait for it. Then it goes on beside the request.
    ///
    /// # Errors
    /// Those of the metadata store, but for `StorageFull`.
    pub(crate) async fn write_beside<I, T>(&self, input: I, work: WorkFn<I, T>, otherwise: T) -> Result<T>
    where
        I: Clone + Send + Sync + 'static,
        T: Send + 'static,
    {
        let Ok(turn) = Arc::clone(&self.beside).try_acquire_owned() else { return Ok(otherwise) };
        let metadata = Arc::clone(&self.metadata);
        let writing = tokio::spawn(async move {
            let _turn = turn;
            metadata.write(input, work).await
        });
        match tokio::time::timeout(BESIDE, writing).await {
            Err(_) | Ok(Ok(Err(Error::StorageFull(_)))) => Ok(otherwise),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(Error::internal(error)),
        }
    }

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

    /// Records the pulls that were counted, and their bytes. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store; the counts are then lost.
    pub async fn record_pulls(&self) -> Result<()> {
        let pulls: Counted =
            std::mem::take(&mut *self.pulls.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pulls: Vec<PullCount> = pulls.into_values().collect();
        // In the same order on every node, so that they do not wait for each other in a circle.
        pulls.sort_by(|a, b| {
            (a.manifest, a.tag.as_ref().map(Tag::as_str)).cmp(&(b.manifest, b.tag.as_ref().map(Tag::as_str)))
        });
        while !pulls.is_empty() {
            let batch = pulls.split_off(pulls.len().saturating_sub(500));
            self.metadata.write(batch, |tx, batch| Box::pin(tx.record_pulls(batch))).await?;
        }
        self.record_traffic().await
    }
}
