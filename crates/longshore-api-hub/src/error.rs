//! Domain error to status and error body. The Hub has several shapes of error bodies, each in its part of the API; each
//! has `message` besides what its document names, which is what clients show first.

use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use longshore_api_common::client::Client;
use longshore_api_common::response::retry_after;
use longshore_api_common::{Response, observe};
use longshore_domain::Error;
use longshore_domain::error::Unauthenticated;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::fields::wire_name;
use crate::routes::Needs;
use crate::wire;

/// The shape of an operation's error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `detail`, and `fields` and `text` for a bad request (schemas `Error` and `ValueError`).
    Plain,
    /// `detail` and `errinfo` (schema `error` of the current document).
    Rich,
    /// `txnid` and `errinfo` about the call (schema `ErrorResponse`, of images).
    Images,
    /// `code` of gRPC and `details` (schema `rpcStatus`, of audit logs).
    Rpc,
}

/// Returns the status. A new variant does not compile until it has an answer here.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::RepositoryUnknown(_)
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
        // What cannot be a name is not there.
        | Error::NameInvalid { .. }
        | Error::TagInvalid(_)
        | Error::DigestInvalid { .. } => StatusCode::NOT_FOUND,
        Error::UploadInvalid(_)
        | Error::DigestMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::NameReserved(_)
        | Error::ManifestInvalid(_)
        | Error::ManifestReferencesUnknown(_)
        | Error::Invalid { .. } => StatusCode::BAD_REQUEST,
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

/// Returns the gRPC code of a status.
fn rpc_code(status: StatusCode) -> u32 {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => 3,
        StatusCode::NOT_FOUND => 5,
        StatusCode::CONFLICT => 6,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::PRECONDITION_FAILED => 9,
        StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        StatusCode::UNAUTHORIZED => 16,
        _ => 14,
    }
}

/// Returns what the `errinfo` of image operations tells about a call.
pub(crate) fn call_info(context: &Context) -> Map<String, Value> {
    let mut info = Map::new();
    if let Some(id) = context.account_id() {
        info.insert("api_call_docker_id".into(), id.into());
    }
    info.insert("api_call_name".into(), context.route.operation.into());
    info.insert("api_call_start".into(), wire::time(context.app.platform.now()).into());
    info.insert("api_call_txnid".into(), (*context.client.request_id).into());
    info
}

/// Makes the body of an error in the shape of the operation.
fn document(error: &Error, status: StatusCode, context: &Context) -> Value {
    let message = error.message(wire_name);
    match context.route.errors {
        ErrorShape::Plain | ErrorShape::Rich if status == StatusCode::BAD_REQUEST => {
            let (field, reason) = match error {
                Error::Invalid { field, reason } => (wire_name(*field), reason.clone()),
                _ => ("__all__", message.clone()),
            };
            json!({ "fields": { field: [reason] }, "text": message, "detail": message, "message": message, "errinfo": {} })
        }
        ErrorShape::Plain if status == StatusCode::TOO_MANY_REQUESTS => {
            json!({ "detail": message, "message": message, "error": false })
        }
        ErrorShape::Plain => json!({ "detail": message, "message": message }),
        ErrorShape::Rich => json!({ "detail": message, "message": message, "errinfo": {} }),
        ErrorShape::Images => json!({
            "txnid": &*context.client.request_id,
            "message": message,
            "errinfo": call_info(context),
        }),
        ErrorShape::Rpc if status == StatusCode::TOO_MANY_REQUESTS => {
            json!({ "detail": message, "message": message, "error": false })
        }
        ErrorShape::Rpc => json!({ "code": rpc_code(status), "message": message, "details": [] }),
    }
}

/// Makes the response to an error, and logs it if the fault is the registry's.
pub(crate) fn render(error: &Error, context: &Context) -> Response {
    let status = match (error, context.route.needs) {
        // What everybody may ask for and is not public is not there for who has not signed in.
        (Error::Unauthenticated(Unauthenticated::Missing), Needs::Nobody) => StatusCode::NOT_FOUND,
        _ => status(error),
    };
    finish(
        wire::json(status, &document(error, status, context)),
        error,
        &context.client,
        context.app.platform.now(),
    )
}

/// Makes the response to an error of a request that is for no operation.
pub(crate) fn render_plain(error: &Error, client: &Client, now: Timestamp) -> Response {
    let message = error.message(wire_name);
    let document = json!({ "detail": message, "message": message, "error": false });
    finish(wire::json(status(error), &document), error, client, now)
}

/// Adds what responses to an error have besides their bodies, and logs it if the fault is the registry's.
fn finish(mut response: Response, error: &Error, client: &Client, now: Timestamp) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    match error {
        Error::Throttled { retry_after_seconds } => {
            // The same as a time, as older clients read it.
            let now = now.as_second();
            let at = now.saturating_add(i64::try_from(*retry_after_seconds).unwrap_or(i64::MAX));
            headers.insert("x-retry-after", HeaderValue::from(at));
        }
        Error::Unauthenticated(_) if status == StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    if error.is_fault() {
        observe::log_fault(client, error);
    }
    response
}

pub(crate) fn method_not_allowed(method: &Method, allow: &str) -> Response {
    let message = format!("{method} is not supported here; use {allow}");
    let mut response =
        wire::json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "detail": message, "message": message }));
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

pub(crate) fn not_found() -> Response {
    let message = "there is nothing at this path; /api/openapi/hub.json lists what there is";
    wire::json(StatusCode::NOT_FOUND, &json!({ "detail": message, "message": message }))
}
