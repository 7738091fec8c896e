//! Uploads.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::page::PageSize;
use crate::upload::{Upload, UploadId};

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
    /// Lists uploads that expired, at most `size`.
    async fn list_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
    /// Deletes the records of uploads that expired, at most `size`, leaving their bytes to the caller.
    async fn take_expired_uploads(&mut self, now: Timestamp, size: PageSize) -> Result<Vec<Upload>>;
}
