//! How the operations of the Docker Hub dialect are asked for.

use longshore_api_hub::routes::Route;
use serde_json::{Value, json};

use super::door::Door;
use super::rows::Row;
use super::rows_oci::fresh_image;
use super::world::{GIVEN_IN_APP, Hands, Vars};
use crate::server::{Answer, PASSWORD};

fn one(name: &str, value: String) -> Vars {
    [(name.to_owned(), value)].into()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A repository in which groups, users and accounts may do what they may do in `app`.
pub fn fresh_repository(hands: &Hands<'_>) -> Vars {
    let name = format!("r{}", hands.number());
    hands.hub("POST", "/v2/repositories", &json!({ "namespace": "acme", "name": name, "is_private": true }));
    for (group, permission) in [("readers", "read"), ("writers", "write"), ("admins", "admin")] {
        let body = json!({ "group_id": hands.group(group), "permission": permission });
        hands.hub("POST", &format!("/v2/repositories/acme/{name}/groups"), &body);
    }
    let given = GIVEN_IN_APP.iter().map(|(user, auth)| {
        json!({ "user_id": hands.world.homes["acme"][&format!("id-{user}")], "user_name": user, "auth": auth })
    });
    let path = format!("/v2/manage/namespaces/acme/repos/{name}/access");
    hands.swr("POST", &path, &Value::Array(given.collect()));
    let share = json!({ "access_domain": "shared", "permit": "read", "deadline": "forever" });
    hands.swr("POST", &format!("/v2/manage/namespaces/acme/repositories/{name}/access-domains"), &share);
    one("repository", name)
}

fn fresh_token(hands: &Hands<'_>) -> Vars {
    let made =
        hands.hub("POST", "/v2/access-tokens", &json!({ "token_label": "made", "scopes": ["repo:read"] }));
    one("uuid", text(&made["uuid"]))
}

fn fresh_organization_token(hands: &Hands<'_>) -> Vars {
    let resources = json!([{ "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-pull"] }]);
    let made =
        hands.hub("POST", "/v2/orgs/acme/access-tokens", &json!({ "label": "made", "resources": resources }));
    one("access_token_id", text(&made["id"]))
}

fn fresh_scim_token(hands: &Hands<'_>) -> Vars {
    let label = format!("made{}", hands.number());
    let made = hands.hub("POST", "/v2/orgs/acme/scim-tokens", &json!({ "label": label }));
    one("scim_token_id", text(&made["id"]))
}

pub fn fresh_invite(hands: &Hands<'_>) -> Vars {
    let invitee = format!("made{}@example.org", hands.number());
    let made = hands.hub("POST", "/v2/invites/bulk", &json!({ "org": "acme", "invitees": [invitee] }));
    one("invite", text(&made["invitees"][0]["invite"]["id"]))
}

pub fn fresh_group(hands: &Hands<'_>) -> Vars {
    let name = format!("made{}", hands.number());
    hands.hub("POST", "/v2/orgs/acme/groups", &json!({ "name": name }));
    one("group_name", name)
}

pub fn in_group(hands: &Hands<'_>) -> Vars {
    hands.hub("POST", "/v2/orgs/acme/groups/ops/members", &json!({ "member": "bystander" }));
    Vars::new()
}

/// Makes the bystander a member again, in the group.
pub fn member_again(hands: &Hands<'_>) {
    hands.server.admin(&["org", "set-member", "acme", "bystander", "--role", "member"]);
    in_group(hands);
}

fn permission_again(hands: &Hands<'_>) {
    let body = json!({ "group_id": hands.group("readers"), "permission": "read" });
    hands.hub("POST", "/v2/repositories/acme/app/groups", &body);
}

/// Sets again, as an owner, which tags never move.
pub fn immutability_again(hands: &Hands<'_>) {
    let rules = json!({ "immutable_tags": true, "immutable_tags_rules": ["^frozen$"] });
    hands.hub("PATCH", "/v2/namespaces/acme/repositories/app/immutabletags", &rules);
}

fn settings() -> Value {
    json!({ "restricted_images":
        { "enabled": false, "allow_official_images": true, "allow_verified_publishers": true } })
}

fn exported(answer: &Answer) -> Vec<String> {
    let lines = String::from_utf8_lossy(&answer.body).into_owned();
    lines.lines().skip(1).flat_map(|line| line.split(',').skip(1).take(2).map(str::to_owned)).collect()
}

