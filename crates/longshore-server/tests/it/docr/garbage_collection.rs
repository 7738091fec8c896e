//! Garbage collections that an owner asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use super::{bearer, push, pusher, registry, send, shop};
use crate::server::{Client, Server};

const RUNS: &str = "/v2/registry/shop/garbage-collections";
const RUN: &str = "/v2/registry/shop/garbage-collection";

/// Starts a run, and waits until it is over.
#[track_caller]
fn collect(server: &Server, who: &str, kind: &str) -> Value {
    let started = send(server, "POST", RUN, who, &json!({ "type": kind })).expect(201).json();
    let uuid = started["garbage_collection"]["uuid"].clone();
    over(server, who, &uuid)
}

#[track_caller]
fn over(server: &Server, who: &str, uuid: &Value) -> Value {
    let found = || {
        let list = server.get(RUNS, who).expect(200).json();
        list["garbage_collections"]
            .as_array()
            .unwrap()
            .iter()
            .find(|run| run["uuid"] == *uuid)
            .unwrap()
            .clone()
    };
    server.wait_for("the collection to end", || {
        ["succeeded", "failed", "cancelled"].contains(&found()["status"].as_str().unwrap())
    });
    found()
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let Ok(known) = entry.metadata() else { return 0 };
        if known.is_dir() { bytes_in(&entry.path()) } else { known.len() }
    });
    sizes.sum()
}

#[test]
fn a_run_frees_what_was_deleted() {
    let (server, alice) = shop(&["--set", "gc.grace_seconds=0", "--set", "gc.interval_seconds=0"]);
    push(&server, &pusher(), "shop/app", "kept");
    let digest = push(&server, &pusher(), "shop/app", "gone");
    assert_eq!(server.get(RUN, &alice).expect(404).json()["id"], "not_found");
    let path = format!("/v2/registry/shop/repositories/app/digests/{digest}");
    server.send("DELETE", &path, &alice, &[], b"").expect(204);
    let run = collect(&server, &alice, "unreferenced blobs only");
    let freed = "{\"tag\":\"gone\"}".len() + "layer of gone".len();
    assert_eq!((&run["status"], &run["blobs_deleted"]), (&json!("succeeded"), &json!(2)), "{run}");
    assert_eq!((&run["freed_bytes"], &run["type"]), (&json!(freed), &json!("unreferenced blobs only")));
    server.get("/v2/shop/app/manifests/kept", &pusher()).expect(200);
    push(&server, &pusher(), "shop/app", "gone");
    // Without a body it is the same.
    let again = server.send("POST", RUN, &alice, &[], b"").expect(201).json();
    let again = over(&server, &alice, &again["garbage_collection"]["uuid"]);
    assert_eq!((&again["type"], &again["blobs_deleted"]), (&run["type"], &json!(0)));
    let list = server.get(&format!("{RUNS}?per_page=1"), &alice).expect(200).json();
    assert_eq!(
        (&list["meta"]["total"], &list["garbage_collections"][0]["uuid"]),
        (&json!(2), &again["uuid"])
    );
    for bad in [json!({ "type": "everything" }), json!({ "type": 1 }), json!([])] {
        send(&server, "POST", RUN, &alice, &bad).expect(400);
    }
}

#[test]
fn pushes_wait_for_a_run_that_waits_for_tokens() {
    let (server, alice) = shop(&["--set", "auth.token_ttl_seconds=60"]);
    push(&server, &pusher(), "shop/app", "v1");
    let scope = ["repository:shop/app:pull,push"];
    let before = server.token(&pusher(), &scope);
    let started = server.send("POST", RUN, &alice, &[], b"").expect(201).json();
    let uuid = started["garbage_collection"]["uuid"].as_str().unwrap().to_owned();
    server.wait_for("the collection to wait", || {
        server.get(RUN, &alice).expect(200).json()["garbage_collection"]["status"]
            == "waiting for write JWTs to expire"
    });
    let second = server.send("POST", RUN, &alice, &[], b"").expect(409).json();
    assert_eq!(second["id"], "conflict");
    // The token from before goes on; a new one does not push, and neither does a password.
    push(&server, &before, "shop/app", "v2");
    let now = server.token(&pusher(), &scope);
    server.get("/v2/shop/app/manifests/v2", &now).expect(200);
    for who in [&now, &pusher()] {
        let refused = server.send("POST", "/v2/shop/app/blobs/uploads/", who, &[], b"").expect(403);
        assert_eq!(refused.code(), "DENIED");
        let message = refused.json()["errors"][0]["message"].to_string();
        assert!(message.contains("read-only while its garbage is collected"), "{message}");
    }
    push(&server, &pusher(), "alice/elsewhere", "v1");
    let cancel = format!("{RUN}/{uuid}");
    let bob = bearer(&server, "bob", "repo:admin");
    send(&server, "PUT", &cancel, &bob, &json!({ "cancel": true })).expect(404);
    let asked = send(&server, "PUT", &cancel, &alice, &json!({ "cancel": false })).expect(200).json();
    assert_eq!(asked["garbage_collection"]["status"], "waiting for write JWTs to expire");
    let ended = send(&server, "PUT", &cancel, &alice, &json!({ "cancel": true })).expect(200).json();
    assert_eq!(ended["garbage_collection"]["status"], "cancelling");
    assert_eq!(over(&server, &alice, &json!(uuid))["status"], "cancelled");
    send(&server, "PUT", &cancel, &alice, &json!({ "cancel": true })).expect(404);
    send(&server, "PUT", &format!("{RUN}/nonsense"), &alice, &json!({ "cancel": true })).expect(404);
    push(&server, &pusher(), "shop/app", "v3");
}

