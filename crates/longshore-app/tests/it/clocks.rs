//! A clock that was far ahead and went back: nobody is locked out by it, and no work stops until the wrong time has come.
//!
//! What is counted of failed sign-ins and used of second factors is in `sign_in`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Scope;
use longshore_domain::digest::Algorithm;
use longshore_domain::error::Unauthenticated;
use longshore_domain::gc_run::{RunKind, RunStatus};
use longshore_domain::name::Namespace;
use longshore_domain::page::PageSize;
use longshore_domain::retention::{Kept, RetentionRule};
use longshore_domain::{Error, Result};
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::authentication::UploadActor;
use longshore_identity::sign_in::SignIn;
use longshore_identity::tokens::{Refresh, RequestedScope};
use longshore_lifecycle::gc::GcMode;
use longshore_lifecycle::registries::WantedRegistry;
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::registry::{PASSWORD, TestRegistry, chunk, name};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const WRONG_BY: Duration = Duration::from_secs(400 * 24 * 3600);
const CONFIG: &[u8] = b"config";

/// How it is noticed that the clock went back.
#[derive(Clone, Copy, Debug)]
enum Noticed {
    ByTheJob,
    AtAStart,
}

struct Travel {
    registry: TestRegistry,
    noticed: Noticed,
}

impl Travel {
    /// The clock is far ahead.
    async fn to_the_wrong_time(&self) {
        self.registry.clock.advance(WRONG_BY);
        self.registry.app.heal_times().await.unwrap();
    }

    /// It is set right.
    async fn back(&mut self) {
        self.registry.clock.go_back(WRONG_BY);
        match self.noticed {
            Noticed::ByTheJob => {
                self.registry.app.heal_times().await.unwrap();
            }
            Noticed::AtAStart => self.registry.restart().await,
        }
    }

    async fn alice(&self) -> Arc<Actor> {
        self.registry.sign_in("alice").await
    }

    async fn collect(&self) -> Result<u64> {
        let counts = self.registry.app.lifecycle.run_gc(&Actor::OPERATOR, GcMode::Collect);
        counts.await.map(|counts| counts.blobs_deleted)
    }

    async fn token(&self, by: &Actor, repository: &str) -> String {
        let scope = RequestedScope::parse(&format!("repository:{repository}:pull,push")).unwrap();
        self.registry.app.identity.issue_token(by, &[scope], Refresh::None).await.unwrap().token
    }
}

async fn a_job_of_a_node_that_died(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    travel.registry.die_with_job("garbage-collection").await;
    travel.back().await;
    assert!(matches!(travel.collect().await, Err(Error::Conflict(_))));
    travel.registry.clock.advance(MINUTE + Duration::from_secs(1));
    travel.collect().await.unwrap();
}

async fn blobs_that_nothing_refers_to(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let alice = travel.alice().await;
    travel.registry.push_blob(&alice, "alice/app", b"orphan").await.unwrap();
    travel.back().await;
    // The lease begins anew, so that a push that is under way ends well.
    travel.registry.clock.advance(DAY - MINUTE);
    assert_eq!(travel.collect().await.unwrap(), 0);
    travel.registry.clock.advance(2 * MINUTE);
    assert_eq!(travel.collect().await.unwrap(), 1);
}

async fn images_that_were_deleted(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let alice = travel.alice().await;
    let (registry, app) = (&travel.registry, name("alice/app"));
    registry.push_blob(&alice, "alice/app", CONFIG).await.unwrap();
    let manifest = image(CONFIG, &[]);
    registry.push_manifest(&alice, "alice/app", "v1", &manifest).await.unwrap();
    registry.app.content.delete_manifest(&alice, &app, &digest_of(&manifest)).await.unwrap();
    travel.back().await;
    travel.registry.clock.advance(DAY - MINUTE);
    assert_eq!(travel.collect().await.unwrap(), 0, "they can be restored as long as ever");
    travel.registry.clock.advance(DAY);
    travel.collect().await.unwrap();
    travel.collect().await.unwrap();
    assert!(travel.registry.stored_objects().await.is_empty());
}

async fn uploads_that_nobody_ends(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let alice = travel.alice().await;
    let (app, by) = (name("alice/app"), UploadActor { actor: Arc::clone(&alice), validity: None });
    let left = travel.registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    let upload = travel.registry.app.content.begin_upload(&alice, &app, Algorithm::Sha256).await.unwrap();
    travel.back().await;
    travel.registry.app.content.append_to_upload(&by, &app, upload.id, chunk(b"it goes on")).await.unwrap();
    travel.registry.clock.advance(DAY + MINUTE);
    travel.registry.app.lifecycle.collect_garbage().await.unwrap();
    for id in [upload.id, left.id] {
        let cancelled = travel.registry.app.content.cancel_upload(&by, &app, id).await;
        assert!(cancelled.is_err(), "it is given up");
    }
}

