//! Time and chance as arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Tells the time. Tests move it by hand.
pub trait Clock: Send + Sync {
    /// Gives the present time, UTC.
    fn now(&self) -> Timestamp;
}

/// What comparing the clock of this machine with the database's found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// How far this machine's is ahead; negative when it is behind.
    pub ahead: SignedDuration,
    /// By how much that may be wrong: half of the time that asking took.
    pub uncertainty: Duration,
}

/// The time that all nodes of a registry agree on: this machine's, corrected by how far it is ahead of the database's.
/// Until they are compared, and where there is nothing to compare with, it is this machine's.
pub struct AgreedClock {
    machine: Arc<dyn Clock>,
    ahead_microseconds: AtomicI64,
}

impl AgreedClock {
    /// Begins with this machine's time.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self { machine, ahead_microseconds: AtomicI64::new(0) }
    }

    /// The clock of this machine, as it is.
    pub fn machine(&self) -> &dyn Clock {
        &*self.machine
    }

    /// How far this machine's clock is ahead of the agreed time.
    pub fn ahead(&self) -> SignedDuration {
        SignedDuration::from_micros(self.ahead_microseconds.load(Ordering::Relaxed))
    }

    /// Corrects the time from now on.
    pub fn correct(&self, ahead: SignedDuration) {
        let microseconds = i64::try_from(ahead.as_micros()).unwrap_or_default();
        self.ahead_microseconds.store(microseconds, Ordering::Relaxed);
    }
}

impl Clock for AgreedClock {
    fn now(&self) -> Timestamp {
        let now = self.machine.now();
        now.checked_sub(self.ahead()).unwrap_or(now)
    }
}

/// Gives random bytes fit for secrets.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Makes an id that sorts by its time of creation (UUID version 7, RFC 9562).
pub fn new_uuid(clock: &dyn Clock, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
