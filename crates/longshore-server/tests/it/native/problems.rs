//! What refusals look like, and versions of settings.

use serde_json::json;

use super::{APP, acme, bearer, push_app, send};
use crate::server::user;

#[test]
fn a_refusal_is_a_problem_that_says_what_to_do() {
    let (server, alice) = acme();
    push_app(&server, "v1");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    let public = json!({ "visibility": "public" });
    // Another token of alice's helps, and none of bob's does.
    let weak = bearer(&server, "alice", "repo:write");
    let weak = send(&server, "PATCH", APP, &weak, &public).expect(403).json();
    assert!(weak["detail"].as_str().unwrap().starts_with("with this access token"), "{weak}");
    let bob = bearer(&server, "bob", "repo:admin");
    let answer = send(&server, "PATCH", APP, &bob, &public).expect(403);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["status"], &problem["needed"], &problem["have"]),
        (&json!("denied"), &json!(403), &json!("admin"), &json!("read")),
        "{problem}"
    );
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    let page = problem["type"].as_str().unwrap();
    let page = server.get(page.strip_prefix(&server.url).unwrap_or(page), "").expect(200);
    assert!(String::from_utf8_lossy(&page.body).contains("Ask an owner of the namespace"));
    let wrong = send(&server, "PATCH", APP, &alice, &json!({ "visibility": "secret" })).expect(400).json();
    assert_eq!((&wrong["code"], &wrong["field"]), (&json!("invalid"), &json!("visibility")));
    let long = json!({ "readme": "x".repeat(25_001) });
    assert_eq!(send(&server, "PATCH", APP, &alice, &long).expect(400).json()["field"], "readme");
    let unknown = json!({ "colour": "red" });
    assert_eq!(send(&server, "PATCH", APP, &alice, &unknown).expect(400).json()["field"], "body");
    assert_eq!(server.get("/api/v1/nonsense", &alice).expect(404).json()["code"], "not_found");
    let method = server.send("POST", APP, &alice, &[], b"").expect(405);
    assert_eq!(
        (method.json()["code"].clone(), method.header("allow")),
        (json!("method_not_allowed"), "GET, PATCH, DELETE")
    );
}

#[test]
fn nobody_may_look_at_what_is_public_and_no_bad_token_is_nobody() {
    let (server, alice) = acme();
    push_app(&server, "v1");
    let tags = format!("{APP}/-/tags");
    let hidden = server.get(&tags, "").expect(401);
    assert_eq!(
        (hidden.json()["code"].clone(), hidden.header("www-authenticate")),
        (json!("sign_in_needed"), "Bearer")
    );
    let missing = server.get("/api/v1/repositories/acme/nothing/-/tags", "").expect(401).json();
    assert_eq!(missing["code"], "sign_in_needed", "the same for what is not there");
    send(&server, "PATCH", APP, &alice, &json!({ "visibility": "public" })).expect(200);
    server.get(&tags, "").expect(200);
    for bad in ["Bearer lsp_forged", "Bearer x", &user("alice"), "Bearer "] {
        assert_eq!(server.get(&tags, bad).expect(401).json()["code"], "token_invalid", "{bad}");
    }
    assert_eq!(server.get(&tags, &crate::hub::sign_in(&server, "bob")).expect(200).json()["count"], 1);
    assert_eq!(server.get("/api/v1/whoami", "").expect(401).json()["code"], "sign_in_needed");
    let me = server.get("/api/v1/whoami", &crate::hub::sign_in(&server, "bob")).expect(200).json();
    assert_eq!((&me["proof"], &me["token"]), (&json!("password"), &json!(null)));
}

#[test]
fn settings_are_changed_by_who_has_seen_them() {
    let (server, alice) = acme();
    push_app(&server, "v1");
    let version = || server.get(APP, &alice).expect(200).header("etag").to_owned();
    let change = |text: &str, version: &str| {
        let body = serde_json::to_vec(&json!({ "description": text })).unwrap();
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", version)];
        server.send("PATCH", APP, &alice, &headers, &body)
    };
    let first = version();
    push_app(&server, "v2");
    assert_eq!(version(), first, "a push changes no setting");
    let changed = change("one", &first).expect(200);
    assert_ne!(changed.header("etag"), first);
    assert_eq!(change("two", &first).expect(412).json()["code"], "precondition_failed");
    assert_eq!(server.get(APP, &alice).expect(200).json()["description"], "one");
    change("three", "*").expect(200);
    change("four", &format!("\"other\", {}", version())).expect(200);
    // And the repository is deleted by who has seen them, too.
    let delete = |version: &str| server.send("DELETE", APP, &alice, &[("if-match", version)], b"");
    assert_eq!(delete(&first).expect(412).json()["code"], "precondition_failed");
    server.get(APP, &alice).expect(200);
    delete(&version()).expect(204);
    assert_eq!(delete("*").expect(404).json()["code"], "repository_unknown");
}
