//! Default deny: walks the table of operations, so that one without a refusal cannot be added.

use longshore_api_swr::routes::{Needs, ROUTES, Route};
use serde_json::{Value, json};

use super::{project_id, push, pusher, send, shop, token};
use crate::docr::bearer;
use crate::server::{PASSWORD, Server};

/// How an operation is asked for on things of `alice`, and what `bob` gets, who has nothing to do with them.
struct Sample {
    path: String,
    body: Value,
    /// `None` where it is on the actor's own things only.
    foreign: Option<u16>,
}

fn sample(route: &Route, ids: &[(&str, String)]) -> Option<Sample> {
    let path = ids.iter().fold(route.path.to_owned(), |path, (name, id)| path.replace(name, id));
    let of_shop = |body: Value| Some(Sample { path: path.clone(), body, foreign: Some(404) });
    let own = |body: Value| Some(Sample { path: path.clone(), body, foreign: None });
    let dave = &ids.iter().find(|(name, _)| *name == "dave").unwrap().1;
    let permission = json!([{ "user_id": dave, "user_name": "dave", "auth": 1 }]);
    let rule = json!({ "template": "tag_rule", "params": { "num": "1" }, "tag_selectors": [] });
    let policy = json!({ "algorithm": "or", "rules": [rule] });
    match route.operation {
        "listRepoDetails" | "listSharedRepoDetails" => own(Value::Null),
        "createRepoTag" => of_shop(json!({ "source_tag": "v1", "destination_tag": "v3" })),
        "listRepositoryTag" => of_shop(Value::Null),
        "listNamespaces"
        | "listReposDetails"
        | "listSharedReposDetails"
        | "createSecret"
        | "createAuthorizationToken"
        | "showDomainOverview"
        | "showDomainResourceReports"
        | "showToken"
        | "deleteToken"
        | "listProjects"
        | "listAuthProjects"
        | "listDomains"
        | "listAccessKeys" => own(Value::Null),
        "createAccessKey" => own(json!({ "credential": {} })),
        // Names are taken for everybody.
        "createNamespace" => Some(Sample { path, body: json!({ "namespace": "shop" }), foreign: Some(409) }),
        // Whoever may not push somewhere is not told what is there.
        "createRepo" => {
            let body = json!({ "repository": "new", "is_public": true });
            Some(Sample { path, body, foreign: Some(403) })
        }
        "listQuotas" | "showShareFeatureGates" => {
            Some(Sample { path, body: Value::Null, foreign: Some(401) })
        }
        "updateAccessKey" => of_shop(json!({ "credential": { "status": "inactive" } })),
        "createNamespaceAuth" | "updateNamespaceAuth" | "createRepoAuth" | "updateRepoAuth" => {
            of_shop(permission)
        }
        "deleteNamespaceAuth" | "deleteRepoAuth" => of_shop(json!([dave])),
        "updateRepo" => of_shop(json!({ "is_public": true })),
        "createRepoDomains" => {
            of_shop(json!({ "access_domain": "dave", "permit": "read", "deadline": "forever" }))
        }
        "updateRepoDomains" => of_shop(json!({ "permit": "read", "deadline": "forever" })),
        "createRetention" | "updateRetention" => of_shop(policy),
        "showNamespace"
        | "deleteNamespace"
        | "showNamespaceAuth"
        | "showRepository"
        | "deleteRepo"
        | "listRepositoryTags"
        | "showRepoTag"
        | "deleteRepoTag"
        | "showRepoAuth"
        | "listRepoDomains"
        | "showAccessDomain"
        | "deleteRepoDomains"
        | "listRetentions"
        | "listRetentionHistories"
        | "showRetention"
        | "deleteRetention"
        | "dryRunRetention"
        | "showAccessKey"
        | "deleteAccessKey" => of_shop(Value::Null),
        _ => None,
    }
}

