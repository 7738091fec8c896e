use serde_json::{Value, json};

use super::{send, sign_in};
use crate::server::{PASSWORD, Server, user};

const GROUPS: &str = "/v2/orgs/acme/groups";

#[test]
fn members_are_listed_exported_and_get_roles() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    let page = server.get("/v2/orgs/acme/members", &alice).expect(200).json();
    assert_eq!(page["count"], 2);
    let bob = &page["results"][1];
    assert_eq!(
        (&bob["username"], &bob["role"], &bob["groups"]),
        (&json!("bob"), &json!("Member"), &json!([]))
    );
    let count = |query: &str| {
        server.get(&format!("/v2/orgs/acme/members?{query}"), &alice).expect(200).json()["count"].clone()
    };
    assert_eq!(
        ["role=owner", "search=bo", "search=x", "type=invitee"].map(count),
        [1, 1, 0, 0].map(Value::from)
    );
    server.get("/v2/orgs/acme/members?role=king", &alice).expect(400);
    server.get("/v2/orgs/acme/members?type=x", &alice).expect(400);
    let csv = server.get("/v2/orgs/acme/members/export", &alice).expect(200);
    assert!(csv.header("content-disposition").starts_with("attachment;filename=\"acme-members-"));
    let text = String::from_utf8(csv.body).unwrap();
    assert!(
        text.starts_with("Name,Username,Email,Type,Permission,Teams,Date Joined\r\n,alice,,User,Owner,,"),
        "{text}"
    );
    let member = |name: &str| format!("/v2/orgs/acme/members/{name}");
    let editor =
        send(&server, "PUT", &member("bob"), &alice, &json!({ "role": "editor" })).expect(200).json();
    assert_eq!(editor["role"], "Editor");
    send(&server, "PUT", &member("bob"), &alice, &json!({ "role": "king" })).expect(400);
    send(&server, "PUT", &member("nobody"), &alice, &json!({ "role": "member" })).expect(404);
    send(&server, "PUT", &member("admin"), &alice, &json!({ "role": "member" })).expect(404);
    send(&server, "PUT", &member("alice"), &alice, &json!({ "role": "member" })).expect(409);
    send(&server, "DELETE", &member("alice"), &alice, &Value::Null).expect(409);
    send(&server, "DELETE", &member("bob"), &alice, &Value::Null).expect(204);
    send(&server, "DELETE", &member("bob"), &alice, &Value::Null).expect(404);
    let own = server.get("/v2/user/orgs/?page=1&page_size=25", &alice).expect(200).json();
    assert_eq!(own["count"], 1);
    assert_eq!(
        (&own["results"][0]["orgname"], &own["results"][0]["user_role"]),
        (&json!("acme"), &json!("Owner"))
    );
    assert_eq!(server.get("/v2/orgs/acme", &alice).expect(200).json()["orgname"], "acme");
    server.admin(&["org", "disable", "acme"]);
    server.get("/v2/orgs/acme", &alice).expect(404);
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "late" })).expect(404);
    server.admin(&["org", "enable", "acme"]);
    assert_eq!(server.get("/v2/user/orgs", &sign_in(&server, "bob")).expect(200).json()["count"], 0);
}

#[test]
fn groups_are_created_changed_and_deleted() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    let body = json!({ "name": "dev", "description": "Developers" });
    let dev = send(&server, "POST", GROUPS, &alice, &body).expect(201).json();
    assert_eq!(
        (&dev["name"], &dev["description"], &dev["member_count"]),
        (&json!("dev"), &json!("Developers"), &json!(0))
    );
    send(&server, "POST", GROUPS, &alice, &body).expect(409);
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "A b" }),
        json!({ "name": "owners" }),
        json!({ "name": "x".repeat(64) }),
        json!({ "name": "ops", "description": "x".repeat(1001) }),
    ] {
        send(&server, "POST", GROUPS, &alice, &bad).expect(400);
    }
    send(&server, "POST", GROUPS, &alice, &json!({ "name": "ops" })).expect(201);
    let group = format!("{GROUPS}/dev");
    let members = format!("{group}/members");
    send(&server, "POST", &members, &alice, &json!({ "member": "bob" })).expect(200);
    send(&server, "POST", &members, &alice, &json!({ "member": "bob" })).expect(200);
    send(&server, "POST", &members, &alice, &json!({ "member": "admin" })).expect(404);
    send(&server, "POST", &members, &alice, &json!({ "member": "nobody" })).expect(404);
    assert_eq!(server.get(&group, &alice).expect(200).json()["member_count"], 1);
    let page = server.get(&members, &alice).expect(200).json();
    assert_eq!((&page["count"], &page["results"][0]["username"]), (&json!(1), &json!("bob")));
    // Terraform's provider asks the same as hub-tool, which reads a bare list.
    let asked = format!("{members}/");
    assert_eq!(server.get(&asked, &alice).expect(200).json()["count"], 1);
    let list = server.send("GET", &asked, &alice, &[("user-agent", "hub-tool/v0.4.6")], b"").expect(200);
    assert_eq!(list.json()[0]["username"], "bob");
    let count =
        |query: &str| server.get(&format!("{GROUPS}?{query}"), &alice).expect(200).json()["count"].clone();
    assert_eq!(["", "username=bob", "search=op", "username=alice"].map(count), [2, 1, 1, 0].map(Value::from));
    let listed = server.get("/v2/orgs/acme/members?search=bob", &alice).json();
    assert_eq!(listed["results"][0]["groups"], json!(["dev"]));
    let patched = send(&server, "PATCH", &group, &alice, &json!({ "description": "All" })).expect(200).json();
    assert_eq!((&patched["name"], &patched["description"]), (&json!("dev"), &json!("All")));
    send(&server, "PATCH", &group, &alice, &json!({ "name": "ops" })).expect(409);
    let put = send(&server, "PUT", &group, &alice, &json!({ "name": "core" })).expect(200).json();
    assert_eq!((&put["name"], &put["description"], &put["id"]), (&json!("core"), &json!(""), &dev["id"]));
    server.get(&group, &alice).expect(404);
    let bob = format!("{GROUPS}/core/members/bob");
    send(&server, "DELETE", &bob, &alice, &Value::Null).expect(204);
    send(&server, "DELETE", &bob, &alice, &Value::Null).expect(404);
    send(&server, "DELETE", &format!("{GROUPS}/core"), &alice, &Value::Null).expect(204);
    server.get(&format!("{GROUPS}/core"), &alice).expect(404);
    server.get(&format!("{GROUPS}/%00"), &alice).expect(404);
}

