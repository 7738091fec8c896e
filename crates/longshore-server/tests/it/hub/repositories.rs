use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{PASSWORD, Server, user};

const ALICE: &str = "/v2/namespaces/alice/repositories";

fn push(server: &Server, tag: &str, config: &str) -> u16 {
    server.push_blob(&user("alice"), "alice/app", config.as_bytes());
    server.push_manifest(&user("alice"), "alice/app", tag, &image(config.as_bytes(), &[])).status
}

#[test]
fn a_repository_is_created_shown_changed_and_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let body = json!({ "name": "app", "namespace": "alice", "registry": "docker.io", "is_private": true,
        "description": "An app", "full_description": "# An app" });
    let created = send(&server, "POST", ALICE, &alice, &body).expect(201).json();
    let expected = json!({ "name": "app", "namespace": "alice", "repository_type": "image", "status": 1,
        "status_description": "active", "description": "An app", "is_private": true, "star_count": 0, "pull_count": 0,
        "last_updated": created["last_updated"], "last_modified": created["last_modified"],
        "date_registered": created["date_registered"], "affiliation": "", "media_types": [], "content_types": [],
        "categories": [], "user": "alice", "is_automated": false, "collaborator_count": 0, "hub_user": null,
        "has_starred": false, "full_description": "# An app",
        "permissions": { "read": true, "write": true, "admin": true },
        "immutable_tags_settings": { "enabled": false, "rules": [] }, "source": null });
    assert_eq!(created, expected);
    let app = format!("{ALICE}/app");
    assert_eq!(server.get(&app, &alice).expect(200).json(), expected);
    assert_eq!(server.get("/v2/repositories/alice/app/", &alice).expect(200).json(), expected);
    send(&server, "HEAD", &app, &alice, &Value::Null).expect(200);
    server.get(&app, &sign_in(&server, "bob")).expect(404);
    let again = send(&server, "POST", ALICE, &alice, &body).expect(400).json();
    assert!(again["fields"]["name"][0].as_str().unwrap().contains("exists"), "{again}");
    let patched = send(&server, "PATCH", &app, &alice, &json!({ "is_private": false, "description": "" }));
    let patched = patched.expect(200).json();
    assert_eq!((&patched["is_private"], &patched["description"]), (&json!(false), &json!("")));
    assert_eq!(patched["full_description"], "# An app");
    let public = server.get(&app, "").expect(200).json();
    assert_eq!(public["permissions"], json!({ "read": true, "write": false, "admin": false }));
    let privacy = "/v2/repositories/alice/app/privacy/";
    send(&server, "POST", privacy, &alice, &json!({ "is_private": true })).expect(200);
    server.get(&app, "").expect(404);
    send(&server, "DELETE", "/v2/repositories/alice/app/", &alice, &Value::Null).expect(202);
    server.get(&app, &alice).expect(404);
    for bad in [
        json!({}),
        json!({ "name": "x" }),
        json!({ "name": "App" }),
        json!({ "name": "a/../b" }),
        json!({ "name": "new", "namespace": "acme" }),
        json!({ "name": "new", "description": "x".repeat(101) }),
        json!({ "name": "new", "full_description": "x".repeat(25_001) }),
    ] {
        send(&server, "POST", ALICE, &alice, &bad).expect(400);
    }
    server.get(&format!("{ALICE}/new"), &alice).expect(404);
    // What a token that may write creates has its description at once.
    let token = super::access_token(&server, &alice, "repo:write");
    let writer = super::session(&server, "alice", token["token"].as_str().unwrap());
    let described = json!({ "name": "described", "description": "By a token" });
    let described = send(&server, "POST", ALICE, &writer, &described).expect(201).json();
    assert_eq!(described["description"], "By a token");
    send(&server, "POST", "/v2/repositories/", &alice, &json!({ "name": "old", "namespace": "acme" }))
        .expect(201);
    send(&server, "POST", "/v2/repositories/", &alice, &json!({ "name": "old" })).expect(400);
    send(&server, "POST", "/v2/repositories/bob/", &alice, &json!({ "name": "mine" })).expect(403);
    send(&server, "POST", "/v2/repositories/nobody/", &alice, &json!({ "name": "mine" })).expect(403);
}

