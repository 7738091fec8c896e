//! Attempts: one of several with the same key is handled, and its answer is kept for a day.

use std::time::Duration;

use longshore_domain::idempotency::{Attempt, AttemptState, KeptAnswer};
use longshore_platform::idempotency::HeldAttempt;
use longshore_testkit::registry::TestRegistry;
use longshore_testkit::stores::SharedStores;

fn attempt(key: &str, request: &str) -> Attempt {
    Attempt::new(b"token", key.as_bytes(), &[request.as_bytes()])
}

fn answer(status: u16) -> KeptAnswer {
    KeptAnswer { status, headers: "{}".into(), body: b"done".to_vec() }
}

#[tokio::test]
async fn an_attempt_is_handled_once_and_its_answer_kept_for_a_day() {
    let registry = TestRegistry::new().await;
    let platform = &registry.app.platform;
    let begin = async |key: &str, request: &str| {
        platform.begin_attempt(&platform.hold_attempt(attempt(key, request))).await.unwrap()
    };
    let held = platform.hold_attempt(attempt("a", "one"));
    assert_eq!(platform.begin_attempt(&held).await.unwrap(), AttemptState::First);
    assert_eq!(begin("a", "one").await, AttemptState::Running);
    assert_eq!(begin("a", "two").await, AttemptState::OtherRequest);
    assert_eq!(begin("b", "one").await, AttemptState::First);
    platform.answer_attempt(&held, answer(201)).await.unwrap();
    assert_eq!(begin("a", "one").await, AttemptState::Answered(answer(201)));
    assert_eq!(begin("a", "two").await, AttemptState::OtherRequest);
    // What is answered is not forgotten by who has answered it.
    platform.forget_attempt(&held).await.unwrap();
    registry.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(begin("a", "one").await, AttemptState::Answered(answer(201)));
    registry.clock.advance(Duration::from_secs(1));
    assert_eq!(begin("a", "two").await, AttemptState::First, "the key is free again");
    assert_eq!(platform.forget_attempts().await.unwrap(), 1, "b, which was never answered");
}

#[tokio::test]
async fn an_attempt_that_died_is_handled_again_and_cannot_answer_any_more() {
    let registry = TestRegistry::new().await;
    let platform = &registry.app.platform;
    let hold = || platform.hold_attempt(attempt("a", "one"));
    let begin = async |held: &HeldAttempt| platform.begin_attempt(held).await.unwrap();
    let (died, next) = (hold(), hold());
    assert_eq!(begin(&died).await, AttemptState::First);
    registry.clock.advance(Duration::from_secs(60));
    assert_eq!(begin(&next).await, AttemptState::Running);
    registry.clock.advance(Duration::from_secs(1));
    assert_eq!(begin(&next).await, AttemptState::First);
    // The one that was thought dead.
    platform.answer_attempt(&died, answer(200)).await.unwrap();
    platform.forget_attempt(&died).await.unwrap();
    assert_eq!(begin(&hold()).await, AttemptState::Running);
    // What was refused is handled again.
    platform.forget_attempt(&next).await.unwrap();
    assert_eq!(begin(&hold()).await, AttemptState::First);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_long_stays_alive() {
    // Time is made to pass here, and connections to a database would end by it.
    if SharedStores::chosen().is_some() {
        return;
    }
    let registry = TestRegistry::new().await;
    let platform = &registry.app.platform;
    let held = platform.hold_attempt(attempt("a", "one"));
    platform.begin_attempt(&held).await.unwrap();
    let work = async {
        for _ in 0..10 {
            registry.clock.advance(Duration::from_secs(40));
            // Longer than until it says again that it is alive.
            tokio::time::sleep(Duration::from_secs(20)).await;
            let other = platform.hold_attempt(attempt("a", "one"));
            assert_eq!(platform.begin_attempt(&other).await.unwrap(), AttemptState::Running);
        }
    };
    platform.keep_alive(&held, work).await;
}

#[tokio::test]
async fn of_attempts_at_once_one_is_the_first() {
    let registry = TestRegistry::new().await;
    let platform = &registry.app.platform;
    let attempts =
        (0..8).map(|_| async { platform.begin_attempt(&platform.hold_attempt(attempt("a", "one"))).await });
    let states = futures::future::try_join_all(attempts).await.unwrap();
    let firsts = states.iter().filter(|state| **state == AttemptState::First).count();
    let running = states.iter().filter(|state| **state == AttemptState::Running).count();
    assert_eq!((firsts, running), (1, 7));
}
