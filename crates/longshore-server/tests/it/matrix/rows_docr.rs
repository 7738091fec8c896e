//! How the operations of the DigitalOcean dialect are asked for.

use longshore_api_docr::routes::Route;
use serde_json::{Value, json};

use super::door::Door;
use super::rows::{Phase, Row};
use super::rows_hub::fresh_repository;
use super::rows_oci::fresh_image;
use super::world::{Hands, Vars, take};

fn create(hands: &Hands<'_>, name: &str, owner_of: &str) {
    let body = json!({ "name": name, "subscription_tier_slug": "professional" });
    take(hands.server, "POST", "/v2/registries", hands.docr(owner_of), &body);
}

/// `depot` is a registry, so that it can be deleted.
fn depot_is_registry(hands: &Hands<'_>) -> Vars {
    create(hands, "depot", "acme");
    Vars::new()
}

fn depot_is_none(hands: &Hands<'_>) {
    take(hands.server, "DELETE", "/v2/registries/depot", hands.docr("acme"), &Value::Null);
}

/// `depot` is no registry any more, also where nobody was asked to delete it.
fn depot_is_gone(hands: &Hands<'_>) {
    if hands.server.get("/v2/registries/depot", hands.docr("acme")).status != 404 {
        depot_is_none(hands);
    }
}

/// Makes those registries again that are not there any more.
fn registries_again(hands: &Hands<'_>) {
    for org in ["acme", "globex"] {
        if hands.server.get(&format!("/v2/registries/{org}"), hands.docr(org)).status == 404 {
            create(hands, org, org);
        }
    }
}

pub fn collection_is_over(hands: &Hands<'_>) {
    let path = "/v2/registries/acme/garbage-collection";
    let active = hands.server.get(path, hands.docr("acme")).json();
    if let Some(run) = active["garbage_collection"]["uuid"].as_str() {
        let cancel = serde_json::to_vec(&json!({ "cancel": true })).unwrap();
        hands.server.send(
            "PUT",
            &format!("{path}/{run}"),
            hands.docr("acme"),
            &[("content-type", "application/json")],
            &cancel,
        );
    }
    hands
        .server
        .wait_for("the collection to end", || hands.server.get(path, hands.docr("acme")).status == 404);
}

/// A collection that waits for a token that is out, so that it can be looked at and cancelled.
pub fn collection_is_on(hands: &Hands<'_>) -> Vars {
    hands.server.token(hands.docker(), &["repository:acme/app:push"]);
    let path = "/v2/registries/acme/garbage-collection";
    let run = hands.server.send("POST", path, hands.docr("acme"), &[], b"").expect(201).json();
    let run = run["garbage_collection"]["uuid"].as_str().unwrap().to_owned();
    [("run".to_owned(), run)].into()
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let path = route
        .path
        .replace("{registry_name}", "{org}")
        .replace("{repository_name}", "{repository}")
        .replace("{repository_tag}", "{tag}")
        .replace("{manifest_digest}", "{digest}")
        .replace("{garbage_collection_uuid}", "{run}");
    let row = || Row::new(Door::DigitalOcean, route.operation, route.method.as_str(), &path);
    let kind = route.operation.split_once('_').map_or("", |(_, rest)| rest).trim_end_matches("_headline");
    match (route.operation, kind) {
        ("registry_get" | "registries_get", _) => vec![row().names("registry/name")],
        (_, "get_subscription") => vec![row().names("subscription/tier/slug")],
        (_, "get_dockerCredentials") => {
            vec![row(), row().query("read_write=true").named("write")]
        }
        (_, "get_options") => vec![row()],
        ("registries_list", _) => vec![row().names("registries/*/name")],
        ("account_get" | "oauth_token_info", _) => vec![row()],
        (_, "list_repositories" | "list_repositoriesV2") => vec![row().names("repositories/*/name")],
        (_, "list_repositoryTags") => vec![row().names("tags/*/tag")],
        (_, "list_repositoryManifests") => vec![row().names("manifests/*/tags/*")],
        (_, "list_garbageCollections") => vec![row()],
        (_, "delete_repositoryTag" | "delete_repositoryManifest") => vec![row().made(fresh_image)],
        (_, "delete_repository") => vec![row().made(fresh_repository)],
        (_, "validate_name") => vec![row().body(json!({ "name": "depot" }))],
        ("registry_create" | "registries_create", _) => {
            let wanted = json!({ "name": "depot", "subscription_tier_slug": "professional" });
            vec![row().body(wanted).after(depot_is_none)]
        }
        ("registries_delete", _) => {
            vec![row().with("{org}", "depot").made(depot_is_registry).after(depot_is_gone)]
        }
        (_, "update_subscription") => vec![row().body(json!({ "tier_slug": "professional" }))],
        ("registry_delete", _) => vec![row().after(registries_again).in_phase(Phase::Last)],
        (_, "run_garbageCollection") => vec![row().after(collection_is_over).in_phase(Phase::Late)],
        (_, "get_garbageCollection") => {
            vec![row().made(collection_is_on).after(collection_is_over).in_phase(Phase::Late)]
        }
        (_, "update_garbageCollection") => {
            vec![
                row()
                    .body(json!({ "cancel": true }))
                    .made(collection_is_on)
                    .after(collection_is_over)
                    .in_phase(Phase::Late),
            ]
        }
        ("kubernetes_add_registries" | "kubernetes_remove_registries", _) => {
            vec![row().body(json!({ "cluster_uuids": [], "registries": ["{org}"] }))]
        }
        ("kubernetes_add_registry" | "kubernetes_remove_registry", _) => {
            vec![row().body(json!({ "cluster_uuids": [] }))]
        }
        ("oauth_revoke", _) => {
            vec![row().raw("application/x-www-form-urlencoded", "token=lsp_unknown".into())]
        }
        _ => Vec::new(),
    }
}
