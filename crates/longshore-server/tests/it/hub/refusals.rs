//! Default deny: walks the table of operations, so that one without a refusal cannot be added.

use longshore_api_hub::routes::{Needs, ROUTES, Route};
use longshore_testkit::images::{digest_of, image};
use serde_json::{Value, json};

use super::{access_token, org_access_tokens, send, session, sign_in};
use crate::server::{PASSWORD, Server, user};

/// How an operation is asked for, on things of `alice`, and what `bob` gets, who has nothing to do with them.
struct Sample {
    path: String,
    body: Value,
    /// `None` where it is on the actor's own things only.
    foreign: Option<u16>,
}

fn sample(route: &Route, uuid: &str, alice: &str, of_acme: &str, invite: &str) -> Option<Sample> {
    let digest = digest_of(image(b"{}", &[])).to_string();
    let path = route
        .path
        .replace("{uuid}", uuid)
        .replace("{access_token_id}", of_acme)
        .replace("{scim_token_id}", uuid)
        .replace("{id}", if route.group == "invites" { invite } else { alice })
        .replace("{namespace}", "alice")
        .replace("{repository}", "secret")
        .replace("{digest}", &digest)
        .replace("{account}", "alice")
        .replace("{tag}", "v1")
        .replace("{org_name}", "acme")
        .replace("{group_name}", "dev")
        .replace("{username}", "carol")
        .replace("{group_id}", "1");
    let of_their_own = |body: Value| Some(Sample { path: path.clone(), body, foreign: None });
    let of_alice = |body: Value, foreign| Some(Sample { path: path.clone(), body, foreign: Some(foreign) });
    match route.operation {
        "post_access_tokens" | "post_api_tokens" => {
            of_their_own(json!({ "token_label": "x", "scopes": ["repo:read"] }))
        }
        "get_access_tokens" | "get_api_tokens" | "get_user" | "get_second_factor" => {
            of_their_own(Value::Null)
        }
        "patch_access_tokens_uuid" | "patch_api_tokens_uuid" => of_alice(json!({ "is_active": false }), 404),
        "get_access_tokens_uuid" | "get_api_tokens_uuid" => of_alice(Value::Null, 404),
        "delete_access_tokens_uuid" | "delete_api_tokens_uuid" => of_alice(Value::Null, 404),
        "enrol_second_factor" => of_their_own(json!({ "password": "wrong" })),
        "confirm_second_factor" => of_their_own(json!({ "code": "000000" })),
        "renew_recovery_codes" | "disable_second_factor" => {
            of_their_own(json!({ "password": PASSWORD, "code": "000000" }))
        }
        "audit_logs_list_audit_logs"
        | "audit_logs_list_audit_actions"
        | "get_namespaces_repositories_images"
        | "get_namespaces_repositories_images_summary"
        | "get_namespaces_repositories_images_tags"
        | "list_repository_tags"
        | "check_repository_tags"
        | "get_repository_tag"
        | "check_repository_tag"
        | "list_repository_tags_legacy"
        | "get_repository_tag_legacy"
        | "delete_repository_tag"
        | "delete_namespace_repository_tag" => of_alice(Value::Null, 404),
        "get_orgs_access_tokens" | "get_orgs_access_token" | "delete_orgs_access_token" => {
            of_alice(Value::Null, 404)
        }
        "get_orgs_scim_tokens" | "rotate_orgs_scim_token" | "delete_orgs_scim_token" => {
            of_alice(Value::Null, 404)
        }
        "post_orgs_scim_tokens" => of_alice(json!({ "label": "x" }), 404),
        "post_orgs_access_tokens" => of_alice(
            json!({ "label": "x", "resources":
                [{ "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-pull"] }] }),
            404,
        ),
        "patch_orgs_access_token" => of_alice(json!({ "is_active": false }), 404),
        "get_orgs_name_settings" => of_alice(Value::Null, 404),
        "put_orgs_name_settings" => of_alice(
            json!({ "restricted_images":
                { "enabled": true, "allow_official_images": false, "allow_verified_publishers": false } }),
            404,
        ),
        // Everybody searches, and finds what everybody may see: see `repositories`.
        "search_repositories" | "search_catalog" | "search_classic" => of_alice(Value::Null, 200),
        "get_orgs_invites" => of_alice(Value::Null, 404),
        "post_invites_bulk" => of_alice(json!({ "org": "acme", "invitees": ["bob"] }), 404),
        "accept_invite" => of_alice(json!({ "token": "x" }), 404),
        "delete_invite" | "resend_invite" => of_alice(Value::Null, 404),
        "patch_user" => of_their_own(json!({ "full_name": "" })),
        "get_user_orgs" => of_their_own(Value::Null),
        "get_hub_plan" => of_alice(Value::Null, 404),
        "get_org"
        | "get_orgs_members"
        | "export_orgs_members"
        | "delete_orgs_member"
        | "get_orgs_groups"
        | "get_orgs_group"
        | "delete_orgs_group"
        | "get_orgs_group_members"
        | "delete_orgs_group_member" => of_alice(Value::Null, 404),
        "put_orgs_member" => of_alice(json!({ "role": "owner" }), 404),
        "post_orgs_groups" => of_alice(json!({ "name": "ops", "description": "" }), 404),
        "put_orgs_group" | "patch_orgs_group" => of_alice(json!({ "name": "mine", "description": "" }), 404),
        "post_orgs_group_members" => of_alice(json!({ "member": "bob" }), 404),
        "list_repository_groups" | "get_repository_group" | "delete_repository_group" => {
            of_alice(Value::Null, 404)
        }
        "patch_repository_group" => of_alice(json!({ "permission": "admin" }), 404),
        "create_repository_group" => of_alice(json!({ "group_id": 1, "permission": "admin" }), 404),
        "get_repository"
        | "check_repository"
        | "get_repository_legacy"
        | "check_repository_legacy"
        | "delete_repository"
        | "delete_repository_legacy" => of_alice(Value::Null, 404),
        "patch_repository" | "patch_repository_legacy" | "set_repository_privacy" => {
            of_alice(json!({ "is_private": false }), 404)
        }
        "update_repository_immutable_tags" => {
            of_alice(json!({ "immutable_tags": true, "immutable_tags_rules": [] }), 404)
        }
        "verify_repository_immutable_tags" => of_alice(json!({ "regex": "." }), 404),
        // Pushing would create it, so this is not hidden.
        "create_repository" | "create_repository_legacy" | "create_namespace_repository_legacy" => {
            of_alice(json!({ "namespace": "alice", "name": "new" }), 403)
        }
        "list_namespace_repositories" | "list_namespace_repositories_legacy" => of_alice(Value::Null, 404),
        // Each image is answered as not found.
        "post_namespaces_delete_images" => of_alice(
            json!({ "active_from": "2099-01-01T00:00:00Z", "manifests": [{ "repository": "secret", "digest": digest }] }),
            400,
        ),
        _ => None,
    }
}

