//! Three nodes on PostgreSQL and S3 behind a round-robin proxy; nothing is tested here when the test command did not
//! start the stores, or the tests run on the embedded ones.

mod clocks;

use std::collections::BTreeMap;
use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use longshore_testkit::images::{digest_of, image};
use longshore_testkit::proxy::{Fault, Proxy};
use longshore_testkit::stores::SharedStores;

use crate::docr;
use crate::server::{Client, PASSWORD, Server, user};

/// How soon every node knows what one was told.
const PROMPT: Duration = Duration::from_secs(5);
const CONFIG: &[u8] = b"{}";
/// A connection of its own for each request, so that the proxy sends each to the next node.
const ALONE: (&str, &str) = ("connection", "close");

/// Hands each connection to the next node that takes it.
struct Balancer {
    address: SocketAddr,
    nodes: Arc<RwLock<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Balancer {
    fn start(nodes: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (nodes, stopped) = (Arc::new(RwLock::new(nodes)), Arc::new(AtomicBool::new(false)));
        let (serving, stop) = (Arc::clone(&nodes), Arc::clone(&stopped));
        std::thread::spawn(move || {
            let next = AtomicUsize::new(0);
            for client in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let nodes = serving.read().unwrap().clone();
                let first = next.fetch_add(1, Ordering::SeqCst);
                let connect = |number: usize| TcpStream::connect(&nodes[(first + number) % nodes.len()]).ok();
                if let (Ok(client), Some(node)) = (client, (0..nodes.len()).find_map(connect)) {
                    std::thread::spawn(move || splice(&client, &node));
                }
            }
        });
        Self { address, nodes, stopped }
    }

    fn set(&self, number: usize, host: &str) {
        self.nodes.write().unwrap()[number] = host.to_owned();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn splice(client: &TcpStream, node: &TcpStream) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = copy(&mut &*client, &mut &*node);
            let _ = node.shutdown(Shutdown::Write);
        });
        let _ = copy(&mut &*node, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
        let _ = node.shutdown(Shutdown::Both);
    });
}

struct Cluster {
    nodes: Vec<Mutex<Server>>,
    balancer: Balancer,
    /// Talks to the proxy.
    client: Client,
}

impl Cluster {
    fn start(arguments: &[&str]) -> Option<Self> {
        SharedStores::only()?;
        let first = Server::with(arguments);
        let others = ["second", "third"].map(|name| first.another_node(name, &[]));
        let nodes: Vec<Server> = std::iter::once(first).chain(others).collect();
        let balancer = Balancer::start(nodes.iter().map(|node| node.host().to_owned()).collect());
        let client = Client::new(format!("http://{}", balancer.address));
        Some(Self { nodes: nodes.into_iter().map(Mutex::new).collect(), balancer, client })
    }

    fn node(&self, number: usize) -> std::sync::MutexGuard<'_, Server> {
        self.nodes[number].lock().unwrap()
    }

    /// Pushes an image as a client does that tries again when a connection breaks or the registry asks it to.
    fn push_image(&self, repository: &str, tag: &str, layer: &[u8]) -> String {
        let who = user("alice");
        for blob in [CONFIG, layer] {
            let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest_of(blob));
            self.persistently("POST", &path, &who, &[], blob, 201);
        }
        let manifest = image(CONFIG, &[layer]);
        let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.persistently("PUT", &path, &who, &headers, manifest.as_bytes(), 201);
        manifest
    }

    fn persistently(
        &self,
        method: &str,
        path: &str,
        who: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        expected: u16,
    ) {
        let began_at = Instant::now();
        loop {
            let mut all = headers.to_vec();
            all.push(ALONE);
            match self.client.try_send(method, path, who, &all, body) {
                Ok(answer) if answer.status == expected => return,
                Ok(answer) => assert!(
                    matches!(answer.status, 503 | 408 | 409),
                    "{method} {path}: {} {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                ),
                Err(_) => {}
            }
            assert!(began_at.elapsed() < Duration::from_secs(60), "{method} {path}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn layer(number: usize, bytes: usize) -> Vec<u8> {
    let seed = format!("layer {number}; ");
    seed.as_bytes().iter().copied().cycle().take(bytes).collect()
}

#[test]
fn nodes_that_start_at_the_same_time_set_the_registry_up_once() {
    let Some(stores) = SharedStores::only() else { return };
    let folder = tempfile::tempdir().unwrap();
    stores.new_database(folder.path());
    let nodes: Vec<Server> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4)
            .map(|number| {
                let (folder, stores) = (folder.path(), &stores);
                scope.spawn(move || {
                    Server::node_at(folder, &format!("node{number}"), stores.environment(folder))
                })
            })
            .collect();
        starting.into_iter().map(|node| node.join().unwrap()).collect()
    });
    for node in &nodes {
        node.get("/v2/", &user("admin")).expect(200);
        // Whoever signs, all verify.
        let token = nodes[0].token(&user("admin"), &["registry:catalog:*"]);
        node.get("/v2/_catalog", &token).expect(200);
    }
    assert_eq!(nodes[3].admin(&["org", "list"]).as_array().unwrap().len(), 1, "library, once");
}

