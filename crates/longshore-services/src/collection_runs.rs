//! Collection runs: an owner collects the garbage of one registry now, and nothing is pushed to it meanwhile.
//!
//! A run is a row that says where it stands, and everything it does may be done again, so that any node goes on with it
//! after a restart. It removes by the same rules as the background's collection (see `collection`), but what is deleted
//! cannot be restored any more, and what nothing references goes after a shorter time of grace.
//! Until when nobody gets a token for pushing stands in the same row, so that no crash leaves a registry read-only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use longshore_domain::account::AccountId;
use longshore_domain::collection_run::{CollectionRun, RunKind, RunStatus};
use longshore_domain::credential::Principal;
use longshore_domain::event::EventAction;
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{BlobId, CollectionCounts, ManifestId, Review, Tombstone};
use longshore_domain::registry::RegistryAction;
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::collection::{Round, Sums, Terms};
use crate::leases::Job;
use crate::{Services, later};

/// How long a registry stays read-only when nobody goes on with its run.
const READ_ONLY_MARGIN: Duration = Duration::from_secs(600);
/// Runs that one node works on at the same time.
const PARALLEL_RUNS: usize = 4;
/// Steps that may fail, one after the other, before a run has failed.
const FAILURES_LIMIT: u64 = 10;
/// Longest time between two tries.
const RETRY_LIMIT: Duration = Duration::from_secs(60);
/// Tokens for pushing are remembered by the end of the interval of this length in which they expire.
const TOKEN_PRECISION_SECONDS: i64 = 5;
/// Longest that a token for pushing to a registry works, however the server is configured.
pub(crate) const WRITE_TOKEN_LIMIT: Duration = Duration::from_secs(900);
/// Registries whose last token for pushing is kept in memory.
const KEPT: usize = 50_000;

/// Until when this node knows that tokens for pushing are recorded, by namespace.
#[derive(Default)]
pub(crate) struct WriteTokens(Mutex<HashMap<AccountId, Timestamp>>);

/// Rounds a time up, so that few tokens have to be recorded.
fn rounded_up(at: Timestamp) -> Timestamp {
    let seconds = at.as_second().saturating_add(TOKEN_PRECISION_SECONDS);
    let rounded = seconds - seconds.rem_euclid(TOKEN_PRECISION_SECONDS);
    Timestamp::from_second(rounded).unwrap_or(at)
}

/// How a step of a run ended.
#[derive(PartialEq, Eq)]
enum Step {
    /// It may go on.
    Done,
    /// It must stop here: it was cancelled, or is over.
    Stop,
}

impl Services {
    /// Starts to collect the garbage of a registry.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for managing; `Conflict` while a run is in progress.
    pub async fn start_collection_run(
        &self,
        principal: &Principal,
        name: &Namespace,
        kind: RunKind,
    ) -> Result<CollectionRun> {
        let registry = self.authorize_registry(principal, name, RegistryAction::Manage).await?;
        let uuid = self.new_uuid();
        let data = [("type", kind.as_str().to_owned()), ("run", uuid.to_string())];
        let namespace = registry.namespace_id;
        let event =
            self.event(principal, Some(namespace), EventAction::CollectionRequested, name.as_str(), data);
        let run = CollectionRun {
            uuid,
            namespace_id: namespace,
            registry: registry.name,
            kind,
            status: RunStatus::Requested,
            created_at: event.at,
            updated_at: event.at,
            waits_until: event.at,
            read_only_until: event.at,
            failures: 0,
            blobs_deleted: 0,
            freed_bytes: 0,
        };
        let run = self
            .metadata
            .write((run, event), |tx, (run, event)| {
                Box::pin(async move {
                    let unknown = || Error::RegistryUnknown(run.registry.to_string());
                    // Nobody gets a token for pushing between these two.
                    let last = tx.hold_write_tokens(run.namespace_id).await?.ok_or_else(unknown)?;
                    let waits_until = last.max(run.created_at);
                    let read_only_until = later(waits_until, READ_ONLY_MARGIN);
                    let run = CollectionRun { waits_until, read_only_until, ..run.clone() };
                    tx.create_collection_run(&run).await?;
                    tx.record_event(event).await?;
                    Ok(run)
                })
            })
            .await?;
        self.runs_requested.notify_one();
        Ok(run)
    }

