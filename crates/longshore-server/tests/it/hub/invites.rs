use std::time::Duration;

use longshore_testkit::mail::{MailAnswer, MailServer};
use serde_json::{Value, json};

use super::{authentication, mailing, org_access_tokens, send, session, sign_in};
use crate::browser::Browser;
use crate::server::{Answer, Client, PASSWORD, Server};

const BULK: &str = "/v2/invites/bulk";
const PENDING: &str = "/v2/orgs/acme/invites";

/// Invites to acme and gives what came of each.
#[track_caller]
fn invite(client: &Client, owner: &str, invitees: &[&str]) -> Value {
    let body = json!({ "org": "acme", "invitees": invitees });
    send(client, "POST", BULK, owner, &body).expect(202).json()["invitees"].clone()
}

/// Returns what the link of an invite holds.
#[track_caller]
fn secret(link: &str) -> String {
    link.split_once("/invite#").unwrap().1.to_owned()
}

fn describe(client: &Client, secret: &str) -> Answer {
    send(client, "POST", "/v2/invites/describe", "", &json!({ "token": secret }))
}

fn accept(client: &Client, who: &str, secret: &str) -> Answer {
    send(client, "POST", "/v2/invites/accept", who, &json!({ "token": secret }))
}

fn join(client: &Client, secret: &str, name: &str) -> Answer {
    let body = json!({ "token": secret, "username": name, "password": PASSWORD });
    send(client, "POST", "/v2/invites/join", "", &body)
}

