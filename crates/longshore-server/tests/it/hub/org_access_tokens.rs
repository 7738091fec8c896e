use longshore_testkit::images::image;
use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{Client, PASSWORD, Server, user};

const PATH: &str = "/v2/orgs/acme/access-tokens";

/// Creates a token of acme that may use some things, and gives its document.
#[track_caller]
pub fn token(client: &Client, owner: &str, resources: &Value) -> Value {
    let body = json!({ "label": "ci", "resources": resources });
    send(client, "POST", PATH, owner, &body).expect(201).json()
}

fn resource(kind: &str, path: &str, scopes: &[&str]) -> Value {
    json!({ "type": kind, "path": path, "scopes": scopes })
}

/// Exchanges a token of acme for a session.
#[track_caller]
pub fn exchange(client: &Client, secret: &str) -> String {
    let body = json!({ "identifier": "acme", "secret": secret });
    let answer = send(client, "POST", "/v2/auth/token", "", &body).expect(200).json();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

#[test]
fn a_token_is_created_listed_changed_and_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let pulls = resource("TYPE_REPO", "acme/app", &["repo-pull", "scope-webhook-read"]);
    let body = json!({ "label": "My organization token", "description": "for CI", "resources": [pulls],
        "expires_at": "2099-05-20T00:54:18Z" });
    let created = send(&server, "POST", PATH, &alice, &body).expect(201).json();
    let (id, secret) = (created["id"].as_str().unwrap(), created["token"].as_str().unwrap());
    let details = json!({ "id": id, "label": "My organization token", "description": "for CI",
        "created_by": "alice", "is_active": true, "created_at": created["created_at"],
        "expires_at": "2099-05-20T00:54:18Z", "last_used_at": null, "resources": [pulls] });
    let one = format!("{PATH}/{id}");
    assert_eq!(server.get(&one, &alice).expect(200).json(), details, "the secret is shown once");
    server.get("/v2/", &format!("acme:{secret}")).expect(200);
    server.get("/v2/", &format!("alice:{secret}")).expect(401);
    server.wait_for("the last use", || server.get(&one, &alice).json()["last_used_at"].is_string());
    // The operator made this one, with a scope.
    server.admin(&["token", "create", "acme", "--label", "old", "--scope", "repo:write"]);
    let page = server.get(&format!("{PATH}?page_size=1"), &alice).expect(200).json();
    assert_eq!((&page["total"], &page["count"], &page["previous"]), (&json!(2), &json!(2), &Value::Null));
    assert!(page["results"][0]["resources"].is_null());
    let next = server.get(page["next"].as_str().unwrap(), &alice).expect(200).json();
    let old = format!("{PATH}/{}", next["results"][0]["id"].as_str().unwrap());
    let old = server.get(&old, &alice).expect(200).json();
    assert_eq!((&old["label"], &old["resources"][0]["path"]), (&json!("old"), &json!("acme/*")));
    let other = resource("TYPE_REPO", "acme/*", &["scope-image-push"]);
    let changed = json!({ "label": "", "description": "", "resources": [other], "is_active": false });
    let changed = send(&server, "PATCH", &one, &alice, &changed).expect(200).json();
    assert_eq!(
        [&changed["label"], &changed["description"], &changed["resources"][0], &changed["is_active"]],
        [&details["label"], &json!(""), &other, &json!(false)]
    );
    server.get("/v2/", &format!("acme:{secret}")).expect(401);
    send(&server, "PATCH", &one, &alice, &json!({ "is_active": true })).expect(200);
    server.get("/v2/", &format!("acme:{secret}")).expect(200);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(204);
    server.get("/v2/", &format!("acme:{secret}")).expect(401);
    server.get(&one, &alice).expect(404);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(404);
    let log = server.get("/v2/auditlogs/acme?action=org.access_token.update", &alice).expect(200).json();
    assert_eq!(log["logs"][1]["data"]["resources"], "acme/*: scope-image-push");
    assert_eq!(log["logs"][0]["data"]["is_active"], "true");
}

