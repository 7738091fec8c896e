//! Durable work: wished for once and done at least once, whatever happens to the node that does it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use longshore_domain::access::actor::Actor;
use longshore_domain::work::{ListedWork, WorkId, WorkItem, WorkState};
use longshore_domain::{Error, Result};
use longshore_platform::work::{WorkFailure, WorkKind, Worker, Workers};
use longshore_testkit::registry::TestRegistry;
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

const KIND: WorkKind = WorkKind {
    name: "test",
    retries: &[MINUTE, Duration::from_secs(600)],
    at_once: 2,
    time_limit: Duration::from_secs(5),
    every: None,
};

/// A worker that does as it is told, and remembers what it did.
#[derive(Default)]
struct Diary {
    kind: Option<WorkKind>,
    done: Mutex<Vec<String>>,
    given_up: Mutex<Vec<String>>,
    fails: Mutex<VecDeque<WorkFailure>>,
    hangs: AtomicBool,
}

impl Diary {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn fail_with(&self, failures: impl IntoIterator<Item = WorkFailure>) {
        self.fails.lock().unwrap().extend(failures);
    }
}

fn again() -> WorkFailure {
    WorkFailure::Again("not now".into())
}

#[async_trait]
impl Worker for Diary {
    fn kind(&self) -> WorkKind {
        self.kind.unwrap_or(KIND)
    }

    async fn work(&self, item: &WorkItem) -> Result<u64, WorkFailure> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = self.fails.lock().unwrap().pop_front() {
            return Err(failure);
        }
        self.done.lock().unwrap().push(format!("{} {}", item.lane, item.payload));
        Ok(1)
    }

    async fn give_up(&self, item: &WorkItem, error: &str) -> Result<()> {
        self.given_up.lock().unwrap().push(format!("{}: {error}", item.payload));
        Ok(())
    }
}

async fn wish(registry: &TestRegistry, key: Option<&str>, lane: &str, payload: &str) {
    let platform = &registry.app.platform;
    let wish = platform.new_work(KIND, key.map(str::to_owned), lane.to_owned(), payload.to_owned());
    registry.metadata().write(wish, |tx, wish| Box::pin(tx.put_work(wish))).await.unwrap();
}

async fn listed(registry: &TestRegistry) -> Vec<ListedWork> {
    let all = registry.app.list_work(&Actor::OPERATOR).await.unwrap();
    all.into_iter().filter(|work| work.item.kind == "test").collect()
}

fn workers(diary: &Arc<Diary>) -> Workers {
    Arc::new([Arc::clone(diary) as Arc<dyn Worker>])
}

