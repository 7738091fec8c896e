//! Every operation once as it is meant, and once with each input that it can be given wrong. An operation that is added to the
//! table without a step here fails the test.

use std::time::Duration;

use longshore_api_native::routes::ROUTES;
use serde_json::{Value, json};

use super::{acme, push_app, send};
use crate::hub::authentication::{secret, time};
use crate::hub::{session, sign_in};
use crate::server::{OPERATOR, PASSWORD, Server};
use crate::walk::{Operation, Refusals, Walk};

#[test]
fn every_operation_does_what_it_says_and_refuses_bad_input() {
    let (server, alice) = acme();
    let operations = ROUTES.iter().map(|route| Operation {
        name: route.operation,
        method: route.method.to_string(),
        path: route.path,
    });
    let refusals = Refusals {
        malformed: &[400],
        impossible_name: &[400, 404],
        without_input: &[
            "get_about",
            "get_whoami",
            "get_gc",
            "get_health",
            "get_account",
            "get_second_factor",
            "end_own_sessions",
            "list_own_sessions",
            "list_nodes",
            "list_stores",
            "list_settings",
            "list_keys",
        ],
    };
    let mut walk = Walk::new(server, "/api/openapi/native.json", operations.collect(), refusals);
    walk.who = alice;
    let nothing = Value::Null;
    walk.named("repository", &json!("acme/team/app"));
    walk.named("tag", &json!("v1"));
    assert_eq!(walk.does("get_about", &nothing, 200)["name"], "longshore");
    let me = walk.does("get_whoami", &nothing, 200);
    assert_eq!((&me["name"], &me["kind"], &me["proof"]), (&json!("alice"), &json!("user"), &json!("token")));
    assert_eq!((&me["token"]["label"], &me["token"]["scope"]), (&json!("repo:admin"), &json!("repo:admin")));

    let new = json!({ "name": "acme/team/app", "description": "The app", "readme": "# App" });
    let made = walk.does("create_repository", &new, 201);
    assert_eq!((&made["visibility"], &made["readme"]), (&json!("private"), &json!("# App")));
    let first = push_app(&walk.server, "v1");
    let got = walk.does("get_repository", &nothing, 200);
    assert_eq!((&got["tags"], &got["images"]), (&json!(1), &json!(1)));
    assert!(got["actions"].as_array().unwrap().contains(&json!("remove")), "{got}");
    assert_eq!(walk.does("list_repositories", &nothing, 200)["items"][0]["name"], "acme/team/app");
    let change = json!({ "visibility": "public", "readme": null,
        "immutable_tags": { "enabled": true, "rules": ["^release"] } });
    let changed = walk.does("change_repository", &change, 200);
    assert_eq!((&changed["visibility"], &changed["readme"]), (&json!("public"), &json!("")));
    assert_eq!(changed["description"], "The app", "what is left out stays");
    assert_eq!(changed["immutable_tags"]["rules"], json!(["^release"]));

    let second = push_app(&walk.server, "v2");
    assert_eq!(walk.does("list_tags", &nothing, 200)["items"][1]["digest"], json!(second));
    assert_eq!(walk.does("get_tag", &nothing, 200)["image"]["digest"], json!(first));
    assert_eq!(walk.does("set_tag", &json!({ "from": "v2" }), 200)["digest"], json!(second));
    let history = walk.does("list_tag_history", &nothing, 200);
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    assert_eq!(history["items"][0]["set_by"], "alice");
    assert_eq!(history["items"][0]["set_with"], json!({ "proof": "token", "token": "repo:admin" }));
    assert_eq!(history["items"][1]["set_with"]["proof"], "password");
    assert_eq!(history["items"][1]["ended_with"]["token"], "repo:admin");
    assert_eq!(walk.does("roll_back_tag", &json!({ "to": "previous" }), 200)["digest"], json!(first));
    walk.queries.insert("list_changes", "from=2026-01-01T00:00:00Z");
    assert_eq!(walk.does("list_changes", &nothing, 200)["items"][0]["change"], "added");
    walk.queries.insert("compare_images", "from=v1&to=v2");
    let compared = walk.does("compare_images", &nothing, 200);
    assert_eq!((&compared["is_same"], &compared["common_bytes"]), (&json!(false), &json!(0)));
    walk.named("digest", &json!(first));
    assert_eq!(walk.does("list_images", &nothing, 200)["items"].as_array().unwrap().len(), 2);
    let image = walk.does("get_image", &nothing, 200);
    assert_eq!((&image["tags"], &image["layers"][0]["size_bytes"]), (&json!(["v1"]), &json!(11)));
    let usage = walk.does("get_repository_usage", &nothing, 200);
    assert_eq!((&usage["images"], &usage["inactive_images"]), (&json!(2), &json!(0)), "{usage}");
    assert_eq!(usage["stored_bytes"], usage["only_here_bytes"]);
    let tree = walk.does("get_referrers", &nothing, 200);
    assert_eq!(
        (&tree["entries"][0]["digest"], &tree["entries"][0]["belonging"]),
        (&json!(first), &json!("root"))
    );
    let plan = walk.does("create_deletion", &json!({ "digests": [first], "dry_run": true }), 200);
    assert_eq!((&plan["images"], &plan["tags"], &plan["id"]), (&json!(1), &json!(1), &Value::Null));
    // What is only looked at stays.
    let path = "/api/v1/repositories/acme/team/app";
    let dry = |method: &str, path: String, body: &Value| {
        send(&walk.server, method, &format!("{path}?dry_run=true"), &walk.who, body).expect(200).json()
    };
    assert_eq!(dry("DELETE", format!("{path}/-/tags/v1"), &nothing)["tag_names"][0]["name"], "v1");
    assert_eq!(dry("DELETE", path.to_owned(), &nothing)["tags"], 2);
    assert_eq!(dry("PATCH", path.to_owned(), &json!({ "description": "other" }))["description"], "other");
    assert_eq!(walk.does("get_repository", &nothing, 200)["description"], "The app");
    assert_eq!(walk.does("get_tag", &nothing, 200)["digest"], json!(first));
    walk.does("delete_tag", &nothing, 204);
    walk.queries.insert("list_deletions", "namespace=acme");
    let deletions = walk.does("list_deletions", &nothing, 200);
    walk.named("id", &deletions["items"][0]["id"]);
    assert_eq!(walk.does("get_deletion", &nothing, 200)["items"][0]["tag"], "v1");
    assert_eq!(walk.does("restore_deletion", &json!({ "overwrite": false }), 200)["tags"], 1);
    // No access token decides about others.
    retention(&mut walk);
    let token = std::mem::replace(&mut walk.who, sign_in(&walk.server, "alice"));
    teams(&mut walk);
    access(&mut walk);
    invites(&mut walk);
    walk.named("name", &json!("acme"));
    walk.named("team", &json!("release"));
    walk.does("delete_team", &nothing, 204);
    walk.who = token;
    registry(&mut walk);
    let answer = walk.does("set_readme", &json!({ "readme": "# The app" }), 200);
    assert_eq!(answer, walk.does("get_readme", &nothing, 200));
    let rules = json!({ "enabled": true, "rules": ["^v"] });
    assert_eq!(walk.does("set_immutable_tags", &rules, 200), rules);
    assert_eq!(walk.does("get_immutable_tags", &nothing, 200), rules);
    let no_rule = json!({ "enabled": true, "rules": ["("] });
    assert_eq!(walk.does("set_immutable_tags", &no_rule, 400)["code"], "invalid");
    walk.does("set_immutable_tags", &json!({ "enabled": false, "rules": [] }), 200);
    walk.does("delete_repository", &nothing, 204);
    // What is ended does not come back, and ending it again changes nothing.
    let deletions = walk.does("list_deletions", &nothing, 200);
    walk.named("id", &deletions["items"][0]["id"]);
    walk.does("end_deletion", &nothing, 204);
    walk.does("end_deletion", &nothing, 204);
    assert_eq!(walk.does("restore_deletion", &json!({}), 409)["code"], "conflict");
    walk.who = sign_in(&walk.server, "alice");
    tokens(&mut walk);
    account(&mut walk);
    walk.who = OPERATOR.into();
    users(&mut walk);
    organizations(&mut walk);
    operation(&mut walk);
    walk.end();
}