fn waiting(client: &Client, owner: &str) -> Vec<String> {
    let list = client.get(PENDING, owner).expect(200).json();
    list["data"].as_array().unwrap().iter().map(|one| one["invitee"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn invites_are_links_where_there_is_no_mail() {
    let server = Server::new();
    let (alice, bob) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    let everybody = ["Bob", "jane@example.org", "bob", "alice", "nobody", "a b", "Jane@Example.org"];
    let dry = json!({ "org": "acme", "invitees": everybody, "dry_run": true });
    let dry = send(&server, "POST", BULK, &alice, &dry).expect(202).json()["invitees"].clone();
    let statuses = |came: &Value| -> Vec<(String, String)> {
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        came.as_array().unwrap().iter().map(|one| (text(one, "invitee"), text(one, "status"))).collect()
    };
    let expected = [
        ("Bob", "invited"),
        ("jane@example.org", "invited"),
        ("alice", "existing_org_member"),
        ("nobody", "invalid_email_or_docker_id"),
        ("a b", "invalid_email_or_docker_id"),
    ]
    .map(|(name, status)| (name.to_owned(), status.to_owned()));
    assert_eq!(statuses(&dry), expected);
    assert!(dry[0]["invite"].is_null() && waiting(&server, &alice).is_empty());
    let real = json!({ "org": "acme", "invitees": everybody, "team": "dev", "role": "editor" });
    let came = send(&server, "POST", BULK, &alice, &real).expect(202).json()["invitees"].clone();
    assert_eq!(statuses(&came), expected);
    let of_bob = &came[0]["invite"];
    assert_eq!(
        *of_bob,
        json!({ "id": of_bob["id"], "inviter_username": "alice", "invitee": "bob", "org": "acme", "team": "dev",
            "role": "editor", "created_at": of_bob["created_at"], "expires_at": of_bob["expires_at"],
            "link": of_bob["link"] })
    );
    let link = of_bob["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}/invite#lsi_", server.url)), "{link}");
    assert_eq!(waiting(&server, &alice), ["bob", "jane@example.org"]);
    assert!(!server.get(PENDING, &alice).json().to_string().contains("lsi_"), "the link is shown once");
    // Bob has an account; nobody else accepts in his place, and it makes no other account.
    let of_bob = secret(link);
    let described = describe(&server, &of_bob).expect(200).json();
    assert_eq!((&described["org"], &described["may_join"]), (&json!("acme"), &json!(false)));
    join(&server, &of_bob, "mallory").expect(403);
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    accept(&server, &sign_in(&server, "carol"), &of_bob).expect(403);
    assert_eq!(accept(&server, &bob, &of_bob).expect(200).json()["org"], "acme");
    accept(&server, &bob, &of_bob).expect(404);
    // Jane has none, and makes one.
    let of_jane = secret(came[1]["invite"]["link"].as_str().unwrap());
    assert_eq!(describe(&server, &of_jane).expect(200).json()["may_join"], true);
    // Nobody takes a name that logs have for the operator.
    for (name, status) in
        [("alice", 409), ("users", 400), ("operator", 400), ("anonymous", 400), ("Not A Name", 400)]
    {
        join(&server, &of_jane, name).expect(status);
    }
    let weak = json!({ "token": of_jane, "username": "jane", "password": "short" });
    send(&server, "POST", "/v2/invites/join", "", &weak).expect(400);
    join(&server, &of_jane, "jane").expect(201);
    join(&server, &of_jane, "jane2").expect(404);
    let jane = sign_in(&server, "jane");
    assert_eq!(server.get("/v2/orgs/acme", &jane).expect(200).json()["orgname"], "acme");
    let dev = server.get("/v2/orgs/acme/groups/dev/members", &alice).expect(200).json();
    assert_eq!(dev["count"], 2);
    let members = server.get("/v2/orgs/acme/members?search=jane", &alice).expect(200).json();
    assert_eq!(members["results"][0]["role"], "Editor");
    // Nobody has seen that the address is hers.
    assert_eq!(members["results"][0]["email"], "");
    assert!(waiting(&server, &alice).is_empty());
    let log = server.get("/v2/auditlogs/acme?action=org.member.invite.send", &alice).expect(200).json();
    assert_eq!(log["logs"].as_array().unwrap().len(), 2);
    let log =
        server.get("/v2/auditlogs/acme?action=org.team.member.add&name=jane", &alice).expect(200).json();
    assert_eq!((&log["logs"][0]["actor"], &log["logs"][0]["data"]["team"]), (&json!("jane"), &json!("dev")));
    let log = server.get("/v2/auditlogs/acme?action=org.member.add&name=jane", &alice).expect(200).json();
    assert_eq!(
        (&log["logs"][0]["actor"], &log["logs"][0]["data"]["invited_by"]),
        (&json!("jane"), &json!("alice"))
    );
}

#[test]
fn invites_are_called_back_renewed_and_refused() {
    let server = Server::new();
    let (alice, bob) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let first = invite(&server, &alice, &["bob"])[0]["invite"].clone();
    let second = invite(&server, &alice, &["bob"])[0]["invite"].clone();
    // The second took the place of the first.
    let secrets = [&first, &second].map(|invite| secret(invite["link"].as_str().unwrap()));
    describe(&server, &secrets[0]).expect(404);
    describe(&server, &secrets[1]).expect(200);
    let one = |invite: &Value| format!("/v2/invites/{}", invite["id"].as_str().unwrap());
    send(&server, "DELETE", &one(&first), &alice, &Value::Null).expect(404);
    // There is no mail to send it again by.
    let answer =
        send(&server, "PATCH", &format!("{}/resend", one(&second)), &alice, &Value::Null).expect(409);
    assert!(answer.json()["message"].as_str().unwrap().contains("invite again"), "{answer:?}");
    send(&server, "DELETE", &one(&second), &bob, &Value::Null).expect(404);
    send(&server, "DELETE", &one(&second), &alice, &Value::Null).expect(204);
    accept(&server, &bob, &secrets[1]).expect(404);
    for (bad, status) in [
        (json!({ "org": "acme", "invitees": [] }), 400),
        (json!({ "org": "acme", "invitees": vec!["x"; 101] }), 400),
        (json!({ "org": "acme", "invitees": ["bob"], "role": "king" }), 400),
        (json!({ "org": "acme", "invitees": ["bob"], "team": "nope" }), 404),
        (json!({ "org": "acme" }), 400),
        (json!({ "org": "no one", "invitees": ["bob"] }), 404),
        (json!({ "org": "alice", "invitees": ["bob"] }), 404),
    ] {
        send(&server, "POST", BULK, &alice, &bad).expect(status);
    }
    assert!(waiting(&server, &alice).is_empty());
    for wrong in ["", "x", "lsi_x", &secrets[1]] {
        describe(&server, wrong).expect(404);
        accept(&server, &bob, wrong).expect(404);
        join(&server, wrong, "mallory").expect(404);
    }
    // The team of owners makes owners.
    let owners = json!({ "org": "acme", "invitees": ["bob"], "team": "owners" });
    let came = send(&server, "POST", BULK, &alice, &owners).expect(202).json();
    let link = came["invitees"][0]["invite"]["link"].as_str().unwrap().to_owned();
    accept(&server, &bob, &secret(&link)).expect(200);
    assert_eq!(server.get("/v2/orgs/acme/members?role=owner", &alice).json()["count"], 2);
}

#[test]
fn an_invite_is_good_as_long_as_whoever_invited_still_may() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "owner"]);
    let carol = sign_in(&server, "carol");
    let link = |who: &str, invitee: &str| {
        secret(invite(&server, who, &[invitee])[0]["invite"]["link"].as_str().unwrap())
    };
    let of_carol = link(&carol, "jane@example.org");
    let scopes = json!([{ "type": "TYPE_ORG", "path": "acme", "scopes": ["scope-invite-edit"] }]);
    let token = org_access_tokens::token(&server, &alice, &scopes);
    let of_token =
        link(&org_access_tokens::exchange(&server, token["token"].as_str().unwrap()), "tim@example.org");
    describe(&server, &of_carol).expect(200);
    describe(&server, &of_token).expect(200);
    server.admin(&["org", "disable", "acme"]);
    describe(&server, &of_carol).expect(404);
    join(&server, &of_carol, "jane").expect(404);
    server.admin(&["org", "enable", "acme"]);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "member"]);
    for answer in [describe(&server, &of_carol), join(&server, &of_carol, "jane")] {
        answer.expect(404);
    }
    accept(&server, &sign_in(&server, "bob"), &of_carol).expect(404);
    let one = format!("/v2/orgs/acme/access-tokens/{}", token["id"].as_str().unwrap());
    send(&server, "PATCH", &one, &alice, &json!({ "is_active": false })).expect(200);
    describe(&server, &of_token).expect(404);
    send(&server, "DELETE", &one, &alice, &Value::Null).expect(204);
    assert_eq!(waiting(&server, &alice), ["jane@example.org"]);
    assert_eq!(server.admin(&["user", "list"]).as_array().unwrap().len(), 4);
}

