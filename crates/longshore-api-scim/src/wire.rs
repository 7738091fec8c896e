//! What answers look like.

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body;
use serde_json::Value;

/// Media type of all documents.
pub(crate) const MEDIA_TYPE: &str = "application/scim+json";
/// Where the resources are.
pub(crate) const BASE: &str = "/v2/scim/2.0";
/// Schema of lists.
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Makes a response of a document.
pub(crate) fn json(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(body::full(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Writes a time.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Writes a version as an entity tag.
pub(crate) fn entity_tag(version: &str) -> String {
    format!("W/\"{version}\"")
}
