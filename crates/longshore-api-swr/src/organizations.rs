//! Organizations: the namespaces of an account.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::{Error, Result};
use longshore_organizations::namespaces::{ListedNamespaces, OwnNamespace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::fields;
use crate::wire;

/// Keys of the filter.
const FILTER: &[&str] = &["namespace", "mode"];

/// Schema `ShowNamespace`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowNamespace")]
pub(crate) struct NamespaceDocument {
    id: i64,
    name: String,
    /// Who has owned it longest.
    creator_name: String,
    /// 7 manage, 3 write, 1 read.
    auth: u8,
}

/// Response of `listNamespaces`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Namespaces {
    namespaces: Vec<NamespaceDocument>,
}

/// Body of `createNamespace`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// Name: lower-case letters and digits with single separators between them.
    namespace: String,
}

fn document(namespace: &OwnNamespace) -> NamespaceDocument {
    NamespaceDocument {
        id: namespace.account.id.0,
        name: namespace.account.name.to_string(),
        creator_name: namespace.creator.clone(),
        auth: wire::level(namespace.level),
    }
}

/// `GET /v2/manage/namespaces`.
pub(crate) async fn list_namespaces(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let listed = context.listed(FILTER)?;
    let which = match listed.get("mode").as_deref() {
        None => ListedNamespaces::Permitted,
        Some("visible") => ListedNamespaces::Visible,
        Some(_) => {
            return Err(Error::Invalid { field: fields::FILTER, reason: "mode can only be visible".into() });
        }
    };
    let part = listed.get("namespace").unwrap_or_default();
    let found = context.app.organizations.list_own_namespaces(&actor, &part, which).await?;
    Ok(json(StatusCode::OK, &Namespaces { namespaces: found.iter().map(document).collect() }))
}

/// `POST /v2/manage/namespaces`.
pub(crate) async fn create_namespace(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let request: CreateRequest = context.json(body).await?;
    context.app.organizations.create_namespace(&actor, &request.namespace.parse()?).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `GET /v2/manage/namespaces/{namespace}`.
pub(crate) async fn show_namespace(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let namespace = context.app.organizations.get_own_namespace(&actor, &context.namespace()?).await?;
    Ok(json(StatusCode::OK, &document(&namespace)))
}

/// `DELETE /v2/manage/namespaces/{namespace}`.
pub(crate) async fn delete_namespace(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    context.app.organizations.delete_namespace(&actor, &context.namespace()?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
