//! The blob port on a folder of a local file system. Object storage comes as a sibling of `fs`.

mod fs;
mod layout;

pub use fs::{FsBlobs, FsOptions};
