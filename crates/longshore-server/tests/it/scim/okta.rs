//! What Okta sends, in the order and the form that its public documentation has: "Understanding SCIM", "SCIM 2.0 reference"
//! (operations on users and groups).

use serde_json::{Value, json};

use super::{GROUP, PATCH, USER, provider, refusal, send, server};

#[test]
fn a_users_life_as_okta_tells_it() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    // Before it makes somebody, it looks whether there is one.
    let probe = "/Users?filter=userName%20eq%20%22test.user%40okta.local%22&startIndex=1&count=100";
    let none = send(&server, "GET", probe, &okta, &Value::Null).expect(200).json();
    assert_eq!(
        none,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "startIndex": 1,
            "itemsPerPage": 0, "Resources": [], "resources": [],
        })
    );
    let body = json!({
        "schemas": [USER],
        "userName": "test.user@okta.local",
        "name": { "givenName": "Test", "familyName": "User" },
        "emails": [{ "primary": true, "value": "test.user@okta.local", "type": "work" }],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq22",
        "active": true,
    });
    let user = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    for name in ["userName", "name", "externalId", "active"] {
        assert_eq!(user[name], body[name], "{name}");
    }
    assert_eq!(user["emails"][0]["value"], "test.user@okta.local");
    assert!(user.get("password").is_none());
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(send(&server, "GET", probe, &okta, &Value::Null).json()["Resources"][0]["id"], user["id"]);
    // It makes nobody twice.
    assert_eq!(refusal(&send(&server, "POST", "/Users", &okta, &body)), (409, "uniqueness".into()));
    // It reads the user, and puts the whole back with what changed.
    let mut whole = send(&server, "GET", &path, &okta, &Value::Null).expect(200).json();
    whole["name"] = json!({ "givenName": "Another", "familyName": "User" });
    let changed = send(&server, "PUT", &path, &okta, &whole).expect(200).json();
    assert_eq!((&changed["name"], &changed["active"]), (&whole["name"], &json!(true)));
    // It deactivates and reactivates by a change without a path.
    for active in [false, true] {
        let body =
            json!({ "schemas": [PATCH], "Operations": [{ "op": "replace", "value": { "active": active } }] });
        let changed = send(&server, "PATCH", &path, &okta, &body).expect(200).json();
        assert_eq!(changed["active"], active);
        let shown = send(&server, "GET", probe, &okta, &Value::Null).expect(200).json();
        assert_eq!(shown["Resources"][0]["active"], active, "whoever is deactivated is still listed");
    }
    // Imports go through all pages.
    let mut seen = Vec::new();
    for start in [1, 2, 3] {
        let page = send(&server, "GET", &format!("/Users?startIndex={start}&count=1"), &okta, &Value::Null);
        let page = page.expect(200).json();
        assert_eq!(page["totalResults"], 2);
        seen.extend(page["Resources"].as_array().unwrap().iter().map(|user| user["displayName"].clone()));
    }
    assert_eq!(seen, ["alice", "test-user"]);
}

#[test]
fn a_pushed_group_as_okta_tells_it() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = |name: &str| {
        let body = json!({ "schemas": [USER], "userName": name, "active": true });
        send(&server, "POST", "/Users", &okta, &body).expect(201).json()["id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (user("abincay@okta.local"), user("abhishek@okta.local"));
    let none = send(
        &server,
        "GET",
        "/Groups?startIndex=1&count=100&filter=displayName%20eq%20%22Test%20SCIMv2%22",
        &okta,
        &Value::Null,
    );
    assert_eq!(none.expect(200).json()["totalResults"], 0);
    let body = json!({ "schemas": [GROUP], "displayName": "Test SCIMv2", "members": [] });
    let group = send(&server, "POST", "/Groups", &okta, &body).expect(201).json();
    assert_eq!((&group["displayName"], &group["members"]), (&json!("Test SCIMv2"), &json!([])));
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let change = |operations: Value| {
        let body = json!({ "schemas": [PATCH], "Operations": operations });
        send(&server, "PATCH", &path, &okta, &body).expect(200);
        send(&server, "GET", &path, &okta, &Value::Null).expect(200).json()
    };
    let named = change(
        json!([{ "op": "replace", "value": { "id": group["id"], "displayName": "Test SCIMv2 renamed" } }]),
    );
    assert_eq!(named["displayName"], "Test SCIMv2 renamed");
    // Who is added comes with what is shown.
    let member = |id: &str, display: &str| json!({ "value": id, "display": display });
    let both = change(json!([
        { "op": "remove", "path": format!("members[value eq \"{first}\"]") },
        { "op": "add", "path": "members", "value": [member(&first, "abincay@okta.local"), member(&second, "abhishek@okta.local")] },
    ]));
    assert_eq!(both["members"].as_array().unwrap().len(), 2);
    let one = change(
        json!([{ "op": "replace", "path": "members", "value": [member(&second, "abhishek@okta.local")] }]),
    );
    assert_eq!(one["members"][0]["value"], second);
    assert_eq!(one["members"].as_array().unwrap().len(), 1);
    let whole = json!({
        "schemas": [GROUP], "id": group["id"], "displayName": "Test SCIMv2", "members": [member(&first, "abincay@okta.local")],
    });
    let put = send(&server, "PUT", &path, &okta, &whole).expect(200).json();
    assert_eq!((&put["displayName"], &put["members"][0]["value"]), (&json!("Test SCIMv2"), &json!(first)));
    send(&server, "DELETE", &path, &okta, &Value::Null).expect(204);
    assert_eq!(send(&server, "GET", &path, &okta, &Value::Null).status, 404);
}
