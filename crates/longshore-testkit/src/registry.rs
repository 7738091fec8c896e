//! A registry in a temporary folder, on real stores, with a clock that is moved by hand.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use longshore_app::{Adapters, App, Settings};
use longshore_content::damage::BLOB_STORE;
use longshore_content::manifests::{Condition, ManifestPush, PushedManifest};
use longshore_content::uploads::Chunk;
use longshore_domain::access::actor::Actor;
use longshore_domain::digest::{Algorithm, Digest};
use longshore_domain::name::RepositoryName;
use longshore_domain::page::PageSize;
use longshore_domain::ports::blobs::{BlobStore, ByteRange, ObjectToDelete, Staged, StorageKey};
use longshore_domain::ports::metadata::{BlobId, Metadata};
use longshore_domain::{Error, Result};
use longshore_platform::sealing::SealingKey;
use longshore_platform::settings::PasswordHashing;
use longshore_store_blob::{FsBlobs, FsOptions, ObjectBlobs};
use longshore_store_sql::{PostgresMetadata, SqliteMetadata, SqliteOptions};
use tempfile::TempDir;

use crate::entropy::{MockClock, SeededEntropy};
use crate::faults::{FaultyBlobs, Fuse};
use crate::folders;
use crate::proxy::Proxy;
use crate::stores::{SharedStores, postgres_options};
use crate::template::{Template, chosen_for};

/// Password of every user that a test creates.
pub const PASSWORD: &str = "correct horse battery";

/// A registry for one test.
pub struct TestRegistry {
    /// The operations.
    pub app: Arc<App>,
    /// Its clock.
    pub clock: Arc<MockClock>,
    /// Lets a call of the blob store fail.
    pub fuse: Arc<Fuse>,
    /// The blob store, without faults.
    store: Arc<dyn BlobStore>,
    metadata: Arc<dyn Metadata>,
    /// Goes on across restarts, as real chance does not repeat itself either.
    entropy: Arc<SeededEntropy>,
    folder: Arc<TempDir>,
    settings: Settings,
    stores: Option<SharedStores>,
}

/// A registry and what it stands on.
struct Opened {
    app: Arc<App>,
    metadata: Arc<dyn Metadata>,
    fuse: Arc<Fuse>,
    store: Arc<dyn BlobStore>,
}

async fn open(
    folder: &TempDir,
    clock: &Arc<MockClock>,
    entropy: &Arc<SeededEntropy>,
    settings: &Settings,
    stores: Option<&SharedStores>,
) -> Opened {
    let metadata: Arc<dyn Metadata> = match stores {
        None => {
            let options = SqliteOptions { path: folder.path().join("longshore.db") };
            Arc::new(SqliteMetadata::open(&options).unwrap())
        }
        Some(stores) => {
            let options = postgres_options(&stores.database(folder.path()));
            Arc::new(PostgresMetadata::open(&options).await.unwrap())
        }
    };
    let store: Arc<dyn BlobStore> = match stores {
        None => Arc::new(FsBlobs::open(&FsOptions { root: folder.path().join("blobs") }).unwrap()),
        Some(stores) => {
            let options = stores.object_options(folder.path());
            Arc::new(ObjectBlobs::open(&options, Arc::clone(entropy) as _).unwrap())
        }
    };
    let blobs = FaultyBlobs::new(Arc::clone(&store));
    let fuse = blobs.fuse();
    let adapters = Adapters {
        metadata: Arc::clone(&metadata),
        blobs: Arc::new(blobs),
        clock: Arc::clone(clock) as _,
        entropy: Arc::clone(entropy) as _,
        mailer: None,
        space: None,
    };
    Opened { app: Arc::new(App::new(adapters, settings.clone())), metadata, fuse, store }
}

/// Sets a registry up once, with the users and the organization of [`TestRegistry::new`].
async fn make_template(template: &Template, stores: Option<&SharedStores>) {
    let is_made = || stores.map_or_else(|| template.path().exists(), |stores| stores.has(template));
    let Some(making) = template.begin(is_made) else { return };
    let clock = Arc::new(MockClock::default());
    let entropy = Arc::new(SeededEntropy::new(1));
    if let Some(stores) = stores {
        stores.new_database(making.folder().path());
    }
    let Opened { app, metadata, .. } =
        open(making.folder(), &clock, &entropy, &test_settings(), stores).await;
    app.prepare(Some(PASSWORD)).await.unwrap();
    for name in ["alice", "bob"] {
        app.identity.create_user(&Actor::OPERATOR, &name.parse().unwrap(), PASSWORD, false).await.unwrap();
    }
    app.organizations
        .create_organization(&Actor::OPERATOR, &"acme".parse().unwrap(), &"alice".parse().unwrap())
        .await
        .unwrap();
    app.close().await;
    drop((app, metadata));
    match stores {
        None => {
            std::fs::remove_dir_all(making.folder().path().join("blobs")).unwrap();
            template.finish(making);
        }
        Some(stores) => stores.finish(template, making.folder().path()),
    }
}

