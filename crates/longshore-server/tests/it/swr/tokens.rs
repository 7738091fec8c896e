//! Signing in as Keystone's clients do, and what ends a token.

use std::time::Duration;

use serde_json::{Value, json};

use super::{credentials, project_id, send, shop, token};
use crate::hub::authentication;
use crate::server::{Answer, PASSWORD, Server};

fn sign_in(server: &Server, user: Value, scope: Value) -> Answer {
    let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    send(server, "POST", "/v3/auth/tokens", "", &json!({ "auth": auth }))
}

fn overview(server: &Server, who: &str) -> Answer {
    send(server, "GET", "/v2/manage/overview", who, &Value::Null)
}

#[test]
fn users_and_projects_are_named_by_name_or_id() {
    let server = shop(&[]);
    let (alice, of_shop) = (project_id(&server, "alice", "alice"), project_id(&server, "alice", "shop"));
    let by_name = json!({ "name": "alice", "password": PASSWORD, "domain": { "name": "alice" } });
    let by_id = json!({ "id": alice, "password": PASSWORD });
    for (user, scope, project, id) in [
        (&by_name, Value::Null, "alice", &alice),
        (&by_name, json!({}), "alice", &alice),
        (&by_name, json!({ "project": { "name": "eu-de" } }), "eu-de", &alice),
        (
            &by_name,
            json!({ "project": { "name": "eu-de", "domain": { "name": "shop" } } }),
            "eu-de",
            &of_shop,
        ),
        (&by_id, json!({ "project": { "name": "shop", "domain": { "id": of_shop } } }), "shop", &of_shop),
        (&by_id, json!({ "project": { "id": of_shop } }), "shop", &of_shop),
    ] {
        let answer = sign_in(&server, user.clone(), scope.clone()).expect(201);
        let token = answer.json()["token"].clone();
        assert_eq!(
            (&token["project"]["name"], &token["project"]["id"]),
            (&json!(project), &json!(id)),
            "{scope}"
        );
        assert_eq!((&token["user"]["name"], &token["user"]["id"]), (&json!("alice"), &json!(alice)));
        let catalog = token["catalog"].as_array().unwrap();
        let swr = catalog.iter().find(|service| service["type"] == "swrv2").unwrap();
        assert_eq!(swr["endpoints"][0]["url"], format!("{}/v2", server.url));
        let who = format!("Token {}", answer.header("x-subject-token"));
        assert_eq!(overview(&server, &who).expect(200).json()["domain_id"], json!(id), "{scope}");
    }
    for scope in [json!({ "domain": { "name": "shop" } }), json!({ "domain": { "id": of_shop } })] {
        let answer = sign_in(&server, by_name.clone(), scope).expect(201).json();
        assert_eq!(answer["token"]["domain"]["name"], "shop");
    }
    let silent = send(&server, "POST", "/v3/auth/tokens?nocatalog=1", "", &credentials("alice", "alice"));
    assert!(silent.expect(201).json()["token"].get("catalog").is_none());
}

