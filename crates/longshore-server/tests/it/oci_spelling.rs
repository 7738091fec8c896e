//! The OCI dialect and the token service, asked as unchanged clients ask: each test has the request that a client makes.

use longshore_testkit::images::{artifact, descriptor, digest_of, image, index};

use crate::server::{Answer, Server, user};

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64"}"#;

/// Splits a body at its boundary into the header and content of each part.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.header("content-range"), "");
    let find = |body: &[u8], text: &[u8]| body.windows(text.len()).position(|window| window == text).unwrap();
    let mut body = answer.body.strip_prefix(format!("--{boundary}\r\n").as_bytes()).unwrap();
    let mut parts = Vec::new();
    loop {
        let head = find(body, b"\r\n\r\n");
        let end = find(body, format!("\r\n--{boundary}").as_bytes());
        let header = String::from_utf8(body[..head].to_vec()).unwrap();
        parts.push((header, body[head + 4..end].to_vec()));
        body = &body[end + 4 + boundary.len()..];
        match body {
            b"--\r\n" => return parts,
            _ => body = body.strip_prefix(b"\r\n").unwrap(),
        }
    }
}

/// podman and CRI-O ask for the table of contents and the tar-split of a zstd:chunked layer at once, and count the parts
/// (project-zot/zot#3623, containers/image#2792).
#[test]
fn several_ranges_of_a_blob_come_as_parts_in_the_order_asked_for() {
    let server = Server::new();
    let alice = user("alice");
    let content: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let path = format!("/v2/alice/app/blobs/{}", server.push_blob(&alice, "alice/app", &content));
    let token = server.token(&alice, &["repository:alice/app:pull"]);
    let get = |range: &str, more: &[(&str, &str)]| {
        let headers: Vec<_> =
            [("range", range), ("accept-encoding", "identity")].iter().chain(more).copied().collect();
        // Not followed: no client repeats several ranges at an object store and gets what it wants.
        server.send_once("GET", &path, &token, &headers, b"").unwrap()
    };
    let answer = get("bytes=999000-999935,500000-799999,0-9", &[]).expect(206);
    let got = parts(&answer);
    for ((header, bytes), (first, last)) in got.iter().zip([(999_000, 999_935), (500_000, 799_999), (0, 9)]) {
        assert_eq!(
            *header,
            format!("Content-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/1000000")
        );
        assert!(*bytes == content[first..=last]);
    }
    assert_eq!(got.len(), 3);
    assert_eq!(answer.header("accept-ranges"), "bytes");
    // Only one that there is.
    let one = get("bytes=0-9,1000000-", &[]).expect(206);
    assert_eq!((one.header("content-range"), one.body.as_slice()), ("bytes 0-9/1000000", &content[..10]));
    // None, too many, overlapping, not understood.
    assert_eq!(get("bytes=1000000-,2000000-", &[]).expect(416).header("content-range"), "bytes */1000000");
    let many = format!("bytes={}0-", "0-,".repeat(1000));
    for whole in [many.as_str(), "bytes=0-9,5-14", "bytes=0-9,x-"] {
        assert!(get(whole, &[]).expect(200).body == content, "{whole}");
    }
    // If-Range.
    let tag = answer.header("etag");
    assert_eq!(parts(&get("bytes=0-0,2-2", &[("if-range", tag)]).expect(206)).len(), 2);
    assert!(get("bytes=0-0,2-2", &[("if-range", "\"other\"")]).expect(200).body == content);
    // HEAD knows no ranges.
    let head = server.send("HEAD", &path, &token, &[("range", "bytes=0-0,2-2")], b"").expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("1000000", 0));
    // Who may not see the blob sees no ranges.
    server.send_once("GET", &path, &user("bob"), &[("range", "bytes=0-0,2-2")], b"").unwrap().expect(404);
}

