//! The OpenAPI document of this dialect.

use longshore_api_common::api_request::PAGE_LIMIT;
use longshore_api_common::openapi::{Describe, Document};
use longshore_domain::registry::Region;
use longshore_domain::tier::Tiers;
use serde_json::{Map, Value, json};

use crate::context::PAGE_SIZE_LIMIT;
use crate::credentials::EXPIRY_LIMIT_SECONDS;
use crate::error::status;
use crate::routes::{Needs, Route};

/// What several operations take.
pub(crate) trait DescribePages {
    /// Adds the parameters of lists.
    fn page(&mut self) -> &mut Self;
    /// Adds the parameters of credentials.
    fn credentials(&mut self) -> &mut Self;
}

impl DescribePages for Describe<'_> {
    fn page(&mut self) -> &mut Self {
        let number = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": 1 });
        let size = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_SIZE_LIMIT, "default": 20 });
        self.parameter("page", "Number of the page, from 1.", number).parameter(
            "per_page",
            "Entries of a page; more than 200 are 200.",
            size,
        )
    }

    fn credentials(&mut self) -> &mut Self {
        let seconds =
            json!({ "type": "integer", "minimum": 0, "maximum": EXPIRY_LIMIT_SECONDS, "default": 0 });
        self.parameter("expiry_seconds", "How long it works; 0 for no limit of its own.", seconds).query(
            "read_write",
            "boolean",
            "Whether it is for pushing too.",
        )
    }
}

/// Makes the document.
pub(crate) fn document(routes: &[Route], tiers: &Tiers, regions: &[Region]) -> Value {
    let mut document = Document::default();
    for route in routes {
        let security = match route.needs {
            Needs::Nothing => json!([]),
            Needs::Account => json!([{ "bearer_auth": [] }]),
        };
        document.add(route.described(security), |describe| {
            (route.describe)(describe);
            describe.refuses(400, "The request is malformed.", "error");
            describe.refuses(401, "No access token, or none that is good now.", "error");
            describe.refuses(403, "The access token or the role does not include this.", "error");
            describe.refuses(404, "There is no such thing, or you may not see it.", "error");
            describe.refuses(409, "The state of things does not allow this.", "error");
            describe.refuses(412, "The account has several registries, or too much for the tier.", "error");
            describe.refuses(413, "The body is too large.", "error");
            describe.refuses(422, "A value is not possible.", "error");
            describe.refuses(429, "Too many requests; see Retry-After.", "error");
            describe.may_fail("application/json", "error", status);
        });
    }
    let text = json!({ "type": "string" });
    let error = json!({
        "type": "object",
        "required": ["id", "message"],
        "properties": { "id": text, "message": text, "request_id": text },
    });
    let slugs: Vec<&str> = tiers.all().iter().map(|tier| tier.slug.as_str()).collect();
    let regions: Vec<&str> = regions.iter().map(Region::as_str).collect();
    let info = json!({
        "title": "Longshore: the DigitalOcean container registry API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": format!(
            "What this registry implements of the DigitalOcean API. Tiers: {}. Regions: {}.",
            slugs.join(", "),
            regions.join(", ")
        ),
    });
    let schemas: Map<String, Value> = [("error".to_owned(), error)].into_iter().collect();
    let schemes = json!({ "bearer_auth": { "type": "http", "scheme": "bearer" } });
    document.finish(info, schemas, schemes)
}
