//! Spans, as a collector gets them. OpenTelemetry protocol 1.x, over HTTP in protobuf.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use longshore_testkit::images::image;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

use crate::server::{PASSWORD, Server, user};

/// A span, as far as it is looked at.
#[derive(Clone, Debug)]
struct Span {
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    attributes: BTreeMap<String, String>,
}

/// A collector that keeps what it is told.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || drop(take(stream, &kept)));
            }
        });
        Self { url, spans }
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

fn take(stream: TcpStream, kept: &Mutex<Vec<Span>>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        let all = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in all.flat_map(|scope| scope.spans) {
            let attributes = span.attributes.into_iter().map(|attribute| {
                let value = match attribute.value.and_then(|value| value.value) {
                    Some(Value::StringValue(text)) => text,
                    Some(Value::IntValue(number)) => number.to_string(),
                    other => format!("{other:?}"),
                };
                (attribute.key, value)
            });
            kept.lock().unwrap().push(Span {
                id: span.span_id,
                parent: span.parent_span_id,
                name: span.name,
                attributes: attributes.collect(),
            });
        }
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

#[test]
fn a_push_is_a_trace_of_spans() {
    let collector = Collector::new();
    let server = Server::with(&["--set", &format!("traces.otlp_url={}", collector.url)]);
    let config = b"{\"config\":true}";
    server.push_blob(&user("alice"), "alice/app", config);
    server.push_manifest(&user("alice"), "alice/app", "v1", &image(config, &[])).expect(201);
    let of = |operation: &'static str| {
        collector
            .spans()
            .into_iter()
            .find(|span| span.attributes.get("operation").is_some_and(|name| name == operation))
    };
    server.wait_for("the spans arrive", || of("put_manifest").is_some());
    let push = of("put_manifest").unwrap();
    let expected = [
        ("account", "alice"),
        ("dialect", "oci"),
        ("operation", "put_manifest"),
        ("repository", "alice/app"),
        ("status", "201"),
    ];
    for (key, value) in expected {
        assert_eq!(push.attributes.get(key).map(String::as_str), Some(value), "{push:?}");
    }
    assert_eq!(push.name, "put_manifest");
    assert!(push.attributes["request_id"].contains('-'), "{push:?}");
    // Where the time went: at least one look for permissions and one transaction.
    let below: Vec<String> =
        collector.spans().into_iter().filter(|span| span.parent == push.id).map(|span| span.name).collect();
    assert!(below.contains(&"write".to_owned()) && below.contains(&"look_up".to_owned()), "{below:?}");
    // The bytes of the blob, and jobs.
    server.wait_for("the spans of jobs arrive", || {
        let spans = collector.spans();
        ["finish", "record-sign-ins"].iter().all(|name| spans.iter().any(|span| span.name == *name))
    });
    let text = format!("{:?}", collector.spans());
    assert!(!text.contains(PASSWORD) && !text.contains("127.0.0.1"), "{text}");
}

#[test]
fn a_collector_that_is_away_harms_nothing() {
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::with(&["--set", &format!("traces.otlp_url=http://{free}")]);
    server.push_blob(&user("alice"), "alice/app", b"anything");
    let wrong = server.try_admin(&["config", "check", "--set", "traces.otlp_url=nonsense"], "");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}
