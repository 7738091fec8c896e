//! Deletions and their undoing.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::deletion::{DeletedItem, DeletedKind, Deletion, DeletionId};
use crate::error::Result;
use crate::name::RepositoryName;
use crate::page::{Page, PageSize};
use crate::ports::metadata::{BlobId, ManifestId};
use crate::repository::RepositoryId;

/// Of what deletions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionsOf {
    /// A namespace.
    Namespace(AccountId),
    /// A repository.
    Repository(RepositoryId),
}

/// What became of a manifest that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedManifest {
    /// The deletion by which it is gone now; `None` for one that is there, or that went before deletions were written down.
    pub deletion: Option<DeletionId>,
    /// False while it is there.
    pub is_deleted: bool,
}

/// What came of bringing back a part of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// It is there again.
    Restored,
    /// It is there: pushed again meanwhile, or brought back before.
    Present,
    /// It was brought back, and another deletion has taken it since.
    DeletedSince,
    /// It is collected.
    Collected,
}

/// Deletions and their undoing. What deletes writes its deletion down itself: `delete_tags`, `delete_manifest`,
/// `hide_blob_link` and `delete_repository`.
#[async_trait]
pub trait DeletionRecords {
    /// Finds a deletion.
    async fn find_deletion(&mut self, id: DeletionId) -> Result<Option<Deletion>>;
    /// Lists deletions, newest first, behind the one of a time and id, at most `size`.
    async fn list_deletions(
        &mut self,
        of: DeletionsOf,
        before: Option<(Timestamp, DeletionId)>,
        size: PageSize,
    ) -> Result<Page<Deletion>>;
    /// Lists the parts of a kind of a deletion, the last one first, behind the one of a number, at most `size`: an image comes
    /// before the indexes that list it.
    async fn list_deleted_items(
        &mut self,
        id: DeletionId,
        kind: DeletedKind,
        before: i64,
        size: PageSize,
    ) -> Result<Vec<DeletedItem>>;
    /// Holds the images and blobs of a deletion, in the order of their numbers, so that they are not collected until the unit of
    /// work ends, and the blobs until a time at least. Returns whether all are still to be had.
    async fn hold_deleted_items(&mut self, deletion: &Deletion, lease_until: Timestamp) -> Result<bool>;
    /// Notes that a deletion is being undone, so that for a while nothing of it is collected any more. Returns whether it can be.
    async fn begin_undoing(&mut self, id: DeletionId, by: &str, at: Timestamp) -> Result<bool>;
    /// Ends the time in which a deletion can be undone, unless somebody began to undo it after `undoing_since`. Returns whether it is
    /// ended now, and was not before.
    ///
    /// # Errors
    /// `Conflict` while it is being undone.
    async fn end_deletion(&mut self, id: DeletionId, undoing_since: Timestamp, at: Timestamp)
    -> Result<bool>;
    /// Lets what a deletion took, and nothing has brought back, be collected at once: images and blobs, in the order of their
    /// numbers.
    async fn release_deleted_items(
        &mut self,
        deletion: &Deletion,
        items: &[DeletedItem],
        at: Timestamp,
    ) -> Result<()>;
    /// Lets a repository that a deletion took be collected at once.
    async fn release_deleted_repository(&mut self, deletion: &Deletion, at: Timestamp) -> Result<()>;
    /// Finds what became of a manifest; `None` when it was collected.
    async fn find_deleted_manifest(&mut self, id: ManifestId) -> Result<Option<DeletedManifest>>;
    /// Makes those manifests visible again that this deletion took, with their blobs and with what they list; then they stay
    /// until a time at least. Returns what came of each, in order.
    async fn restore_manifests(
        &mut self,
        ids: &[ManifestId],
        deletion: DeletionId,
        lease_until: Timestamp,
    ) -> Result<Vec<PartOutcome>>;
    /// Makes a blob visible again in a repository, if it was hidden at this time; then it stays until a time at least.
    async fn restore_blob_link(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        hidden_at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<PartOutcome>;
    /// Makes a repository visible again under a name, if it was deleted at this time. Returns whether it was.
    ///
    /// # Errors
    /// `Exists` when there is another one of that name; `RepositoryUnknown` when the account of its namespace has been deleted.
    async fn restore_repository(
        &mut self,
        id: RepositoryId,
        deleted_at: Timestamp,
        name: &RepositoryName,
    ) -> Result<bool>;
    /// Forgets deletions that were made before a time, at most `size` records; returns how many.
    async fn delete_old_deletions(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
}
