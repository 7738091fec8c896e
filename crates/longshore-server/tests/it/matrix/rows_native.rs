//! How the operations of our own API are asked for.

use longshore_api_native::routes::Route;
use serde_json::json;

use super::door::Door;
use super::rows::Row;
use super::rows_hub::fresh_repository;
use super::rows_oci::fresh_image;
use super::world::{Hands, Vars};
use crate::server::Answer;

/// A tag of `app` that was deleted.
fn deleted_tag(hands: &Hands<'_>) -> Vars {
    let mut vars = fresh_image(hands);
    let path = format!("/api/v1/repositories/acme/app/-/tags/{}", vars["tag"]);
    let answer = hands.server.send("DELETE", &path, hands.docr("acme"), &[], b"").expect(204);
    vars.insert("id".into(), answer.header("longshore-deletion").into());
    vars
}

/// Of the many deletions, whether there are such of `app`.
fn in_app(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let of_app =
        items.iter().any(|item| item["repository"].as_str().is_some_and(|name| name.ends_with("/app")));
    if of_app { vec!["some".into()] } else { Vec::new() }
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let path = route.path.replace("{repository}", "{org}/{repository}");
    let row = || Row::new(Door::Native, route.operation, route.method.as_str(), &path);
    match route.operation {
        "get_about" | "get_whoami" | "get_repository" | "get_image" | "list_tag_history" => vec![row()],
        "list_repositories" => {
            let of = |namespace: &str| {
                row().query(&format!("limit=1000&namespace={namespace}")).names("items/*/name")
            };
            vec![
                row().query("limit=1000").names("items/*/name"),
                of("{org}").named("acme"),
                of("globex").named("globex"),
            ]
        }
        "create_repository" => vec![row().body(json!({ "name": "{org}/made{n}" }))],
        "change_repository" => vec![row().body(json!({ "description": "the app" }))],
        "delete_repository" => vec![row().made(fresh_repository)],
        "list_tags" => vec![
            row().names("items/*/name"),
            row().query("as_of=2026-01-01T00:00:00Z").named("past").names("items/*/name"),
        ],
        "get_tag" => vec![row()],
        "set_tag" => vec![row().with("{tag}", "made{n}").body(json!({ "from": "v1" }))],
        "delete_tag" => vec![row().made(fresh_image)],
        "roll_back_tag" => vec![row().body(json!({ "to": "{digest}" }))],
        "list_changes" => vec![row().query("from=2026-01-01T00:00:00Z").names("items/*/name")],
        "compare_images" => vec![row().query("from=v1&to={digest}")],
        "create_deletion" => vec![
            row().body(json!({ "digests": ["{digest}"] })).made(fresh_image),
            row().body(json!({ "tags": ["v1"], "dry_run": true })).named("plan"),
        ],
        "list_deletions" => vec![row().query("namespace={org}").made(deleted_tag).names_by(in_app)],
        "get_deletion" | "restore_deletion" => vec![row().made(deleted_tag)],
        "list_images" => vec![row().names("items/*/tags/*")],
        _ => Vec::new(),
    }
}
