//! Start, configuration, TLS, proxies, health, metrics, shutdown, and a machine that fails.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use longshore_testkit::images::digest_of;

use crate::server::{PASSWORD, Server, binary, user};

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(binary())
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_first_start_tells_everything_that_a_person_needs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = |last: &str| {
        let began_at = Instant::now();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut output = child.stdout.take().unwrap();
        let mut buffer = [0; 4096];
        while !said.contains(last) {
            let length = output.read(&mut buffer).unwrap();
            assert!(length > 0, "it stopped: {said}");
            said.push_str(&text(&buffer[..length]));
        }
        let took = began_at.elapsed();
        child.kill().unwrap();
        child.wait().unwrap();
        output.read_to_string(&mut said).unwrap();
        (said, took)
    };
    let (said, took) = start("docker push");
    assert!(took < Duration::from_secs(5), "{took:?}");
    for part in
        ["ready", "http://127.0.0.1:", "admin", "password", "docker login", "docker tag", "docker push"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (said, _) = start("data  ");
    assert!(!said.contains("password"), "it is shown once: {said}");
}

#[test]
fn the_password_comes_from_a_file_if_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "from a file, really\n").unwrap();
    let setting = format!("admin.password_file={}", file.display());
    let server = Server::bare(&["--set", "admin.password=", "--set", &setting]);
    server.get("/v2/", "admin:from a file, really").expect(200);
}

#[test]
fn configuration_is_checked_and_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("longshore.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:1\"\n[admin]\npassword = \"very secret words\"\n").unwrap();
    let file = file.to_str().unwrap();
    assert!(run(&["config", "check", "--config", file], &[]).status.success());
    let printed = text(
        &run(
            &["config", "print", "--config", file, "--set", "gc.batch=9"],
            &[("LONGSHORE_LISTEN", "127.0.0.1:2")],
        )
        .stdout,
    );
    assert!(
        printed.contains("127.0.0.1:2") && printed.contains("batch = 9") && !printed.contains("secret words"),
        "{printed}"
    );
    let json = |arguments: &[&str]| {
        let output = run(&[&["--json", "--config", file][..], arguments].concat(), &[]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(json(&["config", "check"])["valid"], true);
    assert_eq!(json(&["config", "print"])["listen"], "127.0.0.1:1");
    assert!(json(&["config", "reference"]).as_array().unwrap().iter().any(|row| row["key"] == "gc.batch"));
    // The certificate is opened.
    let missing = run(
        &["config", "check", "--set", "tls.certificate=/no/such.pem", "--set", "tls.key=/no/such.key"],
        &[],
    );
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("tls.certificate: cannot read /no/such.pem"));
    std::fs::write(file, "listne = 1").unwrap();
    let refused = run(&["config", "check", "--config", file], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("listne"));
    assert_eq!(run(&["nonsense"], &[]).status.code(), Some(2));
    let help = text(&run(&["--help"], &[]).stdout);
    assert!(help.contains("serve") && help.contains("Exit codes"));
}

#[test]
fn links_are_right_behind_a_proxy_and_trust_no_one_else() {
    let server = Server::with(&["--set", "trusted_proxies=127.0.0.1"]);
    let forwarded = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.example.org"),
        ("x-forwarded-for", "198.51.100.7"),
    ];
    let begun =
        server.send("POST", "/v2/alice/app/blobs/uploads/", &user("alice"), &forwarded, b"").expect(202);
    assert!(begun.header("location").starts_with("https://registry.example.org/v2/alice/app/blobs/uploads/"));
    let challenge = server.send("GET", "/v2/", "", &forwarded, b"").expect(401);
    assert!(challenge.header("www-authenticate").contains("realm=\"https://registry.example.org/token\""));
    let server = Server::with(&[]);
    let begun =
        server.send("POST", "/v2/alice/app/blobs/uploads/", &user("alice"), &forwarded, b"").expect(202);
    assert!(begun.header("location").starts_with("/v2/alice/app/blobs/uploads/"));
    let challenge = server.send("GET", "/v2/", "", &forwarded, b"").expect(401);
    assert!(challenge.header("www-authenticate").contains(&server.url));
    let server = Server::with(&["--set", "public_url=https://r.example:8443/"]);
    let begun =
        server.send("POST", "/v2/alice/app/blobs/uploads/", &user("alice"), &forwarded, b"").expect(202);
    assert!(begun.header("location").starts_with("https://r.example:8443/v2/"));
}

#[test]
fn health_readiness_and_metrics() {
    let server = Server::new();
    server.get("/healthz", "").expect(200);
    for path in ["/readyz", "/readyz?for=read", "/readyz?for=push"] {
        server.get(path, "").expect(200);
    }
    server.get("/readyz?for=everything", "").expect(400);
    server.get("/", "").expect(200);
    server.get("/nonsense", "").expect(404);
    server.get("/v2/", &user("alice")).expect(200);
    let metrics = server.metrics();
    for line in [
        "longshore_requests_total{dialect=\"oci\",operation=\"ping\",status=\"2xx\"} 1",
        "longshore_request_duration_seconds_bucket",
        "longshore_connections",
    ] {
        assert!(metrics.contains(line), "{line} is not in: {metrics}");
    }
    let id = server.get("/v2/", "").expect(401).header("x-request-id").to_owned();
    assert!(!id.is_empty() && id != server.get("/v2/", "").header("x-request-id"));
}

