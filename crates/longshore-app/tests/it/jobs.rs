//! Jobs: done by whoever takes them, again after a death, cancelled, and failed aloud.

use std::time::Duration;

use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::job::{JobId, JobKind, JobState};
use longshore_domain::page::PageSize;
use longshore_testkit::registry::TestRegistry;

const OPERATOR: Actor = Actor::OPERATOR;

#[tokio::test]
async fn a_job_is_done_by_whoever_takes_it_and_says_what_came_of_it() {
    let registry = TestRegistry::new().await;
    let app = &registry.app;
    let job = app.start_job(&OPERATOR, JobKind::Verify).await.unwrap();
    assert_eq!((job.state, job.wanted_by.as_str()), (JobState::Waiting, "operator"));
    app.platform.do_due_work(&app.job_workers()).await.unwrap();
    let done = app.get_job(&OPERATOR, job.id).await.unwrap();
    assert_eq!(done.state, JobState::Done);
    assert!(done.result.unwrap().contains("\"problems\":0"));
    assert!(done.started_at.is_some() && done.finished_at.is_some());
    // Once.
    assert_eq!(app.platform.do_due_work(&app.job_workers()).await.unwrap(), 0);
    let listed = app.list_jobs(&OPERATOR, None, PageSize::clamped(1).unwrap()).await.unwrap();
    assert_eq!((listed.items.len(), listed.items[0].id, listed.has_more), (1, job.id, false));
}

#[tokio::test]
async fn a_job_that_is_cancelled_before_it_begins_does_nothing() {
    let registry = TestRegistry::new().await;
    let app = &registry.app;
    let job = app.start_job(&OPERATOR, JobKind::CollectGarbage).await.unwrap();
    assert!(app.cancel_job(&OPERATOR, job.id).await.unwrap().is_cancelled);
    app.platform.do_due_work(&app.job_workers()).await.unwrap();
    let ended = app.get_job(&OPERATOR, job.id).await.unwrap();
    assert_eq!((ended.state, ended.result), (JobState::Cancelled, None));
    // An end stays as it is.
    assert_eq!(app.cancel_job(&OPERATOR, job.id).await.unwrap().state, JobState::Cancelled);
}

#[tokio::test]
async fn only_the_operator_has_to_do_with_jobs() {
    let registry = TestRegistry::new().await;
    let app = &registry.app;
    let job = app.start_job(&OPERATOR, JobKind::Verify).await.unwrap();
    let nobody = Actor::ANONYMOUS;
    for refused in [
        app.start_job(&nobody, JobKind::Verify).await.err(),
        app.get_job(&nobody, job.id).await.err(),
        app.cancel_job(&nobody, job.id).await.err(),
        app.list_jobs(&nobody, None, PageSize::MAX).await.err(),
    ] {
        assert!(matches!(refused, Some(Error::Denied(_) | Error::Unauthenticated(_))), "{refused:?}");
    }
    assert_eq!(app.get_job(&OPERATOR, job.id).await.unwrap().state, JobState::Waiting);
    let unknown = app.get_job(&OPERATOR, JobId(uuid::Uuid::nil())).await;
    assert!(matches!(unknown, Err(Error::JobUnknown)));
}

#[tokio::test]
async fn jobs_are_forgotten_a_month_after_their_end() {
    let registry = TestRegistry::new().await;
    let app = &registry.app;
    let old = app.start_job(&OPERATOR, JobKind::Verify).await.unwrap();
    app.platform.do_due_work(&app.job_workers()).await.unwrap();
    registry.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let new = app.start_job(&OPERATOR, JobKind::Verify).await.unwrap();
    app.do_housekeeping().await.unwrap();
    assert!(matches!(app.get_job(&OPERATOR, old.id).await, Err(Error::JobUnknown)));
    assert_eq!(app.get_job(&OPERATOR, new.id).await.unwrap().id, new.id);
}
