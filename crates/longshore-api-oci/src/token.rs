//! The token service: `/token`.
//!
//! Docker token authentication specification (`GET`) and its OAuth2 form (`POST`).

use std::borrow::Cow;

use http::{HeaderValue, Method, StatusCode, header};
use longshore_api_common::allotment::Allotment;
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::credentials::Credentials;
use longshore_api_common::response::retry_after;
use longshore_api_common::{Response, observe};
use longshore_domain::access::actor::Actor;
use longshore_domain::{Error, Field, Result};
use longshore_identity::tokens::{IssuedToken, Refresh, RequestedScope};
use serde::Serialize;
use serde_json::json;

use crate::error::status_and_code;
use crate::fields::wire_name;
use crate::{Context, wire};

/// Largest form.
const FORM_LIMIT_BYTES: u64 = 64 << 10;

#[derive(Serialize)]
struct TokenResponse {
    token: String,
    access_token: String,
    token_type: &'static str,
    scope: String,
    expires_in: u64,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

impl TokenResponse {
    fn of(issued: IssuedToken) -> Self {
        Self {
            token: issued.token.clone(),
            access_token: issued.token,
            token_type: "Bearer",
            scope: issued.scope,
            expires_in: issued.expires_in_seconds,
            issued_at: format!("{:.0}", issued.issued_at),
            refresh_token: issued.refresh_token.map(|secret| secret.expose().to_owned()),
        }
    }
}

type Parameters<'p> = Vec<(Cow<'p, str>, Cow<'p, str>)>;

/// Answers `GET` and `POST`.
pub(crate) async fn handle(context: &Context, body: RequestBody) -> Response {
    let answer = match context.parts.method {
        _ if let Err(error) = Allotment::check(&context.parts.extensions) => Err(error),
        Method::GET | Method::HEAD => get_token(context).await,
        Method::POST => post_token(context, body).await,
        _ => return crate::error::method_not_allowed(&context.parts.method, "GET, POST"),
    };
    let mut response = match answer {
        Ok(issued) => wire::json(StatusCode::OK, &TokenResponse::of(issued)),
        Err(error) => refuse(&error, context),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The OCI error body and, for OAuth2 clients, the members of RFC 6749 section 5.2.
fn refuse(error: &Error, context: &Context) -> Response {
    let (status, code) = status_and_code(error);
    let oauth = match error {
        Error::Unauthenticated(_) => "invalid_grant",
        Error::Unsupported(_) => "unsupported_grant_type",
        _ => "invalid_request",
    };
    let status = if status == StatusCode::METHOD_NOT_ALLOWED { StatusCode::BAD_REQUEST } else { status };
    let message = error.message(wire_name);
    let detail =
        if error.is_fault() { json!({ "request_id": &*context.client.request_id }) } else { json!(null) };
    let body = json!({
        "errors": [{ "code": code, "message": message, "detail": detail }],
        "error": oauth,
        "error_description": message,
    });
    if error.is_fault() {
        observe::log_fault(&context.client, error);
    }
    let mut response = wire::json(status, &body);
    let headers = response.headers_mut();
    if matches!(error, Error::Unauthenticated(_)) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"longshore\""));
    }
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    response
}

async fn get_token(context: &Context) -> Result<IssuedToken> {
    let query = context.parts.uri.query().unwrap_or_default();
    let parameters: Parameters<'_> = form_urlencoded::parse(query.as_bytes()).collect();
    check_service(context, &parameters)?;
    let scopes = scopes(&parameters)?;
    let address = Some(context.client.address);
    let actor = match Credentials::of(&context.parts.headers)? {
        Credentials::None => {
            return context.app.identity.issue_token(&Actor::ANONYMOUS, &scopes, Refresh::None).await;
        }
        Credentials::Basic { user, secret } => {
            context.app.identity.authenticate_basic(&user, &secret, address).await?
        }
        Credentials::Bearer(_) => {
            return Err(Error::Invalid {
                field: Field::Parameter("Authorization"),
                reason: "ask for a token with Basic credentials".into(),
            });
        }
    };
    let wants_refresh = first(&parameters, "offline_token").is_some_and(|text| text == "true");
    context.app.identity.issue_token(&actor, &scopes, refresh(wants_refresh)).await
}

async fn post_token(context: &Context, body: RequestBody) -> Result<IssuedToken> {
    let too_large = |limit_bytes: u64| Error::Invalid {
        field: Field::Body,
        reason: format!("has more than {limit_bytes} bytes"),
    };
    let form = body::collect(
        &context.parts.extensions,
        body,
        FORM_LIMIT_BYTES,
        context.app.platform.settings().body_idle,
        too_large,
    )
    .await?;
    let parameters: Parameters<'_> = form_urlencoded::parse(&form).collect();
    check_service(context, &parameters)?;
    let scopes = scopes(&parameters)?;
    let needed = |name: &'static str| {
        first(&parameters, name)
            .ok_or(Error::Invalid { field: Field::Parameter(name), reason: "is missing".into() })
    };
    let wants_refresh = first(&parameters, "access_type").is_some_and(|text| text == "offline");
    match first(&parameters, "grant_type") {
        Some("password") => {
            let (user, secret) = (needed("username")?, needed("password")?);
            let actor =
                context.app.identity.authenticate_basic(user, secret, Some(context.client.address)).await?;
            context.app.identity.issue_token(&actor, &scopes, refresh(wants_refresh)).await
        }
        Some("refresh_token") => {
            let secret = needed("refresh_token")?;
            let actor = context.app.identity.authenticate_refresh_token(secret).await?;
            let issued = context.app.identity.issue_token(&actor, &scopes, Refresh::None).await?;
            // The same one goes on; clients keep what they are given.
            Ok(IssuedToken {
                refresh_token: Some(longshore_domain::credential::Secret::presented(secret)),
                ..issued
            })
        }
        _ => Err(Error::Unsupported("grant_type must be password or refresh_token".into())),
    }
}

fn refresh(wanted: bool) -> Refresh {
    if wanted { Refresh::Issue } else { Refresh::None }
}

fn first<'p>(parameters: &'p Parameters<'_>, name: &str) -> Option<&'p str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
}

/// Scopes may be repeated, and each may be a list with blanks. More than a token can hold are left out.
fn scopes(parameters: &Parameters<'_>) -> Result<Vec<RequestedScope>> {
    let texts = parameters
        .iter()
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, value)| value.split_ascii_whitespace());
    texts.take(longshore_identity::tokens::SCOPES_LIMIT).map(RequestedScope::parse).collect()
}

fn check_service(context: &Context, parameters: &Parameters<'_>) -> Result<()> {
    let settings = context.app.platform.settings();
    let is_known = |service: &str| {
        service.is_empty()
            || service == settings.service
            || settings.service_aliases.iter().any(|alias| alias == service)
    };
    match first(parameters, "service") {
        Some(service) if !is_known(service) => {
            let reason = format!("this token service issues tokens for {:?} only", settings.service);
            Err(Error::Invalid { field: Field::Parameter("service"), reason })
        }
        _ => Ok(()),
    }
}
