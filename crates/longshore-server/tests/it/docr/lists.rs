//! Repositories, tags and manifests, with pages.

use longshore_testkit::images::{image, index};
use serde_json::{Value, json};

use super::{push, pusher, shop};

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn repositories_are_listed_with_the_newest_of_what_they_have() {
    let (server, alice) = shop(&[]);
    push(&server, &pusher(), "shop/team/app", "v1");
    let digest = push(&server, &pusher(), "shop/team/app", "v2");
    server.push_blob(&pusher(), "shop/empty", b"{}");
    let old = server.get("/v2/registry/shop/repositories", &alice).expect(200).json();
    assert_eq!(names(&old["repositories"], "name"), ["empty", "team/app"]);
    let [empty, app] = [&old["repositories"][0], &old["repositories"][1]];
    assert_eq!((&app["tag_count"], &app["latest_tag"]["tag"]), (&json!(2), &json!("v2")));
    assert_eq!(app["latest_tag"]["manifest_digest"], digest.as_str());
    assert_eq!((&empty["tag_count"], &empty["latest_tag"]["tag"]), (&json!(0), &Value::Null));
    assert!(empty["latest_tag"].is_object(), "clients look into it");
    assert_eq!(old["meta"], json!({ "total": 2 }));
    assert_eq!(old["links"], json!({ "pages": {} }));
    for family in ["registry", "registries"] {
        let new = server.get(&format!("/v2/{family}/shop/repositoriesV2"), &alice).expect(200).json();
        let app = &new["repositories"][1];
        assert_eq!((&app["tag_count"], &app["manifest_count"]), (&json!(2), &json!(2)));
        let latest = &app["latest_manifest"];
        assert_eq!((&latest["digest"], &latest["tags"]), (&json!(digest), &json!(["v2"])));
        assert_eq!((&latest["repository"], &latest["registry_name"]), (&json!("team/app"), &json!("shop")));
        let blobs = latest["blobs"].as_array().unwrap();
        let sizes: u64 = blobs.iter().map(|blob| blob["compressed_size_bytes"].as_u64().unwrap()).sum();
        assert_eq!((blobs.len(), json!(sizes)), (2, latest["compressed_size_bytes"].clone()));
        assert_eq!(new["repositories"][0]["latest_manifest"], Value::Null);
    }
}

