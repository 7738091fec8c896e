//! Garbage collection: reviews, tombstones, leases of jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::digest::Digest;
use crate::error::Result;
use crate::page::PageSize;
use crate::ports::blobs::StorageKey;
use crate::ports::metadata::{BlobId, ManifestId};
use crate::repository::RepositoryId;

/// Something to be reviewed by garbage collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Review {
    /// A repository that was deleted.
    Repository(RepositoryId),
    /// A manifest.
    Manifest(ManifestId),
    /// A deleted manifest with many referrers, whose reviews are asked for in steps before it goes: the next one begins behind
    /// this referrer.
    Referrers(ManifestId, ManifestId),
    /// A blob's link to a repository.
    Link(RepositoryId, BlobId),
    /// A blob.
    Blob(BlobId),
}

/// A review that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueReview {
    /// What is reviewed.
    pub review: Review,
    /// How often it was asked for.
    pub revision: i64,
}

/// State of a manifest that a review decides on.
#[derive(Clone, Debug)]
pub struct ManifestReview {
    /// Where it is.
    pub repository: RepositoryId,
    /// Its digest.
    pub digest: Digest,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Since when its deletion is being undone.
    pub restored_since: Option<Timestamp>,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
    /// True when a tag points at it.
    pub is_tagged: bool,
    /// When the last tag that pointed at it moved on or was deleted.
    pub tagged_until: Option<Timestamp>,
    /// True when an index lists it, also a deleted one that can be restored.
    pub has_parent: bool,
    /// True when an index of its repository lists its digest that was pushed while it was not there.
    pub is_listed_by_digest: bool,
    /// True when it refers to a manifest that is present.
    pub has_present_subject: bool,
}

/// State of a link that a review decides on.
#[derive(Clone, Debug)]
pub struct LinkReview {
    /// When it was hidden.
    pub hidden_at: Option<Timestamp>,
    /// Until when it stays even if nothing needs it.
    pub lease_until: Timestamp,
    /// True when a manifest needs it, also a deleted one that can be restored.
    pub is_referenced: bool,
}

/// An object to be deleted from its store.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// Number in the metadata store.
    pub id: i64,
    /// The object.
    pub storage_key: StorageKey,
    /// What the store needs to delete an unfinished object.
    pub store_state: Vec<u8>,
    /// Its size, as far as known.
    pub size_bytes: u64,
    /// The collection run that made it.
    pub run: Option<Uuid>,
}

/// What taking a part of a deleted repository away has done.
#[derive(Clone, Debug, Default)]
pub struct RepositoryPurge {
    /// True when nothing of it is left.
    pub is_gone: bool,
    /// Links to blobs that no manifest of what was taken away needs any more.
    pub released: Vec<(RepositoryId, BlobId)>,
    /// Blobs that it does not see any more.
    pub unlinked: Vec<BlobId>,
}

/// A run of garbage collection, as reported.
#[derive(Clone, Debug, Default)]
pub struct GcCounts {
    /// Uploads given up.
    pub uploads_expired: u64,
    /// Manifests deleted by policy.
    pub manifests_collected: u64,
    /// Deleted manifests whose undo window had ended.
    pub manifests_purged: u64,
    /// Links removed.
    pub links_removed: u64,
    /// Blobs whose bytes were deleted.
    pub blobs_deleted: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
}

