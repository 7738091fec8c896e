//! DigitalOcean's own Python client. `cargo xtask test` installs it.

use std::process::Command;

use serde_json::json;

use super::{bearer, push, pusher, registry, send};
use crate::server::Server;

/// Runs a part of the script on a registry that it finds something in, and gives the operations that were called.
#[track_caller]
fn run(server: &Server, who: &str, part: &str, called: &str) -> String {
    let python = longshore_testkit::skip::variable("LONGSHORE_TEST_PYDO");
    push(server, &pusher(), &format!("{part}/base"), "v1");
    push(server, &pusher(), &format!("{part}/team/app"), "v1");
    let digest = push(server, &pusher(), &format!("{part}/team/app"), "v2");
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/docr/drive_pydo.py"))
        .env("ENDPOINT", &server.url)
        .env("HOST", server.host())
        .env("TOKEN", who.strip_prefix("Bearer ").unwrap())
        .env("PART", part)
        .env("DIGEST", digest)
        .env("CALLED", called)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.trim().to_owned()
}

#[test]
fn every_operation_of_pydo_works() {
    let server = Server::with(&[
        "--set",
        "gc.grace_seconds=0",
        "--set",
        "gc.interval_seconds=0",
        "--set",
        "limits.requests_per_account=0",
    ]);
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "single", "professional");
    let called = run(&server, &alice, "single", "");
    send(&server, "POST", "/v2/registries", &alice, &json!({ "name": "several" })).expect(201);
    run(&server, &alice, "several", &called);
}
