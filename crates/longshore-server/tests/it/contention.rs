//! Many clients at three nodes that want the same rows: nobody fails, and PostgreSQL ends no transaction because two waited for
//! each other. Nothing is tested here when the tests run on the embedded stores.
//!
//! `LONGSHORE_TEST_CONTENTION_SECONDS` makes it longer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use longshore_testkit::images::{digest_of, image};
use longshore_testkit::stores::SharedStores;

use crate::server::{Client, Server, user};

const CLIENTS: usize = 24;
const MANIFEST: (&str, &str) = ("content-type", "application/vnd.oci.image.manifest.v1+json");

struct Nodes {
    stores: SharedStores,
    nodes: Vec<Server>,
}

impl Nodes {
    fn start(settings: &[&str]) -> Option<Self> {
        let stores = SharedStores::only()?;
        let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
        let first = Server::on_stores(stores.clone(), &arguments);
        let others = ["second", "third"].map(|name| first.another_node(name, &[]));
        Some(Self { stores, nodes: std::iter::once(first).chain(others).collect() })
    }

    /// Lets clients work side by side, each with a node of its own, and prints how long their requests took.
    #[expect(clippy::print_stdout, reason = "the result of a measurement")]
    fn drive(&self, what: &str, work: impl Fn(usize, &Timed) + Sync) {
        let took = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (took, work) = (&took, &work);
                let client = Client::new(format!("http://{}", self.nodes[number % 3].host()));
                scope.spawn(move || work(number, &Timed { client, took }));
            }
        });
        let mut took = took.into_inner().unwrap();
        took.sort();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        println!(
            "{what}: {} requests, p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
            took.len(),
            at(50),
            at(99),
            at(100)
        );
    }

    /// Stops the nodes, so that their connections have told what they know.
    fn expect_no_deadlock(mut self) {
        let url = self.nodes[0].database_url();
        for node in &mut self.nodes {
            assert!(node.stop().success());
        }
        assert_eq!(self.stores.deadlocks(&url), 0, "deadlocks");
    }
}

/// A client that measures its requests and fails when the registry does.
struct Timed<'t> {
    client: Client,
    took: &'t Mutex<Vec<Duration>>,
}

impl Timed<'_> {
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let began_at = Instant::now();
        let answer = self.client.send(method, path, &user("alice"), headers, body);
        self.took.lock().unwrap().push(began_at.elapsed());
        assert!(answer.status < 500, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
        answer.status
    }

    fn push_blob(&self, repository: &str, blob: &[u8]) {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest_of(blob));
        assert_eq!(self.send("POST", &path, &[], blob), 201, "{path}");
    }
}

fn until() -> Instant {
    let seconds = std::env::var("LONGSHORE_TEST_CONTENTION_SECONDS").ok().and_then(|text| text.parse().ok());
    Instant::now() + Duration::from_secs(seconds.unwrap_or(8))
}

/// Promotion tags are this load.
#[test]
fn one_tag_is_moved_between_known_images_by_many_clients() {
    let Some(nodes) = Nodes::start(&[]) else { return };
    let images: Vec<String> =
        (0..8).map(|number| image(b"{}", &[format!("layer {number}").as_bytes()])).collect();
    nodes.nodes[0].push_blob(&user("alice"), "alice/app", b"{}");
    for (number, manifest) in images.iter().enumerate() {
        nodes.nodes[0].push_blob(&user("alice"), "alice/app", format!("layer {number}").as_bytes());
        nodes.nodes[0]
            .push_manifest(&user("alice"), "alice/app", &format!("v{number}"), manifest)
            .expect(201);
    }
    let end = until();
    nodes.drive("one tag", |client, timed| {
        for number in 0.. {
            if Instant::now() > end {
                return;
            }
            let manifest = &images[(client * 5 + number) % images.len()];
            // A second tag, in either order, is one more thing to wait for.
            let tags = if client % 2 == 0 { "latest?tag=stable" } else { "stable?tag=latest" };
            let path = format!("/v2/alice/app/manifests/{tags}");
            assert_eq!(timed.send("PUT", &path, &[MANIFEST], manifest.as_bytes()), 201);
        }
    });
    nodes.expect_no_deadlock();
}

/// A session of psql, which keeps what it locks.
struct Psql(std::process::Child);

