//! The OpenAPI document of this dialect.

use longshore_api_common::openapi::{Describe, Document};
use serde_json::{Map, Value, json};

use crate::bulk::OPERATIONS_LIMIT;
use crate::error::status_of;
use crate::routes::Route;
use crate::schema::{ALL, Attribute, Kind, Mutability, Schema};
use crate::search::COUNT_LIMIT;
use crate::wire::MEDIA_TYPE;

/// What operations of this dialect take and give.
pub(crate) trait DescribeScim {
    /// Adds the parameters of lists.
    fn search(&mut self) -> &mut Self;
    /// Adds the parameters that choose what is answered of a resource.
    fn projection(&mut self) -> &mut Self;
    /// Says what the body is.
    fn body(&mut self, schema: &str) -> &mut Self;
    /// Says what a status comes with.
    fn document(&mut self, status: u16, text: &str, schema: &str) -> &mut Self;
    /// Says that a status comes with an error.
    fn error(&mut self, status: u16, text: &str) -> &mut Self;
}

impl DescribeScim for Describe<'_> {
    fn search(&mut self) -> &mut Self {
        let count = json!({ "type": "integer", "default": 100 });
        self.query("startIndex", "integer", "Number of the first resource, from 1; less is 1.")
            .parameter(
                "count",
                &format!("Resources of the page; more than {COUNT_LIMIT} are {COUNT_LIMIT}."),
                count,
            )
            .query("filter", "string", "Only those that meet it (RFC 7644, section 3.4.2.2).")
            .query("sortBy", "string", "An attribute to sort by.")
            .choice("sortOrder", &["ascending", "descending"], "The order of it.")
            .projection()
    }

    fn projection(&mut self) -> &mut Self {
        self.query("attributes", "string", "Only these attributes, with commas between them.").query(
            "excludedAttributes",
            "string",
            "All but these attributes, with commas between them.",
        )
    }

    fn body(&mut self, schema: &str) -> &mut Self {
        self.takes_named(MEDIA_TYPE, schema)
    }

    fn document(&mut self, status: u16, text: &str, schema: &str) -> &mut Self {
        self.gives_named(status, text, MEDIA_TYPE, schema)
    }

    fn error(&mut self, status: u16, text: &str) -> &mut Self {
        self.gives_named(status, text, MEDIA_TYPE, "Error")
    }
}

fn attribute_schema(attribute: &Attribute) -> Value {
    let one = match attribute.kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::DateTime => json!({ "type": "string", "format": "date-time" }),
        Kind::String | Kind::Reference => json!({ "type": "string" }),
        Kind::Complex => {
            let parts: Map<String, Value> =
                attribute.parts.iter().map(|part| (part.name.to_owned(), attribute_schema(part))).collect();
            json!({ "type": "object", "properties": parts })
        }
    };
    let mut schema = if attribute.is_multi { json!({ "type": "array", "items": one }) } else { one };
    schema["description"] = attribute.description.into();
    match attribute.mutability {
        Mutability::ReadOnly => schema["readOnly"] = true.into(),
        Mutability::WriteOnly => schema["writeOnly"] = true.into(),
        Mutability::ReadWrite | Mutability::Immutable => {}
    }
    schema
}

fn resource_schema(schema: &Schema) -> Value {
    let mut properties: Map<String, Value> = schema
        .attributes
        .iter()
        .map(|attribute| (attribute.name.to_owned(), attribute_schema(attribute)))
        .collect();
    let text = json!({ "type": "string" });
    properties.insert("schemas".into(), json!({ "type": "array", "items": text }));
    properties.insert("id".into(), json!({ "type": "string", "readOnly": true }));
    properties.insert("externalId".into(), text);
    properties.insert("meta".into(), json!({ "type": "object", "readOnly": true }));
    if schema.name == "User" {
        let description = "Stands for active where that is absent, in PUT and POST.";
        properties.insert(
            "enabled".into(),
            json!({ "type": "boolean", "writeOnly": true, "description": description }),
        );
    }
    let first = schema.attributes.iter().find(|attribute| attribute.is_required);
    json!({
        "type": "object",
        "required": ["schemas", first.map(|attribute| attribute.name).unwrap_or_default()],
        "properties": properties,
        "description": schema.description,
    })
}

