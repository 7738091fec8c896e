//! Garbage collection, online: it reviews what changes have put into the queue, in small transactions, beside pushes.
//!
//! The model and its argument are in `docs/garbage-collection.md`. In short: a record is removed only in a
//! transaction that sees that nothing needs it and its lease has ended; a manifest's foreign keys keep what it needs;
//! bytes are deleted only after their record has become a tombstone, under a key that is never used again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::actor::Actor;
use longshore_domain::conflict::Conflict;
use longshore_domain::deletion::{DeletionCause, NewDeletion};
use longshore_domain::event::{EventAction, NewEvent};
use longshore_domain::page::{Page, PageSize};
use longshore_domain::policy::{GcPolicy, RESTORING, UntaggedManifests};
use longshore_domain::ports::blobs::ObjectToDelete;
use longshore_domain::ports::metadata::{
    Backlog, BlobId, DueReview, GcCounts, LifecycleTx, LinkReview, ManifestId, ManifestReview, Review,
    Tombstone,
};
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};
use uuid::Uuid;

use crate::Lifecycle;
use longshore_platform::leases::Job;
use longshore_platform::settings::Settings;
use longshore_platform::{earlier, later};

/// Manifests of a deleted repository that one transaction removes.
const REPOSITORY_STEP: u64 = 50;
/// Referrers that are reviewed in the transaction that removes their subject. Of more, a page at a time before that.
const FEW_REFERRERS: u64 = 20;

/// What collection looks like now.
#[derive(Clone, Debug)]
pub struct GcStatus {
    /// What waits.
    pub backlog: Backlog,
    /// What was done since the registry was set up.
    pub totals: GcCounts,
    /// When something was done last.
    pub last_at: Option<Timestamp>,
}

/// Whether a run changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcMode {
    /// Collects.
    Collect,
    /// Counts what a run would collect first (what becomes collectable by that is not counted).
    DryRun,
}

/// What to do with something under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is needed; whatever ends that asks for another review.
    Keep,
    /// Look again at this time.
    WaitUntil(Timestamp),
    /// Delete it, with an undo window.
    Delete,
    /// Remove it.
    Purge,
}

/// How many of some objects are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// All.
    All,
    /// Not all; those left are tried again.
    Some,
}

/// What decides, besides the state of things.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// How long deleted content can be restored.
    pub undo: Duration,
    /// What happens to manifests without a tag.
    pub untagged: UntaggedManifests,
    /// How much earlier than at the end of its lease something may go.
    pub waived: Duration,
    /// How long the history of tags keeps what it names.
    pub history: Duration,
}

impl From<&Settings> for Terms {
    fn from(settings: &Settings) -> Self {
        let GcPolicy { undo, untagged, .. } = settings.gc;
        Self { undo, untagged, waived: Duration::ZERO, history: settings.history.keep }
    }
}

pub(crate) fn judge_manifest(review: &ManifestReview, terms: Terms, now: Timestamp) -> Verdict {
    let stays_until = earlier(review.lease_until, terms.waived);
    let history_until = review.tagged_until.map_or(Timestamp::MIN, |until| later(until, terms.history));
    let restored_until = review.restored_since.map_or(Timestamp::MIN, |since| later(since, RESTORING));
    let is_listed = review.has_parent || review.is_listed_by_digest;
    match review.deleted_at {
        Some(_) if is_listed => Verdict::Keep,
        Some(_) if restored_until > now => Verdict::WaitUntil(restored_until),
        Some(at) if later(at, terms.undo) > now => Verdict::WaitUntil(later(at, terms.undo)),
        Some(_) => Verdict::Purge,
        None if review.is_tagged || is_listed || review.has_present_subject => Verdict::Keep,
        None if terms.untagged == UntaggedManifests::Keep => Verdict::Keep,
        None if stays_until.max(history_until) > now => Verdict::WaitUntil(stays_until.max(history_until)),
        None => Verdict::Delete,
    }
}

pub(crate) fn judge_link(review: &LinkReview, terms: Terms, now: Timestamp) -> Verdict {
    let stays_until = earlier(review.lease_until, terms.waived);
    let restorable_until = review.hidden_at.map(|hidden_at| later(hidden_at, terms.undo));
    match restorable_until {
        _ if review.is_referenced => Verdict::Keep,
        _ if stays_until > now => Verdict::WaitUntil(stays_until),
        Some(until) if until > now => Verdict::WaitUntil(until),
        _ => Verdict::Purge,
    }
}

