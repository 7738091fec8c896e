//! Objects in S3 and what speaks like it, in Google Cloud Storage, and in Azure Blob Storage.
//!
//! Objects are written where they stay ([`writer`]); reading is a redirect to a signed URL wherever the client can
//! follow one. The library (`object_store`) signs, retries and lists; what it does not do for S3 is in [`s3`]. On Google
//! Cloud Storage and Azure a part is held in memory while it is sent, and multipart uploads that a crash left
//! behind are not found: see `docs/operate/storage.md`.

mod breaker;
mod credentials;
mod part;
mod s3;
mod state;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use longshore_domain::clock::Entropy;
use longshore_domain::ports::blobs::{
    BlobStore, BlobWriter, ByteRange, ByteStream, Listed, Listing, Staged, StorageKey, Unneeded,
};
use longshore_domain::{Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{
    BackoffConfig, Certificate, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, PutPayload, RetryConfig, StaticCredentialProvider,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::breaker::Breaker;
use self::credentials::CredentialFile;
use self::part::{Part, Spool};
use self::s3::{Direct, Marker, Stored};
use self::state::State;
use self::writer::ObjectWriter;
use crate::layout;

/// Parts and small objects that are on their way to the store at once; more wait.
const SENDING_AT_ONCE: usize = 16;
/// Most objects in one request to delete. S3 API, DeleteObjects.
const DELETED_AT_ONCE: usize = 1000;
/// Smallest part of a multipart upload. S3 API, "Multipart upload limits".
pub const SMALLEST_PART_BYTES: u64 = 5 << 20;

/// Who this registry is for the store.
#[derive(Clone, Default)]
pub enum Credentials {
    /// From the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), or the role of the machine, container or pod.
    #[default]
    Environment,
    /// A file in the form of the AWS tools; what changes there is picked up within a minute.
    File(PathBuf),
    /// Given outright.
    Keys {
        /// Access key id.
        id: String,
        /// Secret access key.
        secret: String,
    },
}

/// Who encrypts objects at rest.
#[derive(Clone, Debug, Default)]
pub enum Encryption {
    /// As the bucket is configured.
    #[default]
    AsTheBucket,
    /// The store, with its own key (SSE-S3).
    StoreKey,
    /// The store, with a key of its key service (SSE-KMS).
    Kms {
        /// Id or ARN of the key.
        key: String,
    },
}

/// How long to wait, and how often to try.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a small request, and between pieces of a body.
    pub request: Duration,
    /// A request that fails for a passing reason is sent again until then.
    pub retry: Duration,
    /// Most times that it is sent again.
    pub retries: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(20),
            retry: Duration::from_secs(30),
            retries: 6,
        }
    }
}

impl Patience {
    /// How long to wait before the next attempt, if there is to be one. Longer each time.
    fn pause(&self, attempt: usize, elapsed: Duration) -> Option<Duration> {
        let pause = Duration::from_millis(100 << attempt.min(5));
        (attempt < self.retries && elapsed + pause < self.retry).then_some(pause)
    }

    fn retry_config(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(3),
                base: 2.0,
            },
            max_retries: self.retries,
            retry_timeout: self.retry,
        }
    }
}

/// How an object store is used.
#[derive(Clone)]
pub struct ObjectOptions {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; the prefix may be left out.
    pub url: String,
    /// URL of an S3 server other than Amazon's.
    pub endpoint: Option<String>,
    /// URL under which clients reach that server, when it is another.
    pub public_endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of URLs (`endpoint/bucket/…`) or in the host name.
    pub path_style: bool,
    /// Who this registry is for the store.
    pub credentials: Credentials,
    /// Who encrypts objects.
    pub encryption: Encryption,
    /// PEM file with the authorities that may vouch for the server, beside the system's.
    pub authorities: Option<PathBuf>,
    /// Size of a part; it doubles after every thousand parts of an object.
    pub part_bytes: u64,
    /// Whether all parts have that size, for stores that want it so. Limits objects to 10,000 parts of it.
    pub equal_parts: bool,
    /// Whether the store is told each body's digest, to refuse it when something was changed on the way.
    pub checksums: bool,
    /// Whether the store deletes many objects in one request.
    pub bulk_delete: bool,
    /// Memory for parts on their way, over all uploads; what does not fit lies in `spool`.
    pub memory_bytes: usize,
    /// Folder for parts on their way.
    pub spool: PathBuf,
    /// How long to wait.
    pub patience: Patience,
}

