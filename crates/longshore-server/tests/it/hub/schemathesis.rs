//! Generated requests of all operations: from the served OpenAPI document, and from those of the Hub.

use longshore_testkit::images::image;
use serde_json::json;

use super::{org_access_tokens, send, sign_in};
use crate::generated;
use crate::server::{PASSWORD, Server, user};

/// A registry with something of everything, and its owner's credential.
fn filled() -> (Server, String, Vec<(&'static str, String)>) {
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
    let names = names.map(|(name, value)| (name, value.to_owned())).to_vec();
    (server, alice, names)
}

#[track_caller]
fn run(document: &str, examples: u32) -> u32 {
    let (server, alice, names) = filled();
    let names: Vec<_> = names.iter().map(|(name, value)| (*name, value.as_str())).collect();
    generated::run(&server, document, &alice, &names, &[], examples)
}

#[test]
fn every_generated_request_is_answered_as_documented() {
    assert!(run("/api/openapi/hub.json", 12) > 1000, "it did not really run");
}

#[test]
fn every_request_of_the_hubs_documents_is_answered_as_documented_there() {
    for (document, least) in [("hub-base.json", 150), ("hub-images.json", 50), ("hub-latest.json", 400)] {
        assert!(run(document, 8) > generated::least(document, least), "{document} did not really run");
    }
}
