//! The blob port: on a folder of a local file system, and on object stores.

mod bounded;
mod fs;
mod layout;
mod object;

pub use bounded::BoundedBlobs;
pub use fs::{FsBlobs, FsOptions};
pub use object::{Credentials, Encryption, ObjectBlobs, ObjectOptions, Patience, SMALLEST_PART_BYTES};
