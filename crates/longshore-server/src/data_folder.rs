//! The data folder: what lies in it, and the lock that keeps a second process out.
//!
//! With PostgreSQL and an object store, only the lock, the spool and the socket of this node lie in it.
//!
//! ```text
//! <data>/
//!   longshore.lock     held by the one process that uses the folder
//!   longshore.db       the metadata (SQLite, with -wal and -shm beside it)
//!   blobs/             the blobs
//!   spool/             parts of blobs on their way to an object store, for a moment
//!   admin.sock         administration of the running server, for the folder's owner only
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Longest path that fits into a socket address.
const SOCKET_PATH_LIMIT: usize = 100;

/// A data folder that this process alone uses.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Its lock ends with it.
    _lock: File,
}

impl DataFolder {
    /// Opens the folder, makes it when it does not exist, and locks it; `None` when another process has it.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let lock_path = path.join("longshore.lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("cannot write to the data folder: {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                bail!(
                    "cannot lock {}: {error}; the data folder must lie on a file system with locks",
                    lock_path.display()
                )
            }
        }
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.path.join("longshore.db")
    }

    /// The folder of the blobs.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The folder of what is on its way to an object store.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The path of the administration socket, in a form that fits into a socket address.
pub struct SocketPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketPath {
    /// Finds the path; a long one is shortened through an open handle of the folder.
    pub fn of(data: &Path) -> Result<Self> {
        let path = data.join("admin.sock");
        if path.as_os_str().len() <= SOCKET_PATH_LIMIT {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/admin.sock", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.path
    }
}
