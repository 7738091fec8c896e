//! Signing in at the command line, and the registries that commands are for.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use longshore_domain::second_factor::TotpSecret;
use serde_json::{Value, json};

use crate::hub::authentication::{secret, time};
use crate::hub::{send, sign_in};
use crate::server::{PASSWORD, Server, binary, user};

/// Runs a command as somebody whose home is a folder.
fn run(home: &Path, arguments: &[&str], input: &str) -> Output {
    run_with(home, arguments, input, &[])
}

fn run_with(home: &Path, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("LONGSHORE_CONTEXT")
        .env_remove("LONGSHORE_TOKEN")
        .env_remove("LONGSHORE_DATA")
        .env_remove("LONGSHORE_PASSWORD")
        .envs(variables.iter().copied())
        .env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn does(home: &Path, arguments: &[&str], input: &str) -> Value {
    let output = run(home, &[arguments, &["-o", "json"]].concat(), input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn does_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Value {
    let output = run_with(home, &[arguments, &["-o", "json"]].concat(), "", variables);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refuses_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)], code: i32) -> String {
    let output = run_with(home, arguments, "", variables);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[track_caller]
fn refuses(home: &Path, arguments: &[&str], input: &str, code: i32) -> String {
    let output = run(home, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn who_has_signed_in_works_elsewhere_until_signing_out() {
    let server = Server::new();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    crate::docr::push(&server, &user("alice"), "acme/app", "v1");
    let file = home.join(".config/longshore/contexts.json");
    // Nobody is signed in, and there is no registry here.
    refuses(home, &["repo", "ls"], "", 1);
    let login = ["login", &server.url, "--username", "alice", "--password-stdin", "--name", "test"];
    assert!(refuses(home, &login, "wrong password\n", 4).contains("ncorrect"));
    assert!(!file.exists());
    assert_eq!(does(home, &login, &format!("{PASSWORD}\n"))["name"], "alice");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("lsp_") && !kept.contains(PASSWORD), "a token, never a password");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let me = does(home, &["whoami"], "");
    assert_eq!((&me["name"], &me["proof"]), (&json!("alice"), &json!("token")));
    assert!(me["token"]["label"].as_str().unwrap().starts_with("longshore on "), "{me}");
    assert_eq!(does(home, &["tag", "ls", "acme/app"], "")[0]["name"], "v1");
    // The beginning of a digest, as tables show it, is enough; a token that is given counts more than one that is kept.
    let digest = does(home, &["tag", "show", "acme/app", "v1"], "")["digest"].as_str().unwrap().to_owned();
    for short in [&digest[..19], &digest[7..19]] {
        assert_eq!(does(home, &["image", "show", "acme/app", short], "")["digest"], digest.as_str());
    }
    assert_eq!(does(home, &["tag", "set", "acme/app", "v1", &digest[..19]], "")["digest"], digest.as_str());
    refuses(home, &["image", "show", "acme/app", "sha256:000000000000"], "", 5);
    refuses_with(home, &["whoami", "--context", &server.url], &[("LONGSHORE_TOKEN", "lsp_wrong")], 4);
    // A time without its zone is none, and today has no end yet.
    refuses(
        home,
        &["image", "rm", "acme/app", "--inactive-since", "2026-11-30T00:00:00", "--dry-run"],
        "",
        2,
    );
    let since = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date().to_string();
    let plan = does(home, &["image", "rm", "acme/app", "--inactive-since", &since, "--dry-run"], "");
    assert_eq!(plan["images"], 0, "it was pushed today");
    // What is refused, not there, and not known.
    assert!(refuses(home, &["user", "ls"], "", 4).contains("operator"));
    refuses(home, &["repo", "show", "acme/none"], "", 5);
    refuses(home, &["repo", "ls", "--context", "other"], "", 2);
    refuses(home, &["repo", "ls", "--context", "http://127.0.0.1:1"], "", 6);
    // A deletion from afar, and its way back.
    let gone = does(home, &["tag", "rm", "acme/app", "v1", "--yes"], "");
    assert_eq!(does(home, &["trash", "ls", "acme"], "")[0]["id"], gone["id"]);
    does(home, &["trash", "restore", gone["id"].as_str().unwrap()], "");
    assert_eq!(does(home, &["tag", "ls", "acme/app"], "")[0]["name"], "v1");
    // The operator of this machine is another context, and so is whoever brings a token.
    does(home, &["context", "use", "local"], "");
    refuses(home, &["repo", "ls"], "", 1);
    assert_eq!(does(home, &["whoami", "--context", "test"], "")["name"], "alice");
    does(home, &["context", "use", "test"], "");
    let listed = does(home, &["context", "ls"], "");
    assert_eq!((&listed[1]["name"], &listed[1]["is_current"]), (&json!("test"), &json!(true)));
    assert!(!listed.to_string().contains("lsp_"));
    let bearer = format!("Bearer {}", kept.split('"').find(|part| part.starts_with("lsp_")).unwrap());
    server.get("/api/v1/whoami", &bearer).expect(200);
    assert_eq!(does(home, &["logout"], "")["context"], "test");
    // The token that signing in had made is gone with it.
    server.get("/api/v1/whoami", &bearer).expect(401);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("lsp_"));
    refuses(home, &["logout"], "", 5);
}

#[test]
fn what_takes_the_password_asks_for_it() {
    let server = Server::new();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    crate::docr::push(&server, &user("alice"), "acme/app", "v1");
    server.admin(&["member", "set", "acme", "bob", "--role", "member"]);
    let login = ["login", &server.url, "--username", "alice", "--password-stdin", "--name", "alice"];
    does(home, &login, &format!("{PASSWORD}\n"));
    // A token decides about nobody; where nobody can be asked, the password is in the environment.
    let create = ["team", "create", "acme", "release"];
    let said = refuses(home, &create, "", 4);
    assert!(said.contains("LONGSHORE_PASSWORD"), "{said}");
    assert!(refuses_with(home, &create, &[("LONGSHORE_PASSWORD", "wrong")], 4).contains("ncorrect"));
    let env = [("LONGSHORE_PASSWORD", PASSWORD)];
    let done = |arguments: &[&str]| does_with(home, arguments, &env);
    assert_eq!(done(&create)["name"], "release");
    done(&["team", "add", "acme", "release", "bob"]);
    done(&["access", "grant", "acme/app", "write", "--team", "release"]);
    let shown = done(&["team", "show", "acme", "release"]);
    assert_eq!(
        (&shown["members"][0]["user"], &shown["repositories"][0]["repository"]),
        (&json!("bob"), &json!("acme/app"))
    );
    done(&["access", "share", "acme/app", "admin", "--until", "30d", "--description", "A partner"]);
    let listed = done(&["access", "ls", "acme/app"]);
    assert_eq!(listed[1]["name"], "admin");
    assert!(listed[1]["until"].is_string(), "{listed}");
    assert_eq!(done(&["access", "explain", "acme/app", "bob"])["level"], "write");
    let output = run_with(home, &["access", "explain", "acme/app", "bob"], "", &env);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("bob may pull and push in acme/app"), "{said}");
    assert!(said.contains("write  is in the team release"), "{said}");
    done(&["access", "unshare", "acme/app", "admin"]);
    done(&["access", "revoke", "acme/app", "--team", "release"]);
    assert_eq!(done(&["invite", "create", "acme", "dora@example.org"])["items"][0]["outcome"], "invited");
    let invite = done(&["invite", "ls", "acme"])[0]["id"].as_str().unwrap().to_owned();
    done(&["invite", "cancel", &invite]);
    done(&["team", "rm", "acme", "release", "--yes"]);
    assert_eq!(done(&["member", "ls", "acme"]).as_array().unwrap().len(), 2);
    assert_eq!(does(home, &["org", "ls"], "")[0]["role"], "owner");
    // The operator's commands are for administrators who give it.
    assert!(refuses(home, &["user", "ls"], "", 4).contains("operator"));
    let login = ["login", &server.url, "--username", "admin", "--password-stdin", "--name", "admin"];
    does(home, &login, &format!("{PASSWORD}\n"));
    assert!(refuses(home, &["user", "ls"], "", 4).contains("takes your password"));
    assert_eq!(done(&["user", "ls"])[0]["name"], "admin");
    // Renewing a token keeps what it may.
    let token = done(&["token", "create", "admin", "--label", "ci", "--scope", "repo:write"]);
    let renewed = done(&["token", "renew", "admin", "ci", "--expires-in-days", "30"]);
    assert_eq!((&renewed["scope"], &renewed["label"]), (&token["scope"], &token["label"]));
    assert_ne!(renewed["secret"], token["token"]);
    // One's own password.
    let input = format!("{PASSWORD}\nanother good password\n");
    let changed = run_with(home, &["account", "password", "--password-stdin"], &input, &env);
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let env = [("LONGSHORE_PASSWORD", "another good password")];
    does_with(home, &["account", "sign-out"], &env);
}

#[test]
fn a_second_factor_is_asked_for() {
    let server = Server::new();
    let folder = tempfile::tempdir().unwrap();
    let alice = sign_in(&server, "alice");
    let wanted = json!({ "password": PASSWORD });
    let begun = send(&server, "POST", "/v2/user/2fa/enrol", &alice, &wanted).expect(200).json();
    let secret: TotpSecret = secret(begun["secret"].as_str().unwrap());
    let code = secret.code_at(time()).unwrap();
    let done =
        send(&server, "POST", "/v2/user/2fa/confirm", &alice, &json!({ "code": code })).expect(200).json();
    let login = ["login", &server.url, "--username", "alice", "--password-stdin"];
    let said = refuses(folder.path(), &login, &format!("{PASSWORD}\n"), 2);
    assert!(said.contains("second line"), "{said}");
    refuses(folder.path(), &login, &format!("{PASSWORD}\n000000\n"), 4);
    let recovery = done["recovery_codes"][0].as_str().unwrap();
    assert_eq!(does(folder.path(), &login, &format!("{PASSWORD}\n{recovery}\n"))["name"], "alice");
    assert_eq!(does(folder.path(), &["whoami"], "")["name"], "alice");
}

/// A credential helper that keeps one secret in a file.
const HELPER: &str = r#"#!/bin/sh
case "$1" in
store) cat > "$HOME/kept" ;;
get) cat "$HOME/kept" ;;
erase) rm "$HOME/kept" ;;
esac
"#;

