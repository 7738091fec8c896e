//! The OpenAPI document of this dialect.

use longshore_api_common::api_request::PAGE_LIMIT;
pub(crate) use longshore_api_common::openapi::Describe;
use longshore_api_common::openapi::Document;
use serde_json::{Map, Value, json};

use crate::error::{ErrorShape, status};
use crate::routes::{Needs, Route};

/// What lists of this dialect take.
pub(crate) trait DescribeLists {
    /// Adds the parameters of lists.
    fn page(&mut self) -> &mut Self;
    /// Adds what lists of tags are narrowed by.
    fn tag_filters(&mut self) -> &mut Self;
}

impl DescribeLists for Describe<'_> {
    fn page(&mut self) -> &mut Self {
        let number = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": 1 });
        let size = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
        self.parameter("page", "Number of the page, from 1.", number).parameter(
            "page_size",
            "Entries of a page; more than 100 are 100.",
            size,
        )
    }

    fn tag_filters(&mut self) -> &mut Self {
        self.query("name", "string", "Only those whose name contains this, letter for letter.")
            .choice("status", &["active", "inactive"], "Only those of this status.")
            .time(
                "active_from",
                "Since when a tag must have been pushed or pulled to be active; a month ago when absent.",
            )
            .query("os", "string", "Only those with an image for this operating system.")
            .query("architecture", "string", "Only those with an image for this architecture.")
            .query("currently_tagged", "boolean", "All when true, none when false.")
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
    let mut document = Document::default();
    for route in routes {
        let security = match route.needs {
            Needs::Nothing => json!([]),
            Needs::Nobody => json!([{}, { "bearerAuth": [] }]),
            Needs::Account | Needs::Password => json!([{ "bearerAuth": [] }]),
        };
        document.add(route.described(security), |describe| {
            (route.describe)(describe);
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
            describe.may_fail("application/json", other, status);
        });
    }
    let info = json!({
        "title": "Longshore: the Docker Hub API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "What this registry implements of the Docker Hub API.",
    });
    let schemes = json!({ "bearerAuth": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } });
    document.finish(info, error_schemas(), schemes)
}
