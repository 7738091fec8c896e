//! The account that is signed in, and what users say about themselves. The Hub does not document these routes; hub-tool
//! and hub-mcp use them.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::account::{Account, AccountKind, ProfileChange};
use longshore_domain::error::Unauthenticated;
use longshore_domain::invite::{Invite, Invitee};
use longshore_domain::{Error, Result};
use longshore_identity::accounts::AccountChange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

/// What clients take for no limit.
const UNLIMITED: u32 = 9999;

/// What users and organizations say about themselves, and what they are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProfileDocument {
    /// A UUID without dashes.
    id: String,
    uuid: String,
    full_name: String,
    location: String,
    company: String,
    profile_url: String,
    /// Always empty: no third party is asked for a picture.
    gravatar_email: &'static str,
    gravatar_url: &'static str,
    date_joined: String,
    is_active: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// `user` of the current document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserDocument {
    username: String,
    #[serde(flatten)]
    profile: ProfileDocument,
}

impl UserDocument {
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn full_name(&self) -> &str {
        &self.profile.full_name
    }
}

/// What changes; what is absent stays as it is.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ProfileRequest {
    #[schemars(length(max = 200))]
    full_name: Option<String>,
    #[schemars(length(max = 200))]
    company: Option<String>,
    #[schemars(length(max = 200))]
    location: Option<String>,
    /// `http` or `https`.
    #[schemars(length(max = 200))]
    profile_url: Option<String>,
}

pub(crate) fn profile(account: &Account) -> ProfileDocument {
    ProfileDocument {
        id: account.uuid.simple().to_string(),
        uuid: account.uuid.to_string(),
        full_name: match (account.kind, account.profile.full_name.as_str()) {
            // Clients show nothing else of an organization.
            (AccountKind::Organization, "") => account.name.to_string(),
            (_, name) => name.to_owned(),
        },
        location: account.profile.location.clone(),
        company: account.profile.company.clone(),
        profile_url: account.profile.url.clone(),
        gravatar_email: "",
        gravatar_url: "",
        date_joined: wire::time(account.created_at),
        is_active: account.is_active,
        kind: match account.kind {
            AccountKind::User => "User",
            AccountKind::Organization => "Org",
        },
    }
}

pub(crate) fn document(account: &Account) -> UserDocument {
    UserDocument { username: account.name.to_string(), profile: profile(account) }
}

/// Makes of an invite what lists show in the place of a user.
pub(crate) fn invited(invite: &Invite) -> UserDocument {
    UserDocument {
        username: match &invite.invitee {
            Invitee::User(name) => name.to_string(),
            Invitee::Email(_) => String::new(),
        },
        profile: ProfileDocument {
            id: invite.id.simple().to_string(),
            uuid: invite.id.to_string(),
            full_name: String::new(),
            location: String::new(),
            company: String::new(),
            profile_url: String::new(),
            gravatar_email: "",
            gravatar_url: "",
            date_joined: wire::time(invite.created_at),
            is_active: false,
            kind: "User",
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
    let actor = context.signed_in().await?;
    let text = context.parameter("id");
    let id = text.parse().map_err(|_| Error::UserUnknown(text.chars().take(64).collect()))?;
    let account = context.app.organizations.get_account_of(&actor, id).await?;
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
    let actor = context.actor().await?;
    let account = context.app.access.get_own_account(&actor).await?;
    Ok(wire::json(StatusCode::OK, &document(&account)))
}

/// `PATCH /v2/user`. The Hub has this on its web pages only.
pub(crate) async fn patch_user(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let account = actor.as_account().ok_or(Error::Unauthenticated(Unauthenticated::Missing))?;
    let request: ProfileRequest = context.document(body).await?;
    let change = ProfileChange {
        full_name: request.full_name,
        company: request.company,
        location: request.location,
        url: request.profile_url,
        email: None,
    };
    let change = AccountChange { profile: change, ..AccountChange::default() };
    let identity = &context.app.identity;
    let changed = identity.change_account(&actor, None, &account.name, change).await?;
    Ok(wire::json(StatusCode::OK, &document(&changed)))
}
