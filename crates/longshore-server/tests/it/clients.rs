//! Real clients: skopeo, podman and buildah, as Debian packages them. `cargo xtask test` installs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use longshore_domain::digest::{Algorithm, Digest, Hasher};
use longshore_testkit::images::{artifact, descriptor, digest_of, image, mebibytes};
use longshore_testkit::skip::command;
use tempfile::TempDir;

use crate::server::{PASSWORD, Server, user};

/// A folder for clients' files, with programs that work in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &'static str, arguments: &[&str]) -> Result<String, String> {
        let output = command(program)
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("REGISTRY_AUTH_FILE", self.path("auth.json"))
            .env("STORAGE_DRIVER", "vfs")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    #[track_caller]
    fn must(&self, program: &'static str, arguments: &[&str]) -> String {
        self.run(program, arguments).unwrap_or_else(|error| panic!("{program} {arguments:?}: {error}"))
    }

    /// Runs podman or buildah with storage of its own.
    #[track_caller]
    fn container(&self, program: &'static str, arguments: &[&str]) -> String {
        let (root, run) = (self.path("storage"), self.path("run"));
        let mut all = vec!["--root", root.to_str().unwrap(), "--runroot", run.to_str().unwrap()];
        if program == "podman" {
            all.extend(["--events-backend", "none", "--cgroup-manager", "cgroupfs"]);
        }
        all.extend(arguments);
        self.must(program, &all)
    }

    #[track_caller]
    fn skopeo_copy(&self, from: &str, to: &str) {
        self.must("skopeo", &copy(from, to));
    }
}

fn copy<'a>(from: &'a str, to: &'a str) -> [&'a str; 8] {
    [
        "--insecure-policy",
        "copy",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        to,
    ]
}

/// An OCI image layout that is written by hand.
struct Layout(PathBuf);

impl Layout {
    fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        std::fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(path)
    }

    fn blob(&self, content: &[u8]) {
        std::fs::write(self.0.join("blobs/sha256").join(hex(&digest_of(content))), content).unwrap();
    }

    /// Sets the document that the layout is about.
    fn finish(&self, document: &str) {
        self.blob(document.as_bytes());
        let media_type = document.split("\"mediaType\":\"").nth(1).unwrap().split('"').next().unwrap();
        let entry = descriptor(media_type, document.as_bytes());
        let named = entry.replacen('{', r#"{"annotations":{"org.opencontainers.image.ref.name":"it"},"#, 1);
        std::fs::write(self.0.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{named}]}}"#))
            .unwrap();
    }

    fn reference(&self) -> String {
        format!("oci:{}:it", self.0.display())
    }
}

fn hex(digest: &Digest) -> String {
    digest.to_string().trim_start_matches("sha256:").to_owned()
}

/// Checks that every blob of one layout is in the other, byte for byte.
fn assert_same(before: &Path, after: &Path) {
    let mut compared = 0;
    for blob in std::fs::read_dir(before.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let copy = after.join("blobs/sha256").join(blob.file_name());
        let same = Command::new("cmp").args([blob.path(), copy]).status().unwrap();
        assert!(same.success(), "{:?}", blob.file_name());
        compared += 1;
    }
    assert!(compared > 1);
}

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;

fn log_in(bench: &Bench, server: &Server, name: &str) {
    for program in ["skopeo", "podman", "buildah"] {
        let arguments =
            ["login", "--tls-verify=false", "--username", name, "--password", PASSWORD, server.host()];
        match program {
            "skopeo" => bench.must(program, &arguments),
            _ => bench.container(program, &arguments),
        };
    }
    let wrong =
        ["login", "--tls-verify=false", "--username", name, "--password", "wrong password", server.host()];
    assert!(bench.run("skopeo", &wrong).is_err());
}