/// Makes the document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut document = Document::default();
    for route in routes {
        document.add(route.described(json!([{ "bearerSCIMAuth": [] }])), |describe| {
            (route.describe)(describe);
            for (status, text) in [
                (400, "The request is malformed, or a value is not possible; scimType tells the kind."),
                (401, "No SCIM token, or none that is good now."),
                (403, "The organization may not change this."),
                (404, "There is no such resource in the organization."),
                (409, "Another resource has this name, or the state of things does not allow this."),
                (412, "The resource is not of the version that If-Match names."),
                (413, "The body is too large."),
                (429, "Too many requests; see Retry-After."),
            ] {
                describe.error(status, text);
            }
            describe.may_fail(MEDIA_TYPE, "Error", status_of);
        });
    }
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let texts = json!({ "type": "array", "items": text });
    let object = json!({ "type": "object" });
    let objects = json!({ "type": "array", "items": object });
    let mut schemas: Map<String, Value> =
        ALL.iter().map(|schema| (schema.name.to_owned(), resource_schema(schema))).collect();
    let further = [
        (
            "Error",
            json!({
                "type": "object", "required": ["schemas", "status", "detail"],
                "properties": { "schemas": texts, "status": text, "scimType": text, "detail": text },
            }),
        ),
        (
            "ListResponse",
            json!({
                "type": "object", "required": ["schemas", "totalResults", "Resources"],
                "properties": {
                    "schemas": texts, "totalResults": number, "startIndex": number, "itemsPerPage": number,
                    "Resources": objects, "resources": objects,
                },
            }),
        ),
        (
            "SearchRequest",
            json!({
                "type": "object",
                "properties": {
                    "schemas": texts, "attributes": texts, "excludedAttributes": texts, "filter": text,
                    "sortBy": text, "sortOrder": text, "startIndex": number, "count": number,
                },
            }),
        ),
        (
            "PatchOp",
            json!({
                "type": "object", "required": ["Operations"],
                "properties": {
                    "schemas": texts,
                    "Operations": {
                        "type": "array", "minItems": 1,
                        "items": {
                            "type": "object", "required": ["op"],
                            "properties": { "op": text, "path": text, "value": {} },
                        },
                    },
                },
            }),
        ),
        (
            "BulkRequest",
            json!({
                "type": "object", "required": ["schemas", "Operations"],
                "properties": {
                    "schemas": texts,
                    "failOnErrors": { "type": "integer", "minimum": 1 },
                    "Operations": {
                        "type": "array", "maxItems": OPERATIONS_LIMIT,
                        "items": {
                            "type": "object", "required": ["method", "path"],
                            "properties": {
                                "method": text, "bulkId": text, "version": text, "path": text, "data": object,
                            },
                        },
                    },
                },
            }),
        ),
        (
            "BulkResponse",
            json!({
                "type": "object", "required": ["schemas", "Operations"],
                "properties": { "schemas": texts, "Operations": objects },
            }),
        ),
        ("ServiceProviderConfig", object.clone()),
        ("ResourceType", object.clone()),
        ("Schema", object),
    ];
    schemas.extend(further.map(|(name, schema)| (name.to_owned(), schema)));
    let info = json!({
        "title": "Longshore: SCIM 2.0",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "How identity providers provision the users and teams of an organization (RFC 7643, RFC 7644).",
    });
    let schemes = json!({ "bearerSCIMAuth": { "type": "http", "scheme": "bearer" } });
    document.finish(info, schemas, schemes)
}
