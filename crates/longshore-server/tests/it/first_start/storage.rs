//! A start on an object store that is not as the configuration says: it ends soon, with 1, and says what to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use longshore_testkit::stores::SharedStores;

use crate::server::binary;

/// How long a start may take that comes to nothing, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(60);

/// Where a store is said to be, and who the registry is for it.
struct Storage<'s> {
    endpoint: &'s str,
    url: &'s str,
    id: &'s str,
    secret: &'s str,
}

impl Storage<'_> {
    /// Starts a server on it, which ends by itself with 1; gives what it said.
    #[track_caller]
    fn refusal(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--storage", self.url, "--data"])
            .arg(folder.path().join("data"))
            .env("LONGSHORE_STORAGE_ENDPOINT", self.endpoint)
            .env("LONGSHORE_STORAGE_ACCESS_KEY_ID", self.id)
            .env("LONGSHORE_STORAGE_SECRET_ACCESS_KEY", self.secret)
            .env("LONGSHORE_LOG_LEVEL", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began_at = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began_at.elapsed() > LIMIT {
                child.kill().unwrap();
                panic!("it has not ended: {:?}", child.wait_with_output());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(!said.contains(self.secret), "{said}");
        assert!(!said.contains("<?xml"), "what a store answers is not for people: {said}");
        said
    }
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn a_wrong_bucket_and_wrong_keys_are_named() {
    let Some(stores) = SharedStores::needed() else { return };
    let (endpoint, bucket) = (stores.s3_endpoint.as_str(), format!("s3://{}/x", stores.s3_bucket));
    let (id, secret) = (stores.s3_access_key_id.as_str(), stores.s3_secret_access_key.as_str());
    // Twice: the first start has not made it.
    for _ in 0..2 {
        let url = "s3://no-such-bucket/x";
        let said = Storage { endpoint, url, id, secret }.refusal();
        says(&said, &["no bucket \"no-such-bucket\"", endpoint, "storage.url"]);
    }
    let said = Storage { endpoint, url: &bucket, id, secret: "another-secret" }.refusal();
    says(&said, &["refuses these credentials", "SignatureDoesNotMatch", "storage.secret_access_key"]);
    let said = Storage { endpoint, url: &bucket, id: "nobody", secret }.refusal();
    says(&said, &["refuses these credentials", "InvalidAccessKeyId", "storage.access_key_id"]);
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let on = |endpoint: &str| {
        let url = "s3://bucket/x";
        Storage { endpoint, url, id: "tester", secret: "a-secret-of-ours" }.refusal()
    };
    let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = address(&nobody);
    drop(nobody);
    says(&on(&refused), &["cannot connect", &refused, "refused", "storage.endpoint"]);

    let unknown = "http://no-such-host.invalid";
    says(&on(unknown), &["cannot connect", unknown, "storage.endpoint"]);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = address(&silent);
    says(&on(&silent_url), &[&silent_url, "has not answered within 15 seconds", "storage.endpoint"]);

    let website = TcpListener::bind("127.0.0.1:0").unwrap();
    let website_url = address(&website);
    std::thread::spawn(move || {
        for client in website.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let text = "<html>welcome</html>";
            let length = text.len();
            let _ = write!(
                client,
                "HTTP/1.1 200 OK\r\nconnection: close\r\nlast-modified: Sat, 28 Nov 2026 22:00:00 GMT\r\netag: \"1\"\r\ncontent-length: {length}\r\n\r\n{text}"
            );
        }
    });
    says(&on(&website_url), &["x/identity", "holds no id", "storage.endpoint"]);
}
