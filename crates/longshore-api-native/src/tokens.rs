//! Access tokens of accounts, and tokens of identity providers.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_client::types;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::{AccessToken, Secret, TokenOrigin, TokenRestriction};
use longshore_domain::directory::ScimToken;
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::token_resource::{TOKEN_RESOURCES_LIMIT, TokenResource, TokenResources};
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::{TokenOwner, WantedToken};
use uuid::Uuid;

use crate::accounts::expiry;
use crate::context::Context;
use crate::cursor;
use crate::wire::{page, secret, time};

fn resource(resource: &TokenResource) -> types::TokenResource {
    let scopes = resource.scope_names().into_iter().map(str::to_owned).collect();
    types::TokenResource { path: resource.path(), scopes }
}

fn info(token: &AccessToken) -> types::TokenInfo {
    let resources = match &token.restriction {
        TokenRestriction::Resources(resources) => resources.as_slice(),
        TokenRestriction::Scope(_) | TokenRestriction::Login { .. } | TokenRestriction::Registry { .. } => {
            &[]
        }
    };
    types::TokenInfo {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        scope: token.restriction.to_string(),
        resources: resources.iter().map(resource).collect(),
        access_key: token.access_key.as_ref().map(ToString::to_string),
        is_active: token.is_active,
        created_by: token.created_by.clone(),
        created_at: time(token.created_at),
        expires_at: token.expires_at.map(time),
        last_used_at: token.last_used_at.map(time),
    }
}

/// Reads resources. A path without a slash is that of the organization.
fn parsed(resources: &[types::TokenResource]) -> Result<TokenResources> {
    if resources.len() > TOKEN_RESOURCES_LIMIT {
        // Told before each is read.
        return TokenResources::new(Vec::new());
    }
    let each = resources.iter().map(|resource| {
        let kind = match resource.path.contains('/') {
            true => TokenResource::REPOSITORIES,
            false => TokenResource::ORGANIZATION,
        };
        TokenResource::parse(kind, &resource.path, &resource.scopes)
    });
    TokenResources::new(each.collect::<Result<_>>()?)
}

/// Returns what a new token is limited to.
fn restriction(request: &types::CreateToken, owner: TokenOwner<'_>) -> Result<TokenRestriction> {
    let invalid =
        |member, reason: &str| Error::Invalid { field: Field::Member(member), reason: reason.into() };
    match (&request.scope, request.resources.is_empty(), owner) {
        (Some(_), false, _) => Err(invalid("scope", "cannot be together with resources, which say more")),
        (None, true, _) => {
            Err(invalid("scope", "is needed: repo:public_read, repo:read, repo:write or repo:admin"))
        }
        (None, false, _) => Ok(TokenRestriction::Resources(parsed(&request.resources)?)),
        (Some(_), true, TokenOwner::Organization(_)) if request.is_access_key => {
            Err(invalid("is_access_key", "is for users: pairs of keys have no list of resources"))
        }
        (Some(scope), true, TokenOwner::Organization(name)) => {
            Ok(TokenRestriction::Resources(TokenResources::like(scope.parse()?, name)))
        }
        (Some(scope), true, TokenOwner::Account(_)) => Ok(TokenRestriction::Scope(scope.parse()?)),
    }
}

/// Finds out whose tokens are meant.
async fn owner<'n>(context: &Context, actor: &Actor, name: &'n Namespace) -> Result<TokenOwner<'n>> {
    context.app.identity.token_owner(actor, name).await
}

fn token_id(context: &Context) -> Result<Uuid> {
    let text = context.parameter("id");
    text.parse().map_err(|_| Error::TokenUnknown(text.to_owned()))
}

/// `GET /api/v1/accounts/{name}/tokens`.
pub(crate) async fn list_tokens(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, size): (Namespace, _) = (context.parsed("name")?, context.page_size()?);
    let list = format!("tokens of {name}");
    let after: Option<Uuid> = cursor::read(context, &list)?;
    let actor = context.actor().await?;
    let found = context
        .app
        .identity
        .list_access_tokens(&actor, owner(context, &actor, &name).await?, after, size)
        .await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next = last.map(|token| cursor::write(&list, &token.uuid)).transpose()?;
    page(context, &types::Page { items: found.items.iter().map(info).collect(), next, count: None })
}

