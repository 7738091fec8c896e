//! Builds adapters, then services. Dialects are put on top in `serve`.

use std::sync::Arc;

use anyhow::{Context, Result};
use longshore_domain::Error;
use longshore_domain::ports::blobs::BlobStore;
use longshore_domain::ports::mailer::Mailer;
use longshore_domain::ports::metadata::Metadata;
use longshore_services::sealing::SealingKey;
use longshore_services::{Adapters, Services};
use longshore_store_blob::{FsBlobs, FsOptions, ObjectBlobs};
use longshore_store_sql::{PostgresMetadata, SqliteMetadata, SqliteOptions};

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::system::{SystemClock, SystemEntropy};

/// Opens the stores and builds the operations on them.
pub async fn services(config: &Config, folder: &DataFolder) -> Result<Arc<Services>> {
    let adapters = Adapters {
        metadata: metadata(config, folder).await?,
        blobs: blobs(config, folder)?,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        mailer: config.mail.mailer()?.map(|mailer| Arc::new(mailer) as Arc<dyn Mailer>),
    };
    let mut settings = config.settings()?;
    // Nodes that share a database share the key, so there the operator gives it.
    if settings.sealing_key.is_none() && config.database.postgres()?.is_none() {
        let key = SealingKey::parse(&folder.sealing_key()?);
        settings.sealing_key = Some(key.context("sealing.key in the data folder is damaged")?);
    }
    Ok(Arc::new(Services::new(adapters, settings)))
}

async fn metadata(config: &Config, folder: &DataFolder) -> Result<Arc<dyn Metadata>> {
    if let Some(options) = config.database.postgres()? {
        let metadata = PostgresMetadata::open(&options).await.map_err(with_cause);
        return Ok(Arc::new(metadata.with_context(|| {
            format!("cannot open the database {} (database.url)", config.database.shown())
        })?));
    }
    let metadata = SqliteMetadata::open(&SqliteOptions { path: folder.database() })
        .map_err(with_cause)
        .with_context(|| format!("cannot open the database {}", folder.database().display()))?;
    Ok(Arc::new(metadata))
}

fn blobs(config: &Config, folder: &DataFolder) -> Result<Arc<dyn BlobStore>> {
    if let Some(options) = config.storage.objects(folder.spool())? {
        let blobs = ObjectBlobs::open(&options, Arc::new(SystemEntropy)).map_err(with_cause);
        return Ok(Arc::new(blobs.with_context(|| format!("cannot use the storage {}", options.url))?));
    }
    let blobs = FsBlobs::open(&FsOptions { root: folder.blobs() })
        .map_err(with_cause)
        .with_context(|| format!("cannot open the blob folder {}", folder.blobs().display()))?;
    Ok(Arc::new(blobs))
}

/// Tells the operator the cause, which clients are not told.
pub fn with_cause(error: Error) -> anyhow::Error {
    match error {
        Error::Internal(source) => anyhow::anyhow!("{source}"),
        Error::StorageFull(source) => anyhow::anyhow!("no space is left: {source}"),
        Error::Unavailable(source) | Error::MailUnavailable(source) => anyhow::anyhow!("{source}"),
        other => other.into(),
    }
}
