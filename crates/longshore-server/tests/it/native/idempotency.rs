//! Requests that are sent again with their key are done once.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{APP, acme, bearer, each, push_app};
use crate::server::{Answer, Client, Server};

const REPOSITORIES: &str = "/api/v1/repositories";

fn post(client: &Client, path: &str, who: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send("POST", path, who, &headers, &serde_json::to_vec(body).unwrap())
}

#[test]
fn a_request_is_done_once_and_answered_the_same() {
    let (server, alice) = acme();
    let (app, other) = (json!({ "name": "acme/one" }), json!({ "name": "acme/two" }));
    let first = post(&server, REPOSITORIES, &alice, "key-1", &app).expect(201);
    let again = post(&server, REPOSITORIES, &alice, "key-1", &app).expect(201);
    assert_eq!(first.body, again.body);
    for header in ["location", "etag", "content-type"] {
        assert_eq!(first.header(header), again.header(header), "{header}");
        assert!(!again.header(header).is_empty(), "{header}");
    }
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    // Another request with that key is not done; with another key, or of another credential, it is another one.
    let reused = post(&server, REPOSITORIES, &alice, "key-1", &other).expect(422).json();
    assert_eq!(reused["code"], "idempotency_key_reused");
    server.get("/api/v1/repositories/acme/two", &alice).expect(404);
    assert_eq!(post(&server, REPOSITORIES, &alice, "key-2", &app).expect(409).json()["code"], "exists");
    let same = bearer(&server, "alice", "repo:admin");
    assert_eq!(post(&server, REPOSITORIES, &same, "key-1", &app).expect(409).json()["code"], "exists");
    post(&server, REPOSITORIES, &alice, "key-3", &other).expect(201);
    // What was refused has changed nothing, and is decided anew.
    let taken = json!({ "name": "acme/four" });
    server.send(
        "POST",
        REPOSITORIES,
        &alice,
        &[("content-type", "application/json")],
        taken.to_string().as_bytes(),
    );
    assert_eq!(post(&server, REPOSITORIES, &alice, "key-4", &taken).expect(409).json()["code"], "exists");
    server.send("DELETE", &format!("{REPOSITORIES}/acme/four"), &alice, &[], b"").expect(204);
    post(&server, REPOSITORIES, &alice, "key-4", &taken).expect(201);
    let again = post(&server, REPOSITORIES, &alice, "key-4", &taken).expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    for bad in ["", "a b", &"x".repeat(256)] {
        let refused = post(&server, REPOSITORIES, &alice, bad, &json!({ "name": "acme/three" })).expect(400);
        assert_eq!(refused.json()["field"], "Idempotency-Key", "{bad:?}");
    }
    server.get("/api/v1/repositories/acme/three", &alice).expect(404);
    // Nobody's key is nobody's answer.
    post(&server, REPOSITORIES, "", "key-1", &app).expect(401);
}

#[test]
fn a_deletion_that_is_sent_again_names_the_same_deletion() {
    let (server, alice) = acme();
    let digest = push_app(&server, "v1");
    let path = format!("{APP}/-/deletions");
    let body = json!({ "digests": [digest] });
    let first = post(&server, &path, &alice, "k", &body).expect(200);
    // It comes back meanwhile, and does not go again.
    let id = first.header("longshore-deletion").to_owned();
    assert!(!id.is_empty());
    let restored = post(&server, &format!("/api/v1/deletions/{id}/restore"), &alice, "r", &json!({}));
    assert_eq!(restored.expect(200).json()["tags"], 1);
    let again = post(&server, &path, &alice, "k", &body).expect(200);
    assert_eq!((again.header("longshore-deletion"), &again.body), (id.as_str(), &first.body));
    server.get(&format!("{APP}/-/tags/v1"), &alice).expect(200);
    let list = server.get("/api/v1/deletions?namespace=acme", &alice).expect(200).json();
    assert_eq!(each(&list, "id"), [id]);
}

#[test]
fn a_client_that_went_away_learns_what_became_of_its_request() {
    let (server, alice) = acme();
    let body = json!({ "name": "acme/lost" });
    let text = body.to_string();
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {REPOSITORIES} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {alice}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: lost\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    // Long enough for it to begin, and gone before it reads anything.
    std::thread::sleep(Duration::from_millis(5));
    drop(stream);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = post(&server, REPOSITORIES, &alice, "lost", &body);
        if answer.status == 409 {
            // Being handled; never that it is there, which would be somebody else's.
            assert_eq!(answer.json()["code"], "request_in_progress");
            assert_eq!(answer.header("retry-after"), "1");
            assert!(Instant::now() < until, "it is not answered");
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        break;
    }
}

#[test]
fn a_secret_is_told_again_and_written_down_nowhere_as_it_is() {
    let server = Server::embedded();
    let alice = crate::hub::sign_in(&server, "alice");
    let body = br#"{"label":"ci","scope":"repo:read"}"#;
    let headers = [("content-type", "application/json"), ("idempotency-key", "secret-1")];
    let make = || server.send("POST", "/api/v1/accounts/alice/tokens", &alice, &headers, body).expect(201);
    let (first, again) = (make(), make());
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.json(), again.json());
    let secret = first.json()["secret"].as_str().unwrap().to_owned();
    for name in ["longshore.db", "longshore.db-wal"] {
        let bytes = std::fs::read(server.data().join(name)).unwrap_or_default();
        let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_there, "{name}");
    }
    let tokens = server.get("/api/v1/accounts/alice/tokens", &alice).expect(200).json();
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1, "made once: {tokens}");
}
