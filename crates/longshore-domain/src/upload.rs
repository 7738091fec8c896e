//! Uploads: resumable blob sessions.

use jiff::Timestamp;
use uuid::Uuid;

use crate::account::AccountId;
use crate::digest::{Algorithm, Digest};
use crate::name::RepositoryName;
use crate::ports::blobs::StorageKey;

/// Id of an upload. Knowing it gives no access: the uploader's credential is needed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An upload that became a blob a while ago.
#[derive(Clone, Debug)]
pub struct FinishedUpload {
    /// The repository that the blob was pushed to.
    pub repository: RepositoryName,
    /// Who did that; `None` for the operator.
    pub started_by: Option<AccountId>,
    /// The blob's digest.
    pub digest: Digest,
    /// When that was.
    pub finished_at: Timestamp,
}

/// An upload as last saved. Bytes behind `offset_bytes` in the store do not count.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The repository it was begun in; created when the first blob is complete.
    pub repository: RepositoryName,
    /// The namespace's account.
    pub namespace_id: AccountId,
    /// Who began it; `None` for the operator. Nobody else may go on with it.
    pub started_by: Option<AccountId>,
    /// Bytes that are durable and hashed.
    pub offset_bytes: u64,
    /// Algorithm of the running hash.
    pub algorithm: Algorithm,
    /// Saved state of the running hash.
    pub hash_state: Vec<u8>,
    /// Where its bytes lie; the finished blob stays there.
    pub storage_key: StorageKey,
    /// What the store needs to go on (for example an S3 multipart upload and its parts).
    pub store_state: Vec<u8>,
    /// Counts the saves, so that two nodes cannot both go on from the same state.
    pub revision: i64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is given up if nothing more arrives.
    pub expires_at: Timestamp,
}