/// A scrape was 441 KB of zeros.
#[test]
fn metrics_appear_when_they_are_first_used() {
    let server = Server::bare(&[]);
    assert!(!server.metrics().contains("operation="), "{}", server.metrics());
    server.get("/v2/", "").expect(401);
    let metrics = server.metrics();
    let of = |name: &str| metrics.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(of("longshore_requests_total{"), 1, "{metrics}");
    assert!(metrics.contains("operation=\"ping\",status=\"4xx\"} 1"), "{metrics}");
    // Jobs have figures each once they have run, and how many of them have by now is chance.
    let others: usize = metrics.lines().filter(|line| !line.contains("longshore_job_")).map(str::len).sum();
    assert!(others < 4096 && metrics.len() < 16_384, "{others} of {}", metrics.len());
}

/// They answered everybody behind a proxy on the same host, also when `X-Forwarded-For` was unclear.
#[test]
fn metrics_answer_on_their_own_listener_only() {
    for settings in [&[][..], &["--set", "trusted_proxies=127.0.0.1"], &["--set", "metrics.listen="]] {
        let server = Server::bare(settings);
        server.get("/metrics", "").expect(404);
        for from in
            ["198.51.100.7", "127.0.0.1", "unknown", "", "127.0.0.1:80", "[::1]:80", "127.0.0.1, unknown"]
        {
            server.send("GET", "/metrics", "", &[("x-forwarded-for", from)], b"").expect(404);
        }
    }
    let server = Server::bare(&[]);
    for path in ["/", "/v2/", "/readyz"] {
        let elsewhere = server.metrics_url().replace("/metrics", path);
        server.get(&elsewhere, "").expect(404);
    }
}

/// Makes a certificate for `localhost`: its file, the file of its key, and its text.
pub fn certificate(folder: &std::path::Path, name: &str) -> (PathBuf, PathBuf, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key, made.cert.pem())
}

#[test]
fn tls_works_and_certificates_are_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate_path, key_path, first) = certificate(folder.path(), "a");
    let settings = [
        format!("tls.certificate={}", certificate_path.display()),
        format!("tls.key={}", key_path.display()),
    ];
    let server = Server::bare(&["--set", &settings[0], "--set", &settings[1]]);
    assert!(server.url.starts_with("https://"));
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let ask = |pem: &str| {
        let trusted = folder.path().join("trusted.pem");
        std::fs::write(&trusted, pem).unwrap();
        longshore_testkit::skip::command("curl")
            .args(["--silent", "--cacert"])
            .arg(&trusted)
            .args([
                "--resolve",
                &format!("localhost:{port}:127.0.0.1"),
                &format!("https://localhost:{port}/healthz"),
                "--write-out",
                "%{http_version}",
            ])
            .output()
            .unwrap()
    };
    assert_eq!(text(&ask(&first).stdout), "ok\n2");
    let (new_certificate, new_key, second) = certificate(folder.path(), "b");
    assert!(!ask(&second).status.success());
    std::fs::rename(new_key, key_path).unwrap();
    std::fs::rename(new_certificate, certificate_path).unwrap();
    server.signal("HUP");
    server.wait_for("the new certificate", || ask(&second).status.success());
}

#[test]
fn a_stop_lets_an_upload_in_progress_finish() {
    let mut server = Server::new();
    let content = vec![1_u8; 2_000_000];
    let digest = digest_of(&content);
    let token = server.token(&user("alice"), &["repository:alice/app:pull,push"]);
    let mut connection = TcpStream::connect(server.host()).unwrap();
    let head = format!(
        "POST /v2/alice/app/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&content[..1_000_000]).unwrap();
    server.wait_for("the upload has begun", || server.admin(&["gc", "status"])["uploads_in_progress"] == 1);
    server.signal("TERM");
    let refuses = || TcpStream::connect(server.host()).is_err();
    server.wait_for("no new connections are taken", refuses);
    connection.write_all(&content[1_000_000..]).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.stop_already_asked().success());
    server.start_again();
    assert!(server.get(&format!("/v2/alice/app/blobs/{digest}"), &user("alice")).expect(200).body == content);
}