    /// Waits until this node has started a run.
    pub async fn collection_run_requested(&self) {
        self.runs_requested.notified().await;
    }

    /// Gives the run of a registry that is in progress.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing; `CollectionRunUnknown` when there is none.
    pub async fn get_active_collection_run(
        &self,
        principal: &Principal,
        name: &Namespace,
    ) -> Result<CollectionRun> {
        let registry = self.authorize_registry(principal, name, RegistryAction::View).await?;
        self.find_active_run(registry.namespace_id).await?.ok_or(Error::CollectionRunUnknown)
    }

    async fn find_active_run(&self, namespace: AccountId) -> Result<Option<CollectionRun>> {
        self.metadata.look_up(namespace, |tx, namespace| Box::pin(tx.find_active_run(*namespace))).await
    }

    /// Lists the runs of a registry, newest first, leaving out the first `offset`, and counts all.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for viewing.
    pub async fn list_collection_runs(
        &self,
        principal: &Principal,
        name: &Namespace,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<CollectionRun>, u64)> {
        let registry = self.authorize_registry(principal, name, RegistryAction::View).await?;
        self.metadata
            .read((registry.namespace_id, offset, size), |tx, (namespace, offset, size)| {
                Box::pin(async move {
                    let runs = tx.list_collection_runs(*namespace, *offset, *size).await?;
                    Ok((runs, tx.count_collection_runs(*namespace).await?))
                })
            })
            .await
    }

    /// Cancels a run: it ends as soon as what is being done is done; what it has freed is gone. Without `wants_end`, only
    /// gives it.
    ///
    /// # Errors
    /// As [`Services::authorize_registry`] for managing; `CollectionRunUnknown` when this run is not in progress.
    pub async fn cancel_collection_run(
        &self,
        principal: &Principal,
        name: &Namespace,
        uuid: Uuid,
        wants_end: bool,
    ) -> Result<CollectionRun> {
        let registry = self.authorize_registry(principal, name, RegistryAction::Manage).await?;
        let namespace = registry.namespace_id;
        let data = [("run", uuid.to_string())];
        let event =
            self.event(principal, Some(namespace), EventAction::CollectionCancelled, name.as_str(), data);
        let run = self
            .metadata
            .write((namespace, uuid, wants_end, event), |tx, (namespace, uuid, wants_end, event)| {
                Box::pin(async move {
                    let found = tx.hold_collection_run(*uuid).await?;
                    let found = found.filter(|run| run.namespace_id == *namespace);
                    let mut run = found.ok_or(Error::CollectionRunUnknown)?;
                    if *wants_end && run.status != RunStatus::Cancelling {
                        run.status = RunStatus::Cancelling;
                        run.updated_at = event.at;
                        tx.save_collection_run(&run).await?;
                        tx.record_event(event).await?;
                    }
                    Ok(run)
                })
            })
            .await?;
        self.runs_requested.notify_one();
        Ok(run)
    }

    /// Tells whether a registry takes pushes now.
    ///
    /// # Errors
    /// `ReadOnly` while its garbage is collected.
    pub(crate) async fn check_writable(&self, namespace: AccountId) -> Result<()> {
        let now = self.clock.now();
        match self.find_active_run(namespace).await? {
            Some(run) if now < run.read_only_until => Err(Error::ReadOnly(run.registry)),
            _ => Ok(()),
        }
    }