#[test]
fn namespaces_list_what_may_be_seen() {
    let server = Server::new();
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    let [alice, bob, carol, admin] = ["alice", "bob", "carol", "admin"].map(|name| sign_in(&server, name));
    for (name, is_private) in [("zoo", false), ("app", true), ("tool", true)] {
        let body = json!({ "name": name, "is_private": is_private });
        send(&server, "POST", "/v2/repositories/acme", &alice, &body).expect(201);
    }
    server.push_blob(&user("alice"), "acme/app", b"{}");
    server.push_manifest(&user("alice"), "acme/app", "v1", &image(b"{}", &[])).expect(201);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "member"]);
    let names = |who: &str, query: &str| -> Vec<String> {
        let page = server.get(&format!("/v2/namespaces/acme/repositories?{query}"), who).expect(200).json();
        let results = page["results"].as_array().unwrap();
        assert_eq!(page["count"], results.len());
        results.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    };
    for who in [&alice, &carol, &admin] {
        assert_eq!(names(who, ""), ["app", "tool", "zoo"]);
    }
    for who in ["", &bob] {
        assert_eq!(names(who, ""), ["zoo"]);
    }
    server.admin(&["org", "set", "acme", "--members-pull", "none"]);
    assert_eq!(names(&carol, ""), ["zoo"]);
    let dev = send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).json();
    send(&server, "POST", "/v2/orgs/acme/groups/dev/members", &alice, &json!({ "member": "carol" }))
        .expect(200);
    let permission = json!({ "group_id": dev["id"], "permission": "read" });
    send(&server, "POST", "/v2/repositories/acme/tool/groups", &alice, &permission).expect(200);
    assert_eq!(names(&carol, ""), ["tool", "zoo"]);
    assert_eq!(names(&alice, "ordering=-name"), ["zoo", "tool", "app"]);
    assert_eq!(names(&alice, "name=OO"), ["tool", "zoo"]);
    assert_eq!(names(&alice, "name=%25"), [""; 0], "a per cent sign is no wildcard");
    server.get("/v2/namespaces/acme/repositories?name=app%00x", &alice).expect(400);
    for hidden in ["alice", "nobody"] {
        server.get(&format!("/v2/namespaces/{hidden}/repositories"), "").expect(404);
    }
    assert_eq!(names(&alice, "name=acme"), [""; 0], "the namespace is not part of the name");
    for order in ["last_updated", "-last_updated", "pull_count", "-pull_count"] {
        assert_eq!(names(&alice, &format!("ordering={order}")).len(), 3);
    }
    server.get("/v2/namespaces/acme/repositories?ordering=size", &alice).expect(400);
    server.get("/v2/namespaces/acme/repositories?page=2", &alice).expect(404);
    server.get("/v2/namespaces/nobody/repositories", &alice).expect(404);
    let first = server.get("/v2/repositories/acme/?page_size=1", &alice).expect(200).json();
    assert_eq!((&first["count"], &first["results"][0]["name"]), (&json!(3), &json!("app")));
    assert!(first["next"].is_string());
}

