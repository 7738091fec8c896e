//! A disk that is full: one can get out of it.

use std::time::{Duration, Instant};

use longshore_testkit::images::digest_of;
use rusqlite::Connection;

use crate::server::{PASSWORD, Server, user};

fn files(folder: &std::path::Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        count += if entry.file_type().unwrap().is_dir() { files(&entry.path()) } else { 1 };
    }
    count
}

fn manifest_of(config: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":1048576}},"layers":[]}}"#
    )
}

fn content(number: u8) -> Vec<u8> {
    vec![number; 1 << 20]
}

/// Pushes images of one MiB until one is refused; gives how many there are.
fn push_until_refused(server: &Server, from: u8) -> u8 {
    let alice = user("alice");
    for number in from..from + 100 {
        let content = content(number);
        let digest = digest_of(&content);
        let path = format!("/v2/alice/app/blobs/uploads/?digest={digest}");
        let pushed = server.send("POST", &path, &alice, &[], &content);
        if pushed.status == 507 {
            assert_eq!(pushed.code(), "UNAVAILABLE");
            return number;
        }
        pushed.expect(201);
        let manifest = manifest_of(&digest.to_string());
        if server.push_manifest(&alice, "alice/app", &format!("v{number}"), &manifest).status == 507 {
            return number;
        }
    }
    panic!("the volume was never full");
}

#[test]
fn everything_but_pushing_works_on_a_full_disk_and_makes_room() {
    let arguments =
        ["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0", "--set", "gc.undo_seconds=0"];
    let Some((mut server, volume)) = Server::on_small_volume(64, &arguments) else {
        return;
    };
    let alice = user("alice");
    let unused = server.admin(&["token", "create", "alice", "--label", "ci", "--scope", "repo:read"]);
    let unused = unused["token"].as_str().or(unused["secret"].as_str()).unwrap().to_owned();
    let credentials = Credentials::new(&server);
    let pushed = push_until_refused(&server, 0);
    assert!(pushed > 10, "{pushed}");
    let before = files(&server.data().join("blobs"));
    // Each of these is refused, and leaves nothing.
    let large = vec![77; 4 << 20];
    for _ in 0..3 {
        let path = format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(&large));
        server.send("POST", &path, &alice, &[], &large).expect(507);
    }
    assert_eq!(files(&server.data().join("blobs")), before);
    assert_eq!(server.admin(&["gc", "status"])["uploads_in_progress"], 0);
    server.get("/readyz", "").expect(200);

    // Somebody else takes the rest.
    let log = volume.0.join("somebody.log");
    fill(&log);
    server.wait_for("the ballast is given up", || !server.data().join("ballast").exists());
    assert!(server.metrics().contains("longshore_disk_left_bytes 0\n"));
    server.send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"").expect(507);
    server.get("/readyz", "").expect(200);
    let not_for_pushes = server.get("/readyz?for=push", "").expect(503);
    let text = String::from_utf8_lossy(&not_for_pushes.body);
    assert!(text.contains("the disk of this machine is full"), "{text}");
    let manifest = manifest_of(&digest_of(content(1)).to_string());
    assert_eq!(server.push_manifest(&alice, "alice/app", "late", &manifest).status, 507);
    server.get("/v2/", &format!("alice:{unused}")).expect(200);
    server.get("/v2/alice/app/manifests/v0", &format!("alice:{unused}")).expect(200);
    assert_eq!((sign_in(&server, "wrong").0, sign_in(&server, PASSWORD).0), (401, 200));
    assert_revocable(&server, &credentials);
    server.send("DELETE", "/v2/alice/app/manifests/v0", &alice, &[], b"").expect(202);

    assert!(server.stop().success());
    server.start_again();
    server.get("/v2/alice/app/manifests/v1", &alice).expect(200);
    for number in 1..pushed.min(20) {
        let digest = digest_of(manifest_of(&digest_of(content(number)).to_string()).as_bytes());
        server.send("DELETE", &format!("/v2/alice/app/manifests/{digest}"), &alice, &[], b"").expect(202);
    }
    server.wait_for("collections free room", || {
        server.admin(&["gc", "run"]);
        files(&server.data().join("blobs")) + 10 < before
    });
    std::fs::remove_file(log).unwrap();
    server.wait_for("the ballast is made again", || server.data().join("ballast").exists());
    let again = content(200);
    server.push_blob(&alice, "alice/app", &again);
    assert_eq!(server.admin(&["verify"])["problems"], 0);
    drop(server);
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// Access tokens and refresh tokens that nobody has used.
struct Credentials {
    /// Of `alice`, with their ids.
    tokens: Vec<(String, String)>,
    /// Got with the first of these.
    refresh: String,
    /// Got with the password of `bob`.
    refresh_of_bob: String,
}

