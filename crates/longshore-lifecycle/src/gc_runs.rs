//! Collection runs: an owner collects the garbage of one registry now, and nothing is pushed to it meanwhile.
//!
//! A run is a row that says where it stands, and everything it does may be done again, so that any node goes on with it
//! after a restart. It removes by the same rules as the background's collection (see `collection`), but what is deleted
//! cannot be restored any more, and what nothing references goes after a shorter time of grace.
//! Until when nobody gets a token for pushing stands in the same row, so that no crash leaves a registry read-only.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use longshore_domain::access::action::RegistryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::clock::lies_ahead;
use longshore_domain::event::EventAction;
use longshore_domain::gc_run::{GcForecast, GcRun, RunKind, RunStatus};
use longshore_domain::name::Namespace;
use longshore_domain::page::{Page, PageSize};
use longshore_domain::policy::UntaggedManifests;
use longshore_domain::ports::metadata::{BlobId, GcCounts, ManifestId, Review, Tombstone};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Lifecycle;
use crate::gc::{Deleted, Sums, Sweep, Terms};
use longshore_access::write_tokens::READ_ONLY_MARGIN;
use longshore_platform::later;
use longshore_platform::leases::Job;

/// Runs that one node works on at the same time.
const PARALLEL_RUNS: usize = 16;
/// How often runs that were asked for meanwhile are looked for.
const RUN_TICK: Duration = Duration::from_secs(1);
/// How often a run asks whether it may go on.
const PACE: Duration = Duration::from_secs(3);
/// Steps that may fail before a run has failed.
const FAILURES_LIMIT: u64 = 10;
/// Longest time between two tries.
const RETRY_LIMIT: Duration = Duration::from_secs(60);
/// What one visit to a run knows.
struct Pace {
    /// When it was last asked whether the run may go on.
    checked_at: Timestamp,
    /// How much earlier than at the end of its lease something may go.
    waived: Duration,
}

/// How a step of a run ended.
#[derive(PartialEq, Eq)]
enum Step {
    /// It may go on.
    Done,
    /// It must stop here: it was cancelled, or is over.
    Stop,
}