/// Names of members, and addresses of those who are invited.
fn invited(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let members = document["results"].as_array().cloned().unwrap_or_default();
    let both = members.iter().flat_map(|member| ["username", "email"].map(|name| text(&member[name])));
    both.collect()
}

fn tokens_and_search(route: &Route, row: &dyn Fn() -> Row) -> Option<Vec<Row>> {
    Some(vec![match route.operation {
        "post_users_login" => row().body(json!({ "username": "{login}", "password": "{secret}" })),
        "auth_create_access_token" => row().body(json!({ "identifier": "{login}", "secret": "{secret}" })),
        "post_users_2fa_login" => row().body(json!({ "login_2fa_token": "x", "code": "000000" })),
        "post_access_tokens" | "post_api_tokens" => {
            row().body(json!({ "token_label": "made", "scopes": ["repo:read"] }))
        }
        "get_access_tokens" | "get_api_tokens" => row().query("page_size=100").names("results/*/token_label"),
        "patch_access_tokens_uuid" | "patch_api_tokens_uuid" => row().body(json!({ "token_label": "kept" })),
        "get_access_tokens_uuid" | "get_api_tokens_uuid" => row(),
        "delete_access_tokens_uuid" | "delete_api_tokens_uuid" => row().made(fresh_token),
        "search_repositories" => {
            let globex = row().query("query=globex").named("globex").names("results/*/repo_name");
            return Some(vec![row().query("query={org}").names("results/*/repo_name"), globex]);
        }
        "search_catalog" => row().query("query={org}").names("results/*/slug"),
        "search_classic" => row().query("q={org}").names("results/*/name"),
        "ping_v1"
        | "get_v1_images"
        | "get_v1_tags"
        | "get_v1_tag"
        | "get_v1_namespace_images"
        | "get_v1_namespace_tags"
        | "get_v1_namespace_tag" => row(),
        "get_hub_plan" => row().with("{id}", "{project_id}"),
        "get_user" => row(),
        "patch_user" => row().body(json!({ "full_name": "" })),
        "get_second_factor" => row(),
        "enrol_second_factor" => row().body(json!({ "password": PASSWORD })),
        "confirm_second_factor" => row().body(json!({ "code": "000000" })),
        "renew_recovery_codes" | "disable_second_factor" => {
            row().body(json!({ "password": PASSWORD, "code": "000000" }))
        }
        _ => return None,
    }])
}

fn repositories(route: &Route, row: &dyn Fn() -> Row) -> Option<Vec<Row>> {
    Some(vec![match route.operation {
        "get_namespaces_repositories_images" => row().names("results/*/tags/*/tag"),
        "get_namespaces_repositories_images_summary" => row(),
        "get_namespaces_repositories_images_tags" => row().names("results/*/tag"),
        "post_namespaces_delete_images" => row()
            .body(json!({ "active_from": "2099-01-01T00:00:00Z",
                "manifests": [{ "repository": "app", "digest": "{digest}" }],
                "ignore_warnings": [
                    { "repository": "app", "digest": "{digest}", "warning": "is_active" },
                    { "repository": "app", "digest": "{digest}", "warning": "current_tag", "tags": ["{tag}"] },
                ] }))
            .made(fresh_image),
        "list_namespace_repositories" => {
            let globex = row().with("{org}", "globex").named("globex").names("results/*/name");
            return Some(vec![row().names("results/*/name"), globex]);
        }
        "list_namespace_repositories_legacy" => row().names("results/*/name"),
        "create_repository" | "create_repository_legacy" | "create_namespace_repository_legacy" => {
            row().body(json!({ "namespace": "{org}", "name": "made{n}", "is_private": true }))
        }
        "get_repository" | "check_repository" | "get_repository_legacy" | "check_repository_legacy" => row(),
        "patch_repository" | "patch_repository_legacy" => row().body(json!({ "description": "the app" })),
        "set_repository_privacy" => row().body(json!({ "is_private": true })),
        "delete_repository" | "delete_repository_legacy" => row().made(fresh_repository),
        "update_repository_immutable_tags" => {
            let rules = |rule: &str| json!({ "immutable_tags": true, "immutable_tags_rules": [rule] });
            let unset = row().with("{repository}", "{unset}").named("unset").body(rules("^never$")).made(fresh_unset);
            return Some(vec![row().body(rules("^other$")).after(immutability_again), unset]);
        }
        "verify_repository_immutable_tags" => row().body(json!({ "regex": "." })),
        "list_repository_tags" | "list_repository_tags_legacy" => row().names("results/*/name"),
        "check_repository_tags" | "get_repository_tag" | "check_repository_tag" | "get_repository_tag_legacy" => {
            row()
        }
        "delete_namespace_repository_tag" | "delete_repository_tag" => row().made(fresh_image),
        "list_repository_groups" => row().names("results/*/group_name"),
        "get_repository_group" => row(),
        "patch_repository_group" => row().body(json!({ "permission": "read" })),
        "create_repository_group" => {
            row().body(json!({ "group_id": "#{group-ops}", "permission": "read" }))
        }
        "delete_repository_group" => row().after(permission_again),
        _ => return None,
    }])
}

