//! Generated requests of all operations, from the served document.

use super::{acme, push_app};
use crate::generated;

#[test]
fn every_generated_request_is_answered_as_documented() {
    let (server, alice) = acme();
    let mut digest = String::new();
    for tag in ["v1", "v2", "v3"] {
        digest = push_app(&server, tag);
    }
    let names = [("repository", "acme%2Fteam%2Fapp"), ("tag", "v1"), ("digest", digest.as_str())];
    let run =
        |methods: &[&str]| generated::run(&server, "/api/openapi/native.json", &alice, &names, methods, 10);
    // What deletes comes last, so that the rest finds something.
    let others = run(&["--exclude-method", "DELETE"]);
    assert!(others + run(&["--include-method", "DELETE"]) > 150, "it did not really run");
}
