//! Behind a proxy: what it says of clients, a path prefix, and the time between the order to stop and the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Answer, Client, Server, user};
use crate::{docr, hub, scim, swr};

/// What the proxy of most tests here adds.
const FORWARDED: [(&str, &str); 3] =
    [("x-forwarded-proto", "https"), ("x-forwarded-host", "r.example"), ("x-forwarded-prefix", "/registry")];

/// Sends a request as a proxy does that serves the registry at `https://r.example/registry`.
fn ask(client: &Client, method: &str, path: &str, who: &str, body: &Value) -> Answer {
    let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    let headers: Vec<_> = FORWARDED.into_iter().chain([("content-type", "application/json")]).collect();
    client.send(method, path, who, &headers, &bytes)
}

/// All texts of a document, and of the headers that hold links.
fn texts(answer: &Answer) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            Value::Object(members) => members.values().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found =
        ["location", "link", "www-authenticate"].map(|name| answer.header(name).to_owned()).to_vec();
    walk(&answer.json(), &mut found);
    found
}

/// Every link of an answer, which must lead behind the prefix.
#[track_caller]
fn links(answer: &Answer) -> Vec<String> {
    let texts = texts(answer);
    for text in &texts {
        let is_bare = ["/v2/", "/v3/", "<", "Bearer realm=\"/"]
            .iter()
            .any(|beginning| text.starts_with(beginning) && !text.contains("https://r.example/registry/"));
        assert!(!is_bare, "{text} leads past the prefix");
    }
    let links: Vec<String> = texts.into_iter().filter(|text| text.contains("://")).collect();
    for link in &links {
        let leads_here =
            link.contains("r.example") || link.contains("127.0.0.1") || link.contains("localhost");
        assert!(!leads_here || link.contains("https://r.example/registry"), "{link}");
    }
    links
}

/// The path that a link leads to, from which the proxy has taken the prefix or has not.
fn path_of(link: &str) -> [String; 2] {
    let begins_at = link.find("https://r.example").unwrap() + "https://r.example".len();
    let path: String = link[begins_at..].chars().take_while(|letter| !"\">".contains(*letter)).collect();
    [path.strip_prefix("/registry").unwrap().to_owned(), path]
}

