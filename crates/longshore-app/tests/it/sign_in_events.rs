//! Events about credentials, and what bounds them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Scope;
use longshore_domain::event::Event;
use longshore_domain::page::PageSize;
use longshore_identity::access_tokens::WantedToken;
use longshore_identity::audit::WantedEvents;
use longshore_identity::sign_in::SignIn;
use longshore_identity::tokens::Refresh;
use longshore_platform::origins::RequestOrigin;
use longshore_testkit::registry::{PASSWORD, TestRegistry};

const OPERATOR: Actor = Actor::OPERATOR;
const MINUTE: Duration = Duration::from_secs(60);

fn at(address: u32) -> RequestOrigin {
    RequestOrigin::of(IpAddr::V4(Ipv4Addr::from(address)), Some(b"walker/1.0"))
}

async fn all_events(registry: &TestRegistry) -> Vec<Event> {
    let all = WantedEvents::default();
    registry.app.identity.list_events(&OPERATOR, None, all, PageSize::MAX).await.unwrap().items
}

/// The events about credentials, oldest first.
async fn about_credentials(registry: &TestRegistry) -> Vec<Event> {
    let events = all_events(registry).await;
    let names = ["user.sign_in", "user.sign_in.fail", "user.use_recovery_code", "user.refuse_credential"];
    events.into_iter().filter(|event| names.contains(&event.action.as_str())).collect()
}

async fn fail(registry: &TestRegistry, user: &str, address: u32) {
    let origin = at(address);
    let ip = origin.address;
    let answer = origin.scope(registry.app.identity.sign_in(user, "not the password", ip)).await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_sign_in_shows_whose_it_was_and_from_where() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    at(7).scope(services.identity.sign_in("alice", PASSWORD, None)).await.unwrap();
    let events = about_credentials(&registry).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.action, "user.sign_in");
    assert_eq!((event.actor_name.as_str(), event.account.as_deref()), ("alice", Some("alice")));
    assert_eq!(event.data["method"], "password");
    assert_eq!((event.address.as_deref(), event.program.as_deref()), (Some("0.0.0.7"), Some("walker/1.0")));
    // What else happens shows it as well.
    let alice = registry.sign_in("alice").await;
    at(9).scope(registry.push_blob(&alice, "alice/app", b"x")).await.unwrap();
    let all = all_events(&registry).await;
    let pushed = all.iter().find(|event| event.action == "repo.blob.push").unwrap();
    assert_eq!(pushed.address.as_deref(), Some("0.0.0.9"));
    let made = all.iter().find(|event| event.action == "org.create").unwrap();
    assert_eq!((&made.address, &made.program), (&None, &None), "the operator has no address");
}

#[tokio::test]
async fn failures_of_an_account_make_one_row_for_an_address_and_minute() {
    let registry = TestRegistry::new().await;
    for _ in 0..4 {
        fail(&registry, "alice", 1).await;
    }
    registry.app.identity.record_sign_ins().await.unwrap();
    // Also when they are recorded one after the other.
    fail(&registry, "alice", 1).await;
    fail(&registry, "alice", 2).await;
    let events = about_credentials(&registry).await;
    let rows: Vec<_> =
        events.iter().map(|event| (event.subject.as_str(), event.address.as_deref(), event.times)).collect();
    assert_eq!(rows, [("alice", Some("0.0.0.1"), 5), ("alice", Some("0.0.0.2"), 1)]);
    assert!(
        events.iter().all(|event| event.action == "user.sign_in.fail" && event.actor_name == "anonymous")
    );
    registry.clock.advance(MINUTE);
    fail(&registry, "alice", 1).await;
    assert_eq!(about_credentials(&registry).await.len(), 3);
}

#[tokio::test]
async fn names_that_nobody_has_do_not_fill_the_log_and_are_not_written_down() {
    let registry = TestRegistry::new().await;
    for number in 0..500 {
        fail(&registry, &format!("nobody-{number}"), number).await;
        let origin = at(number);
        let answer =
            origin.scope(registry.app.identity.authenticate_access_token(&format!("lsp_{number}"))).await;
        assert!(answer.is_err());
    }
    let events = about_credentials(&registry).await;
    assert!(events.len() <= 2 * 64, "{} rows", events.len());
    assert_eq!(events.iter().map(|event| event.times).sum::<u64>(), 1000);
    assert!(events.iter().all(|event| event.subject.is_empty() && event.account.is_none()));
}

