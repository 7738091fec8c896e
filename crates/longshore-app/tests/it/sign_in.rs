//! Signing in to the management dialects, and the second factor.

use std::net::IpAddr;
use std::time::Duration;

use longshore_domain::access::actor::{Actor, Proof};
use longshore_domain::credential::Scope;
use longshore_domain::error::Unauthenticated;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::second_factor::TotpSecret;
use longshore_domain::{Error, Result};
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::accounts::AccountChange;
use longshore_identity::sign_in::SignIn;
use longshore_testkit::registry::{PASSWORD, TestRegistry};
use serde_json::Map;

const OPERATOR: Actor = Actor::OPERATOR;
const DAY: Duration = Duration::from_secs(86_400);
const STEP: Duration = Duration::from_secs(30);

fn done(sign_in: SignIn) -> Actor {
    match sign_in {
        SignIn::Done(actor) => actor,
        SignIn::SecondFactorNeeded(_) => panic!("a second factor is asked for"),
    }
}

fn challenge(sign_in: SignIn) -> String {
    match sign_in {
        SignIn::Done(_) => panic!("no second factor is asked for"),
        SignIn::SecondFactorNeeded(challenge) => challenge.expose().to_owned(),
    }
}

fn is_wrong<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Unauthenticated(Unauthenticated::WrongCredential)))
}

async fn by_password(registry: &TestRegistry, user: &str) -> Actor {
    done(registry.app.identity.sign_in(user, PASSWORD, None).await.unwrap())
}

/// Sets a second factor up and gives its secret and the recovery codes.
async fn enrol(registry: &TestRegistry, user: &str) -> (TotpSecret, Vec<String>) {
    let services = &registry.app;
    let actor = by_password(registry, user).await;
    let begun = services.identity.enrol_second_factor(&actor, PASSWORD, None).await.unwrap();
    let code = begun.secret.code_at(services.platform.now()).unwrap();
    let confirmed = services.identity.confirm_second_factor(&actor, &code).await.unwrap();
    // The code that confirmed it has been used.
    registry.clock.advance(STEP);
    (begun.secret, confirmed.recovery_codes)
}

#[tokio::test]
async fn a_session_is_for_management_alone_and_ends() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let actor = by_password(&registry, "alice").await;
    let session = services.identity.issue_session(&actor, DAY, Map::new()).unwrap();
    let again = services.identity.authenticate_session(&session).await.unwrap();
    assert_eq!((again.principal(), again.proof()), (actor.principal(), Proof::Password));
    assert!(services.identity.authenticate_bearer(&session).await.is_err(), "the registry does not take it");
    let bearer = services
        .identity
        .issue_token(&actor, &[], longshore_identity::tokens::Refresh::None)
        .await
        .unwrap()
        .token;
    assert!(services.identity.authenticate_session(&bearer).await.is_err(), "nor the other way round");
    registry.clock.advance(DAY);
    assert!(services.identity.authenticate_session(&session).await.is_err());
    assert!(services.identity.issue_session(&Actor::ANONYMOUS, DAY, Map::new()).is_err());
}

#[tokio::test]
async fn passwords_access_tokens_and_refresh_tokens_sign_in() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = "alice".parse().unwrap();
    let wanted = WantedToken::new("ci", Scope::Read);
    let (token, secret) = services.identity.create_access_token(&OPERATOR, &alice, wanted).await.unwrap();
    let by_token = done(services.identity.sign_in("alice", secret.expose(), None).await.unwrap());
    assert_eq!(by_token.access_token_id(), Some(token.id));
    assert!(is_wrong(&services.identity.sign_in("bob", secret.expose(), None).await));
    assert!(is_wrong(&services.identity.sign_in("alice", "not the password", None).await));
    assert!(is_wrong(&services.identity.sign_in("nobody", PASSWORD, None).await));
    assert!(is_wrong(&services.identity.sign_in("alice", &"x".repeat(5000), None).await));
    let actor = by_password(&registry, "alice").await;
    let refresh = services.identity.issue_session_refresh_token(&actor).await.unwrap().unwrap();
    let refreshed = done(services.identity.sign_in("alice", refresh.expose(), None).await.unwrap());
    assert_eq!((refreshed.principal(), refreshed.proof()), (actor.principal(), Proof::Token));
    assert!(is_wrong(&services.identity.sign_in("bob", refresh.expose(), None).await));
    registry.clock.advance(DAY * 180);
    assert!(is_wrong(&services.identity.sign_in("alice", refresh.expose(), None).await), "it has expired");
}

