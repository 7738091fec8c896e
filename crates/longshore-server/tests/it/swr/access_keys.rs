//! Access keys over HTTP, and signing Docker in with them.

use serde_json::{Value, json};

use super::{access_key, push, send, shop, token};
use crate::server::Server;

/// Returns user name and password of a login command.
fn login(answer: &crate::server::Answer) -> (String, String) {
    let command: Vec<&str> = answer.header("x-swr-dockerlogin").split(' ').collect();
    let ["docker", "login", "-u", user, "-p", password, _] = command.as_slice() else {
        panic!("{command:?}");
    };
    ((*user).to_owned(), (*password).to_owned())
}

fn secret(server: &Server, who: &str, query: &str) -> (String, String) {
    login(&send(server, "POST", &format!("/v2/manage/utils/secret{query}"), who, &Value::Null).expect(200))
}

fn sha256_hmac(key: &str, text: &str) -> String {
    // What the documents tell users to type.
    let command = format!(
        "printf '%s' '{text}' | openssl dgst -binary -sha256 -hmac '{key}' | od -An -vtx1 | tr -d ' \\n'"
    );
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_temporary_login_pushes_and_pulls_and_does_nothing_else() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let answer = send(&server, "POST", "/v2/manage/utils/secret", &alice, &Value::Null).expect(200);
    let (user, password) = login(&answer);
    assert!(user.starts_with("eu-de@LS"), "{user}");
    let auths = answer.json()["auths"].clone();
    assert!(auths[server.host()]["auth"].is_string(), "{auths}");
    let expires_at: jiff::Timestamp = answer.header("x-swr-expireat").parse().unwrap();
    let hours = expires_at.duration_since(crate::hub::authentication::time()).as_secs_f64() / 3600.0;
    assert!((5.9..6.1).contains(&hours), "{hours}");
    let docker = format!("{user}:{password}");
    push(&server, &docker, "shop/app", "v1");
    push(&server, &docker, "alice/app", "v1");
    server.get("/v2/shop/app/manifests/v1", &docker).expect(200);
    server.token(&docker, &["repository:shop/app:pull,push"]);
    server.send("DELETE", "/v2/shop/app/manifests/v1", &docker, &[], b"").expect(403);
    // The project in the name is one's own.
    for project in ["alice", "shop"] {
        let user = user.replace("eu-de", project);
        server.get("/v2/shop/app/manifests/v1", &format!("{user}:{password}")).expect(200);
    }
    for (user, password) in [
        (user.replace("eu-de", "bob"), password.clone()),
        (user.replace("eu-de@", ""), password.clone()),
        (user.clone(), "0".repeat(64)),
        (user.clone(), String::new()),
        ("eu-de@LSAAAAAAAAAAAAAAAAAA".to_owned(), password.clone()),
    ] {
        server.get("/v2/shop/app/manifests/v1", &format!("{user}:{password}")).expect(401);
    }
    // It is no password of other APIs.
    let sign_in = json!({ "username": user, "password": password });
    send(&server, "POST", "/v2/users/login", "", &sign_in).expect(401);
    // It does not use up what is there for access tokens, and its owner sees and ends it.
    let listed = server.admin(&["token", "list", "alice"]);
    let listed = listed.as_array().unwrap().iter().find(|token| token["access_key"].is_string()).unwrap();
    server.admin(&["token", "delete", "alice", listed["id"].as_str().unwrap()]);
    server.wait_for("the login to end", || server.get("/v2/shop/app/manifests/v1", &docker).status == 401);
}

#[test]
fn a_login_of_an_organizations_project_is_for_that_alone() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let of_shop = token(&server, "alice", "shop");
    let logins = [secret(&server, &alice, "?projectname=shop"), secret(&server, &of_shop, "")];
    for (user, password) in logins {
        assert!(user.starts_with("shop@"), "{user}");
        push(&server, &format!("{user}:{password}"), "shop/app", "v1");
        // Whatever project its name says.
        for project in ["shop", "alice", "eu-de"] {
            let docker = format!("{}:{password}", user.replace("shop", project));
            server.send("POST", "/v2/alice/app/blobs/uploads/", &docker, &[], b"").expect(403);
        }
    }
    let path = "/v2/manage/utils/secret?projectname=";
    send(&server, "POST", &format!("{path}acme"), &of_shop, &Value::Null).expect(401);
    send(&server, "POST", &format!("{path}bob"), &alice, &Value::Null).expect(400);
}

