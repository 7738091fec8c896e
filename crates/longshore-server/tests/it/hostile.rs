//! Connections that cost their owner nothing: each is ended, none keeps others from being answered.
//!
//! `cargo xtask hostile` does the same with thousands of them and the default limits.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_testkit::images::image;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::attacks::{self, Attack, connect, frame, headers};
use crate::operation::certificate;
use crate::server::{Client, Server, user};

/// Much longer than the limits of these tests; nothing is asserted about less.
const LONG: Duration = Duration::from_secs(60);
/// A blob that no buffer between a server and a client holds.
const LARGE_BYTES: usize = 12 << 20;

const SHORT: &[&str] = &[
    "--set",
    "limits.first_request_seconds=1",
    "--set",
    "limits.connection_idle_seconds=1",
    "--set",
    "limits.response_idle_seconds=1",
    "--set",
    "limits.body_idle_seconds=1",
    "--set",
    "storage.redirect=false",
];

/// Reads until the registry closes a connection, however it does that, or the time is over; returns whether it did.
fn wait_for_close(stream: &mut TcpStream, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    let mut buffer = vec![0; 64 << 10];
    if stream.set_nonblocking(false).is_err() {
        return true;
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let _ = stream.set_read_timeout(Some(left));
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

fn attacker(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 1, number])
}

fn address(server: &Server) -> SocketAddr {
    server.host().parse().unwrap()
}

/// Makes `alice/app` with a large blob, pullable by everybody; gives the paths of large responses.
fn large_responses(server: &Server) -> Vec<String> {
    server.admin(&["repo", "create", "alice/app", "--visibility", "public"]);
    let blob = server.push_blob(&user("alice"), "alice/app", &vec![7; LARGE_BYTES]);
    vec![format!("/v2/alice/app/blobs/{blob}"), "/api/openapi/hub.json".into()]
}

/// Checks that somebody at another address is answered, pulls and pushes.
#[track_caller]
fn check_others(server: &Server, tag: &str) {
    let alice = user("alice");
    // A new connection each time: one that was there before proves nothing.
    let client = Client::new(server.url.clone());
    client.get("/healthz", "").expect(200);
    client.get("/readyz", "").expect(200);
    let (config, layer) = (format!("{{\"{tag}\":1}}"), tag.repeat(1000));
    client.push_blob(&alice, "alice/other", config.as_bytes());
    let blob = client.push_blob(&alice, "alice/other", layer.as_bytes());
    client
        .push_manifest(&alice, "alice/other", tag, &image(config.as_bytes(), &[layer.as_bytes()]))
        .expect(201);
    client.get(&format!("/v2/alice/other/manifests/{tag}"), &alice).expect(200);
    assert_eq!(
        client.get(&format!("/v2/alice/other/blobs/{blob}"), &alice).expect(200).body,
        layer.as_bytes()
    );
}

/// What the descriptors of the server stand for.
fn descriptors(server: &Server) -> Vec<String> {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).collect()
}

/// Files of blobs that the server has open.
fn open_blobs(server: &Server) -> usize {
    descriptors(server).iter().filter(|target| target.contains("/blobs/")).count()
}

/// Connections of clients that the server has open; those to its database and its object store are others.
fn open_connections(server: &Server) -> usize {
    let held = descriptors(server);
    let local = format!(":{:04X}", address(server).port());
    // A line for each socket: number, local and remote address, state (0A listens), …, the inode in the tenth column.
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    sockets
        .filter(|columns| columns[1].ends_with(&local) && columns[3] != "0A")
        .filter(|columns| held.contains(&format!("socket:[{}]", columns[9])))
        .count()
}

#[test]
fn who_asks_for_nothing_is_closed() {
    // hyperium/hyper#3962, hyperium/hyper#3756: the header timer begins only when the protocol is known.
    let server = Server::with(SHORT);
    for attack in [Attack::Silent, Attack::HalfPreface, Attack::NoStream, Attack::HalfHeader] {
        let mut socket = attack.begin(attacker(1), address(&server), &[]).unwrap();
        assert!(wait_for_close(&mut socket, LONG), "{attack:?}");
    }
    // One byte of the preface is as little as none.
    let mut socket = connect(attacker(1), address(&server), None).unwrap();
    socket.write_all(b"P").unwrap();
    assert!(wait_for_close(&mut socket, LONG));
    // A request, and then half of another.
    let mut socket = connect(attacker(1), address(&server), None).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /hea").unwrap();
    assert!(wait_for_close(&mut socket, LONG));
    check_others(&server, "v1");
}

