//! The distribution specification over a real socket; each test names the numbers that it covers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use longshore_domain::digest::{Algorithm, Digest};
use longshore_testkit::images::{artifact, digest_of, image, index};

use crate::server::{Server, user};

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64"}"#;

#[test]
fn end_1_the_ping_challenges_until_signed_in() {
    let server = Server::new();
    let refused = server.get("/v2/", "").expect(401);
    assert_eq!(
        refused.header("www-authenticate"),
        format!("Bearer realm=\"{}/token\",service=\"longshore\"", server.url)
    );
    assert_eq!(refused.header("docker-distribution-api-version"), "registry/2.0");
    server.get("/v2/", &user("alice")).expect(200);
    server.get("/v2/", &server.token(&user("alice"), &[])).expect(200);
    server.get("/v2", &user("alice")).expect(200);
    server.get("/v2/", "alice:wrong password").expect(401);
    server.get("/v2/", "Bearer nonsense").expect(401);
}

#[test]
fn end_2_blobs_are_served_whole_in_ranges_and_conditionally() {
    let server = Server::new();
    let alice = user("alice");
    let content: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let digest = server.push_blob(&alice, "alice/app", &content);
    let path = format!("/v2/alice/app/blobs/{digest}");
    let whole = server.get(&path, &alice).expect(200);
    assert!(whole.body == content);
    assert_eq!(whole.header("docker-content-digest"), digest.to_string());
    assert_eq!(whole.header("etag"), format!("\"{digest}\""));
    assert_eq!(whole.header("content-length"), "1000000");
    let head = server.send("HEAD", &path, &alice, &[], b"").expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("1000000", 0));
    let part = server.send("GET", &path, &alice, &[("range", "bytes=300000-699999")], b"").expect(206);
    assert!(part.body == content[300_000..700_000]);
    assert_eq!(part.header("content-range"), "bytes 300000-699999/1000000");
    assert_eq!(
        server.send("GET", &path, &alice, &[("range", "bytes=-5")], b"").expect(206).body,
        &content[999_995..]
    );
    let beyond = server.send("GET", &path, &alice, &[("range", "bytes=1000000-")], b"").expect(416);
    assert_eq!(beyond.header("content-range"), "bytes */1000000");
    server.send("GET", &path, &alice, &[("if-none-match", &format!("\"{digest}\""))], b"").expect(304);
    let changed = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
    assert_eq!(server.send("GET", &path, &alice, &changed, b"").expect(200).body.len(), 1_000_000);
    // Several clients fetch ranges in parallel.
    std::thread::scope(|scope| {
        for number in 0..8_usize {
            let (server, path, alice, content) = (&server, &path, &alice, &content);
            scope.spawn(move || {
                let (first, last) = (number * 125_000, number * 125_000 + 124_999);
                let range = format!("bytes={first}-{last}");
                let part = server.send("GET", path, alice, &[("range", &range)], b"").expect(206);
                assert!(part.body == content[first..=last]);
            });
        }
    });
    let unknown = server.get(&format!("/v2/alice/app/blobs/{}", digest_of("unknown")), &alice).expect(404);
    assert_eq!(unknown.code(), "BLOB_UNKNOWN");
    assert_eq!(server.get("/v2/alice/app/blobs/sha256:abc", &alice).expect(400).code(), "DIGEST_INVALID");
}

