//! Generated requests of all operations: from the served OpenAPI document, and from those of DigitalOcean.

use super::{push, pusher, shop};
use crate::generated;

fn run(document: &str, examples: u32) -> u32 {
    let (server, alice) =
        shop(&["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"]);
    let mut digest = String::new();
    for tag in ["v1", "v2", "v3"] {
        digest = push(&server, &pusher(), "shop/app", tag);
    }
    let names = [
        ("registry_name", "shop"),
        ("repository_name", "app"),
        ("repository_tag", "v1"),
        ("manifest_digest", digest.as_str()),
    ];
    // What deletes comes last, so that the rest finds something.
    let others = generated::run(&server, document, &alice, &names, &["--exclude-method", "DELETE"], examples);
    others + generated::run(&server, document, &alice, &names, &["--include-method", "DELETE"], examples)
}

#[test]
fn every_generated_request_is_answered_as_documented() {
    assert!(run("/api/openapi/digitalocean.json", 10) > 400, "it did not really run");
}

#[test]
fn every_request_of_digitaloceans_documents_is_answered_as_documented_there() {
    for (document, least) in [("docr-registry.json", 150), ("docr-registries.json", 150)] {
        assert!(run(document, 8) > generated::least(document, least), "{document} did not really run");
    }
}
