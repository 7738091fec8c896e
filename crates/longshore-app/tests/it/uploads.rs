use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use longshore_content::uploads::Chunk;
use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::error::Unauthenticated;
use longshore_identity::authentication::UploadActor;
use longshore_testkit::registry::{TestRegistry, broken_chunk, chunk, name};

fn by(actor: &Arc<Actor>) -> UploadActor {
    UploadActor { actor: Arc::clone(actor), validity: None }
}

fn at(start: u64, content: &[u8]) -> Chunk {
    Chunk { start: Some(start), length: Some(content.len() as u64), ..chunk(content) }
}

#[tokio::test]
async fn an_upload_goes_on_after_a_broken_connection_and_a_restart() {
    let mut registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let content: Vec<u8> = (0..400_000_u32).map(|i| (i % 251) as u8).collect();
    let digest = Digest::of(Algorithm::Sha256, &content);
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let broken = registry
        .app
        .content
        .append_to_upload(&by(&alice), &app, upload.id, broken_chunk(&content[..150_000]))
        .await;
    assert!(matches!(broken, Err(Error::BodyInterrupted)));
    registry.restart().await;
    let alice = registry.sign_in("alice").await;
    let state = registry.app.content.get_upload(&by(&alice), &app, upload.id).await.unwrap();
    assert_eq!(state.offset_bytes, 150_000, "what arrived is kept");
    registry
        .app
        .content
        .append_to_upload(&by(&alice), &app, upload.id, at(150_000, &content[150_000..300_000]))
        .await
        .unwrap();
    registry
        .app
        .content
        .finish_upload(&by(&alice), &app, upload.id, &digest, at(300_000, &content[300_000..]))
        .await
        .unwrap();
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), content);
}

#[tokio::test]
async fn abuse_09_chunks_out_of_order_are_refused_and_change_nothing() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    registry.app.content.append_to_upload(&by(&alice), &app, upload.id, at(0, b"hello")).await.unwrap();
    for start in [0, 4, 6, u64::MAX - 10] {
        let refused =
            registry.app.content.append_to_upload(&by(&alice), &app, upload.id, at(start, b"x")).await;
        assert!(matches!(refused, Err(Error::UploadOffset { offset_bytes: 5 })), "{start}");
    }
    let too_long = Chunk { length: Some(2), ..chunk(b"too long") };
    assert!(matches!(
        registry.app.content.append_to_upload(&by(&alice), &app, upload.id, too_long).await,
        Err(Error::SizeMismatch { .. })
    ));
    let too_short = Chunk { length: Some(100), ..chunk(b"short") };
    assert!(matches!(
        registry.app.content.append_to_upload(&by(&alice), &app, upload.id, too_short).await,
        Err(Error::SizeMismatch { .. })
    ));
    assert_eq!(registry.app.content.get_upload(&by(&alice), &app, upload.id).await.unwrap().offset_bytes, 5);
    let digest = Digest::of(Algorithm::Sha256, b"hello world");
    registry
        .app
        .content
        .finish_upload(&by(&alice), &app, upload.id, &digest, at(5, b" world"))
        .await
        .unwrap();
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), b"hello world");
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_leaves_nothing_behind() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let wrong = Digest::of(Algorithm::Sha256, b"something else");
    let refused = registry.app.content.push_blob(&alice, &name("alice/app"), &wrong, chunk(b"content")).await;
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
    assert!(registry.read_blob(&alice, "alice/app", &wrong).await.is_err());
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert_eq!(registry.stored_objects().await.len(), 0);
}

#[tokio::test]
async fn sha512_works_also_for_an_upload_that_began_as_sha256() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let digest = Digest::of(Algorithm::Sha512, b"hello world");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    registry.app.content.append_to_upload(&by(&alice), &app, upload.id, chunk(b"hello ")).await.unwrap();
    registry.app.content.finish_upload(&by(&alice), &app, upload.id, &digest, chunk(b"world")).await.unwrap();
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), b"hello world");
}

