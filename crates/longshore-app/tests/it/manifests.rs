use bytes::Bytes;
use longshore_content::manifests::{Condition, ManifestPush};
use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::name::Reference;
use longshore_domain::page::PageSize;
use longshore_domain::policy::SparseIndexes;
use longshore_domain::ports::metadata::ManifestId;
use longshore_identity::audit::WantedEvents;
use longshore_testkit::images::{artifact, digest_of, image, index};
use longshore_testkit::registry::{TestRegistry, name};

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64"}"#;

fn tag(text: &str) -> Reference {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_manifest_is_served_byte_for_byte_under_tag_and_digest() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"layer").await.unwrap();
    let manifest = image(CONFIG, &[b"layer"]).replace(',', " ,\n");
    let pushed = registry.push_manifest(&alice, "alice/app", "latest", &manifest).await.unwrap();
    for reference in ["latest".to_owned(), pushed.digest.to_string()] {
        let pulled =
            registry.app.content.pull_manifest(&alice, &name("alice/app"), &tag(&reference)).await.unwrap();
        assert_eq!(pulled.content, manifest);
        assert_eq!(pulled.digest, digest_of(&manifest));
    }
}

#[tokio::test]
async fn a_manifest_needs_everything_that_it_references_in_its_own_repository() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_blob(&alice, "alice/other", b"layer").await.unwrap();
    let manifest = image(CONFIG, &[b"layer", b"nowhere"]);
    let refused = registry.push_manifest(&alice, "alice/app", "latest", &manifest).await;
    let Err(Error::ManifestReferencesUnknown(missing)) = refused else { panic!("{refused:?}") };
    assert_eq!(missing, [digest_of("layer"), digest_of("nowhere")]);
    let refused = registry.push_manifest(&alice, "alice/app", "index", &index(&["{}"])).await;
    assert!(matches!(refused, Err(Error::ManifestReferencesUnknown(_))));
    let unknown = registry.app.content.pull_manifest(&alice, &name("alice/app"), &tag("latest")).await;
    assert!(matches!(unknown, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn abuse_07_a_manifest_cannot_link_blobs_of_others() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    registry.push_blob(&alice, "alice/secret", b"secret layer").await.unwrap();
    registry.push_blob(&bob, "bob/app", CONFIG).await.unwrap();
    let refused = registry.push_manifest(&bob, "bob/app", "x", &image(CONFIG, &[b"secret layer"])).await;
    assert!(matches!(refused, Err(Error::ManifestReferencesUnknown(_))));
    assert!(registry.read_blob(&bob, "bob/app", &digest_of("secret layer")).await.is_err());
}

#[tokio::test]
async fn sizes_that_lie_are_refused() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"layer").await.unwrap();
    let manifest = image(CONFIG, &[b"layer"]).replace("\"size\":5", "\"size\":6");
    assert!(matches!(
        registry.push_manifest(&alice, "alice/app", "x", &manifest).await,
        Err(Error::ManifestInvalid(_))
    ));
}

#[tokio::test]
async fn a_sparse_index_is_accepted_by_configuration_and_adopts_its_child_later() {
    let registry = TestRegistry::with(|settings| settings.sparse_indexes = SparseIndexes::Accept).await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    let child = image(CONFIG, &[]);
    registry.push_manifest(&alice, "alice/app", "index", &index(&[&child])).await.unwrap();
    let pushed = registry.push_manifest(&alice, "alice/app", "child", &child).await.unwrap();
    let refused = registry.app.content.delete_manifest(&alice, &name("alice/app"), &pushed.digest).await;
    assert!(matches!(refused, Err(Error::InUse { .. })));
}

#[tokio::test]
async fn what_a_manifest_needs_cannot_be_deleted() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let config = registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    let child = image(CONFIG, &[]);
    let child_digest = registry.push_manifest(&alice, "alice/app", "child", &child).await.unwrap().digest;
    let index_digest =
        registry.push_manifest(&alice, "alice/app", "index", &index(&[&child])).await.unwrap().digest;
    let services = &registry.app;
    assert!(matches!(services.content.delete_blob(&alice, &app, &config).await, Err(Error::InUse { .. })));
    assert!(matches!(
        services.content.delete_manifest(&alice, &app, &child_digest).await,
        Err(Error::InUse { .. })
    ));
    services.content.delete_manifest(&alice, &app, &index_digest).await.unwrap();
    services.content.delete_manifest(&alice, &app, &child_digest).await.unwrap();
    services.content.delete_blob(&alice, &app, &config).await.unwrap();
    assert!(matches!(
        services.content.delete_blob(&alice, &app, &config).await,
        Err(Error::BlobUnknown { .. })
    ));
    assert_eq!(
        services.content.list_tags(&alice, &app, None, PageSize::MAX).await.unwrap().items.len(),
        0,
        "tags went with them"
    );
}

#[tokio::test]
async fn tags_have_a_history() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"layer").await.unwrap();
    let (first, second) = (image(CONFIG, &[]), image(CONFIG, &[b"layer"]));
    for manifest in [&first, &first, &second, &first] {
        registry.push_manifest(&alice, "alice/app", "v1", manifest).await.unwrap();
        registry.clock.advance(std::time::Duration::from_secs(10));
    }
    registry.app.content.delete_tag(&alice, &app, &"v1".parse().unwrap()).await.unwrap();
    let history = registry
        .app
        .content
        .list_tag_history(&alice, &app, &"v1".parse().unwrap(), jiff::Timestamp::MAX, PageSize::MAX)
        .await
        .unwrap()
        .items;
    let digests: Vec<_> = history.iter().map(|interval| interval.digest).collect();
    assert_eq!(
        digests,
        [digest_of(&first), digest_of(&second), digest_of(&first)],
        "newest first; pushing the same again is no move"
    );
    assert!(history.iter().all(|interval| interval.until.is_some()), "the tag is deleted");
    assert!(history.windows(2).all(|pair| pair[1].until == Some(pair[0].from)), "intervals meet");
    assert!(
        registry.app.content.pull_manifest(&alice, &app, &Reference::Digest(digest_of(&first))).await.is_ok(),
        "the manifest stays"
    );
}

