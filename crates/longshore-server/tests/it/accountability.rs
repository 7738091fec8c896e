//! Every place where a credential is checked leaves an event, with the client's address and program.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::server::{PASSWORD, Server, user};

const PROGRAM: [(&str, &str); 1] = [("user-agent", "walker/1.0")];

/// Method, path, who, headers, body; action and kind of credential of the event.
type Place<'p> = (&'p str, &'p str, String, &'p [(&'p str, &'p str)], String, &'p str, &'p str);

fn events(server: &Server) -> Vec<Value> {
    server.admin(&["audit", "list", "--limit", "1000"]).as_array().unwrap().clone()
}

/// Action and kind of credential of the events that came from the walker.
fn seen(server: &Server) -> BTreeSet<(String, String)> {
    let of_walker = events(server).into_iter().filter(|event| event["program"] == "walker/1.0");
    of_walker
        .inspect(|event| assert_eq!(event["address"], "127.0.0.1", "{event}"))
        .filter_map(|event| {
            Some((event["action"].as_str()?.to_owned(), event["data"]["method"].as_str()?.to_owned()))
        })
        .collect()
}

#[test]
fn every_place_that_checks_a_credential_leaves_an_event() {
    let server = Server::new();
    let ask = |method: &str, path: &str, who: &str, headers: &[(&str, &str)], body: &str| {
        server.send(method, path, who, &[&PROGRAM, headers].concat(), body.as_bytes()).status
    };
    let json = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sign_in = |secret: &str| format!(r#"{{"username":"alice","password":"{secret}"}}"#);
    let offline = "/token?service=longshore&offline_token=true";
    let refresh = server.get(offline, &user("alice")).expect(200).json();
    let refresh = refresh["refresh_token"].as_str().unwrap();
    let token = server.admin(&["token", "create", "alice", "--label", "ci", "--scope", "repo:admin"]);
    let token = token["token"].as_str().unwrap();
    server.admin(&["org", "set", "acme", "--provisioning", "on"]);
    let scim = server.admin(&["scim-token", "create", "acme"]);
    let scim = scim["token"].as_str().unwrap();
    let grant = |token: &str| format!("grant_type=refresh_token&service=longshore&refresh_token={token}");
    let keystone = |secret: &str| {
        format!(
            r#"{{"auth":{{"identity":{{"methods":["password"],"password":{{"user":{{"name":"alice","password":"{secret}","domain":{{"name":"alice"}}}}}}}},"scope":{{"project":{{"name":"alice"}}}}}}}}"#
        )
    };
    let bearer = |token: &str| format!("Bearer {token}");
    // Who presents what where, and what is to be seen of it.
    let fail = "user.sign_in.fail";
    let refuse = "user.refuse_credential";
    let done = "user.sign_in";
    let places: Vec<Place> = vec![
        ("GET", "/token?service=longshore", user("bob"), &[], String::new(), done, "password"),
        ("GET", "/v2/", user("admin"), &[], String::new(), done, "password"),
        ("GET", "/token?service=longshore", "alice:wrong".into(), &[], String::new(), fail, "password"),
        ("GET", "/v2/", "alice:wrong".into(), &[], String::new(), fail, "password"),
        ("GET", "/v1/search?q=x", "alice:wrong".into(), &[], String::new(), fail, "password"),
        ("POST", "/v2/users/login", String::new(), &json, sign_in(PASSWORD), done, "password"),
        ("POST", "/v2/users/login", String::new(), &json, sign_in("wrong"), fail, "password"),
        ("POST", "/v3/auth/tokens", String::new(), &json, keystone(PASSWORD), done, "password"),
        ("POST", "/v3/auth/tokens", String::new(), &json, keystone("wrong"), fail, "password"),
        ("GET", "/v2/", format!("alice:{token}"), &[], String::new(), done, "access_token"),
        ("GET", "/v2/", "alice:lsp_wrong".into(), &[], String::new(), refuse, "access_token"),
        ("GET", "/v2/account", bearer(token), &[], String::new(), done, "access_token"),
        ("GET", "/v2/account", bearer("lsp_wrong"), &[], String::new(), refuse, "access_token"),
        ("POST", "/token", String::new(), &form, grant(refresh), done, "refresh_token"),
        ("POST", "/token", String::new(), &form, grant("lsr_wrong"), refuse, "refresh_token"),
        ("GET", "/v2/", bearer("wrong"), &[], String::new(), refuse, "bearer_token"),
        ("GET", "/v2/scim/2.0/Users", bearer(scim), &[], String::new(), done, "scim_token"),
        ("GET", "/v2/scim/2.0/Users", bearer("lss_wrong"), &[], String::new(), refuse, "scim_token"),
        (
            "POST",
            "/v2/users/2fa-login",
            String::new(),
            &json,
            r#"{"login_2fa_token":"lsc_wrong","code":"123456"}"#.into(),
            fail,
            "second_factor",
        ),
        (
            "GET",
            "/v2/manage/namespaces",
            String::new(),
            &[("x-auth-token", "wrong")],
            String::new(),
            refuse,
            "bearer_token",
        ),
        ("GET", "/v2/", "alice@LSAAAAAAAAAAAAAAAAAA:00".into(), &[], String::new(), refuse, "access_key"),
    ];
    for (method, path, who, headers, body, action, presented) in places {
        let before = total(&server, action, presented);
        let status = ask(method, path, &who, headers, &body);
        assert_eq!(status < 400, action == done, "{method} {path} with a {presented}: {status}");
        assert!(
            total(&server, action, presented) > before,
            "{method} {path} left no {action} of a {presented}"
        );
    }
    let seen = seen(&server);
    assert!(seen.contains(&(done.into(), "password".into())), "{seen:?}");
    let said = events(&server);
    assert!(said.iter().any(|event| event["account"] == "alice" && event["action"] == fail));
    let text = serde_json::to_string(&said).unwrap();
    for secret in [PASSWORD, token, refresh, scim, "wrong"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

fn total(server: &Server, action: &str, presented: &str) -> u64 {
    let is_it = |event: &&Value| event["action"] == action && event["data"]["method"] == presented;
    events(server).iter().filter(is_it).filter_map(|event| event["times"].as_u64()).sum()
}

#[test]
fn owners_of_organizations_do_not_see_addresses() {
    let server = Server::new();
    server.send("GET", "/v2/", &user("alice"), &PROGRAM, b"").expect(200);
    server.push_blob(&user("alice"), "acme/app", b"x");
    let login = format!(r#"{{"username":"alice","password":"{PASSWORD}"}}"#);
    let answer =
        server.send("POST", "/v2/users/login", "", &[("content-type", "application/json")], login.as_bytes());
    let session = format!("Bearer {}", answer.expect(200).json()["token"].as_str().unwrap());
    for account in ["acme", "alice"] {
        let logs = server.get(&format!("/v2/auditlogs/{account}"), &session).expect(200);
        let text = String::from_utf8(logs.body).unwrap();
        assert!(text.contains("repo.blob.push") || text.contains("user.sign_in"), "{text}");
        assert!(!text.contains("127.0.0.1") && !text.contains("walker"), "{text}");
    }
}
