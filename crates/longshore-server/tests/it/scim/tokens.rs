//! Tokens of identity providers: by the operator at the machine, and by the organization's owners over HTTP.

use serde_json::{Value, json};

use super::{provider, refusal, send, server};
use crate::server::Server;

fn status(server: &Server, who: &str) -> u16 {
    send(server, "GET", "/Users?count=0", who, &Value::Null).status
}

fn bearer(made: &Value) -> String {
    format!("Bearer {}", made["token"].as_str().unwrap())
}

#[test]
fn the_operator_makes_renews_and_revokes_tokens() {
    let server = server();
    let first = provider(&server, "acme", "okta");
    assert_eq!(status(&server, &first), 200);
    let list = || server.admin(&["scim-token", "list", "acme"]);
    server.wait_for("the last use", || list()[0]["last_used_at"].is_string());
    let listed = list();
    assert_eq!((&listed[0]["label"], &listed[0]["created_by"]), (&json!("okta"), &json!("operator")));
    assert!(listed[0]["last_used_at"].is_string() && listed[0].get("token").is_none(), "{listed}");
    let second = bearer(&server.admin(&["scim-token", "rotate", "acme"]));
    assert_eq!((status(&server, &first), status(&server, &second)), (401, 200));
    let third = provider(&server, "acme", "entra");
    // Which one is meant must be said.
    let refused = server.try_admin(&["scim-token", "revoke", "acme"], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("longshore scim-token ls acme"));
    server.admin(&["scim-token", "revoke", "acme", "okta"]);
    assert_eq!((status(&server, &second), status(&server, &third)), (401, 200));
    for (arguments, told) in [
        (vec!["create", "acme", "--label", "entra"], "already exists"),
        (vec!["create", "nobody"], "no organization"),
        (vec!["create", "alice"], "no organization"),
        (vec!["create", "acme", "--label", " "], "1 to 100 characters"),
        (vec!["rotate", "acme", "other"], "no SCIM token"),
    ] {
        let refused = server.try_admin(&[&["scim-token"], arguments.as_slice()].concat(), "");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.contains(told), "{arguments:?}: {text}");
    }
    server.admin(&["org", "disable", "acme"]);
    assert_eq!(status(&server, &third), 401);
    server.admin(&["org", "enable", "acme"]);
    assert_eq!(status(&server, &third), 200);
    let events = server.admin(&["audit", "list", "--account", "acme"]);
    let count =
        |action: &str| events.as_array().unwrap().iter().filter(|event| event["action"] == action).count();
    let counts = ["create", "rotate", "revoke"].map(|verb| count(&format!("org.scim_token.{verb}")));
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn owners_manage_tokens_over_http() {
    let server = server();
    let alice = crate::hub::sign_in(&server, "alice");
    let path = "/v2/orgs/acme/scim-tokens";
    let ask = |method: &str, path: &str, body: Value| crate::walk::send(&server, method, path, &alice, &body);
    let expires_at = "2999-01-01T00:00:00Z";
    let made = ask("POST", path, json!({ "label": "okta", "expires_at": expires_at })).expect(201).json();
    assert_eq!((&made["label"], &made["created_by"]), (&json!("okta"), &json!("alice")));
    assert_eq!(status(&server, &bearer(&made)), 200);
    let list = || ask("GET", path, Value::Null).expect(200).json();
    server.wait_for("the last use", || list()["results"][0]["last_used_at"].is_string());
    let listed = list();
    assert_eq!((&listed["count"], &listed["results"][0]["id"]), (&json!(1), &made["id"]));
    assert!(listed["results"][0]["last_used_at"].is_string() && listed["results"][0].get("token").is_none());
    let of_token = format!("{path}/{}", made["id"].as_str().unwrap());
    let renewed = ask("POST", &format!("{of_token}/rotate"), Value::Null).expect(200).json();
    assert_eq!((status(&server, &bearer(&made)), status(&server, &bearer(&renewed))), (401, 200));
    ask("DELETE", &of_token, Value::Null).expect(204);
    assert_eq!(status(&server, &bearer(&renewed)), 401);
    for (method, path, body, expected) in [
        ("DELETE", of_token.as_str(), Value::Null, 404),
        ("POST", path, json!({ "label": "" }), 400),
        ("POST", path, json!({ "label": "x", "expires_at": "2000-01-01T00:00:00Z" }), 400),
        ("POST", path, json!({ "label": "x", "expires_at": "tomorrow" }), 400),
        ("POST", path, json!({}), 400),
    ] {
        assert_eq!(ask(method, path, body.clone()).status, expected, "{method} {path} {body}");
    }
    for number in 0..20 {
        ask("POST", path, json!({ "label": format!("t{number}") })).expect(201);
    }
    ask("POST", path, json!({ "label": "one too many" })).expect(409);
    // Neither an access token nor a member who is no owner does this.
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    let bob = crate::hub::sign_in(&server, "bob");
    let token = server.admin(&["token", "create", "alice", "--label", "t", "--scope", "repo:admin"]);
    let token = crate::hub::session(&server, "alice", token["token"].as_str().unwrap());
    for who in [&bob, &token] {
        assert_eq!(server.get(path, who).status, 403);
    }
}

