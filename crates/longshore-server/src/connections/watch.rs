//! What is in progress on a connection, and when its client has had enough time.
//!
//! A body that HTTP does not ask for more cannot time out by itself: with a window of 0 an HTTP/2 client lets a response lie
//! for ever. So each response has a clock that runs while it is the client's turn, and the task of the connection looks at
//! all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use longshore_api_common::shares::Share;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::patience::{Pace, Patience};

/// Refused requests of one connection whose answers are not taken; with more it is cut.
const REFUSED_LIMIT: usize = 4;

/// The deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the beginning to the header of the first request.
    pub first_request: Duration,
    /// Between requests.
    pub idle: Duration,
    /// How fast a client must take its responses.
    pub pace: Pace,
}

/// Why a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// No request came.
    Silent,
    /// The client does not take what it asked for.
    Stalled,
    /// The client asks for more although it was refused.
    Insistent,
}

/// What to do with a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again then.
    GoOn(Instant),
    /// Nothing has been asked for a while.
    Idle,
    /// Enough.
    Cut(Cut),
}

/// What is in progress on a connection.
pub struct Watch {
    deadlines: Deadlines,
    io: Patience,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    flights: HashMap<u64, Arc<Patience>>,
    refused: usize,
    /// Whether there were too many of those at any time: what is refused at last leaves nothing that would lie.
    is_insistent: bool,
    began: u64,
    /// Since when there are no flights.
    idle_since: Instant,
}

impl Watch {
    /// Begins with the connection.
    pub fn new(deadlines: Deadlines, now: Instant) -> Arc<Self> {
        let state =
            State { flights: HashMap::new(), refused: 0, is_insistent: false, began: 0, idle_since: now };
        let io = Patience::new(deadlines.pace);
        Arc::new(Self { deadlines, io, state: Mutex::new(state), changed: Notify::new() })
    }

    /// The clock of the socket.
    pub fn io(&self) -> &Patience {
        &self.io
    }

    /// Counts the time to the first request anew: what had to come before it is done.
    pub fn restart(&self, now: Instant) {
        self.lock().idle_since = now;
    }

    /// Waits until something asks for a verdict before its time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns whether the client went on asking without taking refusals.
    pub fn is_insistent(&self) -> bool {
        self.lock().is_insistent
    }

    /// Returns whether there was any request yet.
    pub fn has_begun(&self) -> bool {
        self.lock().began > 0
    }

