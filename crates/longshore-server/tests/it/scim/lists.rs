//! Lists: pages, filters, order, and what is answered of each resource.

use serde_json::{Value, json};

use super::{USER, create, filtered, provider, refusal, send, server};
use crate::server::{Answer, Server};

fn asked(server: &Server, who: &str, query: &str) -> Answer {
    send(server, "GET", &format!("/Users?{query}"), who, &Value::Null)
}

fn names(list: &Value) -> Vec<String> {
    let users = list["Resources"].as_array().unwrap();
    users.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
}

fn fill(server: &Server, okta: &str) {
    for (number, name) in ["carol", "dave", "Erin", "frank"].into_iter().enumerate() {
        let body = json!({
            "schemas": [USER], "userName": format!("{name}@example.org"), "externalId": format!("ext-{number}"),
            "name": { "givenName": name, "familyName": if number < 2 { "Roe" } else { "Doe" } },
            "emails": [{ "value": format!("{name}@Work.org"), "type": "work", "primary": true },
                { "value": format!("{name}@home.org"), "type": "home" }],
            "active": number != 3,
        });
        send(server, "POST", "/Users", okta, &body).expect(201);
    }
}

#[test]
fn pages_are_counted_from_one() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    fill(&server, &okta);
    let page = |query: &str| asked(&server, &okta, query).expect(200).json();
    let all = page("");
    assert_eq!(
        names(&all),
        ["alice", "carol@example.org", "dave@example.org", "Erin@example.org", "frank@example.org"]
    );
    assert_eq!(
        (&all["totalResults"], &all["startIndex"], &all["itemsPerPage"]),
        (&json!(5), &json!(1), &json!(5))
    );
    assert_eq!(all["resources"], all["Resources"]);
    let second = page("startIndex=3&count=2");
    assert_eq!(names(&second), ["dave@example.org", "Erin@example.org"]);
    assert_eq!((&second["totalResults"], &second["startIndex"]), (&json!(5), &json!(3)));
    assert_eq!(names(&page("startIndex=-7&count=1")), ["alice"]);
    for (query, total) in [("count=0", 5), ("startIndex=6", 5), ("startIndex=99999999999&count=1", 5)] {
        let empty = page(query);
        assert_eq!((&empty["totalResults"], names(&empty).len()), (&json!(total), 0), "{query}");
    }
    assert_eq!(page("count=-1")["itemsPerPage"], 0);
    assert_eq!(page("count=100000")["itemsPerPage"], 5);
    for query in
        ["startIndex=x", "count=1.5", "count=%00", "attributes=a%20b", "sortBy=surname", "sortOrder=up"]
    {
        assert_eq!(refusal(&asked(&server, &okta, query)), (400, "invalidValue".into()), "{query}");
    }
}

#[test]
fn lists_are_sorted_by_any_attribute() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    fill(&server, &okta);
    let sorted = |query: &str| names(&asked(&server, &okta, query).expect(200).json());
    let mail = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| if *name == "alice" { "alice".into() } else { format!("{name}@example.org") })
            .collect()
    };
    assert_eq!(sorted("sortBy=userName"), mail(&["alice", "carol", "dave", "Erin", "frank"]));
    let down = "sortBy=USERNAME&sortOrder=descending";
    assert_eq!(sorted(&format!("{down}&count=2&startIndex=2")), mail(&["Erin", "dave"]));
    assert_eq!(sorted("sortBy=meta.created&sortOrder=descending&count=2"), mail(&["frank", "Erin"]));
    assert_eq!(
        sorted("sortBy=meta.created&sortOrder=descending&count=2&startIndex=4"),
        mail(&["carol", "alice"])
    );
    assert_eq!(sorted("sortBy=name.familyName"), mail(&["Erin", "frank", "carol", "dave", "alice"]));
    assert_eq!(
        sorted("sortBy=name.familyName&sortOrder=descending"),
        mail(&["alice", "carol", "dave", "Erin", "frank"])
    );
    assert_eq!(sorted("sortBy=emails&count=2"), mail(&["carol", "dave"]));
    assert_eq!(sorted("sortBy=active&count=1"), mail(&["frank"]));
    let newest = "sortBy=meta.created&sortOrder=descending&filter=userName%20sw%20%22";
    assert_eq!(sorted(&format!("{newest}e%22")), mail(&["Erin"]));
    for (order, expected) in [("ascending", "alice"), ("descending", "frank")] {
        let query = format!("sortBy=meta.created&sortOrder={order}&filter=userName%20co%20%22a%22&count=1");
        assert_eq!(sorted(&query), mail(&[expected]));
    }
    assert_eq!(
        sorted("sortBy=userName&sortOrder=descending&filter=userName%20sw%20%22%22&count=1"),
        mail(&["frank"])
    );
}

