//! Uploads: receiving blobs, in one piece or many, over one connection or several.
//!
//! Bytes are hashed and written as they arrive, on blocking threads, one batch in flight while the next is received.
//! Progress is saved (bytes first, then the record with offset and hash state), so that an upload goes on after a
//! dropped connection, a restart, or on another node. A finished blob lies where it was written.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::{Actor, Principal};
use longshore_domain::conflict::{Conflict, UploadConflict};
use longshore_domain::digest::{Algorithm, Digest, Hasher};
use longshore_domain::error::Unauthenticated;
use longshore_domain::event::EventAction;
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::{
    BlobWriter, ByteRange, Certainty, ObjectToDelete, Progress, Staged, StorageKey, Synced,
};
use longshore_domain::ports::metadata::Blob;
use longshore_domain::upload::{Upload, UploadId};
use longshore_domain::{Error, Result};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Content;
use crate::blobs::{NewLink, link_blob};
use crate::limits::over_storage;
use crate::repositories::ensure_repository;
use longshore_access::control::Access;
use longshore_identity::authentication::UploadActor;
use longshore_platform::{earlier, later};

/// Most bytes that may have to be sent again after a crash.
const CHECKPOINT_BYTES: u64 = 256 << 20;
/// Least and most bytes of one batch.
const BATCH_BYTES: std::ops::RangeInclusive<usize> = (4 << 10)..=(1 << 20);
/// How long a batch is collected; then what there is of it is written, so that slow clients hold no memory.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Most bytes of a request's first batch.
const FIRST_BATCH_BYTES: usize = 256 << 10;
/// Batches smaller than this are hashed where they are received.
const INLINE_HASH_BYTES: usize = 16 << 10;
/// How long the end of an upload can be told again to a client that did not hear of it.
const FINISHED_KEPT: Duration = Duration::from_secs(3600);
/// How long to wait before asking again whether another node has ended an upload.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long a request waits for another one on the same upload to stop.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// The body of a request.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// A part of a blob as the client announced it.
pub struct Chunk {
    /// Where it begins; `None` for "where the upload stands".
    pub start: Option<u64>,
    /// How long it is, if announced.
    pub length: Option<u64>,
    /// Its bytes.
    pub body: Body,
}

/// Uploads that requests of this node are working on.
#[derive(Default)]
pub(crate) struct ActiveUploads {
    slots: Mutex<HashMap<UploadId, Arc<Slot>>>,
    receiving: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    lock: Arc<AsyncMutex<()>>,
    holder: Mutex<Holder>,
}

/// Who works on an upload.
#[derive(Clone, Default)]
struct Holder {
    taken_over: CancellationToken,
    /// What it says that the upload becomes, when it ends it.
    finishing: Option<Digest>,
}

/// The right to work on an upload, until dropped or taken over.
struct UploadLock<'r> {
    running: &'r ActiveUploads,
    id: UploadId,
    slot: Option<Arc<Slot>>,
    taken_over: CancellationToken,
    _guard: OwnedMutexGuard<()>,
}

impl ActiveUploads {
    /// Locks an upload. A request that still works on it (its client reconnected) saves and stops. One that
    /// ends it as this one would is given time to do so: clients and proxies send such a request twice.
    async fn take(&self, id: UploadId, finishing: Option<Digest>) -> Result<UploadLock<'_>> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(id).or_default())
        };
        let wait = || tokio::time::timeout(TAKE_OVER, Arc::clone(&slot.lock).lock_owned());
        let holder = slot.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let does_the_same = finishing.is_some() && holder.finishing == finishing;
        let mut waited = if does_the_same { wait().await.ok() } else { None };
        if waited.is_none() {
            slot.holder.lock().unwrap_or_else(PoisonError::into_inner).taken_over.cancel();
            waited = wait().await.ok();
        }
        let busy = || Error::from(Conflict::from(UploadConflict::Busy));
        let guard = waited.ok_or_else(busy)?;
        let taken_over = CancellationToken::new();
        *slot.holder.lock().unwrap_or_else(PoisonError::into_inner) =
            Holder { taken_over: taken_over.clone(), finishing };
        Ok(UploadLock { running: self, id, slot: Some(slot), taken_over, _guard: guard })
    }
}

impl Drop for UploadLock<'_> {
    fn drop(&mut self) {
        let mut slots = self.running.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // The map and this lock hold it; anybody waiting holds it too.
        if self.slot.take().is_some_and(|slot| Arc::strong_count(&slot) <= 2) {
            slots.remove(&self.id);
        }
    }
}

