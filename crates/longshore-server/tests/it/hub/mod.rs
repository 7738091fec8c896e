//! The Docker Hub dialect.

mod access_tokens;
mod audit_logs;
pub mod authentication;
mod groups;
mod images;
mod invites;
mod limits;
mod operations;
mod org_access_tokens;
mod org_settings;
mod refusals;
mod repositories;
mod schemathesis;
mod tags;

use longshore_testkit::mail::MailServer;
use serde_json::{Value, json};

use crate::server::{Client, PASSWORD, Server};
pub use crate::walk::send;

/// Signs in and gives the credential of further requests.
#[track_caller]
pub fn session(client: &Client, user: &str, secret: &str) -> String {
    let body = json!({ "username": user, "password": secret });
    let answer = send(client, "POST", "/v2/users/login", "", &body).expect(200);
    format!("Bearer {}", answer.json()["token"].as_str().unwrap())
}

/// Signs in with the password that tests use.
#[track_caller]
pub fn sign_in(client: &Client, user: &str) -> String {
    session(client, user, PASSWORD)
}

/// Starts a server that sends mail, with further arguments.
pub fn mailing(mail: &MailServer, arguments: &[&str]) -> Server {
    let url = format!("mail.smtp_url=smtp://{}", mail.host());
    let sender = "mail.from=Registry <registry@example.org>";
    let own = ["--set", "public_url=https://registry.example.org", "--set", &url, "--set", sender];
    Server::with(&[own.as_slice(), arguments].concat())
}

/// Creates an access token and gives its document.
#[track_caller]
pub fn access_token(client: &Client, who: &str, scope: &str) -> Value {
    let body = json!({ "token_label": scope, "scopes": [scope] });
    send(client, "POST", "/v2/access-tokens", who, &body).expect(201).json()
}
