use longshore_testkit::images::{digest_of, image, index};
use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{Server, user};

const APP: &str = "alice/app";
const IMAGES: &str = "/v2/namespaces/alice/repositories/app/images";
const DELETE: &str = "/v2/namespaces/alice/delete-images";

fn push(server: &Server, tag: &str, config: &str) -> String {
    server.push_blob(&user("alice"), APP, config.as_bytes());
    let manifest = image(config.as_bytes(), &[]);
    server.push_manifest(&user("alice"), APP, tag, &manifest).expect(201);
    digest_of(&manifest).to_string()
}

#[test]
fn images_are_listed_filtered_sorted_and_paged() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let first = push(&server, "latest", "{\"n\":1}");
    let second = push(&server, "latest", "{\"n\":2}");
    let third = push(&server, "other", "{\"n\":3}");
    let list = |query: &str| server.get(&format!("{IMAGES}?{query}"), &alice).expect(200).json();
    let page = list("");
    assert_eq!((&page["count"], &page["next"], &page["previous"]), (&json!(3), &Value::Null, &Value::Null));
    assert_eq!(page["results"][0]["digest"], third);
    let oldest = &page["results"][2];
    assert_eq!(
        *oldest,
        json!({ "namespace": "alice", "repository": "app", "digest": first,
            "tags": [{ "tag": "latest", "is_current": false }], "last_pushed": oldest["last_pushed"],
            "last_pulled": null, "status": "active" })
    );
    let digests = |page: &Value| -> Vec<String> {
        let all = page["results"].as_array().unwrap();
        all.iter().map(|image| image["digest"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(digests(&list("currently_tagged=false")), std::slice::from_ref(&first));
    assert_eq!(
        digests(&list("ordering=last_activity&currently_tagged=true")),
        [second.clone(), third.clone()]
    );
    let mut sorted = vec![first.clone(), second, third];
    sorted.sort();
    assert_eq!(digests(&list("ordering=digest")), sorted);
    let next = list("ordering=digest&page_size=2")["next"].as_str().unwrap().to_owned();
    assert_eq!(digests(&server.get(&next, &alice).expect(200).json()), sorted[2..]);
    assert_eq!(list("status=inactive")["count"], 0);
    assert_eq!(list("status=inactive&active_from=2099-01-01T00:00:00Z")["count"], 3);
    let summary = server.get(&format!("{IMAGES}-summary?active_from=2099-01-01T00:00:00Z"), &alice);
    assert_eq!(
        summary.expect(200).json(),
        json!({ "active_from": "2099-01-01T00:00:00.000000Z", "statistics": { "total": 3, "active": 0, "inactive": 3 } })
    );
    let tags = server.get(&format!("{IMAGES}/{first}/tags"), &alice).expect(200).json();
    assert_eq!(tags["results"], json!([{ "tag": "latest", "is_current": false }]));
    let id = server.get("/v2/user", &alice).expect(200).json()["id"].clone();
    for bad in ["status=x", "currently_tagged=2", "ordering=size", "active_from=yesterday", "page=x"] {
        let refused = server.get(&format!("{IMAGES}?{bad}"), &alice).expect(400).json();
        assert!(refused["txnid"].is_string() && refused["message"].is_string(), "{refused}");
        assert_eq!(refused["errinfo"]["api_call_name"], "get_namespaces_repositories_images");
        assert_eq!(refused["errinfo"]["api_call_docker_id"], id);
    }
    for missing in [
        "/v2/namespaces/alice/repositories/none/images",
        "/v2/namespaces/Alice/repositories/app/images",
        "/v2/namespaces/alice/repositories/..%2f..%2fx/images",
        &format!("{IMAGES}/sha256:00/tags"),
        &format!("{IMAGES}/{}/tags", digest_of("none")),
    ] {
        server.get(missing, &alice).expect(404);
    }
}

#[test]
fn a_repository_with_slashes_is_reached_percent_encoded() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.push_blob(&user("alice"), "alice/deep/app", b"{}");
    server.push_manifest(&user("alice"), "alice/deep/app", "v1", &image(b"{}", &[])).expect(201);
    let images =
        server.get("/v2/namespaces/alice/repositories/deep%2Fapp/images/", &alice).expect(200).json();
    assert_eq!(images["results"][0]["repository"], "deep/app");
}

#[test]
fn warnings_are_copied_back_to_delete_anyway() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let digest = push(&server, "v1", "{\"n\":1}");
    push(&server, "v2", "{\"n\":1}");
    let kept = push(&server, "kept", "{\"n\":2}");
    let manifests =
        json!([{ "repository": "app", "digest": digest }, { "repository": "app", "digest": digest }]);
    let refused =
        send(&server, "POST", DELETE, &alice, &json!({ "manifests": manifests })).expect(400).json();
    assert_eq!(refused["errinfo"]["type"], "validation");
    let warnings = &refused["errinfo"]["details"]["warnings"];
    assert_eq!(
        *warnings,
        json!([
            { "repository": "app", "digest": digest, "warning": "is_active" },
            { "repository": "app", "digest": digest, "warning": "current_tag", "tags": ["v1", "v2"] }
        ])
    );
    let mut body = json!({ "manifests": manifests, "ignore_warnings": warnings, "dry_run": true });
    let metrics = json!({ "manifest_deletes": 1, "manifest_errors": 0, "tag_deletes": 2, "tag_errors": 0 });
    let dry = send(&server, "POST", DELETE, &alice, &body).expect(200).json();
    assert_eq!(dry, json!({ "dry_run": true, "metrics": metrics }));
    server.get("/v2/alice/app/manifests/v1", &user("alice")).expect(200);
    body["dry_run"] = json!(false);
    let done = send(&server, "POST", DELETE, &alice, &body).expect(200).json();
    assert_eq!(done, json!({ "dry_run": false, "metrics": metrics }));
    server.get("/v2/alice/app/manifests/v1", &user("alice")).expect(404);
    server.get(&format!("/v2/alice/app/manifests/{kept}"), &user("alice")).expect(200);
    let log = server.admin(&["audit", "list", "--account", "alice"]).to_string();
    assert!(log.contains("repo.manifest.delete") && log.contains("repo.tag.delete"), "{log}");
}

