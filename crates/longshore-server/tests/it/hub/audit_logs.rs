use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use super::{access_token, session, sign_in};
use crate::server::{Server, user};

fn push(server: &Server, repository: &str, tag: &str) {
    server.push_blob(&user("alice"), repository, b"{}");
    server.push_manifest(&user("alice"), repository, tag, &image(b"{}", &[])).expect(201);
}

fn logs(server: &Server, who: &str, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/v2/auditlogs/acme?{query}"), who).expect(200).json();
    answer["logs"].as_array().unwrap().clone()
}

#[test]
fn what_happens_is_logged_with_the_names_of_the_hub() {
    let server = Server::new();
    push(&server, "acme/app", "latest");
    let alice = sign_in(&server, "alice");
    let digest = digest_of(image(b"{}", &[])).to_string();
    let pushed = &logs(&server, &alice, "action=repo.tag.push")[0];
    assert_eq!(
        *pushed,
        json!({ "account": "acme", "action": "repo.tag.push", "name": "acme/app", "actor": "alice",
            "data": { "digest": digest, "tag": "latest" }, "timestamp": pushed["timestamp"],
            "action_description": format!("pushed the tag latest with the digest {} to the repository acme/app",
                &digest[..20]) })
    );
    server.admin(&["repo", "set", "acme/app", "--visibility", "public"]);
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    let all = logs(&server, &alice, "");
    let actions: Vec<&str> = all.iter().map(|log| log["action"].as_str().unwrap()).collect();
    let newest = ["org.member.role.change", "org.member.add", "repo.change_privacy"];
    assert_eq!(actions[..3], newest);
    assert_eq!(actions.last(), Some(&"org.create"));
}

#[test]
fn filters_narrow_and_pages_end_with_an_empty_one() {
    let server = Server::new();
    for n in 0..3 {
        push(&server, "acme/app", &format!("v{n}"));
        push(&server, "acme/other", &format!("v{n}"));
    }
    let alice = sign_in(&server, "alice");
    let count = |query: &str| logs(&server, &alice, query).len();
    assert_eq!(count("action=repo.tag.push"), 6);
    assert_eq!(count("action=repo.tag.push&name=app"), 3);
    assert_eq!(count("action=repo.tag.push&name=acme/app"), 3);
    assert_eq!(count("action=repo.tag.push&name=app&actor=alice"), 3);
    assert_eq!(count("action=repo.tag.push&name=app&actor=bob"), 0);
    assert_eq!(count("actor=alice&action=repo.create"), 2);
    assert_eq!(count("actor=operator&action=org.create"), 1);
    assert_eq!(count("name=acme"), 1);
    assert_eq!(count("from=2099-01-01T00:00:00Z"), 0);
    assert_eq!(count("to=2001-01-01T00:00:00Z"), 0);
    let newest = &logs(&server, &alice, "")[0];
    let at = newest["timestamp"].as_str().unwrap();
    assert!(count(&format!("from={at}&to={at}")) >= 1, "both ends are included");
    let mut seen = 0;
    for page in 1.. {
        let page = logs(&server, &alice, &format!("action=repo.tag.push&page_size=4&page={page}"));
        if page.is_empty() {
            break;
        }
        seen += page.len();
    }
    assert_eq!(seen, 6);
    for bad in ["action=repo.fly", "from=x", "to=2026-13-01T00:00:00Z", "page=0", "page_size=-1"] {
        let refused = server.get(&format!("/v2/auditlogs/acme?{bad}"), &alice).expect(400).json();
        assert_eq!((&refused["code"], &refused["details"]), (&json!(3), &json!([])), "{refused}");
    }
    let grouped = server.get("/v2/auditlogs/acme/actions", &alice).expect(200).json();
    assert_eq!(grouped["actions"]["repo"]["label"], "Repository");
    let pushed =
        json!({ "name": "tag.push", "label": "Tag Pushed", "description": "contains image tag push events" });
    assert!(grouped["actions"]["repo"]["actions"].as_array().unwrap().contains(&pushed), "{grouped}");
}

#[test]
fn a_log_is_for_owners_administrators_and_nobody_else() {
    let server = Server::new();
    let [alice, bob, admin] = ["alice", "bob", "admin"].map(|name| sign_in(&server, name));
    let ask = |account: &str, who: &str| {
        let answer = server.get(&format!("/v2/auditlogs/{account}"), who);
        (answer.status, answer.json()["code"].as_u64())
    };
    assert_eq!(ask("acme", &alice), (200, None));
    assert_eq!(ask("alice", &alice), (200, None));
    assert_eq!(ask("acme", &admin), (200, None));
    assert_eq!(ask("acme", &bob), (404, Some(5)));
    assert_eq!(ask("alice", &bob), (404, Some(5)));
    assert_eq!(ask("nobody", &bob), (404, Some(5)));
    assert_eq!(ask("acme", ""), (401, Some(16)));
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    assert_eq!(ask("acme", &bob), (403, Some(7)));
    for (scope, expected) in [("repo:write", (403, Some(7))), ("repo:admin", (200, None))] {
        let token = access_token(&server, &alice, scope);
        assert_eq!(ask("acme", &session(&server, "alice", token["token"].as_str().unwrap())), expected);
    }
}

#[test]
fn the_log_is_exported_as_lines_of_json() {
    let server = Server::new();
    push(&server, "acme/app", "latest");
    let export = |arguments: &[&str]| -> Vec<Value> {
        let output = server.try_admin(&[&["audit", "export"], arguments].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let all = export(&[]);
    let ids: Vec<i64> = all.iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() > 5);
    assert!(export(&["--account", "acme"]).len() < all.len());
    let after = ids[ids.len() - 2].to_string();
    assert_eq!(export(&["--after", &after]), all[all.len() - 1..]);
}
