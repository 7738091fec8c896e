//! Default deny: walks the table of operations, so that one without a refusal cannot be added.

use longshore_api_docr::routes::{Needs, ROUTES, Route};
use serde_json::{Value, json};

use super::{bearer, push, pusher, send, shop};
use crate::server::Server;

/// How an operation is asked for on things of `alice`, and what `bob` gets, who has nothing to do with them.
struct Sample {
    path: String,
    body: Value,
    /// `None` where it is on the actor's own things only.
    foreign: Option<u16>,
}

fn sample(route: &Route, digest: &str, run: &str) -> Option<Sample> {
    let path = route
        .path
        .replace("{registry_name}", "shop")
        .replace("{repository_name}", "app")
        .replace("{repository_tag}", "v1")
        .replace("{manifest_digest}", digest)
        .replace("{garbage_collection_uuid}", run);
    let of_shop = |body: Value| Some(Sample { path: path.clone(), body, foreign: Some(404) });
    let own = |body: Value| Some(Sample { path: path.clone(), body, foreign: None });
    if route.path.contains("{registry_name}") {
        return match route.operation.ends_with("update_garbageCollection") {
            true => of_shop(json!({ "cancel": true })),
            false => of_shop(Value::Null),
        };
    }
    match route.operation {
        "registry_create" | "registries_create" => Some(Sample {
            path: path.clone(),
            body: json!({ "name": "shop", "subscription_tier_slug": "basic" }),
            foreign: Some(409),
        }),
        "registry_validate_name" | "registries_validate_name" => {
            Some(Sample { path: path.clone(), body: json!({ "name": "shop" }), foreign: Some(409) })
        }
        // Whoever has no registry has none to delete, and no subscription.
        "registry_get" | "registry_delete" | "registry_get_dockerCredentials" => of_shop(Value::Null),
        "registry_get_subscription" | "registries_get_subscription" => of_shop(Value::Null),
        "registry_update_subscription" | "registries_update_subscription" => {
            of_shop(json!({ "tier_slug": "basic" }))
        }
        "kubernetes_add_registries" | "kubernetes_remove_registries" => {
            of_shop(json!({ "cluster_uuids": [], "registries": ["shop"] }))
        }
        "kubernetes_add_registry" | "kubernetes_remove_registry" => own(json!({ "cluster_uuids": [] })),
        "registries_list" | "registry_get_options" | "registries_get_options" => own(Value::Null),
        "account_get" | "oauth_token_info" => own(Value::Null),
        _ => None,
    }
}

/// Operations that change something. Getting a credential makes one.
fn changes(route: &Route) -> bool {
    (route.method != http::Method::GET || route.operation.ends_with("dockerCredentials"))
        && route.group != "Kubernetes"
}

#[test]
fn every_operation_refuses_anonymous_powerless_and_foreign_callers() {
    let (server, alice) = shop(&["--set", "limits.requests_per_account=0"]);
    let digest = push(&server, &pusher(), "shop/app", "v1");
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], crate::server::PASSWORD);
    server.admin(&["org", "set-member", "shop", "carol", "--role", "member"]);
    let bob = bearer(&server, "bob", "repo:admin");
    let carol = bearer(&server, "carol", "repo:admin");
    let powerless = bearer(&server, "alice", "repo:public_read");
    let reads = bearer(&server, "alice", "repo:read");
    // A token that is out keeps the run waiting, and so something to be cancelled.
    server.token(&pusher(), &["repository:shop/app:push"]);
    let started = server.send("POST", "/v2/registry/shop/garbage-collection", &alice, &[], b"").expect(201);
    let run = started.json()["garbage_collection"]["uuid"].as_str().unwrap().to_owned();
    let docker = server.get("/v2/registry/docker-credentials", &alice).expect(200).json();
    let docker = format!("Bearer {}", super::docker_login(&docker).1.split(':').next().unwrap());
    let session = crate::hub::sign_in(&server, "alice");
    let before = server.get("/v2/registry", &alice).expect(200).json();
    for route in ROUTES.iter().filter(|route| route.needs != Needs::Nothing) {
        let Some(sample) = sample(route, &digest, &run) else {
            panic!("{} needs a sample here", route.operation)
        };
        let ask = |who: &str| send(&server, route.method.as_str(), &sample.path, who, &sample.body).status;
        // Passwords, and tokens of other APIs, are none of this one.
        for nobody in ["", "Bearer x", "Bearer lsp_forged", &pusher(), &session] {
            assert_eq!(ask(nobody), 401, "{} as {nobody:?}", route.operation);
        }
        // A credential for docker is none for this API, whatever is asked.
        assert_eq!(ask(&docker), 403, "{} by a credential for docker", route.operation);
        if changes(route) {
            assert_eq!(ask(&powerless), 403, "{} by a token that may not", route.operation);
            // Reading includes credentials for reading.
            if !route.operation.ends_with("dockerCredentials") {
                assert_eq!(ask(&reads), 403, "{} by a token for reading", route.operation);
                // A member of the organization looks, and changes nothing.
                let status = ask(&carol);
                let expected = if route.operation.ends_with("create") || route.operation.ends_with("name") {
                    409
                } else {
                    403
                };
                assert_eq!(status, expected, "{} as a member", route.operation);
            }
        }
        if let Some(foreign) = sample.foreign {
            assert_eq!(ask(&bob), foreign, "{} as bob", route.operation);
        }
    }
    // Nothing was changed by all that.
    let after = server.get("/v2/registry", &alice).expect(200).json();
    assert_eq!(after["registry"]["subscription"], before["registry"]["subscription"]);
    server.get("/v2/shop/app/manifests/v1", &pusher()).expect(200);
    let active = server.get("/v2/registry/shop/garbage-collection", &alice).expect(200).json();
    assert_eq!(active["garbage_collection"]["uuid"], run.as_str());
    assert_eq!(server.get("/v2/registries", &bob).expect(200).json()["registries"], json!([]));
}

#[test]
fn a_disabled_user_loses_the_registry_at_once() {
    let (server, alice) = shop(&[]);
    let credentials =
        server.get("/v2/registry/docker-credentials?read_write=true", &alice).expect(200).json();
    let login = super::docker_login(&credentials).1;
    push(&server, &login, "shop/app", "v1");
    server.admin(&["user", "disable", "alice"]);
    server.wait_for("the access token to end", || server.get("/v2/registry", &alice).status == 401);
    server.get("/v2/shop/app/manifests/v1", &login).expect(401);
}

#[test]
fn the_served_document_has_every_operation() {
    let server = Server::bare(&[]);
    let document = server.get("/api/openapi/digitalocean.json", "").expect(200).json();
    assert_eq!(document["openapi"], "3.0.3");
    let text = document.to_string();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
    }
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
