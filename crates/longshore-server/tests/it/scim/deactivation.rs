//! Whoever is deactivated loses everything at once, and whoever comes back has it again.

use longshore_testkit::stores::SharedStores;
use serde_json::{Value, json};

use super::{USER, create, patch, path_of, provider, refusal, send, server};
use crate::server::{Answer, PASSWORD, Server};

fn set_active(server: &Server, okta: &str, user: &Value, active: bool) -> Answer {
    patch(server, &path_of(user), okta, json!([{ "op": "replace", "path": "active", "value": active }]))
}

fn pulls(server: &Server, who: &str) -> u16 {
    server.get("/v2/acme/app/manifests/v1", who).status
}

#[test]
fn a_provisioned_account_ends_with_all_that_it_signed_in_with() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    crate::swr::push(&server, "alice:correct horse battery", "acme/app", "v1");
    let body = json!({ "schemas": [USER], "userName": "jon@example.org", "password": PASSWORD });
    let user = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    let by_password = format!("jon:{PASSWORD}");
    let session = crate::hub::sign_in(&server, "jon");
    let bearer = server.token(&by_password, &["repository:acme/app:pull", "repository:jon/own:pull,push"]);
    let made = server.admin(&["token", "create", "jon", "--label", "ci", "--scope", "repo:write"]);
    let access_token = format!("jon:{}", made["token"].as_str().unwrap());
    // An upload is running.
    let begun = server.send("POST", "/v2/jon/own/blobs/uploads/", &bearer, &[], b"").expect(202);
    let upload = begun.header("location").to_owned();
    let headers = [("content-type", "application/octet-stream"), ("content-range", "0-3")];
    let next =
        server.send("PATCH", &upload, &bearer, &headers, b"data").expect(202).header("location").to_owned();
    let works = |who: &str| pulls(&server, who) == 200;
    for who in [&by_password, &bearer, &access_token] {
        assert!(works(who), "{who}");
    }
    server.get("/v2/access-tokens", &session).expect(200);
    assert_eq!(set_active(&server, &okta, &user, false).expect(200).json()["active"], false);
    for who in [&by_password, &bearer, &access_token] {
        assert_eq!(pulls(&server, who), 401, "{who}");
    }
    assert_eq!(server.get("/v2/access-tokens", &session).status, 401);
    let headers = [("content-type", "application/octet-stream"), ("content-range", "4-7")];
    assert_eq!(server.send("PATCH", &next, &bearer, &headers, b"more").status, 401);
    assert_eq!(
        server.send("PUT", &format!("{next}?digest=sha256:{}", "0".repeat(64)), &bearer, &[], b"").status,
        401
    );
    // It is still listed, and a second time changes nothing.
    let listed = super::filtered(&server, "Users", &okta, r#"userName eq "jon@example.org""#);
    assert_eq!(listed["Resources"][0]["active"], false);
    set_active(&server, &okta, &user, false).expect(200);
    set_active(&server, &okta, &user, true).expect(200);
    // Passwords and access tokens work again, sessions do not come back.
    assert!(works(&by_password) && works(&access_token));
    assert_eq!((pulls(&server, &bearer), server.get("/v2/access-tokens", &session).status), (401, 401));
    // What the operator switched off no provider switches on.
    server.admin(&["user", "disable", "jon"]);
    assert_eq!(refusal(&set_active(&server, &okta, &user, true)), (409, String::new()));
    server.admin(&["user", "enable", "jon"]);
    assert!(works(&by_password));
    // And what the provider switched off meanwhile, the operator's end of it does not switch on.
    server.admin(&["user", "disable", "jon"]);
    set_active(&server, &okta, &user, false).expect(200);
    server.admin(&["user", "enable", "jon"]);
    assert_eq!(pulls(&server, &by_password), 401);
    set_active(&server, &okta, &user, true).expect(200);
    assert!(works(&by_password));
}

