//! The SCIM dialect: what identity providers do.

mod bulk;
mod clients;
mod deactivation;
mod entra;
mod groups;
mod lists;
mod okta;
mod operations;
mod refusals;
mod schemathesis;
mod tokens;
mod users;

use serde_json::{Value, json};

use crate::server::{Answer, Client, Server};

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Starts a server without limits of requests, with the organization `acme` of alice.
pub fn server() -> Server {
    Server::with(&["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"])
}

/// Makes a token for the identity provider of an organization, and gives it as it is sent.
pub fn provider(server: &Server, organization: &str, label: &str) -> String {
    let made = server.admin(&["scim-token", "create", organization, "--label", label]);
    format!("Bearer {}", made["token"].as_str().unwrap())
}

/// Sends a request of an identity provider.
pub fn send(client: &Client, method: &str, path: &str, who: &str, body: &Value) -> Answer {
    let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    let headers = [("content-type", "application/scim+json")];
    let answer = client.send(method, &format!("/v2/scim/2.0{path}"), who, &headers, &bytes);
    if !answer.body.is_empty() {
        assert_eq!(answer.header("content-type"), "application/scim+json");
    }
    answer
}

/// Asks for a list with a filter.
#[track_caller]
pub fn filtered(client: &Client, what: &str, who: &str, filter: &str) -> Value {
    let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    send(client, "GET", &format!("/{what}?filter={query}"), who, &Value::Null).expect(200).json()
}

/// Makes a user.
#[track_caller]
pub fn create(client: &Client, who: &str, user_name: &str) -> Value {
    let body = json!({ "schemas": [USER], "userName": user_name });
    send(client, "POST", "/Users", who, &body).expect(201).json()
}

/// Returns the address of a user below the base.
pub fn path_of(user: &Value) -> String {
    format!("/Users/{}", user["id"].as_str().unwrap())
}

/// Changes a resource by operations.
#[track_caller]
pub fn patch(client: &Client, path: &str, who: &str, operations: Value) -> Answer {
    let body = json!({ "schemas": [PATCH], "Operations": operations });
    send(client, "PATCH", path, who, &body)
}

/// Returns the refusal of an answer: its status, and the kind that it tells.
#[track_caller]
pub fn refusal(answer: &Answer) -> (u16, String) {
    let document = answer.json();
    assert_eq!(document["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(document["status"], json!(answer.status.to_string()), "{document}");
    assert!(!document["detail"].as_str().unwrap().is_empty());
    (answer.status, document["scimType"].as_str().unwrap_or_default().to_owned())
}
