//! Behind nginx and HAProxy, as Debian packages them, with the very configurations of `docs/operate`; what names the machine
//! (ports, certificates) is replaced. `cargo xtask test` installs them.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use longshore_testkit::images::{digest_of, image, mebibytes};
use longshore_testkit::skip::command;
use longshore_testkit::stores::SharedStores;
use tempfile::TempDir;

use crate::browser::Browser;
use crate::hub;
use crate::server::{Client, PASSWORD, Server, user};

const NGINX: &str = include_str!("../../../../docs/operate/nginx.conf");
const HAPROXY: &str = include_str!("../../../../docs/operate/haproxy.cfg");
const BALANCER: &str = include_str!("../../../../docs/operate/balancer.conf");

/// A running proxy.
struct Proxy {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Replaces what stands in a configuration, which must be there.
#[track_caller]
fn replaced(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the configuration lacks {from}");
        text.replace(from, to)
    })
}

impl Proxy {
    fn start(folder: TempDir, port: u16, name: &'static str, arguments: &[&str]) -> Self {
        let child = command(name).args(arguments).stdin(Stdio::null()).spawn().unwrap();
        let proxy = Self { child, folder, port };
        let began_at = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began_at.elapsed() < Duration::from_secs(30), "{name} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    /// Starts nginx with the configuration of a site.
    fn nginx(folder: TempDir, port: u16, site: &str) -> Self {
        let path = folder.path().to_str().unwrap().to_owned();
        std::fs::write(folder.path().join("site.conf"), site).unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {path}/{name};"));
        let main = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log warn; worker_processes 2; events {{}}\n\
             http {{ access_log {path}/access.log; {} include {path}/site.conf; }}\n",
            temporary.join(" ")
        );
        std::fs::write(folder.path().join("nginx.conf"), main).unwrap();
        let file = format!("{path}/nginx.conf");
        let log = format!("{path}/error.log");
        Self::start(folder, port, "nginx", &["-c", &file, "-e", &log])
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

/// A folder with a certificate for `localhost`, as each of them wants it.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    // Clients look for `ca.crt`.
    std::fs::create_dir(folder.path().join("trusted")).unwrap();
    for (name, text) in [
        ("trusted/ca.crt", certificate.clone()),
        ("fullchain.pem", certificate.clone()),
        ("privkey.pem", key.clone()),
        ("registry.pem", certificate + &key),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn behind(port: u16) -> Server {
    let public_url = format!("public_url=https://localhost:{port}");
    Server::with(&["--set", "trusted_proxies=127.0.0.1", "--set", &public_url])
}

/// Signs in, pushes and pulls as people do, and looks at what arrives.
fn works_behind(proxy: &Proxy, server: &Server) {
    let folder = proxy.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (trusted, host) = (path("trusted"), format!("localhost:{}", proxy.port));
    let skopeo = |arguments: &[&str]| {
        let mut command = command("skopeo");
        command.args(arguments).env("HOME", folder).env("REGISTRY_AUTH_FILE", folder.join("auth.json"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(said)
    };
    let sign_in = |password: &str| {
        skopeo(&["login", "--cert-dir", &trusted, "--username", "alice", "--password", password, &host])
    };
    sign_in("wrong password").unwrap_err();
    sign_in(PASSWORD).unwrap();
    let layer = mebibytes(1).take(50).collect::<Vec<_>>().concat();
    let config = br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let manifest = image(config, &[&layer]);
    let source = folder.join("source");
    std::fs::create_dir(&source).unwrap();
    let hex = |content: &[u8]| digest_of(content).to_string().replace("sha256:", "");
    for (name, content) in [
        (hex(config), config.as_slice()),
        (hex(&layer), &layer),
        ("manifest.json".into(), manifest.as_bytes()),
        ("version".into(), b"Directory Transport Version: 1.1\n"),
    ] {
        std::fs::write(source.join(name), content).unwrap();
    }
    let (from, to) = (format!("dir:{}", path("source")), format!("docker://{host}/alice/app:v1"));
    let policy = ["--insecure-policy", "copy", "--preserve-digests"];
    skopeo(&[&policy[..], &["--dest-cert-dir", &trusted, &from, &to]].concat()).unwrap();
    let back = format!("dir:{}", path("back"));
    skopeo(&[&policy[..], &["--src-cert-dir", &trusted, &to, &back]].concat()).unwrap();
    assert!(std::fs::read(folder.join("back").join(hex(&layer))).unwrap() == layer);
    // Over HTTP/1.1 and HTTP/2: a push in one request, links, and the address of the client.
    for version in ["--http1.1", "--http2"] {
        let curl = |arguments: &[&str]| {
            let output = command("curl")
                .args(["--silent", "--show-error", "--include", version, "--cacert", &path("trusted/ca.crt")])
                .args(["--user", &user("alice")])
                .args(arguments)
                .output()
                .unwrap();
            let answer = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{answer} {}", String::from_utf8_lossy(&output.stderr));
            let expected = if version == "--http2" { "HTTP/2 " } else { "HTTP/1.1 " };
            assert!(answer.lines().any(|line| line.starts_with(expected)), "{answer}");
            answer
        };
        let url = format!("https://{host}/v2/alice/app/blobs/uploads/");
        let begun = curl(&["--request", "POST", &url]);
        assert!(begun.contains(&format!("ocation: {url}")), "{begun}");
        let file = format!("@{}", folder.join("source").join(hex(&layer)).display());
        let put = format!("{url}?digest={}", digest_of(&layer));
        let pushed = curl(&["--request", "POST", "--data-binary", &file, &put]);
        assert!(pushed.contains(" 201"), "{pushed}");
        assert!(curl(&[&format!("https://{host}/readyz")]).contains("ready"));
        assert!(curl(&["--head", &format!("https://{host}/nonsense")]).contains(" 404"));
    }
    assert_eq!(server.admin(&["verify"])["problems"], 0);
}

#[test]
fn login_push_and_pull_work_behind_nginx() {
    let (folder, port) = (certificates(), free_port());
    let server = behind(port);
    let path = folder.path().to_str().unwrap().to_owned();
    let site = replaced(
        NGINX,
        &[
            ("127.0.0.1:5000", server.host()),
            ("listen 443 ssl http2;", &format!("listen 127.0.0.1:{port} ssl http2;")),
            ("registry.example.org", "localhost"),
            ("/etc/ssl/registry", &path),
        ],
    );
    let proxy = Proxy::nginx(folder, port, &site);
    works_behind(&proxy, &server);
    let log = proxy.log();
    assert!(!log.contains("[error]") && !log.contains("buffered to a temporary file"), "{log}");
}

#[test]
fn login_push_and_pull_work_behind_haproxy() {
    let (folder, port) = (certificates(), free_port());
    let server = behind(port);
    let path = folder.path().to_str().unwrap().to_owned();
    let text = replaced(
        HAPROXY,
        &[
            ("127.0.0.1:5000", server.host()),
            ("bind :443 ", &format!("bind 127.0.0.1:{port} ")),
            ("/etc/haproxy", &path),
        ],
    );
    let file = format!("{path}/haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    let proxy = Proxy::start(folder, port, "haproxy", &["-db", "-f", &file]);
    works_behind(&proxy, &server);
}

/// The two ways in which nginx serves something below a path: `proxy_pass` with a path takes the prefix away, without one
/// leaves it there.
#[test]
fn a_path_prefix_works_in_both_ways_of_nginx() {
    let server = Server::with(&["--set", "trusted_proxies=127.0.0.1"]);
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let host = server.host();
    let common = "proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Host $http_host; \
                  proxy_set_header X-Forwarded-For $remote_addr;";
    let site = format!(
        "server {{ listen 127.0.0.1:{port};\n\
         location /stripped/ {{ proxy_pass http://{host}/; {common} proxy_set_header X-Forwarded-Prefix /stripped; }}\n\
         location /kept/ {{ proxy_pass http://{host}; {common} proxy_set_header X-Forwarded-Prefix /kept; }}\n\
         location /v2/ {{ proxy_pass http://{host}; {common} proxy_set_header X-Forwarded-Prefix \"\"; }} }}\n"
    );
    let _proxy = Proxy::nginx(folder, port, &site);
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    let alice = user("alice");
    let browser = Browser::new();
    let session = hub::sign_in(&client, "alice");
    // Clients of registries ask below /v2/ of the host.
    client.push_blob(&alice, "alice/app", b"at the root");
    for prefix in ["/stripped", "/kept"] {
        let begun = client
            .send("POST", &format!("{prefix}/v2/alice/app/blobs/uploads/"), &alice, &[], b"")
            .expect(202);
        let location = begun.header("location").to_owned();
        let uploads = format!("{}{prefix}/v2/alice/app/blobs/uploads/", client.url);
        assert!(location.starts_with(&uploads), "{location}");
        let content = prefix.as_bytes();
        let separator = if location.contains('?') { '&' } else { '?' };
        let finish = format!("{location}{separator}digest={}", digest_of(content));
        let done = client.send("PUT", &finish, &alice, &[], content).expect(201);
        assert_eq!(client.get(done.header("location"), &alice).expect(200).body, content);
        let page = client.get(&format!("{prefix}/invite"), "").expect(200);
        assert!(String::from_utf8(page.body).unwrap().contains("\"invite.js\""));
        client.get(&format!("{prefix}/invite.js"), "").expect(200);
        let document = client.get(&format!("{prefix}/api/openapi/hub.json"), "").expect(200).json();
        assert_eq!(document["servers"][0]["url"], format!("{}{prefix}", client.url));
        let challenge = client.get(&format!("{prefix}/v2/"), "").expect(401);
        let realm = format!("realm=\"{}{prefix}/token\"", client.url);
        assert!(challenge.header("www-authenticate").contains(&realm));
        client.get(&format!("{prefix}/token?scope=repository:alice/app:pull"), &alice).expect(200);
        // A person accepts an invite on the page below the prefix.
        let invitee = format!("{}@example.org", &prefix[1..]);
        let body = serde_json::json!({ "org": "acme", "role": "member", "invitees": [invitee] }).to_string();
        let headers = [("content-type", "application/json")];
        let bulk = format!("{prefix}/v2/invites/bulk");
        let invited = client.send("POST", &bulk, &session, &headers, body.as_bytes()).expect(202).json();
        browser.open(invited["invitees"][0]["invite"]["link"].as_str().unwrap());
        browser.wait_for(&format!("alice invites {invitee} to the organization acme, as member."));
        browser.fill("#user", &prefix[1..]);
        browser.fill("#new", PASSWORD);
        browser.click("form[action$='/join'] button");
        browser.wait_for("Members");
    }
}

/// nginx answered 502 during the rolling restart that `docs/operate/several-machines.md` describes.
#[test]
fn a_rolling_restart_behind_the_balancer_fails_no_request() {
    restarts_one_after_the_other(|nodes| {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let site = replaced(
            BALANCER,
            &[
                ("node1:5000", nodes[0].host()),
                ("node2:5000", nodes[1].host()),
                ("node3:5000", nodes[2].host()),
                ("listen 80;", &format!("listen 127.0.0.1:{port};")),
            ],
        );
        Proxy::nginx(folder, port, &site)
    });
}

#[test]
fn a_rolling_restart_behind_haproxy_fails_no_request() {
    restarts_one_after_the_other(|nodes| {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let server =
            |(number, node): (usize, &Server)| format!("server node{number} {} check inter 1s", node.host());
        let servers: Vec<String> = nodes.iter().enumerate().map(server).collect();
        let text = replaced(
            HAPROXY,
            &[
                ("server node1 127.0.0.1:5000 check inter 1s", &servers.join("\n    ")),
                (
                    "bind :443 ssl crt /etc/haproxy/registry.pem alpn h2,http/1.1",
                    &format!("bind 127.0.0.1:{port}"),
                ),
                ("X-Forwarded-Proto https", "X-Forwarded-Proto http"),
            ],
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        Proxy::start(folder, port, "haproxy", &["-db", "-f", file.to_str().unwrap()])
    });
}

/// Restarts three nodes on the same stores behind a proxy while others push and pull through it.
fn restarts_one_after_the_other(start: impl FnOnce(&[Server]) -> Proxy) {
    if SharedStores::only().is_none() {
        return;
    }
    let first = Server::with(&["--set", "trusted_proxies=127.0.0.1"]);
    let others = ["second", "third"].map(|name| first.another_node(name, &[]));
    let mut nodes: Vec<Server> = std::iter::once(first).chain(others).collect();
    nodes.iter_mut().for_each(Server::keep_port);
    let proxy = start(&nodes);
    let port = proxy.port;
    let alice = user("alice");
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    client.push_blob(&alice, "alice/app", b"{}");
    client.push_blob(&alice, "alice/app", b"layer");
    client.push_manifest(&alice, "alice/app", "v0", &image(b"{}", &[b"layer"])).expect(201);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u8)
            .map(|worker| {
                let (client, alice, stop, answered, proxy) = (&client, &alice, &stop, &answered, &proxy);
                scope.spawn(move || {
                    for round in 0_u32.. {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        let mut layer = vec![worker; 300_000];
                        layer[..4].copy_from_slice(&round.to_be_bytes());
                        let digest = digest_of(&layer);
                        let ask = |method: &str, path: &str, body: &[u8], status: u16| {
                            let answer = client.send(method, path, alice, &[], body);
                            assert_eq!(answer.status, status, "{method} {path}: {}", proxy.log());
                            answered.fetch_add(1, Ordering::SeqCst);
                            answer
                        };
                        // In chunks, as docker pushes, and at once.
                        let begun = ask("POST", "/v2/alice/app/blobs/uploads/", b"", 202);
                        let location = begun.header("location").to_owned();
                        let patched = ask("PATCH", &location, &layer, 202);
                        let location = patched.header("location").to_owned();
                        let separator = if location.contains('?') { '&' } else { '?' };
                        ask("PUT", &format!("{location}{separator}digest={digest}"), b"", 201);
                        let other = [&layer[..], b"other"].concat();
                        let path = format!("/v2/alice/app/blobs/uploads/?digest={}", digest_of(&other));
                        ask("POST", &path, &other, 201);
                        let manifest = image(b"{}", &[&layer]);
                        let tag = format!("w{worker}");
                        assert_eq!(client.push_manifest(alice, "alice/app", &tag, &manifest).status, 201);
                        ask("GET", "/v2/alice/app/manifests/v0", b"", 200);
                        let pulled = client.get(&format!("/v2/alice/app/blobs/{digest}"), alice);
                        assert_eq!(pulled.status, 200, "{}", proxy.log());
                    }
                })
            })
            .collect();
        for node in &mut nodes {
            let before = answered.load(Ordering::SeqCst);
            assert!(node.stop().success());
            node.start_again();
            node.wait_for("requests go on", || answered.load(Ordering::SeqCst) > before + 40);
        }
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.join().unwrap();
        }
    });
    assert!(answered.load(Ordering::SeqCst) > 120);
}