#[test]
fn a_run_goes_on_after_the_server_was_killed() {
    let settings = ["--set", "auth.token_ttl_seconds=60", "--set", "gc.takeover_seconds=5"];
    let (mut server, alice) = shop(&settings);
    push(&server, &pusher(), "shop/app", "v1");
    server.token(&pusher(), &["repository:shop/app:pull,push"]);
    let started = server.send("POST", RUN, &alice, &[], b"").expect(201).json();
    server.kill();
    server.start_again();
    server.send("POST", "/v2/shop/app/blobs/uploads/", &pusher(), &[], b"").expect(403);
    let active = server.get(RUN, &alice).expect(200).json();
    assert_eq!(active["garbage_collection"]["uuid"], started["garbage_collection"]["uuid"]);
    server.wait_for("somebody to go on with it", || {
        server.get(RUN, &alice).expect(200).json()["garbage_collection"]["status"]
            == "waiting for write JWTs to expire"
    });
    // It would end a minute later; what it does then is tested with a clock that is moved by hand.
    let uuid = &started["garbage_collection"]["uuid"];
    let cancel = format!("{RUN}/{}", uuid.as_str().unwrap());
    send(&server, "PUT", &cancel, &alice, &json!({ "cancel": true })).expect(200);
    assert_eq!(over(&server, &alice, uuid)["status"], "cancelled");
    push(&server, &pusher(), "shop/app", "v2");
}

/// How long the test below lets everything run against each other.
fn contention() -> Duration {
    let seconds = std::env::var("LONGSHORE_TEST_CONTENTION_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(12))
}

/// How long what was acknowledged stays, in the test below.
const GRACE: Duration = Duration::from_secs(5);

/// Pushes an image, and tells whether that was possible: not while its registry is read-only from the beginning, and not
/// when that lasted so long that the grace was over.
fn pushes(server: &Client, repository: &str, tag: &str, config: &str, layers: [&str; 2]) -> bool {
    let began = Instant::now();
    for blob in [config, layers[0], layers[1]] {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest_of(blob));
        let octets = [("content-type", "application/octet-stream")];
        let answer = server.send("POST", &path, &pusher(), &octets, blob.as_bytes());
        match answer.status {
            201 => {}
            403 => return false,
            status => panic!("{status} {}", String::from_utf8_lossy(&answer.body)),
        }
    }
    let manifest = image(config.as_bytes(), &layers.map(str::as_bytes));
    loop {
        let asked_after = began.elapsed();
        let answer = server.push_manifest(&pusher(), repository, tag, &manifest);
        match answer.status {
            201 => return true,
            // Read-only: what was acknowledged within the grace is there when that is over.
            403 => std::thread::sleep(Duration::from_millis(10)),
            400 if began.elapsed() > GRACE => return false,
            status => {
                panic!("{status} after {asked_after:?}: {}", String::from_utf8_lossy(&answer.body))
            }
        }
    }
}

/// What has happened so far while pushes, deletions and collections worked against each other.
#[derive(Default)]
struct Happened {
    pushed: AtomicU32,
    kept: AtomicU32,
    runs: AtomicU32,
    freed: AtomicU64,
}

impl Happened {
    /// Whether it is enough to show something: a busy machine needs longer for that.
    fn is_enough(&self) -> bool {
        let [pushed, kept, runs] =
            [&self.pushed, &self.kept, &self.runs].map(|count| count.load(Ordering::Relaxed));
        pushed > 20 && kept > 10 && runs > 3
    }
}

