use longshore_testkit::images::image;
use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{Server, user};

const SETTINGS: &str = "/v2/orgs/acme/settings";

fn restricted(enabled: bool, official: bool, verified: bool) -> Value {
    json!({ "restricted_images": { "enabled": enabled, "allow_official_images": official,
        "allow_verified_publishers": verified } })
}

#[test]
fn owners_change_the_settings_and_members_read_them() {
    let server = Server::new();
    let [alice, bob, admin] = ["alice", "bob", "admin"].map(|name| sign_in(&server, name));
    assert_eq!(server.get(SETTINGS, &alice).expect(200).json(), restricted(false, false, false));
    let wanted = restricted(false, true, false);
    assert_eq!(send(&server, "PUT", SETTINGS, &alice, &wanted).expect(200).json(), wanted);
    server.get(SETTINGS, &bob).expect(404);
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    assert_eq!(server.get(SETTINGS, &bob).expect(200).json(), wanted, "flags are kept while it is off");
    send(&server, "PUT", SETTINGS, &bob, &restricted(true, true, true)).expect(403);
    server.get(SETTINGS, &admin).expect(200);
    for bad in [
        json!({}),
        json!({ "restricted_images": {} }),
        json!({ "restricted_images": { "enabled": true, "allow_official_images": true } }),
        json!({ "restricted_images": { "enabled": "yes", "allow_official_images": true, "allow_verified_publishers": true } }),
    ] {
        send(&server, "PUT", SETTINGS, &alice, &bad).expect(400);
    }
    assert_eq!(server.get(SETTINGS, &alice).expect(200).json(), wanted);
    server.get("/v2/orgs/alice/settings", &alice).expect(404);
    let log = server.admin(&["audit", "list", "--account", "acme"]).to_string();
    assert!(log.contains("org.settings.update"), "{log}");
}

#[test]
fn restricted_members_pull_what_is_allowed_and_are_told_why_not() {
    let server = Server::new();
    server.admin_with_input(&["user", "create", "vendor", "--password-stdin"], crate::server::PASSWORD);
    let push = |who: &str, repository: &str| {
        server.push_blob(&user(who), repository, b"{}");
        server.push_manifest(&user(who), repository, "v1", &image(b"{}", &[])).expect(201);
        server.admin(&["repo", "set", repository, "--visibility", "public"]);
    };
    push("admin", "library/base");
    push("vendor", "vendor/tool");
    push("bob", "bob/toy");
    push("alice", "acme/app");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    server.admin(&["user", "set", "vendor", "--verified-publisher", "true"]);
    let alice = sign_in(&server, "alice");
    let pulls = |who: &str| {
        ["library/base", "vendor/tool", "bob/toy", "acme/app"].map(|repository| {
            let basic = server.get(&format!("/v2/{repository}/manifests/v1"), &user(who));
            let token = server.token(&user(who), &[&format!("repository:{repository}:pull")]);
            let bearer = server.get(&format!("/v2/{repository}/manifests/v1"), &token);
            assert_eq!(basic.status, bearer.status, "{repository} by {who}");
            if basic.status == 403 {
                for refused in [basic, bearer] {
                    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
                    assert!(message.contains("acme"), "{message}");
                }
                return false;
            }
            true
        })
    };
    assert_eq!(pulls("bob"), [true; 4]);
    for (official, verified) in [(false, false), (true, false), (false, true), (true, true)] {
        send(&server, "PUT", SETTINGS, &alice, &restricted(true, official, verified)).expect(200);
        assert_eq!(pulls("bob"), [official, verified, false, true]);
        assert_eq!(pulls("alice"), [official, verified, false, true], "owners are members");
        assert_eq!(pulls("vendor"), [true; 4], "others are not concerned");
    }
    // It restricts pulling: not lists, not pushing, and no detour by mounting.
    let bob = sign_in(&server, "bob");
    server.get("/v2/namespaces/bob/repositories/toy/tags", &bob).expect(200);
    push("bob", "bob/toy");
    let digest = longshore_testkit::images::digest_of("{}");
    let mount = format!("/v2/bob/mine/blobs/uploads/?mount={digest}&from=");
    send(&server, "PUT", SETTINGS, &alice, &restricted(true, false, false)).expect(200);
    server.send("POST", &format!("{mount}vendor/tool"), &user("bob"), &[], b"").expect(202);
    server.send("POST", &format!("{mount}acme/app"), &user("bob"), &[], b"").expect(201);
    // Clients ask what is there before they push.
    let asked = server.token(&user("bob"), &["repository:bob/toy:pull,push"]);
    for who in [user("bob"), asked] {
        for path in [format!("/v2/bob/toy/blobs/{digest}"), "/v2/bob/toy/manifests/v1".to_owned()] {
            assert_eq!(server.send("HEAD", &path, &who, &[], b"").status, 200, "{path}");
            assert_eq!(server.get(&path, &who).status, 403, "{path}");
        }
    }
    assert_eq!(server.send("HEAD", "/v2/vendor/tool/manifests/v1", &user("bob"), &[], b"").status, 403);
    // A smaller plan does not have it.
    server.admin(&["org", "set", "acme", "--plan", "team"]);
    assert_eq!(pulls("bob"), [true; 4]);
    send(&server, "PUT", SETTINGS, &alice, &restricted(true, true, true)).expect(403);
}

#[test]
fn smaller_plans_lack_what_is_documented() {
    let server = Server::new();
    server.push_blob(&user("alice"), "alice/app", b"{}");
    server.push_manifest(&user("alice"), "alice/app", "v1", &image(b"{}", &[])).expect(201);
    let alice = sign_in(&server, "alice");
    let images = "/v2/namespaces/alice/repositories/app/images";
    let digest = longshore_testkit::images::digest_of(image(b"{}", &[])).to_string();
    let deletion = json!({ "dry_run": true, "active_from": "2099-01-01T00:00:00Z",
        "manifests": [{ "repository": "app", "digest": digest }],
        "ignore_warnings": [{ "repository": "app", "digest": digest, "warning": "current_tag", "tags": ["v1"] }] });
    let ask = || {
        [
            server.get(images, &alice).status,
            server.get(&format!("{images}-summary"), &alice).status,
            server.get(&format!("{images}/{digest}/tags"), &alice).status,
            send(&server, "POST", "/v2/namespaces/alice/delete-images", &alice, &deletion).status,
            server.get("/v2/auditlogs/acme", &alice).status,
        ]
    };
    assert_eq!(ask(), [200; 5]);
    server.admin(&["user", "set", "alice", "--plan", "personal"]);
    server.admin(&["org", "set", "acme", "--plan", "pro"]);
    assert_eq!(ask(), [403; 5]);
    server.get("/v2/namespaces/alice/repositories/app/tags", &alice).expect(200);
    server.admin(&["user", "set", "alice", "--plan", "pro"]);
    server.admin(&["org", "set", "acme", "--plan", "team"]);
    assert_eq!(ask(), [200; 5]);
    assert!(!server.try_admin(&["user", "set", "alice", "--plan", "gold"], "").status.success());
}
