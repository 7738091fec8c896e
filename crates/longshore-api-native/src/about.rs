//! Which registry this is, and who calls.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_domain::access::actor::Proof;
use longshore_domain::page::PAGE_LIMIT;
use longshore_domain::{Error, Result};

use crate::accounts;
use crate::context::Context;
use crate::wire::time;

/// Says how somebody proved who they are; `None` for not at all.
pub(crate) fn proof(proof: Proof) -> Option<types::CallerProof> {
    match proof {
        Proof::Nothing => None,
        Proof::Machine => Some(types::CallerProof::Machine),
        Proof::Password => Some(types::CallerProof::Password),
        Proof::SecondFactor => Some(types::CallerProof::SecondFactor),
        Proof::Token => Some(types::CallerProof::Token),
    }
}

/// `GET /api/v1`.
pub(crate) async fn get_about(context: &Context, _body: RequestBody) -> Result<Response> {
    let settings = context.app.platform.settings();
    let known = [
        (types::Capability::AsOfTags, settings.history.as_of_tags),
        (types::Capability::AnonymousPull, settings.anonymous_pull),
    ];
    let about = types::About {
        name: "longshore".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        document: context.client.origin.link("/api/openapi/native.json"),
        registry: format!("{}{}", context.client.origin.host(), context.client.origin.prefix()),
        capabilities: known
            .into_iter()
            .filter(|(_, is_on)| *is_on)
            .map(|(capability, _)| capability)
            .collect(),
        limits: types::Limits {
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
    if actor.is_operator() {
        let caller = types::Caller {
            name: actor.display_name().to_owned(),
            kind: types::CallerKind::Operator,
            is_administrator: true,
            proof: types::CallerProof::Machine,
            token: None,
        };
        return Ok(json(StatusCode::OK, &caller));
    }
    let account = context.app.access.get_own_account(&actor).await?;
    let token = match actor.access_token_id() {
        Some(_) => Some(context.app.identity.get_presented_token(&actor).await?),
        None => None,
    };
    let caller = types::Caller {
        name: account.name.to_string(),
        kind: accounts::kind(account.kind),
        is_administrator: account.is_administrator,
        proof: proof(actor.proof()).ok_or_else(|| Error::internal("an account that proved nothing"))?,
        token: token.map(|token| types::PresentedToken {
            id: token.uuid.to_string(),
            label: token.label,
            scope: token.restriction.to_string(),
            expires_at: token.expires_at.map(time),
        }),
    };
    Ok(json(StatusCode::OK, &caller))
}
