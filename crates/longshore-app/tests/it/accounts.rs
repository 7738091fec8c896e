use longshore_domain::access::actor::Actor;
use longshore_domain::account::OrganizationRole;
use longshore_domain::page::PageSize;
use longshore_domain::{Error, Field};
use longshore_identity::accounts::AccountChange;
use longshore_identity::audit::WantedEvents;
use longshore_lifecycle::gc::GcMode;
use longshore_testkit::registry::{PASSWORD, TestRegistry};

const OPERATOR: Actor = Actor::OPERATOR;

#[tokio::test]
async fn names_are_shared_reserved_and_never_inherited() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let create = async |name: &str| {
        services.identity.create_user(&OPERATOR, &name.parse()?, PASSWORD, false).await.map(|_| ())
    };
    for reserved in ["users", "v2", "library", "registry", "manage", "scim"] {
        assert!(matches!(create(reserved).await, Err(Error::NameReserved(_))), "{reserved}");
    }
    assert!(matches!(create("acme").await, Err(Error::Exists(_))), "an organization has it");
    assert!(matches!(create("Bad Name").await, Err(Error::NameInvalid { .. })));
    services.identity.delete_user(&OPERATOR, &"bob".parse().unwrap()).await.unwrap();
    assert!(matches!(create("bob").await, Err(Error::Exists(_))), "a deleted one had it");
    let short = services.identity.create_user(&OPERATOR, &"carol".parse().unwrap(), "short", false).await;
    assert!(matches!(short, Err(Error::Invalid { field: Field::Password, .. })));
}

#[tokio::test]
async fn there_is_always_an_administrator_and_an_owner() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let admin = "admin".parse().unwrap();
    let conflict = |result: Result<(), Error>| matches!(result, Err(Error::Conflict(_)));
    assert!(conflict(
        services
            .identity
            .change_account(&OPERATOR, None, &admin, AccountChange::active(false))
            .await
            .map(|_| ())
    ));
    assert!(conflict(
        services
            .identity
            .change_account(&OPERATOR, None, &admin, AccountChange::administrator(false))
            .await
            .map(|_| ())
    ));
    assert!(conflict(services.identity.delete_user(&OPERATOR, &admin).await));
    let (acme, alice, bob) = ("acme".parse().unwrap(), "alice".parse().unwrap(), "bob".parse().unwrap());
    assert!(conflict(services.identity.delete_user(&OPERATOR, &alice).await), "the only owner of acme");
    assert!(conflict(services.organizations.delete_member(&OPERATOR, &acme, &alice).await));
    assert!(conflict(
        services.organizations.put_member(&OPERATOR, &acme, &alice, OrganizationRole::Member).await
    ));
    services.organizations.put_member(&OPERATOR, &acme, &bob, OrganizationRole::Owner).await.unwrap();
    services.organizations.delete_member(&OPERATOR, &acme, &alice).await.unwrap();
    services.identity.delete_user(&OPERATOR, &alice).await.unwrap();
}

#[tokio::test]
async fn accounts_with_repositories_are_not_deleted() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "acme/app", b"x").await.unwrap();
    let refused = registry.app.organizations.delete_organization(&OPERATOR, &"acme".parse().unwrap()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    assert!(matches!(
        registry.app.organizations.delete_organization(&OPERATOR, &"library".parse().unwrap()).await,
        Err(Error::Denied(_))
    ));
    registry.app.content.delete_repository(&alice, &"acme/app".parse().unwrap()).await.unwrap();
    registry.app.organizations.delete_organization(&OPERATOR, &"acme".parse().unwrap()).await.unwrap();
}

/// Every operation that is the operator's refuses everybody else, also an administrator who signed in.
#[tokio::test]
async fn administration_is_for_the_operator() {
    let registry = TestRegistry::new().await;
    let s = &registry.app;
    let (alice, acme) = ("alice".parse().unwrap(), "acme".parse().unwrap());
    let actors = [
        Actor::ANONYMOUS,
        (*registry.sign_in("bob").await).clone(),
        (*registry.sign_in("alice").await).clone(),
        (*registry.sign_in("admin").await).clone(),
    ];
    for p in &actors {
        let refusals = [
            s.identity.create_user(p, &"new".parse().unwrap(), PASSWORD, true).await.err(),
            s.identity.change_account(p, None, &alice, AccountChange::active(false)).await.err(),
            s.identity.change_account(p, None, &alice, AccountChange::administrator(true)).await.err(),
            s.identity.set_password(p, &alice, PASSWORD).await.err(),
            s.identity.delete_user(p, &alice).await.err(),
            s.identity.get_user(p, &alice).await.err(),
            s.identity
                .list_accounts(p, longshore_domain::account::AccountKind::User, None, PageSize::MAX)
                .await
                .err(),
            s.organizations.create_organization(p, &"new".parse().unwrap(), &alice).await.err(),
            s.organizations.delete_organization(p, &acme).await.err(),
            s.identity.reset_second_factor(p, &alice).await.err(),
            s.identity.rotate_signing_key(p).await.err(),
            s.lifecycle.run_gc(p, GcMode::Collect).await.err(),
            s.lifecycle.gc_status(p).await.err(),
            s.identity.list_events(p, None, WantedEvents::default(), PageSize::MAX).await.err(),
            s.lifecycle.verify(p, &|_| {}).await.err(),
        ];
        for (number, refusal) in refusals.iter().enumerate() {
            assert!(
                matches!(refusal, Some(Error::Denied(_) | Error::Unauthenticated(_))),
                "{number} by {}",
                p.display_name()
            );
        }
    }
}
