//! Credentials for `docker login`, as Docker's configuration file holds them, and their end.

use std::time::Duration;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::docker_config::DockerConfig;
use longshore_api_common::response::json;
use longshore_domain::access::action::RegistryAction;
use longshore_domain::credential::TokenOrigin;
use longshore_domain::error::Unauthenticated;
use longshore_domain::name::Namespace;
use longshore_domain::{Error, Field, Result};
use longshore_lifecycle::registries::RegistryAccess;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::context::Context;

/// Longest that a credential with an expiry works: a hundred years.
pub(crate) const EXPIRY_LIMIT_SECONDS: u64 = 100 * 365 * 86_400;

/// Body of `oauth_revoke` (RFC 7009).
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RevokeRequest {
    /// The access token that shall end.
    #[expect(dead_code, reason = "the body is a form; this describes it")]
    token: String,
}

async fn give(context: &Context, registry: &Namespace) -> Result<Response> {
    let actor = context.actor().await?;
    // It would make one that nobody sees.
    if context.parts.method == http::Method::HEAD {
        return Err(Error::Unsupported("HEAD is not supported here; use GET".into()));
    }
    let scope = match context.truth("read_write")?.unwrap_or_default() {
        true => RegistryAccess::PullAndPush,
        false => RegistryAccess::Pull,
    };
    let seconds = context.number("expiry_seconds", 0, 0, EXPIRY_LIMIT_SECONDS)?;
    let valid = (seconds > 0).then(|| Duration::from_secs(seconds));
    let origin = TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() };
    let secret =
        context.app.lifecycle.create_registry_credential(&actor, registry, scope, valid, origin).await?;
    // The secret says whose it is; clients that end it look for it in either place.
    let host = context.client.origin.host().to_owned();
    Ok(json(StatusCode::OK, &DockerConfig::new(host, secret.expose(), secret.expose())))
}

/// `GET /v2/registry/docker-credentials`.
pub(crate) async fn registry_get_docker_credentials(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let only = context.app.lifecycle.get_only_registry(&actor, RegistryAction::PullCredential).await?;
    give(context, &only.registry.name).await
}

/// `GET /v2/registries/{registry_name}/docker-credentials`.
pub(crate) async fn registries_get_docker_credentials(context: &Context, _: RequestBody) -> Result<Response> {
    give(context, &context.registry()?).await
}

/// `POST /v1/oauth/revoke`: ends the access token in the form, which the request bears as well.
pub(crate) async fn oauth_revoke(context: &Context, body: RequestBody) -> Result<Response> {
    let bytes = context.bytes(body, context.app.platform.settings().body_idle).await?;
    let token = form_urlencoded::parse(&bytes).find(|(name, _)| name == "token").map(|(_, value)| value);
    let token = token.ok_or_else(|| Error::Invalid {
        field: Field::Body,
        reason: "must be a form with the access token as token".into(),
    })?;
    // Clients that have none to end send an empty one, and want to hear that it has ended.
    // Whoever knows it may end it; bearing another one is a mistake.
    match context.bearer()? {
        Some(bearer) if bearer != token && !bearer.is_empty() => {
            return Err(Error::Unauthenticated(Unauthenticated::InvalidToken));
        }
        _ => {}
    }
    context.app.lifecycle.revoke_presented_token(&token).await?;
    Ok(json(StatusCode::OK, &serde_json::json!({})))
}