#[test]
fn abuse_14_immutable_tags_cannot_be_moved_or_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    assert_eq!(push(&server, "v1.0", "{\"n\":1}"), 201);
    assert_eq!(push(&server, "latest", "{\"n\":1}"), 201);
    let settings = format!("{ALICE}/app/immutabletags");
    let verified = send(&server, "POST", &format!("{settings}/verify"), &alice, &json!({ "regex": "^v\\d" }));
    assert_eq!(verified.expect(200).json(), json!({ "tags": ["v1.0"] }));
    let rules = json!({ "immutable_tags": true, "immutable_tags_rules": ["^v\\d+"] });
    let set = send(&server, "PATCH", &settings, &alice, &rules).expect(200).json();
    assert_eq!(set["immutable_tags_settings"], json!({ "enabled": true, "rules": ["^v\\d+"] }));
    // Terraform's provider sends the rules as one text, with the descriptions.
    let text = json!({ "description": "d", "immutable_tags": true, "immutable_tags_rules": "^v\\d+,^x" });
    let set = send(&server, "PATCH", "/v2/repositories/alice/app/", &alice, &text).expect(200).json();
    assert_eq!(set["immutable_tags_settings"], json!({ "enabled": true, "rules": ["^v\\d+", "^x"] }));
    let bad = json!({ "description": "e", "immutable_tags": true, "immutable_tags_rules": "(" });
    send(&server, "PATCH", "/v2/repositories/alice/app/", &alice, &bad).expect(400);
    assert_eq!(server.get("/v2/repositories/alice/app", &alice).json()["description"], "d");
    assert_eq!(push(&server, "v1.0", "{\"n\":1}"), 201, "the same again is no move");
    assert_eq!(push(&server, "latest", "{\"n\":2}"), 201);
    assert_eq!(push(&server, "v2.0", "{\"n\":2}"), 201, "new ones may come");
    assert_eq!(push(&server, "v1.0", "{\"n\":2}"), 403);
    let digest = digest_of(image(b"{\"n\":1}", &[])).to_string();
    let manifest = format!("/v2/alice/app/manifests/{digest}");
    for path in ["/v2/alice/app/manifests/v1.0", &manifest] {
        let refused = server.send("DELETE", path, &user("alice"), &[], b"").expect(403).json();
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains("immutable"), "{refused}");
    }
    send(&server, "DELETE", "/v2/repositories/alice/app/tags/v1.0", &alice, &Value::Null).expect(403);
    let deletion = json!({ "manifests": [{ "repository": "app", "digest": digest }], "ignore_warnings": [
        { "repository": "app", "digest": digest, "warning": "is_active" },
        { "repository": "app", "digest": digest, "warning": "current_tag", "tags": ["v1.0"] }] });
    let refused =
        send(&server, "POST", "/v2/namespaces/alice/delete-images", &alice, &deletion).expect(400).json();
    assert_eq!(refused["errinfo"]["details"]["errors"][0]["error"], "unauthorized");
    // Several tags in one push: none of them moves.
    let moved = image(b"{\"n\":2}", &[]);
    let several = format!("/v2/alice/app/manifests/{}?tag=free&tag=v1.0", digest_of(&moved));
    let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    server.send("PUT", &several, &user("alice"), &headers, moved.as_bytes()).expect(403);
    server.get("/v2/alice/app/manifests/free", &user("alice")).expect(404);
    assert_eq!(
        server.get("/v2/alice/app/manifests/v1.0", &user("alice")).header("docker-content-digest"),
        digest
    );
    for bad in [
        json!({ "immutable_tags": true }),
        json!({ "immutable_tags": true, "immutable_tags_rules": ["("] }),
        json!({ "immutable_tags": true, "immutable_tags_rules": [""] }),
        json!({ "immutable_tags": true, "immutable_tags_rules": ["(?:[a-z]{400}){400}"] }),
        json!({ "immutable_tags": true, "immutable_tags_rules": vec!["x"; 21] }),
    ] {
        send(&server, "PATCH", &settings, &alice, &bad).expect(400);
    }
    send(&server, "POST", &format!("{settings}/verify"), &alice, &json!({ "regex": "(" })).expect(400);
    let all = json!({ "immutable_tags": true, "immutable_tags_rules": [] });
    send(&server, "PATCH", &settings, &alice, &all).expect(200);
    assert_eq!(push(&server, "latest", "{\"n\":1}"), 403);
    let off = json!({ "immutable_tags": false, "immutable_tags_rules": [] });
    send(&server, "PATCH", &settings, &alice, &off).expect(200);
    assert_eq!(push(&server, "v1.0", "{\"n\":2}"), 201);
}

