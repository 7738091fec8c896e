use longshore_testkit::images::{artifact, digest_of, image, index};
use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{Server, user};

const TAGS: &str = "/v2/namespaces/alice/repositories/app/tags";

const CONFIG: &str = r#"{"os":"linux","architecture":"arm64","variant":"v8",
    "history":[{"created_by":"COPY layer /"},{"created_by":"CMD x","empty_layer":true}]}"#;

fn pushed() -> Server {
    let server = Server::new();
    server.push_blob(&user("alice"), "alice/app", CONFIG.as_bytes());
    server.push_blob(&user("alice"), "alice/app", b"layer");
    server.push_blob(&user("alice"), "alice/app", b"{}");
    let arm = image(CONFIG.as_bytes(), &[b"layer"]);
    server.push_manifest(&user("alice"), "alice/app", "arm", &arm).expect(201);
    server.push_manifest(&user("alice"), "alice/app", "multi", &index(&[&arm])).expect(201);
    let note = artifact(&arm, "application/vnd.cncf.helm.config.v1+json", "x");
    server.push_manifest(&user("alice"), "alice/app", "note", &note).expect(201);
    server
}

#[test]
fn a_tag_shows_what_clients_read() {
    let server = pushed();
    let alice = sign_in(&server, "alice");
    let tag = server.get(&format!("{TAGS}/multi"), &alice).expect(200).json();
    let arm = &tag["images"][0];
    assert_eq!(
        *arm,
        json!({ "architecture": "arm64", "features": "", "variant": "v8", "digest": arm["digest"], "os": "linux",
            "layers": [{ "digest": digest_of(b"layer").to_string(), "size": 5, "instruction": "COPY layer /" }],
            "os_features": "", "os_version": null, "size": arm["size"], "status": "active", "last_pulled": null,
            "last_pushed": arm["last_pushed"] })
    );
    assert_eq!((&tag["name"], &tag["full_size"], &tag["v2"]), (&json!("multi"), &arm["size"], &json!(true)));
    // hub-mcp takes a tag with another name of the status for wrong.
    assert_eq!((&tag["tag_status"], &tag["status"]), (&json!("active"), &Value::Null));
    let listed = server.get(TAGS, &alice).expect(200).json();
    assert!(listed["results"][0]["images"][0]["layers"].is_null());
    assert_eq!((&tag["last_updater_username"], &tag["content_type"]), (&json!("alice"), &json!("image")));
    assert_eq!(tag["media_type"], "application/vnd.oci.image.index.v1+json");
    for number in ["id", "creator", "last_updater", "repository"] {
        assert!(tag[number].as_u64().is_some_and(|number| number < 1 << 53), "{number}: {tag}");
    }
    for time in ["last_updated", "tag_last_pushed"] {
        assert!(tag[time].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(server.get(&format!("{TAGS}/note"), &alice).json()["content_type"], "helm");
    assert_eq!(
        server.get(&format!("{TAGS}/arm"), &alice).json()["id"],
        server.get(&format!("{TAGS}/arm/"), &alice).json()["id"]
    );
    let legacy = server.get("/v2/repositories/alice/app/tags/multi/", &alice).expect(200).json();
    assert_eq!(legacy["digest"], tag["digest"]);
}

#[test]
fn tags_are_listed_sorted_and_paged() {
    let server = pushed();
    let alice = sign_in(&server, "alice");
    let names = |path: &str| -> Vec<String> {
        let page = server.get(path, &alice).expect(200).json();
        assert_eq!(page["count"], 3);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(TAGS), ["note", "multi", "arm"]);
    assert_eq!(
        names("/v2/repositories/alice/app/tags/?page_size=100&ordering=-last_updated"),
        ["arm", "multi", "note"]
    );
    assert_eq!(names(&format!("{TAGS}?ordering=name&page_size=2")), ["arm", "multi"]);
    assert_eq!(names(&format!("{TAGS}?ordering=-name&page=2&page_size=2")), ["arm"]);
    server.get(&format!("{TAGS}?page=3&page_size=2"), &alice).expect(404);
    server.get(&format!("{TAGS}?ordering=size"), &alice).expect(400);
    assert_eq!(send(&server, "HEAD", TAGS, &alice, &Value::Null).expect(200).body, b"");
    server.admin(&["repo", "create", "alice/empty"]);
    assert_eq!(
        server.get("/v2/namespaces/alice/repositories/empty/tags", &alice).expect(200).json()["count"],
        0
    );
    send(&server, "HEAD", "/v2/namespaces/alice/repositories/empty/tags", &alice, &Value::Null).expect(404);
    send(&server, "HEAD", &format!("{TAGS}/arm"), &alice, &Value::Null).expect(200);
    for missing in ["none", "-bad", "%2e%2e", "a%00"] {
        send(&server, "HEAD", &format!("{TAGS}/{missing}"), &alice, &Value::Null).expect(404);
        server.get(&format!("{TAGS}/{missing}"), &alice).expect(404);
    }
}

#[test]
fn tags_of_public_repositories_are_for_everybody_and_others_are_not_there() {
    let server = pushed();
    let bob = sign_in(&server, "bob");
    for who in ["", &bob] {
        for path in [TAGS.to_owned(), format!("{TAGS}/arm"), TAGS.replace("app", "none")] {
            let hidden = server.get(&path, who).expect(404).json();
            assert!(hidden["detail"].is_string() && hidden["errinfo"].is_object(), "{hidden}");
        }
    }
    server.admin(&["repo", "set", "alice/app", "--visibility", "public"]);
    for who in ["", &bob] {
        server.get(TAGS, who).expect(200);
        server.get(&format!("{TAGS}/arm"), who).expect(200);
    }
}

#[test]
fn deleting_a_tag_keeps_its_image() {
    let server = pushed();
    let alice = sign_in(&server, "alice");
    send(&server, "DELETE", "/v2/repositories/alice/app/tags/note/", &alice, &Value::Null).expect(204);
    send(&server, "DELETE", "/v2/repositories/alice/app/tags/note/", &alice, &Value::Null).expect(404);
    let note =
        artifact(&image(CONFIG.as_bytes(), &[b"layer"]), "application/vnd.cncf.helm.config.v1+json", "x");
    server.get(&format!("/v2/alice/app/manifests/{}", digest_of(&note)), &user("alice")).expect(200);
}

/// A published clean-up script asks for tags by a part of their name and deletes what comes back.
#[test]
fn tags_are_narrowed_by_a_part_of_their_name_on_every_path() {
    let server = pushed();
    let alice = sign_in(&server, "alice");
    let arm = image(CONFIG.as_bytes(), &[b"layer"]);
    for tag in ["dev-PR-1", "dev-PR-2", "dev-pr-3", "latest", "0.7.0"] {
        server.push_manifest(&user("alice"), "alice/app", tag, &arm).expect(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let all = page["results"].as_array().unwrap();
        all.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    for path in [TAGS, "/v2/repositories/alice/app/tags"] {
        for slash in ["", "/"] {
            let page =
                server.get(&format!("{path}{slash}?name=dev-PR&page_size=1.0"), &alice).expect(200).json();
            assert_eq!((&page["count"], names(&page)), (&json!(2), vec!["dev-PR-2".to_owned()]));
            assert_eq!(page["previous"], Value::Null);
            let next = page["next"].as_str().unwrap();
            assert!(next.contains("name=dev-PR"), "{next}");
            let page = server.get(next, &alice).expect(200).json();
            assert_eq!((names(&page), &page["next"]), (vec!["dev-PR-1".to_owned()], &Value::Null));
            assert!(page["previous"].as_str().unwrap().contains("name=dev-PR"));
            assert_eq!(
                server.get(&format!("{path}{slash}?name=nothing"), &alice).expect(200).json()["count"],
                0
            );
            send(&server, "HEAD", &format!("{path}{slash}?name=dev-PR"), &alice, &Value::Null).expect(200);
        }
        server.get(&format!("{path}?name=%00"), &alice).expect(400);
        server.get(&format!("{path}?name=dev-PR&page=9"), &alice).expect(404);
    }
    send(&server, "HEAD", &format!("{TAGS}?name=nothing"), &alice, &Value::Null).expect(404);
    let page = server.get("/v2/repositories/alice/app/tags/?name=dev-PR", &alice).json();
    for tag in names(&page) {
        send(&server, "DELETE", &format!("{TAGS}/{tag}"), &alice, &Value::Null).expect(204);
        send(&server, "DELETE", &format!("{TAGS}/{tag}/"), &alice, &Value::Null).expect(404);
    }
    for kept in ["latest", "0.7.0", "dev-pr-3", "multi"] {
        server.get(&format!("{TAGS}/{kept}"), &alice).expect(200);
    }
}

/// hub-mcp narrows by `os` and `architecture`; a script for tags sends `status` and `currently_tagged`, as of images.
#[test]
fn tags_are_narrowed_by_what_clients_send() {
    let server = pushed();
    let alice = sign_in(&server, "alice");
    let count =
        |query: &str| server.get(&format!("{TAGS}?{query}"), &alice).expect(200).json()["count"].clone();
    for (query, expected) in [
        ("architecture=arm64&os=linux", 2),
        ("architecture=amd64", 0),
        ("os=windows", 0),
        ("status=active&currently_tagged=true", 3),
        ("status=inactive", 0),
        ("status=inactive&active_from=2099-01-01T00:00:00Z", 3),
        ("currently_tagged=False", 0),
        ("name=&page_size=10.0&page=1.0", 3),
    ] {
        assert_eq!(count(query), expected, "{query}");
    }
    for bad in ["status=x", "currently_tagged=x", "active_from=x", "page=1.5"] {
        server.get(&format!("{TAGS}?{bad}"), &alice).expect(400);
    }
}
