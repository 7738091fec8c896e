//! How the operations of the SWR dialect and of its identity service are asked for.

use longshore_api_swr::routes::Route;
use serde_json::{Value, json};

use super::door::Door;
use super::rows::Row;
use super::rows_hub::{fresh_repository, member_again};
use super::rows_oci::fresh_image;
use super::world::{Hands, Vars};
use crate::server::Answer;

const NAMESPACE: &str = "/v2/manage/namespaces/acme";

/// Permission of a user who has none besides.
fn auth(hands: &Hands<'_>, user: &str, level: u8) -> Value {
    let id = &hands.world.homes["acme"][&format!("id-{user}")];
    json!([{ "user_id": id, "user_name": user, "auth": level }])
}

/// An empty namespace with an editor, a member, and a user who manages it.
fn fresh_namespace(hands: &Hands<'_>) -> Vars {
    let name = format!("doomed{}", hands.number());
    hands.swr("POST", "/v2/manage/namespaces", &json!({ "namespace": name }));
    for role in ["editor", "member"] {
        hands.server.admin(&["org", "set-member", &name, role, "--role", role]);
    }
    hands.swr("POST", &format!("/v2/manage/namespaces/{name}/access"), &auth(hands, "ns-manage", 7));
    [("doomed".to_owned(), name)].into()
}

fn given(hands: &Hands<'_>) -> Vars {
    hands.swr("POST", &format!("{NAMESPACE}/access"), &auth(hands, "subscriber", 1));
    Vars::new()
}

fn taken(hands: &Hands<'_>) {
    let id = &hands.world.homes["acme"]["id-subscriber"];
    hands.swr("DELETE", &format!("{NAMESPACE}/access"), &json!([id]));
}

fn given_in_app(hands: &Hands<'_>) -> Vars {
    hands.swr("POST", &format!("{NAMESPACE}/repos/app/access"), &auth(hands, "subscriber", 1));
    Vars::new()
}

fn taken_in_app(hands: &Hands<'_>) {
    let id = &hands.world.homes["acme"]["id-subscriber"];
    hands.swr("DELETE", &format!("{NAMESPACE}/repos/app/access"), &json!([id]));
}

fn shared(hands: &Hands<'_>) -> Vars {
    let share = json!({ "access_domain": "subscriber", "permit": "read", "deadline": "forever" });
    hands.swr("POST", &format!("{NAMESPACE}/repositories/app/access-domains"), &share);
    Vars::new()
}

fn unshared(hands: &Hands<'_>) {
    hands.swr("DELETE", &format!("{NAMESPACE}/repositories/app/access-domains/subscriber"), &Value::Null);
}

fn policy() -> Value {
    let rule = json!({ "template": "tag_rule", "params": { "num": "1000" }, "tag_selectors": [] });
    json!({ "algorithm": "or", "rules": [rule] })
}

fn fresh_policy(hands: &Hands<'_>) -> Vars {
    let made = hands.swr("POST", &format!("{NAMESPACE}/repos/app/retentions"), &policy());
    [("retention_id".to_owned(), made["id"].to_string())].into()
}

/// Deletes all policies but the first.
fn one_policy(hands: &Hands<'_>) {
    let path = format!("{NAMESPACE}/repos/app/retentions");
    let kept = &hands.world.homes["acme"]["retention_id"];
    for policy in hands.swr("GET", &path, &Value::Null).as_array().unwrap() {
        if policy["id"] != kept.parse::<i64>().unwrap() {
            hands.swr("DELETE", &format!("{path}/{}", policy["id"]), &Value::Null);
        }
    }
}

fn fresh_session(hands: &Hands<'_>) -> Vars {
    let token = crate::swr::token(hands.server, "owner", "eu-de");
    [("subject".to_owned(), token.strip_prefix("Token ").unwrap().to_owned())].into()
}

fn fresh_key(hands: &Hands<'_>) -> Vars {
    let made = hands.swr("POST", "/v3.0/OS-CREDENTIAL/credentials", &json!({ "credential": {} }));
    [("access".to_owned(), made["credential"]["access"].as_str().unwrap().to_owned())].into()
}

/// Names with what may be done, as `acme:7`.
fn namespaces(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let all = document["namespaces"].as_array().cloned().unwrap_or_else(|| vec![document.clone()]);
    all.iter().map(|one| format!("{}:{}", one["name"].as_str().unwrap_or("?"), one["auth"])).collect()
}

/// What one may do oneself, and who else may do what.
fn permissions(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let others = document["others_auths"].as_array().cloned().unwrap_or_default();
    let others =
        others.iter().map(|one| format!("{}:{}", one["user_name"].as_str().unwrap_or("?"), one["auth"]));
    [format!("self:{}", document["self_auth"]["auth"])].into_iter().chain(others).collect()
}

/// Repositories as `acme/app`.
fn repositories(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let all = document["repos"].as_array().or(document.as_array()).cloned().unwrap_or_default();
    let text = |one: &Value, member: &str| one[member].as_str().map(str::to_owned);
    let namespace = |one: &Value| text(one, "namespace").or(text(one, "namespace_name")).unwrap_or_default();
    all.iter().map(|one| format!("{}/{}", namespace(one), text(one, "name").unwrap_or_default())).collect()
}

