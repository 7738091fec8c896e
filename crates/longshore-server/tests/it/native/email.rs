//! One's own e-mail address, with a mail server that keeps what it gets.

use longshore_testkit::mail::MailServer;
use serde_json::{Value, json};

use super::send;
use crate::hub::{mailing, sign_in};
use crate::server::{Client, PASSWORD, Server};

const EMAIL: &str = "/api/v1/account/email";
const CONFIRM: &str = "/api/v1/account/email/confirm";

/// Wants an address, and gives the code that is sent there.
#[track_caller]
fn want(server: &Server, mail: &MailServer, who: &str, address: &str) -> String {
    let before = mail.taken().len();
    let wanted = json!({ "email": address, "password": PASSWORD });
    let answer = send(server, "POST", EMAIL, who, &wanted).expect(202).json();
    assert_eq!(answer["email"], address);
    mail.wait_for(before + 1);
    mail.line_to(address, "lse_").unwrap()
}

fn confirm(client: &Client, who: &str, code: &str) -> (u16, Value) {
    let answer = send(client, "POST", CONFIRM, who, &json!({ "code": code }));
    (answer.status, answer.json())
}

#[test]
fn an_address_is_ones_own_when_it_is_confirmed() {
    let mail = MailServer::new();
    let server = mailing(&mail, &[]);
    let (alice, bob) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let wrong = json!({ "email": "alice@example.org", "password": "not the password" });
    send(&server, "POST", EMAIL, &alice, &wrong).expect(401);
    let none = json!({ "email": "nowhere", "password": PASSWORD });
    assert_eq!(send(&server, "POST", EMAIL, &alice, &none).expect(400).json()["field"], "email");
    let code = want(&server, &mail, &alice, "alice@example.org");
    let again = json!({ "email": "other@example.org", "password": PASSWORD });
    send(&server, "POST", EMAIL, &alice, &again).expect(429);
    // Nothing has changed, and nobody else confirms it.
    assert_eq!(server.get("/api/v1/account", &alice).expect(200).json()["email"], Value::Null);
    for (who, code) in [(&bob, code.as_str()), (&alice, "lse_0"), (&alice, "")] {
        let (status, problem) = confirm(&server, who, code);
        assert_eq!((status, &problem["field"]), (400, &json!("code")));
    }
    let (status, account) = confirm(&server, &alice, &code);
    assert_eq!((status, &account["email"]), (200, &json!("alice@example.org")));
    assert_eq!(confirm(&server, &alice, &code).0, 400, "a code works once");
    // That it is taken is told to whoever reads what is sent there.
    let code = want(&server, &mail, &bob, "Alice@example.org");
    let (status, problem) = confirm(&server, &bob, &code);
    assert_eq!((status, &problem["code"]), (409, &json!("exists")));
}

#[test]
fn who_had_the_address_before_is_told() {
    let mail = MailServer::new();
    let server = mailing(&mail, &[]);
    server.admin(&["user", "set", "alice", "--email", "old@example.org"]);
    let alice = sign_in(&server, "alice");
    let code = want(&server, &mail, &alice, "new@example.org");
    let sent = mail.taken().len();
    assert_eq!(confirm(&server, &alice, &code).0, 200);
    let notice = mail.wait_for(sent + 1).pop().unwrap();
    assert!(notice.contains("old@example.org") && !notice.contains("new@example.org"), "{notice}");
    let events = server.admin(&["audit", "ls", "--account", "alice", "--action", "user.change_profile"]);
    assert!(!events.to_string().contains("lse_"), "{events}");
}

#[test]
fn without_mail_the_operator_sets_addresses() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let wanted = json!({ "email": "alice@example.org", "password": PASSWORD });
    let refused = send(&server, "POST", EMAIL, &alice, &wanted).expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("longshore user set"), "{refused}");
}
