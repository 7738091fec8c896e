use longshore_domain::Error;
use longshore_domain::access::actor::Actor;
use longshore_domain::account::OrganizationRole;
use longshore_domain::credential::Scope;
use longshore_domain::error::Unauthenticated;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::repository::Visibility;
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::accounts::AccountChange;
use longshore_testkit::images::digest_of;
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};

const OPERATOR: Actor = Actor::OPERATOR;

fn switch(is_active: bool) -> AccessTokenChange {
    AccessTokenChange { is_active: Some(is_active), ..AccessTokenChange::default() }
}

#[tokio::test]
async fn abuse_06_a_private_blob_cannot_be_reached_through_another_repository() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    registry.push_blob(&alice, "alice/secret", b"secret").await.unwrap();
    registry.push_blob(&bob, "bob/app", b"other").await.unwrap();
    let digest = digest_of("secret");
    let services = &registry.app;
    let is_unknown = |error: Error| matches!(error, Error::RepositoryUnknown(_));
    assert!(is_unknown(services.content.get_blob(&bob, &name("alice/secret"), &digest).await.unwrap_err()));
    assert!(is_unknown(services.content.check_blob(&bob, &name("alice/secret"), &digest).await.unwrap_err()));
    assert!(matches!(
        services.content.get_blob(&bob, &name("bob/app"), &digest).await,
        Err(Error::BlobUnknown { .. })
    ));
    for from in [None, Some(name("alice/secret")), Some(name("alice/none"))] {
        let mounted =
            services.content.mount_blob(&bob, &name("bob/app"), &digest, from.as_ref()).await.unwrap();
        assert!(mounted.is_none(), "mounted from {from:?}");
    }
    // A repository that does not exist answers exactly like one that may not be seen.
    let (hidden, missing) = (name("alice/secret"), name("alice/none"));
    for actor in [&*bob, &Actor::ANONYMOUS] {
        let answer = async |repository| {
            services.content.get_blob(actor, repository, &digest).await.unwrap_err().to_string()
        };
        let hidden_answer = answer(&hidden).await.replace("secret", "none");
        assert_eq!(hidden_answer, answer(&missing).await);
    }
}

#[tokio::test]
async fn roles_decide_and_changes_count_at_once() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    registry.push_blob(&alice, "acme/app", b"x").await.unwrap();
    let (acme, bob_name) = ("acme".parse().unwrap(), "bob".parse().unwrap());
    let services = &registry.app;
    let can_read = async || services.content.get_blob(&bob, &name("acme/app"), &digest_of("x")).await.is_ok();
    let can_push = async || registry.push_blob(&bob, "acme/app", b"y").await.is_ok();
    assert!(!can_read().await && !can_push().await);
    services.organizations.put_member(&OPERATOR, &acme, &bob_name, OrganizationRole::Member).await.unwrap();
    assert!(can_read().await && !can_push().await);
    services.organizations.put_member(&OPERATOR, &acme, &bob_name, OrganizationRole::Editor).await.unwrap();
    assert!(can_read().await && can_push().await);
    services.organizations.delete_member(&OPERATOR, &acme, &bob_name).await.unwrap();
    assert!(!can_read().await && !can_push().await);
    services.content.set_visibility(&alice, &name("acme/app"), Visibility::Public).await.unwrap();
    assert!(can_read().await && !can_push().await);
    assert!(services.content.get_blob(&Actor::ANONYMOUS, &name("acme/app"), &digest_of("x")).await.is_ok());
    services.content.set_visibility(&alice, &name("acme/app"), Visibility::Private).await.unwrap();
    assert!(!can_read().await);
}

#[tokio::test]
async fn access_tokens_are_capped_and_die_at_once() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"x").await.unwrap();
    let services = &registry.app;
    let owner = "alice".parse().unwrap();
    let (token, secret) = services
        .identity
        .create_access_token(&OPERATOR, &owner, WantedToken::new("ci", Scope::Read))
        .await
        .unwrap();
    let sign_in = async || services.identity.authenticate_basic("alice", secret.expose(), None).await;
    let by_token = sign_in().await.unwrap();
    let app = name("alice/app");
    assert!(services.content.get_blob(&by_token, &app, &digest_of("x")).await.is_ok());
    assert!(matches!(registry.push_blob(&by_token, "alice/app", b"y").await, Err(Error::Denied(_))));
    assert!(
        services.identity.authenticate_basic("bob", secret.expose(), None).await.is_err(),
        "it is not bob's"
    );
    services.identity.change_access_token(&OPERATOR, &owner, token.uuid, switch(false)).await.unwrap();
    assert!(sign_in().await.is_err());
    let void = services.content.get_blob(&by_token, &app, &digest_of("x")).await;
    assert!(matches!(void, Err(Error::Unauthenticated(Unauthenticated::InvalidToken))));
    services.identity.change_access_token(&OPERATOR, &owner, token.uuid, switch(true)).await.unwrap();
    assert!(sign_in().await.is_ok());
    services.identity.delete_access_token(&OPERATOR, &owner, token.uuid).await.unwrap();
    assert!(sign_in().await.is_err());
    let public_only = services
        .identity
        .create_access_token(&OPERATOR, &owner, WantedToken::new("p", Scope::PublicRead))
        .await
        .unwrap()
        .1;
    let public_only =
        services.identity.authenticate_basic("alice", public_only.expose(), None).await.unwrap();
    assert!(services.content.get_blob(&public_only, &app, &digest_of("x")).await.is_err());
    assert!(
        services.content.list_repositories(&public_only, None, PageSize::MAX).await.unwrap().items.is_empty()
    );
}

