//! Objects as files.
//!
//! Reading takes what the page cache has without leaving the actor's thread (`preadv2` with `RWF_NOWAIT`)
//! and goes to a blocking thread only for what must come from the disk.
//! Writing hands each batch to a blocking thread, one at a time per upload, and starts write-back early, so
//! that the final `fdatasync` has little left to do.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Certainty, Listed, Listing, ObjectToDelete, Progress,
    Staged, StorageKey, Synced,
};
use longshore_domain::{Error, Result};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::layout;

/// Bytes that one read takes.
const READ_BYTES: usize = 256 << 10;
/// Bytes that one read takes while readers that do not get rid of them hold many buffers.
const SMALL_READ_BYTES: usize = 16 << 10;
/// Large buffers that may be in use.
const LARGE_BUFFERS: usize = 64;
/// Read buffers that are kept for the next reader.
const IDLE_BUFFERS: usize = 32;
/// Bytes after which write-back to the disk is started.
const WRITE_BACK_BYTES: u64 = 8 << 20;

/// How the folder is used.
#[derive(Clone, Debug)]
pub struct FsOptions {
    /// The folder; it is made when it does not exist.
    pub root: PathBuf,
}

/// The blob port on a folder.
pub struct FsBlobs {
    root: PathBuf,
    buffers: Arc<Buffers>,
}

impl FsBlobs {
    /// Opens a folder and makes its sub-folders, durably.
    ///
    /// # Errors
    /// `Unavailable` when the folder cannot be made or written to, `StorageFull` when there is no room.
    pub fn open(options: &FsOptions) -> Result<Self> {
        std::fs::create_dir_all(&options.root).map_err(io_error)?;
        let mut made = false;
        for number in 0..layout::SHARDS {
            match std::fs::create_dir(layout::shard(&options.root, number)) {
                Ok(()) => made = true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error(error)),
            }
        }
        if made {
            sync_folder(&options.root)?;
            if let Some(parent) = options.root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_folder(parent)?;
            }
        }
        Ok(Self { root: options.root.clone(), buffers: Arc::default() })
    }
}

/// Turns a file system's error into the domain's.
pub(crate) fn io_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::StorageFull(Box::new(error))
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::Unavailable(Box::new(error))
        }
        _ => Error::internal(error),
    }
}

fn sync_folder(path: &std::path::Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error)
}

/// Runs file work on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