#[test]
fn what_is_not_as_documented_is_refused_and_changes_nothing() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let good = resource("TYPE_REPO", "acme/app", &["scope-image-pull"]);
    let scopes = ["scope-image-pull"; 33];
    for (bad, field) in [
        (json!({ "label": "", "resources": [good] }), "label"),
        (json!({ "label": "x".repeat(101), "resources": [good] }), "label"),
        (json!({ "label": "x", "resources": [] }), "resources"),
        (json!({ "label": "x", "resources": vec![good.clone(); 52] }), "resources"),
        (json!({ "label": "x" }), "body"),
        (json!({ "label": "x", "resources": [good], "description": "x".repeat(201) }), "description"),
        (json!({ "label": "x", "resources": [good], "expires_at": "2001-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "label": "x", "resources": [good], "expires_at": "soon" }), "expires_at"),
        (
            json!({ "label": "x", "resources": [resource("TYPE_REPO", "bob/app", &["repo-pull"])] }),
            "resources",
        ),
        (json!({ "label": "x", "resources": [resource("TYPE_REPO", "acme/app", &["all"])] }), "resources"),
        (json!({ "label": "x", "resources": [resource("TYPE_REPO", "acme/app", &scopes)] }), "resources"),
        (
            json!({ "label": "x", "resources": [resource("TYPE_ORG", "bob", &["scope-member-read"])] }),
            "resources",
        ),
    ] {
        let answer = send(&server, "POST", PATH, &alice, &bad).expect(400).json();
        assert!(answer["fields"][field].is_array(), "{bad}: {answer}");
    }
    assert_eq!(server.get(PATH, &alice).expect(200).json()["total"], 0);
    let id = token(&server, &alice, &json!([good]))["id"].as_str().unwrap().to_owned();
    let foreign = json!({ "resources": [resource("TYPE_REPO", "bob/*", &["repo-push"])] });
    send(&server, "PATCH", &format!("{PATH}/{id}"), &alice, &foreign).expect(400);
    assert_eq!(server.get(&format!("{PATH}/{id}"), &alice).json()["resources"], json!([good]));
    for unknown in ["x", "018f0000-0000-7000-8000-000000000000"] {
        server.get(&format!("{PATH}/{unknown}"), &alice).expect(404);
    }
    // A user has no such tokens, and no organization of that name.
    server.get("/v2/orgs/alice/access-tokens", &alice).expect(404);
    server.admin(&["org", "set", "acme", "--plan", "pro"]);
    // Without the plan there are no new ones, and what is there can be taken away.
    send(&server, "POST", PATH, &alice, &json!({ "label": "x", "resources": [good] })).expect(403);
    let one = format!("{PATH}/{id}");
    assert_eq!(server.get(PATH, &alice).expect(200).json()["total"], 1);
    send(&server, "PATCH", &one, &alice, &json!({ "is_active": false })).expect(200);
    for more in [json!({ "is_active": true }), json!({ "resources": [good] })] {
        send(&server, "PATCH", &one, &alice, &more).expect(403);
    }
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(204);
}

#[test]
fn a_token_uses_the_registry_as_far_as_its_resources_go() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    for repository in ["acme/app", "acme/other"] {
        server.push_blob(&user("alice"), repository, b"{}");
        server.push_manifest(&user("alice"), repository, "v1", &image(b"{}", &[])).expect(201);
    }
    let listed = json!([
        resource("TYPE_REPO", "acme/app", &["scope-image-push", "scope-tag-read"]),
        resource("TYPE_REPO", "acme/other", &["scope-image-pull"]),
    ]);
    let created = token(&server, &alice, &listed);
    let basic = format!("acme:{}", created["token"].as_str().unwrap());
    for repository in ["acme/app", "acme/other"] {
        server.get(&format!("/v2/{repository}/manifests/v1"), &basic).expect(200);
    }
    let path = |repository: &str| format!("/v2/{repository}/manifests/v2");
    let put = |repository: &str, who: &str| {
        let content = image(b"{}", &[]);
        let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
        server.send("PUT", &path(repository), who, &headers, content.as_bytes()).status
    };
    assert_eq!([put("acme/app", &basic), put("acme/other", &basic)], [201, 403]);
    // Nobody said that it may create repositories.
    assert_eq!(server.send("POST", "/v2/acme/new/blobs/uploads/", &basic, &[], b"").status, 403);
    assert_eq!(server.send("DELETE", &path("acme/app"), &basic, &[], b"").status, 403);
    let granted = server.token(&basic, &["repository:acme/app:pull,push,delete", "repository:acme/other:*"]);
    assert_eq!([put("acme/app", &granted), put("acme/other", &granted)], [201, 403]);
    // The same token in the management API: tags are read, the repository itself is not.
    let session = exchange(&server, created["token"].as_str().unwrap());
    let hub = "/v2/namespaces/acme/repositories";
    server.get(&format!("{hub}/app/tags"), &session).expect(200);
    server.get(&format!("{hub}/other/tags"), &session).expect(403);
    server.get(&format!("{hub}/app"), &session).expect(403);
    send(&server, "POST", hub, &session, &json!({ "namespace": "acme", "name": "new" })).expect(403);
    // Without the scope for lists, only what is public is listed.
    assert_eq!(server.get(hub, &session).expect(200).json()["count"], 0);
    assert_eq!(server.get("/v2/_catalog", &basic).expect(200).json()["repositories"], json!([]));
    let more = json!({ "resources": [
        resource("TYPE_REPO", "acme/*", &["scope-repository-admin", "scope-image-delete"]),
        resource("TYPE_ORG", "acme", &["scope-repository-list", "scope-repository-create"]),
    ] });
    send(&server, "PATCH", &format!("{PATH}/{}", created["id"].as_str().unwrap()), &alice, &more).expect(200);
    // At once, for what was issued before too.
    assert_eq!(server.get(hub, &session).expect(200).json()["count"], 2);
    assert_eq!(server.get("/v2/_catalog", &basic).json()["repositories"], json!(["acme/app", "acme/other"]));
    send(&server, "POST", hub, &session, &json!({ "namespace": "acme", "name": "new" })).expect(201);
    server.push_blob(&basic, "acme/newer", b"{}");
    let tags = json!({ "immutable_tags": true, "immutable_tags_rules": [] });
    send(&server, "PATCH", &format!("{hub}/new/immutabletags"), &session, &tags).expect(403);
    send(&server, "DELETE", &format!("{hub}/new"), &session, &Value::Null).expect(202);
    assert_eq!(server.send("DELETE", &path("acme/app"), &basic, &[], b"").status, 202);
    // Not a public repository of somebody else either, until that is listed.
    server.push_blob(&user("bob"), "bob/toy", b"{}");
    server.push_manifest(&user("bob"), "bob/toy", "v1", &image(b"{}", &[])).expect(201);
    let bob = sign_in(&server, "bob");
    send(&server, "POST", "/v2/repositories/bob/toy/privacy", &bob, &json!({ "is_private": false }))
        .expect(200);
    server.get("/v2/bob/toy/manifests/v1", &basic).expect(404);
    let public = json!({ "resources": [resource("TYPE_REPO", "*/*/public", &["scope-image-push"])] });
    send(&server, "PATCH", &format!("{PATH}/{}", created["id"].as_str().unwrap()), &alice, &public)
        .expect(200);
    server.get("/v2/bob/toy/manifests/v1", &basic).expect(200);
    assert_eq!(server.send("POST", "/v2/bob/toy/blobs/uploads/", &basic, &[], b"").status, 403);
}

#[test]
fn a_token_manages_its_organization_as_far_as_its_scopes_go() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "member"]);
    server.admin(&["org", "create", "other", "--owner", "alice"]);
    let reads = resource("TYPE_REPO", "*/*/public", &["scope-image-pull"]);
    let asks: [(&str, &str, Value, u16, &str); 8] = [
        ("GET", "/v2/orgs/acme/members", Value::Null, 200, "scope-member-read"),
        ("PUT", "/v2/orgs/acme/members/carol", json!({ "role": "editor" }), 200, "scope-member-edit"),
        ("GET", "/v2/orgs/acme/groups", Value::Null, 200, "scope-group-read"),
        ("POST", "/v2/orgs/acme/groups", json!({ "name": "dev" }), 201, "scope-group-edit"),
        ("GET", "/v2/auditlogs/acme", Value::Null, 200, "scope-activity-read"),
        ("GET", "/v2/orgs/acme/settings", Value::Null, 200, ""),
        ("GET", PATH, Value::Null, 200, ""),
        ("POST", PATH, json!({ "label": "x", "resources": [reads] }), 201, ""),
    ];
    for scope in asks.iter().map(|ask| ask.4).filter(|scope| !scope.is_empty()) {
        let created = token(&server, &alice, &json!([resource("TYPE_ORG", "acme", &[scope])]));
        let session = exchange(&server, created["token"].as_str().unwrap());
        server.get("/v2/orgs/acme", &session).expect(200);
        for (method, path, body, good, needed) in &asks {
            let includes =
                scope == *needed || scope == needed.replace("-read", "-edit") && !needed.is_empty();
            let expected = if includes { *good } else { 403 };
            let status = send(&server, method, path, &session, body).status;
            assert_eq!(status, expected, "{method} {path} with {scope}");
            // Another organization is none of its business, though its creator owns that too.
            let other = path.replace("acme", "other");
            assert_eq!(send(&server, method, &other, &session, body).status, 404, "{method} {other}");
        }
        send(&server, "DELETE", "/v2/orgs/acme/groups/dev", &alice, &Value::Null);
    }
    // No token makes an owner, who could do all that no token may.
    let scopes = ["scope-member-edit", "scope-invite-edit"];
    let created = token(&server, &alice, &json!([resource("TYPE_ORG", "acme", &scopes)]));
    let session = exchange(&server, created["token"].as_str().unwrap());
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    let invite = |more: Value| {
        let mut body = json!({ "org": "acme", "invitees": ["bob"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        send(&server, "POST", "/v2/invites/bulk", &session, &body).status
    };
    for refused in [json!({ "role": "owner" }), json!({ "team": "owners" }), json!({ "team": "dev" })] {
        assert_eq!(invite(refused.clone()), 403, "{refused}");
    }
    assert_eq!(invite(json!({ "role": "editor" })), 202);
    let member = |name: &str| format!("/v2/orgs/acme/members/{name}");
    send(&server, "PUT", &member("carol"), &session, &json!({ "role": "owner" })).expect(403);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "owner"]);
    send(&server, "PUT", &member("carol"), &session, &json!({ "role": "member" })).expect(403);
    send(&server, "DELETE", &member("carol"), &session, &Value::Null).expect(403);
    assert_eq!(server.get("/v2/orgs/acme/members?role=owner", &alice).json()["count"], 2);
    // Creating a repository gives it, also to who may not look at it later.
    let creates = json!([resource("TYPE_ORG", "acme", &["scope-repository-create"])]);
    let created = token(&server, &alice, &creates);
    let session = exchange(&server, created["token"].as_str().unwrap());
    let made = json!({ "namespace": "acme", "name": "made" });
    let made = send(&server, "POST", "/v2/repositories", &session, &made).expect(201).json();
    assert_eq!((&made["name"], &made["permissions"]["write"]), (&json!("made"), &json!(false)));
    server.get("/v2/repositories/acme/made", &session).expect(404);
}