#[test]
fn what_is_wrong_is_refused_as_keystone_does() {
    let server = shop(&[]);
    let bob = project_id(&server, "bob", "bob");
    let right = || json!({ "name": "alice", "password": PASSWORD });
    let refuse = |user: Value, scope: Value, status: u16| {
        let answer = sign_in(&server, user.clone(), scope.clone());
        assert_eq!(answer.status, status, "{user} {scope}");
        assert_eq!(answer.json()["error"]["code"], json!(status));
        assert!(answer.header("x-subject-token").is_empty());
    };
    refuse(json!({ "name": "alice", "password": "wrong" }), Value::Null, 401);
    refuse(json!({ "name": "nobody", "password": PASSWORD }), Value::Null, 401);
    refuse(json!({ "id": bob, "password": "wrong" }), Value::Null, 401);
    refuse(json!({ "id": "0".repeat(32), "password": PASSWORD }), Value::Null, 401);
    refuse(json!({ "id": "alice", "password": PASSWORD }), Value::Null, 401);
    refuse(json!({ "name": "alice", "password": PASSWORD, "domain": { "name": "bob" } }), Value::Null, 401);
    refuse(json!({ "password": PASSWORD }), Value::Null, 400);
    for scope in [
        json!({ "project": { "name": "bob" } }),
        json!({ "project": { "id": bob } }),
        json!({ "project": { "id": "x" } }),
        json!({ "project": { "name": "eu-de", "domain": { "name": "bob" } } }),
        json!({ "domain": { "name": "nothing" } }),
    ] {
        refuse(right(), scope, 401);
    }
    refuse(right(), json!({ "project": {} }), 400);
    for body in [
        json!({}),
        json!({ "auth": { "identity": { "methods": [] } } }),
        json!({ "auth": { "identity": { "methods": ["password"] } } }),
        json!({ "auth": { "identity": { "methods": ["token"] } } }),
        json!({ "auth": { "identity": { "methods": ["totp"], "totp": { "user": { "passcode": "1" } } } } }),
    ] {
        send(&server, "POST", "/v3/auth/tokens", "", &body).expect(400);
    }
    let other = send(&server, "GET", "/v3/users", "", &Value::Null).expect(404);
    assert_eq!(other.json()["error"]["title"], "Not Found");
}

#[test]
fn a_token_is_shown_exchanged_and_ended() {
    let server = shop(&[]);
    let (alice, bob) = (token(&server, "alice", "eu-de"), token(&server, "bob", "bob"));
    let secret = &alice["Token ".len()..];
    let subject = |method: &str, who: &str, token: &str| {
        server.send(method, "/v3/auth/tokens", who, &[("x-subject-token", token)], b"").status
    };
    assert_eq!(subject("GET", &alice, secret), 200);
    assert_eq!(subject("HEAD", &alice, secret), 200);
    assert_eq!(subject("GET", &bob, secret), 404);
    assert_eq!(subject("GET", &alice, "x"), 404);
    assert_eq!(subject("DELETE", &bob, secret), 403);
    let exchange = |token: &str, project: &str| {
        let body = json!({ "auth": {
            "identity": { "methods": ["token"], "token": { "id": token } },
            "scope": { "project": { "name": project } },
        } });
        send(&server, "POST", "/v3/auth/tokens", "", &body)
    };
    let of_shop = exchange(secret, "shop").expect(201);
    let (narrow, ends) = (of_shop.header("x-subject-token").to_owned(), of_shop.json());
    let shown = server.send("GET", "/v3/auth/tokens", &alice, &[("x-subject-token", secret)], b"").json();
    assert!(ends["token"]["expires_at"].as_str() <= shown["token"]["expires_at"].as_str());
    // Narrow stays narrow.
    exchange(&narrow, "acme").expect(401);
    exchange(&narrow, "alice").expect(401);
    let second = exchange(&narrow, "shop").expect(201).header("x-subject-token").to_owned();
    // What ends in between ends alone; with the first all end.
    let other = token(&server, "alice", "eu-de");
    assert_eq!(subject("DELETE", &other, &narrow), 204);
    overview(&server, &format!("Token {narrow}")).expect(401);
    overview(&server, &format!("Token {second}")).expect(200);
    assert_eq!(subject("DELETE", &alice, secret), 204);
    overview(&server, &alice).expect(401);
    exchange(secret, "shop").expect(401);
    overview(&server, &format!("Token {second}")).expect(401);
    exchange(&second, "shop").expect(401);
    // Ending it again changes nothing.
    assert_eq!(subject("DELETE", &other, secret), 204);
}

