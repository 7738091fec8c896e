//! Limits of requests: `x-ratelimit-limit`, `-remaining`, and `-reset` as unix time.

use longshore_domain::access::actor::Actor;
use longshore_platform::rates::Allowance;

use crate::context::Context;

/// Counts a request, unless it is the operator's; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(context: &Context) -> Option<Allowance> {
    if context.client.is_operator {
        return None;
    }
    let actor = context.caller().await;
    let principal = actor.as_ref().map_or(&Actor::ANONYMOUS, |actor| actor);
    context.app.platform.count_request(principal, context.client.address).await
}
