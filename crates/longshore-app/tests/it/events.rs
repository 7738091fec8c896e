//! The audit log over time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::access::actor::{Actor, Credential};
use longshore_domain::event::{Event, EventAction, EventFilter, EventQuery, NewEvent};
use longshore_domain::page::PageSize;
use longshore_platform::origins::RequestOrigin;
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

#[tokio::test]
async fn the_log_is_followed_both_ways_whatever_is_left_out() {
    let registry = TestRegistry::new().await;
    let (alice, bob) = (registry.sign_in("alice").await, registry.sign_in("bob").await);
    for round in 0..12_u32 {
        registry.clock.advance(Duration::from_secs(60));
        let (actor, namespace) = if round % 3 == 0 { (&bob, "bob") } else { (&alice, "alice") };
        let repository = if round % 2 == 0 { "app" } else { "other" };
        let origin = RequestOrigin::of(IpAddr::V4(Ipv4Addr::from(round % 4)), None);
        let (place, content) = (format!("{namespace}/{repository}"), round.to_be_bytes());
        let pushed = registry.push_blob(actor, &place, &content);
        origin.scope(pushed).await.unwrap();
    }
    let id_of = async |name: &str| {
        let name = name.parse().unwrap();
        registry.metadata().look_up(name, |tx, name| Box::pin(tx.find_account_by_name(name))).await
    };
    let alice_id = id_of("alice").await.unwrap().unwrap().id;
    // What is recorded later happened before, within an hour: nodes and connections are not equally fast.
    let now = registry.app.platform.now();
    for (number, minutes) in [50, 10, 180, 140, 190, 390, 360, 400].into_iter().enumerate() {
        registry.clock.advance(Duration::from_secs(600));
        let event = NewEvent {
            account_id: Some(alice_id),
            actor_id: None,
            actor_name: "bob".into(),
            credential: Credential::NONE,
            action: EventAction::TagDeleted,
            subject: format!("alice/late{number}"),
            data: BTreeMap::new(),
            at: now + Duration::from_secs(minutes * 60),
            address: None,
            program: None,
        };
        registry.metadata().write(event, |tx, event| Box::pin(tx.record_event(event))).await.unwrap();
    }
    let list = async |query: EventQuery| {
        registry.metadata().read(query, |tx, query| Box::pin(tx.list_events(query))).await.unwrap()
    };
    let everything = EventQuery {
        account: None,
        filter: EventFilter::default(),
        address: None,
        newest_first: false,
        after: None,
        size: PageSize::MAX,
        examined: 1000,
    };
    let all = list(everything.clone()).await.items;
    assert!(all.len() > 14 && all.windows(2).all(|pair| pair[0].id < pair[1].id));
    let middle = Some(all[all.len() / 2].at);
    let text = |text: &str| Some(text.to_owned());
    let between = [150, 375, 185].map(|minutes| Some(now + Duration::from_secs(minutes * 60)));
    let filters = [
        EventFilter { from: between[0], ..EventFilter::default() },
        EventFilter { until: between[1], actor: text("bob"), ..EventFilter::default() },
        EventFilter { from: between[0], until: between[2], ..EventFilter::default() },
        EventFilter { from: between[1], ..EventFilter::default() },
        EventFilter::default(),
        EventFilter { action: text("repo.blob.push"), ..EventFilter::default() },
        EventFilter { actor: text("bob"), ..EventFilter::default() },
        EventFilter { subject: text("alice/other"), ..EventFilter::default() },
        EventFilter { subject: text("other"), until: middle, ..EventFilter::default() },
        EventFilter { from: middle, ..EventFilter::default() },
        EventFilter { from: middle, until: middle, action: text("repo.blob.push"), ..EventFilter::default() },
        EventFilter { action: text("nothing"), ..EventFilter::default() },
        EventFilter { until: Some(Timestamp::MIN), ..EventFilter::default() },
        EventFilter { from: Some(Timestamp::MAX), ..EventFilter::default() },
    ];
    for filter in &filters {
        for account in [None, Some(alice_id)] {
            for address in [None, text("0.0.0.1")] {
                let is_wanted = |event: &&Event| {
                    let last_part = event.subject.rsplit('/').next();
                    let is_of =
                        |wanted: &String| *wanted == event.subject || Some(wanted.as_str()) == last_part;
                    (account.is_none() || event.account.as_deref() == Some("alice"))
                        && filter.action.as_ref().is_none_or(|action| *action == event.action)
                        && filter.actor.as_ref().is_none_or(|actor| *actor == event.actor_name)
                        && filter.subject.as_ref().is_none_or(is_of)
                        && filter.from.is_none_or(|from| event.at >= from)
                        && filter.until.is_none_or(|until| event.at <= until)
                        && (address.is_none() || event.address == address)
                };
                let mut expected: Vec<i64> = all.iter().filter(is_wanted).map(|event| event.id).collect();
                for newest_first in [false, true] {
                    for (size, examined) in [(1, 1), (2, 3), (5, 2), (100, 100)] {
                        let size = PageSize::clamped(size).unwrap();
                        let filter = filter.clone();
                        let mut query = EventQuery {
                            account,
                            filter,
                            address: address.clone(),
                            newest_first,
                            size,
                            examined,
                            ..everything.clone()
                        };
                        let mut found = Vec::new();
                        for pages in 0.. {
                            let page = list(query.clone()).await;
                            assert!(page.items.len() <= size.get() as usize && pages <= all.len());
                            found.extend(page.items.iter().map(|event| event.id));
                            query.after = page.next;
                            if query.after.is_none() {
                                break;
                            }
                        }
                        assert_eq!(found, expected, "{query:?}");
                    }
                    expected.reverse();
                }
            }
        }
    }
}
