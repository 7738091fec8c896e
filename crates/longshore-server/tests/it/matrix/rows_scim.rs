//! How the operations of the SCIM dialect are asked for.

use longshore_api_scim::routes::Route;
use serde_json::{Value, json};

use super::door::{Credential, Door};
use super::rows::{Phase, Row};
use super::world::{Hands, Vars};
use crate::scim::{GROUP, USER, send};

fn make(hands: &Hands<'_>, path: &str, body: &Value) -> Vars {
    let Credential::Bearer(token) = &hands.world.scim else { unreachable!("a SCIM token") };
    let made = send(hands.server, "POST", path, &format!("Bearer {token}"), body).expect(201).json();
    [("id".to_owned(), made["id"].as_str().unwrap().to_owned())].into()
}

fn fresh_user(hands: &Hands<'_>) -> Vars {
    let name = format!("made{}@example.org", hands.number());
    make(hands, "/Users", &json!({ "schemas": [USER], "userName": name }))
}

fn fresh_group(hands: &Hands<'_>) -> Vars {
    let name = format!("made{}", hands.number());
    make(hands, "/Groups", &json!({ "schemas": [GROUP], "displayName": name }))
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let row = || Row::new(Door::Scim, route.operation, route.method.as_str(), route.path);
    let user = || json!({ "schemas": [USER], "userName": "made{n}@example.org", "active": true });
    let group = || json!({ "schemas": [GROUP], "displayName": "made{n}" });
    let patch = json!({ "Operations": [{ "op": "replace", "path": "externalId", "value": "x{n}" }] });
    let search =
        || json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 100 });
    let one = match route.operation {
        "get_service_provider_config" | "list_resource_types" | "list_schemas" => row(),
        "get_resource_type" => row().with("{name}", "User"),
        "get_schema" => row().with("{id}", USER),
        "list_users" => row().names("Resources/*/userName"),
        "list_groups" => row().names("Resources/*/displayName"),
        "search_users" => row().body(search()).in_phase(Phase::Looking).names("Resources/*/userName"),
        "search_groups" => row().body(search()).in_phase(Phase::Looking).names("Resources/*/displayName"),
        "search_all" => row().body(search()).in_phase(Phase::Looking).names("Resources/*/displayName"),
        "create_user" => row().body(user()),
        "create_group" => row().body(group()),
        "get_user" | "delete_user" => row().made(fresh_user),
        "get_group" | "delete_group" => row().made(fresh_group),
        "replace_user" => row().body(user()).made(fresh_user),
        "replace_group" => row().body(group()).made(fresh_group),
        "patch_user" => row().body(patch).made(fresh_user),
        "patch_group" => row().body(patch).made(fresh_group),
        "bulk" => row()
            .body(json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [{ "method": "POST", "path": "/Groups", "bulkId": "a", "data": group() }],
            }))
            .names("Operations/*/status"),
        "get_me" | "delete_me" => row(),
        "create_me" | "replace_me" | "patch_me" => row().body(user()),
        _ => return Vec::new(),
    };
    vec![one]
}
