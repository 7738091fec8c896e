use std::time::Duration;

use longshore_domain::access::actor::Actor;
use longshore_domain::digest::Algorithm;
use longshore_domain::policy::UntaggedManifests;
use longshore_lifecycle::gc::GcMode;
use longshore_testkit::images::{artifact, digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const CONFIG: &[u8] = b"config";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn collect(registry: &TestRegistry) -> longshore_domain::ports::metadata::GcCounts {
    registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::Collect).await.unwrap()
}

#[tokio::test]
async fn blobs_that_nothing_references_go_when_their_lease_has_ended() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"orphan").await.unwrap();
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_manifest(&alice, "alice/app", "v1", &image(CONFIG, &[])).await.unwrap();
    registry.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(collect(&registry).await.blobs_deleted, 0);
    registry.clock.advance(Duration::from_secs(1));
    let preview = registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::DryRun).await.unwrap();
    assert_eq!(
        (preview.links_removed, registry.stored_objects().await.len()),
        (1, 2),
        "a dry run changes nothing"
    );
    let counts = collect(&registry).await;
    assert_eq!((counts.links_removed, counts.blobs_deleted, counts.freed_bytes), (1, 1, 6));
    assert_eq!(registry.stored_objects().await.len(), 1);
    assert!(registry.read_blob(&alice, "alice/app", &digest_of("orphan")).await.is_err());
    assert!(registry.read_blob(&alice, "alice/app", &digest_of(CONFIG)).await.is_ok());
}

#[tokio::test]
async fn a_head_by_someone_who_may_push_renews_the_lease() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"layer").await.unwrap();
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    for _ in 0..5 {
        registry.clock.advance(DAY * 3 / 4);
        for blob in [b"layer".as_slice(), CONFIG] {
            registry.app.content.check_blob(&alice, &name("alice/app"), &digest_of(blob)).await.unwrap();
        }
        assert_eq!(collect(&registry).await.blobs_deleted, 0);
    }
    registry.push_manifest(&alice, "alice/app", "v1", &image(CONFIG, &[b"layer"])).await.unwrap();
}

#[tokio::test]
async fn a_blob_stays_as_long_as_any_repository_has_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry
        .app
        .content
        .mount_blob(&alice, &name("alice/copy"), &digest_of(CONFIG), Some(&name("alice/app")))
        .await
        .unwrap()
        .unwrap();
    registry.push_manifest(&alice, "alice/copy", "v1", &image(CONFIG, &[])).await.unwrap();
    registry.clock.advance(DAY * 2);
    assert_eq!(collect(&registry).await.links_removed, 1, "the unused one in alice/app");
    assert!(registry.read_blob(&alice, "alice/copy", &digest_of(CONFIG)).await.is_ok());
}

#[tokio::test]
async fn deleted_manifests_go_with_their_blobs_when_the_undo_window_has_ended() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    for blob in [CONFIG, b"layer"] {
        registry.push_blob(&alice, "alice/app", blob).await.unwrap();
    }
    let child = image(CONFIG, &[b"layer"]);
    registry.push_manifest(&alice, "alice/app", &digest_of(&child).to_string(), &child).await.unwrap();
    let parent = index(&[&child]);
    registry.push_manifest(&alice, "alice/app", "v1", &parent).await.unwrap();
    registry.clock.advance(DAY * 3);
    registry.app.content.delete_manifest(&alice, &app, &digest_of(&parent)).await.unwrap();
    registry.app.content.delete_manifest(&alice, &app, &digest_of(&child)).await.unwrap();
    assert_eq!(collect(&registry).await.manifests_purged, 0);
    // Pushing it again within the window restores it, with everything that it needs.
    registry.push_manifest(&alice, "alice/app", "v2", &child).await.unwrap();
    assert!(registry.read_blob(&alice, "alice/app", &digest_of("layer")).await.is_ok());
    registry.app.content.delete_manifest(&alice, &app, &digest_of(&child)).await.unwrap();
    registry.clock.advance(DAY);
    let counts = collect(&registry).await;
    assert_eq!((counts.manifests_purged, counts.blobs_deleted), (2, 2));
    assert_eq!(registry.stored_objects().await.len(), 0);
}