impl Lifecycle {
    /// Collects everything that is due, as the job of one node. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the stores; what was done stays done.
    pub async fn collect_garbage(&self) -> Result<GcCounts> {
        let work = async {
            let mut counts = GcCounts::default();
            let collected = self.collect_all(&mut counts).await;
            // What was done counts, also when the rest failed.
            if counts.is_something() {
                let input = (counts.clone(), self.clock.now());
                self.metadata
                    .write(input, |tx, (counts, now)| Box::pin(tx.add_gc_counts(counts, *now)))
                    .await?;
            }
            collected.map(|()| counts)
        };
        Ok(self.platform.with_lease(Job::CollectGarbage, work).await?.unwrap_or_default())
    }

    /// Runs a collection now, or counts what one would do. `on_progress` is told the counts so far.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator; `Conflict` when another node is collecting.
    pub async fn run_gc(&self, actor: &Actor, mode: GcMode) -> Result<GcCounts> {
        self.access.require_operator(actor)?;
        if mode == GcMode::DryRun {
            return self.preview_gc().await;
        }
        if !self.platform.take_lease(Job::CollectGarbage).await? {
            return Err(Conflict::GcElsewhere.into());
        }
        if self.settings.gc.untagged == UntaggedManifests::Collect {
            self.enqueue_untagged().await?;
        }
        self.collect_garbage().await
    }

    /// Returns what waits for collection and what was collected.
    ///
    /// # Errors
    /// `Denied` to everybody but the operator.
    pub async fn gc_status(&self, actor: &Actor) -> Result<GcStatus> {
        self.access.require_operator(actor)?;
        self.metadata
            .read(self.clock.now(), |tx, now| {
                Box::pin(async move {
                    let backlog = tx.count_collectable(*now).await?;
                    let (totals, last_at) = tx.gc_totals().await?;
                    Ok(GcStatus { backlog, totals, last_at })
                })
            })
            .await
    }

    /// Makes the deletion of images without a tag.
    pub(crate) fn untagged_deletion(&self, event: &NewEvent) -> NewDeletion {
        NewDeletion::new(self.platform.new_uuid(), RepositoryId(0), DeletionCause::Untagged, event)
    }

    pub(crate) fn batch(&self) -> Result<PageSize> {
        PageSize::clamped(u64::from(self.settings.gc.batch))
    }

    /// How much of a deleted repository one transaction takes away.
    pub(crate) fn repository_step(&self) -> Result<PageSize> {
        Ok(self.batch()?.min(PageSize::clamped(REPOSITORY_STEP)?))
    }

