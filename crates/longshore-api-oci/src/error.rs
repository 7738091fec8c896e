//! Domain error to status and error body of the OCI distribution specification, "Error Codes".

use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::response::retry_after;
use longshore_api_common::{Response, observe};
use longshore_domain::Error;
use longshore_domain::conflict::Conflict;
use longshore_domain::error::Unauthenticated;
use longshore_domain::past::PastRefusal;
use serde_json::{Value, json};

use crate::Context;
use crate::fields::wire_name;
use crate::operation::Challenge;
use crate::wire;

/// Digests that one error names.
const LISTED_DIGESTS: usize = 100;

/// Returns status and code. A new variant does not compile until it has an answer here.
pub(crate) fn status_and_code(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::RepositoryUnknown(_)
        | Error::UserUnknown(_)
        | Error::MemberUnknown { .. }
        | Error::OrganizationUnknown(_) => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
        Error::ManifestUnknown { .. } | Error::TagInvalid(_) => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        Error::Past(refusal) => match **refusal {
            PastRefusal::Reserved(_) => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            PastRefusal::NotYet(_)
            | PastRefusal::Future(_)
            | PastRefusal::Never { .. }
            | PastRefusal::NotThere { .. }
            | PastRefusal::Gone { .. } => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        },
        Error::BlobUnknown { .. } => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        Error::UploadUnknown | Error::UploadDamaged => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        Error::UploadInvalid(_) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
        Error::UploadOffset { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
        Error::BlobTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
        Error::DigestMismatch { .. } | Error::DigestInvalid { .. } => {
            (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
        }
        Error::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "UNSUPPORTED"),
        Error::SizeMismatch { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
        Error::NameInvalid { .. } | Error::NameReserved(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
        Error::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        Error::ManifestTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
        Error::ManifestReferencesUnknown(_) => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
        // Deletion is not disabled in general, but it is here and now (end-9 and end-10 allow 405).
        Error::InUse { .. } | Error::Unsupported(_) => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
        Error::PreconditionFailed | Error::NotEligible(_) | Error::SeveralRegistries => {
            (StatusCode::PRECONDITION_FAILED, "DENIED")
        }
        Error::Unauthenticated(_) | Error::MountSourceNotCovered(_) => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
        }
        Error::Denied(_) | Error::TagImmutable(_) | Error::OverLimit(_) | Error::ReadOnly(_) => {
            (StatusCode::FORBIDDEN, "DENIED")
        }
        Error::Throttled { .. } | Error::TooManyUploads { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS")
        }
        Error::PageUnknown(_)
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
        | Error::ShareUnknown { .. } => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
        Error::TokenUnknown(_) | Error::InviteUnknown => (StatusCode::NOT_FOUND, "UNAUTHORIZED"),
        Error::Exists(_) => (StatusCode::CONFLICT, "DENIED"),
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "UNSUPPORTED"),
        Error::Conflict(Conflict::Upload(_)) => (StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID"),
        Error::LimitReached { .. } | Error::Conflict(_) => (StatusCode::CONFLICT, "DENIED"),
        Error::BodyInterrupted => (StatusCode::REQUEST_TIMEOUT, "BLOB_UPLOAD_INVALID"),
        Error::StorageFull(_) => (StatusCode::INSUFFICIENT_STORAGE, "UNAVAILABLE"),
        Error::Unavailable(_) | Error::Overloaded(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
    }
}

/// Makes the response to an error, and logs it if the fault is the registry's.
pub(crate) fn render(error: &Error, context: &Context, challenge: Option<&Challenge>) -> Response {
    let (status, code) = status_and_code(error);
    let message = error.message(wire_name);
    let body = match error {
        Error::ManifestReferencesUnknown(digests) => {
            let entry = |digest: &longshore_domain::digest::Digest| {
                let message = format!(
                    "the manifest references {digest}, which this repository does not have; push it first"
                );
                json!({ "code": code, "message": message, "detail": { "digest": digest.to_string() } })
            };
            json!({ "errors": digests.iter().take(LISTED_DIGESTS).map(entry).collect::<Vec<_>>() })
        }
        _ => {
            json!({ "errors": [{ "code": code, "message": message, "detail": detail(error, context, challenge) }] })
        }
    };
    let mut response = wire::json(status, &body);
    let headers = response.headers_mut();
    match error {
        Error::Unauthenticated(reason) => {
            let scope = challenge.map(Challenge::scope);
            headers.insert(header::WWW_AUTHENTICATE, challenge_header(context, scope.as_deref(), *reason));
        }
        Error::MountSourceNotCovered(source) => {
            let mut scope = challenge.map(Challenge::scope).unwrap_or_default();
            let needed = format!("repository:{source}:pull");
            // The client may have named the source itself; then it stands there already.
            if !scope.split(' ').any(|scope| scope == needed) {
                scope = format!("{scope} {needed}");
            }
            let reason = Unauthenticated::InsufficientScope;
            headers.insert(header::WWW_AUTHENTICATE, challenge_header(context, Some(&scope), reason));
        }
        Error::UploadOffset { offset_bytes } => {
            headers.insert(header::RANGE, wire::value(&format!("0-{}", offset_bytes.saturating_sub(1))));
            headers
                .insert(header::LOCATION, wire::value(&context.client.origin.link(context.parts.uri.path())));
        }
        _ => {}
    }
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    if error.is_fault() {
        observe::log_fault(&context.client, error);
    }
    response
}

fn detail(error: &Error, context: &Context, challenge: Option<&Challenge>) -> Value {
    match (error, challenge) {
        (Error::Unauthenticated(_), Some(Challenge::Repository { name, actions, source })) => {
            let wanted =
                |name: &str, action: &str| json!({ "Type": "repository", "Name": name, "Action": action });
            let target = actions.split(',').map(|action| wanted(name, action));
            target.chain(source.iter().map(|source| wanted(source.as_str(), "pull"))).collect()
        }
        (Error::Past(refusal), _) => match &**refusal {
            PastRefusal::Gone { digest, from, until, .. } => json!({
                "pointed_at": digest.to_string(),
                "from": from.to_string(),
                "until": until.map(|until| until.to_string()),
            }),
            PastRefusal::NotYet(_)
            | PastRefusal::Future(_)
            | PastRefusal::Never { .. }
            | PastRefusal::NotThere { .. }
            | PastRefusal::Reserved(_) => Value::Null,
        },
        (error, _) if error.is_fault() => json!({ "request_id": &*context.client.request_id }),
        _ => Value::Null,
    }
}

/// Makes the challenge (Docker token authentication specification; RFC 6750 for `error`).
fn challenge_header(context: &Context, scope: Option<&str>, reason: Unauthenticated) -> HeaderValue {
    let realm = context.client.origin.absolute("/token");
    let service = &context.app.platform.settings().service;
    let mut text = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
    if let Some(scope) = scope {
        text.push_str(&format!(",scope=\"{scope}\""));
    }
    match reason {
        Unauthenticated::InsufficientScope => text.push_str(",error=\"insufficient_scope\""),
        Unauthenticated::InvalidToken => text.push_str(",error=\"invalid_token\""),
        Unauthenticated::Missing
        | Unauthenticated::WrongCredential
        | Unauthenticated::AccessTokenNeeded
        | Unauthenticated::SecondFactorNeeded
        | Unauthenticated::OutsideProject
        | Unauthenticated::MalformedSignature(_)
        | Unauthenticated::WrongSignature
        | Unauthenticated::ClockSkew
        | Unauthenticated::SignatureUsed => {}
    }
    wire::value(&text)
}

pub(crate) fn method_not_allowed(method: &Method, allow: &'static str) -> Response {
    let message = format!("{method} is not supported here; use {allow}");
    let body = json!({ "errors": [{ "code": "UNSUPPORTED", "message": message, "detail": null }] });
    let mut response = wire::json(StatusCode::METHOD_NOT_ALLOWED, &body);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

pub(crate) fn not_found() -> Response {
    let message =
        "there is nothing at this path; see the OCI distribution specification for the paths of a registry";
    wire::json(
        StatusCode::NOT_FOUND,
        &json!({ "errors": [{ "code": "NAME_UNKNOWN", "message": message, "detail": null }] }),
    )
}
