//! Signing in. Docker Hub API, "Authentication": `users/login`, `users/2fa-login`, `auth/token`.

use std::time::Duration;

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::access::actor::Actor;
use longshore_domain::credential::Secret;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use longshore_identity::sign_in::SignIn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::wire;

/// How long a token of `auth/token` works.
const EXCHANGED_TTL: Duration = Duration::from_secs(600);
/// Clients compare the whole text to know that the second factor is wanted (hub-tool 0.4, `client.go`).
const SECOND_FACTOR_NEEDED: &str = "Require secondary authentication on MFA enabled account";
const INCORRECT: &str = "Incorrect authentication credentials";
/// The claim in which clients look for the user name (hub-mcp).
const HUB_CLAIM: &str = "https://hub.docker.com";

/// `UsersLoginRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LoginRequest {
    /// Name of the account.
    username: String,
    /// Password, access token or refresh token.
    password: String,
}

/// `Users2FALoginRequest`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SecondFactorRequest {
    /// What came with the refusal of the sign-in.
    login_2fa_token: String,
    /// Six digits of the authenticator, or a recovery code.
    #[serde(deserialize_with = "code_text")]
    code: String,
}

/// `PostUsersLoginSuccessResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignedIn {
    /// The session token.
    token: String,
    /// For getting further session tokens, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// `PostUsersLoginErrorResponse`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Refused {
    /// Why.
    detail: String,
    /// The same, for clients that look for it here.
    message: String,
    /// For `users/2fa-login`, when the password was right.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_2fa_token: Option<String>,
}

/// Body of `auth/token`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TokenRequest {
    /// Name of the account.
    identifier: String,
    /// Password or access token.
    secret: String,
}

/// Answer of `auth/token`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenResponse {
    /// The session token.
    access_token: String,
}

/// Reads a code; some clients send the digits as a number.
pub(crate) fn code_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code {
        Text(String),
        Number(u32),
    }
    Code::deserialize(deserializer).map(|code| match code {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    })
}

/// `POST /v2/users/login`.
pub(crate) async fn post_users_login(context: &Context, body: RequestBody) -> Result<Response> {
    let request: LoginRequest = context.document(body).await?;
    let address = Some(context.client.address);
    match context.app.identity.sign_in(&request.username, &request.password, address).await {
        Ok(SignIn::Done(actor)) => signed_in(context, &actor).await,
        Ok(SignIn::SecondFactorNeeded(challenge)) => Ok(refused(SECOND_FACTOR_NEEDED, Some(&challenge))),
        Err(error) => refuse(error),
    }
}

/// `POST /v2/users/2fa-login`.
pub(crate) async fn post_users_2fa_login(context: &Context, body: RequestBody) -> Result<Response> {
    let request: SecondFactorRequest = context.document(body).await?;
    match context.app.identity.complete_sign_in(&request.login_2fa_token, &request.code).await {
        Ok(actor) => signed_in(context, &actor).await,
        Err(error) => refuse(error),
    }
}

/// `POST /v2/auth/token`.
pub(crate) async fn auth_create_access_token(context: &Context, body: RequestBody) -> Result<Response> {
    let request: TokenRequest = context.document(body).await?;
    let address = Some(context.client.address);
    let actor = match context.app.identity.sign_in(&request.identifier, &request.secret, address).await? {
        SignIn::Done(actor) => actor,
        // There is no second step here.
        SignIn::SecondFactorNeeded(_) => {
            return Err(Error::Unauthenticated(Unauthenticated::AccessTokenNeeded));
        }
    };
    let access_token = session(context, &actor, EXCHANGED_TTL)?;
    Ok(wire::json(StatusCode::OK, &TokenResponse { access_token }))
}

/// Makes a session token with the claims that Hub clients read without verifying it.
pub(crate) fn session(context: &Context, actor: &Actor, ttl: Duration) -> Result<String> {
    let account = actor.as_account();
    let by_token = account.is_some_and(|account| account.access_token.is_some());
    let claim = json!({
        "username": account.map(|account| account.name.as_str()),
        "source": if by_token { "docker_pat" } else { "docker_pwd" },
        "roles": [],
    });
    let public: Map<String, Value> = [(HUB_CLAIM.to_owned(), claim)].into_iter().collect();
    context.app.identity.issue_session(actor, ttl, public)
}

async fn signed_in(context: &Context, actor: &Actor) -> Result<Response> {
    let token = session(context, actor, context.app.platform.settings().session_ttl)?;
    let refresh_token = match context.truth("refresh_token")? {
        Some(true) => context.app.identity.issue_session_refresh_token(actor).await?,
        _ => None,
    };
    let refresh_token = refresh_token.map(|secret| secret.expose().to_owned());
    Ok(wire::json(StatusCode::OK, &SignedIn { token, refresh_token }))
}

fn refuse(error: Error) -> Result<Response> {
    match error {
        Error::Unauthenticated(_) => Ok(refused(INCORRECT, None)),
        other => Err(other),
    }
}

fn refused(detail: &str, challenge: Option<&Secret>) -> Response {
    let refused = Refused {
        detail: detail.to_owned(),
        message: detail.to_owned(),
        login_2fa_token: challenge.map(|secret| secret.expose().to_owned()),
    };
    wire::json(StatusCode::UNAUTHORIZED, &refused)
}
