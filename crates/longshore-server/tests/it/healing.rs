//! Bytes that the disk has lost or changed: clients are told to send them, and the registry is whole again.

use std::path::PathBuf;

use longshore_testkit::images::{digest_of, image};
use longshore_testkit::proxy::{Fault, Proxy};
use longshore_testkit::stores::SharedStores;

use crate::server::{Server, user};

const LAYER: &[u8] = b"the layer of an image";
const CONFIG: &[u8] = b"{}";

/// The files of blobs.
fn files(server: &Server) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![server.data().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.file_name().is_some_and(|name| name != "identity") => found.push(path),
                false => {}
            }
        }
    }
    found
}

fn file_of(server: &Server, content: &[u8]) -> PathBuf {
    let is_it = |path: &PathBuf| std::fs::read(path).unwrap() == content;
    files(server).into_iter().find(is_it).expect("the blob has a file")
}

/// Does as a client that pushes an image: a blob that `HEAD` says is there is not sent. Returns whether the layer was.
fn push_like_a_client(server: &Server, who: &str) -> bool {
    let mut was_sent = false;
    for blob in [CONFIG, LAYER] {
        let path = format!("/v2/alice/app/blobs/{}", digest_of(blob));
        if server.send("HEAD", &path, who, &[], b"").status == 404 {
            server.push_blob(who, "alice/app", blob);
            was_sent |= blob == LAYER;
        }
    }
    server.push_manifest(who, "alice/app", "v1", &image(CONFIG, &[LAYER])).expect(201);
    was_sent
}

#[test]
fn a_damaged_layer_is_healed_by_a_client_that_pushes_it_again() {
    let server = Server::embedded();
    let alice = user("alice");
    assert!(push_like_a_client(&server, &alice));
    assert!(!push_like_a_client(&server, &alice), "it is there");
    let file = file_of(&server, LAYER);
    let mut changed = LAYER.to_vec();
    changed[3] ^= 1;
    std::fs::write(&file, &changed).unwrap();

    assert_eq!(server.try_admin(&["verify"], "").status.code(), Some(3));
    let path = format!("/v2/alice/app/blobs/{}", digest_of(LAYER));
    let answer = server.get(&path, &alice).expect(404);
    assert_eq!(answer.code(), "BLOB_UNKNOWN");
    let says = |line: &str| server.metrics().lines().any(|found| found == line);
    server.wait_for("the damage is counted", || says("longshore_damaged_blobs 1"));
    assert!(says("longshore_damage_found_total 1"));
    let mount = format!("/v2/alice/other/blobs/uploads/?mount={}&from=alice/app", digest_of(LAYER));
    server.send("POST", &mount, &alice, &[], b"").expect(202);

    assert!(push_like_a_client(&server, &alice), "its client was told that it is not there");
    assert_eq!(server.get(&path, &alice).expect(200).body, LAYER);
    assert_eq!(server.try_admin(&["verify"], "").status.code(), Some(0));
    server.wait_for("nothing is damaged any more", || says("longshore_damaged_blobs 0"));
    assert!(says("longshore_damage_found_total 1"), "what was found stays found");
}

#[test]
fn a_store_without_checksums_is_pushed_to_and_what_it_changes_is_found() {
    let Some(stores) = SharedStores::needed() else { return };
    let proxy = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let reached = SharedStores { s3_endpoint: format!("http://{}", proxy.host()), ..stores };
    let server = Server::on_stores(reached, &["--set", "storage.checksums=false"]);
    let alice = user("alice");
    let pull = |content: &[u8]| {
        let path = format!("/v2/alice/app/blobs/{}", digest_of(content));
        server.get(&path, &alice)
    };
    let large: Vec<u8> = (0..12_000_000_u32).flat_map(|at| (at / 3).to_le_bytes()).take(12_000_000).collect();
    for content in [LAYER, &large] {
        server.push_blob(&alice, "alice/app", content);
        assert!(pull(content).expect(200).body == content);
    }
    let puts = || proxy.heads().into_iter().filter(|head| head.starts_with("put"));
    assert!(puts().any(|head| head.contains("unsigned-payload")));

    // In chunks, the first of which is kept as a tail or in parts; then the end.
    let begin = |content: &[u8], first: usize| {
        let begun = server.send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"").expect(202);
        let sent = server.send("PATCH", begun.header("location"), &alice, &[], &content[..first]).expect(202);
        sent.header("location").to_owned()
    };
    let end = |location: &str, content: &[u8], first: usize| {
        let separator = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{separator}digest={}", digest_of(content));
        let range = format!("{first}-{}", content.len() - 1);
        server.send("PUT", &path, &alice, &[("content-range", &range)], &content[first..])
    };
    for (number, first) in [(1, 1000), (2, 6_000_000), (3, 11_999_999)] {
        let mut content = large.clone();
        content[0] = number;
        let location = begin(&content, first);
        end(&location, &content, first).expect(201);
        assert!(pull(&content).expect(200).body == content, "{first}");
    }

    for first in [1000, 6_000_000] {
        let mut content = large.clone();
        content[1] = first as u8 ^ 0x55;
        let location = begin(&content, first);
        proxy.set_outage(Some(Fault::Flipped));
        let refused = end(&location, &content, first);
        proxy.set_outage(None);
        assert!(refused.status >= 400, "{first}: {}", refused.status);
        pull(&content).expect(404);
        server.push_blob(&alice, "alice/app", &content);
        assert!(pull(&content).expect(200).body == content, "{first}");
    }
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn a_missing_layer_is_not_an_error_of_the_server_and_is_sent_again() {
    let server = Server::embedded();
    let alice = user("alice");
    push_like_a_client(&server, &alice);
    std::fs::remove_file(file_of(&server, LAYER)).unwrap();
    let path = format!("/v2/alice/app/blobs/{}", digest_of(LAYER));
    server.get(&path, &alice).expect(404);
    assert!(push_like_a_client(&server, &alice));
    assert_eq!(server.get(&path, &alice).expect(200).body, LAYER);
    assert_eq!(server.try_admin(&["verify"], "").status.code(), Some(0));
}

#[test]
fn a_final_put_whose_answer_was_lost_is_answered_again() {
    let server = Server::new();
    let alice = user("alice");
    let begun = server.send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"").expect(202);
    let location = begun.header("location").to_owned();
    server.send("PATCH", &location, &alice, &[], LAYER).expect(202);
    let separator = if location.contains('?') { '&' } else { '?' };
    let end = format!("{location}{separator}digest={}", digest_of(LAYER));
    let first = server.send("PUT", &end, &alice, &[], b"").expect(201);
    let again = server.send("PUT", &end, &alice, &[], b"").expect(201);
    for name in ["location", "docker-content-digest"] {
        assert_eq!(first.header(name), again.header(name));
    }
    let other = format!("{location}{separator}digest={}", digest_of(b"other"));
    assert_eq!(server.send("PUT", &other, &alice, &[], b"").expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn an_account_with_too_many_open_uploads_is_told_so() {
    let server = Server::with(&["--set", "uploads.open_per_account=2"]);
    let alice = user("alice");
    let begin = || server.send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"");
    let first = begin().expect(202);
    begin().expect(202);
    let refused = begin().expect(429);
    assert_eq!(refused.code(), "TOOMANYREQUESTS");
    server.send("DELETE", first.header("location"), &alice, &[], b"").expect(204);
    begin().expect(202);
}
