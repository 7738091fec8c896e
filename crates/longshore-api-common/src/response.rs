//! Responses that every dialect makes.

use http::{HeaderValue, StatusCode, header};
use http_body::Body;
use longshore_domain::Error;
use serde::Serialize;

use crate::{Response, body};

/// Makes a JSON response.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(body::full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Makes a response without a body.
pub fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    response
}

/// Takes the body from the answer to a `HEAD` request and says how long that of a `GET` is, where that is known
/// (RFC 9110, sections 8.6 and 9.3.2). Over HTTP/2 a body would end the connection with `PROTOCOL_ERROR`.
pub fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // Nothing that is known of a body is no length: handlers that answer `HEAD` by themselves make none.
    let length = body.size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, body::empty())
}

/// Returns after how many seconds it is worth to try again what failed, for `Retry-After`; `None` when it is not said.
pub fn retry_after(error: &Error) -> Option<HeaderValue> {
    match error {
        Error::Throttled { retry_after_seconds } => Some(HeaderValue::from(*retry_after_seconds)),
        Error::Unavailable(_) | Error::Overloaded(_) => Some(HeaderValue::from_static("5")),
        _ => None,
    }
}
