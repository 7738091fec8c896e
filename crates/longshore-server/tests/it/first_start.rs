//! What makes a registry and what does not.

mod storage;

use std::process::{Command, Output, Stdio};

use longshore_testkit::stores::SharedStores;
use rusqlite::Connection;

use crate::command_line::EXAMPLES;
use crate::server::{PASSWORD, Server, binary};

/// The commands that work without a registry.
const WITHOUT: [&str; 9] =
    ["completion", "config", "context", "doctor", "login", "logout", "man", "migrate", "second-factor"];

fn run(command: &str, arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(command.split(' '))
        .args(arguments)
        .arg("--yes")
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn no_command_but_serve_and_migrate_makes_a_registry() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("typo");
    let mut places = vec![vec!["--data", data.to_str().unwrap()]];
    let stores = SharedStores::needed();
    let url = stores.as_ref().map(|stores| {
        stores.new_database(folder.path());
        stores.database(folder.path())
    });
    if let Some(url) = &url {
        places.push(vec!["--data", data.to_str().unwrap(), "--database", url]);
    }
    for (command, arguments) in EXAMPLES {
        if WITHOUT.iter().any(|word| command.starts_with(word)) {
            continue;
        }
        for place in &places {
            let output = run(command, &[arguments, place.as_slice()].concat());
            assert_eq!(output.status.code(), Some(1), "{command} {place:?}");
            let text = said(&output);
            assert!(text.contains("there is no registry in") && text.contains("longshore serve"), "{text}");
            assert!(!data.exists(), "{command} {place:?}");
        }
    }
}

#[test]
fn migrate_makes_the_schema_and_serve_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let migrate = || {
        let output = run("migrate", &["--json", "--data", data]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let first = migrate();
    assert!(first["schema_before"].is_null() && first["schema"].is_i64(), "{first}");
    let again = migrate();
    assert_eq!(again["schema_before"], first["schema"]);
    let early = run("user list", &["--data", data]);
    assert_eq!(early.status.code(), Some(1));
    assert!(!said(&early).contains("panicked"));
}

#[test]
fn commands_migrate_nothing_and_say_what_they_found() {
    let mut server = Server::embedded();
    server.stop();
    let path = server.data().join("longshore.db");
    let connection = Connection::open(&path).unwrap();
    let newest: i64 =
        connection.query_row("SELECT max(number) FROM migrations", [], |row| row.get(0)).unwrap();
    connection.execute("DELETE FROM migrations WHERE number = ?1", [newest]).unwrap();
    drop(connection);
    let refused = server.try_admin(&["user", "list"], "");
    assert_eq!(refused.status.code(), Some(1));
    let text = said(&refused);
    assert!(text.contains(&format!("needs {newest}: run `longshore migrate`")), "{text}");
}

/// A kill in the first start leaves the lease of the set-up.
#[test]
fn the_lease_of_a_first_start_that_was_killed_holds_nobody_up() {
    let mut server = Server::embedded_with(&["--set", "gc.takeover_seconds=3600"]);
    server.kill();
    let connection = Connection::open(server.data().join("longshore.db")).unwrap();
    connection.execute("DELETE FROM settings WHERE name = 'prepared'", []).unwrap();
    connection
        .execute(
            "INSERT INTO leases (name, holder, until) VALUES ('set-up', ?1, ?2)",
            ([7_u8; 16], i64::MAX / 2),
        )
        .unwrap();
    drop(connection);
    // Hangs for an hour where the lease is waited for.
    server.start_again();
    server.get("/v2/", &format!("admin:{PASSWORD}")).expect(200);
}

#[test]
fn a_full_data_folder_and_an_empty_database_need_a_word() {
    let Some(stores) = SharedStores::needed() else { return };
    let mut server = Server::embedded();
    server.stop();
    let elsewhere = tempfile::tempdir().unwrap();
    stores.new_database(elsewhere.path());
    let url = stores.database(elsewhere.path());
    let data = server.data().to_str().unwrap().to_owned();
    let refused = run("serve --listen 127.0.0.1:0", &["--data", &data, "--database", &url]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("moves no content") && said(&refused).contains("--new"),
        "{}",
        said(&refused)
    );
}

#[test]
fn a_password_that_is_no_part_of_a_url_is_explained() {
    for password in ["p@w", "p/w", "p#w"] {
        let url = format!("postgres://u:{password}@127.0.0.1:1/d");
        let output = run("config check", &["--database", &url]);
        assert_eq!(output.status.code(), Some(2));
        let text = said(&output);
        assert!(text.contains("write @ as %40") && !text.contains(password), "{text}");
    }
}

/// Tests that are not about passwords make that cheaper in a debug build.
#[test]
fn a_password_costs_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::node_at(folder.path(), "data", Vec::new());
    server.get("/v2/", &format!("admin:{PASSWORD}")).expect(200);
    let connection = Connection::open(data.join("longshore.db")).unwrap();
    let hash = "SELECT password_hash FROM accounts WHERE name = 'admin'";
    let hash: String = connection.query_row(hash, [], |row| row.get(0)).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}
