//! Room on the volumes that the data folder lies on, in bytes and in inodes: pushes are refused while some is left, so that
//! deletion, collection and administration, which write too, can make more.
//!
//! Others may fill the volume all the same, with logs for example. A file of some MiB, the ballast, is given up then, and
//! made again when there is room.

mod volumes;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_domain::clock::Entropy;
use longshore_domain::ports::space::{Room, Space};
use longshore_domain::{Error, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::volumes::{Places, Resource, State, Supply, Volumes, ballast_bytes};
use crate::data_folder::DataFolder;
use crate::exposition::write_count;
use crate::system::SystemEntropy;

/// How often it is looked whether others fill the volume.
const LOOKED: Duration = Duration::from_secs(1);
/// What was seen is used for this long without looking again.
const FRESH: Duration = Duration::from_millis(5);
/// How long a push waits for a look. A volume that does not answer for so long holds none up: what was last seen counts.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often the same is said again.
const SAID_AGAIN: Duration = Duration::from_secs(3600);
/// How long until a ballast that could not be made is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(60);

/// What was seen, and when.
#[derive(Clone, Copy)]
struct Seen {
    volumes: Volumes,
    at: Instant,
}

/// What the operator was told of a resource, and when.
type Said = Option<(State, Instant)>;

/// What only whoever tends the volumes needs.
#[derive(Default)]
struct Tending {
    tried_at: Option<Instant>,
    said: [Said; Resource::ALL.len()],
}

/// A look that has not ended.
#[derive(Clone, Copy)]
struct Looking {
    since: Instant,
    is_said: bool,
}

/// The volumes of the data folder and of the blobs in it.
///
/// One thread looks at them, so that a volume that hangs, as those on a network do, holds up that thread alone.
pub struct Disk {
    places: Places,
    ballast: PathBuf,
    has_ballast: AtomicBool,
    seen: watch::Sender<Seen>,
    looking: Mutex<Option<Looking>>,
    watcher: OnceLock<Thread>,
}

impl Disk {
    /// Looks at the volumes, and gives the ballast up when there is no room: call this before the database is opened.
    pub fn open(folder: &DataFolder, configured_bytes: u64) -> Arc<Self> {
        let ballast = folder.path().join("ballast");
        let places = Places { folder: folder.path().to_owned(), blobs: folder.blobs(), configured_bytes };
        let volumes = places.look();
        let wanted = volumes.folder.map(|volume| ballast_bytes(volume.kept_bytes));
        // One that was cut off while it was made, or was made for another setting, is made anew.
        let has_ballast = ballast.metadata().is_ok_and(|found| Some(found.len()) == wanted);
        if !has_ballast {
            let _ = std::fs::remove_file(&ballast);
        }
        let disk = Self {
            has_ballast: AtomicBool::new(has_ballast),
            seen: watch::Sender::new(Seen { volumes, at: Instant::now() }),
            looking: Mutex::default(),
            watcher: OnceLock::new(),
            places,
            ballast,
        };
        disk.tend(&mut Tending::default());
        Arc::new(disk)
    }

    /// Looks after the volumes until the node stops.
    pub fn watch(self: &Arc<Self>, stop: CancellationToken) {
        let disk = Arc::clone(self);
        let watch = move || {
            let mut tending = Tending::default();
            let mut tended_at = Instant::now();
            while !stop.is_cancelled() {
                // Who pushes ends the wait.
                std::thread::park_timeout(LOOKED.saturating_sub(tended_at.elapsed()));
                disk.look();
                if tended_at.elapsed() >= LOOKED {
                    tended_at = Instant::now();
                    disk.tend(&mut tending);
                }
            }
        };
        match std::thread::Builder::new().name("disk".into()).spawn(watch) {
            Ok(thread) => {
                let _ = self.watcher.set(thread.thread().clone());
            }
            Err(error) => tracing::error!(%error, "nobody looks whether the disk fills up"),
        }
    }

    fn look(&self) {
        self.set_looking(Some(Looking { since: Instant::now(), is_said: false }));
        let volumes = self.places.look();
        self.seen.send_replace(Seen { volumes, at: Instant::now() });
        self.set_looking(None);
    }

    fn set_looking(&self, looking: Option<Looking>) {
        *self.looking.lock().unwrap_or_else(PoisonError::into_inner) = looking;
    }

    /// Whether a look takes longer than anybody waits for it.
    fn is_stuck(&self) -> bool {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(looking) = looking.as_mut().filter(|looking| looking.since.elapsed() > PATIENCE) else {
            return false;
        };
        if !looking.is_said && looking.since.elapsed() > LOOKED {
            looking.is_said = true;
            tracing::warn!("the volume of the data folder does not answer; how full it is is not known");
        }
        true
    }

    /// Waits until somebody has looked, but not for long.
    async fn refresh(&self) {
        let Some(watcher) = self.watcher.get() else { return };
        let mut seen = self.seen.subscribe();
        if seen.borrow_and_update().at.elapsed() < FRESH || self.is_stuck() {
            return;
        }
        watcher.unpark();
        let _ = tokio::time::timeout(PATIENCE, seen.changed()).await;
    }

    /// How much was last seen of a resource, where that is least.
    fn tightest(&self, resource: Resource) -> Option<Supply> {
        let has_ballast = self.has_ballast.load(Ordering::Relaxed);
        self.seen.borrow().volumes.tightest(resource, has_ballast)
    }

    /// Gives the ballast up or makes it, and tells the operator what becomes of the room.
    fn tend(&self, tending: &mut Tending) {
        self.tend_ballast(&mut tending.tried_at);
        for (resource, said) in Resource::ALL.into_iter().zip(&mut tending.said) {
            if let Some(supply) = self.tightest(resource) {
                tell(resource, supply, said);
            }
        }
    }

    fn tend_ballast(&self, tried_at: &mut Option<Instant>) {
        let Some(volume) = self.seen.borrow().volumes.folder else { return };
        let bytes = ballast_bytes(volume.kept_bytes);
        let has_ballast = self.has_ballast.load(Ordering::Relaxed);
        if has_ballast && (bytes == 0 || volume.left_bytes < bytes) {
            if std::fs::remove_file(&self.ballast).is_ok() {
                self.has_ballast.store(false, Ordering::Relaxed);
                self.look();
                if bytes > 0 {
                    tracing::warn!(
                        bytes,
                        "the volume is full: the ballast was given up, so that the database can be written to"
                    );
                }
            }
            return;
        }
        let may_try = tried_at.is_none_or(|at| at.elapsed() >= TRIED_AGAIN);
        if !has_ballast && bytes > 0 && volume.left_bytes >= volume.kept_bytes && may_try {
            *tried_at = Some(Instant::now());
            match make_ballast(&self.ballast, bytes) {
                Ok(()) => self.has_ballast.store(true, Ordering::Relaxed),
                Err(_) => drop(std::fs::remove_file(&self.ballast)),
            }
            self.look();
        }
    }
}

/// Tells the operator what becomes of a resource, when that is news or was said long ago.
fn tell(resource: Resource, supply: Supply, said: &mut Said) {
    let state = supply.state();
    let before = said.map_or(State::Enough, |(state, _)| state);
    let is_due = said.is_none_or(|(_, at)| at.elapsed() >= SAID_AGAIN);
    if before == state && (state == State::Enough || !is_due) {
        return;
    }
    *said = Some((state, Instant::now()));
    let Supply { left, kept } = supply;
    let of = resource.name();
    match (state, resource) {
        (State::Full, Resource::Bytes) => tracing::error!(
            of,
            kept,
            "the disk is full: pushes are refused, and what is kept (storage.reserve_bytes) is for deletion and administration; delete images and collect garbage, or enlarge the volume"
        ),
        (State::Full, Resource::Inodes) => tracing::error!(
            of,
            kept,
            "the disk is full: it can hold no more files (`df -i`); pushes are refused, and the inodes that are kept are for deletion and administration; delete images and collect garbage, delete what others keep on the volume, or move to a file system with more inodes"
        ),
        (State::Low, _) => tracing::warn!(
            of,
            left,
            kept,
            "the disk is nearly full: pushes are refused when nothing is left but what is kept"
        ),
        (State::Enough, _) => tracing::info!(of, left, "the disk has room again"),
    }
}

#[async_trait]
impl Space for Disk {
    async fn room(&self) -> Option<Room> {
        self.refresh().await;
        self.seen.borrow().volumes.room()
    }

    async fn check(&self) -> Result<()> {
        self.refresh().await;
        for resource in Resource::ALL {
            let supply = self.tightest(resource);
            let Some(supply) = supply.filter(|supply| supply.state() == State::Full) else { continue };
            let (kept, name) = (supply.kept, resource.name());
            return Err(Error::StorageFull(
                format!(
                    "what is left on the volume, {kept} {name} or less, is kept for deletion and administration (storage.reserve_bytes)"
                )
                .into(),
            ));
        }
        Ok(())
    }
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
        let gauges = [
            (
                Resource::Bytes,
                ("longshore_disk_left_bytes", "Room on the disk before pushes are refused"),
                ("longshore_disk_reserve_bytes", "Room on the disk that pushes may not take"),
            ),
            (
                Resource::Inodes,
                ("longshore_disk_left_inodes", "Inodes of the disk before pushes are refused"),
                ("longshore_disk_reserve_inodes", "Inodes of the disk that pushes may not take"),
            ),
        ];
        for (resource, left, kept) in gauges {
            let Some(supply) = self.0.tightest(resource) else { continue };
            for ((name, help), value) in [(left, supply.left), (kept, supply.kept)] {
                write_count(&mut encoder, name, help, value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_volume_that_does_not_answer_holds_no_push_up() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(&DataFolder::open(folder.path()).unwrap().unwrap(), 1 << 20);
        // A thread that never looks, and what was seen before it hung.
        disk.watcher.set(std::thread::current()).unwrap();
        let long_ago = Instant::now().checked_sub(LOOKED * 2).unwrap();
        disk.seen.send_modify(|seen| seen.at = long_ago);
        let began_at = tokio::time::Instant::now();
        disk.check().await.unwrap();
        let waited = began_at.elapsed();
        assert!((PATIENCE..PATIENCE * 2).contains(&waited), "it may just be late: {waited:?}");
        disk.set_looking(Some(Looking { since: long_ago, is_said: false }));
        for _ in 0..3 {
            disk.check().await.unwrap();
        }
        assert_eq!(began_at.elapsed(), waited, "nobody waits for what is known to hang");
        disk.seen.send_modify(|seen| seen.volumes.folder = Some(volumes::tests::full()));
        assert!(matches!(disk.check().await, Err(Error::StorageFull(_))), "what was last seen counts");
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