#[test]
fn a_node_with_another_store_than_the_others_does_not_start() {
    let Some(stores) = SharedStores::only() else { return };
    let server = Server::new();
    let here = stores.storage(server.data().parent().unwrap());
    let elsewhere = format!("{here}-elsewhere");
    // Another registry's store, or another database with this one's store.
    let neighbour = tempfile::tempdir().unwrap();
    let other_database = stores.new_database(neighbour.path());
    for (database, storage) in [(&server.database_url(), &elsewhere), (&other_database, &here)] {
        is_refused(&stores, &server, database, storage);
    }
}

fn is_refused(stores: &SharedStores, server: &Server, database: &str, storage: &str) {
    let refused = std::process::Command::new(crate::server::binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--storage", storage, "--data"])
        .arg(server.data().with_file_name("other"))
        .env("LONGSHORE_DATABASE_URL", database)
        .env("LONGSHORE_STORAGE_ENDPOINT", &stores.s3_endpoint)
        .env("LONGSHORE_STORAGE_ACCESS_KEY_ID", &stores.s3_access_key_id)
        .env("LONGSHORE_STORAGE_SECRET_ACCESS_KEY", &stores.s3_secret_access_key)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the blob store "), "{said}");
    assert!(!said.contains(&stores.s3_secret_access_key), "{said}");
}

#[test]
fn chunks_of_one_upload_go_to_different_nodes() {
    let Some(cluster) = Cluster::start(&["--set", "storage.part_bytes=5242880"]) else { return };
    let (client, who) = (&cluster.client, user("alice"));
    let content = layer(1, 23_000_000);
    let begun = client.send("POST", "/v2/alice/app/blobs/uploads/", &who, &[ALONE], b"").expect(202);
    let location = begun.header("location").to_owned();
    let mut at = 0;
    for length in [1_000_000, 1, 7_000_000, 30_000, 6_500_000, 5_242_880] {
        let range = format!("{at}-{}", at + length - 1);
        let headers = [("content-range", range.as_str()), ALONE];
        client.send("PATCH", &location, &who, &headers, &content[at..at + length]).expect(202);
        at += length;
        let status = client.send("GET", &location, &who, &[ALONE], b"").expect(204);
        assert_eq!(status.header("range"), format!("0-{}", at - 1));
    }
    let digest = digest_of(&content);
    client.send("PUT", &format!("{location}?digest={digest}"), &who, &[ALONE], &content[at..]).expect(201);
    for number in 0..3 {
        let node = cluster.node(number);
        let pulled = node.get(&format!("/v2/alice/app/blobs/{digest}"), &who).expect(200);
        assert!(pulled.body == content, "node {number}");
        let metrics = node.metrics();
        assert!(
            metrics.contains("operation=\"append_to_upload\",status=\"2xx\""),
            "node {number} had no chunk"
        );
    }
    assert_eq!(cluster.node(0).admin(&["verify"])["problems"], 0);
}

#[test]
fn a_tag_that_was_moved_is_nowhere_served_as_it_was() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let who = user("alice");
    for number in 0..20 {
        let manifest = cluster.push_image("alice/app", "latest", &layer(number, 1000));
        for node in 0..3 {
            let pulled = cluster.node(node).get("/v2/alice/app/manifests/latest", &who).expect(200);
            assert_eq!(pulled.body, manifest.as_bytes(), "node {node}");
        }
    }
    cluster.node(1).send("DELETE", "/v2/alice/app/manifests/latest", &who, &[], b"").expect(202);
    for node in 0..3 {
        cluster.node(node).get("/v2/alice/app/manifests/latest", &who).expect(404);
    }
}

