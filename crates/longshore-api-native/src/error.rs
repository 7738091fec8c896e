//! Errors as clients get them: problem details (RFC 9457).

use http::{HeaderValue, Method, header};
use longshore_api_common::client::Client;
use longshore_api_common::response::{json, retry_after};
use longshore_api_common::{Response, observe};
use longshore_client::types;
use longshore_domain::access::refusal::{Denial, Refusal};
use longshore_domain::{Error, Field};

use crate::fields::wire_name;
use crate::problems::{self, PAGES, Problem};

/// Media type of problem details.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Returns what is needed for what was refused, and what there is, as far as that is a word.
fn needed(error: &Error) -> (Option<String>, Option<String>) {
    let Error::Denied(denial) = error else { return (None, None) };
    match denial {
        Denial::Refused { refusal: Refusal::Level { action, has }, .. } => {
            (Some(action.needs().describe().to_owned()), Some(has.describe().to_owned()))
        }
        Denial::Refused { refusal: Refusal::Role(needed) | Refusal::RegistryRole { needed, .. }, .. } => {
            (Some(needed.to_string()), None)
        }
        Denial::Refused { refusal: Refusal::TokenLacksScope { missing, .. }, .. } => {
            (Some((*missing).to_owned()), None)
        }
        Denial::Plan { feature, plan } => {
            (Some(feature.needs().as_str().to_owned()), Some(plan.as_str().to_owned()))
        }
        Denial::Refused { .. } | Denial::Always(_) => (None, None),
    }
}

fn response(problem: &Problem, detail: String, client: &Client, error: Option<&Error>) -> Response {
    let (needed, have) = error.map(needed).unwrap_or_default();
    let seconds = error.and_then(retry_after);
    let details = types::ProblemDetails {
        r#type: client.origin.link(format_args!("{PAGES}{}", problem.code)),
        title: problem.title.to_owned(),
        status: problem.status.as_u16(),
        detail,
        code: problem.code.to_owned(),
        field: match error {
            Some(Error::Invalid { field, .. }) => Some(wire_name(*field).to_owned()),
            _ => None,
        },
        needed,
        have,
        retry_after_seconds: seconds.as_ref().and_then(|value| value.to_str().ok()?.parse().ok()),
        request_id: client.request_id.to_string(),
    };
    let mut response = json(problem.status, &details);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(seconds) = seconds {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Makes the response to an error, and logs it if the fault is the registry's.
pub(crate) fn render(error: &Error, client: &Client) -> Response {
    let problem = problems::of(error);
    let detail = match error {
        // Who tends the registry is told what it is.
        Error::StorageFull(_) if client.is_operator => format!("no space is left: {}", error.cause()),
        _ if client.is_operator && error.is_fault() => error.cause(),
        _ => error.message(wire_name),
    };
    let mut response = response(problem, detail, client, Some(error));
    if let Error::Unauthenticated(_) = error {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.is_fault() {
        observe::log_fault(client, error);
    }
    response
}

pub(crate) fn method_not_allowed(method: &Method, allow: &str, client: &Client) -> Response {
    let detail = format!("{method} is not supported here; use {allow}");
    let mut response = response(problems::known("method_not_allowed"), detail, client, None);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// Refuses a request whose idempotency key belongs to another one.
pub(crate) fn idempotency_key_reused(client: &Client) -> Response {
    let detail = "this idempotency key was sent with another request; take a new key for each request that is to be done";
    response(problems::known("idempotency_key_reused"), detail.into(), client, None)
}

/// Answers a request that is being handled already.
pub(crate) fn request_in_progress(client: &Client) -> Response {
    let detail =
        "a request with this idempotency key is being handled; send it again in a moment for its answer";
    let mut response = response(problems::known("request_in_progress"), detail.into(), client, None);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Answers a request that was done, and whose answer held a secret that cannot be told again.
pub(crate) fn secret_was_told(client: &Client) -> Response {
    let detail = "this request was done, and its answer held a secret that is told once; look at what it made, and make another one if the secret is lost";
    response(problems::known("secret_was_told"), detail.into(), client, None)
}

pub(crate) fn not_found(client: &Client) -> Response {
    let detail = "there is nothing at this path; /api/openapi/native.json lists what there is";
    response(problems::known("not_found"), detail.into(), client, None)
}

/// Returns the refusal of a parameter of the query that the operation does not have.
pub(crate) fn unknown_parameter(known: &[String]) -> Error {
    let known = match known {
        [] => "this operation takes none".to_owned(),
        known => format!("this operation takes {}", known.join(", ")),
    };
    Error::Invalid {
        field: Field::Parameter("query"),
        reason: format!("has a parameter that is not known; {known}"),
    }
}
