//! The OpenAPI document of this dialect.

use http::Method;
use longshore_api_common::openapi::{Describe, Document};
use longshore_client::types;
use longshore_domain::page::PAGE_LIMIT;
use serde_json::{Map, Value, json};

use crate::context::DEFAULT_PAGE_SIZE;
use crate::error::MEDIA_TYPE;
use crate::idempotency::KEY_LIMIT_BYTES;
use crate::problems;
use crate::routes::{Needs, Route};

/// What several operations take and give.
pub(crate) trait DescribeLists {
    /// Adds the parameters of lists.
    fn page(&mut self) -> &mut Self;
    /// Adds the time at which a list or thing is shown.
    fn as_of(&mut self) -> &mut Self;
    /// Adds since when entries of a list must have been pushed or pulled, or must not.
    fn activity(&mut self) -> &mut Self;
    /// Says that the answer has a version.
    fn versioned(&mut self, status: u16) -> &mut Self;
    /// Says that the answer names the deletion, by which it can be undone.
    fn deletes(&mut self, status: u16) -> &mut Self;
    /// Says with which problems it is refused beside those that all are.
    fn problem(&mut self, status: u16, text: &str) -> &mut Self;
}

impl DescribeLists for Describe<'_> {
    fn page(&mut self) -> &mut Self {
        let size =
            json!({ "type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": DEFAULT_PAGE_SIZE });
        self.parameter("limit", "Entries of a page.", size)
            .query("after", "string", "What next of the page before has; without it, the first page comes.")
            .with_header(200, "Link", "The next page, as rel=next.")
    }

    fn as_of(&mut self) -> &mut Self {
        self.time("as_of", "As it was at this time, which must be past.")
    }

    fn activity(&mut self) -> &mut Self {
        self.time("active_since", "Only those that were pushed or pulled since then.").time(
            "inactive_since",
            "Only those that were neither pushed nor pulled since then; not together with active_since.",
        )
    }

    fn versioned(&mut self, status: u16) -> &mut Self {
        self.with_header(status, "ETag", "Its version, for If-Match.")
    }

    fn deletes(&mut self, status: u16) -> &mut Self {
        self.with_header(status, "Longshore-Deletion", "Id of the deletion, by which it can be undone.")
    }

    fn problem(&mut self, status: u16, text: &str) -> &mut Self {
        self.gives_named(status, text, MEDIA_TYPE, "Problem")
    }
}

/// Makes the document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut document = Document::new_3_1();
    for route in routes {
        let security = match route.needs {
            Needs::Nothing => json!([]),
            Needs::Nobody => json!([{}, { "bearer": [] }]),
            Needs::Account | Needs::Operator => json!([{ "bearer": [] }]),
        };
        document.add(route.described(security), |describe| {
            (route.describe)(describe);
            if route.method == Method::POST {
                let schema = json!({ "type": "string", "minLength": 1, "maxLength": KEY_LIMIT_BYTES, "pattern": "^[!-~]+$" });
                describe.header("Idempotency-Key", "Chosen by the client; sent again within a day, the request is not done again and gets the same answer.", schema);
                describe.problem(422, "This idempotency key belongs to another request.");
            }
            describe.problem(400, "A value is not possible, or the request cannot be read.");
            describe.problem(401, "No token where one is needed, or none that is good now.");
            describe.problem(403, "The token or the role does not include this.");
            describe.problem(404, "There is no such thing, or you may not see it.");
            describe.problem(405, "This cannot be done here.");
            describe.problem(408, "The body did not arrive.");
            describe.problem(409, "The state of things does not allow this.");
            describe.problem(413, "The body is too large.");
            describe.problem(429, "Too many requests; see Retry-After.");
            describe.may_fail(MEDIA_TYPE, "Problem", |error| problems::of(error).status);
        });
    }
    let info = json!({
        "title": "Longshore",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "The registry's own API.",
        "description": "Errors are problem details (RFC 9457). Lists are read by cursors. In paths, a repository is named with its \
            slashes, encoded as %2F or as they are. Within v1 there are only additions.",
    });
    let schemes = json!({ "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (lsp_…, lso_…), or the session token of signing in.",
    } });
    let problem = schemars::schema_for!(types::ProblemDetails);
    let mut problem = problem.to_value();
    if let Some(members) = problem.as_object_mut() {
        members.remove("$schema");
        let codes: Vec<&str> = problems::PROBLEMS.iter().map(|problem| problem.code).collect();
        members["properties"]["code"]["examples"] = json!(codes);
    }
    let schemas: Map<String, Value> =
        [("Problem".to_owned(), problem), ("Events".to_owned(), json!({ "type": "string" }))]
            .into_iter()
            .collect();
    document.finish(info, schemas, schemes)
}

/// Returns the parameters that the query of an operation may have.
pub(crate) fn query_of(document: &Value, route: &Route) -> Vec<String> {
    let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    of_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use crate::routes::ROUTES;

    /// The document is kept, so that a review shows what a change does to it, and programs are made of it.
    #[test]
    fn the_document_that_is_kept_is_the_one_that_is_made() {
        let made = serde_json::to_string_pretty(&super::document(ROUTES)).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        if std::env::var_os("LONGSHORE_KEEP_DOCUMENT").is_some() {
            std::fs::write(path, &made).unwrap();
            return;
        }
        assert!(
            made == kept,
            "openapi.json is not what is made now: run this test with LONGSHORE_KEEP_DOCUMENT=1, and look at the difference"
        );
    }
}
