//! The trash: what every dialect deletes says by which id it comes back, and comes back.

use serde_json::{Value, json};

use super::{APP, acme, bearer, each, follow, push, push_app, send};
use crate::server::{Client, user};

/// Brings a deletion back, and gives what came of it.
#[track_caller]
fn restore(client: &Client, who: &str, id: &str) -> Value {
    send(client, "POST", &format!("/api/v1/deletions/{id}/restore"), who, &Value::Null).expect(200).json()
}

#[test]
fn whatever_a_dialect_deletes_comes_back() {
    let (server, alice) = acme();
    let session = crate::hub::sign_in(&server, "alice");
    let body = json!({ "name": "acme", "subscription_tier_slug": "professional" });
    send(&server, "POST", "/v2/registries", &alice, &body).expect(201);
    let hub_deletion = |digest: &str, tag: &str| {
        json!({ "active_from": "2099-01-01T00:00:00Z", "manifests": [{ "repository": "app", "digest": digest }],
            "ignore_warnings": [{ "repository": "app", "digest": digest, "warning": "current_tag", "tags": [tag] }] })
    };
    let push_own = |tag: &str| push(&server, &user("alice"), "acme/app", tag);
    let native = "/api/v1/repositories/acme/app";
    type Case<'c> = (&'c str, &'c str, String, &'c str, Value);
    let digests: Vec<String> = (0..8).map(|number| push_own(&format!("t{number}"))).collect();
    let token = alice.strip_prefix("Bearer ").unwrap();
    let swr = format!("Token {token}");
    let cases: [Case<'_>; 8] = [
        ("t0", "DELETE", "/v2/acme/app/manifests/t0".into(), &user("alice"), Value::Null),
        ("t1", "DELETE", format!("/v2/acme/app/manifests/{}", digests[1]), &user("alice"), Value::Null),
        ("t2", "POST", "/v2/namespaces/acme/delete-images".into(), &session, hub_deletion(&digests[2], "t2")),
        ("t3", "DELETE", "/v2/repositories/acme/app/tags/t3".into(), &session, Value::Null),
        ("t4", "DELETE", "/v2/registries/acme/repositories/app/tags/t4".into(), &alice, Value::Null),
        (
            "t5",
            "DELETE",
            format!("/v2/registries/acme/repositories/app/digests/{}", digests[5]),
            &alice,
            Value::Null,
        ),
        ("t6", "DELETE", "/v2/manage/namespaces/acme/repos/app/tags/t6".into(), &swr, Value::Null),
        ("t7", "DELETE", format!("{native}/-/tags/t7"), &alice, Value::Null),
    ];
    for (number, (tag, method, path, who, body)) in cases.iter().enumerate() {
        let answer = send(&server, method, path, who, body);
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let id = answer.header("longshore-deletion").to_owned();
        assert!(!id.is_empty(), "{path} says by which id it comes back");
        server.get(&format!("{native}/-/tags/{tag}"), &alice).expect(404);
        assert_eq!(restore(&server, &alice, &id)["tags"], 1, "{path}");
        let back = server.get(&format!("{native}/-/tags/{tag}"), &alice).expect(200).json();
        assert_eq!(back["digest"], digests[number].as_str(), "{path}");
    }
    // What deletes nothing names no deletion.
    let missing = server.send("DELETE", &format!("{native}/-/tags/nothing"), &alice, &[], b"").expect(404);
    assert_eq!(missing.header("longshore-deletion"), "");
    for (path, who) in [
        ("/v2/repositories/acme/app", session.as_str()),
        ("/v2/registries/acme/repositories/app", &alice),
        ("/v2/manage/namespaces/acme/repos/app", &swr),
        (native, &alice),
    ] {
        let answer = server.send("DELETE", path, who, &[], b"");
        assert!(answer.status < 300, "{path}: {}", answer.status);
        server.get(native, &alice).expect(404);
        restore(&server, &alice, answer.header("longshore-deletion"));
        assert_eq!(server.get(native, &alice).expect(200).json()["tags"], 8, "{path}");
    }
}

