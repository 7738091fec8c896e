//! Tags as they were: lists and single ones at a time, what changed between two, and the way back.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{APP, acme, bearer, each, follow, push_app, send};
use crate::server::{Server, TestClock};

const HOUR: i64 = 3600;

/// A server by whose clock `v1` was pushed at hour 0, moved at hour 2 and deleted at hour 4, `v2` was pushed at hour 2, and `v3`
/// at hour 4; it is hour 6.
struct SixHours {
    server: Server,
    alice: String,
    /// What was pushed, in this order.
    digests: Vec<String>,
    began: Timestamp,
    clock: TestClock,
}

impl SixHours {
    fn new() -> Self {
        let (server, clock) = Server::with_clock();
        #[expect(clippy::disallowed_methods, reason = "what the server's clock begins with")]
        let began = Timestamp::try_from(SystemTime::now()).unwrap();
        let alice = bearer(&server, "alice", "repo:admin");
        let digests = vec![push_app(&server, "v1")];
        let mut world = Self { server, alice, digests, began, clock };
        world.clock.set(2 * HOUR);
        world.digests.push(push_app(&world.server, "v2"));
        let v1 = format!("{APP}/-/tags/v1");
        send(&world.server, "PUT", &v1, &world.alice, &json!({ "from": "v2" })).expect(200);
        world.clock.set(4 * HOUR);
        world.digests.push(push_app(&world.server, "v3"));
        world.server.send("DELETE", &v1, &world.alice, &[], b"").expect(204);
        world.clock.set(6 * HOUR);
        world
    }

    /// An hour, as clients write it.
    fn at(&self, hours: i64) -> String {
        (self.began + SignedDuration::from_hours(hours)).to_string()
    }
}

#[test]
fn tags_are_shown_as_they_were() {
    let world = SixHours::new();
    let (server, alice, digests) = (&world.server, &world.alice, &world.digests);
    let at = |hours| world.at(hours);
    let list = |hours: i64, limit: usize| {
        follow(server, alice, &format!("{APP}/-/tags?as_of={}", at(hours)), limit, "name")
    };
    for limit in [1, 2, 10] {
        assert_eq!(list(-1, limit), [""; 0]);
        assert_eq!(list(1, limit), ["v1"]);
        assert_eq!(list(3, limit), ["v1", "v2"]);
        assert_eq!(list(5, limit), ["v2", "v3"]);
    }
    let tag = |tag: &str, hours: i64| server.get(&format!("{APP}/-/tags/{tag}?as_of={}", at(hours)), alice);
    let first = tag("v1", 1).expect(200);
    assert_eq!(first.header("etag"), format!("\"{}\"", digests[0]));
    let first = first.json();
    assert_eq!((&first["digest"], &first["pushed_by"]), (&json!(digests[0]), &json!("alice")));
    assert_eq!(first["image"]["digest"], digests[0].as_str());
    assert!(first["until"].as_str().unwrap() > first["pushed_at"].as_str().unwrap());
    assert_eq!(tag("v1", 3).expect(200).json()["digest"], digests[1].as_str());
    assert_eq!(tag("v1", 5).expect(404).json()["code"], "tag_was_not_there");
    assert_eq!(tag("v1", 7).expect(400).json()["code"], "not_past");
    assert_eq!(server.get(&format!("{APP}/-/tags/v1"), alice).expect(404).json()["code"], "manifest_unknown");
    let together = format!("{APP}/-/tags?as_of={}&order=-pushed", at(1));
    assert_eq!(server.get(&together, alice).expect(400).json()["field"], "order");
    // What it pointed at is deleted: the history says it, and that it is gone.
    let image = format!("/v2/acme/team/app/manifests/{}", digests[0]);
    server.send("DELETE", &image, &crate::server::user("alice"), &[], b"").expect(202);
    let gone = tag("v1", 1).expect(200).json();
    assert_eq!((&gone["digest"], &gone["image"]), (&json!(digests[0]), &Value::Null));
}

