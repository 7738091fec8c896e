//! Every operation once as it is meant, and once with each input that it can be given wrong. An operation that is added to the
//! table without a step here fails the test.

use longshore_api_native::routes::ROUTES;
use serde_json::{Value, json};

use super::{acme, push_app, send};
use crate::server::Server;
use crate::walk::{Operation, Refusals, Walk};

#[test]
fn every_operation_does_what_it_says_and_refuses_bad_input() {
    let (server, alice) = acme();
    let operations = ROUTES.iter().map(|route| Operation {
        name: route.operation,
        method: route.method.to_string(),
        path: route.path,
    });
    let refusals = Refusals {
        malformed: &[400],
        impossible_name: &[400, 404],
        without_input: &["get_about", "get_whoami"],
    };
    let mut walk = Walk::new(server, "/api/openapi/native.json", operations.collect(), refusals);
    walk.who = alice;
    let nothing = Value::Null;
    walk.named("repository", &json!("acme/team/app"));
    walk.named("tag", &json!("v1"));
    assert_eq!(walk.does("get_about", &nothing, 200)["name"], "longshore");
    let me = walk.does("get_whoami", &nothing, 200);
    assert_eq!((&me["name"], &me["kind"], &me["proof"]), (&json!("alice"), &json!("user"), &json!("token")));
    assert_eq!((&me["token"]["label"], &me["token"]["scope"]), (&json!("repo:admin"), &json!("repo:admin")));

    let new = json!({ "name": "acme/team/app", "description": "The app", "readme": "# App" });
    let made = walk.does("create_repository", &new, 201);
    assert_eq!((&made["visibility"], &made["readme"]), (&json!("private"), &json!("# App")));
    let first = push_app(&walk.server, "v1");
    let got = walk.does("get_repository", &nothing, 200);
    assert_eq!((&got["tags"], &got["images"]), (&json!(1), &json!(1)));
    assert!(got["actions"].as_array().unwrap().contains(&json!("remove")), "{got}");
    assert_eq!(walk.does("list_repositories", &nothing, 200)["items"][0]["name"], "acme/team/app");
    let change = json!({ "visibility": "public", "readme": null,
        "immutable_tags": { "enabled": true, "rules": ["^release"] } });
    let changed = walk.does("change_repository", &change, 200);
    assert_eq!((&changed["visibility"], &changed["readme"]), (&json!("public"), &json!("")));
    assert_eq!(changed["description"], "The app", "what is left out stays");
    assert_eq!(changed["immutable_tags"]["rules"], json!(["^release"]));

    let second = push_app(&walk.server, "v2");
    assert_eq!(walk.does("list_tags", &nothing, 200)["items"][1]["digest"], json!(second));
    assert_eq!(walk.does("get_tag", &nothing, 200)["image"]["digest"], json!(first));
    assert_eq!(walk.does("set_tag", &json!({ "from": "v2" }), 200)["digest"], json!(second));
    let history = walk.does("list_tag_history", &nothing, 200);
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    assert_eq!(history["items"][0]["set_by"], "alice");
    assert_eq!(walk.does("roll_back_tag", &json!({ "to": "previous" }), 200)["digest"], json!(first));
    walk.queries.insert("list_changes", "from=2026-01-01T00:00:00Z");
    assert_eq!(walk.does("list_changes", &nothing, 200)["items"][0]["change"], "added");
    walk.queries.insert("compare_images", "from=v1&to=v2");
    let compared = walk.does("compare_images", &nothing, 200);
    assert_eq!((&compared["is_same"], &compared["common_bytes"]), (&json!(false), &json!(0)));
    walk.named("digest", &json!(first));
    assert_eq!(walk.does("list_images", &nothing, 200)["items"].as_array().unwrap().len(), 2);
    let image = walk.does("get_image", &nothing, 200);
    assert_eq!((&image["tags"], &image["layers"][0]["size_bytes"]), (&json!(["v1"]), &json!(11)));
    let plan = walk.does("create_deletion", &json!({ "digests": [first], "dry_run": true }), 200);
    assert_eq!((&plan["images"], &plan["tags"], &plan["id"]), (&json!(1), &json!(1), &Value::Null));
    walk.does("delete_tag", &nothing, 204);
    walk.queries.insert("list_deletions", "namespace=acme");
    let deletions = walk.does("list_deletions", &nothing, 200);
    walk.named("id", &deletions["items"][0]["id"]);
    assert_eq!(walk.does("get_deletion", &nothing, 200)["items"][0]["tag"], "v1");
    assert_eq!(walk.does("restore_deletion", &json!({ "overwrite": false }), 200)["tags"], 1);
    walk.does("delete_repository", &nothing, 204);
    walk.end();
}

#[test]
fn the_served_document_has_every_operation() {
    let server = Server::bare(&[]);
    let document = server.get("/api/openapi/native.json", "").expect(200).json();
    assert_eq!(document["openapi"], "3.1.1");
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn the_name_of_a_repository_is_written_with_its_slashes_or_with_encoded_ones() {
    let (server, alice) = acme();
    let digest = push_app(&server, "v1");
    for path in ["acme/team/app", "acme%2Fteam%2Fapp", "acme%2fteam/app", "acme/team/app/"] {
        let got = server.get(&format!("/api/v1/repositories/{path}"), &alice).expect(200).json();
        assert_eq!(got["name"], "acme/team/app", "{path}");
    }
    for path in ["acme/team/app/-/tags/v1", "acme%2Fteam%2Fapp/-/tags/v1", "acme/team/app/-/tags/v1/"] {
        let answer = server.get(&format!("/api/v1/repositories/{path}"), &alice).expect(200);
        assert_eq!(answer.json()["digest"], digest.as_str(), "{path}");
        assert!(!answer.header("longshore-version").is_empty());
    }
    let made = json!({ "name": "acme/a/b/c" });
    let made = send(&server, "POST", "/api/v1/repositories", &alice, &made).expect(201);
    let path =
        made.header("location").strip_prefix(&server.url).unwrap_or(made.header("location")).to_owned();
    assert_eq!(server.get(&path, &alice).expect(200).json()["name"], "acme/a/b/c");
    // Names that look like what stands behind the separator are names all the same.
    for name in ["acme/tags", "acme/tags/v1"] {
        send(&server, "POST", "/api/v1/repositories", &alice, &json!({ "name": name })).expect(201);
        server.get(&format!("/api/v1/repositories/{name}"), &alice).expect(200);
        server.get(&format!("/api/v1/repositories/{name}/-/tags"), &alice).expect(200);
    }
}
