//! Orders of lists of images, and where in one an image stands.

use crate::digest::Digest;

/// What images are sorted by. Those that have the same are in the order of their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSort {
    /// The digest.
    Digest,
    /// When the image was last pushed or pulled, whichever is later.
    Activity,
    /// When the image was last pushed.
    Pushed,
    /// The size, as lists show it.
    Size,
}

/// How a list of images is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageOrder {
    /// By what.
    pub by: ImageSort,
    /// From the last to the first.
    pub is_descending: bool,
}

impl ImageOrder {
    /// The one that was pushed last first.
    pub const NEWEST: Self = Self { by: ImageSort::Pushed, is_descending: true };
    /// The one that was idle longest first.
    pub const LEAST_ACTIVE: Self = Self { by: ImageSort::Activity, is_descending: false };
    /// The one that was active last first.
    pub const MOST_ACTIVE: Self = Self { by: ImageSort::Activity, is_descending: true };
    /// By digest.
    pub const DIGEST: Self = Self { by: ImageSort::Digest, is_descending: false };
    /// By digest, backwards.
    pub const DIGEST_DESCENDING: Self = Self { by: ImageSort::Digest, is_descending: true };

    /// Returns the same order backwards.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { is_descending: !self.is_descending, ..self }
    }
}

/// Where an image stands in a list, whether or not there still is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageKey {
    /// What the list is sorted by, in microseconds since 1970 or bytes; does not matter where that is the digest.
    pub value: i64,
    /// The digest of the image.
    pub digest: Digest,
}
