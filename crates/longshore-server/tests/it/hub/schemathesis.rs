//! Generated requests of all operations, from the served OpenAPI document, by an independent program: whatever is asked,
//! there is no fault, and no status or shape that the document does not have. `cargo xtask test` installs it.

use std::process::Command;

use longshore_testkit::images::image;
use serde_json::json;

use super::{send, sign_in};
use crate::server::{PASSWORD, Server, user};

/// Generated requests of each operation.
const EXAMPLES: &str = "12";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

#[test]
fn every_generated_request_is_answered_as_documented() {
    let program = std::env::var("LONGSHORE_TEST_SCHEMATHESIS")
        .expect("schemathesis is not there: run the tests with `cargo xtask test`, which installs it");
    let server =
        Server::with(&["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"]);
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    let alice = sign_in(&server, "alice");
    for name in ["bob", "carol"] {
        server.admin(&["org", "set-member", "acme", name, "--role", "member"]);
    }
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    for tag in ["v1", "v2", "latest"] {
        server.push_blob(&user("alice"), "acme/app", tag.as_bytes());
        server.push_manifest(&user("alice"), "acme/app", tag, &image(tag.as_bytes(), &[])).expect(201);
    }
    // What paths name, so that most requests find something.
    let config = server.data().join("schemathesis.toml");
    let names = [
        ("namespace", "acme"),
        ("repository", "app"),
        ("account", "acme"),
        ("org_name", "acme"),
        ("group_name", "dev"),
        ("username", "bob"),
        ("tag", "v1"),
    ];
    let lines: Vec<String> = names.map(|(name, value)| format!("\"path.{name}\" = \"{value}\"")).into();
    std::fs::write(&config, format!("[parameters]\n{}\n", lines.join("\n"))).unwrap();
    let output = Command::new(program)
        .current_dir(server.data())
        .args(["--config-file", config.to_str().unwrap(), "run"])
        .arg(format!("{}/api/openapi/hub.json", server.url))
        .args(["--url", &server.url, "--header", &format!("Authorization: {alice}")])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", EXAMPLES])
        .args(["--generation-deterministic", "--no-color"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let generated = text.lines().find_map(|line| line.trim().split_once(" generated, "));
    let generated: u32 = generated.and_then(|(number, _)| number.parse().ok()).unwrap_or_default();
    assert!(generated > 1000, "it did not really run: {text}");
}