#[test]
fn what_a_group_may_do_its_members_may_do_at_once() {
    let server = Server::new();
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    let alice = sign_in(&server, "alice");
    server.push_blob(&user("alice"), "acme/app", b"content");
    server.push_blob(&user("alice"), "acme/other", b"other");
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    let dev = send(&server, "POST", GROUPS, &alice, &json!({ "name": "dev" })).expect(201).json();
    send(&server, "POST", &format!("{GROUPS}/dev/members"), &alice, &json!({ "member": "bob" })).expect(200);
    let digest = longshore_testkit::images::digest_of("content");
    let may = || {
        let pull = server.get(&format!("/v2/acme/app/blobs/{digest}"), &user("bob")).status == 200;
        let push = server.send("POST", "/v2/acme/app/blobs/uploads/", &user("bob"), &[], b"").status == 202;
        let delete =
            server.send("DELETE", "/v2/acme/app/manifests/none", &user("bob"), &[], b"").status == 404;
        [pull, push, pull && delete]
    };
    let sees = || server.get("/v2/_catalog", &user("bob")).json()["repositories"].as_array().unwrap().len();
    assert_eq!((may(), sees()), ([true, false, false], 2));
    server.admin(&["org", "set", "acme", "--members-pull", "none"]);
    assert_eq!((may(), sees()), ([false; 3], 0));
    let permission = "/v2/repositories/acme/app/groups";
    for (name, expected) in
        [("read", [true, false, false]), ("write", [true, true, false]), ("admin", [true, true, true])]
    {
        let body = json!({ "group_id": dev["id"], "permission": name });
        let answer = send(&server, "POST", permission, &alice, &body).expect(200).json();
        assert_eq!(answer, json!({ "group_name": "dev", "permission": name, "group_id": dev["id"] }));
        assert_eq!((may(), sees()), (expected, 1), "{name}");
    }
    // Terraform's provider reads, changes and takes it by the number.
    let one = format!("{permission}/{}/", dev["id"]);
    let read = json!({ "group_name": "dev", "permission": "read", "group_id": dev["id"] });
    let changed = send(&server, "PATCH", &one, &alice, &json!({ "permission": "read" })).expect(200).json();
    assert_eq!((changed, may()), (read.clone(), [true, false, false]));
    assert_eq!(server.get(&one, &alice).expect(200).json(), read);
    assert_eq!(server.get(permission, &alice).expect(200).json()["results"], json!([read]));
    for path in [permission, &one] {
        server.get(path, &sign_in(&server, "bob")).expect(403);
    }
    send(&server, "PATCH", &one, &alice, &json!({ "permission": "all" })).expect(400);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(204);
    assert_eq!((may(), sees()), ([false; 3], 0));
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(404);
    send(&server, "PATCH", &one, &alice, &json!({ "permission": "read" })).expect(404);
    server.get(&format!("{permission}/x"), &alice).expect(404);
    let admin = json!({ "group_id": dev["id"], "permission": "admin" });
    send(&server, "POST", permission, &alice, &admin).expect(200);
    send(&server, "POST", permission, &alice, &json!({ "group_id": dev["id"], "permission": "all" }))
        .expect(400);
    send(&server, "POST", permission, &alice, &json!({ "group_id": 999, "permission": "read" })).expect(404);
    // A group of another organization is not one of this repository's.
    server.admin(&["org", "create", "other", "--owner", "carol"]);
    let carol = sign_in(&server, "carol");
    let theirs =
        send(&server, "POST", "/v2/orgs/other/groups", &carol, &json!({ "name": "dev" })).expect(201).json();
    let body = json!({ "group_id": theirs["id"], "permission": "admin" });
    send(&server, "POST", permission, &alice, &body).expect(404);
    // Out of the organization is out of its groups, also for those who come back.
    send(&server, "DELETE", "/v2/orgs/acme/members/bob", &alice, &Value::Null).expect(204);
    assert_eq!(may(), [false; 3]);
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    assert_eq!((may(), sees()), ([false; 3], 0));
}
