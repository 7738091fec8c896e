//! Access tokens of organizations. Docker Hub API, "Organization access tokens".

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::credential::{AccessToken, TokenOrigin, TokenRestriction};
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::token_resource::{TOKEN_RESOURCES_LIMIT, TokenResource, TokenResources};
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::{TokenOwner, WantedToken};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access_tokens::{expiry, token_uuid};
use crate::context::Context;
use crate::{bare, wire};

/// `orgAccessTokenResource`.
#[derive(Deserialize, Serialize, JsonSchema)]
pub(crate) struct ResourceDocument {
    /// `TYPE_REPO` for repositories, `TYPE_ORG` for the organization.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["TYPE_REPO", "TYPE_ORG"]))]
    kind: String,
    /// `acme/app`, `acme/*` or `*/*/public`; of an organization, its name.
    path: String,
    /// Such as `scope-image-pull` or `scope-member-read`.
    #[schemars(length(min = 1, max = 32))]
    scopes: Vec<String>,
}

/// `createOrgAccessTokenRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// What you call it, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100))]
    label: String,
    /// What it is for, at most 200 characters.
    #[schemars(length(max = 200))]
    description: Option<String>,
    /// What it may use, 1 to 51.
    #[schemars(length(min = 1, max = 51))]
    resources: Vec<ResourceDocument>,
    /// When it stops working (RFC 3339); without it, never.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
}

/// `updateOrgAccessTokenRequest`; what is absent or an empty label stays as it is.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PatchRequest {
    label: Option<String>,
    #[schemars(length(max = 200))]
    description: Option<String>,
    /// What it may use from now on, instead of all before.
    resources: Option<Vec<ResourceDocument>>,
    is_active: Option<bool>,
}

/// `orgAccessToken`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenDocument {
    id: String,
    label: String,
    description: String,
    created_by: String,
    is_active: bool,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// `getOrgAccessTokenResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenDetails {
    #[serde(flatten)]
    token: TokenDocument,
    resources: Vec<ResourceDocument>,
}

/// `createOrgAccessTokenResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    details: TokenDetails,
    /// The secret, shown this once.
    #[serde(rename = "token")]
    secret: String,
}

/// `getOrgAccessTokensResponse`, with `count` as lists elsewhere have it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenPage {
    total: u64,
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<TokenDocument>,
}

fn parsed(resources: &[ResourceDocument]) -> Result<TokenResources> {
    if resources.len() > TOKEN_RESOURCES_LIMIT {
        // Told before each is read.
        return TokenResources::new(Vec::new());
    }
    let each = resources
        .iter()
        .map(|resource| TokenResource::parse(&resource.kind, &resource.path, &resource.scopes));
    TokenResources::new(each.collect::<Result<_>>()?)
}

fn document(token: &AccessToken) -> TokenDocument {
    TokenDocument {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        description: token.description.clone(),
        created_by: token.created_by.clone(),
        is_active: token.is_active,
        created_at: wire::time(token.created_at),
        expires_at: token.expires_at.map(wire::given_time),
        last_used_at: token.last_used_at.map(wire::time),
    }
}

fn details(token: &AccessToken, organization: &Namespace) -> TokenDetails {
    let resources = match &token.restriction {
        TokenRestriction::Resources(resources) => resources.clone(),
        // A credential for Docker, shown as what comes nearest to it.
        TokenRestriction::Registry { name, scope }
        | TokenRestriction::Login { namespace: Some(name), scope } => TokenResources::like(*scope, name),
        // The operator made it with a scope.
        TokenRestriction::Scope(scope) | TokenRestriction::Login { namespace: None, scope } => {
            TokenResources::like(*scope, organization)
        }
    };
    let resource = |resource: &TokenResource| ResourceDocument {
        kind: resource.kind().to_owned(),
        path: resource.path(),
        scopes: resource.scope_names().into_iter().map(str::to_owned).collect(),
    };
    TokenDetails { token: document(token), resources: resources.as_slice().iter().map(resource).collect() }
}

/// `POST /v2/orgs/{org_name}/access-tokens`.
pub(crate) async fn post_orgs_access_tokens(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let request: CreateRequest = context.document(body).await?;
    let wanted = WantedToken {
        label: &request.label,
        description: request.description.as_deref().unwrap_or_default(),
        restriction: TokenRestriction::Resources(parsed(&request.resources)?),
        expires_at: expiry(request.expires_at.as_deref())?,
        origin: TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() },
    };
    let owner = TokenOwner::Organization(&organization);
    let created = context.app.identity.create_access_token(&actor, owner, wanted).await;
    let (token, secret) = created.map_err(named)?;
    let created =
        CreatedToken { details: details(&token, &organization), secret: secret.expose().to_owned() };
    Ok(wire::json(StatusCode::CREATED, &created))
}

/// Returns an error about the label the name that the label has here.
pub(crate) fn named(error: Error) -> Error {
    match error {
        Error::Invalid { field: Field::TokenLabel, reason } => {
            Error::Invalid { field: Field::Member("label"), reason }
        }
        other => other,
    }
}

/// `GET /v2/orgs/{org_name}/access-tokens`.
pub(crate) async fn get_orgs_access_tokens(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let wanted = context.page()?;
    let owner = TokenOwner::Organization(&organization);
    let (tokens, counts) =
        context.app.identity.list_access_tokens_at(&actor, owner, wanted.offset(), wanted.size).await?;
    let (next, previous) = wire::links(context, wanted, counts.all);
    let results = tokens.iter().map(document).collect();
    let page = TokenPage { total: counts.all, count: counts.all, next, previous, results };
    Ok(wire::json(StatusCode::OK, &page))
}

/// `GET /v2/orgs/{org_name}/access-tokens/{access_token_id}`.
pub(crate) async fn get_orgs_access_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let uuid = token_uuid(context, "access_token_id")?;
    let owner = TokenOwner::Organization(&organization);
    let token = context.app.identity.get_access_token(&actor, owner, uuid).await?;
    Ok(wire::json(StatusCode::OK, &details(&token, &organization)))
}

/// `PATCH /v2/orgs/{org_name}/access-tokens/{access_token_id}`.
pub(crate) async fn patch_orgs_access_token(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let uuid = token_uuid(context, "access_token_id")?;
    let request: PatchRequest = context.document(body).await?;
    let change = AccessTokenChange {
        label: request.label.filter(|label| !label.is_empty()),
        description: request.description,
        resources: request.resources.as_deref().map(parsed).transpose()?,
        is_active: request.is_active,
    };
    let owner = TokenOwner::Organization(&organization);
    let changed = context.app.identity.change_access_token(&actor, owner, uuid, change).await;
    Ok(wire::json(StatusCode::OK, &details(&changed.map_err(named)?, &organization)))
}

/// `DELETE /v2/orgs/{org_name}/access-tokens/{access_token_id}`.
pub(crate) async fn delete_orgs_access_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let uuid = token_uuid(context, "access_token_id")?;
    let owner = TokenOwner::Organization(&organization);
    context.app.identity.delete_access_token(&actor, owner, uuid).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
