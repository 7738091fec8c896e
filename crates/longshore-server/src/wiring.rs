//! Builds adapters, then app. Dialects are put on top in `serve`.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use longshore_app::{Adapters, App};
use longshore_domain::Error;
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::mailer::Mailer;
use longshore_domain::ports::metadata::Metadata;
use longshore_domain::ports::space::Space;
use longshore_platform::sealing::SealingKey;
use longshore_store_blob::{BoundedBlobs, FsBlobs, FsOptions, ObjectBlobs};
use longshore_store_sql::{PostgresMetadata, SqliteMetadata, SqliteOptions};

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::descriptors;
use crate::system::{SystemClock, SystemEntropy};
use crate::traces::{self, TracedBlobs, TracedMetadata};

/// What may be done to stores that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Make them when they are not there, bring the schema to the newest: `serve`.
    Serve,
    /// Work on what is there, as it is: all other commands.
    Existing,
}

/// Opens the stores and builds the operations on them.
pub async fn app(
    config: &Config,
    folder: &DataFolder,
    space: Arc<dyn Space>,
    opening: Opening,
) -> Result<Arc<App>> {
    let (mut metadata, mut blobs) =
        (metadata(config, folder, opening).await?, blobs(config, folder, opening)?);
    if traces::are_on() {
        metadata = Arc::new(TracedMetadata(metadata));
        blobs = Arc::new(TracedBlobs(blobs));
    }
    let adapters = Adapters {
        metadata,
        blobs,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        mailer: config.mail.mailer()?.map(|mailer| Arc::new(mailer) as Arc<dyn Mailer>),
        space: Some(space),
    };
    let mut settings = config.settings()?;
    // Nodes that share a database share the key, so there the operator gives it.
    if settings.sealing_key.is_none() && config.database.postgres()?.is_none() {
        let key = SealingKey::parse(&folder.sealing_key()?);
        settings.sealing_key = Some(key.context("sealing.key in the data folder is damaged")?);
    }
    let app = App::new(adapters, settings);
    // Before anything is written with a time.
    app.platform
        .compare_clocks()
        .await
        .map_err(with_cause)
        .context("cannot ask the database for the time")?;
    Ok(Arc::new(app))
}

async fn metadata(config: &Config, folder: &DataFolder, opening: Opening) -> Result<Arc<dyn Metadata>> {
    if let Some(options) = config.database.postgres()? {
        let metadata = match opening {
            Opening::Serve => PostgresMetadata::open(&options).await,
            Opening::Existing => PostgresMetadata::open_existing(&options).await,
        };
        return Ok(Arc::new(metadata.map_err(with_cause).with_context(|| cannot_open(config, folder))?));
    }
    let options = SqliteOptions { path: folder.database() };
    let metadata = match opening {
        Opening::Serve => SqliteMetadata::open(&options),
        Opening::Existing => SqliteMetadata::open_existing(&options),
    };
    Ok(Arc::new(metadata.map_err(with_cause).with_context(|| cannot_open(config, folder))?))
}

fn cannot_open(config: &Config, folder: &DataFolder) -> String {
    match config.database.is_embedded() {
        true => format!("cannot open the database {}", folder.database().display()),
        false => format!("cannot open the database {} (database.url)", config.database.shown()),
    }
}

/// Returns the number of the schema that the database has; `None` when there is no registry in it.
pub async fn find_schema(config: &Config, folder: &DataFolder) -> Result<Option<i64>> {
    let found = match config.database.postgres()? {
        Some(options) => PostgresMetadata::find_schema(&options).await,
        None => SqliteMetadata::find_schema(&SqliteOptions { path: folder.database() }),
    };
    found.map_err(with_cause).with_context(|| cannot_open(config, folder))
}

/// Brings the schema of the database to the newest, and makes it when there is none. Returns its number before and now.
pub async fn migrate(config: &Config, folder: &DataFolder) -> Result<(Option<i64>, Option<i64>)> {
    let before = find_schema(config, folder).await?;
    metadata(config, folder, Opening::Serve).await?.close().await;
    Ok((before, find_schema(config, folder).await?))
}

fn blobs(config: &Config, folder: &DataFolder, opening: Opening) -> Result<Arc<dyn BlobStore>> {
    let open = usize::try_from(descriptors::shared_out(config.max_connections).blobs).unwrap_or(usize::MAX);
    if let Some(options) = config.storage.objects(folder.spool())? {
        let blobs = ObjectBlobs::open(&options, Arc::new(SystemEntropy)).map_err(with_cause);
        let blobs = blobs.with_context(|| format!("cannot use the storage {}", options.url))?;
        return Ok(Arc::new(BoundedBlobs::new(blobs, open)));
    }
    if opening == Opening::Existing && !folder.blobs().exists() {
        bail!(
            "there is no blob folder {}; mount what is missing, or name the storage with --storage",
            folder.blobs().display()
        );
    }
    let blobs = FsBlobs::open(&FsOptions { root: folder.blobs() })
        .map_err(with_cause)
        .with_context(|| format!("cannot open the blob folder {}", folder.blobs().display()))?;
    Ok(Arc::new(BoundedBlobs::new(blobs, open)))
}

/// Tells the operator the cause, which clients are not told.
pub fn with_cause(error: Error) -> anyhow::Error {
    match error {
        Error::Internal(source) => anyhow::anyhow!("{source}"),
        Error::StorageFull(source) => anyhow::anyhow!("no space is left: {source}"),
        Error::Unavailable(source) | Error::Overloaded(source) => anyhow::anyhow!("{source}"),
        other => other.into(),
    }
}