#[async_trait]
impl BlobStore for FsBlobs {
    fn name(&self) -> &'static str {
        "folder"
    }

    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>> {
        let path = layout::object(&self.root, staged.key);
        let folder = layout::folder(&self.root, staged.key);
        let offset = staged.offset_bytes;
        // Opening costs less than a hop to another thread.
        let opened = OpenOptions::new().write(true).create(offset == 0).truncate(false).open(&path);
        let file = match opened {
            Err(error) if offset > 0 && error.kind() == io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), "the file of an upload is not there any more");
                return Err(Error::UploadDamaged);
            }
            opened => opened.map_err(io_error)?,
        };
        let length = file.metadata().map_err(io_error)?.len();
        if length < offset {
            tracing::error!(
                path = %path.display(),
                length,
                acknowledged = offset,
                "the file of an upload has fewer bytes than were acknowledged"
            );
            return Err(Error::UploadDamaged);
        }
        if length > offset {
            file.set_len(offset).map_err(io_error)?;
        }
        Ok(Box::new(FsWriter {
            key: staged.key,
            file: Arc::new(file),
            folder,
            offset,
            written_back: offset,
            write_back: None,
            is_new: offset == 0,
        }))
    }

    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
        let file = File::open(layout::object(&self.root, key)).map_err(io_error)?;
        Ok(Box::pin(FileStream {
            file: Arc::new(file),
            buffers: Arc::clone(&self.buffers),
            offset: range.start,
            end: range.end,
            waiting: None,
        }))
    }

    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        match std::fs::metadata(layout::object(&self.root, key)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    async fn delete(&self, object: &ObjectToDelete) -> Result<()> {
        let path = layout::object(&self.root, object.key);
        blocking(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(error)),
            _ => Ok(()),
        })
        .await
    }

    async fn list(&self) -> Result<Listing> {
        let root = self.root.clone();
        let shards = futures::stream::iter(0..layout::SHARDS);
        let listed = shards.then(move |number| {
            let shard = layout::shard(&root, number);
            blocking(move || list_shard(&shard))
        });
        Ok(Box::pin(listed.flat_map(|files| {
            futures::stream::iter(match files {
                Ok(files) => files.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        })))
    }

    async fn sign_url(&self, _key: StorageKey, _valid: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    async fn abort_orphans(&self, _before: Timestamp) -> Result<u64> {
        Ok(0)
    }

    async fn find_identity(&self) -> Result<Option<Uuid>> {
        let path = layout::identity(&self.root);
        blocking(move || match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                Error::internal(format!("{} should hold an id; delete it if it is empty", path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(error)),
        })
        .await
    }

    async fn ensure_identity(&self, fresh: Uuid) -> Result<Uuid> {
        if let Some(id) = self.find_identity().await? {
            return Ok(id);
        }
        let (root, path) = (self.root.clone(), layout::identity(&self.root));
        blocking(move || {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(io_error)?;
            file.write_all(fresh.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(io_error)?;
            sync_folder(&root)?;
            Ok(fresh)
        })
        .await
    }

    async fn check(&self) -> Result<()> {
        let probe = self.root.join("probe");
        blocking(move || {
            std::fs::write(&probe, b"longshore").map_err(io_error)?;
            std::fs::remove_file(&probe).map_err(io_error)
        })
        .await
    }
}

/// Lists the objects in one of the folders.
fn list_shard(folder: &std::path::Path) -> Result<Vec<Listed>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error)? {
        let entry = entry.map_err(io_error)?;
        let Some(key) = entry.file_name().to_str().and_then(layout::key_of) else { continue };
        match entry.metadata() {
            Ok(metadata) => {
                let modified_at =
                    metadata.modified().map_err(io_error)?.try_into().map_err(Error::internal)?;
                files.push(Listed { key, size_bytes: metadata.len(), modified_at });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(error)),
        }
    }
    Ok(files)
}

struct FsWriter {
    key: StorageKey,
    file: Arc<File>,
    folder: PathBuf,
    offset: u64,
    written_back: u64,
    /// A sync that runs beside the writing; its outcome is that of the final one.
    write_back: Option<JoinHandle<io::Result<()>>>,
    is_new: bool,
}

impl FsWriter {
    /// Begins to write dirty pages out, unless that is still going on.
    fn start_write_back(&mut self) {
        let due = self.offset - self.written_back >= WRITE_BACK_BYTES;
        if due && self.write_back.as_ref().is_none_or(JoinHandle::is_finished) {
            self.written_back = self.offset;
            let file = Arc::clone(&self.file);
            self.write_back = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        }
    }
}

#[async_trait]
impl BlobWriter for FsWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<Progress> {
        let file = Arc::clone(&self.file);
        let start = self.offset;
        self.offset += bytes.len() as u64;
        blocking(move || file.write_all_at(&bytes, start).map_err(io_error)).await?;
        self.start_write_back();
        Ok(Progress::Going)
    }

    async fn sync(&mut self) -> Result<Synced> {
        // A failed write-back is reported by one sync only, so its answer must not be lost.
        if let Some(write_back) = self.write_back.take() {
            write_back.await.map_err(Error::internal)?.map_err(io_error)?;
        }
        let file = Arc::clone(&self.file);
        let folder = std::mem::take(&mut self.is_new).then(|| self.folder.clone());
        blocking(move || {
            file.sync_data().map_err(io_error)?;
            folder.as_deref().map_or(Ok(()), sync_folder)
        })
        .await?;
        Ok(Synced { key: self.key, state: Vec::new(), spent: Vec::new() })
    }

    async fn finish(&mut self) -> Result<(Synced, Certainty)> {
        // The file lies where it stays.
        let synced = self.sync().await?;
        let length = self.file.metadata().map_err(io_error)?.len();
        if length != self.offset {
            return Err(Error::internal(format!(
                "the file {} has {length} bytes instead of the {} that were written to it",
                self.key, self.offset
            )));
        }
        Ok((synced, Certainty::Sure))
    }
}

