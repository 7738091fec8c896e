//! How the operations of our own API are asked for.

use longshore_api_native::routes::Route;
use serde_json::{Value, json};

use super::door::Door;
use super::rows::{Phase, Row};
use super::rows_docr::{collection_is_on, collection_is_over};
use super::rows_hub::{fresh_group, fresh_invite, fresh_repository, in_group};
use super::rows_oci::fresh_image;
use super::world::{Hands, Vars, take};
use crate::server::{Answer, PASSWORD};

/// A tag of `app` that was deleted.
pub fn deleted_tag(hands: &Hands<'_>) -> Vars {
    let mut vars = fresh_image(hands);
    let path = format!("/api/v1/repositories/acme/app/-/tags/{}", vars["tag"]);
    let answer = hands.server.send("DELETE", &path, hands.docr("acme"), &[], b"").expect(204);
    vars.insert("id".into(), answer.header("longshore-deletion").into());
    vars
}

/// A collection that waits, so that it can be looked at and cancelled.
pub fn gc_run_is_on(hands: &Hands<'_>) -> Vars {
    [("id".to_owned(), collection_is_on(hands)["run"].clone())].into()
}

/// Of the many deletions, whether there are such of `app`.
fn in_app(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let of_app =
        items.iter().any(|item| item["repository"].as_str().is_some_and(|name| name.ends_with("/app")));
    if of_app { vec!["some".into()] } else { Vec::new() }
}

/// Rules by which nothing goes.
fn keep_all() -> Value {
    json!({ "rules": [{ "keep_newest": 1000 }] })
}

pub fn fresh_policy(hands: &Hands<'_>) -> Vars {
    let made =
        take(hands.server, "POST", "/api/v1/repositories/acme/app/-/retention", hands.owner(), &keep_all());
    [("policy".to_owned(), made["id"].to_string())].into()
}

/// Takes back what the row made: there may be ten.
pub fn policies_again(hands: &Hands<'_>) {
    let path = "/api/v1/repositories/acme/app/-/retention";
    let kept: i64 = hands.world.homes["acme"]["retention_id"].parse().unwrap();
    let all = take(hands.server, "GET", path, hands.owner(), &Value::Null);
    for policy in all["items"].as_array().unwrap().iter().filter(|policy| policy["id"] != kept) {
        hands.server.send("DELETE", &format!("{path}/{}", policy["id"]), hands.owner(), &[], b"").expect(204);
    }
}

/// Takes back what the row gave.
pub fn nothing_given(hands: &Hands<'_>) {
    let client = hands.server;
    for path in ["users/bystander", "teams/ops", "shares/bystander"] {
        // Whether or not it was given.
        client.send(
            "DELETE",
            &format!("/api/v1/repositories/acme/app/-/access/{path}"),
            hands.owner(),
            &[],
            b"",
        );
    }
}

/// Gives the bystander, and its team, something in `app`.
pub fn something_given(hands: &Hands<'_>) -> Vars {
    let path = "/api/v1/repositories/acme/app/-/access";
    let read = json!({ "permission": "read" });
    for (what, body) in [("users/bystander", &read), ("teams/ops", &read), ("shares/bystander", &json!({}))] {
        take(hands.server, "PUT", &format!("{path}/{what}"), hands.owner(), body);
    }
    Vars::new()
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let path = route.path.replace("{repository}", "{org}/{repository}");
    let row = || Row::new(Door::Native, route.operation, route.method.as_str(), &path);
    match route.operation {
        "get_about"
        | "get_whoami"
        | "get_repository"
        | "get_repository_usage"
        | "get_image"
        | "get_referrers"
        | "list_tag_history" => {
            vec![row()]
        }
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
        "get_deletion" | "restore_deletion" | "end_deletion" => vec![row().made(deleted_tag)],
        "get_readme" | "get_immutable_tags" => vec![row()],
        "set_readme" => vec![row().body(json!({ "readme": "What it is for." }))],
        "set_immutable_tags" => vec![row().body(json!({ "enabled": false, "rules": [] }))],
        "list_images" => vec![row().names("items/*/tags/*")],
        "list_retention_policies" => vec![row()],
        "create_retention_policy" => vec![row().body(keep_all()).after(policies_again)],
        "preview_retention" => vec![row().body(keep_all())],
        "get_retention_policy" | "run_retention_policy" => vec![row().with("{id}", "{retention_id}")],
        "set_retention_policy" => vec![row().with("{id}", "{retention_id}").body(keep_all())],
        "delete_retention_policy" => vec![row().with("{id}", "{policy}").made(fresh_policy)],
        "match_tags" => vec![row().query("rule=v1")],
        "search" => vec![
            row().query("q=app").names("repositories/*/name"),
            row().query("q=app:v").named("tags").names("tags/*/repository"),
            row().query("q={digest}").named("digests").names("digests/*/repository"),
        ],
        "get_access" => vec![row().names("items/*/name")],
        "explain_access" => vec![row(), row().query("user=bystander").named("other")],
        "grant_user_access" | "grant_team_access" => {
            vec![
                row()
                    .with("{user}", "bystander")
                    .with("{team}", "{group_name}")
                    .body(json!({ "permission": "read" }))
                    .after(nothing_given),
            ]
        }
        "share_repository" => vec![row().with("{account}", "bystander").body(json!({})).after(nothing_given)],
        "revoke_user_access" => vec![row().with("{user}", "bystander").made(something_given)],
        "revoke_team_access" => vec![row().with("{team}", "ops").made(something_given)],
        "unshare_repository" => vec![row().with("{account}", "bystander").made(something_given)],
        _ => administration(route),
    }
}

