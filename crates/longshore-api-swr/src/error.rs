//! Errors: in SWR a list with one `{"errorCode", "errorMessage", "detail"}`, in the identity service
//! `{"error": {"code", "message", "title"}}`.
//!
//! SWR API, "Error codes".

use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::client::Client;
use longshore_api_common::response::{json, retry_after};
use longshore_api_common::{Response, observe};
use longshore_domain::error::Unauthenticated;
use longshore_domain::limit::Limited;
use longshore_domain::{Error, Field};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::fields::{self, wire_name};
use crate::routes;

/// One element of schema `ErrorList`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorInfo")]
pub(crate) struct ErrorInfo {
    /// For example `SVCSTG.SWR.4040113`.
    #[serde(rename = "errorCode")]
    code: String,
    /// What is wrong and what to do.
    #[serde(rename = "errorMessage")]
    message: String,
    /// Names the request in the server's log.
    detail: String,
}

/// What an operation is about, which decides the code of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Organization,
    Repository,
    Tags,
    OrganizationPermission,
    ImagePermission,
    Sharing,
    Other,
}

fn about(group: &str) -> About {
    match group {
        routes::ORGANIZATIONS => About::Organization,
        routes::IMAGE_REPOSITORIES => About::Repository,
        routes::IMAGE_TAGS => About::Tags,
        routes::ORGANIZATION_PERMISSIONS => About::OrganizationPermission,
        routes::IMAGE_PERMISSIONS => About::ImagePermission,
        routes::SHARED_ACCOUNTS => About::Sharing,
        _ => About::Other,
    }
}

/// Returns status and number of a bad value.
fn invalid(field: Field) -> (u16, u32) {
    match field {
        fields::FILTER => (400, 4_001_035),
        fields::LIMIT => (400, 4_000_056),
        fields::USER_ID => (400, 4_001_067),
        Field::Body => (400, 4_000_014),
        Field::Permission => (400, 4_001_091),
        Field::ShareAccount => (400, 4_001_041),
        _ => (400, 4_001_025),
    }
}

/// Returns the status and the number of an error's code. A new variant does not compile until it has an answer here.
fn code(error: &Error, about: About) -> (u16, u32) {
    match error {
        Error::RepositoryUnknown(_) => (404, 4_040_113),
        Error::OrganizationUnknown(_) => (404, 4_040_058),
        Error::ManifestUnknown { .. } | Error::BlobUnknown { .. } => (404, 4_040_115),
        Error::UserUnknown(_) | Error::MemberUnknown { .. } => match about {
            About::Sharing => (400, 4_001_041),
            _ => (400, 4_001_067),
        },
        Error::PermissionUnknown { .. } => match about {
            About::OrganizationPermission => (404, 4_040_078),
            _ => (404, 4_040_091),
        },
        Error::ShareUnknown { .. }
        | Error::DeletionUnknown
        | Error::SessionUnknown
        | Error::RetentionPolicyUnknown
        | Error::WorkUnknown(_)
        | Error::JobUnknown
        | Error::TokenUnknown(_)
        | Error::RegistryUnknown(_)
        | Error::NoRegistry
        | Error::GcRunUnknown
        | Error::UploadUnknown
        | Error::UploadDamaged
        | Error::TooManyUploads { .. }
        | Error::InviteUnknown
        | Error::PageUnknown(_)
        | Error::TeamUnknown(_) => (404, 4_040_091),
        Error::NameInvalid { .. } | Error::NameReserved(_) => match about {
            About::Organization | About::OrganizationPermission => (400, 4_001_028),
            _ => (400, 4_001_029),
        },
        Error::TagInvalid(_) | Error::Past(_) => (400, 4_009_021),
        Error::DigestInvalid { .. } => (400, 4_000_013),
        Error::Invalid { field, .. } => invalid(*field),
        Error::UploadInvalid(_)
        | Error::UploadOffset { .. }
        | Error::DigestMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::ManifestInvalid(_)
        | Error::ManifestReferencesUnknown(_)
        | Error::PreconditionFailed
        | Error::NotEligible(_)
        | Error::SeveralRegistries
        | Error::Unsupported(_)
        | Error::BodyInterrupted => (400, 4_000_014),
        Error::LimitReached {
            what:
                Limited::OwnedOrganizations
                | Limited::RetentionPolicies
                | Limited::Shares
                | Limited::UserPermissions(_),
            ..
        }
        | Error::OverLimit(_) => match about {
            About::Organization => (400, 4_000_097),
            About::Tags => (400, 4_000_099),
            _ => (400, 4_000_098),
        },
        Error::BlobTooLarge { .. } | Error::ManifestTooLarge { .. } | Error::BodyTooLarge { .. } => {
            (413, 4_131_001)
        }
        Error::Unauthenticated(Unauthenticated::Missing) => (400, 4_001_048),
        Error::Unauthenticated(Unauthenticated::InsufficientScope | Unauthenticated::OutsideProject) => {
            (401, 4_011_064)
        }
        Error::Unauthenticated(_) | Error::MountSourceNotCovered(_) => (401, 4_010_000),
        Error::Denied(_) => match about {
            About::Organization | About::OrganizationPermission => (403, 4_037_017),
            About::Repository | About::ImagePermission | About::Sharing => (403, 4_037_018),
            About::Tags => (403, 4_037_020),
            About::Other => (403, 4_039_002),
        },
        Error::TagImmutable(_) | Error::ReadOnly(_) => (403, 4_037_020),
        Error::Throttled { .. } => (403, 4_031_042),
        Error::Exists(_) => match about {
            About::Organization => (409, 4_090_060),
            About::OrganizationPermission => (409, 4_090_076),
            About::ImagePermission | About::Sharing => (409, 4_090_089),
            _ => (409, 4_090_006),
        },
        Error::LimitReached {
            what:
                Limited::AccessTokens
                | Limited::Credentials
                | Limited::DirectoryUsers
                | Limited::DockerLogins
                | Limited::Invites
                | Limited::RegistryNames
                | Limited::ScimTokens
                | Limited::Teams,
            ..
        }
        | Error::Conflict(_)
        | Error::InUse { .. } => match about {
            About::Organization => (406, 4_060_074),
            About::OrganizationPermission => (400, 4_001_065),
            _ => (409, 4_090_023),
        },
        Error::StorageFull(_) | Error::Unavailable(_) => (500, 5_001_038),
        Error::Overloaded(_) => (503, 5_001_038),
        Error::Internal(_) => match about {
            About::Tags => (500, 5_000_063),
            _ => (500, 5_000_007),
        },
    }
}