#[test]
fn a_team_that_is_gone_is_no_part_of_an_invite() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    send(&server, "POST", "/v2/orgs/acme/groups", &alice, &json!({ "name": "dev" })).expect(201);
    let body = json!({ "org": "acme", "invitees": ["bob"], "team": "dev" });
    let came = send(&server, "POST", BULK, &alice, &body).expect(202).json();
    let of_bob = secret(came["invitees"][0]["invite"]["link"].as_str().unwrap());
    send(&server, "DELETE", "/v2/orgs/acme/groups/dev", &alice, &Value::Null).expect(204);
    accept(&server, &sign_in(&server, "bob"), &of_bob).expect(200);
    assert_eq!(server.get("/v2/orgs/acme/members", &alice).json()["count"], 2);
}

#[test]
fn messages_about_an_invite_keep_their_distance() {
    let mail = MailServer::new();
    let server = mailing(&mail, &[]);
    let alice = sign_in(&server, "alice");
    let first = invite(&server, &alice, &["jane@example.org"])[0].clone();
    let again = invite(&server, &alice, &["Jane@example.org"])[0].clone();
    assert_eq!((&again["status"], &again["invite"]["id"]), (&json!("too_soon"), &first["invite"]["id"]));
    let resend = format!("/v2/invites/{}/resend", first["invite"]["id"].as_str().unwrap());
    let refused = send(&server, "PATCH", &resend, &alice, &Value::Null).expect(429);
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(mail.wait_for(1).len(), 1);
    // What could not be delivered can be sent again at once, and the audit log says so.
    mail.answer(MailAnswer::Never);
    let came = invite(&server, &alice, &["tim@example.org"])[0].clone();
    assert_eq!(came["status"], "invited");
    let failed = "/v2/auditlogs/acme?action=org.member.invite.fail";
    server.wait_for("the message is given up", || {
        server.get(failed, &alice).expect(200).json()["logs"].as_array().is_some_and(|logs| logs.len() == 1)
    });
    let log = server.get(failed, &alice).json()["logs"][0].clone();
    assert!(log["data"]["reason"].as_str().unwrap().contains("no such user"), "{log}");
    server.wait_for("it is listed", || dead_work(&server).len() == 1);
    assert_eq!(dead_work(&server)[0]["attempts"], 1);
    mail.answer(MailAnswer::Takes);
    let resend = format!("/v2/invites/{}/resend", came["invite"]["id"].as_str().unwrap());
    send(&server, "PATCH", &resend, &alice, &Value::Null).expect(204);
    assert_eq!(mail.wait_for(2).len(), 2);
}

