use std::sync::Arc;
use std::time::Duration;

use longshore_domain::Error;
use longshore_domain::access::action::RegistryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::OrganizationRole;
use longshore_domain::credential::{Scope, Secret, TokenOrigin, TokenRestriction};
use longshore_domain::error::Unauthenticated;
use longshore_domain::limit::Included;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::tier::{Tier, Tiers};
use longshore_domain::token_resource::{TokenResource, TokenResources};
use longshore_identity::access_tokens::WantedToken;
use longshore_lifecycle::registries::{RegistryAccess, WantedRegistry};
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::registry::{TestRegistry, name};

const CONFIG: &[u8] = b"config";

fn wanted(name: &str, tier: Option<&str>) -> WantedRegistry {
    WantedRegistry { name: name.parse().unwrap(), tier: tier.map(str::to_owned), region: None }
}

/// Tiers that are small enough to be exceeded.
fn small_tiers() -> Tiers {
    let tier = |slug: &str, repositories, storage_bytes, bandwidth_bytes| Tier {
        slug: slug.parse().unwrap(),
        name: slug.to_owned(),
        registries: 2,
        repositories,
        storage_bytes,
        allows_storage_overage: false,
        bandwidth_bytes,
        allows_bandwidth_overage: false,
        monthly_price_cents: 0,
        storage_overage_price_cents: 0,
    };
    Tiers::new(vec![tier("tiny", 2, 1000, 5000), tier("large", 0, 0, 0)]).unwrap()
}

async fn token(registry: &TestRegistry, user: &str, scope: Scope) -> Arc<Actor> {
    let wanted = WantedToken::new("test", scope);
    let owner = user.parse().unwrap();
    let (_, secret) =
        registry.app.identity.create_access_token(&Actor::OPERATOR, &owner, wanted).await.unwrap();
    registry.app.identity.authenticate_basic(secret.expose(), secret.expose(), None).await.unwrap()
}

async fn credential(
    registry: &TestRegistry,
    by: &Actor,
    scope: RegistryAccess,
    valid: Option<Duration>,
) -> Secret {
    let name = "shop".parse().unwrap();
    let origin = TokenOrigin::default();
    registry.app.lifecycle.create_registry_credential(by, &name, scope, valid, origin).await.unwrap()
}

#[tokio::test]
async fn a_registry_of_a_new_name_becomes_an_organization_of_its_founder() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let made = registry.app.lifecycle.create_registry(&alice, wanted("shop", None)).await.unwrap();
    assert_eq!(made.registry.region.as_str(), "nyc3");
    assert_eq!(made.subscription.unwrap().tier.as_str(), "starter");
    registry.push_blob(&alice, "shop/app", CONFIG).await.unwrap();
    // Somebody else may neither take it, nor know of it.
    let bob = registry.sign_in("bob").await;
    let again = registry.app.lifecycle.create_registry(&bob, wanted("shop", None)).await;
    assert!(matches!(again, Err(Error::Exists(_))), "{again:?}");
    let seen = registry.app.lifecycle.get_registry(&bob, &"shop".parse().unwrap()).await;
    assert!(matches!(seen, Err(Error::RegistryUnknown(_))), "{seen:?}");
    let only = registry.app.lifecycle.get_only_registry(&bob, RegistryAction::View).await;
    assert!(matches!(only, Err(Error::NoRegistry)), "{only:?}");
    let nobody =
        registry.app.lifecycle.get_registry(&Actor::ANONYMOUS, &"shop".parse().unwrap()).await.unwrap_err();
    assert!(matches!(nobody, Error::Unauthenticated(Unauthenticated::Missing)));
    // The shipped tiers include one registry.
    let second = registry.app.lifecycle.create_registry(&alice, wanted("other", None)).await;
    assert_eq!(
        second.unwrap_err().to_string(),
        "the subscription tier includes less than the account has: more registries"
    );
    // The tier that a request names is that of the first registry.
    let larger = wanted("other", Some("professional"));
    assert!(registry.app.lifecycle.create_registry(&alice, larger).await.is_err());
    registry.app.lifecycle.change_subscription(&alice, "professional").await.unwrap();
    registry.app.lifecycle.create_registry(&alice, wanted("other", Some("basic"))).await.unwrap();
    let several = registry.app.lifecycle.get_only_registry(&alice, RegistryAction::View).await;
    assert!(matches!(several, Err(Error::SeveralRegistries)));
    assert_eq!(registry.app.lifecycle.list_registries(&alice).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_registry_of_an_organization_is_managed_by_its_owners() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    let acme = "acme".parse().unwrap();
    let services = &registry.app;
    let refused = services.lifecycle.create_registry(&bob, wanted("acme", None)).await;
    assert!(matches!(refused, Err(Error::Exists(_))));
    services.lifecycle.create_registry(&alice, wanted("acme", None)).await.unwrap();
    services
        .organizations
        .put_member(&Actor::OPERATOR, &acme, &"bob".parse().unwrap(), OrganizationRole::Member)
        .await
        .unwrap();
    assert!(services.lifecycle.get_only_registry(&bob, RegistryAction::View).await.is_ok());
    let refused = services.lifecycle.change_subscription(&bob, "basic").await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    let refused = services.lifecycle.delete_registry(&bob, &acme).await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    services
        .organizations
        .put_member(&Actor::OPERATOR, &acme, &"bob".parse().unwrap(), OrganizationRole::Owner)
        .await
        .unwrap();
    services.lifecycle.change_subscription(&bob, "basic").await.unwrap();
    assert_eq!(services.lifecycle.get_subscription(&alice).await.unwrap().0.tier.as_str(), "basic");
    // A registry of one's own comes before those of organizations.
    services.lifecycle.create_registry(&bob, wanted("bob", None)).await.unwrap();
    let only = services.lifecycle.get_only_registry(&bob, RegistryAction::View).await.unwrap();
    assert_eq!(only.registry.name.as_str(), "bob");
}