#[test]
fn a_login_ends_with_the_token_that_it_was_made_with() {
    let server = shop(&[]);
    let made = server.admin(&["token", "create", "alice", "--label", "t", "--scope", "repo:read"]);
    let reads = format!("Token {}", made["token"].as_str().unwrap());
    let (user, password) = secret(&server, &reads, "");
    let docker = format!("{user}:{password}");
    push(&server, &super::pusher(), "shop/app", "v1");
    server.get("/v2/shop/app/manifests/v1", &docker).expect(200);
    // What it was made with may not push.
    server.send("POST", "/v2/shop/app/blobs/uploads/", &docker, &[], b"").expect(403);
    server.admin(&["token", "delete", "alice", made["id"].as_str().unwrap()]);
    server.wait_for("the login to end", || server.get("/v2/shop/app/manifests/v1", &docker).status == 401);
}

#[test]
fn a_long_term_login_is_computed_from_the_keys() {
    let server = shop(&[]);
    let (access, secret_key) = access_key(&server, "alice", "repo:write");
    let docker = format!("eu-de@{access}:{}", sha256_hmac(&secret_key, &access));
    push(&server, &docker, "shop/app", "v1");
    server.get("/v2/shop/app/manifests/v1", &docker).expect(200);
    // The keys themselves are no passwords.
    server.get("/v2/", &format!("alice:{secret_key}")).expect(401);
    server.get("/v2/", &format!("eu-de@{access}:{secret_key}")).expect(401);
    server.get("/v2/", &format!("{secret_key}:{secret_key}")).expect(401);
    server.admin(&["user", "disable", "alice"]);
    server.wait_for("the keys to end", || server.get("/v2/", &docker).status == 401);
}

#[test]
fn users_manage_their_own_keys_by_password() {
    let server = shop(&[]);
    let (alice, bob) = (token(&server, "alice", "eu-de"), token(&server, "bob", "bob"));
    let path = "/v3.0/OS-CREDENTIAL/credentials";
    let new = json!({ "credential": { "description": "for ci" } });
    let made = send(&server, "POST", path, &alice, &new).expect(201).json()["credential"].clone();
    let (access, secret_key) = (made["access"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!((made["status"].as_str(), made["description"].as_str()), (Some("active"), Some("for ci")));
    let one = format!("{path}/{access}");
    assert!(
        send(&server, "GET", &one, &alice, &Value::Null).expect(200).json()["credential"]["secret"].is_null()
    );
    send(&server, "GET", &one, &bob, &Value::Null).expect(404);
    let list = format!("{path}?user_id={}", super::project_id(&server, "bob", "bob"));
    send(&server, "GET", &list, &alice, &Value::Null).expect(403);
    // Keys make no keys.
    let reads = crate::docr::bearer(&server, "alice", "repo:admin").replace("Bearer", "Token");
    send(&server, "POST", path, &reads, &new).expect(403);
    let docker = format!("eu-de@{access}:{}", sha256_hmac(secret_key, access));
    server.get("/v2/", &docker).expect(200);
    let off = json!({ "credential": { "status": "inactive" } });
    send(&server, "PUT", &one, &alice, &off).expect(200);
    server.wait_for("the keys to be off", || server.get("/v2/", &docker).status == 401);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(204);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(404);
}

#[test]
fn access_keys_are_managed_in_ones_own_project() {
    let server = shop(&[]);
    let (own, scoped) = (token(&server, "alice", "eu-de"), token(&server, "alice", "shop"));
    let path = "/v3.0/OS-CREDENTIAL/credentials";
    let wanted = json!({ "credential": { "description": "ci" } });
    // Keys are for all that their user may do, and the token is for the organization.
    send(&server, "POST", path, &scoped, &wanted).expect(401);
    let made = send(&server, "POST", path, &own, &wanted).expect(201).json();
    let one = format!("{path}/{}", made["credential"]["access"].as_str().unwrap());
    send(&server, "GET", path, &scoped, &Value::Null).expect(401);
    send(&server, "GET", &one, &scoped, &Value::Null).expect(401);
    send(&server, "PUT", &one, &scoped, &json!({ "credential": { "status": "inactive" } })).expect(401);
    send(&server, "DELETE", &one, &scoped, &Value::Null).expect(401);
    assert_eq!(
        send(&server, "GET", &one, &own, &Value::Null).expect(200).json()["credential"]["status"],
        "active"
    );
}
