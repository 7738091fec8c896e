use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use jiff::Timestamp;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::{LOGINS_LIMIT, Scope, TokenOrigin};
use longshore_domain::error::Unauthenticated;
use longshore_domain::limit::Limited;
use longshore_domain::{Error, Field};
use longshore_identity::access_keys::{LOGIN_VALIDITY, SignedText};
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::tokens::Refresh;
use longshore_platform::sealing::SealingKey;
use longshore_testkit::registry::{TestRegistry, name};

struct Keys {
    access: String,
    secret: String,
}

async fn keys(registry: &TestRegistry, user: &str, scope: Scope) -> Keys {
    let wanted = WantedToken::new("test", scope);
    let owner = user.parse().unwrap();
    let (token, secret) =
        registry.app.identity.create_access_key(&Actor::OPERATOR, &owner, wanted).await.unwrap();
    Keys { access: token.access_key.unwrap().to_string(), secret: secret.expose().to_owned() }
}

/// Signs a text, as a client does.
async fn ask(
    registry: &TestRegistry,
    keys: &Keys,
    text: &str,
    signed_at: Timestamp,
    is_change: bool,
) -> Result<Actor, Error> {
    let signature = hmac::sign(&hmac::Key::new(HMAC_SHA256, keys.secret.as_bytes()), text.as_bytes());
    let signed = SignedText {
        access_key: &keys.access,
        text,
        signature: signature.as_ref(),
        signed_at,
        is_change,
        project: None,
    };
    registry.app.identity.authenticate_signature(&signed).await
}