/// Takes work as a node that dies while it does it.
async fn take_and_die(registry: &TestRegistry) -> Vec<WorkItem> {
    let now = registry.app.platform.now();
    let node = registry.app.platform.new_uuid();
    registry
        .metadata()
        .write((now, node), |tx, (now, node)| {
            Box::pin(async move {
                let ids = tx.find_due_work("test", "", *now, longshore_domain::page::PageSize::MAX).await?;
                tx.take_work(ids, *node, *now, now.checked_add(MINUTE).unwrap()).await
            })
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_wish_twice_is_one_until_it_is_being_done() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    wish(&registry, Some("a"), "x", "first").await;
    wish(&registry, Some("a"), "x", "second").await;
    wish(&registry, None, "x", "any").await;
    wish(&registry, None, "x", "any").await;
    assert_eq!(listed(&registry).await.len(), 3);
    // A node has begun with it: the next wish waits behind, and is not begun beside it.
    assert_eq!(take_and_die(&registry).await.len(), 1);
    wish(&registry, Some("a"), "x", "third").await;
    registry.app.platform.do_due_work(&workers(&diary)).await.unwrap();
    assert_eq!(diary.done(), ["x any", "x any"]);
    // The node is dead: what it had is done first, then what waits behind it.
    registry.clock.advance(MINUTE);
    registry.app.platform.do_due_work(&workers(&diary)).await.unwrap();
    assert_eq!(diary.done()[2..], ["x second", "x third"]);
    assert!(listed(&registry).await.is_empty());
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_given_up_in_the_end() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    let platform = &registry.app.platform;
    wish(&registry, Some("a"), "x", "it").await;
    diary.fail_with([again(), again(), again()]);
    platform.do_due_work(&workers(&diary)).await.unwrap();
    let work = listed(&registry).await.remove(0);
    assert_eq!((work.item.attempts, work.item.last_error.as_deref()), (1, Some("not now")));
    let wait = work.item.due_at.duration_since(platform.now()).unsigned_abs();
    assert!((54 * SECOND..=66 * SECOND).contains(&wait), "{wait:?}");
    registry.clock.advance(2 * MINUTE);
    platform.do_due_work(&workers(&diary)).await.unwrap();
    registry.clock.advance(15 * MINUTE);
    platform.do_due_work(&workers(&diary)).await.unwrap();
    let work = listed(&registry).await.remove(0);
    assert!(matches!(work.state, WorkState::Dead { .. }) && work.item.attempts == 3, "{work:?}");
    assert_eq!(*diary.given_up.lock().unwrap(), ["it: not now"]);
    // This version knows no such kind.
    let refused = registry.app.retry_work(&Actor::OPERATOR, work.item.id).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}

#[tokio::test]
async fn what_can_never_succeed_is_given_up_at_once() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    wish(&registry, None, "x", "it").await;
    diary.fail_with([WorkFailure::Never("no such user".into())]);
    registry.app.platform.do_due_work(&workers(&diary)).await.unwrap();
    let work = listed(&registry).await.remove(0);
    assert!(matches!(work.state, WorkState::Dead { .. }) && work.item.attempts == 1, "{work:?}");
    registry.app.drop_work(&Actor::OPERATOR, work.item.id).await.unwrap();
    let gone = registry.app.drop_work(&Actor::OPERATOR, work.item.id).await;
    assert!(matches!(gone, Err(Error::WorkUnknown(id)) if id == work.item.id));
    let dead = registry.app.retry_work(&Actor::ANONYMOUS, WorkId(1)).await;
    assert!(matches!(dead, Err(Error::Unauthenticated(_) | Error::Denied(_))));
}

#[tokio::test]
async fn work_that_kills_its_node_is_given_up_too() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    wish(&registry, None, "x", "poison").await;
    for _ in 0..4 {
        assert_eq!(take_and_die(&registry).await.len(), 1);
        registry.clock.advance(MINUTE);
    }
    registry.app.platform.do_due_work(&workers(&diary)).await.unwrap();
    assert!(diary.done().is_empty());
    assert!(matches!(listed(&registry).await[0].state, WorkState::Dead { .. }));
}

#[tokio::test]
async fn lanes_take_turns() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    for number in 0..5 {
        wish(&registry, None, "loud", &number.to_string()).await;
    }
    wish(&registry, None, "quiet", "one").await;
    wish(&registry, None, "alone", "one").await;
    registry.app.platform.do_due_work(&workers(&diary)).await.unwrap();
    let done = diary.done();
    let place = |lane: &str| done.iter().position(|done| done.starts_with(lane)).unwrap();
    assert!(place("quiet") < 4 && place("alone") < 4, "{done:?}");
    assert_eq!(done.len(), 7);
}