#[tokio::test]
async fn an_access_token_expires() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let owner = "alice".parse().unwrap();
    let expires_at = services.platform.now() + std::time::Duration::from_secs(100);
    let (_, secret) = services
        .identity
        .create_access_token(
            &OPERATOR,
            &owner,
            WantedToken { expires_at: Some(expires_at), ..WantedToken::new("ci", Scope::Write) },
        )
        .await
        .unwrap();
    let actor = services.identity.authenticate_basic("alice", secret.expose(), None).await.unwrap();
    registry.push_blob(&actor, "alice/app", b"x").await.unwrap();
    assert!(services.content.get_blob(&actor, &name("alice/app"), &digest_of("x")).await.is_ok());
    registry.clock.advance(std::time::Duration::from_secs(100));
    assert!(
        services.content.get_blob(&actor, &name("alice/app"), &digest_of("x")).await.is_err(),
        "also for who is signed in"
    );
}

#[tokio::test]
async fn a_disabled_user_and_a_changed_password_end_what_is_signed_in() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"x").await.unwrap();
    let services = &registry.app;
    let (app, owner) = (name("alice/app"), "alice".parse().unwrap());
    services.identity.change_account(&OPERATOR, None, &owner, AccountChange::active(false)).await.unwrap();
    assert!(services.content.get_blob(&alice, &app, &digest_of("x")).await.is_err());
    assert!(services.identity.authenticate_basic("alice", PASSWORD, None).await.is_err());
    services.identity.change_account(&OPERATOR, None, &owner, AccountChange::active(true)).await.unwrap();
    assert!(services.content.get_blob(&alice, &app, &digest_of("x")).await.is_ok());
    services.identity.set_password(&OPERATOR, &owner, "another password").await.unwrap();
    assert!(services.content.get_blob(&alice, &app, &digest_of("x")).await.is_err());
    assert!(services.identity.authenticate_basic("alice", PASSWORD, None).await.is_err());
    assert!(services.identity.authenticate_basic("alice", "another password", None).await.is_ok());
}

#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    for repository in ["alice/a", "acme/b", "acme/public"] {
        registry.push_blob(&alice, repository, b"x").await.unwrap();
    }
    registry.push_blob(&bob, "bob/c", b"x").await.unwrap();
    let services = &registry.app;
    services.content.set_visibility(&alice, &name("acme/public"), Visibility::Public).await.unwrap();
    let list = async |actor: &Actor, after: Option<&str>, size| {
        let page =
            services.content.list_repositories(actor, after, PageSize::clamped(size).unwrap()).await.unwrap();
        page.items.iter().map(|repository| repository.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(&alice, None, 100).await, ["acme/b", "acme/public", "alice/a"]);
    assert_eq!(list(&bob, None, 100).await, ["acme/public", "bob/c"]);
    assert_eq!(list(&Actor::ANONYMOUS, None, 100).await, ["acme/public"]);
    assert_eq!(list(&*registry.sign_in("admin").await, None, 100).await.len(), 4);
    assert_eq!(list(&alice, Some("acme/b"), 1).await, ["acme/public"]);
}

#[tokio::test]
async fn abuse_13_a_repository_made_anew_is_another_one() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    registry.push_blob(&alice, "alice/app", b"old").await.unwrap();
    registry.app.content.set_visibility(&alice, &name("alice/app"), Visibility::Public).await.unwrap();
    let anonymous = Actor::ANONYMOUS;
    assert!(registry.app.content.get_blob(&anonymous, &name("alice/app"), &digest_of("old")).await.is_ok());
    registry.app.content.delete_repository(&alice, &name("alice/app")).await.unwrap();
    registry.push_blob(&alice, "alice/app", b"new").await.unwrap();
    assert!(registry.app.content.get_blob(&anonymous, &name("alice/app"), &digest_of("new")).await.is_err());
    assert!(registry.app.content.get_blob(&alice, &name("alice/app"), &digest_of("old")).await.is_err());
}

#[tokio::test]
async fn bare_names_belong_to_the_operator() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    assert!(matches!(registry.push_blob(&alice, "alpine", b"x").await, Err(Error::Denied(_))));
    let admin = registry.sign_in("admin").await;
    registry.push_blob(&admin, "alpine", b"x").await.unwrap();
    assert!(registry.read_blob(&admin, "library/alpine", &digest_of("x")).await.is_ok());
}