fn refused(answer: Result<Actor, Error>) -> Unauthenticated {
    match answer {
        Err(Error::Unauthenticated(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_signature_stands_for_its_account() {
    let registry = TestRegistry::new().await;
    let keys = keys(&registry, "alice", Scope::Account).await;
    let now = registry.app.platform.now();
    let actor = ask(&registry, &keys, "text", now, false).await.unwrap();
    assert_eq!(actor.display_name(), "alice");
    let unknown = Keys { access: "LSAAAAAAAAAAAAAAAAAA".into(), secret: keys.secret.clone() };
    assert_eq!(refused(ask(&registry, &unknown, "text", now, false).await), Unauthenticated::WrongSignature);
    let wrong = Keys { access: keys.access.clone(), secret: "A".repeat(40) };
    assert_eq!(refused(ask(&registry, &wrong, "text", now, false).await), Unauthenticated::WrongSignature);
    let none = Keys { access: "' OR 1=1".into(), secret: keys.secret.clone() };
    assert_eq!(refused(ask(&registry, &none, "text", now, false).await), Unauthenticated::WrongSignature);
    for signature in [&b""[..], &[0; 32], &[0; 31]] {
        let signed = SignedText {
            access_key: &keys.access,
            text: "text",
            signature,
            signed_at: now,
            is_change: false,
            project: None,
        };
        let answer = registry.app.identity.authenticate_signature(&signed).await;
        assert_eq!(refused(answer), Unauthenticated::WrongSignature);
    }
}

#[tokio::test]
async fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let registry = TestRegistry::new().await;
    let keys = keys(&registry, "alice", Scope::Account).await;
    let now = registry.app.platform.now();
    let limit = Duration::from_secs(15 * 60);
    let second = Duration::from_secs(1);
    for (signed_at, is_taken) in [
        (now - limit, true),
        (now + limit, true),
        (now - limit - second, false),
        (now + limit + second, false),
        (Timestamp::MIN, false),
        (Timestamp::MAX, false),
    ] {
        let answer = ask(&registry, &keys, "text", signed_at, false).await;
        assert_eq!(answer.is_ok(), is_taken, "{signed_at}");
        if !is_taken {
            assert_eq!(refused(answer), Unauthenticated::ClockSkew);
        }
    }
}

#[tokio::test]
async fn a_change_is_taken_once_and_again_within_seconds_only() {
    let mut registry = TestRegistry::new().await;
    let keys = keys(&registry, "alice", Scope::Account).await;
    let signed_at = registry.app.platform.now();
    // Several clients of one key may ask for the same in the same second.
    for _ in 0..3 {
        ask(&registry, &keys, "change", signed_at, true).await.unwrap();
    }
    registry.clock.advance(Duration::from_secs(6));
    let again = ask(&registry, &keys, "change", signed_at, true).await;
    assert_eq!(refused(again), Unauthenticated::SignatureUsed);
    // It is new what was not seen, also late; the seconds count from when it came first.
    for _ in 0..2 {
        ask(&registry, &keys, "other change", signed_at, true).await.unwrap();
    }
    registry.clock.advance(Duration::from_secs(6));
    let again = ask(&registry, &keys, "other change", signed_at, true).await;
    assert_eq!(refused(again), Unauthenticated::SignatureUsed);
    // What only reads may come again.
    for _ in 0..3 {
        ask(&registry, &keys, "read", signed_at, false).await.unwrap();
    }
    // A restart, and forgetting what is too old, changes nothing.
    registry.app.do_housekeeping().await.unwrap();
    registry.restart().await;
    let again = ask(&registry, &keys, "change", signed_at, true).await;
    assert_eq!(refused(again), Unauthenticated::SignatureUsed);
    registry.clock.advance(Duration::from_secs(15 * 60));
    registry.app.do_housekeeping().await.unwrap();
    let again = ask(&registry, &keys, "change", signed_at, true).await;
    assert_eq!(refused(again), Unauthenticated::ClockSkew);
}

#[tokio::test]
async fn a_change_that_is_refused_does_not_use_its_signature_up() {
    let registry = TestRegistry::new().await;
    let keys = keys(&registry, "alice", Scope::Account).await;
    let now = registry.app.platform.now();
    let signature = hmac::sign(&hmac::Key::new(HMAC_SHA256, keys.secret.as_bytes()), b"change");
    let unknown = SignedText {
        access_key: &keys.access,
        text: "change",
        signature: signature.as_ref(),
        signed_at: now,
        is_change: true,
        project: Some(uuid::Uuid::nil()),
    };
    let answer = registry.app.identity.authenticate_signature(&unknown).await;
    assert_eq!(refused(answer), Unauthenticated::OutsideProject);
    registry.clock.advance(Duration::from_secs(60));
    ask(&registry, &keys, "change", now, true).await.unwrap();
}

#[tokio::test]
async fn keys_do_what_their_scope_includes() {
    let registry = TestRegistry::new().await;
    let now = registry.app.platform.now();
    for (scope, makes_organizations) in [(Scope::Account, true), (Scope::Admin, false), (Scope::Read, false)]
    {
        let keys = keys(&registry, "alice", scope).await;
        let actor = ask(&registry, &keys, "text", now, false).await.unwrap();
        let new = format!("org-{makes_organizations}-{}", scope.as_str().len());
        let made = registry.app.organizations.create_namespace(&actor, &new.parse().unwrap()).await;
        assert_eq!(made.is_ok(), makes_organizations, "{scope}: {made:?}");
        // Keys make no keys, and no passwords.
        let wanted = WantedToken::new("more", Scope::Read);
        let owner = "alice".parse().unwrap();
        let more = registry.app.identity.create_access_key(&actor, &owner, wanted).await;
        assert!(matches!(more, Err(Error::Denied(_))), "{more:?}");
    }
    // The scope is for keys.
    let wanted = WantedToken::new("test", Scope::Account);
    let plain =
        registry.app.identity.create_access_token(&Actor::OPERATOR, &"alice".parse().unwrap(), wanted).await;
    assert!(matches!(plain, Err(Error::Invalid { field: Field::TokenScope, .. })), "{plain:?}");
}

#[tokio::test]
async fn keys_end_with_their_account_and_their_expiry() {
    let registry = TestRegistry::new().await;
    let until = registry.app.platform.now() + Duration::from_secs(60);
    let wanted = WantedToken { expires_at: Some(until), ..WantedToken::new("test", Scope::Account) };
    let owner = "bob".parse().unwrap();
    let (token, secret) =
        registry.app.identity.create_access_key(&Actor::OPERATOR, &owner, wanted).await.unwrap();
    let keys = Keys { access: token.access_key.unwrap().to_string(), secret: secret.expose().to_owned() };
    let now = registry.app.platform.now();
    ask(&registry, &keys, "text", now, false).await.unwrap();
    registry.clock.advance(Duration::from_secs(60));
    assert_eq!(refused(ask(&registry, &keys, "text", now, false).await), Unauthenticated::WrongSignature);
}

#[tokio::test]
async fn a_server_without_its_sealing_key_has_no_keys() {
    let registry = TestRegistry::with(|settings| settings.sealing_key = None).await;
    let wanted = WantedToken::new("test", Scope::Account);
    let made =
        registry.app.identity.create_access_key(&Actor::OPERATOR, &"alice".parse().unwrap(), wanted).await;
    let error = made.unwrap_err();
    assert!(error.to_string().contains("auth.sealing_key_file"), "{error}");
    assert!(SealingKey::parse("short").is_err());
}

#[tokio::test]
async fn a_login_for_docker_lasts_six_hours() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let origin = TokenOrigin::default();
    let login = registry.app.identity.create_docker_login(&alice, None, origin).await.unwrap();
    let user = format!("alice@{}", login.access_key);
    let sign_in = || registry.app.identity.authenticate_basic(&user, login.password.expose(), None);
    let docker = sign_in().await.unwrap();
    registry.push_blob(&docker, "acme/app", b"layer").await.unwrap();
    let removed = registry.app.content.delete_repository(&docker, &name("acme/app")).await;
    assert!(matches!(removed, Err(Error::Denied(_))), "{removed:?}");
    registry.clock.advance(LOGIN_VALIDITY);
    assert!(sign_in().await.is_err());
    registry.push_blob(&docker, "acme/app", b"other").await.unwrap_err();
    // What has expired is forgotten.
    registry.app.do_housekeeping().await.unwrap();
    let owner = "alice".parse().unwrap();
    let (_, counts) = registry
        .app
        .identity
        .list_access_tokens_at(&Actor::OPERATOR, &owner, 0, longshore_domain::page::PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(counts.all, 0);
}

#[tokio::test]
async fn logins_end_with_the_password_of_the_session_that_made_them() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let login =
        registry.app.identity.create_docker_login(&alice, None, TokenOrigin::default()).await.unwrap();
    let user = format!("alice@{}", login.access_key);
    let sign_in = || registry.app.identity.authenticate_basic(&user, login.password.expose(), None);
    let docker = sign_in().await.unwrap();
    registry.push_blob(&docker, "acme/app", b"layer").await.unwrap();
    let owner = "alice".parse().unwrap();
    registry.app.identity.set_password(&Actor::OPERATOR, &owner, "another password").await.unwrap();
    sign_in().await.unwrap_err();
    registry.push_blob(&docker, "acme/app", b"other").await.unwrap_err();
}

#[tokio::test]
async fn no_credential_uses_up_the_logins_of_others() {
    let registry = TestRegistry::new().await;
    let alice = registry.sign_in("alice").await;
    let owner = "alice".parse().unwrap();
    let with = |scope| {
        let registry = &registry;
        let owner = &owner;
        async move {
            let wanted = WantedToken::new("test", scope);
            let (_, secret) =
                registry.app.identity.create_access_token(&Actor::OPERATOR, owner, wanted).await.unwrap();
            registry.app.identity.authenticate_access_token(secret.expose()).await.unwrap()
        }
    };
    let (reads, other, public) =
        (with(Scope::Read).await, with(Scope::Read).await, with(Scope::PublicRead).await);
    let make = |actor| registry.app.identity.create_docker_login(actor, None, TokenOrigin::default());
    assert!(matches!(make(&public).await, Err(Error::Denied(_))));
    for _ in 0..LOGINS_LIMIT {
        make(&reads).await.unwrap();
    }
    assert!(matches!(make(&reads).await, Err(Error::LimitReached { what: Limited::DockerLogins, .. })));
    make(&other).await.unwrap();
    make(&alice).await.unwrap();
}

#[tokio::test]
async fn what_a_login_leaves_on_a_machine_manages_nothing() {
    let registry = TestRegistry::new().await;
    let keys = keys(&registry, "alice", Scope::Account).await;
    let key = hmac::Key::new(HMAC_SHA256, keys.secret.as_bytes());
    let password = hex::encode(hmac::sign(&key, keys.access.as_bytes()));
    let docker = registry
        .app
        .identity
        .authenticate_basic(&format!("alice@{}", keys.access), &password, None)
        .await
        .unwrap();
    let issued = registry.app.identity.issue_token(&docker, &[], Refresh::Issue).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    // It gets bearer tokens for the registry, and no session.
    registry.app.identity.authenticate_refresh_token(refresh.expose()).await.unwrap();
    let session = registry.app.identity.sign_in("alice", refresh.expose(), None).await;
    assert!(matches!(session, Err(Error::Unauthenticated(Unauthenticated::WrongCredential))), "{session:?}");
}