#[tokio::test]
async fn abuse_08_an_upload_belongs_to_whoever_began_it_and_to_its_repository() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let admin = registry.sign_in("admin").await;
    let app = name("alice/app");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let services = &registry.app;
    // Another tenant, an administrator who did not begin it, and nobody.
    assert!(matches!(services.content.get_upload(&by(&bob), &app, upload.id).await, Err(Error::Denied(_))));
    assert!(matches!(
        services.content.get_upload(&by(&admin), &app, upload.id).await,
        Err(Error::UploadUnknown)
    ));
    let anonymous = Arc::new(Actor::ANONYMOUS);
    assert!(matches!(
        services.content.cancel_upload(&by(&anonymous), &app, upload.id).await,
        Err(Error::Unauthenticated(_))
    ));
    // The same person through another repository.
    assert!(matches!(
        services.content.get_upload(&by(&alice), &name("alice/other"), upload.id).await,
        Err(Error::UploadUnknown)
    ));
    // After completion it is gone, but for being told again that it is complete.
    let digest = Digest::of(Algorithm::Sha256, b"x");
    services.content.finish_upload(&by(&alice), &app, upload.id, &digest, chunk(b"x")).await.unwrap();
    let other = Digest::of(Algorithm::Sha256, b"y");
    let again = services.content.finish_upload(&by(&alice), &app, upload.id, &other, chunk(b"y")).await;
    assert!(matches!(again, Err(Error::UploadUnknown)));
    assert!(matches!(
        services.content.get_upload(&by(&alice), &app, upload.id).await,
        Err(Error::UploadUnknown)
    ));
}

#[tokio::test]
async fn an_upload_outlives_the_token_that_began_it_but_not_its_owners_rights() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let scope = longshore_identity::tokens::RequestedScope::parse("repository:alice/app:pull,push").unwrap();
    let none = longshore_identity::tokens::Refresh::None;
    let token =
        services.identity.issue_token(&alice, std::slice::from_ref(&scope), none).await.unwrap().token;
    let actor = services.identity.authenticate_bearer(&token).await.unwrap();
    let upload = services.content.begin_upload(&actor, &app, Algorithm::Sha256).await.unwrap();
    registry.clock.advance(Duration::from_secs(3600));
    assert!(services.identity.authenticate_bearer(&token).await.is_err(), "it has expired");
    let late = services.identity.authenticate_bearer_for_upload(&token).await.unwrap();
    services.content.append_to_upload(&late, &app, upload.id, chunk(b"hello")).await.unwrap();
    // It is good for this upload only.
    let young = services.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let refused = services.content.append_to_upload(&late, &app, young.id, chunk(b"x")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(Unauthenticated::InvalidToken))));
    // And not once its owner is switched off.
    let operator = Actor::OPERATOR;
    let off = longshore_identity::accounts::AccountChange::active(false);
    services.identity.change_account(&operator, None, &"alice".parse().unwrap(), off).await.unwrap();
    let refused = services.content.append_to_upload(&late, &app, upload.id, chunk(b"x")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn whoever_is_switched_off_while_a_body_arrives_has_pushed_nothing() {
    for at_once in [false, true] {
        let registry = TestRegistry::new().await;
        let alice = registry.sign_in("alice").await;
        let app = name("alice/app");
        let (pieces, body) = futures::channel::mpsc::unbounded();
        let content = vec![7; 3 << 20];
        let digest = Digest::of(Algorithm::Sha256, &content);
        let chunk = Chunk { start: None, length: Some(content.len() as u64), body: Box::pin(body) };
        let (services, by_alice, to) = (Arc::clone(&registry.app), Arc::clone(&alice), app.clone());
        let pushing = match at_once {
            true => {
                tokio::spawn(async move { services.content.push_blob(&by_alice, &to, &digest, chunk).await })
            }
            false => {
                let upload = services.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
                tokio::spawn(async move {
                    services.content.finish_upload(&by(&by_alice), &to, upload.id, &digest, chunk).await
                })
            }
        };
        let (first, second) = content.split_at(content.len() / 2);
        pieces.unbounded_send(Ok(Bytes::copy_from_slice(first))).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let operator = Actor::OPERATOR;
        let off = longshore_identity::accounts::AccountChange::active(false);
        registry.app.identity.change_account(&operator, None, &"alice".parse().unwrap(), off).await.unwrap();
        let _ = pieces.unbounded_send(Ok(Bytes::copy_from_slice(second)));
        drop(pieces);
        let pushed = pushing.await.unwrap();
        assert!(matches!(pushed, Err(Error::Unauthenticated(_))), "{pushed:?}");
        let on = longshore_identity::accounts::AccountChange::active(true);
        registry.app.identity.change_account(&operator, None, &"alice".parse().unwrap(), on).await.unwrap();
        let there = registry.read_blob(&alice, "alice/app", &digest).await;
        assert!(there.is_err(), "{there:?}");
    }
}

#[tokio::test]
async fn a_later_request_takes_an_upload_over_from_one_that_hangs() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let hanging = {
        use futures::StreamExt;
        let (services, alice, app, id) =
            (Arc::clone(&registry.app), Arc::clone(&alice), app.clone(), upload.id);
        let body = stream::iter([Ok(Bytes::from_static(b"hello"))]).chain(stream::pending());
        let hanging = Chunk { start: Some(0), length: None, body: Box::pin(body) };
        tokio::spawn(async move { services.content.append_to_upload(&by(&alice), &app, id, hanging).await })
    };
    // A chunk takes over; this one is refused, as it begins elsewhere, and so changes nothing.
    while !hanging.is_finished() {
        let refused =
            registry.app.content.append_to_upload(&by(&alice), &app, upload.id, at(999, b"x")).await;
        assert!(matches!(refused, Err(Error::UploadOffset { .. })));
        tokio::task::yield_now().await;
    }
    let state = registry.app.content.get_upload(&by(&alice), &app, upload.id).await.unwrap();
    assert!(matches!(hanging.await.unwrap(), Err(Error::Conflict(_))));
    let digest = Digest::of(Algorithm::Sha256, b"hello world");
    let rest = &b"hello world"[usize::try_from(state.offset_bytes).unwrap()..];
    registry
        .app
        .content
        .finish_upload(&by(&alice), &app, upload.id, &digest, at(state.offset_bytes, rest))
        .await
        .unwrap();
}