#[tokio::test]
async fn abuse_13_a_session_dies_with_what_it_was_made_from() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = "alice".parse().unwrap();
    let (token, secret) = services
        .identity
        .create_access_token(&OPERATOR, &alice, WantedToken::new("ci", Scope::Admin))
        .await
        .unwrap();
    let works = async |actor: &Actor| services.access.check_actor(actor).await.is_ok();
    let by_token = done(services.identity.sign_in("alice", secret.expose(), None).await.unwrap());
    let session = services.identity.issue_session(&by_token, DAY, Map::new()).unwrap();
    let session = services.identity.authenticate_session(&session).await.unwrap();
    assert!(works(&session).await);
    let off = AccessTokenChange { is_active: Some(false), ..AccessTokenChange::default() };
    services.identity.change_access_token(&OPERATOR, &alice, token.uuid, off).await.unwrap();
    assert!(!works(&session).await);
    let by_password = by_password(&registry, "alice").await;
    assert!(works(&by_password).await);
    services.identity.change_account(&OPERATOR, None, &alice, AccountChange::active(false)).await.unwrap();
    assert!(!works(&by_password).await);
    services.identity.change_account(&OPERATOR, None, &alice, AccountChange::active(true)).await.unwrap();
    assert!(works(&by_password).await);
    services.identity.set_password(&OPERATOR, &alice, "another long password").await.unwrap();
    assert!(!works(&by_password).await);
}

#[tokio::test]
async fn a_user_manages_access_tokens_of_its_own_only_and_not_by_an_access_token() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = "alice".parse().unwrap();
    let own = by_password(&registry, "alice").await;
    let (token, secret) = services
        .identity
        .create_access_token(&own, &alice, WantedToken::new(" ci ", Scope::Admin))
        .await
        .unwrap();
    assert_eq!(token.label, "ci");
    let by_token = done(services.identity.sign_in("alice", secret.expose(), None).await.unwrap());
    let bob = by_password(&registry, "bob").await;
    let admin = by_password(&registry, "admin").await;
    for actor in [Actor::ANONYMOUS, by_token, bob, admin] {
        let new = WantedToken::new("x", Scope::Admin);
        let refusals = [
            services.identity.create_access_token(&actor, &alice, new).await.err(),
            services.identity.list_access_tokens(&actor, &alice, None, PageSize::MAX).await.err(),
            services.identity.list_access_tokens_at(&actor, &alice, 0, PageSize::MAX).await.err(),
            services.identity.get_access_token(&actor, &alice, token.uuid).await.err(),
            services
                .identity
                .change_access_token(&actor, &alice, token.uuid, AccessTokenChange::default())
                .await
                .err(),
            services.identity.delete_access_token(&actor, &alice, token.uuid).await.err(),
        ];
        for refusal in refusals {
            assert!(
                matches!(refusal, Some(Error::Denied(_) | Error::Unauthenticated(_) | Error::UserUnknown(_))),
                "{refusal:?} for {}",
                actor.display_name()
            );
        }
    }
    let renamed =
        AccessTokenChange { label: Some("build".into()), is_active: None, ..AccessTokenChange::default() };
    let changed = services.identity.change_access_token(&own, &alice, token.uuid, renamed).await.unwrap();
    assert_eq!((changed.label.as_str(), changed.is_active), ("build", true));
    let empty =
        AccessTokenChange { label: Some(" ".into()), is_active: None, ..AccessTokenChange::default() };
    assert!(matches!(
        services.identity.change_access_token(&own, &alice, token.uuid, empty).await,
        Err(Error::Invalid { .. })
    ));
    let (page, counts) =
        services.identity.list_access_tokens_at(&own, &alice, 0, PageSize::MAX).await.unwrap();
    assert_eq!((page.len(), counts.all, counts.active), (1, 1, 1));
    let (page, _) = services.identity.list_access_tokens_at(&own, &alice, 1, PageSize::MAX).await.unwrap();
    assert!(page.is_empty());
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_is_confirmed() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let before = by_password(&registry, "alice").await;
    let actor = &before;
    let wrong = services.identity.enrol_second_factor(actor, "not the password", None).await;
    assert!(is_wrong(&wrong));
    let abandoned = services.identity.enrol_second_factor(actor, PASSWORD, None).await.unwrap();
    by_password(&registry, "alice").await;
    let begun = services.identity.enrol_second_factor(actor, PASSWORD, None).await.unwrap();
    let stale = abandoned.secret.code_at(services.platform.now()).unwrap();
    assert!(is_wrong(&services.identity.confirm_second_factor(actor, &stale).await));
    let code = begun.secret.code_at(services.platform.now()).unwrap();
    let confirmed = services.identity.confirm_second_factor(actor, &code).await.unwrap();
    assert_eq!(confirmed.recovery_codes.len(), 10);
    // Abuse case 18: what was signed in without it is void.
    assert!(services.access.check_actor(actor).await.is_err());
    assert!(services.access.check_actor(&confirmed.actor).await.is_ok());

    let challenge = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    assert!(services.identity.authenticate_session(&challenge).await.is_err(), "it is good for nothing else");
    assert!(is_wrong(&services.identity.sign_in("alice", &challenge, None).await));
    assert!(is_wrong(&services.identity.complete_sign_in(&challenge, &code).await), "a code works once");
    registry.clock.advance(STEP);
    let next = begun.secret.code_at(services.platform.now()).unwrap();
    let actor = services.identity.complete_sign_in(&challenge, &next).await.unwrap();
    assert!(services.access.check_actor(&actor).await.is_ok());
    registry.clock.advance(STEP);
    let next = begun.secret.code_at(services.platform.now()).unwrap();
    assert!(
        is_wrong(&services.identity.complete_sign_in(&challenge, &next).await),
        "and so does a challenge"
    );
    let status = services.identity.second_factor_status(&actor).await.unwrap();
    assert_eq!((status.confirmed_at.is_some(), status.recovery_codes), (true, 10));
    assert!(matches!(
        services.identity.enrol_second_factor(&actor, PASSWORD, None).await,
        Err(Error::Conflict(_))
    ));
}

