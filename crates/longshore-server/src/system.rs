//! The machine's clock and randomness.

use jiff::Timestamp;
use longshore_domain::clock::{Clock, Entropy};

/// The machine's clock.
pub struct SystemClock {
    /// Names a file with seconds to add, by which tests set the clocks of nodes on one machine apart.
    #[cfg(debug_assertions)]
    set_apart: Option<std::path::PathBuf>,
}

impl SystemClock {
    /// The clock as it is; in a debug build, `TEST_LONGSHORE_CLOCK` names a file with seconds to add.
    pub fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            set_apart: std::env::var_os("TEST_LONGSHORE_CLOCK").map(Into::into),
        }
    }

    #[cfg(debug_assertions)]
    fn added(&self) -> jiff::SignedDuration {
        let text = self.set_apart.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        jiff::SignedDuration::from_secs(text.and_then(|text| text.trim().parse().ok()).unwrap_or_default())
    }

    #[cfg(not(debug_assertions))]
    #[expect(clippy::unused_self, reason = "a debug build may set the clock apart")]
    fn added(&self) -> jiff::SignedDuration {
        jiff::SignedDuration::ZERO
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.added()).unwrap_or(now)
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("without randomness from the operating system no secret is safe");
    }
}
