//! What the registry does of SCIM.
//!
//! RFC 7643, sections 5 to 7; RFC 7644, section 4.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use serde_json::{Value, json};

use crate::bulk::{OPERATIONS_LIMIT, PAYLOAD_LIMIT_BYTES};
use crate::context::Context;
use crate::error::Refusal;
use crate::schema::{ALL, Schema};
use crate::search::COUNT_LIMIT;
use crate::wire;

fn resource_type(context: &Context, schema: &Schema) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": schema.name,
        "name": schema.name,
        "description": schema.description,
        "endpoint": schema.endpoint,
        "schema": schema.id,
        "meta": {
            "resourceType": "ResourceType",
            "location": context.location(&format!("/ResourceTypes/{}", schema.name)),
        },
    })
}

fn schema_document(context: &Context, schema: &Schema) -> Value {
    schema.document(&context.location(&format!("/Schemas/{}", schema.id)))
}

/// Answers a list that is always whole. It is never filtered (RFC 7644, section 4).
fn list(context: &Context, resources: Vec<Value>) -> Result<Response, Refusal> {
    if context.query("filter").is_some() {
        let detail = "this list cannot be filtered; ask for it without a filter".into();
        return Err(Refusal::Scim { status: StatusCode::FORBIDDEN, kind: None, detail });
    }
    let document = json!({
        "schemas": [wire::LIST],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "resources": resources.clone(),
        "Resources": resources,
    });
    Ok(wire::json(StatusCode::OK, &document))
}

fn one(document: Option<Value>, what: &str, id: &str) -> Result<Response, Refusal> {
    let document = document.ok_or_else(|| Refusal::not_found(what, id))?;
    Ok(wire::json(StatusCode::OK, &document))
}

/// `GET /ServiceProviderConfig`.
pub(crate) async fn service_provider_config(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": {
            "supported": true, "maxOperations": OPERATIONS_LIMIT, "maxPayloadSize": PAYLOAD_LIMIT_BYTES,
        },
        "filter": { "supported": true, "maxResults": COUNT_LIMIT },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "name": "OAuth 2.0 Bearer Token",
            "description": "A SCIM token of the organization, sent as a bearer token. An owner of the organization makes it.",
            "specUri": "http://tools.ietf.org/html/rfc6750",
            "type": "oauthbearertoken",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": context.location("/ServiceProviderConfig"),
        },
    });
    Ok(wire::json(StatusCode::OK, &document))
}

/// `GET /ResourceTypes`.
pub(crate) async fn resource_types(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    list(context, ALL.iter().map(|schema| resource_type(context, schema)).collect())
}

/// `GET /ResourceTypes/{name}`.
pub(crate) async fn one_resource_type(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let name = context.parameter("name");
    let found = ALL.iter().find(|schema| schema.name == name);
    one(found.map(|schema| resource_type(context, schema)), "resource type", name)
}

/// `GET /Schemas`.
pub(crate) async fn schemas(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    list(context, ALL.iter().map(|schema| schema_document(context, schema)).collect())
}

/// `GET /Schemas/{id}`.
pub(crate) async fn one_schema(context: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let id = context.parameter("id");
    let found = ALL.iter().find(|schema| schema.id.eq_ignore_ascii_case(id));
    one(found.map(|schema| schema_document(context, schema)), "schema", id)
}

/// `/Me`: a token stands for an identity provider, which is no user (RFC 7644, section 3.11).
pub(crate) async fn me(_: &Context, _: RequestBody) -> Result<Response, Refusal> {
    let detail = "a SCIM token stands for no user, so there is no /Me; use /Users".into();
    Err(Refusal::Scim { status: StatusCode::NOT_IMPLEMENTED, kind: None, detail })
}
