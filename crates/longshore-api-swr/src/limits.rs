//! Limits of requests.

use longshore_api_common::client::Client;
use longshore_app::App;
use longshore_domain::access::actor::Actor;
use longshore_platform::rates::Allowance;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(app: &App, actor: Option<&Actor>, client: &Client) -> Option<Allowance> {
    let principal = actor.map_or(&Actor::ANONYMOUS, |actor| actor);
    app.platform.count_request(principal, client.address).await
}