fn of_namespaces(route: &Route, row: &dyn Fn() -> Row) -> Option<Vec<Row>> {
    let auths = |id: &str, name: &str, auth: u8| json!([{ "user_id": id, "user_name": name, "auth": auth }]);
    Some(vec![match route.operation {
        "listNamespaces" => {
            let visible = row().query("filter=mode::visible").named("visible").names_by(namespaces).own();
            return Some(vec![row().names_by(namespaces).own(), visible]);
        }
        "createNamespace" => row().body(json!({ "namespace": "made{n}" })),
        "showNamespace" => row().names_by(namespaces),
        "deleteNamespace" => row().with("{org}", "{doomed}").made(fresh_namespace),
        "showNamespaceAuth" => row().names_by(permissions),
        "createNamespaceAuth" => row().body(auths("{id-subscriber}", "subscriber", 1)).after(taken),
        "updateNamespaceAuth" => {
            let role = row().body(auths("{user_id}", "bystander", 7)).named("owner").after(member_again);
            let given = row().body(auths("{id-ns-read}", "ns-read", 1));
            return Some(vec![given, role]);
        }
        "deleteNamespaceAuth" => {
            let role = row().body(json!(["{user_id}"])).named("member").after(member_again);
            return Some(vec![row().body(json!(["{id-subscriber}"])).made(given), role]);
        }
        "createRepo" => row().body(json!({ "repository": "made{n}", "is_public": false })),
        "showRepository" => row().names("name"),
        "updateRepo" => row().body(json!({ "is_public": false, "description": "the app" })),
        "deleteRepo" => row().made(fresh_repository),
        "showRepoAuth" => row().names_by(permissions),
        "createRepoAuth" => row().body(auths("{id-subscriber}", "subscriber", 1)).after(taken_in_app),
        "updateRepoAuth" => row().body(auths("{id-repo-read}", "repo-read", 1)),
        "deleteRepoAuth" => row().body(json!(["{id-subscriber}"])).made(given_in_app),
        "createRepoDomains" => row()
            .body(json!({ "access_domain": "subscriber", "permit": "read", "deadline": "forever" }))
            .after(unshared),
        "listRepoDomains" => row().names("*/access_domain"),
        "showAccessDomain" => row().names("exist"),
        "updateRepoDomains" => row().body(json!({ "permit": "read", "deadline": "forever" })),
        "deleteRepoDomains" => row().with("{access_domain}", "subscriber").made(shared),
        _ => return None,
    }])
}

fn of_content(route: &Route, row: &dyn Fn() -> Row) -> Option<Vec<Row>> {
    Some(vec![match route.operation {
        "listVersions" | "showVersion" | "showIdentityVersion" => row(),
        "listReposDetails" | "listRepoDetails" => row().names_by(repositories),
        "listSharedReposDetails" => {
            let own = row().query("center=self").named("own").names_by(repositories);
            return Some(vec![row().query("center=thirdparty").names_by(repositories), own]);
        }
        "listSharedRepoDetails" => row().names_by(repositories),
        "listRepositoryTags" => row().names("*/Tag"),
        "listRepositoryTag" => row().names("tags/*/tag"),
        "showRepoTag" => row().names("tag"),
        "deleteRepoTag" => row().made(fresh_image),
        "createRepoTag" => row().body(json!({ "source_tag": "v1", "destination_tag": "copied{n}" })),
        "listRetentions" | "listRetentionHistories" | "showRetention" | "dryRunRetention" => row(),
        "createRetention" => row().body(policy()).after(one_policy),
        "updateRetention" => row().body(policy()),
        "deleteRetention" => row().made(fresh_policy),
        "createSecret" | "createAuthorizationToken" => {
            let acme = row().query("projectname={org}").named("acme");
            return Some(vec![row(), acme]);
        }
        "listQuotas" | "showShareFeatureGates" => row(),
        "showDomainOverview" => row(),
        "showDomainResourceReports" => {
            row().with("{resource_type}", "store").with("{frequency}", "daily")
        }
        "createToken" => row().body(json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": { "name": "{login}", "password": "{secret}" } } },
            "scope": { "project": { "name": "eu-de" } },
        } })),
        "showToken" => row().header("x-subject-token", "{subject}"),
        "deleteToken" => row().header("x-subject-token", "{subject}").made(fresh_session),
        "listProjects" | "listAuthProjects" => row().names("projects/*/name").own(),
        "listDomains" => row().names("domains/*/name").own(),
        "createAccessKey" => row().body(json!({ "credential": {} })),
        "listAccessKeys" => row().names("credentials/*/description"),
        "showAccessKey" => row(),
        "updateAccessKey" => row().body(json!({ "credential": { "status": "active" } })),
        "deleteAccessKey" => row().made(fresh_key),
        _ => return None,
    }])
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(route: &Route) -> Vec<Row> {
    let path = route.path.replace("{namespace}", "{org}");
    let row = || Row::new(Door::Swr, route.operation, route.method.as_str(), &path);
    of_namespaces(route, &row).or_else(|| of_content(route, &row)).unwrap_or_default()
}
