//! What users are given in organizations and repositories, and sharing.

use serde_json::{Value, json};

use super::{project_id, push, pusher, send, shop, token};
use crate::server::{Server, user};

const NAMESPACE: &str = "/v2/manage/namespaces/shop/access";
const REPOSITORY: &str = "/v2/manage/namespaces/shop/repos/app/access";

fn may_push(server: &Server, who: &str, repository: &str) -> bool {
    let status = server.send("POST", &format!("/v2/{repository}/blobs/uploads/"), who, &[], b"").status;
    assert!([202, 403, 404].contains(&status), "{status}");
    status == 202
}

fn may_pull(server: &Server, who: &str, repository: &str) -> bool {
    let status = server.get(&format!("/v2/{repository}/manifests/v1"), who).status;
    assert!([200, 403, 404].contains(&status), "{status}");
    status == 200
}

fn given(server: &Server, auth: u8) -> Value {
    json!([{ "user_id": project_id(server, "bob", "bob"), "user_name": "bob", "auth": auth }])
}

#[test]
fn permissions_have_effect_at_once_and_end_at_once() {
    let server = shop(&[]);
    let (alice, bob) = (token(&server, "alice", "eu-de"), user("bob"));
    push(&server, &pusher(), "shop/app", "v1");
    push(&server, &pusher(), "shop/other", "v1");
    let ask = |method: &str, path: &str, body: Value, status| {
        send(&server, method, path, &alice, &body).expect(status)
    };
    for (path, created) in [(NAMESPACE, 200), (REPOSITORY, 201)] {
        let of_all = path == NAMESPACE;
        assert!(!may_pull(&server, &bob, "shop/app"));
        ask("POST", path, given(&server, 1), created);
        assert!(may_pull(&server, &bob, "shop/app") && !may_push(&server, &bob, "shop/app"));
        assert_eq!(may_pull(&server, &bob, "shop/other"), of_all);
        ask("PATCH", path, given(&server, 3), 201);
        assert!(may_push(&server, &bob, "shop/app"));
        assert_eq!(may_push(&server, &bob, "shop/other"), of_all);
        // Lists of other APIs show it too.
        let catalog =
            server.get("/v2/_catalog", &server.token(&bob, &["registry:catalog:*"])).expect(200).json();
        let expected = if of_all { json!(["shop/app", "shop/other"]) } else { json!(["shop/app"]) };
        assert_eq!(catalog["repositories"], expected);
        let own = token(&server, "bob", "bob");
        let listed = send(&server, "GET", "/v2/manage/repos", &own, &Value::Null).expect(200);
        assert_eq!(listed.json().as_array().unwrap().len(), expected.as_array().unwrap().len());
        let visible = "/v2/manage/namespaces?filter=mode::visible";
        let namespaces = send(&server, "GET", visible, &own, &Value::Null).expect(200).json();
        assert_eq!(namespaces["namespaces"].as_array().unwrap().len(), 2, "{namespaces}");
        let namespaces = send(&server, "GET", "/v2/manage/namespaces", &own, &Value::Null).expect(200).json();
        assert_eq!(namespaces["namespaces"].as_array().unwrap().len(), if of_all { 2 } else { 1 });
        let ids = json!([project_id(&server, "bob", "bob")]);
        ask("DELETE", path, ids, 204);
        assert!(!may_pull(&server, &bob, "shop/app") && !may_push(&server, &bob, "shop/app"));
    }
}