/// A repository like `app` of which no owner has decided which tags never move.
fn fresh_unset(hands: &Hands<'_>) -> Vars {
    one("unset", fresh_repository(hands)["repository"].clone())
}

fn organizations(route: &Route, row: &dyn Fn() -> Row) -> Option<Vec<Row>> {
    let resources = json!([{ "type": "TYPE_REPO", "path": "{org}/*", "scopes": ["scope-image-pull"] }]);
    Some(vec![match route.operation {
        "audit_logs_list_audit_logs" => row().names("logs/*/account"),
        "audit_logs_list_audit_actions" => row(),
        "get_orgs_name_settings" => row(),
        "put_orgs_name_settings" => row().body(settings()),
        "post_orgs_access_tokens" => row().body(json!({ "label": "made", "resources": resources })),
        "get_orgs_access_tokens" => row().query("page_size=5").names("results/*/label"),
        "get_orgs_access_token" => row(),
        "patch_orgs_access_token" => row().body(json!({ "description": "kept" })),
        "delete_orgs_access_token" => row().made(fresh_organization_token),
        "post_orgs_scim_tokens" => row().body(json!({ "label": "made{n}" })),
        "get_orgs_scim_tokens" => row().names("results/*/label"),
        "rotate_orgs_scim_token" => row(),
        "delete_orgs_scim_token" => row().made(fresh_scim_token),
        "get_user_orgs" => row().names("results/*/orgname"),
        "get_org" => row(),
        "get_orgs_members" => {
            let all = row().query("type=all").named("invited").names_by(invited);
            let editors = row().query("role=editor").named("editors").names("results/*/username");
            return Some(vec![row().names("results/*/username"), all, editors]);
        }
        "export_orgs_members" => row().names_by(exported),
        "put_orgs_member" => {
            let owner = row().body(json!({ "role": "owner" })).named("owner").after(member_again);
            return Some(vec![row().body(json!({ "role": "member" })), owner]);
        }
        "delete_orgs_member" => row().after(member_again),
        "get_orgs_invites" => row().names("data/*/invitee"),
        "post_invites_bulk" => row().body(json!({ "org": "{org}", "invitees": ["made{n}@example.org"] })),
        "delete_invite" => row().with("{id}", "{invite}").made(fresh_invite),
        "resend_invite" => row().with("{id}", "{invite}"),
        "describe_invite" | "accept_invite" => row().body(json!({ "token": "lsi_unknown" })),
        "join_by_invite" => {
            row().body(json!({ "token": "lsi_unknown", "username": "joined", "password": PASSWORD }))
        }
        "get_orgs_groups" => row().names("results/*/name"),
        "post_orgs_groups" => row().body(json!({ "name": "posted{n}", "description": "" })),
        "get_orgs_group" => row(),
        "put_orgs_group" | "patch_orgs_group" => row().body(json!({ "name": "ops", "description": "kept" })),
        "delete_orgs_group" => row().made(fresh_group),
        "get_orgs_group_members" => row().names("results/*/username"),
        "post_orgs_group_members" => row().body(json!({ "member": "bystander" })),
        "delete_orgs_group_member" => row().made(in_group),
        _ => return None,
    }])
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let path = route
        .path
        .replace("{namespace}/{name}", "library/{name}")
        .replace("{name}", "alpine")
        .replace("{namespace}", "{org}")
        .replace("{org_name}", "{org}")
        .replace("{account}", "{org}")
        .replace("{group_id}", "{group-readers}");
    let row = || Row::new(Door::Hub, route.operation, route.method.as_str(), &path);
    tokens_and_search(route, &row)
        .or_else(|| repositories(route, &row))
        .or_else(|| organizations(route, &row))
        .unwrap_or_default()
}
