//! What Entra ID sends, in the order and the form that its public documentation has: "Develop and plan provisioning for a SCIM
//! endpoint" (user and group operations).

use serde_json::{Value, json};

use super::{GROUP, PATCH, USER, provider, refusal, send, server};

#[test]
fn a_users_life_as_entra_tells_it() {
    let server = server();
    let entra = provider(&server, "acme", "entra");
    let get = |path: &str| send(&server, "GET", path, &entra, &Value::Null);
    // The test of the connection asks for somebody who cannot be there.
    let none = get("/Users?filter=userName+eq+%22non-existent%22").expect(200).json();
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(0), &json!([])));
    let body = json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1@testuser.com",
        "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "Test_User_fd0ea19b@testuser.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" },
        "roles": [],
    });
    let made = send(&server, "POST", "/Users", &entra, &body).expect(201);
    let user = made.json();
    assert_eq!((&user["userName"], &user["externalId"]), (&body["userName"], &body["externalId"]));
    assert_eq!(
        (&user["emails"][0]["value"], &user["emails"][0]["type"]),
        (&body["emails"][0]["value"], &json!("work"))
    );
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(get(&path).expect(200).json()["name"]["familyName"], "familyName");
    let found =
        get("/Users?filter=userName+eq+%22Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1@testuser.com%22");
    assert_eq!(found.expect(200).json()["Resources"][0]["id"], user["id"]);
    let found = get("/Users?filter=externalId+eq+%220a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef%22");
    assert_eq!(found.expect(200).json()["totalResults"], 1);
    let found = get(
        "/Users?filter=emails%5Btype%20eq%20%22work%22%5D.value%20eq%20%22Test_User_fd0ea19b%40testuser.com%22",
    );
    assert_eq!(found.expect(200).json()["totalResults"], 1);
    let change = |operations: Value| {
        let body = json!({ "schemas": [PATCH], "Operations": operations });
        send(&server, "PATCH", &path, &entra, &body).expect(200).json()
    };
    // Several values, operations with a capital letter.
    let changed = change(json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updatedEmail@microsoft.com" },
        { "op": "Replace", "path": "name.familyName", "value": "updatedFamilyName" },
        { "op": "Add", "path": "title", "value": "Engineer" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "R&D" },
        { "op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1 5550100" },
        { "op": "Replace", "path": "displayName", "value": "Somebody" },
    ]));
    assert_eq!(changed["emails"][0]["value"], "updatedEmail@microsoft.com");
    assert_eq!(changed["name"]["familyName"], "updatedFamilyName");
    let renamed = change(
        json!([{ "op": "Replace", "path": "userName", "value": "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com" }]),
    );
    assert_eq!(renamed["userName"], "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com");
    // Deactivation, with the truth value as a text as older tenants send it; still listed, then back.
    for (value, active) in
        [(json!(false), false), (json!("True"), true), (json!("False"), false), (json!(true), true)]
    {
        let changed = change(json!([{ "op": "Replace", "path": "active", "value": value }]));
        assert_eq!(
            (&changed["active"], &get(&path).expect(200).json()["active"]),
            (&json!(active), &json!(active))
        );
    }
    send(&server, "DELETE", &path, &entra, &Value::Null).expect(204);
    assert_eq!(refusal(&get(&path)), (404, String::new()));
    // Whoever comes back is the same.
    let mut again = body;
    again["userName"] = renamed["userName"].clone();
    let back = send(&server, "POST", "/Users", &entra, &again).expect(201).json();
    assert_eq!(
        (&back["id"], &back["displayName"], &back["active"]),
        (&user["id"], &user["displayName"], &json!(true))
    );
}

#[test]
fn a_groups_life_as_entra_tells_it() {
    let server = server();
    let entra = provider(&server, "acme", "entra");
    let user = super::create(&server, &entra, "f648f8d5ea4e4cd38e9c@testuser.com");
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "displayName",
        "meta": { "resourceType": "Group" },
    });
    let group = send(&server, "POST", "/Groups", &entra, &body).expect(201).json();
    let id = group["id"].as_str().unwrap();
    let get = |query: &str| {
        send(&server, "GET", &format!("/Groups{query}"), &entra, &Value::Null).expect(200).json()
    };
    let without = get(&format!("/{id}?excludedAttributes=members"));
    assert!(without.get("members").is_none() && without["externalId"] == body["externalId"]);
    let found = get("?excludedAttributes=members&filter=displayName+eq+%22displayName%22");
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(id)));
    let path = format!("/Groups/{id}");
    let change = |operations: Value| {
        let body = json!({ "schemas": [PATCH], "Operations": operations });
        send(&server, "PATCH", &path, &entra, &body)
    };
    change(json!([{ "op": "Replace", "path": "displayName", "value": "1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName" }])).expect(200);
    let member = json!([{ "$ref": null, "value": user["id"] }]);
    change(json!([{ "op": "Add", "path": "members", "value": member }])).expect(200);
    assert_eq!(get(&format!("/{id}"))["members"][0]["value"], user["id"]);
    // Whether somebody is in it, it asks by the group and the member.
    let asked = format!(
        "?attributes=id&filter=id+eq+%22{id}%22+and+members%5Bvalue+eq+%22{}%22%5D",
        user["id"].as_str().unwrap()
    );
    assert_eq!(get(&asked)["totalResults"], 1);
    change(json!([{ "op": "Remove", "path": "members", "value": member }])).expect(200);
    assert_eq!((&get(&asked)["totalResults"], &get(&format!("/{id}"))["members"]), (&json!(0), &json!([])));
    send(&server, "DELETE", &path, &entra, &Value::Null).expect(204);
}