impl Lifecycle {
    /// Says what a collection run of a registry would do now, without beginning one. Of more than a hundred thousand images and
    /// 300,000 links of blobs, it says what goes at least.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for managing; `Throttled` while others ask.
    pub async fn preview_gc_run(&self, actor: &Actor, name: &Namespace, kind: RunKind) -> Result<GcForecast> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::Manage).await?;
        let terms = self.run_terms(self.waived_since(registry.created_at));
        self.forecast_gc_run(registry.namespace_id, kind, terms).await
    }

    /// Starts to collect the garbage of a registry.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for managing; `Conflict` while a run is in progress.
    pub async fn start_gc_run(&self, actor: &Actor, name: &Namespace, kind: RunKind) -> Result<GcRun> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::Manage).await?;
        let uuid = self.platform.new_uuid();
        let data = [("type", kind.as_str().to_owned()), ("run", uuid.to_string())];
        let namespace = registry.namespace_id;
        let event =
            self.platform.event(actor, Some(namespace), EventAction::GcRequested, name.as_str(), data);
        let run = GcRun {
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
            started_by: Some(event.actor_name.clone()),
            found: None,
        };
        let run = self
            .metadata
            .write((run, event), |tx, (run, event)| {
                Box::pin(async move {
                    let unknown = || Error::RegistryUnknown(run.registry.to_string());
                    // Nobody gets a token for pushing between these two.
                    let last = tx.lock_write_tokens(run.namespace_id).await?.ok_or_else(unknown)?;
                    let waits_until = last.max(run.created_at);
                    let read_only_until = later(waits_until, READ_ONLY_MARGIN);
                    let run = GcRun { waits_until, read_only_until, ..run.clone() };
                    tx.create_gc_run(&run).await?;
                    tx.record_event(event).await?;
                    Ok(run)
                })
            })
            .await?;
        self.runs_requested.notify_one();
        Ok(run)
    }

    /// Waits until this node has started a run.
    pub async fn gc_run_requested(&self) {
        self.runs_requested.notified().await;
    }

    /// Returns the run of a registry that is in progress.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing; `GcRunUnknown` when there is none.
    pub async fn get_active_gc_run(&self, actor: &Actor, name: &Namespace) -> Result<GcRun> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::View).await?;
        self.access.find_active_run(registry.namespace_id).await?.ok_or(Error::GcRunUnknown)
    }

    /// Lists the runs of a registry, newest first, leaving out the first `offset`, and counts all.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing.
    pub async fn list_gc_runs(
        &self,
        actor: &Actor,
        name: &Namespace,
        offset: u64,
        size: PageSize,
    ) -> Result<(Vec<GcRun>, u64)> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::View).await?;
        self.metadata
            .read((registry.namespace_id, offset, size), |tx, (namespace, offset, size)| {
                Box::pin(async move {
                    let runs = tx.list_gc_runs(*namespace, *offset, *size).await?;
                    Ok((runs, tx.count_gc_runs(*namespace).await?))
                })
            })
            .await
    }

    /// Lists the runs of a registry, newest first, strictly behind one that was created then.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing.
    pub async fn list_gc_runs_behind(
        &self,
        actor: &Actor,
        name: &Namespace,
        before: Option<(Timestamp, Uuid)>,
        size: PageSize,
    ) -> Result<Page<GcRun>> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::View).await?;
        self.metadata
            .read((registry.namespace_id, before, size), |tx, (namespace, before, size)| {
                Box::pin(tx.list_gc_runs_behind(*namespace, *before, *size))
            })
            .await
    }

    /// Returns a run of a registry, over or not.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for viewing; `GcRunUnknown` when it has none of this id.
    pub async fn find_gc_run(&self, actor: &Actor, name: &Namespace, uuid: Uuid) -> Result<GcRun> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::View).await?;
        let found = self
            .metadata
            .look_up((registry.namespace_id, uuid), |tx, (namespace, uuid)| {
                Box::pin(tx.find_gc_run(*namespace, *uuid))
            })
            .await?;
        found.ok_or(Error::GcRunUnknown)
    }

    /// Returns a run that is in progress.
    ///
    /// # Errors
    /// As [`authorize_registry`](longshore_access::AccessControl::authorize_registry) for managing; `GcRunUnknown` when this run is not in progress.
    pub async fn get_gc_run(&self, actor: &Actor, name: &Namespace, uuid: Uuid) -> Result<GcRun> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::Manage).await?;
        let active = self.access.find_active_run(registry.namespace_id).await?;
        active.filter(|run| run.uuid == uuid).ok_or(Error::GcRunUnknown)
    }

    /// Cancels a run: it ends as soon as what is being done is done; what it has freed is gone.
    ///
    /// # Errors
    /// As [`Lifecycle::get_gc_run`].
    pub async fn cancel_gc_run(&self, actor: &Actor, name: &Namespace, uuid: Uuid) -> Result<GcRun> {
        let registry = self.access.authorize_registry(actor, name, RegistryAction::Manage).await?;
        let namespace = registry.namespace_id;
        let data = [("run", uuid.to_string())];
        let event =
            self.platform.event(actor, Some(namespace), EventAction::GcCancelled, name.as_str(), data);
        let run = self
            .metadata
            .write((namespace, uuid, event), |tx, (namespace, uuid, event)| {
                Box::pin(async move {
                    let found = tx.lock_gc_run(*uuid).await?;
                    let found = found.filter(|run| run.namespace_id == *namespace);
                    let mut run = found.ok_or(Error::GcRunUnknown)?;
                    if run.status != RunStatus::Cancelling {
                        run.status = RunStatus::Cancelling;
                        run.updated_at = event.at;
                        tx.save_gc_run(&run).await?;
                        tx.record_event(event).await?;
                    }
                    Ok(run)
                })
            })
            .await?;
        self.runs_requested.notify_one();
        Ok(run)
    }

    /// Goes on with all runs that are in progress, as the job of one node, until none is being worked on. Returns how often it went
    /// on with one. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store when not even the list can be read; what fails in a run is tried again.
    pub async fn advance_gc_runs(&self) -> Result<u64> {
        // Most of the time there is nothing to do, and nothing is written.
        let first = self.list_active_runs(AccountId(0), PageSize::clamped(1)?).await?;
        if first.is_empty() {
            return Ok(0);
        }
        let advanced = self.platform.with_lease(Job::AdvanceGcRuns, self.work_on_runs()).await?;
        Ok(advanced.unwrap_or_default())
    }

    /// Works on runs side by side. Those that are asked for while a long one goes on do not wait for it.
    async fn work_on_runs(&self) -> Result<u64> {
        let mut advanced = 0;
        let mut working = FuturesUnordered::new();
        // Being worked on, or looked at since the last tick.
        let (mut busy, mut seen) = (HashSet::new(), HashSet::new());
        loop {
            let mut after = AccountId(0);
            while working.len() < PARALLEL_RUNS && !self.platform.is_stopping() {
                let runs = self.list_active_runs(after, PageSize::MAX).await?;
                let Some((last, _)) = runs.last() else { break };
                after = *last;
                for (namespace, uuid) in runs {
                    if working.len() < PARALLEL_RUNS && !busy.contains(&uuid) && seen.insert(uuid) {
                        busy.insert(uuid);
                        working.push(async move {
                            self.advance_or_fail(namespace, uuid).await;
                            uuid
                        });
                    }
                }
            }
            tokio::select! {
                ended = working.next() => match ended {
                    Some(uuid) => {
                        busy.remove(&uuid);
                        advanced += 1;
                    }
                    None => return Ok(advanced),
                },
                () = tokio::time::sleep(RUN_TICK) => {
                    seen.clear();
                    // Holding the lease is the right to go on; each run asks for itself.
                    self.platform.take_lease(Job::AdvanceGcRuns).await?;
                }
            }
        }
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
                    let Some(mut run) = tx.lock_gc_run(*uuid).await? else { return Ok(()) };
                    run.failures += 1;
                    run.updated_at = *now;
                    if run.failures >= FAILURES_LIMIT {
                        run.status = RunStatus::Failed;
                        // What it could not delete is the background's from now on, and does not count for it.
                        tx.release_run_tombstones(*uuid).await?;
                    }
                    tx.save_gc_run(&run).await
                })
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(run = %uuid, error = %error, "the failure of a collection run could not be noted");
        }
    }

    /// Goes on with a run until it waits or is over.
    async fn advance_run(&self, namespace: AccountId, uuid: Uuid) -> Result<()> {
        let Some(run) = self.access.find_active_run(namespace).await?.filter(|run| run.uuid == uuid) else {
            return Ok(());
        };
        if run.status == RunStatus::Cancelling {
            return self.enter(&run, RunStatus::Cancelled).await.map(|_| ());
        }
        let now = self.clock.now();
        if run.failures > 0 {
            let pause = Duration::from_secs(1 << run.failures.min(6)).min(RETRY_LIMIT);
            if now < later(run.updated_at, pause) {
                return Ok(());
            }
        }
        // Nobody went on with it for so long that tokens were given again.
        let run = match now < run.read_only_until {
            true => run,
            false => match self.close_again(run).await? {
                Some(run) => run,
                None => return Ok(()),
            },
        };
        if now < run.waits_until {
            return self.enter(&run, RunStatus::Waiting).await.map(|_| ());
        }
        let mut pace = Pace { checked_at: now, waived: self.waived(&run).await? };
        if run.status != RunStatus::Deleting {
            if self.enter(&run, RunStatus::Scanning).await? == Step::Stop {
                return Ok(());
            }
            if run.found.is_none()
                && let Err(error) = self.note_found(&run, &pace).await
            {
                // Nobody needs it but who watches.
                tracing::info!(run = %run.uuid, error = %error, "how much a collection run has to do is not known");
            }
            if self.scan(&run, &mut pace).await? == Step::Stop
                || self.enter(&run, RunStatus::Deleting).await? == Step::Stop
            {
                return Ok(());
            }
        }
        if run.kind.takes_blobs() && self.delete_unreferenced(&run, &mut pace).await? == Step::Stop {
            return Ok(());
        }
        self.enter(&run, RunStatus::Succeeded).await.map(|_| ())
    }

    /// Notes how much a run has to do, so that whoever watches it sees how far it is.
    async fn note_found(&self, run: &GcRun, pace: &Pace) -> Result<()> {
        let terms = self.run_terms(pace.waived);
        let forecast = self.forecast_gc_run(run.namespace_id, run.kind, terms).await?;
        let found = (run.uuid, forecast.blobs, forecast.freed_bytes);
        self.metadata
            .write(found, |tx, (run, blobs, bytes)| Box::pin(tx.save_found(*run, *blobs, *bytes)))
            .await
    }

    /// Lets a run wait for the tokens for pushing that were given since its registry was open again, and nobody get one
    /// any more; `None` when it is over.
    async fn close_again(&self, run: GcRun) -> Result<Option<GcRun>> {
        self.metadata
            .write((run, self.clock.now()), |tx, (run, now)| {
                Box::pin(async move {
                    let last = tx.lock_write_tokens(run.namespace_id).await?;
                    let Some(mut run) = tx.lock_gc_run(run.uuid).await? else { return Ok(None) };
                    run.waits_until = last.unwrap_or(*now).max(*now);
                    run.read_only_until = later(run.waits_until, READ_ONLY_MARGIN);
                    run.updated_at = *now;
                    tx.save_gc_run(&run).await?;
                    Ok(Some(run))
                })
            })
            .await
    }

    /// Notes where a run stands and lets it stay read-only, unless it is to end or is over.
    async fn enter(&self, run: &GcRun, status: RunStatus) -> Result<Step> {
        self.metadata
            .write((run.uuid, status, self.clock.now()), |tx, (uuid, status, now)| {
                Box::pin(async move {
                    let Some(mut run) = tx.lock_gc_run(*uuid).await? else { return Ok(Step::Stop) };
                    let is_cancelled = run.status == RunStatus::Cancelling;
                    let next = if is_cancelled { RunStatus::Cancelled } else { *status };
                    let is_short = run.read_only_until < later(*now, READ_ONLY_MARGIN / 2);
                    if next != run.status || is_short {
                        run.status = next;
                        run.updated_at = *now;
                        run.read_only_until = later(run.waits_until.max(*now), READ_ONLY_MARGIN);
                        if is_cancelled {
                            tx.release_run_tombstones(*uuid).await?;
                        }
                        tx.save_gc_run(&run).await?;
                    }
                    Ok(if is_cancelled { Step::Stop } else { Step::Done })
                })
            })
            .await
    }

    /// Between two batches: whether to go on, which is asked every few seconds.
    async fn may_go_on(&self, run: &GcRun, status: RunStatus, pace: &mut Pace) -> Result<Step> {
        if self.platform.is_stopping() {
            return Ok(Step::Stop);
        }
        let now = self.clock.now();
        if lies_ahead(later(pace.checked_at, PACE), now, PACE) {
            return Ok(Step::Done);
        }
        pace.checked_at = now;
        // Holding the lease is the right to go on.
        if !self.platform.take_lease(Job::AdvanceGcRuns).await? {
            return Ok(Step::Stop);
        }
        self.enter(run, status).await
    }

    fn sweep(&self, run: &GcRun, terms: Terms) -> Sweep {
        let event = self.platform.event(
            &Actor::OPERATOR,
            Some(run.namespace_id),
            EventAction::ManifestCollected,
            run.registry.as_str(),
            [],
        );
        let deletion = self.untagged_deletion(&event);
        Sweep { terms, now: self.clock.now(), deletion, event, run: Some(run.uuid) }
    }

    /// Takes away manifests that are not needed, again and again until none is left: with an index, its children become
    /// unneeded.
    async fn scan(&self, run: &GcRun, pace: &mut Pace) -> Result<Step> {
        loop {
            let mut removed = 0;
            let mut after = RepositoryId(0);
            loop {
                let repositories = self.repositories_after(run.namespace_id, after).await?;
                let Some((last, _)) = repositories.last() else { break };
                after = *last;
                for (repository, is_deleted) in repositories {
                    let step = match is_deleted {
                        true if run.kind.takes_blobs() => self.take_apart(run, repository, pace).await?,
                        true => Some(0),
                        false => self.scan_repository(run, repository, pace).await?,
                    };
                    match step {
                        Some(count) => removed += count,
                        None => return Ok(Step::Stop),
                    }
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
                Box::pin(async move {
                    let found = tx.list_all_repositories(*namespace, *after, *size).await?;
                    Ok(found.into_iter().map(|(id, deleted_at)| (id, deleted_at.is_some())).collect())
                })
            })
            .await
    }

    /// Takes away what is left of a deleted repository, and gives how much was done; `None` when it must stop.
    async fn take_apart(
        &self,
        run: &GcRun,
        repository: RepositoryId,
        pace: &mut Pace,
    ) -> Result<Option<u64>> {
        let mut steps = 0;
        loop {
            let sweep = self.sweep(run, self.run_terms(pace.waived));
            let is_gone = self
                .metadata
                .write((sweep, repository, self.repository_step()?), |tx, (sweep, repository, size)| {
                    Box::pin(async move {
                        if tx.lock_deleted_repository(*repository).await?.is_none() {
                            return Ok(true);
                        }
                        let purge = tx.purge_repository(*repository, *size, sweep.now).await?;
                        let (mut released, mut unlinked) = (purge.released, purge.unlinked);
                        released.sort_unstable();
                        released.dedup();
                        sweep.apply_link_verdicts(tx, &released, &mut GcCounts::default()).await?;
                        unlinked.sort_unstable();
                        tx.tombstone_blobs(&unlinked, sweep.run, sweep.now).await?;
                        Ok(purge.is_gone)
                    })
                })
                .await?;
            steps += 1;
            if is_gone {
                return Ok(Some(steps));
            }
            if self.may_go_on(run, RunStatus::Scanning, pace).await? == Step::Stop {
                return Ok(None);
            }
        }
    }

    /// Takes away manifests of a repository, and gives how many; `None` when it must stop.
    async fn scan_repository(
        &self,
        run: &GcRun,
        repository: RepositoryId,
        pace: &mut Pace,
    ) -> Result<Option<u64>> {
        let mut removed = 0;
        let mut after = String::new();
        while run.kind.takes_untagged() {
            let untagged = self
                .metadata
                .look_up((repository, after, self.batch()?), |tx, (repository, after, size)| {
                    Box::pin(tx.list_untagged_manifests(*repository, after, *size))
                })
                .await?;
            let Some((_, last)) = untagged.last() else { break };
            after = last.clone();
            let manifests = untagged.iter().map(|(id, _)| *id).collect();
            let done = self.apply_verdicts(run, manifests, self.settings.gc.undo, pace).await?;
            removed += done.manifests_collected;
            if self.may_go_on(run, RunStatus::Scanning, pace).await? == Step::Stop {
                return Ok(None);
            }
        }
        let mut after = ManifestId(0);
        while run.kind.takes_blobs() {
            let deleted = self
                .metadata
                .look_up((repository, after, self.batch()?), |tx, (repository, after, size)| {
                    Box::pin(tx.list_deleted_manifests(*repository, *after, *size))
                })
                .await?;
            let Some(last) = deleted.last() else { break };
            after = *last;
            removed += self.apply_verdicts(run, deleted, Duration::ZERO, pace).await?.manifests_purged;
            if self.may_go_on(run, RunStatus::Scanning, pace).await? == Step::Stop {
                return Ok(None);
            }
        }
        Ok(Some(removed))
    }

    /// Decides on manifests, by their state in the transaction that does it.
    async fn apply_verdicts(
        &self,
        run: &GcRun,
        manifests: Vec<ManifestId>,
        undo: Duration,
        pace: &Pace,
    ) -> Result<GcCounts> {
        let sweep = Arc::new(self.sweep(run, Terms { undo, ..self.run_terms(pace.waived) }));
        let reviews: Vec<Review> = manifests.into_iter().map(Review::Manifest).collect();
        let (mut done, referred) = self
            .metadata
            .write((Arc::clone(&sweep), reviews), |tx, (sweep, reviews)| {
                Box::pin(sweep.apply_verdicts(tx, reviews))
            })
            .await?;
        for (id, last) in referred {
            let mut after = Some(last);
            while let Some(last) = after {
                let input = (Arc::clone(&sweep), id, last, self.batch()?);
                let (more, next) = self
                    .metadata
                    .write(input, |tx, (sweep, id, last, size)| {
                        Box::pin(sweep.purge_referred(tx, *id, *last, *size))
                    })
                    .await?;
                done.add(&more);
                after = next;
            }
        }
        Ok(done)
    }

    /// What a run judges by: what is deleted cannot be restored any more.
    pub(crate) fn run_terms(&self, waived: Duration) -> Terms {
        let history = self.settings.history.keep;
        Terms { undo: Duration::ZERO, untagged: UntaggedManifests::Collect, waived, history }
    }

    /// Returns how much of leases a run waives.
    async fn waived(&self, run: &GcRun) -> Result<Duration> {
        let registry =
            self.metadata.look_up(run.registry.clone(), |tx, name| Box::pin(tx.find_registry(name))).await?;
        Ok(self.waived_since(registry.map_or(run.created_at, |registry| registry.created_at)))
    }

    /// Returns how much of leases a run of a registry waives that was created then. It is nothing until a registry is as old as its
    /// grace: before, leases were not renewed as often as that needs.
    pub(crate) fn waived_since(&self, created_at: Timestamp) -> Duration {
        let policy = self.settings.gc;
        match self.clock.now() < later(created_at, policy.grace) {
            true => Duration::ZERO,
            false => policy.lease.saturating_sub(policy.grace),
        }
    }

    /// Takes links away that nothing references, and deletes the objects of blobs that have none left.
    async fn delete_unreferenced(&self, run: &GcRun, pace: &mut Pace) -> Result<Step> {
        // What is left from before, when it was interrupted here.
        if self.delete_tombstoned(run, pace).await? == Step::Stop {
            return Ok(Step::Stop);
        }
        let mut after = RepositoryId(0);
        loop {
            let repositories = self.repositories_after(run.namespace_id, after).await?;
            let Some((last, _)) = repositories.last() else { break };
            after = *last;
            for (repository, _) in repositories {
                if self.unlink_unreferenced(run, repository, pace).await? == Step::Stop {
                    return Ok(Step::Stop);
                }
            }
        }
        self.delete_tombstoned(run, pace).await
    }

    /// Deletes the objects of this run's tombstones. It must stop while somebody else has some of them.
    async fn delete_tombstoned(&self, run: &GcRun, pace: &mut Pace) -> Result<Step> {
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
            if self.may_go_on(run, RunStatus::Deleting, pace).await? == Step::Stop {
                return Ok(Step::Stop);
            }
        }
        let is_left =
            self.metadata.look_up(run.uuid, |tx, run| Box::pin(tx.has_run_tombstones(*run))).await?;
        if !is_left {
            return Ok(Step::Done);
        }
        // Tried again when they are due.
        self.enter(run, RunStatus::Deleting).await.map(|_| Step::Stop)
    }

    async fn delete_objects_of_run(&self, tombstones: Vec<Tombstone>) -> Result<()> {
        let mut counts = GcCounts::default();
        let is_done = self.delete_objects(tombstones, &mut counts).await?;
        if counts.is_something() {
            let input = (counts.clone(), self.clock.now());
            self.metadata.write(input, |tx, (counts, now)| Box::pin(tx.add_gc_counts(counts, *now))).await?;
        }
        match is_done {
            Deleted::All => Ok(()),
            Deleted::Some => Err(Error::Unavailable("the storage did not delete all objects".into())),
        }
    }

    async fn unlink_unreferenced(
        &self,
        run: &GcRun,
        repository: RepositoryId,
        pace: &mut Pace,
    ) -> Result<Step> {
        let mut after = BlobId(0);
        loop {
            let blobs = self
                .metadata
                .look_up((repository, after, self.batch()?), |tx, (repository, after, size)| {
                    Box::pin(tx.list_reviewed_links(*repository, *after, *size))
                })
                .await?;
            let Some(last) = blobs.last() else { return Ok(Step::Done) };
            after = *last;
            let links: Vec<_> = blobs.into_iter().map(|blob| (repository, blob)).collect();
            let sweep = self.sweep(run, self.run_terms(pace.waived));
            self.metadata
                .write((sweep, links), |tx, (sweep, links)| {
                    Box::pin(
                        async move { sweep.apply_link_verdicts(tx, links, &mut GcCounts::default()).await },
                    )
                })
                .await?;
            if self.may_go_on(run, RunStatus::Deleting, pace).await? == Step::Stop {
                return Ok(Step::Stop);
            }
        }
    }
}
