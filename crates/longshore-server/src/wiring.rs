//! Builds adapters, then services. Dialects are put on top in `serve`.

use std::sync::Arc;

use anyhow::{Context, Result};
use longshore_domain::Error;
use longshore_services::{Adapters, Services};
use longshore_store_blob::{FsBlobs, FsOptions};
use longshore_store_sql::{SqliteMetadata, SqliteOptions};

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::system::{SystemClock, SystemEntropy};

/// Opens the stores of a data folder and builds the operations on them.
pub fn services(config: &Config, folder: &DataFolder) -> Result<Arc<Services>> {
    let metadata = SqliteMetadata::open(&SqliteOptions { path: folder.database() })
        .map_err(with_cause)
        .with_context(|| format!("cannot open the database {}", folder.database().display()))?;
    let blobs = FsBlobs::open(&FsOptions { root: folder.blobs() })
        .map_err(with_cause)
        .with_context(|| format!("cannot open the blob folder {}", folder.blobs().display()))?;
    let adapters = Adapters {
        metadata: Arc::new(metadata),
        blobs: Arc::new(blobs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Ok(Arc::new(Services::new(adapters, config.settings()?)))
}

/// Tells the operator the cause, which clients are not told.
pub fn with_cause(error: Error) -> anyhow::Error {
    match error {
        Error::Internal(source) => anyhow::anyhow!("{source}"),
        Error::StorageFull(source) => anyhow::anyhow!("no space is left: {source}"),
        Error::Unavailable(source) => anyhow::anyhow!("{source}"),
        other => other.into(),
    }
}
