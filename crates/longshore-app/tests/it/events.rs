//! The audit log over time.

use std::time::Duration;

use longshore_domain::access::actor::Actor;
use longshore_domain::event::EventFilter;
use longshore_domain::page::PageSize;
use longshore_testkit::registry::TestRegistry;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn old_events_are_forgotten_when_that_is_configured() {
    for (retention, kept) in [(None, true), (Some(DAY * 30), false)] {
        let registry = TestRegistry::with(|settings| settings.audit_retention = retention).await;
        let alice = registry.sign_in("alice").await;
        let services = &registry.app;
        // Numbered, so that their numbers go with them.
        services.do_housekeeping().await.unwrap();
        registry.clock.advance(DAY * 29);
        registry.push_blob(&alice, "alice/app", b"x").await.unwrap();
        registry.clock.advance(DAY * 2);
        services.do_housekeeping().await.unwrap();
        let events = services
            .identity
            .list_account_events(
                &Actor::OPERATOR,
                &"alice".parse().unwrap(),
                EventFilter::default(),
                0,
                PageSize::MAX,
            )
            .await
            .unwrap();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions.contains(&"user.create"), kept, "{actions:?}");
        assert!(actions.contains(&"repo.blob.push"));
    }
}

#[tokio::test]
async fn the_newest_event_of_an_account_is_kept_so_that_numbers_go_on() {
    let registry = TestRegistry::with(|settings| settings.audit_retention = Some(DAY)).await;
    let services = &registry.app;
    services.do_housekeeping().await.unwrap();
    registry.clock.advance(DAY * 10);
    services.do_housekeeping().await.unwrap();
    let bob = "bob".parse().unwrap();
    let events = services
        .identity
        .list_account_events(&Actor::OPERATOR, &bob, EventFilter::default(), 0, PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
}
