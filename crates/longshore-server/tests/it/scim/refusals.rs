//! Default deny: walks the table of operations, so that one without a refusal cannot be added.

use longshore_api_scim::routes::ROUTES;
use serde_json::{Value, json};

use super::{GROUP, create, path_of, provider, refusal, send, server};

#[test]
fn every_operation_refuses_anonymous_powerless_and_foreign_callers() {
    let server = server();
    server.admin(&["org", "create", "shop", "--owner", "bob"]);
    let (okta, other) = (provider(&server, "acme", "okta"), provider(&server, "shop", "other"));
    let user = create(&server, &okta, "jon@example.org");
    let group = json!({ "schemas": [GROUP], "displayName": "Watch", "members": [{ "value": user["id"] }] });
    let group = send(&server, "POST", "/Groups", &okta, &group).expect(201).json();
    let owner = crate::hub::sign_in(&server, "alice");
    let before = |who: &str, path: &str| send(&server, "GET", path, who, &Value::Null).expect(200).body;
    let group_path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let seen = [before(&okta, &path_of(&user)), before(&okta, &group_path)];
    for route in ROUTES {
        let id = if route.path.contains("Users") { &user } else { &group };
        let path = route.path.replace("{id}", id["id"].as_str().unwrap()).replace("{name}", "User");
        let path = path.strip_prefix("/v2/scim/2.0").unwrap();
        let body = match route.method.as_str() {
            "GET" | "DELETE" => Value::Null,
            "PATCH" => json!({ "Operations": [{ "op": "replace", "path": "externalId", "value": "x" }] }),
            _ => json!({ "schemas": [super::USER, GROUP], "userName": "x", "displayName": "x" }),
        };
        // Nobody, and the owner of the organization by a session: only a SCIM token does.
        for who in ["", owner.as_str()] {
            let refused = send(&server, route.method.as_str(), path, who, &body);
            assert_eq!(refusal(&refused).0, 401, "{} as {who}", route.operation);
        }
        if route.path.contains("{id}") && !route.path.contains("Schemas") {
            let refused = send(&server, route.method.as_str(), path, &other, &body);
            assert_eq!(refusal(&refused), (404, String::new()), "{}", route.operation);
        }
    }
    // The other organization sees nothing of it in lists either, and puts nobody into its own teams.
    for what in ["Users", "Groups"] {
        let list = send(&server, "GET", &format!("/{what}"), &other, &Value::Null).expect(200);
        let text = String::from_utf8_lossy(&list.body).into_owned();
        assert!(!text.contains("jon") && !text.contains("Watch"), "{text}");
    }
    let taken = json!({ "schemas": [GROUP], "displayName": "Ours", "members": [{ "value": user["id"] }] });
    assert_eq!(refusal(&send(&server, "POST", "/Groups", &other, &taken)), (400, "invalidValue".into()));
    assert_eq!([before(&okta, &path_of(&user)), before(&okta, &group_path)], seen);
}

#[test]
fn the_served_document_has_every_operation_and_the_pages_too() {
    let server = server();
    let document = server.get("/api/openapi/scim.json", "").expect(200).json();
    let page = include_str!("../../../../../docs/api/scim.md");
    for route in ROUTES {
        let method = route.method.as_str().to_ascii_lowercase();
        assert!(document["paths"][route.path][&method].is_object(), "{}", route.operation);
        let row = format!("| `{}` | `{}` | `{}` |", route.operation, route.method, route.path);
        assert!(page.contains(&row), "docs/api/scim.md lacks: {row}");
    }
}
