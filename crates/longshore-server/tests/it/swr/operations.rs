//! Every operation once as it is meant, and once with each input that it can be given wrong. An operation that is added
//! to the table without a step here fails the test, as one without a refusal does (`refusals`).

use longshore_api_swr::routes::ROUTES;
use serde_json::{Value, json};

use super::{project_id, push, pusher, shop, token};
use crate::walk::{Operation, Refusals, Walk};

#[test]
fn every_operation_does_what_it_says_and_refuses_bad_input() {
    let server = shop(&[]);
    let operations = ROUTES.iter().map(|route| Operation {
        name: route.operation,
        method: route.method.to_string(),
        path: route.path,
    });
    let refusals = Refusals {
        malformed: &[400],
        // A project that is none is outside of what the token is for.
        impossible_name: &[400, 401, 404],
        without_input: &[
            "listVersions",
            "showVersion",
            "showDomainOverview",
            "showIdentityVersion",
            "deleteToken",
            "listAuthProjects",
            "listDomains",
        ],
    };
    let (alice, bob) = (token(&server, "alice", "eu-de"), project_id(&server, "bob", "bob"));
    let own = project_id(&server, "alice", "alice");
    let mut walk = Walk::new(server, "/api/openapi/swr.json", operations.collect(), refusals);
    walk.who = alice.clone();
    walk.headers.push(("x-subject-token", alice["Token ".len()..].to_owned()));
    let nothing = Value::Null;
    for name in ["listVersions", "showVersion", "showIdentityVersion"] {
        walk.does(name, &nothing, 200);
    }
    let signed_in = walk.does("createToken", &super::credentials("alice", "alice"), 201);
    assert_eq!(signed_in["token"]["user"]["id"], own);
    assert_eq!(walk.does("showToken", &nothing, 200)["token"]["project"]["name"], "eu-de");
    assert_eq!(walk.does("listProjects", &nothing, 200)["projects"].as_array().unwrap().len(), 3);
    walk.does("listAuthProjects", &nothing, 200);
    assert_eq!(walk.does("listDomains", &nothing, 200)["domains"][0]["id"], own);
    let key = walk.does("createAccessKey", &json!({ "credential": { "user_id": own } }), 201);
    walk.named("access", &key["credential"]["access"]);
    assert_eq!(walk.does("listAccessKeys", &nothing, 200)["credentials"].as_array().unwrap().len(), 1);
    let off = json!({ "credential": { "status": "inactive", "description": "old" } });
    assert_eq!(walk.does("updateAccessKey", &off, 200)["credential"]["description"], "old");
    assert_eq!(walk.does("showAccessKey", &nothing, 200)["credential"]["status"], "inactive");
    walk.does("deleteAccessKey", &nothing, 204);

    walk.named("namespace", &json!("group"));
    walk.does("createNamespace", &json!({ "namespace": "group" }), 201);
    assert_eq!(walk.does("listNamespaces", &nothing, 200)["namespaces"].as_array().unwrap().len(), 4);
    assert_eq!(walk.does("showNamespace", &nothing, 200)["auth"], 7);
    let permission = |auth: u8| json!([{ "user_id": bob, "user_name": "bob", "auth": auth }]);
    walk.does("createNamespaceAuth", &permission(1), 200);
    walk.does("updateNamespaceAuth", &permission(3), 201);
    assert_eq!(walk.does("showNamespaceAuth", &nothing, 200)["others_auths"], permission(3));
    walk.does("deleteNamespaceAuth", &json!([bob]), 204);

    walk.named("repository", &json!("team/app"));
    let new = json!({ "repository": "team/app", "is_public": false, "category": "lang" });
    walk.does("createRepo", &new, 200);
    walk.does("updateRepo", &json!({ "is_public": false, "description": "for all" }), 201);
    assert_eq!(walk.does("showRepository", &nothing, 200)["description"], "for all");
    for tag in ["v1", "v2"] {
        push(&walk.server, &pusher(), "group/team/app", tag);
    }
    walk.named("tag", &json!("v1"));
    assert_eq!(walk.does("listRepositoryTags", &nothing, 200).as_array().unwrap().len(), 2);
    assert_eq!(walk.does("showRepoTag", &nothing, 200)["tag"], "v1");
    assert_eq!(walk.does("listReposDetails", &nothing, 200)[0]["name"], "team/app");
    let copy = json!({ "source_tag": "v2", "destination_tag": "stable" });
    walk.does("createRepoTag", &copy, 201);
    let newer = walk.does("listRepositoryTag", &nothing, 200);
    assert_eq!((newer["tags"].as_array().unwrap().len(), &newer["has_more"]), (3, &json!(false)));
    assert_eq!(newer["tags"][0]["manifest"], "");
    assert_eq!(walk.does("listRepoDetails", &nothing, 200)["repos"][0]["namespace_name"], "group");
    walk.does("createRepoAuth", &permission(1), 201);
    walk.does("updateRepoAuth", &permission(7), 201);
    assert_eq!(walk.does("showRepoAuth", &nothing, 200)["others_auths"], permission(7));
    walk.does("deleteRepoAuth", &json!([bob]), 204);
    let share = json!({ "access_domain": "bob", "permit": "read", "deadline": "forever" });
    walk.named("access_domain", &json!("bob"));
    walk.does("createRepoDomains", &share, 201);
    walk.does("updateRepoDomains", &json!({ "permit": "read", "deadline": "2099-01-01" }), 201);
    assert_eq!(walk.does("showAccessDomain", &nothing, 200)["deadline"], "2099-01-02T00:00:00Z");
    assert_eq!(walk.does("listRepoDomains", &nothing, 200)[0]["access_domain"], "bob");
    walk.queries.insert("listSharedReposDetails", "center=self");
    let shared = walk.does("listSharedReposDetails", &nothing, 200);
    assert_eq!(shared.as_array().unwrap().len(), 1);
    walk.queries.insert("listSharedRepoDetails", "shared_by=self");
    let shared = walk.does("listSharedRepoDetails", &nothing, 200);
    assert_eq!((shared["repos"].as_array().unwrap().len(), &shared["nextMarker"]), (1, &Value::Null));
    walk.does("deleteRepoDomains", &nothing, 204);
    let policy = |days: &str| {
        let rule = json!({ "template": "date_rule", "params": { "days": days }, "tag_selectors": [] });
        json!({ "algorithm": "or", "rules": [rule] })
    };
    let made = walk.does("createRetention", &policy("30"), 201);
    walk.named("retention_id", &made["id"]);
    walk.does("updateRetention", &policy("60"), 201);
    assert_eq!(walk.does("showRetention", &nothing, 200)["rules"][0]["params"]["days"], "60");
    assert_eq!(walk.does("listRetentions", &nothing, 200).as_array().unwrap().len(), 1);
    assert_eq!(walk.does("dryRunRetention", &nothing, 200)["total"], 0);
    assert_eq!(walk.does("listRetentionHistories", &nothing, 200)["total"], 0);
    walk.does("deleteRetention", &nothing, 200);
    walk.does("deleteRepoTag", &nothing, 204);
    walk.does("createSecret", &nothing, 200);
    walk.does("createAuthorizationToken", &nothing, 200);
    walk.named("project_id", &json!(own));
    assert_eq!(walk.does("listQuotas", &nothing, 200)["quotas"][0]["used"], 3);
    walk.does("showShareFeatureGates", &nothing, 200);
    assert_eq!(walk.does("showDomainOverview", &nothing, 200)["namspace_num"], 4);
    for (kind, frequency) in [("store", "daily"), ("downflow", "monthly")] {
        walk.named("resource_type", &json!(kind));
        walk.named("frequency", &json!(frequency));
        walk.does("showDomainResourceReports", &nothing, 200);
    }
    walk.does("deleteRepo", &nothing, 204);
    walk.does("deleteNamespace", &nothing, 204);
    walk.does("deleteToken", &nothing, 204);
    walk.end();
}
