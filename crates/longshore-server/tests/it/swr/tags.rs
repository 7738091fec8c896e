//! `listRepositoryTags` in all its forms, and the example of the document, field by field.

use longshore_domain::digest::{Algorithm, Digest};
use longshore_testkit::images::index;
use serde_json::{Value, json};

use super::{project_id, push, pusher, send, shop, token};
use crate::server::{Answer, Server};

const TAGS: &str = "/v2/manage/namespaces/shop/repos/busybox/tags";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn list(server: &Server, who: &str, query: &str) -> Answer {
    send(server, "GET", &format!("{TAGS}{query}"), who, &Value::Null)
}

fn names(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json.as_array().unwrap().iter().map(|tag| tag["Tag"].as_str().unwrap().to_owned()).collect()
}

/// An image with sizes as in the document's example.
fn example(server: &Server) -> (String, Digest, Digest) {
    let config = format!("{:<1862}", "{\"architecture\":\"amd64\"}").into_bytes();
    let layers = [vec![b'a'; 1_292_800], vec![b'b'; 10_240]];
    let mut described = Vec::new();
    for layer in &layers {
        let digest = server.push_blob(&pusher(), "shop/busybox", layer);
        described.push(json!({
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": layer.len(), "digest": digest.to_string(),
        }));
    }
    let config_digest = server.push_blob(&pusher(), "shop/busybox", &config);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": DOCKER,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json", "size": 1862, "digest": config_digest.to_string(),
        },
        "layers": described,
    })
    .to_string();
    server.push_manifest(&pusher(), "shop/busybox", "latest", &manifest).expect(201);
    let digest = Digest::of(Algorithm::Sha256, manifest.as_bytes());
    (manifest, digest, config_digest)
}

#[test]
fn the_example_of_the_document_is_reproduced_field_by_field() {
    let server = shop(&["--set", "swr.internal_address=10.125.0.198:20202"]);
    let alice = token(&server, "alice", "eu-de");
    let (manifest, digest, config) = example(&server);
    let answer =
        list(&server, &alice, "?offset=0&limit=10&order_column=updated_at&order_type=desc").expect(200);
    assert_eq!(answer.header("content-range"), "0-1/1");
    assert_eq!(answer.header("content-type"), "application/json");
    let listed = answer.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 1);
    let tag = listed[0].as_object().unwrap();
    assert!(tag["id"].is_u64() && tag["repo_id"].is_u64());
    assert_eq!(tag["Tag"], "latest");
    assert_eq!(tag["image_id"], config.to_string()["sha256:".len()..]);
    assert_eq!(tag["manifest"], manifest);
    assert_eq!(tag["digest"], digest.to_string());
    assert_eq!(tag["schema"], json!(2));
    assert_eq!(tag["path"], format!("{}/shop/busybox:latest", server.host()));
    assert_eq!(tag["internal_path"], "10.125.0.198:20202/shop/busybox:latest");
    assert_eq!(tag["size"], json!(1_304_902));
    assert_eq!(tag["is_trusted"], json!(false));
    for time in ["created", "updated"] {
        let text = tag[time].as_str().unwrap();
        // As in the example: to the second, UTC.
        assert_eq!((text.len(), text.ends_with('Z')), (20, true), "{text}");
        text.parse::<jiff::Timestamp>().unwrap();
    }
    assert_eq!(tag["deleted"], Value::Null);
    assert_eq!(tag["domain_id"], project_id(&server, "alice", "shop"));
    assert_eq!(tag["tag_type"], json!(0));
    // Of the present document only.
    assert_eq!(tag["scanned"], json!(false));
    assert_eq!(tag.len(), 17);
}

#[test]
fn an_index_is_shown_as_one() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let (manifest, _, _) = example(&server);
    let whole = index(&[&manifest]);
    server.push_manifest(&pusher(), "shop/busybox", "all", &whole).expect(201);
    let tag = list(&server, &alice, "?tag=all").expect(200).json()[0].clone();
    assert_eq!((&tag["tag_type"], &tag["image_id"], &tag["schema"]), (&json!(1), &json!(""), &json!(2)));
    assert_eq!((&tag["manifest"], &tag["size"]), (&json!(whole), &json!(1_304_902)));
}

