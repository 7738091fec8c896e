//! The DigitalOcean dialect.

mod credentials;
mod garbage_collection;
mod lists;
mod operations;
mod pydo;
mod refusals;
mod registries;
mod schemathesis;

use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use crate::server::{Client, Server, user};
pub use crate::walk::send;

/// Makes an access token of a user, or of an organization, by the operator and gives the credential of requests.
#[track_caller]
pub fn bearer(server: &Server, account: &str, scope: &str) -> String {
    let made = server.admin(&["token", "create", account, "--label", scope, "--scope", scope]);
    format!("Bearer {}", made["token"].as_str().unwrap())
}

/// Creates a registry.
#[track_caller]
pub fn registry(client: &Client, who: &str, name: &str, tier: &str) -> Value {
    let body = json!({ "name": name, "subscription_tier_slug": tier });
    send(client, "POST", "/v2/registry", who, &body).expect(201).json()
}

/// Pushes an image with one layer under a tag, and gives its digest.
#[track_caller]
pub fn push(client: &Client, who: &str, repository: &str, tag: &str) -> String {
    let config = format!("{{\"tag\":\"{tag}\"}}");
    let layer = format!("layer of {tag}");
    client.push_blob(who, repository, config.as_bytes());
    client.push_blob(who, repository, layer.as_bytes());
    let manifest = image(config.as_bytes(), &[layer.as_bytes()]);
    client.push_manifest(who, repository, tag, &manifest).expect(201);
    digest_of(&manifest).to_string()
}

/// Starts a server with the registry `shop` of alice, and gives her credential.
pub fn shop(arguments: &[&str]) -> (Server, String) {
    // Tests ask often how far things are.
    let server = Server::with(&[&["--set", "limits.requests_per_account=0"], arguments].concat());
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "shop", "professional");
    (server, alice)
}

/// Returns the user and secret of a Docker configuration file, with the host.
#[track_caller]
pub fn docker_login(config: &Value) -> (String, String) {
    use base64::Engine;
    let (host, entry) = config["auths"].as_object().unwrap().iter().next().unwrap();
    let auth = base64::engine::general_purpose::STANDARD.decode(entry["auth"].as_str().unwrap()).unwrap();
    let auth = String::from_utf8(auth).unwrap();
    assert_eq!(auth.matches(':').count(), 1, "clients split it there");
    (host.clone(), auth)
}

/// The password login of alice, for pushing.
pub fn pusher() -> String {
    user("alice")
}
