//! Administration commands, beside a running server and on a stopped one.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::server::{PASSWORD, Server, binary, user};

fn error(output: &std::process::Output) -> String {
    refusal(output, 1)
}

/// What a command says that is refused, and one that finds nothing.
const REFUSED: i32 = 4;
const NOT_FOUND: i32 = 5;
const NOT_REACHABLE: i32 = 6;

#[track_caller]
fn refusal(output: &std::process::Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn users_organizations_and_tokens_are_managed_beside_a_running_server() {
    let server = Server::new();
    let names = |kind: &str| {
        server
            .admin(&[kind, "list"])
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("user"), ["admin", "alice", "bob"]);
    assert_eq!(names("org"), ["acme", "library"]);
    let created = server.admin(&["user", "create", "carol"]);
    let password = created["password"].as_str().unwrap();
    server.get("/v2/", &format!("carol:{password}")).expect(200);
    server.admin(&["user", "disable", "carol"]);
    server.get("/v2/", &format!("carol:{password}")).expect(401);
    assert_eq!(server.admin(&["user", "show", "carol"])["is_active"], false);
    server.admin(&["user", "enable", "carol"]);
    server.admin_with_input(&["user", "password", "carol", "--password-stdin"], "a new password\n");
    server.get("/v2/", &format!("carol:{password}")).expect(401);
    server.get("/v2/", "carol:a new password").expect(200);
    server.admin(&["org", "set-member", "acme", "carol", "--role", "editor"]);
    server.push_blob("carol:a new password", "acme/app", b"x");
    assert_eq!(server.admin(&["org", "show", "acme"])["members"][1]["role"], "editor");
    server.admin(&["org", "remove-member", "acme", "carol"]);
    let token = server.admin(&[
        "token",
        "create",
        "acme",
        "--label",
        "ci",
        "--scope",
        "repo:write",
        "--expires-in-days",
        "30",
    ]);
    let secret = format!("acme:{}", token["token"].as_str().unwrap());
    server.push_blob(&secret, "acme/app", b"y");
    server.send("DELETE", "/v2/acme/app/manifests/x", &secret, &[], b"").expect(403);
    let id = token["id"].as_str().unwrap();
    assert_eq!(server.admin(&["token", "list", "acme"])[0]["label"], "ci");
    server.admin(&["token", "disable", "acme", id]);
    server.get("/v2/", &secret).expect(401);
    server.admin(&["token", "enable", "acme", id]);
    server.get("/v2/", &secret).expect(200);
    server.admin(&["token", "delete", "acme", id]);
    server.get("/v2/", &secret).expect(401);
    server.admin(&["user", "delete", "carol"]);
    server.admin(&["repo", "create", "acme/open", "--visibility", "public"]);
    assert_eq!(server.admin(&["repo", "show", "acme/open"])["visibility"], "public");
    server.admin(&["repo", "delete", "acme/open"]);
    let audit = server.admin(&["audit", "list", "--account", "acme"]);
    let changes = audit.as_array().unwrap().iter().filter(|event| event["data"]["method"].is_null());
    assert_eq!(changes.clone().next().unwrap()["action"], "repo.delete");
    assert!(changes.clone().all(|event| event["account"] == "acme"));
    assert!(!audit.to_string().contains(&secret[5..]), "secrets never appear");
    let listed = || server.get("/v2/acme/app/tags/list", &user("alice")).status;
    assert_eq!(listed(), 200);
    server.admin(&["org", "disable", "acme"]);
    assert_eq!(listed(), 404);
    assert_eq!(server.get("/v2/acme/app/tags/list", &user("admin")).status, 200);
    server.admin(&["org", "enable", "acme"]);
    assert_eq!(listed(), 200);
    server.admin(&["key", "rotate"]);
    server.admin(&["gc", "run", "--dry-run"]);
    server.admin(&["gc", "run"]);
    assert_eq!(server.admin(&["gc", "status"])["uploads_in_progress"], 0);
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn refusals_say_what_to_do() {
    let server = Server::new();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["user", "create", "alice"], REFUSED, "already exists"),
        (&["user", "show", "nobody"], NOT_FOUND, "no user"),
        (&["user", "disable", "admin"], REFUSED, "last active administrator"),
        (&["org", "create", "x", "--owner", "nobody"], NOT_FOUND, "no user"),
        (&["org", "remove-member", "acme", "alice"], REFUSED, "make another member one first"),
        (&["token", "show", "alice", "nonsense"], NOT_FOUND, "no access token"),
        (&["repo", "show", "acme/none"], NOT_FOUND, "does not exist"),
        (&["tag", "history", "acme/none", "x"], NOT_FOUND, "does not exist"),
        (&["audit", "list", "--account", "nobody"], NOT_FOUND, "no user"),
        (&["org", "remove-member", "acme", "bob"], NOT_FOUND, "bob is not a member of acme"),
        (&["token", "create", "nobody", "--label", "x"], NOT_FOUND, "no user \"nobody\""),
        (&["scim-token", "revoke", "acme", "nope"], NOT_FOUND, "acme has no SCIM token \"nope\""),
        (&["tag", "history", "alice/app", "never"], NOT_FOUND, "longshore tag ls"),
        (&["client", "repositories", "--registry", "http://127.0.0.1:1"], NOT_REACHABLE, "cannot reach"),
    ];
    server.push_blob(&user("alice"), "alice/app", b"x");
    for (arguments, code, expected) in cases {
        let message = refusal(&server.try_admin(arguments, ""), *code);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    let bad_values: &[(&[&str], &str)] = &[
        (&["user", "create", "users"], "reserved"),
        (&["user", "create", "Bad Name"], "lower-case"),
        (&["org", "set-member", "acme", "bob", "--role", "king"], "--role: must be owner, editor or member"),
        (
            &["token", "create", "alice", "--label", "x", "--scope", "all"],
            "--scope: must be repo:public_read",
        ),
        (&["token", "create", "alice", "--label", ""], "--label: must have 1 to"),
        (&["user", "set", "alice", "--url", "nonsense"], "--url"),
        (&["user", "set", "alice", "--plan", "gold"], "--plan"),
        (&["repo", "create", "alice/app2", "--visibility", "secret"], "--visibility"),
        (&["repo", "show", "Bad Name"], "not a valid name"),
        (&["audit", "list", "--limit", "5000"], "1..=1000"),
        (&["audit", "list", "--limit", "0"], "1..=1000"),
        (
            &["client", "repositories", "--registry", "nonsense"],
            "must be a URL such as http://127.0.0.1:5000",
        ),
        (&["client", "repositories", "--registry", "ftp://x"], "must be a URL such as"),
        (&["config", "check", "--set", "nonsense"], "KEY=VALUE"),
        (&["config", "check", "--set", "gc.batch=many"], "gc.batch"),
        (&["config", "test-mail", "nonsense"], "ADDRESS"),
    ];
    for (arguments, expected) in bad_values {
        let message = refusal(&server.try_admin(arguments, ""), 2);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    let short = refusal(&server.try_admin(&["user", "create", "dave", "--password-stdin"], "short"), 2);
    assert!(short.contains("at least 10 characters"), "{short}");
}

#[test]
fn commands_work_on_a_stopped_server_and_are_there_when_it_runs_again() {
    let mut server = Server::new();
    assert!(server.stop().success());
    assert!(!server.data().join("admin.sock").exists());
    server.admin_with_input(&["user", "create", "carol", "--password-stdin"], PASSWORD);
    server.start_again();
    server.get("/v2/", &user("carol")).expect(200);
}

#[test]
fn two_servers_never_open_one_data_folder() {
    let server = Server::bare(&[]);
    let second = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(error(&second).contains("another longshore process uses the data folder"));
    server.get("/healthz", "").expect(200);
}

#[test]
fn the_data_folder_and_its_socket_are_the_owners_only() {
    let server = Server::bare(&[]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(server.data()), 0o700);
    assert_eq!(mode(&server.data().join("admin.sock")), 0o600);
}

#[test]
fn a_long_path_to_the_data_folder_works() {
    let server = Server::bare_at(&"long".repeat(40), &[]);
    assert_eq!(server.admin(&["user", "list"])[0]["name"], "admin");
}

#[test]
fn without_a_registry_commands_say_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binary()).args(["user", "list", "--data"]).arg(folder.path()).output().unwrap();
    assert!(error(&output).contains("longshore serve"));
}