#[tokio::test]
async fn the_registry_asks_for_an_access_token_where_there_is_a_second_factor() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let by_basic = async |secret: &str| services.identity.authenticate_basic("alice", secret, None).await;
    by_basic(PASSWORD).await.unwrap();
    enrol(&registry, "alice").await;
    assert!(matches!(
        by_basic(PASSWORD).await,
        Err(Error::Unauthenticated(Unauthenticated::AccessTokenNeeded))
    ));
    assert!(is_wrong(&by_basic("not the password").await), "only whoever knows the password is told");
    let wanted = WantedToken::new("docker", Scope::Write);
    let (_, secret) =
        services.identity.create_access_token(&OPERATOR, &"alice".parse().unwrap(), wanted).await.unwrap();
    by_basic(secret.expose()).await.unwrap();
    done(services.identity.sign_in("alice", secret.expose(), None).await.unwrap());
}

#[tokio::test]
async fn abuse_18_codes_cannot_be_guessed() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (secret, codes) = enrol(&registry, "alice").await;
    let first = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    let right = secret.code_at(services.platform.now()).unwrap();
    let guess = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert!(is_wrong(&services.identity.complete_sign_in(&first, guess).await));
    }
    assert!(is_wrong(&services.identity.complete_sign_in(&first, &right).await), "the challenge is spent");
    let second = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    for _ in 0..5 {
        assert!(is_wrong(&services.identity.complete_sign_in(&second, guess).await));
    }
    // Ten wrong codes in a window are the most, whatever challenge they come with.
    let third = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    let throttled = services.identity.complete_sign_in(&third, &right).await;
    assert!(matches!(throttled, Err(Error::Throttled { .. })), "{throttled:?}");
    assert!(matches!(
        services.identity.complete_sign_in(&third, &codes[0]).await,
        Err(Error::Throttled { .. })
    ));
    registry.clock.advance(Duration::from_secs(901));
    let stale =
        services.identity.complete_sign_in(&third, &secret.code_at(services.platform.now()).unwrap()).await;
    assert!(is_wrong(&stale), "after five minutes the password is needed again");
    let fourth = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    services
        .identity
        .complete_sign_in(&fourth, &secret.code_at(services.platform.now()).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn abuse_18_codes_tried_at_the_same_time_all_count() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (secret, _) = enrol(&registry, "alice").await;
    let first = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    let right = secret.code_at(services.platform.now()).unwrap();
    let tries = (0..20).map(|_| services.identity.complete_sign_in(&first, &right));
    let succeeded = futures::future::join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(succeeded, 1, "one code and one challenge make one session");
}

