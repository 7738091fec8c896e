//! Parameters of lists, in all dialects: what the pages say of each is what the server does, and none is on neither the
//! page nor in the served document. What each narrows is tested where the dialect is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::server::{Server, user};
use crate::{docr, hub, scim, swr};

/// What a page says of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Kept,
    Refused,
    NoEffect,
}

struct Lists<'s> {
    server: &'s Server,
    who: String,
    page: &'static str,
    document: Value,
    /// What stands for the parameters of paths, of all operations or of one.
    names: &'s [(&'s str, &'s str)],
    /// Values of parameters that need one of their own, of one operation or of all, with what goes together with them.
    values: &'static [(&'static str, &'static str)],
}

/// Returns what a page says, by operation and parameter.
fn said(page: &str) -> BTreeMap<(String, String), Said> {
    let section = page.split("Parameters of lists\n").nth(1).unwrap().split("\n#").next().unwrap();
    let mut found = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [operations, parameters, _, here] = cells[..] else { panic!("{line}") };
        let names =
            |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let said = match here.trim() {
            text if text.starts_with("kept") => Said::Kept,
            text if text.starts_with("refused") => Said::Refused,
            text if text.starts_with("no effect") => Said::NoEffect,
            text => panic!("{text}"),
        };
        for operation in names(operations) {
            for parameter in names(parameters) {
                found.insert((operation.clone(), parameter), said);
            }
        }
    }
    found
}

impl Lists<'_> {
    fn check(&self) {
        let said = said(self.page);
        let mut described = BTreeSet::new();
        let mut asked = 0;
        for (path, operations) in self.document["paths"].as_object().unwrap() {
            for method in ["get", "head"] {
                let operation = &operations[method];
                let Some(id) = operation["operationId"].as_str() else { continue };
                let mut url = path.clone();
                for (name, value) in self.names {
                    let name = name.strip_prefix(&format!("{id} ")).unwrap_or(name);
                    url = url.replace(&format!("{{{name}}}"), value);
                }
                let queries: BTreeMap<&str, &Value> = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "query")
                    .map(|parameter| (parameter["name"].as_str().unwrap(), &parameter["schema"]))
                    .collect();
                described.extend(queries.keys().map(|name| (id.to_owned(), (*name).to_owned())));
                for ((_, name), said) in said.iter().filter(|((operation, _), _)| operation == id) {
                    let schema = queries.get(name.as_str());
                    assert_eq!(schema.is_some(), *said == Said::Kept, "{id} {name}: {said:?}");
                    let value = self.value(id, name, schema.copied().unwrap_or(&Value::Null));
                    let answer = self.server.send(
                        &method.to_uppercase(),
                        &format!("{url}?{value}"),
                        &self.who,
                        &[],
                        b"",
                    );
                    let expected = if *said == Said::Refused { 400 } else { 200 };
                    // That a repository has no tags of a sort is no refusal.
                    let is_nothing = method == "head" && answer.status == 404;
                    assert!(
                        answer.status == expected || is_nothing,
                        "{method} {url}?{value}: {} {}",
                        answer.status,
                        String::from_utf8_lossy(&answer.body)
                    );
                    asked += 1;
                }
            }
        }
        let kept: BTreeSet<_> =
            said.iter().filter(|(_, said)| **said == Said::Kept).map(|(key, _)| key.clone()).collect();
        assert_eq!(kept, described, "the page and the served document differ");
        assert_eq!(asked, said.len(), "the page names operations that are not there");
    }

    fn value(&self, id: &str, name: &str, schema: &Value) -> String {
        let own = self.values.iter().find(|(known, _)| *known == name || *known == format!("{id} {name}"));
        if let Some((_, value)) = own {
            return (*value).to_owned();
        }
        let value = match (schema["enum"].get(0), schema["type"].as_str(), schema["format"].as_str()) {
            (Some(first), ..) => first.as_str().unwrap(),
            (_, Some("boolean"), _) => "True",
            (_, Some("integer"), _) => "1.0",
            (_, _, Some("date-time")) => "2026-01-01T00:00:00Z",
            _ => "x",
        };
        format!("{name}={value}")
    }
}