/// `POST /api/v1/accounts/{name}/tokens`.
pub(crate) async fn create_token(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateToken = context.json(body).await?;
    let name: Namespace = context.parsed("name")?;
    let actor = context.actor().await?;
    let owner = owner(context, &actor, &name).await?;
    let restriction = restriction(&request, owner)?;
    let origin = match context.client.is_operator {
        true => TokenOrigin::default(),
        false => TokenOrigin { address: context.client.address.to_string(), agent: String::new() },
    };
    let expires_at = expiry(request.expires_at.as_deref())?;
    let wanted = WantedToken { label: &request.label, description: "", restriction, expires_at, origin };
    let identity = &context.app.identity;
    let (token, value) = match request.is_access_key {
        true => identity.create_access_key(&actor, owner, wanted).await?,
        false => identity.create_access_token(&actor, owner, wanted).await?,
    };
    let created = types::CreatedToken { info: info(&token), secret: value.expose().to_owned() };
    Ok(secret(StatusCode::CREATED, &created))
}

/// `GET /api/v1/accounts/{name}/tokens/{id}`.
pub(crate) async fn get_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, token_id(context)?);
    let actor = context.actor().await?;
    let owner = owner(context, &actor, &name).await?;
    let token = context.app.identity.get_access_token(&actor, owner, id).await?;
    Ok(json(StatusCode::OK, &info(&token)))
}

/// `PATCH /api/v1/accounts/{name}/tokens/{id}`.
pub(crate) async fn change_token(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::ChangeToken = context.json(body).await?;
    let (name, id): (Namespace, _) = (context.parsed("name")?, token_id(context)?);
    let change = AccessTokenChange {
        label: request.label,
        is_active: request.is_active,
        resources: request.resources.as_deref().map(parsed).transpose()?,
        ..AccessTokenChange::default()
    };
    let actor = context.actor().await?;
    let owner = owner(context, &actor, &name).await?;
    let token = context.app.identity.change_access_token(&actor, owner, id, change).await?;
    Ok(json(StatusCode::OK, &info(&token)))
}

/// `DELETE /api/v1/accounts/{name}/tokens/{id}`.
pub(crate) async fn delete_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, token_id(context)?);
    let (actor, identity) = (context.actor().await?, &context.app.identity);
    if !identity.end_presented_token(&actor, &name, id).await? {
        let owner = owner(context, &actor, &name).await?;
        identity.delete_access_token(&actor, owner, id).await?;
    }
    Ok(bare(StatusCode::NO_CONTENT))
}

fn scim_info(token: &ScimToken) -> types::ScimTokenInfo {
    types::ScimTokenInfo {
        id: token.uuid.to_string(),
        label: token.label.clone(),
        created_by: token.created_by.clone(),
        created_at: time(token.created_at),
        expires_at: token.expires_at.map(time),
        last_used_at: token.last_used_at.map(time),
    }
}

fn with_secret(status: StatusCode, token: &ScimToken, value: &Secret) -> Response {
    let created = types::CreatedScimToken { info: scim_info(token), secret: value.expose().to_owned() };
    secret(status, &created)
}

/// `GET /api/v1/organizations/{name}/scim-tokens`.
pub(crate) async fn list_scim_tokens(context: &Context, _body: RequestBody) -> Result<Response> {
    let name: Namespace = context.parsed("name")?;
    let actor = context.actor().await?;
    let found = context.app.identity.list_scim_tokens(&actor, &name).await?;
    let count = Some(found.len() as u64);
    let items: Vec<_> = found.iter().map(scim_info).collect();
    page(context, &types::Page { items, next: None, count })
}

/// `POST /api/v1/organizations/{name}/scim-tokens`.
pub(crate) async fn create_scim_token(context: &Context, body: RequestBody) -> Result<Response> {
    let request: types::CreateScimToken = context.json(body).await?;
    let name: Namespace = context.parsed("name")?;
    let expires_at = expiry(request.expires_at.as_deref())?;
    let actor = context.actor().await?;
    let identity = &context.app.identity;
    let (token, secret) = identity.create_scim_token(&actor, &name, &request.label, expires_at).await?;
    Ok(with_secret(StatusCode::CREATED, &token, &secret))
}

/// `POST /api/v1/organizations/{name}/scim-tokens/{id}/rotate`.
pub(crate) async fn rotate_scim_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, token_id(context)?);
    let actor = context.actor().await?;
    let (token, secret) = context.app.identity.rotate_scim_token(&actor, &name, id).await?;
    Ok(with_secret(StatusCode::OK, &token, &secret))
}

/// `DELETE /api/v1/organizations/{name}/scim-tokens/{id}`.
pub(crate) async fn delete_scim_token(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, id): (Namespace, _) = (context.parsed("name")?, token_id(context)?);
    context.app.identity.revoke_scim_token(&*context.actor().await?, &name, id).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
