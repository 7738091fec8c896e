//! Clocks: this machine's against the database's. `docs/decisions/0024`.
//!
//! What is written to the database, and compared with what is there, is the time of the database: the services' clock is
//! this machine's, corrected by what was measured here. A machine whose clock is far off is not ready all the same.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use longshore_domain::Result;
use longshore_domain::clock::ClockDifference;

use crate::Platform;

/// From which difference on the log says so.
const WARNED_FROM: Duration = Duration::from_secs(2);
/// From which difference on a node is not ready.
const NOT_READY_FROM: Duration = Duration::from_secs(30);

/// How good a clock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    #[default]
    Right,
    Off,
    FarOff,
}

impl Health {
    fn of(difference: Duration) -> Self {
        match difference {
            far if far >= NOT_READY_FROM => Self::FarOff,
            off if off >= WARNED_FROM => Self::Off,
            _ => Self::Right,
        }
    }

    /// Returns the health after a comparison. As long as that may be wrong by what makes the difference, it stays.
    fn after(self, found: ClockDifference) -> Self {
        let difference = found.ahead.unsigned_abs();
        let least = Self::of(difference.saturating_sub(found.uncertainty));
        let most = Self::of(difference.saturating_add(found.uncertainty));
        self.clamp(least, most)
    }
}

/// What is known of this machine's clock.
#[derive(Default)]
pub(crate) struct Comparison(Mutex<Compared>);

#[derive(Clone, Copy, Default)]
struct Compared {
    /// By the last comparison; `None` before the first one, and where there is nothing to compare with.
    ahead: Option<SignedDuration>,
    health: Health,
}

/// Says by how much and in which direction a clock is off.
fn described(ahead: SignedDuration) -> String {
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    format!(
        "the clock of this machine is {:.1} s {direction} the database's",
        ahead.unsigned_abs().as_secs_f64()
    )
}

impl Platform {
    /// Compares the clock of this machine with the database's, and corrects the time by which this node works. Does nothing
    /// where the database tells the time by this machine's clock.
    ///
    /// # Errors
    /// Those of the metadata store; the time stays corrected as it was.
    pub async fn compare_clocks(&self) -> Result<()> {
        let Some(found) = self.metadata.store().compare_clock(self.agreed.machine()).await? else {
            return Ok(());
        };
        let (before, after) = {
            let mut known = self.comparison.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = *known;
            *known = Compared { ahead: Some(found.ahead), health: before.health.after(found) };
            (before, *known)
        };
        // A correction stays while what is measured does not speak against it, so that time does not run to and fro.
        let wrong_by = (found.ahead - self.agreed.ahead()).unsigned_abs();
        if before.ahead.is_none() || wrong_by > found.uncertainty {
            self.agreed.correct(found.ahead);
        }
        self.tell_health(before.health, after.health, found.ahead);
        Ok(())
    }

    fn tell_health(&self, before: Health, after: Health, ahead: SignedDuration) {
        let ahead_seconds = ahead.as_secs_f64();
        let described = described(ahead);
        match (before, after) {
            (Health::Right, Health::Right)
            | (Health::Off, Health::Off)
            | (Health::FarOff, Health::FarOff) => {}
            (_, Health::FarOff) => tracing::error!(
                ahead_seconds,
                "this node is not ready: {described}; find out which one is wrong, and set it by NTP"
            ),
            (Health::FarOff, Health::Off) => tracing::warn!(
                ahead_seconds,
                "this node is ready again, but {described}; find out which one is wrong, and set it by NTP"
            ),
            (Health::Right, Health::Off) => tracing::warn!(
                ahead_seconds,
                "{described}; find out which one is wrong, and set it by NTP: from {} s on this node is not ready",
                NOT_READY_FROM.as_secs()
            ),
            (_, Health::Right) => {
                tracing::info!(ahead_seconds, "the clock of this machine agrees with the database's again");
            }
        }
    }

    /// How far this machine's clock is ahead of the database's, negative when behind; `None` where there is nothing to compare.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.comparison.0.lock().unwrap_or_else(PoisonError::into_inner).ahead
    }

    /// What is wrong with this machine's clock, if that keeps the node from being ready.
    pub fn clock_fault(&self) -> Option<String> {
        let known = *self.comparison.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = known.ahead.filter(|_| known.health == Health::FarOff)?;
        Some(format!("{}, set both by NTP", described(ahead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ahead_millis: i64, uncertainty_millis: u64) -> ClockDifference {
        ClockDifference {
            ahead: SignedDuration::from_millis(ahead_millis),
            uncertainty: Duration::from_millis(uncertainty_millis),
        }
    }

    #[test]
    fn a_clock_is_judged_by_what_is_sure() {
        use Health::{FarOff, Off, Right};
        let cases = [
            (Right, found(1_999, 0), Right),
            (Right, found(2_000, 0), Off),
            (Right, found(-2_000, 0), Off),
            (Right, found(29_999, 0), Off),
            (Right, found(30_000, 0), FarOff),
            (Right, found(-400_000, 1), FarOff),
            (FarOff, found(29_000, 0), Off),
            (FarOff, found(0, 0), Right),
            // A slow answer says less.
            (Right, found(5_000, 4_000), Right),
            (Off, found(1_000, 4_000), Off),
            (FarOff, found(0, 60_000), FarOff),
            (Off, found(100_000, 60_000), FarOff),
            (FarOff, found(0, 5_000), Off),
        ];
        for (before, found, after) in cases {
            assert_eq!(before.after(found), after, "{before:?} {found:?}");
        }
    }

    #[test]
    fn a_difference_is_said_with_its_direction() {
        assert!(described(SignedDuration::from_secs(300)).ends_with("is 300.0 s ahead of the database's"));
        assert!(described(SignedDuration::from_millis(-2_340)).ends_with("is 2.3 s behind the database's"));
    }
}