    async fn enqueue_untagged(&self) -> Result<()> {
        let mut after = ManifestId(0);
        loop {
            let input = (after, self.batch()?, self.clock.now());
            let last = self
                .metadata
                .write(input, |tx, (after, size, now)| {
                    Box::pin(tx.enqueue_untagged_manifests(*after, *size, *now))
                })
                .await?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    async fn collect_all(&self, counts: &mut GcCounts) -> Result<()> {
        loop {
            let before = counts.clone();
            let mut worked = self.expire_uploads(counts).await?;
            // What is ready to be deleted is deleted also when reviews fail.
            let reviewed = self.review_due(counts).await;
            worked |= self.end_quarantine().await?;
            worked |= self.tombstone_objects(counts).await?;
            worked |= reviewed?;
            if !worked {
                return Ok(());
            }
            tracing::debug!(?before, after = ?counts, "collected a batch of garbage");
            // Holding the lease is the right to go on.
            if self.platform.is_stopping() || !self.platform.take_lease(Job::CollectGarbage).await? {
                return Ok(());
            }
        }
    }

    async fn expire_uploads(&self, counts: &mut GcCounts) -> Result<bool> {
        let expired = self
            .metadata
            .write((self.clock.now(), self.batch()?), |tx, (now, size)| {
                Box::pin(async move {
                    let uploads = tx.take_expired_uploads(*now, *size).await?;
                    for upload in &uploads {
                        tx.create_tombstone(
                            upload.storage_key,
                            &upload.store_state,
                            upload.offset_bytes,
                            *now,
                        )
                        .await?;
                    }
                    Ok(uploads.len() as u64)
                })
            })
            .await?;
        counts.uploads_expired += expired;
        Ok(expired > 0)
    }

    async fn review_due(&self, counts: &mut GcCounts) -> Result<bool> {
        // The event's template: each manifest that the policy deletes gets one of its own.
        let event = self.platform.event(&Actor::OPERATOR, None, EventAction::ManifestCollected, "", []);
        let terms = Terms::from(&*self.settings);
        let deletion = self.untagged_deletion(&event);
        let sweep = Arc::new(Sweep { terms, now: self.clock.now(), deletion, event, run: None });
        let due = self
            .metadata
            .look_up((sweep.now, self.batch()?), |tx, (now, size)| Box::pin(tx.list_due_reviews(*now, *size)))
            .await?;
        let (large, others): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|due| matches!(due.review, Review::Repository(_) | Review::Referrers(..)));
        let reviewed = !(large.is_empty() && others.is_empty());
        // Taking a part of a repository away is much work, and locks it before anything else, and so are many referrers: one at a
        // time, each on its own.
        if let Some(due) = large.first() {
            let done = self
                .metadata
                .write((Arc::clone(&sweep), *due, self.batch()?), |tx, (sweep, due, size)| {
                    Box::pin(sweep.apply_large(tx, *due, *size))
                })
                .await?;
            counts.add(&done);
        }
        if !others.is_empty() {
            let done = self
                .metadata
                .write((sweep, others), |tx, (sweep, due)| {
                    Box::pin(async move {
                        tx.end_reviews(due).await?;
                        let reviews: Vec<Review> = due.iter().map(|due| due.review).collect();
                        Ok(sweep.apply_verdicts(tx, &reviews).await?.0)
                    })
                })
                .await?;
            counts.add(&done);
        }
        Ok(reviewed)
    }

    /// Deletes the objects of tombstones, then the tombstones.
    async fn tombstone_objects(&self, counts: &mut GcCounts) -> Result<bool> {
        let now = self.clock.now();
        let takeover = self.settings.takeover;
        let tombstones = self
            .metadata
            .write((now, later(now, takeover), earlier(now, 2 * takeover)), |tx, (now, until, of_runs)| {
                // What is not deleted by then, because the store or this node failed, is tried again. As many as an object store deletes with one request.
                Box::pin(tx.claim_tombstones(*now, *until, *of_runs, PageSize::MAX))
            })
            .await?;
        let before = counts.blobs_deleted;
        self.delete_objects(tombstones, counts).await?;
        Ok(counts.blobs_deleted > before)
    }

    /// Deletes the objects of tombstones that were claimed, then the tombstones of those that are gone, and counts them, also
    /// for the runs that made them.
    pub(crate) async fn delete_objects(
        &self,
        tombstones: Vec<Tombstone>,
        counts: &mut GcCounts,
    ) -> Result<Deleted> {
        let unneeded: Vec<ObjectToDelete> = tombstones
            .iter()
            .map(|tombstone| ObjectToDelete {
                key: tombstone.storage_key,
                state: tombstone.store_state.clone(),
            })
            .collect();
        let outcomes = self.blobs.delete_all(&unneeded).await;
        let mut gone = Vec::new();
        for (tombstone, outcome) in tombstones.iter().zip(outcomes) {
            match outcome {
                Ok(()) => {
                    gone.push((tombstone.id, tombstone.size_bytes, tombstone.run));
                }
                Err(error) => {
                    tracing::warn!(key = %tombstone.storage_key, error = %error, "an object could not be deleted; trying again later");
                }
            }
        }
        let deleted = if gone.len() == tombstones.len() { Deleted::All } else { Deleted::Some };
        if gone.is_empty() {
            return Ok(deleted);
        }
        let (blobs, bytes) = self
            .metadata
            .write(gone, |tx, gone| {
                Box::pin(async move {
                    let ids: Vec<i64> = gone.iter().map(|(id, _, _)| *id).collect();
                    // Others may have been as fast: whoever removes the tombstone counts it.
                    let removed: BTreeSet<i64> = tx.delete_tombstones(&ids).await?.into_iter().collect();
                    let mut of_runs: BTreeMap<Uuid, (u64, u64)> = BTreeMap::new();
                    let (mut blobs, mut bytes) = (0, 0);
                    for (_, size, run) in gone.iter().filter(|(id, _, _)| removed.contains(id)) {
                        blobs += 1;
                        bytes += size;
                        if let Some(run) = run {
                            let of_run = of_runs.entry(*run).or_default();
                            of_run.0 += 1;
                            of_run.1 += size;
                        }
                    }
                    for (run, (blobs, bytes)) in of_runs {
                        tx.count_for_run(run, blobs, bytes).await?;
                    }
                    Ok((blobs, bytes))
                })
            })
            .await?;
        counts.blobs_deleted += blobs;
        counts.freed_bytes += bytes;
        Ok(deleted)
    }

    async fn preview_gc(&self) -> Result<GcCounts> {
        let terms = Terms::from(&*self.settings);
        self.metadata
            .read((terms, self.clock.now()), |tx, (terms, now)| {
                Box::pin(async move {
                    let terms = *terms;
                    let mut counts = GcCounts::default();
                    let uploads: Page<_> = Page::from_overfull(
                        tx.list_expired_uploads(*now, PageSize::MAX).await?,
                        PageSize::MAX,
                    );
                    counts.uploads_expired = uploads.items.len() as u64;
                    for due in tx.list_due_reviews(*now, PageSize::MAX).await? {
                        match due.review {
                            Review::Manifest(id) => {
                                let review = tx.find_manifest_review(id).await?;
                                match review.map(|review| judge_manifest(&review, terms, *now)) {
                                    Some(Verdict::Purge) => counts.manifests_purged += 1,
                                    Some(Verdict::Delete) => counts.manifests_collected += 1,
                                    _ => {}
                                }
                            }
                            Review::Link(repository, blob) => {
                                for review in tx.find_link_reviews(&[(repository, blob)]).await? {
                                    if review.is_some_and(|review| {
                                        judge_link(&review, terms, *now) == Verdict::Purge
                                    }) {
                                        counts.links_removed += 1;
                                    }
                                }
                            }
                            Review::Repository(_) | Review::Referrers(..) | Review::Blob(_) => {}
                        }
                    }
                    let tombstones = tx.list_tombstones(*now, PageSize::MAX).await?;
                    counts.blobs_deleted = tombstones.len() as u64;
                    counts.freed_bytes = tombstones.iter().map(|tombstone| tombstone.size_bytes).sum();
                    Ok(counts)
                })
            })
            .await
    }
}

/// What came of removing a manifest.
enum Purged {
    /// It is gone, or stays; the links that it needed.
    Whole(Vec<(RepositoryId, BlobId)>),
    /// It has many referrers, which are reviewed first: it goes on behind this one.
    Behind(ManifestId),
}

impl Purged {
    const NOTHING: Self = Self::Whole(Vec::new());
}

/// What all reviews of one transaction are judged by.
pub(crate) struct Sweep {
    /// What decides.
    pub terms: Terms,
    /// When.
    pub now: Timestamp,
    /// The deletion of what the policy deletes; each repository's is a part of it.
    pub deletion: NewDeletion,
    /// The template of the event of each manifest that the policy deletes.
    pub event: NewEvent,
    /// The collection run that this is part of.
    pub run: Option<Uuid>,
}

impl Sweep {
    /// Decides reviews of manifests, links and blobs and carries the decisions out. A run gets the manifests with many referrers,
    /// each with the referrer behind which it goes on; of the background, that is another review.
    pub(crate) async fn apply_verdicts(
        &self,
        tx: &mut dyn LifecycleTx,
        due: &[Review],
    ) -> Result<(GcCounts, Vec<(ManifestId, ManifestId)>)> {
        let (mut done, mut referred) = (GcCounts::default(), Vec::new());
        let (mut manifests, mut links, mut blobs) = (vec![], vec![], vec![]);
        for review in due {
            match *review {
                Review::Repository(_) | Review::Referrers(..) => {
                    return Err(Error::internal(format!("{review:?} is decided on its own")));
                }
                Review::Manifest(id) => manifests.push(id),
                Review::Link(repository, blob) => links.push((repository, blob)),
                Review::Blob(id) => blobs.push(id),
            }
        }
        // In one order everywhere (`docs/decisions/0019`), so that two transactions do not wait for each other.
        manifests.sort_unstable();
        blobs.sort_unstable();
        for id in manifests {
            match (self.apply_to_manifest(tx, id, &mut done).await?, self.run) {
                // Otherwise their reviews, which are due now, are the background's. No link is locked before all manifests are.
                (Purged::Whole(released), Some(_)) => links.extend(released),
                (Purged::Whole(_), None) => {}
                (Purged::Behind(last), Some(_)) => referred.push((id, last)),
                (Purged::Behind(last), None) => {
                    tx.enqueue_review(Review::Referrers(id, last), self.now).await?;
                }
            }
        }
        links.sort_unstable();
        links.dedup();
        self.apply_link_verdicts(tx, &links, &mut done).await?;
        tx.tombstone_blobs(&blobs, self.run, self.now).await?;
        Ok((done, referred))
    }

