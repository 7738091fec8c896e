//! Request logs. Successful reads are logged at debug, changes at info, faults at error with their cause.
//! Queries and headers are never logged: they may hold secrets.

use std::error::Error as _;
use std::time::Duration;

use http::{Method, StatusCode};
use longshore_domain::Error;

use crate::client::Client;

/// Logs an answered request.
pub fn log_request(
    dialect: &str,
    operation: &str,
    client: &Client,
    method: &Method,
    path: &str,
    status: StatusCode,
    duration: Duration,
) {
    let is_quiet = status.is_success() && (*method == Method::GET || *method == Method::HEAD);
    if is_quiet && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let (status, duration_ms) = (status.as_u16(), duration.as_secs_f64() * 1000.0);
    let (address, request_id) = (client.address, &*client.request_id);
    if is_quiet {
        tracing::debug!(dialect, operation, %method, path, status, duration_ms, %address, request_id, "request");
    } else {
        tracing::info!(dialect, operation, %method, path, status, duration_ms, %address, request_id, "request");
    }
}

/// Logs a fault of the registry with what the client is not told.
pub fn log_fault(client: &Client, error: &Error) {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        causes.push(source.to_string());
        cause = source.source();
    }
    tracing::error!(request_id = &*client.request_id, error = %error, cause = causes.join(": "), "a request failed");
}
