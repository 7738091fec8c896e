//! The OpenAPI document of this dialect, made from the table of operations and the types that they take and give.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::context::PAGE_LIMIT;
use crate::error::ErrorShape;
use crate::routes::{Needs, Route};

/// Describes one operation.
pub(crate) struct Describe<'g> {
    schemas: &'g mut SchemaGenerator,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

impl Describe<'_> {
    fn parameter(&mut self, name: &str, text: &str, schema: Value) -> &mut Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": text, "schema": schema,
        }));
        self
    }

    /// Adds a parameter of the query. `kind` is a JSON Schema type.
    pub(crate) fn query(&mut self, name: &str, kind: &str, text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": kind }))
    }

    /// Adds a parameter of the query that is one of some words.
    pub(crate) fn choice(&mut self, name: &str, words: &[&str], text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": "string", "enum": words }))
    }

    /// Adds a parameter of the query that is a time.
    pub(crate) fn time(&mut self, name: &str, text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": "string", "format": "date-time" }))
    }

    /// Adds the parameters of lists.
    pub(crate) fn page(&mut self) -> &mut Self {
        let number = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": 1 });
        let size = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
        self.parameter("page", "Number of the page, from 1.", number).parameter(
            "page_size",
            "Entries of a page; more than 100 are 100.",
            size,
        )
    }

    /// Says what the body is.
    pub(crate) fn takes<T: JsonSchema>(&mut self) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        self.body =
            Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } }));
        self
    }

    /// Says what a status comes with.
    pub(crate) fn gives<T: JsonSchema>(&mut self, status: u16, text: &str) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        let response =
            json!({ "description": text, "content": { "application/json": { "schema": schema } } });
        self.responses.insert(status.to_string(), response);
        self
    }

    /// Says that a status comes without a body.
    pub(crate) fn gives_nothing(&mut self, status: u16, text: &str) -> &mut Self {
        self.responses.insert(status.to_string(), json!({ "description": text }));
        self
    }

    /// Says with which schema of errors a status comes.
    pub(crate) fn refuses(&mut self, status: u16, text: &str, schema: &str) -> &mut Self {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let response =
            json!({ "description": text, "content": { "application/json": { "schema": schema } } });
        self.responses.entry(status.to_string()).or_insert(response);
        self
    }
}

fn error_schemas() -> Map<String, Value> {
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    let text = json!({ "type": "string" });
    let anything = json!({ "type": "object" });
    let lists = json!({ "type": "object", "additionalProperties": { "type": "array", "items": { "type": "string" } } });
    let mut schemas = Map::new();
    schemas.insert("Error".into(), object(json!({ "detail": text, "message": text, "errinfo": anything })));
    schemas.insert(
        "ValueError".into(),
        object(json!({ "fields": lists, "text": text, "detail": text, "message": text })),
    );
    schemas.insert(
        "ErrorResponse".into(),
        object(json!({ "txnid": text, "message": text, "errinfo": anything })),
    );
    schemas.insert(
        "rpcStatus".into(),
        object(json!({ "code": { "type": "integer" }, "message": text, "details": { "type": "array", "items": {} } })),
    );
    schemas
}

/// Makes the document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut schemas = SchemaSettings::openapi3().into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let mut describe =
            Describe { schemas: &mut schemas, parameters: Vec::new(), body: None, responses: Map::new() };
        for part in route.path.split('/') {
            if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                describe.parameters.push(json!({
                    "name": name, "in": "path", "required": true, "schema": { "type": "string" },
                }));
            }
        }
        (route.describe)(&mut describe);
        let (bad, other) = match route.errors {
            ErrorShape::Plain | ErrorShape::Rich => ("ValueError", "Error"),
            ErrorShape::Images => ("ErrorResponse", "ErrorResponse"),
            ErrorShape::Rpc => ("rpcStatus", "rpcStatus"),
        };
        describe.refuses(400, "The request is not as documented.", bad);
        describe.refuses(401, "Not signed in, or the credential is wrong or void.", other);
        if route.group != "authentication" {
            describe.refuses(403, "You may not do this.", other);
            describe.refuses(404, "There is no such thing, or you may not see it.", other);
            describe.refuses(409, "The state of things does not allow this.", other);
        }
        describe.refuses(413, "The body is too large.", other);
        describe.refuses(429, "Too many requests; see Retry-After.", "Error");
        let mut operation = json!({
            "operationId": route.operation,
            "tags": [route.group],
            "summary": route.summary,
            "parameters": describe.parameters,
            "responses": describe.responses,
        });
        if let Some(body) = describe.body {
            operation["requestBody"] = body;
        }
        operation["security"] = match route.needs {
            Needs::Nothing => json!([]),
            Needs::Nobody => json!([{}, { "bearerAuth": [] }]),
            Needs::Account | Needs::Password => json!([{ "bearerAuth": [] }]),
        };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let mut components = schemas.take_definitions(true);
    components.extend(error_schemas());
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Longshore: the Docker Hub API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What this registry implements of the Docker Hub API.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": { "bearerAuth": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
    })
}