#[tokio::test]
async fn abuse_10_one_digest_pushed_by_many_at_once_is_stored_once() {
    let registry = Arc::new(TestRegistry::new().await);
    let alice = registry.sign_in("alice").await;
    let content = vec![7; 200_000];
    let digest = Digest::of(Algorithm::Sha256, &content);
    let mut pushes = Vec::new();
    for number in 0..30 {
        let (registry, alice, content) = (Arc::clone(&registry), Arc::clone(&alice), content.clone());
        pushes.push(tokio::spawn(async move {
            let repository = format!("alice/app{}", number % 3);
            if number % 5 == 4 {
                // This one dies on the way.
                let upload = registry
                    .app
                    .content
                    .begin_upload(&alice, &name(&repository), Algorithm::Sha256)
                    .await
                    .unwrap();
                let _ = registry
                    .app
                    .content
                    .append_to_upload(
                        &by(&alice),
                        &name(&repository),
                        upload.id,
                        broken_chunk(&content[..1000]),
                    )
                    .await;
                return;
            }
            registry.push_blob(&alice, &repository, &content).await.unwrap();
        }));
    }
    for push in pushes {
        push.await.unwrap();
    }
    for repository in ["alice/app0", "alice/app1", "alice/app2"] {
        assert_eq!(registry.read_blob(&alice, repository, &digest).await.unwrap(), content);
    }
    registry.clock.advance(Duration::from_secs(2 * 24 * 3600 - 1));
    registry.app.lifecycle.collect_garbage().await.unwrap();
    assert!(registry.stored_objects().await.len() <= 1, "{:?}", registry.stored_objects().await);
}