#[tokio::test]
async fn conditions_protect_against_lost_updates() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"layer").await.unwrap();
    let (first, second) = (image(CONFIG, &[]), image(CONFIG, &[b"layer"]));
    let app = name("alice/app");
    let push = |content: &str, condition| {
        let content = Bytes::copy_from_slice(content.as_bytes());
        let push =
            ManifestPush { reference: tag("v1"), tags: Vec::new(), media_type: None, content, condition };
        registry.app.content.push_manifest(&alice, &app, push)
    };
    let failed = |pushed: Result<_, Error>| matches!(pushed, Err(Error::PreconditionFailed));
    assert!(failed(push(&first, Condition::Present).await.map(|_| ())));
    push(&first, Condition::Absent).await.unwrap();
    assert!(failed(push(&second, Condition::Absent).await.map(|_| ())));
    assert!(failed(push(&second, Condition::OneOf(vec![digest_of(&second)])).await.map(|_| ())));
    push(&second, Condition::OneOf(vec![digest_of(&first)])).await.unwrap();
}

#[tokio::test]
async fn several_tags_are_set_in_one_push() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    let content = image(CONFIG, &[]);
    let push = ManifestPush {
        reference: Reference::Digest(digest_of(&content)),
        tags: ["1.2.3", "1.2", "1", "1"].map(|tag| tag.parse().unwrap()).into(),
        media_type: None,
        content: content.clone().into(),
        condition: Condition::None,
    };
    registry.app.content.push_manifest(&alice, &name("alice/app"), push).await.unwrap();
    let tags = registry.app.content.list_tags(&alice, &name("alice/app"), None, PageSize::MAX).await.unwrap();
    assert_eq!(tags.items.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1", "1.2", "1.2.3"]);
}

#[tokio::test]
async fn referrers_are_listed_with_their_type_and_annotations_in_pages() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    for blob in [CONFIG, b"{}"] {
        registry.push_blob(&alice, "alice/app", blob).await.unwrap();
    }
    let subject = image(CONFIG, &[]);
    for number in 0..7 {
        let kind = if number % 2 == 0 { "application/sbom" } else { "application/signature" };
        // The subject comes last: referrers may be pushed before it.
        registry
            .push_manifest(
                &alice,
                "alice/app",
                &format!("a{number}"),
                &artifact(&subject, kind, &number.to_string()),
            )
            .await
            .unwrap();
    }
    registry.push_manifest(&alice, "alice/app", "subject", &subject).await.unwrap();
    let size = PageSize::clamped(3).unwrap();
    let mut after = ManifestId(0);
    let mut seen = Vec::new();
    loop {
        let page = registry
            .app
            .content
            .list_referrers(&alice, &app, &digest_of(&subject), None, after, size)
            .await
            .unwrap();
        assert!(page.items.len() <= 3);
        seen.extend(page.items.iter().map(|(_, annotations)| annotations.clone()));
        after = page.items.last().unwrap().0.id;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, (0..7).map(|n| format!("{{\"note\":\"{n}\"}}")).collect::<Vec<_>>());
    let sboms = registry
        .app
        .content
        .list_referrers(
            &alice,
            &app,
            &digest_of(&subject),
            Some("application/sbom"),
            ManifestId(0),
            PageSize::MAX,
        )
        .await
        .unwrap();
    assert_eq!(sboms.items.len(), 4);
    let none = registry
        .app
        .content
        .list_referrers(&alice, &app, &digest_of("none"), None, ManifestId(0), PageSize::MAX)
        .await
        .unwrap();
    assert!(none.items.is_empty() && !none.has_more);
}

#[tokio::test]
async fn every_change_leaves_an_event_in_the_accounts_log() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("acme/app");
    registry.push_blob(&alice, "acme/app", CONFIG).await.unwrap();
    registry
        .app
        .content
        .mount_blob(&alice, &name("acme/copy"), &digest_of(CONFIG), Some(&app))
        .await
        .unwrap()
        .unwrap();
    let digest = registry.push_manifest(&alice, "acme/app", "v1", &image(CONFIG, &[])).await.unwrap().digest;
    registry.app.content.delete_manifest(&alice, &app, &digest).await.unwrap();
    registry.app.content.delete_blob(&alice, &app, &digest_of(CONFIG)).await.unwrap();
    let events = registry
        .app
        .identity
        .list_events(&Actor::OPERATOR, Some(&"acme".parse().unwrap()), WantedEvents::default(), PageSize::MAX)
        .await
        .unwrap();
    let actions: Vec<_> = events.items.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "org.create",
            "repo.create",
            "repo.blob.push",
            "repo.create",
            "repo.blob.mount",
            "repo.manifest.push",
            "repo.tag.push",
            "repo.tag.delete",
            "repo.manifest.delete",
            "repo.blob.delete"
        ]
    );
    let last = events.items.last().unwrap();
    assert_eq!((last.actor_name.as_str(), last.subject.as_str()), ("alice", "acme/app"));
    assert_eq!(last.data["digest"], digest_of(CONFIG).to_string());
    registry.app.do_housekeeping().await.unwrap();
}