fn walk_behind_a_prefix(server: &Server) {
    let alice = user("alice");
    let follows = |link: &str, who: &str, status: u16| {
        for path in path_of(link) {
            ask(server, "GET", &path, who, &Value::Null).expect(status);
        }
    };
    // OCI: the challenge, uploads, manifests, lists.
    let challenge = ask(server, "GET", "/v2/", "", &Value::Null).expect(401);
    assert!(challenge.header("www-authenticate").contains("realm=\"https://r.example/registry/token\""));
    follows(&links(&challenge)[0], &alice, 200);
    for base in ["", "/registry"] {
        let begun = ask(server, "POST", &format!("{base}/v2/alice/app/blobs/uploads/"), &alice, &Value::Null)
            .expect(202);
        follows(begun.header("location"), &alice, 204);
        assert_eq!(links(&begun).len(), 1);
    }
    for tag in ["v1", "v2"] {
        docr::push(server, &alice, "alice/app", tag);
        docr::push(server, &alice, &format!("alice/{tag}"), tag);
    }
    for (path, who) in [("/v2/alice/app/tags/list?n=1", &alice), ("/v2/_catalog?n=1", &alice)] {
        let list = ask(server, "GET", path, who, &Value::Null).expect(200);
        follows(&links(&list)[0], who, 200);
    }
    // Docker Hub: pages and the links of invites.
    let session = hub::sign_in(server, "alice");
    let next = ask(server, "GET", "/v2/namespaces/alice/repositories?page_size=1", &session, &Value::Null)
        .expect(200);
    let next = next.json()["next"].as_str().unwrap().to_owned();
    let page = ask(server, "GET", &path_of(&next)[1], &session, &Value::Null).expect(200);
    assert_eq!(links(&page).len(), 2, "next and previous");
    follows(page.json()["previous"].as_str().unwrap(), &session, 200);
    let body = json!({ "org": "acme", "role": "member", "invitees": ["jane@example.org"] });
    let invited = ask(server, "POST", "/v2/invites/bulk", &session, &body);
    let invited = invited.expect(202);
    assert!(
        links(&invited).iter().any(|link| link.starts_with("https://r.example/registry/invite#")),
        "{:?}",
        links(&invited)
    );
    // DigitalOcean: pages.
    let bearer = docr::bearer(server, "alice", "repo:admin");
    ask(
        server,
        "POST",
        "/v2/registries",
        &bearer,
        &json!({ "name": "shop", "subscription_tier_slug": "professional", "region": "fra1" }),
    )
    .expect(201);
    for repository in ["one", "two"] {
        docr::push(server, &alice, &format!("shop/{repository}"), "v1");
    }
    let list =
        ask(server, "GET", "/v2/registry/shop/repositoriesV2?per_page=1", &bearer, &Value::Null).expect(200);
    let next = list.json()["links"]["pages"]["next"].as_str().unwrap().to_owned();
    assert!(!links(&list).is_empty());
    follows(&next, &bearer, 200);
    // SWR: versions and the catalog of a token.
    for path in ["/v3", "/v3/"] {
        links(&ask(server, "GET", path, "", &Value::Null));
    }
    let got = ask(server, "POST", "/v3/auth/tokens", "", &swr::credentials("alice", "eu-de")).expect(201);
    assert!(!links(&got).is_empty(), "the catalog");
    // SCIM: the places of resources.
    let provider = scim::provider(server, "acme", "prefix");
    let list = ask(server, "GET", "/v2/scim/2.0/Users", &provider, &Value::Null).expect(200);
    follows(list.json()["Resources"][0]["meta"]["location"].as_str().unwrap(), &provider, 200);
    links(&list);
    // Documents, and the page with what it loads.
    for dialect in ["digitalocean", "hub", "scim", "swr"] {
        for base in ["", "/registry"] {
            let path = format!("{base}/api/openapi/{dialect}.json");
            let document = ask(server, "GET", &path, "", &Value::Null).expect(200).json();
            assert_eq!(document["servers"], json!([{ "url": "https://r.example/registry" }]), "{dialect}");
            assert!(document["paths"].is_object());
        }
    }
    for base in ["", "/registry"] {
        let page = ask(server, "GET", &format!("{base}/invite"), "", &Value::Null).expect(200);
        let page = String::from_utf8(page.body).unwrap();
        assert!(page.contains("\"invite.css\"") && page.contains("\"invite.js\""), "relative to the page");
        let script = ask(server, "GET", &format!("{base}/invite.js"), "", &Value::Null).expect(200);
        let script = String::from_utf8(script.body).unwrap();
        assert!(script.contains("\"v2/invites/describe\"") && !script.contains("\"/v2"), "{script}");
        for path in ["/", "/healthz", "/readyz", "/invite.css"] {
            ask(server, "GET", &format!("{base}{path}"), "", &Value::Null).expect(200);
        }
    }
}

#[test]
fn every_link_leads_behind_the_prefix_that_a_proxy_tells_of() {
    let server = Server::with(&["--set", "trusted_proxies=127.0.0.1"]);
    walk_behind_a_prefix(&server);
    // Without a prefix, and from others, nothing changes.
    let plain = server.send("GET", "/v2/", "", &FORWARDED[..2], b"").expect(401);
    assert!(plain.header("www-authenticate").contains("realm=\"https://r.example/token\""));
    server.get("/registry/v2/", &user("alice")).expect(404);
    let relative = [("x-forwarded-prefix", "/registry")];
    let begun =
        server.send("POST", "/v2/alice/app/blobs/uploads/", &user("alice"), &relative, b"").expect(202);
    assert!(begun.header("location").starts_with("/registry/v2/alice/app/blobs/uploads/"));
}

#[test]
fn every_link_leads_behind_the_path_of_the_public_url() {
    let server = Server::with(&["--set", "public_url=https://r.example/registry/"]);
    walk_behind_a_prefix(&server);
    server.get("/registry", "").expect(200);
    server.get("/registry2/v2/", &user("alice")).expect(404);
}