#[tokio::test]
async fn a_push_interrupted_at_any_store_call_leaves_nothing_half_and_succeeds_when_repeated() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    for n in 1.. {
        let content = format!("content {n}").repeat(10_000).into_bytes();
        let digest = Digest::of(Algorithm::Sha256, &content);
        registry.fuse.fail_at(n);
        let pushed = registry.push_blob(&alice, "alice/app", &content).await;
        let fault_happened = registry.fuse.is_burnt();
        registry.fuse.fail_at(0);
        match (&pushed, fault_happened) {
            (Ok(_), true) => {}
            (Ok(_), false) => break,
            (Err(error), _) => {
                assert!(error.is_fault(), "{error}");
                assert!(
                    registry.read_blob(&alice, "alice/app", &digest).await.is_err(),
                    "fault {n}: it is visible"
                );
            }
        }
        registry.push_blob(&alice, "alice/app", &content).await.unwrap();
        assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), content);
    }
    let report = registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_blob_that_is_too_large_is_refused() {
    let registry = TestRegistry::with(|settings| settings.blob_limit_bytes = 100_000).await;
    let alice = registry.sign_in("alice").await;
    let refused = registry.push_blob(&alice, "alice/app", &vec![1; 100_001]).await;
    assert!(matches!(refused, Err(Error::BlobTooLarge { limit_bytes: 100_000 })));
    registry.push_blob(&alice, "alice/app", &vec![1; 100_000]).await.unwrap();
}

#[tokio::test]
async fn a_damaged_blob_is_replaced_when_it_is_pushed_again() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let digest = registry.push_blob(&alice, "alice/app", b"precious").await.unwrap();
    let damaged = registry.stored_objects().await[0];
    registry.tamper(damaged, Some(b"prec")).await;
    let operator = Actor::OPERATOR;
    assert_eq!(registry.app.lifecycle.verify(&operator, &|_| {}).await.unwrap().findings_total, 1);
    registry.push_blob(&alice, "alice/app", b"precious").await.unwrap();
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), b"precious");
    assert_eq!(registry.app.lifecycle.verify(&operator, &|_| {}).await.unwrap().findings_total, 0);
}

