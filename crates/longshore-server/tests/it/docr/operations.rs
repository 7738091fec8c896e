//! Every operation once as it is meant, and once with each input that it can be given wrong. An operation that is added
//! to the table without a step here fails the test, as one without a refusal does (`refusals`).

use longshore_api_docr::routes::ROUTES;
use serde_json::{Value, json};

use super::{bearer, push, pusher};
use crate::server::Server;
use crate::walk::{Operation, Refusals, Walk};

#[test]
fn every_operation_does_what_it_says_and_refuses_bad_input() {
    let server = Server::with(&[
        "--set",
        "limits.requests_per_account=0",
        "--set",
        "limits.requests_per_address=0",
        "--set",
        "auth.token_ttl_seconds=60",
    ]);
    let operations = ROUTES.iter().map(|route| Operation {
        name: route.operation,
        method: route.method.to_string(),
        path: route.path,
    });
    let refusals = Refusals {
        malformed: &[400],
        impossible_name: &[404],
        without_input: &[
            "account_get",
            "oauth_token_info",
            "registries_get_options",
            "registries_get_subscription",
            "registries_list",
            "registry_delete",
            "registry_get",
            "registry_get_options",
            "registry_get_subscription",
        ],
    };
    let alice = bearer(&server, "alice", "repo:admin");
    let mut walk = Walk::new(server, "/api/openapi/digitalocean.json", operations.collect(), refusals);
    walk.who = alice.clone();
    let nothing = Value::Null;
    walk.named("registry_name", &json!("shop"));
    walk.named("repository_name", &json!("team/app"));
    assert_eq!(walk.does("account_get", &nothing, 200)["account"]["name"], "alice");
    walk.does("oauth_token_info", &nothing, 200);
    walk.does("kubernetes_add_registry", &json!({}), 204);
    walk.does("kubernetes_add_registries", &json!({ "registries": [] }), 204);
    walk.does("kubernetes_remove_registry", &json!({}), 204);
    walk.does("kubernetes_remove_registries", &json!({}), 204);

    for family in ["registry", "registries"] {
        let named = |operation: &str| format!("{family}_{operation}");
        walk.does(&named("validate_name"), &json!({ "name": "shop" }), 204);
        walk.does(&named("get_options"), &nothing, 200);
        let new = json!({ "name": "shop", "subscription_tier_slug": "starter" });
        walk.does(&named("create"), &new, 201);
        let larger = json!({ "tier_slug": "professional" });
        walk.does(&named("update_subscription"), &larger, 200);
        let subscription = walk.does(&named("get_subscription"), &nothing, 200);
        assert_eq!(subscription["subscription"]["tier"]["slug"], "professional");
        assert_eq!(walk.does(&named("get"), &nothing, 200)["registry"]["name"], "shop");
        if family == "registries" {
            assert_eq!(walk.does("registries_list", &nothing, 200)["registries"][0]["name"], "shop");
        }
        assert!(walk.does(&named("get_dockerCredentials"), &nothing, 200)["auths"].is_object());
        let suffixes: &[&str] = if family == "registry" { &["", "_headline"] } else { &[""] };
        for suffix in suffixes {
            for tag in ["v1", "v2"] {
                let digest = push(&walk.server, &pusher(), "shop/team/app", tag);
                walk.named("manifest_digest", &json!(digest));
            }
            walk.named("repository_tag", &json!("v1"));
            if family == "registry" {
                assert_eq!(walk.does("registry_list_repositories", &nothing, 200)["meta"]["total"], 1);
            }
            let repositories = walk.does(&named("list_repositoriesV2"), &nothing, 200);
            assert_eq!(repositories["repositories"][0]["name"], "team/app");
            let tags = walk.does(&named(&format!("list_repositoryTags{suffix}")), &nothing, 200);
            assert_eq!(tags["meta"]["total"], 2);
            walk.does(&named(&format!("delete_repositoryTag{suffix}")), &nothing, 204);
            let manifests = walk.does(&named(&format!("list_repositoryManifests{suffix}")), &nothing, 200);
            assert_eq!(manifests["meta"]["total"], 2);
            walk.does(&named(&format!("delete_repositoryManifest{suffix}")), &nothing, 204);
        }
        // A token that is out keeps the run from being over before it was looked at.
        walk.server.token(&pusher(), &["repository:shop/team/app:push"]);
        let run = walk.does(&named("run_garbageCollection"), &nothing, 201);
        walk.named("garbage_collection_uuid", &run["garbage_collection"]["uuid"]);
        walk.does(&named("get_garbageCollection"), &nothing, 200);
        let listed = walk.does(&named("list_garbageCollections"), &nothing, 200);
        assert_eq!(listed["garbage_collections"][0]["uuid"], run["garbage_collection"]["uuid"]);
        let ended = walk.does(&named("update_garbageCollection"), &json!({ "cancel": true }), 200);
        assert_eq!(ended["garbage_collection"]["status"], "cancelling");
        if family == "registries" {
            walk.does("registries_delete_repository", &nothing, 204);
        }
        walk.does(&named("delete"), &nothing, 204);
    }
    // The form is no JSON, so that this has nothing of what the walk sends.
    let token = alice.strip_prefix("Bearer ").unwrap();
    walk.does_form("oauth_revoke", &format!("token={token}"), 200);
    walk.server.get("/v2/account", &alice).expect(401);
    walk.end();
}
