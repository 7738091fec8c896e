//! One object store, with its errors in the domain's words and a circuit breaker before it.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use longshore_domain::clock::Entropy;
use longshore_domain::ports::blobs::{ByteRange, ByteStream, StorageKey};
use longshore_domain::{Error, Result};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::part::{Part, Spool};
use super::s3::{Direct, Stored};
use crate::layout;

/// The client of one store.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) multipart: Arc<dyn MultipartStore>,
    /// Signs URLs that are handed to clients.
    pub(super) signer: Arc<dyn Signer>,
    /// Only S3 has it.
    pub(super) direct: Option<Direct>,
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
        self.breaker.run(put).await
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
                        return Err(Error::Conflict(
                            "another request has worked on this upload; begin a new one".into(),
                        ));
                    }
                    match error {
                        object_store::Error::NotFound { .. } => Ok(Some(error)),
                        _ if text.contains("NoSuchUpload") => Ok(Some(error)),
                        _ => Err(store_error(error)),
                    }
                }
            }
        };
        match self.breaker.run(completed).await? {
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
        self.breaker.run(put).await
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
        Ok(Box::pin(got.into_stream().map_err(store_error)))
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

/// Tells whether a store's error says that it has no room. There is no standard code for that.
pub(super) fn is_full(text: &str) -> bool {
    ["StorageFull", "QuotaExceeded", "InsufficientCapacity", "507 Insufficient"]
        .iter()
        .any(|code| text.contains(code))
}