#[tokio::test]
async fn a_used_recovery_code_leaves_an_event() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let SignIn::Done(alice) = services.identity.sign_in("alice", PASSWORD, None).await.unwrap() else {
        panic!()
    };
    let begun = services.identity.enrol_second_factor(&alice, PASSWORD, None).await.unwrap();
    let code = begun.secret.code_at(services.platform.now()).unwrap();
    let confirmed = services.identity.confirm_second_factor(&alice, &code).await.unwrap();
    let SignIn::SecondFactorNeeded(challenge) =
        services.identity.sign_in("alice", PASSWORD, None).await.unwrap()
    else {
        panic!()
    };
    assert!(services.identity.complete_sign_in(challenge.expose(), "000000").await.is_err());
    services.identity.complete_sign_in(challenge.expose(), &confirmed.recovery_codes[0]).await.unwrap();
    let events = about_credentials(&registry).await;
    let has = |action: &str, method: Option<&str>| {
        events.iter().any(|event| {
            event.action == action
                && event.account.as_deref() == Some("alice")
                && event.data.get("method").map(String::as_str) == method
        })
    };
    assert!(has("user.use_recovery_code", None));
    assert!(has("user.sign_in", Some("recovery_code")));
    assert!(has("user.sign_in.fail", Some("second_factor")));
    assert!(services.identity.authenticate_basic("alice", PASSWORD, None).await.is_err());
    let refused = about_credentials(&registry).await.len();
    assert_eq!(refused, events.len() + 1, "a password alone is refused where a code is needed");
}

#[tokio::test]
async fn uses_of_a_token_make_one_row_an_hour() {
    let registry = TestRegistry::new().await;
    let services = &registry.app;
    let acme = "acme".parse().unwrap();
    let wanted = WantedToken::new("ci", Scope::Read);
    let (token, secret) = services.identity.create_access_token(&OPERATOR, &acme, wanted).await.unwrap();
    for _ in 0..6 {
        at(1).scope(services.identity.sign_in("acme", secret.expose(), None)).await.unwrap();
        registry.clock.advance(MINUTE);
    }
    assert!(services.identity.sign_in("alice", secret.expose(), None).await.is_err());
    let events = about_credentials(&registry).await;
    let uses: Vec<_> = events.iter().filter(|event| event.action == "user.sign_in").collect();
    assert!(uses.len() <= 2, "at most at a turn of the hour: {uses:?}");
    assert_eq!(uses.iter().map(|event| event.times).sum::<u64>(), 6);
    assert!(uses.iter().all(|event| event.data["token"] == token.uuid.to_string()));
    let refused = events.iter().find(|event| event.action == "user.refuse_credential").unwrap();
    assert_eq!((refused.account.as_deref(), refused.actor_name.as_str()), (Some("acme"), "anonymous"));
    assert!(!format!("{events:?}").contains(secret.expose()));
}

#[tokio::test]
async fn no_events_about_sign_ins_where_the_operator_wants_none() {
    let registry = TestRegistry::with(|settings| settings.audit_sign_ins = false).await;
    registry.sign_in("alice").await;
    fail(&registry, "alice", 1).await;
    assert!(about_credentials(&registry).await.is_empty());
}

/// 2,000 in 4.5 seconds, before.
#[tokio::test]
async fn refresh_tokens_of_a_credential_are_bounded_and_the_oldest_go() {
    let registry = TestRegistry::with(|settings| settings.refresh_tokens_limit = 10).await;
    let services = &registry.app;
    let by_password = registry.sign_in("alice").await;
    let wanted = WantedToken::new("ci", Scope::Read);
    let (_, secret) =
        services.identity.create_access_token(&by_password, &"alice".parse().unwrap(), wanted).await.unwrap();
    let by_token = services.identity.authenticate_basic("alice", secret.expose(), None).await.unwrap();
    let issue = async |actor| {
        registry.clock.advance(Duration::from_secs(1));
        services.identity.issue_token(actor, &[], Refresh::Issue).await.unwrap().refresh_token.unwrap()
    };
    let own = issue(&by_password).await;
    let mut issued = Vec::new();
    for _ in 0..25 {
        issued.push(issue(&by_token).await);
    }
    let mut working = Vec::new();
    for token in &issued {
        working.push(services.identity.authenticate_refresh_token(token.expose()).await.is_ok());
    }
    assert_eq!(working, [vec![false; 15], vec![true; 10]].concat());
    // What a token gets does not end what the password got.
    services.identity.authenticate_refresh_token(own.expose()).await.unwrap();
}
