//! The registry's own API.

mod administrators;
mod deletions;
mod email;
mod history;
mod idempotency;
mod lists;
mod operations;
mod problems;
mod schemathesis;

use serde_json::Value;

pub use crate::docr::{bearer, push};
use crate::server::{Client, Server, user};
pub use crate::walk::send;

/// Path of the repository that most tests are about.
pub const APP: &str = "/api/v1/repositories/acme/team/app";

/// Starts a server without limits of requests, and gives the credential of alice.
pub fn acme() -> (Server, String) {
    let arguments = ["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"];
    let server = Server::with(&arguments);
    let alice = bearer(&server, "alice", "repo:admin");
    (server, alice)
}

/// Pushes an image of one layer under a tag, and gives its digest.
#[track_caller]
pub fn push_app(client: &Client, tag: &str) -> String {
    push(client, &user("alice"), "acme/team/app", tag)
}

/// Returns a member of each entry of a page.
#[track_caller]
pub fn each(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

/// Follows a list to its end, and gives a member of each entry. Each page has at most as many entries as are asked for.
#[track_caller]
pub fn follow(client: &Client, who: &str, path: &str, limit: usize, member: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut next = Some(format!("{path}{separator}limit={limit}"));
    while let Some(path) = next {
        let answer = client.get(&path, who).expect(200);
        let page = answer.json();
        let items = each(&page, member);
        assert!(items.len() <= limit, "{path}");
        seen.extend(items);
        let link = answer.header("link").to_owned();
        next = link.strip_prefix('<').map(|rest| {
            let (link, rest) = rest.split_once('>').unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            assert!(link.contains(&format!("after={}", page["next"].as_str().unwrap())), "{link}");
            link.strip_prefix(&client.url).unwrap_or(link).to_owned()
        });
        assert_eq!(next.is_some(), page["next"].is_string());
    }
    seen
}