#[test]
fn search_finds_words_of_what_may_be_seen() {
    let server = Server::new();
    let [alice, bob, admin] = ["alice", "bob", "admin"].map(|name| sign_in(&server, name));
    let create = |who: &str, namespace: &str, name: &str, is_private: bool| {
        let body = json!({ "name": name, "is_private": is_private, "description": "It is" });
        send(&server, "POST", &format!("/v2/repositories/{namespace}"), who, &body).expect(201);
    };
    create(&alice, "acme", "web-server", false);
    create(&alice, "acme", "server", true);
    create(&bob, "bob", "deep/web_tool", false);
    create(&admin, "library", "website", false);
    let names = |path: &str, who: &str, key: &str| -> Vec<String> {
        let page = server.get(path, who).expect(200).json();
        let results = page["results"].as_array().unwrap();
        results.iter().map(|result| result[key].as_str().unwrap().to_owned()).collect()
    };
    let found =
        |text: &str, who: &str| names(&format!("/v2/search/repositories/?query={text}"), who, "repo_name");
    assert_eq!(found("web", ""), ["acme/web-server", "bob/deep/web_tool", "website"]);
    assert_eq!(found("SERVER", ""), ["acme/web-server"]);
    assert_eq!(found("server", &alice), ["acme/web-server", "acme/server"]);
    assert_eq!(found("server", &bob), ["acme/web-server"]);
    assert_eq!(found("acme", &admin), ["acme/web-server", "acme/server"]);
    for nothing in ["", "%25", "_", "erver", "library/none"] {
        assert_eq!(found(nothing, &alice), [""; 0], "{nothing}");
    }
    assert_eq!(found("library/website", ""), ["website"]);
    server.get(&format!("/v2/search/repositories?query={}", "x".repeat(256)), "").expect(400);
    // `docker search` asks with what it signed in with.
    server.get("/v1/_ping", "").expect(200);
    let classic = server.get("/v1/search?q=web&n=2", "").expect(200).json();
    assert_eq!(
        (&classic["num_results"], &classic["num_pages"], &classic["query"]),
        (&json!(4), &json!(2), &json!("web"))
    );
    assert_eq!(names("/v1/search?q=server", &user("alice"), "name").len(), 2);
    server.get("/v1/search?q=web", "alice:wrong").expect(401);
    // When the sign-in gave it a refresh token, the engine gets a token for searching, which is for nothing else.
    let engine = |who: &str| server.token(&user(who), &["registry:catalog:search"]);
    assert_eq!(names("/v1/search?q=server&n=25", &engine("alice"), "name").len(), 2);
    assert_eq!(names("/v1/search?q=server&n=25", &engine("bob"), "name").len(), 1);
    assert_eq!(
        names("/v1/search?q=server", &server.token("", &["registry:catalog:search"]), "name").len(),
        1
    );
    assert_eq!(
        names("/v1/search?q=server", &server.token(&user("alice"), &["registry:catalog:*"]), "name").len(),
        2
    );
    server
        .get("/v1/search?q=server", &server.token(&user("alice"), &["repository:acme/server:pull"]))
        .expect(401);
    server.get("/v2/_catalog", &engine("alice")).expect(401);
    server.get("/v1/search?q=server", "Bearer x").expect(401);
    server.admin_with_input(&["user", "create", "zoe", "--password-stdin"], PASSWORD);
    let former = engine("zoe");
    server.admin(&["user", "disable", "zoe"]);
    server.get("/v1/search?q=server", &former).expect(401);
    // What says that it speaks the registry's own API, as podman, does not search here without signing in.
    let podman = [("docker-distribution-api-version", "registry/2.0")];
    server.send("GET", "/v1/search?q=web&n=25", "", &podman, b"").expect(404);
    server.get("/v1/search?q=web&n=0", "").expect(400);
    let catalog =
        server.get("/api/search/v4?custom_boosted_results=true&query=website", "").expect(200).json();
    assert_eq!((&catalog["total"], &catalog["results"][0]["badge"]), (&json!(1), &json!("official")));
    // hub-mcp takes an entry with anything less or more for wrong.
    let entry = &catalog["results"][0];
    assert_eq!(
        *entry,
        json!({ "id": "library/website", "name": "website", "slug": "website", "type": "image",
            "publisher": { "id": "library", "name": "library" }, "short_description": "It is",
            "created_at": entry["created_at"], "updated_at": entry["updated_at"], "star_count": 0,
            "pull_count": "0", "badge": "official", "operating_systems": [], "architectures": [],
            "categories": [], "extension_reviewed": false, "archived": false })
    );
    server.get("/api/search/v4?query=x&from=-1", "").expect(400);
    send(&server, "DELETE", "/v2/repositories/acme/web-server", &alice, &Value::Null).expect(202);
    assert_eq!(found("web", ""), ["bob/deep/web_tool", "website"]);
}