#[test]
fn whoever_is_removed_by_an_owner_is_switched_off_too() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let body = json!({ "schemas": [USER], "userName": "jon@example.org", "password": PASSWORD });
    let user = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    let alice = crate::hub::sign_in(&server, "alice");
    server.send("DELETE", "/v2/orgs/acme/members/jon", &alice, &[], b"").expect(204);
    assert_eq!(server.get("/v2/", &format!("jon:{PASSWORD}")).status, 401);
    assert_eq!(refusal(&set_active(&server, &okta, &user, false)), (404, String::new()));
    // The operator lets somebody go on whom no provider has any more.
    server.admin(&["user", "enable", "jon"]);
    server.get("/v2/", &format!("jon:{PASSWORD}")).expect(200);
    // Somebody whom others switched off is not said to have come.
    server.admin(&["org", "create", "shop", "--owner", "bob"]);
    let shop = provider(&server, "shop", "entra");
    send(&server, "POST", "/Users", &okta, &body).expect(201);
    let user =
        super::filtered(&server, "Users", &okta, r#"userName eq "jon@example.org""#)["Resources"][0].clone();
    send(&server, "DELETE", &path_of(&user), &okta, &Value::Null).expect(204);
    assert_eq!(refusal(&send(&server, "POST", "/Users", &shop, &body)), (409, String::new()));
    let mut off = body;
    off["active"] = false.into();
    assert_eq!(send(&server, "POST", "/Users", &shop, &off).expect(201).json()["active"], false);
    // An owner removes whoever rests.
    let bob = crate::hub::sign_in(&server, "bob");
    server.send("DELETE", "/v2/orgs/shop/members/jon", &bob, &[], b"").expect(204);
    assert_eq!(
        super::filtered(&server, "Users", &shop, r#"userName eq "jon@example.org""#)["totalResults"],
        0
    );
}

#[test]
fn of_an_account_of_its_own_the_membership_rests_and_comes_back_whole() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    crate::swr::push(&server, "alice:correct horse battery", "acme/app", "v1");
    crate::swr::push(&server, "bob:correct horse battery", "bob/own", "v1");
    server.admin(&["user", "set", "bob", "--email", "bob@example.org"]);
    let bob = create(&server, &okta, "bob@example.org");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "editor"]);
    let group =
        json!({ "schemas": [super::GROUP], "displayName": "Watch", "members": [{ "value": bob["id"] }] });
    let group = send(&server, "POST", "/Groups", &okta, &group).expect(201).json();
    let by_password = "bob:correct horse battery";
    let begins = || server.send("POST", "/v2/acme/app/blobs/uploads/", by_password, &[], b"").status;
    assert_eq!((pulls(&server, by_password), begins()), (200, 202));
    assert_eq!(set_active(&server, &okta, &bob, false).expect(200).json()["active"], false);
    assert_eq!((pulls(&server, by_password), begins()), (404, 403));
    server.get("/v2/bob/own/manifests/v1", by_password).expect(200);
    let role = || {
        let members = server.admin(&["org", "show", "acme"])["members"].clone();
        let found = members.as_array().unwrap().iter().find(|member| member["user"] == "bob").cloned();
        found.map(|member| member["role"].as_str().unwrap().to_owned())
    };
    assert_eq!(role(), None);
    // Groups still have the user, and take others in that rest.
    let group_path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let members = || {
        let group = send(&server, "GET", &group_path, &okta, &Value::Null).expect(200).json();
        group["members"].as_array().unwrap().len()
    };
    assert_eq!(members(), 1);
    let gone = json!([{ "op": "remove", "path": "members" }]);
    patch(&server, &group_path, &okta, gone).expect(200);
    assert_eq!(members(), 0);
    let added = json!([{ "op": "add", "path": "members", "value": [{ "value": bob["id"] }] }]);
    patch(&server, &group_path, &okta, added).expect(200);
    let shown = send(&server, "GET", &path_of(&bob), &okta, &Value::Null).json();
    assert_eq!(shown["groups"].as_array().unwrap().len(), 2);
    set_active(&server, &okta, &bob, true).expect(200);
    assert_eq!((role().as_deref(), pulls(&server, by_password), begins()), (Some("editor"), 200, 202));
    let shown = send(&server, "GET", &path_of(&bob), &okta, &Value::Null).json();
    assert_eq!(shown["groups"].as_array().unwrap().len(), 2);
    // Nothing is given past the provider to whoever rests.
    set_active(&server, &okta, &bob, false).expect(200);
    let alice = crate::swr::token(&server, "alice", "eu-de");
    let of_bob = crate::swr::project_id(&server, "bob", "bob");
    let permission = json!([{ "user_id": of_bob, "user_name": "bob", "auth": 3 }]);
    let share = json!({ "access_domain": "bob", "permit": "read", "deadline": "forever" });
    for (path, body) in [
        ("/v2/manage/namespaces/acme/access", &permission),
        ("/v2/manage/namespaces/acme/repos/app/access", &permission),
        ("/v2/manage/namespaces/acme/repositories/app/access-domains", &share),
    ] {
        let refused = crate::walk::send(&server, "POST", path, &alice, body);
        assert!([400, 409].contains(&refused.status), "{path}: {}", refused.status);
    }
    assert_eq!(pulls(&server, by_password), 404);
    set_active(&server, &okta, &bob, true).expect(200);
    let shared = crate::walk::send(
        &server,
        "POST",
        "/v2/manage/namespaces/acme/repositories/app/access-domains",
        &alice,
        &share,
    );
    shared.expect(201);
    // Removed while it rests, nothing is left.
    set_active(&server, &okta, &bob, false).expect(200);
    send(&server, "DELETE", &path_of(&bob), &okta, &Value::Null).expect(204);
    assert_eq!(create(&server, &okta, "bob@example.org")["id"], bob["id"]);
    assert_eq!(role().as_deref(), Some("member"));
}