/// Counts a request that receives, for the share of memory that each one gets.
struct Receiving<'r>(&'r ActiveUploads);

impl<'r> Receiving<'r> {
    fn begin(running: &'r ActiveUploads) -> Self {
        running.receiving.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }

    /// Two batches of each request are in memory. The first ones are small, as many requests may begin at once.
    fn batch_bytes(&self, memory_bytes: usize, received: u64) -> usize {
        let requests = self.0.receiving.load(Ordering::Relaxed).max(1);
        let share = (memory_bytes / 2 / requests).clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end());
        share.min(usize::try_from(received).unwrap_or(share).max(FIRST_BATCH_BYTES))
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How large a blob may become.
#[derive(Clone, Copy)]
struct Room {
    blob_limit_bytes: u64,
    /// What the subscription includes at all. What is left of it is decided when the blob is known: the namespace may have
    /// it already.
    subscribed: Option<u64>,
}

impl Room {
    fn check(self, size_bytes: u64) -> Result<()> {
        if size_bytes > self.blob_limit_bytes {
            return Err(Error::BlobTooLarge { limit_bytes: self.blob_limit_bytes });
        }
        match self.subscribed {
            Some(limit) if size_bytes > limit => Err(over_storage(limit)),
            _ => Ok(()),
        }
    }
}

/// What may end a body early, and what becomes of it then.
struct Interruption<'t> {
    taken_over: &'t CancellationToken,
    keeps: Keeps,
}

/// What is kept of a body that does not arrive whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// What arrived: the client asks for the offset and goes on from there.
    Arrived,
    /// Nothing: the client does not say where its body begins, so it sends the same again.
    Nothing,
}

/// Who uploads, and when it was last found out that they may.
struct Uploader<'c> {
    actor: &'c Actor,
    epoch: u64,
}

/// Why receiving ended.
enum End {
    /// The body is complete.
    Complete,
    /// The connection broke, stalled, or another request took over.
    Interrupted(Error),
}