/// Returns the status that the identity service answers with.
fn identity_status(error: &Error, status: u16) -> StatusCode {
    let status = match error {
        Error::Unauthenticated(_) => 401,
        Error::Throttled { .. } => 429,
        Error::UserUnknown(_) | Error::MemberUnknown { .. } | Error::OrganizationUnknown(_) => 404,
        Error::OverLimit(_) => 403,
        Error::Unavailable(_) | Error::Overloaded(_) | Error::StorageFull(_) => 503,
        _ => status,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Returns the status of an error that an operation ends with.
pub(crate) fn status(error: &Error, route: &routes::Route) -> StatusCode {
    let (status, _) = code(error, about(route.group));
    match routes::is_identity(route.path) {
        true => identity_status(error, status),
        false => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn identity_response(status: StatusCode, message: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let error = serde_json::json!({ "code": status.as_u16(), "message": message, "title": title });
    json(status, &serde_json::json!({ "error": error }))
}

fn response(status: u16, number: u32, message: String, detail: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = format!("SVCSTG.SWR.{number}");
    json(status, &[ErrorInfo { code, message, detail: detail.to_owned() }])
}

/// Makes the response to an error, and logs it if the fault is the registry's.
pub(crate) fn render(error: &Error, context: &Context) -> Response {
    let (status, number) = code(error, about(context.route.group));
    let mut response = match routes::is_identity(context.route.path) {
        true => identity_response(identity_status(error, status), &error.message(wire_name)),
        false => response(status, number, error.message(wire_name), &context.client.request_id),
    };
    if let Some(seconds) = retry_after(error) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    if error.is_fault() {
        observe::log_fault(&context.client, error);
    }
    response
}

/// Makes the response to too many requests, of one that is for no operation.
pub(crate) fn too_many(error: &Error, client: &Client, is_identity: bool) -> Response {
    let (status, number) = code(error, About::Other);
    let mut response = match is_identity {
        true => identity_response(identity_status(error, status), &error.message(wire_name)),
        false => response(status, number, error.message(wire_name), &client.request_id),
    };
    if let Some(seconds) = retry_after(error) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

pub(crate) fn method_not_allowed(method: &Method, allow: &str, is_identity: bool) -> Response {
    let message = format!("{method} is not supported here; use {allow}");
    let mut response = match is_identity {
        true => identity_response(StatusCode::METHOD_NOT_ALLOWED, &message),
        false => response(405, 4_031_033, message, ""),
    };
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

pub(crate) fn not_found(is_identity: bool) -> Response {
    let message = "there is nothing at this path; /api/openapi/swr.json lists what there is";
    match is_identity {
        true => identity_response(StatusCode::NOT_FOUND, message),
        false => response(404, 4_040_083, message.into(), ""),
    }
}
