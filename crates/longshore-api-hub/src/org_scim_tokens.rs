//! Tokens of an organization's identity providers. Docker Hub has them in its web pages only; this is our own.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use longshore_domain::credential::Secret;
use longshore_domain::directory::ScimToken;
use longshore_domain::name::Namespace;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access_tokens::{expiry, token_uuid};
use crate::context::Context;
use crate::org_access_tokens::named;
use crate::{bare, wire};

/// A SCIM token to be made.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "createScimTokenRequest")]
pub(crate) struct CreateRequest {
    /// What you call it, 1 to 100 characters; the audit log names it.
    #[schemars(length(min = 1, max = 100))]
    label: String,
    /// When it stops working (RFC 3339); without it, never.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
}

/// A SCIM token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "scimToken")]
pub(crate) struct TokenDocument {
    id: String,
    label: String,
    created_by: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A SCIM token with its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "scimTokenWithSecret")]
pub(crate) struct NewToken {
    #[serde(flatten)]
    document: TokenDocument,
    /// The secret, shown this once.
    token: String,
}

/// All SCIM tokens of an organization, of which there are 20 at most.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "scimTokens")]
pub(crate) struct TokenList {
    count: usize,
    results: Vec<TokenDocument>,
}

fn document(token: &ScimToken) -> TokenDocument {
    TokenDocument {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        created_by: token.created_by.clone(),
        created_at: wire::time(token.created_at),
        expires_at: token.expires_at.map(wire::given_time),
        last_used_at: token.last_used_at.map(wire::time),
    }
}

fn with_secret(token: &ScimToken, secret: &Secret) -> NewToken {
    NewToken { document: document(token), token: secret.expose().to_owned() }
}

/// `POST /v2/orgs/{org_name}/scim-tokens`.
pub(crate) async fn post_orgs_scim_tokens(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let request: CreateRequest = context.document(body).await?;
    let expires_at = expiry(request.expires_at.as_deref())?;
    let created =
        context.app.identity.create_scim_token(&actor, &organization, &request.label, expires_at).await;
    let (token, secret) = created.map_err(named)?;
    Ok(wire::json(StatusCode::CREATED, &with_secret(&token, &secret)))
}

/// `GET /v2/orgs/{org_name}/scim-tokens`.
pub(crate) async fn get_orgs_scim_tokens(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let tokens = context.app.identity.list_scim_tokens(&actor, &organization).await?;
    let results: Vec<TokenDocument> = tokens.iter().map(document).collect();
    Ok(wire::json(StatusCode::OK, &TokenList { count: results.len(), results }))
}

/// `POST /v2/orgs/{org_name}/scim-tokens/{scim_token_id}/rotate`.
pub(crate) async fn rotate_orgs_scim_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let uuid = token_uuid(context, "scim_token_id")?;
    let (token, secret) = context.app.identity.rotate_scim_token(&actor, &organization, uuid).await?;
    Ok(wire::json(StatusCode::OK, &with_secret(&token, &secret)))
}

/// `DELETE /v2/orgs/{org_name}/scim-tokens/{scim_token_id}`.
pub(crate) async fn delete_orgs_scim_token(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let organization: Namespace = context.parsed("org_name")?;
    let uuid = token_uuid(context, "scim_token_id")?;
    context.app.identity.revoke_scim_token(&actor, &organization, uuid).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