#[test]
fn what_is_revoked_on_one_node_is_dead_on_all_within_seconds() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.push_image("alice/app", "v1", b"layer");
    cluster.push_image("acme/app", "v1", b"layer");
    let path = "/v2/alice/app/manifests/v1";
    let created =
        cluster.node(0).admin(&["token", "create", "alice", "--label", "ci", "--scope", "repo:write"]);
    let (id, secret) = (created["id"].as_str().unwrap(), created["token"].as_str().unwrap());
    let scopes = ["repository:alice/app:pull,push"];
    let by_token = format!("alice:{secret}");
    // Each credential is used on every node, so that every node remembers it.
    let bearers = [cluster.node(1).token(&by_token, &scopes), cluster.node(2).token(&user("alice"), &scopes)];
    cluster.node(0).admin(&["org", "set-member", "acme", "bob"]);
    let acme = "/v2/acme/app/manifests/v1";
    let for_acme_now = || cluster.node(2).token(&user("bob"), &["repository:acme/app:pull"]);
    cluster.client.wait_for("membership is known", || {
        let token = for_acme_now();
        cluster.node(1).get(acme, &token).status == 200
    });
    let as_member = for_acme_now();
    for number in 0..3 {
        let node = cluster.node(number);
        for credential in [&by_token, &bearers[0], &bearers[1], &user("alice")] {
            node.get(path, credential).expect(200);
        }
        node.get(acme, &as_member).expect(200);
    }
    let dead_everywhere = |path: &str, credential: &str, what: &str| {
        let began_at = Instant::now();
        for number in 0..3 {
            while cluster.node(number).get(path, credential).status == 200 {
                assert!(began_at.elapsed() < PROMPT, "{what} works on node {number}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    };
    cluster.node(0).admin(&["token", "delete", "alice", id]);
    dead_everywhere(path, &by_token, "a deleted access token");
    dead_everywhere(path, &bearers[0], "the bearer token that it got");
    cluster.node(1).admin(&["org", "remove-member", "acme", "bob"]);
    dead_everywhere(acme, &as_member, "the bearer token of a former member");
    // Signing out everywhere is what a new password does.
    cluster.node(1).admin_with_input(&["user", "password", "alice", "--password-stdin"], "another password");
    dead_everywhere(path, &bearers[1], "a bearer token from before");
    dead_everywhere(path, &user("alice"), "the old password");
    let fresh = cluster.node(2).token("alice:another password", &scopes);
    cluster.node(0).get(path, &fresh).expect(200);
    cluster.node(2).admin(&["user", "disable", "alice"]);
    dead_everywhere(path, &fresh, "a disabled user's token");
    dead_everywhere(path, "alice:another password", "a disabled user");
}

#[test]
fn failed_sign_ins_are_counted_over_all_nodes() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    for number in 0..10 {
        cluster.node(number % 3).get("/v2/", "alice:wrong password").expect(401);
    }
    for number in 0..3 {
        let refused = cluster.node(number).get("/v2/", &format!("alice:{PASSWORD}")).expect(429);
        assert!(!refused.header("retry-after").is_empty());
    }
}

#[test]
fn keys_that_one_node_rotates_are_known_to_all() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.push_image("alice/app", "v1", b"layer");
    let scopes = ["repository:alice/app:pull"];
    let before = cluster.node(2).token(&user("alice"), &scopes);
    // Forged keys are asked for at most once a second.
    cluster.node(0).admin(&["key", "rotate"]);
    let after = cluster.node(0).token(&user("alice"), &scopes);
    for number in 0..3 {
        let node = cluster.node(number);
        node.get("/v2/alice/app/manifests/v1", &before).expect(200);
        node.wait_for("the new key is known", || {
            node.get("/v2/alice/app/manifests/v1", &after).status == 200
        });
    }
}

#[test]
fn parallel_pushes_with_nodes_killed_at_random_lose_nothing_acknowledged() {
    const PUSHES: usize = 100;
    let Some(cluster) = Cluster::start(&["--set", "storage.part_bytes=5242880"]) else { return };
    let acknowledged: Mutex<BTreeMap<String, (String, Vec<u8>)>> = Mutex::default();
    let (next, kills, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let pushing: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= PUSHES {
                            return;
                        }
                        let repository = format!("acme/app{}", number % 7);
                        // Every fifth has parts.
                        let bytes = if number % 5 == 0 { 6_000_000 } else { 20_000 };
                        let layer = layer(number, bytes + number);
                        let tag = format!("p{number}");
                        let manifest = cluster.push_image(&repository, &tag, &layer);
                        let path = format!("/v2/{repository}/manifests/{tag}");
                        acknowledged.lock().unwrap().insert(path, (manifest, layer));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let kill = kills.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(100 + (kill as u64 * 397) % 500));
                let number = (kill * 2 + kill / 3) % 3;
                let mut node = cluster.node(number);
                node.kill();
                node.start_again();
                cluster.balancer.set(number, node.host());
            }
        });
        for thread in pushing {
            thread.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(kills.load(Ordering::SeqCst) > 3);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert_eq!(acknowledged.len(), PUSHES);
    let who = user("alice");
    for (number, (path, (manifest, layer))) in acknowledged.iter().enumerate() {
        let node = cluster.node(number % 3);
        assert_eq!(node.get(path, &who).expect(200).body, manifest.as_bytes(), "{path}");
        let repository = path.split("/manifests/").next().unwrap();
        let blob = format!("{repository}/blobs/{}", digest_of(layer));
        assert!(node.get(&blob, &who).expect(200).body == *layer, "{path}");
    }
    assert_eq!(cluster.node(0).admin(&["verify"])["problems"], 0);
    assert_eq!(cluster.node(1).admin(&["verify", "--store"])["problems"], 0);
}

