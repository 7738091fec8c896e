//! Setting a second factor up and removing it. The Hub does this on its web pages only; these operations are Longshore's.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::qr::svg_of;
use longshore_domain::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authentication::{code_text, session};
use crate::context::Context;
use crate::{bare, wire};

/// A request that needs the password again.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PasswordRequest {
    password: String,
}

/// A request with a code.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CodeRequest {
    /// Six digits of the authenticator.
    #[serde(deserialize_with = "code_text")]
    code: String,
}

/// A request that needs both factors again.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct BothRequest {
    password: String,
    /// Six digits of the authenticator, or a recovery code.
    #[serde(deserialize_with = "code_text")]
    code: String,
}

/// Whether there is a second factor.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StatusDocument {
    enabled: bool,
    enabled_at: Option<String>,
    /// How many were not used yet.
    recovery_codes_left: u64,
}

/// What an authenticator needs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EnrolmentDocument {
    /// To be typed in.
    secret: String,
    /// To be opened on the device itself.
    otpauth_url: String,
    /// The same as a QR code, an SVG document.
    qr_code_svg: String,
}

/// The codes, shown once, and a session in the place of the one that has become void.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConfirmationDocument {
    recovery_codes: Vec<String>,
    token: String,
}

/// The codes, shown once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RecoveryDocument {
    recovery_codes: Vec<String>,
}

/// `GET /v2/user/2fa`.
pub(crate) async fn get_second_factor(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let status = context.app.identity.second_factor_status(&actor).await?;
    let document = StatusDocument {
        enabled: status.confirmed_at.is_some(),
        enabled_at: status.confirmed_at.map(wire::time),
        recovery_codes_left: status.recovery_codes,
    };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `POST /v2/user/2fa/enrol`.
pub(crate) async fn enrol_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.check_actor(&actor).await?;
    let request: PasswordRequest = context.document(body).await?;
    let address = Some(context.client.address);
    let begun = context.app.identity.enrol_second_factor(&actor, &request.password, address).await?;
    let document = EnrolmentDocument {
        secret: begun.secret.base32(),
        qr_code_svg: svg_of(&begun.otpauth_url)?,
        otpauth_url: begun.otpauth_url,
    };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `POST /v2/user/2fa/confirm`.
pub(crate) async fn confirm_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.check_actor(&actor).await?;
    let request: CodeRequest = context.document(body).await?;
    let confirmed = context.app.identity.confirm_second_factor(&actor, &request.code).await?;
    let token = session(context, &confirmed.actor, context.app.platform.settings().session_ttl)?;
    let document = ConfirmationDocument { recovery_codes: confirmed.recovery_codes, token };
    Ok(wire::json(StatusCode::OK, &document))
}

/// `POST /v2/user/2fa/recovery-codes`.
pub(crate) async fn renew_recovery_codes(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.check_actor(&actor).await?;
    let request: BothRequest = context.document(body).await?;
    let address = Some(context.client.address);
    let recovery_codes =
        context.app.identity.renew_recovery_codes(&actor, &request.password, &request.code, address).await?;
    Ok(wire::json(StatusCode::OK, &RecoveryDocument { recovery_codes }))
}

/// `POST /v2/user/2fa/disable`.
pub(crate) async fn disable_second_factor(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.access.check_actor(&actor).await?;
    let request: BothRequest = context.document(body).await?;
    let address = Some(context.client.address);
    context.app.identity.disable_second_factor(&actor, &request.password, &request.code, address).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