#[test]
fn parameters_and_the_filter_select_and_sort() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    for tag in ["b", "c", "a", "d"] {
        push(&server, &pusher(), "shop/busybox", tag);
    }
    for (query, expected, range) in [
        ("", "d a c b", "0-4/4"),
        ("?offset=0&limit=2", "d a", "0-2/4"),
        ("?offset=2&limit=2", "c b", "2-2/4"),
        ("?offset=3&limit=2", "b", "3-1/4"),
        ("?offset=4&limit=1000", "", "4-0/4"),
        ("?order_column=updated_at&order_type=asc", "b c a d", "0-4/4"),
        ("?order_column=updated_time&order_type=desc", "d a c b", "0-4/4"),
        ("?order_column=tag&order_type=asc", "a b c d", "0-4/4"),
        ("?order_column=tag&order_type=desc&offset=1&limit=2", "c b", "1-2/4"),
        ("?tag=c", "c", "0-1/1"),
        ("?tag=other", "", "0-0/0"),
        ("?tag=no%20tag", "", "0-0/0"),
        ("?tag=c&offset=1&limit=1", "", "1-0/1"),
        ("?filter=offset::1|limit::2", "a c", "1-2/4"),
        (
            "?filter=offset%3A%3A1%7Climit%3A%3A2%7Corder_column%3A%3Atag%7Corder_type%3A%3Aasc",
            "b c",
            "1-2/4",
        ),
        ("?filter=offset::0|limit::10|order_column::updated_at|order_type::asc|tag::a", "a", "0-1/1"),
        // What is given plainly counts; an empty parameter is none.
        ("?filter=tag::a&tag=b", "b", "0-1/1"),
        ("?offset=&limit=&tag=&order_column=&order_type=&filter=", "d a c b", "0-4/4"),
    ] {
        let answer = list(&server, &alice, query).expect(200);
        assert_eq!(names(&answer).join(" "), expected, "{query}");
        assert_eq!(answer.header("content-range"), range, "{query}");
    }
}

#[test]
fn a_get_may_say_what_it_sends_in_any_spelling() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    push(&server, &pusher(), "shop/busybox", "v1");
    for content_type in
        ["application/json", "charset=utf-8 application/json", "application/json;charset=utf8", "x"]
    {
        server.send("GET", TAGS, &alice, &[("content-type", content_type)], b"").expect(200);
    }
    server.get(TAGS, &alice).expect(200);
    server.send("HEAD", TAGS, &alice, &[], b"").expect(200);
}

#[test]
fn what_is_wrong_has_its_code() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    push(&server, &pusher(), "shop/busybox", "v1");
    let refused = |path: &str, who: &str, status, code: &str| {
        let answer = send(&server, "GET", path, who, &Value::Null).expect(status).json();
        assert_eq!(answer[0]["errorCode"], format!("SVCSTG.SWR.{code}"), "{path}");
        assert!(answer[0]["errorMessage"].as_str().unwrap().len() > 10 && answer[0]["detail"].is_string());
    };
    for (query, code) in [
        ("?limit=10", "4001025"),
        ("?offset=10", "4001025"),
        ("?order_column=updated_at", "4001025"),
        ("?order_type=asc", "4001025"),
        ("?order_column=size&order_type=asc", "4001025"),
        ("?order_column=tag&order_type=up", "4001025"),
        ("?offset=-1&limit=10", "4001025"),
        ("?offset=+1&limit=10", "4001025"),
        ("?offset=x&limit=10", "4001025"),
        ("?offset=0&limit=0", "4000056"),
        ("?offset=0&limit=1001", "4000056"),
        ("?offset=0&limit=1.5", "4000056"),
        ("?filter=limit::10", "4001025"),
        ("?filter=nonsense", "4001035"),
        ("?filter=size::1", "4001035"),
        ("?filter=tag::a||tag::b", "4001035"),
        ("?filter=tag::a|tag::b", "4001035"),
    ] {
        refused(&format!("{TAGS}{query}"), &alice, 400, code);
    }
    refused(TAGS, "", 400, "4001048");
    refused(TAGS, "Token x", 401, "4010000");
    refused("/v2/manage/namespaces/shop/repos/other/tags", &alice, 404, "4040113");
    refused("/v2/manage/namespaces/other/repos/busybox/tags", &alice, 404, "4040113");
    refused("/v2/manage/namespaces/Shop/repos/busybox/tags", &alice, 400, "4001029");
    refused("/v2/manage/namespaces/shop/repos/a$$b/tags", &alice, 400, "4001029");
    refused("/v2/manage/nothing", &alice, 404, "4040083");
    refused("/v2/manage/namespaces/shop/repos/busybox/tags/other", &alice, 404, "4040115");
    refused("/v2/manage/namespaces/other", &alice, 404, "4040058");
    server.send("PUT", TAGS, &alice, &[], b"").expect(405);
    let bob = token(&server, "bob", "bob");
    refused(TAGS, &bob, 404, "4040113");
    let elsewhere = token(&server, "alice", "acme");
    refused(TAGS, &elsewhere, 401, "4011064");
}

