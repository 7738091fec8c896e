//! Bytes on their way to an object store: in memory while there is room, otherwise in a temporary file.
//!
//! A part must be complete before it is sent, and is kept until the store has it, so that it can be sent again.
//! Slow clients may take long to fill one; what they hold must not be memory.
//! Each part knows the digest of the bytes as they came in, and what comes back from a temporary file is compared with it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use longshore_domain::Result;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fs::{blocking, io_error};

/// Bytes that are read from a temporary file at a time.
const BLOCK_BYTES: u64 = 256 << 10;
/// Fewer bytes than this are hashed where they are.
const INLINE_HASH_BYTES: usize = 16 << 10;

/// Where parts are kept.
pub(super) struct Spool {
    folder: PathBuf,
    /// A permit for each byte of memory.
    memory: Arc<Semaphore>,
}

impl Spool {
    /// Makes the folder.
    ///
    /// # Errors
    /// `Unavailable` or `StorageFull` when it cannot be made.
    pub(super) fn open(folder: PathBuf, memory_bytes: usize) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(io_error)?;
        Ok(Self { folder, memory: Arc::new(Semaphore::new(memory_bytes.min(Semaphore::MAX_PERMITS))) })
    }

    /// Reserves memory, if there is as much.
    fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Makes a file that is gone when it is closed.
    async fn file(&self) -> Result<File> {
        let folder = self.folder.clone();
        blocking(move || tempfile::tempfile_in(folder).map_err(io_error)).await
    }
}

enum Segment {
    Memory { bytes: Bytes, _reserved: OwnedSemaphorePermit },
    File { file: Arc<File>, length: u64 },
}

/// Bytes that are sent to the store together.
#[derive(Default)]
pub(super) struct Part {
    segments: Vec<Segment>,
    length: u64,
    /// Of the bytes as they came in.
    hash: Sha256,
}

impl Part {
    /// Returns the number of bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `StorageFull` when neither memory nor disk has room.
    pub(super) async fn append(&mut self, spool: &Spool, bytes: Bytes) -> Result<()> {
        let count = bytes.len() as u64;
        if count == 0 {
            return Ok(());
        }
        self.update(&bytes).await?;
        match spool.reserve(bytes.len()) {
            Some(reserved) => self.segments.push(Segment::Memory { bytes, _reserved: reserved }),
            None => {
                if !matches!(self.segments.last(), Some(Segment::File { .. })) {
                    let file = Arc::new(spool.file().await?);
                    self.segments.push(Segment::File { file, length: 0 });
                }
                if let Some(Segment::File { file, length }) = self.segments.last_mut() {
                    let (file, at) = (Arc::clone(file), *length);
                    blocking(move || file.write_all_at(&bytes, at).map_err(io_error)).await?;
                    *length += count;
                }
            }
        }
        self.length += count;
        Ok(())
    }

    /// Appends the bytes of another part.
    ///
    /// # Errors
    /// `Internal` when they come back from a temporary file otherwise than they came in.
    pub(super) async fn append_part(&mut self, other: Self) -> Result<()> {
        if self.length == 0 {
            *self = other;
            return Ok(());
        }
        let mut stream = std::pin::pin!(other.stream());
        while let Some(piece) = stream.next().await {
            self.update(&piece.map_err(io_error)?).await?;
        }
        self.segments.extend(other.segments);
        self.length += other.length;
        Ok(())
    }

    async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        if bytes.len() <= INLINE_HASH_BYTES {
            self.hash.update(bytes);
            return Ok(());
        }
        let (mut hash, bytes) = (std::mem::take(&mut self.hash), bytes.clone());
        self.hash = blocking(move || {
            hash.update(&bytes);
            Ok(hash)
        })
        .await?;
        Ok(())
    }

    /// Reads the bytes in order. What comes back from a temporary file otherwise than it came in is an error before the
    /// last piece, so that whoever sends it never sends the whole.
    pub(super) fn stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        let pieces: Vec<Piece> = self.segments.iter().flat_map(pieces).collect();
        let is_spooled = self.segments.iter().any(|segment| matches!(segment, Segment::File { .. }));
        let check = is_spooled.then(|| (Sha256::new(), self.sha256()));
        stream::try_unfold((pieces.into_iter(), check), |(mut pieces, check)| async move {
            let Some(piece) = pieces.next() else { return Ok(None) };
            let bytes = piece.read().await?;
            let Some((hash, expected)) = check else { return Ok(Some((bytes, (pieces, None)))) };
            let hash = updated(hash, bytes.clone()).await?;
            if pieces.len() == 0 && <[u8; 32]>::from(hash.clone().finalize()) != expected {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a temporary file does not give back what was written to it; check the disk of the spool folder",
                ));
            }
            Ok(Some((bytes, (pieces, Some((hash, expected))))))
        })
    }

    /// Returns the SHA-256 digest of the bytes as they came in.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Loads all bytes into memory.
    pub(super) async fn load(&self) -> Result<Vec<Bytes>> {
        let loaded: Vec<io::Result<Bytes>> = self.stream().collect().await;
        loaded.into_iter().collect::<io::Result<_>>().map_err(io_error)
    }
}