fn changes(route: &Route) -> bool {
    !["GET", "HEAD"].contains(&route.method.as_str())
}

#[test]
fn every_operation_refuses_anonymous_powerless_and_foreign_callers() {
    let server = Server::new();
    let (alice, bob) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    server.push_blob(&user("alice"), "alice/secret", b"{}");
    server.push_manifest(&user("alice"), "alice/secret", "v1", &image(b"{}", &[])).expect(201);
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "member"]);
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    send(&server, "POST", "/v2/orgs/acme/groups/dev/members", &alice, &json!({ "member": "carol" }))
        .expect(200);
    let carol = sign_in(&server, "carol");
    let kept = access_token(&server, &alice, "repo:admin");
    let uuid = kept["uuid"].as_str().unwrap();
    let powerless = access_token(&server, &alice, "repo:public_read");
    let powerless = session(&server, "alice", powerless["token"].as_str().unwrap());
    let by_token = session(&server, "alice", kept["token"].as_str().unwrap());
    let pulls = json!([{ "type": "TYPE_REPO", "path": "acme/*", "scopes": ["scope-image-pull"] }]);
    let of_acme = org_access_tokens::token(&server, &alice, &pulls);
    let by_acme = org_access_tokens::exchange(&server, of_acme["token"].as_str().unwrap());
    let of_acme = of_acme["id"].as_str().unwrap();
    let invited = json!({ "org": "acme", "invitees": ["jane@example.org"] });
    let invited = send(&server, "POST", "/v2/invites/bulk", &alice, &invited).expect(202).json();
    let invite = invited["invitees"][0]["invite"]["id"].as_str().unwrap();
    let me = server.get("/v2/user", &alice).expect(200).json();
    let forged = format!("{}x", alice);
    for route in ROUTES.iter().filter(|route| route.needs != Needs::Nothing) {
        let Some(sample) = sample(route, uuid, me["uuid"].as_str().unwrap(), of_acme, invite) else {
            panic!("{} needs a sample here", route.operation)
        };
        let ask = |who: &str| send(&server, route.method.as_str(), &sample.path, who, &sample.body).status;
        for nobody in ["", "Bearer x", "Bearer a.b.c", &forged] {
            // What is public is for everybody; the rest is not there for whoever has not signed in.
            let expected = match route.needs {
                Needs::Nobody if nobody.is_empty() => sample.foreign.unwrap_or(404),
                _ => 401,
            };
            assert_eq!(ask(nobody), expected, "{} as {nobody:?}", route.operation);
        }
        if changes(route) && route.needs == Needs::Account {
            let refused = ask(&powerless);
            assert!(
                (400..405).contains(&refused),
                "{} by a token for public reading: {refused}",
                route.operation
            );
        }
        // What groups may do outlives every token, and is for who administers the repository.
        if route.operation.ends_with("_repository_group") || route.operation == "list_repository_groups" {
            for token in [&powerless, &by_token, &by_acme, &carol] {
                let status = ask(token);
                assert!([403, 404].contains(&status), "{} answers {status}", route.operation);
            }
        }
        if route.needs == Needs::Password {
            for token in [&powerless, &by_token, &by_acme] {
                assert_eq!(ask(token), 403, "{} by an access token", route.operation);
            }
        }
        // A member changes nothing in the organization.
        let of_organization = route.path.starts_with("/v2/orgs/")
            || ["post_invites_bulk", "delete_invite", "resend_invite"].contains(&route.operation);
        if changes(route) && of_organization {
            assert_eq!(ask(&by_acme), 403, "{} by a token of the organization", route.operation);
            assert_eq!(ask(&carol), 403, "{} as a member", route.operation);
        }
        if let Some(foreign) = sample.foreign {
            assert_eq!(ask(&bob), foreign, "{} as bob", route.operation);
        }
    }
    // Nothing was changed by all that.
    assert_eq!(server.get("/v2/orgs/acme/invites", &alice).json()["data"][0]["id"], invite);
    assert_eq!(server.get("/v2/orgs/acme/access-tokens", &alice).expect(200).json()["total"], 1);
    let dev = server.get("/v2/orgs/acme/groups", &alice).expect(200).json();
    assert_eq!((&dev["count"], &dev["results"][0]["member_count"]), (&json!(1), &json!(1)));
    assert_eq!(server.get("/v2/orgs/acme/members?role=owner", &alice).json()["count"], 1);
    server.get("/v2/alice/secret/manifests/v1", &user("alice")).expect(200);
    let after = server.get(&format!("/v2/access-tokens/{uuid}"), &alice).expect(200).json();
    assert_eq!((&after["is_active"], &after["token_label"]), (&json!(true), &json!("repo:admin")));
    assert_eq!(server.get("/v2/access-tokens", &alice).json()["count"], 2);
    assert_eq!(server.get("/v2/access-tokens", &bob).json()["count"], 0);
}

#[test]
fn the_served_document_has_every_operation() {
    let server = Server::bare(&[]);
    let document = server.get("/api/openapi/hub.json", "").expect(200).json();
    assert_eq!(document["openapi"], "3.0.3");
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
        let named = operation["parameters"].as_array().unwrap();
        for part in route.path.split('/').filter(|part| part.starts_with('{')) {
            assert!(
                named.iter().any(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()) == part)
            );
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
