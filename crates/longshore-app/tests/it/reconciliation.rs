//! `longshore verify --store`: what the store has and the records name, in both directions.

use std::time::Duration;

use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::ports::blobs::StorageKey;
use longshore_lifecycle::reconciliation::ReconciliationReport;
use longshore_testkit::registry::{TestRegistry, name};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The test's clock stands in 2025; objects are made now. After this, they are old.
const AGES: Duration = Duration::from_secs(20 * 366 * 24 * 3600);

async fn reconcile(registry: &TestRegistry) -> ReconciliationReport {
    registry.app.lifecycle.reconcile_store(&Actor::OPERATOR, &|_| {}).await.unwrap()
}

/// Puts objects into the store that nobody recorded.
async fn put_orphans(registry: &TestRegistry, count: u128) -> Vec<StorageKey> {
    let keys: Vec<StorageKey> =
        (0..count).map(|number| StorageKey(uuid::Uuid::from_u128(0xabcd_0000 + number))).collect();
    for key in &keys {
        registry.tamper(*key, Some(b"stray")).await;
    }
    keys
}

#[tokio::test]
async fn strays_go_into_quarantine_and_then_away_and_nothing_else_does() {
    let registry = TestRegistry::with(|settings| settings.gc.lease = AGES * 2).await;
    let alice = registry.sign_in("alice").await;
    let kept = registry.push_blob(&alice, "alice/app", b"kept").await.unwrap();
    let orphans = put_orphans(&registry, 3).await;
    let young = reconcile(&registry).await;
    assert_eq!((young.objects, young.quarantined), (4, 0), "what is young may be recorded yet");
    registry.clock.advance(AGES);
    let first = reconcile(&registry).await;
    assert_eq!((first.newly_quarantined, first.quarantined, first.quarantined_bytes), (3, 3, 15));
    assert_eq!((first.blobs, first.damaged), (1, 0));
    registry.clock.advance(DAY * 6);
    let again = reconcile(&registry).await;
    assert_eq!(
        (again.newly_quarantined, again.quarantined),
        (0, 3),
        "the time in quarantine counts from the first"
    );
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!(registry.stored_objects().await.len(), 4);
    registry.clock.advance(DAY);
    let counts = registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!((counts.blobs_deleted, counts.freed_bytes), (3, 15));
    let left = registry.stored_objects().await;
    assert!(left.len() == 1 && orphans.iter().all(|orphan| !left.contains(orphan)), "{left:?}");
    assert_eq!(registry.read_blob(&alice, "alice/app", &kept).await.unwrap(), b"kept");
    assert_eq!(reconcile(&registry).await.quarantined, 0);
}

#[tokio::test]
async fn what_became_known_in_quarantine_stays() {
    let registry = TestRegistry::with(|settings| settings.gc.lease = AGES * 2).await;
    let alice = registry.sign_in("alice").await;
    let orphan = put_orphans(&registry, 1).await[0];
    registry.clock.advance(AGES);
    assert_eq!(reconcile(&registry).await.quarantined, 1);
    // A backup of the records that names the object is restored, say.
    registry.push_blob(&alice, "alice/app", b"stray").await.unwrap();
    registry.adopt(orphan).await;
    registry.clock.advance(DAY * 8);
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert!(registry.stored_objects().await.contains(&orphan));
}

#[tokio::test]
async fn missing_and_shortened_objects_are_reported() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for content in [b"first" as &[u8], b"second", b"third"] {
        registry.push_blob(&alice, "alice/app", content).await.unwrap();
    }
    assert_eq!(reconcile(&registry).await.damaged, 0);
    let objects = registry.stored_objects().await;
    registry.tamper(objects[0], None).await;
    registry.tamper(objects[1], Some(b"x")).await;
    let report = reconcile(&registry).await;
    assert_eq!((report.blobs, report.damaged), (3, 2));
    let text = report.findings.join("\n");
    for part in ["missing", "1 bytes instead of", &objects[0].to_string(), &objects[1].to_string()] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_list_that_lacks_objects_is_not_believed() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let mut digests = Vec::new();
    for content in [b"first" as &[u8], b"second", b"third", b"fourth"] {
        digests.push(registry.push_blob(&alice, "alice/app", content).await.unwrap());
    }
    for listed in [0, 2] {
        registry.fuse.shorten_lists(listed);
        let report = reconcile(&registry).await;
        assert_eq!((report.objects, report.expected, report.damaged), (u64::from(listed), 4, 1));
        assert!(report.findings[0].contains("its list is not complete"), "{:?}", report.findings);
        assert_eq!(report.newly_quarantined, 0);
    }
    // Nothing was said of the blobs themselves.
    for digest in &digests {
        registry.app.content.check_blob(&alice, &name("alice/app"), digest).await.unwrap();
    }
}

#[tokio::test]
async fn comparing_the_store_is_for_the_operator() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for principal in [&Actor::ANONYMOUS, &alice] {
        let refused = registry.app.lifecycle.reconcile_store(principal, &|_| {}).await;
        assert!(matches!(refused, Err(Error::Denied(_) | Error::Unauthenticated(_))));
    }
}

#[tokio::test]
async fn one_node_at_a_time_compares_or_collects() {
    let registry = TestRegistry::new().await;
    let Some(other) = registry.other_node().await else { return };
    let slow = std::sync::Mutex::new(None);
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"x").await.unwrap();
    // While the first one reports progress, the second one tries.
    let on_progress = |_: &ReconciliationReport| {
        let mut refused = slow.lock().unwrap();
        if refused.is_none() {
            let other = std::sync::Arc::clone(&other);
            let tried = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    other.lifecycle.reconcile_store(&Actor::OPERATOR, &|_| {}).await.is_err()
                })
            });
            *refused = Some(tried);
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    registry.app.lifecycle.reconcile_store(&Actor::OPERATOR, &on_progress).await.unwrap();
    assert!(slow.lock().unwrap().take().unwrap().join().unwrap(), "the second one was refused");
    other.lifecycle.reconcile_store(&Actor::OPERATOR, &|_| {}).await.unwrap();
}
