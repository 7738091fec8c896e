//! Which registry this is, and who calls.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::access::actor::Proof;
use longshore_domain::account::AccountKind;
use longshore_domain::page::PAGE_LIMIT;
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire::time;

/// The registry.
#[derive(Serialize, JsonSchema)]
pub(crate) struct About {
    /// Always `longshore`.
    name: &'static str,
    /// Which version answers.
    version: &'static str,
    /// Where this API is described.
    document: String,
    /// What images are named with, before the first slash.
    registry: String,
    /// What the registry can do, where not every one can.
    capabilities: Vec<Capability>,
    /// What it takes at most.
    limits: Limits,
}

/// What not every registry can do.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Capability {
    /// `TAG.asof.YYYYMMDDTHHMMSSZ` is what the tag pointed at then, for every client.
    AsOfTags,
    /// Public repositories are pulled without signing in.
    AnonymousPull,
}

/// What the registry takes at most.
#[derive(Serialize, JsonSchema)]
struct Limits {
    /// Entries of a page.
    page_items: u32,
    /// Bytes of a manifest.
    manifest_bytes: u64,
    /// Bytes of a blob.
    blob_bytes: u64,
}

/// Who calls.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Caller {
    /// Name of the account.
    name: String,
    /// What it is.
    kind: CallerKind,
    /// Whether it administers the registry.
    is_administrator: bool,
    /// How it proved who it is.
    proof: CallerProof,
    /// The access token, if it came with one.
    token: Option<PresentedToken>,
}

/// What an account is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallerKind {
    /// A person.
    User,
    /// An organization, by one of its access tokens.
    Organization,
}

/// How somebody proved who it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallerProof {
    /// With a password.
    Password,
    /// With a password and a code of a second factor.
    SecondFactor,
    /// With an access token, or what was made of one.
    Token,
}

/// The access token of a request.
#[derive(Serialize, JsonSchema)]
struct PresentedToken {
    /// Its id.
    id: String,
    /// What its owner calls it.
    label: String,
    /// What it may do at most.
    scope: String,
    /// Until when it works; null for no end.
    expires_at: Option<String>,
}

/// `GET /api/v1`.
pub(crate) async fn get_about(context: &Context, _body: RequestBody) -> Result<Response> {
    let settings = context.app.platform.settings();
    let known = [
        (Capability::AsOfTags, settings.history.as_of_tags),
        (Capability::AnonymousPull, settings.anonymous_pull),
    ];
    let about = About {
        name: "longshore",
        version: env!("CARGO_PKG_VERSION"),
        document: context.client.origin.link("/api/openapi/native.json"),
        registry: format!("{}{}", context.client.origin.host(), context.client.origin.prefix()),
        capabilities: known
            .into_iter()
            .filter(|(_, is_on)| *is_on)
            .map(|(capability, _)| capability)
            .collect(),
        limits: Limits {
            page_items: PAGE_LIMIT,
            manifest_bytes: settings.manifest_limit_bytes,
            blob_bytes: settings.blob_limit_bytes,
        },
    };
    Ok(json(StatusCode::OK, &about))
}

/// `GET /api/v1/whoami`.
pub(crate) async fn get_whoami(context: &Context, _body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let account = context.app.access.get_own_account(&actor).await?;
    let token = match actor.access_token_id() {
        Some(_) => Some(context.app.identity.get_presented_token(&actor).await?),
        None => None,
    };
    let caller = Caller {
        name: account.name.to_string(),
        kind: match account.kind {
            AccountKind::User => CallerKind::User,
            AccountKind::Organization => CallerKind::Organization,
        },
        is_administrator: account.is_administrator,
        proof: match actor.proof() {
            Proof::Password => CallerProof::Password,
            Proof::SecondFactor => CallerProof::SecondFactor,
            Proof::Token => CallerProof::Token,
            Proof::Nothing | Proof::Machine => return Err(Error::internal("an account that proved nothing")),
        },
        token: token.map(|token| PresentedToken {
            id: token.uuid.to_string(),
            label: token.label,
            scope: token.restriction.to_string(),
            expires_at: token.expires_at.map(time),
        }),
    };
    Ok(json(StatusCode::OK, &caller))
}