#[test]
fn whoever_manages_gives_permissions_and_no_roles() {
    let server = shop(&[]);
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], crate::server::PASSWORD);
    let (alice, bob) = (token(&server, "alice", "eu-de"), token(&server, "bob", "bob"));
    send(&server, "POST", NAMESPACE, &alice, &given(&server, 7)).expect(200);
    let to_carol =
        json!([{ "user_id": project_id(&server, "carol", "carol"), "user_name": "carol", "auth": 1 }]);
    send(&server, "POST", NAMESPACE, &bob, &to_carol).expect(200);
    // Owners are shown with what they may do, and only owners change that.
    let shown = send(&server, "GET", NAMESPACE, &bob, &Value::Null).expect(200).json();
    let names: Vec<_> =
        shown["others_auths"].as_array().unwrap().iter().map(|auth| &auth["user_name"]).collect();
    assert_eq!(names, ["alice", "carol"]);
    let alice_id = project_id(&server, "alice", "alice");
    let of_alice = json!([{ "user_id": alice_id, "user_name": "alice", "auth": 1 }]);
    send(&server, "PATCH", NAMESPACE, &bob, &of_alice).expect(403);
    send(&server, "DELETE", NAMESPACE, &bob, &json!([alice_id])).expect(403);
    // The last owner stays.
    send(&server, "PATCH", NAMESPACE, &alice, &of_alice).expect(400);
    send(&server, "DELETE", NAMESPACE, &alice, &json!([alice_id])).expect(400);
    // Members have roles. A permission besides makes no editor of one, who could change and delete everything.
    server.admin(&["org", "set-member", "shop", "carol", "--role", "member"]);
    let carol = |auth: u8| json!([{ "user_id": to_carol[0]["user_id"], "user_name": "carol", "auth": auth }]);
    push(&server, &pusher(), "shop/app", "v1");
    let role_of_carol = || {
        let members = server.admin(&["org", "show", "shop"])["members"].clone();
        members.as_array().unwrap().iter().find(|member| member["user"] == "carol").unwrap()["role"].clone()
    };
    let by_carol = token(&server, "carol", "carol");
    let image = "/v2/manage/namespaces/shop/repos/app";
    let shown_to_carol = || {
        let shown = send(&server, "GET", NAMESPACE, &by_carol, &Value::Null).expect(200).json();
        let of_image = send(&server, "GET", &format!("{image}/access"), &by_carol, &Value::Null).expect(200);
        [shown, of_image.json()].map(|shown| shown["self_auth"]["auth"].as_u64().unwrap())
    };
    send(&server, "PATCH", NAMESPACE, &alice, &carol(3)).expect(201);
    assert_eq!((role_of_carol(), shown_to_carol()), (json!("member"), [3, 3]));
    assert!(may_push(&server, &user("carol"), "shop/app"));
    send(&server, "DELETE", image, &by_carol, &Value::Null).expect(403);
    send(&server, "PATCH", NAMESPACE, &alice, &carol(1)).expect(201);
    assert_eq!((role_of_carol(), shown_to_carol()), (json!("member"), [1, 1]));
    assert!(!may_push(&server, &user("carol"), "shop/app"));
    // An editor stays one when told to write.
    server.admin(&["org", "set-member", "shop", "carol", "--role", "editor"]);
    send(&server, "PATCH", NAMESPACE, &alice, &carol(3)).expect(201);
    assert_eq!((role_of_carol(), shown_to_carol()), (json!("editor"), [3, 7]));
    send(&server, "DELETE", NAMESPACE, &alice, &json!([to_carol[0]["user_id"]])).expect(204);
    assert!(!server.admin(&["org", "show", "shop"]).to_string().contains("carol"));
    // Who may not change permissions sees only their own.
    send(&server, "PATCH", NAMESPACE, &alice, &given(&server, 3)).expect(201);
    let shown = send(&server, "GET", NAMESPACE, &bob, &Value::Null).expect(200).json();
    assert_eq!((&shown["self_auth"]["auth"], &shown["others_auths"]), (&json!(3), &json!([])));
    send(&server, "POST", NAMESPACE, &bob, &carol(1)).expect(403);
    send(&server, "DELETE", "/v2/manage/namespaces/shop", &bob, &Value::Null).expect(403);
}

#[test]
fn a_list_of_permissions_is_changed_as_a_whole_or_not_at_all() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let bob = given(&server, 1)[0].clone();
    let nobody = json!({ "user_id": "0".repeat(32), "user_name": "nobody", "auth": 1 });
    let mistaken = json!({ "user_id": bob["user_id"], "user_name": "alice", "auth": 1 });
    for (body, code) in [
        (json!([bob, nobody]), "4001067"),
        (json!([bob, mistaken]), "4001067"),
        (json!([bob, { "user_id": "bob", "user_name": "bob", "auth": 1 }]), "4001067"),
        (json!([{ "user_id": bob["user_id"], "user_name": "bob", "auth": 2 }]), "4001091"),
        (json!([]), "4001025"),
        (json!(vec![bob.clone(); 101]), "4001025"),
        (json!({ "user_id": "x" }), "4000014"),
    ] {
        let refused = send(&server, "POST", NAMESPACE, &alice, &body).expect(400).json();
        assert_eq!(refused[0]["errorCode"], format!("SVCSTG.SWR.{code}"), "{body}");
    }
    send(&server, "POST", NAMESPACE, &alice, &json!([bob, bob])).expect(409);
    let shown = send(&server, "GET", NAMESPACE, &alice, &Value::Null).expect(200).json();
    assert_eq!(shown["others_auths"], json!([]));
}

