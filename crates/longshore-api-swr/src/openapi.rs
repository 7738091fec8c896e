//! The OpenAPI document of this dialect.

use longshore_api_common::api_request::PAGE_LIMIT;
use longshore_api_common::openapi::{Describe, Document};
use serde_json::{Value, json};

use crate::context::PAGE_SIZE_LIMIT;
use crate::error::status;
use crate::routes::{Needs, Route, is_identity};

/// What several operations take.
pub(crate) trait DescribeLists {
    /// Adds the parameters that say which part of a list is wanted, and the filter.
    fn page(&mut self) -> &mut Self;
    /// Adds the parameters of a newer list.
    fn marker(&mut self) -> &mut Self;
    /// Adds the parameters of an order.
    fn order<C>(&mut self, columns: &[(&str, C)]) -> &mut Self;
    /// Says that a list tells which part of it is there.
    fn with_range(&mut self) -> &mut Self;
}

impl DescribeLists for Describe<'_> {
    fn page(&mut self) -> &mut Self {
        let offset = json!({ "type": "string", "pattern": "^[0-9]+$" });
        let limit = json!({ "type": "string", "pattern": "^[0-9]+$" });
        self.parameter("offset", "Where to begin; goes together with limit.", offset)
            .parameter(
                "limit",
                &format!("Most records, 1 to {PAGE_SIZE_LIMIT}; goes together with offset."),
                limit,
            )
            .query("filter", "string", "The same parameters as key::value, with | between them.")
    }

    fn marker(&mut self) -> &mut Self {
        let marker = json!({ "type": "integer", "minimum": 0, "maximum": PAGE_LIMIT });
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_SIZE_LIMIT, "default": 100 });
        self.parameter("marker", "Where to begin: what the page before says.", marker).parameter(
            "limit",
            "Most records.",
            limit,
        )
    }

    fn order<C>(&mut self, columns: &[(&str, C)]) -> &mut Self {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        self.choice("order_column", &names, "What to sort by; goes together with order_type.").choice(
            "order_type",
            &["desc", "asc"],
            "In which direction; goes together with order_column.",
        )
    }

    fn with_range(&mut self) -> &mut Self {
        self.with_header(
            200,
            "Content-Range",
            "Where it begins, how many records are there, and how many in all: 10-10/57.",
        )
    }
}

/// Makes the document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut document = Document::default();
    for route in routes {
        let security = match route.needs {
            Needs::Nothing => json!([]),
            Needs::Account => json!([{ "tokenAuth": [] }, { "signature": [] }]),
        };
        document.add(route.described(security), |describe| {
            (route.describe)(describe);
            let schema = if is_identity(route.path) { "IdentityError" } else { "ErrorList" };
            describe.refuses(400, "The request is not as documented, or there is no token.", schema);
            describe.refuses(
                401,
                "The token or signature is not good now, or is for another account.",
                schema,
            );
            describe.refuses(403, "You may not do this, or asked too often.", schema);
            describe.refuses(404, "There is no such thing, or you may not see it.", schema);
            describe.refuses(
                409,
                "There is one already, or the state of things does not allow this.",
                schema,
            );
            describe.refuses(413, "The body is too large.", schema);
            if is_identity(route.path) {
                describe.refuses(429, "Too many requests; see Retry-After.", schema);
            }
            describe.may_fail("application/json", schema, |error| status(error, route));
        });
    }
    let text = json!({ "type": "string" });
    let list = json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["errorCode", "errorMessage", "detail"],
            "properties": { "errorCode": text, "errorMessage": text, "detail": text },
        },
    });
    let identity = json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "title"],
            "properties": { "code": { "type": "integer" }, "message": text, "title": text },
        } },
    });
    let info = json!({
        "title": "Longshore: the SWR API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "What this registry implements of the image management API of Huawei Cloud and Open Telekom Cloud, with signing in.",
    });
    let schemas = [("ErrorList".to_owned(), list), ("IdentityError".to_owned(), identity)];
    let schemes = json!({
        "tokenAuth": { "type": "apiKey", "in": "header", "name": "X-Auth-Token" },
        "signature": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "SDK-HMAC-SHA256 with an access key." },
    });
    document.finish(info, schemas.into_iter().collect(), schemes)
}
