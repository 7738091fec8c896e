//! Objects in S3 and what speaks like it, in Google Cloud Storage, and in Azure Blob Storage.
//!
//! Objects are written where they stay ([`writer`]); reading is a redirect to a signed URL wherever the client can
//! follow one. The library (`object_store`) signs, retries and lists; what it does not do for S3 is in [`s3`]. On Google
//! Cloud Storage and Azure a part is held in memory while it is sent, and multipart uploads that a crash left
//! behind are not found: see `docs/operate/storage.md`.

mod breaker;
mod client;
mod credentials;
mod lists;
mod options;
mod part;
mod s3;
mod state;
mod stores;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use longshore_domain::clock::Entropy;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Listed, Listing, ObjectToDelete, Staged, StorageKey,
};
use longshore_domain::{Error, Result};
use object_store::path::Path;
use object_store::signer::Method;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::breaker::{ANSWER, Breaker};
use self::client::{Client, store_error};
use self::lists::Pages;
pub use self::options::{Credentials, Encryption, ObjectOptions, Patience, SMALLEST_PART_BYTES};
use self::options::{invalid, parse_url};
use self::part::Spool;
use self::s3::Marker;
use self::state::State;
use self::stores::Stores;
use self::writer::ObjectWriter;
use crate::layout;

/// Parts and small objects that are on their way to the store at once; more wait.
const SENDING_AT_ONCE: usize = 16;
/// How long a store may take to say whose it is, with all that is sent again: a start ends then.
const IDENTITY: Duration = Duration::from_secs(15);
/// Most objects in one request to delete. S3 API, DeleteObjects.
const DELETED_AT_ONCE: usize = 1000;

/// The blob port on an object store.
pub struct ObjectBlobs {
    client: Arc<Client>,
}