fn dead_work(server: &Server) -> Vec<Value> {
    server.admin(&["work", "ls", "--dead"]).as_array().unwrap().clone()
}

/// The messages that wait.
fn waiting_work(server: &Server) -> Vec<Value> {
    let all = server.admin(&["work", "ls"]);
    all.as_array().unwrap().iter().filter(|work| work["kind"] == "invite-message").cloned().collect()
}

#[test]
fn messages_wait_for_a_mail_server_that_is_away() {
    let mail = MailServer::new();
    let server = mailing(&mail, &[]);
    let alice = sign_in(&server, "alice");
    mail.answer(MailAnswer::NotNow);
    let came = invite(&server, &alice, &["tim@example.org", "tom@example.org", "pat@example.org"]);
    assert!(came.as_array().unwrap().iter().all(|one| one["status"] == "invited"), "{came}");
    server.wait_for("all were tried", || {
        let waiting = waiting_work(&server);
        waiting.len() == 3 && waiting.iter().all(|work| work["last_error"].is_string())
    });
    let waiting = waiting_work(&server);
    assert!(waiting.iter().all(|work| work["state"] == "waiting" && work["for"] == "acme"), "{waiting:?}");
    assert!(waiting[0]["last_error"].as_str().unwrap().contains("not now"), "{waiting:?}");
    // Nothing of it is a secret.
    assert!(!server.admin(&["work", "ls"]).to_string().contains("lsi_"));
    // One is cancelled, one is dropped, one is tried again.
    let of = |invitee: &str| came.as_array().unwrap().iter().find(|one| one["invitee"] == invitee).unwrap();
    let id_of = |invitee: &str| of(invitee)["invite"]["id"].as_str().unwrap().to_owned();
    let work_of = |invitee: &str| {
        let about = id_of(invitee);
        waiting.iter().find(|work| work["about"] == about.as_str()).unwrap()["id"].to_string()
    };
    send(&server, "DELETE", &format!("/v2/invites/{}", id_of("tom@example.org")), &alice, &Value::Null)
        .expect(204);
    server.admin(&["work", "drop", &work_of("pat@example.org")]);
    mail.answer(MailAnswer::Takes);
    server.admin(&["work", "retry", &work_of("tom@example.org")]);
    server.admin(&["work", "retry", &work_of("tim@example.org")]);
    server.wait_for("all is done", || waiting_work(&server).is_empty());
    assert_eq!(mail.wait_for(1).len(), 1, "an invite that was cancelled is not sent");
    let link = mail.line_to("tim@example.org", "https://registry.example.org/invite#").unwrap();
    join(&server, &secret(&link), "tim").expect(201);
    let gone = server.try_admin(&["work", "retry", &work_of("tim@example.org")], "");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("there is no work"), "{gone:?}");
    // What was given up is done after all.
    mail.answer(MailAnswer::Never);
    invite(&server, &alice, &["zoe@example.org"]);
    server.wait_for("it is given up", || dead_work(&server).len() == 1);
    mail.answer(MailAnswer::Takes);
    server.admin(&["work", "retry", &dead_work(&server)[0]["id"].to_string()]);
    mail.wait_for(2);
    assert!(dead_work(&server).is_empty());
    let metrics = server.metrics();
    let line = "longshore_job_runs_total{job=\"invite-message\",outcome=\"failure\"}";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn a_token_sends_no_invite_again_that_it_may_not_make() {
    let mail = MailServer::new();
    let server = mailing(&mail, &["--set", "mail.interval_seconds=0"]);
    let alice = sign_in(&server, "alice");
    let owners = json!({ "org": "acme", "invitees": ["jane@example.org"], "role": "owner" });
    let came = send(&server, "POST", BULK, &alice, &owners).expect(202).json();
    let scopes = json!([{ "type": "TYPE_ORG", "path": "acme", "scopes": ["scope-invite-edit"] }]);
    let token = org_access_tokens::token(&server, &alice, &scopes);
    let session = org_access_tokens::exchange(&server, token["token"].as_str().unwrap());
    let one = format!("/v2/invites/{}", came["invitees"][0]["invite"]["id"].as_str().unwrap());
    send(&server, "PATCH", &format!("{one}/resend"), &session, &Value::Null).expect(403);
    send(&server, "DELETE", &one, &session, &Value::Null).expect(204);
    send(&server, "PATCH", &format!("{one}/resend"), &alice, &Value::Null).expect(404);
    assert_eq!(mail.wait_for(1).len(), 1);
}