/// Read buffers that go from reader to reader, so that they are zeroed once only.
#[derive(Default)]
struct Buffers(Mutex<Pool>);

#[derive(Default)]
struct Pool {
    idle: Vec<Vec<u8>>,
    in_use: usize,
}

impl Buffers {
    /// Takes a large buffer, or a small one when clients that read slowly have all large ones.
    fn take(self: &Arc<Self>) -> Buffer {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match pool.in_use < LARGE_BUFFERS {
            true => {
                pool.in_use += 1;
                pool.idle.pop().unwrap_or_else(|| vec![0; READ_BYTES])
            }
            false => vec![0; SMALL_READ_BYTES],
        };
        Buffer { bytes, length: 0, home: Arc::clone(self) }
    }
}

/// One buffer, of which the first `length` bytes are filled.
struct Buffer {
    bytes: Vec<u8>,
    length: usize,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() < READ_BYTES {
            return;
        }
        let mut pool = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.in_use -= 1;
        if pool.idle.len() < IDLE_BUFFERS {
            pool.idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

struct FileStream {
    file: Arc<File>,
    buffers: Arc<Buffers>,
    offset: u64,
    end: u64,
    waiting: Option<JoinHandle<io::Result<Buffer>>>,
}

impl FileStream {
    fn wanted(&self, buffer: &Buffer) -> usize {
        let room = buffer.bytes.len();
        usize::try_from(self.end - self.offset).map_or(room, |rest| rest.min(room))
    }

    fn deliver(&mut self, buffer: Buffer) -> Result<Bytes> {
        if buffer.length == 0 {
            return Err(Error::internal(format!(
                "an object ends at byte {}, before byte {}",
                self.offset, self.end
            )));
        }
        self.offset += buffer.length as u64;
        Ok(Bytes::from_owner(buffer))
    }

    /// Reads what is in the page cache; `None` when the disk is needed.
    #[cfg(target_os = "linux")]
    fn read_cached(&self, buffer: &mut Buffer, wanted: usize) -> Option<usize> {
        use rustix::io::ReadWriteFlags;
        let mut slices = [IoSliceMut::new(&mut buffer.bytes[..wanted])];
        rustix::io::preadv2(&self.file, &mut slices, self.offset, ReadWriteFlags::NOWAIT).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn read_cached(&self, _buffer: &mut Buffer, _wanted: usize) -> Option<usize> {
        None
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.offset == self.end {
            return Poll::Ready(None);
        }
        if self.waiting.is_none() {
            let mut buffer = self.buffers.take();
            let wanted = self.wanted(&buffer);
            if let Some(length) = self.read_cached(&mut buffer, wanted) {
                buffer.length = length;
                return Poll::Ready(Some(self.deliver(buffer)));
            }
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            self.waiting = Some(tokio::task::spawn_blocking(move || {
                buffer.length = file.read_at(&mut buffer.bytes[..wanted], offset)?;
                Ok(buffer)
            }));
        }
        let Some(waiting) = self.waiting.as_mut() else { return Poll::Ready(None) };
        let answer = ready!(waiting.poll_unpin(context));
        self.waiting = None;
        Poll::Ready(Some(match answer {
            Ok(Ok(buffer)) => self.deliver(buffer),
            Ok(Err(error)) => Err(io_error(error)),
            Err(error) => Err(Error::internal(error)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_that_hold_on_to_buffers_leave_small_ones_to_others() {
        let buffers = Arc::<Buffers>::default();
        let mut taken: Vec<_> = (0..LARGE_BUFFERS).map(|_| buffers.take()).collect();
        assert!(taken.iter().all(|buffer| buffer.bytes.len() == READ_BYTES));
        assert_eq!(buffers.take().bytes.len(), SMALL_READ_BYTES);
        taken.pop();
        assert_eq!(buffers.take().bytes.len(), READ_BYTES);
        drop(taken);
        assert_eq!(buffers.0.lock().unwrap().in_use, 0);
    }
}