#[tokio::test]
async fn abuse_18_one_challenge_makes_one_session_whatever_the_codes() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (_, codes) = enrol(&registry, "alice").await;
    let first = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    let tries = codes.iter().take(4).map(|code| services.identity.complete_sign_in(&first, code));
    let succeeded = futures::future::join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn abuse_18_guesses_over_many_challenges_at_the_same_time_are_throttled() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (secret, _) = enrol(&registry, "alice").await;
    let right = secret.code_at(services.platform.now()).unwrap();
    let guess = if right == "000000" { "000001" } else { "000000" };
    let mut challenges = Vec::new();
    for _ in 0..10 {
        challenges.push(challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap()));
    }
    let guesses = challenges
        .iter()
        .flat_map(|secret| (0..4).map(move |_| services.identity.complete_sign_in(secret, guess)));
    let looked_at = futures::future::join_all(guesses).await.iter().filter(|answer| is_wrong(answer)).count();
    assert!(looked_at <= 10, "{looked_at} guesses were looked at");
}

#[tokio::test]
async fn recovery_codes_work_once_and_are_replaced_as_a_whole() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (secret, codes) = enrol(&registry, "alice").await;
    let sign_in = async |code: &str| {
        let challenge = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
        services.identity.complete_sign_in(&challenge, code).await
    };
    let actor = sign_in(&codes[0].to_uppercase()).await.unwrap();
    assert!(is_wrong(&sign_in(&codes[0]).await));
    assert_eq!(services.identity.second_factor_status(&actor).await.unwrap().recovery_codes, 9);
    assert!(is_wrong(&services.identity.renew_recovery_codes(&actor, "wrong", &codes[1], None).await));
    let code = secret.code_at(services.platform.now()).unwrap();
    let renewed = services.identity.renew_recovery_codes(&actor, PASSWORD, &code, None).await.unwrap();
    assert!(is_wrong(&sign_in(&codes[1]).await));
    sign_in(&renewed[0]).await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_removed_by_both_factors_or_by_the_operator() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let alice = "alice".parse().unwrap();
    let (secret, codes) = enrol(&registry, "alice").await;
    let challenge = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
    let code = secret.code_at(services.platform.now()).unwrap();
    let actor = services.identity.complete_sign_in(&challenge, &code).await.unwrap();
    assert!(is_wrong(&services.identity.disable_second_factor(&actor, PASSWORD, &code, None).await));
    assert!(is_wrong(&services.identity.disable_second_factor(&actor, "wrong", &codes[0], None).await));
    services.identity.disable_second_factor(&actor, PASSWORD, &codes[1], None).await.unwrap();
    by_password(&registry, "alice").await;
    assert!(matches!(
        services.identity.disable_second_factor(&actor, PASSWORD, &codes[2], None).await,
        Err(Error::Conflict(_))
    ));
    enrol(&registry, "alice").await;
    services.identity.reset_second_factor(&OPERATOR, &alice).await.unwrap();
    by_password(&registry, "alice").await;
    assert!(matches!(
        services.identity.reset_second_factor(&OPERATOR, &alice).await,
        Err(Error::Conflict(_))
    ));
}