#[test]
fn an_image_built_from_scratch_is_pushed_and_pulled() {
    let server = Server::new();
    let bench = Bench::new();
    log_in(&bench, &server, "alice");
    let target = format!("{}/alice/built:1", server.host());
    let container = bench.container("buildah", &["from", "scratch"]);
    for number in 0..3 {
        let file = bench.path(&format!("file{number}"));
        std::fs::write(&file, format!("content of layer {number}\n").repeat(1000)).unwrap();
        bench.container("buildah", &["add", &container, file.to_str().unwrap(), &format!("/file{number}")]);
        bench.container("buildah", &["config", "--label", &format!("step={number}"), &container]);
        bench.container("buildah", &["commit", &container, &format!("localhost/built:{number}")]);
    }
    // Two layers on top of each other: a second container from the first image.
    let second = bench.container("buildah", &["from", "--pull-never", "localhost/built:2"]);
    bench.container("buildah", &["add", &second, bench.path("file0").to_str().unwrap(), "/again"]);
    bench.container("buildah", &["commit", &second, "localhost/built:final"]);
    // zstd layers, by podman; first, as it would use gzip layers that are there.
    let zstd = format!("{}/alice/built:zstd", server.host());
    bench.container(
        "podman",
        &[
            "push",
            "--tls-verify=false",
            "--format",
            "oci",
            "--compression-format",
            "zstd",
            "localhost/built:final",
            &zstd,
        ],
    );
    let manifest =
        bench.must("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{zstd}")]);
    assert!(manifest.contains("tar+zstd"), "{manifest}");
    bench.container(
        "buildah",
        &["push", "--tls-verify=false", "localhost/built:final", &format!("docker://{target}")],
    );
    // Another machine pulls both.
    for image in [&target, &zstd] {
        let other = Bench::new();
        std::fs::copy(bench.path("auth.json"), other.path("auth.json")).unwrap();
        other.container("podman", &["pull", "--tls-verify=false", image]);
        let pulled = other.container("buildah", &["from", "--pull-never", image]);
        let mounted = other.container("buildah", &["mount", &pulled]);
        for (file, original) in
            [("file0", "file0"), ("file1", "file1"), ("file2", "file2"), ("again", "file0")]
        {
            let content = std::fs::read(Path::new(&mounted).join(file)).unwrap();
            assert_eq!(content, std::fs::read(bench.path(original)).unwrap());
        }
        other.container("buildah", &["umount", &pulled]);
    }
    let tags = bench.must(
        "skopeo",
        &["list-tags", "--tls-verify=false", &format!("docker://{}/alice/built", server.host())],
    );
    assert!(tags.contains("\"zstd\"") && tags.contains("\"1\""));
    bench.must("skopeo", &["delete", "--tls-verify=false", &format!("docker://{zstd}")]);
    assert!(bench.run("skopeo", &["inspect", "--tls-verify=false", &format!("docker://{zstd}")]).is_err());
}

/// The same tag now, an hour ago and as of a day, private and public; the past is not written.
#[test]
fn a_tag_is_pulled_as_it_was() {
    const HOUR: i64 = 3600;
    let (server, clock) = Server::with_clock();
    #[expect(clippy::disallowed_methods, reason = "what the server's clock begins with")]
    let began = jiff::Timestamp::try_from(SystemTime::now()).unwrap();
    let bench = Bench::new();
    log_in(&bench, &server, "alice");
    let app = format!("docker://{}/alice/app", server.host());
    let digest = |tag: &str| {
        let inspected = ["inspect", "--format", "{{.Digest}}", "--tls-verify=false", &format!("{app}:{tag}")];
        bench.run("skopeo", &inspected)
    };
    let mut digests = Vec::new();
    // Pushed now and in 30 hours, and looked at in 54.
    for hours in [0, 30] {
        clock.set(hours * HOUR);
        let file = bench.path("file");
        std::fs::write(&file, format!("as it was at {hours}")).unwrap();
        let container = bench.container("buildah", &["from", "scratch"]);
        bench.container("buildah", &["add", &container, file.to_str().unwrap(), "/file"]);
        bench.container("buildah", &["commit", &container, "localhost/app"]);
        bench
            .container("buildah", &["push", "--tls-verify=false", "localhost/app", &format!("{app}:latest")]);
        digests.push(digest("latest").unwrap());
    }
    clock.set(54 * HOUR);
    let ago = |hours: i64| {
        let at = began + jiff::SignedDuration::from_hours(54 - hours);
        (at.strftime("%Y%m%dT%H%M%SZ").to_string(), at.strftime("%Y%m%d").to_string())
    };
    assert_ne!(digests[0], digests[1]);
    for (tag, expected) in [
        (format!("latest.asof.{}", ago(1).0), 1),
        (format!("latest.asof.{}", ago(23).0), 1),
        (format!("latest.asof.{}", ago(25).0), 0),
        // The end of the day of the first push is before the second, 30 hours later.
        (format!("latest.asof.{}", ago(54).1), 0),
    ] {
        assert_eq!(digest(&tag).unwrap(), digests[expected], "{tag}");
    }
    let first = format!("latest.asof.{}", ago(25).0);
    for tag in [format!("latest.asof.{}", ago(-1).0), format!("latest.asof.{}", ago(55).0)] {
        let refused = digest(&tag).unwrap_err();
        assert!(refused.contains("not past yet") || refused.contains("had no tag latest"), "{refused}");
    }
    // The whole image, by another program.
    let image = format!("{}/alice/app:{first}", server.host());
    let other = Bench::new();
    std::fs::copy(bench.path("auth.json"), other.path("auth.json")).unwrap();
    other.container("podman", &["pull", "--tls-verify=false", &image]);
    let pulled = other.container("buildah", &["from", "--pull-never", &image]);
    let mounted = other.container("buildah", &["mount", &pulled]);
    assert_eq!(std::fs::read_to_string(Path::new(&mounted).join("file")).unwrap(), "as it was at 0");
    other.container("buildah", &["umount", &pulled]);
    // Nobody writes there, by no verb.
    let refused =
        bench.run("skopeo", &copy(&format!("{app}:latest"), &format!("{app}:{first}"))).unwrap_err();
    assert!(refused.contains("reserved for the past"), "{refused}");
    let path = format!("/v2/alice/app/manifests/{first}");
    let deleted = server.send("DELETE", &path, &user("alice"), &[], b"").expect(405);
    assert_eq!(deleted.code(), "UNSUPPORTED");
    // Those who see nothing now see nothing of the past, and when they do, they do.
    server.get(&path, &user("bob")).expect(404);
    server.get(&path, "").expect(401);
    server.admin(&["repo", "set", "alice/app", "--visibility", "public"]);
    assert_eq!(server.get(&path, "").expect(200).header("docker-content-digest"), digests[0]);
}