#[test]
fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    // Files cannot grow past this limit, which the registry treats like a disk without room.
    let mut server = Server::limited_files(8 << 20);
    let alice = user("alice");
    let small = server.push_blob(&alice, "alice/app", b"before");
    let large = vec![1_u8; 12 << 20];
    let path = format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(&large));
    let refused = server.send("POST", &path, &alice, &[], &large).expect(507);
    assert_eq!(refused.code(), "UNAVAILABLE");
    assert!(refused.json()["errors"][0]["message"].as_str().unwrap().contains("full"));
    server.get(&format!("/v2/alice/app/blobs/{small}"), &alice).expect(200);
    server.push_blob(&alice, "alice/app", b"after");
    server.kill();
    server.start_again();
    server.get(&format!("/v2/alice/app/blobs/{small}"), &alice).expect(200);
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn unusable_folders_and_addresses_are_clear_errors() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = file.path().join("data");
    let refused = run(&["serve", "--data", below_a_file.to_str().unwrap()], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("cannot make the data folder"), "{}", text(&refused.stderr));
    let server = Server::bare(&[]);
    let folder = tempfile::tempdir().unwrap();
    let taken = run(&["serve", "--listen", server.host(), "--data", folder.path().to_str().unwrap()], &[]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("--listen"), "{}", text(&taken.stderr));
}

#[test]
fn a_damaged_database_is_refused_at_start() {
    let mut server = Server::embedded();
    server.push_blob(&user("alice"), "alice/app", b"x");
    assert!(server.stop().success());
    let database = server.data().join("longshore.db");
    let bytes = std::fs::read(&database).unwrap();
    for damaged in [
        vec![0_u8; 4096],
        bytes[..bytes.len() / 3].to_vec(),
        b"not a database at all, just text that is long enough".repeat(50),
    ] {
        std::fs::write(&database, &damaged).unwrap();
        let refused =
            run(&["serve", "--listen", "127.0.0.1:0", "--data", server.data().to_str().unwrap()], &[]);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
        assert!(text(&refused.stderr).contains("damaged"), "{}", text(&refused.stderr));
    }
    std::fs::write(&database, bytes).unwrap();
    server.start_again();
    server.get(&format!("/v2/alice/app/blobs/{}", digest_of("x")), &user("alice")).expect(200);
}

#[test]
fn a_blob_folder_that_is_missing_is_noticed() {
    let mut server = Server::embedded();
    server.push_blob(&user("alice"), "alice/app", b"x");
    assert!(server.stop().success());
    let (blobs, gone) = (server.data().join("blobs"), server.data().join("gone"));
    std::fs::rename(&blobs, &gone).unwrap();
    let refused = run(&["serve", "--listen", "127.0.0.1:0", "--data", server.data().to_str().unwrap()], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("mount what is missing"), "{}", text(&refused.stderr));
    std::fs::remove_dir_all(&blobs).unwrap();
    std::fs::rename(gone, blobs).unwrap();
    server.start_again();
    server.get(&format!("/v2/alice/app/blobs/{}", digest_of("x")), &user("alice")).expect(200);
}

#[test]
fn damaged_blobs_are_reported_and_never_served_as_whole() {
    let server = Server::embedded();
    let alice = user("alice");
    let content = vec![7_u8; 1_000_000];
    let digest = server.push_blob(&alice, "alice/app", &content);
    let file = std::fs::read_dir(server.data().join("blobs"))
        .unwrap()
        .filter_map(|shard| std::fs::read_dir(shard.unwrap().path()).ok())
        .flatten()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(600_000).unwrap();
    assert!(
        server.try_send("GET", &format!("/v2/alice/app/blobs/{digest}"), &alice, &[], b"").is_err(),
        "the connection is cut"
    );
    let report = server.try_admin(&["verify"], "");
    assert_eq!(report.status.code(), Some(3));
    assert!(text(&report.stdout).contains("600000 bytes instead of 1000000"), "{}", text(&report.stdout));
    // Pushing it again heals it.
    server.push_blob(&alice, "alice/app", &content);
    assert!(server.get(&format!("/v2/alice/app/blobs/{digest}"), &alice).expect(200).body == content);
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn logs_hold_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut child = Command::new(binary())
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--set",
            "log.level=trace",
            "--set",
            "log.format=json",
            "--data",
        ])
        .arg(folder.path().join("data"))
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .find_map(|line| line.unwrap().trim().strip_prefix("listens ").map(|url| url.trim().to_owned()))
        .unwrap();
    let curl = |arguments: &[&str]| {
        text(
            &longshore_testkit::skip::command("curl")
                .arg("--silent")
                .args(arguments)
                .output()
                .unwrap()
                .stdout,
        )
    };
    let answer = curl(&[
        "--user",
        &format!("admin:{PASSWORD}"),
        &format!("{url}/token?scope=repository:admin/app:pull&offline_token=true"),
    ]);
    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let (token, refresh) = (json["token"].as_str().unwrap(), json["refresh_token"].as_str().unwrap());
    curl(&["--header", &format!("authorization: Bearer {token}"), &format!("{url}/v2/")]);
    curl(&["--data", &format!("grant_type=refresh_token&refresh_token={refresh}"), &format!("{url}/token")]);
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("\"operation\":\"token\""), "{log}");
    for secret in [PASSWORD, token, refresh, &token[token.len() - 40..]] {
        assert!(!log.contains(secret));
    }
}
