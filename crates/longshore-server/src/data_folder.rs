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
//!   ballast            room that is given up when the volume is full
//!   sealing.key        what secret keys in the metadata are encrypted with, unless auth.sealing_key_file names another file
//!   admin.sock         administration of the running server, for the folder's owner only
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use longshore_domain::clock::Entropy;

use crate::system::SystemEntropy;

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

    /// The sealing key, in hexadecimal digits; made at the first start.
    pub fn sealing_key(&self) -> Result<String> {
        let path = self.path.join("sealing.key");
        let key = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = [0; 32];
                SystemEntropy.fill(&mut bytes);
                let key = hex::encode(bytes);
                // Whole or not at all: what was sealed with a key that is lost cannot be opened any more.
                let unfinished = self.path.join("sealing.key.new");
                let mut file = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&unfinished)
                    .with_context(|| format!("cannot write {}", unfinished.display()))?;
                file.write_all(key.as_bytes()).and_then(|()| file.sync_all())?;
                std::fs::rename(&unfinished, &path)?;
                File::open(&self.path)?.sync_all()?;
                key
            }
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Ok(key)
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
    /// Its name in the data folder.
    pub const NAME: &str = "admin.sock";

    /// Finds the path; a long one is shortened through an open handle of the folder.
    pub fn of(data: &Path) -> Result<Self> {
        let path = data.join(Self::NAME);
        if path.as_os_str().len() <= SOCKET_PATH_LIMIT {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), Self::NAME));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.path
    }
}