pub fn fresh_member(hands: &Hands<'_>) -> Vars {
    hands.server.admin(&["org", "set-member", "acme", "bystander", "--role", "member"]);
    Vars::new()
}

pub fn fresh_user(hands: &Hands<'_>) -> Vars {
    let name = format!("fresh{}", hands.number());
    hands.server.admin(&["user", "create", &name]);
    [("made".to_owned(), name)].into()
}

fn fresh_organization(hands: &Hands<'_>) -> Vars {
    let name = format!("freshorg{}", hands.number());
    hands.server.admin(&["org", "create", &name, "--owner", "owner"]);
    [("made".to_owned(), name)].into()
}

fn own_token(hands: &Hands<'_>) -> Vars {
    let made = hands.server.admin(&["token", "create", "owner", "--label", "made", "--scope", "repo:read"]);
    [("id".to_owned(), made["id"].as_str().unwrap().to_owned())].into()
}

pub fn organizations_token(hands: &Hands<'_>) -> Vars {
    let made = hands.server.admin(&["token", "create", "acme", "--label", "made", "--scope", "repo:read"]);
    [("id".to_owned(), made["id"].as_str().unwrap().to_owned())].into()
}

/// Revokes what rows made: there may be twenty.
pub fn provider_tokens_again(hands: &Hands<'_>) {
    let path = "/api/v1/organizations/acme/scim-tokens";
    let all = take(hands.server, "GET", path, hands.owner(), &Value::Null);
    let is_made = |token: &&Value| {
        let label = token["label"].as_str().unwrap();
        label.starts_with("made") || label.starts_with("pages")
    };
    for token in all["items"].as_array().unwrap().iter().filter(is_made) {
        let path = format!("{path}/{}", token["id"].as_str().unwrap());
        hands.server.send("DELETE", &path, hands.owner(), &[], b"").expect(204);
    }
}

pub fn scim_token(hands: &Hands<'_>) -> Vars {
    let label = format!("made{}", hands.number());
    let made = hands.server.admin(&["scim-token", "create", "acme", "--label", &label]);
    [("id".to_owned(), made["id"].as_str().unwrap().to_owned())].into()
}