#[test]
fn with_tls_who_asks_for_nothing_is_closed_before_and_after_the_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, pem) = certificate(folder.path(), "a");
    let certificate = format!("tls.certificate={}", certificate.display());
    let key = format!("tls.key={}", key.display());
    let server = Server::bare(&[&["--set", &certificate, "--set", &key], SHORT].concat());
    let to: SocketAddr = server.url.trim_start_matches("https://").parse().unwrap();
    for begin in ["", "\x16\x03\x01"] {
        let mut socket = connect(attacker(1), to, None).unwrap();
        socket.write_all(begin.as_bytes()).unwrap();
        assert!(wait_for_close(&mut socket, LONG), "{begin:?}");
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    for begin in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n"] {
        let mut socket = connect(attacker(1), to, None).unwrap();
        let mut tls =
            rustls::ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
        tls.writer().write_all(begin.as_bytes()).unwrap();
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut socket).unwrap();
        }
        assert!(wait_for_close(&mut socket, LONG), "{begin:?}");
    }
}

#[test]
fn an_idle_http2_connection_is_told_to_go() {
    let server = Server::with(SHORT);
    let mut socket = Attack::NoStream.begin(attacker(1), address(&server), &[]).unwrap();
    socket.write_all(&headers(1, "GET", "/healthz", true)).unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut received = Vec::new();
    let _ = socket.read_to_end(&mut received);
    assert!(kinds(&received).contains(&7), "GOAWAY: {:?}", kinds(&received));
}

/// The kinds of frames in what an HTTP/2 server sent (RFC 9113, section 4.1).
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        kinds.push(*kind);
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        bytes = rest.get(length..).unwrap_or_default();
    }
    kinds
}

#[test]
fn who_does_not_take_responses_is_cut_with_all_that_was_held_for_them() {
    let server = Server::with(SHORT);
    let targets = large_responses(&server);
    let sockets: Vec<_> = [Attack::StalledHttp1, Attack::StalledHttp2]
        .into_iter()
        .flat_map(|attack| (1..=4).map(move |number| (attack, number)))
        // Of each kind of response alone as well: the small ones are no less held.
        .flat_map(|(attack, number)| [0..1, 1..2, 0..2].map(|part| (attack, number, part)))
        .map(|(attack, number, part)| {
            attack.begin(attacker(number), address(&server), &targets[part]).unwrap()
        })
        .collect();
    // The client's own connections are idle by then, and closed as well.
    server.wait_for("all connections are cut", || open_connections(&server) == 0);
    server.wait_for("all blobs are closed", || open_blobs(&server) == 0);
    drop(sockets);
    check_others(&server, "v1");
}

#[test]
fn bodies_that_stop_are_given_up() {
    let server = Server::with(SHORT);
    for attack in [Attack::StoppedLogin, Attack::StoppedLogins] {
        let mut socket = attack.begin(attacker(1), address(&server), &[]).unwrap();
        assert!(wait_for_close(&mut socket, LONG), "{attack:?}");
    }
}

#[test]
fn connections_of_one_address_or_of_many_leave_some_to_others() {
    let limits = ["--set", "max_connections=100", "--set", "limits.connections_per_address=20"];
    let server = Server::with(&limits);
    let targets = large_responses(&server);
    for addresses in [1, 16] {
        let mut held = Vec::new();
        for number in 0..160_usize {
            let from = attacker((number % addresses) as u8 + 1);
            let attack = Attack::ALL[number / addresses % Attack::ALL.len()];
            // Those that are refused may find that out while they send.
            held.extend(attack.begin(from, address(&server), &targets).ok());
        }
        check_others(&server, &format!("v{addresses}"));
        let open = open_connections(&server);
        assert!((10..=100).contains(&open), "{open}: no more than may be open");
    }
}

#[test]
fn a_connection_too_many_is_told_so() {
    let server = Server::with(&["--set", "limits.connections_per_address=2"]);
    let sockets: Vec<_> = (0..2).map(|_| connect(attacker(1), address(&server), None).unwrap()).collect();
    // It takes a moment until the server has seen them.
    server.wait_for("a connection is refused", || {
        let mut socket = connect(attacker(1), address(&server), None).unwrap();
        let _ = socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: ")
    });
    drop(sockets);
    server.wait_for("there is a place again", || {
        let mut socket = connect(attacker(1), address(&server), None).unwrap();
        let _ = socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200 ")
    });
}