#[test]
fn a_rolling_restart_fails_nothing() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.push_image("alice/app", "v0", b"layer");
    let who = user("alice");
    let stop = AtomicBool::new(false);
    let requests = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cluster, stop, requests, who) = (&cluster, &stop, &requests, &who);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let layer = layer(thread * 10_000 + number, 300_000);
                    let path = format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(&layer));
                    let send = |method, path: &str, body: &[u8]| {
                        // A connection that no request was sent over may be closed; clients try that again.
                        let sent = cluster.client.try_send(method, path, who, &[ALONE], body);
                        sent.or_else(|_| cluster.client.try_send(method, path, who, &[ALONE], body)).unwrap()
                    };
                    send("POST", &path, &layer).expect(201);
                    send("GET", &format!("/v2/alice/app/blobs/{}", digest_of(&layer)), b"").expect(200);
                    send("GET", "/v2/alice/app/manifests/v0", b"").expect(200);
                    requests.fetch_add(3, Ordering::SeqCst);
                }
            });
        }
        for number in 0..3 {
            std::thread::sleep(Duration::from_millis(300));
            let mut node = cluster.node(number);
            assert!(node.stop().success());
            node.start_again();
            cluster.balancer.set(number, node.host());
        }
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::SeqCst);
    });
    assert!(requests.load(Ordering::SeqCst) > 50);
}

