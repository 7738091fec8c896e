//! Blobs and their links to repositories.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::policy::Visible;
use crate::deletion::NewDeletion;
use crate::digest::Digest;
use crate::error::Result;
use crate::page::PageSize;
use crate::ports::blobs::StorageKey;
use crate::repository::{Repository, RepositoryId};

/// Number of a blob in the metadata store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub i64);

/// A stored blob.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Number in the metadata store.
    pub id: BlobId,
    /// Digest.
    pub digest: Digest,
    /// Size.
    pub size_bytes: u64,
    /// Where its bytes lie.
    pub storage_key: StorageKey,
    /// Whether its bytes were found missing or changed: it is not served until it is pushed again.
    pub is_damaged: bool,
}

/// A blob as a repository sees it.
#[derive(Clone, Debug)]
pub struct LinkedBlob {
    /// The blob.
    pub blob: Blob,
    /// Until when the link stays even if no manifest needs it.
    pub lease_until: Timestamp,
}

/// Blobs, and the links through which repositories see them.
#[async_trait]
pub trait BlobRecords {
    /// Finds a blob by digest, whoever may see it. For the registry's own use only.
    async fn find_blob(&mut self, digest: &Digest) -> Result<Option<Blob>>;
    /// Creates a blob.
    async fn create_blob(
        &mut self,
        digest: &Digest,
        size_bytes: u64,
        store: &str,
        key: StorageKey,
        at: Timestamp,
    ) -> Result<BlobId>;
    /// Lets a blob's bytes lie elsewhere, where they are whole; false when they no longer lay at `from`.
    async fn move_blob(&mut self, id: BlobId, from: StorageKey, store: &str, to: StorageKey) -> Result<bool>;
    /// Marks a blob whose bytes lie at `key` as damaged; false when it was marked, or its bytes no longer lie there.
    async fn mark_blob_damaged(&mut self, id: BlobId, key: StorageKey, at: Timestamp) -> Result<bool>;
    /// Takes the mark from a blob whose bytes lie at `key`; false when it had none, or its bytes no longer lie there.
    async fn clear_blob_damage(&mut self, id: BlobId, key: StorageKey) -> Result<bool>;
    /// Counts the blobs that are marked as damaged.
    async fn count_damaged_blobs(&mut self) -> Result<u64>;
    /// Finds a blob that the repository sees and that is not damaged.
    async fn find_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>>;
    /// Finds a blob that the repository sees, also a damaged one, and holds the link against all others.
    async fn lock_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>>;
    /// Finds blobs that the repository sees and that are not damaged, in this order.
    async fn find_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<LinkedBlob>>>;
    /// Finds blobs that the repository sees, in this order, and holds their links for manifests that need them, the oldest
    /// blob's first.
    async fn lock_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<Option<LinkedBlob>>>;
    /// Lets the repository see a blob until `lease_until` at least; true when it did not see it before.
    async fn put_blob_link(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        lease_until: Timestamp,
    ) -> Result<bool>;
    /// Extends the lease of a link; false when the link is gone.
    async fn extend_link_lease(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
        until: Timestamp,
    ) -> Result<bool>;
    /// Hides a blob from the repository, as part of a deletion; it is unlinked later.
    async fn hide_blob_link(&mut self, blob: &Blob, deletion: &NewDeletion) -> Result<()>;
    /// Finds a manifest in the repository, not deleted, that needs the blob.
    async fn find_manifest_with_blob(
        &mut self,
        repository: RepositoryId,
        blob: BlobId,
    ) -> Result<Option<Digest>>;
    /// Finds a repository that has a blob, not damaged, and that may be seen.
    async fn find_repository_with_blob(
        &mut self,
        visible: Visible,
        digest: &Digest,
    ) -> Result<Option<Repository>>;
    /// Finds the blob with the highest number.
    async fn find_newest_blob(&mut self) -> Result<Option<BlobId>>;
    /// Lists all blobs by number, strictly after `after`, at most `size`.
    async fn list_blobs(&mut self, after: BlobId, size: PageSize) -> Result<Vec<Blob>>;
}