#[test]
fn a_token_ends_with_what_it_was_made_from() {
    let server = shop(&[]);
    let by_password = token(&server, "alice", "eu-de");
    let made = server.admin(&["token", "create", "alice", "--label", "t", "--scope", "repo:read"]);
    let user = json!({ "name": "alice", "password": made["token"] });
    let by_token = sign_in(&server, user, Value::Null).expect(201).header("x-subject-token").to_owned();
    let by_token = format!("Token {by_token}");
    let of_shop = token(&server, "alice", "shop");
    for who in [&by_password, &by_token, &of_shop] {
        overview(&server, who).expect(200);
    }
    // It may do what the access token may.
    let name = json!({ "namespace": "new" });
    send(&server, "POST", "/v2/manage/namespaces", &by_token, &name).expect(403);
    server.admin(&["token", "disable", "alice", made["id"].as_str().unwrap()]);
    server.wait_for("the token to end", || overview(&server, &by_token).status == 401);
    server.admin(&["org", "set-member", "shop", "bob", "--role", "owner"]);
    server.admin(&["org", "remove-member", "shop", "alice"]);
    server.wait_for("the project to close", || overview(&server, &of_shop).status == 401);
    overview(&server, &by_password).expect(200);
    server.admin(&["user", "disable", "alice"]);
    server.wait_for("the account to close", || overview(&server, &by_password).status == 401);
}

#[test]
fn a_second_factor_is_asked_for() {
    let server = shop(&[]);
    let session = crate::hub::sign_in(&server, "alice");
    let enrol = |path: &str, body: Value| {
        send(&server, "POST", &format!("/v2/user/2fa/{path}"), &session, &body).expect(200).json()
    };
    let begun = enrol("enrol", json!({ "password": PASSWORD }));
    let secret = authentication::secret(begun["secret"].as_str().unwrap());
    let code = |steps: u64| secret.code_at(authentication::time() + Duration::from_secs(30 * steps)).unwrap();
    enrol("confirm", json!({ "code": code(0) }));
    // A code works once.
    let code = code(1);
    let password = json!({ "user": { "name": "alice", "password": PASSWORD } });
    let with = |methods: Value, totp: Value| {
        let mut identity = json!({ "methods": methods, "password": password });
        if !totp.is_null() {
            identity["totp"] = totp;
        }
        send(&server, "POST", "/v3/auth/tokens", "", &json!({ "auth": { "identity": identity } })).status
    };
    let passcode = |code: &str| json!({ "user": { "passcode": code } });
    assert_eq!(with(json!(["password"]), Value::Null), 401);
    assert_eq!(with(json!(["password"]), passcode(&code)), 401);
    assert_eq!(with(json!(["password", "totp"]), Value::Null), 401);
    assert_eq!(with(json!(["password", "totp"]), passcode("000000")), 401);
    assert_eq!(with(json!(["password", "totp"]), passcode(&code)), 201);
}

#[test]
fn versions_stand_beside_what_else_is_at_their_paths() {
    let server = Server::bare(&[]);
    let version = server.get("/v3/", "").expect(200).json();
    assert_eq!(version["version"]["status"], "stable");
    assert!(server.get("/v3", "").expect(200).json()["version"]["id"].as_str().unwrap().starts_with("v3"));
    let json = server.send("GET", "/", "", &[("accept", "application/json")], b"").expect(200).json();
    assert_eq!(json["versions"][0]["id"], "v2");
    let page = server.send("GET", "/", "", &[("accept", "text/plain")], b"").expect(200);
    assert_eq!(page.header("content-type"), "text/plain; charset=utf-8");
    let led = server.send("GET", "/", "", &[("accept", "text/html")], b"").expect(303);
    assert_eq!(led.header("location"), "/ui/");
    // Registry clients ask at the same path whether this is a registry.
    server.get("/v2/", "").expect(401);
    server.get("/v2", "").expect(401);
    let shown = server.send("GET", "/v2", "", &[("x-auth-token", "")], b"").expect(200).json();
    assert_eq!(shown["version"]["min_version"], "2.0");
}
