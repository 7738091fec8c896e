use serde_json::{Value, json};

use super::{access_token, send, session, sign_in};
use crate::server::{PASSWORD, Server, user};

#[test]
fn an_access_token_is_created_listed_changed_and_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let body = json!({ "token_label": "My read only token", "scopes": ["repo:public_read", "repo:read"],
        "expires_at": "2099-01-31T12:00:00Z", "is_active": false, "uuid": "x", "account_id": 1 });
    let headers = [("content-type", "application/json"), ("user-agent", "some user agent")];
    let bytes = serde_json::to_vec(&body).unwrap();
    let created = server.send("POST", "/v2/access-tokens", &alice, &headers, &bytes).expect(201).json();
    let secret = created["token"].as_str().unwrap().to_owned();
    let uuid = created["uuid"].as_str().unwrap().to_owned();
    let mut expected = created.clone();
    expected["token"] = json!("");
    assert_eq!(
        expected,
        json!({ "uuid": uuid, "client_id": "HUB", "creator_ip": "127.0.0.1", "creator_ua": "some user agent",
            "created_at": created["created_at"], "last_used": null, "generated_by": "manual", "is_active": true,
            "token": "", "token_label": "My read only token", "scopes": ["repo:read"],
            "expires_at": "2099-01-31T12:00:00Z" })
    );
    let path = format!("/v2/access-tokens/{uuid}");
    assert_eq!(server.get(&path, &alice).expect(200).json(), expected, "the secret is shown once");
    server.get("/v2/", &format!("alice:{secret}")).expect(200);
    server.wait_for("the last use", || server.get(&path, &alice).json()["last_used"].is_string());
    let changed = send(&server, "PATCH", &path, &alice, &json!({ "token_label": "", "is_active": false }));
    let changed = changed.expect(200).json();
    assert_eq!(
        (&changed["token_label"], &changed["is_active"]),
        (&json!("My read only token"), &json!(false))
    );
    server.get("/v2/", &format!("alice:{secret}")).expect(401);
    let page = server.get("/v2/access-tokens", &alice).expect(200).json();
    assert_eq!((&page["count"], &page["active_count"]), (&json!(1), &json!(0)));
    send(&server, "PATCH", &path, &alice, &json!({ "token_label": "ci", "is_active": true })).expect(200);
    server.get("/v2/", &format!("alice:{secret}")).expect(200);
    send(&server, "DELETE", &path, &alice, &Value::Null).expect(204);
    server.get("/v2/", &format!("alice:{secret}")).expect(401);
    server.get(&path, &alice).expect(404);
    send(&server, "DELETE", &path, &alice, &Value::Null).expect(404);
}

#[test]
fn older_clients_find_the_same_tokens_elsewhere() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let body = json!({ "token_label": "hub-tool", "is_active": true });
    let created = send(&server, "POST", "/v2/api_tokens", &alice, &body).expect(201).json();
    assert_eq!(created["scopes"], json!(["repo:admin"]));
    let uuid = created["uuid"].as_str().unwrap();
    server.get(&format!("/v2/access-tokens/{uuid}"), &alice).expect(200);
    server.get(&format!("/v2/api_tokens/{uuid}/"), &alice).expect(200);
    assert_eq!(server.get("/v2/api_tokens/?page=1&page_size=5", &alice).expect(200).json()["count"], 1);
    let off = json!({ "token_label": "", "is_active": false });
    send(&server, "PATCH", &format!("/v2/api_tokens/{uuid}"), &alice, &off).expect(200);
    send(&server, "DELETE", &format!("/v2/api_tokens/{uuid}"), &alice, &Value::Null).expect(204);
}

