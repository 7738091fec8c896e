//! Rate limits as DigitalOcean shows them: `ratelimit-limit`, `-remaining`, and `-reset` as unix time.

use http::HeaderValue;
use longshore_api_common::Response;
use longshore_domain::credential::Principal;
use longshore_services::rates::Allowance;

use crate::context::Context;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(context: &Context) -> Option<Allowance> {
    let caller = context.caller().await;
    let principal = caller.as_ref().map_or(&Principal::Anonymous, |caller| &caller.principal);
    context.services.count_request(principal, context.client.address).await
}

/// Tells what is left.
pub(crate) fn show(response: &mut Response, allowance: Allowance) {
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(allowance.rate.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(allowance.ends_at.as_second()));
}
