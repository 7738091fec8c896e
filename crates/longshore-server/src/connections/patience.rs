//! How long the registry waits for a client to take what it asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a client may take nothing, and how slow it may be.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Longest time without progress.
    pub idle: Duration,
    /// Least bytes a second, over that time.
    pub bytes_per_second: u64,
}

/// A clock that runs while it is the client's turn, and is set back by what the client takes: a byte is worth the time in
/// which it must be taken. Who takes one byte now and then gains next to nothing.
pub struct Patience {
    pace: Pace,
    state: Mutex<State>,
}

struct State {
    left: Duration,
    /// Since when it is the client's turn.
    waiting_since: Option<Instant>,
}

impl Patience {
    /// Makes one whose clock does not run yet.
    pub fn new(pace: Pace) -> Self {
        Self { pace, state: Mutex::new(State { left: pace.idle, waiting_since: None }) }
    }

    /// It is the client's turn.
    pub fn start(&self, now: Instant) {
        let mut state = self.lock();
        state.waiting_since = state.waiting_since.or(Some(now));
    }

    /// It is the registry's turn.
    pub fn stop(&self, now: Instant) {
        self.lock().stop(now);
    }

    /// The client has taken some bytes.
    pub fn credit(&self, bytes: usize, now: Instant) {
        let worth = Duration::from_secs_f64(bytes as f64 / self.pace.bytes_per_second.max(1) as f64);
        let mut state = self.lock();
        let was_waiting = state.waiting_since.is_some();
        state.stop(now);
        state.left = state.left.saturating_add(worth).min(self.pace.idle);
        state.waiting_since = was_waiting.then_some(now);
    }

    /// The client has taken some bytes, and it is the registry's turn.
    pub fn take_turn(&self, bytes: usize, now: Instant) {
        self.credit(bytes, now);
        self.stop(now);
    }

    /// Returns when it ends, if it is the client's turn.
    pub fn deadline(&self) -> Option<Instant> {
        let state = self.lock();
        state.waiting_since.map(|since| since + state.left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stop(&mut self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(now.saturating_duration_since(since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(60), bytes_per_second: 1024 };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_clock_runs_only_while_it_is_the_clients_turn() {
        let start = Instant::now();
        let patience = Patience::new(PACE);
        assert_eq!(patience.deadline(), None);
        patience.start(start);
        assert_eq!(patience.deadline(), Some(start + seconds(60)));
        patience.stop(start + seconds(50));
        assert_eq!(patience.deadline(), None);
        patience.start(start + seconds(500));
        assert_eq!(patience.deadline(), Some(start + seconds(510)));
    }

    #[test]
    fn a_byte_now_and_then_is_no_progress_and_a_slow_but_steady_client_is() {
        let start = Instant::now();
        let trickle = Patience::new(PACE);
        trickle.start(start);
        for second in (20..=40).step_by(20) {
            trickle.credit(1, start + seconds(second));
        }
        assert!(trickle.deadline().unwrap() < start + seconds(61));

        let steady = Patience::new(PACE);
        steady.start(start);
        for second in 1..=1000 {
            steady.credit(2048, start + seconds(second));
        }
        assert_eq!(steady.deadline(), Some(start + seconds(1060)));
    }
}