#[test]
fn a_path_that_means_something_else_is_refused_as_a_prefix() {
    for path in ["v2", "token", "api/openapi", "a/../b", "a?b", "a b", "a//b", "healthz"] {
        let url = format!("public_url=https://r.example/{path}");
        let output = std::process::Command::new(crate::server::binary())
            .args(["config", "check", "--set", &url])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{path}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("public_url"), "{path}");
    }
}

/// `X-Forwarded-Proto: https,https`, `HTTPS`; `X-Forwarded-Host: a, b`.
#[test]
fn the_first_value_of_a_forwarded_header_counts() {
    let server = Server::bare(&["--set", "trusted_proxies=127.0.0.1"]);
    for proto in ["https,https", "HTTPS", "https, http"] {
        let headers = [("x-forwarded-proto", proto), ("x-forwarded-host", "a.example, b.example")];
        let challenge = server.send("GET", "/v2/", "", &headers, b"").expect(401);
        let challenge = challenge.header("www-authenticate");
        assert!(challenge.contains("realm=\"https://a.example/token\""), "{proto}: {challenge}");
    }
    let standard = [("forwarded", "for=198.51.100.7;proto=https;host=a.example, for=10.0.0.1")];
    let challenge = server.send("GET", "/v2/", "", &standard, b"").expect(401);
    assert!(challenge.header("www-authenticate").contains("realm=\"https://a.example/token\""));
}

#[test]
fn a_node_that_is_about_to_stop_says_so_and_goes_on_answering() {
    let mut server =
        Server::with(&["--set", "trusted_proxies=127.0.0.1", "--set", "shutdown_grace_seconds=3600"]);
    let alice = user("alice");
    assert!(server.get("/readyz", "").expect(200).header("connection").is_empty());
    server.signal("TERM");
    server.wait_for("it is not ready", || server.get("/readyz", "").status == 503);
    // Whoever has not noticed yet is served, over connections that are not kept.
    let digest = server.push_blob(&alice, "alice/app", b"during the grace");
    let pulled = server.get(&format!("/v2/alice/app/blobs/{digest}"), &alice).expect(200);
    assert_eq!(pulled.body, b"during the grace");
    for path in ["/v2/", "/healthz"] {
        assert_eq!(server.get(path, &alice).expect(200).header("connection"), "close", "{path}");
    }
    // A second signal, of either kind, ends it.
    server.signal("INT");
    assert!(server.stop_already_asked().success());
    server.start_again();
    server.get("/readyz", "").expect(200);
}

#[test]
fn the_grace_ends_by_itself() {
    let mut server = Server::bare(&["--set", "shutdown_grace_seconds=1"]);
    assert!(server.stop().success());
    for wrong in ["-1", "3601", "soon", ""] {
        let setting = format!("shutdown_grace_seconds={wrong}");
        let output = std::process::Command::new(crate::server::binary())
            .args(["config", "check", "--set", &setting])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("shutdown_grace_seconds"), "{wrong}");
    }
}

/// Closing what has just been connected makes a proxy answer 502 to what it must not send twice.
#[test]
fn connections_from_before_the_stop_are_answered_once() {
    let mut server = Server::bare(&[]);
    let request = "POST /v2/alice/app/blobs/uploads/ HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n";
    let connect = || {
        let stream = TcpStream::connect(server.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    };
    // Of one the server knows, of the others it learns together with the order to stop.
    let mut accepted = connect();
    server.get("/healthz", "").expect(200);
    server.signal("STOP");
    let mut waiting = [connect(), connect(), connect()];
    for stream in &mut waiting {
        stream.write_all(request.as_bytes()).unwrap();
    }
    server.signal("TERM");
    server.signal("CONT");
    std::thread::sleep(Duration::from_millis(300));
    accepted.write_all(request.as_bytes()).unwrap();
    for stream in waiting.iter_mut().chain([&mut accepted]) {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    assert!(server.stop_already_asked().success());
}
