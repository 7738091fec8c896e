//! Administrators do from afar what the operator does, while they have proven to be there.

use serde_json::json;

use super::{acme, bearer, send};
use crate::hub::{session, sign_in};
use crate::server::{PASSWORD, Server};

#[test]
fn an_administrator_who_signed_in_does_what_the_operator_does() {
    let (server, alice) = acme();
    let admin = session(&server, "admin", PASSWORD);
    let users = server.get("/api/v1/users", &admin).expect(200).json();
    assert_eq!(users["items"][0]["name"], "admin");
    let new = json!({ "name": "dora" });
    let made = send(&server, "POST", "/api/v1/users", &admin, &new).expect(201).json();
    assert!(made["password"].is_string());
    let change = json!({ "plan": "pro" });
    send(&server, "PATCH", "/api/v1/users/dora", &admin, &change).expect(200);
    // The log says who it was.
    let log = server.admin(&["audit", "ls", "--account", "dora"]);
    let by: Vec<_> = log.as_array().unwrap().iter().map(|event| event["actor"].as_str().unwrap()).collect();
    assert_eq!(by, ["admin", "admin"]);
    // Who is none, who came with a token, and who came with what a sign-in has left, is not there.
    for who in [&alice, &sign_in(&server, "alice"), &bearer(&server, "admin", "repo:admin")] {
        server.get("/api/v1/users", who).expect(403);
        send(&server, "PATCH", "/api/v1/users/dora", who, &change).expect(403);
    }
    let login = json!({ "username": "admin", "password": PASSWORD });
    let path = "/v2/users/login?refresh_token=true";
    let refresh = send(&server, "POST", path, "", &login).expect(200).json()["refresh_token"].clone();
    let renewed = session(&server, "admin", refresh.as_str().unwrap());
    let refused = server.get("/api/v1/users", &renewed).expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("sign in again"), "{refused}");
    assert_eq!(refused["code"], "password_needed");
    // Who shows to be there has that session be one of somebody who is, and no other; no token is.
    let presence = |who: &str, password: &str| {
        send(&server, "POST", "/api/v1/account/presence", who, &json!({ "password": password }))
    };
    presence(&renewed, "not the password").expect(401);
    server.get("/api/v1/users", &renewed).expect(403);
    presence(&renewed, PASSWORD).expect(200);
    server.get("/api/v1/users", &renewed).expect(200);
    let other = session(&server, "admin", refresh.as_str().unwrap());
    server.get("/api/v1/users", &other).expect(403);
    let token = bearer(&server, "admin", "repo:admin");
    assert_eq!(presence(&token, PASSWORD).expect(403).json()["code"], "password_needed");
    let sessions = sign_in(&server, "alice");
    presence(&sessions, PASSWORD).expect(200);
    server.get("/api/v1/users", &sessions).expect(403);
    // Not any more, as soon as somebody takes it away.
    server.admin(&["user", "set", "alice", "--administrator", "true"]);
    server.admin(&["user", "set", "admin", "--administrator", "false"]);
    server.get("/api/v1/users", &admin).expect(403);
}

#[test]
fn administration_from_afar_can_be_off() {
    let server = Server::with(&["--set", "admin.remote=false"]);
    let admin = session(&server, "admin", PASSWORD);
    let refused = server.get("/api/v1/users", &admin).expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("admin.remote"), "{refused}");
    assert_eq!(server.admin(&["user", "ls"])[0]["name"], "admin");
}
