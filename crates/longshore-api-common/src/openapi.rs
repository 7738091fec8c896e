//! OpenAPI documents, made from tables of operations and the types that they take and give.

use http::StatusCode;
use longshore_domain::Error;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::response::retry_after;

/// What may keep any operation from being done, whatever it is and whoever asks.
fn failures() -> [(Error, &'static str); 4] {
    [
        (Error::Overloaded("".into()), "The registry has too much to do now"),
        (Error::Unavailable("".into()), "a store of the registry does not answer"),
        (Error::StorageFull("".into()), "the registry has no room left for what this writes"),
        (Error::Internal("".into()), "a fault of the registry, which its log tells more of"),
    ]
}

/// What identifies an operation in a document.
pub struct Operation<'o> {
    /// Method, in lower case.
    pub method: String,
    /// Path, with its parameters in braces.
    pub path: &'o str,
    /// Name.
    pub id: &'o str,
    /// Group, as the API's reference has it.
    pub group: &'o str,
    /// What it does.
    pub summary: &'o str,
    /// What an actor needs: OpenAPI security requirements.
    pub security: Value,
}

/// A document that is being made.
pub struct Document {
    version: &'static str,
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
}

/// As the documents of vendors' APIs are written.
impl Default for Document {
    fn default() -> Self {
        Self { version: "3.0.3", schemas: SchemaSettings::openapi3().into_generator(), paths: Map::new() }
    }
}

impl Document {
    /// Begins a document of OpenAPI 3.1, whose schemas are JSON Schema.
    pub fn new_3_1() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        Self { version: "3.1.1", schemas: settings.into_generator(), paths: Map::new() }
    }

    /// Adds an operation.
    pub fn add(&mut self, operation: Operation<'_>, describe: impl FnOnce(&mut Describe<'_>)) {
        let mut described = Describe {
            schemas: &mut self.schemas,
            parameters: Vec::new(),
            body: None,
            responses: Map::new(),
        };
        for part in operation.path.split('/') {
            if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                described.parameters.push(json!({
                    "name": name, "in": "path", "required": true, "schema": { "type": "string" },
                }));
            }
        }
        describe(&mut described);
        let mut document = json!({
            "operationId": operation.id,
            "tags": [operation.group],
            "summary": operation.summary,
            "parameters": described.parameters,
            "responses": described.responses,
            "security": operation.security,
        });
        if let Some(body) = described.body {
            document["requestBody"] = body;
        }
        let path = self.paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = document;
    }

    /// Returns the document, with schemas that no type has and the ways to sign in.
    pub fn finish(
        mut self,
        info: Value,
        further_schemas: Map<String, Value>,
        security_schemes: Value,
    ) -> Value {
        let mut components = self.schemas.take_definitions(true);
        components.extend(further_schemas);
        json!({
            "openapi": self.version,
            "info": info,
            "paths": self.paths,
            "components": { "schemas": components, "securitySchemes": security_schemes },
        })
    }
}

/// Describes one operation.
pub struct Describe<'g> {
    schemas: &'g mut SchemaGenerator,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