#[test]
fn a_multi_platform_index_keeps_every_byte() {
    let server = Server::new();
    let bench = Bench::new();
    log_in(&bench, &server, "alice");
    let layout = Layout::new(bench.path("multi"));
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64", "riscv64"] {
        let config = String::from_utf8(CONFIG.to_vec()).unwrap().replace("amd64", architecture);
        let layer = format!("a layer for {architecture}").into_bytes();
        let manifest = image(config.as_bytes(), &[&layer, b"a shared layer"]);
        for blob in [config.as_bytes(), &layer, b"a shared layer", manifest.as_bytes()] {
            layout.blob(blob);
        }
        let entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
        let platform = format!(r#"{{"platform":{{"os":"linux","architecture":"{architecture}"}},"#);
        entries.push(entry.replacen('{', &platform, 1));
    }
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        entries.join(",")
    );
    layout.finish(&index);
    let remote = format!("docker://{}/acme/multi:1", server.host());
    bench.skopeo_copy(&layout.reference(), &remote);
    let back = Layout::new(bench.path("back"));
    bench.skopeo_copy(&remote, &back.reference());
    assert_same(&layout.0, &back.0);
    // To another repository of the same registry: blobs are mounted.
    let copied = format!("docker://{}/acme/copy:1", server.host());
    bench.skopeo_copy(&remote, &copied);
    let again = Layout::new(bench.path("again"));
    bench.skopeo_copy(&copied, &again.reference());
    assert_same(&layout.0, &again.0);
}

#[test]
fn an_artifact_with_its_referrer() {
    let server = Server::new();
    let bench = Bench::new();
    log_in(&bench, &server, "alice");
    let layout = Layout::new(bench.path("artifact"));
    let subject = image(CONFIG, &[b"layer"]);
    for blob in [CONFIG, b"layer"] {
        layout.blob(blob);
    }
    layout.finish(&subject);
    bench.skopeo_copy(&layout.reference(), &format!("docker://{}/acme/app:1", server.host()));
    let signature = artifact(&subject, "application/vnd.example.signature", "signed");
    let signed = Layout::new(bench.path("signature"));
    signed.blob(b"{}");
    signed.finish(&signature);
    bench.skopeo_copy(&signed.reference(), &format!("docker://{}/acme/app:sig", server.host()));
    let referrers = server
        .get(&format!("/v2/acme/app/referrers/{}", digest_of(&subject)), &user("alice"))
        .expect(200)
        .json();
    assert_eq!(referrers["manifests"][0]["digest"], digest_of(&signature).to_string());
    let back = Layout::new(bench.path("back"));
    bench.skopeo_copy(&format!("docker://{}/acme/app:sig", server.host()), &back.reference());
    assert_same(&signed.0, &back.0);
}

