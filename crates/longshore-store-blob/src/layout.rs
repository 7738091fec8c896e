//! Where objects lie. Every path is built here.
//!
//! ```text
//! <root>/
//!   ab/<storage key>      one file per object, in one of 256 folders
//! ```
//!
//! A file is made once, under the key of the upload that fills it, and stays there: nothing is renamed.
//! The folder is taken from the end of the key, whose bits are random (its beginning is a time).

use std::path::{Path, PathBuf};

use longshore_domain::ports::blobs::StorageKey;

/// Number of folders.
pub(crate) const SHARDS: u16 = 256;

/// Gives the path of a shard's folder.
pub(crate) fn shard(root: &Path, number: u16) -> PathBuf {
    root.join(format!("{number:02x}"))
}

/// Gives the folder of an object.
pub(crate) fn folder(root: &Path, key: StorageKey) -> PathBuf {
    shard(root, u16::from(key.0.as_bytes()[15]))
}

/// Gives the key of an object from the last part of its path; `None` for what is no object.
pub(crate) fn key_of(name: &std::ffi::OsStr) -> Option<StorageKey> {
    name.to_str()?.parse().ok().map(StorageKey)
}

/// Gives the path of an object.
pub(crate) fn object(root: &Path, key: StorageKey) -> PathBuf {
    folder(root, key).join(key.to_string())
}
