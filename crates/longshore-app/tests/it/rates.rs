//! Rate limits on one node and over several.

use longshore_domain::access::actor::Actor;
use std::net::IpAddr;
use std::time::Duration;

use longshore_app::App;
use longshore_platform::rates::{Rate, Source};
use longshore_testkit::registry::TestRegistry;

const MINUTE: Duration = Duration::from_secs(60);

async fn limited(limit: u64) -> TestRegistry {
    TestRegistry::with(|settings| {
        settings.rates.requests_per_address = Rate { limit, window: MINUTE };
        settings.rates.pulls_per_address = Rate { limit, window: MINUTE };
    })
    .await
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// Asks some times and gives how often that was allowed.
async fn ask(services: &App, times: usize, from: IpAddr) -> usize {
    let mut allowed = 0;
    for _ in 0..times {
        let allowance = services.platform.count_request(&Actor::ANONYMOUS, from).await.unwrap();
        allowed += usize::from(!allowance.is_exceeded);
    }
    allowed
}

#[tokio::test]
async fn a_window_allows_its_limit_and_the_next_one_begins_anew() {
    let registry = limited(7).await;
    let services = &registry.app;
    assert_eq!(ask(services, 20, address(1)).await, 7);
    assert_eq!(ask(services, 5, address(2)).await, 5, "another address is another matter");
    registry.clock.advance(MINUTE);
    assert_eq!(ask(services, 20, address(1)).await, 7);
    // Counting goes on after a restart.
    let mut registry = registry;
    registry.restart().await;
    assert_eq!(ask(&registry.app, 5, address(1)).await, 0);
    registry.clock.advance(MINUTE);
    registry.app.do_housekeeping().await.unwrap();
    assert_eq!(ask(&registry.app, 20, address(1)).await, 7);
}

#[tokio::test]
async fn requests_at_the_same_time_all_count() {
    let registry = limited(50).await;
    let services = &registry.app;
    let asked = (0..120).map(|_| services.platform.count_request(&Actor::ANONYMOUS, address(1)));
    let allowed = futures::future::join_all(asked)
        .await
        .into_iter()
        .filter(|asked| !asked.unwrap().is_exceeded)
        .count();
    assert_eq!(allowed, 50);
}

#[tokio::test]
async fn nodes_learn_what_the_others_counted() {
    let registry = limited(100).await;
    let Some(other) = registry.other_node().await else { return };
    assert_eq!(ask(&registry.app, 60, address(1)).await, 60);
    assert_eq!(ask(&other, 30, address(1)).await, 30);
    registry.clock.advance(Duration::from_secs(3));
    let allowed = ask(&registry.app, 50, address(1)).await + ask(&other, 50, address(1)).await;
    // A node tells after a twentieth of the limit.
    assert!((5..=15).contains(&allowed), "{allowed}");
    registry.clock.advance(Duration::from_secs(3));
    assert_eq!(ask(&registry.app, 5, address(1)).await + ask(&other, 5, address(1)).await, 0);
}

#[tokio::test]
async fn looking_at_what_is_left_takes_nothing() {
    let registry = limited(3).await;
    let look = async |amount| {
        let (source, left) =
            registry.app.platform.count_pulls(&Actor::ANONYMOUS, address(1), amount).await.unwrap();
        assert_eq!(source, Source::Address(address(1)));
        (left.remaining, left.is_exceeded)
    };
    for _ in 0..10 {
        assert_eq!(look(0).await, (3, false));
    }
    assert_eq!(look(1).await, (2, false));
    assert_eq!(look(1).await, (1, false));
    assert_eq!(look(1).await, (0, false));
    assert_eq!(look(0).await, (0, true));
}
