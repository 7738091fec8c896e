//! A blob store that fails at the nth call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Certainty, Listing, ObjectToDelete, Progress, Staged,
    StorageKey, Synced,
};
use longshore_domain::{Error, Result};
use uuid::Uuid;

/// Counts down to the call that fails. Shared by a store and its writers.
#[derive(Default)]
pub struct Fuse {
    calls_left: AtomicI64,
    is_broken: AtomicBool,
    listed: AtomicI64,
}

impl Fuse {
    /// Lets the nth call from now fail (1 is the next), and only that one.
    pub fn fail_at(&self, n: i64) {
        self.calls_left.store(n, Ordering::SeqCst);
    }

    /// Lets every call fail from now on, or no longer.
    pub fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// Lets lists end after so many objects, as if there were no more.
    pub fn shorten_lists(&self, listed: u32) {
        self.listed.store(i64::from(listed) + 1, Ordering::SeqCst);
    }

    /// Returns whether the fault has happened.
    pub fn is_burnt(&self) -> bool {
        self.calls_left.load(Ordering::SeqCst) <= 0
    }

    fn pass(&self) -> Result<()> {
        if self.calls_left.fetch_sub(1, Ordering::SeqCst) == 1 || self.is_broken.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("the test's fault".into()));
        }
        Ok(())
    }
}

/// Wraps a store.
pub struct FaultyBlobs {
    inner: Arc<dyn BlobStore>,
    fuse: Arc<Fuse>,
}

impl FaultyBlobs {
    /// Wraps a store; without a lit fuse it behaves like the wrapped one.
    pub fn new(inner: Arc<dyn BlobStore>) -> Self {
        Self { inner, fuse: Arc::default() }
    }

    /// Returns the fuse.
    pub fn fuse(&self) -> Arc<Fuse> {
        Arc::clone(&self.fuse)
    }
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>> {
        self.fuse.pass()?;
        let inner = self.inner.open_writer(staged).await?;
        Ok(Box::new(FaultyWriter { inner, fuse: self.fuse() }))
    }
    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.fuse.pass()?;
        self.inner.read(key, range).await
    }
    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        self.fuse.pass()?;
        self.inner.find_size(key).await
    }
    async fn delete(&self, object: &ObjectToDelete) -> Result<()> {
        self.fuse.pass()?;
        self.inner.delete(object).await
    }
    async fn list(&self) -> Result<Listing> {
        self.fuse.pass()?;
        let listing = self.inner.list().await?;
        match usize::try_from(self.fuse.listed.load(Ordering::SeqCst)) {
            Ok(limit @ 1..) => Ok(Box::pin(listing.take(limit - 1))),
            _ => Ok(listing),
        }
    }
    async fn sign_url(&self, key: StorageKey, valid: Duration) -> Result<Option<String>> {
        self.fuse.pass()?;
        self.inner.sign_url(key, valid).await
    }
    async fn abort_orphans(&self, before: Timestamp) -> Result<u64> {
        self.fuse.pass()?;
        self.inner.abort_orphans(before).await
    }
    async fn find_identity(&self) -> Result<Option<Uuid>> {
        self.fuse.pass()?;
        self.inner.find_identity().await
    }
    async fn ensure_identity(&self, fresh: Uuid) -> Result<Uuid> {
        self.fuse.pass()?;
        self.inner.ensure_identity(fresh).await
    }
    async fn check(&self) -> Result<()> {
        self.fuse.pass()?;
        self.inner.check().await
    }
}

struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl BlobWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<Progress> {
        self.fuse.pass()?;
        self.inner.write(bytes).await
    }
    async fn sync(&mut self) -> Result<Synced> {
        self.fuse.pass()?;
        self.inner.sync().await
    }
    async fn finish(&mut self) -> Result<(Synced, Certainty)> {
        self.fuse.pass()?;
        self.inner.finish().await
    }
}
