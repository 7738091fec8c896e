//! Objects that no record names.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::page::PageSize;
use crate::ports::blobs::StorageKey;

/// Objects that the store has and no record names.
#[async_trait]
pub trait OrphanRecords {
    /// Says of each object whether a blob, an upload or a tombstone names it. What an upload in progress has beside
    /// its own object is not known here; such objects are young.
    async fn are_objects_known(&mut self, keys: &[StorageKey]) -> Result<Vec<bool>>;
    /// Remembers objects that no record names, with their sizes, to be deleted later; those that are remembered
    /// already keep their time. Returns how many are new.
    async fn quarantine(&mut self, objects: &[(StorageKey, u64)], at: Timestamp) -> Result<u64>;
    /// Forgets objects that were remembered at or before `before`, at most `size`, and gives them.
    async fn take_quarantined(&mut self, before: Timestamp, size: PageSize)
    -> Result<Vec<(StorageKey, u64)>>;
    /// Counts remembered objects and their bytes.
    async fn count_quarantined(&mut self) -> Result<(u64, u64)>;
    /// Says when the oldest upload in progress was begun.
    async fn find_oldest_upload(&mut self) -> Result<Option<Timestamp>>;
}