#[tokio::test]
async fn untagged_manifests_go_by_policy_but_not_what_is_needed() {
    let registry = TestRegistry::with(|settings| settings.gc.untagged = UntaggedManifests::Collect).await;
    let alice = registry.sign_in("alice").await;
    for blob in [CONFIG, b"{}", b"layer"] {
        registry.push_blob(&alice, "alice/app", blob).await.unwrap();
    }
    let (child, old, tagged) =
        (image(CONFIG, &[]), image(CONFIG, &[b"layer"]), image(CONFIG, &[b"layer", b"layer"]));
    registry.push_manifest(&alice, "alice/app", &digest_of(&child).to_string(), &child).await.unwrap();
    registry.push_manifest(&alice, "alice/app", "index", &index(&[&child])).await.unwrap();
    registry.push_manifest(&alice, "alice/app", "v1", &old).await.unwrap();
    registry.push_manifest(&alice, "alice/app", "v1", &tagged).await.unwrap();
    let signature = artifact(&tagged, "application/signature", "s");
    registry
        .push_manifest(&alice, "alice/app", &digest_of(&signature).to_string(), &signature)
        .await
        .unwrap();
    registry.clock.advance(DAY * 2);
    let counts = collect(&registry).await;
    assert_eq!(counts.manifests_collected, 1, "only the one that the tag left");
    let exists = async |manifest: &str| {
        let reference = longshore_domain::name::Reference::Digest(digest_of(manifest));
        registry.app.content.pull_manifest(&alice, &name("alice/app"), &reference).await.is_ok()
    };
    assert!(!exists(&old).await && exists(&child).await && exists(&tagged).await && exists(&signature).await);
    // When the subject goes, its signature follows.
    registry.app.content.delete_manifest(&alice, &name("alice/app"), &digest_of(&tagged)).await.unwrap();
    registry.clock.advance(DAY * 2);
    collect(&registry).await;
    assert!(!exists(&signature).await);
}

/// More referrers than one transaction asks for reviews of, so that they are noted a page at a time before the subject goes.
#[tokio::test]
async fn a_subject_with_many_referrers_goes_in_steps_and_all_of_them_follow() {
    let registry = TestRegistry::with(|settings| {
        settings.gc.untagged = UntaggedManifests::Collect;
        settings.gc.batch = 10;
    })
    .await;
    let alice = registry.sign_in("alice").await;
    for blob in [CONFIG, b"{}"] {
        registry.push_blob(&alice, "alice/app", blob).await.unwrap();
    }
    let subject = image(CONFIG, &[]);
    registry.push_manifest(&alice, "alice/app", "v1", &subject).await.unwrap();
    let referrers: Vec<String> =
        (0..73).map(|number| artifact(&subject, "application/signature", &number.to_string())).collect();
    for referrer in &referrers {
        let digest = digest_of(referrer).to_string();
        registry.push_manifest(&alice, "alice/app", &digest, referrer).await.unwrap();
    }
    // Their own reviews end: the subject keeps them.
    registry.clock.advance(DAY * 2);
    let collected = registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!((collected.manifests_collected, collected.manifests_purged), (0, 0));
    registry.app.content.delete_manifest(&alice, &name("alice/app"), &digest_of(&subject)).await.unwrap();
    registry.clock.advance(DAY * 2);
    let collected = registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!((collected.manifests_collected, collected.manifests_purged), (73, 1));
    registry.clock.advance(DAY * 2);
    let collected = registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!((collected.manifests_collected, collected.manifests_purged), (0, 73));
    assert!(registry.stored_objects().await.is_empty());
}

#[tokio::test]
async fn abandoned_uploads_go_with_their_bytes() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let by = longshore_identity::authentication::UploadActor { actor: alice.clone(), validity: None };
    let app = name("alice/app");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    registry
        .app
        .content
        .append_to_upload(&by, &app, upload.id, longshore_testkit::registry::chunk(b"half"))
        .await
        .unwrap();
    registry.clock.advance(DAY / 2);
    assert_eq!(collect(&registry).await.uploads_expired, 0);
    registry.clock.advance(DAY);
    let counts = collect(&registry).await;
    assert_eq!(
        (counts.uploads_expired, counts.freed_bytes, registry.stored_objects().await.len()),
        (1, 4, 0)
    );
}

#[tokio::test]
async fn deleted_repositories_go_with_everything() {
    let registry = TestRegistry::with(|settings| settings.gc.batch = 3).await;
    let alice = registry.sign_in("alice").await;
    for number in 0..10 {
        let layer = format!("layer {number}");
        for blob in [CONFIG, layer.as_bytes()] {
            registry.push_blob(&alice, "alice/app", blob).await.unwrap();
        }
        let manifest = image(CONFIG, &[layer.as_bytes()]);
        registry.push_manifest(&alice, "alice/app", &format!("v{number}"), &manifest).await.unwrap();
        registry.push_manifest(&alice, "alice/app", "index", &index(&[&manifest])).await.unwrap();
    }
    registry.app.content.delete_repository(&alice, &name("alice/app")).await.unwrap();
    collect(&registry).await;
    assert_eq!(registry.stored_objects().await.len(), 11, "the undo window is open");
    registry.clock.advance(DAY * 2);
    assert_eq!(collect(&registry).await.blobs_deleted, 11);
    assert_eq!(registry.stored_objects().await.len(), 0);
    let report = registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_collection_interrupted_at_any_store_call_goes_on_later() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for number in 0..5 {
        registry.push_blob(&alice, "alice/app", format!("orphan {number}").as_bytes()).await.unwrap();
    }
    registry.clock.advance(DAY);
    for n in 1..6 {
        registry.fuse.fail_at(n);
        collect(&registry).await;
        registry.fuse.fail_at(0);
        registry.clock.advance(Duration::from_secs(301));
    }
    collect(&registry).await;
    assert_eq!(registry.stored_objects().await.len(), 0);
}