/// What is the operator's, and what owners do with accounts.
fn administration(route: &Route) -> Vec<Row> {
    let path = route.path.replace("/{name}", "/{org}").replace("/{user}", "/bystander");
    let row = || Row::new(Door::Native, route.operation, route.method.as_str(), &path);
    let user = || {
        let path = route.path.replace("{name}", "bystander");
        Row::new(Door::Native, route.operation, route.method.as_str(), &path)
    };
    let work = || row().with("{id}", "1");
    let own = || {
        let path = route.path.replace("{name}", "{login}");
        Row::new(Door::Native, route.operation, route.method.as_str(), &path)
    };
    let row_of_made = || {
        let path = route.path.replace("{name}", "{made}");
        Row::new(Door::Native, route.operation, route.method.as_str(), &path)
    };
    let owners = || {
        let path = route.path.replace("{name}", "owner");
        Row::new(Door::Native, route.operation, route.method.as_str(), &path)
    };
    let organizations = || {
        let path = route.path.replace("{name}", "{org}");
        Row::new(Door::Native, route.operation, route.method.as_str(), &path).named("org")
    };
    match route.operation {
        "list_users" | "list_organizations" => vec![row()],
        "create_user" => vec![row().body(json!({ "name": "made{n}" }))],
        "get_user" | "delete_user_second_factor" => vec![user()],
        "delete_user" | "set_user_password" => vec![row_of_made().made(fresh_user)],
        "change_user" => vec![
            user().body(json!({ "plan": "pro" })),
            own().named("profile").body(json!({ "full_name": "" })),
        ],
        "create_organization" => vec![row().body(json!({ "name": "madeorg{n}", "owner": "owner" }))],
        "get_usage" => vec![row()],
        "list_nodes" | "list_stores" | "list_settings" | "list_keys" => vec![row()],
        "get_organization" => vec![row()],
        "list_members" => vec![row().names("items/*/user")],
        "get_provisioning" => vec![row()],
        "list_provisioned_users" => vec![row().names("items/*/user")],
        "preview_registry_gc" | "list_registry_gc_runs" => vec![row()],
        "create_registry_gc_run" => vec![row().after(collection_is_over).in_phase(Phase::Late)],
        "get_registry_gc_run" | "cancel_registry_gc_run" => {
            vec![row().made(gc_run_is_on).after(collection_is_over).in_phase(Phase::Late)]
        }
        "get_organization_settings" => vec![row()],
        "set_organization_settings" => vec![row().body(json!({ "restricted_images": { "enabled": false, "allow_official_images": true, "allow_verified_publishers": true } }))],
        "list_teams" => vec![row().names("items/*/name")],
        "create_team" => vec![row().body(json!({ "name": "native{n}" }))],
        "get_team" => vec![row().with("{team}", "{group_name}")],
        "change_team" => vec![row().with("{team}", "{group_name}").body(json!({ "description": "" }))],
        "list_team_members" | "list_team_repositories" => {
            vec![row().with("{team}", "readers").names(if route.operation == "list_team_members" { "items/*/user" } else { "items/*/repository" })]
        }
        "add_team_member" => vec![row().with("{team}", "ops").made(fresh_member)],
        "delete_team_member" => vec![row().with("{team}", "ops").made(in_group)],
        "delete_team" => vec![row().with("{team}", "{group_name}").made(fresh_group)],
        "list_invites" => vec![row().names("items/*/invitee")],
        "create_invites" => vec![row().body(json!({ "invitees": ["native{n}@example.org"] }))],
        "cancel_invite" => vec![row().with("{id}", "{invite}").made(fresh_invite)],
        "resend_invite" => vec![row().with("{id}", "{invite}")],
        "get_account" | "get_second_factor" => vec![row()],
        "change_own_account" => vec![row().body(json!({ "full_name": "" }))],
        "list_own_organizations" => vec![row().names("items/*/name")],
        "prove_presence" => vec![row().body(json!({ "password": "not the password" }))],
        "change_own_password" => {
            vec![row().body(json!({ "current": "not the password", "new": "another good password" }))]
        }
        "enrol_second_factor" => vec![row().body(json!({ "password": PASSWORD }))],
        "confirm_second_factor" => vec![row().body(json!({ "code": "000000" }))],
        "disable_second_factor" | "renew_recovery_codes" => {
            vec![row().body(json!({ "password": PASSWORD, "code": "000000" }))]
        }
        "want_email" => {
            vec![row().body(json!({ "password": "not the password", "email": "a@example.org" }))]
        }
        "confirm_email" => vec![row().body(json!({ "code": "lse_0" }))],
        "delete_own_account" => vec![row().query("name=bystander")],
        "list_own_sessions" => vec![row()],
        "end_own_session" => vec![row().with("{id}", "00000000-0000-4000-8000-000000000000")],
        "end_own_sessions" => vec![row().in_phase(Phase::End)],
        "delete_organization" => vec![row_of_made().made(fresh_organization)],
        "change_organization" => vec![
            row().body(json!({ "plan": "business" })),
            row().named("members-pull").body(json!({ "members_pull": false })),
        ],
        "set_member" => vec![row().body(json!({ "role": "member" })).made(fresh_member)],
        "delete_member" => vec![row().made(fresh_member)],
        "list_scim_tokens" => vec![row()],
        "create_scim_token" => vec![row().body(json!({ "label": "made{n}" }))],
        "rotate_scim_token" | "delete_scim_token" => vec![row().made(scim_token)],
        "list_tokens" => vec![own(), organizations().query("limit=5").names("items/*/label")],
        "create_token" => {
            let wanted = json!({ "label": "made", "scope": "repo:read" });
            vec![own().body(wanted.clone()), organizations().body(wanted)]
        }
        "get_token" | "delete_token" => {
            vec![owners().made(own_token), organizations().made(organizations_token)]
        }
        "change_token" => {
            let change = json!({ "label": "kept" });
            vec![
                owners().body(change.clone()).made(own_token),
                organizations().body(change).made(organizations_token),
            ]
        }
        "rotate_key" | "get_gc" | "get_health" | "list_work" => vec![row()],
        "list_events" => {
            vec![row(), row().query("account={org}").named("acme").names("items/*/account")]
        }
        "list_jobs" => vec![row()],
        "create_job" => vec![row().body(json!({ "kind": "verify" }))],
        "get_job" | "cancel_job" | "follow_job" => {
            vec![row().with("{id}", "00000000-0000-4000-8000-000000000000")]
        }
        "create_gc_run" => vec![row().body(json!({ "dry_run": true }))],
        "get_work" | "retry_work" | "delete_work" => vec![work()],
        _ => Vec::new(),
    }
}
