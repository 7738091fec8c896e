//! Rate limits: SWR answers what is too much with an error and tells no numbers before.

use longshore_domain::Result;
use longshore_domain::credential::Principal;
use longshore_services::authentication::Caller;

use crate::context::Context;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(context: &Context, caller: Option<&Caller>) -> Result<()> {
    let principal = caller.map_or(&Principal::Anonymous, |caller| &caller.principal);
    let allowance = context.services.count_request(principal, context.client.address).await;
    match allowance {
        Some(allowance) if allowance.is_exceeded => Err(allowance.refusal(context.services.now())),
        _ => Ok(()),
    }
}
