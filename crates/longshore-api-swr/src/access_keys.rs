//! Access keys of a user.
//!
//! IAM, "Access key management": `OS-CREDENTIAL`. Their secret keys are shown once.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::access_key::AccessKey;
use longshore_domain::account::Account;
use longshore_domain::credential::{AccessToken, Scope, TokenOrigin, TokenRestriction};
use longshore_domain::ports::metadata::AccessTokenChange;
use longshore_domain::{Error, Field, Result};
use longshore_identity::access_tokens::WantedToken;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

/// Body of `createAccessKey`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    credential: WantedKey,
}

#[derive(Deserialize, JsonSchema)]
struct WantedKey {
    /// One's own id; others have their own keys.
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// Body of `updateAccessKey`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct UpdateRequest {
    credential: KeyChange,
}

#[derive(Deserialize, JsonSchema)]
struct KeyChange {
    /// `active` or `inactive`.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// Schema `Credential`.
#[derive(Serialize, JsonSchema)]
struct KeyDocument {
    user_id: String,
    access: String,
    /// When it is made only.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// `active` or `inactive`.
    status: &'static str,
    create_time: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_use_time: Option<String>,
}

/// Response about one access key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneKey {
    credential: KeyDocument,
}

/// Response of `listAccessKeys`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Keys {
    credentials: Vec<KeyDocument>,
}

fn document(account: &Account, token: &AccessToken, secret: Option<String>) -> KeyDocument {
    KeyDocument {
        user_id: wire::account_id(account),
        access: token.access_key.as_ref().map(ToString::to_string).unwrap_or_default(),
        secret,
        status: if token.is_active { "active" } else { "inactive" },
        create_time: wire::time(token.created_at),
        description: token.label.clone(),
        last_use_time: token.last_used_at.map(wire::time),
    }
}

/// Returns the account that acts, which must be the one that a request names, if it names one.
async fn owner(context: &Context, named: Option<&str>) -> Result<Account> {
    let actor = context.actor()?;
    let account = context.app.identity.get_own_project(&actor).await?;
    match named.is_none_or(|named| named == wire::account_id(&account)) {
        true => Ok(account),
        false => Err(Error::denied("you manage your own access keys only")),
    }
}

async fn find(context: &Context, account: &Account) -> Result<AccessToken> {
    let actor = context.actor()?;
    let text = context.parameter("access");
    let unknown = || Error::TokenUnknown(text.chars().take(40).collect());
    let key: AccessKey = text.parse().map_err(|_| unknown())?;
    context.app.identity.get_access_key(&actor, &account.name, &key).await
}

/// `POST /v3.0/OS-CREDENTIAL/credentials`.
pub(crate) async fn create_access_key(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let request: CreateRequest = context.json(body).await?;
    let account = owner(context, request.credential.user_id.as_deref()).await?;
    let label = request.credential.description.filter(|text| !text.trim().is_empty());
    let wanted = WantedToken {
        label: label.as_deref().unwrap_or("access key"),
        description: "",
        restriction: TokenRestriction::Scope(Scope::Account),
        expires_at: None,
        origin: TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() },
    };
    let (token, secret) = context.app.identity.create_access_key(&actor, &account.name, wanted).await?;
    let credential = document(&account, &token, Some(secret.expose().to_owned()));
    Ok(json(StatusCode::CREATED, &OneKey { credential }))
}

/// `GET /v3.0/OS-CREDENTIAL/credentials`.
pub(crate) async fn list_access_keys(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let account = owner(context, context.query("user_id").as_deref()).await?;
    let tokens = context.app.identity.list_access_keys(&actor, &account.name).await?;
    let credentials = tokens.iter().map(|token| document(&account, token, None)).collect();
    Ok(json(StatusCode::OK, &Keys { credentials }))
}

/// `GET /v3.0/OS-CREDENTIAL/credentials/{access}`.
pub(crate) async fn show_access_key(context: &Context, _: RequestBody) -> Result<Response> {
    let account = owner(context, None).await?;
    let token = find(context, &account).await?;
    Ok(json(StatusCode::OK, &OneKey { credential: document(&account, &token, None) }))
}

/// `PUT /v3.0/OS-CREDENTIAL/credentials/{access}`.
pub(crate) async fn update_access_key(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let request: UpdateRequest = context.json(body).await?;
    let is_active = match request.credential.status.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("inactive") => Some(false),
        Some(_) => {
            return Err(Error::Invalid {
                field: Field::Member("status"),
                reason: "must be active or inactive".into(),
            });
        }
    };
    let account = owner(context, None).await?;
    let token = find(context, &account).await?;
    let label = request.credential.description.filter(|text| !text.trim().is_empty());
    let change = AccessTokenChange { label, is_active, ..AccessTokenChange::default() };
    let changed = context.app.identity.change_access_token(&actor, &account.name, token.uuid, change).await?;
    Ok(json(StatusCode::OK, &OneKey { credential: document(&account, &changed, None) }))
}

/// `DELETE /v3.0/OS-CREDENTIAL/credentials/{access}`.
pub(crate) async fn delete_access_key(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let account = owner(context, None).await?;
    let token = find(context, &account).await?;
    context.app.identity.delete_access_token(&actor, &account.name, token.uuid).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
