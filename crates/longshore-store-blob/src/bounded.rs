//! A store of which so many objects may be open at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Certainty, Listing, ObjectToDelete, Progress, Staged,
    StorageKey, Synced,
};
use longshore_domain::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Refuses to open more objects than it may have open: each takes a file descriptor, and clients decide how long.
pub struct BoundedBlobs<S> {
    store: S,
    places: Arc<Semaphore>,
}

impl<S: BlobStore> BoundedBlobs<S> {
    /// Bounds a store.
    pub fn new(store: S, limit: usize) -> Self {
        Self { store, places: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))) }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit> {
        let none = |_| Error::Overloaded("as many blobs are open as this process may open files for".into());
        Arc::clone(&self.places).try_acquire_owned().map_err(none)
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for BoundedBlobs<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>> {
        let place = self.place()?;
        Ok(Box::new(Open { object: self.store.open_writer(staged).await?, _place: place }))
    }

    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
        let place = self.place()?;
        Ok(Box::pin(Open { object: self.store.read(key, range).await?, _place: place }))
    }

    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        self.store.find_size(key).await
    }

    async fn delete(&self, object: &ObjectToDelete) -> Result<()> {
        self.store.delete(object).await
    }

    async fn delete_all(&self, objects: &[ObjectToDelete]) -> Vec<Result<()>> {
        self.store.delete_all(objects).await
    }

    async fn list(&self) -> Result<Listing> {
        self.store.list().await
    }

    async fn sign_url(&self, key: StorageKey, valid: Duration) -> Result<Option<String>> {
        self.store.sign_url(key, valid).await
    }

    async fn abort_orphans(&self, before: Timestamp) -> Result<u64> {
        self.store.abort_orphans(before).await
    }

    async fn find_identity(&self) -> Result<Option<Uuid>> {
        self.store.find_identity().await
    }

    async fn ensure_identity(&self, fresh: Uuid) -> Result<Uuid> {
        self.store.ensure_identity(fresh).await
    }

    async fn check(&self) -> Result<()> {
        self.store.check().await
    }
}

/// An open object with its place.
struct Open<T> {
    object: T,
    _place: OwnedSemaphorePermit,
}

impl Stream for Open<ByteStream> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.object.as_mut().poll_next(context)
    }
}

#[async_trait]
impl BlobWriter for Open<Box<dyn BlobWriter>> {
    async fn write(&mut self, bytes: Bytes) -> Result<Progress> {
        self.object.write(bytes).await
    }

    async fn sync(&mut self) -> Result<Synced> {
        self.object.sync().await
    }

    async fn finish(&mut self) -> Result<(Synced, Certainty)> {
        self.object.finish().await
    }
}