/// What owners collect of their registry.
fn registry(walk: &mut Walk) {
    let nothing = Value::Null;
    let wanted = json!({ "name": "acme", "subscription_tier_slug": "professional" });
    send(&walk.server, "POST", "/v2/registries", &walk.who, &wanted).expect(201);
    let forecast = walk.does("preview_registry_gc", &json!({ "kind": "both" }), 200);
    assert_eq!((&forecast["kind"], &forecast["is_complete"]), (&json!("both"), &json!(true)));
    assert_eq!(walk.does("preview_registry_gc", &json!({ "kind": "all" }), 400)["field"], "kind");
    let run = walk.does("create_registry_gc_run", &nothing, 202);
    assert_eq!((&run["kind"], &run["started_by"]), (&json!("unused_bytes"), &json!("alice")));
    assert_eq!(walk.does("create_registry_gc_run", &nothing, 409)["code"], "conflict");
    walk.named("id", &run["id"]);
    assert_eq!(walk.does("get_registry_gc_run", &nothing, 200)["id"], run["id"]);
    assert_eq!(walk.does("cancel_registry_gc_run", &nothing, 200)["state"], "cancelling");
    let path = format!("/api/v1/namespaces/acme/gc/runs/{}", run["id"].as_str().unwrap());
    let is_over = || walk.server.get(&path, &walk.who).expect(200).json()["state"] == "cancelled";
    walk.server.wait_for("the collection is over", is_over);
    assert_eq!(walk.does("list_registry_gc_runs", &nothing, 200)["items"][0]["id"], run["id"]);
    assert_eq!(walk.does("cancel_registry_gc_run", &nothing, 404)["code"], "run_unknown");
}

