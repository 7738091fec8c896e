//! What goes wrong between the registry and its stores: every fault, at every call of every operation.
//!
//! Each operation completes, or fails with an error that says so and succeeds when it is tried again; what was
//! acknowledged stays. Nothing is tested here when the test command did not start the stores.

use std::time::Duration;

use longshore_content::trash::Restoring;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Scope;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::directory::DirectoryChange;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Result};
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::authentication::UploadActor;
use longshore_testkit::images::image;
use longshore_testkit::proxy::{Fault, Proxy};
use longshore_testkit::registry::{PASSWORD, TestRegistry, chunk, name};
use longshore_testkit::stores::SharedStores;

/// What is done to the registry; each time on something new.
#[derive(Clone, Copy, Debug)]
enum Operation {
    PushImage,
    PushInChunks,
    Pull,
    Mount,
    Retag,
    Delete,
    SignIn,
    CreateToken,
    Provision,
    Undo,
    Collect,
}

const OPERATIONS: [Operation; 11] = [
    Operation::PushImage,
    Operation::PushInChunks,
    Operation::Pull,
    Operation::Mount,
    Operation::Retag,
    Operation::Delete,
    Operation::SignIn,
    Operation::CreateToken,
    Operation::Provision,
    Operation::Undo,
    Operation::Collect,
];

const CONFIG: &[u8] = b"{}";