#[tokio::test]
async fn a_server_does_work_at_once_and_leaves_what_it_cannot_end() {
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary::default());
    let platform = Arc::clone(&registry.app.platform);
    let stop = CancellationToken::new();
    let running = {
        let (platform, workers, stop) = (Arc::clone(&platform), workers(&diary), stop.clone());
        tokio::spawn(async move { platform.do_work(&workers, &stop).await })
    };
    wish(&registry, None, "x", "now").await;
    platform.wake_workers();
    let within = async {
        while diary.done().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(30 * SECOND, within).await.unwrap();
    // It is stopped while something hangs: another node does that, as if it had not been begun.
    diary.hangs.store(true, Ordering::SeqCst);
    wish(&registry, None, "x", "hangs").await;
    platform.wake_workers();
    let begun = async {
        while !listed(&registry).await.iter().any(|work| matches!(work.state, WorkState::Running { .. })) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(30 * SECOND, begun).await.unwrap();
    stop.cancel();
    running.await.unwrap();
    let left = listed(&registry).await.remove(0);
    let is_as_before = left.state == WorkState::Waiting && left.item.attempts <= 1;
    assert!(is_as_before, "{left:?}");
}

#[tokio::test]
async fn what_repeats_is_planned_once_and_is_due_again_after_it_was_done() {
    const REPEATING: WorkKind = WorkKind::repeating("test", Duration::from_secs(600));
    let registry = TestRegistry::new().await;
    let diary = Arc::new(Diary { kind: Some(REPEATING), ..Diary::default() });
    let platform = &registry.app.platform;
    for _ in 0..2 {
        platform.put_repeating_work(&workers(&diary)).await.unwrap();
    }
    assert_eq!(platform.do_due_work(&workers(&diary)).await.unwrap(), 1);
    platform.put_repeating_work(&workers(&diary)).await.unwrap();
    assert_eq!(platform.do_due_work(&workers(&diary)).await.unwrap(), 0);
    assert_eq!(listed(&registry).await[0].last_run.unwrap().items, 1);
    // However often it fails, it is never given up; it is tried again sooner than it would be due.
    diary.fail_with((0..20).map(|_| again()));
    registry.clock.advance(10 * MINUTE);
    for _ in 0..20 {
        assert_eq!(platform.do_due_work(&workers(&diary)).await.unwrap(), 1);
        registry.clock.advance(MINUTE);
    }
    assert_eq!(platform.do_due_work(&workers(&diary)).await.unwrap(), 1);
    let work = listed(&registry).await.remove(0);
    assert_eq!((work.state, work.item.attempts, work.item.last_error), (WorkState::Waiting, 0, None));
    let figures = platform.job_figures();
    let (_, figure) = figures.iter().find(|(name, _)| *name == "test").unwrap();
    assert_eq!((figure.succeeded, figure.failed, figure.items, figure.has_failed_last), (2, 20, 2, false));
}

#[tokio::test]
async fn housekeeping_is_planned_and_cannot_be_dropped() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    services.platform.put_repeating_work(&services.workers()).await.unwrap();
    let all = services.list_work(&Actor::OPERATOR).await.unwrap();
    assert!(all.len() > 10, "{all:?}");
    for work in &all {
        let refused = services.drop_work(&Actor::OPERATOR, work.item.id).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{work:?}");
    }
    let done = services.platform.do_due_work(&services.workers()).await.unwrap();
    assert_eq!(done, all.len() as u64);
    assert!(services.count_work().await.unwrap() >= done);
    assert!(services.work_depths().iter().all(|(_, depth)| depth.waiting <= 1 && depth.dead == 0));
}

#[tokio::test]
async fn nodes_share_work() {
    let registry = TestRegistry::new().await;
    let Some(other) = registry.other_node().await else { return };
    let diary = Arc::new(Diary::default());
    for number in 0..40 {
        wish(&registry, None, &format!("lane {}", number % 7), &number.to_string()).await;
    }
    let platforms = [Arc::clone(&registry.app.platform), Arc::clone(&other.platform)];
    let nodes = platforms.map(|platform| {
        let workers = workers(&diary);
        tokio::spawn(async move { platform.do_due_work(&workers).await.unwrap() })
    });
    for node in nodes {
        node.await.unwrap();
    }
    let mut done = diary.done();
    done.sort();
    done.dedup();
    assert_eq!((done.len(), diary.done().len()), (40, 40), "each is done once");
}
