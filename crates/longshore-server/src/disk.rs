//! Room on the volumes that the data folder lies on: pushes are refused while some is left, so that deletion, collection and
//! administration, which write too, can make more.
//!
//! Others may fill the volume all the same, with logs for example. A file of some MiB, the ballast, is given up then, and
//! made again when there is room.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_domain::clock::Entropy;
use longshore_domain::ports::space::Space;
use longshore_domain::{Error, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tokio_util::sync::CancellationToken;

use crate::data_folder::DataFolder;
use crate::system::SystemEntropy;

/// How often it is looked whether others fill the volume.
const LOOKED: Duration = Duration::from_secs(1);
/// How often the same is said again.
const SAID_AGAIN: Duration = Duration::from_secs(3600);
/// How long until a ballast that could not be made is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(60);
/// Kept in any case, if that is not more than [`MOST_PART`]: the database's log alone may grow by some MiB.
const LEAST_BYTES: u64 = 16 << 20;
/// Otherwise not more than this part of a volume is kept.
const PART: u64 = 20;
/// The part of a small volume that is kept at most.
const MOST_PART: u64 = 4;
/// The part of what is kept that is ballast.
const BALLAST_PART: u64 = 4;
/// Largest ballast.
const BALLAST_BYTES: u64 = 16 << 20;
/// Where the volume is filled to this multiple of what is kept, the operator is warned.
const WARNED_AT: u64 = 2;

/// How much of a volume's room is kept from pushes.
fn kept(configured_bytes: u64, volume_bytes: u64) -> u64 {
    let most = (volume_bytes / PART).max(LEAST_BYTES).min(volume_bytes / MOST_PART);
    configured_bytes.min(most)
}

#[derive(Clone, Copy)]
struct Room {
    left_bytes: u64,
    volume_bytes: u64,
}

fn room(path: &Path) -> std::io::Result<Room> {
    let found = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Room { left_bytes: bytes(found.f_bavail), volume_bytes: bytes(found.f_blocks) })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Enough,
    Low,
    Full,
}

struct Watched {
    has_ballast: bool,
    tried_at: Option<Instant>,
    said: Option<(State, Instant)>,
}

/// The volumes of the data folder and of the blobs in it.
pub struct Disk {
    configured_bytes: u64,
    folder: PathBuf,
    blobs: PathBuf,
    ballast: PathBuf,
    watched: Mutex<Watched>,
}

impl Disk {
    /// Looks at the volumes, and gives the ballast up when there is no room: call this before the database is opened.
    pub fn open(folder: &DataFolder, configured_bytes: u64) -> Arc<Self> {
        let ballast = folder.path().join("ballast");
        let disk = Self {
            configured_bytes,
            folder: folder.path().to_owned(),
            blobs: folder.blobs(),
            watched: Mutex::new(Watched { has_ballast: ballast.exists(), tried_at: None, said: None }),
            ballast,
        };
        disk.tend();
        Arc::new(disk)
    }