/// Retention policies, search and usage, with tags `v1` and `v2`.
fn retention(walk: &mut Walk) {
    let nothing = Value::Null;
    let rules = json!({ "rules": [{ "keep_newest": 1, "except_tags": ["v9"] }] });
    let preview = walk.does("preview_retention", &rules, 200);
    assert_eq!(
        (&preview["goes"], &preview["stays"], &preview["is_cut"]),
        (&json!(1), &json!(1), &json!(false))
    );
    assert_eq!((&preview["going"][0]["name"], &preview["plan"]["tags"]), (&json!("v2"), &json!(1)));
    assert_eq!(preview["staying"][0]["because"], "newest");
    let keeping = json!({ "rules": [{ "keep_days": 365, "except_patterns": ["^x"] }] });
    let made = walk.does("create_retention_policy", &keeping, 201);
    walk.named("id", &made["id"]);
    assert_eq!(walk.does("get_retention_policy", &nothing, 200)["rules"], keeping["rules"]);
    let other = json!({ "rules": [{ "keep_newest": 1000 }] });
    assert_eq!(walk.does("set_retention_policy", &other, 200)["rules"], other["rules"]);
    walk.does("run_retention_policy", &nothing, 204);
    assert_eq!(walk.does("list_retention_policies", &nothing, 200)["items"][0]["id"], made["id"]);
    walk.does("delete_retention_policy", &nothing, 204);
    walk.queries.insert("match_tags", "rule=v%5B12%5D");
    assert_eq!(walk.does("match_tags", &nothing, 200)["names"], json!(["v1", "v2"]));
    walk.queries.insert("search", "q=app:v");
    let found = walk.does("search", &nothing, 200);
    let names: Vec<_> =
        found["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["v1", "v2"], "{found}");
    let digest = found["tags"][0]["digest"].as_str().unwrap();
    for text in [digest, &digest[7..19]] {
        let by = walk.server.get(&format!("/api/v1/search?q={text}"), &walk.who).expect(200).json();
        let expected = json!([{ "repository": "acme/team/app", "digest": digest, "kind": "image" }]);
        assert_eq!(by["digests"], expected);
    }
    let by = walk.server.get("/api/v1/search?q=te", &walk.who).expect(200).json();
    assert_eq!(by["repositories"][0]["name"], "acme/team/app");
    walk.named("name", &json!("acme"));
    let usage = walk.does("get_usage", &nothing, 200);
    assert_eq!((&usage["repositories"], usage["days"].as_array().unwrap().len()), (&json!(1), 30));
}

/// Teams of an organization.
fn teams(walk: &mut Walk) {
    let nothing = Value::Null;
    walk.server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    walk.named("name", &json!("acme"));
    walk.named("user", &json!("bob"));
    walk.named("team", &json!("release"));
    let made = walk.does("create_team", &json!({ "name": "release", "description": "Who releases" }), 201);
    assert_eq!((&made["name"], &made["members"]), (&json!("release"), &json!(0)));
    walk.does("add_team_member", &nothing, 204);
    let members = walk.does("list_team_members", &nothing, 200);
    assert_eq!(members["items"], json!([{ "user": "bob", "full_name": "" }]));
    assert_eq!(walk.does("get_team", &nothing, 200)["members"], 1);
    let changed = walk.does("change_team", &json!({ "description": null }), 200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("release"), &json!("")));
    assert_eq!(walk.does("list_teams", &nothing, 200)["items"][0]["name"], "release");
    walk.does("delete_team_member", &nothing, 204);
    let own = walk.does("list_own_organizations", &nothing, 200);
    assert_eq!((&own["items"][0]["name"], &own["items"][0]["role"]), (&json!("acme"), &json!("owner")));
    assert_eq!(own["count"], 1);
    let settings = json!({ "restricted_images": {
        "enabled": false, "allow_official_images": true, "allow_verified_publishers": false } });
    walk.server.admin(&["org", "set", "acme", "--plan", "business"]);
    assert_eq!(walk.does("set_organization_settings", &settings, 200), settings);
    assert_eq!(walk.does("get_organization_settings", &nothing, 200), settings);
}

