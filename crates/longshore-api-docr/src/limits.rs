//! Rate limits as DigitalOcean shows them: `ratelimit-limit`, `-remaining`, and `-reset` as unix time.

use longshore_domain::credential::Principal;
use longshore_services::rates::Allowance;

use crate::context::Context;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(context: &Context) -> Option<Allowance> {
    let caller = context.caller().await;
    let principal = caller.as_ref().map_or(&Principal::Anonymous, |caller| &caller.principal);
    context.services.count_request(principal, context.client.address).await
}