/// stargz-snapshotter, soci-snapshotter and podman find the table of contents by a footer, and then ask range by range.
#[test]
fn lazy_pullers_get_single_ranges_and_footers() {
    let server = Server::new();
    let alice = user("alice");
    let content: Vec<u8> = (0..100_000_u32).map(|i| (i % 241) as u8).collect();
    let path = format!("/v2/alice/app/blobs/{}", server.push_blob(&alice, "alice/app", &content));
    for (range, first, last) in [
        ("bytes=0-1", 0, 1),
        ("bytes=-51", 99_949, 99_999),
        ("bytes=-64", 99_936, 99_999),
        ("bytes=-22", 99_978, 99_999),
        ("bytes=99949-99999", 99_949, 99_999),
        ("bytes=4096-8191", 4096, 8191),
    ] {
        let part = server.send("GET", &path, &alice, &[("range", range)], b"").expect(206);
        assert!(part.body == content[first..=last], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/100000"), "{range}");
    }
}

/// regctl's `image create` writes the lists that it did not fill as null.
#[test]
fn lists_that_go_never_filled_are_empty_and_the_bytes_stay() {
    let server = Server::new();
    let alice = user("alice");
    server.push_blob(&alice, "alice/app", b"{}");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let head = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image."#;
    for (tag, manifest) in [
        ("null", format!(r#"{head}manifest.v1+json","config":{config},"layers":null}}"#)),
        ("absent", format!(r#"{head}manifest.v1+json","config":{config}}}"#)),
        ("index", format!(r#"{head}index.v1+json","manifests":null}}"#)),
    ] {
        server.push_manifest(&alice, "alice/app", tag, &manifest).expect(201);
        let got = server.get(&format!("/v2/alice/app/manifests/{tag}"), &alice).expect(200);
        assert_eq!(got.body, manifest.as_bytes());
    }
    assert_eq!(
        server.get("/v2/alice/app/tags/list", &alice).expect(200).json()["tags"],
        serde_json::json!(["absent", "index", "null"])
    );
}

/// Without a `Content-Type`, the document says what it is, and what is to be said about that.
#[test]
fn a_withdrawn_artifact_manifest_is_warned_of_without_a_header() {
    let server = Server::new();
    let withdrawn =
        r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b","blobs":null}"#;
    let path = "/v2/alice/app/manifests/withdrawn";
    let warned = server.send("PUT", path, &user("alice"), &[], withdrawn.as_bytes()).expect(201);
    assert!(warned.header("warning").starts_with("299 - \"the artifact manifest"));
    assert_eq!(server.get(path, &user("alice")).expect(200).body, withdrawn.as_bytes());
}

/// The class of CVE-2021-41190: Go's decoder takes `Layers` for `layers`.
#[test]
fn keys_that_differ_in_letter_case_only_are_refused() {
    let server = Server::new();
    let alice = user("alice");
    let doubtful = br#"{"os":"linux","OS":"windows","architecture":"amd64"}"#;
    for blob in [CONFIG, b"layer", doubtful] {
        server.push_blob(&alice, "alice/app", blob);
    }
    let plain = image(CONFIG, &[b"layer"]);
    server.push_manifest(&alice, "alice/app", "plain", &plain).expect(201);
    let list = index(&[&plain]);
    let refused = |content: &str, says: &str| {
        let media_type =
            [("content-type", content.split("mediaType\":\"").nth(1).unwrap().split('"').next().unwrap())];
        let path = "/v2/alice/app/manifests/doubtful";
        let refused = server.send("PUT", path, &alice, &media_type, content.as_bytes()).expect(400);
        assert_eq!(refused.code(), "MANIFEST_INVALID");
        let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
    };
    refused(
        &plain.replace("\"layers\"", "\"layers\":[],\"Layers\""),
        "\"Layers\" must be written \"layers\"",
    );
    refused(&plain.replace("\"config\"", "\"CONFIG\""), "\"CONFIG\" must be written \"config\"");
    refused(&plain.replacen("\"digest\"", "\"Digest\"", 1), "\"Digest\" must be written \"digest\"");
    refused(&list.replacen("\"size\"", "\"Size\"", 1), "\"Size\" must be written \"size\"");
    refused(&list.replacen("\"manifests\"", "\"manifest\\u017f\"", 1), "must be written \"manifests\"");
    refused(&image(doubtful, &[b"layer"]), "in the image's configuration: the key \"OS\"");
    server.get("/v2/alice/app/manifests/doubtful", &alice).expect(404);
}

/// Scripts and clients that do not encode the `+` of `application/x+json`.
#[test]
fn artifact_types_are_found_with_a_raw_plus_and_kept_as_they_are_written() {
    let server = Server::new();
    let alice = user("alice");
    for blob in [CONFIG, b"{}"] {
        server.push_blob(&alice, "alice/app", blob);
    }
    let subject = image(CONFIG, &[]);
    let path = format!("/v2/alice/app/referrers/{}", digest_of(&subject));
    server.push_manifest(&alice, "alice/app", "a", &artifact(&subject, "application/x+json", "")).expect(201);
    // Without `artifactType`, that of the config counts, as it is written.
    let written = "application/vnd.Example.Thing.v1+JSON; kind=a b";
    let config = descriptor(written, b"{}");
    let subject = descriptor("application/vnd.oci.image.manifest.v1+json", subject.as_bytes());
    let by_config = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{config},"layers":[],"subject":{subject}}}"#
    );
    server.push_manifest(&alice, "alice/app", "b", &by_config).expect(201);
    let list =
        |query: &str| server.get(&format!("{path}{query}"), &alice).expect(200).json()["manifests"].clone();
    assert_eq!(list("").as_array().unwrap().len(), 2);
    for (query, found) in [
        ("application/x+json", "application/x+json"),
        ("application/x%2Bjson", "application/x+json"),
        ("application%2Fx%20json", "application/x+json"),
        ("application/vnd.Example.Thing.v1%2BJSON%3B+kind%3Da+b", written),
        ("application/vnd.Example.Thing.v1+JSON;%20kind=a%20b", written),
    ] {
        let listed = list(&format!("?artifactType={query}"));
        let types: Vec<_> = listed.as_array().unwrap().iter().map(|entry| &entry["artifactType"]).collect();
        assert_eq!(types, [found], "{query}");
    }
    for other in [
        "application/vnd.example.thing.v1%2Bjson",
        "application/vnd.Example.Thing.v1%2BJSON",
        "application/x",
    ] {
        assert_eq!(list(&format!("?artifactType={other}")), serde_json::json!([]), "{other}");
    }
    let long = artifact("{}", &"a".repeat(2000), "");
    assert_eq!(server.push_manifest(&alice, "alice/app", "c", &long).expect(400).code(), "MANIFEST_INVALID");
}

/// Portainer's browser of registries.
#[test]
fn an_encoded_slash_in_a_name_is_a_slash() {
    let server = Server::new();
    let alice = user("alice");
    let blob = server.push_blob(&alice, "alice%2Fr", CONFIG);
    server.push_manifest(&alice, "alice%2fr", "a", &image(CONFIG, &[])).expect(201);
    server.push_manifest(&alice, "alice/r", "b", &image(CONFIG, &[])).expect(201);
    let list = server.get("/v2/alice%2Fr/tags/list?n=1", &alice).expect(200);
    assert_eq!(list.json(), serde_json::json!({ "name": "alice/r", "tags": ["a"] }));
    assert_eq!(list.header("link"), "</v2/alice/r/tags/list?n=1&last=a>; rel=\"next\"");
    server.get("/v2/alice%2Fr/manifests/b", &alice).expect(200);
    server.get(&format!("/v2/alice%2Fr/blobs/{blob}"), &alice).expect(200);
    let refused = server.get("/v2/alice%2Fr/tags/list", "").expect(401);
    assert!(refused.header("www-authenticate").contains("scope=\"repository:alice/r:pull\""));
    let begun = server.send("POST", "/v2/alice%2Fr/blobs/uploads/", &alice, &[], b"").expect(202);
    assert!(begun.header("location").starts_with("/v2/alice/r/blobs/uploads/"));
    server.get("/v2/alice%2Fr/tags/list", &user("bob")).expect(404);
    for path in [
        "/v2/alice%252Fr/tags/list",
        "/v2/bob%2F..%2Falice%2Fr/tags/list",
        "/v2/alice%2Fr%00/tags/list",
        "/v2/users%2Flogin/tags/list",
        "/v2/%75sers/login/tags/list",
        "/v2/repositories%2Falice%2Fr/tags/list",
    ] {
        assert_eq!(server.get(path, &alice).expect(400).code(), "NAME_INVALID", "{path}");
    }
}

/// The first segment of a path decides which dialect answers, and no encoding of it reaches another one or an account.
#[test]
fn reserved_first_segments_are_reserved_in_every_spelling() {
    let server = Server::new();
    let alice = user("alice");
    let dialects = [
        longshore_api_hub::PATHS,
        longshore_api_docr::PATHS,
        longshore_api_swr::PATHS,
        longshore_api_scim::PATHS,
    ];
    let segments = dialects.iter().flat_map(|paths| paths.segments).chain(&["v2", "token", "_catalog"]);
    for segment in segments {
        let all: String = segment.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let first = format!("%{:02X}{}", segment.as_bytes()[0], &segment[1..]);
        for path in [
            format!("/v2/{segment}%2Fapp/tags/list"),
            format!("/v2/{segment}%2fapp%2Fmore/manifests/latest"),
            format!("/v2/{first}/app/tags/list"),
            format!("/v2/{all}/app/tags/list"),
            format!("/v2/{all}%2Fapp/blobs/uploads/x"),
        ] {
            assert_eq!(server.get(&path, &alice).expect(400).code(), "NAME_INVALID", "{path}");
        }
        // Encoded twice, it is no name at all.
        server.get(&format!("/v2/%25{}/app/tags/list", &all[1..]), &alice).expect(400);
    }
}

/// python-dxf's `mount_blob` asks for the scopes of the first challenge, each as a parameter of its own, and asks once.
#[test]
fn the_first_challenge_of_a_mount_names_both_repositories() {
    let server = Server::new();
    let alice = user("alice");
    let digest = server.push_blob(&alice, "alice/app", b"layer");
    let encoded = digest.to_string().replace(':', "%3A");
    let path = format!("/v2/acme/copy/blobs/uploads/?mount={encoded}&from=alice%2Fapp");
    let challenge = server.send("POST", &path, "", &[], b"").expect(401);
    let scopes = "repository:acme/copy:pull,push repository:alice/app:pull";
    assert!(challenge.header("www-authenticate").contains(&format!("scope=\"{scopes}\"")));
    assert_eq!(
        challenge.json()["errors"][0]["detail"][2],
        serde_json::json!({ "Type": "repository", "Name": "alice/app", "Action": "pull" })
    );
    let scopes: Vec<&str> = scopes.split(' ').collect();
    let token = server.token(&alice, &scopes);
    let mounted = server.send("POST", &path, &token, &[], b"").expect(201);
    assert_eq!(mounted.header("docker-content-digest"), digest.to_string());
    // A token for the target only is told both as well, each once.
    let narrow = server.token(&alice, &["repository:acme/copy:pull,push"]);
    let refused = server.send("POST", &path.replace("copy", "third"), &narrow, &[], b"").expect(401);
    let third = "scope=\"repository:acme/third:pull,push repository:alice/app:pull\"";
    assert!(refused.header("www-authenticate").contains(third));
    // Within one repository, and from what is no repository, there is nothing to add.
    for from in ["acme%2Fcopy", "NO%22name", "", "users%2Fx"] {
        let path = format!("/v2/acme/copy/blobs/uploads/?mount={encoded}&from={from}");
        let refused = server.send("POST", &path, "", &[], b"").expect(401);
        assert!(
            refused.header("www-authenticate").ends_with("scope=\"repository:acme/copy:pull,push\""),
            "{from}"
        );
    }
}

/// Clients that send all parameters that they know.
#[test]
fn empty_parameters_of_an_upload_are_none() {
    let server = Server::new();
    let alice = user("alice");
    for query in ["mount=&from=", "mount=&from=alice/app", "digest=", "digest-algorithm=", "mount=&digest="] {
        let path = format!("/v2/alice/app/blobs/uploads/?{query}");
        let begun = server.send("POST", &path, &alice, &[], b"").expect(202);
        assert!(begun.header("location").starts_with("/v2/alice/app/blobs/uploads/"), "{query}");
    }
    let digest = digest_of("whole");
    let path = format!("/v2/alice/app/blobs/uploads/?mount=&from=&digest={digest}");
    server.send("POST", &path, &alice, &[], b"whole").expect(201);
}

/// `oc adm catalog mirror` asks for one token with the scopes of all repositories that it will push to.
#[test]
fn hundreds_of_scopes_fit_into_one_token() {
    let server = Server::new();
    let alice = user("alice");
    let name = |number: usize| format!("acme/openshift-release-dev-ocp-v4.0-art-{number}");
    let scopes: Vec<String> =
        (0..400).map(|number| format!("repository:{}:pull,push", name(number))).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let token = server.token(&alice, &scopes);
    assert!(token.len() < 32 << 10, "{}", token.len());
    for number in [0, 19, 20, 399] {
        server.push_blob(&token, &name(number), b"x");
    }
    // The catalog is no repository, wherever it stands among the scopes.
    let with_catalog =
        server.token(&alice, &[&scopes[..200], &["registry:catalog:*"], &scopes[200..]].concat());
    server.get("/v2/_catalog", &with_catalog).expect(200);
    server.get("/v2/_catalog", &token).expect(401);
    // No more than was asked for.
    let refused = server.get("/v2/acme/other/tags/list", &token).expect(401);
    assert!(
        refused
            .header("www-authenticate")
            .contains("repository:acme/other:pull\",error=\"insufficient_scope\"")
    );
    server.send("DELETE", &format!("/v2/{}/manifests/x", name(399)), &token, &[], b"").expect(401);
    // The same as a form.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!(
        "grant_type=password&service=longshore&client_id=oc&username=alice&password=correct+horse+battery&scope={}",
        scopes.join("+")
    );
    let answer = server.send("POST", "/token", "", &form, body.as_bytes()).expect(200).json();
    server.push_blob(&format!("Bearer {}", answer["access_token"].as_str().unwrap()), &name(399), b"y");
}

#[test]
fn of_more_scopes_than_fit_the_first_are_granted_and_the_challenge_asks_for_the_rest() {
    let server = Server::new();
    let alice = user("alice");
    let name = |number: usize| format!("alice/{number:03}{}", "x".repeat(240));
    let scopes: Vec<String> =
        (0..180).map(|number| format!("repository:{}:pull,push", name(number))).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let token = server.token(&alice, &scopes);
    assert!(token.len() < 56 << 10, "{}", token.len());
    server.push_blob(&token, &name(0), b"x");
    let last = format!("/v2/{}/tags/list", name(179));
    let challenge = server.get(&last, &token).expect(401).header("www-authenticate").to_owned();
    let scope = challenge.split("scope=\"").nth(1).unwrap().split('"').next().unwrap();
    let token = server.token(&alice, &[scope]);
    server.get(&last, &token).expect(404);
    // Nobody in particular gets less looked up.
    server.admin(&["repo", "set", &name(0), "--visibility", "public"]);
    let granted = |scopes: &[&str]| {
        let query = scopes.iter().map(|scope| format!("scope={scope}")).collect::<Vec<_>>().join("&");
        server.get(&format!("/token?{query}"), "").expect(200).json()["scope"].as_str().unwrap().to_owned()
    };
    let open = format!("repository:{}:pull", name(0));
    assert_eq!(granted(&[&open]), open);
    assert_eq!(granted(&[&scopes[1..120], &[open.as_str()]].concat()), "");
}

/// Clients with the name of Docker Hub's token service built in.
#[test]
fn the_service_may_be_called_as_on_docker_hub() {
    let server = Server::new();
    let alice = user("alice");
    let scope = "scope=repository:alice/app:pull,push";
    let answer = server.get(&format!("/token?service=registry.docker.io&{scope}"), &alice).expect(200).json();
    server.push_blob(&format!("Bearer {}", answer["token"].as_str().unwrap()), "alice/app", b"x");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = "grant_type=password&service=registry.docker.io&username=alice&password=correct+horse+battery";
    server.send("POST", "/token", "", &form, body.as_bytes()).expect(200);
    server.get("/token?service=registry.example.org", &alice).expect(400);
    let other = Server::with(&["--set", "auth.service_aliases=registry.example.org"]);
    other.get("/token?service=registry.example.org", &alice).expect(200);
    other.get("/token?service=registry.docker.io", &alice).expect(400);
}