#[test]
fn end_3_and_7_manifests_are_served_byte_for_byte() {
    let server = Server::new();
    let alice = user("alice");
    server.push_blob(&alice, "alice/app", CONFIG);
    server.push_blob(&alice, "alice/app", b"layer");
    let manifest = image(CONFIG, &[b"layer"]).replace(',', ",\n  ");
    let digest = digest_of(&manifest);
    let put = server.push_manifest(&alice, "alice/app", "v1", &manifest).expect(201);
    assert_eq!(put.header("location"), format!("/v2/alice/app/manifests/{digest}"));
    assert_eq!(put.header("docker-content-digest"), digest.to_string());
    for reference in ["v1".to_owned(), digest.to_string(), digest.to_string().replace(':', "%3A")] {
        let path = format!("/v2/alice/app/manifests/{reference}");
        let got = server.get(&path, &alice).expect(200);
        assert_eq!(got.body, manifest.as_bytes());
        assert_eq!(got.header("content-type"), "application/vnd.oci.image.manifest.v1+json");
        let head = server.send("HEAD", &path, &alice, &[], b"").expect(200);
        assert_eq!(head.header("content-length"), manifest.len().to_string());
        server.send("GET", &path, &alice, &[("if-none-match", got.header("etag"))], b"").expect(304);
    }
    // end-7b
    let by_digest = format!("{digest}?tag=1.2&tag=1");
    let tagged = server.push_manifest(&alice, "alice/app", &by_digest, &manifest).expect(201);
    let tags: Vec<_> =
        tagged.headers.get_all("oci-tag").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(tags, ["1.2", "1"]);
    // Refusals.
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        server.push_manifest(&alice, "alice/app", &other, &manifest).expect(400).code(),
        "DIGEST_INVALID"
    );
    let bad = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    for body in [&b"{"[..], b"[]", b"\xff\xfe", b""] {
        let refused = server.send("PUT", "/v2/alice/app/manifests/bad", &alice, &bad, body).expect(400);
        assert_eq!(refused.code(), "MANIFEST_INVALID");
    }
    let missing = server.push_manifest(&alice, "alice/app", "v2", &image(CONFIG, &[b"nowhere"])).expect(400);
    assert_eq!(
        (missing.code().as_str(), missing.json()["errors"][0]["detail"]["digest"].as_str()),
        ("MANIFEST_BLOB_UNKNOWN", Some(digest_of("nowhere").to_string().as_str()))
    );
    assert_eq!(server.get("/v2/alice/app/manifests/bad", &alice).expect(404).code(), "MANIFEST_UNKNOWN");
    assert_eq!(server.get("/v2/alice/app/manifests/.invalid", &alice).expect(404).code(), "MANIFEST_UNKNOWN");
    assert_eq!(server.get("/v2/alice/none/manifests/v1", &alice).expect(404).code(), "NAME_UNKNOWN");
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20));
    server.send("PUT", "/v2/alice/app/manifests/large", &alice, &bad, large.as_bytes()).expect(413);
}

