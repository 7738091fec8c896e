//! The blob port: where bytes lie.
//!
//! A storage key is unique to one upload and never derived from a digest, so deleting old bytes cannot hit
//! bytes that were just uploaded again. Bytes are written where they stay: finishing an upload moves nothing.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use uuid::Uuid;

use crate::error::Result;

/// Names an object within a store: the id of the upload that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StorageKey(pub Uuid);

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object that is being written.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Its key.
    pub key: StorageKey,
    /// Bytes that count; whatever lies behind them is discarded when writing goes on.
    pub offset_bytes: u64,
    /// What the last `sync` returned; empty at first.
    pub state: Vec<u8>,
}

/// Bytes `start..end` of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// The bytes of an object, in order, in pieces of bounded size.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// A place that keeps blobs.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Names the store in the metadata, for example `folder`.
    fn name(&self) -> &'static str;

    /// Opens an object to write on from `staged.offset_bytes`; creates it when the offset is 0.
    ///
    /// # Errors
    /// `Internal` when fewer bytes are there than the offset says.
    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>>;

    /// Makes the synced bytes of an object readable under its key, durably. May be repeated.
    async fn finish(&self, staged: &Staged) -> Result<()>;

    /// Reads a range of an object. An object shorter than the range ends the stream with an error.
    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream>;

    /// Gives an object's size, `None` when there is no such object.
    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>>;

    /// Deletes an object, finished or not; one that is not there counts as deleted.
    async fn delete(&self, key: StorageKey, state: &[u8]) -> Result<()>;

    /// Checks that the store can be written to.
    async fn check(&self) -> Result<()>;
}

/// Appends to one object.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends bytes. They are not durable before the next `sync`.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes everything written durable and returns the state that `open_writer` needs to go on.
    async fn sync(&mut self) -> Result<Vec<u8>>;
}