#[tokio::test]
async fn access_tokens_do_what_their_scope_includes() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let shop = "shop".parse().unwrap();
    for scope in [Scope::PublicRead, Scope::Read, Scope::Write] {
        let by = token(&registry, "alice", scope).await;
        let refused = services.lifecycle.create_registry(&by, wanted("shop", None)).await;
        assert!(matches!(refused, Err(Error::Denied(_))), "{scope}: {refused:?}");
        assert!(services.lifecycle.check_registry_name(&by, &shop).await.is_err());
    }
    let admin = token(&registry, "alice", Scope::Admin).await;
    services.lifecycle.check_registry_name(&admin, &shop).await.unwrap();
    services.lifecycle.create_registry(&admin, wanted("shop", None)).await.unwrap();
    let taken = services.lifecycle.check_registry_name(&admin, &shop).await;
    assert!(matches!(taken, Err(Error::Exists(_))));
    let reads = token(&registry, "alice", Scope::Read).await;
    assert!(services.lifecycle.get_registry(&reads, &shop).await.is_ok());
    let origin = TokenOrigin::default();
    let refused = services
        .lifecycle
        .create_registry_credential(&reads, &shop, RegistryAccess::PullAndPush, None, origin)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Denied(_)));
    assert!(services.lifecycle.delete_registry(&reads, &shop).await.is_err());
    let blind = token(&registry, "alice", Scope::PublicRead).await;
    assert!(services.lifecycle.list_registries(&blind).await.is_err());
}

#[tokio::test]
async fn credentials_are_for_one_registry_and_end_with_what_they_were_made_with() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let admin = token(&registry, "alice", Scope::Admin).await;
    services.lifecycle.create_registry(&admin, wanted("shop", None)).await.unwrap();
    registry.push_blob(&admin, "shop/app", CONFIG).await.unwrap();
    registry.push_blob(&admin, "alice/own", CONFIG).await.unwrap();

    let reads = credential(&registry, &admin, RegistryAccess::Pull, None).await;
    let reader = services.identity.authenticate_basic(reads.expose(), reads.expose(), None).await.unwrap();
    assert!(registry.read_blob(&reader, "shop/app", &digest_of(CONFIG)).await.is_ok());
    let refused = registry.push_blob(&reader, "shop/app", b"more").await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    assert!(registry.read_blob(&reader, "alice/own", &digest_of(CONFIG)).await.is_err());
    // It is no credential for managing anything.
    assert!(services.lifecycle.get_registry(&reader, &"shop".parse().unwrap()).await.is_err());
    assert!(services.access.authorize_audit(&reader, &"alice".parse().unwrap()).await.is_err());

    let hour = Some(Duration::from_secs(3600));
    let writes = credential(&registry, &admin, RegistryAccess::PullAndPush, hour).await;
    let writer = services.identity.authenticate_basic(writes.expose(), writes.expose(), None).await.unwrap();
    registry.push_blob(&writer, "shop/app", b"more").await.unwrap();
    assert!(registry.push_blob(&writer, "alice/own", b"more").await.is_err());
    registry.clock.advance(Duration::from_secs(3600));
    assert!(registry.push_blob(&writer, "shop/app", b"even more").await.is_err());
    assert!(services.identity.authenticate_basic(writes.expose(), writes.expose(), None).await.is_err());

    // Listed with the account's access tokens, and gone with the one that made it.
    let alice = "alice".parse().unwrap();
    let size = longshore_domain::page::PageSize::MAX;
    let (tokens, _) =
        services.identity.list_access_tokens_at(&Actor::OPERATOR, &alice, 0, size).await.unwrap();
    assert!(tokens.iter().any(|token| token.label == "docker credential for shop"));
    let parent = tokens.iter().find(|token| token.label == "test").unwrap();
    let change = AccessTokenChange { is_active: Some(false), ..Default::default() };
    services.identity.change_access_token(&Actor::OPERATOR, &alice, parent.uuid, change).await.unwrap();
    assert!(services.identity.authenticate_basic(reads.expose(), reads.expose(), None).await.is_err());
    assert!(registry.read_blob(&reader, "shop/app", &digest_of(CONFIG)).await.is_err());
    services.identity.delete_access_token(&Actor::OPERATOR, &alice, parent.uuid).await.unwrap();
    assert!(services.identity.authenticate_basic(reads.expose(), reads.expose(), None).await.is_err());
}

