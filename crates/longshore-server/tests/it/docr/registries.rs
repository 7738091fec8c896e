//! Registries, subscriptions and options, in both families.

use serde_json::{Value, json};

use super::{bearer, push, pusher, registry, send};
use crate::server::Server;

#[test]
fn a_registry_is_created_shown_and_deleted() {
    let server = Server::new();
    let alice = bearer(&server, "alice", "repo:admin");
    let missing = server.get("/v2/registry", &alice).expect(404).json();
    assert_eq!(missing["id"], "not_found");
    assert!(missing["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    let body = json!({ "name": "shop", "subscription_tier_slug": "basic", "region": "fra1" });
    let created = send(&server, "POST", "/v2/registry", &alice, &body).expect(201).json();
    let made = &created["registry"];
    assert_eq!((&made["name"], &made["region"]), (&json!("shop"), &json!("fra1")));
    assert_eq!(made["subscription"]["tier"]["included_storage_bytes"], 5_368_709_120_u64);
    assert_eq!(server.get("/v2/registry", &alice).expect(200).json()["registry"]["storage_usage_bytes"], 0);
    push(&server, &pusher(), "shop/app", "v1");
    let shown = server.get("/v2/registry", &alice).expect(200).json();
    assert!(shown["registry"]["storage_usage_bytes"].as_u64().unwrap() > 20);
    let in_new_form = server.get("/v2/registries/shop", &alice).expect(200).json();
    assert_eq!(in_new_form["registry"]["subscription"], Value::Null);
    assert_eq!(in_new_form["registry"]["region"], "fra1");
    server.send("DELETE", "/v2/registry", &alice, &[], b"").expect(204);
    server.get("/v2/registry", &alice).expect(404);
    server.get("/v2/shop/app/manifests/v1", &pusher()).expect(404);
}

#[test]
fn an_account_with_several_registries_must_say_which() {
    let server = Server::new();
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "shop", "professional");
    let second = json!({ "name": "lab" });
    let lab = send(&server, "POST", "/v2/registries", &alice, &second).expect(201).json();
    assert_eq!(lab["registry"]["region"], "nyc3");
    let old = ["/v2/registry", "/v2/registry/docker-credentials"];
    for (method, path) in [("GET", old[0]), ("DELETE", old[0]), ("GET", old[1])] {
        let answer = server.send(method, path, &alice, &[], b"").expect(412).json();
        assert_eq!(answer["id"], "precondition_failed");
        assert!(answer["message"].as_str().unwrap().contains("/v2/registries/{registry_name}"), "{answer}");
    }
    let all = server.get("/v2/registries", &alice).expect(200).json();
    let names: Vec<_> = all["registries"].as_array().unwrap().iter().map(|each| &each["name"]).collect();
    assert_eq!(names, [&json!("shop"), &json!("lab")]);
    // Terraform's data source leaves the name out.
    let unnamed = server.get("/v2/registries/", &alice).expect(412).json();
    assert_eq!(unnamed["id"], "precondition_failed");
    // What has a name works on.
    server.get("/v2/registry/lab/repositories", &alice).expect(200);
    // The smaller tiers include one registry.
    let smaller = json!({ "tier_slug": "basic" });
    let refused = send(&server, "POST", "/v2/registry/subscription", &alice, &smaller).expect(412).json();
    let message = "registry is not eligible for tier because: [OverRegistryLimit]";
    assert_eq!((&refused["id"], &refused["message"]), (&json!("precondition_failed"), &json!(message)));
    server.send("DELETE", "/v2/registries/lab", &alice, &[], b"").expect(204);
    server.get("/v2/registry", &alice).expect(200);
    let unnamed = server.get("/v2/registries/", &alice).expect(200).json();
    assert_eq!(
        (&unnamed["registry"]["name"], &unnamed["registries"][0]["name"]),
        (&json!("shop"), &json!("shop"))
    );
    server.get("/v2/registries/", &bearer(&server, "bob", "repo:admin")).expect(404);
    send(&server, "POST", "/v2/registries/subscription", &alice, &smaller).expect(200);
    assert_eq!(
        server.get("/v2/registry/subscription", &alice).expect(200).json()["subscription"]["tier"]["slug"],
        "basic"
    );
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let server = Server::new();
    let alice = bearer(&server, "alice", "repo:admin");
    let create = |body: Value| send(&server, "POST", "/v2/registry", &alice, &body);
    for (body, status, about) in [
        (json!({ "subscription_tier_slug": "basic" }), 400, "name"),
        (json!({ "name": 1, "subscription_tier_slug": "basic" }), 400, "string"),
        (json!({ "name": "shop" }), 422, "subscription_tier_slug"),
        (json!({ "name": "Shop", "subscription_tier_slug": "basic" }), 422, "lower-case"),
        (json!({ "name": "-shop", "subscription_tier_slug": "basic" }), 422, "lower-case"),
        (json!({ "name": "shop.x", "subscription_tier_slug": "basic" }), 422, "lower-case"),
        (json!({ "name": "shop", "subscription_tier_slug": "gold" }), 422, "professional"),
        (json!({ "name": "shop", "subscription_tier_slug": "basic", "region": "moon" }), 422, "nyc3"),
        (json!({ "name": "registry", "subscription_tier_slug": "basic" }), 422, "reserved"),
        (json!({ "name": "options", "subscription_tier_slug": "basic" }), 422, "reserved"),
        (json!({ "name": "bob", "subscription_tier_slug": "basic" }), 409, "exists"),
    ] {
        let answer = create(body.clone()).expect(status).json();
        assert!(answer["message"].as_str().unwrap().contains(about), "{body}: {answer}");
    }
    server.get("/v2/registries", &alice).expect(200);
    assert_eq!(server.get("/v2/registries", &alice).json()["registries"], json!([]));
    let validate = |name: &str| {
        send(&server, "POST", "/v2/registry/validate-name", &alice, &json!({ "name": name })).status
    };
    assert_eq!(["shop", "alice", "acme"].map(validate), [204; 3]);
    assert_eq!(["bob", "Shop", "", "registry"].map(validate), [409, 422, 422, 422]);
    registry(&server, &alice, "shop", "starter");
    assert_eq!(validate("shop"), 409);
}

#[test]
fn tiers_have_effect_at_push_and_pull() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiers.toml");
    let tier = "[[tier]]\nslug = \"tiny\"\nname = \"Tiny\"\nregistries = 1\nrepositories = 1\nstorage_bytes = 3000\n\
        bandwidth_bytes = 4000\n[[tier]]\nslug = \"all\"\nname = \"All\"\n";
    std::fs::write(&file, tier).unwrap();
    let setting = format!("registry.tiers_file={}", file.display());
    let server = Server::with(&["--set", &setting]);
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "shop", "tiny");
    let login = pusher();
    let begin = |repository: &str, user: &str| {
        server.send("POST", &format!("/v2/{repository}/blobs/uploads/"), user, &[], b"")
    };
    let digest = server.push_blob(&login, "shop/app", &[1; 2000]);
    begin("shop/other", &login).expect(202);
    let pushed = |repository: &str, content: &[u8]| {
        let digest = longshore_testkit::images::digest_of(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        server.send("POST", &path, &login, &[("content-type", "application/octet-stream")], content)
    };
    let second = pushed("shop/other", b"x").expect(403);
    assert_eq!(second.code(), "DENIED");
    assert!(second.json()["errors"][0]["message"].as_str().unwrap().contains("1 repositories"));
    assert_eq!(pushed("shop/app", &[2; 1001]).expect(403).code(), "DENIED");
    pushed("shop/app", &[2; 1000]).expect(201);
    // The shop is full; other namespaces are not concerned.
    assert_eq!(begin("shop/app", &login).expect(403).code(), "DENIED");
    begin("alice/app", &login).expect(202);
    let options = server.get("/v2/registry/options", &alice).expect(200).json();
    assert_eq!(options["options"]["subscription_tiers"][0]["eligible"], true);
    let blob = format!("/v2/shop/app/blobs/{digest}");
    server.get(&blob, &login).expect(200);
    server.get(&blob, &login).expect(200);
    let exceeded = server.get(&blob, &login).expect(403);
    assert!(exceeded.json()["errors"][0]["message"].as_str().unwrap().contains("4000"));
    send(&server, "POST", "/v2/registry/subscription", &alice, &json!({ "tier_slug": "all" })).expect(200);
    server.get(&blob, &login).expect(200);
    pushed("shop/other", &[3; 5000]).expect(201);
    let refused = json!({ "tier_slug": "tiny" });
    let refused = send(&server, "POST", "/v2/registry/subscription", &alice, &refused).expect(412).json();
    assert!(refused["message"].as_str().unwrap().ends_with("[OverRepositoryLimit OverStorageLimit]"));
    let options = server.get("/v2/registry/options", &alice).expect(200).json();
    let tiny = &options["options"]["subscription_tiers"][0];
    assert_eq!(tiny["eligible"], false);
    assert_eq!(tiny["eligibility_reasons"], json!(["OverRepositoryLimit", "OverStorageLimit"]));
}