/// What a pusher does until it is over: pushes images, all with a layer that others push too, and deletes every second one.
/// Returns what is acknowledged and not deleted.
fn keep_pushing(
    server: &Client,
    alice: &str,
    number: u32,
    ends: Instant,
    happened: &Happened,
) -> BTreeSet<(String, String)> {
    let mut kept = BTreeSet::new();
    let mut round = 0_u32;
    while Instant::now() < ends || !happened.is_enough() {
        round += 1;
        let repository = format!("shop/r{}", (number + round) % 3);
        let tag = format!("t{number}-{round}");
        let config = format!("{{\"pushed\":\"{tag}\"}}");
        let layers = [format!("shared {}", round % 5), format!("own {tag}")];
        let layers = [layers[0].as_str(), layers[1].as_str()];
        if !pushes(server, &repository, &tag, &config, layers) {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        happened.pushed.fetch_add(1, Ordering::Relaxed);
        let digest = digest_of(image(config.as_bytes(), &layers.map(str::as_bytes))).to_string();
        if round.is_multiple_of(2) {
            let rest = repository.strip_prefix("shop/").unwrap();
            let path = format!("/v2/registry/shop/repositories/{rest}/digests/{digest}");
            server.send("DELETE", &path, alice, &[], b"").expect(204);
        } else {
            kept.insert((repository, digest));
            happened.kept.fetch_add(1, Ordering::Relaxed);
        }
    }
    kept
}

#[test]
fn pushes_deletions_and_collections_work_against_each_other() {
    let server = Server::with(&[
        "--set",
        "gc.grace_seconds=5",
        "--set",
        "gc.lease_seconds=6",
        "--set",
        "gc.undo_seconds=1",
        "--set",
        "gc.interval_seconds=1",
        "--set",
        "limits.requests_per_account=0",
        "--set",
        "limits.requests_per_address=0",
    ]);
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "shop", "professional");
    let ends = Instant::now() + contention();
    let (happened, stop) = (Happened::default(), AtomicBool::new(false));
    let mut kept = BTreeSet::new();
    std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..4)
            .map(|number| {
                let (server, alice, happened) = (&server, &alice, &happened);
                scope.spawn(move || keep_pushing(server, alice, number, ends, happened))
            })
            .collect();
        let collector = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let run = collect(&server, &alice, "untagged manifests and unreferenced blobs");
                assert_eq!(run["status"], "succeeded");
                happened.runs.fetch_add(1, Ordering::Relaxed);
                happened.freed.fetch_add(run["freed_bytes"].as_u64().unwrap(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let ended: Vec<_> = pushers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        collector.join().unwrap();
        for pusher in ended {
            kept.extend(pusher.unwrap());
        }
    });
    assert!(happened.is_enough());
    // Nothing that was acknowledged is lost.
    let (mut needed, mut bytes) = (BTreeMap::new(), 0);
    for (repository, digest) in &kept {
        let answer = server.get(&format!("/v2/{repository}/manifests/{digest}"), &pusher()).expect(200);
        bytes += answer.body.len();
        let manifest = answer.json();
        let layers = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
        for blob in layers {
            let digest = blob["digest"].as_str().unwrap();
            server.get(&format!("/v2/{repository}/blobs/{digest}"), &pusher()).expect(200);
            needed.insert(digest.to_owned(), usize::try_from(blob["size"].as_u64().unwrap()).unwrap());
        }
    }
    bytes += needed.values().sum::<usize>();
    // All garbage goes, and what the registry is said to store is what it stores: a blob once.
    std::thread::sleep(Duration::from_secs(7));
    collect(&server, &alice, "untagged manifests and unreferenced blobs");
    let stored = || server.admin(&["verify", "--store"])["objects"].as_u64().unwrap();
    server.wait_for("all garbage to go", || stored() == needed.len() as u64);
    let usage = server.get("/v2/registry", &alice).expect(200).json();
    assert_eq!(usage["registry"]["storage_usage_bytes"], json!(bytes));
    println!(
        "{} pushes, {} runs that freed {} bytes, {} images kept",
        happened.pushed.into_inner(),
        happened.runs.into_inner(),
        happened.freed.into_inner(),
        happened.kept.into_inner()
    );
}

#[test]
fn what_a_run_says_it_freed_is_what_the_disk_has_less() {
    let server = Server::embedded_with(&["--set", "gc.grace_seconds=0", "--set", "gc.interval_seconds=0"]);
    let alice = bearer(&server, "alice", "repo:admin");
    registry(&server, &alice, "shop", "professional");
    push(&server, &pusher(), "shop/app", "kept");
    let mut digests = Vec::new();
    for number in 0..20_u8 {
        let layer = vec![number; 10_000 + usize::from(number)];
        server.push_blob(&pusher(), "shop/app", &layer);
        server.push_blob(&pusher(), "shop/app", b"{}");
        // Half of them another namespace has too.
        if number % 2 == 0 {
            server.push_blob(&pusher(), "alice/copy", &layer);
        }
        let manifest = image(b"{}", &[&layer]);
        server.push_manifest(&pusher(), "shop/app", &format!("v{number}"), &manifest).expect(201);
        digests.push(digest_of(&manifest));
    }
    for digest in &digests {
        let path = format!("/v2/registry/shop/repositories/app/digests/{digest}");
        server.send("DELETE", &path, &alice, &[], b"").expect(204);
    }
    let blobs = server.data().join("blobs");
    let before = bytes_in(&blobs);
    let run = collect(&server, &alice, "untagged manifests and unreferenced blobs");
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["freed_bytes"], json!(before - bytes_in(&blobs)));
    assert_eq!(run["blobs_deleted"], json!(11), "ten layers and the config that all have");
}