/// Writes a layer that does not compress, and gives its descriptor.
fn large_layer(bench: &Bench, size: usize, seed: u64) -> String {
    let staged = bench.path("large/blobs/sha256/staged");
    let mut file = std::fs::File::create(&staged).unwrap();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for block in mebibytes(seed).take(size) {
        hasher.update(&block);
        file.write_all(&block).unwrap();
    }
    file.flush().unwrap();
    let digest = hasher.finish();
    std::fs::rename(staged, bench.path("large/blobs/sha256").join(hex(&digest))).unwrap();
    let media_type = "application/vnd.oci.image.layer.v1.tar";
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, size << 20)
}

#[test]
fn an_image_of_two_gibibytes() {
    let server = Server::new();
    let bench = Bench::new();
    log_in(&bench, &server, "alice");
    let layout = Layout::new(bench.path("large"));
    let layers = [(1024, 1), (1100, 2)].map(|(size, seed)| large_layer(&bench, size, seed));
    layout.blob(CONFIG);
    let placeholder = image(CONFIG, &[b"placeholder"]);
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar", b"placeholder");
    layout.finish(&placeholder.replace(&layer, &layers.join(",")));
    let remote = format!("docker://{}/acme/large:1", server.host());
    bench.skopeo_copy(&layout.reference(), &remote);
    let back = Layout::new(bench.path("back"));
    bench.skopeo_copy(&remote, &back.reference());
    assert_same(&layout.0, &back.0);
}

#[test]
fn private_public_and_forbidden_repositories() {
    let server = Server::new();
    let (alice, bob, nobody) = (Bench::new(), Bench::new(), Bench::new());
    log_in(&alice, &server, "alice");
    log_in(&bob, &server, "bob");
    let layout = Layout::new(alice.path("app"));
    for blob in [CONFIG, b"layer"] {
        layout.blob(blob);
    }
    layout.finish(&image(CONFIG, &[b"layer"]));
    let remote = format!("docker://{}/alice/app:1", server.host());
    alice.skopeo_copy(&layout.reference(), &remote);
    let inspect = ["inspect", "--raw", "--tls-verify=false", &remote];
    assert!(alice.run("skopeo", &inspect).is_ok());
    assert!(bob.run("skopeo", &inspect).is_err());
    assert!(nobody.run("skopeo", &inspect).is_err());
    server.admin(&["repo", "set", "alice/app", "--visibility", "public"]);
    assert!(bob.run("skopeo", &inspect).is_ok());
    assert!(nobody.run("skopeo", &inspect).is_ok());
    // Seeing is not pushing.
    for other in [&bob, &nobody] {
        let refused = other
            .run("skopeo", &copy(&layout.reference(), &format!("docker://{}/alice/app:2", server.host())));
        assert!(refused.is_err());
    }
    let refused = bob
        .run("skopeo", &copy(&layout.reference(), &format!("docker://{}/acme/app:2", server.host())))
        .unwrap_err();
    assert!(refused.contains("denied") || refused.contains("may not push"), "{refused}");
}

/// podman asks `/v1/search` without credentials, and turns to `_catalog`, with them, only when that is refused.
#[test]
fn podman_finds_what_its_user_may_see() {
    let server = Server::new();
    let bench = Bench::new();
    server.admin(&["repo", "create", "alice/private-tool"]);
    server.admin(&["repo", "create", "bob/hidden-tool"]);
    server.admin(&["repo", "create", "bob/public-tool"]);
    server.admin(&["repo", "set", "bob/public-tool", "--visibility", "public"]);
    let search = || {
        let term = format!("{}/tool", server.host());
        let found = bench.container(
            "podman",
            &["search", "--tls-verify=false", "--format", "{{.Name}}", "--limit", "100", &term],
        );
        let mut names: Vec<String> =
            found.lines().map(|line| line.trim().replace(&format!("{}/", server.host()), "")).collect();
        names.sort();
        names
    };
    // Somebody who has not signed in anywhere.
    std::fs::write(bench.path("auth.json"), "{}").unwrap();
    assert_eq!(search(), ["bob/public-tool"]);
    let login = ["login", "--tls-verify=false", "--username", "alice", "--password", PASSWORD, server.host()];
    bench.container("podman", &login);
    assert_eq!(search(), ["alice/private-tool", "bob/public-tool"]);
}