#[tokio::test]
async fn whoever_has_a_credential_may_end_it() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.app.lifecycle.create_registry(&alice, wanted("shop", None)).await.unwrap();
    let secret = credential(&registry, &alice, RegistryAccess::PullAndPush, None).await;
    registry.app.lifecycle.revoke_presented_token("lsp_unknown").await.unwrap();
    assert!(registry.app.identity.authenticate_basic(secret.expose(), secret.expose(), None).await.is_ok());
    registry.app.lifecycle.revoke_presented_token(secret.expose()).await.unwrap();
    assert!(registry.app.identity.authenticate_basic(secret.expose(), secret.expose(), None).await.is_err());
}

#[tokio::test]
async fn tiers_limit_repositories_storage_and_pulls() {
    let registry = TestRegistry::with(|settings| settings.tiers = Arc::new(small_tiers())).await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    services.lifecycle.create_registry(&alice, wanted("shop", Some("tiny"))).await.unwrap();
    let layer = vec![1; 600];
    registry.push_blob(&alice, "shop/a", &layer).await.unwrap();
    // The same blob counts once, however many repositories have it.
    registry.push_blob(&alice, "shop/b", &layer).await.unwrap();
    let shop = "shop".parse().unwrap();
    assert_eq!(services.lifecycle.get_registry(&alice, &shop).await.unwrap().storage_bytes, 600);
    let third = registry.push_blob(&alice, "shop/c", &layer).await;
    assert!(matches!(&third, Err(Error::OverLimit(Included::Repositories { limit: 2, .. }))), "{third:?}");
    let objects = registry.stored_objects().await.len();
    let large = registry.push_blob(&alice, "shop/a", &vec![2; 401]).await;
    assert!(matches!(&large, Err(Error::OverLimit(Included::Storage { limit_bytes: 1000 }))), "{large:?}");
    registry.push_blob(&alice, "shop/a", &vec![2; 400]).await.unwrap();
    let full = registry.push_blob(&alice, "shop/a", b"x").await;
    assert!(matches!(full, Err(Error::OverLimit(_))), "{full:?}");
    // What was refused leaves nothing behind.
    services.lifecycle.collect_garbage().await.unwrap();
    assert_eq!(registry.stored_objects().await.len(), objects.min(1) + 1);
    assert_eq!(services.lifecycle.get_registry(&alice, &shop).await.unwrap().storage_bytes, 1000);

    let pull = || async { registry.read_blob(&alice, "shop/a", &digest_of(&layer)).await };
    for _ in 0..9 {
        pull().await.unwrap();
    }
    let exceeded = pull().await;
    assert!(
        matches!(&exceeded, Err(Error::OverLimit(Included::Pulls { limit_bytes: 5000 }))),
        "{exceeded:?}"
    );
    // Also after it was recorded, and not in the next month any more.
    services.content.record_pulls().await.unwrap();
    assert!(pull().await.is_err());
    registry.clock.advance(Duration::from_secs(31 * 24 * 3600));
    pull().await.unwrap();

    let (tiers, _) = services.lifecycle.list_registry_options(&alice).await.unwrap();
    assert!(tiers.iter().all(|offered| offered.excesses.is_empty()));
    services.lifecycle.change_subscription(&alice, "large").await.unwrap();
    registry.push_blob(&alice, "shop/c", &vec![3; 5000]).await.unwrap();
    pull().await.unwrap();
    let back = services.lifecycle.change_subscription(&alice, "tiny").await.unwrap_err();
    assert_eq!(
        back.to_string(),
        "the subscription tier includes less than the account has: more repositories, more storage"
    );
}

