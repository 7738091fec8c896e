//! Leases of jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;

/// Leases: which node does a job that only one shall do at a time.
#[async_trait]
pub trait LeaseRecords {
    /// Takes or renews a job's lease; false when another holder has it.
    async fn take_lease(
        &mut self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool>;
    /// Releases a job's lease.
    async fn release_lease(&mut self, name: &str, holder: Uuid) -> Result<()>;
}