    /// Decides whether a token for pushing to a registry may be given that works until then, and remembers it if so: a run
    /// waits for it.
    pub(crate) async fn allow_write_token(&self, namespace: AccountId, until: Timestamp) -> Result<bool> {
        let recorded = {
            let known = self.write_tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&namespace).copied()
        };
        if recorded.is_some_and(|recorded| recorded >= until) {
            // A run that begins after this look waits for what is recorded, and so for this token.
            return match self.check_writable(namespace).await {
                Ok(()) => Ok(true),
                Err(Error::ReadOnly(_)) => Ok(false),
                Err(error) => Err(error),
            };
        }
        let until = rounded_up(until);
        let is_allowed = self
            .metadata
            .write((namespace, until, self.clock.now()), |tx, (namespace, until, now)| {
                Box::pin(async move {
                    if tx.hold_write_tokens(*namespace).await?.is_none() {
                        // It is no registry any more.
                        return Ok(true);
                    }
                    let run = tx.find_active_run(*namespace).await?;
                    if run.is_some_and(|run| *now < run.read_only_until) {
                        return Ok(false);
                    }
                    tx.record_write_token(*namespace, *until).await.map(|()| true)
                })
            })
            .await?;
        if is_allowed {
            let mut known = self.write_tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(namespace, until);
        }
        Ok(is_allowed)
    }

    /// Goes on with all runs that are in progress, as the job of one node. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store when not even the list can be read; what fails in a run is tried again.
    pub async fn advance_collection_runs(&self) -> Result<()> {
        // Most of the time there is nothing to do, and nothing is written.
        let first = self.list_active_runs(AccountId(0), PageSize::clamped(1)?).await?;
        if first.is_empty() {
            return Ok(());
        }
        let work = async {
            let mut after = AccountId(0);
            loop {
                let runs = self.list_active_runs(after, PageSize::MAX).await?;
                let Some((last, _)) = runs.last() else { return Ok(()) };
                after = *last;
                let runs = stream::iter(runs).map(|(namespace, uuid)| self.advance_or_fail(namespace, uuid));
                runs.buffer_unordered(PARALLEL_RUNS).collect::<Vec<()>>().await;
            }
        };
        self.alone(Job::AdvanceCollectionRuns, work).await.map(|_| ())
    }

    async fn list_active_runs(&self, after: AccountId, size: PageSize) -> Result<Vec<(AccountId, Uuid)>> {
        self.metadata
            .look_up((after, size), |tx, (after, size)| Box::pin(tx.list_active_runs(*after, *size)))
            .await
    }

    async fn advance_or_fail(&self, namespace: AccountId, uuid: Uuid) {
        let Err(error) = self.advance_run(namespace, uuid).await else { return };
        tracing::warn!(run = %uuid, error = %error, cause = error.cause(), "a collection run met a failure; it is tried again");
        let noted = self
            .metadata
            .write((uuid, self.clock.now()), |tx, (uuid, now)| {
                Box::pin(async move {
                    let Some(mut run) = tx.hold_collection_run(*uuid).await? else { return Ok(()) };
                    run.failures += 1;
                    run.updated_at = *now;
                    if run.failures >= FAILURES_LIMIT {
                        run.status = RunStatus::Failed;
                    }
                    tx.save_collection_run(&run).await
                })
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(run = %uuid, error = %error, "the failure of a collection run could not be noted");
        }
    }

    /// Goes on with a run until it waits or is over.
    async fn advance_run(&self, namespace: AccountId, uuid: Uuid) -> Result<()> {
        let Some(run) = self.find_active_run(namespace).await?.filter(|run| run.uuid == uuid) else {
            return Ok(());
        };
        let now = self.clock.now();
        if run.failures > 0 {
            let pause = Duration::from_secs(1 << run.failures.min(6)).min(RETRY_LIMIT);
            if now < later(run.updated_at, pause) {
                return Ok(());
            }
        }
        if run.status != RunStatus::Cancelling && now < run.waits_until {
            return self.enter(&run, RunStatus::Waiting).await.map(|_| ());
        }
        if self.enter(&run, RunStatus::Scanning).await? == Step::Stop {
            return Ok(());
        }
        if self.scan(&run).await? == Step::Stop || self.enter(&run, RunStatus::Deleting).await? == Step::Stop
        {
            return Ok(());
        }
        if run.kind.takes_blobs() && self.delete_unreferenced(&run).await? == Step::Stop {
            return Ok(());
        }
        self.enter(&run, RunStatus::Succeeded).await.map(|_| ())
    }

    /// Notes where a run stands and lets it stay read-only, unless it is to end or is over.
    async fn enter(&self, run: &CollectionRun, status: RunStatus) -> Result<Step> {
        self.metadata
            .write((run.uuid, status, self.clock.now()), |tx, (uuid, status, now)| {
                Box::pin(async move {
                    let Some(mut run) = tx.hold_collection_run(*uuid).await? else { return Ok(Step::Stop) };
                    let is_cancelled = run.status == RunStatus::Cancelling;
                    let next = if is_cancelled { RunStatus::Cancelled } else { *status };
                    let read_only_until = later(run.waits_until.max(*now), READ_ONLY_MARGIN);
                    let is_short = run.read_only_until < later(*now, READ_ONLY_MARGIN / 2);
                    if next != run.status || is_short {
                        if next != run.status {
                            run.failures = 0;
                        }
                        run.status = next;
                        run.updated_at = *now;
                        run.read_only_until = read_only_until;
                        tx.save_collection_run(&run).await?;
                    }
                    Ok(if is_cancelled { Step::Stop } else { Step::Done })
                })
            })
            .await
    }

    /// Between two batches: whether to go on. Holding the lease is the right to do so.
    async fn may_go_on(&self, run: &CollectionRun, status: RunStatus) -> Result<Step> {
        if !self.take_lease(Job::AdvanceCollectionRuns).await? {
            return Ok(Step::Stop);
        }
        self.enter(run, status).await
    }

    fn round(&self, run: &CollectionRun, terms: Terms) -> Round {
        let event = self.event(
            &Principal::Operator,
            Some(run.namespace_id),
            EventAction::ManifestCollected,
            run.registry.as_str(),
            [],
        );
        Round { terms, now: self.clock.now(), event, run: Some(run.uuid) }
    }

    /// Takes away manifests that are not needed, again and again until none is left: with an index, its children become
    /// unneeded.
    async fn scan(&self, run: &CollectionRun) -> Result<Step> {
        loop {
            let mut removed = 0;
            let mut after = RepositoryId(0);
            loop {
                let repositories = self.repositories_after(run.namespace_id, after).await?;
                let Some((last, _)) = repositories.last() else { break };
                after = *last;
                for (repository, is_deleted) in repositories {
                    removed += match is_deleted {
                        true if run.kind.takes_blobs() => self.take_apart(run, repository).await?,
                        true => 0,
                        false => self.scan_repository(run, repository).await?,
                    };
                }
                if self.may_go_on(run, RunStatus::Scanning).await? == Step::Stop {
                    return Ok(Step::Stop);
                }
            }
            if removed == 0 {
                return Ok(Step::Done);
            }
        }
    }

    async fn repositories_after(
        &self,
        namespace: AccountId,
        after: RepositoryId,
    ) -> Result<Vec<(RepositoryId, bool)>> {
        self.metadata
            .read((namespace, after, self.batch()?), |tx, (namespace, after, size)| {
                Box::pin(tx.list_all_repositories(*namespace, *after, *size))
            })
            .await
    }

    /// Takes away what is left of a deleted repository.
    async fn take_apart(&self, run: &CollectionRun, repository: RepositoryId) -> Result<u64> {
        let mut steps = 0;
        loop {
            let input = (repository, run.uuid, self.repository_step()?, self.clock.now());
            let is_gone = self
                .metadata
                .write(input, |tx, (repository, run, size, now)| {
                    Box::pin(async move {
                        if tx.find_repository_deletion(*repository).await?.is_none() {
                            return Ok(true);
                        }
                        let purge = tx.purge_repository(*repository, *size, *now).await?;
                        let mut unlinked = purge.unlinked;
                        unlinked.sort_unstable();
                        tx.bury_blobs(&unlinked, Some(*run), *now).await?;
                        Ok(purge.is_gone)
                    })
                })
                .await?;
            steps += 1;
            if is_gone || self.may_go_on(run, RunStatus::Scanning).await? == Step::Stop {
                return Ok(steps);
            }
        }
    }

    async fn scan_repository(&self, run: &CollectionRun, repository: RepositoryId) -> Result<u64> {
        let mut removed = 0;
        if run.kind.takes_untagged() {
            let mut after = String::new();
            loop {
                let round = self.round(run, self.run_terms(self.settings.collection.undo));
                let input = (round, repository, after, self.batch()?);
                let (done, last) = self
                    .metadata
                    .write(input, |tx, (round, repository, after, size)| {
                        Box::pin(async move {
                            let untagged = tx.list_untagged_manifests(*repository, after, *size).await?;
                            let reviews: Vec<_> =
                                untagged.iter().map(|(id, _)| Review::Manifest(*id)).collect();
                            let done = round.settle(tx, &reviews, *size).await?;
                            Ok((done.manifests_collected, untagged.into_iter().last()))
                        })
                    })
                    .await?;
                removed += done;
                match last {
                    Some((_, digest)) => after = digest,
                    None => break,
                }
            }
        }
        if run.kind.takes_blobs() {
            let mut after = ManifestId(0);
            loop {
                let round = self.round(run, self.run_terms(Duration::ZERO));
                let input = (round, repository, after, self.batch()?);
                let (done, last) = self
                    .metadata
                    .write(input, |tx, (round, repository, after, size)| {
                        Box::pin(async move {
                            let deleted = tx.list_deleted_manifests(*repository, *after, *size).await?;
                            let reviews: Vec<_> = deleted.iter().copied().map(Review::Manifest).collect();
                            let done = round.settle(tx, &reviews, *size).await?;
                            Ok((done.manifests_purged, deleted.into_iter().last()))
                        })
                    })
                    .await?;
                removed += done;
                match last {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
        Ok(removed)
    }

    /// What a run judges by.
    fn run_terms(&self, undo: Duration) -> Terms {
        let policy = self.settings.collection;
        Terms {
            undo,
            untagged: longshore_domain::policy::UntaggedManifests::Collect,
            waived: policy.lease.saturating_sub(policy.grace),
        }
    }

    /// Takes links away that nothing references, and deletes the objects of blobs that have none left.
    async fn delete_unreferenced(&self, run: &CollectionRun) -> Result<Step> {
        let mut after = RepositoryId(0);
        loop {
            let repositories = self.repositories_after(run.namespace_id, after).await?;
            let Some((last, _)) = repositories.last() else { break };
            after = *last;
            for (repository, _) in repositories {
                self.unlink_unreferenced(run, repository).await?;
            }
            if self.may_go_on(run, RunStatus::Deleting).await? == Step::Stop {
                return Ok(Step::Stop);
            }
        }
        loop {
            let now = self.clock.now();
            let input = (run.uuid, now, later(now, self.settings.takeover));
            let tombstones = self
                .metadata
                .write(input, |tx, (run, now, until)| {
                    Box::pin(tx.claim_run_tombstones(*run, *now, *until, PageSize::MAX))
                })
                .await?;
            if tombstones.is_empty() {
                break;
            }
            self.delete_objects_of_run(tombstones).await?;
            if self.may_go_on(run, RunStatus::Deleting).await? == Step::Stop {
                return Ok(Step::Stop);
            }
        }
        let is_left =
            self.metadata.look_up(run.uuid, |tx, run| Box::pin(tx.has_run_tombstones(*run))).await?;
        match is_left {
            false => Ok(Step::Done),
            // Somebody else is deleting them, or could not.
            true => Ok(Step::Stop),
        }
    }

    async fn delete_objects_of_run(&self, tombstones: Vec<Tombstone>) -> Result<()> {
        let wanted = tombstones.len() as u64;
        let mut counts = CollectionCounts::default();
        self.delete_objects(tombstones, &mut counts).await?;
        if counts.is_something() {
            let input = (counts.clone(), self.clock.now());
            self.metadata
                .write(input, |tx, (counts, now)| Box::pin(tx.add_collection_counts(counts, *now)))
                .await?;
        }
        match counts.blobs_deleted == wanted {
            true => Ok(()),
            false => Err(Error::Unavailable("the storage did not delete all objects".into())),
        }
    }

    async fn unlink_unreferenced(&self, run: &CollectionRun, repository: RepositoryId) -> Result<()> {
        let mut after = BlobId(0);
        loop {
            let round = self.round(run, self.run_terms(Duration::ZERO));
            let last = self
                .metadata
                .write((round, repository, after, self.batch()?), |tx, (round, repository, after, size)| {
                    Box::pin(async move {
                        let blobs = tx.list_reviewed_links(*repository, *after, *size).await?;
                        let links: Vec<_> =
                            blobs.iter().map(|blob| Review::Link(*repository, *blob)).collect();
                        round.settle(tx, &links, *size).await?;
                        // The same blobs again, if they have no link left anywhere.
                        tx.bury_blobs(&blobs, round.run, round.now).await?;
                        Ok(blobs.last().copied())
                    })
                })
                .await?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(rounded_up(at(11)), at(15));
        assert_eq!(rounded_up(at(15)), at(20));
        assert_eq!(rounded_up("1970-01-01T00:00:14.9Z".parse().unwrap()), at(15));
    }
}