#[test]
fn the_trash_is_listed_and_shown() {
    let (server, alice) = acme();
    for tag in ["v1", "v2", "v3"] {
        push_app(&server, tag);
    }
    let delete = |path: &str| {
        let answer = server.send("DELETE", path, &alice, &[], b"").expect(204);
        answer.header("longshore-deletion").to_owned()
    };
    let ids = ["v1", "v2", "v3"].map(|tag| delete(&format!("{APP}/-/tags/{tag}")));
    let whole = delete(APP);
    for limit in [1, 2, 4, 10] {
        let listed = follow(&server, &alice, "/api/v1/deletions?namespace=acme", limit, "id");
        let expected: Vec<String> = [&whole].into_iter().chain(ids.iter().rev()).cloned().collect();
        assert_eq!(listed, expected, "the newest first");
    }
    let own = server.get("/api/v1/deletions", &alice).expect(200).json();
    assert_eq!(each(&own, "id"), [""; 0], "nothing went from her own namespace");
    assert_eq!(restore(&server, &alice, &whole)["repository"], "acme/team/app");
    let of_app = server.get("/api/v1/deletions?repository=acme/team/app", &alice).expect(200).json();
    assert_eq!(of_app["items"].as_array().unwrap().len(), 4);
    let one = server.get(&format!("/api/v1/deletions/{}", ids[0]), &alice).expect(200).json();
    assert_eq!(
        (&one["tags"], &one["deleted_by"], &one["cause"], &one["is_repository"], &one["undone_at"]),
        (&json!(1), &json!("alice"), &json!("request"), &json!(false), &Value::Null)
    );
    assert_eq!((&one["items"][0]["kind"], &one["items"][0]["tag"]), (&json!("tag"), &json!("v1")));
    assert!(one["restorable_until"].as_str().unwrap() > one["deleted_at"].as_str().unwrap());
    // It points elsewhere by now, and is not overwritten.
    let other = push(&server, &user("alice"), "acme/team/app", "other");
    send(&server, "PUT", &format!("{APP}/-/tags/v1"), &alice, &json!({ "from": "other" })).expect(200);
    let kept = restore(&server, &alice, &ids[0]);
    assert_eq!(
        (&kept["tags"], &kept["conflicts"][0]["reason"], &kept["conflicts"][0]["present"]),
        (&json!(0), &json!("points_elsewhere"), &json!(other))
    );
    let path = format!("/api/v1/deletions/{}/restore", ids[0]);
    let moved = send(&server, "POST", &path, &alice, &json!({ "overwrite": true })).expect(200).json();
    assert_eq!(moved["tags"], 1);
    let again = server.get(&format!("/api/v1/deletions/{}", ids[0]), &alice).expect(200).json();
    assert_eq!(again["undone_by"], "alice");
}

#[test]
fn the_trash_of_others_is_not_there() {
    let (server, alice) = acme();
    push_app(&server, "v1");
    let deleted = server.send("DELETE", &format!("{APP}/-/tags/v1"), &alice, &[], b"").expect(204);
    let path = format!("/api/v1/deletions/{}", deleted.header("longshore-deletion"));
    let bob = bearer(&server, "bob", "repo:admin");
    let weak = bearer(&server, "alice", "repo:write");
    for (who, status) in [("", 401), (bob.as_str(), 404), (&weak, 403)] {
        server.get(&path, who).expect(status);
        send(&server, "POST", &format!("{path}/restore"), who, &json!({})).expect(status);
    }
    for who in [&bob, &weak] {
        let listed = server.get("/api/v1/deletions?namespace=acme", who).expect(200).json();
        assert_eq!(each(&listed, "id"), [""; 0]);
    }
    server.get("/api/v1/deletions?namespace=acme", "").expect(401);
    server.get("/api/v1/deletions?repository=acme/team/app", &bob).expect(404);
    assert_eq!(server.get("/api/v1/deletions/x", &alice).expect(404).json()["code"], "deletion_unknown");
    server.get("/api/v1/deletions?namespace=acme&repository=acme/team/app", &alice).expect(400);
    server.get(&format!("{APP}/-/tags/v1"), &alice).expect(404);
}

#[test]
fn a_plan_says_what_a_deletion_does_before_it_does_it() {
    let (server, alice) = acme();
    let (one, two) = (push_app(&server, "v1"), push_app(&server, "v2"));
    let path = format!("{APP}/-/deletions");
    let ask = |body: Value| send(&server, "POST", &path, &alice, &body);
    let plan = ask(json!({ "digests": [one], "dry_run": true })).expect(200).json();
    // Its layer and its configuration, each of eleven or twelve bytes, which nothing else has.
    assert_eq!((&plan["images"], &plan["freed_bytes"]), (&json!(1), &json!(11 + 12)), "{plan}");
    assert_eq!(plan["tag_names"], json!([{ "name": "v1", "digest": one }]));
    server.get(&format!("{APP}/-/tags/v1"), &alice).expect(200);
    send(&server, "PUT", &format!("{APP}/-/tags/latest"), &alice, &json!({ "from": "v1" })).expect(200);
    let changed = ask(json!({ "digests": [one], "plan": plan["plan"] })).expect(409).json();
    assert_eq!(changed["code"], "conflict");
    let plan = ask(json!({ "digests": [one], "dry_run": true })).expect(200).json();
    let done = ask(json!({ "digests": [one], "plan": plan["plan"] })).expect(200);
    let (header, done) = (done.header("longshore-deletion").to_owned(), done.json());
    assert_eq!((&done["id"], &done["tags"]), (&json!(header), &json!(2)));
    assert_eq!(restore(&server, &alice, &header)["tags"], 2);
    let idle = json!({ "filter": { "inactive_since": "2020-01-01T00:00:00Z" }, "dry_run": true });
    assert_eq!(ask(idle).expect(200).json()["images"], 0);
    server.send("DELETE", &format!("{APP}/-/tags/v2"), &alice, &[], b"").expect(204);
    let untagged = ask(json!({ "filter": { "tagged": false } })).expect(200).json();
    assert_eq!((&untagged["images"], &untagged["image_digests"]), (&json!(1), &json!([two])));
    for (bad, field) in [
        (json!({}), "body"),
        (json!({ "filter": {} }), "filter"),
        (json!({ "filter": { "inactive_since": "soon" } }), "inactive_since"),
        (json!({ "digests": [], "colour": 1 }), "body"),
    ] {
        assert_eq!(ask(bad.clone()).expect(400).json()["field"], field, "{bad}");
    }
    assert_eq!(ask(json!({ "tags": ["nothing"] })).expect(404).json()["code"], "manifest_unknown");
}
