use std::time::Duration;

use longshore_domain::Error;
use longshore_domain::access::actor::{Actor, RepositoryAccess};
use longshore_domain::gc_run::{GcRun, RunKind, RunStatus};
use longshore_identity::tokens::{Refresh, RequestedScope};
use longshore_lifecycle::registries::WantedRegistry;
use longshore_testkit::images::{artifact, digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const CONFIG: &[u8] = b"config";
const HOUR: Duration = Duration::from_secs(3600);

/// Makes the registry `shop` of alice, with what tests need in it: one tagged image and one that is deleted.
async fn shop(registry: &TestRegistry) -> std::sync::Arc<Actor> {
    let alice = registry.sign_in("alice").await;
    let wanted =
        WantedRegistry { name: "shop".parse().unwrap(), tier: Some("professional".into()), region: None };
    registry.app.lifecycle.create_registry(&alice, wanted).await.unwrap();
    for blob in [CONFIG, b"kept layer", b"old layer"] {
        registry.push_blob(&alice, "shop/app", blob).await.unwrap();
    }
    registry.push_manifest(&alice, "shop/app", "kept", &image(CONFIG, &[b"kept layer"])).await.unwrap();
    let old = image(CONFIG, &[b"old layer"]);
    registry.push_manifest(&alice, "shop/app", "old", &old).await.unwrap();
    registry.app.content.delete_manifest(&alice, &name("shop/app"), &digest_of(&old)).await.unwrap();
    registry.clock.advance(2 * HOUR);
    alice
}

async fn start(registry: &TestRegistry, by: &Actor, kind: RunKind) -> Result<GcRun, Error> {
    registry.app.lifecycle.start_gc_run(by, &"shop".parse().unwrap(), kind).await
}

async fn newest(registry: &TestRegistry) -> GcRun {
    let size = longshore_domain::page::PageSize::MAX;
    let shop = "shop".parse().unwrap();
    let listed = registry.app.lifecycle.list_gc_runs(&Actor::OPERATOR, &shop, 0, size);
    listed.await.unwrap().0.remove(0)
}

/// Asks for a token for pushing, and tells whether it holds that.
async fn may_push_now(registry: &TestRegistry, by: &Actor) -> bool {
    let scope = RequestedScope::Repository(RepositoryAccess {
        repository: name("shop/app"),
        pull: true,
        push: true,
        delete: true,
    });
    let issued = registry.app.identity.issue_token(by, &[scope], Refresh::None).await.unwrap();
    assert!(issued.scope.contains("pull"), "{}", issued.scope);
    assert_eq!(issued.scope.contains("push"), issued.scope.contains("delete"));
    issued.scope.contains("push")
}

#[tokio::test]
async fn a_run_frees_what_was_deleted_and_counts_it() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    let run = start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Requested, 0, 0));
    assert!(matches!(start(&registry, &alice, RunKind::Both).await, Err(Error::Conflict(_))));
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Succeeded, 1, 9));
    assert_eq!(registry.stored_objects().await.len(), 2);
    let active = registry.app.lifecycle.get_active_gc_run(&alice, &"shop".parse().unwrap()).await;
    assert!(matches!(active, Err(Error::GcRunUnknown)));
    // Nothing is left to do for the next one.
    registry.clock.advance(HOUR);
    start(&registry, &alice, RunKind::Both).await.unwrap();
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Succeeded, 0, 0));
    assert!(registry.read_blob(&alice, "shop/app", &digest_of(b"kept layer")).await.is_ok());
}