#[test]
fn a_share_lets_an_account_pull_until_its_deadline() {
    let server = shop(&[]);
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], crate::server::PASSWORD);
    server.admin(&["org", "create", "guild", "--owner", "carol"]);
    server.admin(&["org", "set-member", "guild", "bob", "--role", "member"]);
    push(&server, &pusher(), "shop/app", "v1");
    let alice = token(&server, "alice", "eu-de");
    let path = "/v2/manage/namespaces/shop/repositories/app/access-domains";
    let share = |account: &str, deadline: &str| {
        let body = json!({ "access_domain": account, "permit": "read", "deadline": deadline });
        send(&server, "POST", path, &alice, &body)
    };
    let soon = crate::hub::authentication::time() + std::time::Duration::from_secs(3);
    share("bob", &soon.to_string()).expect(201);
    assert!(may_pull(&server, &user("bob"), "shop/app") && !may_push(&server, &user("bob"), "shop/app"));
    server.wait_for("the share to end", || !may_pull(&server, &user("bob"), "shop/app"));
    let expired = send(&server, "GET", path, &alice, &Value::Null).expect(200).json();
    assert_eq!(expired[0]["status"], false);
    // Of what is no longer shared nothing is told but that it was.
    push(&server, &pusher(), "shop/app", "v2");
    let bob = token(&server, "bob", "eu-de");
    let theirs = "/v2/manage/shared-repositories?center=thirdparty";
    let of_bob = send(&server, "GET", theirs, &bob, &Value::Null).expect(200).json();
    assert_eq!((&of_bob[0]["name"], &of_bob[0]["status"]), (&json!("app"), &json!(false)));
    assert_eq!((&of_bob[0]["num_images"], &of_bob[0]["tags"]), (&json!(0), &json!([])));
    assert_eq!(of_bob[0]["updated_at"], of_bob[0]["created_at"]);
    let listed = |filter: &str| {
        let path = format!("/v2/manage/shared-repositories?center=self&filter={filter}");
        send(&server, "GET", &path, &alice, &Value::Null).expect(200).json().as_array().unwrap().len()
    };
    assert_eq!((listed("status::false"), listed("status::true")), (1, 0));
    // An organization means all its members.
    share("guild", "forever").expect(201);
    assert!(may_pull(&server, &user("bob"), "shop/app") && may_pull(&server, &user("carol"), "shop/app"));
    let of_guild = token(&server, "carol", "guild");
    let listed = send(&server, "GET", theirs, &of_guild, &Value::Null).expect(200);
    assert_eq!((listed.header("content-range"), &listed.json()[0]["namespace"]), ("0-1/1", &json!("shop")));
    send(&server, "DELETE", &format!("{path}/guild"), &alice, &Value::Null).expect(204);
    assert!(!may_pull(&server, &user("bob"), "shop/app"));
    for (account, deadline, status) in [
        ("nobody", "forever", 400),
        ("shop", "forever", 400),
        ("bob", "2001-01-01T00:00:00Z", 400),
        ("bob", "someday", 400),
        ("bob", "forever", 409),
    ] {
        share(account, deadline).expect(status);
    }
    let write = json!({ "access_domain": "carol", "permit": "write", "deadline": "forever" });
    send(&server, "POST", path, &alice, &write).expect(400);
}

#[test]
fn organizations_are_made_within_limits() {
    let server = shop(&["--set", "registry.new_names=false"]);
    let alice = token(&server, "alice", "eu-de");
    let make = |name: &str| {
        send(&server, "POST", "/v2/manage/namespaces", &alice, &json!({ "namespace": name })).status
    };
    assert_eq!((make("new"), make("alice"), make("Bad Name"), make("")), (403, 403, 400, 400));
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    let make =
        |name: &str| send(&server, "POST", "/v2/manage/namespaces", &alice, &json!({ "namespace": name }));
    for name in ["alice", "bob", "shop"] {
        make(name).expect(409);
    }
    // Names that route to something.
    for name in ["manage", "library", "v2"] {
        make(name).expect(400);
    }
    for number in 0..48 {
        make(&format!("org{number}")).expect(201);
    }
    assert_eq!(make("more").expect(400).json()[0]["errorCode"], "SVCSTG.SWR.4000097");
    let own = "/v2/manage/namespaces/alice";
    send(&server, "DELETE", own, &alice, &Value::Null).expect(403);
    // A name stays taken.
    send(&server, "DELETE", "/v2/manage/namespaces/org1", &alice, &Value::Null).expect(204);
    make("org1").expect(409);
}

