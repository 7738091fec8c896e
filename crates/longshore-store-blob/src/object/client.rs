//! One object store, with its errors in the domain's words and a circuit breaker before it.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use longshore_domain::clock::Entropy;
use longshore_domain::conflict::{Conflict, UploadConflict};
use longshore_domain::error::chain;
use longshore_domain::ports::blobs::{ByteRange, ByteStream, StorageKey};
use longshore_domain::{Error, Result};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::list::PaginatedListStore;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::breaker::{ANSWER, Breaker};
use super::part::{Part, Spool};
use super::s3::{Direct, SLOWEST_BYTES_PER_SECOND, Stored};
use crate::layout;

/// How long the completion of a multipart upload may take before it counts as a failure.
const COMPLETION: Duration = Duration::from_secs(30);

/// The client of one store.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) lists: Arc<dyn PaginatedListStore>,
    pub(super) multipart: Arc<dyn MultipartStore>,
    /// Signs URLs that are handed to clients.
    pub(super) signer: Arc<dyn Signer>,
    /// Only S3 has it.
    pub(super) direct: Option<Direct>,
    pub(super) bucket: String,
    pub(super) endpoint: Option<String>,
    pub(super) prefix: String,
    pub(super) spool: Spool,
    pub(super) sending: Semaphore,
    pub(super) breaker: Breaker,
    pub(super) part_bytes: u64,
    pub(super) equal_parts: bool,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Client {
    pub(super) fn path(&self, key: StorageKey) -> Path {
        layout::object_path(&self.prefix, key)
    }

    pub(super) fn new_key(&self) -> StorageKey {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        StorageKey(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// Ends a call that takes too long, and says so to whoever configured the store.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let ended = tokio::time::timeout(limit, call).await;
        ended.unwrap_or_else(|_| {
            Err(Error::Unavailable(
                format!(
                    "{} has not answered within {} seconds: check storage.endpoint, and that nothing on the way to it drops packets",
                    self.shown(),
                    limit.as_secs()
                )
                .into(),
            ))
        })
    }

    /// The store in a sentence.
    fn shown(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("the object store {endpoint}"),
            None => format!("the object store of the bucket {:?}", self.bucket),
        }
    }

    /// Turns the library's error into what whoever configured the store can do, where that is known.
    pub(super) fn explain(&self, error: object_store::Error) -> Error {
        let text = chain(&error);
        let (store, bucket) = (self.shown(), &self.bucket);
        if is_missing_bucket(&text) {
            return Error::Unavailable(Box::new(Refused(format!(
                "{store} has no bucket {bucket:?}: make it there, or correct storage.url, storage.endpoint or storage.region; Longshore makes no buckets"
            ))));
        }
        if is_refusal_of_credentials(&error) {
            // Without the rest of the answer, which names keys.
            let code = code_of(&text).unwrap_or("403");
            return Error::Unavailable(Box::new(Refused(format!(
                "{store} refuses these credentials for the bucket {bucket:?} ({code}): check storage.access_key_id and storage.secret_access_key, or where else they come from, and what they are allowed to do"
            ))));
        }
        match http_error(&error) {
            Some(cause) if cause.kind() == HttpErrorKind::Connect => Error::Unavailable(
                format!(
                    "cannot connect to {store} ({}): check storage.endpoint, that the server runs, and that it can be reached from here",
                    root(cause)
                )
                .into(),
            ),
            _ => store_error(error),
        }
    }

    /// Reads the id that lies in the store, if there is one.
    pub(super) async fn find_identity(&self) -> Result<Option<Uuid>> {
        let path = layout::identity_path(&self.prefix);
        let found = match self.objects.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { source, .. }) if !is_missing_bucket(&source.to_string()) => {
                return Ok(None);
            }
            Err(error) => return Err(self.explain(error)),
        };
        let text = found.bytes().await.map_err(|error| self.explain(error))?;
        let id = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        id.map(Some).ok_or_else(|| {
            Error::internal(format!(
                "the object {path} holds no id: check that storage.endpoint is an object store, and storage.url the place of a registry"
            ))
        })
    }

    /// Begins a multipart upload.
    pub(super) async fn begin(&self, key: StorageKey) -> Result<String> {
        let path = self.path(key);
        let begun = async { self.multipart.create_multipart(&path).await.map_err(store_error) };
        self.breaker.run(begun).await
    }

    pub(super) async fn put_part(
        &self,
        key: StorageKey,
        upload: &str,
        number: usize,
        content: &Part,
    ) -> Result<Stored> {
        let path = self.path(key);
        let _turn = self.sending.acquire().await.map_err(Error::internal)?;
        let put = async {
            if let Some(direct) = &self.direct {
                return direct.put_part(&path, upload, number, content).await;
            }
            let payload: PutPayload = content.load().await?.into_iter().collect();
            match self.multipart.put_part(&path, &upload.to_owned(), number - 1, payload).await {
                Ok(part) => Ok(Stored::Done(part.content_id)),
                Err(object_store::Error::NotFound { .. }) => Ok(Stored::Gone),
                Err(error) => Err(store_error(error)),
            }
        };
        self.breaker.run_within(answer_within(content.length()), put).await
    }

    /// Completes a multipart upload; false when it was completed before, and the object is there.
    pub(super) async fn complete(&self, key: StorageKey, upload: &str, parts: &[String]) -> Result<bool> {
        let path = self.path(key);
        let ids = parts.iter().map(|name| PartId { content_id: name.clone() }).collect();
        let completed = async {
            match self.multipart.complete_multipart(&path, &upload.to_owned(), ids).await {
                Ok(_) => Ok(None),
                Err(error) => {
                    let text = error.to_string();
                    // Another request has sent a part of the same number since.
                    if text.contains("InvalidPart") {
                        return Err(Conflict::from(UploadConflict::Ended).into());
                    }
                    match error {
                        object_store::Error::NotFound { .. } => Ok(Some(error)),
                        _ if text.contains("NoSuchUpload") => Ok(Some(error)),
                        _ => Err(store_error(error)),
                    }
                }
            }
        };
        // Stores put the parts together before they answer, which takes some a minute.
        match self.breaker.run_within(COMPLETION, completed).await? {
            None => Ok(true),
            Some(_) if self.find_size(key).await?.is_some() => Ok(false),
            Some(_) => Err(Error::UploadUnknown),
        }
    }

    /// Stores an object; false when only a new one is wanted and there is one of that key.
    pub(super) async fn put_object(&self, key: StorageKey, content: &Part, only_new: bool) -> Result<bool> {
        let path = self.path(key);
        let _turn = self.sending.acquire().await.map_err(Error::internal)?;
        let put = async {
            if let Some(direct) = &self.direct {
                return match direct.put_object(&path, content, only_new).await? {
                    Stored::Done(_) => Ok(true),
                    Stored::Exists => Ok(false),
                    Stored::Gone => Err(Error::internal("the store took an object for a part")),
                };
            }
            let payload: PutPayload = content.load().await?.into_iter().collect();
            let mode = if only_new { PutMode::Create } else { PutMode::Overwrite };
            match self.objects.put_opts(&path, payload, PutOptions::from(mode)).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(store_error(error)),
            }
        };
        self.breaker.run_within(answer_within(content.length()), put).await
    }

    pub(super) async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
        if range.start >= range.end {
            return Ok(Box::pin(stream::empty()));
        }
        let wanted =
            GetOptions { range: Some(GetRange::Bounded(range.start..range.end)), ..GetOptions::default() };
        let got = async { self.objects.get_opts(&self.path(key), wanted).await.map_err(store_error) };
        let got = self.breaker.run(got).await?;
        if got.range != (range.start..range.end) {
            return Err(Error::internal(format!("the object {key} is shorter than it should be")));
        }
        Ok(whole(got.into_stream().map_err(store_error).boxed(), key, range.end - range.start))
    }

    /// Returns whether the store refuses what does not have the digest that we name.
    pub(super) fn has_checksums(&self) -> bool {
        self.direct.as_ref().is_some_and(|direct| direct.checksums)
    }

    pub(super) async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        let found = async {
            match self.objects.head(&self.path(key)).await {
                Ok(meta) => Ok(Some(meta.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(store_error(error)),
            }
        };
        self.breaker.run(found).await
    }

    pub(super) async fn delete(&self, path: &Path) -> Result<()> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    pub(super) async fn abort(&self, path: &Path, upload: &str) -> Result<()> {
        match self.multipart.abort_multipart(path, &upload.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) if error.to_string().contains("NoSuchUpload") => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    /// Deletes finished objects, and says in their order what became of each.
    pub(super) async fn delete_finished(&self, keys: &[StorageKey]) -> Vec<Result<()>> {
        let paths: Vec<object_store::Result<Path>> = keys.iter().map(|key| Ok(self.path(*key))).collect();
        let outcomes: Vec<_> = self.objects.delete_stream(stream::iter(paths).boxed()).collect().await;
        if outcomes.len() == keys.len() {
            let outcome = |outcome| match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(store_error(error)),
            };
            return outcomes.into_iter().map(outcome).collect();
        }
        // The whole request failed.
        let error = outcomes.into_iter().find_map(std::result::Result::err).map(|error| error.to_string());
        let error = error.unwrap_or_else(|| "the store did not say what became of them".into());
        keys.iter().map(|_| Err(Error::Unavailable(error.clone().into()))).collect()
    }
}