    async fn apply_large(
        &self,
        tx: &mut dyn LifecycleTx,
        due: DueReview,
        size: PageSize,
    ) -> Result<GcCounts> {
        let mut done = GcCounts::default();
        tx.end_reviews(&[due]).await?;
        match due.review {
            Review::Repository(id) => self.apply_to_repository(tx, id, size).await?,
            Review::Referrers(id, after) => {
                tx.lock_reviewed_manifest(id).await?;
                let manifest = tx.find_manifest_review(id).await?;
                // It may be back, and then keeps its referrers.
                if manifest.is_some_and(|it| judge_manifest(&it, self.terms, self.now) == Verdict::Purge)
                    && let Purged::Behind(last) = self.purge_manifest(tx, id, after, size, &mut done).await?
                {
                    tx.enqueue_review(Review::Referrers(id, last), self.now).await?;
                }
            }
            Review::Manifest(_) | Review::Link(..) | Review::Blob(_) => {}
        }
        Ok(done)
    }

    /// Asks for reviews of the referrers of a manifest behind one, and removes the manifest if these were all. Returns the links
    /// that it needed, or the referrer behind which it goes on.
    async fn purge_manifest(
        &self,
        tx: &mut dyn LifecycleTx,
        id: ManifestId,
        after: ManifestId,
        size: PageSize,
        done: &mut GcCounts,
    ) -> Result<Purged> {
        if let Some(last) = tx.review_referrers(id, after, size, self.now).await? {
            return Ok(Purged::Behind(last));
        }
        done.manifests_purged += 1;
        Ok(Purged::Whole(tx.purge_manifest(id, self.now).await?))
    }

