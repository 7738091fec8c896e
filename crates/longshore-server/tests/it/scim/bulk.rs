//! Many operations in one request.

use serde_json::{Value, json};

use super::{GROUP, PATCH, USER, create, path_of, provider, refusal, send, server};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

#[test]
fn operations_are_done_one_after_the_other() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let arya = create(&server, &okta, "arya@example.org");
    let bulk = |operations: Value, fail_on_errors: Value| {
        let body = json!({ "schemas": [REQUEST], "Operations": operations, "failOnErrors": fail_on_errors });
        let answer = send(&server, "POST", "/Bulk", &okta, &body).expect(200).json();
        assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
        answer["Operations"].as_array().unwrap().clone()
    };
    let jon = json!({ "schemas": [USER], "userName": "jon@example.org" });
    let watch = json!({
        "schemas": [GROUP], "displayName": "Watch",
        "members": [{ "value": "bulkId:jon" }, { "value": arya["id"] }],
    });
    let off =
        json!({ "schemas": [PATCH], "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let done = bulk(
        json!([
            { "method": "post", "path": "/Users", "bulkId": "jon", "data": jon },
            { "method": "POST", "path": "/Groups", "bulkId": "watch", "data": watch },
            { "method": "PATCH", "path": "/Users/bulkId:jon", "data": off },
            { "method": "PATCH", "path": path_of(&arya), "version": "W/\"other\"", "data": off },
            { "method": "DELETE", "path": path_of(&arya), "version": arya["meta"]["version"] },
            { "method": "DELETE", "path": "/Groups/bulkId:nothing" },
            { "method": "POST", "path": "/Users", "bulkId": "again", "data": jon },
            { "method": "GET", "path": "/Users" },
            { "method": "POST", "path": "/Users", "data": jon },
            { "method": "PUT", "path": "/Elsewhere/1", "data": {} },
            { "method": "PUT", "path": "/Users/x" },
            1,
        ]),
        Value::Null,
    );
    let statuses: Vec<_> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(
        statuses,
        ["201", "201", "200", "412", "204", "409", "409", "400", "400", "404", "400", "400"]
    );
    let location = done[0]["location"].as_str().unwrap();
    assert!(location.starts_with(&server.url), "{location}");
    assert_eq!(done[2]["location"], done[0]["location"]);
    assert_ne!(done[2]["version"], done[0]["version"]);
    assert_eq!((&done[0]["bulkId"], &done[0]["method"]), (&json!("jon"), &json!("POST")));
    assert_eq!(done[6]["response"]["scimType"], "uniqueness");
    let group = send(
        &server,
        "GET",
        done[1]["location"].as_str().unwrap().split("/2.0").nth(1).unwrap(),
        &okta,
        &Value::Null,
    );
    let members = group.expect(200).json()["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1, "arya has left: {members}");
    // What refers to something that is made later waits for it; what refers to itself in a circle is refused.
    let group = |name: &str, member: &str| json!({ "schemas": [GROUP], "displayName": name, "members": [{ "value": format!("bulkId:{member}") }] });
    let done = bulk(
        json!([
            { "method": "POST", "path": "/Groups", "bulkId": "wall", "data": group("Wall", "sam") },
            { "method": "POST", "path": "/Groups", "bulkId": "ring", "data": group("Ring", "ring") },
            { "method": "POST", "path": "/Users", "bulkId": "sam", "data": { "schemas": [USER], "userName": "bulkId:sam" } },
            { "method": "POST", "path": "/Users", "bulkId": "sam", "data": { "schemas": [USER], "userName": "sam" } },
            { "method": "MOVE", "path": "/Users", "bulkId": "x" },
        ]),
        Value::Null,
    );
    let statuses: Vec<_> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "409", "201", "400", "400"]);
    assert_eq!((&done[4]["method"], &done[4]["bulkId"]), (&json!("MOVE"), &json!("x")));
    // It stops when as many failed as the client takes.
    let wrong = json!({ "method": "DELETE", "path": "/Users/x" });
    let done = bulk(json!([wrong, wrong, wrong]), json!(2));
    assert_eq!(done.len(), 2);
    // What comes before a failure is done, whatever the failure is.
    let sansa = json!({ "schemas": [USER], "userName": "sansa@example.org" });
    let right = json!({ "method": "POST", "path": "/Users", "bulkId": "sansa", "data": sansa });
    let done = bulk(json!([right, { "method": "MOVE" }, wrong]), json!(1));
    let statuses: Vec<_> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "400"]);
}

#[test]
fn a_token_that_is_revoked_ends_what_is_being_done_with_it() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let entra = provider(&server, "acme", "entra");
    let operations: Vec<_> = (0..600)
        .map(|number| {
            let user = json!({ "schemas": [USER], "userName": format!("u{number}@example.org") });
            json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": user })
        })
        .collect();
    let body = json!({ "schemas": [REQUEST], "Operations": operations });
    let done = std::thread::scope(|threads| {
        let running = threads.spawn(|| send(&server, "POST", "/Bulk", &okta, &body).json());
        server.wait_for("the first user", || {
            super::filtered(&server, "Users", &entra, r#"userName eq "u0@example.org""#)["totalResults"] == 1
        });
        server.admin(&["scim-token", "revoke", "acme", "okta"]);
        running.join().unwrap()
    });
    let done = done["Operations"].as_array().unwrap();
    assert_eq!((done[0]["status"].as_str(), done[599]["status"].as_str()), (Some("201"), Some("401")));
}

#[test]
fn what_is_too_much_or_no_request_is_refused_as_a_whole() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let one = json!({ "method": "DELETE", "path": "/Users/x" });
    for (body, expected) in [
        (json!({ "schemas": [REQUEST], "Operations": vec![one.clone(); 1001] }), (413, "tooMany")),
        (json!({ "schemas": [REQUEST], "Operations": {} }), (400, "invalidSyntax")),
        (json!({ "schemas": [USER], "Operations": [] }), (400, "invalidValue")),
        (json!({ "Operations": [] }), (400, "invalidSyntax")),
        (json!({ "schemas": [REQUEST], "Operations": [one], "failOnErrors": 0 }), (400, "invalidSyntax")),
    ] {
        let refused = send(&server, "POST", "/Bulk", &okta, &body);
        assert_eq!(refusal(&refused), (expected.0, expected.1.to_owned()));
    }
    let large = json!({ "schemas": [REQUEST], "Operations": [], "x": "y".repeat(1 << 20) });
    assert_eq!(refusal(&send(&server, "POST", "/Bulk", &okta, &large)).0, 413);
}