#[test]
fn a_slash_in_a_name_is_written_in_three_ways() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    push(&server, &pusher(), "shop/team/app/web", "v1");
    for name in ["team$app$web", "team%24app%24web", "team%2Fapp%2Fweb", "team$app%2Fweb"] {
        let path = format!("/v2/manage/namespaces/shop/repos/{name}");
        let shown = send(&server, "GET", &path, &alice, &Value::Null).expect(200).json();
        assert_eq!(shown["name"], "team/app/web", "{name}");
        send(&server, "GET", &format!("{path}/tags"), &alice, &Value::Null).expect(200);
    }
}

#[test]
fn a_list_of_large_manifests_is_streamed() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let config = server.push_blob(&pusher(), "shop/busybox", b"{}");
    for number in 0..40 {
        let filling = format!("{number} {}", "a".repeat(500_000));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": config.to_string() },
            "layers": [],
            "annotations": { "filling": filling },
        });
        let tag = format!("t{number}");
        server.push_manifest(&pusher(), "shop/busybox", &tag, &manifest.to_string()).expect(201);
    }
    let answer = list(&server, &alice, "").expect(200);
    assert!(answer.header("content-length").is_empty(), "its length is not known before");
    assert_eq!((answer.body.len() > 20_000_000, names(&answer).len()), (true, 40));
}

#[test]
fn newer_lists_are_paged_by_markers() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    for tag in ["a", "b", "c", "d", "e"] {
        push(&server, &pusher(), "shop/busybox", tag);
    }
    let path = "/v3/manage/namespaces/shop/repos/busybox/tags?limit=2&order_column=tag&order_type=asc&with_manifest=true";
    let (mut marker, mut seen) = (String::new(), Vec::new());
    loop {
        let page =
            send(&server, "GET", &format!("{path}&marker={marker}"), &alice, &Value::Null).expect(200).json();
        for tag in page["tags"].as_array().unwrap() {
            assert!(tag["manifest"].as_str().unwrap().contains("schemaVersion"));
            seen.push(tag["tag"].as_str().unwrap().to_owned());
        }
        marker = page["nextMarker"].as_str().unwrap().to_owned();
        assert_eq!(page["has_more"], json!(!marker.is_empty()));
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    for bad in ["?limit=0", "?limit=1001", "?marker=-1", "?marker=x", "?with_manifest=yes"] {
        let path = format!("/v3/manage/namespaces/shop/repos/busybox/tags{bad}");
        let refused = send(&server, "GET", &path, &alice, &Value::Null).expect(400).json();
        assert!(refused[0]["errorCode"].is_string(), "{bad}");
    }
}

#[test]
fn a_tag_is_copied_and_moved_only_when_that_is_asked_for() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    push(&server, &pusher(), "shop/busybox", "v1");
    push(&server, &pusher(), "shop/busybox", "v2");
    let copy = |from: &str, to: &str, may_move: bool| {
        let body = json!({ "source_tag": from, "destination_tag": to, "override": may_move });
        send(&server, "POST", TAGS, &alice, &body).status
    };
    let digest = |tag: &str| list(&server, &alice, &format!("?tag={tag}")).json()[0]["digest"].clone();
    assert_eq!(copy("v1", "stable", false), 201);
    assert_eq!(digest("stable"), digest("v1"));
    assert_eq!(copy("v2", "stable", false), 409);
    assert_eq!(digest("stable"), digest("v1"));
    assert_eq!(copy("v2", "stable", true), 201);
    assert_eq!(digest("stable"), digest("v2"));
    assert_eq!(
        (copy("other", "stable", true), copy("v1", "no tag", true), copy("no tag", "x", true)),
        (404, 400, 400)
    );
}