    /// Goes on with removing a manifest with many referrers, for a run, and gives behind which referrer to go on.
    pub(crate) async fn purge_referred(
        &self,
        tx: &mut dyn LifecycleTx,
        id: ManifestId,
        after: ManifestId,
        size: PageSize,
    ) -> Result<(GcCounts, Option<ManifestId>)> {
        let mut done = GcCounts::default();
        tx.lock_reviewed_manifest(id).await?;
        let manifest = tx.find_manifest_review(id).await?;
        if manifest.is_none_or(|it| judge_manifest(&it, self.terms, self.now) != Verdict::Purge) {
            return Ok((done, None));
        }
        match self.purge_manifest(tx, id, after, size, &mut done).await? {
            Purged::Behind(last) => Ok((done, Some(last))),
            Purged::Whole(mut links) => {
                links.sort_unstable();
                self.apply_link_verdicts(tx, &links, &mut done).await?;
                Ok((done, None))
            }
        }
    }

    async fn apply_to_repository(
        &self,
        tx: &mut dyn LifecycleTx,
        id: RepositoryId,
        size: PageSize,
    ) -> Result<()> {
        let Some(deleted_at) = tx.lock_deleted_repository(id).await? else { return Ok(()) };
        let restorable_until = later(deleted_at, self.terms.undo);
        if restorable_until > self.now {
            return tx.enqueue_review(Review::Repository(id), restorable_until).await;
        }
        let size = size.min(PageSize::clamped(REPOSITORY_STEP)?);
        match tx.purge_repository(id, size, self.now).await?.is_gone {
            true => Ok(()),
            false => tx.enqueue_review(Review::Repository(id), self.now).await,
        }
    }

