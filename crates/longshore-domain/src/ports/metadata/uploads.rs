//! Uploads.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::digest::Digest;
use crate::error::Result;
use crate::page::PageSize;
use crate::upload::{FinishedUpload, Upload, UploadId};

/// Uploads.
#[async_trait]
pub trait UploadRecords {
    /// Creates an upload.
    async fn create_upload(&mut self, upload: &Upload) -> Result<()>;
    /// Finds an upload.
    async fn find_upload(&mut self, id: UploadId) -> Result<Option<Upload>>;
    /// Saves an upload's progress if its revision is still `upload.revision`, and counts it up; false otherwise.
    async fn save_upload(&mut self, upload: &Upload) -> Result<bool>;
    /// Deletes an upload's record, leaving its bytes to the caller; `None` when it was gone.
    async fn take_upload(&mut self, id: UploadId) -> Result<Option<Upload>>;
    /// Deletes an upload's record if its revision is still `revision`; false otherwise.
    async fn end_upload(&mut self, id: UploadId, revision: i64) -> Result<bool>;
    /// Counts the uploads of an account that are neither finished nor cancelled, up to `limit`.
    async fn count_open_uploads(&mut self, account: AccountId, limit: u32) -> Result<u64>;
    /// Remembers that an upload was finished, so that its end can be told again to a client that did not hear of it.
    async fn record_finished_upload(&mut self, upload: &Upload, digest: &Digest, at: Timestamp)
    -> Result<()>;
    /// Finds an upload that was finished.
    async fn find_finished_upload(&mut self, id: UploadId) -> Result<Option<FinishedUpload>>;
    /// Forgets uploads that were finished before `before`, at most `size`; their number.
    async fn delete_finished_uploads(&mut self, before: Timestamp, size: PageSize) -> Result<u64>;
    /// Lists uploads that expired, at most `size`.
    async fn list_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
    /// Deletes the records of uploads that expired, at most `size`, leaving their bytes to the caller.
    async fn take_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
}