#[test]
fn whoever_leaves_an_organization_loses_what_it_was_given_besides() {
    let server = shop(&[]);
    let (alice, bob) = (token(&server, "alice", "eu-de"), user("bob"));
    push(&server, &pusher(), "shop/app", "v1");
    let set = |method: &str, path: &str, auth: u8, status: u16| {
        send(&server, method, path, &alice, &given(&server, auth)).expect(status);
    };
    set("POST", NAMESPACE, 7, 200);
    set("POST", REPOSITORY, 3, 201);
    server.admin(&["org", "set-member", "shop", "bob", "--role", "member"]);
    // A change of who is a member by now is one of the role, and of nothing else that would add to it.
    set("PATCH", NAMESPACE, 1, 201);
    let shown = send(&server, "GET", NAMESPACE, &alice, &Value::Null).expect(200).json();
    assert_eq!(shown["others_auths"][0]["auth"], 1);
    let as_bob = token(&server, "bob", "eu-de");
    let shown = send(&server, "GET", NAMESPACE, &as_bob, &Value::Null).expect(200).json();
    assert_eq!(shown["self_auth"]["auth"], 1);
    assert!(may_push(&server, &bob, "shop/app"));
    server.admin(&["org", "remove-member", "shop", "bob"]);
    server.wait_for("bob to be out", || !may_pull(&server, &bob, "shop/app"));
    send(&server, "GET", "/v2/manage/namespaces/shop", &as_bob, &Value::Null).expect(404);
}

#[test]
fn members_who_only_read_do_not_list_what_is_shared() {
    let server = shop(&[]);
    push(&server, &pusher(), "shop/app", "v1");
    server.admin(&["org", "set-member", "shop", "bob", "--role", "member"]);
    server.admin(&["org", "set", "shop", "--members-pull", "none"]);
    let (alice, bob) = (token(&server, "alice", "shop"), token(&server, "bob", "shop"));
    let path = "/v2/manage/namespaces/shop/repositories/app/access-domains";
    let body = json!({ "access_domain": "bob", "permit": "read", "deadline": "forever" });
    send(&server, "POST", path, &alice, &body).expect(201);
    for shared in
        ["/v2/manage/shared-repositories?center=self", "/v3/manage/shared-repositories?shared_by=self"]
    {
        send(&server, "GET", shared, &bob, &Value::Null).expect(403);
        let listed = send(&server, "GET", shared, &alice, &Value::Null).expect(200);
        assert!(String::from_utf8_lossy(&listed.body).contains("\"app\""));
    }
}

#[test]
fn a_role_replaces_what_was_given_before() {
    let server = shop(&[]);
    push(&server, &pusher(), "shop/app", "v1");
    let (alice, bob) = (token(&server, "alice", "eu-de"), user("bob"));
    send(&server, "POST", NAMESPACE, &alice, &given(&server, 7)).expect(200);
    for role in ["editor", "member"] {
        server.admin(&["org", "set-member", "shop", "bob", "--role", role]);
    }
    server.wait_for("the role to count", || !may_push(&server, &bob, "shop/app"));
    assert!(may_pull(&server, &bob, "shop/app"));
}

#[test]
fn tokens_that_may_not_change_permissions_do_not_see_those_of_others() {
    let server = shop(&[]);
    let alice = token(&server, "alice", "eu-de");
    send(&server, "POST", NAMESPACE, &alice, &given(&server, 1)).expect(200);
    let made = server.admin(&["token", "create", "alice", "--label", "t", "--scope", "repo:read"]);
    let reads = format!("Token {}", made["token"].as_str().unwrap());
    for (who, expected) in [(&alice, 1), (&reads, 0)] {
        let shown = send(&server, "GET", NAMESPACE, who, &Value::Null).expect(200).json();
        assert_eq!(shown["others_auths"].as_array().unwrap().len(), expected, "{shown}");
    }
}