    /// What is left for pushes before they are refused, and what is kept beyond, on the volume where that is least.
    fn tightest(&self, has_ballast: bool) -> Option<(u64, u64)> {
        let on = |path: &Path, ballast: bool| {
            // A volume that cannot be looked at is refused by whatever writes to it.
            let room = room(path).ok()?;
            let kept = kept(self.configured_bytes, room.volume_bytes);
            let held = if ballast { ballast_bytes(kept) } else { 0 };
            Some(((room.left_bytes + held).saturating_sub(kept), kept))
        };
        let volumes = [on(&self.folder, has_ballast), on(&self.blobs, has_ballast)];
        volumes.into_iter().flatten().min()
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the ballast up or makes it, and tells the operator what becomes of the room.
    fn tend(&self) {
        let mut watched = self.watched();
        self.tend_ballast(&mut watched);
        let Some((left_bytes, kept_bytes)) = self.tightest(watched.has_ballast) else { return };
        let state = match left_bytes {
            0 => State::Full,
            left if left < kept_bytes.saturating_mul(WARNED_AT - 1) => State::Low,
            _ => State::Enough,
        };
        let before = watched.said.map_or(State::Enough, |(state, _)| state);
        let is_news = before != state;
        let is_due = watched.said.is_none_or(|(_, at)| at.elapsed() >= SAID_AGAIN);
        if !is_news && (state == State::Enough || !is_due) {
            return;
        }
        watched.said = Some((state, Instant::now()));
        match state {
            State::Full => tracing::error!(
                kept_bytes,
                "the disk is full: pushes are refused, and what is kept (storage.reserve_bytes) is for deletion and administration; delete images and collect garbage, or enlarge the volume"
            ),
            State::Low => tracing::warn!(
                left_bytes,
                kept_bytes,
                "the disk is nearly full: pushes are refused when nothing is left but what is kept"
            ),
            State::Enough => tracing::info!(left_bytes, "the disk has room again"),
        }
    }

    fn tend_ballast(&self, watched: &mut Watched) {
        let Ok(room) = room(&self.folder) else { return };
        let kept = kept(self.configured_bytes, room.volume_bytes);
        let bytes = ballast_bytes(kept);
        if watched.has_ballast && (bytes == 0 || room.left_bytes < bytes) {
            if std::fs::remove_file(&self.ballast).is_ok() {
                watched.has_ballast = false;
                if bytes > 0 {
                    tracing::warn!(
                        bytes,
                        "the volume is full: the ballast was given up, so that the database can be written to"
                    );
                }
            }
            return;
        }
        let may_try = watched.tried_at.is_none_or(|at| at.elapsed() >= TRIED_AGAIN);
        if !watched.has_ballast && bytes > 0 && room.left_bytes >= kept && may_try {
            watched.tried_at = Some(Instant::now());
            watched.has_ballast = make_ballast(&self.ballast, bytes).is_ok();
            if !watched.has_ballast {
                let _ = std::fs::remove_file(&self.ballast);
            }
        }
    }

    /// Looks after the volumes until the node stops.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED) => {}
            }
            let disk = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || disk.tend()).await;
        }
    }
}

impl Space for Disk {
    fn check(&self) -> Result<()> {
        let has_ballast = self.watched().has_ballast;
        match self.tightest(has_ballast) {
            Some((0, kept)) if kept > 0 => Err(Error::StorageFull(
                format!(
                    "what is left on the volume, {kept} bytes or less, is kept for deletion and administration (storage.reserve_bytes)"
                )
                .into(),
            )),
            _ => Ok(()),
        }
    }
}

fn ballast_bytes(kept_bytes: u64) -> u64 {
    (kept_bytes / BALLAST_PART).min(BALLAST_BYTES)
}

fn make_ballast(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    if fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
        write_ballast(&mut file, bytes)?;
    }
    file.sync_all()
}

/// Writes what no file system makes smaller.
fn write_ballast(file: &mut File, bytes: u64) -> std::io::Result<()> {
    let mut chance = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        SystemEntropy.fill(&mut chance);
        let piece = usize::try_from(left).map_or(chance.len(), |left| left.min(chance.len()));
        file.write_all(&chance[..piece])?;
        left -= piece as u64;
    }
    Ok(())
}

/// The room, read when the metrics are.
pub struct DiskGauges(pub Arc<Disk>);

impl std::fmt::Debug for DiskGauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskGauges").finish_non_exhaustive()
    }
}

impl Collector for DiskGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::result::Result<(), std::fmt::Error> {
        let has_ballast = self.0.watched().has_ballast;
        let Some((left, kept)) = self.0.tightest(has_ballast) else { return Ok(()) };
        let gauges = [
            ("longshore_disk_left_bytes", "Room on the disk before pushes are refused", left),
            ("longshore_disk_reserve_bytes", "Room on the disk that pushes may not take", kept),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(kept(configured, volume), expected, "{configured} of {volume}");
            assert!(ballast_bytes(expected) <= expected / 4);
        }
    }

    #[test]
    fn ballast_is_made_as_large_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ballast");
        make_ballast(&path, 3 << 20).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 3 << 20);
        let mut file = File::create(&path).unwrap();
        write_ballast(&mut file, (1 << 20) + 5).unwrap();
        assert_eq!(path.metadata().unwrap().len(), (1 << 20) + 5);
    }
}