#[tokio::test]
async fn an_access_token_does_not_reach_the_second_factor() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let wanted = WantedToken::new("x", Scope::Admin);
    let (_, secret) =
        services.identity.create_access_token(&OPERATOR, &"alice".parse().unwrap(), wanted).await.unwrap();
    let by_token = done(services.identity.sign_in("alice", secret.expose(), None).await.unwrap());
    for actor in [by_token, Actor::ANONYMOUS] {
        let refusals = [
            services.identity.second_factor_status(&actor).await.err(),
            services.identity.enrol_second_factor(&actor, PASSWORD, None).await.err(),
            services.identity.confirm_second_factor(&actor, "000000").await.err(),
            services.identity.renew_recovery_codes(&actor, PASSWORD, "000000", None).await.err(),
            services.identity.disable_second_factor(&actor, PASSWORD, "000000", None).await.err(),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Some(Error::Denied(_) | Error::Unauthenticated(_))), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn password_guesses_are_throttled_here_too() {
    let registry = TestRegistry::new().await;
    let address: Option<IpAddr> = Some([192, 0, 2, 7].into());
    for _ in 0..10 {
        assert!(is_wrong(&registry.app.identity.sign_in("alice", "not the password", address).await));
    }
    let throttled = registry.app.identity.sign_in("alice", PASSWORD, address).await;
    assert!(matches!(throttled, Err(Error::Throttled { .. })));
}

/// A clock that was wrong, and by how much.
const WRONG_BY: Duration = Duration::from_secs(400 * 24 * 3600);

#[tokio::test]
async fn failures_under_a_clock_that_went_back_lock_nobody_out() {
    let registry = TestRegistry::new().await;
    let address: Option<IpAddr> = Some([192, 0, 2, 7].into());
    registry.clock.advance(WRONG_BY);
    for _ in 0..10 {
        assert!(is_wrong(&registry.app.identity.sign_in("alice", "not the password", address).await));
    }
    assert!(matches!(
        registry.app.identity.sign_in("alice", PASSWORD, address).await,
        Err(Error::Throttled { retry_after_seconds: 1..=900 })
    ));
    registry.clock.go_back(WRONG_BY);
    assert!(registry.app.identity.sign_in("alice", PASSWORD, address).await.is_ok());
    // Counted anew, as ever.
    for _ in 0..10 {
        assert!(is_wrong(&registry.app.identity.sign_in("alice", "not the password", address).await));
    }
    registry.clock.go_back(Duration::from_secs(30));
    assert!(matches!(
        registry.app.identity.sign_in("alice", PASSWORD, address).await,
        Err(Error::Throttled { retry_after_seconds: 1..=900 })
    ));
}

#[tokio::test]
async fn codes_used_under_a_clock_that_went_back_lock_nobody_out() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let (secret, _) = enrol(&registry, "alice").await;
    let sign_in = async || {
        let code = secret.code_at(services.platform.now()).unwrap();
        let begun = challenge(services.identity.sign_in("alice", PASSWORD, None).await.unwrap());
        services.identity.complete_sign_in(&begun, &code).await
    };
    registry.clock.advance(WRONG_BY);
    sign_in().await.unwrap();
    registry.clock.go_back(WRONG_BY);
    sign_in().await.unwrap();
    assert!(is_wrong(&sign_in().await), "a code works once");
    registry.clock.go_back(STEP);
    assert!(is_wrong(&sign_in().await), "a step back is no clock that went back");
}

#[tokio::test]
async fn whoever_signed_in_is_there_for_ten_minutes() {
    let registry = TestRegistry::new().await;
    let identity = &registry.app.identity;
    let SignIn::Done(actor) = identity.sign_in("alice", PASSWORD, None).await.unwrap() else { panic!() };
    let hour = Duration::from_secs(3600);
    let token = identity.issue_session(&actor, hour, Map::new()).unwrap();
    assert!(identity.is_present(&token).await.unwrap());
    registry.clock.advance(Duration::from_secs(599));
    assert!(identity.is_present(&token).await.unwrap());
    registry.clock.advance(Duration::from_secs(2));
    assert!(!identity.is_present(&token).await.unwrap());
    assert!(identity.authenticate_session(&token).await.is_ok(), "the session goes on");
    // What a sign-in has left proves nothing.
    let refresh = identity.issue_session_refresh_token(&actor).await.unwrap().unwrap();
    let SignIn::Done(actor) = identity.sign_in("alice", refresh.expose(), None).await.unwrap() else {
        panic!()
    };
    let token = identity.issue_session(&actor, hour, Map::new()).unwrap();
    assert!(!identity.is_present(&token).await.unwrap());
}
