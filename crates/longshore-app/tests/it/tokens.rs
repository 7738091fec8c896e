use std::time::Duration;

use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Scope;
use longshore_domain::{Error, error::Unauthenticated};
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::accounts::AccountChange;
use longshore_identity::tokens::{Refresh, RequestedScope};
use longshore_testkit::images::digest_of;
use longshore_testkit::registry::{PASSWORD, TestRegistry, name};

fn scopes(texts: &[&str]) -> Vec<RequestedScope> {
    texts.iter().map(|text| RequestedScope::parse(text).unwrap()).collect()
}

#[tokio::test]
async fn a_token_holds_what_was_asked_and_is_allowed() {
    let registry = TestRegistry::new().await;
    let bob = registry.sign_in("bob").await;
    let wanted =
        scopes(&["repository:bob/app:pull,push", "repository:alice/app:pull,push", "registry:catalog:*"]);
    let issued = registry.app.identity.issue_token(&bob, &wanted, Refresh::None).await.unwrap();
    assert_eq!(issued.scope, "repository:bob/app:pull,push registry:catalog:*");
    assert_eq!(issued.expires_in_seconds, 300);
    assert!(issued.refresh_token.is_none());
    let anonymous =
        registry.app.identity.issue_token(&Actor::ANONYMOUS, &wanted[..2], Refresh::Issue).await.unwrap();
    assert_eq!(anonymous.scope, "");
    assert!(anonymous.refresh_token.is_none());
}

#[tokio::test]
async fn a_token_does_no_more_than_it_covers() {
    let registry = TestRegistry::new().await;
    let bob = registry.sign_in("bob").await;
    registry.push_blob(&bob, "bob/app", b"x").await.unwrap();
    registry.push_blob(&bob, "bob/other", b"other").await.unwrap();
    let services = &registry.app;
    let issued = services
        .identity
        .issue_token(&bob, &scopes(&["repository:bob/app:pull"]), Refresh::None)
        .await
        .unwrap();
    let actor = services.identity.authenticate_bearer(&issued.token).await.unwrap();
    services.content.get_blob(&actor, &name("bob/app"), &digest_of("x")).await.unwrap();
    let is_insufficient = |error| matches!(error, Error::Unauthenticated(Unauthenticated::InsufficientScope));
    assert!(is_insufficient(registry.push_blob(&actor, "bob/app", b"y").await.unwrap_err()));
    assert!(is_insufficient(
        services.content.get_blob(&actor, &name("bob/other"), &digest_of("other")).await.unwrap_err()
    ));
    assert!(is_insufficient(
        services
            .content
            .list_repositories(&actor, None, longshore_domain::page::PageSize::MAX)
            .await
            .unwrap_err()
    ));
    // Also not by mounting from what it does not cover.
    let issued = services
        .identity
        .issue_token(&bob, &scopes(&["repository:bob/app:pull,push"]), Refresh::None)
        .await
        .unwrap();
    let actor = services.identity.authenticate_bearer(&issued.token).await.unwrap();
    for from in [None, Some(name("bob/other"))] {
        let refused =
            services.content.mount_blob(&actor, &name("bob/app"), &digest_of("other"), from.as_ref()).await;
        assert!(matches!(refused, Err(Error::MountSourceNotCovered(_))));
    }
}

