//! Retention policies as clients see them; how they are applied is tested in the core.

use serde_json::{Value, json};

use super::{push, pusher, send, shop, token};

const POLICIES: &str = "/v2/manage/namespaces/shop/repos/app/retentions";

fn policy(template: &str, name: &str, amount: Value, selectors: Value) -> Value {
    let rule = json!({ "template": template, "params": { name: amount }, "tag_selectors": selectors });
    json!({ "algorithm": "or", "rules": [rule] })
}

#[test]
fn a_policy_deletes_what_its_dry_run_says_and_logs_why() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    for tag in ["v1", "v2", "keep", "v3", "v4"] {
        push(&server, &pusher(), "shop/app", tag);
    }
    let ask = |method: &str, path: &str, body: Value, status| {
        send(&server, method, path, &alice, &body).expect(status).json()
    };
    // It keeps all, so that it can be asked for before something happens.
    let made = ask("POST", POLICIES, policy("tag_rule", "num", json!("9"), json!([])), 201);
    let one = format!("{POLICIES}/{}", made["id"]);
    let run = ask("GET", &format!("{one}/dry-run"), Value::Null, 200);
    assert_eq!((&run["total"], &run["is_cut"]), (&json!(0), &json!(false)));
    let keep = json!([{ "kind": "regexp", "pattern": "ke+p" }]);
    ask("PATCH", &one, policy("tag_rule", "num", json!("2"), keep.clone()), 201);
    let rule = json!({ "template": "tag_rule", "params": { "num": "2" }, "tag_selectors": keep });
    let log = || ask("GET", &format!("{POLICIES}/histories"), Value::Null, 200);
    server.wait_for("the policy to be applied", || log()["total"] == 2);
    let log = log();
    let entries = log["retention_log"].as_array().unwrap();
    let mut tags: Vec<_> = entries.iter().map(|entry| entry["tag"].as_str().unwrap()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["v1", "v2"]);
    for entry in entries {
        let told: Value = serde_json::from_str(entry["rule_type"].as_str().unwrap()).unwrap();
        assert_eq!((&told, &entry["retention_id"]), (&rule, &made["id"]));
    }
    let left = ask("GET", "/v2/manage/namespaces/shop/repos/app/tags", Value::Null, 200);
    let left: Vec<_> = left.as_array().unwrap().iter().map(|tag| &tag["Tag"]).collect();
    assert_eq!(left, ["v4", "v3", "keep"]);
    let page = send(
        &server,
        "GET",
        &format!("{POLICIES}/histories?filter=offset::1|limit::1"),
        &alice,
        &Value::Null,
    );
    assert_eq!(page.expect(200).header("content-range"), "1-1/2");
    // The log outlives the policy.
    ask("DELETE", &one, Value::Null, 200);
    assert_eq!(ask("GET", &format!("{POLICIES}/histories"), Value::Null, 200)["total"], 2);
    let events = server.admin(&["audit", "list", "--account", "shop"]).to_string();
    assert!(events.contains("retention.create") && events.contains("retention_policy"), "{events}");
}

#[test]
fn what_is_no_policy_is_refused() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    push(&server, &pusher(), "shop/app", "v1");
    let tag = |kind: &str, pattern: &str| json!([{ "kind": kind, "pattern": pattern }]);
    let none = json!([]);
    for body in [
        policy("other_rule", "num", json!("1"), none.clone()),
        policy("tag_rule", "days", json!("1"), none.clone()),
        policy("date_rule", "num", json!("1"), none.clone()),
        policy("tag_rule", "num", json!("0"), none.clone()),
        policy("tag_rule", "num", json!("-1"), none.clone()),
        policy("tag_rule", "num", json!("1.5"), none.clone()),
        policy("tag_rule", "num", json!("99999999999"), none.clone()),
        policy("tag_rule", "num", json!(true), none.clone()),
        policy("tag_rule", "num", json!("1"), tag("other", "a")),
        policy("tag_rule", "num", json!("1"), tag("label", "no tag")),
        policy("tag_rule", "num", json!("1"), tag("regexp", "(")),
        policy("tag_rule", "num", json!("1"), tag("regexp", "(a{1000}){1000}")),
        json!({ "algorithm": "and", "rules": [] }),
        json!({ "algorithm": "or", "rules": [] }),
        json!({ "algorithm": "or" }),
    ] {
        send(&server, "POST", POLICIES, &alice, &body).expect(400);
    }
    let made = send(&server, "POST", POLICIES, &alice, &policy("tag_rule", "num", json!("9"), none.clone()));
    let one = format!("{POLICIES}/{}", made.expect(201).json()["id"]);
    // A policy keeps its template.
    send(&server, "PATCH", &one, &alice, &policy("date_rule", "days", json!("9"), none.clone())).expect(400);
    for path in [format!("{POLICIES}/999"), format!("{POLICIES}/x"), format!("{POLICIES}/-1")] {
        send(&server, "GET", &path, &alice, &Value::Null).expect(404);
    }
    // One of another repository is none of this.
    push(&server, &pusher(), "shop/other", "v1");
    let elsewhere = one.replace("repos/app", "repos/other");
    for method in ["GET", "DELETE"] {
        send(&server, method, &elsewhere, &alice, &Value::Null).expect(404);
    }
    send(&server, "GET", &one, &alice, &Value::Null).expect(200);
}
