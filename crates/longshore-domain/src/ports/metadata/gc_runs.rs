//! Collection runs.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::AccountId;
use crate::error::Result;
use crate::gc_run::GcRun;
use crate::page::{Page, PageSize};
use crate::ports::metadata::{BlobId, ManifestId, Tombstone};
use crate::repository::RepositoryId;

/// Collection runs, and what they look through.
#[async_trait]
pub trait GcRunRecords {
    /// Creates a run.
    ///
    /// # Errors
    /// `Conflict` when one is in progress.
    async fn create_gc_run(&mut self, run: &GcRun) -> Result<()>;
    /// Finds the run of a registry that is in progress.
    async fn find_active_run(&mut self, namespace: AccountId) -> Result<Option<GcRun>>;
    /// Finds a run that is in progress, and keeps others from changing it.
    async fn lock_gc_run(&mut self, uuid: Uuid) -> Result<Option<GcRun>>;
    /// Saves where a run stands; its counts are not touched.
    async fn save_gc_run(&mut self, run: &GcRun) -> Result<()>;
    /// Adds to the counts of a run.
    async fn count_for_run(&mut self, uuid: Uuid, blobs: u64, bytes: u64) -> Result<()>;
    /// Notes what a run found to be deleted when it began: blobs, and their size.
    async fn save_found(&mut self, uuid: Uuid, blobs: u64, bytes: u64) -> Result<()>;
    /// Finds a run of a registry, over or not.
    async fn find_gc_run(&mut self, namespace: AccountId, uuid: Uuid) -> Result<Option<GcRun>>;
    /// Lists runs of a registry, newest first, strictly behind the one that was created then, at most `size`.
    async fn list_gc_runs_behind(
        &mut self,
        namespace: AccountId,
        before: Option<(Timestamp, Uuid)>,
        size: PageSize,
    ) -> Result<Page<GcRun>>;
    /// Lists runs of a registry, newest first, leaving out the first `offset`, at most `size`.
    async fn list_gc_runs(&mut self, namespace: AccountId, offset: u64, size: PageSize)
    -> Result<Vec<GcRun>>;
    /// Counts the runs of a registry.
    async fn count_gc_runs(&mut self, namespace: AccountId) -> Result<u64>;
    /// Lists the ids of runs that are in progress, by registry, strictly after `after`, at most `size`.
    async fn list_active_runs(&mut self, after: AccountId, size: PageSize) -> Result<Vec<(AccountId, Uuid)>>;
    /// Lists the deleted manifests of a repository by number, strictly after `after`, at most `size`.
    async fn list_deleted_manifests(
        &mut self,
        repository: RepositoryId,
        after: ManifestId,
        size: PageSize,
    ) -> Result<Vec<ManifestId>>;
    /// Lists the visible manifests of a repository that have no tag by digest, strictly after `after`, at most `size`.
    async fn list_untagged_manifests(
        &mut self,
        repository: RepositoryId,
        after: &str,
        size: PageSize,
    ) -> Result<Vec<(ManifestId, String)>>;
    /// Lists blobs whose link to a repository is to be reviewed, at whatever time, by number, strictly after `after`, at most
    /// `size`. Every link that nothing references is among them.
    async fn list_reviewed_links(
        &mut self,
        repository: RepositoryId,
        after: BlobId,
        size: PageSize,
    ) -> Result<Vec<BlobId>>;
    /// Takes tombstones that a run has made and that are due, oldest first, at most `size`; nobody else gets them before
    /// `until`.
    async fn claim_run_tombstones(
        &mut self,
        uuid: Uuid,
        now: Timestamp,
        until: Timestamp,
        size: PageSize,
    ) -> Result<Vec<Tombstone>>;
    /// Lets tombstones that a run has made be the background's, a page of them; it takes the others when they are old.
    async fn release_run_tombstones(&mut self, uuid: Uuid) -> Result<()>;
    /// Returns whether tombstones are left that a run has made.
    async fn has_run_tombstones(&mut self, uuid: Uuid) -> Result<bool>;
}