#[tokio::test]
async fn a_mount_counts_where_it_goes() {
    let registry = TestRegistry::with(|settings| settings.tiers = Arc::new(small_tiers())).await;
    let alice = registry.sign_in("alice").await;
    registry.app.lifecycle.create_registry(&alice, wanted("shop", Some("tiny"))).await.unwrap();
    let layer = vec![1; 1001];
    registry.push_blob(&alice, "alice/app", &layer).await.unwrap();
    let mounted = registry
        .app
        .content
        .mount_blob(&alice, &name("shop/app"), &digest_of(&layer), Some(&name("alice/app")))
        .await;
    assert!(matches!(mounted, Err(Error::OverLimit(_))), "{mounted:?}");
}

#[tokio::test]
async fn a_deleted_registry_takes_its_repositories_and_credentials_with_it() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    services.lifecycle.create_registry(&alice, wanted("shop", Some("professional"))).await.unwrap();
    for number in 0..60 {
        registry.push_blob(&alice, &format!("shop/r{number}"), CONFIG).await.unwrap();
    }
    registry.push_manifest(&alice, "shop/r1", "v1", &image(CONFIG, &[])).await.unwrap();
    let secret = credential(&registry, &alice, RegistryAccess::PullAndPush, None).await;
    services.lifecycle.delete_registry(&alice, &"shop".parse().unwrap()).await.unwrap();
    assert!(services.identity.authenticate_basic(secret.expose(), secret.expose(), None).await.is_err());
    assert!(registry.read_blob(&alice, "shop/r1", &digest_of(CONFIG)).await.is_err());
    assert!(services.lifecycle.list_registries(&alice).await.unwrap().is_empty());
    assert!(matches!(services.lifecycle.get_subscription(&alice).await, Err(Error::NoRegistry)));
    // The name is its founder's for ever.
    let bob = registry.sign_in("bob").await;
    assert!(services.lifecycle.create_registry(&bob, wanted("shop", None)).await.is_err());
    services.lifecycle.create_registry(&alice, wanted("shop", None)).await.unwrap();
}

#[tokio::test]
async fn storage_is_counted_once_per_namespace_whatever_comes_and_goes() {
    let registry = TestRegistry::with(|settings| {
        settings.gc.lease = Duration::ZERO;
        settings.gc.grace = Duration::ZERO;
        settings.gc.undo = Duration::ZERO;
    })
    .await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    for namespace in ["alice", "acme"] {
        services.lifecycle.create_registry(&alice, wanted(namespace, Some("professional"))).await.unwrap();
    }
    let stored = |name: &'static str| {
        let principal = alice.clone();
        async move {
            services.lifecycle.get_registry(&principal, &name.parse().unwrap()).await.unwrap().storage_bytes
        }
    };
    let layer = vec![7; 5000];
    for repository in ["alice/a", "alice/b", "acme/a"] {
        registry.push_blob(&alice, repository, &layer).await.unwrap();
    }
    assert_eq!((stored("alice").await, stored("acme").await), (5000, 5000));
    services.do_housekeeping().await.unwrap();
    services.content.delete_blob(&alice, &name("alice/a"), &digest_of(&layer)).await.unwrap();
    registry.clock.advance(Duration::from_secs(1));
    services.content.delete_repository(&alice, &name("acme/a")).await.unwrap();
    registry.clock.advance(Duration::from_secs(1));
    services.lifecycle.collect_garbage().await.unwrap();
    // With no lease the collector takes what is not referenced, wherever it is.
    assert_eq!((stored("alice").await, stored("acme").await), (0, 0));
    assert!(registry.stored_objects().await.is_empty());
}

#[tokio::test]
async fn pushes_at_the_same_time_share_the_last_repository() {
    let registry = TestRegistry::with(|settings| settings.tiers = Arc::new(small_tiers())).await;
    let alice = registry.sign_in("alice").await;
    registry.app.lifecycle.create_registry(&alice, wanted("shop", Some("tiny"))).await.unwrap();
    registry.push_blob(&alice, "shop/one", b"1").await.unwrap();
    let layers: Vec<Vec<u8>> = (0..6_u8).map(|number| vec![number; 10]).collect();
    let pushes = layers.iter().map(|layer| registry.push_blob(&alice, "shop/two", layer));
    for pushed in futures::future::join_all(pushes).await {
        pushed.unwrap();
    }
}

