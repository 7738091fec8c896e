//! Time and chance as arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Tells the time. Tests move it by hand.
pub trait Clock: Send + Sync {
    /// Returns the present time, UTC.
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

/// Returns whether a time until which something is remembered, for `longest` at most, is still ahead. One that lies further
/// ahead was set under a clock that has gone back since, and counts as reached.
pub fn lies_ahead(until: Timestamp, now: Timestamp, longest: Duration) -> bool {
    now < until && now.checked_add(longest).is_ok_and(|latest| until <= latest)
}

/// Returns random bytes fit for secrets.
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Standing(Timestamp);

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_agreed_time_is_that_of_this_machine_corrected() {
        let clock = AgreedClock::new(Arc::new(Standing(at(1000))));
        for (ahead, agreed) in [(0, 1000), (300, 700), (-300, 1300), (i64::MAX / 1_000_000, 1000)] {
            clock.correct(SignedDuration::from_secs(ahead));
            assert_eq!(clock.now(), at(agreed), "{ahead}");
            assert_eq!(clock.machine().now(), at(1000));
        }
    }

    #[test]
    fn a_time_lies_ahead_as_far_as_it_can_have_been_set() {
        let longest = Duration::from_secs(10);
        for (until, ahead) in
            [(99, false), (100, false), (101, true), (110, true), (111, false), (40_000_000, false)]
        {
            assert_eq!(lies_ahead(at(until), at(100), longest), ahead, "{until}");
        }
        assert!(!lies_ahead(Timestamp::MAX, Timestamp::MAX, longest));
    }
}