impl Credentials {
    fn new(server: &Server) -> Self {
        let create = |number: u32| {
            let label = format!("t{number}");
            let made = server.admin(&["token", "create", "alice", "--label", &label, "--scope", "repo:read"]);
            (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
        };
        let tokens: Vec<_> = (0..4).map(create).collect();
        let refresh = |who: &str| {
            let got = server.get("/token?service=longshore&offline_token=true", who).expect(200).json();
            got["refresh_token"].as_str().unwrap().to_owned()
        };
        let refresh_of_token = refresh(&format!("alice:{}", tokens[0].0));
        Self { tokens, refresh: refresh_of_token, refresh_of_bob: refresh(&user("bob")) }
    }
}

fn sign_in(server: &Server, password: &str) -> (u16, String) {
    let body = format!(r#"{{"username":"alice","password":"{password}"}}"#);
    let answer = server.send("POST", "/v2/users/login", "", &JSON, body.as_bytes());
    let token = answer.json()["token"].as_str().unwrap_or_default().to_owned();
    (answer.status, format!("Bearer {token}"))
}

fn refreshed(server: &Server, token: &str) -> u16 {
    let body = format!("grant_type=refresh_token&service=longshore&refresh_token={token}");
    server.send("POST", "/token", "", &FORM, body.as_bytes()).status
}

/// Pulls by a token that was never used, and signs in, which is possible however full the disk is.
fn assert_readable(server: &Server, token: &str) {
    let by_token = format!("alice:{token}");
    server.get("/v2/", &by_token).expect(200);
    for who in [&by_token, &user("alice")] {
        server.send("HEAD", "/v2/alice/app/manifests/v0", who, &[], b"").expect(200);
        server.get("/v2/alice/app/manifests/v0", who).expect(200);
        let blob = format!("/v2/alice/app/blobs/{}", digest_of(content(0)));
        server.send("HEAD", &blob, who, &[], b"").expect(200);
        server.get(&blob, who).expect(200);
    }
    assert_eq!(sign_in(server, PASSWORD).0, 200);
    server.get("/readyz", "").expect(200);
}

/// Ends access tokens and refresh tokens, and sees that they are ended.
fn assert_revocable(server: &Server, credentials: &Credentials) {
    let (status, alice) = sign_in(server, PASSWORD);
    assert_eq!(status, 200);
    let (token, id) = &credentials.tokens[0];
    assert_eq!(refreshed(server, &credentials.refresh), 200);
    server.send("DELETE", &format!("/v2/access-tokens/{id}"), &alice, &[], b"").expect(204);
    server.get("/v2/", &format!("alice:{token}")).expect(401);
    assert_eq!(refreshed(server, &credentials.refresh), 401, "it ends with its access token");
    let (token, _) = &credentials.tokens[1];
    server.send("POST", "/v1/oauth/revoke", "", &FORM, format!("token={token}").as_bytes()).expect(200);
    server.get("/v2/", &format!("alice:{token}")).expect(401);
    assert_eq!(refreshed(server, &credentials.refresh_of_bob), 200);
    server.admin(&["user", "disable", "bob"]);
    server.get("/v2/", &user("bob")).expect(401);
    assert_eq!(refreshed(server, &credentials.refresh_of_bob), 401);
}

/// Pushes manifests, which lie in the database, until not even small ones are taken.
fn fill_database(server: &Server) {
    let config = digest_of(content(0));
    let mut number = 0;
    for size in [1 << 20, 64 << 10, 1 << 10] {
        let is_taken = |number: u32| {
            let text = format!("{number:08}{}", "x".repeat(size));
            let manifest = manifest_of(&config.to_string())
                .replace(r#""layers":[]"#, &format!(r#""layers":[],"annotations":{{"text":"{text}"}}"#));
            match server.push_manifest(&user("alice"), "alice/app", "big", &manifest).status {
                201 => true,
                507 => false,
                status => panic!("{status}"),
            }
        };
        while is_taken(number) {
            number += 1;
            assert!(number < 5000, "the database is never full");
        }
    }
}

/// The database's log is written to its end and then anew; the end may lie beyond what is left of the volume.
#[test]
fn a_full_disk_is_written_to_for_as_long_as_it_is_full() {
    let arguments = ["--set", "gc.interval_seconds=0"];
    let Some((mut server, volume)) = Server::on_small_volume(40, &arguments) else {
        return;
    };
    let alice = user("alice");
    let manifest = manifest_of(&server.push_blob(&alice, "alice/app", &content(0)).to_string());
    server.push_manifest(&alice, "alice/app", "v0", &manifest).expect(201);
    assert!(server.stop().success(), "which leaves no log");
    server.start_again();
    fill(&volume.0.join("others"));
    server.wait_for("the ballast is given up", || !server.data().join("ballast").exists());
    let (_, by_password) = sign_in(&server, PASSWORD);
    for number in 0..400 {
        let body = format!(r#"{{"full_description":"{number:04} {}"}}"#, "x".repeat(8000));
        let headers = [("authorization", by_password.as_str()), JSON[0]];
        let patched = server.send("PATCH", "/v2/repositories/alice/app", "", &headers, body.as_bytes());
        assert_eq!(patched.status, 200, "after {number}");
    }
}

#[test]
fn a_full_database_is_left_by_what_was_kept_for_that() {
    let arguments = ["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0"];
    let Some((server, volume)) = Server::with_database_on_volume("size=48m", &arguments) else {
        return;
    };
    let alice = user("alice");
    let credentials = Credentials::new(&server);
    let manifest = manifest_of(&server.push_blob(&alice, "alice/app", &content(0)).to_string());
    server.push_manifest(&alice, "alice/app", "v0", &manifest).expect(201);
    fill_database(&server);
    let others = volume.0.join("others");
    fill(&others);
    server.wait_for("the ballast is given up", || !server.data().join("ballast").exists());

    assert_readable(&server, &credentials.tokens[2].0);
    assert_eq!(sign_in(&server, "wrong").0, 401);
    assert_revocable(&server, &credentials);
    server.send("DELETE", "/v2/alice/app/manifests/big", &alice, &[], b"").expect(202);
    server.admin(&["gc", "run"]);
    std::fs::remove_file(others).unwrap();
    volume.remount("size=96m");
    server.wait_for("there is room again", || {
        server.push_manifest(&alice, "alice/app", "again", &manifest).status == 201
    });
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn a_full_database_for_which_nothing_is_kept_is_read_and_says_what_it_lacks() {
    let arguments =
        ["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0", "--set", "storage.reserve_bytes=0"];
    let Some((server, volume)) = Server::with_database_on_volume("size=24m", &arguments) else {
        return;
    };
    let alice = user("alice");
    let credentials = Credentials::new(&server);
    let manifest = manifest_of(&server.push_blob(&alice, "alice/app", &content(0)).to_string());
    server.push_manifest(&alice, "alice/app", "v0", &manifest).expect(201);
    assert_eq!(sign_in(&server, "wrong").0, 401, "which a right password forgets");
    let (_, by_password) = sign_in(&server, PASSWORD);
    fill_database(&server);
    // Whatever small is left.
    let is_refused = |number: u32| {
        let name = format!("Bob {number}");
        !server.try_admin(&["user", "set", "bob", "--full-name", &name], "").status.success()
    };
    assert!((0..500).any(is_refused));

    // What is beside the point of a request is done without.
    assert_readable(&server, &credentials.tokens[2].0);
    server.wait_for("this is noticed", || server.get("/readyz?for=push", "").status == 503);
    // What is the point of it, or holds an attacker off, is not.
    assert_eq!(sign_in(&server, "wrong").0, 507);
    let id = &credentials.tokens[0].1;
    server.send("DELETE", &format!("/v2/access-tokens/{id}"), &by_password, &[], b"").expect(507);
    server.send("DELETE", "/v2/alice/app/manifests/v0", &alice, &[], b"").expect(507);
    for command in [&["user", "disable", "bob"][..], &["gc", "run"]] {
        let refused = server.try_admin(command, "");
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("no space is left"), "{command:?}: {said}");
    }
    assert_eq!(refreshed(&server, &credentials.refresh), 200, "nothing was ended by halves");
    server.get("/v2/", &user("bob")).expect(200);

    volume.remount("size=96m");
    server.wait_for("there is room again", || sign_in(&server, "wrong").0 == 401);
    assert_revocable(&server, &credentials);
    server.send("DELETE", "/v2/alice/app/manifests/v0", &alice, &[], b"").expect(202);
    server.admin(&["gc", "run"]);
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn a_lock_that_somebody_else_holds_delays_nobody_who_reads() {
    let server = Server::embedded_with(&["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0"]);
    let alice = user("alice");
    let credentials = Credentials::new(&server);
    let manifest = manifest_of(&server.push_blob(&alice, "alice/app", &content(0)).to_string());
    server.push_manifest(&alice, "alice/app", "v0", &manifest).expect(201);
    // A failure, so that the right password has something to forget.
    assert_eq!(sign_in(&server, "wrong").0, 401);
    let used = |number: usize| {
        let id = &credentials.tokens[number].1;
        server.admin(&["token", "show", "alice", id])["last_used_at"].is_string()
    };
    assert!(!used(2) && !used(3));

    let connection = Connection::open(server.data().join("longshore.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began_at = Instant::now();
    assert_readable(&server, &credentials.tokens[2].0);
    // To wait for the lock until SQLite gives up takes ten seconds, for each of three that write.
    assert!(began_at.elapsed() < Duration::from_secs(28), "{:?}", began_at.elapsed());
    connection.execute_batch("ROLLBACK").unwrap();
    drop(connection);
    server.get("/v2/", &format!("alice:{}", credentials.tokens[3].0)).expect(200);
    server.wait_for("last uses are recorded again", || used(3));
}

#[test]
fn a_volume_without_inodes_is_a_full_one() {
    let arguments =
        ["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0", "--set", "gc.undo_seconds=0"];
    let Some((server, volume)) = Server::on_volume("size=256m,nr_inodes=2000", &arguments) else {
        return;
    };
    let alice = user("alice");
    let push = |content: &[u8]| {
        let path = format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(content));
        server.send("POST", &path, &alice, &[], content).status
    };
    let left = || {
        let metrics = server.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("longshore_disk_left_inodes "));
        line.unwrap().parse::<usize>().unwrap()
    };
    assert!(server.metrics().contains("longshore_disk_reserve_inodes 100\n"));
    assert_eq!(push(b"before"), 201);
    let manifest = manifest_of(&server.push_blob(&alice, "alice/app", &content(1)).to_string());
    server.push_manifest(&alice, "alice/app", "v1", &manifest).expect(201);

    // Somebody makes many files, and pushes take the rest.
    let others = volume.0.join("others");
    std::fs::create_dir(&others).unwrap();
    let make = |number: usize| std::fs::File::create(others.join(number.to_string())).is_ok();
    for number in 0..left() - 30 {
        assert!(make(number));
    }
    let pushed = (0_u32..100).take_while(|number| push(&number.to_be_bytes()) == 201).count();
    assert!((3..50).contains(&pushed), "{pushed}");
    // A push that was refused gives back what it had begun with, perhaps a moment later.
    assert!((5_000..5_030).all(make));
    assert_eq!(push(b"late"), 507);
    server.send("POST", "/v2/alice/app/blobs/uploads/", &alice, &[], b"").expect(507);
    server.push_manifest(&alice, "alice/app", "late", &manifest).expect(507);
    assert_eq!(left(), 0);
    server.get("/readyz", "").expect(200);
    server.get("/readyz?for=push", "").expect(503);

    // Others take what is kept, too.
    assert!((10_000..20_000).any(|number| !make(number)));
    server.get("/v2/alice/app/manifests/v1", &alice).expect(200);
    server.send("DELETE", "/v2/alice/app/manifests/v1", &alice, &[], b"").expect(202);
    server.admin(&["gc", "run"]);
    server.admin(&["user", "disable", "bob"]);
    server.get("/v2/", &user("bob")).expect(401);

    std::fs::remove_dir_all(&others).unwrap();
    server.wait_for("there are inodes again", || left() > 1000);
    assert_eq!(push(b"late"), 201);
    drop(server);
}

/// Writes a file until there is no room for more.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 20, 4096] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