#[test]
fn trusted_proxies_may_have_all_connections() {
    let limits = [
        "--set",
        "limits.connections_per_address=2",
        "--set",
        "trusted_proxies=127.0.1.1",
        "--set",
        "max_connections=30",
    ];
    let server = Server::with(&limits);
    let mut sockets: Vec<_> =
        (0..20).map(|_| connect(attacker(1), address(&server), None).unwrap()).collect();
    for socket in &mut sockets {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    check_others(&server, "v1");
}

/// Holds requests that are in progress: uploads of sign-ins that stop.
fn hold(server: &Server, from: IpAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| Attack::StoppedLogin.begin(from, address(server), &[]).unwrap()).collect()
}

#[test]
fn requests_beyond_the_share_of_an_address_are_refused_in_the_words_of_each_dialect() {
    let limits = ["--set", "limits.parallel_requests=16", "--set", "limits.body_memory_bytes=134217728"];
    let server = Server::with(&limits);
    let held = hold(&server, [127, 0, 0, 1].into(), 8);
    let ask = |path: &str| server.get(path, "");
    server.wait_for("the address has its share", || ask("/healthz").status == 503);
    let oci = ask("/v2/alice/app/tags/list");
    assert_eq!((oci.status, oci.code().as_str()), (503, "UNAVAILABLE"));
    let token = ask("/token?service=longshore");
    assert_eq!((token.status, token.code().as_str()), (503, "UNAVAILABLE"));
    let said = "the registry has too much to do now";
    let dialects = [
        "/v2/repositories/alice",
        "/v2/search/repositories?query=a",
        "/v2/registry",
        "/v2/manage/namespaces",
        "/v2/scim/2.0/Users",
        "/v3/auth/tokens",
        "/api/openapi/hub.json",
        "/healthz",
        "/nowhere",
    ];
    for path in dialects {
        let answer = ask(path);
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), "5", "{path}");
        assert!(String::from_utf8_lossy(&answer.body).contains(said), "{path}: {answer:?}");
    }
    assert_eq!(oci.header("retry-after"), "5");
    assert_eq!(token.header("retry-after"), "5");
    drop(held);
    server.wait_for("the address has turns again", || ask("/healthz").status == 200);
}

#[test]
fn who_goes_on_after_refusals_that_it_does_not_take_is_cut() {
    let server = Server::with(&["--set", "limits.parallel_requests=16"]);
    let targets = large_responses(&server);
    let mut socket = Attack::StalledHttp2.begin(attacker(1), address(&server), &targets).unwrap();
    // Long before `limits.response_idle_seconds`, which would end it as well.
    assert!(wait_for_close(&mut socket, LONG / 2));
    check_others(&server, "v1");
}