/// Lets a test's folder, or the database that is named after it, be a copy of the template.
async fn copy_template(folder: &Path, stores: Option<&SharedStores>) {
    let template = Template::of(&std::env::current_exe().unwrap(), "registry");
    match stores {
        None => {
            if !template.path().exists() {
                make_template(&template, None).await;
            }
            template.copy_to(folder);
        }
        Some(stores) => {
            if stores.copy(&template, folder).is_none() {
                make_template(&template, Some(stores)).await;
                stores.copy(&template, folder).unwrap();
            }
        }
    }
}

fn test_settings() -> Settings {
    Settings {
        password_hashing: PasswordHashing { memory_kib: 64, passes: 1 },
        sealing_key: Some(SealingKey::parse(&"5e".repeat(32)).unwrap()),
        ..Settings::default()
    }
}

impl TestRegistry {
    /// Makes a registry with the users `alice` and `bob` and the organization `acme`, owned by `alice`.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Makes such a registry with changed settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(SharedStores::chosen(), change).await
    }

    /// Makes such a registry on PostgreSQL and S3, with proxies before both.
    pub async fn behind(database: &Proxy, s3: &Proxy, stores: &SharedStores) -> Self {
        let reached = SharedStores {
            postgres: stores.postgres.replace(&stores.postgres_host(), &database.host()),
            s3_endpoint: format!("http://{}", s3.host()),
            ..stores.clone()
        };
        Self::on(Some(reached), |_| {}).await
    }

    async fn on(stores: Option<SharedStores>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = test_settings();
        change(&mut settings);
        let folder = Arc::new(folders::temporary());
        copy_template(folder.path(), stores.as_ref()).await;
        let clock = Arc::new(MockClock::default());
        let entropy = Arc::new(SeededEntropy::new(2));
        let Opened { app, metadata, fuse, store } =
            open(&folder, &clock, &entropy, &settings, stores.as_ref()).await;
        if stores.is_none() {
            let id = chosen_for(folder.path());
            metadata.write(id, |tx, id| Box::pin(tx.put_setting(BLOB_STORE, id))).await.unwrap();
        }
        app.prepare(None).await.unwrap();
        Self { app, clock, fuse, store, metadata, entropy, folder, settings, stores }
    }

    /// Closes the registry and opens it again, like a restart.
    pub async fn restart(&mut self) {
        self.app.close().await;
        self.reopen().await;
    }

    /// Closes the registry and opens it again with changed settings.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.restart().await;
        self
    }

    /// Opens the registry again without closing it first, as after a crash of the process.
    /// What was promised is there; what waits in memory is lost.
    pub async fn reopen(&mut self) {
        let Opened { app, metadata, fuse, store } =
            open(&self.folder, &self.clock, &self.entropy, &self.settings, self.stores.as_ref()).await;
        app.prepare(None).await.unwrap();
        self.app = app;
        self.fuse = fuse;
        self.store = store;
        self.metadata = metadata;
    }

    /// Signs a user in by password.
    pub async fn sign_in(&self, name: &str) -> Arc<Actor> {
        self.app.identity.authenticate_basic(name, PASSWORD, None).await.unwrap()
    }

    /// Signs a user in by password, while something may fail.
    pub async fn sign_in_again(&self, name: &str) -> Result<Arc<Actor>> {
        self.app.identity.authenticate_basic(name, PASSWORD, None).await
    }

    /// Pushes a blob in one request.
    pub async fn push_blob(&self, actor: &Actor, repository: &str, content: &[u8]) -> Result<Digest> {
        let digest = Digest::of(Algorithm::Sha256, content);
        self.app.content.push_blob(actor, &name(repository), &digest, chunk(content)).await
    }

    /// Pushes a manifest under a tag or digest.
    pub async fn push_manifest(
        &self,
        actor: &Actor,
        repository: &str,
        reference: &str,
        content: &str,
    ) -> Result<PushedManifest> {
        let push = ManifestPush {
            reference: reference.parse()?,
            tags: Vec::new(),
            media_type: None,
            content: Bytes::copy_from_slice(content.as_bytes()),
            condition: Condition::None,
        };
        self.app.content.push_manifest(actor, &name(repository), push).await
    }

    /// Reads a whole blob.
    pub async fn read_blob(&self, actor: &Actor, repository: &str, digest: &Digest) -> Result<Vec<u8>> {
        let blob = self.app.content.get_blob(actor, &name(repository), digest).await?;
        let mut stream =
            self.app.content.read_blob(&blob, ByteRange { start: 0, end: blob.blob.size_bytes }).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// The metadata store, for what no operation does at once.
    pub fn metadata(&self) -> &Arc<dyn Metadata> {
        &self.metadata
    }

    /// Lists what lies in the blob store.
    pub async fn stored_objects(&self) -> Vec<StorageKey> {
        self.store.list().await.unwrap().map(|listed| listed.unwrap().key).collect().await
    }

    /// Adds up the sizes of what lies in the blob store.
    pub async fn stored_bytes(&self) -> u64 {
        let mut sum = 0;
        for key in self.stored_objects().await {
            sum += self.store.find_size(key).await.unwrap().unwrap_or_default();
        }
        sum
    }

    /// Puts something else in the place of an object, or, without content, nothing.
    pub async fn tamper(&self, key: StorageKey, content: Option<&'static [u8]>) {
        self.store.delete(&ObjectToDelete { key, state: Vec::new() }).await.unwrap();
        if let Some(content) = content {
            let staged = Staged { key, offset_bytes: 0, state: Vec::new() };
            let mut writer = self.store.open_writer(&staged).await.unwrap();
            writer.write(Bytes::from_static(content)).await.unwrap();
            writer.finish().await.unwrap();
        }
    }

    /// Lets the database say that the blobs lie in another store than the one that is there.
    pub async fn mistake_store(&self) {
        self.metadata
            .write((), |tx, ()| Box::pin(tx.put_setting(BLOB_STORE, "00000000-0000-0000-0000-000000000000")))
            .await
            .unwrap();
    }

    /// Lets a job be that of a node that has died, for a minute from now on.
    pub async fn die_with_job(&self, job: &'static str) {
        let now = self.app.platform.now();
        let until = now.checked_add(std::time::Duration::from_secs(60)).unwrap();
        let dead = longshore_domain::clock::new_uuid(&*self.clock, &*self.entropy);
        self.metadata
            .write((job, dead, now, until), |tx, (job, dead, now, until)| {
                Box::pin(tx.take_lease(job, *dead, *now, *until))
            })
            .await
            .unwrap();
    }

    /// Lets the only blob that has such a size lie in an object.
    pub async fn adopt(&self, key: StorageKey) {
        let blobs =
            self.metadata.read((), |tx, ()| Box::pin(tx.list_blobs(BlobId(0), PageSize::MAX))).await.unwrap();
        let (id, from) = (blobs[0].id, blobs[0].storage_key);
        self.metadata
            .write((id, from, key), |tx, (id, from, key)| Box::pin(tx.move_blob(*id, *from, "test", *key)))
            .await
            .unwrap();
    }

    /// The folder that the registry's data is named after, or lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another node on the same stores, if a second one can use them.
    pub async fn other_node(&self) -> Option<Arc<App>> {
        self.stores.as_ref()?;
        let Opened { app, .. } =
            open(&self.folder, &self.clock, &self.entropy, &self.settings, self.stores.as_ref()).await;
        app.prepare(None).await.unwrap();
        Some(app)
    }
}

/// Parses the name of a repository.
pub fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// Makes a chunk of bytes in memory.
pub fn chunk(content: &[u8]) -> Chunk {
    let pieces: Vec<Result<Bytes>> =
        content.chunks(50_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Chunk { start: None, length: None, body: Box::pin(stream::iter(pieces)) }
}

/// Makes a chunk whose connection breaks after some bytes.
pub fn broken_chunk(content: &[u8]) -> Chunk {
    let pieces = [Ok(Bytes::copy_from_slice(content)), Err(Error::BodyInterrupted)];
    Chunk { start: None, length: None, body: Box::pin(stream::iter(pieces)) }
}
