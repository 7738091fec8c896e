//! Limits of pulls, in the headers that Docker Hub's clients read: `ratelimit-limit: 100;w=21600`.

use http::HeaderName;
use longshore_api_common::Response;
use longshore_domain::Result;
use longshore_domain::access::actor::Actor;
use longshore_platform::rates::{Allowance, Source};

use crate::Context;
use crate::wire;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const SOURCE: HeaderName = HeaderName::from_static("docker-ratelimit-source");

/// Checks that another manifest may be pulled.
///
/// # Errors
/// `Throttled`.
pub(crate) async fn check(context: &Context, actor: &Actor) -> Result<()> {
    let left = context.app.platform.count_pulls(actor, context.client.address, 0).await;
    match left {
        Some((_, allowance)) if allowance.is_exceeded => Err(allowance.refusal(context.app.platform.now())),
        _ => Ok(()),
    }
}

/// Counts a pull, or with an amount of 0 only tells, and shows what is left.
pub(crate) async fn show(context: &Context, actor: &Actor, amount: u64, response: &mut Response) {
    let counted = context.app.platform.count_pulls(actor, context.client.address, amount).await;
    let Some((source, Allowance { rate, remaining, .. })) = counted else { return };
    let window = rate.window.as_secs();
    let headers = response.headers_mut();
    headers.insert(LIMIT, wire::value(&format!("{};w={window}", rate.limit)));
    headers.insert(REMAINING, wire::value(&format!("{remaining};w={window}")));
    let source = match source {
        Source::Account(id) => id.to_string(),
        Source::Address(address) => address.to_string(),
    };
    headers.insert(SOURCE, wire::value(&source));
}