    /// Decides about a manifest and carries the decision out. Returns what came of removing it.
    async fn apply_to_manifest(
        &self,
        tx: &mut dyn LifecycleTx,
        id: ManifestId,
        done: &mut GcCounts,
    ) -> Result<Purged> {
        tx.lock_reviewed_manifest(id).await?;
        let Some(manifest) = tx.find_manifest_review(id).await? else { return Ok(Purged::NOTHING) };
        match judge_manifest(&manifest, self.terms, self.now) {
            Verdict::Keep => {}
            Verdict::WaitUntil(at) => tx.enqueue_review(Review::Manifest(id), at).await?,
            Verdict::Delete => {
                tx.delete_manifest(id, &self.deletion.part(manifest.repository)).await?;
                done.manifests_collected += 1;
                let mut event = self.event.clone();
                event.subject = format!("repository {}", manifest.repository.0);
                event.data.insert("digest", manifest.digest.to_string());
                tx.record_event(&event).await?;
                tx.enqueue_review(Review::Manifest(id), later(self.now, self.terms.undo)).await?;
            }
            Verdict::Purge => {
                let few = PageSize::clamped(FEW_REFERRERS)?;
                return self.purge_manifest(tx, id, ManifestId(0), few, done).await;
            }
        }
        Ok(Purged::NOTHING)
    }

    pub(crate) async fn apply_link_verdicts(
        &self,
        tx: &mut dyn LifecycleTx,
        links: &[(RepositoryId, BlobId)],
        done: &mut GcCounts,
    ) -> Result<()> {
        tx.lock_links(links).await?;
        let mut unneeded = Vec::new();
        for (link, state) in links.iter().zip(tx.find_link_reviews(links).await?) {
            match state.map(|state| judge_link(&state, self.terms, self.now)) {
                None | Some(Verdict::Keep) => {}
                Some(Verdict::WaitUntil(at)) => {
                    tx.enqueue_review(Review::Link(link.0, link.1), at).await?;
                }
                Some(Verdict::Delete | Verdict::Purge) => unneeded.push(*link),
            }
        }
        tx.purge_links(&unneeded, self.now).await?;
        done.links_removed += unneeded.len() as u64;
        if self.run.is_some() {
            let mut blobs: Vec<BlobId> = unneeded.iter().map(|(_, blob)| *blob).collect();
            blobs.sort_unstable();
            tx.tombstone_blobs(&blobs, self.run, self.now).await?;
        }
        Ok(())
    }
}

/// Sums of counts.
pub(crate) trait Sums {
    fn add(&mut self, other: &Self);
    fn is_something(&self) -> bool;
}

impl Sums for GcCounts {
    fn add(&mut self, other: &Self) {
        self.uploads_expired += other.uploads_expired;
        self.manifests_collected += other.manifests_collected;
        self.manifests_purged += other.manifests_purged;
        self.links_removed += other.links_removed;
        self.blobs_deleted += other.blobs_deleted;
        self.freed_bytes += other.freed_bytes;
    }

