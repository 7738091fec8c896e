//! Nodes whose clocks are set apart, on PostgreSQL and S3; nothing is tested here where the tests run on the embedded stores,
//! which tell the time by the machine's clock.

use std::path::PathBuf;
use std::process::Command;

use longshore_testkit::images::image;
use longshore_testkit::stores::SharedStores;

use crate::server::{LOG_TO, Server, TestClock, user};

const CONFIG: &[u8] = b"{}";

/// A node on the stores of another one, whose clock can be set apart from the machine's.
struct Node {
    server: Server,
    clock: TestClock,
    log: PathBuf,
}

impl Node {
    fn start(beside: &Server, name: &str, seconds: i64) -> Self {
        let folder = beside.data().parent().unwrap();
        let clock = TestClock::new(folder.join(format!("{name}.clock")), seconds);
        let log = folder.join(format!("{name}.log"));
        let environment = [clock.environment(), (LOG_TO, log.to_str().unwrap().to_owned())];
        Self { server: beside.another_node(name, &environment), clock, log }
    }

    fn set(&self, seconds: i64) {
        self.clock.set(seconds);
    }

    fn readiness(&self, query: &str) -> (u16, String) {
        let answer = self.server.get(&format!("/readyz{query}"), "");
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    /// How often a text is in the log.
    fn said(&self, text: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap().matches(text).count()
    }

    fn skew(&self) -> f64 {
        let metrics = self.server.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("longshore_clock_skew_seconds "));
        line.unwrap_or_else(|| panic!("no skew in: {metrics}")).parse().unwrap()
    }
}

/// Counts rows in the database of a node.
fn count(server: &Server, of: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM {of}");
    let psql = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname"])
        .args([&server.database_url(), "--command", &sql])
        .output()
        .unwrap();
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
    String::from_utf8(psql.stdout).unwrap().trim().parse().unwrap()
}

/// Two of three requests failed with 401, a blob of the late node was collected, and history ended before it began.
#[test]
fn nodes_whose_clocks_are_set_apart_agree_on_the_time() {
    if SharedStores::only().is_none() {
        return;
    }
    let right = Server::with(&["--set", "gc.lease_seconds=400", "--set", "gc.grace_seconds=400"]);
    let early = Node::start(&right, "early", 300);
    let late = Node::start(&right, "late", -300);
    let servers = [&right, &early.server, &late.server];
    let who = user("alice");

    // What the late node keeps for 400 s is old for an early clock.
    let lone = late.server.push_blob(&who, "alice/app", b"nothing refers to it yet");
    for (number, from) in servers.iter().enumerate() {
        from.push_blob(&who, "alice/app", CONFIG);
        let layer = format!("layer {number}");
        from.push_blob(&who, "alice/app", layer.as_bytes());
        from.push_manifest(&who, "alice/app", "latest", &image(CONFIG, &[layer.as_bytes()])).expect(201);
        let token = from.token(&who, &["repository:alice/app:pull,push"]);
        for (other, to) in servers.iter().enumerate() {
            let answer = to.get("/v2/alice/app/manifests/latest", &token);
            assert_eq!(answer.status, 200, "a token of node {number} at node {other}");
        }
    }
    for server in servers {
        server.admin(&["gc", "run"]);
        server.get(&format!("/v2/alice/app/blobs/{lone}"), &who).expect(200);
    }
    early
        .server
        .push_manifest(&who, "alice/app", "v1", &image(CONFIG, &[b"nothing refers to it yet"]))
        .expect(201);

    let times = "CASE WHEN until_at IS NULL THEN from_at ELSE until_at END";
    assert_eq!(count(&right, "tag_history WHERE name = 'latest'"), 3);
    assert_eq!(count(&right, "tag_history WHERE until_at <= from_at"), 0);
    let off = format!("tag_history WHERE abs({times} / 1e6 - extract(epoch FROM clock_timestamp())) > 60");
    assert_eq!(count(&right, &off), 0, "written at another time than the database's");
    let off = "blob_links WHERE abs(lease_until / 1e6 - 400 - extract(epoch FROM clock_timestamp())) > 60";
    assert_eq!(count(&right, off), 0, "a lease of another length");
}

#[test]
fn a_node_whose_clock_is_far_off_is_not_ready_and_says_why_once() {
    if SharedStores::only().is_none() {
        return;
    }
    let right = Server::new();
    assert_eq!(right.get("/readyz", "").expect(200).body, b"ready\n");
    let node = Node::start(&right, "off", 300);
    for query in ["", "?for=push"] {
        let (status, said) = node.readiness(query);
        assert_eq!(status, 503, "{said}");
        assert!(
            said.contains("the clock of this machine is 300.") && said.contains("ahead of the database's"),
            "{said}"
        );
        assert!(said.contains("NTP"), "{said}");
    }
    // It answers all the same.
    node.server.get("/v2/", &user("alice")).expect(200);
    assert!((299.0..301.0).contains(&node.skew()), "{}", node.skew());
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(node.said("ERROR"), 1, "at start, and not with each comparison");
    assert_eq!(node.said("this node is not ready: the clock of this machine is 300."), 1);

    // Where its clock is off by little, it is ready, and warns.
    node.set(-10);
    node.server.wait_for("it is ready again", || node.readiness("").0 == 200);
    assert_eq!(node.said("this node is ready again, but the clock of this machine is 10.0 s behind"), 1);
    node.set(0);
    node.server.wait_for("the clock is right", || node.skew().abs() < 1.0);
    assert_eq!(node.readiness("?for=push").0, 200);
    node.set(-300);
    node.server.wait_for("it is not ready", || node.readiness("").0 == 503);
    assert!(node.readiness("").1.contains("behind the database's"));
    assert_eq!(node.said("ERROR"), 2);
}