fn digest_of(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

async fn push_image(registry: &TestRegistry, actor: &Actor, tag: &str, layer: &[u8]) -> Result<()> {
    registry.push_blob(actor, "alice/app", CONFIG).await?;
    registry.push_blob(actor, "alice/app", layer).await?;
    registry.push_manifest(actor, "alice/app", tag, &image(CONFIG, &[layer])).await?;
    Ok(())
}

/// Brings about what the operation needs.
async fn prepare(registry: &TestRegistry, actor: &Actor, operation: Operation, tag: &str, layer: &[u8]) {
    match operation {
        Operation::PushImage
        | Operation::PushInChunks
        | Operation::SignIn
        | Operation::CreateToken
        | Operation::Provision => {}
        Operation::Pull | Operation::Mount | Operation::Retag | Operation::Delete => {
            push_image(registry, actor, tag, layer).await.unwrap();
        }
        Operation::Undo => {
            // So that it is the newest one.
            registry.clock.advance(Duration::from_secs(1));
            push_image(registry, actor, tag, layer).await.unwrap();
            let digest = digest_of(image(CONFIG, &[layer]).as_bytes());
            registry.app.content.delete_manifest(actor, &name("alice/app"), &digest).await.unwrap();
        }
        Operation::Collect => {
            registry.push_blob(actor, "alice/garbage", layer).await.unwrap();
            registry.clock.advance(Duration::from_secs(3 * 24 * 3600));
        }
    }
}

async fn run(
    registry: &TestRegistry,
    actor: &Actor,
    operation: Operation,
    tag: &str,
    layer: &[u8],
) -> Result<()> {
    let services = &registry.app;
    match operation {
        Operation::PushImage => push_image(registry, actor, tag, layer).await,
        Operation::PushInChunks => {
            let app = name("alice/app");
            let by = UploadActor { actor: registry.sign_in_again("alice").await?, validity: None };
            let upload = services.content.begin_upload(actor, &app, Algorithm::Sha256).await?;
            let (first, second) = layer.split_at(layer.len() / 2);
            services.content.append_to_upload(&by, &app, upload.id, chunk(first)).await?;
            services.content.finish_upload(&by, &app, upload.id, &digest_of(layer), chunk(second)).await?;
            Ok(())
        }
        Operation::Pull => {
            let reference = tag.parse()?;
            services.content.pull_manifest(actor, &name("alice/app"), &reference).await?;
            assert_eq!(registry.read_blob(actor, "alice/app", &digest_of(layer)).await?, layer);
            Ok(())
        }
        Operation::Mount => {
            let (to, from) = (name("alice/other"), name("alice/app"));
            let mounted = services.content.mount_blob(actor, &to, &digest_of(layer), Some(&from)).await?;
            assert!(mounted.is_some());
            Ok(())
        }
        Operation::Retag => {
            registry.push_manifest(actor, "alice/app", "moved", &image(CONFIG, &[layer])).await.map(|_| ())
        }
        Operation::Delete => {
            match services
                .content
                .delete_manifest(actor, &name("alice/app"), &digest_of(image(CONFIG, &[layer]).as_bytes()))
                .await
            {
                // It was deleted before the answer was lost.
                Err(Error::ManifestUnknown { .. }) => Ok(()),
                deleted => deleted.map(|_| ()),
            }
        }
        Operation::SignIn => services.identity.authenticate_basic("bob", PASSWORD, None).await.map(|_| ()),
        Operation::CreateToken => services
            .identity
            .create_access_token(&Actor::OPERATOR, &"alice".parse()?, WantedToken::new(tag, Scope::Read))
            .await
            .map(|_| ()),
        Operation::Provision => {
            let acme = "acme".parse()?;
            let token = match services.identity.list_scim_tokens(&Actor::OPERATOR, &acme).await?.pop() {
                Some(token) => {
                    services.identity.rotate_scim_token(&Actor::OPERATOR, &acme, token.uuid).await?
                }
                None => services.identity.create_scim_token(&Actor::OPERATOR, &acme, "okta", None).await?,
            };
            let provisioner = services.identity.authenticate_provisioner(token.1.expose()).await?;
            let user_name = Some(format!("{tag}@example.org"));
            let change = DirectoryChange { user_name, ..DirectoryChange::default() };
            match services.organizations.create_directory_user(&provisioner, change).await {
                // It was made before the answer was lost.
                Err(Error::Exists(_)) => Ok(()),
                made => made.map(|_| ()),
            }
        }
        Operation::Undo => {
            let (content, alice, one) = (&services.content, "alice".parse()?, PageSize::clamped(1)?);
            let last = content.list_deletions(actor, &alice, None, None, one).await?.items;
            let last = last.first().ok_or(Error::DeletionUnknown)?.id;
            content.undo_deletion(actor, last, Restoring::default()).await?;
            let pulled = content.pull_manifest(actor, &name("alice/app"), &tag.parse()?).await?;
            assert_eq!(pulled.digest, digest_of(image(CONFIG, &[layer]).as_bytes()), "all of it is back");
            Ok(())
        }
        Operation::Collect => {
            services.lifecycle.collect_garbage().await?;
            Ok(())
        }
    }
}

/// Lets every call of every operation go wrong in every way.
async fn survive(registry: &TestRegistry, proxy: &Proxy, faults: &[Fault]) {
    let mut number = 0;
    for operation in OPERATIONS {
        for fault in faults {
            for n in 1..200 {
                number += 1;
                let tag = format!("t{number}");
                let layer = format!("layer {number}; ").repeat(5000).into_bytes();
                let actor = registry.sign_in("alice").await;
                prepare(registry, &actor, operation, &tag, &layer).await;
                proxy.fail_at(n, *fault);
                let outcome = run(registry, &actor, operation, &tag, &layer).await;
                let happened = proxy.mend();
                if let Err(error) = &outcome {
                    assert!(matches!(error, Error::Unavailable(_)), "{operation:?} {fault:?} {n}: {error:?}");
                    let actor = registry.sign_in("alice").await;
                    let again = run(registry, &actor, operation, &tag, &layer).await;
                    again.unwrap_or_else(|error| panic!("{operation:?} {fault:?} {n}, again: {error:?}"));
                }
                if !happened {
                    break;
                }
            }
        }
    }
    // All that was acknowledged is whole, and all garbage goes.
    let report = registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
    registry.clock.advance(Duration::from_secs(30 * 24 * 3600));
    registry.app.lifecycle.collect_garbage().await.unwrap();
    let status = registry.app.lifecycle.gc_status(&Actor::OPERATOR).await.unwrap();
    assert_eq!(status.backlog.tombstones, 0);
    let report = registry.app.lifecycle.reconcile_store(&Actor::OPERATOR, &|_| {}).await.unwrap();
    assert_eq!((report.damaged, report.findings), (0, Vec::new()));
}

async fn survive_database(fault: Fault) {
    let Some(stores) = SharedStores::only() else { return };
    let database = Proxy::database(&stores.postgres_host());
    let s3 = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let registry = TestRegistry::behind(&database, &s3, &stores).await;
    survive(&registry, &database, &[fault]).await;
}

// One test for each of `Fault::DATABASE`, as each takes long.

#[tokio::test]
async fn refused_calls_of_the_database_end_cleanly() {
    survive_database(Fault::DATABASE[0]).await;
}

#[tokio::test]
async fn dropped_answers_of_the_database_end_cleanly() {
    survive_database(Fault::DATABASE[1]).await;
}

#[tokio::test]
async fn slow_answers_of_the_database_end_cleanly() {
    survive_database(Fault::DATABASE[2]).await;
}

#[tokio::test]
async fn truncated_answers_of_the_database_end_cleanly() {
    const { assert!(Fault::DATABASE.len() == 4, "each has a test") };
    survive_database(Fault::DATABASE[3]).await;
}

#[tokio::test]
async fn faults_of_the_object_store_end_cleanly() {
    let Some(stores) = SharedStores::only() else { return };
    let database = Proxy::database(&stores.postgres_host());
    let s3 = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let registry = TestRegistry::behind(&database, &s3, &stores).await;
    survive(&registry, &s3, &Fault::HTTP).await;
}

#[tokio::test]
async fn no_blob_is_made_of_bytes_that_the_store_gave_back_changed() {
    let Some(stores) = SharedStores::only() else { return };
    let database = Proxy::database(&stores.postgres_host());
    let s3 = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let registry = TestRegistry::behind(&database, &s3, &stores).await;
    let alice = registry.sign_in("alice").await;
    let mut number = 0;
    for fault in [Fault::Flipped, Fault::Halved] {
        for n in 1..200 {
            number += 1;
            let layer = format!("layer {number}; ").repeat(5000).into_bytes();
            s3.fail_at(n, fault);
            let pushed = run(&registry, &alice, Operation::PushInChunks, &format!("t{number}"), &layer).await;
            let happened = s3.mend();
            if pushed.is_err() {
                run(&registry, &alice, Operation::PushInChunks, &format!("t{number}"), &layer).await.unwrap();
            }
            let read = registry.read_blob(&alice, "alice/app", &digest_of(&layer)).await.unwrap();
            assert!(read == layer, "{fault:?} {n}");
            if !happened {
                break;
            }
        }
    }
    assert_eq!(
        registry.app.lifecycle.verify(&Actor::OPERATOR, &|_| {}).await.unwrap().findings,
        Vec::<String>::new()
    );
}
