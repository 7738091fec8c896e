//! Generated requests of all operations: from the served OpenAPI document, and from that of Docker Hub.

use serde_json::json;

use super::{GROUP, create, provider, send, server};
use crate::generated;

fn run(document: &str, has_deletions: bool, examples: u32) -> u32 {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = create(&server, &okta, "jon@example.org");
    let body = json!({ "schemas": [GROUP], "displayName": "Watch", "members": [{ "value": user["id"] }] });
    let group = send(&server, "POST", "/Groups", &okta, &body).expect(201).json();
    let mut asked = 0;
    for (id, name) in [(&user, "User"), (&group, "Group")] {
        let names = [("id", id["id"].as_str().unwrap()), ("name", name)];
        // `/Me` answers 501 on purpose. What deletes comes last, so that the rest finds something.
        let all = [["--exclude-method", "DELETE"], ["--include-method", "DELETE"]];
        for methods in &all[..1 + usize::from(has_deletions)] {
            let only = [methods.as_slice(), &["--exclude-path-regex", "Me$"]].concat();
            asked += generated::run(&server, document, &okta, &names, &only, examples);
        }
    }
    asked
}

#[test]
fn every_generated_request_is_answered_as_documented() {
    assert!(run("/api/openapi/scim.json", true, 12) > 200, "it did not really run");
}

#[test]
fn every_request_of_docker_hubs_document_is_answered_as_documented_there() {
    assert!(run("scim.json", false, 12) > generated::least("scim.json", 50), "it did not really run");
}
