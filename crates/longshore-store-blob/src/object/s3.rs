//! What S3 needs beyond the library: bodies that are not in memory, and the list of unfinished multipart uploads.

use std::time::Duration;

use jiff::Timestamp;
use longshore_domain::error::chain;
use longshore_domain::{Error, Field, Result};
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::Method;
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::options::Patience;
use super::part::Part;

/// Bytes that a request must move in a second at least, beside the time that every request has.
pub(super) const SLOWEST_BYTES_PER_SECOND: u64 = 256 << 10;
/// Longest error document that is read.
const ERROR_LIMIT_BYTES: usize = 4 << 10;

/// Sends signed requests to one bucket.
pub(super) struct Direct {
    pub(super) http: Client,
    /// URL of the bucket, without a slash at its end.
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) credentials: AwsCredentialProvider,
    /// Headers that ask for encryption of an object.
    pub(super) encryption: HeaderMap,
    /// Whether the store is told each body's digest, to refuse it when something was changed on the way.
    pub(super) checksums: bool,
    pub(super) patience: Patience,
}

/// What became of a request to store something.
pub(super) enum Stored {
    /// It is stored; the store calls it this.
    Done(String),
    /// An object of that name was there already, and is unchanged.
    Exists,
    /// The multipart upload is not there: completed or given up before.
    Gone,
}

impl Direct {
    /// Stores an object, unless there is one of that name and only a new one is wanted.
    pub(super) async fn put_object(&self, path: &Path, content: &Part, only_new: bool) -> Result<Stored> {
        let mut headers = self.encryption.clone();
        if only_new {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        self.put(path, &[], headers, content).await
    }

    /// Stores part `number` of a multipart upload. S3 API, UploadPart.
    pub(super) async fn put_part(
        &self,
        path: &Path,
        upload: &str,
        number: usize,
        content: &Part,
    ) -> Result<Stored> {
        let query = [("partNumber", number.to_string()), ("uploadId", upload.to_owned())];
        self.put(path, &query, HeaderMap::new(), content).await
    }

    async fn put(
        &self,
        path: &Path,
        query: &[(&str, String)],
        headers: HeaderMap,
        content: &Part,
    ) -> Result<Stored> {
        let digest = if self.checksums { Some(content.sha256()) } else { None };
        let url =
            Url::parse_with_params(&format!("{}/{path}", self.bucket), query).map_err(Error::internal)?;
        let began_at = Instant::now();
        let mut attempt = 0;
        loop {
            let sent = self.send_once(&url, headers.clone(), content, digest.as_ref()).await;
            let problem = match sent {
                Ok(response) => match response.status() {
                    status if status.is_success() => {
                        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
                        return Ok(Stored::Done(etag.unwrap_or_default().to_owned()));
                    }
                    StatusCode::PRECONDITION_FAILED => return Ok(Stored::Exists),
                    status => {
                        let text = error_text(response).await;
                        if text.contains("NoSuchUpload") {
                            return Ok(Stored::Gone);
                        }
                        let problem = format!("the store answered {status}: {text}");
                        if !is_passing(status) {
                            return Err(refusal(status, problem));
                        }
                        problem
                    }
                },
                Err(problem) => problem,
            };
            match self.patience.pause(attempt, began_at.elapsed()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Error::Unavailable(problem.into())),
            }
            attempt += 1;
            tracing::debug!(attempt, problem, "a request to the object store is sent again");
        }
    }

    async fn send_once(
        &self,
        url: &Url,
        headers: HeaderMap,
        content: &Part,
        digest: Option<&[u8; 32]>,
    ) -> Result<Response, String> {
        let mut headers =
            self.signed(Method::PUT, url, headers, digest).await.map_err(|error| error.cause())?;
        headers.insert(CONTENT_LENGTH, HeaderValue::from(content.length()));
        let timeout =
            self.patience.request + Duration::from_secs(content.length() / SLOWEST_BYTES_PER_SECOND);
        let request = self.http.put(url.clone()).headers(headers).timeout(timeout);
        let request = match content.length() {
            0 => request.body(""),
            _ => request.body(reqwest::Body::wrap_stream(content.stream())),
        };
        request.send().await.map_err(|error| chain(&error.without_url()))
    }

    /// Signs a request (AWS Signature Version 4) and gives all its headers.
    async fn signed(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        digest: Option<&[u8; 32]>,
    ) -> Result<HeaderMap> {
        let credential = self.credentials.get_credential().await.map_err(super::client::store_error)?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() =
            url.as_str().parse().map_err(|_| Error::internal("the object's URL is no URI"))?;
        *request.headers_mut() = headers;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .with_sign_payload(digest.is_some())
            .try_authorize(&mut request, digest.map(<[u8; 32]>::as_slice))
            .map_err(super::client::store_error)?;
        Ok(std::mem::take(request.headers_mut()))
    }

