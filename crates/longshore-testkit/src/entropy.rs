//! Time and chance under the test's control.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::clock::{Clock, Entropy};

/// A clock that stands until it is moved.
pub struct MockClock(AtomicI64);

impl Default for MockClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_750_000_000_000_000))
    }
}

impl MockClock {
    /// Moves the clock back.
    pub fn go_back(&self, by: Duration) {
        self.0.fetch_sub(
            i64::try_from(by.as_micros()).expect("tests move the clock by years at most"),
            Ordering::SeqCst,
        );
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(
            i64::try_from(by.as_micros()).expect("tests move the clock by years at most"),
            Ordering::SeqCst,
        );
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("the clock starts in 2025")
    }
}

/// Bytes that look random and are the same in every run.
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            // SplitMix64.
            let mut word =
                self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}
