//! A disk that is full: one can get out of it.

use longshore_testkit::images::digest_of;

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
        eprintln!("skipped: no volume may be mounted here");
        return;
    };
    let alice = user("alice");
    let unused = server.admin(&["token", "create", "alice", "--label", "ci", "--scope", "repo:read"]);
    let unused = unused["token"].as_str().or(unused["secret"].as_str()).unwrap().to_owned();
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
    let sign_in = |password: &str| {
        let body = format!(r#"{{"username":"alice","password":"{password}"}}"#);
        let json = [("content-type", "application/json")];
        server.send("POST", "/v2/users/login", "", &json, body.as_bytes()).status
    };
    assert_eq!((sign_in("wrong"), sign_in(PASSWORD)), (401, 200));
    server.admin(&["user", "disable", "bob"]);
    server.get("/v2/", &user("bob")).expect(401);
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

#[test]
fn a_volume_without_inodes_is_a_full_one() {
    let arguments =
        ["--set", "gc.interval_seconds=0", "--set", "gc.lease_seconds=0", "--set", "gc.undo_seconds=0"];
    let Some((server, volume)) = Server::on_volume("size=256m,nr_inodes=2000", &arguments) else {
        eprintln!("skipped: no volume may be mounted here");
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