async fn retention_policies(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let (alice, app) = (travel.alice().await, name("acme/app"));
    let push = async |registry: &TestRegistry, tag: &str| {
        registry.push_blob(&alice, "acme/app", tag.as_bytes()).await.unwrap();
        registry.push_manifest(&alice, "acme/app", tag, &image(tag.as_bytes(), &[])).await.unwrap();
        registry.clock.advance(Duration::from_secs(1));
    };
    let tags = async |registry: &TestRegistry| -> Vec<String> {
        let page = registry.app.content.list_tags(&alice, &app, None, PageSize::MAX).await.unwrap();
        page.items.iter().map(ToString::to_string).collect()
    };
    push(&travel.registry, "v1").await;
    push(&travel.registry, "v2").await;
    let rule = RetentionRule { kept: Kept::Newest(1), exceptions: Vec::new() };
    travel.registry.app.lifecycle.create_retention_policy(&alice, &app, vec![rule]).await.unwrap();
    travel.registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&travel.registry).await, ["v2"]);
    travel.back().await;
    travel.registry.clock.advance(Duration::from_secs(1));
    push(&travel.registry, "v3").await;
    travel.registry.clock.advance(DAY);
    travel.registry.app.lifecycle.apply_retention().await.unwrap();
    assert_eq!(tags(&travel.registry).await, ["v3"], "the newest is what was pushed last");
}

async fn collection_of_a_registry(travel: &mut Travel, is_started_before: bool) {
    travel.to_the_wrong_time().await;
    let alice = travel.alice().await;
    let shop: Namespace = "shop".parse().unwrap();
    let wanted = WantedRegistry { name: shop.clone(), tier: Some("professional".into()), region: None };
    travel.registry.app.lifecycle.create_registry(&alice, wanted).await.unwrap();
    travel.registry.push_blob(&alice, "shop/app", CONFIG).await.unwrap();
    travel.token(&alice, "shop/app").await;
    if !is_started_before {
        travel.back().await;
    }
    let services = Arc::clone(&travel.registry.app);
    services.lifecycle.start_gc_run(&alice, &shop, RunKind::Both).await.unwrap();
    services.lifecycle.advance_gc_runs().await.unwrap();
    if is_started_before {
        travel.back().await;
    }
    assert!(matches!(travel.registry.push_blob(&alice, "shop/app", b"more").await, Err(Error::ReadOnly(_))));
    // The longest that a token for pushing works, and something for the rest.
    travel.registry.clock.advance(Duration::from_secs(900 + 60));
    travel.registry.app.lifecycle.advance_gc_runs().await.unwrap();
    let listed = travel.registry.app.lifecycle.list_gc_runs(&Actor::OPERATOR, &shop, 0, PageSize::MAX);
    assert_eq!(listed.await.unwrap().0[0].status, RunStatus::Succeeded);
    travel.registry.push_blob(&alice, "shop/app", b"more").await.unwrap();
}

async fn collections_that_were_started(travel: &mut Travel) {
    collection_of_a_registry(travel, true).await;
}

async fn collections_that_wait_for_tokens(travel: &mut Travel) {
    collection_of_a_registry(travel, false).await;
}

async fn signing_keys(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    travel.registry.app.identity.rotate_signing_key(&Actor::OPERATOR).await.unwrap();
    travel.back().await;
    let alice = travel.alice().await;
    // The first part of a token names its key.
    let key = async |travel: &Travel| {
        let token = travel.token(&alice, "alice/app").await;
        travel.registry.app.identity.authenticate_bearer(&token).await.unwrap();
        token.split('.').next().unwrap().to_owned()
    };
    let first = key(travel).await;
    travel.registry.app.identity.rotate_signing_key_when_due().await.unwrap();
    assert_eq!(key(travel).await, first, "it is not due yet");
    travel.registry.clock.advance(30 * DAY);
    travel.registry.app.identity.rotate_signing_key_when_due().await.unwrap();
    assert_ne!(key(travel).await, first);
}

async fn keys_of_other_nodes(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let other = travel.registry.other_node().await;
    travel.back().await;
    // On PostgreSQL; elsewhere there is none.
    let Some(other) = other else { return };
    // What the other one loaded last, it loaded in the wrong time.
    travel.registry.app.identity.rotate_signing_key(&Actor::OPERATOR).await.unwrap();
    let alice = travel.alice().await;
    let token = travel.token(&alice, "alice/app").await;
    other.identity.authenticate_bearer(&token).await.unwrap();
}

