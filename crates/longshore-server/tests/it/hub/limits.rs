use longshore_testkit::images::image;
use serde_json::json;

use super::{send, sign_in};
use crate::server::{Answer, PASSWORD, Server, user};

fn number(answer: &Answer, name: &str) -> i64 {
    answer.header(name).parse().unwrap_or_else(|_| panic!("{name}: {:?}", answer.headers))
}

#[test]
fn requests_are_limited_per_account_and_told_in_headers() {
    let server = Server::with(&["--set", "limits.requests_per_account=5"]);
    let (alice, bob) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let mut left = Vec::new();
    let refused = loop {
        let answer = server.get("/v2/user", &alice);
        if answer.status != 200 {
            break answer.expect(429);
        }
        assert_eq!(number(&answer, "x-ratelimit-limit"), 5);
        left.push(number(&answer, "x-ratelimit-remaining"));
        assert!(left.len() <= 10, "a window may end once meanwhile: {left:?}");
    };
    assert_eq!(left.last(), Some(&0));
    let body = refused.json();
    assert_eq!((&body["error"], body["detail"].is_string()), (&json!(false), true));
    let reset = number(&refused, "x-ratelimit-reset");
    assert_eq!(number(&refused, "x-retry-after"), reset);
    assert!((1..=60).contains(&number(&refused, "retry-after")));
    server.get("/v2/user", &bob).expect(200);
    server.get("/v2/", &user("alice")).expect(200);
    // A session that is void takes nothing from its account.
    let server = Server::with(&["--set", "limits.requests_per_account=5"]);
    let old = sign_in(&server, "alice");
    server.admin_with_input(&["user", "password", "alice", "--password-stdin"], "another long password");
    for _ in 0..10 {
        server.get("/v2/user", &old).expect(401);
    }
    let new = super::session(&server, "alice", "another long password");
    server.get("/v2/user", &new).expect(200);
}

#[test]
fn abuse_34_requests_are_limited_per_address_whoever_asks() {
    let server = Server::with(&[
        "--set",
        "limits.requests_per_address=6",
        "--set",
        "limits.requests_per_account=1000",
    ]);
    let wrong = json!({ "username": "alice", "password": "wrong" });
    let statuses: Vec<u16> =
        (0..14).map(|_| send(&server, "POST", "/v2/users/login", "", &wrong).status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    let body = json!({ "username": "alice", "password": PASSWORD });
    send(&server, "POST", "/v2/users/login", "", &body).expect(429);
}

#[test]
fn limits_that_are_switched_off_show_nothing() {
    let server =
        Server::with(&["--set", "limits.requests_per_address=0", "--set", "limits.requests_per_account=0"]);
    let alice = sign_in(&server, "alice");
    assert_eq!(server.get("/v2/user", &alice).expect(200).header("x-ratelimit-limit"), "");
}

#[test]
fn pulls_are_limited_where_that_is_configured() {
    let server =
        Server::with(&["--set", "limits.pulls_per_account=3", "--set", "limits.pulls_per_address=2"]);
    server.push_blob(&user("alice"), "alice/app", b"{}");
    server.push_manifest(&user("alice"), "alice/app", "v1", &image(b"{}", &[])).expect(201);
    server.admin(&["repo", "set", "alice/app", "--visibility", "public"]);
    let path = "/v2/alice/app/manifests/v1";
    let anonymous = server.token("", &["repository:alice/app:pull"]);
    for (who, limit) in [(user("alice"), 3), (anonymous, 2)] {
        for pulled in 1..=limit {
            let answer = server.get(path, &who).expect(200);
            assert_eq!(answer.header("ratelimit-limit"), format!("{limit};w=21600"));
            assert_eq!(answer.header("ratelimit-remaining"), format!("{};w=21600", limit - pulled));
            assert_ne!(answer.header("docker-ratelimit-source"), "");
        }
        let refused = server.get(path, &who).expect(429);
        assert_eq!(refused.code(), "TOOMANYREQUESTS");
        assert!(number(&refused, "retry-after") > 0);
        // Asking whether there is something new counts nothing and stays possible.
        let head = server.send("HEAD", path, &who, &[], b"").expect(200);
        assert_eq!(head.header("ratelimit-remaining"), "0;w=21600");
    }
    let plain = Server::new();
    plain.push_blob(&user("alice"), "alice/app", b"{}");
    plain.push_manifest(&user("alice"), "alice/app", "v1", &image(b"{}", &[])).expect(201);
    assert_eq!(plain.get(path, &user("alice")).expect(200).header("ratelimit-limit"), "");
}

/// What every answer of a dialect shows, it shows also where nothing is, and where the method is another one.
#[test]
fn what_is_left_is_told_by_every_answer_of_every_table() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let provider = crate::scim::provider(&server, "acme", "limits");
    let operator = crate::docr::bearer(&server, "alice", "repo:admin");
    let identity = crate::swr::token(&server, "alice", "acme");
    for (operation, other_method, nothing, who, prefix) in [
        ("/v2/user", "/v2/orgs", "/v2/user/none", &alice, "x-ratelimit"),
        (
            "/v2/namespaces/alice/repositories/none/tags",
            "/v2/access-tokens",
            "/v2/search",
            &alice,
            "x-ratelimit",
        ),
        ("/v2/scim/2.0/Users", "/v2/scim/2.0/Users", "/v2/scim/2.0/none", &provider, "x-ratelimit"),
        ("/v2/scim/2.0/Users/none", "/v2/scim/2.0/Groups", "/v2/scim", &provider, "x-ratelimit"),
        ("/v2/account", "/v2/account", "/v2/registry/a/b/c/d/e/f", &operator, "ratelimit"),
        ("/v2/manage/namespaces", "/v2/manage/namespaces", "/v2/manage/none", &identity, "x-ratelimit"),
        ("/v2/manage/namespaces/none", "/v3/auth/tokens", "/v3/none", &identity, "x-ratelimit"),
    ] {
        for who in [who, ""] {
            for (method, path) in
                [("GET", operation), ("HEAD", operation), ("TRACE", other_method), ("GET", nothing)]
            {
                let answer = server.send(method, path, who, &[], b"");
                let number = |name: &str| number(&answer, &format!("{prefix}-{name}"));
                assert!(number("limit") > number("remaining"), "{method} {path}: {:?}", answer.headers);
                assert!(number("reset") > 0);
            }
        }
    }
    // What is no operation counts, too.
    let server = Server::with(&["--set", "limits.requests_per_address=5"]);
    for paths in [["/v2/user/none", "/v2/scim/2.0/none"], ["/v2/registry/a/b/c/d/e/f", "/v2/manage/none"]] {
        let statuses: Vec<u16> = (0..14).map(|n| server.get(paths[n % 2], "").status).collect();
        assert!(statuses.contains(&429), "{statuses:?}");
        let refused =
            (0..14).map(|n| server.get(paths[n % 2], "")).find(|answer| answer.status == 429).unwrap();
        assert!((1..=60).contains(&number(&refused, "retry-after")));
    }
}