#[test]
fn pages_are_followed_by_number_and_by_token() {
    let (server, alice) = shop(&[]);
    for name in ["a", "b", "c", "d", "e"] {
        server.push_blob(&pusher(), &format!("shop/{name}"), b"{}");
    }
    for list in ["repositories", "repositoriesV2"] {
        let mut path = format!("/v2/registry/shop/{list}?per_page=2");
        let mut seen = Vec::new();
        for number in 1..=3 {
            let page = server.get(&path, &alice).expect(200).json();
            seen.extend(names(&page["repositories"], "name"));
            assert_eq!(page["meta"]["total"], 5);
            let pages = &page["links"]["pages"];
            let has = |name: &str| pages[name].is_string();
            assert_eq!(
                [has("first"), has("prev"), has("next"), has("last")],
                [number > 1, number > 1, number < 3, number < 3]
            );
            if let Some(next) = pages["next"].as_str() {
                assert!(
                    next.contains(&format!("page={}", number + 1)) && next.contains("per_page=2"),
                    "{next}"
                );
                assert_eq!(next.contains("page_token="), list == "repositoriesV2");
                assert!(pages["last"].as_str().unwrap().contains("page=3"));
                path = next.strip_prefix(&server.url).unwrap().to_owned();
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }
    // A token goes on after the repository that it names, also when others came before it meanwhile.
    let first = server.get("/v2/registry/shop/repositoriesV2?per_page=2", &alice).expect(200).json();
    server.push_blob(&pusher(), "shop/aa", b"{}");
    let next = first["links"]["pages"]["next"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    let next = server.get(next, &alice).expect(200).json();
    assert_eq!(names(&next["repositories"], "name"), ["c", "d"]);
    for bad in ["page=0", "page=x", "per_page=0", "per_page=-1", "page_token=x", "page_token=W10"] {
        let path = format!("/v2/registry/shop/repositoriesV2?{bad}");
        assert_eq!(server.get(&path, &alice).expect(400).json()["id"], "bad_request", "{bad}");
    }
    let large = server.get("/v2/registry/shop/repositoriesV2?per_page=100000", &alice).expect(200).json();
    assert_eq!(large["repositories"].as_array().unwrap().len(), 6);
    let behind = server.get("/v2/registry/shop/repositories?page=9", &alice).expect(200).json();
    assert_eq!(behind["repositories"], json!([]));
}

#[test]
fn tags_and_manifests_are_listed_and_deleted() {
    let (server, alice) = shop(&[]);
    let first = push(&server, &pusher(), "shop/team/app", "v1");
    let second = push(&server, &pusher(), "shop/team/app", "v2");
    let repository = "/v2/registry/shop/repositories/team%2Fapp";
    let tags = server.get(&format!("{repository}/tags"), &alice).expect(200).json();
    assert_eq!(names(&tags["tags"], "tag"), ["v2", "v1"]);
    assert_eq!(tags["tags"][0]["manifest_digest"], second.as_str());
    let digests = server.get(&format!("{repository}/digests"), &alice).expect(200).json();
    assert_eq!(names(&digests["manifests"], "digest"), [second.as_str(), first.as_str()]);
    // The paths of older documents, too.
    let headline = server.get("/v2/registry/shop/team%2Fapp/tags", &alice).expect(200).json();
    assert_eq!(headline["tags"], tags["tags"]);
    server.send("DELETE", &format!("{repository}/tags/v1"), &alice, &[], b"").expect(204);
    server.send("DELETE", &format!("{repository}/tags/v1"), &alice, &[], b"").expect(404);
    server.get("/v2/shop/team/app/manifests/v1", &pusher()).expect(404);
    // The manifest stays without its tag.
    server.get(&format!("/v2/shop/team/app/manifests/{first}"), &pusher()).expect(200);
    let escaped = second.replace(':', "%3A");
    server.send("DELETE", &format!("{repository}/digests/{escaped}"), &alice, &[], b"").expect(204);
    assert_eq!(server.get(&format!("{repository}/tags"), &alice).expect(200).json()["tags"], json!([]));
    server.send("DELETE", &format!("{repository}/digests/{second}"), &alice, &[], b"").expect(404);
    server.send("DELETE", &format!("{repository}/digests/nonsense"), &alice, &[], b"").expect(404);
    let whole = "/v2/registries/shop/repositories/team%2Fapp";
    server.send("DELETE", whole, &alice, &[], b"").expect(204);
    server.send("DELETE", whole, &alice, &[], b"").expect(404);
    server.get(&format!("{repository}/tags"), &alice).expect(404);
}

#[test]
fn a_repository_may_be_called_like_a_part_of_the_path() {
    let (server, alice) = shop(&[]);
    for name in ["repositories", "tags", "digests", "repositories/tags"] {
        push(&server, &pusher(), &format!("shop/{name}"), "v1");
        let path = format!("/v2/registry/shop/repositories/{}/tags", name.replace('/', "%2F"));
        assert_eq!(server.get(&path, &alice).expect(200).json()["tags"][0]["repository"], name);
    }
}

#[test]
fn the_size_of_an_index_is_that_of_its_images() {
    let (server, alice) = shop(&[]);
    server.push_blob(&pusher(), "shop/app", b"{}");
    server.push_blob(&pusher(), "shop/app", &[5; 5000]);
    let child = image(b"{}", &[&[5; 5000]]);
    let digest = longshore_testkit::images::digest_of(&child).to_string();
    server.push_manifest(&pusher(), "shop/app", &digest, &child).expect(201);
    server.push_manifest(&pusher(), "shop/app", "many", &index(&[&child])).expect(201);
    let tags = server.get("/v2/registry/shop/repositories/app/tags", &alice).expect(200).json();
    assert_eq!(tags["tags"][0]["compressed_size_bytes"], 5002);
    let held = format!("/v2/registry/shop/repositories/app/digests/{digest}");
    let held = server.send("DELETE", &held, &alice, &[], b"").expect(409).json();
    assert_eq!(held["id"], "conflict");
}