#[tokio::test]
async fn who_is_no_owner_any_more_leaves_the_registry_to_the_organization() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    services.lifecycle.create_registry(&alice, wanted("shop", Some("basic"))).await.unwrap();
    let [shop, bob] = ["shop", "bob"].map(|name| name.parse().unwrap());
    services.organizations.put_member(&Actor::OPERATOR, &shop, &bob, OrganizationRole::Owner).await.unwrap();
    services.organizations.delete_member(&Actor::OPERATOR, &shop, &"alice".parse().unwrap()).await.unwrap();
    // Its tier stays, under a subscription that its owners manage.
    let by_bob = registry.sign_in("bob").await;
    let details = services.lifecycle.get_registry(&by_bob, &shop).await.unwrap();
    assert_eq!(details.subscription.unwrap().tier.as_str(), "basic");
    services.lifecycle.change_subscription(&by_bob, "professional").await.unwrap();
    // And alice begins anew.
    let own = services.lifecycle.create_registry(&alice, wanted("alice", Some("starter"))).await.unwrap();
    assert_eq!(own.subscription.unwrap().tier.as_str(), "starter");
}

#[tokio::test]
async fn what_is_being_uploaded_counts_against_the_storage() {
    let registry = TestRegistry::with(|settings| settings.tiers = Arc::new(small_tiers())).await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    services.lifecycle.create_registry(&alice, wanted("shop", Some("tiny"))).await.unwrap();
    let app = name("shop/app");
    let by = || longshore_identity::authentication::UploadActor { actor: Arc::clone(&alice), validity: None };
    let algorithm = longshore_domain::digest::Algorithm::Sha256;
    let mut open = Vec::new();
    for _ in 0..2 {
        let upload = services.content.begin_upload(&alice, &app, algorithm).await.unwrap();
        let chunk = longshore_testkit::registry::chunk(&[1; 600]);
        services.content.append_to_upload(&by(), &app, upload.id, chunk).await.unwrap();
        open.push(upload.id);
    }
    let third = services.content.begin_upload(&alice, &app, algorithm).await;
    assert!(matches!(third, Err(Error::OverLimit(_))), "{third:?}");
    let more = longshore_testkit::registry::chunk(&[1; 100]);
    assert!(services.content.append_to_upload(&by(), &app, open[0], more).await.is_err());
    services.content.cancel_upload(&by(), &app, open[1]).await.unwrap();
    services.content.begin_upload(&alice, &app, algorithm).await.unwrap();
}

#[tokio::test]
async fn a_credential_ends_when_the_token_that_made_it_may_not_make_it_any_more() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = registry.sign_in("alice").await;
    services.lifecycle.create_registry(&alice, wanted("acme", None)).await.unwrap();
    let acme = "acme".parse().unwrap();
    let resources = |scope: &str| {
        TokenResources::new(vec![TokenResource::parse("TYPE_ORG", "acme", &[scope]).unwrap()]).unwrap()
    };
    let owner = || longshore_identity::access_tokens::TokenOwner::Organization(&acme);
    let wanted = WantedToken {
        restriction: TokenRestriction::Resources(resources("scope-registry-admin")),
        ..WantedToken::new("ci", Scope::Read)
    };
    let (token, secret) = services.identity.create_access_token(&alice, owner(), wanted).await.unwrap();
    let by = services.identity.authenticate_access_token(secret.expose()).await.unwrap();
    let make = |scope| {
        let origin = TokenOrigin::default();
        services.lifecycle.create_registry_credential(&by, &acme, scope, None, origin)
    };
    let pulls = make(RegistryAccess::Pull).await.unwrap();
    let pushes = make(RegistryAccess::PullAndPush).await.unwrap();
    let works = |secret: &Secret| {
        let secret = secret.expose().to_owned();
        async move { services.identity.authenticate_basic(&secret, &secret, None).await.is_ok() }
    };
    assert!(works(&pulls).await && works(&pushes).await);
    // No credential is an access token for managing anything.
    let refused = services.identity.authenticate_access_token(pushes.expose()).await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    assert!(services.identity.sign_in("acme", pushes.expose(), None).await.is_err());
    for (scope, left) in [("scope-registry-read", [true, false]), ("scope-member-read", [false, false])] {
        let change = AccessTokenChange { resources: Some(resources(scope)), ..Default::default() };
        services.identity.change_access_token(&alice, owner(), token.uuid, change).await.unwrap();
        assert_eq!([works(&pulls).await, works(&pushes).await], left, "{scope}");
    }
}