#[test]
fn lists_of_members_show_who_is_invited_to_owners() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    server.admin(&["user", "set", "alice", "--full-name", "Alice, A.", "--email", "alice@example.org"]);
    server.admin(&["org", "set-member", "acme", "bob", "--role", "member"]);
    invite(&server, &alice, &["jane@example.org", "zoe@example.org"]);
    let bob = sign_in(&server, "bob");
    let ask = |who: &str, query: &str| {
        server.get(&format!("/v2/orgs/acme/members?{query}"), who).expect(200).json()
    };
    for (query, of_owner, of_member) in [
        ("", 2, 2),
        ("type=member", 2, 2),
        ("type=all", 4, 2),
        ("invites=true", 4, 2),
        ("type=invitee", 2, 0),
    ] {
        assert_eq!(ask(&alice, query)["count"], of_owner, "{query}");
        assert_eq!(ask(&bob, query)["count"], of_member, "{query}");
    }
    let third = ask(&alice, "type=all&page=3&page_size=1")["results"][0].clone();
    assert_eq!((&third["email"], &third["role"]), (&json!("jane@example.org"), &json!("Invitee")));
    assert_eq!(ask(&alice, "type=all&search=zoe")["count"], 1);
    server.get("/v2/orgs/acme/members?type=none", &alice).expect(400);
    // Addresses are for those who manage members.
    assert_eq!(ask(&alice, "search=alice")["results"][0]["email"], "alice@example.org");
    assert_eq!(ask(&bob, "search=alice")["results"][0]["email"], "");
    let csv = server.get("/v2/orgs/acme/members/export", &alice).expect(200);
    let csv = String::from_utf8(csv.body.clone()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[1].starts_with("\"Alice, A.\",alice,alice@example.org,User,Owner,,2"), "{csv}");
    assert_eq!(lines[3], ",,jane@example.org,Invitee,Member,,", "{csv}");
    // A token of the organization that may see members only.
    let reads = json!([{ "type": "TYPE_ORG", "path": "acme", "scopes": ["scope-member-read"] }]);
    let token = org_access_tokens::token(&server, &alice, &reads);
    let reader = org_access_tokens::exchange(&server, token["token"].as_str().unwrap());
    assert_eq!(ask(&reader, "type=all")["count"], 2);
    let invites = json!([{ "type": "TYPE_ORG", "path": "acme", "scopes": ["scope-invite-edit"] }]);
    let token = org_access_tokens::token(&server, &alice, &invites);
    let inviter = org_access_tokens::exchange(&server, token["token"].as_str().unwrap());
    server.get("/v2/orgs/acme/members", &inviter).expect(403);
    assert_eq!(invite(&server, &inviter, &["tim@example.org"])[0]["status"], "invited");
    assert_eq!(waiting(&server, &inviter).len(), 3);
}

