//! What every room stands on: the metadata store, time, ids, events, leases, rates and settings.
//!
//! Nothing here decides who may do what.

pub mod beside;
pub mod clocks;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod leases;
pub mod nodes;
pub mod origins;
pub mod rates;
pub mod sealing;
pub mod settings;
pub mod spans;
pub mod throttle;
pub mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::clock::{AgreedClock, Clock, Entropy, new_uuid};
use longshore_domain::ports::metadata::{Metadata, PlatformRoom, Records, Room};
use longshore_domain::ports::space::{self, Space};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

pub use settings::Settings;

/// Rows that one transaction deletes.
pub const STEP: u64 = 1000;

/// What the rooms of one node share.
pub struct Platform {
    metadata: Records<PlatformRoom>,
    /// The time that all nodes agree on.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What the operator decided.
    pub settings: Arc<Settings>,
    agreed: Arc<AgreedClock>,
    comparison: clocks::Comparison,
    space: Option<Arc<dyn Space>>,
    node: Uuid,
    /// Turns to write beside a request.
    beside: Arc<Semaphore>,
    counters: rates::Counters,
    stopping: AtomicBool,
    figures: jobs::JobFigures,
    work_wanted: Notify,
}

impl Platform {
    /// Puts it together. `clock` is this machine's; `space` is `None` when nobody looks after the room on its disks.
    pub fn new(
        metadata: Arc<dyn Metadata>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        space: Option<Arc<dyn Space>>,
        settings: Settings,
    ) -> Self {
        let agreed = Arc::new(AgreedClock::new(Arc::clone(&clock)));
        Self {
            node: new_uuid(&*clock, &*entropy),
            metadata: Records::of(&metadata),
            clock: Arc::clone(&agreed) as _,
            entropy,
            settings: Arc::new(settings),
            agreed,
            comparison: clocks::Comparison::default(),
            space,
            beside: Arc::new(Semaphore::new(beside::WAITING_BESIDE)),
            counters: rates::Counters::new(),
            stopping: AtomicBool::new(false),
            figures: jobs::JobFigures::default(),
            work_wanted: Notify::new(),
        }
    }

    /// Returns the records of a room.
    pub fn records<R: Room>(&self) -> Records<R> {
        Records::of(self.metadata.store())
    }

    /// Returns the present time, as all nodes agree on it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns what the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Checks that there is room for what clients push: what is kept beyond is for deletion and administration.
    ///
    /// # Errors
    /// `StorageFull`.
    pub async fn check_space(&self) -> Result<()> {
        match &self.space {
            Some(space) => space.check().await,
            None => Ok(()),
        }
    }

    /// Tells how much room there is where blobs lie on this machine; `None` where that is not known.
    pub async fn find_room(&self) -> Option<space::Room> {
        self.space.as_ref()?.room().await
    }

    /// Returns the id of this node, another one after each start.
    pub fn node(&self) -> Uuid {
        self.node
    }

    /// Lets jobs end after the batch that they are at; they go on after the next start.
    pub fn stop_jobs(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Returns whether jobs are to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Returns a new id, which sorts by time.
    pub fn new_uuid(&self) -> Uuid {
        new_uuid(&*self.clock, &*self.entropy)
    }
}

/// Adds a duration to a time; far futures become the last representable time.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Takes a duration from a time; far pasts become the first representable time.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
