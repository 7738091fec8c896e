//! Responses that every dialect makes.

use http::{HeaderValue, StatusCode, header};
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

/// Gives after how many seconds it is worth to try again what failed, for `Retry-After`; `None` when it is not said.
pub fn retry_after(error: &Error) -> Option<HeaderValue> {
    match error {
        Error::Throttled { retry_after_seconds } => Some(HeaderValue::from(*retry_after_seconds)),
        Error::Unavailable(_) => Some(HeaderValue::from_static("5")),
        _ => None,
    }
}