#[test]
fn every_operation_refuses_anonymous_powerless_and_foreign_callers() {
    let server = shop(&[]);
    for name in ["carol", "dave"] {
        server.admin_with_input(&["user", "create", name, "--password-stdin"], PASSWORD);
    }
    server.admin(&["org", "set-member", "shop", "carol", "--role", "member"]);
    push(&server, &pusher(), "shop/app", "v1");
    push(&server, &pusher(), "shop/app", "v2");
    let alice = token(&server, "alice", "eu-de");
    let ask = |method: &str, path: &str, body: Value, status| {
        send(&server, method, path, &alice, &body).expect(status).json()
    };
    let retentions = "/v2/manage/namespaces/shop/repos/app/retentions";
    let keeps_all = json!({ "template": "tag_rule", "params": { "num": "9" }, "tag_selectors": [] });
    let policy = ask("POST", retentions, json!({ "algorithm": "or", "rules": [keeps_all] }), 201);
    let key = ask("POST", "/v3.0/OS-CREDENTIAL/credentials", json!({ "credential": {} }), 201);
    let share = json!({ "access_domain": "dave", "permit": "read", "deadline": "forever" });
    ask("POST", "/v2/manage/namespaces/shop/repositories/app/access-domains", share, 201);
    let permission =
        json!([{ "user_id": project_id(&server, "dave", "dave"), "user_name": "dave", "auth": 1 }]);
    ask("POST", "/v2/manage/namespaces/shop/access", permission.clone(), 200);
    ask("POST", "/v2/manage/namespaces/shop/repos/app/access", permission, 201);
    let ids = [
        ("{namespace}", "shop".to_owned()),
        ("{repository}", "app".to_owned()),
        ("{tag}", "v1".to_owned()),
        ("{access_domain}", "dave".to_owned()),
        ("{retention_id}", policy["id"].to_string()),
        ("{project_id}", project_id(&server, "alice", "shop")),
        ("{resource_type}", "store".to_owned()),
        ("{frequency}", "daily".to_owned()),
        ("{access}", key["credential"]["access"].as_str().unwrap().to_owned()),
        ("dave", project_id(&server, "dave", "dave")),
    ];
    let (bob, carol) = (token(&server, "bob", "bob"), token(&server, "carol", "carol"));
    let of_token = |account: &str, scope: &str| bearer(&server, account, scope).replace("Bearer", "Token");
    let powerless = of_token("alice", "repo:public_read");
    let reads = of_token("alice", "repo:read");
    let elsewhere = token(&server, "alice", "acme");
    let session = crate::hub::sign_in(&server, "alice").replace("Bearer", "Token");
    let before = ask("GET", "/v2/manage/namespaces/shop/access", Value::Null, 200);
    for route in ROUTES.iter().filter(|route| route.needs != Needs::Nothing) {
        let Some(sample) = sample(route, &ids) else { panic!("{} needs a sample here", route.operation) };
        let ask = |who: &str| send(&server, route.method.as_str(), &sample.path, who, &sample.body).status;
        // SWR answers a request without a token with 400.
        let is_identity = route.path.starts_with("/v3") && !route.path.starts_with("/v3/manage");
        let missing = if is_identity { 401 } else { 400 };
        for nobody in ["", "Bearer x", &pusher(), &alice.replace("Token", "Bearer")] {
            assert_eq!(ask(nobody), missing, "{} as {nobody:?}", route.operation);
        }
        // Tokens of other APIs are none of this one.
        for nobody in ["Token x", "Token lsp_forged", &session, "Token a.b.c"] {
            assert_eq!(ask(nobody), 401, "{} as {nobody:?}", route.operation);
        }
        let is_of_somebody = sample.foreign.is_some();
        let changes = route.method != http::Method::GET && is_of_somebody;
        if changes {
            let status = ask(&powerless);
            assert!([403, 404].contains(&status), "{} by a token that may not: {status}", route.operation);
            let status = ask(&reads);
            assert_eq!(status, 403, "{} by a token for reading", route.operation);
            if !is_identity {
                let expected = if route.operation == "createNamespace" { 409 } else { 403 };
                assert_eq!(ask(&carol), expected, "{} as a member", route.operation);
            }
        }
        if let Some(foreign) = sample.foreign {
            assert_eq!(ask(&bob), foreign, "{} as bob", route.operation);
            // A token for one organization is none for another.
            if !is_identity {
                let status = ask(&elsewhere);
                assert_eq!(status, 401, "{} with a token for another project", route.operation);
            }
        }
    }
    // Nothing was changed by all that.
    let ask = |path: &str| send(&server, "GET", path, &alice, &Value::Null).expect(200).json();
    assert_eq!(ask("/v2/manage/namespaces/shop/access"), before);
    assert_eq!(ask("/v2/manage/namespaces/shop/repos/app/tags").as_array().unwrap().len(), 2);
    assert_eq!(ask("/v2/manage/namespaces/shop/repos/app")["is_public"], false);
    assert_eq!(ask("/v2/manage/repos").as_array().unwrap().len(), 1);
    assert_eq!(
        ask("/v2/manage/namespaces/shop/repositories/app/access-domains").as_array().unwrap().len(),
        1
    );
    assert_eq!(ask(retentions)[0]["rules"][0]["params"]["num"], "9");
    assert_eq!(ask("/v3.0/OS-CREDENTIAL/credentials")["credentials"][0]["status"], "active");
}

#[test]
fn tokens_of_this_api_are_none_of_others() {
    let server = shop(&[]);
    let bearer = token(&server, "alice", "eu-de").replace("Token", "Bearer");
    server.get("/v2/user/", &bearer).expect(401);
    server.get("/v2/registry", &bearer).expect(401);
    server.get("/v2/_catalog", &bearer).expect(401);
}

#[test]
fn the_served_document_has_every_operation() {
    let server = Server::bare(&[]);
    let document = server.get("/api/openapi/swr.json", "").expect(200).json();
    assert_eq!(document["openapi"], "3.0.3");
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
    }
    for reference in document.to_string().split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