#[test]
fn pages_keep_their_parameters_and_end() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    for _ in 0..5 {
        access_token(&server, &alice, "repo:read");
    }
    let first = server.get("/v2/access-tokens?page_size=2&x=%26", &alice).expect(200).json();
    assert_eq!((&first["count"], &first["previous"]), (&json!(5), &Value::Null));
    let mut seen = Vec::new();
    let mut page = first;
    loop {
        seen.extend(page["results"].as_array().unwrap().iter().map(|token| token["uuid"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(next.starts_with(&server.url) && next.contains("page_size=2&x=%26"), "{next}");
        page = server.get(next, &alice).expect(200).json();
        assert!(page["previous"].is_string());
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for bad in ["page=0", "page=-1", "page=abc", "page_size=0", "page=1000000000000000000", "page_size=1e9"] {
        let refused = server.get(&format!("/v2/access-tokens?{bad}"), &alice).expect(400).json();
        assert!(
            refused["fields"].as_object().unwrap().keys().any(|field| bad.starts_with(field)),
            "{refused}"
        );
    }
    let beyond =
        server.get("/v2/access-tokens?page=1000000000&page_size=4000000000", &alice).expect(200).json();
    assert_eq!(beyond["results"], json!([]));
}

#[test]
fn bad_tokens_are_refused_and_change_nothing() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let long = "x".repeat(101);
    for (field, body) in [
        ("scopes", json!({ "token_label": "x", "scopes": [] })),
        ("scopes", json!({ "token_label": "x" })),
        ("scopes", json!({ "token_label": "x", "scopes": ["repo:everything"] })),
        ("token_label", json!({ "token_label": "", "scopes": ["repo:read"] })),
        ("token_label", json!({ "token_label": long, "scopes": ["repo:read"] })),
        ("token_label", json!({ "token_label": "a\nb", "scopes": ["repo:read"] })),
        ("expires_at", json!({ "token_label": "x", "scopes": ["repo:read"], "expires_at": "tomorrow" })),
        (
            "expires_at",
            json!({ "token_label": "x", "scopes": ["repo:read"], "expires_at": "2001-01-01T00:00:00Z" }),
        ),
        ("body", json!({ "token_label": 7, "scopes": ["repo:read"] })),
    ] {
        let refused = send(&server, "POST", "/v2/access-tokens", &alice, &body).expect(400).json();
        assert!(refused["fields"][field][0].is_string(), "{body}: {refused}");
    }
    for uuid in ["x", "%00", "..%2f..", "00000000-0000-0000-0000-000000000000"] {
        server.get(&format!("/v2/access-tokens/{uuid}"), &alice).expect(404);
    }
    assert_eq!(server.get("/v2/access-tokens", &alice).json()["count"], 0);
}

#[test]
fn scopes_have_effect_on_the_registry() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.push_blob(&user("alice"), "alice/app", b"content");
    let scopes = ["repo:public_read", "repo:read", "repo:write", "repo:admin"];
    let tokens =
        scopes.map(|scope| access_token(&server, &alice, scope)["token"].as_str().unwrap().to_owned());
    let blob = format!("/v2/alice/app/blobs/{}", longshore_testkit::images::digest_of("content"));
    // A private repository is not there for whoever may see public ones only, and the tag to be deleted never was.
    for (method, path, expected) in [
        ("GET", blob.as_str(), [404, 200, 200, 200]),
        ("POST", "/v2/alice/app/blobs/uploads/", [403, 403, 202, 202]),
        ("DELETE", "/v2/alice/app/manifests/none", [404, 403, 403, 404]),
    ] {
        let answers = tokens
            .each_ref()
            .map(|token| server.send(method, path, &format!("alice:{token}"), &[], b"").status);
        assert_eq!(answers, expected, "{method} {path}");
    }
}

#[test]
fn an_access_token_of_a_disabled_user_stops_at_once() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let token = access_token(&server, &alice, "repo:admin");
    let by_token = session(&server, "alice", token["token"].as_str().unwrap());
    server.get("/v2/user", &by_token).expect(200);
    server.admin(&["user", "disable", "alice"]);
    for who in [&alice, &by_token] {
        server.get("/v2/user", who).expect(401);
    }
    let body = json!({ "username": "alice", "password": PASSWORD });
    send(&server, "POST", "/v2/users/login", "", &body).expect(401);
    server.admin(&["user", "enable", "alice"]);
    server.get("/v2/user", &by_token).expect(200);
}