impl ObjectBlobs {
    /// Checks that a URL names a store.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check_url(url: &str) -> Result<()> {
        parse_url(url).map(|_| ())
    }

    /// Prepares the use of a store. Nothing is sent yet: see [`BlobStore::check`].
    ///
    /// # Errors
    /// `Invalid` for options that make no sense; `Unavailable` or `StorageFull` when the spool cannot be made.
    pub fn open(options: &ObjectOptions, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let (scheme, bucket, prefix) = parse_url(&options.url)?;
        if options.part_bytes < SMALLEST_PART_BYTES {
            return Err(invalid("storage.part_bytes", "must be 5 MiB (5242880) or more"));
        }
        let stores = Stores::open(options, scheme, bucket)?;
        let Stores { name, objects, lists, multipart, signer, direct } = stores;
        let client = Client {
            name,
            objects,
            lists,
            multipart,
            signer,
            direct,
            bucket: bucket.to_owned(),
            endpoint: options.endpoint.clone(),
            prefix,
            spool: Spool::open(options.spool.clone(), options.memory_bytes)?,
            sending: Semaphore::new(SENDING_AT_ONCE),
            breaker: Breaker::default(),
            part_bytes: options.part_bytes,
            equal_parts: options.equal_parts,
            entropy,
        };
        Ok(Self { client: Arc::new(client) })
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    fn name(&self) -> &'static str {
        self.client.name
    }

    async fn open_writer(&self, staged: &Staged) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(ObjectWriter::open(Arc::clone(&self.client), staged)?))
    }

    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.client.read(key, range).await
    }

    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        self.client.find_size(key).await
    }

    async fn delete(&self, object: &ObjectToDelete) -> Result<()> {
        let client = &self.client;
        let state = State::parse(&object.state)?;
        let deleted = async {
            if let Some(upload) = &state.upload {
                client.abort(&client.path(object.key), upload).await?;
            }
            for tail in &state.tails {
                client.delete(&client.path(tail.key())).await?;
            }
            client.delete(&client.path(object.key)).await
        };
        client.breaker.run(deleted).await
    }

    async fn delete_all(&self, objects: &[ObjectToDelete]) -> Vec<Result<()>> {
        let mut outcomes: Vec<Result<()>> = objects.iter().map(|_| Ok(())).collect();
        let (finished, unfinished): (Vec<usize>, Vec<usize>) =
            (0..objects.len()).partition(|number| objects[*number].state.is_empty());
        for batch in finished.chunks(DELETED_AT_ONCE) {
            let keys: Vec<StorageKey> = batch.iter().map(|number| objects[*number].key).collect();
            for (number, outcome) in batch.iter().zip(self.client.delete_finished(&keys).await) {
                outcomes[*number] = outcome;
            }
        }
        let mut deleted = stream::iter(unfinished)
            .map(|number| async move { (number, self.delete(&objects[number]).await) })
            .buffer_unordered(SENDING_AT_ONCE);
        while let Some((number, outcome)) = deleted.next().await {
            outcomes[number] = outcome;
        }
        drop(deleted);
        outcomes
    }

    async fn list(&self) -> Result<Listing> {
        // With a slash: what somebody else keeps beside it is not ours.
        let prefix = format!("{}/", layout::objects_path(&self.client.prefix));
        let listed = lists::list(Arc::clone(&self.client), prefix);
        Ok(Box::pin(listed.try_filter_map(|meta| async move {
            let key = meta.location.filename().and_then(layout::key_of);
            let modified_at = Timestamp::from_microsecond(meta.last_modified.timestamp_micros())
                .map_err(Error::internal)?;
            Ok(key.map(|key| Listed { key, size_bytes: meta.size, modified_at }))
        })))
    }

    async fn sign_url(&self, key: StorageKey, valid: Duration) -> Result<Option<String>> {
        let signed = self.client.signer.signed_url(Method::GET, &self.client.path(key), valid).await;
        signed.map(|url| Some(url.into())).map_err(store_error)
    }

    async fn abort_orphans(&self, before: Timestamp) -> Result<u64> {
        let Some(direct) = &self.client.direct else { return Ok(0) };
        // With a slash: what somebody else keeps beside it is not ours.
        let prefix = format!("{}/", layout::objects_path(&self.client.prefix));
        let mut aborted = 0;
        let mut after = Marker::default();
        let mut pages = Pages::default();
        loop {
            let page = direct.list_uploads(&prefix, &after).await?;
            let is_orphan =
                |upload: &&s3::UnfinishedUpload| upload.begun_at().is_some_and(|begun_at| begun_at < before);
            for upload in page.uploads.iter().filter(is_orphan) {
                let Ok(path) = Path::parse(&upload.key) else { continue };
                if path.filename().and_then(layout::key_of).is_none() {
                    continue;
                }
                self.client.abort(&path, &upload.upload_id).await?;
                aborted += 1;
            }
            let next = page.next();
            let names = page.uploads.iter().map(|upload| upload.place().to_string());
            pages.check(names, next.as_ref().map(Marker::to_string).as_deref())?;
            let Some(next) = next else { return Ok(aborted) };
            after = next;
        }
    }

    async fn find_identity(&self) -> Result<Option<Uuid>> {
        let client = &self.client;
        client.within(IDENTITY, client.find_identity()).await
    }

    async fn ensure_identity(&self, fresh: Uuid) -> Result<Uuid> {
        let client = &self.client;
        let ensured = async {
            // First: stores that make a bucket of what is put into it exist, and a name that was mistyped is none of ours.
            if let Some(found) = client.find_identity().await? {
                return Ok(found);
            }
            let path = layout::identity_path(&client.prefix);
            let id = fresh.to_string().into();
            match client.objects.put_opts(&path, id, PutOptions::from(PutMode::Create)).await {
                Ok(_) => Ok(fresh),
                Err(object_store::Error::AlreadyExists { .. }) => {
                    let found = client.find_identity().await?;
                    found.ok_or_else(|| Error::internal("the store's id was removed just now"))
                }
                Err(error) => Err(client.explain(error)),
            }
        };
        client.within(IDENTITY, ensured).await
    }

    async fn check(&self) -> Result<()> {
        let client = &self.client;
        let path = layout::probe_path(&client.prefix);
        let probed = async {
            let put = client.objects.put(&path, PutPayload::from_static(b"longshore")).await;
            put.map(drop).map_err(|error| client.explain(error))
        };
        // Whatever happened before: this is how a store that answers again is noticed.
        client.breaker.watch(ANSWER, probed).await
    }
}