#[tokio::test]
async fn the_kinds_take_what_they_say() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    // An index whose tag moves away takes its child with it.
    registry.push_blob(&alice, "shop/app", b"child layer").await.unwrap();
    let child = image(CONFIG, &[b"child layer"]);
    registry.push_manifest(&alice, "shop/app", &digest_of(&child).to_string(), &child).await.unwrap();
    let parent = index(&[&child]);
    registry.push_manifest(&alice, "shop/app", "many", &parent).await.unwrap();
    registry.push_manifest(&alice, "shop/app", "many", &image(CONFIG, &[b"kept layer"])).await.unwrap();
    registry.clock.advance(2 * HOUR);
    let run = |kind| {
        let (registry, alice) = (&registry, &alice);
        async move {
            start(registry, alice, kind).await.unwrap();
            registry.app.lifecycle.advance_gc_runs().await.unwrap();
            let run = newest(registry).await;
            assert_eq!(run.status, RunStatus::Succeeded);
            (run.blobs_deleted, registry.stored_objects().await.len())
        }
    };
    // The untagged index is deleted; its child is still listed by it, as long as it can be restored.
    assert_eq!(run(RunKind::UntaggedManifests).await, (0, 4));
    registry.push_manifest(&alice, "shop/app", "again", &parent).await.unwrap();
    registry.app.content.delete_tag(&alice, &name("shop/app"), &"again".parse().unwrap()).await.unwrap();
    registry.clock.advance(2 * HOUR);
    assert_eq!(run(RunKind::UnreferencedBlobs).await, (1, 3));
    assert_eq!(run(RunKind::Both).await, (1, 2));
}

#[tokio::test]
async fn what_was_seen_within_the_grace_stays() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    registry.push_blob(&alice, "shop/app", b"being pushed").await.unwrap();
    registry.push_blob(&alice, "shop/app", b"asked for").await.unwrap();
    registry.clock.advance(HOUR * 3 / 4);
    registry.app.content.check_blob(&alice, &name("shop/app"), &digest_of(b"asked for")).await.unwrap();
    start(&registry, &alice, RunKind::Both).await.unwrap();
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.blobs_deleted, 1, "the old layer");
    let layers: [&[u8]; 2] = [b"being pushed", b"asked for"];
    registry.push_manifest(&alice, "shop/app", "new", &image(CONFIG, &layers)).await.unwrap();
    // Of two that nothing references, the one goes that nobody asked for within the grace.
    registry.push_blob(&alice, "shop/app", b"orphan").await.unwrap();
    registry.push_blob(&alice, "shop/app", b"still wanted").await.unwrap();
    registry.clock.advance(HOUR * 3 / 4);
    registry.app.content.check_blob(&alice, &name("shop/app"), &digest_of(b"still wanted")).await.unwrap();
    registry.clock.advance(HOUR / 2);
    start(&registry, &alice, RunKind::Both).await.unwrap();
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.blobs_deleted, 1);
    assert!(registry.read_blob(&alice, "shop/app", &digest_of(b"still wanted")).await.is_ok());
    assert!(registry.read_blob(&alice, "shop/app", &digest_of(b"orphan")).await.is_err());
}

#[tokio::test]
async fn nobody_gets_a_token_for_pushing_while_a_run_is_in_progress() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    assert!(may_push_now(&registry, &alice).await);
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    assert!(!may_push_now(&registry, &alice).await);
    // Also not with a password, without a token.
    let refused = registry.push_blob(&alice, "shop/app", b"more").await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
    registry.push_blob(&alice, "alice/app", b"elsewhere").await.unwrap();
    // The token that was given before works for five minutes; so long the run waits.
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.status, RunStatus::Waiting);
    registry.clock.advance(Duration::from_secs(299));
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.status, RunStatus::Waiting);
    assert!(!may_push_now(&registry, &alice).await);
    registry.clock.advance(Duration::from_secs(6));
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.status, RunStatus::Succeeded);
    assert!(may_push_now(&registry, &alice).await);
    registry.push_blob(&alice, "shop/app", b"more").await.unwrap();
}

