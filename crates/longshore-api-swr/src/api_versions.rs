//! Versions of the API, and of the identity service.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::Result;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json as value};

use crate::context::Context;

/// The document that this dialect follows.
const VERSION: &str = "2.26";
/// When that was published.
const UPDATED: &str = "2025-10-29T00:00:00Z";

/// Schema `VersionDetail`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionDetail")]
struct VersionDetail {
    id: &'static str,
    links: Link,
    version: &'static str,
    min_version: &'static str,
    status: &'static str,
    updated: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Link {
    href: String,
    rel: &'static str,
}

/// Response of `listVersions`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Versions {
    versions: Vec<VersionDetail>,
}

/// Response of `showVersion`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneVersion {
    version: VersionDetail,
}

fn detail(context: &Context) -> VersionDetail {
    VersionDetail {
        id: "v2",
        links: Link { href: context.client.origin.absolute("/v2"), rel: "self" },
        version: VERSION,
        min_version: "2.0",
        status: "CURRENT",
        updated: UPDATED,
    }
}

/// `GET /`.
pub(crate) async fn list_versions(context: &Context, _: RequestBody) -> Result<Response> {
    Ok(json(StatusCode::OK, &Versions { versions: vec![detail(context)] }))
}

/// `GET /v2`.
pub(crate) async fn show_version(context: &Context, _: RequestBody) -> Result<Response> {
    Ok(json(StatusCode::OK, &OneVersion { version: detail(context) }))
}

/// `GET /v3`: Keystone's document of its one version.
pub(crate) async fn show_identity_version(context: &Context, _: RequestBody) -> Result<Response> {
    let document: Value = value!({ "version": {
        "id": "v3.6",
        "status": "stable",
        "updated": UPDATED,
        "links": [{ "rel": "self", "href": context.client.origin.absolute("/v3/") }],
        "media-types": [{ "base": "application/json", "type": "application/vnd.openstack.identity-v3+json" }],
    } });
    Ok(json(StatusCode::OK, &document))
}