    /// Lists multipart uploads below a prefix that are neither completed nor given up, at most 1000, strictly after
    /// the marker. S3 API, ListMultipartUploads.
    pub(super) async fn list_uploads(&self, prefix: &str, after: &Marker) -> Result<UnfinishedUploads> {
        let query = [
            ("uploads", ""),
            ("prefix", prefix),
            ("key-marker", &after.key),
            ("upload-id-marker", &after.upload),
        ];
        let query = query.into_iter().filter(|(name, value)| *name == "uploads" || !value.is_empty());
        // A slash: otherwise the path of the bucket itself is signed in another form than it is sent.
        let url = Url::parse_with_params(&format!("{}/", self.bucket), query).map_err(Error::internal)?;
        let empty = <sha2::Sha256 as sha2::Digest>::digest(b"").into();
        let headers = self.signed(Method::GET, &url, HeaderMap::new(), Some(&empty)).await?;
        let unavailable = |error: reqwest::Error| Error::Unavailable(chain(&error.without_url()).into());
        let request = self.http.get(url).headers(headers).timeout(self.patience.request);
        let response = request.send().await.map_err(unavailable)?;
        let status = response.status();
        if !status.is_success() {
            let text = error_text(response).await;
            return Err(refusal(status, format!("the store answered {status}: {text}")));
        }
        let text = response.bytes().await.map_err(unavailable)?;
        quick_xml::de::from_reader(text.as_ref()).map_err(Error::internal)
    }
}

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) key: String,
    pub(super) upload: String,
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the upload {} of {}", self.upload, self.key)
    }
}

/// A page of unfinished multipart uploads.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnfinishedUploads {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    pub(super) uploads: Vec<UnfinishedUpload>,
}

impl UnfinishedUploads {
    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<Marker> {
        let is_there = self.is_truncated && !self.next_key_marker.is_empty();
        is_there
            .then(|| Marker { key: self.next_key_marker.clone(), upload: self.next_upload_id_marker.clone() })
    }
}

/// A multipart upload that is neither completed nor given up.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnfinishedUpload {
    pub(super) key: String,
    pub(super) upload_id: String,
    initiated: String,
}

impl UnfinishedUpload {
    /// Where it stands in the list.
    pub(super) fn place(&self) -> Marker {
        Marker { key: self.key.clone(), upload: self.upload_id.clone() }
    }

    /// When it was begun; `None` when the store does not say that in RFC 3339.
    pub(super) fn begun_at(&self) -> Option<Timestamp> {
        self.initiated.parse().ok()
    }
}

/// Returns whether the same request may be answered otherwise soon.
fn is_passing(status: StatusCode) -> bool {
    let waits = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS, StatusCode::CONFLICT];
    (status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE) || waits.contains(&status)
}

fn refusal(status: StatusCode, problem: String) -> Error {
    match status {
        StatusCode::INSUFFICIENT_STORAGE => Error::StorageFull(problem.into()),
        _ if super::client::is_full(&problem) => Error::StorageFull(problem.into()),
        // Wrong or expired credentials and missing buckets are for the operator to mend; clients may come again.
        _ if is_passing(status) => Error::Unavailable(problem.into()),
        _ => Error::Unavailable(Box::new(super::client::Refused(problem))),
    }
}

/// The beginning of an error document.
async fn error_text(response: Response) -> String {
    let mut text = Vec::new();
    let mut response = response;
    while let Ok(Some(piece)) = response.chunk().await {
        text.extend_from_slice(&piece);
        if text.len() >= ERROR_LIMIT_BYTES {
            break;
        }
    }
    text.truncate(ERROR_LIMIT_BYTES);
    String::from_utf8_lossy(&text).into_owned()
}

/// The headers that ask for server-side encryption.
pub(super) fn encryption_headers(encryption: &super::options::Encryption) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let name = HeaderName::from_static("x-amz-server-side-encryption");
    match encryption {
        super::options::Encryption::AsTheBucket => {}
        super::options::Encryption::StoreKey => {
            headers.insert(name, HeaderValue::from_static("AES256"));
        }
        super::options::Encryption::Kms { key } => {
            headers.insert(name, HeaderValue::from_static("aws:kms"));
            let key = HeaderValue::from_str(key).map_err(|_| Error::Invalid {
                field: Field::Setting("storage.kms_key"),
                reason: "must be the id or ARN of a key".into(),
            })?;
            headers.insert(HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"), key);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_unfinished_uploads_are_read() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Bucket>b</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
              <NextKeyMarker>p/2</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker>
              <MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated>
              <Upload><Key>p/1</Key><UploadId>u1</UploadId><Initiator><ID>x</ID></Initiator>
                <StorageClass>STANDARD</StorageClass><Initiated>2026-11-10T20:48:33.000Z</Initiated></Upload>
              <Upload><Key>p/2</Key><UploadId>u2</UploadId><Initiated>later</Initiated></Upload>
            </ListMultipartUploadsResult>"#;
        let page: UnfinishedUploads = quick_xml::de::from_reader(text.as_bytes()).unwrap();
        assert_eq!(page.uploads.len(), 2);
        assert_eq!(page.uploads[0].key, "p/1");
        assert_eq!(page.uploads[0].begun_at().unwrap().as_second(), 1_794_343_713);
        assert!(page.uploads[1].begun_at().is_none());
        assert_eq!(page.next().unwrap().upload, "u2");
        let empty: UnfinishedUploads =
            quick_xml::de::from_reader(&b"<ListMultipartUploadsResult/>"[..]).unwrap();
        assert!(empty.uploads.is_empty() && empty.next().is_none());
    }

    #[test]
    fn only_passing_troubles_are_tried_again() {
        for status in [500, 502, 503, 504, 429, 408, 409] {
            assert!(is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [400, 401, 403, 404, 412, 507] {
            assert!(!is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