#[test]
fn nothing_is_deleted_without_a_word() {
    let server = Server::embedded();
    server.admin(&["token", "create", "alice", "--label", "ci"]);
    server.admin(&["org", "set", "acme", "--provisioning", "on"]);
    server.admin(&["scim-token", "create", "acme"]);
    server.push_blob(&user("alice"), "alice/app", b"x");
    let deletions: &[&[&str]] = &[
        &["user", "delete", "bob"],
        &["org", "delete", "acme"],
        &["token", "delete", "alice", "ci"],
        &["scim-token", "revoke", "acme"],
        &["repo", "delete", "alice/app"],
    ];
    for arguments in deletions {
        let output =
            Command::new(binary()).args(*arguments).arg("--data").arg(server.data()).output().unwrap();
        let message = refusal(&output, 2);
        assert!(message.contains("this ") && message.contains("--yes"), "{message}");
    }
    assert_eq!(server.admin(&["token", "show", "alice", "ci"])["label"], "ci", "by label");
    server.admin(&["token", "delete", "alice", "ci"]);
    server.admin(&["user", "delete", "bob"]);
    let gone = refusal(&server.try_admin(&["token", "show", "alice", "ci"], ""), NOT_FOUND);
    assert!(gone.contains("longshore token ls alice"), "{gone}");
}

