//! Limits of requests.

use longshore_domain::credential::Principal;
use longshore_services::rates::Allowance;

use crate::context::Context;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody: it would use up what its
/// owner has.
pub(crate) async fn count(context: &Context) -> Option<Allowance> {
    let caller = context.signed_in().await;
    let principal = caller.as_ref().map_or(&Principal::Anonymous, |caller| &caller.principal);
    context.services.count_request(principal, context.client.address).await
}
