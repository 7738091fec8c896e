//! Requests that are sent again and done once (`Idempotency-Key`).
//!
//! A client that does not know whether its `POST` arrived sends the same again with the same key, and gets the answer of the first
//! one. A key belongs to the credential. What was done is kept for a day; what was refused has changed nothing, and is decided anew.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use longshore_api_common::Response;
use longshore_api_common::body::{self, RequestBody};
use longshore_domain::deletion::DeletionId;
use longshore_domain::idempotency::{Attempt, AttemptState, KeptAnswer};
use longshore_domain::{Error, Field, Result};
use longshore_platform::idempotency::HeldAttempt;
use longshore_platform::origins::{in_same_request, note_deletion, noted_deletions};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::context::Context;
use crate::error;
use crate::wire::HoldsSecret;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of a request before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key.
pub(crate) const KEY_LIMIT_BYTES: usize = 255;
/// Largest answer that is kept.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;
/// Headers that belong to the answer; the others are made for each.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// What is kept beside status and body.
#[derive(Serialize, Deserialize)]
struct KeptHeaders {
    headers: Vec<(String, String)>,
    /// What the request has deleted, which its answer names.
    deletions: Vec<String>,
    /// Whether the body is sealed, as it holds a secret.
    #[serde(default)]
    is_sealed: bool,
}

/// What a body that holds a secret is sealed for.
const SEALED_FOR: &str = "the answer of a request with an idempotency key";

/// Returns the key of a request, if it has one that counts.
fn key(context: &Context) -> Result<Option<&HeaderValue>> {
    if context.route.method != Method::POST {
        return Ok(None);
    }
    let mut keys = context.parts.headers.get_all(KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None)
            if (1..=KEY_LIMIT_BYTES).contains(&key.len())
                && key.as_bytes().iter().all(u8::is_ascii_graphic) =>
        {
            Ok(Some(key))
        }
        _ => Err(Error::Invalid {
            field: Field::Parameter("Idempotency-Key"),
            reason: format!(
                "must be one text of 1 to {KEY_LIMIT_BYTES} visible ASCII characters, a new one for each request that is to be done"
            ),
        }),
    }
}

/// Handles a request; with a key only if that was not done before.
pub(crate) async fn handle(context: &Arc<Context>, body: RequestBody) -> Result<Response> {
    let Some(key) = key(context)? else { return (context.route.handler)(context, body).await };
    let body = context.bytes(body, context.app.platform.settings().body_idle).await?;
    let header = |name| context.parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let parts = [
        context.parts.method.as_str().as_bytes(),
        context.parts.uri.path().as_bytes(),
        context.parts.uri.query().unwrap_or_default().as_bytes(),
        header(header::IF_MATCH),
        header(header::IF_NONE_MATCH),
        &body,
    ];
    let attempt = Attempt::new(header(header::AUTHORIZATION), key.as_bytes(), &parts);
    let held = context.app.platform.hold_attempt(attempt);
    let context = Arc::clone(context);
    let work = async move {
        let platform = &context.app.platform;
        let answer = match platform.begin_attempt(&held).await {
            Ok(AttemptState::First) => platform.keep_alive(&held, first(&context, &held, body.into())).await,
            Ok(AttemptState::Answered(answer)) => return again(&context, answer),
            Ok(AttemptState::Running) => return Ok(error::request_in_progress(&context.client)),
            Ok(AttemptState::OtherRequest) => return Ok(error::idempotency_key_reused(&context.client)),
            // It may have begun all the same.
            Err(error) => Err(error),
        };
        // Nothing when its answer is kept.
        if let Err(error) = platform.forget_attempt(&held).await {
            tracing::warn!(error = %error, "a refused request keeps its idempotency key for a minute");
        }
        answer
    };
    // To its end, also when the client goes meanwhile: it comes back and asks what became of it.
    tokio::spawn(in_same_request(work).in_current_span()).await.map_err(Error::internal)?
}

/// Handles a request, and keeps the answer if it was done.
async fn first(context: &Context, held: &HeldAttempt, body: RequestBody) -> Result<Response> {
    let response = (context.route.handler)(context, body).await?;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, content) = response.into_parts();
    let content = body::bytes_of(content).await?;
    let sealing_key = context.app.platform.settings().sealing_key.as_ref();
    let kept = match (parts.extensions.get::<HoldsSecret>(), sealing_key) {
        (None, _) => Some(content.to_vec()),
        (Some(HoldsSecret), Some(key)) => {
            Some(key.seal(SEALED_FOR, std::str::from_utf8(&content).map_err(Error::internal)?)?)
        }
        // Not written down as it is: sent again, the request is done again.
        (Some(HoldsSecret), None) => None,
    };
    if let Some(kept) = kept.filter(|_| content.len() <= ANSWER_LIMIT_BYTES) {
        let of = |name: &HeaderName| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        };
        let headers = KeptHeaders {
            headers: KEPT_HEADERS.iter().filter_map(of).collect(),
            deletions: noted_deletions().iter().map(ToString::to_string).collect(),
            is_sealed: parts.extensions.get::<HoldsSecret>().is_some(),
        };
        let headers = serde_json::to_string(&headers).map_err(Error::internal)?;
        let answer = KeptAnswer { status: parts.status.as_u16(), headers, body: kept };
        if let Err(error) = context.app.platform.answer_attempt(held, answer).await {
            tracing::warn!(error = %error, "the answer to a request with an idempotency key could not be kept");
        }
    }
    Ok(Response::from_parts(parts, body::full(content)))
}

/// Gives an answer again.
fn again(context: &Context, answer: KeptAnswer) -> Result<Response> {
    let kept: KeptHeaders = serde_json::from_str(&answer.headers).map_err(Error::internal)?;
    for id in &kept.deletions {
        note_deletion(id.parse::<DeletionId>()?);
    }
    let body = match (kept.is_sealed, context.app.platform.settings().sealing_key.as_ref()) {
        (false, _) => answer.body,
        (true, key) => match key.and_then(|key| key.open(SEALED_FOR, &answer.body)) {
            Some(text) => text.into_bytes(),
            None => return Ok(error::secret_was_told(&context.client)),
        },
    };
    let mut response = Response::new(body::full(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(Error::internal)?;
    for (name, value) in &kept.headers {
        let name: HeaderName = name.parse().map_err(Error::internal)?;
        response.headers_mut().insert(name, value.parse().map_err(Error::internal)?);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