#[tokio::test]
async fn of_two_nodes_that_finish_one_upload_only_one_answers_for_it() {
    let registry = TestRegistry::new().await;
    let Some(other) = registry.other_node().await else { return };
    let app = name("alice/app");
    let actor = registry.sign_in("alice").await;
    let upload = registry.app.content.begin_upload(&actor, &app, Algorithm::Sha256).await.unwrap();
    // The small one has read the upload's record, and its body comes late.
    let small = b"small, and slow".to_vec();
    let (release_small, small_body) = late_chunk(Vec::new(), small.clone());
    let digest_of = |content: &[u8]| Digest::of(Algorithm::Sha256, content);
    let (small_by, small_digest, small_app) = (by(&actor), digest_of(&small), app.clone());
    let finishing_small = tokio::spawn(async move {
        other.content.finish_upload(&small_by, &small_app, upload.id, &small_digest, small_body).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // The large one begins a multipart upload at the same key.
    let large: Vec<u8> = (0..7_000_000_u32).map(|i| (i % 253) as u8).collect();
    let (release_large, large_body) = late_chunk(large[..6_500_000].to_vec(), large[6_500_000..].to_vec());
    let (large_by, large_digest, large_app) = (by(&actor), digest_of(&large), app.clone());
    let services = Arc::clone(&registry.app);
    let finishing_large = tokio::spawn(async move {
        services.content.finish_upload(&large_by, &large_app, upload.id, &large_digest, large_body).await
    });
    for _ in 0..500 {
        if registry.app.content.get_upload(&by(&actor), &app, upload.id).await.unwrap().revision > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    release_small.send(()).unwrap();
    let small_outcome = finishing_small.await.unwrap();
    release_large.send(()).unwrap();
    let large_outcome = finishing_large.await.unwrap();
    assert!(matches!(small_outcome, Err(Error::Conflict(_))), "{small_outcome:?}");
    large_outcome.unwrap();
    assert!(registry.read_blob(&actor, "alice/app", &large_digest).await.unwrap() == large);
    assert!(registry.read_blob(&actor, "alice/app", &small_digest).await.is_err());
}

/// A body whose second half comes when it is released.
fn late_chunk(first: Vec<u8>, second: Vec<u8>) -> (tokio::sync::oneshot::Sender<()>, Chunk) {
    let (release, released) = tokio::sync::oneshot::channel();
    let pieces: Vec<longshore_domain::Result<Bytes>> =
        first.chunks(50_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let late = stream::once(async move {
        let _ = released.await;
        Ok(Bytes::from(second))
    });
    (release, Chunk { start: None, length: None, body: Box::pin(stream::iter(pieces).chain(late)) })
}

#[tokio::test]
async fn the_end_of_an_upload_is_told_again_to_whoever_ended_it() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let app = name("alice/app");
    let (content, digest) = (b"content".as_slice(), Digest::of(Algorithm::Sha256, b"content"));
    let other = Digest::of(Algorithm::Sha256, b"other");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let finish = async |actor: &Arc<Actor>, repository: &str, digest: &Digest| {
        let (by, repository) = (by(actor), name(repository));
        registry.app.content.finish_upload(&by, &repository, upload.id, digest, chunk(content)).await
    };
    finish(&alice, "alice/app", &digest).await.unwrap();
    // The answer was lost, and the client sends the same again.
    assert_eq!(finish(&alice, "alice/app", &digest).await.unwrap(), digest);
    for (actor, repository, digest) in
        [(&alice, "alice/app", &other), (&alice, "alice/other", &digest), (&bob, "bob/app", &digest)]
    {
        let refused = finish(actor, repository, digest).await;
        assert!(matches!(refused, Err(Error::UploadUnknown)), "{repository}: {refused:?}");
    }
    assert!(finish(&bob, "alice/app", &digest).await.is_err());
    registry.app.content.delete_blob(&alice, &app, &digest).await.unwrap();
    assert!(
        matches!(finish(&alice, "alice/app", &digest).await, Err(Error::UploadUnknown)),
        "what is gone is not said to be there"
    );
    registry.push_blob(&alice, "alice/app", content).await.unwrap();
    finish(&alice, "alice/app", &digest).await.unwrap();
    registry.clock.advance(Duration::from_secs(3600));
    assert!(matches!(finish(&alice, "alice/app", &digest).await, Err(Error::UploadUnknown)));
}

#[tokio::test]
async fn equal_ends_of_one_upload_at_the_same_time_are_all_acknowledged() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    for (round, in_one_piece) in [(0_u8, true), (1, false)] {
        let content = vec![round; 700_000];
        let digest = Digest::of(Algorithm::Sha256, &content);
        let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
        let mut rest = content.as_slice();
        if !in_one_piece {
            let (first, last) = content.split_at(300_000);
            registry.app.content.append_to_upload(&by(&alice), &app, upload.id, chunk(first)).await.unwrap();
            rest = last;
        }
        let uploader = by(&alice);
        let ends = (0..8).map(|_| {
            registry.app.content.finish_upload(&uploader, &app, upload.id, &digest, slow_chunk(rest))
        });
        for ended in futures::future::join_all(ends).await {
            assert_eq!(ended.unwrap(), digest);
        }
        assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), content);
    }
}

/// A chunk that lets others go on between its pieces.
fn slow_chunk(content: &[u8]) -> Chunk {
    let pieces: Vec<Bytes> = content.chunks(50_000).map(Bytes::copy_from_slice).collect();
    let body = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok(piece)
    });
    Chunk { start: None, length: None, body: Box::pin(body) }
}

#[tokio::test]
async fn a_last_chunk_that_breaks_off_can_be_sent_again_as_it_was() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let digest = Digest::of(Algorithm::Sha256, b"one two");
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    registry.app.content.append_to_upload(&by(&alice), &app, upload.id, chunk(b"one")).await.unwrap();
    let end =
        async |chunk| registry.app.content.finish_upload(&by(&alice), &app, upload.id, &digest, chunk).await;
    assert!(matches!(end(broken_chunk(b" t")).await, Err(Error::BodyInterrupted)));
    let state = registry.app.content.get_upload(&by(&alice), &app, upload.id).await.unwrap();
    assert_eq!(state.offset_bytes, 3);
    end(chunk(b" two")).await.unwrap();
    assert_eq!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap(), b"one two");
}

