//! How requests are written down to be signed, against what the vendor's SDK signs.

use std::process::Command;

use http::{HeaderName, HeaderValue, Request};
use longshore_api_swr::signature::{Authorization, Malformed, signed};
use serde_json::Value;

struct Vector {
    parts: http::request::Parts,
    body: Vec<u8>,
    text: String,
}

fn vector(line: &str) -> Option<Vector> {
    let vector: Value = serde_json::from_str(line).unwrap();
    let text = |member: &str| vector[member].as_str().unwrap().to_owned();
    // Clients encode what an HTTP library would not send; so do these.
    let uri: String = text("uri")
        .chars()
        .map(|letter| match letter.is_ascii_graphic() {
            true => letter.to_string(),
            false => letter.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
        })
        .collect();
    let mut request = Request::builder().method(text("method").as_str()).uri(&uri);
    for header in vector["headers"].as_array().unwrap() {
        let name = HeaderName::from_bytes(header[0].as_str().unwrap().as_bytes()).unwrap();
        let value = hex::decode(header[1].as_str().unwrap()).unwrap();
        request = request.header(name, HeaderValue::from_bytes(&value).unwrap());
    }
    let (parts, ()) = request.body(()).ok()?.into_parts();
    Some(Vector { parts, body: hex::decode(text("body")).unwrap(), text: text("text") })
}

#[test]
fn what_the_vendors_sdk_signs_is_what_is_checked() {
    let python = longshore_testkit::skip::variable("LONGSHORE_TEST_SWR_CLIENTS");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/swr/sign_vectors.py");
    let output = Command::new(python).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let vectors: Vec<Vector> = lines.lines().filter_map(vector).collect();
    assert!(vectors.len() > 300, "{}", vectors.len());
    for Vector { parts, body, text } in vectors {
        let header = parts.headers["authorization"].to_str().unwrap();
        let authorization = Authorization::parse(header).unwrap();
        if parts.uri.path().to_ascii_uppercase().contains("%2F") {
            assert_eq!(signed(&parts, &authorization, &body), Err(Malformed::Path), "{}", parts.uri);
            continue;
        }
        let found = signed(&parts, &authorization, &body).unwrap();
        assert_eq!(found.text, text, "{} {}", parts.method, parts.uri);
        // Whatever is changed changes what was signed.
        let mut other = parts.clone();
        other.method = http::Method::OPTIONS;
        assert_ne!(signed(&other, &authorization, &body).unwrap().text, text);
        assert_ne!(signed(&parts, &authorization, b"other").unwrap().text, text);
        let mut other = parts.clone();
        other.headers.insert("host", HeaderValue::from_static("elsewhere.example.org"));
        assert_ne!(signed(&other, &authorization, &body).unwrap().text, text);
    }
}

/// The vendor's SDK signs `a%2Fb` as `a/b`, so that one signature would do for both.
#[test]
fn an_encoded_slash_is_not_signed_like_one_between_two_names() {
    let sign = |path: &str| {
        let request =
            Request::builder().uri(path).header("host", "a").header("x-sdk-date", "20260101T000000Z");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let header = "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=00";
        signed(&parts, &Authorization::parse(header).unwrap(), b"").map(|signed| signed.text)
    };
    for path in ["/v2/manage/namespaces/a/repos/b%2Fc", "/v2/manage/namespaces/a%2frepos%2Fb"] {
        assert_eq!(sign(path), Err(Malformed::Path), "{path}");
    }
    assert_ne!(sign("/v2/manage/repos/b%252Fc").unwrap(), sign("/v2/manage/repos/b/c").unwrap());
    assert_ne!(sign("/v2/manage/repos/b$c").unwrap(), sign("/v2/manage/repos/b/c").unwrap());
}

#[test]
fn what_does_not_cover_the_request_is_refused() {
    let sign = |headers: &[(&str, &str)], signed_headers: &str, body: &[u8]| {
        let mut request = Request::builder().uri("/v2/manage/overview");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let header = format!("SDK-HMAC-SHA256 Access=A, SignedHeaders={signed_headers}, Signature=00");
        signed(&parts, &Authorization::parse(&header).unwrap(), body).map(|_| ())
    };
    let (host, date) = (("host", "a"), ("x-sdk-date", "20260101T000000Z"));
    assert_eq!(sign(&[host, date], "host;x-sdk-date", b""), Ok(()));
    assert_eq!(sign(&[host, date], "x-sdk-date", b""), Err(Malformed::Uncovered));
    assert_eq!(sign(&[host, date], "host", b""), Err(Malformed::Uncovered));
    assert_eq!(sign(&[host], "host;x-sdk-date", b""), Err(Malformed::Date));
    for wrong in ["", "20260101", "2026-01-01T00:00:00Z", "20261301T000000Z", "20260101T000000+01"] {
        assert_eq!(
            sign(&[host, ("x-sdk-date", wrong)], "host;x-sdk-date", b""),
            Err(Malformed::Date),
            "{wrong}"
        );
    }
    // What decides for whom a request is must be signed too.
    for name in ["x-project-id", "x-domain-id", "x-subject-token"] {
        let headers = [host, date, (name, "x")];
        assert_eq!(sign(&headers, "host;x-sdk-date", b""), Err(Malformed::Uncovered), "{name}");
        assert_eq!(sign(&headers, &format!("host;x-sdk-date;{name}"), b""), Ok(()), "{name}");
    }
    // A digest that is not that of the body, or none, covers no body.
    for digest in ["UNSIGNED-PAYLOAD", &"0".repeat(64)] {
        let headers = [host, date, ("x-sdk-content-sha256", digest)];
        assert_eq!(sign(&headers, "host;x-sdk-date", b"{}"), Err(Malformed::Content), "{digest}");
    }
}

#[test]
fn a_query_that_reads_in_two_ways_is_refused() {
    let sign = |query: &str| {
        let request = Request::builder().uri(format!("/v2/manage/repos?{query}"));
        let request = request.header("host", "a").header("x-sdk-date", "20260101T000000Z");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let header = "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=00";
        signed(&parts, &Authorization::parse(header).unwrap(), b"").map(|signed| signed.text)
    };
    assert!(sign("name=a%20b&limit=1").is_ok());
    assert_eq!(sign("limit=1&name=a%20b"), sign("name=a%20b&limit=1"));
    assert_eq!(sign("name=a+b"), Err(Malformed::Query));
    assert_eq!(sign("name=a&name=b"), Err(Malformed::Query));
    assert_eq!(sign("name=a&%6eame=b"), Err(Malformed::Query));
}
