//! Errors: `{"id", "message", "request_id"}`, the id being the status in words.

use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::client::Client;
use longshore_api_common::response::{json, retry_after};
use longshore_api_common::{Response, observe};
use longshore_domain::tier::Excess;
use longshore_domain::{Error, Field};
use schemars::JsonSchema;
use serde::Serialize;

use crate::fields::wire_name;

/// Schema `error`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "error")]
pub(crate) struct ErrorDocument {
    /// The status in words, for example `not_found`.
    id: &'static str,
    /// What is wrong and what to do.
    message: String,
    /// Names the request in the server's log.
    request_id: String,
}

/// Returns the status. A new variant does not compile until it has an answer here.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::RepositoryUnknown(_)
        | Error::RegistryUnknown(_)
        | Error::NoRegistry
        | Error::GcRunUnknown
        | Error::DeletionUnknown
        | Error::SessionUnknown
        | Error::RetentionPolicyUnknown
        | Error::WorkUnknown(_)
        | Error::JobUnknown
        | Error::PermissionUnknown { .. }
        | Error::ShareUnknown { .. }
        | Error::UserUnknown(_)
        | Error::MemberUnknown { .. }
        | Error::OrganizationUnknown(_)
        | Error::ManifestUnknown { .. }
        | Error::Past(_)
        | Error::BlobUnknown { .. }
        | Error::UploadUnknown
        | Error::UploadDamaged
        | Error::TooManyUploads { .. }
        | Error::TokenUnknown(_)
        | Error::InviteUnknown
        | Error::PageUnknown(_)
        | Error::TeamUnknown(_)
        // What cannot be a name is not there.
        | Error::NameInvalid { .. }
        | Error::TagInvalid(_)
        | Error::DigestInvalid { .. } => StatusCode::NOT_FOUND,
        // Such a request is malformed; one with another bad value is impossible to do.
        Error::Invalid { field: Field::Parameter(_) | Field::Body, .. } => StatusCode::BAD_REQUEST,
        Error::UploadInvalid(_) | Error::DigestMismatch { .. } | Error::SizeMismatch { .. } => {
            StatusCode::BAD_REQUEST
        }
        Error::NameReserved(_)
        | Error::ManifestInvalid(_)
        | Error::ManifestReferencesUnknown(_)
        | Error::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::UploadOffset { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        Error::BlobTooLarge { .. } | Error::ManifestTooLarge { .. } | Error::BodyTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Error::PreconditionFailed | Error::NotEligible(_) | Error::SeveralRegistries => {
            StatusCode::PRECONDITION_FAILED
        }
        Error::Unauthenticated(_) | Error::MountSourceNotCovered(_) => StatusCode::UNAUTHORIZED,
        Error::Denied(_) | Error::TagImmutable(_) | Error::OverLimit(_) | Error::ReadOnly(_) => {
            StatusCode::FORBIDDEN
        }
        Error::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::InUse { .. } | Error::Exists(_) | Error::LimitReached { .. } | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Unsupported(_) => StatusCode::METHOD_NOT_ALLOWED,
        Error::BodyInterrupted => StatusCode::REQUEST_TIMEOUT,
        Error::StorageFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) | Error::Overloaded(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn id(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad_request",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::REQUEST_TIMEOUT => "request_timeout",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "precondition_failed",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::RANGE_NOT_SATISFIABLE => "range_not_satisfiable",
        StatusCode::UNPROCESSABLE_ENTITY => "unprocessable_entity",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "service_unavailable",
        StatusCode::INSUFFICIENT_STORAGE => "insufficient_storage",
        _ => "server_error",
    }
}

fn response(status: StatusCode, message: String, client: &Client) -> Response {
    json(status, &ErrorDocument { id: id(status), message, request_id: client.request_id.to_string() })
}

/// Returns the name that clients know of why an account cannot have a tier.
pub(crate) fn reason(excess: Excess) -> &'static str {
    match excess {
        Excess::Registries => "OverRegistryLimit",
        Excess::Repositories => "OverRepositoryLimit",
        Excess::Storage => "OverStorageLimit",
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::NotEligible(excesses) => {
            let reasons: Vec<&str> = excesses.iter().copied().map(reason).collect();
            format!("registry is not eligible for tier because: [{}]", reasons.join(" "))
        }
        Error::SeveralRegistries => format!("{error}; use /v2/registries/{{registry_name}} instead"),
        _ => error.message(wire_name),
    }
}

/// Makes the response to an error, and logs it if the fault is the registry's.
pub(crate) fn render(error: &Error, client: &Client) -> Response {
    let mut response = response(status(error), message(error), client);
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    if let Error::Unauthenticated(_) = error {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.is_fault() {
        observe::log_fault(client, error);
    }
    response
}

pub(crate) fn method_not_allowed(method: &Method, allow: &str, client: &Client) -> Response {
    let message = format!("{method} is not supported here; use {allow}");
    let mut response = response(StatusCode::METHOD_NOT_ALLOWED, message, client);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

pub(crate) fn not_found(client: &Client) -> Response {
    let message = "there is nothing at this path; /api/openapi/digitalocean.json lists what there is";
    response(StatusCode::NOT_FOUND, message.into(), client)
}