#[test]
fn invites_go_by_mail_and_prove_the_address() {
    let mail = MailServer::new();
    let server = mailing(&mail, &["--set", "mail.interval_seconds=0"]);
    let alice = sign_in(&server, "alice");
    server.admin(&["user", "set", "bob", "--email", "bob@example.org"]);
    let link = |to: &str| {
        let line = mail.line_to(to, "https://registry.example.org/invite#").unwrap();
        secret(&line)
    };
    let came = invite(&server, &alice, &["jane@example.org", "bob"]);
    assert!(came[0]["invite"]["link"].is_null() && came[1]["invite"]["link"].is_null(), "{came}");
    let messages = mail.wait_for(2);
    assert_eq!(messages.len(), 2);
    let of_jane = usize::from(!messages[0].contains("To: jane@example.org"));
    assert!(messages[of_jane].contains("From: Registry <registry@example.org>"), "{}", messages[of_jane]);
    assert!(messages[of_jane].contains("Subject: alice invites you to acme"), "{}", messages[of_jane]);
    assert!(messages[1 - of_jane].contains("To: bob@example.org"));
    // Sent again: the link before is dead.
    let before = link("jane@example.org");
    let resend = format!("/v2/invites/{}/resend", came[0]["invite"]["id"].as_str().unwrap());
    send(&server, "PATCH", &resend, &alice, &Value::Null).expect(204);
    describe(&server, &before).expect(404);
    mail.wait_for(3);
    join(&server, &link("jane@example.org"), "jane").expect(201);
    let members = server.get("/v2/orgs/acme/members?search=jane", &alice).expect(200).json();
    assert_eq!(members["results"][0]["email"], "jane@example.org");
    let log = server.get("/v2/auditlogs/jane?action=user.change_profile", &sign_in(&server, "jane"));
    assert_eq!(log.expect(200).json()["logs"][0]["data"]["email"], "jane@example.org");
    // Now the address is an account's.
    assert_eq!(invite(&server, &alice, &["Jane@example.org"])[0]["status"], "existing_org_member");
    accept(&server, &sign_in(&server, "bob"), &link("bob@example.org")).expect(200);
    mail.answer(MailAnswer::NotNow);
    assert!(!server.try_admin(&["config", "test-mail", "tim@example.org"], "").status.success());
    let came = invite(&server, &alice, &["tim@example.org"]);
    assert_eq!((&came[0]["status"], &came[0]["invite"]["link"]), (&json!("invited"), &Value::Null));
    mail.answer(MailAnswer::Takes);
    let resend = format!("/v2/invites/{}/resend", came[0]["invite"]["id"].as_str().unwrap());
    send(&server, "PATCH", &resend, &alice, &Value::Null).expect(204);
    assert!(mail.wait_for(4).last().unwrap().contains("To: tim@example.org"));
}

#[test]
fn who_may_not_become_a_user_is_told_so() {
    let server = Server::with(&["--set", "auth.invites_create_users=false"]);
    let alice = sign_in(&server, "alice");
    let link =
        invite(&server, &alice, &["jane@example.org"])[0]["invite"]["link"].as_str().unwrap().to_owned();
    assert_eq!(describe(&server, &secret(&link)).expect(200).json()["may_join"], false);
    join(&server, &secret(&link), "jane").expect(403);
    // Whoever has an account accepts it, signed in with the password.
    let token = super::access_token(&server, &sign_in(&server, "bob"), "repo:admin");
    let by_token = session(&server, "bob", token["token"].as_str().unwrap());
    accept(&server, &by_token, &secret(&link)).expect(403);
    accept(&server, &sign_in(&server, "bob"), &secret(&link)).expect(200);
}

