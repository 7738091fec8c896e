//! Where objects lie. Every path is built here.
//!
//! ```text
//! <root>/                      a folder, or <bucket>/<prefix>/blobs/
//!   ab/<storage key>           one file or object each, in one of 256 folders
//!   identity                   the store's id; in a bucket beside blobs/
//! <bucket>/<prefix>/probe      what readiness checks write
//! ```
//!
//! An object is made once, under the key of the upload that fills it, and stays there: nothing is renamed.
//! The folder is taken from the end of the key, whose bits are random (its beginning is a time).

use std::path::{Path, PathBuf};

use longshore_domain::ports::blobs::StorageKey;
use object_store::path::Path as ObjectPath;

/// Number of folders.
pub(crate) const SHARDS: u16 = 256;

/// Returns the path of a shard's folder.
pub(crate) fn shard(root: &Path, number: u16) -> PathBuf {
    root.join(format!("{number:02x}"))
}

/// Returns the folder of an object.
pub(crate) fn folder(root: &Path, key: StorageKey) -> PathBuf {
    shard(root, u16::from(key.0.as_bytes()[15]))
}

/// Returns the key of an object from the last part of its path; `None` for what is no object.
pub(crate) fn key_of(name: &str) -> Option<StorageKey> {
    name.parse().ok().map(StorageKey)
}

/// Returns the path of an object.
pub(crate) fn object(root: &Path, key: StorageKey) -> PathBuf {
    folder(root, key).join(key.to_string())
}

/// Returns the path of all objects in a bucket.
pub(crate) fn objects_path(prefix: &str) -> ObjectPath {
    in_bucket(prefix, "blobs")
}

/// Returns the path of an object in a bucket.
pub(crate) fn object_path(prefix: &str, key: StorageKey) -> ObjectPath {
    in_bucket(prefix, &format!("blobs/{:02x}/{key}", key.0.as_bytes()[15]))
}

/// Returns the path of the file with the store's id.
pub(crate) fn identity(root: &Path) -> PathBuf {
    root.join("identity")
}

/// Returns the path of the object with the store's id.
pub(crate) fn identity_path(prefix: &str) -> ObjectPath {
    in_bucket(prefix, "identity")
}

/// Returns the path of what readiness checks write into a bucket.
pub(crate) fn probe_path(prefix: &str) -> ObjectPath {
    in_bucket(prefix, "probe")
}

fn in_bucket(prefix: &str, path: &str) -> ObjectPath {
    match prefix {
        "" => ObjectPath::from(path),
        prefix => ObjectPath::from(format!("{prefix}/{path}")),
    }
}