/// Runs a command at a terminal where a person types something; gives its exit code and all that is to be seen.
fn at_terminal(server: &Server, arguments: &[&str], typed: &str) -> (i32, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let terminal = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let child = Command::new(binary())
        .args(arguments)
        .arg("--data")
        .arg(server.data())
        .stdin(terminal)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::fs::File::from(person.try_clone().unwrap()).write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let seen = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(seen).unwrap())
}

#[test]
fn whoever_deletes_at_a_terminal_is_shown_what_and_asked() {
    let server = Server::embedded();
    server.admin(&["token", "create", "alice", "--label", "ci"]);
    server.admin(&["org", "set", "acme", "--provisioning", "on"]);
    server.admin(&["scim-token", "create", "acme"]);
    server.push_blob(&user("alice"), "alice/app", b"x");
    // The command, what it shows, and what shows whether it is there.
    type Deletion = (&'static [&'static str], &'static str, &'static [&'static str]);
    let deletions: &[Deletion] = &[
        (&["scim-token", "revoke", "acme"], "acme", &["scim-token", "list", "acme"]),
        (&["org", "delete", "acme"], "acme", &["org", "show", "acme"]),
        (&["token", "delete", "alice", "ci"], "ci", &["token", "show", "alice", "ci"]),
        (&["repo", "delete", "alice/app"], "alice/app", &["repo", "show", "alice/app"]),
        (&["user", "delete", "bob"], "bob", &["user", "show", "bob"]),
    ];
    for (command, shown, show) in deletions {
        let is_there = || {
            let output = server.try_admin(show, "");
            output.status.success() && output.stdout.trim_ascii() != b"[]"
        };
        // No, nothing, something else, and the end of the input (Ctrl+D).
        for answer in ["n\n", "\n", "yess\n", "\u{4}"] {
            let (code, seen) = at_terminal(&server, command, answer);
            assert_eq!(code, 1, "{command:?} {answer:?}: {seen}");
            assert!(seen.contains("This ") && seen.contains("[y/N]"), "{command:?}: {seen}");
            assert!(seen.contains(shown) && seen.contains("nothing was changed"), "{command:?}: {seen}");
            assert!(is_there(), "{command:?} {answer:?}");
        }
        let (code, seen) = at_terminal(&server, command, "YES\n");
        assert_eq!(code, 0, "{command:?}: {seen}");
        assert!(!is_there(), "{command:?}");
    }
    // What is not there is not asked about.
    let (code, seen) = at_terminal(&server, &["user", "delete", "nobody"], "y\n");
    assert!(code == NOT_FOUND && !seen.contains("[y/N]"), "{seen}");
    let (code, seen) = at_terminal(&server, &["user", "delete", "alice", "--yes"], "");
    assert!(code == 0 && !seen.contains("[y/N]"), "{seen}");
}

#[test]
fn whoever_must_sign_in_is_told_how() {
    let server = Server::embedded();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(binary()).args(arguments).env("LONGSHORE_REGISTRY", &server.url).output().unwrap();
        error(&output)
    };
    for arguments in [&["client", "tags", "alice/none"][..], &["client", "manifest", "alice/none"]] {
        let said = run(arguments);
        assert!(said.contains("LONGSHORE_USERNAME and LONGSHORE_PASSWORD"), "{said}");
    }
}

