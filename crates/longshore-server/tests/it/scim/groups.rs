//! Groups, which are the teams of the organization.

use serde_json::{Value, json};

use super::{GROUP, create, filtered, patch, path_of, provider, refusal, send, server};
use crate::server::Server;

fn group_path(group: &Value) -> String {
    format!("/Groups/{}", group["id"].as_str().unwrap())
}

fn members(server: &Server, who: &str, group: &Value) -> Vec<String> {
    let group = send(server, "GET", &group_path(group), who, &Value::Null).expect(200).json();
    let mut ids: Vec<String> = group["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["value"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn ids(users: &[&Value]) -> Vec<String> {
    let mut ids: Vec<String> = users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn member(user: &Value) -> Value {
    json!({ "value": user["id"] })
}

#[test]
fn groups_are_teams() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let (jon, arya) = (create(&server, &okta, "jon@example.org"), create(&server, &okta, "arya@example.org"));
    let body = json!({
        "schemas": [GROUP], "displayName": "Night's Watch", "externalId": "g1", "members": [member(&jon)],
    });
    let made = send(&server, "POST", "/Groups", &okta, &body).expect(201);
    let group = made.json();
    assert_eq!((&group["displayName"], &group["externalId"]), (&body["displayName"], &body["externalId"]));
    let user_location = format!("{}/v2/scim/2.0/Users/{}", server.url, jon["id"].as_str().unwrap());
    assert_eq!(group["members"], json!([{ "value": jon["id"], "$ref": user_location }]));
    assert_eq!(made.header("location"), group["meta"]["location"].as_str().unwrap());
    let session = crate::hub::sign_in(&server, "alice");
    let teams = server.get("/v2/orgs/acme/groups", &session).expect(200).json();
    assert!(
        teams["results"].as_array().unwrap().iter().any(|team| team["name"] == "night-s-watch"),
        "{teams}"
    );
    // What a team may do, its members may do.
    server.admin(&["org", "set", "acme", "--members-pull", "none"]);
    assert_eq!(refusal(&send(&server, "POST", "/Groups", &okta, &body)), (409, "uniqueness".into()));
    let path = group_path(&group);
    let added = json!([{ "op": "add", "path": "members", "value": [member(&arya)] }]);
    patch(&server, &path, &okta, added.clone()).expect(200);
    patch(&server, &path, &okta, added).expect(200);
    assert_eq!(members(&server, &okta, &group), ids(&[&jon, &arya]));
    let shown = send(&server, "GET", &path_of(&arya), &okta, &Value::Null).json();
    let groups: Vec<_> =
        shown["groups"].as_array().unwrap().iter().map(|group| group["display"].clone()).collect();
    assert_eq!(groups, ["company", "Night's Watch"]);
    let gone = format!("members[value eq {}]", jon["id"]);
    patch(&server, &path, &okta, json!([{ "op": "remove", "path": gone }])).expect(200);
    assert_eq!(members(&server, &okta, &group), ids(&[&arya]));
    // As some providers send it.
    let gone = json!([{ "op": "Remove", "path": "members", "value": [member(&arya)] }]);
    patch(&server, &path, &okta, gone).expect(200);
    assert!(members(&server, &okta, &group).is_empty());
    let all = json!([{ "op": "replace", "value": { "id": group["id"], "displayName": "Watch", "members": [member(&jon), member(&arya)] } }]);
    let renamed = patch(&server, &path, &okta, all).expect(200).json();
    assert_eq!(renamed["displayName"], "Watch");
    let whole = json!({ "schemas": [GROUP], "displayName": "Watch", "members": [member(&arya)] });
    send(&server, "PUT", &path, &okta, &whole).expect(200);
    assert_eq!(members(&server, &okta, &group), ids(&[&arya]));
    // Members that are not given stay; none at all go.
    send(&server, "PUT", &path, &okta, &json!({ "schemas": [GROUP], "displayName": "Wall" })).expect(200);
    assert_eq!(members(&server, &okta, &group), ids(&[&arya]));
    send(&server, "PUT", &path, &okta, &json!({ "schemas": [GROUP], "members": [] })).expect(200);
    assert!(members(&server, &okta, &group).is_empty());
    send(&server, "DELETE", &path, &okta, &Value::Null).expect(204);
    assert_eq!(refusal(&send(&server, "GET", &path, &okta, &Value::Null)), (404, String::new()));
}

#[test]
fn groups_are_found_by_what_providers_know() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let jon = create(&server, &okta, "jon@example.org");
    for (name, external) in [("Watch", "g1"), ("Wall", "g2"), ("Freys", "g3")] {
        let body = json!({ "schemas": [GROUP], "displayName": name, "externalId": external, "members": [member(&jon)] });
        send(&server, "POST", "/Groups", &okta, &body).expect(201);
    }
    let found = |filter: &str| {
        let list = filtered(&server, "Groups", &okta, filter);
        let names = list["Resources"].as_array().unwrap().iter();
        names.map(|group| group["displayName"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (filter, expected) in [
        (r#"displayName eq "WATCH""#, "Watch"),
        (r#"displayName eq "company""#, "company"),
        (r#"displayName eq "nothing""#, ""),
        (r#"externalId eq "g2""#, "Wall"),
        (r#"displayName sw "w""#, "Watch Wall"),
        (r#"not (displayName sw "w") and externalId pr"#, "Freys"),
        (r#"displayName eq "Wall" or externalId eq "g3""#, "Wall Freys"),
        (r#"members.value eq "nobody""#, ""),
    ] {
        assert_eq!(found(filter), expected, "{filter}");
    }
    let by_member = format!("members[value eq {}] and displayName ne \"wall\"", jon["id"]);
    assert_eq!(found(&by_member), "company Watch Freys");
    assert_eq!(found(&format!("members eq {} and externalId eq \"g1\"", jon["id"])), "Watch");
    let sorted = send(
        &server,
        "GET",
        "/Groups?sortBy=displayName&count=2&startIndex=2&excludedAttributes=members",
        &okta,
        &Value::Null,
    )
    .expect(200)
    .json();
    let names: Vec<_> =
        sorted["Resources"].as_array().unwrap().iter().map(|group| &group["displayName"]).collect();
    assert_eq!((names, &sorted["totalResults"]), (vec![&json!("Freys"), &json!("Wall")], &json!(4)));
    assert!(sorted["Resources"][0].get("members").is_none());
    let page = send(&server, "GET", "/Groups?startIndex=2&count=2", &okta, &Value::Null).expect(200).json();
    assert_eq!((page["Resources"].as_array().unwrap().len(), &page["startIndex"]), (2, &json!(2)));
    assert_eq!(page["Resources"][0]["members"].as_array().unwrap().len(), 1);
    for filter in ["members pr", "members[$ref pr]", "members.value co \"x\"", "userName pr"] {
        let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let refused = send(&server, "GET", &format!("/Groups?filter={query}"), &okta, &Value::Null);
        assert_eq!(refusal(&refused), (400, "invalidFilter".into()), "{filter}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let jon = create(&server, &okta, "jon@example.org");
    let body = json!({ "schemas": [GROUP], "displayName": "Watch", "members": [member(&jon)] });
    let group = send(&server, "POST", "/Groups", &okta, &body).expect(201).json();
    let path = group_path(&group);
    let nobody = "01234567-89ab-4def-8123-456789abcdef";
    for (operation, kind) in [
        (json!({ "op": "add", "path": "members", "value": [{ "value": nobody }] }), "invalidValue"),
        (json!({ "op": "add", "path": "members", "value": [{ "value": "x" }] }), "invalidValue"),
        (json!({ "op": "add", "path": "members", "value": [1] }), "invalidValue"),
        (json!({ "op": "remove", "path": "displayName" }), "mutability"),
        (json!({ "op": "replace", "path": "displayName", "value": 1 }), "invalidValue"),
        (json!({ "op": "replace", "path": "displayName", "value": "" }), "invalidValue"),
        (json!({ "op": "replace", "path": "meta", "value": {} }), "mutability"),
        (json!({ "op": "remove", "path": "members[display eq \"x\"]" }), "invalidFilter"),
        (json!({ "op": "replace", "path": "members[value eq \"x\"].value", "value": "y" }), "mutability"),
    ] {
        let first = json!({ "op": "replace", "path": "displayName", "value": "Changed" });
        let refused = patch(&server, &path, &okta, json!([first, operation.clone()]));
        assert_eq!(refusal(&refused), (400, kind.into()), "{operation}");
    }
    let other = json!({ "schemas": [GROUP], "displayName": "Other", "members": [{ "value": nobody }] });
    assert_eq!(refusal(&send(&server, "POST", "/Groups", &okta, &other)), (400, "invalidValue".into()));
    let after = send(&server, "GET", &path, &okta, &Value::Null).expect(200).json();
    assert_eq!(after, group);
    assert_eq!(filtered(&server, "Groups", &okta, "displayName eq \"Other\"")["totalResults"], 0);
    // A change of who is in it by an owner is another version, and no team takes the name that a group goes by.
    let alice = crate::hub::sign_in(&server, "alice");
    let by_owner = |member: &str| {
        let body = json!({ "member": member });
        crate::walk::send(&server, "POST", "/v2/orgs/acme/groups/watch/members", &alice, &body).expect(200);
    };
    by_owner("alice");
    let now = send(&server, "GET", &path, &okta, &Value::Null).expect(200);
    assert_ne!(now.header("etag"), group["meta"]["version"].as_str().unwrap());
    let shown = json!([{ "op": "replace", "path": "displayName", "value": "Ops" }]);
    patch(&server, &path, &okta, shown).expect(200);
    crate::walk::send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "ops" })).expect(409);
    // Whoever is in no group can be taken out of it.
    let gone = format!("members[value eq \"{nobody}\"]");
    patch(&server, &path, &okta, json!([{ "op": "remove", "path": gone }])).expect(200);
    // Changes are made only to the version that is meant.
    let headers = [("if-match", "W/\"other\"")];
    let path = format!("/v2/scim/2.0{path}");
    assert_eq!(server.send("DELETE", &path, &okta, &headers, b"").status, 412);
}

#[test]
fn a_group_with_many_members_is_written_as_it_is_read() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let mut operations = Vec::new();
    for number in 0..1000 {
        operations.push(json!({
            "method": "POST", "path": "/Users", "bulkId": format!("u{number}"),
            "data": { "schemas": [super::USER], "userName": format!("user{number}@example.org") },
        }));
    }
    let bulk = |operations: Vec<Value>| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations,
        });
        send(&server, "POST", "/Bulk", &okta, &body).expect(200).json()
    };
    let made = bulk(operations);
    assert!(made["Operations"].as_array().unwrap().iter().all(|one| one["status"] == "201"), "{made}");
    let second = json!({ "schemas": [super::USER], "userName": "last@example.org" });
    bulk(vec![json!({ "method": "POST", "path": "/Users", "bulkId": "l", "data": second })]);
    let company = filtered(&server, "Groups", &okta, "displayName eq \"company\"");
    assert_eq!(company["Resources"][0]["members"].as_array().unwrap().len(), 1001);
    assert_eq!(members(&server, &okta, &company["Resources"][0]).len(), 1001);
}