#[test]
fn another_node_takes_over_when_the_one_that_collects_garbage_is_killed() {
    let Some(stores) = SharedStores::only() else { return };
    let settings =
        ["gc.lease_seconds=0", "gc.undo_seconds=0", "gc.takeover_seconds=5", "gc.interval_seconds=1"];
    let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
    let server = Server::with(&arguments);
    let proxy = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let mut collector = server
        .another_node("collector", &[("LONGSHORE_STORAGE_ENDPOINT", format!("http://{}", proxy.host()))]);
    let who = user("alice");
    // Only the one whose way to the store is stuck is there to collect.
    let mut server = server;
    assert!(server.stop().success());
    let kept = collector.push_blob(&who, "alice/app", b"kept");
    collector.push_manifest(&who, "alice/app", "v1", &image(b"kept", &[])).expect(201);
    proxy.set_outage(Some(Fault::Slow(Duration::from_secs(60))));
    let mut other = server;
    other.start_again();
    for number in 0..20 {
        other.push_blob(&who, "alice/garbage", &layer(number, 1000));
    }
    assert!(other.stop().success());
    collector
        .wait_for("it has begun to delete", || proxy.heads().iter().any(|head| head.contains("?delete")));
    collector.kill();
    other.start_again();
    other.wait_for("all garbage is gone", || {
        let status = other.admin(&["gc", "status"]);
        status["objects_to_delete"] == 0 && status["totals"]["blobs_deleted"].as_u64().unwrap() >= 20
    });
    other.get(&format!("/v2/alice/app/blobs/{kept}"), &who).expect(200);
    assert_eq!(other.admin(&["verify", "--store"])["objects"], 1);
}

#[test]
fn another_node_goes_on_with_an_owners_collection_when_the_one_that_runs_it_is_killed() {
    let Some(stores) = SharedStores::only() else { return };
    let settings = ["gc.grace_seconds=0", "gc.takeover_seconds=5", "gc.interval_seconds=0"];
    let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
    let mut other = Server::with(&arguments);
    let who = docr::bearer(&other, "alice", "repo:admin");
    docr::registry(&other, &who, "shop", "professional");
    docr::push(&other, &user("alice"), "shop/app", "kept");
    let digest = docr::push(&other, &user("alice"), "shop/app", "gone");
    let path = format!("/v2/registry/shop/repositories/app/digests/{digest}");
    other.send("DELETE", &path, &who, &[], b"").expect(204);
    assert!(other.stop().success());
    let proxy = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let mut runner =
        other.another_node("runner", &[("LONGSHORE_STORAGE_ENDPOINT", format!("http://{}", proxy.host()))]);
    proxy.set_outage(Some(Fault::Slow(Duration::from_secs(60))));
    let run = "/v2/registry/shop/garbage-collection";
    let started = runner.send("POST", run, &who, &[], b"").expect(201).json();
    runner.wait_for("it has begun to delete", || proxy.heads().iter().any(|head| head.contains("?delete")));
    runner.kill();
    other.start_again();
    let listed = || other.get("/v2/registry/shop/garbage-collections", &who).expect(200).json();
    let status = || listed()["garbage_collections"][0]["status"].clone();
    assert_eq!(status(), "deleting unreferenced blobs");
    other.send("POST", "/v2/shop/app/blobs/uploads/", &user("alice"), &[], b"").expect(403);
    other.wait_for("the other node to end it", || status() == "succeeded");
    let ended = &listed()["garbage_collections"][0];
    assert_eq!(ended["uuid"], started["garbage_collection"]["uuid"]);
    assert_eq!(ended["blobs_deleted"], 2);
    other.get("/v2/shop/app/manifests/kept", &user("alice")).expect(200);
    docr::push(&other, &user("alice"), "shop/app", "new");
}

