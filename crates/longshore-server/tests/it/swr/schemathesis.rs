//! Generated requests of all operations: from the served OpenAPI document, and from that of the API.

use super::{project_id, push, pusher, shop, token};
use crate::generated;

fn run(document: &str, examples: u32) -> u32 {
    let server = shop(&[]);
    for tag in ["v1", "v2", "v3"] {
        push(&server, &pusher(), "shop/app", tag);
    }
    let alice = token(&server, "alice", "eu-de");
    let id = project_id(&server, "alice", "alice");
    let names = [
        ("namespace", "shop"),
        ("repository", "app"),
        ("tag", "v1"),
        ("access_domain", "bob"),
        ("project_id", id.as_str()),
        ("resource_type", "store"),
        ("frequency", "daily"),
    ];
    // What deletes comes last, so that the rest finds something.
    let others = generated::run(&server, document, &alice, &names, &["--exclude-method", "DELETE"], examples);
    others + generated::run(&server, document, &alice, &names, &["--include-method", "DELETE"], examples)
}

#[test]
fn every_generated_request_is_answered_as_documented() {
    assert!(run("/api/openapi/swr.json", 10) > 400, "it did not really run");
}

#[test]
fn every_request_of_the_apis_document_is_answered_as_documented_there() {
    assert!(run("swr.json", 8) > generated::least("swr.json", 200), "it did not really run");
}
