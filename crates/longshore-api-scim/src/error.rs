//! Errors: the schema `urn:ietf:params:scim:api:messages:2.0:Error`.
//!
//! RFC 7644, section 3.12; the Docker Hub API document, `scim_error`.

use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::client::Client;
use longshore_api_common::response::retry_after;
use longshore_api_common::{Response, observe};
use longshore_domain::{Error, Field};
use serde_json::{Value, json};

use crate::fields::wire_name;
use crate::filter::FilterError;
use crate::wire;

/// Why a request was refused.
#[derive(Debug)]
pub enum Refusal {
    /// By an operation of the registry.
    Domain(Error),
    /// By the protocol.
    Scim {
        /// Status.
        status: StatusCode,
        /// `scimType`.
        kind: Option<&'static str>,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl Refusal {
    fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::Scim { status: StatusCode::BAD_REQUEST, kind: Some(kind), detail: detail.into() }
    }

    /// The filter cannot be read, or compares what cannot be compared.
    pub(crate) fn filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// The filter cannot be read, from a place on.
    pub(crate) fn unreadable_filter(error: FilterError) -> Self {
        Self::filter(format!("the filter cannot be read: {error}"))
    }

    /// The path of a change is none.
    pub(crate) fn path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// The path of a change leads to nothing that could be changed.
    pub(crate) fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    /// Only the registry sets this.
    pub(crate) fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    /// The body is not what the operation takes.
    pub(crate) fn syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// A value is not possible.
    pub(crate) fn value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// There are more resources than can be sorted.
    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::bad("tooMany", detail)
    }

    /// There is no such resource.
    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let detail = format!("there is no {what} {id:?}");
        Self::Scim { status: StatusCode::NOT_FOUND, kind: None, detail }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Domain(error) => status_of(error),
            Self::Scim { status, .. } => *status,
        }
    }

    /// Returns what is wrong and what to do.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Domain(error) => error.message(wire_name),
            Self::Scim { detail, .. } => detail.clone(),
        }
    }

    /// Returns the document that tells of it.
    pub(crate) fn document(&self) -> Value {
        let kind = match self {
            Self::Domain(error) => kind(error),
            Self::Scim { kind, .. } => *kind,
        };
        let mut document = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status().as_u16().to_string(),
            "detail": self.reason(),
        });
        if let Some(kind) = kind {
            document["scimType"] = kind.into();
        }
        document
    }
}

/// Returns the status. A new variant does not compile until it has an answer here.
pub(crate) fn status_of(error: &Error) -> StatusCode {
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
        | Error::TeamUnknown(_) => StatusCode::NOT_FOUND,
        Error::NameInvalid { .. }
        | Error::TagInvalid(_)
        | Error::DigestInvalid { .. }
        | Error::Invalid { .. }
        | Error::NameReserved(_)
        | Error::ManifestInvalid(_)
        | Error::ManifestReferencesUnknown(_)
        | Error::UploadInvalid(_)
        | Error::DigestMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::UploadOffset { .. } => StatusCode::BAD_REQUEST,
        Error::BlobTooLarge { .. } | Error::ManifestTooLarge { .. } | Error::BodyTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Error::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Error::Unauthenticated(_) | Error::MountSourceNotCovered(_) => StatusCode::UNAUTHORIZED,
        Error::Denied(_) | Error::TagImmutable(_) | Error::OverLimit(_) | Error::ReadOnly(_) => {
            StatusCode::FORBIDDEN
        }
        Error::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::InUse { .. }
        | Error::Exists(_)
        | Error::LimitReached { .. }
        | Error::Conflict(_)
        | Error::NotEligible(_)
        | Error::SeveralRegistries => StatusCode::CONFLICT,
        Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Error::BodyInterrupted => StatusCode::REQUEST_TIMEOUT,
        Error::StorageFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) | Error::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn kind(error: &Error) -> Option<&'static str> {
    match error {
        Error::Exists(_) => Some("uniqueness"),
        Error::Invalid { field: Field::Body, .. } => Some("invalidSyntax"),
        error if status_of(error) == StatusCode::BAD_REQUEST => Some("invalidValue"),
        _ => None,
    }
}

/// Makes the response to a refusal, and logs it if the fault is the registry's.
pub(crate) fn render(refusal: &Refusal, client: &Client) -> Response {
    let mut document = refusal.document();
    if refusal.status().is_server_error() && refusal.status() != StatusCode::NOT_IMPLEMENTED {
        // What the operator finds it by in the log.
        let detail = document["detail"].as_str().unwrap_or_default();
        document["detail"] = format!("{detail} (request {})", client.request_id).into();
    }
    let mut response = wire::json(refusal.status(), &document);
    let headers = response.headers_mut();
    if let Refusal::Domain(error) = refusal {
        if let Some(seconds) = retry_after(error) {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if let Error::Unauthenticated(_) = error {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if error.is_fault() {
            observe::log_fault(client, error);
        }
    }
    response
}

pub(crate) fn method_not_allowed(method: &Method, allow: &str, client: &Client) -> Response {
    let detail = format!("{method} is not supported here; use {allow}");
    let refusal = Refusal::Scim { status: StatusCode::METHOD_NOT_ALLOWED, kind: None, detail };
    let mut response = render(&refusal, client);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

pub(crate) fn not_found(client: &Client) -> Response {
    let detail = "there is nothing at this path; /v2/scim/2.0/ResourceTypes lists what there is".into();
    render(&Refusal::Scim { status: StatusCode::NOT_FOUND, kind: None, detail }, client)
}