    /// Decides what to do with the connection.
    pub fn verdict(&self, now: Instant) -> Verdict {
        let state = self.lock();
        if state.is_insistent {
            return Verdict::Cut(Cut::Insistent);
        }
        let clocks = state.flights.values().map(Arc::as_ref).chain([&self.io]);
        let turns = clocks.filter_map(Patience::deadline).min();
        if turns.is_some_and(|turns| turns <= now) {
            return Verdict::Cut(Cut::Stalled);
        }
        // A turn that begins later ends later than this.
        let mut next = now + self.deadlines.pace.idle / 2;
        if state.flights.is_empty() && turns.is_none() {
            let end = match state.began {
                0 => state.idle_since + self.deadlines.first_request,
                _ => state.idle_since + self.deadlines.idle,
            };
            if end <= now {
                return if state.began == 0 { Verdict::Cut(Cut::Silent) } else { Verdict::Idle };
            }
            next = next.min(end);
        }
        Verdict::GoOn(turns.map_or(next, |turns| next.min(turns)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress, from its header until the last byte of its response has left.
pub struct Flight {
    watch: Arc<Watch>,
    number: u64,
    patience: Arc<Patience>,
    /// Bytes of the response that were handed to HTTP and have not left.
    held: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
    /// What it has of the turns of all; `None` when it was refused.
    turn: Option<Share>,
}

impl Flight {
    /// Begins with a request.
    pub fn begin(watch: &Arc<Watch>, turn: Option<Share>) -> Arc<Self> {
        let patience = Arc::new(Patience::new(watch.deadlines.pace));
        let mut state = watch.lock();
        let number = state.began;
        state.began += 1;
        state.flights.insert(number, Arc::clone(&patience));
        if turn.is_none() {
            state.refused += 1;
            if state.refused > REFUSED_LIMIT {
                state.is_insistent = true;
                watch.changed.notify_one();
            }
        }
        drop(state);
        let watch = Arc::clone(watch);
        Arc::new(Self { watch, number, patience, held: AtomicUsize::new(0), waiting: Mutex::default(), turn })
    }

    /// Returns whether it got no turn.
    pub fn is_refused(&self) -> bool {
        self.turn.is_none()
    }

    /// The clock of the response.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Returns how many bytes of it are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Counts bytes that were handed to HTTP.
    pub fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts bytes that have left.
    pub fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
        self.patience.credit(bytes, Instant::now());
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Wakes somebody when bytes have left.
    pub fn wake_on_release(&self, waker: &Waker) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.watch.lock();
        state.flights.remove(&self.number);
        if self.turn.is_none() {
            state.refused -= 1;
        }
        if state.flights.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use longshore_api_common::shares::Shares;

    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        first_request: Duration::from_secs(30),
        idle: Duration::from_secs(120),
        pace: Pace { idle: Duration::from_secs(60), bytes_per_second: 1024 },
    };

    fn turn() -> Option<Share> {
        Shares::new(100, 1).take(IpAddr::from([127, 0, 0, 1]), 1).ok()
    }

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_cut_and_an_idle_one_ends() {
        let watch = Watch::new(DEADLINES, Instant::now());
        assert!(matches!(watch.verdict(after(29)), Verdict::GoOn(_)));
        assert_eq!(watch.verdict(after(30)), Verdict::Cut(Cut::Silent));
        drop(Flight::begin(&watch, turn()));
        assert!(matches!(watch.verdict(after(119)), Verdict::GoOn(_)));
        assert_eq!(watch.verdict(after(120)), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_the_registry_works_on_has_time() {
        let watch = Watch::new(DEADLINES, Instant::now());
        let _flight = Flight::begin(&watch, turn());
        assert!(matches!(watch.verdict(after(100_000)), Verdict::GoOn(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_response_that_is_not_taken_cuts_the_connection() {
        let watch = Watch::new(DEADLINES, Instant::now());
        let (taken, lying) = (Flight::begin(&watch, turn()), Flight::begin(&watch, turn()));
        taken.patience().start(Instant::now());
        lying.patience().start(Instant::now());
        assert_eq!(watch.verdict(Instant::now()), Verdict::GoOn(after(30)));
        tokio::time::advance(Duration::from_secs(50)).await;
        taken.hold(1 << 20);
        taken.release(1 << 20);
        assert_eq!(watch.verdict(after(10)), Verdict::Cut(Cut::Stalled));
        drop(lying);
        assert!(matches!(watch.verdict(after(10)), Verdict::GoOn(_)));
        assert_eq!(watch.verdict(after(60)), Verdict::Cut(Cut::Stalled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_takes_nothing_cuts_the_connection_without_any_request_in_progress() {
        let watch = Watch::new(DEADLINES, Instant::now());
        drop(Flight::begin(&watch, turn()));
        watch.io().start(Instant::now());
        assert_eq!(watch.verdict(after(60)), Verdict::Cut(Cut::Stalled));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_refusals_lying_is_cut() {
        let watch = Watch::new(DEADLINES, Instant::now());
        let flights: Vec<_> = (0..=REFUSED_LIMIT).map(|_| Flight::begin(&watch, None)).collect();
        assert_eq!(watch.verdict(Instant::now()), Verdict::Cut(Cut::Insistent));
        watch.changed().await;
        drop(flights);
        assert_eq!(
            watch.verdict(Instant::now()),
            Verdict::Cut(Cut::Insistent),
            "also when the last ended at once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_refusals_may_go_on_asking() {
        let watch = Watch::new(DEADLINES, Instant::now());
        for _ in 0..10 * REFUSED_LIMIT {
            let _held: Vec<_> = (0..REFUSED_LIMIT).map(|_| Flight::begin(&watch, None)).collect();
        }
        assert!(matches!(watch.verdict(Instant::now()), Verdict::GoOn(_)));
    }
}