#[test]
fn each_parameter_of_each_list_is_kept_or_refused_as_the_pages_say() {
    let server =
        Server::with(&["--set", "limits.requests_per_account=0", "--set", "limits.requests_per_address=0"]);
    let document = |name: &str| server.get(&format!("/api/openapi/{name}.json"), "").expect(200).json();
    docr::push(&server, &user("alice"), "acme/app", "v1");
    let alice = hub::sign_in(&server, "alice");
    let digest = server.get("/v2/namespaces/acme/repositories/app/tags/v1", &alice).expect(200).json();
    let names = [
        ("namespace", "acme"),
        ("repository", "app"),
        ("org_name", "acme"),
        ("group_name", "dev"),
        ("account", "acme"),
        ("digest", digest["digest"].as_str().unwrap()),
    ];
    hub::send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    Lists {
        server: &server,
        who: alice,
        page: include_str!("../../../../docs/api/hub.md"),
        document: document("hub"),
        names: &names,
        values: &[("username", "username=alice"), ("action", "action=repo.tag.push")],
    }
    .check();

    let who = docr::bearer(&server, "alice", "repo:admin");
    docr::registry(&server, &who, "shop", "professional");
    docr::push(&server, &user("alice"), "shop/app", "v1");
    Lists {
        server: &server,
        who,
        page: include_str!("../../../../docs/api/digitalocean.md"),
        document: document("digitalocean"),
        names: &[("registry_name", "shop"), ("repository_name", "app")],
        // An empty one is none; what it continues is tested with the list.
        values: &[("page_token", "page_token=")],
    }
    .check();

    server.admin(&["org", "create", "market", "--owner", "alice"]);
    docr::push(&server, &user("alice"), "market/app", "v1");
    // What follows `/v3` besides is no list of the registry's.
    let mut managing = document("swr");
    managing["paths"].as_object_mut().unwrap().retain(|path, _| path.contains("/manage/"));
    Lists {
        server: &server,
        who: swr::token(&server, "alice", "market"),
        page: include_str!("../../../../docs/api/swr.md"),
        document: managing,
        names: &[("namespace", "market"), ("repository", "app")],
        values: SWR_VALUES,
    }
    .check();

    let who = scim::provider(&server, "acme", "lists");
    let user = scim::create(&server, &who, "jane@example.org");
    let group = json!({ "schemas": [scim::GROUP], "displayName": "ops" });
    let group = scim::send(&server, "POST", "/Groups", &who, &group).expect(201).json();
    let (user, group) = (user["id"].as_str().unwrap(), group["id"].as_str().unwrap());
    Lists {
        server: &server,
        who,
        page: include_str!("../../../../docs/api/scim.md"),
        document: document("scim"),
        names: &[("get_user id", user), ("get_group id", group)],
        values: &[
            ("list_groups filter", "filter=displayName%20pr"),
            ("filter", "filter=userName%20pr"),
            ("sortBy", "sortBy=id"),
            ("attributes", "attributes=id"),
            ("excludedAttributes", "excludedAttributes=meta"),
        ],
    }
    .check();
}

const SWR_VALUES: &[(&str, &str)] = &[
    ("listNamespaces filter", "filter=namespace::x"),
    ("listSharedReposDetails filter", "center=self&filter=offset::0%7Climit::10"),
    ("filter", "filter=offset::0%7Climit::10.0"),
    ("listRepositoryTag limit", "limit=10.0"),
    ("listRepoDetails limit", "limit=10.0"),
    ("listSharedRepoDetails limit", "limit=10.0"),
    ("limit", "center=self&offset=0.0&limit=10.0"),
    ("offset", "center=self&offset=0.0&limit=10.0"),
    ("marker", "marker=0.0"),
    ("order_column", "center=self&order_column=updated_at&order_type=asc"),
    ("order_type", "center=self&order_column=updated_at&order_type=desc"),
    ("center", "center=thirdparty"),
    ("is_public", "is_public=True"),
    ("with_manifest", "with_manifest=FALSE"),
    ("status", "center=self&status=True"),
    ("namespace", "center=self&namespace=market"),
    ("name", "center=self&name=app"),
    ("domain_name", "center=self&domain_name=market"),
    ("category", "category=linux"),
];