#[test]
fn answers_show_the_rate_limit_and_a_request_id() {
    let server = Server::with(&["--set", "limits.requests_per_account=3"]);
    let alice = bearer(&server, "alice", "repo:read");
    let first = server.get("/v2/registries", &alice).expect(200);
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("3", "2"));
    assert!(first.header("ratelimit-reset").parse::<u64>().unwrap() > 1_700_000_000);
    assert!(!first.header("x-request-id").is_empty());
    for _ in 0..2 {
        server.get("/v2/registries", &alice).expect(200);
    }
    let refused = server.get("/v2/registries", &alice).expect(429);
    assert_eq!(refused.json()["id"], "too_many_requests");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
    assert_eq!(refused.json()["request_id"], refused.header("x-request-id"));
}

#[test]
fn the_account_and_its_token_are_told_about() {
    let server = Server::new();
    server.admin(&["user", "set", "alice", "--email", "alice@example.org"]);
    let alice = bearer(&server, "alice", "repo:read");
    let account = server.get("/v2/account", &alice).expect(200).json();
    assert_eq!(account["account"]["email"], "alice@example.org");
    assert_eq!(account["account"]["team"]["name"], "alice");
    assert_eq!(account["account"]["status"], "active");
    let token = server.get("/v1/oauth/token/info", &alice).expect(200).json();
    assert_eq!(token["scopes"], json!(["repo:read"]));
    assert!(token["created_at"].is_i64() && token["resource_owner_id"].is_i64());
    let unknown = server.get("/v2/registry/nothing/here/at/all", &alice).expect(404).json();
    assert!(unknown["message"].as_str().unwrap().contains("/api/openapi/digitalocean.json"));
    let wrong = server.send("PATCH", "/v2/registry", &alice, &[], b"").expect(405);
    assert_eq!(wrong.header("allow"), "GET, POST, DELETE");
}

#[test]
fn registries_of_clusters_find_no_cluster() {
    let server = Server::new();
    let alice = bearer(&server, "alice", "repo:admin");
    let body = json!({ "cluster_uuids": ["bd5f5959-5e1e-4205-a714-a914373942af"] });
    for (method, path) in [("POST", "/v2/kubernetes/registry"), ("DELETE", "/v2/kubernetes/registry")] {
        let answer = send(&server, method, path, &alice, &body).expect(422).json();
        assert!(answer["message"].as_str().unwrap().contains("kubernetes.io/dockerconfigjson"));
    }
    let unknown = json!({ "cluster_uuids": [], "registries": ["nowhere"] });
    send(&server, "POST", "/v2/kubernetes/registries", &alice, &unknown).expect(404);
    send(&server, "POST", "/v2/kubernetes/registries", &alice, &json!({ "registries": [] })).expect(204);
    let many = json!({ "registries": vec!["nowhere"; 11] });
    send(&server, "POST", "/v2/kubernetes/registries", &alice, &many).expect(422);
}
