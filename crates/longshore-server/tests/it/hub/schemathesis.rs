//! Generated requests of all operations, by an independent program: from the served OpenAPI document, and from those of
//! the Hub (`tests/contract`). Whatever is asked, there is no fault, and no status or shape that the document does not
//! have. `cargo xtask test` installs it.

use std::path::PathBuf;
use std::process::Command;

use longshore_testkit::images::image;
use serde_json::json;

use super::{org_access_tokens, send, sign_in};
use crate::server::{PASSWORD, Server, user};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

/// A registry with something of everything, and its owner's credential.
fn filled() -> (Server, String, PathBuf) {
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
    let images = "/v2/namespaces/acme/repositories/app/images";
    let digest = server.get(images, &alice).expect(200).json()["results"][0]["digest"].to_string();
    let pulls = json!([{ "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-pull"] }]);
    let token = org_access_tokens::token(&server, &alice, &pulls)["id"].to_string();
    let own = super::access_token(&server, &alice, "repo:read")["uuid"].to_string();
    let invited = json!({ "org": "acme", "invitees": ["jane@example.org"] });
    send(&server, "POST", "/v2/invites/bulk", &alice, &invited).expect(202);
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
        ("digest", digest.trim_matches('"')),
        ("access_token_id", token.trim_matches('"')),
        ("uuid", own.trim_matches('"')),
    ];
    let lines: Vec<String> = names.map(|(name, value)| format!("\"path.{name}\" = \"{value}\"")).into();
    std::fs::write(&config, format!("[parameters]\n{}\n", lines.join("\n"))).unwrap();
    (server, alice, config)
}

/// Sends what is generated from a document, `examples` requests of each operation at most, and gives how many.
#[track_caller]
fn run(document: &str, examples: &str) -> u32 {
    let program = std::env::var("LONGSHORE_TEST_SCHEMATHESIS")
        .expect("schemathesis is not there: run the tests with `cargo xtask test`, which installs it");
    let (server, alice, config) = filled();
    let document = match document.starts_with('/') {
        true => format!("{}{document}", server.url),
        false => format!("{}/tests/contract/{document}", env!("CARGO_MANIFEST_DIR")),
    };
    let output = Command::new(program)
        .current_dir(server.data())
        .args(["--config-file", config.to_str().unwrap(), "run", &document])
        .args(["--url", &server.url, "--header", &format!("Authorization: {alice}")])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", examples])
        .args(["--generation-deterministic", "--no-color"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let generated = text.lines().find_map(|line| line.trim().split_once(" generated, "));
    generated.and_then(|(number, _)| number.parse().ok()).unwrap_or_default()
}

#[test]
fn every_generated_request_is_answered_as_documented() {
    assert!(run("/api/openapi/hub.json", "12") > 1000, "it did not really run");
}

#[test]
fn every_request_of_the_hubs_documents_is_answered_as_documented_there() {
    for (document, least) in [("hub-base.json", 150), ("hub-images.json", 50), ("hub-latest.json", 400)] {
        assert!(run(document, "8") > least, "{document} did not really run");
    }
}
