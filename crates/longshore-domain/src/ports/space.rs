//! The port to the room on the disks of this machine.

use crate::error::Result;

/// Knows how much room is left where the registry writes on this machine.
pub trait Space: Send + Sync {
    /// Checks that there is room for what clients push. What is left otherwise is for deletion and administration.
    ///
    /// # Errors
    /// `StorageFull` when pushes must be refused.
    fn check(&self) -> Result<()>;
}