#[test]
fn profiles_are_changed_by_their_owner_but_for_the_address() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let change = json!({ "full_name": "Alice", "company": "Acme", "location": "Here",
        "profile_url": "https://example.org", "email": "mallory@example.org" });
    let changed = send(&server, "PATCH", "/v2/user/", &alice, &change).expect(200).json();
    assert_eq!(server.get("/v2/user/", &alice).expect(200).json(), changed);
    assert_eq!((&changed["full_name"], &changed["company"]), (&json!("Alice"), &json!("Acme")));
    assert!(server.admin(&["user", "show", "alice"])["email"].is_null());
    for bad in [
        json!({ "full_name": "x".repeat(201) }),
        json!({ "company": "a\nb" }),
        json!({ "profile_url": "javascript:alert(1)" }),
    ] {
        send(&server, "PATCH", "/v2/user", &alice, &bad).expect(400);
    }
    let partly = send(&server, "PATCH", "/v2/user", &alice, &json!({ "location": "" })).expect(200).json();
    assert_eq!((&partly["full_name"], &partly["location"]), (&json!("Alice"), &json!("")));
    server.admin(&["user", "set", "alice", "--email", "a@example.org"]);
    let taken = server.try_admin(&["user", "set", "bob", "--email", "A@Example.org"], "");
    assert!(String::from_utf8_lossy(&taken.stderr).contains("e-mail address"), "{taken:?}");
    server.admin(&["org", "set", "acme", "--full-name", "The Acme Company"]);
    assert_eq!(server.get("/v2/orgs/acme", &alice).expect(200).json()["full_name"], "The Acme Company");
}

#[test]
fn the_page_of_invites_is_confined() {
    let server = Server::bare(&[]);
    for (path, media_type) in
        [("/invite", "text/html"), ("/invite.js", "text/javascript"), ("/invite.css", "text/css")]
    {
        let answer = server.get(path, "").expect(200);
        assert!(answer.header("content-type").starts_with(media_type));
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[test]
fn people_accept_invites_in_a_browser_where_there_are_no_pages() {
    let server = Server::with(&["--set", "ui.enabled=false"]);
    let alice = sign_in(&server, "alice");
    let link =
        |invitee: &str| invite(&server, &alice, &[invitee])[0]["invite"]["link"].as_str().unwrap().to_owned();
    let browser = Browser::new();
    browser.open(&format!("{}/invite#lsi_wrong", server.url));
    browser.wait_for("this invite does not exist");
    assert!(!browser.is_shown("#join") && !browser.is_shown("#accept"));
    // Somebody new.
    browser.open(&link("jane@example.org"));
    browser.wait_for("alice invites jane@example.org to the organization acme.");
    browser.fill("#join [name=username]", "alice");
    browser.fill("#join [name=password]", PASSWORD);
    browser.click("#join button");
    browser.wait_for("the account alice already exists");
    browser.fill("#join [name=username]", "jane");
    browser.click("#join button");
    browser.wait_for("jane is now a member of acme.");
    assert!(!browser.is_shown("#join"));
    server.get("/v2/orgs/acme", &sign_in(&server, "jane")).expect(200);
    // A user with a second factor.
    let bob = sign_in(&server, "bob");
    let enrolled = send(&server, "POST", "/v2/user/2fa/enrol", &bob, &json!({ "password": PASSWORD }));
    let secret = authentication::secret(enrolled.expect(200).json()["secret"].as_str().unwrap());
    let code = |steps: u32| secret.code_at(authentication::time() + Duration::from_secs(30) * steps).unwrap();
    send(&server, "POST", "/v2/user/2fa/confirm", &bob, &json!({ "code": code(0) })).expect(200);
    browser.open(&link("bob"));
    browser.wait_for("Sign in to accept");
    assert!(!browser.is_shown("#join") && !browser.is_shown("#new") && !browser.is_shown("#second"));
    browser.fill("#accept [name=username]", "bob");
    browser.fill("#accept [name=password]", "wrong");
    browser.click("#accept button");
    browser.wait_for("Incorrect authentication credentials");
    browser.fill("#accept [name=password]", PASSWORD);
    browser.click("#accept button");
    browser.wait_for("Code of your authenticator");
    browser.fill("#accept [name=code]", &code(1));
    browser.click("#accept button");
    browser.wait_for("bob is now a member of acme.");
    assert_eq!(server.get("/v2/orgs/acme/members", &alice).expect(200).json()["count"], 3);
}