#[test]
fn what_changed_between_two_times_is_listed() {
    let world = SixHours::new();
    let (server, alice, digests) = (&world.server, &world.alice, &world.digests);
    let at = |hours| world.at(hours);
    let changes = |from: i64, to: i64| {
        let path = format!("{APP}/-/changes?from={}&to={}", at(from), at(to));
        let page = server.get(&path, alice).expect(200).json();
        let one =
            |item: &Value| format!("{} {}", item["name"].as_str().unwrap(), item["change"].as_str().unwrap());
        page["items"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(changes(-1, 1), ["v1 added"]);
    assert_eq!(changes(1, 3), ["v1 moved", "v2 added"]);
    assert_eq!(changes(1, 5), ["v1 deleted", "v2 added", "v3 added"]);
    assert_eq!(changes(3, 3), [""; 0]);
    let path = format!("{APP}/-/changes?from={}", at(1));
    assert_eq!(follow(server, alice, &path, 1, "name"), ["v1", "v2", "v3"], "until now");
    let only = server.get(&format!("{path}&prefix=v3"), alice).expect(200).json();
    assert_eq!(each(&only, "to"), [digests[2].clone()]);
    for bad in [format!("{APP}/-/changes"), format!("{path}&to={}", at(0)), format!("{path}&to={}", at(7))] {
        server.get(&bad, alice).expect(400);
    }
}

#[test]
fn a_tag_goes_back_to_where_it_was() {
    let world = SixHours::new();
    let (server, alice, digests) = (&world.server, &world.alice, &world.digests);
    let at = |hours| world.at(hours);
    let back = |tag: &str, to: &str, headers: &[(&str, &str)]| {
        let body = serde_json::to_vec(&json!({ "to": to })).unwrap();
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        server.send("POST", &format!("{APP}/-/tags/{tag}/rollback"), alice, &headers, &body)
    };
    // A tag that was deleted comes back as what it was last.
    assert_eq!(back("v1", "previous", &[]).expect(200).json()["digest"], digests[1].as_str());
    // And goes back to what it was before that.
    assert_eq!(back("v1", "previous", &[]).expect(200).json()["digest"], digests[0].as_str());
    assert_eq!(back("v1", &at(3), &[]).expect(200).json()["digest"], digests[1].as_str());
    let moved = back("v1", &digests[0], &[("if-match", &format!("\"{}\"", digests[1]))]).expect(200);
    assert_eq!(moved.header("etag"), format!("\"{}\"", digests[0]));
    let refused = back("v1", &digests[1], &[("if-match", &format!("\"{}\"", digests[1]))]).expect(412).json();
    assert_eq!(refused["code"], "precondition_failed");
    assert_eq!(back("v3", "previous", &[]).expect(404).json()["code"], "tag_was_not_there");
    assert_eq!(back("v1", &digests[2], &[]).expect(404).json()["code"], "tag_was_not_there");
    assert_eq!(back("nothing", "previous", &[]).expect(404).json()["code"], "manifest_unknown");
    assert_eq!(back("v1", "yesterday", &[]).expect(400).json()["field"], "to");
    let path = format!("{APP}/-/tags/v1/history");
    let history = follow(server, alice, &path, 2, "digest");
    let expected = [0, 1, 0, 1, 1, 0].map(|number| digests[number].clone());
    assert_eq!(history, expected, "what was rolled back stays in the history");
    // What it pointed at is deleted meanwhile.
    let image = format!("/v2/acme/team/app/manifests/{}", digests[1]);
    server.send("DELETE", &image, &crate::server::user("alice"), &[], b"").expect(202);
    assert_eq!(back("v1", &digests[1], &[]).expect(410).json()["code"], "gone");
}

#[test]
fn tags_are_set_on_conditions() {
    let (server, alice) = acme();
    let digests = [push_app(&server, "v1"), push_app(&server, "v2")];
    let set = |tag: &str, from: &str, headers: &[(&str, &str)]| {
        let body = serde_json::to_vec(&json!({ "from": from })).unwrap();
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        server.send("PUT", &format!("{APP}/-/tags/{tag}"), &alice, &headers, &body)
    };
    set("latest", &digests[0], &[("if-none-match", "*")]).expect(200);
    set("latest", &digests[1], &[("if-none-match", "*")]).expect(412);
    set("latest", &digests[1], &[("if-match", &format!("\"{}\"", digests[1]))]).expect(412);
    set("latest", &digests[1], &[("if-match", &format!("\"{}\"", digests[0]))]).expect(200);
    set("new", "v1", &[("if-match", "*")]).expect(412);
    let delete = |of: &str| {
        let of = format!("\"{of}\"");
        server.send("DELETE", &format!("{APP}/-/tags/v2"), &alice, &[("if-match", &of)], b"")
    };
    assert_eq!(delete(&digests[0]).expect(412).json()["code"], "precondition_failed");
    delete(&digests[1]).expect(204);
    set("new", "v1", &[("if-none-match", "\"x\"")]).expect(400);
    assert_eq!(set("new", "v9", &[]).expect(404).json()["code"], "manifest_unknown");
    assert_eq!(set("new", "sha256:1", &[]).expect(400).json()["code"], "digest_invalid");
    assert_eq!(set("x.asof.20260101", "v1", &[]).expect(400).json()["code"], "tag_reserved");
    let got = server.get(&format!("{APP}/-/tags/latest"), &alice).expect(200).json();
    assert_eq!(got["digest"], digests[1].as_str());
    let rules = json!({ "immutable_tags": { "enabled": true, "rules": ["^latest$"] } });
    send(&server, "PATCH", APP, &alice, &rules).expect(200);
    assert_eq!(set("latest", "v1", &[]).expect(409).json()["code"], "tag_immutable");
}
