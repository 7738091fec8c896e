//! The account that calls, as far as clients of registries ask for it.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::Result;
use longshore_domain::account::Account;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;

/// Answer of `account_get`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountInfo {
    account: AccountDocument,
}

/// Schema `account`. There is nothing here that the limits limit.
#[derive(Serialize, JsonSchema)]
struct AccountDocument {
    droplet_limit: u64,
    floating_ip_limit: u64,
    /// Empty when the account has none.
    email: String,
    name: String,
    uuid: String,
    email_verified: bool,
    status: &'static str,
    status_message: &'static str,
    team: TeamDocument,
}

#[derive(Serialize, JsonSchema)]
struct TeamDocument {
    uuid: String,
    name: String,
}

/// Answer of `oauth_token_info`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenInfo {
    /// Number of the account.
    resource_owner_id: i64,
    scopes: Vec<String>,
    /// Absent when it never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<i64>,
    application: ApplicationDocument,
    /// Unix time.
    created_at: i64,
}

#[derive(Serialize, JsonSchema)]
struct ApplicationDocument {
    uid: String,
}

fn shown_name(account: &Account) -> String {
    match account.profile.full_name.is_empty() {
        true => account.name.to_string(),
        false => account.profile.full_name.clone(),
    }
}

/// `GET /v2/account`.
pub(crate) async fn account_get(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let account = context.app.access.get_own_account(&actor).await?;
    let email = account.profile.email.as_ref();
    let answer = AccountInfo {
        account: AccountDocument {
            droplet_limit: 0,
            floating_ip_limit: 0,
            email: email.map(ToString::to_string).unwrap_or_default(),
            name: shown_name(&account),
            uuid: account.uuid.to_string(),
            email_verified: email.is_some(),
            status: "active",
            status_message: "",
            team: TeamDocument { uuid: account.uuid.to_string(), name: account.name.to_string() },
        },
    };
    Ok(json(StatusCode::OK, &answer))
}

/// `GET /v1/oauth/token/info`.
pub(crate) async fn oauth_token_info(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let token = context.app.identity.get_presented_token(&actor).await?;
    let now = context.app.platform.now().as_second();
    let answer = TokenInfo {
        resource_owner_id: token.account_id.0,
        scopes: vec![token.restriction.to_string()],
        expires_in_seconds: token.expires_at.map(|at| (at.as_second() - now).max(0)),
        application: ApplicationDocument { uid: token.uuid.to_string() },
        created_at: token.created_at.as_second(),
    };
    Ok(json(StatusCode::OK, &answer))
}