impl Describe<'_> {
    /// Adds a parameter of the query with its JSON Schema.
    pub fn parameter(&mut self, name: &str, text: &str, schema: Value) -> &mut Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": text, "schema": schema,
        }));
        self
    }

    /// Adds a header of the request with its JSON Schema.
    pub fn header(&mut self, name: &str, text: &str, schema: Value) -> &mut Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "description": text, "schema": schema,
        }));
        self
    }

    /// Adds a parameter of the query. `kind` is a JSON Schema type.
    pub fn query(&mut self, name: &str, kind: &str, text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": kind }))
    }

    /// Adds a parameter of the query that is one of some words.
    pub fn choice(&mut self, name: &str, words: &[&str], text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": "string", "enum": words }))
    }

    /// Adds a parameter of the query that is a time.
    pub fn time(&mut self, name: &str, text: &str) -> &mut Self {
        self.parameter(name, text, json!({ "type": "string", "format": "date-time" }))
    }

    /// Says what the body is.
    pub fn takes<T: JsonSchema>(&mut self) -> &mut Self {
        self.takes_body::<T>(true, "application/json")
    }

    /// Says what the body is, if there is one.
    pub fn may_take<T: JsonSchema>(&mut self) -> &mut Self {
        self.takes_body::<T>(false, "application/json")
    }

    /// Says what the body is: JSON, or a form of the same members.
    pub fn takes_or_form<T: JsonSchema>(&mut self) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        self.body = Some(json!({ "required": true, "content": {
            "application/json": { "schema": schema },
            "application/x-www-form-urlencoded": { "schema": schema },
        } }));
        self
    }

    /// Says what the body is: a merge patch (RFC 7396).
    pub fn takes_patch<T: JsonSchema>(&mut self) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        self.body = Some(json!({ "required": true, "content": {
            "application/merge-patch+json": { "schema": schema },
            "application/json": { "schema": schema },
        } }));
        self
    }

    /// Says what the body is, of another media type than JSON.
    pub fn takes_body<T: JsonSchema>(&mut self, is_required: bool, media_type: &str) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        self.body = Some(json!({ "required": is_required, "content": { media_type: { "schema": schema } } }));
        self
    }

    /// Says what a status comes with.
    pub fn gives<T: JsonSchema>(&mut self, status: u16, text: &str) -> &mut Self {
        let schema = self.schemas.subschema_for::<T>();
        let response =
            json!({ "description": text, "content": { "application/json": { "schema": schema } } });
        self.responses.insert(status.to_string(), response);
        self
    }

    /// Says what the body is by the name of a schema that the document has.
    pub fn takes_named(&mut self, media_type: &str, schema: &str) -> &mut Self {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        self.body = Some(json!({ "required": true, "content": { media_type: { "schema": schema } } }));
        self
    }

    /// Says what a status comes with by the name of a schema that the document has.
    pub fn gives_named(&mut self, status: u16, text: &str, media_type: &str, schema: &str) -> &mut Self {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let response = json!({ "description": text, "content": { media_type: { "schema": schema } } });
        self.responses.entry(status.to_string()).or_insert(response);
        self
    }

    /// Says that a status comes without a body.
    pub fn gives_nothing(&mut self, status: u16, text: &str) -> &mut Self {
        self.responses.insert(status.to_string(), json!({ "description": text }));
        self
    }

    /// Says that the answer of a status, which was described before, has a header with some text.
    pub fn with_header(&mut self, status: u16, name: &str, text: &str) -> &mut Self {
        if let Some(response) = self.responses.get_mut(&status.to_string()) {
            response["headers"][name] = json!({ "description": text, "schema": { "type": "string" } });
        }
        self
    }

    /// Says how the dialect answers what may keep any operation from being done; `status_of` is what it answers errors by.
    pub fn may_fail(
        &mut self,
        media_type: &str,
        schema: &str,
        status_of: impl Fn(&Error) -> StatusCode,
    ) -> &mut Self {
        let failures = failures().map(|(error, text)| (status_of(&error).as_u16(), error, text));
        for (status, error, _) in &failures {
            let same = failures.iter().filter(|(other, ..)| other == status);
            let texts: Vec<&str> = same.map(|(_, _, text)| *text).collect();
            let mut text = texts.join(", or ");
            text[..1].make_ascii_uppercase();
            self.gives_named(*status, &format!("{text}."), media_type, schema);
            if retry_after(error).is_some() {
                self.with_header(*status, "Retry-After", "Seconds after which to come again.");
            }
        }
        self
    }

    /// Says with which schema of errors a status comes.
    pub fn refuses(&mut self, status: u16, text: &str, schema: &str) -> &mut Self {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let response =
            json!({ "description": text, "content": { "application/json": { "schema": schema } } });
        self.responses.entry(status.to_string()).or_insert(response);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_described_as_the_dialect_answers_them() {
        let mut document = Document::default();
        let operation = Operation {
            method: "get".into(),
            path: "/x",
            id: "x",
            group: "x",
            summary: "x",
            security: json!([]),
        };
        document.add(operation, |describe| {
            describe.refuses(503, "The mail server did not take it.", "error");
            describe.may_fail("application/json", "error", |error| match error {
                Error::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
                Error::StorageFull(_) => StatusCode::INSUFFICIENT_STORAGE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            });
        });
        let responses = &document.paths["/x"]["get"]["responses"];
        let described = |status: &str| {
            let response = &responses[status];
            let header = response["headers"]["Retry-After"]["description"].is_string();
            (response["description"].as_str().unwrap(), header)
        };
        assert_eq!(described("503"), ("The mail server did not take it.", true), "what is said before stays");
        assert_eq!(described("507"), ("The registry has no room left for what this writes.", false));
        let (text, has_header) = described("500");
        assert_eq!(
            text,
            "A store of the registry does not answer, or a fault of the registry, which its log tells more of."
        );
        assert!(has_header);
        assert_eq!(
            responses["507"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/error"
        );
    }
}
