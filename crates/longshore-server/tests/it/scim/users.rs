//! Users, as Docker Hub's document and RFC 7644 have them.

use serde_json::{Value, json};

use super::{USER, create, filtered, patch, path_of, provider, refusal, send, server};

#[test]
fn a_user_is_made_as_documented() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let body = json!({
        "schemas": [USER], "userName": "Jon.Snow@docker.com", "externalId": "00u1", "active": true,
        "name": { "givenName": "Jon", "familyName": "Snow" }, "title": "Lord Commander",
        "emails": [{ "value": "jon@thewall.org", "type": "work", "primary": true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Night's Watch" },
    });
    let made = send(&server, "POST", "/Users", &okta, &body).expect(201);
    let user = made.json();
    let id = user["id"].as_str().unwrap();
    assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
    let location = format!("{}/v2/scim/2.0/Users/{id}", server.url);
    assert_eq!((made.header("location"), &user["meta"]["location"]), (location.as_str(), &json!(location)));
    assert_eq!(made.header("etag"), user["meta"]["version"].as_str().unwrap());
    assert_eq!(user["meta"]["resourceType"], "User");
    let shown = |name: &str| user[name].clone();
    assert_eq!(shown("userName"), "Jon.Snow@docker.com");
    assert_eq!((shown("displayName"), shown("active")), (json!("jon-snow"), json!(true)));
    assert_eq!((shown("name"), shown("emails")), (body["name"].clone(), body["emails"].clone()));
    assert_eq!((shown("externalId"), shown("title")), (json!("00u1"), Value::Null));
    assert_eq!(user["groups"][0]["display"], "company");
    assert_eq!(send(&server, "GET", &path_of(&user), &okta, &Value::Null).expect(200).json(), user);
    // The same in any letter case is the same.
    let again = json!({ "schemas": [USER], "userName": "jon.snow@DOCKER.com" });
    let refused = send(&server, "POST", "/Users", &okta, &again).expect(409);
    assert_eq!(refusal(&refused), (409, "uniqueness".into()));
    // Another one whose address begins alike gets another account.
    assert_eq!(create(&server, &okta, "jon.snow@other.org")["displayName"], "jon-snow-2");
    // The account is a member of the organization and of the team for everybody.
    let members = server.admin(&["org", "show", "acme"])["members"].clone();
    let role = members.as_array().unwrap().iter().find(|member| member["user"] == "jon-snow").unwrap();
    assert_eq!(role["role"], "member");
}

#[test]
fn whoever_has_an_account_joins_with_it() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    server.admin(&["user", "set", "bob", "--email", "bob@example.org", "--full-name", "Bob Roe"]);
    let body = json!({
        "schemas": [USER], "userName": "BOB@example.org", "name": { "givenName": "Robert" },
        "password": "another password",
    });
    let bob = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    assert_eq!(bob["displayName"], "bob");
    assert_eq!(refusal(&send(&server, "POST", "/Users", &okta, &body)), (409, "uniqueness".into()));
    // As it was sent, and the part of the name that was not given is what the account says.
    assert_eq!(bob["userName"], "BOB@example.org");
    assert_eq!(bob["name"], json!({ "givenName": "Robert", "familyName": "Roe" }));
    // The account itself stays as it is, and its password too.
    let password = json!([{ "op": "replace", "path": "password", "value": "another password" }]);
    assert_eq!(refusal(&patch(&server, &path_of(&bob), &okta, password)), (403, String::new()));
    let renamed = json!([{ "op": "replace", "path": "userName", "value": "robert@example.org" }]);
    patch(&server, &path_of(&bob), &okta, renamed).expect(200);
    crate::hub::sign_in(&server, "bob");
    let account = server.admin(&["user", "show", "bob"]);
    assert_eq!((&account["full_name"], &account["email"]), (&json!("Bob Roe"), &json!("bob@example.org")));
    // Whatever spelling the whole comes back in, the user is deactivated.
    let whole = json!({ "schemas": [USER], "userName": "Robert@Example.org", "active": false });
    let off = send(&server, "PUT", &path_of(&bob), &okta, &whole).expect(200).json();
    assert_eq!(off["active"], false);
    // Who is matched by the first e-mail address is found by the name that was sent.
    server.admin(&["user", "set", "admin", "--email", "root@example.org"]);
    let body = json!({ "schemas": [USER], "userName": "root", "emails": [{ "value": "root@example.org", "primary": true }] });
    let root = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    assert_eq!((&root["displayName"], &root["userName"]), (&json!("admin"), &json!("root")));
    assert_eq!(filtered(&server, "Users", &okta, r#"userName eq "root""#)["totalResults"], 1);
    // What the operator changes about the account does not rename it here.
    server.admin(&["user", "set", "admin", "--email", "other@example.org"]);
    assert_eq!(filtered(&server, "Users", &okta, r#"userName eq "root""#)["totalResults"], 1);
    // Members that nobody provisioned are found, too.
    let alice = filtered(&server, "Users", &okta, r#"displayName eq "alice""#);
    assert_eq!((&alice["totalResults"], &alice["Resources"][0]["userName"]), (&json!(1), &json!("alice")));
}

#[test]
fn a_name_is_never_cleared_and_an_omitted_state_deactivates() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = create(&server, &okta, "jon@example.org");
    let path = path_of(&user);
    let put = |body: Value| {
        let mut whole = json!({ "schemas": [USER] });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        send(&server, "PUT", &path, &okta, &whole).expect(200).json()
    };
    let name = json!({ "givenName": "Jon", "familyName": "Snow" });
    let named = put(json!({ "name": name, "enabled": true, "externalId": "1" }));
    assert_eq!((&named["name"], &named["active"]), (&name, &json!(true)));
    let kept = put(json!({ "active": true, "enabled": false }));
    assert_eq!((&kept["name"], &kept["active"], &kept["externalId"]), (&name, &json!(true), &json!("1")));
    let cleared = put(json!({ "active": "True", "name": { "givenName": "", "familyName": "" } }));
    assert_eq!((&cleared["name"], &cleared["active"]), (&name, &json!(true)));
    assert_eq!(put(json!({ "name": {} }))["active"], false);
    assert_eq!(put(json!({ "enabled": true }))["active"], true);
    assert_eq!(put(json!({ "active": "false", "enabled": true }))["active"], false);
}

#[test]
fn another_organization_has_the_membership_only() {
    let server = server();
    server.admin(&["org", "create", "shop", "--owner", "bob"]);
    let (acme, shop) = (provider(&server, "acme", "okta"), provider(&server, "shop", "entra"));
    let body = json!({
        "schemas": [USER], "userName": "jon@example.org", "name": { "givenName": "Jon" }, "externalId": "1",
    });
    let of_acme = send(&server, "POST", "/Users", &acme, &body).expect(201).json();
    let of_shop = create(&server, &shop, "jon@example.org");
    assert_eq!(of_acme["displayName"], of_shop["displayName"]);
    assert_ne!(of_acme["id"], of_shop["id"], "nobody follows a user from one organization to another");
    assert_eq!(of_shop["externalId"], Value::Null);
    // Neither sees or changes what the other has.
    for (who, id) in [(&acme, &of_shop), (&shop, &of_acme)] {
        let path = path_of(id);
        for method in ["GET", "DELETE"] {
            assert_eq!(refusal(&send(&server, method, &path, who, &Value::Null)), (404, String::new()));
        }
        let off = json!([{ "op": "replace", "path": "active", "value": false }]);
        assert_eq!(refusal(&patch(&server, &path, who, off)), (404, String::new()));
    }
    let named = json!([{ "op": "replace", "path": "name.familyName", "value": "Other" }]);
    patch(&server, &path_of(&of_shop), &shop, named).expect(200);
    let seen = send(&server, "GET", &path_of(&of_acme), &acme, &Value::Null).json();
    assert_eq!(seen["name"], json!({ "givenName": "Jon" }));
    // Deactivated by the one, the user is still active in the other.
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(patch(&server, &path_of(&of_shop), &shop, off).expect(200).json()["active"], false);
    assert_eq!(send(&server, "GET", &path_of(&of_acme), &acme, &Value::Null).json()["active"], true);
    let renamed = json!([{ "op": "replace", "path": "userName", "value": "snow@example.org" }]);
    patch(&server, &path_of(&of_acme), &acme, renamed.clone()).expect(200);
    assert_eq!(server.admin(&["user", "show", "jon"])["email"], "snow@example.org");
    // What the one calls the user, the other goes on to find by its own name; and changes no account that is not its own.
    for attribute in ["userName", "emails", "emails.value"] {
        let found = filtered(&server, "Users", &shop, &format!("{attribute} eq \"jon@example.org\""));
        assert_eq!(found["totalResults"], 1, "{attribute}");
        assert_eq!(found["Resources"][0]["emails"][0]["value"], "jon@example.org");
    }
    let other = json!([{ "op": "replace", "path": "userName", "value": "third@example.org" }]);
    patch(&server, &path_of(&of_shop), &shop, other).expect(200);
    assert_eq!(server.admin(&["user", "show", "jon"])["email"], "snow@example.org");
    send(&server, "DELETE", &path_of(&of_shop), &shop, &Value::Null).expect(204);
    assert_eq!(send(&server, "GET", &path_of(&of_acme), &acme, &Value::Null).json()["active"], true);
}

#[test]
fn changes_are_made_only_to_the_version_that_is_meant() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = create(&server, &okta, "jon@example.org");
    let path = format!("/v2/scim/2.0{}", path_of(&user));
    let tag = user["meta"]["version"].as_str().unwrap();
    let get = |tag: &str| server.send("GET", &path, &okta, &[("if-none-match", tag)], b"");
    assert_eq!((get(tag).status, get(tag).body.len()), (304, 0));
    get("W/\"other\"").expect(200);
    assert_eq!(get("*").status, 304);
    let body = serde_json::to_vec(&json!({
        "schemas": [super::PATCH], "Operations": [{ "op": "add", "path": "externalId", "value": "1" }],
    }));
    let body = body.unwrap();
    let change = |tag: &str| server.send("PATCH", &path, &okta, &[("if-match", tag)], &body);
    assert_eq!(refusal(&change("W/\"other\"")), (412, String::new()));
    let changed = change(&format!("W/\"other\", {tag}")).expect(200);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(change(tag).status, 412);
    assert_eq!(server.send("DELETE", &path, &okta, &[("if-match", tag)], b"").status, 412);
    change("*").expect(200);
    // Lists show the same version, whatever they leave out.
    let list = server.send(
        "GET",
        "/v2/scim/2.0/Users?startIndex=2&excludedAttributes=emails,groups",
        &okta,
        &[],
        b"",
    );
    assert_eq!(list.json()["Resources"][0]["meta"]["version"], changed.header("etag"));
    server.send("DELETE", &path, &okta, &[("if-match", changed.header("etag"))], b"").expect(204);
    get(tag).expect(404);
}

#[test]
fn a_password_is_set_and_never_shown() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let body = json!({ "schemas": [USER], "userName": "jon@example.org", "password": "winter is coming" });
    let made = send(&server, "POST", "/Users", &okta, &body).expect(201);
    assert!(!String::from_utf8_lossy(&made.body).contains("winter"));
    let user = made.json();
    let sign_in = |password: &str| {
        let body = json!({ "username": "jon", "password": password });
        crate::walk::send(&server, "POST", "/v2/users/login", "", &body).status
    };
    assert_eq!((sign_in("winter is coming"), sign_in("winter is here")), (200, 401));
    let change = |password: &str| {
        let operation = json!([{ "op": "replace", "path": "password", "value": password }]);
        patch(&server, &path_of(&user), &okta, operation)
    };
    assert_eq!(refusal(&change("short")), (400, "invalidValue".into()));
    change("winter is here").expect(200);
    assert_eq!((sign_in("winter is coming"), sign_in("winter is here")), (401, 200));
    // It is found by nothing.
    let filter = "/Users?filter=password%20sw%20%22w%22";
    let refused = send(&server, "GET", filter, &okta, &Value::Null).expect(400);
    assert_eq!(refusal(&refused), (400, "invalidFilter".into()));
    // Nor does one organization sign in as somebody whom another one has let in.
    server.admin(&["org", "create", "shop", "--owner", "bob"]);
    server.admin(&["org", "set-member", "shop", "jon", "--role", "owner"]);
    assert_eq!(refusal(&change("winter was long")), (403, String::new()));
    server.admin(&["org", "remove-member", "shop", "jon"]);
    change("winter was long").expect(200);
    // Also not while that rests.
    let shops = provider(&server, "shop", "entra");
    let of_shop = create(&server, &shops, "jon@example.org");
    for active in [true, false] {
        let operation = json!([{ "op": "replace", "path": "active", "value": active }]);
        patch(&server, &path_of(&of_shop), &shops, operation).expect(200);
        assert_eq!(refusal(&change("winter was mild")), (403, String::new()));
    }
    send(&server, "DELETE", &path_of(&of_shop), &shops, &Value::Null).expect(204);
    change("winter was mild").expect(200);
    // Whom the operator made an administrator no organization takes over.
    server.admin(&["user", "set", "jon", "--administrator", "true"]);
    assert_eq!(refusal(&change("winter was long")), (403, String::new()));
}

#[test]
fn every_change_is_in_the_audit_log_with_the_provider_as_actor() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = create(&server, &okta, "jon@example.org");
    let path = path_of(&user);
    let operations = json!([{ "op": "replace", "path": "name.givenName", "value": "Jon" }]);
    patch(&server, &path, &okta, operations).expect(200);
    for active in [false, true] {
        let operation = json!([{ "op": "replace", "path": "active", "value": active }]);
        patch(&server, &path, &okta, operation).expect(200);
    }
    send(&server, "DELETE", &path, &okta, &Value::Null).expect(204);
    let events = server.admin(&["audit", "list", "--account", "acme"]);
    let mut found: Vec<String> = Vec::new();
    for event in events.as_array().unwrap().iter().rev() {
        let (action, actor) = (event["action"].as_str().unwrap(), &event["actor"]);
        if action.starts_with("org.create") || action.starts_with("org.scim_token") {
            assert_eq!(actor, "operator");
            continue;
        }
        assert_eq!(actor, "scim:okta", "{event}");
        // That the provider's token was used.
        if event["data"]["method"].is_string() {
            continue;
        }
        found.push(action.to_owned());
    }
    assert_eq!(
        found,
        [
            "org.member.add",
            "org.team.create",
            "org.team.member.add",
            "org.directory.user.update",
            "org.member.deactivate",
            "org.member.reactivate",
            "org.member.remove",
        ]
    );
    let own = server.admin(&["audit", "list", "--account", "jon"]);
    let own: Vec<_> = own.as_array().unwrap().iter().rev().map(|event| event["action"].clone()).collect();
    assert_eq!(
        own,
        [
            "user.create",
            "org.member.add",
            "user.change_profile",
            "user.disable",
            "user.enable",
            "user.disable"
        ]
    );
}