#[test]
fn end_4_5_6_13_14_uploads_in_every_form() {
    let server = Server::new();
    let alice = user("alice");
    let begin = |query: &str| {
        server
            .send("POST", &format!("/v2/alice/app/blobs/uploads/{query}"), &alice, &[], b"")
            .expect(202)
            .header("location")
            .to_owned()
    };
    let digest = digest_of("hello world");
    // POST then PUT.
    let at = begin("");
    let done = server.send("PUT", &format!("{at}?digest={digest}"), &alice, &[], b"hello world").expect(201);
    assert_eq!(done.header("location"), format!("/v2/alice/app/blobs/{digest}"));
    assert_eq!(server.get(done.header("location"), &alice).expect(200).body, b"hello world");
    // Chunks, one out of order, the last one in the PUT.
    let at = begin("");
    let first = server.send("PATCH", &at, &alice, &[("content-range", "0-4")], b"hello").expect(202);
    assert_eq!(first.header("range"), "0-4");
    let gap = server.send("PATCH", &at, &alice, &[("content-range", "6-10")], b"world").expect(416);
    assert_eq!(gap.header("range"), "0-4");
    let status = server.get(&at, &alice).expect(204);
    assert_eq!((status.header("range"), status.header("location")), ("0-4", at.as_str()));
    server.send("PATCH", &at, &alice, &[("content-range", "5-99")], b" world").expect(400);
    server.send("PATCH", &at, &alice, &[("content-range", "nonsense")], b"x").expect(400);
    server
        .send("PUT", &format!("{at}?digest={digest}"), &alice, &[("content-range", "5-10")], b" world")
        .expect(201);
    // Streamed: no range.
    let at = begin("");
    server.send("PATCH", &at, &alice, &[], b"hello").expect(202);
    server.send("PATCH", &at, &alice, &[], b" world").expect(202);
    server.send("PUT", &format!("{at}?digest={digest}"), &alice, &[], b"").expect(201);
    assert_eq!(server.get(&at, &alice).expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
    // sha512, end-4c.
    let long = Digest::of(Algorithm::Sha512, b"hello world");
    let at = begin("?digest-algorithm=sha512");
    server.send("PATCH", &at, &alice, &[], b"hello world").expect(202);
    server.send("PUT", &format!("{at}?digest={long}"), &alice, &[], b"").expect(201);
    server.send("POST", "/v2/alice/app/blobs/uploads/?digest-algorithm=md5", &alice, &[], b"").expect(400);
    // A wrong digest ends the upload and leaves nothing.
    let at = begin("");
    let wrong =
        server.send("PUT", &format!("{at}?digest={}", digest_of("else")), &alice, &[], b"hello").expect(400);
    assert_eq!(wrong.code(), "DIGEST_INVALID");
    server.get(&at, &alice).expect(404);
    server.send("PUT", &begin(""), &alice, &[], b"x").expect(400);
    // Cancel.
    let at = begin("");
    server.send("DELETE", &at, &alice, &[], b"").expect(204);
    server.send("DELETE", &at, &alice, &[], b"").expect(404);
    // Another user, another repository, no upload at all.
    let at = begin("");
    server.send("PATCH", &at, &user("bob"), &[], b"x").expect(403);
    server.send("PATCH", &at.replace("alice/app", "alice/other"), &alice, &[], b"x").expect(404);
    server.send("PATCH", "/v2/alice/app/blobs/uploads/nonsense", &alice, &[], b"x").expect(404);
}

#[test]
fn end_5_an_upload_goes_on_after_a_cut_connection_and_a_kill() {
    let mut server = Server::new();
    let alice = user("alice");
    let content = vec![42_u8; 3_000_000];
    let digest = digest_of(&content);
    let at = server
        .send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"")
        .expect(202)
        .header("location")
        .to_owned();
    let token = server.token(&alice, &["repository:alice/app:pull,push"]);
    let mut connection = TcpStream::connect(server.host()).unwrap();
    let head = format!(
        "PATCH {at} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&content[..1_000_000]).unwrap();
    drop(connection);
    let range = || server.get(&at, &alice).expect(204).header("range").to_owned();
    server.wait_for("the bytes that arrived are kept", || range() == "0-999999");
    server.kill();
    server.start_again();
    assert_eq!(server.get(&at, &alice).expect(204).header("range"), "0-999999");
    server
        .send("PATCH", &at, &alice, &[("content-range", "1000000-2999999")], &content[1_000_000..])
        .expect(202);
    server.send("PUT", &format!("{at}?digest={digest}"), &alice, &[], b"").expect(201);
    assert!(server.get(&format!("/v2/alice/app/blobs/{digest}"), &alice).expect(200).body == content);
}

#[test]
fn end_8_tags_are_listed_in_order_and_pages() {
    let server = Server::new();
    let alice = user("alice");
    server.push_blob(&alice, "alice/app", CONFIG);
    for tag in ["b", "a", "C", "_", "10", "9"] {
        server.push_manifest(&alice, "alice/app", tag, &image(CONFIG, &[])).expect(201);
    }
    let list = |query: &str| server.get(&format!("/v2/alice/app/tags/list{query}"), &alice).expect(200);
    let all = list("").json();
    assert_eq!(all, serde_json::json!({ "name": "alice/app", "tags": ["10", "9", "C", "_", "a", "b"] }));
    let mut next = "/v2/alice/app/tags/list?n=4".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&next, &alice).expect(200);
        seen.extend(page.json()["tags"].as_array().unwrap().clone());
        match page.header("link").strip_prefix('<') {
            Some(link) => next = link.split('>').next().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(serde_json::Value::Array(seen), all["tags"]);
    assert_eq!(list("?n=0").json()["tags"], serde_json::json!([]));
    assert_eq!(list("?last=a").json()["tags"], serde_json::json!(["b"]));
    assert_eq!(list("?n=1000000000000000000000").json()["tags"], all["tags"]);
    for query in ["?n=-1", "?n=abc", "?n=", &format!("?last={}", "x".repeat(1000))] {
        server.get(&format!("/v2/alice/app/tags/list{query}"), &alice).expect(400);
    }
    assert_eq!(server.get("/v2/alice/none/tags/list", &alice).expect(404).code(), "NAME_UNKNOWN");
}

#[test]
fn end_9_and_10_deletion() {
    let server = Server::new();
    let alice = user("alice");
    let config = server.push_blob(&alice, "alice/app", CONFIG);
    let manifest = image(CONFIG, &[]);
    let parent = index(&[&manifest]);
    server.push_manifest(&alice, "alice/app", "v1", &manifest).expect(201);
    server.push_manifest(&alice, "alice/app", "index", &parent).expect(201);
    let delete = |path: &str| server.send("DELETE", path, &alice, &[], b"");
    let by_digest = format!("/v2/alice/app/manifests/{}", digest_of(&manifest));
    assert_eq!(delete(&by_digest).expect(405).code(), "UNSUPPORTED");
    assert_eq!(delete(&format!("/v2/alice/app/blobs/{config}")).expect(405).code(), "UNSUPPORTED");
    delete("/v2/alice/app/manifests/v1").expect(202);
    delete("/v2/alice/app/manifests/v1").expect(404);
    server.get(&by_digest, &alice).expect(200);
    delete(&format!("/v2/alice/app/manifests/{}", digest_of(&parent))).expect(202);
    server.get("/v2/alice/app/manifests/index", &alice).expect(404);
    delete(&by_digest).expect(202);
    server.get(&by_digest, &alice).expect(404);
    delete(&format!("/v2/alice/app/blobs/{config}")).expect(202);
    delete(&format!("/v2/alice/app/blobs/{config}")).expect(404);
    assert_eq!(delete("/v2/alice/none/manifests/v1").expect(404).code(), "NAME_UNKNOWN");
}

#[test]
fn end_11_mounts() {
    let server = Server::new();
    let alice = user("alice");
    let digest = server.push_blob(&alice, "alice/app", b"layer");
    let mount = |who: &str, target: &str, query: &str| {
        server.send("POST", &format!("/v2/{target}/blobs/uploads/?mount={digest}{query}"), who, &[], b"")
    };
    let mounted = mount(&alice, "acme/app", "&from=alice/app").expect(201);
    assert_eq!(mounted.header("location"), format!("/v2/acme/app/blobs/{digest}"));
    mount(&alice, "alice/third", "").expect(201);
    // Somebody who may not read the source begins an upload instead, and learns nothing.
    for query in ["&from=alice/app", "", "&from=alice/none", "&from=NOT/a%20name"] {
        let answer = mount(&user("bob"), "bob/app", query).expect(202);
        assert!(answer.header("location").starts_with("/v2/bob/app/blobs/uploads/"));
    }
    // A token that does not cover the source is told what it lacks.
    let narrow = server.token(&alice, &["repository:alice/fourth:pull,push"]);
    let refused = mount(&narrow, "alice/fourth", "&from=acme/app").expect(401);
    assert!(refused.header("www-authenticate").contains(
        "scope=\"repository:alice/fourth:pull,push repository:acme/app:pull\",error=\"insufficient_scope\""
    ));
    let wide = server.token(&alice, &["repository:alice/fourth:pull,push%20repository:acme/app:pull"]);
    mount(&wide, "alice/fourth", "&from=acme/app").expect(201);
    server
        .send("POST", "/v2/alice/app/blobs/uploads/?mount=nonsense&from=alice/app", &alice, &[], b"")
        .expect(400);
}

#[test]
fn end_12_referrers() {
    let server = Server::new();
    let alice = user("alice");
    for blob in [CONFIG, b"{}"] {
        server.push_blob(&alice, "alice/app", blob);
    }
    let subject = image(CONFIG, &[]);
    let path = format!("/v2/alice/app/referrers/{}", digest_of(&subject));
    assert_eq!(server.get(&path, &alice).expect(200).json()["manifests"], serde_json::json!([]));
    for number in 0..120 {
        let kind = if number == 7 { "application/special" } else { "application/sbom" };
        let content = artifact(&subject, kind, &number.to_string());
        let put =
            server.push_manifest(&alice, "alice/app", &digest_of(&content).to_string(), &content).expect(201);
        assert_eq!(put.header("oci-subject"), digest_of(&subject).to_string());
    }
    let first = server.get(&path, &alice).expect(200);
    assert_eq!(first.header("content-type"), "application/vnd.oci.image.index.v1+json");
    assert_eq!(first.json()["manifests"].as_array().unwrap().len(), 100);
    let link = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let rest = server.get(&link, &alice).expect(200).json();
    assert_eq!(rest["manifests"].as_array().unwrap().len(), 20);
    assert_eq!(rest["manifests"][19]["annotations"]["note"], "119");
    let filtered = server.get(&format!("{path}?artifactType=application/special"), &alice).expect(200);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    assert_eq!(filtered.json()["manifests"][0]["artifactType"], "application/special");
    assert_eq!(filtered.json()["manifests"].as_array().unwrap().len(), 1);
    server.get("/v2/alice/app/referrers/nonsense", &alice).expect(400);
    server.get(&format!("{path}?last=nonsense"), &alice).expect(400);
}

#[test]
fn the_catalog_shows_what_the_caller_may_see() {
    let server = Server::new();
    for (who, repository) in
        [("alice", "alice/a"), ("alice", "acme/b"), ("alice", "acme/open"), ("bob", "bob/c")]
    {
        server.push_blob(&user(who), repository, b"x");
    }
    server.admin(&["repo", "set", "acme/open", "--visibility", "public"]);
    let names = |who: &str, query: &str| {
        server.get(&format!("/v2/_catalog{query}"), who).expect(200).json()["repositories"].clone()
    };
    assert_eq!(names(&user("alice"), ""), serde_json::json!(["acme/b", "acme/open", "alice/a"]));
    assert_eq!(names(&user("bob"), ""), serde_json::json!(["acme/open", "bob/c"]));
    assert_eq!(names(&server.token("", &["registry:catalog:*"]), ""), serde_json::json!(["acme/open"]));
    let page = server.get("/v2/_catalog?n=2", &user("alice")).expect(200);
    assert_eq!(page.header("link"), "</v2/_catalog?n=2&last=acme%2Fopen>; rel=\"next\"");
    let refused = server.get("/v2/_catalog", "").expect(401);
    assert!(refused.header("www-authenticate").contains("scope=\"registry:catalog:*\""));
    server.get("/v2/_catalog", &server.token(&user("alice"), &[])).expect(401);
}

#[test]
fn end_7_docker_manifests_artifacts_and_foreign_layers() {
    let server = Server::new();
    let alice = user("alice");
    for blob in [CONFIG, b"{}", b"layer"] {
        server.push_blob(&alice, "alice/app", blob);
    }
    let docker = |text: String| {
        text.replace("vnd.oci.image.manifest.v1+json", "vnd.docker.distribution.manifest.v2+json")
            .replace("vnd.oci.image.index.v1+json", "vnd.docker.distribution.manifest.list.v2+json")
            .replace("vnd.oci.image.config.v1+json", "vnd.docker.container.image.v1+json")
            .replace("vnd.oci.image.layer.v1.tar", "vnd.docker.image.rootfs.diff.tar")
    };
    let schema2 = docker(image(CONFIG, &[b"layer"]));
    let list = docker(index(&[&schema2]));
    server.push_manifest(&alice, "alice/app", "schema2", &schema2).expect(201);
    server.push_manifest(&alice, "alice/app", "list", &list).expect(201);
    let got = server.get("/v2/alice/app/manifests/list", &alice).expect(200);
    assert_eq!(got.header("content-type"), "application/vnd.docker.distribution.manifest.list.v2+json");
    assert_eq!(got.body, list.as_bytes());
    let foreign =
        docker(image(CONFIG, &[b"elsewhere"])).replace("rootfs.diff.tar", "rootfs.foreign.diff.tar");
    server.push_manifest(&alice, "alice/app", "foreign", &foreign).expect(201);
    let custom = r#"{"mediaType":"application/vnd.example.thing.v1+json","anything":[1,2,3]}"#;
    server.push_manifest(&alice, "alice/app", "custom", custom).expect(201);
    assert_eq!(server.get("/v2/alice/app/manifests/custom", &alice).expect(200).body, custom.as_bytes());
    let withdrawn =
        r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b","blobs":[]}"#;
    let warned = server.push_manifest(&alice, "alice/app", "withdrawn", withdrawn).expect(201);
    assert!(warned.header("warning").starts_with("299 - \"the artifact manifest"));
    let schema1 = r#"{"mediaType":"application/vnd.docker.distribution.manifest.v1+json","schemaVersion":1,"fsLayers":[]}"#;
    assert_eq!(
        server.push_manifest(&alice, "alice/app", "old", schema1).expect(400).code(),
        "MANIFEST_INVALID"
    );
}

#[test]
fn the_operators_notice_reaches_every_client_as_a_warning() {
    let server = Server::bare(&["--set", "notice=maintenance on \"Sunday\""]);
    let answer = server.get("/v2/", "").expect(401);
    assert_eq!(answer.header("warning"), "299 - \"maintenance on \\\"Sunday\\\"\"");
}

#[test]
fn if_match_protects_a_tag_against_lost_updates() {
    let server = Server::new();
    let alice = user("alice");
    for blob in [CONFIG, b"layer"] {
        server.push_blob(&alice, "alice/app", blob);
    }
    let (first, second) = (image(CONFIG, &[]), image(CONFIG, &[b"layer"]));
    let put = |content: &str, name: &str, value: &str| {
        let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json"), (name, value)];
        server.send("PUT", "/v2/alice/app/manifests/v1", &alice, &headers, content.as_bytes())
    };
    put(&first, "if-match", "*").expect(412);
    put(&first, "if-none-match", "*").expect(201);
    put(&second, "if-none-match", "*").expect(412);
    let tag = server.get("/v2/alice/app/manifests/v1", &alice).expect(200).header("etag").to_owned();
    put(&second, "if-match", &tag).expect(201);
    put(&second, "if-match", &tag).expect(412);
}

#[test]
fn the_token_service_speaks_both_forms() {
    let server = Server::new();
    let alice = user("alice");
    let answer = server.get("/token?service=longshore&scope=repository:alice/app:pull,push&offline_token=true&account=alice&client_id=docker", &alice).expect(200);
    let json = answer.json();
    assert_eq!(json["token"], json["access_token"]);
    assert_eq!(json["expires_in"], 300);
    assert!(
        json["issued_at"].as_str().unwrap().ends_with('Z') && answer.header("cache-control") == "no-store"
    );
    let refresh = json["refresh_token"].as_str().unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let post = |body: &str| server.send("POST", "/token", "", &form, body.as_bytes());
    let json = post(&format!("grant_type=refresh_token&service=longshore&client_id=x&refresh_token={refresh}&scope=repository:alice/app:pull&scope=repository:acme/app:pull")).expect(200).json();
    assert_eq!(
        (json["scope"].as_str(), json["refresh_token"].as_str()),
        (Some("repository:alice/app:pull repository:acme/app:pull"), Some(refresh))
    );
    let json = post("grant_type=password&service=longshore&client_id=containerd-client&username=alice&password=correct+horse+battery&scope=repository:alice/app:pull,push").expect(200).json();
    server.push_blob(&format!("Bearer {}", json["access_token"].as_str().unwrap()), "alice/app", b"x");
    assert_eq!(
        post("grant_type=password&service=longshore&username=alice&password=wrong").expect(401).json()["error"],
        "invalid_grant"
    );
    assert_eq!(post("grant_type=magic").expect(400).json()["error"], "unsupported_grant_type");
    post("grant_type=password&username=alice").expect(400);
    post(&format!("grant_type=password&x={}", "x".repeat(100_000))).expect(400);
    server.get("/token?service=elsewhere", &alice).expect(400);
    server.get("/token?scope=nonsense", &alice).expect(400);
    server.get("/token", "alice:wrong").expect(401);
    server.send("DELETE", "/token", &alice, &[], b"").expect(405);
    let anonymous = server.get("/token?scope=repository:alice/app:pull", "").expect(200).json();
    assert_eq!(anonymous["scope"], "");
}

#[test]
fn abuse_01_hostile_bodies_end_in_clear_refusals() {
    let server = Server::with(&["--set", "limits.body_idle_seconds=1"]);
    let alice = user("alice");
    let token = server.token(&alice, &["repository:alice/app:pull,push"]);
    let raw = |request: String| {
        let mut connection = TcpStream::connect(server.host()).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    let head = format!(
        "PUT /v2/alice/app/manifests/x HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-type: application/json\r\n"
    );
    assert_eq!(raw(format!("{head}content-length: 99999999\r\n\r\n{{")), "413");
    assert_eq!(raw(format!("{head}content-length: 100\r\n\r\n{{")), "408", "it stalls");
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    assert_eq!(raw(format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunk.repeat(5))), "413");
    assert_eq!(raw("GET /v2/ HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n".into()), "400");
    assert_eq!(raw("GET /v2/ HTTP/1.1\r\nhost: evil\"x\r\n\r\n".into()).len(), 3);
    server.get("/v2/", &alice).expect(200);
}