#[test]
fn memory_for_bodies_is_refused_in_the_words_of_the_dialect_and_others_sign_in() {
    let limits = ["--set", "limits.body_memory_bytes=12582912", "--set", "limits.parallel_requests=4096"];
    let server = Server::with(&limits);
    // Each gets 256 KiB; a quarter of 12 MiB is for those without a credential.
    let held = hold(&server, attacker(1), 40);
    let refused = |from: IpAddr| {
        let mut socket = connect(from, address(&server), None).unwrap();
        let body = vec![b' '; 1 << 20];
        let head =
            format!("POST /v2/users/login HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = socket.write_all(&[head.as_bytes(), &body].concat());
        let mut answer = vec![0; 4096];
        let length = socket.read(&mut answer).unwrap_or_default();
        String::from_utf8_lossy(&answer[..length]).to_lowercase()
    };
    server.wait_for("there is no memory for a large body", || {
        let answer = refused(attacker(1));
        answer.starts_with("http/1.1 503 ")
            && answer.contains("retry-after: 5")
            && answer.contains("too much to do now")
    });
    let login = br#"{"username":"alice","password":"correct horse battery"}"#;
    server.send("POST", "/v2/users/login", "", &[("content-type", "application/json")], login).expect(200);
    check_others(&server, "v1");
    drop(held);
}

#[test]
fn resets_in_quick_succession_do_not_keep_others_from_being_answered() {
    // CVE-2023-44487.
    let server = Server::with(&[]);
    let targets = large_responses(&server);
    let mut socket = Attack::NoStream.begin(attacker(1), address(&server), &[]).unwrap();
    socket.set_nonblocking(false).unwrap();
    for stream in 0..20_000 {
        let number = 2 * stream + 1;
        let mut frames = headers(number, "GET", &targets[stream as usize % targets.len()], true);
        frames.extend(frame(3, 0, number, &8_u32.to_be_bytes()));
        if socket.write_all(&frames).is_err() {
            break;
        }
    }
    check_others(&server, "v1");
    server.wait_for("nothing is left of them", || open_blobs(&server) == 0);
}

#[test]
fn slow_but_honest_clients_are_served() {
    let server =
        Server::with(&["--set", "limits.response_idle_seconds=2", "--set", "limits.body_idle_seconds=2"]);
    let content: Vec<u8> = (0..200_000_u32).map(|number| (number / 7) as u8).collect();
    server.admin(&["repo", "create", "alice/app", "--visibility", "public"]);
    let blob = server.push_blob(&user("alice"), "alice/app", &content);

    // A pull at 50 kB/s through a small buffer.
    let mut socket = connect(attacker(1), address(&server), Some(4096)).unwrap();
    let get = format!("GET /v2/alice/app/blobs/{blob} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    socket.write_all(get.as_bytes()).unwrap();
    let mut received = Vec::new();
    let mut piece = [0; 5000];
    loop {
        match socket.read(&mut piece).unwrap() {
            0 => break,
            length => received.extend(&piece[..length]),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if !received.starts_with(b"HTTP/1.1 307") {
        assert!(received.ends_with(&content));
    }

    // An upload and a manifest that pause, in several pieces.
    let authorization = server.token(&user("alice"), &["repository:alice/app:pull,push"]);
    let layer = b"in several pieces".repeat(1000);
    let digest = longshore_domain::digest::Digest::of(longshore_domain::digest::Algorithm::Sha256, &layer);
    let config = server.push_blob(&user("alice"), "alice/app", b"{}");
    assert_ne!(config, digest);
    let manifest = image(b"{}", &[&layer]);
    let requests = [
        ("POST", format!("/v2/alice/app/blobs/uploads/?digest={digest}"), "application/octet-stream", layer),
        (
            "PUT",
            "/v2/alice/app/manifests/v1".into(),
            "application/vnd.oci.image.manifest.v1+json",
            manifest.into_bytes(),
        ),
    ];
    for (method, path, kind, body) in requests {
        let mut socket = connect(attacker(1), address(&server), None).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        for part in body.chunks(length.div_ceil(5)) {
            std::thread::sleep(Duration::from_millis(700));
            socket.write_all(part).unwrap();
        }
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{path}: {answer}");
    }
}

#[test]
fn without_descriptors_clients_are_told_to_come_again() {
    let server = Server::limited_descriptors(128);
    let targets = large_responses(&server);
    let held: Vec<_> = (0..40_u8)
        .filter_map(|number| {
            Attack::StalledHttp1.begin(attacker(number % 8 + 1), address(&server), &targets[..1]).ok()
        })
        .collect();
    let mut refused = 0;
    for number in 0..100 {
        let client = Client::new(server.url.clone());
        let Ok(answer) = client.try_send("GET", &targets[0], "", &[("range", "bytes=0-9")], b"") else {
            continue;
        };
        match answer.status {
            206 => {}
            503 => {
                refused += 1;
                assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
            }
            status => panic!("request {number}: {status}: {answer:?}"),
        }
        client.get("/readyz", "").expect(200);
    }
    assert!(refused > 0, "the blobs that may be open were");
    drop(held);
    server.wait_for("all goes on", || {
        Client::new(server.url.clone()).get("/healthz", "").status == 200 && open_blobs(&server) == 0
    });
    check_others(&server, "v1");
}

#[test]
fn attacks_are_what_they_say() {
    // Lengths from 127 on take two bytes.
    let long = format!("/{}", "a".repeat(300));
    for path in ["/", &long[..127], &long[..128], &long] {
        let header = headers(1, "GET", path, true);
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        assert_eq!(header.len(), 9 + length);
    }
    let server = Server::bare(&[]);
    let mut socket = Attack::NoStream.begin(attacker(1), address(&server), &[]).unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.write_all(&headers(1, "GET", &long, true)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut received = Vec::new();
    while !kinds(&received).contains(&0) {
        let mut piece = [0; 4096];
        match socket.read(&mut piece).unwrap() {
            0 => break,
            length => received.extend(&piece[..length]),
        }
    }
    assert!(kinds(&received).contains(&1), "a header: {:?}", kinds(&received));
    socket.set_nonblocking(true).unwrap();
    assert!(!attacks::is_closed(&mut socket));
}