#[tokio::test]
async fn a_run_survives_a_restart_and_a_dead_one_does_not_stay_read_only() {
    let mut registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    may_push_now(&registry, &alice).await;
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.reopen().await;
    let alice = registry.sign_in("alice").await;
    assert!(!may_push_now(&registry, &alice).await);
    registry.clock.advance(Duration::from_secs(306));
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted), (RunStatus::Succeeded, 1));
    // Nobody goes on with the next one.
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    assert!(!may_push_now(&registry, &alice).await);
    registry.reopen().await;
    registry.clock.advance(Duration::from_secs(901));
    let alice = registry.sign_in("alice").await;
    assert!(may_push_now(&registry, &alice).await);
}

#[tokio::test]
async fn runs_are_cancelled() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    let shop_name = "shop".parse().unwrap();
    may_push_now(&registry, &alice).await;
    let run = start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    let services = &registry.app;
    let same = services.lifecycle.get_gc_run(&alice, &shop_name, run.uuid).await.unwrap();
    assert_eq!(same.status, RunStatus::Requested);
    let bob = registry.sign_in("bob").await;
    let refused = services.lifecycle.cancel_gc_run(&bob, &shop_name, run.uuid).await;
    assert!(matches!(refused, Err(Error::RegistryUnknown(_))));
    let run = services.lifecycle.cancel_gc_run(&alice, &shop_name, run.uuid).await.unwrap();
    assert_eq!(run.status, RunStatus::Cancelling);
    services.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted), (RunStatus::Cancelled, 0));
    assert!(may_push_now(&registry, &alice).await);
    let over = services.lifecycle.cancel_gc_run(&alice, &shop_name, run.uuid).await;
    assert!(matches!(over, Err(Error::GcRunUnknown)));
    // The next one finds what this one has left.
    registry.clock.advance(HOUR);
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.blobs_deleted, 1);
}

#[tokio::test]
async fn deleted_repositories_go_with_a_run_and_what_others_have_stays() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    registry.push_blob(&alice, "shop/gone", b"shared").await.unwrap();
    registry.push_blob(&alice, "shop/gone", CONFIG).await.unwrap();
    registry.push_blob(&alice, "shop/gone", b"its own").await.unwrap();
    registry
        .push_manifest(&alice, "shop/gone", "v1", &image(CONFIG, &[b"shared", b"its own"]))
        .await
        .unwrap();
    registry.push_blob(&alice, "alice/app", b"shared").await.unwrap();
    registry.app.content.delete_repository(&alice, &name("shop/gone")).await.unwrap();
    registry.clock.advance(2 * HOUR);
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Succeeded, 2, 16));
    assert!(registry.read_blob(&alice, "alice/app", &digest_of(b"shared")).await.is_ok());
    let details = registry.app.lifecycle.get_registry(&alice, &"shop".parse().unwrap()).await.unwrap();
    let kept = image(CONFIG, &[b"kept layer"]).len() as u64;
    assert_eq!(details.storage_bytes, kept + 16);
}

#[tokio::test]
async fn a_deleted_image_goes_whatever_refers_to_it_and_is_predicted() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    for blob in [b"signed layer".as_slice(), b"{}"] {
        registry.push_blob(&alice, "shop/app", blob).await.unwrap();
    }
    let signed = image(CONFIG, &[b"signed layer"]);
    registry.push_manifest(&alice, "shop/app", "signed", &signed).await.unwrap();
    for number in 0..25 {
        let signature = artifact(&signed, "application/x-signature", &number.to_string());
        let digest = digest_of(&signature).to_string();
        registry.push_manifest(&alice, "shop/app", &digest, &signature).await.unwrap();
    }
    registry.clock.advance(2 * HOUR);
    registry.app.content.delete_manifest(&alice, &name("shop/app"), &digest_of(&signed)).await.unwrap();
    for (kind, blobs, bytes, untagged) in [(RunKind::UnreferencedBlobs, 2, 21, 0), (RunKind::Both, 1, 2, 25)]
    {
        let shop = "shop".parse().unwrap();
        let forecast = registry.app.lifecycle.preview_gc_run(&alice, &shop, kind).await.unwrap();
        assert_eq!(
            (forecast.blobs, forecast.freed_bytes, forecast.untagged_images),
            (blobs, bytes, untagged)
        );
        start(&registry, &alice, kind).await.unwrap();
        registry.app.lifecycle.advance_gc_runs().await.unwrap();
        let run = newest(&registry).await;
        assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Succeeded, blobs, bytes));
        assert_eq!((run.found, run.started_by.as_deref()), (Some((blobs, bytes)), Some("alice")));
        registry.clock.advance(HOUR);
    }
}

