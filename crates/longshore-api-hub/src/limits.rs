//! Limits of requests.

use longshore_domain::access::actor::Actor;
use longshore_platform::rates::Allowance;

use crate::context::Context;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody: it would use up what its
/// owner has.
pub(crate) async fn count(context: &Context) -> Option<Allowance> {
    let actor = context.signed_in().await;
    let principal = actor.as_ref().map_or(&Actor::ANONYMOUS, |actor| actor);
    context.app.platform.count_request(principal, context.client.address).await
}
