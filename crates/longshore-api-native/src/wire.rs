//! Shapes that several groups share: times, pages, entity tags.

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::response::json;
use longshore_client::types::Page;
use longshore_domain::{Error, Result};
use serde::Serialize;

use crate::context::Context;

/// Writes a time: RFC 3339 with microseconds, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Says in an answer where the thing is that it is about.
pub(crate) fn located(
    context: &Context,
    mut response: Response,
    path: std::fmt::Arguments<'_>,
) -> Result<Response> {
    let location = HeaderValue::from_str(&context.client.origin.link(path)).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// Marks an answer that holds a secret, which is told this once: it is written down nowhere as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HoldsSecret;

/// Answers with something that holds a secret.
pub(crate) fn secret(status: StatusCode, thing: &impl Serialize) -> Response {
    let mut response = json(status, thing);
    response.extensions_mut().insert(HoldsSecret);
    response
}

/// Answers with a page, which also names the next one in `Link` (RFC 8288).
pub(crate) fn page<T: Serialize>(context: &Context, page: &Page<T>) -> Result<Response> {
    let mut response = json(StatusCode::OK, page);
    if let Some(next) = &page.next {
        let link = format!("<{}>; rel=\"next\"", context.link(&[("after", Some(next.clone()))]));
        let link = HeaderValue::from_str(&link).map_err(Error::internal)?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Answers with a thing and its version, as `ETag`.
pub(crate) fn versioned(status: StatusCode, thing: &impl Serialize, version: &str) -> Result<Response> {
    let mut response = json(status, thing);
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).map_err(Error::internal)?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}