impl std::fmt::Debug for ObjectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectOptions").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The blob port on an object store.
pub struct ObjectBlobs {
    client: Arc<Client>,
}

/// The client of one store.
struct Client {
    name: &'static str,
    objects: Arc<dyn ObjectStore>,
    multipart: Arc<dyn MultipartStore>,
    /// Signs URLs that are handed to clients.
    signer: Arc<dyn Signer>,
    /// Only S3 has it.
    direct: Option<Direct>,
    prefix: String,
    spool: Spool,
    sending: Semaphore,
    breaker: Breaker,
    part_bytes: u64,
    equal_parts: bool,
    entropy: Arc<dyn Entropy>,
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
        let stores = match scheme {
            "s3" => Stores::s3(options, bucket)?,
            "gs" => Stores::of(
                "gcs",
                GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(bucket)
                    .with_client_options(client_options(options)?)
                    .with_retry(options.patience.retry_config())
                    .build()
                    .map_err(unusable)?,
            ),
            _ => Stores::of(
                "azure",
                MicrosoftAzureBuilder::from_env()
                    .with_container_name(bucket)
                    .with_client_options(client_options(options)?)
                    .with_retry(options.patience.retry_config())
                    .build()
                    .map_err(unusable)?,
            ),
        };
        let Stores { name, objects, multipart, signer, direct } = stores;
        let client = Client {
            name,
            objects,
            multipart,
            signer,
            direct,
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

/// One store, as the library's traits.
struct Stores {
    name: &'static str,
    objects: Arc<dyn ObjectStore>,
    multipart: Arc<dyn MultipartStore>,
    signer: Arc<dyn Signer>,
    direct: Option<Direct>,
}

impl Stores {
    fn of<S: ObjectStore + MultipartStore + Signer>(name: &'static str, store: S) -> Self {
        let store = Arc::new(store);
        Self {
            name,
            objects: Arc::clone(&store) as _,
            multipart: Arc::clone(&store) as _,
            signer: store,
            direct: None,
        }
    }

    fn s3(options: &ObjectOptions, bucket: &str) -> Result<Self> {
        let store = Arc::new(s3_client(options, bucket, options.endpoint.as_deref())?);
        let signer = match &options.public_endpoint {
            None => Arc::clone(&store),
            Some(endpoint) => Arc::new(s3_client(options, bucket, Some(endpoint))?),
        };
        let region = options.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
        let region = region.or_else(|| std::env::var("AWS_DEFAULT_REGION").ok());
        let region = region.unwrap_or_else(|| DEFAULT_REGION.into());
        let mut http = reqwest::Client::builder()
            .connect_timeout(options.patience.connect)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &options.authorities {
            for certificate in reqwest::Certificate::from_pem_bundle(&read_authorities(path)?)
                .map_err(|_| unusable_authorities(path))?
            {
                http = http.add_root_certificate(certificate);
            }
        }
        let direct = Direct {
            http: http.build().map_err(Error::internal)?,
            bucket: bucket_url(options, bucket, &region),
            region,
            credentials: Arc::clone(store.credentials()),
            encryption: s3::encryption_headers(&options.encryption)?,
            checksums: options.checksums,
            patience: options.patience,
        };
        Ok(Self {
            name: "s3",
            objects: Arc::clone(&store) as _,
            multipart: store,
            signer,
            direct: Some(direct),
        })
    }
}

/// The region of S3 servers that have none.
const DEFAULT_REGION: &str = "us-east-1";

fn s3_client(options: &ObjectOptions, bucket: &str, endpoint: Option<&str>) -> Result<AmazonS3> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!options.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_bulk_delete(!options.bulk_delete)
        .with_unsigned_payload(!options.checksums)
        .with_client_options(client_options(options)?)
        .with_retry(options.patience.retry_config());
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        // By both names, as the second one could come from the environment and beats the first.
        let endpoint = virtual_endpoint(endpoint, bucket, options.path_style);
        builder =
            builder.with_endpoint(endpoint.clone()).with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    builder = match &options.credentials {
        Credentials::Environment => builder,
        Credentials::File(path) => builder.with_credentials(Arc::new(CredentialFile::new(path.clone()))),
        Credentials::Keys { id, secret } => {
            // Without the session token that the environment may have for other keys.
            let credential = AwsCredential { key_id: id.clone(), secret_key: secret.clone(), token: None };
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
        }
    };
    builder = match &options.encryption {
        Encryption::AsTheBucket => builder,
        Encryption::StoreKey => builder.with_config(encryption_key("aws_server_side_encryption")?, "AES256"),
        Encryption::Kms { key } => builder.with_sse_kms_encryption(key),
    };
    builder.build().map_err(unusable)
}

fn encryption_key(name: &str) -> Result<AmazonS3ConfigKey> {
    name.parse().map_err(|error: object_store::Error| Error::internal(error))
}

/// The library takes an endpoint as it is; for buckets in host names that must name the bucket.
fn virtual_endpoint(endpoint: &str, bucket: &str, path_style: bool) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
        _ => endpoint.to_owned(),
    }
}

