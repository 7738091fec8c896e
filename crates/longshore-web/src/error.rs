//! Errors as people see them: a page that says what is wrong, and what helps.

use askama::Template;
use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::response::retry_after;
use longshore_api_common::{Response, observe};
use longshore_domain::access::refusal::{Denial, Refusal};
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Field};

use crate::assets::encoded;
use crate::context::{Context, Visitor};
use crate::format::counted;
use crate::guard::Foreign;
use crate::page::{Frame, Kept, Place, lead, send};
use crate::routes::Needs;

/// Returns what people call a field.
pub(crate) fn field_name(field: Field) -> &'static str {
    match field {
        Field::Email => "e-mail address",
        Field::ExpiresAt => "end",
        Field::FullDescription => "README",
        Field::FullName => "full name",
        Field::ImmutableTagRules => "immutable tags",
        Field::PageSize => "rows",
        Field::TokenLabel => "label",
        Field::TokenResources => "resources",
        Field::TokenScope => "scope",
        Field::WebPage => "web page",
        Field::DirectoryEmail => "address",
        Field::DirectoryEmailKind => "kind of address",
        Field::DirectoryEmailLabel => "label of the address",
        Field::DirectoryEmails => "addresses",
        Field::DisplayName => "name",
        Field::ExternalId => "external id",
        Field::FamilyName => "family name",
        Field::GivenName => "given name",
        _ => field.name(),
    }
}