#[test]
fn a_token_is_good_for_its_directory_alone() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let secret = okta.strip_prefix("Bearer ").unwrap();
    // No other dialect takes it.
    for (method, path) in [
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/access-tokens"),
        ("GET", "/v2/orgs/acme/members"),
        ("GET", "/v2/registry"),
        ("GET", "/v2/manage/namespaces"),
    ] {
        for who in [okta.clone(), format!("Token {secret}")] {
            let status = server.send(method, path, &who, &[], b"").status;
            // SWR answers 400 when no credential of its own comes.
            assert!(status == 401 || (status == 400 && path.contains("manage")), "{method} {path}: {status}");
        }
    }
    server.get("/v2/", &format!("acme:{secret}")).expect(401);
    let sign_in = json!({ "username": "acme", "password": secret });
    crate::walk::send(&server, "POST", "/v2/users/login", "", &sign_in).expect(401);
    // And no other credential is one.
    let session = crate::hub::sign_in(&server, "alice");
    let token = server.admin(&["token", "create", "acme", "--label", "t", "--scope", "repo:admin"]);
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    for who in [
        "",
        &session,
        &token,
        "alice:correct horse battery",
        "Bearer x",
        "Bearer lss_",
        &format!("Bearer lss_{}", "0".repeat(64)),
    ] {
        let refused = send(&server, "GET", "/Users", who, &Value::Null);
        assert_eq!(refusal(&refused), (401, String::new()), "{who}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }
}

#[test]
fn too_many_requests_are_refused() {
    let server =
        Server::with(&["--set", "limits.requests_per_account=3", "--set", "limits.requests_per_address=0"]);
    let okta = provider(&server, "acme", "okta");
    let answers: Vec<_> = (0..8).map(|_| send(&server, "GET", "/Users", &okta, &Value::Null)).collect();
    assert_eq!(answers[0].status, 200);
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refusal(refused), (429, String::new()));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[test]
fn organizations_provision_when_the_operator_trusts_them() {
    let server = server();
    let bob = crate::hub::sign_in(&server, "bob");
    let ask = |path: &str, body: Value| crate::walk::send(&server, "POST", path, &bob, &body).status;
    // One that somebody made for himself may not.
    let made = crate::docr::bearer(&server, "bob", "repo:admin");
    let shop = json!({ "name": "shop", "subscription_tier_slug": "basic" });
    let created = crate::walk::send(&server, "POST", "/v2/registry", &made, &shop);
    assert!([200, 201].contains(&created.status), "{}", created.status);
    let path = "/v2/orgs/shop/scim-tokens";
    let refused = crate::walk::send(&server, "POST", path, &bob, &json!({ "label": "x" })).expect(403);
    assert!(String::from_utf8_lossy(&refused.body).contains("org set shop --provisioning on"));
    server.admin(&["org", "set", "shop", "--provisioning", "on"]);
    assert_eq!(ask(path, json!({ "label": "x" })), 201);
    let okta = provider(&server, "shop", "okta");
    assert_eq!(status(&server, &okta), 200);
    server.admin(&["org", "set", "shop", "--provisioning", "off"]);
    assert_eq!((status(&server, &okta), ask(path, json!({ "label": "y" }))), (401, 403));
}
