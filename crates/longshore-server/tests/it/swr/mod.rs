//! The SWR dialect.

mod access_keys;
mod clients;
mod errors;
mod operations;
mod permissions;
mod refusals;
mod retention;
mod schemathesis;
mod signatures;
mod tags;
mod tokens;

use longshore_testkit::images::image;
use serde_json::{Value, json};

use crate::server::{Client, PASSWORD, Server, user};
pub use crate::walk::send;

/// Starts a server with the organization `shop` of alice.
pub fn shop(arguments: &[&str]) -> Server {
    let unlimited = ["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"];
    let server = Server::with(&[&unlimited, arguments].concat());
    server.admin(&["org", "create", "shop", "--owner", "alice"]);
    server
}

/// Returns the body that signs a user in to a project.
pub fn credentials(name: &str, project: &str) -> Value {
    json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": { "name": name, "password": PASSWORD } } },
        "scope": { "project": { "name": project } },
    } })
}

/// Signs a user in to a project, and gives the credential of requests.
#[track_caller]
pub fn token(client: &Client, name: &str, project: &str) -> String {
    let answer = send(client, "POST", "/v3/auth/tokens", "", &credentials(name, project)).expect(201);
    format!("Token {}", answer.header("x-subject-token"))
}

/// Returns the id of the project that somebody signs in to.
#[track_caller]
pub fn project_id(client: &Client, name: &str, project: &str) -> String {
    let answer = send(client, "POST", "/v3/auth/tokens", "", &credentials(name, project)).expect(201);
    answer.json()["token"]["project"]["id"].as_str().unwrap().to_owned()
}

/// Makes an access key of a user by the operator, and gives it with the secret key.
#[track_caller]
pub fn access_key(server: &Server, name: &str, scope: &str) -> (String, String) {
    let made = server.admin(&["token", "create-access-key", name, "--label", "test", "--scope", scope]);
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("access_key"), text("secret_key"))
}

/// Pushes an image with two layers under a tag.
#[track_caller]
pub fn push(client: &Client, who: &str, repository: &str, tag: &str) {
    let config = format!("{{\"tag\":\"{tag}\"}}");
    let layers = [format!("first layer of {tag}"), "second layer".to_owned()];
    client.push_blob(who, repository, config.as_bytes());
    for layer in &layers {
        client.push_blob(who, repository, layer.as_bytes());
    }
    let manifest = image(config.as_bytes(), &[layers[0].as_bytes(), layers[1].as_bytes()]);
    client.push_manifest(who, repository, tag, &manifest).expect(201);
}

/// The password login of alice, for pushing.
pub fn pusher() -> String {
    user("alice")
}