/// Returns an error as a sentence for people.
pub(crate) fn sentence(error: &Error) -> String {
    let text = error.message(field_name);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// Returns the status of an error. A new variant does not compile until it has one here.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::RepositoryUnknown(_)
        | Error::ManifestUnknown { .. }
        | Error::BlobUnknown { .. }
        | Error::UploadUnknown
        | Error::UserUnknown(_)
        | Error::MemberUnknown { .. }
        | Error::OrganizationUnknown(_)
        | Error::TeamUnknown(_)
        | Error::InviteUnknown
        | Error::RegistryUnknown(_)
        | Error::NoRegistry
        | Error::GcRunUnknown
        | Error::WorkUnknown(_)
        | Error::JobUnknown
        | Error::DeletionUnknown
        | Error::SessionUnknown
        | Error::RetentionPolicyUnknown
        | Error::PermissionUnknown { .. }
        | Error::ShareUnknown { .. }
        | Error::TokenUnknown(_)
        | Error::PageUnknown(_) => StatusCode::NOT_FOUND,
        Error::Past(_) => StatusCode::GONE,
        Error::UploadDamaged
        | Error::TagImmutable(_)
        | Error::InUse { .. }
        | Error::SeveralRegistries
        | Error::NotEligible(_)
        | Error::OverLimit(_)
        | Error::LimitReached { .. }
        | Error::ReadOnly(_)
        | Error::Exists(_)
        | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Error::UploadInvalid(_)
        | Error::UploadOffset { .. }
        | Error::SizeMismatch { .. }
        | Error::DigestMismatch { .. }
        | Error::DigestInvalid { .. }
        | Error::NameInvalid { .. }
        | Error::NameReserved(_)
        | Error::TagInvalid(_)
        | Error::ManifestInvalid(_)
        | Error::ManifestReferencesUnknown(_)
        | Error::Invalid { .. }
        | Error::Unsupported(_)
        | Error::BodyInterrupted => StatusCode::BAD_REQUEST,
        Error::BlobTooLarge { .. } | Error::ManifestTooLarge { .. } | Error::BodyTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Error::Unauthenticated(_) | Error::MountSourceNotCovered(_) => StatusCode::UNAUTHORIZED,
        Error::Denied(_) => StatusCode::FORBIDDEN,
        Error::Throttled { .. } | Error::TooManyUploads { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::StorageFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) | Error::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Returns whether the password must be given again for this.
pub(crate) fn needs_presence(error: &Error) -> bool {
    matches!(
        error,
        Error::Denied(Denial::Refused { refusal: Refusal::PresenceNeeded | Refusal::PasswordIsLongAgo, .. })
    )
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    heading: String,
    text: String,
    /// Where to sign in, if that may help.
    sign_in: Option<String>,
    /// Whether trying again may help.
    may_retry: bool,
    request_id: Option<String>,
}

fn render(context: &Context, status: StatusCode, page: ErrorPage) -> Response {
    // A page that cannot be rendered is a mistake of ours; there is no better page for it.
    send(context, status, Kept::Never, &page).unwrap_or_else(|_| lead(context, "/ui/"))
}

fn page(context: &Context, heading: &str, text: String) -> ErrorPage {
    ErrorPage {
        frame: Frame::new(context, Place::Elsewhere, heading),
        heading: heading.to_owned(),
        text,
        sign_in: None,
        may_retry: false,
        request_id: None,
    }
}

fn sign_in_path(context: &Context) -> String {
    let here = context.parts.uri.path_and_query().map_or("/ui/", |path| path.as_str());
    let is_read = matches!(context.parts.method, Method::GET | Method::HEAD);
    match is_read {
        true => format!("/ui/sign-in?next={}", encoded(here)),
        false => "/ui/sign-in".into(),
    }
}

/// Answers an error with a page. What is not there and what may not be seen look the same.
pub(crate) fn answer(context: &Context, error: &Error) -> Response {
    if error.is_fault() {
        observe::log_fault(&context.client, error);
    }
    let status = status(error);
    let is_read = matches!(context.parts.method, Method::GET | Method::HEAD);
    let is_unknown =
        matches!(error, Error::Unauthenticated(Unauthenticated::Missing | Unauthenticated::InvalidToken));
    // Whoever was signed in a moment ago, or asks for what is for nobody else, is led there.
    if is_unknown
        && (matches!(context.screen.needs, Needs::Account | Needs::Administrator)
            || matches!(context.visitor, Visitor::Gone))
    {
        return lead(context, &sign_in_path(context));
    }
    let is_missing = match status {
        // To others than administrators their pages are not there, whatever is sent to them.
        StatusCode::NOT_FOUND if context.screen.needs == Needs::Administrator => {
            is_read || !context.is_administrator()
        }
        StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED => is_read,
        StatusCode::BAD_REQUEST => {
            is_read
                && matches!(
                    error,
                    Error::NameInvalid { .. } | Error::TagInvalid(_) | Error::DigestInvalid { .. }
                )
        }
        _ => false,
    };
    if is_missing {
        return missing(context);
    }
    let mut shown = match status {
        StatusCode::FORBIDDEN => page(context, "You may not do this", sentence(error)),
        StatusCode::NOT_FOUND => page(context, "It is not there, or not for you", sentence(error)),
        StatusCode::GONE => page(context, "It is gone", sentence(error)),
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = retry_after(error).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let wait = counted(seconds.unwrap_or(60), "second", "seconds");
            page(context, "Too many requests", format!("Try again in {wait}."))
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let text = "The registry cannot reach its database or has too much to do. Nothing is lost.";
            page(context, "Not now", text.into())
        }
        StatusCode::INSUFFICIENT_STORAGE => page(
            context,
            "No space is left",
            "The disk of the registry is full. Deleting and signing in still work; nothing is lost.".into(),
        ),
        StatusCode::INTERNAL_SERVER_ERROR => page(
            context,
            "The registry made a mistake",
            "Tell the operator the id of this request; the log says more.".into(),
        ),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
            page(context, "It was not done", sentence(error))
        }
        _ => page(context, "That cannot be read", sentence(error)),
    };
    shown.may_retry = status == StatusCode::SERVICE_UNAVAILABLE && is_read;
    shown.request_id = error.is_fault().then(|| context.client.request_id.to_string());
    let mut response = render(context, status, shown);
    if let Some(seconds) = retry_after(error) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Answers a request for what is not there, or not for who asks.
pub(crate) fn missing(context: &Context) -> Response {
    let mut shown = page(
        context,
        "There is no such page, or it is not for you",
        "It may have been deleted or renamed, or belong to somebody else.".into(),
    );
    if context.here().is_none() {
        shown.text = "It may have been deleted or renamed, or be for those who are signed in.".into();
        shown.sign_in = Some(sign_in_path(context));
    }
    render(context, StatusCode::NOT_FOUND, shown)
}

/// Refuses a request that another site's page sent.
pub(crate) fn foreign(context: &Context, foreign: &Foreign) -> Response {
    let text = format!(
        "This came from {}, and the pages of this registry are at {}. If that is the address that you see above, tell the operator: public_url or trusted_proxies is not set as it should be.",
        foreign.came_from, foreign.expected
    );
    render(
        context,
        StatusCode::FORBIDDEN,
        page(context, "This was not sent by a page of this registry", text),
    )
}

/// Refuses a method that a page does not have.
pub(crate) fn method_not_allowed(context: &Context, allow: &str) -> Response {
    let text = "This page is not made for that. Go back, and try again from there.".to_owned();
    let mut response =
        render(context, StatusCode::METHOD_NOT_ALLOWED, page(context, "That is not possible here", text));
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}