/// Who may do what in a repository. `bob` is a member without anything but that.
fn access(walk: &mut Walk) {
    let nothing = Value::Null;
    walk.server.admin(&["org", "set", "acme", "--members-pull", "none"]);
    let path = "/api/v1/repositories/acme/team/app/-/access/explain";
    let explain = |walk: &Walk, user: &str| {
        let path = format!("{path}?user={user}");
        walk.server.get(&path, &walk.who).expect(200).json()
    };
    let private = json!({ "visibility": "private" });
    send(&walk.server, "PATCH", "/api/v1/repositories/acme/team/app", &walk.who, &private).expect(200);
    let none = explain(walk, "bob");
    assert_eq!((&none["level"], &none["reasons"]), (&json!("none"), &json!([])));
    walk.does("grant_team_access", &json!({ "permission": "write" }), 204);
    walk.does("grant_user_access", &json!({ "permission": "admin" }), 204);
    walk.does("grant_user_access", &json!({ "permission": "read" }), 204);
    walk.named("account", &json!("bob"));
    let until = json!({ "until": "2100-01-01T00:00:00Z", "description": "A partner" });
    walk.does("share_repository", &until, 204);
    let list = walk.does("get_access", &nothing, 200);
    let entries: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["kind"].as_str().unwrap(),
                entry["name"].as_str().unwrap(),
                entry["permission"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(entries, [("team", "release", "write"), ("user", "bob", "read"), ("share", "bob", "read")]);
    assert_eq!(list["items"][2]["until"], "2100-01-01T00:00:00.000000Z");
    send(&walk.server, "PUT", "/api/v1/organizations/acme/teams/release/members/bob", &walk.who, &nothing)
        .expect(204);
    let now = explain(walk, "bob");
    assert_eq!(now["level"], "write");
    let reasons: Vec<_> = now["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| {
            (
                reason["because"].as_str().unwrap(),
                reason["name"].as_str().unwrap_or_default(),
                reason["level"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        reasons,
        [("permission", "acme/team/app", "read"), ("team", "release", "write"), ("share", "", "read")]
    );
    walk.queries.insert("explain_access", "user=alice");
    let own = walk.does("explain_access", &nothing, 200);
    assert_eq!((&own["level"], &own["reasons"][0]["because"]), (&json!("admin"), &json!("owner")));
    let held = walk.does("list_team_repositories", &nothing, 200);
    assert_eq!(held["items"], json!([{ "repository": "acme/team/app", "permission": "write" }]));
    walk.does("revoke_team_access", &nothing, 204);
    walk.does("revoke_user_access", &nothing, 204);
    walk.does("unshare_repository", &nothing, 204);
    assert_eq!(explain(walk, "bob")["level"], "none");
    assert_eq!(
        walk.server.get(&format!("{path}?user=nobody"), &walk.who).expect(404).json()["code"],
        "user_unknown"
    );
}

/// Invites to an organization.
fn invites(walk: &mut Walk) {
    let nothing = Value::Null;
    let wanted = json!({ "invitees": ["carol@example.org", "alice", "no such name!"], "role": "editor", "team": "release" });
    let dry = json!({ "invitees": ["carol@example.org"], "dry_run": true });
    let would = walk.does("create_invites", &dry, 200);
    assert_eq!(would["items"][0]["outcome"], "would_be_invited");
    let made = walk.does("create_invites", &wanted, 200);
    let outcomes: Vec<_> =
        made["items"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["invited", "is_member", "unknown"]);
    assert!(made["items"][0]["link"].as_str().unwrap().contains("/invite#lsi_"), "{made}");
    let waiting = walk.does("list_invites", &nothing, 200);
    assert_eq!(
        (&waiting["items"][0]["invitee"], &waiting["items"][0]["team"]),
        (&json!("carol@example.org"), &json!("release"))
    );
    walk.named("id", &waiting["items"][0]["id"]);
    // No mail is sent here.
    walk.does("resend_invite", &nothing, 409);
    walk.does("cancel_invite", &nothing, 204);
}

/// One's own account.
fn account(walk: &mut Walk) {
    let nothing = Value::Null;
    assert_eq!(walk.does("get_account", &nothing, 200)["name"], "alice");
    assert_eq!(walk.does("change_own_account", &json!({ "company": "Acme" }), 200)["company"], "Acme");
    assert_eq!(
        walk.does("get_second_factor", &nothing, 200),
        json!({ "enabled_at": null, "recovery_codes": 0 })
    );
    let until = walk.does("prove_presence", &json!({ "password": PASSWORD }), 200)["until"].clone();
    assert!(until.is_string());
    let wrong = json!({ "current": "not the password", "new": "another good password" });
    send(&walk.server, "POST", "/api/v1/account/password", &walk.who, &wrong).expect(401);
    second_factor(walk);
    // No mail is sent here.
    let email = json!({ "email": "alice@example.org", "password": PASSWORD });
    assert_eq!(walk.does("want_email", &email, 409)["code"], "conflict");
    assert_eq!(walk.does("confirm_email", &json!({ "code": "lse_0" }), 400)["field"], "code");
    let change = json!({ "current": PASSWORD, "new": "another good password" });
    walk.does("change_own_password", &change, 204);
    // What was signed in before must sign in again.
    walk.server.get("/api/v1/account", &walk.who).expect(401);
    walk.who = session(&walk.server, "alice", "another good password");
    let form = "user=alice&password=another+good+password";
    crate::web::submit(&walk.server, "/ui/sign-in", "", form).expect(303);
    let found = walk.does("list_own_sessions", &nothing, 200);
    assert_eq!(
        (&found["browsers"][0]["second_factor"], &found["browsers"][1]),
        (&json!(false), &Value::Null)
    );
    walk.named("id", &found["browsers"][0]["id"]);
    walk.does("end_own_session", &nothing, 204);
    assert_eq!(walk.does("end_own_session", &nothing, 404)["code"], "session_unknown");
    assert_eq!(walk.does("list_own_sessions", &nothing, 200)["browsers"], json!([]));
    walk.does("end_own_sessions", &nothing, 204);
    walk.server.get("/api/v1/account", &walk.who).expect(401);
    walk.who = session(&walk.server, "alice", "another good password");
    walk.queries.insert("delete_own_account", "name=alice");
    // Not while there is something that is hers.
    assert_eq!(walk.does("delete_own_account", &nothing, 409)["code"], "conflict");
}

/// A second factor, set up and removed again.
fn second_factor(walk: &mut Walk) {
    let wrong = json!({ "password": "not the password" });
    assert_eq!(walk.does("enrol_second_factor", &wrong, 401)["status"], 401);
    let begun = walk.does("enrol_second_factor", &json!({ "password": PASSWORD }), 200);
    assert!(begun["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/"), "{begun}");
    let authenticator = secret(begun["secret"].as_str().unwrap());
    let code = |steps: u64| authenticator.code_at(time() + Duration::from_secs(30 * steps)).unwrap();
    walk.does("confirm_second_factor", &json!({ "code": "no code" }), 400);
    let confirmed = walk.does("confirm_second_factor", &json!({ "code": code(0) }), 200);
    let codes = confirmed["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    // What was signed in before must sign in again.
    walk.server.get("/api/v1/account", &walk.who).expect(401);
    walk.who = format!("Bearer {}", confirmed["session"].as_str().unwrap());
    let both = json!({ "password": PASSWORD, "code": codes[0] });
    let renewed = walk.does("renew_recovery_codes", &both, 200)["recovery_codes"].clone();
    assert_eq!(walk.does("disable_second_factor", &both, 401)["status"], 401, "a code works once");
    let both = json!({ "password": PASSWORD, "code": renewed[0] });
    walk.does("disable_second_factor", &both, 204);
    walk.who = session(&walk.server, "alice", PASSWORD);
}

/// An account's own tokens.
fn tokens(walk: &mut Walk) {
    let nothing = Value::Null;
    walk.named("name", &json!("alice"));
    let wanted = json!({ "label": "ci", "scope": "repo:read", "expires_at": "2100-01-01T00:00:00Z" });
    let made = walk.does("create_token", &wanted, 201);
    assert!(made["secret"].as_str().unwrap().starts_with("lsp_"));
    assert_eq!(made["expires_at"], "2100-01-01T00:00:00.000000Z");
    walk.named("id", &made["id"]);
    let got = walk.does("get_token", &nothing, 200);
    assert_eq!((&got["label"], &got["secret"]), (&json!("ci"), &Value::Null));
    let changed = walk.does("change_token", &json!({ "label": "cd", "is_active": false }), 200);
    assert_eq!((&changed["label"], &changed["is_active"]), (&json!("cd"), &json!(false)));
    let listed = walk.does("list_tokens", &nothing, 200);
    assert_eq!(listed["items"][1]["label"], "cd", "{listed}");
    walk.does("delete_token", &nothing, 204);
    // Of an organization: what it may use is listed, or stands behind a scope.
    walk.named("name", &json!("acme"));
    let pull = json!([{ "path": "acme/app", "scopes": ["scope-image-pull"] }, { "path": "acme", "scopes": ["scope-member-read"] }]);
    let made = walk.does("create_token", &json!({ "label": "one", "resources": pull }), 201);
    assert!(made["secret"].as_str().unwrap().starts_with("lso_"), "{made}");
    assert_eq!(made["resources"], pull);
    walk.named("id", &made["id"]);
    assert_eq!(walk.does("get_token", &nothing, 200)["resources"], pull);
    let push = json!([{ "path": "acme/*", "scopes": ["scope-image-push"] }]);
    assert_eq!(walk.does("change_token", &json!({ "resources": push }), 200)["resources"], push);
    walk.does("delete_token", &nothing, 204);
    let like = walk.does("create_token", &json!({ "label": "two", "scope": "repo:write" }), 201);
    assert_eq!(like["resources"][0]["path"], "acme/*", "{like}");
    for (wanted, member) in [
        (json!({ "label": "x" }), "scope"),
        (json!({ "label": "x", "scope": "repo:read", "resources": push }), "scope"),
        (json!({ "label": "x", "scope": "account", "is_access_key": true }), "is_access_key"),
        (
            json!({ "label": "x", "resources": [{ "path": "bob/app", "scopes": ["scope-image-pull"] }] }),
            "resources",
        ),
        (
            json!({ "label": "x", "resources": [{ "path": "acme/app", "scopes": ["everything"] }] }),
            "resources",
        ),
    ] {
        let refused =
            send(&walk.server, "POST", "/api/v1/accounts/acme/tokens", &walk.who, &wanted).expect(400).json();
        assert_eq!(refused["field"], member, "{wanted}: {refused}");
    }
}

/// Gives a user a second factor.
fn enrol(server: &Server, name: &str, password: &str) {
    let signed_in = json!({ "username": name, "password": password });
    let session = send(server, "POST", "/v2/users/login", "", &signed_in).expect(200).json();
    let session = format!("Bearer {}", session["token"].as_str().unwrap());
    let wanted = json!({ "password": password });
    let begun = send(server, "POST", "/v2/user/2fa/enrol", &session, &wanted).expect(200).json();
    let code = secret(begun["secret"].as_str().unwrap()).code_at(time()).unwrap();
    send(server, "POST", "/v2/user/2fa/confirm", &session, &json!({ "code": code })).expect(200);
}

fn users(walk: &mut Walk) {
    let nothing = Value::Null;
    let made = walk.does("create_user", &json!({ "name": "dora", "is_administrator": true }), 201);
    let password = made["password"].as_str().unwrap().to_owned();
    walk.server.get("/token", &format!("dora:{password}")).expect(200);
    walk.named("name", &json!("dora"));
    assert_eq!(walk.does("get_user", &nothing, 200)["is_administrator"], true);
    let change =
        json!({ "is_administrator": false, "plan": "pro", "email": "dora@example.org", "full_name": "D" });
    let changed = walk.does("change_user", &change, 200);
    assert_eq!((&changed["plan"], &changed["email"]), (&json!("pro"), &json!("dora@example.org")));
    assert_eq!((&changed["is_administrator"], &changed["is_active"]), (&json!(false), &json!(true)));
    assert!(walk.does("list_users", &nothing, 200)["items"].as_array().unwrap().contains(&changed));
    let set = walk.does("set_user_password", &json!({ "password": "another good password" }), 200);
    assert_eq!(set, json!({ "name": "dora" }));
    walk.server.get("/token", &format!("dora:{password}")).expect(401);
    walk.server.get("/token", "dora:another good password").expect(200);
    let refused = send(&walk.server, "DELETE", "/api/v1/users/dora/second-factor", OPERATOR, &nothing);
    assert_eq!(refused.status, 409, "{}", refused.json());
    enrol(&walk.server, "dora", "another good password");
    walk.does("delete_user_second_factor", &nothing, 204);
    walk.does("delete_user", &nothing, 204);
}

fn organizations(walk: &mut Walk) {
    let nothing = Value::Null;
    walk.does("create_organization", &json!({ "name": "ledger", "owner": "alice" }), 201);
    walk.named("name", &json!("ledger"));
    walk.named("user", &json!("bob"));
    assert_eq!(walk.does("get_organization", &nothing, 200)["kind"], "organization");
    let change = json!({ "members_pull": false, "may_provision": true, "is_verified_publisher": true, "company": "L" });
    assert_eq!(walk.does("change_organization", &change, 200)["is_verified_publisher"], true);
    let listed = walk.does("list_organizations", &nothing, 200);
    assert!(listed["items"].as_array().unwrap().iter().any(|one| one["name"] == "ledger"), "{listed}");
    walk.does("set_member", &json!({ "role": "editor" }), 204);
    let members = walk.does("list_members", &nothing, 200);
    assert_eq!(
        (&members["items"][1]["user"], &members["items"][1]["role"]),
        (&json!("bob"), &json!("editor"))
    );
    walk.does("delete_member", &nothing, 204);
    let made = walk.does("create_scim_token", &json!({ "label": "okta" }), 201);
    walk.named("id", &made["id"]);
    let rotated = walk.does("rotate_scim_token", &nothing, 200);
    assert_ne!(rotated["secret"], made["secret"]);
    let provider = format!("Bearer {}", rotated["secret"].as_str().unwrap());
    let okta = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "" });
    let refused = send(&walk.server, "POST", "/v2/scim/2.0/Users", &provider, &okta).expect(400).json();
    assert_eq!(walk.does("list_scim_tokens", &nothing, 200)["items"][0]["label"], "okta");
    walk.does("delete_scim_token", &nothing, 204);
    let state = walk.does("get_provisioning", &nothing, 200);
    assert_eq!((&state["users"], &state["last_refusal"]["status"]), (&json!(1), &json!(400)));
    assert_eq!(state["last_refusal"]["reason"], refused["detail"]);
    let users = walk.does("list_provisioned_users", &nothing, 200);
    assert_eq!((&users["items"][0]["user"], &users["next"]), (&json!("alice"), &Value::Null));
    walk.does("delete_organization", &nothing, 204);
}

fn operation(walk: &mut Walk) {
    let nothing = Value::Null;
    let key = walk.does("rotate_key", &nothing, 200)["kid"].clone();
    let keys = walk.does("list_keys", &nothing, 200);
    assert_eq!((&keys["items"][0]["kid"], &keys["items"][0]["expires_at"]), (&key, &Value::Null));
    assert!(keys["items"][1]["expires_at"].is_string(), "{keys}");
    assert!(walk.does("get_gc", &nothing, 200)["totals"]["freed_bytes"].is_number());
    assert_eq!(walk.does("create_gc_run", &json!({ "dry_run": true }), 200)["dry_run"], true);
    assert_eq!(walk.does("get_health", &nothing, 200)["is_well"], true);
    let job = walk.does("create_job", &json!({ "kind": "verify" }), 202);
    walk.named("id", &job["id"]);
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let is_done = || walk.server.get(&path, OPERATOR).expect(200).json()["state"] == "done";
    walk.server.wait_for("the job is done", is_done);
    assert_eq!(walk.does("get_job", &nothing, 200)["result"]["problems"], 0);
    assert_eq!(walk.does("list_jobs", &nothing, 200)["items"][0]["id"], job["id"]);
    walk.does("follow_job", &nothing, 200);
    let events = walk.server.get(&format!("{path}/events"), OPERATOR).expect(200);
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = String::from_utf8(events.body).unwrap();
    let told: Value = serde_json::from_str(text.trim().strip_prefix("event: job\ndata: ").unwrap()).unwrap();
    assert_eq!((&told["state"], &told["kind"]), (&json!("done"), &json!("verify")));
    assert_eq!(walk.does("cancel_job", &nothing, 200)["state"], "done", "it has ended");
    let stores = walk.does("list_stores", &nothing, 200);
    assert!(stores["items"][0]["kind"].is_string(), "{stores}");
    let settings = walk.does("list_settings", &nothing, 200);
    let of = |key: &str| {
        settings["items"].as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(of("limits.requests_per_account")["source"], "flag");
    assert_eq!((&of("gc.batch")["source"], &of("gc.batch")["value"]), (&json!("default"), &json!("200")));
    walk.does("list_nodes", &nothing, 200);
    let work = walk.does("list_work", &nothing, 200);
    walk.named("id", &work["items"][0]["id"]);
    assert_eq!(walk.does("get_work", &nothing, 200)["kind"], work["items"][0]["kind"]);
    walk.does("retry_work", &nothing, 204);
    // What repeats is not removed.
    assert_eq!(walk.does("delete_work", &nothing, 409)["code"], "conflict");
    walk.queries.insert("list_events", "order=recorded&account=bob");
    let events = walk.does("list_events", &nothing, 200);
    assert_eq!(events["items"][0]["action"], "user.create", "{events}");
    walk.queries
        .insert("list_events", "account=bob&action=user.create&actor=operator&since=2020-01-01T00:00:00Z");
    let narrowed = walk.does("list_events", &nothing, 200);
    assert_eq!(narrowed["items"].as_array().unwrap().len(), 1, "{narrowed}");
    for (query, field) in [
        ("address=here", "address"),
        ("since=yesterday", "since"),
        ("until=x", "until"),
        ("after_id=1", "after_id"),
        ("after=x", "after"),
        ("account=!", "account"),
    ] {
        let refused = walk.server.get(&format!("/api/v1/audit?{query}"), &walk.who).expect(400).json();
        assert!(refused["field"] == field || field == "account", "{query}: {refused}");
    }
}

#[test]
fn the_served_document_has_every_operation() {
    let server = Server::bare(&[]);
    let document = server.get("/api/openapi/native.json", "").expect(200).json();
    assert_eq!(document["openapi"], "3.1.1");
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn the_name_of_a_repository_is_written_with_its_slashes_or_with_encoded_ones() {
    let (server, alice) = acme();
    let digest = push_app(&server, "v1");
    for path in ["acme/team/app", "acme%2Fteam%2Fapp", "acme%2fteam/app", "acme/team/app/"] {
        let got = server.get(&format!("/api/v1/repositories/{path}"), &alice).expect(200).json();
        assert_eq!(got["name"], "acme/team/app", "{path}");
    }
    for path in ["acme/team/app/-/tags/v1", "acme%2Fteam%2Fapp/-/tags/v1", "acme/team/app/-/tags/v1/"] {
        let answer = server.get(&format!("/api/v1/repositories/{path}"), &alice).expect(200);
        assert_eq!(answer.json()["digest"], digest.as_str(), "{path}");
        assert!(!answer.header("longshore-version").is_empty());
    }
    let made = json!({ "name": "acme/a/b/c" });
    let made = send(&server, "POST", "/api/v1/repositories", &alice, &made).expect(201);
    let path =
        made.header("location").strip_prefix(&server.url).unwrap_or(made.header("location")).to_owned();
    assert_eq!(server.get(&path, &alice).expect(200).json()["name"], "acme/a/b/c");
    // Names that look like what stands behind the separator are names all the same.
    for name in ["acme/tags", "acme/tags/v1"] {
        send(&server, "POST", "/api/v1/repositories", &alice, &json!({ "name": name })).expect(201);
        server.get(&format!("/api/v1/repositories/{name}"), &alice).expect(200);
        server.get(&format!("/api/v1/repositories/{name}/-/tags"), &alice).expect(200);
    }
}
