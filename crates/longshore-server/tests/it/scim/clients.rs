//! The independent tester of SCIM servers. `cargo xtask test` installs it.

use std::process::Command;

use super::{provider, server};

#[test]
fn the_tester_of_scim_servers_finds_nothing() {
    let program = longshore_testkit::skip::variable("LONGSHORE_TEST_SCIM");
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let output = Command::new(program)
        .args(["--url", &format!("{}/v2/scim/2.0", server.url), "test"])
        .env("SCIM_CLI_HEADERS", format!("Authorization: {okta}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.matches("SUCCESS").count() > 60, "{text}");
}