#[tokio::test]
async fn a_store_that_fails_lets_a_run_fail_after_some_tries() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.fuse.set_broken(true);
    let mut seen = Vec::new();
    for _ in 0..30 {
        registry.app.lifecycle.advance_gc_runs().await.unwrap();
        seen.push(newest(&registry).await.status);
        registry.clock.advance(Duration::from_secs(61));
    }
    let run = newest(&registry).await;
    assert_eq!((run.status, run.failures), (RunStatus::Failed, 10));
    seen.dedup();
    assert_eq!(seen, [RunStatus::Deleting, RunStatus::Failed], "it does not go back");
    assert!(may_push_now(&registry, &alice).await);
    // What it could not delete is the background's, and does not count for it.
    registry.fuse.set_broken(false);
    registry.app.lifecycle.collect_garbage().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.blobs_deleted, run.freed_bytes, registry.stored_objects().await.len()), (0, 0, 2));
}

#[tokio::test]
async fn a_run_that_failed_once_goes_on_and_counts_once() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.fuse.set_broken(true);
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    registry.fuse.set_broken(false);
    // The background leaves it to the run, for a while.
    registry.clock.advance(Duration::from_secs(61));
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!(registry.stored_objects().await.len(), 3);
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let run = newest(&registry).await;
    assert_eq!((run.status, run.blobs_deleted, run.freed_bytes), (RunStatus::Succeeded, 1, 9));
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!(newest(&registry).await.blobs_deleted, 1);
}

#[tokio::test]
async fn a_run_that_was_left_alone_waits_for_tokens_that_were_given_meanwhile() {
    let registry = TestRegistry::new().await;
    let alice = shop(&registry).await;
    start(&registry, &alice, RunKind::UnreferencedBlobs).await.unwrap();
    registry.clock.advance(Duration::from_secs(601));
    assert!(may_push_now(&registry, &alice).await, "nobody went on with it");
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.status, RunStatus::Waiting);
    assert!(!may_push_now(&registry, &alice).await);
    registry.clock.advance(Duration::from_secs(306));
    registry.app.lifecycle.advance_gc_runs().await.unwrap();
    assert_eq!(newest(&registry).await.status, RunStatus::Succeeded);
}

#[tokio::test]
async fn in_the_first_hour_of_a_registry_leases_are_not_waived() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    // Asked for before it was a registry, when leases were renewed twice a day.
    registry.push_blob(&alice, "alice/app", b"asked for").await.unwrap();
    registry.clock.advance(11 * HOUR);
    registry.app.content.check_blob(&alice, &name("alice/app"), &digest_of(b"asked for")).await.unwrap();
    let wanted = WantedRegistry { name: "alice".parse().unwrap(), tier: None, region: None };
    registry.app.lifecycle.create_registry(&alice, wanted).await.unwrap();
    registry.clock.advance(HOUR / 2);
    let alice_name = "alice".parse().unwrap();
    let services = &registry.app;
    services.lifecycle.start_gc_run(&alice, &alice_name, RunKind::Both).await.unwrap();
    services.lifecycle.advance_gc_runs().await.unwrap();
    registry.read_blob(&alice, "alice/app", &digest_of(b"asked for")).await.unwrap();
    registry.clock.advance(HOUR);
    services.lifecycle.start_gc_run(&alice, &alice_name, RunKind::Both).await.unwrap();
    services.lifecycle.advance_gc_runs().await.unwrap();
    assert!(registry.read_blob(&alice, "alice/app", &digest_of(b"asked for")).await.is_err());
}