impl Psql {
    fn start(url: &str) -> Self {
        let mut command = std::process::Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--dbname", url]);
        Self(command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap())
    }

    fn say(&mut self, sql: &str) {
        use std::io::Write;
        writeln!(self.0.stdin.as_mut().unwrap(), "{sql}").unwrap();
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began_at = Instant::now();
    while !is_so() {
        assert!(began_at.elapsed() < Duration::from_secs(60), "that does not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Its transaction has the tag when the process stops.
#[test]
fn a_node_that_is_frozen_in_a_transaction_keeps_a_tag_for_seconds() {
    let Some(nodes) = Nodes::start(&[]) else { return };
    let (stores, url) = (&nodes.stores, nodes.nodes[0].database_url());
    let (frozen, other) = (&nodes.nodes[1], &nodes.nodes[0]);
    let manifest = image(b"{}", &[]);
    other.push_blob(&user("alice"), "alice/app", b"{}");
    other.push_manifest(&user("alice"), "alice/app", "hot", &manifest).expect(201);
    frozen.push_manifest(&user("alice"), "alice/app", "hot", &manifest).expect(201);
    let waiting = |count: &str| {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        stores.ask(&url, sql) == count
    };
    // A push writes the image last: when it waits for that, it has everything else.
    let mut psql = Psql::start(&url);
    psql.say("SET application_name = 'holder'; BEGIN; SELECT 1 FROM images FOR UPDATE;");
    wait_until(|| {
        stores.ask(&url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND state = 'idle in transaction'")
            == "1"
    });
    std::thread::scope(|scope| {
        let late = scope.spawn(|| frozen.push_manifest(&user("alice"), "alice/app", "hot", &manifest).status);
        wait_until(|| waiting("1"));
        frozen.signal("STOP");
        psql.say("COMMIT;");
        // Its session is in a transaction that does nothing, or, on a busy machine, was ended for that already.
        wait_until(|| waiting("0"));
        let began_at = Instant::now();
        other.push_manifest(&user("alice"), "alice/app", "hot", &manifest).expect(201);
        let took = began_at.elapsed();
        frozen.signal("CONT");
        assert!(took < Duration::from_secs(20), "{took:?}");
        // Its transaction is gone. When it was about to commit, it cannot know that, and says that the push is to be repeated.
        let late = late.join().unwrap();
        assert!(matches!(late, 201 | 503), "{late}");
        frozen.push_manifest(&user("alice"), "alice/app", "hot", &manifest).expect(201);
    });
    nodes.expect_no_deadlock();
}

#[test]
fn layers_are_shared_and_deleted_while_garbage_is_collected_each_second() {
    let settings = ["gc.lease_seconds=3", "gc.undo_seconds=0", "gc.interval_seconds=1"];
    let Some(nodes) = Nodes::start(&settings) else { return };
    let layers: Vec<Vec<u8>> = (0..6).map(|number| format!("shared layer {number}").into_bytes()).collect();
    let pushed = AtomicUsize::new(0);
    let end = until();
    nodes.drive("shared layers", |client, timed| {
        let repository = format!("alice/app{}", client % 3);
        for number in 0.. {
            if Instant::now() > end {
                return;
            }
            let config = format!("{{\"n\":\"{client}-{number}\"}}");
            // In another order for each client.
            let mut own: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
            own.rotate_left(client % layers.len());
            if client % 2 == 0 {
                own.reverse();
            }
            for blob in own.iter().copied().chain([config.as_bytes()]) {
                timed.push_blob(&repository, blob);
            }
            let manifest = image(config.as_bytes(), &own);
            let path = format!("/v2/{repository}/manifests/t{}", client % 4);
            // What took longer than the lease may be gone.
            let status = timed.send("PUT", &path, &[MANIFEST], manifest.as_bytes());
            assert!(matches!(status, 201 | 400), "{status}");
            pushed.fetch_add(usize::from(status == 201), Ordering::SeqCst);
            if number % 2 == 0 {
                let path = format!("/v2/{repository}/manifests/{}", digest_of(manifest.as_bytes()));
                let status = timed.send("DELETE", &path, &[], b"");
                assert!(matches!(status, 202 | 404), "{status}");
            }
        }
    });
    assert!(pushed.load(Ordering::SeqCst) > 0);
    assert_eq!(nodes.nodes[0].admin(&["verify"])["problems"], 0);
    nodes.expect_no_deadlock();
}