#[test]
fn a_credential_helper_keeps_the_token_where_docker_has_one() {
    let server = Server::new();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::create_dir(home.join("bin")).unwrap();
    let helper = home.join("bin/docker-credential-test");
    std::fs::write(&helper, HELPER).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(home.join(".docker")).unwrap();
    std::fs::write(home.join(".docker/config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let token = server.admin(&["token", "create", "alice", "--label", "cli"])["token"].clone();
    let token = token.as_str().unwrap();
    let login = ["login", &server.url, "--token-stdin"];
    refuses(home, &login, "lsp_nonsense\n", 4);
    does(home, &login, token);
    let kept = std::fs::read_to_string(home.join(".config/longshore/contexts.json")).unwrap();
    assert!(!kept.contains("lsp_"), "{kept}");
    assert!(std::fs::read_to_string(home.join("kept")).unwrap().contains(token));
    assert_eq!(does(home, &["whoami"], "")["token"]["label"], "cli");
    does(home, &["logout"], "");
    assert!(!home.join("kept").exists());
    // What docker login has left is taken where there is nothing better.
    let login = format!("alice:{token}");
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(login)
    };
    let config = json!({ "auths": { server.host(): { "auth": encoded } } });
    std::fs::write(home.join(".docker/config.json"), config.to_string()).unwrap();
    assert_eq!(does(home, &["whoami", "--context", &server.url], "")["name"], "alice");
}

#[test]
fn results_are_shown_as_they_are_wanted() {
    let server = Server::new();
    for tag in ["v1", "v2"] {
        crate::docr::push(&server, &user("alice"), "acme/app", tag);
    }
    let shown = |format: &str| {
        let output = Command::new(binary())
            .args(["tag", "ls", "acme/app", "-o", format, "--data"])
            .arg(server.data())
            .envs(server.environment().iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(shown("name"), (0, "v1\nv2\n".to_owned()));
    assert_eq!(shown("template={name}={image.is_index}"), (0, "v1=false\nv2=false\n".to_owned()));
    let (_, lines) = shown("jsonl");
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["digest"].is_string()));
    let (_, table) = shown("table");
    let first = table.lines().nth(1).unwrap();
    assert!(table.starts_with("TAG  DIGEST") && first.contains("ago") && !first.contains('T'), "{table}");
    let (_, wide) = shown("wide");
    assert!(wide.contains("MEDIA TYPE") && wide.lines().nth(1).unwrap().contains("Z  alice"), "{wide}");
    assert_eq!(shown("yaml").0, 2);
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let server = Server::new();
    let look = |further: &[&str]| {
        let output = Command::new(binary())
            .args(["doctor", "--json", "--data"])
            .arg(server.data())
            .args(further)
            .envs(server.environment().iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = |what: &str| {
            let finding = found.iter().find(|finding| finding["what"] == what);
            finding.map_or_else(String::new, |finding| finding["verdict"].as_str().unwrap().to_owned())
        };
        let all = ["configuration", "database, to write", "blob store, to write", "public_url"].map(verdict);
        (output.status.code().unwrap(), all)
    };
    let own = format!("public_url={}", server.url);
    assert_eq!(look(&["--set", &own]), (0, ["ok"; 4].map(str::to_owned)));
    let elsewhere = look(&["--set", "public_url=http://127.0.0.1:1"]);
    assert_eq!((elsewhere.0, elsewhere.1[3].as_str()), (3, "wrong"));
    let broken = look(&["--set", "gc.batch=many"]);
    assert_eq!((broken.0, broken.1[0].as_str()), (3, "wrong"));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(binary()).args(["completion", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("rollback") && script.contains("doctor"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(binary()).args(["man", "--all"]).arg(folder.path()).output().unwrap();
    assert!(written.status.success());
    let page = std::fs::read_to_string(folder.path().join("longshore-tag-rollback.1")).unwrap();
    assert!(page.contains("what it pointed at before"), "{page}");
    let page = Command::new(binary()).args(["man", "tag", "rollback"]).output().unwrap();
    assert!(String::from_utf8(page.stdout).unwrap().contains("what it pointed at before"));
    let unknown = Command::new(binary()).args(["man", "nothing"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn help_lists_the_exit_codes() {
    let help = Command::new(binary()).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for code in ["0 done", "1 failed", "3 problems", "4 refused", "5 not found", "6 not reachable"] {
        assert!(text.replace('\n', " ").contains(code), "{code}: {text}");
    }
}
