//! The blob port: where bytes lie.
//!
//! A storage key is used once, by whoever made it, and never derived from a digest, so deleting old bytes cannot hit
//! bytes that were just uploaded again. Bytes are written where they stay: finishing an upload moves nothing.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use futures::future::join_all;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;

/// Objects that one call of [`BlobStore::delete_all`] deletes at the same time, unless the store can do better.
const DELETED_AT_ONCE: usize = 16;

/// Names an object within a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey(pub Uuid);

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object that is being written.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Its key, as the last `sync` returned it; at first the one that the upload was given.
    pub key: StorageKey,
    /// Bytes that count; whatever lies behind them is discarded when writing goes on.
    pub offset_bytes: u64,
    /// What the last `sync` returned; empty at first.
    pub state: Vec<u8>,
}

/// What became of an object that is being written.
#[derive(Clone, Debug)]
pub struct Synced {
    /// Where it lies, or will lie when it is finished.
    pub key: StorageKey,
    /// What [`BlobStore::open_writer`] needs to go on, and [`BlobStore::delete`] to clean up.
    pub state: Vec<u8>,
    /// Objects that are not needed any more once this is recorded.
    pub spent: Vec<StorageKey>,
}

/// Where writing stands.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It goes on.
    Going,
    /// The store has begun something that must be recorded, beside what the last `sync` made durable, before more is
    /// written: otherwise a crash would leave behind what nobody knows of.
    Begun(Synced),
}

/// How an object was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It holds the bytes that this writer has written.
    Sure,
    /// Somebody had finished it before, perhaps another writer: its content must be read to know what it is.
    Unsure,
}

/// Bytes `start..end` of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// An object to be deleted, finished or not.
#[derive(Clone, Debug)]
pub struct ObjectToDelete {
    /// Its key.
    pub key: StorageKey,
    /// What the last `sync` of its writer returned; empty for a finished one.
    pub state: Vec<u8>,
}

/// An object that a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: StorageKey,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last written to.
    pub modified_at: Timestamp,
}

/// The bytes of an object, in order, in pieces of bounded size.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Objects of a store, in no particular order.
pub type Listing = Pin<Box<dyn Stream<Item = Result<Listed>> + Send>>;

/// A place that keeps blobs.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Names the store in the metadata, for example `folder`.
    fn name(&self) -> &'static str;

    /// Opens an object to write on from `staged.offset_bytes`; creates it when the offset is 0.
    ///
    /// # Errors
    /// `UploadDamaged` when fewer bytes are there than the offset says.
    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>>;

    /// Reads a range of an object. An object shorter than the range ends the stream with an error.
    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream>;

    /// Returns an object's size, `None` when there is no such object.
    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>>;

    /// Deletes an object, finished or not; one that is not there counts as deleted.
    async fn delete(&self, object: &ObjectToDelete) -> Result<()>;

    /// Deletes objects, and says in their order what became of each.
    async fn delete_all(&self, objects: &[ObjectToDelete]) -> Vec<Result<()>> {
        let mut outcomes = Vec::with_capacity(objects.len());
        for batch in objects.chunks(DELETED_AT_ONCE) {
            outcomes.extend(join_all(batch.iter().map(|object| self.delete(object))).await);
        }
        outcomes
    }

    /// Lists all objects. One that is made or deleted meanwhile may be there or not.
    async fn list(&self) -> Result<Listing>;

    /// Returns a URL under which anybody can read an object for some time, with ranges; `None` when the store has none.
    async fn sign_url(&self, key: StorageKey, valid: Duration) -> Result<Option<String>>;

    /// Gives up what was begun to be written and that no record names, if it was begun before `before`; the number of
    /// those. Stores whose unfinished objects are listed have nothing to do.
    async fn abort_orphans(&self, before: Timestamp) -> Result<u64>;

    /// Returns the id that lies in the store, if there is one. It stays with the objects when they are copied elsewhere
    /// as a whole.
    async fn find_identity(&self) -> Result<Option<Uuid>>;

    /// Gives a store its id, unless it has one; the one that it has then.
    async fn ensure_identity(&self, fresh: Uuid) -> Result<Uuid>;

    /// Checks that the store can be written to.
    async fn check(&self) -> Result<()>;
}

/// Appends to one object.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends bytes. They are not durable before the next `sync`.
    async fn write(&mut self, bytes: Bytes) -> Result<Progress>;

    /// Makes everything written durable.
    async fn sync(&mut self) -> Result<Synced>;

    /// Makes everything written durable, and readable under the key that is returned. May be repeated by another
    /// writer that goes on from what was last recorded.
    ///
    /// # Errors
    /// `UploadDamaged` when the store gives back something else of what it kept than was written; `Internal` when what it
    /// made of it has another length.
    async fn finish(&mut self) -> Result<(Synced, Certainty)>;
}
