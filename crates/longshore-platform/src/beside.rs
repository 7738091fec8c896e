//! Writes that a request can do without, which go on beside it.

use std::sync::Arc;
use std::time::Duration;

use longshore_domain::ports::metadata::{Records, Room, RoomWork};
use longshore_domain::{Error, Result};

use crate::Platform;

/// How long a request waits for a write that it can do without: longer than a node that hangs can hold a row.
const BESIDE: Duration = Duration::from_secs(4);
/// Writes beside requests that wait for the store; what comes beyond is not written.
pub(crate) const WAITING_BESIDE: usize = 1000;

impl Platform {
    /// Writes what a request can do without, and gives what stands in for the outcome when a full disk refuses it or when it
    /// takes longer than a request may wait for it. Then it goes on beside the request.
    ///
    /// # Errors
    /// Those of the metadata store, but for `StorageFull`.
    pub async fn write_beside<R, I, T>(
        &self,
        records: &Records<R>,
        input: I,
        work: RoomWork<R, I, T>,
        otherwise: T,
    ) -> Result<T>
    where
        R: Room,
        I: Clone + Send + Sync + 'static,
        T: Send + 'static,
    {
        let Ok(turn) = Arc::clone(&self.beside).try_acquire_owned() else { return Ok(otherwise) };
        let records = records.clone();
        let writing = tokio::spawn(async move {
            let _turn = turn;
            records.write(input, work).await
        });
        match tokio::time::timeout(BESIDE, writing).await {
            Err(_) | Ok(Ok(Err(Error::StorageFull(_)))) => Ok(otherwise),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(Error::internal(error)),
        }
    }
}