fn bucket_url(options: &ObjectOptions, bucket: &str, region: &str) -> String {
    match (&options.endpoint, options.path_style) {
        (Some(endpoint), true) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        (Some(endpoint), false) => virtual_endpoint(endpoint, bucket, false),
        (None, true) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
        (None, false) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    }
}

fn client_options(options: &ObjectOptions) -> Result<ClientOptions> {
    let mut client = ClientOptions::new()
        .with_connect_timeout(options.patience.connect)
        .with_read_timeout(options.patience.request)
        // A whole blob may take longer than any limit; pieces of it may not.
        .with_timeout_disabled()
        .with_allow_http(options.endpoint.as_deref().is_some_and(|url| url.starts_with("http://")));
    if let Some(path) = &options.authorities {
        let certificates = Certificate::from_pem_bundle(&read_authorities(path)?);
        for certificate in certificates.map_err(|_| unusable_authorities(path))? {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

fn read_authorities(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| invalid("storage.ca_file", &format!("{} cannot be read: {error}", path.display())))
}

fn unusable_authorities(path: &std::path::Path) -> Error {
    invalid("storage.ca_file", &format!("{} holds no certificates in PEM form", path.display()))
}

fn invalid(field: &'static str, reason: &str) -> Error {
    Error::Invalid { field, reason: reason.to_owned() }
}

fn unusable(error: object_store::Error) -> Error {
    invalid("storage.url", &error.to_string())
}

/// Splits a URL into scheme, bucket and prefix.
fn parse_url(url: &str) -> Result<(&str, &str, String)> {
    let wanted = || {
        invalid(
            "storage.url",
            "must look like s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, with letters, digits and . _ - in its parts",
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wanted)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_plain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !part.is_empty() && part.bytes().all(allowed) && part.bytes().any(|b| b != b'.')
    };
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_good = matches!(scheme, "s3" | "gs" | "az")
        && is_plain(bucket)
        && (prefix.is_empty() || prefix.split('/').all(is_plain));
    if !is_good {
        return Err(wanted());
    }
    Ok((scheme, bucket, prefix.to_owned()))
}

/// Turns the library's error into the domain's.
fn store_error(error: object_store::Error) -> Error {
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
struct Refused(String);

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
fn is_full(text: &str) -> bool {
    ["StorageFull", "QuotaExceeded", "InsufficientCapacity", "507 Insufficient"]
        .iter()
        .any(|code| text.contains(code))
}

impl Client {
    fn path(&self, key: StorageKey) -> Path {
        layout::object_path(&self.prefix, key)
    }

    fn new_key(&self) -> StorageKey {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        StorageKey(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// Begins a multipart upload.
    async fn begin(&self, key: StorageKey) -> Result<String> {
        let path = self.path(key);
        let begun = async { self.multipart.create_multipart(&path).await.map_err(store_error) };
        self.breaker.run(begun).await
    }

    async fn put_part(&self, key: StorageKey, upload: &str, number: usize, content: &Part) -> Result<Stored> {
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
    async fn complete(&self, key: StorageKey, upload: &str, parts: &[String]) -> Result<bool> {
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
    async fn put_object(&self, key: StorageKey, content: &Part, only_new: bool) -> Result<bool> {
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

    async fn read(&self, key: StorageKey, range: ByteRange) -> Result<ByteStream> {
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

    async fn find_size(&self, key: StorageKey) -> Result<Option<u64>> {
        let found = async {
            match self.objects.head(&self.path(key)).await {
                Ok(meta) => Ok(Some(meta.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(store_error(error)),
            }
        };
        self.breaker.run(found).await
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn abort(&self, path: &Path, upload: &str) -> Result<()> {
        match self.multipart.abort_multipart(path, &upload.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) if error.to_string().contains("NoSuchUpload") => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    /// Deletes finished objects, and says in their order what became of each.
    async fn delete_finished(&self, keys: &[StorageKey]) -> Vec<Result<()>> {
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

    async fn delete(&self, object: &Unneeded) -> Result<()> {
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

    async fn delete_all(&self, objects: &[Unneeded]) -> Vec<Result<()>> {
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
        let listed = self.client.objects.list(Some(&layout::objects_path(&self.client.prefix)));
        Ok(Box::pin(listed.map_err(store_error).try_filter_map(|meta| async move {
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

    async fn abort_strays(&self, before: Timestamp) -> Result<u64> {
        let Some(direct) = &self.client.direct else { return Ok(0) };
        // With a slash: what somebody else keeps beside it is not ours.
        let prefix = format!("{}/", layout::objects_path(&self.client.prefix));
        let mut aborted = 0;
        let mut after = Marker::default();
        loop {
            let page = direct.list_uploads(&prefix, &after).await?;
            let is_stray =
                |upload: &&s3::UnfinishedUpload| upload.begun_at().is_some_and(|begun_at| begun_at < before);
            for upload in page.uploads.iter().filter(is_stray) {
                let Ok(path) = Path::parse(&upload.key) else { continue };
                if path.filename().and_then(layout::key_of).is_none() {
                    continue;
                }
                self.client.abort(&path, &upload.upload_id).await?;
                aborted += 1;
            }
            match page.next() {
                Some(next) => after = next,
                None => return Ok(aborted),
            }
        }
    }

    async fn identify(&self, fresh: Uuid) -> Result<Uuid> {
        let client = &self.client;
        let path = layout::identity_path(&client.prefix);
        let put = client.objects.put_opts(&path, fresh.to_string().into(), PutOptions::from(PutMode::Create));
        match put.await {
            Ok(_) => Ok(fresh),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let text = client.objects.get(&path).await.map_err(store_error)?;
                let text = text.bytes().await.map_err(store_error)?;
                let id = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
                id.ok_or_else(|| Error::internal(format!("the object {path} should hold an id")))
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn check(&self) -> Result<()> {
        let client = &self.client;
        let path = layout::probe_path(&client.prefix);
        let probed = async {
            let put = client.objects.put(&path, PutPayload::from_static(b"longshore"));
            put.await.map(|_| ()).map_err(store_error)
        };
        // Whatever happened before: this is how a store that answers again is noticed.
        client.breaker.watch(probed).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_odd_ones_refused() {
        assert_eq!(parse_url("s3://b").unwrap(), ("s3", "b", String::new()));
        assert_eq!(parse_url("gs://b/p/q/").unwrap(), ("gs", "b", "p/q".to_owned()));
        for odd in ["b", "s3://", "http://b", "s3://b/../c", "s3://b/ü", "s3://b//c", "s3://b/a?b", "s3:///p"]
        {
            assert!(matches!(parse_url(odd), Err(Error::Invalid { .. })), "{odd}");
        }
    }

    #[test]
    fn buckets_stand_in_the_path_or_in_the_host() {
        let endpoint = "http://localhost:9000/";
        assert_eq!(virtual_endpoint(endpoint, "b", true), "http://localhost:9000");
        assert_eq!(virtual_endpoint(endpoint, "b", false), "http://b.localhost:9000");
    }
}
