//! Every operation once as it is meant, and once with each input that it can be given wrong. An operation that is added
//! to the table without a step here fails the test, as one without a refusal does (`refusals`).

use std::time::Duration;

use longshore_api_hub::routes::ROUTES;
use longshore_testkit::images::{digest_of, image};
use longshore_testkit::mail::MailServer;
use serde_json::{Value, json};

use super::{authentication, mailing, send, session, sign_in};
use crate::server::{PASSWORD, user};
use crate::walk::{Operation, Refusals, Walk};

#[test]
fn every_operation_does_what_it_says_and_refuses_bad_input() {
    walk_over_all(false);
}

#[test]
fn every_operation_with_a_flat_body_takes_it_as_a_form_too() {
    walk_over_all(true);
}

fn walk_over_all(as_forms: bool) {
    let mail = MailServer::new();
    let server = mailing(
        &mail,
        &[
            "--set",
            "mail.interval_seconds=0",
            "--set",
            "limits.requests_per_account=0",
            "--set",
            "limits.requests_per_address=0",
        ],
    );
    for name in ["carol", "dave"] {
        server.admin_with_input(&["user", "create", name, "--password-stdin"], PASSWORD);
    }
    server.admin(&["org", "set-member", "acme", "carol", "--role", "member"]);
    for tag in ["v1", "v2"] {
        server.push_blob(&user("alice"), "acme/app", tag.as_bytes());
        server.push_manifest(&user("alice"), "acme/app", tag, &image(tag.as_bytes(), &[])).expect(201);
    }
    let operations = ROUTES.iter().map(|route| Operation {
        name: route.operation,
        method: route.method.to_string(),
        path: route.path,
    });
    let refusals = Refusals {
        malformed: &[400],
        // What the first API had is gone, whatever it was called.
        impossible_name: &[400, 404, 410],
        without_input: &["ping_v1", "get_user", "get_second_factor"],
    };
    let mut walk = Walk::new(server, "/api/openapi/hub.json", operations.collect(), refusals);
    walk.as_forms = as_forms;
    let fixed = [
        ("namespace", "acme"),
        ("repository", "app"),
        ("account", "acme"),
        ("org_name", "acme"),
        ("tag", "v1"),
        ("group_name", "dev"),
        ("username", "carol"),
        ("name", "app"),
    ];
    for (name, value) in fixed {
        walk.named(name, &json!(value));
    }
    walk.named("digest", &json!(digest_of(image(b"v1", &[])).to_string()));
    let nothing = Value::Null;

    // Signing in.
    let credentials = json!({ "username": "alice", "password": PASSWORD });
    walk.does("post_users_login", &credentials, 200);
    let exchange = json!({ "identifier": "alice", "secret": PASSWORD });
    walk.does("auth_create_access_token", &exchange, 200);
    for old in [
        "get_v1_images",
        "get_v1_tags",
        "get_v1_tag",
        "get_v1_namespace_images",
        "get_v1_namespace_tags",
        "get_v1_namespace_tag",
    ] {
        walk.does(old, &nothing, 410);
    }
    walk.does("ping_v1", &nothing, 200);

    // A second factor, of dave.
    walk.who = sign_in(&walk.server, "dave");
    let enrolled = walk.does("enrol_second_factor", &json!({ "password": PASSWORD }), 200);
    let secret = authentication::secret(enrolled["secret"].as_str().unwrap());
    let code = |steps: u32| secret.code_at(authentication::time() + Duration::from_secs(30) * steps).unwrap();
    let confirmed = walk.does("confirm_second_factor", &json!({ "code": code(0) }), 200);
    let login = json!({ "username": "dave", "password": PASSWORD });
    let challenge = send(&walk.server, "POST", "/v2/users/login", "", &login).expect(401).json();
    let second = json!({ "login_2fa_token": challenge["login_2fa_token"], "code": code(1) });
    let signed_in = walk.does("post_users_2fa_login", &second, 200);
    walk.who = format!("Bearer {}", signed_in["token"].as_str().unwrap());
    walk.does("get_second_factor", &nothing, 200);
    let recovery =
        |number: usize| json!({ "password": PASSWORD, "code": confirmed["recovery_codes"][number] });
    let renewed = walk.does("renew_recovery_codes", &recovery(0), 200);
    let last = json!({ "password": PASSWORD, "code": renewed["recovery_codes"][0] });
    walk.does("disable_second_factor", &last, 204);

    // Access tokens and the account of alice.
    walk.who = session(&walk.server, "alice", PASSWORD);
    for (create, list, get, patch, delete) in [
        (
            "post_access_tokens",
            "get_access_tokens",
            "get_access_tokens_uuid",
            "patch_access_tokens_uuid",
            "delete_access_tokens_uuid",
        ),
        (
            "post_api_tokens",
            "get_api_tokens",
            "get_api_tokens_uuid",
            "patch_api_tokens_uuid",
            "delete_api_tokens_uuid",
        ),
    ] {
        walk.named("uuid", &json!("none"));
        let created = walk.does(create, &json!({ "token_label": "ci", "scopes": ["repo:read"] }), 201);
        walk.named("uuid", &created["uuid"]);
        assert_eq!(walk.does(list, &nothing, 200)["count"], 1);
        assert_eq!(walk.does(get, &nothing, 200)["token_label"], "ci");
        assert_eq!(walk.does(patch, &json!({ "token_label": "x" }), 200)["token_label"], "x");
        walk.does(delete, &nothing, 204);
        assert_eq!(walk.does(list, &nothing, 200)["count"], 0);
    }
    let me = walk.does("get_user", &nothing, 200);
    assert_eq!(walk.does("patch_user", &json!({ "full_name": "Alice" }), 200)["full_name"], "Alice");
    walk.named("id", &me["id"]);
    assert_eq!(walk.does("get_hub_plan", &nothing, 200)["name"], "business");
    assert_eq!(walk.does("get_user_orgs", &nothing, 200)["results"][0]["user_role"], "Owner");

    // The organization, its groups, tokens and invites.
    assert_eq!(walk.does("get_org", &nothing, 200)["orgname"], "acme");
    assert_eq!(walk.does("get_orgs_members", &nothing, 200)["count"], 2);
    walk.does("export_orgs_members", &nothing, 200);
    assert_eq!(walk.does("put_orgs_member", &json!({ "role": "editor" }), 200)["role"], "Editor");
    let free = json!({ "enabled": false, "allow_official_images": true, "allow_verified_publishers": true });
    let settings = json!({ "restricted_images": free });
    walk.does("put_orgs_name_settings", &settings, 200);
    assert_eq!(walk.does("get_orgs_name_settings", &nothing, 200), settings);
    let dev = walk.does("post_orgs_groups", &json!({ "name": "dev" }), 201);
    assert_eq!(walk.does("get_orgs_groups", &nothing, 200)["count"], 1);
    assert_eq!(walk.does("get_orgs_group", &nothing, 200)["id"], dev["id"]);
    let described = walk.does("put_orgs_group", &json!({ "name": "dev", "description": "d" }), 200);
    assert_eq!(described["description"], "d");
    assert_eq!(walk.does("patch_orgs_group", &json!({ "description": "e" }), 200)["description"], "e");
    walk.does("post_orgs_group_members", &json!({ "member": "carol" }), 200);
    assert_eq!(walk.does("get_orgs_group_members", &nothing, 200)["count"], 1);
    walk.named("group_id", &dev["id"]);
    walk.does("create_repository_group", &json!({ "group_id": dev["id"], "permission": "read" }), 200);
    assert_eq!(walk.does("list_repository_groups", &nothing, 200)["count"], 1);
    assert_eq!(walk.does("get_repository_group", &nothing, 200)["permission"], "read");
    let written = walk.does("patch_repository_group", &json!({ "permission": "write" }), 200);
    assert_eq!(written["permission"], "write");
    walk.does("delete_repository_group", &nothing, 204);
    walk.does("delete_orgs_group_member", &nothing, 204);
    walk.does("delete_orgs_group", &nothing, 204);
    walk.does("delete_orgs_member", &nothing, 204);
    let pulls = json!([{ "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-pull"] }]);
    let created = walk.does("post_orgs_access_tokens", &json!({ "label": "ci", "resources": pulls }), 201);
    walk.named("access_token_id", &created["id"]);
    assert_eq!(walk.does("get_orgs_access_tokens", &nothing, 200)["total"], 1);
    assert_eq!(walk.does("get_orgs_access_token", &nothing, 200)["resources"], pulls);
    assert_eq!(walk.does("patch_orgs_access_token", &json!({ "label": "x" }), 200)["label"], "x");
    walk.does("delete_orgs_access_token", &nothing, 204);
    walk.named("scim_token_id", &json!("none"));
    let created = walk.does("post_orgs_scim_tokens", &json!({ "label": "okta" }), 201);
    walk.named("scim_token_id", &created["id"]);
    assert_eq!(walk.does("get_orgs_scim_tokens", &nothing, 200)["count"], 1);
    assert_ne!(walk.does("rotate_orgs_scim_token", &nothing, 200)["token"], created["token"]);
    walk.does("delete_orgs_scim_token", &nothing, 204);
    walk.server.admin(&["user", "set", "bob", "--email", "bob@example.org"]);
    let invited = json!({ "org": "acme", "invitees": ["bob", "jane@example.org", "tim@example.org"] });
    let invited = walk.does("post_invites_bulk", &invited, 202);
    assert_eq!(walk.does("get_orgs_invites", &nothing, 200)["data"].as_array().unwrap().len(), 3);
    mail.wait_for(3);
    let link = |to: &str| {
        let line = mail.line_to(to, "/invite#").unwrap();
        json!(line.split_once('#').unwrap().1)
    };
    let of_jane = link("jane@example.org");
    assert_eq!(walk.does("describe_invite", &json!({ "token": of_jane }), 200)["org"], "acme");
    let jane = json!({ "token": of_jane, "username": "jane", "password": PASSWORD });
    walk.does("join_by_invite", &jane, 201);
    walk.named("id", &invited["invitees"][2]["invite"]["id"]);
    walk.does("resend_invite", &nothing, 204);
    walk.does("delete_invite", &nothing, 204);
    let alice = std::mem::replace(&mut walk.who, session(&walk.server, "bob", PASSWORD));
    walk.does("accept_invite", &json!({ "token": link("bob@example.org") }), 200);
    walk.who = alice;

    // Repositories, tags and images.
    let new = |name: &str| json!({ "namespace": "acme", "name": name });
    walk.does("create_repository", &new("one"), 201);
    walk.does("create_repository_legacy", &new("two"), 201);
    walk.does("create_namespace_repository_legacy", &new("three"), 201);
    for list in ["list_namespace_repositories", "list_namespace_repositories_legacy"] {
        assert_eq!(walk.does(list, &nothing, 200)["count"], 4);
    }
    for get in ["get_repository", "get_repository_legacy"] {
        assert_eq!(walk.does(get, &nothing, 200)["name"], "app");
    }
    for check in
        ["check_repository", "check_repository_legacy", "check_repository_tags", "check_repository_tag"]
    {
        walk.does(check, &nothing, 200);
    }
    for patch in ["patch_repository", "patch_repository_legacy"] {
        let text = json!({ "description": patch });
        assert_eq!(walk.does(patch, &text, 200)["description"], patch);
    }
    walk.does("set_repository_privacy", &json!({ "is_private": false }), 200);
    let off = json!({ "immutable_tags": false, "immutable_tags_rules": [] });
    walk.does("update_repository_immutable_tags", &off, 200);
    let matching = walk.does("verify_repository_immutable_tags", &json!({ "regex": "2$" }), 200);
    assert_eq!(matching["tags"], json!(["v2"]));
    for list in ["list_repository_tags", "list_repository_tags_legacy"] {
        assert_eq!(walk.does(list, &nothing, 200)["count"], 2);
    }
    for get in ["get_repository_tag", "get_repository_tag_legacy"] {
        assert_eq!(walk.does(get, &nothing, 200)["name"], "v1");
    }
    for search in ["search_repositories", "search_catalog", "search_classic"] {
        walk.does(search, &nothing, 200);
    }
    assert_eq!(walk.does("get_namespaces_repositories_images", &nothing, 200)["count"], 2);
    let summary = walk.does("get_namespaces_repositories_images_summary", &nothing, 200);
    assert_eq!(summary["statistics"]["total"], 2);
    assert_eq!(walk.does("get_namespaces_repositories_images_tags", &nothing, 200)["count"], 1);
    walk.does("delete_repository_tag", &nothing, 204);
    walk.named("tag", &json!("v2"));
    walk.does("delete_namespace_repository_tag", &nothing, 204);
    let deletion = json!({ "active_from": "2099-01-01T00:00:00Z",
        "manifests": [{ "repository": "app", "digest": walk.names["digest"] }] });
    assert_eq!(walk.does("post_namespaces_delete_images", &deletion, 200)["metrics"]["manifest_deletes"], 1);
    walk.does("audit_logs_list_audit_logs", &nothing, 200);
    walk.does("audit_logs_list_audit_actions", &nothing, 200);
    walk.named("repository", &json!("one"));
    walk.does("delete_repository", &nothing, 202);
    walk.named("repository", &json!("two"));
    walk.does("delete_repository_legacy", &nothing, 202);

    walk.end();
}