async fn bearer_and_refresh_tokens(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let alice = travel.alice().await;
    let scope = RequestedScope::parse("repository:alice/app:pull").unwrap();
    let issued = travel.registry.app.identity.issue_token(&alice, &[scope], Refresh::Issue).await.unwrap();
    travel.back().await;
    let services = Arc::clone(&travel.registry.app);
    // Clients that are refused get another one.
    let refused = services.identity.authenticate_bearer(&issued.token).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(Unauthenticated::InvalidToken))), "{refused:?}");
    let refresh_token = issued.refresh_token.unwrap();
    let actor = services.identity.authenticate_refresh_token(refresh_token.expose()).await.unwrap();
    let token = travel.token(&actor, "alice/app").await;
    services.identity.authenticate_bearer(&token).await.unwrap();
    travel.registry.clock.advance(180 * DAY + MINUTE);
    assert!(
        services.identity.authenticate_refresh_token(refresh_token.expose()).await.is_err(),
        "as long as ever"
    );
}

async fn sign_ins_that_wait_for_a_second_factor(travel: &mut Travel) {
    let services = Arc::clone(&travel.registry.app);
    let SignIn::Done(alice) = services.identity.sign_in("alice", PASSWORD, None).await.unwrap() else {
        panic!()
    };
    let begun = services.identity.enrol_second_factor(&alice, PASSWORD, None).await.unwrap();
    let code = begun.secret.code_at(services.platform.now()).unwrap();
    services.identity.confirm_second_factor(&alice, &code).await.unwrap();
    travel.to_the_wrong_time().await;
    let begin =
        async |travel: &Travel| match travel.registry.app.identity.sign_in("alice", PASSWORD, None).await {
            Ok(SignIn::SecondFactorNeeded(challenge)) => challenge,
            _ => panic!("no second factor is asked for"),
        };
    let old = begin(travel).await;
    travel.back().await;
    travel.registry.clock.advance(Duration::from_secs(301));
    let code = begun.secret.code_at(travel.registry.app.platform.now()).unwrap();
    assert!(
        travel.registry.app.identity.complete_sign_in(old.expose(), &code).await.is_err(),
        "it has ended"
    );
    let fresh = begin(travel).await;
    travel.registry.app.identity.complete_sign_in(fresh.expose(), &code).await.unwrap();
}

/// These have dates of their own, which somebody chose and was told.
async fn access_tokens(travel: &mut Travel) {
    travel.to_the_wrong_time().await;
    let services = Arc::clone(&travel.registry.app);
    let alice = travel.alice().await;
    let ends_at = services.platform.now().checked_add(DAY).unwrap();
    let wanted = WantedToken { expires_at: Some(ends_at), ..WantedToken::new("ci", Scope::Write) };
    let owner = "alice".parse().unwrap();
    let (_, secret) = services.identity.create_access_token(&alice, &owner, wanted).await.unwrap();
    let works = async |travel: &Travel| {
        travel.registry.app.identity.authenticate_basic("alice", secret.expose(), None).await.is_ok()
    };
    assert!(works(travel).await);
    travel.back().await;
    travel.registry.clock.advance(WRONG_BY);
    assert!(works(travel).await);
    travel.registry.clock.advance(DAY + MINUTE);
    assert!(!works(travel).await);
}

type Case = for<'t> fn(&'t mut Travel) -> Pin<Box<dyn Future<Output = ()> + 't>>;

#[tokio::test]
async fn a_clock_that_went_back_locks_nobody_out_and_stops_no_work() {
    let cases: &[(&str, Case)] = &[
        ("a job of a node that died", |travel| Box::pin(a_job_of_a_node_that_died(travel))),
        ("blobs that nothing refers to", |travel| Box::pin(blobs_that_nothing_refers_to(travel))),
        ("images that were deleted", |travel| Box::pin(images_that_were_deleted(travel))),
        ("uploads that nobody ends", |travel| Box::pin(uploads_that_nobody_ends(travel))),
        ("retention policies", |travel| Box::pin(retention_policies(travel))),
        ("collections that were started", |travel| Box::pin(collections_that_were_started(travel))),
        ("collections that wait for tokens", |travel| Box::pin(collections_that_wait_for_tokens(travel))),
        ("signing keys", |travel| Box::pin(signing_keys(travel))),
        ("keys of other nodes", |travel| Box::pin(keys_of_other_nodes(travel))),
        ("bearer and refresh tokens", |travel| Box::pin(bearer_and_refresh_tokens(travel))),
        ("challenges", |travel| Box::pin(sign_ins_that_wait_for_a_second_factor(travel))),
        ("access tokens", |travel| Box::pin(access_tokens(travel))),
    ];
    for (what, case) in cases {
        for noticed in [Noticed::ByTheJob, Noticed::AtAStart] {
            println!("{what}, noticed {noticed:?}");
            let registry = TestRegistry::new().await;
            registry.app.heal_times().await.unwrap();
            case(&mut Travel { registry, noticed }).await;
        }
    }
}
