//! Shapes that several groups share: times, pages, entity tags.

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::response::json;
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;

/// Writes a time: RFC 3339 with microseconds, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// One page of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; null on the last one.
    pub next: Option<String>,
    /// How many entries all pages have, where that is known without looking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
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