#[test]
fn readiness_tells_the_truth_and_recovers_without_a_restart() {
    let Some(stores) = SharedStores::only() else { return };
    let s3 = Proxy::http(stores.s3_endpoint.trim_start_matches("http://"));
    let server = Server::new();
    let database = Proxy::database(&stores.postgres_host());
    let url = server.database_url().replace(&stores.postgres_host(), &database.host());
    let node = server.another_node(
        "behind-proxies",
        &[("LONGSHORE_STORAGE_ENDPOINT", format!("http://{}", s3.host())), ("LONGSHORE_DATABASE_URL", url)],
    );
    let is_ready = || node.get("/readyz", "").status == 200;
    node.wait_for("it is ready", is_ready);
    // A store that hangs is not waited for.
    s3.set_outage(Some(Fault::Slow(Duration::from_secs(12))));
    node.wait_for("it says that it is not ready", || !is_ready());
    let answer = node.get("/readyz", "");
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.contains("the blob store") && !text.contains("the database"), "{text}");
    s3.set_outage(None);
    node.wait_for("it is ready again", is_ready);
    for (proxy, fault) in [(&s3, Fault::Status(503)), (&s3, Fault::Refused), (&database, Fault::Refused)] {
        proxy.set_outage(Some(fault));
        node.wait_for("it says that it is not ready", || !is_ready());
        node.wait_for("neither for pushes", || node.get("/readyz?for=push", "").status == 503);
        node.get("/healthz", "").expect(200);
        let refused = node.send(
            "POST",
            &format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(b"during")),
            &user("alice"),
            &[],
            b"during",
        );
        assert_eq!(refused.status, 503, "{}", String::from_utf8_lossy(&refused.body));
        assert!(!refused.header("retry-after").is_empty());
        proxy.set_outage(None);
        node.wait_for("it is ready again", is_ready);
        node.push_blob(&user("alice"), "alice/app", b"during");
    }
}

#[test]
fn clients_are_redirected_to_the_store_unless_they_could_not_follow() {
    let Some(stores) = SharedStores::only() else { return };
    let server = Server::with(&[
        "--set",
        "trusted_proxies=127.0.0.1",
        "--set",
        "storage.redirect_except=198.51.100.0/24",
    ]);
    let (alice, content) = (user("alice"), layer(1, 300_000));
    let path = format!("/v2/alice/app/blobs/{}", server.push_blob(&alice, "alice/app", &content));
    let ask = |method: &str, who: &str, headers: &[(&str, &str)]| {
        server.send_once(method, &path, who, headers, b"").unwrap()
    };
    let redirected = ask("GET", &alice, &[]).expect(307);
    assert!(redirected.header("location").starts_with(&stores.s3_endpoint));
    assert!(redirected.header("location").contains("X-Amz-Expires=900"));
    assert_eq!(redirected.header("cache-control"), "no-store");
    assert!(redirected.body.is_empty());
    ask("GET", &alice, &[("range", "bytes=5-9")]).expect(307);
    assert_eq!(ask("HEAD", &alice, &[]).expect(200).header("content-length"), "300000");
    // Who may not pull gets no URL.
    ask("GET", "", &[]).expect(401);
    assert!(ask("GET", &user("bob"), &[]).expect(404).header("location").is_empty());
    // Through the registry: ranges work there as well.
    let lan = [("x-forwarded-for", "198.51.100.7"), ("range", "bytes=100-199")];
    assert!(ask("GET", &alice, &lan).expect(206).body == content[100..200]);
    assert!(ask("GET", &alice, &lan[..1]).expect(200).body == content);
    let secure = [("x-forwarded-proto", "https"), ("x-forwarded-host", "registry.example.org")];
    assert!(ask("GET", &alice, &secure).expect(200).body == content);
    let same_host = [("x-forwarded-host", "localhost:5000"), ("x-forwarded-proto", "http")];
    assert!(ask("GET", &alice, &same_host).expect(200).body == content);
    let off = server.another_node("off", &[("LONGSHORE_STORAGE_REDIRECT", "false".into())]);
    assert!(off.send_once("GET", &path, &alice, &[], b"").unwrap().expect(200).body == content);
}
