//! Bytes that are lost or changed in the store: they are not served, and the next push heals.

use std::sync::Arc;

use longshore_domain::access::actor::Actor;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::ports::blobs::StorageKey;
use longshore_domain::{Error, Result};
use longshore_testkit::images::image;
use longshore_testkit::registry::{TestRegistry, name};

const LAYER: &[u8] = b"a layer";
const CHANGED: &[u8] = b"A layer";
const CONFIG: &[u8] = b"{}";

async fn findings(registry: &TestRegistry) -> Vec<String> {
    registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap().findings
}

async fn push(registry: &TestRegistry, alice: &Actor) -> (Digest, StorageKey) {
    let digest = registry.push_blob(alice, "alice/app", LAYER).await.unwrap();
    (digest, registry.stored_objects().await[0])
}

async fn is_there(registry: &TestRegistry, alice: &Actor, digest: &Digest) -> bool {
    match registry.app.content.check_blob(alice, &name("alice/app"), digest).await {
        Ok(_) => true,
        Err(Error::BlobUnknown { .. }) => false,
        Err(error) => panic!("{error:?}"),
    }
}

/// Nobody gets it, mounts it, or needs it for a manifest; then a push heals it.
async fn assert_gone_until_pushed(registry: &TestRegistry, alice: &Arc<Actor>, digest: &Digest) {
    assert!(!is_there(registry, alice, digest).await);
    let read = registry.read_blob(alice, "alice/app", digest).await;
    assert!(matches!(read, Err(Error::BlobUnknown { .. })), "{read:?}");
    for from in [None, Some(name("alice/app"))] {
        let mounted = registry
            .app
            .content
            .mount_blob(alice, &name("alice/other"), digest, from.as_ref())
            .await
            .unwrap();
        assert!(mounted.is_none(), "{from:?}");
    }
    registry.push_blob(alice, "alice/app", CONFIG).await.unwrap();
    let refused = registry.push_manifest(alice, "alice/app", "v1", &image(CONFIG, &[LAYER])).await;
    assert!(matches!(refused, Err(Error::ManifestReferencesUnknown(_))), "{refused:?}");

    registry.push_blob(alice, "alice/app", LAYER).await.unwrap();
    assert!(is_there(registry, alice, digest).await);
    assert_eq!(registry.read_blob(alice, "alice/app", digest).await.unwrap(), LAYER);
    registry.push_manifest(alice, "alice/app", "v1", &image(CONFIG, &[LAYER])).await.unwrap();
    assert_eq!(findings(registry).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_push_heals_a_blob_that_was_changed_at_the_same_length() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    registry.tamper(object, Some(CHANGED)).await;
    assert!(is_there(&registry, &alice, &digest).await, "nobody has looked yet");
    let found = findings(&registry).await;
    assert!(found.len() == 1 && found[0].contains(&digest.to_string()), "{found:?}");
    assert_gone_until_pushed(&registry, &alice, &digest).await;
    // The object with the wrong bytes goes as any that nothing needs.
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert!(!registry.stored_objects().await.contains(&object));
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), LAYER);
}

#[tokio::test]
async fn a_blob_whose_object_is_missing_is_found_out_by_the_first_who_reads_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    registry.tamper(object, None).await;
    let read = registry.read_blob(&alice, "alice/app", &digest).await;
    assert!(matches!(read, Err(Error::BlobUnknown { .. })), "{read:?}");
    assert_gone_until_pushed(&registry, &alice, &digest).await;
}

#[tokio::test]
async fn a_shortened_blob_is_found_out_by_the_first_who_reads_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    registry.tamper(object, Some(b"a lay")).await;
    assert!(registry.read_blob(&alice, "alice/app", &digest).await.is_err());
    assert_gone_until_pushed(&registry, &alice, &digest).await;
}

#[tokio::test]
async fn comparing_the_store_marks_what_is_missing_or_shortened() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    registry.tamper(object, None).await;
    let report = registry.app.lifecycle.reconcile_store(&Actor::OPERATOR, &|_| {}).await.unwrap();
    assert_eq!(report.damaged, 1);
    assert_gone_until_pushed(&registry, &alice, &digest).await;
}

#[tokio::test]
async fn a_manifest_whose_config_is_missing_is_refused_for_that() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    let config = registry.stored_objects().await[0];
    registry.push_blob(&alice, "alice/app", LAYER).await.unwrap();
    registry.tamper(config, None).await;
    let refused = registry.push_manifest(&alice, "alice/app", "v1", &image(CONFIG, &[LAYER])).await;
    assert!(matches!(refused, Err(Error::ManifestReferencesUnknown(_))), "{refused:?}");
}

#[tokio::test]
async fn bytes_that_came_back_are_served_again_once_they_were_read() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    registry.tamper(object, None).await;
    assert_eq!(findings(&registry).await.len(), 1);
    assert!(!is_there(&registry, &alice, &digest).await);
    // An operator puts the file back.
    registry.tamper(object, Some(LAYER)).await;
    assert_eq!(findings(&registry).await, Vec::<String>::new());
    assert!(is_there(&registry, &alice, &digest).await);
}

#[tokio::test]
async fn another_store_says_nothing_of_our_blobs() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let (digest, object) = push(&registry, &alice).await;
    // What is read now is not the store where the blobs lie: a disk is not mounted, say.
    registry.mistake_store().await;
    registry.tamper(object, None).await;
    let read = registry.read_blob(&alice, "alice/app", &digest).await;
    assert!(matches!(read, Err(Error::Internal(_) | Error::Unavailable(_))), "{read:?}");
    assert!(is_there(&registry, &alice, &digest).await);
    let verified: Result<_> = registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.map(|_| ());
    assert!(matches!(verified, Err(Error::Unavailable(_))), "{verified:?}");
    assert!(is_there(&registry, &alice, &digest).await);
}

#[tokio::test]
async fn a_push_of_what_is_whole_reads_nothing_again() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let digest = Digest::of(Algorithm::Sha256, LAYER);
    let (_, object) = push(&registry, &alice).await;
    registry.tamper(object, Some(CHANGED)).await;
    registry.push_blob(&alice, "alice/app", LAYER).await.unwrap();
    // Nobody has found out yet, so the push has not read what lies there.
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), CHANGED);
}
