//! The account that is signed in. The Hub does not document these routes; hub-tool and hub-mcp use them.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::account::{Account, AccountKind};
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// What clients take for no limit.
const UNLIMITED: u32 = 9999;

/// `user` of the current document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserDocument {
    /// A UUID without dashes.
    id: String,
    uuid: String,
    username: String,
    full_name: String,
    location: String,
    company: String,
    profile_url: String,
    gravatar_email: String,
    gravatar_url: String,
    date_joined: String,
    is_active: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(crate) fn document(account: &Account) -> UserDocument {
    UserDocument {
        id: account.uuid.simple().to_string(),
        uuid: account.uuid.to_string(),
        username: account.name.to_string(),
        full_name: String::new(),
        location: String::new(),
        company: String::new(),
        profile_url: String::new(),
        gravatar_email: String::new(),
        gravatar_url: String::new(),
        date_joined: wire::time(account.created_at),
        is_active: account.is_active,
        kind: match account.kind {
            AccountKind::User => "User",
            AccountKind::Organization => "Org",
        },
    }
}

/// What an account has subscribed to, as hub-tool shows it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlanDocument {
    name: &'static str,
    legacy: bool,
    seats: u32,
    private_repos: u32,
    teams: u32,
    collaborators: u32,
    parallel_builds: u32,
    duration: &'static str,
}

/// `GET /api/billing/v4/accounts/{id}/hub-plan`.
pub(crate) async fn get_hub_plan(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.signed_in().await?;
    let text = context.parameter("id");
    let id = text.parse().map_err(|_| Error::UserUnknown(text.chars().take(64).collect()))?;
    let account = context.services.get_account_of(&caller.principal, id).await?;
    let document = PlanDocument {
        name: account.plan.as_str(),
        legacy: false,
        seats: UNLIMITED,
        private_repos: UNLIMITED,
        teams: UNLIMITED,
        collaborators: UNLIMITED,
        parallel_builds: 0,
        duration: "month",
    };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `GET /v2/user/`.
pub(crate) async fn get_user(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let account = context.services.get_own_account(&caller.principal).await?;
    Ok(wire::json(StatusCode::OK, &document(&account)))
}
