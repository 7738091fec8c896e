//! What the Hub has given up: its first API, which answers 410 with a way on.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// Where to go instead.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GoneDocument {
    detail: &'static str,
    message: &'static str,
}

/// `GET /v1/repositories/…`.
pub(crate) async fn gone(_: &Context, _: RequestBody) -> Result<Response> {
    let text = "this API is gone; use /v2/namespaces/{namespace}/repositories/{repository}/tags";
    Ok(wire::json(StatusCode::GONE, &GoneDocument { detail: text, message: text }))
}
