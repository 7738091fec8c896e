//! `HEAD` over HTTP/1.1 and HTTP/2: the header of the `GET`, and never a body.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use longshore_api_oci::routes::OperationKind;
use longshore_testkit::images::{digest_of, image};

use crate::server::{Server, user};

const OWN: &[&str] = &[
    "/",
    "/healthz",
    "/readyz",
    "/readyz?for=push",
    "/metrics",
    "/invite",
    "/invite.css",
    "/invite.js",
    "/api/openapi/digitalocean.json",
    "/api/openapi/hub.json",
    "/api/openapi/scim.json",
    "/api/openapi/swr.json",
    "/token?service=longshore&scope=repository:alice/app:pull",
    "/nonsense",
    "/v2",
    "/v2/nonsense",
    "/v2/alice/app/tags/nonsense",
    "/v2/ALICE/app/tags/list",
    "/v2/orgs/nonsense/nonsense",
    "/v2/manage/nonsense",
    "/v2/registry/nonsense",
    "/v2/scim/nonsense",
    "/api/v1/nonsense",
    "/api/openapi/native.json",
    "/api/errors/exists",
    "/api/errors/nonsense",
];

/// Every path that anything answers at.
fn paths() -> BTreeSet<String> {
    let tables = [
        longshore_api_hub::routes::ROUTES.iter().map(|route| route.path).collect::<Vec<_>>(),
        longshore_api_docr::routes::ROUTES.iter().map(|route| route.path).collect(),
        longshore_api_swr::routes::ROUTES.iter().map(|route| route.path).collect(),
        longshore_api_scim::routes::ROUTES.iter().map(|route| route.path).collect(),
        longshore_api_native::routes::ROUTES.iter().map(|route| route.path).collect(),
    ];
    let named = tables.into_iter().flatten().map(|path| {
        let words = path.split('/').map(|part| if part.starts_with('{') { "alice" } else { part });
        words.collect::<Vec<_>>().join("/")
    });
    let operations = OperationKind::ALL.iter().map(|kind| kind.row().3).filter(|path| !path.is_empty());
    let oci = operations.flat_map(|path| {
        let digest = digest_of(b"{}").to_string();
        let path = path.replace("<digest>", &digest).replace("<id>", "00000000-0000-0000-0000-000000000000");
        ["v1", "missing"]
            .map(|reference| path.replace("<name>", "alice/app").replace("<reference>", reference))
    });
    named.chain(oci).chain(OWN.iter().map(|path| (*path).to_owned())).collect()
}

fn basic() -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user("alice")))
}

/// Status, headers that say something of the body, and the body itself.
#[derive(Debug)]
struct Seen {
    status: u16,
    length: Option<u64>,
    body: Vec<u8>,
}

/// Asks over HTTP/1.1 and reads what comes until the connection ends.
fn ask_1(server: &Server, method: &str, path: &str, credential: Option<&str>) -> Seen {
    let mut connection = TcpStream::connect(server.host()).unwrap();
    let credential = credential.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\n{credential}connection: close\r\n\r\n",
        server.host()
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Seen {
        status: head[9..12].parse().unwrap(),
        length: length.map(|length| length.parse().unwrap()),
        body: answer[end + 4..].to_vec(),
    }
}

#[test]
fn no_answer_to_head_has_a_body_over_http_1_1() {
    let server = Server::new();
    push(&server);
    for path in paths() {
        for credential in [None, Some(basic())] {
            let head = ask_1(&server, "HEAD", &path, credential.as_deref());
            assert!(head.body.is_empty(), "{path}: {head:?}");
            let get = ask_1(&server, "GET", &path, credential.as_deref());
            let is_known = head.length.is_some() && get.length.is_some() && head.status == get.status;
            // Tokens differ in length, and so do the methods that a refusal of one names.
            if is_known && head.status != 405 && !path.starts_with("/token") {
                assert_eq!(head.length, get.length, "{path}");
            }
        }
    }
    for path in OWN.iter().filter(|path| !path.starts_with("/token")) {
        let (head, get) = (ask_1(&server, "HEAD", path, None), ask_1(&server, "GET", path, None));
        assert_eq!((head.status, head.length), (get.status, Some(get.body.len() as u64)), "{path}");
    }
}

fn push(server: &Server) {
    server.push_blob(&user("alice"), "alice/app", b"{}");
    server.push_manifest(&user("alice"), "alice/app", "v1", &image(b"{}", &[])).expect(201);
}

/// A body would be a fault of the protocol, by which the client ends the connection.
#[test]
fn no_answer_to_head_has_a_body_over_http_2() {
    let server = Server::new();
    push(&server);
    let host = server.host().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen: BTreeMap<String, u16> = runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        let (mut client, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut seen = BTreeMap::new();
        for path in paths() {
            for credential in [None, Some(basic())] {
                let mut request = http::Request::head(format!("http://{host}{path}"));
                if let Some(credential) = credential {
                    request = request.header("authorization", credential);
                }
                client.ready().await.unwrap();
                let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
                let answer = client.send_request(request).await;
                let answer = answer.unwrap_or_else(|error| panic!("{path}: {error:?}"));
                let status = answer.status().as_u16();
                let body = answer.into_body().collect().await;
                let body = body.unwrap_or_else(|error| panic!("{path}: {error:?}")).to_bytes();
                assert!(body.is_empty(), "{path}");
                seen.insert(path.clone(), status);
            }
        }
        drop(client);
        connection.await.unwrap().unwrap();
        seen
    });
    assert_eq!((seen["/healthz"], seen["/v2/"], seen["/nonsense"]), (200, 200, 404));
}

/// `curl --http2-prior-knowledge -I H/v2/` ended with PROTOCOL_ERROR.
#[test]
fn curl_gets_the_head_of_a_refusal_over_http_2() {
    let server = Server::bare(&[]);
    for path in ["/v2/", "/healthz", "/nonsense"] {
        let arguments = ["--silent", "--show-error", "--http2-prior-knowledge", "--head"];
        let output = longshore_testkit::skip::command("curl")
            .args(arguments)
            .arg(format!("{}{path}", server.url))
            .output()
            .unwrap();
        let (answer, said) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && answer.starts_with("HTTP/2"), "{path}: {answer} {said}");
        assert!(answer.contains("content-length: "), "{path}: {answer}");
    }
}
