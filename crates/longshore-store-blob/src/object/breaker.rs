//! A circuit breaker: while a store fails, requests are refused at once instead of waiting for it one by one.
//!
//! A store that hangs is one that fails: a call counts as a failure each time that it waits longer than an answer may take,
//! and ends as soon as the store is left alone. Otherwise each request would wait for all its own time-outs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longshore_domain::{Error, Result};
use tokio::time::Instant;

/// Failures in a row after which the store is left alone.
const FAILURES: u32 = 5;
/// How long it is left alone before one call may try again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the answer to a small request may take before it counts as a failure.
pub(super) const ANSWER: Duration = Duration::from_secs(3);

/// Counts failures of a store in a row.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// Runs a call of a small request, or refuses it while the store is left alone.
    pub(super) async fn run<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.run_within(ANSWER, call).await
    }

    /// Runs a call whose answer may take this long, or refuses it while the store is left alone.
    pub(super) async fn run_within<T>(
        &self,
        allowed: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.admit()?;
        self.watch(allowed, call).await
    }

    /// Runs a call whatever happened before, and learns from it.
    pub(super) async fn watch<T>(
        &self,
        allowed: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut call = std::pin::pin!(call);
        let answer = loop {
            match tokio::time::timeout(allowed, call.as_mut()).await {
                Ok(answer) => break answer,
                Err(_) => {
                    self.learn(true);
                    if self.is_open() {
                        return Err(Error::Unavailable("the object store does not answer".into()));
                    }
                }
            }
        };
        let is_outage = |source: &longshore_domain::error::Source| !source.is::<super::client::Refused>();
        self.learn(matches!(&answer, Err(Error::Unavailable(source)) if is_outage(source)));
        answer
    }

    /// Whether the store is left alone.
    fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed_until.is_some()
    }

    fn admit(&self) -> Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match state.closed_until {
            Some(until) if now < until => Err(Error::Unavailable(
                "the object store failed repeatedly and is left alone for a moment".into(),
            )),
            // This one tries; the others wait for what it finds.
            Some(_) => {
                state.closed_until = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn learn(&self, has_failed: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_failed {
            if state.closed_until.take().is_some() {
                tracing::info!("the object store answers again");
            }
            state.failures = 0;
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            if state.closed_until.is_none() {
                tracing::warn!(
                    failures = state.failures,
                    "the object store does not answer; requests that need it fail"
                );
            }
            state.closed_until = Some(Instant::now() + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fails() -> Result<()> {
        Err(Error::Unavailable("on purpose".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_store_is_left_alone_and_tried_again() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.run(fails()).await.is_err());
        }
        let refused = breaker.run(async { panic!("the store is left alone") });
        let refused: Result<()> = refused.await;
        assert!(matches!(refused, Err(Error::Unavailable(_))));
        tokio::time::advance(PAUSE).await;
        // The one that tries fails: left alone again.
        assert!(breaker.run(fails()).await.is_err());
        assert!(breaker.run(async { Ok(()) }).await.is_err());
        tokio::time::advance(PAUSE).await;
        breaker.run(async { Ok(()) }).await.unwrap();
        breaker.run(async { Ok(()) }).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_left_alone_after_time_outs_in_a_row() {
        let breaker = Breaker::default();
        let began_at = Instant::now();
        let hung: Result<()> = breaker.run(std::future::pending()).await;
        assert!(matches!(hung, Err(Error::Unavailable(_))));
        assert_eq!(began_at.elapsed(), ANSWER * FAILURES, "the first one finds out");
        let refused: Result<()> = breaker.run(async { panic!("the store is left alone") }).await;
        assert!(refused.is_err());
        tokio::time::advance(PAUSE).await;
        let began_at = Instant::now();
        assert!(breaker.run(std::future::pending::<Result<()>>()).await.is_err());
        assert_eq!(began_at.elapsed(), ANSWER, "the one that tries does not wait for long");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_call_beside_others_that_are_answered_goes_on() {
        let breaker = Breaker::default();
        let slow = breaker.run(async {
            tokio::time::sleep(ANSWER * 20).await;
            Ok(())
        });
        let others = async {
            for _ in 0..30 {
                tokio::time::sleep(ANSWER).await;
                breaker.run(async { Ok(()) }).await.unwrap();
            }
        };
        let (slow, ()) = tokio::join!(slow, others);
        slow.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_the_stores_fault_does_not_count() {
        let breaker = Breaker::default();
        for _ in 0..3 * FAILURES {
            let _: Result<()> = breaker.run(async { Err(Error::UploadUnknown) }).await;
        }
        breaker.run(async { Ok(()) }).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_forgets_the_failures_before_it() {
        let breaker = Breaker::default();
        for _ in 0..3 * FAILURES {
            let _ = breaker.run(fails()).await;
            breaker.run(async { Ok(()) }).await.unwrap();
        }
    }
}