#[tokio::test]
async fn an_account_has_a_limit_of_open_uploads() {
    let registry = TestRegistry::with(|settings| settings.open_uploads = 3).await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let app = name("alice/app");
    let home = name("bob/app");
    let begin = async |actor: &Arc<Actor>, app| {
        registry.app.content.begin_upload(actor, app, Algorithm::Sha256).await
    };
    let first = begin(&alice, &app).await.unwrap();
    for _ in 0..2 {
        begin(&alice, &app).await.unwrap();
    }
    assert!(matches!(begin(&alice, &app).await, Err(Error::TooManyUploads { limit: 3 })));
    let pushed = registry.push_blob(&alice, "alice/app", b"x").await;
    assert!(matches!(pushed, Err(Error::TooManyUploads { limit: 3 })));
    begin(&bob, &home).await.unwrap();
    registry.app.content.cancel_upload(&by(&alice), &app, first.id).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"x").await.unwrap();
    begin(&alice, &app).await.unwrap();
    assert!(begin(&alice, &app).await.is_err());
    registry.clock.advance(Duration::from_secs(2 * 24 * 3600));
    registry.app.lifecycle.collect_garbage().await.unwrap();
    begin(&alice, &app).await.unwrap();
}

#[tokio::test]
async fn an_upload_whose_bytes_were_damaged_says_that_it_is_dead() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let digest = Digest::of(Algorithm::Sha256, b"one two");
    for content in [None, Some(b"on" as &[u8])] {
        let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
        registry.app.content.append_to_upload(&by(&alice), &app, upload.id, chunk(b"one")).await.unwrap();
        for object in registry.stored_objects().await {
            registry.tamper(object, content).await;
        }
        let ended =
            registry.app.content.finish_upload(&by(&alice), &app, upload.id, &digest, chunk(b" two")).await;
        assert!(matches!(ended, Err(Error::UploadDamaged)), "{ended:?}");
        let after = registry.app.content.get_upload(&by(&alice), &app, upload.id).await;
        assert!(matches!(after, Err(Error::UploadUnknown)), "{after:?}");
        registry.clock.advance(Duration::from_secs(2 * 24 * 3600));
        registry.app.lifecycle.collect_garbage().await.unwrap();
    }
}

#[tokio::test]
async fn an_upload_whose_last_body_takes_long_does_not_expire_meanwhile() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    let piece = Bytes::from(vec![1; 1 << 20]);
    let digest = Digest::of(Algorithm::Sha256, &piece.repeat(300));
    let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let services = Arc::clone(&registry.app);
    let clock = Arc::clone(&registry.clock);
    // Most of a day before the place where progress is recorded, and most of one behind it.
    let slow = stream::iter(0..300).then(move |number| {
        let (services, clock, piece) = (Arc::clone(&services), Arc::clone(&clock), piece.clone());
        async move {
            if number == 100 || number == 290 {
                clock.advance(Duration::from_secs(20 * 3600));
                services.lifecycle.collect_garbage().await?;
            }
            Ok(piece)
        }
    });
    let chunk = Chunk { start: None, length: None, body: Box::pin(slow) };
    registry.app.content.finish_upload(&by(&alice), &app, upload.id, &digest, chunk).await.unwrap();
}

#[tokio::test]
async fn equal_ends_of_one_upload_on_two_nodes_are_both_acknowledged() {
    let registry = TestRegistry::new().await;
    let Some(other) = registry.other_node().await else { return };
    let alice = registry.sign_in("alice").await;
    let app = name("alice/app");
    for (number, length) in [(1_u8, 300_000_usize), (2, 12_000_000)] {
        let content = vec![number; length];
        let digest = Digest::of(Algorithm::Sha256, &content);
        let upload = registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
        let uploader = by(&alice);
        let (one, two) = tokio::join!(
            registry.app.content.finish_upload(&uploader, &app, upload.id, &digest, slow_chunk(&content)),
            other.content.finish_upload(&uploader, &app, upload.id, &digest, slow_chunk(&content)),
        );
        assert_eq!((one.unwrap(), two.unwrap()), (digest, digest), "{length}");
        assert!(registry.read_blob(&alice, "alice/app", &digest).await.unwrap() == content);
    }
}