#[test]
fn filters_find_what_they_say() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    fill(&server, &okta);
    let found = |filter: &str| {
        let list = filtered(&server, "Users", &okta, filter);
        assert_eq!(list["totalResults"], list["itemsPerPage"]);
        let mut names = names(&list);
        for name in &mut names {
            *name = name.split('@').next().unwrap().to_owned();
        }
        names.join(" ")
    };
    for (filter, expected) in [
        (r#"userName eq "CAROL@example.org""#, "carol"),
        (r#"UserName Eq "nobody@example.org""#, ""),
        (r#"externalId eq "ext-1""#, "dave"),
        (r#"externalId eq "EXT-1""#, ""),
        (r#"emails[type eq "work"].value eq "erin@work.org""#, "Erin"),
        (r#"emails[type eq "home"].value eq "erin@work.org""#, ""),
        (r#"emails eq "dave@home.org" or userName eq "carol@example.org""#, "carol dave"),
        (r#"emails.value eq "dave@home.org" and active eq false"#, ""),
        (r#"displayName eq "erin""#, "Erin"),
        (r#"userName sw "e""#, "Erin"),
        (r#"userName sw "e" and active eq false"#, ""),
        (r#"userName co "A""#, "alice carol dave Erin frank"),
        (r#"userName ew "k@example.org""#, "frank"),
        (r#"active eq "False""#, "frank"),
        (r#"active eq true and not (name.familyName eq "roe")"#, "alice Erin"),
        (r#"name.familyName pr and (name.givenName eq "dave" or name.givenName eq "frank")"#, "dave frank"),
        (r#"externalId eq null"#, "alice"),
        (r#"groups.display eq "company" and userName ne "dave@example.org""#, "carol Erin frank"),
        (r#"meta.created gt "2020-01-01T00:00:00Z" and userName lt "b""#, "alice"),
        (r#"id eq "x""#, ""),
        (r#"title pr"#, ""),
    ] {
        assert_eq!(found(filter), expected, "{filter}");
    }
    let id =
        filtered(&server, "Users", &okta, r#"userName eq "dave@example.org""#)["Resources"][0]["id"].clone();
    assert_eq!(found(&format!("id eq {id}")), "dave");
    for filter in
        ["userName", "userName is 1", "surname eq \"x\"", "active gt true", "(userName pr", "userName eq 'x'"]
    {
        let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let refused = asked(&server, &okta, &format!("filter={query}"));
        assert_eq!(refusal(&refused), (400, "invalidFilter".into()), "{filter}");
    }
    let deep = format!("{}userName pr{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(
        refusal(&asked(&server, &okta, &format!("filter={}", deep.replace(' ', "%20")))).1,
        "invalidFilter"
    );
}

#[test]
fn attributes_are_chosen() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    fill(&server, &okta);
    let first = |query: &str| {
        let list = asked(&server, &okta, &format!("startIndex=2&count=1&{query}")).expect(200).json();
        let user = list["Resources"][0].as_object().unwrap().clone();
        user.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(first("attributes=userName,name.givenName"), "id name schemas userName");
    assert_eq!(first("attributes=emails.value,groups"), "emails groups id schemas");
    assert_eq!(
        first("excludedAttributes=emails,groups,meta,name,id"),
        "active displayName externalId id schemas userName"
    );
    let user = create(&server, &okta, "gina@example.org");
    let path = format!("{}?attributes=userName", super::path_of(&user));
    let shown = send(&server, "GET", &path, &okta, &Value::Null).expect(200).json();
    assert_eq!(shown.as_object().unwrap().len(), 3, "{shown}");
}

#[test]
fn searches_are_lists_in_a_body() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    fill(&server, &okta);
    let search = |path: &str, mut body: Value| {
        body["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
        send(&server, "POST", &format!("{path}/.search"), &okta, &body)
    };
    let found = search(
        "/Users",
        json!({ "filter": "active eq true", "sortBy": "userName", "sortOrder": "descending", "count": 2,
            "attributes": ["userName"] }),
    );
    let list = found.expect(200).json();
    assert_eq!((&list["totalResults"], names(&list)[0].as_str()), (&json!(4), "Erin@example.org"));
    assert_eq!(list["Resources"][0].as_object().unwrap().len(), 3);
    // Of both kinds, the users first.
    let both = search("", json!({})).expect(200).json();
    assert_eq!(both["totalResults"], 6);
    let kinds: Vec<_> =
        both["Resources"].as_array().unwrap().iter().map(|one| &one["meta"]["resourceType"]).collect();
    assert_eq!(kinds, ["User", "User", "User", "User", "User", "Group"]);
    let groups = search("", json!({ "startIndex": 6, "excludedAttributes": ["members"] })).expect(200).json();
    assert_eq!(groups["Resources"].as_array().unwrap().len(), 1, "{groups}");
    assert!(groups["Resources"][0].get("members").is_none());
    let named = search("", json!({ "filter": "displayName eq \"company\"" })).expect(200).json();
    assert_eq!(
        (&named["totalResults"], &named["Resources"][0]["displayName"]),
        (&json!(1), &json!("company"))
    );
    let only = search("", json!({ "filter": "meta.resourceType eq \"Group\"" })).expect(200).json();
    assert_eq!(only["totalResults"], 1);
    assert_eq!(search("", json!({ "filter": "userName eq \"alice\"" })).json()["totalResults"], 1);
    for (body, kind) in [
        (json!({ "filter": "surname pr" }), "invalidFilter"),
        (json!({ "count": "x" }), "invalidSyntax"),
        (json!({ "attributes": "userName" }), "invalidSyntax"),
        (json!({ "sortBy": "surname" }), "invalidValue"),
    ] {
        for path in ["", "/Users", "/Groups"] {
            assert_eq!(refusal(&search(path, body.clone())), (400, kind.into()), "{path} {body}");
        }
    }
}