#[test]
fn nothing_is_given_to_whose_account_is_switched_off() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    crate::swr::push(&server, "alice:correct horse battery", "acme/app", "v1");
    let body = json!({ "schemas": [USER], "userName": "jon@example.org", "password": PASSWORD });
    let jon = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    let user_id = crate::swr::project_id(&server, "jon", "jon");
    let alice = crate::swr::token(&server, "alice", "eu-de");
    let owner = crate::hub::sign_in(&server, "alice");
    let shares = "/v2/manage/namespaces/acme/repositories/app/access-domains";
    let share = json!({ "access_domain": "jon", "permit": "read", "deadline": "forever" });
    crate::walk::send(&server, "POST", shares, &alice, &share).expect(201);
    // A password that is refused keeps nobody active.
    let operations = json!([
        { "op": "replace", "path": "password", "value": "x" }, { "op": "replace", "path": "active", "value": false },
    ]);
    assert_eq!(patch(&server, &path_of(&jon), &okta, operations).expect(200).json()["active"], false);
    // What was shared has ended, and nothing is shared or given anew.
    let left = server.get(&format!("{shares}/jon"), &alice).expect(200).json();
    assert_eq!(left, json!({ "exist": false }));
    assert_eq!(crate::walk::send(&server, "POST", shares, &alice, &share).status, 409);
    let permission = json!([{ "user_id": user_id, "user_name": "jon", "auth": 3 }]);
    let repository = "/v2/manage/namespaces/acme/repos/app/access";
    assert_eq!(crate::walk::send(&server, "POST", repository, &alice, &permission).status, 409);
    let member = "/v2/orgs/acme/members/jon";
    assert_eq!(crate::walk::send(&server, "PUT", member, &owner, &json!({ "role": "owner" })).status, 409);
    crate::walk::send(&server, "POST", "/v2/orgs/acme/groups", &owner, &json!({ "name": "watch" }))
        .expect(201);
    let members = "/v2/orgs/acme/groups/watch/members";
    assert_eq!(crate::walk::send(&server, "POST", members, &owner, &json!({ "member": "jon" })).status, 409);
    set_active(&server, &okta, &jon, true).expect(200);
    crate::walk::send(&server, "POST", members, &owner, &json!({ "member": "jon" })).expect(200);
}

#[test]
fn the_last_owner_stays() {
    let server = server();
    let okta = provider(&server, "acme", "okta");
    let user = |name: &str| {
        let list = super::filtered(&server, "Users", &okta, &format!("displayName eq \"{name}\""));
        list["Resources"][0].clone()
    };
    let alice = user("alice");
    let whole = json!({ "schemas": [USER], "active": false });
    for refused in [
        set_active(&server, &okta, &alice, false),
        send(&server, "PUT", &path_of(&alice), &okta, &whole),
        send(&server, "DELETE", &path_of(&alice), &okta, &Value::Null),
    ] {
        assert_eq!(refusal(&refused), (409, String::new()));
    }
    // Another owner who cannot sign in is none.
    let jon = create(&server, &okta, "jon@example.org");
    server.admin(&["org", "set-member", "acme", "jon", "--role", "owner"]);
    server.admin(&["user", "disable", "jon"]);
    assert_eq!(refusal(&set_active(&server, &okta, &alice, false)), (409, String::new()));
    server.admin(&["user", "enable", "jon"]);
    set_active(&server, &okta, &alice, false).expect(200);
    assert_eq!(refusal(&set_active(&server, &okta, &jon, false)), (409, String::new()));
    set_active(&server, &okta, &alice, true).expect(200);
    send(&server, "DELETE", &path_of(&jon), &okta, &Value::Null).expect(204);
    assert_eq!(user("jon"), Value::Null);
    // The last administrator of the registry stays, too.
    let arya = create(&server, &okta, "arya@example.org");
    server.admin(&["user", "set", "arya", "--administrator", "true"]);
    server.admin(&["user", "set", "admin", "--administrator", "false"]);
    assert_eq!(refusal(&set_active(&server, &okta, &arya, false)), (409, String::new()));
}

#[test]
fn a_deactivation_reaches_every_node_within_seconds() {
    if SharedStores::only().is_none() {
        return;
    }
    let server = server();
    let other = server.another_node("other", &[]);
    let okta = provider(&server, "acme", "okta");
    crate::swr::push(&server, "alice:correct horse battery", "acme/app", "v1");
    let body = json!({ "schemas": [USER], "userName": "jon@example.org", "password": PASSWORD });
    let user = send(&server, "POST", "/Users", &okta, &body).expect(201).json();
    let by_password = format!("jon:{PASSWORD}");
    let bearer = other.token(&by_password, &["repository:acme/app:pull"]);
    assert_eq!((pulls(&other, &bearer), pulls(&other, &by_password)), (200, 200));
    set_active(&server, &okta, &user, false).expect(200);
    other.wait_for("the other node to know", || {
        pulls(&other, &bearer) == 401 && pulls(&other, &by_password) == 401
    });
    let token = server.admin(&["scim-token", "rotate", "acme"]);
    assert_eq!(send(&other, "GET", "/Users", &okta, &Value::Null).status, 401);
    let okta = format!("Bearer {}", token["token"].as_str().unwrap());
    assert_eq!(send(&other, "GET", &path_of(&user), &okta, &Value::Null).expect(200).json()["active"], false);
}