/// How long the answer to a request with a body of this length may take before it counts as a failure.
fn answer_within(length: u64) -> Duration {
    ANSWER + Duration::from_secs(length / SLOWEST_BYTES_PER_SECOND)
}

/// Ends a stream with an error when it has other bytes than were asked for, whatever the store said of their number.
fn whole(bytes: ByteStream, key: StorageKey, expected: u64) -> ByteStream {
    Box::pin(stream::try_unfold((bytes, expected), move |(mut bytes, left)| async move {
        match bytes.try_next().await? {
            None if left == 0 => Ok(None),
            None => Err(wrong_length(key, expected)),
            Some(piece) => match left.checked_sub(piece.len() as u64) {
                Some(left) => Ok(Some((piece, (bytes, left)))),
                None => Err(wrong_length(key, expected)),
            },
        }
    }))
}

fn wrong_length(key: StorageKey, expected: u64) -> Error {
    Error::Unavailable(
        format!("the store answered with more or fewer than the {expected} bytes of the object {key} that it was asked for")
            .into(),
    )
}

/// Turns the library's error into the domain's.
pub(super) fn store_error(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { path, .. } => {
            Error::internal(format!("the store has no object {path}"))
        }
        object_store::Error::InvalidPath { .. }
        | object_store::Error::NotSupported { .. }
        | object_store::Error::NotImplemented { .. } => Error::internal(error),
        error if is_full(&error.to_string()) => Error::StorageFull(Box::new(error)),
        error if is_refusal(&error) => Error::Unavailable(Box::new(Refused(error.to_string()))),
        error => Error::Unavailable(Box::new(error)),
    }
}

