//! The port to the room on the disks of this machine.

use async_trait::async_trait;

use crate::error::Result;

/// Knows how much room is left where the registry writes on this machine.
#[async_trait]
pub trait Space: Send + Sync {
    /// Checks that there is room for what clients push. What is left otherwise is for deletion and administration.
    ///
    /// # Errors
    /// `StorageFull` when pushes must be refused.
    async fn check(&self) -> Result<()>;

    /// Tells how much room there is where blobs lie on this machine; `None` where that is not known.
    async fn room(&self) -> Option<Room> {
        None
    }
}

/// Room on a volume, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub total_bytes: u64,
    /// What is left for pushes.
    pub free_bytes: u64,
}