/// Scripts send forms, and curl says of JSON that it is a form when nobody tells it otherwise.
#[test]
fn forms_are_taken_where_json_is() {
    let server = Server::new();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let login = "username=alice&password=correct+horse%20battery";
    let signed_in = server.send("POST", "/v2/users/login/", "", &form, login.as_bytes()).expect(200).json();
    let alice = format!("Bearer {}", signed_in["token"].as_str().unwrap());
    let as_json = json!({ "username": "alice", "password": PASSWORD }).to_string();
    server.send("POST", "/v2/users/login/", "", &form, as_json.as_bytes()).expect(200);
    let body = "name=web&namespace=alice&is_private=True&description=a%26b&unknown=x";
    let made = server.send("POST", "/v2/repositories/", &alice, &form, body.as_bytes()).expect(201).json();
    assert_eq!((&made["is_private"], &made["description"]), (&json!(true), &json!("a&b")));
    let readme = "# Caf\u{e9}\n\n1 + 1 = 2 & more%\n";
    let encoded: String = form_urlencoded::byte_serialize(readme.as_bytes()).collect();
    let body = format!("full_description={encoded}");
    let utf8 = [("content-type", "Application/X-WWW-form-urlencoded; charset=UTF-8")];
    let changed =
        server.send("PATCH", "/v2/repositories/alice/web/", &alice, &utf8, body.as_bytes()).expect(200);
    assert_eq!(changed.json()["full_description"], readme);
    let path = "/v2/repositories/alice/web/privacy/";
    server.send("POST", path, &alice, &form, b"is_private=false").expect(200);
    let page = "/v2/namespaces/alice/repositories/web";
    assert_eq!(server.get(page, &alice).json()["is_private"], false);
    // The same limits, and the same errors.
    let long = format!("full_description={}", "x".repeat(25_001));
    for bad in ["name=x", "name=web&name=other", "name=web&is_private=perhaps", "name=%FF%FE", ""] {
        let refused =
            server.send("POST", "/v2/repositories/alice", &alice, &form, bad.as_bytes()).expect(400).json();
        assert!(refused["fields"].is_object() && refused["text"].is_string(), "{refused}");
    }
    let refused = server.send("PATCH", page, &alice, &form, long.as_bytes()).expect(400).json();
    let json = json!({ "full_description": "x".repeat(25_001) });
    assert_eq!(refused, send(&server, "PATCH", page, &alice, &json).expect(400).json());
    server.send("PATCH", page, &alice, &form, &vec![b'x'; (1 << 20) + 1]).expect(413);
}

#[test]
fn what_an_owner_made_immutable_only_owners_change() {
    let server = Server::new();
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    let (owner, editor) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let app = "/v2/namespaces/acme/repositories/app";
    let body = json!({ "name": "app", "namespace": "acme", "is_private": true });
    send(&server, "POST", "/v2/namespaces/acme/repositories", &editor, &body).expect(201);
    let tags = |who: &str, enabled: bool| {
        let body = json!({ "immutable_tags": enabled, "immutable_tags_rules": [] });
        send(&server, "PATCH", &format!("{app}/immutabletags"), who, &body)
    };
    // An editor decides until an owner does.
    tags(&editor, true).expect(200);
    tags(&editor, false).expect(200);
    tags(&owner, true).expect(200);
    let refused = tags(&editor, false).expect(403).json().to_string();
    assert!(refused.contains("only an owner may change that"), "{refused}");
    send(&server, "PATCH", app, &editor, &json!({ "immutable_tags": false })).expect(403);
    send(&server, "PATCH", app, &editor, &json!({ "description": "An app" })).expect(200);
    let shown = server.get(app, &editor).expect(200).json();
    assert_eq!(shown["immutable_tags_settings"]["enabled"], true);
    tags(&owner, false).expect(200);
    tags(&editor, true).expect(200);
}