/// Garbage collection: review queue, tombstones, leases of jobs.
#[async_trait]
pub trait GcRecords {
    /// Asks for a review at or after a time; an earlier one that is asked for already stays.
    async fn enqueue_review(&mut self, review: Review, at: Timestamp) -> Result<()>;
    /// Lists reviews that are due, oldest first, at most `size`. They stay in the queue.
    async fn list_due_reviews(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<DueReview>>;
    /// Takes reviews out of the queue when the unit of work ends, but for those that somebody has asked for again since they
    /// were listed. What is not decided must be asked for again.
    async fn end_reviews(&mut self, due: &[DueReview]) -> Result<()>;
    /// Asks for a review, now, of manifests that have no tag; numbers after `after`, at most `size`. Returns the last number looked at.
    async fn enqueue_untagged_manifests(
        &mut self,
        after: ManifestId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<Option<ManifestId>>;
    /// Keeps others from changing or newly needing a manifest.
    async fn lock_reviewed_manifest(&mut self, id: ManifestId) -> Result<()>;
    /// Loads what a manifest's review decides on.
    async fn find_manifest_review(&mut self, id: ManifestId) -> Result<Option<ManifestReview>>;
    /// The same of many manifests, as many as a statement takes, a thousand.
    async fn list_manifest_reviews(
        &mut self,
        ids: &[ManifestId],
    ) -> Result<Vec<(ManifestId, ManifestReview)>>;
    /// Asks for reviews of the referrers of a manifest, by number, strictly after `after`, at most `size`; gives the last one of
    /// a full page.
    async fn review_referrers(
        &mut self,
        id: ManifestId,
        after: ManifestId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<Option<ManifestId>>;
    /// Removes a manifest's record and asks for reviews of its blobs' links, which it gives, and its children.
    async fn purge_manifest(&mut self, id: ManifestId, at: Timestamp) -> Result<Vec<(RepositoryId, BlobId)>>;
    /// Keeps others from changing or newly needing links.
    async fn lock_links(&mut self, links: &[(RepositoryId, BlobId)]) -> Result<()>;
    /// Loads what the reviews of links decide on, in order.
    async fn find_link_reviews(
        &mut self,
        links: &[(RepositoryId, BlobId)],
    ) -> Result<Vec<Option<LinkReview>>>;
    /// Removes links, counts what the namespaces do not store any more, and asks for reviews of their blobs.
    async fn purge_links(&mut self, links: &[(RepositoryId, BlobId)], at: Timestamp) -> Result<()>;
    /// Turns those of the blobs that have no links into tombstones, of a collection run or of none.
    async fn tombstone_blobs(&mut self, ids: &[BlobId], run: Option<Uuid>, at: Timestamp) -> Result<()>;
    /// Takes a deleted repository apart: at most `size` manifests or links, or a page of records that have nothing below them.
    async fn purge_repository(
        &mut self,
        id: RepositoryId,
        size: PageSize,
        at: Timestamp,
    ) -> Result<RepositoryPurge>;
    /// Says when a deleted repository was deleted, `None` when it is not deleted or gone, and keeps others from taking it
    /// apart.
    async fn lock_deleted_repository(&mut self, id: RepositoryId) -> Result<Option<Timestamp>>;
    /// Creates a tombstone for an object that nothing needs.
    async fn create_tombstone(
        &mut self,
        key: StorageKey,
        store_state: &[u8],
        size_bytes: u64,
        at: Timestamp,
    ) -> Result<()>;
    /// Lists tombstones that are due, oldest first, at most `size`.
    async fn list_tombstones(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Tombstone>>;
    /// Takes tombstones that are due, oldest first, at most `size`; nobody else gets them before `until`. Those of
    /// collection runs only when they have been due since `of_runs_before`: the run deletes them itself.
    async fn claim_tombstones(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        of_runs_before: Timestamp,
        size: PageSize,
    ) -> Result<Vec<Tombstone>>;
    /// Removes tombstones after their objects were deleted; gives those that were still there.
    async fn delete_tombstones(&mut self, ids: &[i64]) -> Result<Vec<i64>>;
    /// Ends the leases of all jobs, for a process that has the database to itself.
    async fn release_all_leases(&mut self) -> Result<()>;
    /// Counts what waits: reviews, tombstones, uploads.
    async fn count_collectable(&mut self, now: Timestamp) -> Result<Backlog>;
    /// Adds to the totals of collection.
    async fn add_gc_counts(&mut self, counts: &GcCounts, at: Timestamp) -> Result<()>;
    /// Returns the totals of collection and when it last did something.
    async fn gc_totals(&mut self) -> Result<(GcCounts, Option<Timestamp>)>;
}

/// What waits for garbage collection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Reviews that are due.
    pub reviews_due: u64,
    /// Reviews in the future.
    pub reviews_waiting: u64,
    /// Objects to be deleted.
    pub tombstones: u64,
    /// Uploads in progress.
    pub uploads: u64,
}