    fn is_something(&self) -> bool {
        let Self {
            uploads_expired,
            manifests_collected,
            manifests_purged,
            links_removed,
            blobs_deleted,
            freed_bytes,
        } = self;
        [uploads_expired, manifests_collected, manifests_purged, links_removed, blobs_deleted, freed_bytes]
            .iter()
            .any(|count| **count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNDO: Duration = Duration::from_secs(100);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn terms(untagged: UntaggedManifests) -> Terms {
        Terms { undo: UNDO, untagged, waived: Duration::ZERO, history: Duration::ZERO }
    }

    fn manifest() -> ManifestReview {
        ManifestReview {
            repository: RepositoryId(1),
            digest: longshore_domain::digest::Digest::of(longshore_domain::digest::Algorithm::Sha256, b""),
            deleted_at: None,
            restored_since: None,
            lease_until: at(50),
            is_tagged: false,
            has_parent: false,
            is_listed_by_digest: false,
            has_present_subject: false,
            tagged_until: None,
        }
    }

    #[test]
    fn manifests_are_judged_by_need_lease_and_undo_window() {
        let collect =
            |review: &ManifestReview, now| judge_manifest(review, terms(UntaggedManifests::Collect), at(now));
        assert_eq!(collect(&manifest(), 10), Verdict::WaitUntil(at(50)));
        assert_eq!(collect(&manifest(), 50), Verdict::Delete);
        assert_eq!(judge_manifest(&manifest(), terms(UntaggedManifests::Keep), at(50)), Verdict::Keep);
        assert_eq!(collect(&ManifestReview { is_tagged: true, ..manifest() }, 99), Verdict::Keep);
        assert_eq!(collect(&ManifestReview { has_parent: true, ..manifest() }, 99), Verdict::Keep);
        assert_eq!(collect(&ManifestReview { has_present_subject: true, ..manifest() }, 99), Verdict::Keep);
        let deleted = ManifestReview { deleted_at: Some(at(60)), ..manifest() };
        assert_eq!(collect(&deleted, 159), Verdict::WaitUntil(at(160)));
        assert_eq!(collect(&deleted, 160), Verdict::Purge);
        assert_eq!(collect(&ManifestReview { has_parent: true, ..deleted }, 160), Verdict::Keep);
    }

    #[test]
    fn what_is_being_brought_back_is_not_collected() {
        let collect =
            |review: &ManifestReview, now| judge_manifest(review, terms(UntaggedManifests::Collect), at(now));
        let restored =
            ManifestReview { deleted_at: Some(at(60)), restored_since: Some(at(150)), ..manifest() };
        assert_eq!(collect(&restored, 170), Verdict::WaitUntil(at(150 + 3600)));
        assert_eq!(collect(&restored, 150 + 3600), Verdict::Purge);
        // Also by a run that waits for no undo window.
        let now = Terms { undo: Duration::ZERO, ..terms(UntaggedManifests::Collect) };
        assert_eq!(judge_manifest(&restored, now, at(170)), Verdict::WaitUntil(at(150 + 3600)));
    }

    #[test]
    fn what_the_history_of_tags_names_stays_while_it_is_kept() {
        let kept = Terms { history: Duration::from_secs(30), ..terms(UntaggedManifests::Collect) };
        let moved_on = ManifestReview { tagged_until: Some(at(40)), ..manifest() };
        assert_eq!(judge_manifest(&moved_on, kept, at(60)), Verdict::WaitUntil(at(70)));
        assert_eq!(judge_manifest(&moved_on, kept, at(70)), Verdict::Delete);
        assert_eq!(judge_manifest(&moved_on, terms(UntaggedManifests::Collect), at(60)), Verdict::Delete);
        // Whoever deletes it deletes it.
        let deleted = ManifestReview { deleted_at: Some(at(41)), ..moved_on };
        assert_eq!(judge_manifest(&deleted, kept, at(141)), Verdict::Purge);
    }

    #[test]
    fn links_are_judged_by_need_lease_and_undo_window() {
        let link = LinkReview { hidden_at: None, lease_until: at(50), is_referenced: false };
        assert_eq!(judge_link(&link, terms(UntaggedManifests::Keep), at(49)), Verdict::WaitUntil(at(50)));
        assert_eq!(judge_link(&link, terms(UntaggedManifests::Keep), at(50)), Verdict::Purge);
        assert_eq!(
            judge_link(
                &LinkReview { is_referenced: true, ..link.clone() },
                terms(UntaggedManifests::Keep),
                at(99)
            ),
            Verdict::Keep
        );
        let hidden = LinkReview { hidden_at: Some(at(40)), ..link };
        assert_eq!(judge_link(&hidden, terms(UntaggedManifests::Keep), at(60)), Verdict::WaitUntil(at(140)));
        assert_eq!(judge_link(&hidden, terms(UntaggedManifests::Keep), at(140)), Verdict::Purge);
    }

    #[test]
    fn what_is_waived_of_a_lease_lets_things_go_earlier() {
        let early = Terms { waived: Duration::from_secs(20), ..terms(UntaggedManifests::Collect) };
        assert_eq!(judge_manifest(&manifest(), early, at(29)), Verdict::WaitUntil(at(30)));
        assert_eq!(judge_manifest(&manifest(), early, at(30)), Verdict::Delete);
        let link = LinkReview { hidden_at: None, lease_until: at(50), is_referenced: false };
        assert_eq!(judge_link(&link, early, at(29)), Verdict::WaitUntil(at(30)));
        assert_eq!(judge_link(&link, early, at(30)), Verdict::Purge);
        assert_eq!(judge_link(&LinkReview { is_referenced: true, ..link }, early, at(99)), Verdict::Keep);
    }
}