impl Content {
    /// Begins an upload. OCI distribution 1.1, end-4a and end-4c.
    ///
    /// # Errors
    /// As [`authorize`](longshore_access::AccessControl::authorize) for pushing; `OverLimit` when the subscription includes no more; `TooManyUploads`; `StorageFull`.
    pub async fn begin_upload(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<Upload> {
        let access = self.access.authorize(actor, name, RepositoryAction::Push).await?;
        let namespace_id = access.namespace_id.ok_or_else(|| Error::RepositoryUnknown(name.clone()))?;
        self.check_storage_left(&access).await?;
        self.platform.check_space().await?;
        let now = self.clock.now();
        let upload = Upload {
            id: UploadId(self.platform.new_uuid()),
            repository: name.clone(),
            namespace_id,
            started_by: actor.account_id(),
            offset_bytes: 0,
            algorithm,
            hash_state: Hasher::new(algorithm).save(),
            storage_key: StorageKey(self.platform.new_uuid()),
            store_state: Vec::new(),
            revision: 0,
            created_at: now,
            expires_at: later(now, self.settings.upload_expiry),
        };
        let limit = self.settings.open_uploads;
        self.metadata
            .write((upload.clone(), limit), |tx, (upload, limit)| {
                Box::pin(async move {
                    if let Some(account) = upload.started_by
                        && tx.count_open_uploads(account, *limit).await? >= u64::from(*limit)
                    {
                        return Err(Error::TooManyUploads { limit: *limit });
                    }
                    tx.create_upload(upload).await
                })
            })
            .await?;
        Ok(upload)
    }

    /// Finds an upload that the actor may work on: the one who began it, who must still be allowed to push.
    /// The token that was good when the upload began stays good for it, so that a long upload does not die.
    async fn find_own_upload(&self, by: &UploadActor, name: &RepositoryName, id: UploadId) -> Result<Upload> {
        // Whoever may not push learns that first, whether or not the upload exists.
        self.access.authorize(&by.actor, name, RepositoryAction::Push).await?;
        let now = self.clock.now();
        let upload = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_upload(*id))).await?;
        let is_own = |upload: &Upload| {
            let is_starter = match by.actor.principal() {
                Principal::Operator => true,
                Principal::Account(account) => upload.started_by == Some(account.account_id),
                Principal::Anonymous => false,
            };
            is_starter && upload.repository == *name && now < upload.expires_at
        };
        let upload = upload.filter(is_own);
        if let Some((issued_at, expires_at)) = by.validity
            && expires_at <= now
            && upload.as_ref().is_none_or(|upload| {
                !(issued_at.as_second() <= upload.created_at.as_second() && upload.created_at <= expires_at)
            })
        {
            return Err(Error::Unauthenticated(Unauthenticated::InvalidToken));
        }
        upload.ok_or(Error::UploadUnknown)
    }

    fn uploader<'c>(&self, actor: &'c Actor) -> Uploader<'c> {
        Uploader { actor, epoch: self.metadata.authority_epoch() }
    }

    /// Checks that whoever uploads still may, if that can have changed: a body may take hours.
    async fn check_uploader(&self, uploader: &mut Uploader<'_>, name: &RepositoryName) -> Result<()> {
        let epoch = self.metadata.authority_epoch();
        if epoch != uploader.epoch {
            self.access.authorize(uploader.actor, name, RepositoryAction::Push).await?;
            uploader.epoch = epoch;
        }
        Ok(())
    }

    /// Returns the state of an upload as last saved. OCI distribution 1.1, end-13.
    ///
    /// # Errors
    /// As [`authorize`](longshore_access::AccessControl::authorize) for pushing; `UploadUnknown`.
    pub async fn get_upload(&self, by: &UploadActor, name: &RepositoryName, id: UploadId) -> Result<Upload> {
        self.find_own_upload(by, name, id).await
    }

    /// Cancels an upload. OCI distribution 1.1, end-14.
    ///
    /// # Errors
    /// As [`Content::get_upload`].
    pub async fn cancel_upload(&self, by: &UploadActor, name: &RepositoryName, id: UploadId) -> Result<()> {
        self.find_own_upload(by, name, id).await?;
        let _turn = self.uploads.take(id, None).await?;
        self.find_own_upload(by, name, id).await?;
        self.discard_upload(id).await
    }

    /// Gives an upload up when it has no future, so that its client is told to begin anew: what was kept of it is damaged, or
    /// there is no room for more of it. Then what there is of it gives its room back at once.
    async fn end_if_hopeless<T>(&self, id: UploadId, outcome: Result<T>) -> Result<T> {
        match outcome {
            Err(Error::UploadDamaged) => self.discard_upload(id).await?,
            Err(Error::StorageFull(_)) => {
                if let Err(error) = self.clear_upload(id).await {
                    let cause = error.cause();
                    tracing::warn!(error = %error, cause, "what a refused push left could not be deleted; it expires");
                }
            }
            _ => {}
        }
        outcome
    }

    /// Gives an upload up and deletes what it has written.
    async fn clear_upload(&self, id: UploadId) -> Result<()> {
        let Some(upload) = self.metadata.look_up(id, |tx, id| Box::pin(tx.find_upload(*id))).await? else {
            return Ok(());
        };
        self.discard_upload(id).await?;
        // Its tombstone is still there, and goes with the next collection: that deletes what this cannot.
        self.blobs.delete(&ObjectToDelete { key: upload.storage_key, state: upload.store_state }).await
    }

    async fn discard_upload(&self, id: UploadId) -> Result<()> {
        self.metadata
            .write((id, self.clock.now()), |tx, (id, now)| {
                Box::pin(async move {
                    if let Some(upload) = tx.take_upload(*id).await? {
                        tx.create_tombstone(
                            upload.storage_key,
                            &upload.store_state,
                            upload.offset_bytes,
                            *now,
                        )
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Appends a chunk. When the connection breaks, what arrived is kept. OCI distribution 1.1, end-5.
    ///
    /// # Errors
    /// As [`Content::get_upload`]; `UploadOffset` when the chunk begins elsewhere; `SizeMismatch`;
    /// `BlobTooLarge`; `BodyInterrupted`; those of the stores.
    pub async fn append_to_upload(
        &self,
        by: &UploadActor,
        name: &RepositoryName,
        id: UploadId,
        chunk: Chunk,
    ) -> Result<Upload> {
        self.find_own_upload(by, name, id).await?;
        let lock = self.uploads.take(id, None).await?;
        let appended = self.append(by, name, id, chunk, &lock).await;
        self.end_if_hopeless(id, appended).await
    }

    async fn append(
        &self,
        by: &UploadActor,
        name: &RepositoryName,
        id: UploadId,
        chunk: Chunk,
        lock: &UploadLock<'_>,
    ) -> Result<Upload> {
        let mut uploader = self.uploader(&by.actor);
        let mut upload = self.find_own_upload(by, name, id).await?;
        check_start(&upload, chunk.start)?;
        let hasher = Hasher::resume(upload.algorithm, &upload.hash_state);
        // Each part may find room only where all uploads together leave some.
        let access = self.access.access(&by.actor, name).await?;
        self.check_storage_left(&access).await?;
        let room = self.room(&access);
        let interruption = Interruption { taken_over: &lock.taken_over, keeps: Keeps::Arrived };
        let received = self.receive(&mut uploader, &mut upload, hasher, chunk, room, &interruption).await?;
        if let Some(mut sink) = received {
            let spent = sink.sync(&mut upload).await?;
            self.save_upload(&mut upload, spent).await?;
        }
        Ok(upload)
    }

    /// Ends an upload with its last chunk, if any: the blob becomes visible in the repository, which is
    /// created if it does not exist. OCI distribution 1.1, end-6. May be repeated for an hour by whoever did it, as a
    /// client does that did not hear of the end; the repository must still have the blob then.
    ///
    /// # Errors
    /// As [`Content::append_to_upload`]; `DigestMismatch`, after which the upload is gone.
    pub async fn finish_upload(
        &self,
        by: &UploadActor,
        name: &RepositoryName,
        id: UploadId,
        digest: &Digest,
        chunk: Chunk,
    ) -> Result<Digest> {
        let finished = self.finish_own_upload(by, name, id, digest, chunk).await;
        let waits = match &finished {
            Err(Error::UploadUnknown) => Duration::ZERO,
            // Another node is about to end it, perhaps in the same way.
            Err(Error::Conflict(Conflict::Upload(_))) => TAKE_OVER,
            _ => return finished,
        };
        let until = Instant::now() + waits;
        loop {
            if self.has_finished(by, name, id, digest).await? {
                return Ok(*digest);
            }
            if Instant::now() >= until {
                return finished;
            }
            tokio::time::sleep(ASKED_AGAIN_AFTER).await;
        }
    }

    async fn finish_own_upload(
        &self,
        by: &UploadActor,
        name: &RepositoryName,
        id: UploadId,
        digest: &Digest,
        chunk: Chunk,
    ) -> Result<Digest> {
        self.find_own_upload(by, name, id).await?;
        let lock = self.uploads.take(id, Some(*digest)).await?;
        let uploader = self.uploader(&by.actor);
        let upload = self.find_own_upload(by, name, id).await?;
        check_start(&upload, chunk.start)?;
        let room = self.room(&self.access.access(&by.actor, name).await?);
        let keeps = if chunk.start.is_some() { Keeps::Arrived } else { Keeps::Nothing };
        let interruption = Interruption { taken_over: &lock.taken_over, keeps };
        self.finish(uploader, upload, digest, chunk, room, &interruption).await
    }

    /// Returns whether the actor has finished this upload with this digest of late, and the repository has the blob.
    async fn has_finished(
        &self,
        by: &UploadActor,
        name: &RepositoryName,
        id: UploadId,
        digest: &Digest,
    ) -> Result<bool> {
        let found = self
            .metadata
            .look_up((id, *digest), |tx, (id, digest)| {
                Box::pin(async move {
                    let Some(finished) = tx.find_finished_upload(*id).await? else { return Ok(None) };
                    let Some(repository) = tx.find_repository(&finished.repository).await? else {
                        return Ok(None);
                    };
                    let linked = tx.find_linked_blob(repository.id, digest).await?;
                    Ok(linked.map(|_| finished))
                })
            })
            .await?;
        Ok(found.is_some_and(|finished| {
            finished.started_by == by.actor.account_id()
                && finished.repository == *name
                && finished.digest == *digest
                && self.clock.now() < later(finished.finished_at, FINISHED_KEPT)
        }))
    }

    /// Forgets ends of uploads that nobody is told again.
    pub async fn forget_finished_uploads(&self) -> Result<u64> {
        let before = earlier(self.clock.now(), FINISHED_KEPT);
        self.metadata
            .drain(before, |tx, before| Box::pin(tx.delete_finished_uploads(*before, PageSize::MAX)))
            .await
    }

    /// Uploads a blob in one request. OCI distribution 1.1, end-4b.
    ///
    /// # Errors
    /// As [`Content::begin_upload`] and [`Content::finish_upload`].
    pub async fn push_blob(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        digest: &Digest,
        chunk: Chunk,
    ) -> Result<Digest> {
        let uploader = self.uploader(actor);
        let upload = self.begin_upload(actor, name, digest.algorithm()).await?;
        let id = upload.id;
        let room = self.room(&self.access.access(actor, name).await?);
        let never = CancellationToken::new();
        let interruption = Interruption { taken_over: &never, keeps: Keeps::Nothing };
        let pushed = self.finish(uploader, upload, digest, chunk, room, &interruption).await;
        if pushed.is_err() {
            // The client does not know the upload, so it cannot go on with it.
            self.discard_upload(id).await?;
        }
        pushed
    }

    async fn finish(
        &self,
        uploader: Uploader<'_>,
        upload: Upload,
        digest: &Digest,
        chunk: Chunk,
        room: Room,
        interruption: &Interruption<'_>,
    ) -> Result<Digest> {
        let id = upload.id;
        let finished = self.finish_whole(uploader, upload, digest, chunk, room, interruption).await;
        self.end_if_hopeless(id, finished).await
    }

    async fn finish_whole(
        &self,
        mut uploader: Uploader<'_>,
        mut upload: Upload,
        digest: &Digest,
        chunk: Chunk,
        room: Room,
        interruption: &Interruption<'_>,
    ) -> Result<Digest> {
        let hasher = if upload.algorithm == digest.algorithm() {
            Hasher::resume(upload.algorithm, &upload.hash_state)
        } else if upload.offset_bytes == 0 {
            upload.algorithm = digest.algorithm();
            Some(Hasher::new(digest.algorithm()))
        } else {
            None
        };
        let resumed = hasher.clone();
        let received = self.receive(&mut uploader, &mut upload, hasher, chunk, room, interruption).await?;
        let mut sink = match received {
            Some(sink) => sink,
            None => Sink { writer: self.blobs.open_writer(&staged(&upload)).await?, hasher: resumed },
        };
        let hashed = sink.hasher.take().map(Hasher::finish);
        if let Some(actual) = hashed
            && actual != *digest
        {
            drop(sink);
            self.discard_upload(upload.id).await?;
            return Err(Error::DigestMismatch { expected: *digest, actual });
        }
        let (synced, certainty) = sink.writer.finish().await?;
        let spent = record(&mut upload, synced);
        // Read again when only part of it was hashed, or somebody else may have written it.
        if hashed.is_none() || certainty == Certainty::Unsure {
            let actual = self.hash_stored(&upload, digest.algorithm()).await?;
            if actual != *digest {
                self.discard_upload(upload.id).await?;
                return Err(Error::DigestMismatch { expected: *digest, actual });
            }
        }
        let id = upload.id;
        let name = upload.repository.clone();
        self.check_uploader(&mut uploader, &name).await?;
        let published = self.publish(uploader.actor, upload, digest, spent).await;
        if let Err(Error::OverLimit(_)) = published {
            // Trying again would not help, and its bytes take room.
            self.discard_upload(id).await?;
        }
        published.map(|()| *digest)
    }

    /// Finds out how large a blob may become.
    fn room(&self, access: &Access) -> Room {
        Room { blob_limit_bytes: self.settings.blob_limit_bytes, subscribed: self.storage_limit(access) }
    }

    /// Makes the blob visible: one transaction with the repository, the link, its lease, the event and the usage.
    async fn publish(
        &self,
        actor: &Actor,
        upload: Upload,
        digest: &Digest,
        spent: Vec<StorageKey>,
    ) -> Result<()> {
        let known = self.metadata.look_up(*digest, |tx, digest| Box::pin(tx.find_blob(digest))).await?;
        let damaged = match known {
            Some(known)
                if !known.is_damaged
                    && self.blobs.find_size(known.storage_key).await? != Some(known.size_bytes) =>
            {
                Some(known)
            }
            _ => None,
        };
        let data = [("digest", digest.to_string()), ("size_bytes", upload.offset_bytes.to_string())];
        let event = self.platform.event(
            actor,
            Some(upload.namespace_id),
            EventAction::BlobPushed,
            upload.repository.as_str(),
            data,
        );
        let lease_until = later(event.at, self.settings.gc.lease);
        let tiers = Arc::clone(&self.settings.tiers);
        let input = (upload, *digest, damaged, self.blobs.name(), event, lease_until, spent, tiers);
        self.metadata
            .write(input, |tx, (upload, digest, damaged, store, event, lease_until, spent, tiers)| {
                Box::pin(async move {
                    // Whoever has begun a multipart upload at this key since, on another node, must not be able to
                    // complete it after the blob lies there.
                    if !tx.end_upload(upload.id, upload.revision).await? {
                        return Err(match tx.find_upload(upload.id).await? {
                            None => Error::UploadUnknown,
                            Some(_) => overtaken(),
                        });
                    }
                    tx.record_finished_upload(upload, digest, event.at).await?;
                    tombstone_objects(tx, spent, event.at).await?;
                    let repository =
                        ensure_repository(tx, upload.namespace_id, &upload.repository, tiers, event).await?;
                    let known = tx.find_blob(digest).await?;
                    let blob = match &known {
                        None => {
                            tx.create_blob(digest, upload.offset_bytes, store, upload.storage_key, event.at)
                                .await?
                        }
                        Some(known) => known.id,
                    };
                    let link = NewLink {
                        repository: &repository,
                        blob,
                        size_bytes: upload.offset_bytes,
                        lease_until: *lease_until,
                    };
                    if link_blob(tx, &link, tiers, event).await? {
                        tx.record_event(event).await?;
                    }
                    // After the link, which is locked before the blob everywhere.
                    if let Some(known) = &known {
                        let spare =
                            replace_damaged(tx, known, damaged.as_ref(), store, upload.storage_key).await?;
                        tx.create_tombstone(spare, &upload.store_state, upload.offset_bytes, event.at)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Saves an upload and gives up the objects that it does not need any more.
    async fn save_upload(&self, upload: &mut Upload, spent: Vec<StorageKey>) -> Result<()> {
        let now = self.clock.now();
        upload.expires_at = later(now, self.settings.upload_expiry);
        let is_saved = self
            .metadata
            .write((upload.clone(), spent, now), |tx, (upload, spent, now)| {
                Box::pin(async move {
                    let is_saved = tx.save_upload(upload).await?;
                    if is_saved {
                        tombstone_objects(tx, spent, *now).await?;
                    }
                    Ok(is_saved)
                })
            })
            .await?;
        if !is_saved {
            return Err(overtaken());
        }
        upload.revision += 1;
        Ok(())
    }

    async fn hash_stored(&self, upload: &Upload, algorithm: Algorithm) -> Result<Digest> {
        if self.blobs.find_size(upload.storage_key).await? != Some(upload.offset_bytes) {
            return Err(Conflict::from(UploadConflict::Ended).into());
        }
        let range = ByteRange { start: 0, end: upload.offset_bytes };
        let mut stored = self.blobs.read(upload.storage_key, range).await?;
        let mut hasher = Hasher::new(algorithm);
        while let Some(piece) = stored.next().await {
            hasher = hash(hasher, piece?).await?;
        }
        Ok(hasher.finish())
    }

    /// Receives a body into an upload. On success the upload's offset is that after the body, which is neither
    /// durable nor saved yet, and the sink it went to is returned, `None` when there was nothing to go to one.
    /// On failure everything is saved as far as it is sound.
    async fn receive(
        &self,
        uploader: &mut Uploader<'_>,
        upload: &mut Upload,
        hasher: Option<Hasher>,
        chunk: Chunk,
        room: Room,
        interruption: &Interruption<'_>,
    ) -> Result<Option<Sink>> {
        let mut saved = upload.clone();
        let receiving = Receiving::begin(&self.uploads);
        let mut source = Source {
            body: chunk.body,
            held: Bytes::new(),
            limit: chunk.length,
            received: 0,
            idle: self.settings.body_idle,
            taken_over: interruption.taken_over,
        };
        let memory_bytes = self.settings.upload_memory_bytes;
        let (mut batch, mut end) = source.next_batch(receiving.batch_bytes(memory_bytes, 0)).await?;
        if batch.is_empty() && matches!(end, Some(End::Complete)) {
            check_length(chunk.length, 0)?;
            if upload.offset_bytes > 0 {
                return Ok(None);
            }
        }
        let mut sink = Sink { writer: self.blobs.open_writer(&staged(upload)).await?, hasher };
        let mut checkpoint = upload.offset_bytes + CHECKPOINT_BYTES;
        loop {
            self.check_uploader(uploader, &saved.repository).await?;
            self.platform.check_space().await?;
            upload.offset_bytes += batch.len() as u64;
            if let Err(error) = room.check(upload.offset_bytes) {
                self.discard_upload(upload.id).await?;
                return Err(error);
            }
            if end.is_some() {
                let progress = sink.append(batch).await?;
                self.record_begun(progress, &mut saved, upload).await?;
                break;
            }
            let batch_bytes = receiving.batch_bytes(memory_bytes, source.received);
            let (appended, next) = tokio::join!(sink.append(batch), source.next_batch(batch_bytes));
            self.record_begun(appended?, &mut saved, upload).await?;
            if upload.offset_bytes >= checkpoint {
                checkpoint = upload.offset_bytes + CHECKPOINT_BYTES;
                match interruption.keeps {
                    Keeps::Arrived => {
                        let spent = sink.sync(upload).await?;
                        self.save_upload(upload, spent).await?;
                        saved = upload.clone();
                    }
                    // As it was, but it must not expire while its body arrives.
                    Keeps::Nothing => {
                        self.save_upload(&mut saved, Vec::new()).await?;
                        upload.revision = saved.revision;
                    }
                }
            }
            (batch, end) = next?;
        }
        match end {
            Some(End::Interrupted(error)) if interruption.keeps == Keeps::Nothing => Err(error),
            Some(End::Interrupted(error)) => {
                let spent = sink.sync(upload).await?;
                self.save_upload(upload, spent).await?;
                Err(error)
            }
            Some(End::Complete) | None => {
                check_length(chunk.length, source.received)?;
                Ok(Some(sink))
            }
        }
    }
}

impl Content {
    /// Records what the store has begun, with the offset and the hash that were saved last.
    async fn record_begun(&self, progress: Progress, saved: &mut Upload, upload: &mut Upload) -> Result<()> {
        if let Progress::Begun(synced) = progress {
            let spent = record(saved, synced);
            self.save_upload(saved, spent).await?;
            upload.revision = saved.revision;
        }
        Ok(())
    }
}

fn overtaken() -> Error {
    Conflict::from(UploadConflict::Changed).into()
}

/// Puts what the store says into the upload, and gives what is not needed any more once that is saved.
fn record(upload: &mut Upload, synced: Synced) -> Vec<StorageKey> {
    upload.storage_key = synced.key;
    upload.store_state = synced.state;
    synced.spent
}

async fn tombstone_objects(
    tx: &mut dyn longshore_domain::ports::metadata::ContentTx,
    spent: &[StorageKey],
    at: jiff::Timestamp,
) -> Result<()> {
    for key in spent {
        tx.create_tombstone(*key, &[], 0, at).await?;
    }
    Ok(())
}

fn check_start(upload: &Upload, start: Option<u64>) -> Result<()> {
    match start {
        Some(start) if start != upload.offset_bytes => {
            Err(Error::UploadOffset { offset_bytes: upload.offset_bytes })
        }
        _ => Ok(()),
    }
}

fn check_length(expected: Option<u64>, actual_bytes: u64) -> Result<()> {
    match expected {
        Some(expected_bytes) if expected_bytes != actual_bytes => {
            Err(Error::SizeMismatch { expected_bytes, actual_bytes })
        }
        _ => Ok(()),
    }
}

fn staged(upload: &Upload) -> Staged {
    Staged { key: upload.storage_key, offset_bytes: upload.offset_bytes, state: upload.store_state.clone() }
}

/// Lets a blob whose bytes are damaged have the new ones; returns the object that nothing needs then.
async fn replace_damaged(
    tx: &mut dyn longshore_domain::ports::metadata::ContentTx,
    blob: &Blob,
    damaged: Option<&Blob>,
    store: &str,
    fresh: StorageKey,
) -> Result<StorageKey> {
    let is_damaged =
        blob.is_damaged || damaged.is_some_and(|damaged| damaged.storage_key == blob.storage_key);
    if is_damaged && tx.move_blob(blob.id, blob.storage_key, store, fresh).await? {
        tracing::warn!(digest = %blob.digest, "a damaged blob was replaced by a new upload of it");
        return Ok(blob.storage_key);
    }
    Ok(fresh)
}

async fn hash(mut hasher: Hasher, bytes: Bytes) -> Result<Hasher> {
    let work = move || {
        hasher.update(&bytes);
        hasher
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

/// Where received bytes go: the hash and the store.
struct Sink {
    writer: Box<dyn BlobWriter>,
    hasher: Option<Hasher>,
}

impl Sink {
    async fn append(&mut self, batch: Bytes) -> Result<Progress> {
        if batch.is_empty() {
            return Ok(Progress::Going);
        }
        let Some(mut hasher) = self.hasher.take() else { return self.writer.write(batch).await };
        if batch.len() < INLINE_HASH_BYTES {
            hasher.update(&batch);
            self.hasher = Some(hasher);
            return self.writer.write(batch).await;
        }
        let (written, hashed) = tokio::join!(self.writer.write(batch.clone()), hash(hasher, batch));
        let progress = written?;
        self.hasher = Some(hashed?);
        Ok(progress)
    }

    /// Makes everything durable and puts the states into the upload; gives what is not needed after it is saved.
    async fn sync(&mut self, upload: &mut Upload) -> Result<Vec<StorageKey>> {
        let spent = record(upload, self.writer.sync().await?);
        upload.hash_state = self.hasher.as_ref().map(Hasher::save).unwrap_or_default();
        Ok(spent)
    }
}

/// Where bytes come from.
struct Source<'t> {
    body: Body,
    /// What did not fit into the last batch.
    held: Bytes,
    limit: Option<u64>,
    received: u64,
    idle: Duration,
    taken_over: &'t CancellationToken,
}

impl Source<'_> {
    /// Collects up to `batch_bytes`, or what comes in [`BATCH_TIME`] after the first byte: a client that pauses holds nothing
    /// but what it sent last. The bytes are copied, which is cheap beside hashing them: the pieces that
    /// arrive each keep a whole read buffer alive, and memory would grow with their number.
    ///
    /// # Errors
    /// `SizeMismatch` when more arrives than was announced.
    async fn next_batch(&mut self, batch_bytes: usize) -> Result<(Bytes, Option<End>)> {
        let expected =
            self.limit.map_or(batch_bytes as u64, |limit| limit - self.received + self.held.len() as u64);
        let capacity = usize::try_from(expected).map_or(batch_bytes, |expected| expected.min(batch_bytes));
        let mut batch = BytesMut::new();
        let mut until = None;
        loop {
            let fitting = self.held.len().min(batch_bytes - batch.len());
            if fitting > 0 && batch.is_empty() {
                batch.reserve(capacity);
                until = Some(Instant::now() + BATCH_TIME);
            }
            batch.extend_from_slice(&self.held.split_to(fitting));
            if batch.len() == batch_bytes {
                return Ok((batch.freeze(), None));
            }
            let next = match until {
                None => self.next_piece().await,
                Some(until) => match tokio::time::timeout_at(until, self.next_piece()).await {
                    Ok(next) => next,
                    Err(_) => return Ok((batch.freeze(), None)),
                },
            };
            match next? {
                Ok(piece) => self.held = piece,
                Err(end) => return Ok((batch.freeze(), Some(end))),
            }
        }
    }

    async fn next_piece(&mut self) -> Result<std::result::Result<Bytes, End>> {
        let next = tokio::select! {
            biased;
            () = self.taken_over.cancelled() => {
                let error = Conflict::from(UploadConflict::TakenOver).into();
                return Ok(Err(End::Interrupted(error)));
            }
            next = tokio::time::timeout(self.idle, self.body.next()) => next,
        };
        let piece = match next {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => return Ok(Err(End::Complete)),
            Ok(Some(Err(error))) => return Ok(Err(End::Interrupted(error))),
            Err(_) => return Ok(Err(End::Interrupted(Error::BodyInterrupted))),
        };
        self.received += piece.len() as u64;
        match self.limit {
            Some(expected_bytes) if self.received > expected_bytes => {
                Err(Error::SizeMismatch { expected_bytes, actual_bytes: self.received })
            }
            _ => Ok(Ok(piece)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_pauses_holds_no_memory_and_ends_after_the_idle_limit() {
        let taken_over = CancellationToken::new();
        let sent = futures::stream::iter([Ok(Bytes::from_static(b"some"))]);
        let mut source = Source {
            body: Box::pin(sent.chain(futures::stream::pending())),
            held: Bytes::new(),
            limit: Some(100),
            received: 0,
            idle: Duration::from_secs(60),
            taken_over: &taken_over,
        };
        let began_at = Instant::now();
        let (batch, end) = source.next_batch(1 << 20).await.unwrap();
        assert_eq!((&batch[..], end.is_none()), (&b"some"[..], true));
        assert_eq!(began_at.elapsed(), BATCH_TIME);
        let (batch, end) = source.next_batch(1 << 20).await.unwrap();
        assert!(batch.is_empty() && matches!(end, Some(End::Interrupted(Error::BodyInterrupted))));
        assert_eq!(began_at.elapsed(), BATCH_TIME + Duration::from_secs(60));
    }

    #[test]
    fn many_uploads_share_the_memory() {
        let running = ActiveUploads::default();
        let all: Vec<_> = (0..2048).map(|_| Receiving::begin(&running)).collect();
        let batch_bytes = all[0].batch_bytes(8 << 20, 1 << 30);
        assert!(2 * batch_bytes * all.len() <= 16 << 20, "{batch_bytes}");
    }
}