#[test]
fn client_commands_speak_http() {
    let server = Server::new();
    server.push_blob(&user("alice"), "alice/app", b"{}");
    server
        .push_manifest(&user("alice"), "alice/app", "v1", &longshore_testkit::images::image(b"{}", &[]))
        .expect(201);
    let run = |arguments: &[&str], password: &str| {
        Command::new(binary())
            .arg("client")
            .args(arguments)
            .args(["--json", "--registry", &server.url, "--username", "alice"])
            .env("LONGSHORE_PASSWORD", password)
            .output()
            .unwrap()
    };
    let json =
        |output: std::process::Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    assert_eq!(json(run(&["repositories"], PASSWORD))["repositories"][0], "alice/app");
    assert_eq!(json(run(&["tags", "alice/app"], PASSWORD))["tags"][0], "v1");
    assert_eq!(json(run(&["manifest", "alice/app:v1"], PASSWORD))["schemaVersion"], 2);
    assert!(error(&run(&["tags", "alice/app"], "wrong password")).contains("wrong"));
}

#[test]
fn deletions_are_planned_made_and_undone_at_the_command_line() {
    let server = Server::new();
    let first = crate::docr::push(&server, &user("alice"), "acme/app", "v1");
    let second = crate::docr::push(&server, &user("alice"), "acme/app", "v2");
    let plan = server.admin(&["tag", "rm", "acme/app", "v1", "v2", "--dry-run"]);
    assert_eq!((&plan["tags"], &plan["images"], &plan["id"]), (&json!(2), &json!(0), &json!(null)));
    let done = server.admin(&["image", "rm", "acme/app", &first, &second]);
    assert_eq!((&done["tags"], &done["images"]), (&json!(2), &json!(2)));
    assert!(done["freed_bytes"].as_u64().unwrap() > 40, "{done}");
    let listed = server.admin(&["trash", "ls", "acme"]);
    assert_eq!((&listed[0]["id"], &listed[0]["what"]), (&done["id"], &json!("2 tags, 2 images")));
    assert_eq!(server.admin(&["trash", "ls", "acme/app"])[0]["id"], done["id"]);
    let id = done["id"].as_str().unwrap();
    assert_eq!(server.admin(&["trash", "show", id])["items"].as_array().unwrap().len(), 4);
    crate::docr::push(&server, &user("alice"), "acme/app", "v3");
    let text = server.try_admin(&["trash", "restore", id], "");
    assert_eq!(text.status.code(), Some(0), "{text:?}");
    let back = server.admin(&["tag", "at", "acme/app", &now_text()]);
    let tags: Vec<&str> = back.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(tags, ["v1", "v2", "v3"]);
    let changes = server.admin(&["tag", "diff", "acme/app", "2026-01-01"]);
    assert_eq!(changes[0]["change"], "added");
    let nowhere = server.try_admin(&["tag", "rollback", "acme/app", "v3"], "");
    assert!(refusal(&nowhere, NOT_FOUND).contains("has not pointed there before"), "{nowhere:?}");
    let bad = server.try_admin(&["tag", "at", "acme/app", "yesterday"], "");
    assert!(refusal(&bad, 2).contains("2026-11-01"), "{bad:?}");
    // A repository says how it comes back.
    server.admin(&["repo", "delete", "acme/app"]);
    let id = server.admin(&["trash", "ls", "acme"])[0]["id"].clone();
    let restored = server.admin(&["trash", "restore", id.as_str().unwrap(), "--as", "acme/app-again"]);
    assert_eq!((&restored["repository"], &restored["tags"]), (&json!("acme/app-again"), &json!(3)));
}

/// The time of the machine, as commands take it.
fn now_text() -> String {
    crate::hub::authentication::time().to_string()
}