async fn updated(mut hash: Sha256, bytes: Bytes) -> io::Result<Sha256> {
    let update = move || {
        hash.update(&bytes);
        hash
    };
    tokio::task::spawn_blocking(update).await.map_err(io::Error::other)
}

/// What is read at once.
enum Piece {
    Memory(Bytes),
    File { file: Arc<File>, start: u64, length: u64 },
}

fn pieces(segment: &Segment) -> Vec<Piece> {
    match segment {
        Segment::Memory { bytes, .. } => vec![Piece::Memory(bytes.clone())],
        Segment::File { file, length } => (0..length.div_ceil(BLOCK_BYTES))
            .map(|number| {
                let start = number * BLOCK_BYTES;
                Piece::File { file: Arc::clone(file), start, length: BLOCK_BYTES.min(length - start) }
            })
            .collect(),
    }
}

impl Piece {
    async fn read(self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::File { file, start, length } => {
                let read = tokio::task::spawn_blocking(move || {
                    let mut block = BytesMut::zeroed(usize::try_from(length).unwrap_or(usize::MAX));
                    file.read_exact_at(&mut block, start)?;
                    Ok(block.freeze())
                });
                read.await.map_err(io::Error::other)?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn filled(memory_bytes: usize) -> Part {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool"), memory_bytes).unwrap();
        let mut part = Part::default();
        for number in 0..40_u8 {
            part.append(&spool, Bytes::from(vec![number; 20_000])).await.unwrap();
        }
        assert_eq!(
            std::fs::read_dir(folder.path().join("spool")).unwrap().count(),
            0,
            "nothing is left behind"
        );
        part
    }

    #[tokio::test]
    async fn bytes_come_back_in_order_from_memory_and_from_disk() {
        let expected: Vec<u8> = (0..40_u8).flat_map(|number| vec![number; 20_000]).collect();
        for memory_bytes in [0, 100_000, 10_000_000] {
            let part = filled(memory_bytes).await;
            assert_eq!(part.length(), 800_000);
            assert_eq!(part.load().await.unwrap().concat(), expected);
            assert_eq!(part.sha256(), <[u8; 32]>::from(Sha256::digest(&expected)));
        }
    }

    #[tokio::test]
    async fn a_temporary_file_that_changed_is_noticed_before_its_end() {
        let part = filled(0).await;
        let Some(Segment::File { file, .. }) = part.segments.first() else { panic!("it is in a file") };
        file.write_all_at(&[0xff], 100_000).unwrap();
        let read: Vec<io::Result<Bytes>> = part.stream().collect().await;
        let sent: usize = read.iter().flatten().map(Bytes::len).sum();
        assert!(read.last().unwrap().is_err() && sent < 800_000, "{sent}");
        let mut whole = Part::default();
        let spool = Spool::open(tempfile::tempdir().unwrap().path().to_owned(), 100).unwrap();
        whole.append(&spool, Bytes::from_static(b"before")).await.unwrap();
        assert!(whole.append_part(part).await.is_err());
    }

    #[tokio::test]
    async fn parts_put_together_have_the_digest_of_the_whole() {
        let mut whole = Part::default();
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().to_owned(), 10).unwrap();
        whole.append(&spool, Bytes::from_static(b"before")).await.unwrap();
        whole.append_part(filled(0).await).await.unwrap();
        let expected: Vec<u8> =
            b"before".iter().copied().chain((0..40_u8).flat_map(|number| vec![number; 20_000])).collect();
        assert_eq!(whole.sha256(), <[u8; 32]>::from(Sha256::digest(&expected)));
        assert_eq!(whole.load().await.unwrap().concat(), expected);
    }

    #[tokio::test]
    async fn memory_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool"), 1000).unwrap();
        for _ in 0..3 {
            let mut part = Part::default();
            part.append(&spool, Bytes::from(vec![1; 1000])).await.unwrap();
            assert_eq!(spool.memory.available_permits(), 0);
        }
        assert_eq!(spool.memory.available_permits(), 1000);
    }
}
