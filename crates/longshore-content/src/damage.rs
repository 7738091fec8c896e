//! Damage: blobs whose bytes are missing or not what they were are marked, and a push of them heals.
//!
//! A marked blob is not there for anybody who asks (`HEAD`, `GET`, mounts, manifests that need it), so clients send it
//! again; the upload's new object then takes the place of the old one, and the mark goes (`uploads`). Marked is only what
//! is certain: bytes that were read and have another digest, or an object that the store, known by its id, does not have
//! or has with another length. A store that does not answer, or is another one, marks nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use longshore_domain::clock::Clock;
use longshore_domain::ports::blobs::{BlobStore, ByteRange, ByteStream, StorageKey};
use longshore_domain::ports::metadata::{Blob, ContentRoom, Records};
use longshore_domain::{Error, Result};

use crate::Content;
use longshore_platform::later;

/// The setting that holds the id of the blob store.
pub const BLOB_STORE: &str = "blob-store";

/// Objects that are remembered as looked for.
const LOOKED_FOR: usize = 10_000;
/// How long.
const LOOKED_FOR_KEPT: Duration = Duration::from_secs(600);

/// Damage, for the metrics.
#[derive(Default)]
pub(crate) struct Counts {
    /// Blobs of the registry that are marked, as of when it was last looked.
    marked: AtomicU64,
    /// Blobs that this process has marked.
    found: AtomicU64,
}

/// How much damage is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Blobs of the registry that are marked as damaged, as of ten seconds ago or so.
    pub marked: u64,
    /// Blobs that were marked by this process since its start.
    pub found: u64,
}

/// What is known of an object that somebody wanted to read.
enum Verdict {
    /// It is missing or has another length, and that is marked.
    Damaged,
    /// The blob's bytes lie elsewhere now.
    Moved(StorageKey),
    /// Nothing that is certain.
    Unknown,
}

/// What judges objects and marks blobs; it lives as long as whoever reads.
#[derive(Clone)]
pub struct Inspector {
    metadata: Records<ContentRoom>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

impl Content {
    /// Returns how much damage is known, without asking anybody.
    pub fn damage(&self) -> Damage {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Damage { marked: read(&self.damage.marked), found: read(&self.damage.found) }
    }

    /// Counts the blobs that are marked as damaged, for [`Content::damage`]. For the server's own schedule.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn count_damage(&self) -> Result<u64> {
        let marked = self.metadata.look_up((), |tx, ()| Box::pin(tx.count_damaged_blobs())).await?;
        self.damage.marked.store(marked, Ordering::Relaxed);
        Ok(marked)
    }

    /// Returns what judges objects.
    pub fn inspector(&self) -> Inspector {
        Inspector {
            metadata: self.metadata.clone(),
            blobs: Arc::clone(&self.blobs),
            clock: Arc::clone(&self.clock),
            counts: Arc::clone(&self.damage),
        }
    }
}

impl Inspector {
    /// Reads a range of a blob; `None` when its object turns out to be damaged, which is marked then. Damage that shows
    /// later ends the stream with an error, and is marked, too.
    ///
    /// # Errors
    /// Those of the blob store.
    pub(crate) async fn read(&self, blob: &Blob, range: ByteRange) -> Result<Option<ByteStream>> {
        let bytes = match self.blobs.read(blob.storage_key, range).await {
            Ok(bytes) => bytes,
            Err(error) => match self.inspect(blob).await {
                Verdict::Damaged => return Ok(None),
                Verdict::Moved(to) => self.blobs.read(to, range).await?,
                Verdict::Unknown => return Err(error),
            },
        };
        let (inspector, blob) = (self.clone(), blob.clone());
        let watched =
            stream::try_unfold((bytes, inspector, blob), |(mut bytes, inspector, blob)| async move {
                match bytes.next().await {
                    None => Ok(None),
                    Some(Ok(piece)) => Ok(Some((piece, (bytes, inspector, blob)))),
                    Some(Err(error)) => {
                        inspector.inspect(&blob).await;
                        Err(error)
                    }
                }
            });
        Ok(Some(Box::pin(watched)))
    }

    /// Returns whether the object of a blob is as long as it should be, as far as the store says so; what is not is marked.
    pub(crate) async fn is_there(&self, blob: &Blob) -> bool {
        !matches!(self.inspect(blob).await, Verdict::Damaged)
    }

    /// Looks at the object of a blob, and marks the blob when it is missing or has another length.
    async fn inspect(&self, blob: &Blob) -> Verdict {
        let judged = async {
            let problem = match self.blobs.find_size(blob.storage_key).await? {
                None => "its object is missing",
                Some(size) if size != blob.size_bytes => "its object has another length",
                Some(_) => return Ok(Verdict::Unknown),
            };
            self.mark(blob, problem).await?;
            let now = self.metadata.look_up(blob.digest, |tx, digest| Box::pin(tx.find_blob(digest))).await?;
            Ok(match now {
                // Healed, or collected, since it was looked up.
                Some(now) if now.storage_key != blob.storage_key => Verdict::Moved(now.storage_key),
                _ => Verdict::Damaged,
            })
        };
        let judged: Result<Verdict> = judged.await;
        judged.unwrap_or(Verdict::Unknown)
    }

    /// Marks a blob as damaged, unless its bytes lie elsewhere by now.
    ///
    /// # Errors
    /// `Unavailable` when the store is not the one where the registry's blobs lie; those of the stores.
    pub async fn mark(&self, blob: &Blob, problem: &str) -> Result<()> {
        let known = self
            .metadata
            .look_up((), |tx, ()| Box::pin(async move { tx.find_setting(BLOB_STORE).await }))
            .await?;
        let found = self.blobs.find_identity().await?;
        if known.is_none() || found.map(|id| id.to_string()) != known {
            return Err(Error::Unavailable(
                "the blob store is not the one where this registry's blobs lie, so nothing is said of them"
                    .into(),
            ));
        }
        let input = (blob.id, blob.storage_key, self.clock.now());
        let is_new = self
            .metadata
            .write(input, |tx, (id, key, at)| Box::pin(tx.mark_blob_damaged(*id, *key, *at)))
            .await?;
        if is_new {
            self.counts.found.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                digest = %blob.digest, object = %blob.storage_key, problem,
                "a blob is damaged; it is not served any more, and the next push of it heals it"
            );
        }
        Ok(())
    }

    /// Takes the mark from a blob whose bytes are as they should be.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn clear(&self, blob: &Blob) -> Result<()> {
        let input = (blob.id, blob.storage_key);
        let is_cleared =
            self.metadata.write(input, |tx, (id, key)| Box::pin(tx.clear_blob_damage(*id, *key))).await?;
        if is_cleared {
            tracing::info!(digest = %blob.digest, "a blob that was damaged is whole again");
        }
        Ok(())
    }
}

/// Objects that were looked for of late, before clients were sent to the store for them.
pub(crate) struct LookedFor(quick_cache::sync::Cache<StorageKey, Timestamp>);

impl Default for LookedFor {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(LOOKED_FOR))
    }
}

impl LookedFor {
    pub(crate) fn is_recent(&self, key: StorageKey, now: Timestamp) -> bool {
        self.0.get(&key).is_some_and(|at| at <= now && now < later(at, LOOKED_FOR_KEPT))
    }

    pub(crate) fn remember(&self, key: StorageKey, now: Timestamp) {
        self.0.insert(key, now);
    }
}
