//! Each operation with what it cannot take, and what the registry says of itself.

use longshore_api_scim::routes::ROUTES;
use serde_json::{Value, json};

use super::{USER, create, path_of, provider, refusal, send, server};

#[test]
fn the_registry_says_truthfully_what_is_on() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let get = |path: &str| send(&server, "GET", path, &okta, &Value::Null);
    let config = get("/ServiceProviderConfig").expect(200).json();
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert_eq!(
        (&config["filter"]["maxResults"], &config["bulk"]["maxOperations"]),
        (&json!(200), &json!(1000))
    );
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
    assert!(config.get("documentationUri").is_none());
    let types = get("/ResourceTypes").expect(200).json();
    assert_eq!((&types["totalResults"], &types["resources"]), (&json!(2), &types["Resources"]));
    for kind in types["Resources"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        assert_eq!(get(&format!("/ResourceTypes/{name}")).expect(200).json(), *kind);
        let schema = kind["schema"].as_str().unwrap();
        assert_eq!(get(&format!("/Schemas/{schema}")).expect(200).json()["name"], name);
        get(kind["endpoint"].as_str().unwrap()).expect(200);
    }
    assert_eq!(get("/Schemas").expect(200).json()["totalResults"], 2);
    for path in ["/Schemas/urn:x", "/ResourceTypes/user", "/Other", "/Users/x", "/Groups/x", "/Users/x/y", ""]
    {
        assert_eq!(refusal(&get(path)), (404, String::new()), "{path}");
    }
    // These lists are never filtered.
    assert_eq!(refusal(&get("/Schemas?filter=id%20pr")), (403, String::new()));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(refusal(&send(&server, method, "/Me", &okta, &json!({}))), (501, String::new()));
    }
    let other = send(&server, "DELETE", "/Users", &okta, &Value::Null);
    assert_eq!((refusal(&other), other.header("allow")), ((405, String::new()), "GET, POST"));
}

#[test]
fn every_operation_refuses_what_it_cannot_take() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = create(&server, &okta, "jon@example.org");
    let ask = |method: &str, path: &str, body: &[u8]| {
        let headers = [("content-type", "application/scim+json")];
        server.send(method, path, &okta, &headers, body)
    };
    for route in ROUTES.iter().filter(|route| !route.path.ends_with("/Me")) {
        let method = route.method.as_str();
        let path = route.path.replace("{id}", user["id"].as_str().unwrap()).replace("{name}", "User");
        if matches!(method, "POST" | "PUT" | "PATCH") {
            for body in ["", "{", "[]", "null", "1", "{\"schemas\":", "{\"x\":\"\\u0000\"}", "\u{fffd}"] {
                let refused = ask(method, &path, body.as_bytes());
                let (status, kind) = refusal(&refused);
                let is_kind = ["invalidSyntax", "invalidValue"].contains(&kind.as_str());
                assert!(
                    (status == 400 && is_kind) || status == 404,
                    "{method} {path} {body:?}: {status} {kind}"
                );
            }
        }
        for wrong in ["%00", "%FF", "..%2F..", "%20", &"x".repeat(5000)] {
            if route.path.contains('{') {
                let path = route.path.replace("{id}", wrong).replace("{name}", wrong);
                let refused = ask(method, &path, b"{\"schemas\":[]}");
                assert!([400, 404].contains(&refused.status), "{method} {path}: {}", refused.status);
            }
        }
        if method == "GET" {
            for query in ["filter", "attributes", "excludedAttributes", "sortBy", "startIndex", "count"] {
                for value in ["%00".to_owned(), "x".repeat(60_000), "%FF%FE".into()] {
                    let answer = ask(method, &format!("{path}?{query}={value}"), b"");
                    assert!(answer.status < 500, "{method} {path}?{query}: {}", answer.status);
                }
            }
        }
    }
    for (body, kind) in [
        (json!({ "userName": "a@example.org" }), "invalidSyntax"),
        (json!({ "schemas": ["urn:x"], "userName": "a@example.org" }), "invalidValue"),
        (json!({ "schemas": [USER] }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "" }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": 1 }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "x".repeat(300) }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "a\n@example.org" }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "a@example.org", "active": "maybe" }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "a@example.org", "name": "x" }), "invalidValue"),
        (json!({ "schemas": [USER], "userName": "a@example.org", "emails": [{}] }), "invalidValue"),
        (
            json!({ "schemas": [USER], "userName": "a@example.org", "emails": vec!["a@b.org"; 21] }),
            "invalidValue",
        ),
        (json!({ "schemas": [USER], "userName": "a@example.org", "password": "short" }), "invalidValue"),
        (
            json!({ "schemas": [USER], "userName": "a@example.org", "externalId": "x".repeat(300) }),
            "invalidValue",
        ),
    ] {
        let refused = send(&server, "POST", "/Users", &okta, &body);
        assert_eq!(refusal(&refused), (400, kind.into()), "{body}");
    }
    let users = send(&server, "GET", "/Users", &okta, &Value::Null).expect(200).json();
    assert_eq!(users["totalResults"], 2, "nothing was changed: {users}");
    // What only the registry sets is not set by whoever sends it along.
    let body = json!({
        "schemas": [USER], "userName": "a@example.org", "id": user["id"], "displayName": "admin", "is_administrator": true,
        "groups": [{ "value": "x" }], "meta": { "created": "2000-01-01T00:00:00Z" }, "roles": ["owner"],
    });
    let made = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    assert_eq!(made["displayName"], "a");
    assert_ne!(made["id"], user["id"]);
    assert_eq!(server.admin(&["user", "show", "a"])["is_administrator"], false);
    let members = server.admin(&["org", "show", "acme"])["members"].clone();
    let role =
        members.as_array().unwrap().iter().find(|member| member["user"] == "a").unwrap()["role"].clone();
    assert_eq!(role, "member");
    assert_eq!(path_of(&made).len(), 43);
}
