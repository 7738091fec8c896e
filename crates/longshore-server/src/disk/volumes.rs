//! What is left on the volumes of the data folder, in bytes and in inodes, and how much of that is kept from pushes.

use std::path::{Path, PathBuf};

use longshore_domain::ports::space::Room;
use rustix::fs::{StatVfs, statvfs};

/// Kept in any case, if that is not more than [`MOST_PART`]: the database's log alone may grow by some MiB.
const LEAST_BYTES: u64 = 16 << 20;
/// Otherwise not more than this part of a volume is kept.
const PART: u64 = 20;
/// The part of a small volume that is kept at most.
const MOST_PART: u64 = 4;
/// Inodes that are kept, if that is not more than [`PART`] of them: the database's files, sockets and keys need a few.
const INODES: u64 = 1000;
/// Where no more than this multiple of what is kept is left, the operator is warned.
const WARNED_AT: u64 = 2;
/// The part of what is kept that is ballast.
const BALLAST_PART: u64 = 4;
/// Largest ballast.
const BALLAST_BYTES: u64 = 16 << 20;

/// How many bytes of a volume are kept from pushes.
fn kept_bytes(configured: u64, volume_bytes: u64) -> u64 {
    let most = (volume_bytes / PART).max(LEAST_BYTES).min(volume_bytes / MOST_PART);
    configured.min(most)
}

/// How many inodes are kept: none where no bytes are, and none where the file system makes them as it needs them.
fn kept_inodes(configured_bytes: u64, volume_inodes: u64) -> u64 {
    if configured_bytes == 0 { 0 } else { INODES.min(volume_inodes / PART) }
}

/// How large the ballast is where so much is kept.
pub(super) fn ballast_bytes(kept_bytes: u64) -> u64 {
    (kept_bytes / BALLAST_PART).min(BALLAST_BYTES)
}

/// What files take of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Bytes,
    Inodes,
}

impl Resource {
    pub(super) const ALL: [Self; 2] = [Self::Bytes, Self::Inodes];

    /// Its name in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Inodes => "inodes",
        }
    }
}

/// How much there is of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Supply {
    /// For pushes, before they are refused.
    pub left: u64,
    /// For deletion and administration, beyond that.
    pub kept: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Enough,
    Low,
    Full,
}

impl Supply {
    pub(super) fn state(self) -> State {
        match self.left {
            0 if self.kept > 0 => State::Full,
            left if left < self.kept.saturating_mul(WARNED_AT - 1) => State::Low,
            _ => State::Enough,
        }
    }
}

/// What was seen of one volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Volume {
    /// What is left of its bytes for whoever comes, without the ballast.
    pub left_bytes: u64,
    /// All of them.
    total_bytes: u64,
    /// What is kept of them.
    pub kept_bytes: u64,
    left_inodes: u64,
    /// `None` where inodes are not counted.
    kept_inodes: Option<u64>,
}

impl Volume {
    fn of(found: &StatVfs, configured_bytes: u64) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Self {
            left_bytes: bytes(found.f_bavail),
            total_bytes: bytes(found.f_blocks),
            kept_bytes: kept_bytes(configured_bytes, bytes(found.f_blocks)),
            left_inodes: found.f_favail,
            kept_inodes: (found.f_files > 0).then(|| kept_inodes(configured_bytes, found.f_files)),
        }
    }

    fn supply(&self, resource: Resource, has_ballast: bool) -> Option<Supply> {
        match resource {
            Resource::Bytes => {
                let held = if has_ballast { ballast_bytes(self.kept_bytes) } else { 0 };
                let left = (self.left_bytes + held).saturating_sub(self.kept_bytes);
                Some(Supply { left, kept: self.kept_bytes })
            }
            Resource::Inodes => {
                self.kept_inodes.map(|kept| Supply { left: self.left_inodes.saturating_sub(kept), kept })
            }
        }
    }
}

/// What was seen of the volumes of the data folder, at one time. What could not be looked at is refused by whatever writes
/// to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Volumes {
    /// Where the database lies, and the ballast.
    pub folder: Option<Volume>,
    blobs: Option<Volume>,
}

impl Volumes {
    /// How much room there is where the blobs lie.
    pub(super) fn room(&self) -> Option<Room> {
        let volume = self.blobs?;
        let free_bytes = volume.left_bytes.saturating_sub(volume.kept_bytes);
        Some(Room { total_bytes: volume.total_bytes, free_bytes })
    }

    /// How much there is of a resource, on the volume where that is least.
    pub(super) fn tightest(&self, resource: Resource, has_ballast: bool) -> Option<Supply> {
        let supply = |volume: Option<Volume>| volume.and_then(|volume| volume.supply(resource, has_ballast));
        [supply(self.folder), supply(self.blobs)].into_iter().flatten().min()
    }
}

/// Where to look, and how much to keep.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub folder: PathBuf,
    pub blobs: PathBuf,
    pub configured_bytes: u64,
}

impl Places {
    /// Looks at the volumes. Takes a microsecond, or for ever where one is on a network that is gone.
    pub(super) fn look(&self) -> Volumes {
        let on = |path: &Path| Some(Volume::of(&statvfs(path).ok()?, self.configured_bytes));
        Volumes { folder: on(&self.folder), blobs: on(&self.blobs) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A volume on which nothing is left.
    pub fn full() -> Volume {
        volume(0, 0, None)
    }

    #[test]
    fn what_is_kept_suits_the_volume() {
        const GIB: u64 = 1 << 30;
        let cases = [
            (GIB, 1000 * GIB, GIB),
            (GIB, 10 * GIB, GIB / 2),
            (GIB, 100 << 20, 16 << 20),
            (GIB, 40 << 20, 10 << 20),
            (GIB, 0, 0),
            (0, 10 * GIB, 0),
            (u64::MAX, 100 * GIB, 5 * GIB),
        ];
        for (configured, volume, expected) in cases {
            assert_eq!(kept_bytes(configured, volume), expected, "{configured} of {volume}");
            assert!(ballast_bytes(expected) <= expected / 4);
        }
        let cases = [(GIB, 10_000_000, 1000), (GIB, 2000, 100), (GIB, 0, 0), (0, 2000, 0)];
        for (configured, inodes, expected) in cases {
            assert_eq!(kept_inodes(configured, inodes), expected, "{inodes}");
        }
    }

    fn volume(left_bytes: u64, left_inodes: u64, kept_inodes: Option<u64>) -> Volume {
        Volume { left_bytes, total_bytes: 10_000, kept_bytes: 100, left_inodes, kept_inodes }
    }

    #[test]
    fn the_volume_with_least_counts_for_each_resource() {
        let volumes =
            Volumes { folder: Some(volume(5000, 20, Some(20))), blobs: Some(volume(150, 9000, Some(20))) };
        let state = |volumes: Volumes, resource| volumes.tightest(resource, false).map(Supply::state);
        assert_eq!(volumes.tightest(Resource::Bytes, false), Some(Supply { left: 50, kept: 100 }));
        assert_eq!(volumes.tightest(Resource::Bytes, true), Some(Supply { left: 75, kept: 100 }));
        assert_eq!(state(volumes, Resource::Bytes), Some(State::Low));
        assert_eq!(state(volumes, Resource::Inodes), Some(State::Full));
        let uncounted = Volumes { folder: Some(volume(5000, 0, None)), blobs: None };
        assert_eq!(state(uncounted, Resource::Inodes), None);
        assert_eq!(state(uncounted, Resource::Bytes), Some(State::Enough));
        assert_eq!(state(Volumes::default(), Resource::Bytes), None);
    }
}