#[test]
fn errors_cannot_be_ignored_and_nothing_is_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let child = push(&server, "child", "{\"n\":1}");
    let free = push(&server, "free", "{\"n\":2}");
    server.push_manifest(&user("alice"), APP, "multi", &index(&[&image(b"{\"n\":1}", &[])])).expect(201);
    let entry = |digest: &str| json!({ "repository": "app", "digest": digest });
    let nothing = digest_of("nothing").to_string();
    let body = json!({
        "active_from": "2099-01-01T00:00:00Z",
        "manifests": [entry(&child), entry(&free), entry(&nothing), entry("latest")],
        "ignore_warnings": [{ "repository": "app", "digest": free, "warning": "current_tag", "tags": ["free"] }],
    });
    let refused = send(&server, "POST", DELETE, &alice, &body).expect(400).json();
    let errors = refused["errinfo"]["details"]["errors"].as_array().unwrap().clone();
    assert_eq!(errors.len(), 3);
    for expected in [(&child, "child_manifest"), (&nothing, "not_found"), (&"latest".to_owned(), "not_found")]
    {
        let found = json!({ "repository": "app", "digest": expected.0, "error": expected.1 });
        assert!(errors.contains(&found), "{errors:?}");
    }
    server.get("/v2/alice/app/manifests/free", &user("alice")).expect(200);
    for bad in [
        json!({}),
        json!({ "manifests": [] }),
        json!({ "manifests": [entry(&free), { "repository": "other", "digest": free }] }),
        json!({ "manifests": [{ "digest": free }] }),
        json!({ "manifests": [entry(&free)], "active_from": "x" }),
        json!({ "manifests": [entry(&free)], "ignore_warnings": [{ "repository": "app", "digest": free, "warning": "x" }] }),
    ] {
        send(&server, "POST", DELETE, &alice, &bad).expect(400);
    }
    server.get("/v2/alice/app/manifests/free", &user("alice")).expect(200);
}

/// What two published clean-up scripts do: all pages of what has no current tag, in one request, warnings copied back.
#[test]
fn what_is_listed_without_a_current_tag_can_be_deleted_in_one_request() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let parts = ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"].map(|config| {
        server.push_blob(&user("alice"), APP, config.as_bytes());
        let part = image(config.as_bytes(), &[]);
        server.push_manifest(&user("alice"), APP, &digest_of(&part).to_string(), &part).expect(201);
        part
    });
    server.push_manifest(&user("alice"), APP, "multi", &index(&[&parts[0], &parts[1]])).expect(201);
    server.push_manifest(&user("alice"), APP, "multi", &index(&[&parts[1], &parts[2]])).expect(201);
    let list = |query: &str| -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = json!(format!("{IMAGES}?page_size=1&{query}"));
        while let Some(path) = next.as_str() {
            let page = server.get(path, &alice).expect(200).json();
            found.extend(page["results"].as_array().unwrap().iter().map(|image| image["digest"].clone()));
            next = page["next"].clone();
        }
        found
    };
    // The first part is only in the index that lost its tag.
    assert_eq!(list("currently_tagged=False").len(), 2);
    assert_eq!(list("currently_tagged=TRUE").len(), 3);
    let entries: Vec<Value> = list("currently_tagged=false&ordering=last_activity")
        .into_iter()
        .map(|digest| json!({ "repository": "app", "digest": digest }))
        .collect();
    let dry = json!({ "dry_run": true, "manifests": entries });
    let warned = send(&server, "POST", DELETE, &alice, &dry).expect(400).json();
    assert_eq!(warned["errinfo"]["details"]["errors"], json!([]));
    let warnings = &warned["errinfo"]["details"]["warnings"];
    assert!(
        warnings.as_array().unwrap().iter().all(|warning| warning["warning"] == "is_active"),
        "{warnings}"
    );
    let body = json!({ "dry_run": false, "manifests": entries, "ignore_warnings": warnings });
    let done = send(&server, "POST", DELETE, &alice, &body).expect(200).json();
    assert_eq!(done["metrics"]["manifest_deletes"], 2);
    server.get("/v2/alice/app/manifests/multi", &user("alice")).expect(200);
    for part in &parts[1..] {
        server.get(&format!("/v2/alice/app/manifests/{}", digest_of(part)), &user("alice")).expect(200);
    }
    assert_eq!(list("currently_tagged=false"), Vec::<Value>::new());
}
