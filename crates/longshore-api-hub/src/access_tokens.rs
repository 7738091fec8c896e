//! Access tokens of users. Docker Hub API, "Personal access tokens"; `api_tokens` is what older clients call them.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::{AccessToken, Scope, TokenOrigin, TokenRestriction};
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::WantedToken;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::{bare, wire};

/// Most scopes that a request may name.
const SCOPES_LIMIT: usize = 16;

/// `createAccessTokenRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// What you call it, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100))]
    token_label: String,
    /// `repo:admin`, `repo:write`, `repo:read` or `repo:public_read`; each includes the ones after it.
    #[schemars(with = "Vec<ScopeName>")]
    scopes: Option<Vec<String>>,
    /// When it stops working (RFC 3339); without it, never.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
}

/// What an access token may do at most, for the document.
#[derive(JsonSchema)]
#[schemars(extend("enum" = ["repo:admin", "repo:write", "repo:read", "repo:public_read"]))]
struct ScopeName(#[expect(dead_code, reason = "only its schema is used")] String);

/// `patchAccessTokenRequest`; what is absent or an empty label stays as it is.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PatchRequest {
    token_label: Option<String>,
    is_active: Option<bool>,
}

/// `accessToken`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccessTokenDocument {
    uuid: String,
    client_id: &'static str,
    creator_ip: String,
    creator_ua: String,
    created_at: String,
    last_used: Option<String>,
    generated_by: &'static str,
    is_active: bool,
    /// The secret when it was created, else empty.
    token: String,
    token_label: String,
    scopes: Vec<&'static str>,
    /// Absent when it never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// `getAccessTokensResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccessTokenPage {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    /// Those that are switched on, over all pages.
    active_count: u64,
    results: Vec<AccessTokenDocument>,
}

fn document(token: &AccessToken, secret: String) -> AccessTokenDocument {
    AccessTokenDocument {
        uuid: token.uuid.to_string(),
        client_id: "HUB",
        creator_ip: token.origin.address.clone(),
        creator_ua: token.origin.agent.clone(),
        created_at: wire::time(token.created_at),
        last_used: token.last_used_at.map(wire::time),
        generated_by: "manual",
        is_active: token.is_active,
        token: secret,
        token_label: token.label.clone(),
        scopes: token.restriction.scope().map(Scope::as_str).into_iter().collect(),
        expires_at: token.expires_at.map(wire::given_time),
    }
}

/// Returns who calls and its name: access tokens are always those of the actor.
async fn owner(context: &Context) -> Result<(Arc<Actor>, Namespace)> {
    let actor = context.actor().await?;
    let account = actor.as_account().ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
    let name = account.name.clone();
    Ok((actor, name))
}

/// Returns the id of an access token that the path names; what cannot be one is none.
pub(crate) fn token_uuid(context: &Context, parameter: &str) -> Result<Uuid> {
    let text = context.parameter(parameter);
    text.parse().map_err(|_| Error::TokenUnknown(text.chars().take(64).collect()))
}

/// Returns the highest of some scopes, which includes the others.
fn highest(scopes: &[String]) -> Result<Scope> {
    let invalid = |reason: String| Error::Invalid { field: Field::TokenScope, reason };
    if scopes.len() > SCOPES_LIMIT {
        return Err(invalid(format!("must be at most {SCOPES_LIMIT}")));
    }
    let parsed: Result<Vec<Scope>> = scopes.iter().map(|scope| scope.parse()).collect();
    let highest = parsed
        .map_err(|_| invalid("each must be repo:admin, repo:write, repo:read or repo:public_read".into()))?;
    highest.into_iter().max().ok_or_else(|| invalid("name at least one".into()))
}

pub(crate) fn expiry(text: Option<&str>) -> Result<Option<Timestamp>> {
    let invalid = |_| Error::Invalid {
        field: Field::ExpiresAt,
        reason: "must be a time such as 2030-01-31T12:00:00Z".into(),
    };
    text.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(invalid)).transpose()
}

async fn create(context: &Context, request: CreateRequest, scope: Scope) -> Result<Response> {
    let (actor, owner) = owner(context).await?;
    let origin = TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() };
    let wanted = WantedToken {
        label: &request.token_label,
        description: "",
        restriction: TokenRestriction::Scope(scope),
        expires_at: expiry(request.expires_at.as_deref())?,
        origin,
    };
    let (token, secret) = context.app.identity.create_access_token(&actor, &owner, wanted).await?;
    Ok(wire::json(StatusCode::CREATED, &document(&token, secret.expose().to_owned())))
}

/// `POST /v2/access-tokens`.
pub(crate) async fn post_access_tokens(context: &Context, body: RequestBody) -> Result<Response> {
    owner(context).await?;
    let request: CreateRequest = context.document(body).await?;
    let scope = highest(request.scopes.as_deref().unwrap_or_default())?;
    create(context, request, scope).await
}

/// `POST /v2/api_tokens`.
pub(crate) async fn post_api_tokens(context: &Context, body: RequestBody) -> Result<Response> {
    owner(context).await?;
    let request: CreateRequest = context.document(body).await?;
    let scope = request.scopes.as_deref().map_or(Ok(Scope::Admin), highest)?;
    create(context, request, scope).await
}

/// `GET /v2/access-tokens`.
pub(crate) async fn get_access_tokens(context: &Context, _: RequestBody) -> Result<Response> {
    let (actor, owner) = owner(context).await?;
    let wanted = context.page()?;
    let (tokens, counts) =
        context.app.identity.list_access_tokens_at(&actor, &owner, wanted.offset(), wanted.size).await?;
    let (next, previous) = wire::links(context, wanted, counts.all);
    let page = AccessTokenPage {
        count: counts.all,
        next,
        previous,
        active_count: counts.active,
        results: tokens.iter().map(|token| document(token, String::new())).collect(),
    };
    Ok(wire::json(StatusCode::OK, &page))
}

/// `PATCH /v2/access-tokens/{uuid}`.
pub(crate) async fn patch_access_tokens_uuid(context: &Context, body: RequestBody) -> Result<Response> {
    let (actor, owner) = owner(context).await?;
    let uuid = token_uuid(context, "uuid")?;
    let request: PatchRequest = context.document(body).await?;
    let change = AccessTokenChange {
        label: request.token_label.filter(|label| !label.is_empty()),
        is_active: request.is_active,
        ..AccessTokenChange::default()
    };
    let token = context.app.identity.change_access_token(&actor, &owner, uuid, change).await?;
    Ok(wire::json(StatusCode::OK, &document(&token, String::new())))
}

/// `GET /v2/access-tokens/{uuid}`.
pub(crate) async fn get_access_tokens_uuid(context: &Context, _: RequestBody) -> Result<Response> {
    let (actor, owner) = owner(context).await?;
    let token = context.app.identity.get_access_token(&actor, &owner, token_uuid(context, "uuid")?).await?;
    Ok(wire::json(StatusCode::OK, &document(&token, String::new())))
}

/// `DELETE /v2/access-tokens/{uuid}`.
pub(crate) async fn delete_access_tokens_uuid(context: &Context, _: RequestBody) -> Result<Response> {
    let (actor, owner) = owner(context).await?;
    context.app.identity.delete_access_token(&actor, &owner, token_uuid(context, "uuid")?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
