//! Limits of requests.

use longshore_api_common::client::Client;
use longshore_domain::credential::Principal;
use longshore_services::Services;
use longshore_services::authentication::Caller;
use longshore_services::rates::Allowance;

/// Counts a request; who sends a credential that is not good, or no longer, counts as nobody.
pub(crate) async fn count(
    services: &Services,
    caller: Option<&Caller>,
    client: &Client,
) -> Option<Allowance> {
    let principal = caller.map_or(&Principal::Anonymous, |caller| &caller.principal);
    services.count_request(principal, client.address).await
}