/// The store answers, but not as it should: wrong credentials, a policy that lacks an action, a missing bucket.
/// Clients may come again, and the store need not be left alone.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

fn is_refusal(error: &object_store::Error) -> bool {
    let text = error.to_string();
    let is_passing = ["status code: 408", "status code: 429"].iter().any(|code| text.contains(code));
    matches!(
        error,
        object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::Precondition { .. }
    ) || (text.contains("status code: 4") && !is_passing)
}

fn is_refusal_of_credentials(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    )
}

/// The code in a store's error document.
fn code_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// What went wrong on the way to the store, if that is the cause.
fn http_error(error: &object_store::Error) -> Option<&HttpError> {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// The innermost cause.
fn root(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Returns whether a store's error says that the bucket (or Azure's container) is not there.
fn is_missing_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]
        .iter()
        .any(|code| text.contains(code))
}

/// Returns whether a store's error says that it has no room. There is no standard code for that.
pub(super) fn is_full(text: &str) -> bool {
    ["StorageFull", "QuotaExceeded", "InsufficientCapacity", "507 Insufficient"]
        .iter()
        .any(|code| text.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_bucket_is_told_from_a_missing_object() {
        let answers = [
            ("<Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>", true),
            ("<Code>ContainerNotFound</Code>", true),
            ("<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>", false),
            ("status code: 404 Not Found, body: None", false),
        ];
        for (text, expected) in answers {
            assert_eq!(is_missing_bucket(text), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_stream_of_another_length_ends_with_an_error() {
        let key = StorageKey(Uuid::nil());
        for (pieces, is_whole) in [(&["ab", "c"][..], true), (&["ab"], false), (&["ab", "cd"], false)] {
            let pieces: Vec<Result<bytes::Bytes>> =
                pieces.iter().map(|piece| Ok(bytes::Bytes::from_static(piece.as_bytes()))).collect();
            let read: Vec<_> = whole(Box::pin(stream::iter(pieces)), key, 3).collect().await;
            assert_eq!(read.iter().all(Result::is_ok), is_whole);
        }
    }
}