#[tokio::test]
async fn abuse_13_tokens_that_are_not_ours_are_refused() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let registry = TestRegistry::new().await;
    let bob = registry.sign_in("bob").await;
    let token = registry
        .app
        .identity
        .issue_token(&bob, &scopes(&["repository:bob/app:pull"]), Refresh::None)
        .await
        .unwrap()
        .token;
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| String::from_utf8(BASE64.decode(part).unwrap()).unwrap();
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let forge = |header: &str, claims: &str, signature: &str| {
        format!("{}.{}.{signature}", BASE64.encode(header), BASE64.encode(claims))
    };
    let kid = header.split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap();
    let cases = [
        String::new(),
        "x".into(),
        "a.b.c".into(),
        "x".repeat(100_000),
        forge(&header, &claims.replace("\"pull\"", "\"push\""), parts[2]),
        forge(&header, &claims.replace("\"sub\":\"bob\"", "\"sub\":\"alice\""), parts[2]),
        forge(&header.replace("ES256", "none"), &claims, ""),
        forge(&header.replace("ES256", "HS256"), &claims, parts[2]),
        forge(&header.replace("ES256", "RS256"), &claims, parts[2]),
        forge(&header.replace(kid, "unknown"), &claims, parts[2]),
        forge(r#"{"alg":"ES256","typ":"JWT"}"#, &claims, parts[2]),
        forge(&header.replace('}', r#","jku":"http://127.0.0.1/keys","x5u":"http://127.0.0.1/x"}"#), &claims, parts[2]),
        forge(
            &header.replace('}', r#","jwk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#),
            &claims,
            parts[2],
        ),
        format!("{}.{}.", parts[0], parts[1]),
    ];
    for case in &cases {
        let refused = registry.app.identity.authenticate_bearer(case).await;
        let shown: String = case.chars().take(60).collect();
        assert!(matches!(refused, Err(Error::Unauthenticated(Unauthenticated::InvalidToken))), "{shown}");
    }
    assert!(registry.app.identity.authenticate_bearer(&token).await.is_ok());
}

#[tokio::test]
async fn tokens_of_another_service_or_issuer_are_refused() {
    let ours = TestRegistry::new().await;
    let alice = ours.sign_in("alice").await;
    let theirs = TestRegistry::with(|settings| settings.service = "elsewhere".into()).await;
    let token = theirs
        .app
        .identity
        .issue_token(&*theirs.sign_in("alice").await, &[], Refresh::None)
        .await
        .unwrap()
        .token;
    assert!(ours.app.identity.authenticate_bearer(&token).await.is_err());
    let own = ours.app.identity.issue_token(&alice, &[], Refresh::None).await.unwrap().token;
    assert!(theirs.app.identity.authenticate_bearer(&own).await.is_err());
}

#[tokio::test]
async fn tokens_expire_and_are_not_valid_before_their_time() {
    let registry = TestRegistry::new().await;
    let bob = registry.sign_in("bob").await;
    let token = registry.app.identity.issue_token(&bob, &[], Refresh::None).await.unwrap().token;
    registry.clock.advance(Duration::from_secs(299));
    assert!(registry.app.identity.authenticate_bearer(&token).await.is_ok());
    registry.clock.advance(Duration::from_secs(1));
    assert!(registry.app.identity.authenticate_bearer(&token).await.is_err());
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_survive_a_restart() {
    let mut registry = TestRegistry::new().await;
    let bob = registry.sign_in("bob").await;
    let old = registry.app.identity.issue_token(&bob, &[], Refresh::None).await.unwrap().token;
    registry.app.identity.rotate_signing_key(&Actor::OPERATOR).await.unwrap();
    let new = registry.app.identity.issue_token(&bob, &[], Refresh::None).await.unwrap().token;
    assert_ne!(old.split('.').next(), new.split('.').next(), "another key signs");
    registry.restart().await;
    for token in [&old, &new] {
        assert!(registry.app.identity.authenticate_bearer(token).await.is_ok());
    }
    registry.clock.advance(Duration::from_secs(31 * 24 * 3600));
    registry.app.identity.rotate_signing_key_when_due().await.unwrap();
    let newest = registry
        .app
        .identity
        .issue_token(&*registry.sign_in("bob").await, &[], Refresh::None)
        .await
        .unwrap()
        .token;
    assert_ne!(new.split('.').next(), newest.split('.').next());
}

#[tokio::test]
async fn refresh_tokens_give_tokens_until_they_are_revoked() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let bob = registry.sign_in("bob").await;
    let refresh =
        services.identity.issue_token(&bob, &[], Refresh::Issue).await.unwrap().refresh_token.unwrap();
    let wanted = scopes(&["repository:bob/app:pull"]);
    let actor = services.identity.authenticate_refresh_token(refresh.expose()).await.unwrap();
    assert_eq!(
        services.identity.issue_token(&actor, &wanted, Refresh::None).await.unwrap().scope,
        "repository:bob/app:pull"
    );
    assert!(services.identity.authenticate_refresh_token("lsr_nonsense").await.is_err());
    services
        .identity
        .set_password(&Actor::OPERATOR, &"bob".parse().unwrap(), "another password")
        .await
        .unwrap();
    assert!(services.identity.authenticate_refresh_token(refresh.expose()).await.is_err());
    // One made with an access token keeps its restriction, and dies with it.
    let owner = "alice".parse().unwrap();
    let (token, secret) = services
        .identity
        .create_access_token(&Actor::OPERATOR, &owner, WantedToken::new("ci", Scope::Read))
        .await
        .unwrap();
    let actor = services.identity.authenticate_basic("alice", secret.expose(), None).await.unwrap();
    let refresh =
        services.identity.issue_token(&actor, &[], Refresh::Issue).await.unwrap().refresh_token.unwrap();
    let actor = services.identity.authenticate_refresh_token(refresh.expose()).await.unwrap();
    let issued = services
        .identity
        .issue_token(&actor, &scopes(&["repository:alice/app:pull,push"]), Refresh::None)
        .await
        .unwrap();
    assert_eq!(issued.scope, "repository:alice/app:pull");
    services.identity.delete_access_token(&Actor::OPERATOR, &owner, token.uuid).await.unwrap();
    assert!(services.identity.authenticate_refresh_token(refresh.expose()).await.is_err());
}

#[tokio::test]
async fn a_token_dies_with_its_owners_rights() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let bob = registry.sign_in("bob").await;
    registry.push_blob(&bob, "bob/app", b"x").await.unwrap();
    let token = services
        .identity
        .issue_token(&bob, &scopes(&["repository:bob/app:pull"]), Refresh::None)
        .await
        .unwrap()
        .token;
    services
        .identity
        .change_account(&Actor::OPERATOR, None, &"bob".parse().unwrap(), AccountChange::active(false))
        .await
        .unwrap();
    let actor = services.identity.authenticate_bearer(&token).await.unwrap();
    assert!(services.content.get_blob(&actor, &name("bob/app"), &digest_of("x")).await.is_err());
}

#[tokio::test]
async fn abuse_19_sign_in_is_throttled_and_says_nothing_about_accounts() {
    let registry = TestRegistry::new().await;
    let address = Some([192, 0, 2, 7].into());
    let text = |error: Error| error.to_string();
    let wrong =
        text(registry.app.identity.authenticate_basic("bob", "wrong password", address).await.unwrap_err());
    let unknown = text(
        registry.app.identity.authenticate_basic("nobody", "wrong password", address).await.unwrap_err(),
    );
    let no_name = text(
        registry.app.identity.authenticate_basic("No Name!", "wrong password", address).await.unwrap_err(),
    );
    assert!(wrong == unknown && wrong == no_name);
    for _ in 0..9 {
        let _ = registry.app.identity.authenticate_basic("bob", "wrong password", address).await;
    }
    let throttled = registry.app.identity.authenticate_basic("bob", PASSWORD, address).await;
    assert!(matches!(throttled, Err(Error::Throttled { .. })), "the right password does not help now");
    assert!(
        registry.app.identity.authenticate_basic("bob", PASSWORD, Some([192, 0, 2, 8].into())).await.is_ok(),
        "from elsewhere it does"
    );
    registry.clock.advance(Duration::from_secs(900));
    assert!(registry.app.identity.authenticate_basic("bob", PASSWORD, address).await.is_ok());
}

#[tokio::test]
async fn abuse_19_guesses_that_come_at_the_same_time_are_throttled_as_well() {
    let registry = TestRegistry::new().await;
    let address = Some([192, 0, 2, 7].into());
    let guesses = (0..100).map(|number| {
        let services = std::sync::Arc::clone(&registry.app);
        tokio::spawn(async move {
            services.identity.authenticate_basic("bob", &format!("guess number {number}"), address).await
        })
    });
    let mut tried = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap().unwrap_err() {
            Error::Unauthenticated(_) => tried += 1,
            error => assert!(matches!(error, Error::Throttled { .. }), "{error}"),
        }
    }
    // The limit is ten; two are checked at a time.
    assert!((10..=12).contains(&tried), "{tried}");
}
